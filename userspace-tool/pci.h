/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PCI bus: configuration space by mechanism #1, memory BARs, MSI-X.
 *
 * Everything here is under vm->io_lock, but for pci_msix_notify(), which any thread
 * may call.
 */
#ifndef STRATA_PCI_H
#define STRATA_PCI_H

#include "macros.h"

#include <linux/pci_regs.h>
#include <linux/types.h>
#include <stdbool.h>

#define PCI_SLOTS		32
#define PCI_BARS		2
#define PCI_CONFIG_SIZE		256

/* Ports of mechanism #1. */
#define PCI_ADDRESS_PORT	0xcf8
#define PCI_DATA_PORT		0xcfc

/* Where BARs lie: behind RAM's hole up to the IOAPIC. */
#define PCI_WINDOW_START	0xc0000000U
#define PCI_WINDOW_END		0xfec00000U

/* INTA# of slot n is wired to this pin of the IOAPIC. */
#define PCI_INTX_GSI		16
#define PCI_INTX_LINES		4

#define MSIX_VECTORS		64

struct vm;
struct pci_dev;

struct pci_bar {
	__u32 size;			/* a power of two, 0: none */
	void (*read)(struct pci_dev *dev, __u32 offset, void *data, unsigned int len);
	void (*write)(struct pci_dev *dev, __u32 offset, const void *data, unsigned int len);
	/* it appeared at @gpa, or disappeared from there */
	void (*mapped)(struct pci_dev *dev, __u64 gpa, bool mapped);
	__u64 at;			/* where it is mapped now, 0: nowhere */
};

struct msix_vector {
	__u32 addr_lo, addr_hi, data, control;
	int fd;				/* an eventfd; written when the vector is due */
	__u32 gsi;			/* its route */
	bool attached;			/* the kernel listens to fd */
	bool routed;			/* and knows this address and data */
};

struct pci_dev {
	struct vm *vm;
	unsigned int slot;
	__u8 config[PCI_CONFIG_SIZE];
	__u8 writable[PCI_CONFIG_SIZE];	/* bits that the guest may change */
	__u8 next_cap, last_cap;	/* where capabilities go; the last one there is */
	struct pci_bar bars[PCI_BARS];
	unsigned int nr_vectors;
	__u8 msix_cap;
	struct msix_vector vectors[MSIX_VECTORS];
	/* parts of a capability that are more than memory; NULL: none */
	void (*config_read)(struct pci_dev *dev, unsigned int reg, unsigned int len);
	void (*config_written)(struct pci_dev *dev, unsigned int reg, unsigned int len);
};

/* What a device is made from. */
struct pci_ids {
	__u16 vendor, device, subsystem;
	__u32 class;			/* base, sub and programming interface */
	__u8 revision;
};

struct pci_bus {
	__u32 address;			/* the register at 0xcf8 */
	__u32 next_bar;			/* where the next one is put */
	struct pci_dev *slots[PCI_SLOTS];
	struct pci_dev bridge;		/* by which a guest knows that there is a bus */
};

void pci_init(struct vm *vm);
int pci_add(struct vm *vm, struct pci_dev *dev, const struct pci_ids *ids);
void pci_add_bar(struct pci_dev *dev, unsigned int n, __u32 size);
__u8 pci_add_cap(struct pci_dev *dev, __u8 id, const void *body, __u8 len);
void pci_set_irq(struct pci_dev *dev, bool level);

__u32 pci_port_read(struct vm *vm, __u16 port, unsigned int size);
void pci_port_write(struct vm *vm, __u16 port, unsigned int size, __u32 value);
bool pci_mmio(struct vm *vm, __u64 gpa, void *data, unsigned int len, bool write);

/* msix.c */
int pci_add_msix(struct pci_dev *dev, unsigned int vectors, unsigned int bar);
void pci_msix_changed(struct pci_dev *dev);
bool pci_msix_enabled(const struct pci_dev *dev);
void pci_msix_notify(struct pci_dev *dev, unsigned int vector);
int pci_msix_fd(const struct pci_dev *dev, unsigned int vector);
void pci_msix_release(struct pci_dev *dev);

#endif
