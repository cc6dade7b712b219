/* SPDX-License-Identifier: GPL-2.0 */
/* ACPI tables of the launcher's machine.  Pure: the unit tests build and check them. */
#ifndef STRATA_ACPI_H
#define STRATA_ACPI_H

#include "macros.h"

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct acpi_config {
	unsigned int cpus;		/* APIC ids 0 to cpus - 1, at most 254 */
	__u32 lapic;			/* guest physical addresses */
	__u32 ioapic;
	__u8 timer_gsi;			/* where ISA interrupt 0 arrives */
	__u8 sci_gsi;
	__u16 pm_port;			/* four bytes of PM1 events, then two of control */
	__u16 reset_port;
	__u8 reset_value;
	__u16 serial_port;
	__u8 serial_irq;
	bool pci;			/* there is a PCI bus, with this window for memory: */
	__u32 pci_start, pci_end;
	__u8 intx_gsi;			/* INTA# of slot n is this plus n modulo 4 */
};

/* The sleep type of S5, which DSDT and PM1 control agree on. */
#define ACPI_S5_TYPE		5

/* PM1 control register. */
#define ACPI_PM1_SCI_ENABLE	BIT(0)
#define ACPI_PM1_SLEEP_TYPE	10	/* shift of three bits */
#define ACPI_PM1_SLEEP_ENABLE	BIT(13)

/* What begins the tables, and points to the rest. */
#define ACPI_RSDP_LEN		36

size_t acpi_build(__u8 *buf, size_t size, __u64 gpa, const struct acpi_config *config);

#endif
