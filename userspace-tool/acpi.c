// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI tables: RSDP, XSDT, FADT, FACS, MADT and DSDT.
 *
 * The machine is not hardware-reduced: a PIT and PICs exist, and Linux wants the
 * interrupt override of the timer.  It has no PM timer, which would cost exits
 * while the guest calibrates, and no SMI command: ACPI mode is always on.  The
 * FADT says that there is no i8042 and no VGA, which saves the guest its probes.
 *
 * Multi-byte fields are little-endian, as is every host this can run on.
 */

#include "acpi.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define OEM_ID			"STRATA"
#define OEM_TABLE_ID		"STRATAVM"
#define CREATOR_ID		"STRA"

#define FADT_WBINVD		BIT(0)
#define FADT_PROC_C1		BIT(2)
#define FADT_SLEEP_BUTTON	BIT(5)	/* no fixed sleep button */
#define FADT_RESET_REGISTER	BIT(10)
#define FADT_HEADLESS		BIT(12)

#define BOOT_LEGACY_DEVICES	BIT(0)
#define BOOT_NO_VGA		BIT(2)

#define GAS_IO			1
#define GAS_BYTE		1
#define GAS_WORD		2
#define GAS_DWORD		3

#define MADT_PCAT		1
#define MADT_LAPIC		0
#define MADT_IOAPIC		1
#define MADT_OVERRIDE		2
#define MADT_LAPIC_NMI		4
#define MADT_CPU_ENABLED	1
#define MADT_LEVEL_HIGH		0xd
#define MADT_ALL_CPUS		0xff

struct header {
	char signature[4];
	__u32 length;
	__u8 revision;
	__u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	__u32 oem_revision;
	char creator_id[4];
	__u32 creator_revision;
} __packed;

struct gas {
	__u8 space;
	__u8 width;
	__u8 offset;
	__u8 access;
	__u64 address;
} __packed;

struct rsdp {
	char signature[8];
	__u8 checksum;			/* of the first 20 bytes */
	char oem_id[6];
	__u8 revision;
	__u32 rsdt;
	__u32 length;
	__u64 xsdt;
	__u8 extended_checksum;
	__u8 reserved[3];
} __packed;

struct facs {
	char signature[4];
	__u32 length;
	__u32 hardware_signature;
	__u32 waking_vector;
	__u32 global_lock;
	__u32 flags;
	__u64 x_waking_vector;
	__u8 version;
	__u8 reserved[31];
} __packed;

struct fadt {
	struct header h;
	__u32 facs;
	__u32 dsdt;
	__u8 reserved0;
	__u8 profile;
	__u16 sci;
	__u32 smi_command;
	__u8 acpi_enable, acpi_disable, s4bios, pstate_control;
	__u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	__u32 pm2_control, pm_timer, gpe0, gpe1;
	__u8 pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	__u8 gpe0_len, gpe1_len, gpe1_base, cst_control;
	__u16 c2_latency, c3_latency, flush_size, flush_stride;
	__u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	__u16 boot_flags;
	__u8 reserved1;
	__u32 flags;
	struct gas reset;
	__u8 reset_value;
	__u16 arm_flags;
	__u8 minor;
	__u64 x_facs, x_dsdt;
	struct gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct gas x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct gas sleep_control, sleep_status;
	__u64 hypervisor;
} __packed;

static_assert(sizeof(struct header) == 36, "table header");
static_assert(sizeof(struct rsdp) == ACPI_RSDP_LEN, "RSDP");
static_assert(sizeof(struct facs) == 64, "FACS");
static_assert(sizeof(struct fadt) == 276, "FADT of ACPI 6");

/* A buffer that is filled front to back and remembers when it overflowed. */
struct out {
	__u8 *buf;
	size_t size;
	size_t used;
	__u64 gpa;
	bool full;
};

static void put(struct out *o, const void *data, size_t len)
{
	if (o->full || len > o->size - o->used) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->used, data, len);
	o->used += len;
}

static void put8(struct out *o, __u8 v)
{
	put(o, &v, 1);
}

static void put16(struct out *o, __u16 v)
{
	put(o, &v, 2);
}

static void put32(struct out *o, __u32 v)
{
	put(o, &v, 4);
}

static void align_to(struct out *o, size_t align)
{
	while (!o->full && o->used % align)
		put8(o, 0);
}

static __u8 checksum(const void *data, size_t len)
{
	const __u8 *p = data;
	__u8 sum = 0;

	while (len--)
		sum += *p++;
	return -sum;
}

static void init_header(struct header *h, const char *signature, __u8 revision)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->signature, signature, 4);
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, 6);
	memcpy(h->oem_table_id, OEM_TABLE_ID, 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, CREATOR_ID, 4);
	h->creator_revision = 1;
}

/* Start a table; finish_table() writes its length and checksum. */
static size_t start_table(struct out *o, const char *signature, __u8 revision)
{
	struct header h;
	size_t start;

	align_to(o, 16);
	start = o->used;
	init_header(&h, signature, revision);
	put(o, &h, sizeof(h));
	return start;
}

static __u64 finish_table(struct out *o, size_t start)
{
	struct header h;

	if (o->full)
		return 0;
	memcpy(&h, o->buf + start, sizeof(h));
	h.length = o->used - start;
	memcpy(o->buf + start, &h, sizeof(h));
	h.checksum = checksum(o->buf + start, h.length);
	memcpy(o->buf + start, &h, sizeof(h));
	return o->gpa + start;
}

/* AML: packages and devices are built inside out, in a small buffer. */
#define AML_NAME	0x08
#define AML_BYTE	0x0a
#define AML_SCOPE	0x10
#define AML_BUFFER	0x11
#define AML_PACKAGE	0x12
#define AML_DWORD	0x0c
#define AML_EXT		0x5b
#define AML_DEVICE	0x82

#define RES_IO		0x47
#define RES_IRQ		0x22
#define RES_END		0x79
#define RES_DECODE16	1

/* Address spaces of the PCI bus. */
#define RES_WORD	0x88
#define RES_DWORD	0x87
#define RES_MEMORY	0
#define RES_PORTS	1
#define RES_BUS		2
#define RES_FIXED	0x0c		/* both ends; positively decoded */
#define RES_WHOLE	3		/* ISA's ports and all others */
#define RES_WRITABLE	1

#define PCI_PORTS	0xcf8
#define PCI_NR_PORTS	8
#define PCI_NR_SLOTS	32

struct aml {
	__u8 data[1024];
	struct out o;
};

static void aml_init(struct aml *a)
{
	memset(a, 0, sizeof(*a));
	a->o.buf = a->data;
	a->o.size = sizeof(a->data);
}

/* A package length counts its own one or two bytes. */
static void put_package_length(struct out *o, size_t body)
{
	if (body + 1 < 0x40) {
		put8(o, body + 1);
	} else {
		size_t all = body + 2;

		put8(o, 0x40 | (all & 0xf));
		put8(o, all >> 4);
	}
}

static void put_aml(struct out *o, const struct aml *a)
{
	put(o, a->data, a->o.used);
	o->full |= a->o.full;
}

static void put_block(struct out *o, const struct aml *body)
{
	put_package_length(o, body->o.used);
	put_aml(o, body);
}

static void put_name(struct out *o, const char *name)
{
	put8(o, AML_NAME);
	put(o, name, strlen(name));
}

/* A compressed PNP id: five bits a letter, four a digit, stored big-endian. */
static __u32 eisa_id(const char *id)
{
	__u32 v = 0, swapped = 0;
	int i;

	for (i = 0; i < 3; i++)
		v = v << 5 | ((id[i] - '@') & 0x1f);
	for (; i < 7; i++)
		v = v << 4 | (id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
	for (i = 0; i < 4; i++)
		swapped |= (v >> (8 * i) & 0xff) << (24 - 8 * i);
	return swapped;
}

/* A device of the system bus, with @names beside what each has. */
static void put_device(struct out *o, const char *name, const char *hid, const struct aml *names,
		       const struct aml *resources)
{
	struct aml buffer, device, scope;

	aml_init(&buffer);
	put8(&buffer.o, AML_BYTE);
	put8(&buffer.o, resources->o.used);
	put_aml(&buffer.o, resources);

	aml_init(&device);
	put(&device.o, name, 4);
	put_name(&device.o, "_HID");
	put8(&device.o, AML_DWORD);
	put32(&device.o, eisa_id(hid));
	put_aml(&device.o, names);
	put_name(&device.o, "_CRS");
	put8(&device.o, AML_BUFFER);
	put_block(&device.o, &buffer);

	aml_init(&scope);
	put(&scope.o, "\\_SB_", 5);
	put8(&scope.o, AML_EXT);
	put8(&scope.o, AML_DEVICE);
	put_block(&scope.o, &device);

	put8(o, AML_SCOPE);
	put_block(o, &scope);
}

static void put_serial_device(struct out *o, const struct acpi_config *c)
{
	struct aml resources, names;

	aml_init(&resources);
	put8(&resources.o, RES_IO);
	put8(&resources.o, RES_DECODE16);
	put16(&resources.o, c->serial_port);
	put16(&resources.o, c->serial_port);
	put8(&resources.o, 1);
	put8(&resources.o, 8);
	put8(&resources.o, RES_IRQ);
	put16(&resources.o, 1 << c->serial_irq);
	put8(&resources.o, RES_END);
	put8(&resources.o, 0);

	aml_init(&names);
	put_name(&names.o, "_UID");
	put8(&names.o, AML_BYTE);
	put8(&names.o, 1);
	put_device(o, "COM1", "PNP0501", &names, &resources);
}

/* An address space descriptor (ACPI 6.4, 6.4.3.5), not to be moved. */
static void put_range(struct out *o, __u8 type, __u8 flags, __u32 first, __u32 last, bool wide)
{
	__u32 v[5] = { 0, first, last, 0, last - first + 1 };
	unsigned int i;

	put8(o, wide ? RES_DWORD : RES_WORD);
	put16(o, 3 + (wide ? 4 : 2) * 5);
	put8(o, type);
	put8(o, RES_FIXED);
	put8(o, flags);
	for (i = 0; i < 5; i++)
		put(o, &v[i], wide ? 4 : 2);
}

static void put_pci_resources(struct out *o, const struct acpi_config *c)
{
	put_range(o, RES_BUS, 0, 0, 0, false);
	put8(o, RES_IO);
	put8(o, RES_DECODE16);
	put16(o, PCI_PORTS);
	put16(o, PCI_PORTS);
	put8(o, 1);
	put8(o, PCI_NR_PORTS);
	put_range(o, RES_PORTS, RES_WHOLE, 0, PCI_PORTS - 1, false);
	put_range(o, RES_PORTS, RES_WHOLE, PCI_PORTS + PCI_NR_PORTS, 0xffff, false);
	put_range(o, RES_MEMORY, RES_WRITABLE, c->pci_start, c->pci_end - 1, true);
	put8(o, RES_END);
	put8(o, 0);
}

/* Which GSI each slot's INTA# is: a package of packages. */
static void put_pci_wiring(struct out *o, const struct acpi_config *c)
{
	struct aml list, entry;
	unsigned int slot;

	aml_init(&list);
	put8(&list.o, PCI_NR_SLOTS);
	for (slot = 0; slot < PCI_NR_SLOTS; slot++) {
		aml_init(&entry);
		put8(&entry.o, 4);
		put8(&entry.o, AML_DWORD);
		put32(&entry.o, slot << 16 | 0xffff);
		put8(&entry.o, AML_BYTE);
		put8(&entry.o, 0);		/* INTA# */
		put8(&entry.o, AML_BYTE);
		put8(&entry.o, 0);		/* by its number */
		put8(&entry.o, AML_BYTE);
		put8(&entry.o, c->intx_gsi + slot % 4);
		put8(&list.o, AML_PACKAGE);
		put_block(&list.o, &entry);
	}
	put_name(o, "_PRT");
	put8(o, AML_PACKAGE);
	put_block(o, &list);
}

static void put_pci_bus(struct out *o, const struct acpi_config *c)
{
	struct aml resources, names;

	aml_init(&resources);
	put_pci_resources(&resources.o, c);
	aml_init(&names);
	put_pci_wiring(&names.o, c);
	put_device(o, "PCI0", "PNP0A03", &names, &resources);
}

static __u64 put_dsdt(struct out *o, const struct acpi_config *c)
{
	size_t start = start_table(o, "DSDT", 2);
	struct aml sleep;
	int i;

	aml_init(&sleep);
	put8(&sleep.o, 4);
	for (i = 0; i < 4; i++) {
		put8(&sleep.o, AML_BYTE);
		put8(&sleep.o, i < 2 ? ACPI_S5_TYPE : 0);
	}
	put_name(o, "\\_S5_");
	put8(o, AML_PACKAGE);
	put_block(o, &sleep);
	put_serial_device(o, c);
	if (c->pci)
		put_pci_bus(o, c);
	return finish_table(o, start);
}

static __u64 put_facs(struct out *o)
{
	struct facs f;
	size_t start;

	memset(&f, 0, sizeof(f));
	memcpy(f.signature, "FACS", 4);
	f.length = sizeof(f);
	f.version = 2;
	align_to(o, 64);
	start = o->used;
	put(o, &f, sizeof(f));
	return o->gpa + start;
}

static struct gas io_register(__u16 port, __u8 bits, __u8 access)
{
	struct gas g = { .space = GAS_IO, .width = bits, .access = access, .address = port };

	return g;
}

static __u64 put_fadt(struct out *o, const struct acpi_config *c, __u64 facs, __u64 dsdt)
{
	struct fadt f;
	size_t start;

	memset(&f, 0, sizeof(f));
	f.facs = facs;
	f.dsdt = dsdt;
	f.sci = c->sci_gsi;
	f.pm1a_event = c->pm_port;
	f.pm1a_control = c->pm_port + 4;
	f.pm1_event_len = 4;
	f.pm1_control_len = 2;
	f.c2_latency = 0xffff;		/* no C2 and no C3 */
	f.c3_latency = 0xffff;
	f.boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA;
	f.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLEEP_BUTTON |
		  FADT_RESET_REGISTER | FADT_HEADLESS;
	f.reset = io_register(c->reset_port, 8, GAS_BYTE);
	f.reset_value = c->reset_value;
	f.x_dsdt = dsdt;
	f.x_pm1a_event = io_register(c->pm_port, 32, GAS_WORD);
	f.x_pm1a_control = io_register(c->pm_port + 4, 16, GAS_WORD);

	start = start_table(o, "FACP", 6);
	put(o, (__u8 *)&f + sizeof(f.h), sizeof(f) - sizeof(f.h));
	return finish_table(o, start);
}

static void put_override(struct out *o, __u8 irq, __u32 gsi, __u16 flags)
{
	put8(o, MADT_OVERRIDE);
	put8(o, 10);
	put8(o, 0);			/* ISA */
	put8(o, irq);
	put32(o, gsi);
	put16(o, flags);
}

static __u64 put_madt(struct out *o, const struct acpi_config *c)
{
	size_t start = start_table(o, "APIC", 4);
	unsigned int i;

	put32(o, c->lapic);
	put32(o, MADT_PCAT);
	for (i = 0; i < c->cpus; i++) {
		put8(o, MADT_LAPIC);
		put8(o, 8);
		put8(o, i);		/* processor UID */
		put8(o, i);		/* APIC id */
		put32(o, MADT_CPU_ENABLED);
	}
	put8(o, MADT_IOAPIC);
	put8(o, 12);
	put8(o, 0);			/* the IOAPIC's own id, as at reset */
	put8(o, 0);
	put32(o, c->ioapic);
	put32(o, 0);			/* its first GSI */
	put_override(o, 0, c->timer_gsi, 0);
	put_override(o, c->sci_gsi, c->sci_gsi, MADT_LEVEL_HIGH);
	put8(o, MADT_LAPIC_NMI);
	put8(o, 6);
	put8(o, MADT_ALL_CPUS);
	put16(o, 0);
	put8(o, 1);			/* LINT1 */
	return finish_table(o, start);
}

/**
 * acpi_build() - write all tables, the RSDP first
 * @buf: room for them
 * @size: its length
 * @gpa: guest physical address of @buf, a multiple of 64 below 4 GiB
 * @config: the machine
 *
 * Return: bytes used, 0 when @size is too small.
 */
size_t acpi_build(__u8 *buf, size_t size, __u64 gpa, const struct acpi_config *config)
{
	struct out o = { .buf = buf, .size = size, .gpa = gpa };
	struct rsdp rsdp;
	__u64 tables[2], facs, dsdt;
	size_t start;

	memset(&rsdp, 0, sizeof(rsdp));
	put(&o, &rsdp, sizeof(rsdp));
	facs = put_facs(&o);
	dsdt = put_dsdt(&o, config);
	tables[0] = put_fadt(&o, config, facs, dsdt);
	tables[1] = put_madt(&o, config);
	start = start_table(&o, "XSDT", 1);
	put(&o, tables, sizeof(tables));

	memcpy(rsdp.signature, "RSD PTR ", 8);
	memcpy(rsdp.oem_id, OEM_ID, 6);
	rsdp.revision = 2;
	rsdp.length = sizeof(rsdp);
	rsdp.xsdt = finish_table(&o, start);
	if (o.full)
		return 0;
	rsdp.checksum = checksum(&rsdp, 20);
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(buf, &rsdp, sizeof(rsdp));
	return o.used;
}
