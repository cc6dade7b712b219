// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI bus: one bus without bridges, whose devices have one function each.
 *
 * BARs have their addresses before the guest starts, as firmware would have given
 * them; the guest may move them.
 */

#include "launcher.h"
#include "pci.h"

#include <string.h>

#define ENABLE			(1U << 31)
#define NO_DEVICE		0xffffffffU
#define COMMAND_BITS		(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
				 PCI_COMMAND_INTX_DISABLE)

static __u32 get(const __u8 *p, unsigned int len)
{
	__u32 v = 0;

	memcpy(&v, p, len);
	return v;
}

static void put(struct pci_dev *dev, unsigned int reg, unsigned int len, __u32 v)
{
	memcpy(dev->config + reg, &v, len);
}

/* A BAR is there while the command register says so. */
static void update_bars(struct pci_dev *dev)
{
	bool on = get(dev->config + PCI_COMMAND, 2) & PCI_COMMAND_MEMORY;
	unsigned int i;

	for (i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &dev->bars[i];
		__u64 at = get(dev->config + PCI_BASE_ADDRESS_0 + 4 * i, 4) &
			   PCI_BASE_ADDRESS_MEM_MASK;

		if (!bar->size)
			continue;
		/* While its size is asked for, it is at the top of the world. */
		if (!on || at < PCI_WINDOW_START || at + bar->size > PCI_WINDOW_END)
			at = 0;
		if (at == bar->at)
			continue;
		if (bar->at && bar->mapped)
			bar->mapped(dev, bar->at, false);
		bar->at = at;
		if (at && bar->mapped)
			bar->mapped(dev, at, true);
	}
}

static struct pci_dev *addressed(const struct pci_bus *bus)
{
	/* Bus 0, function 0. */
	if (!(bus->address & ENABLE) || bus->address >> 16 & 0xff || bus->address >> 8 & 7)
		return NULL;
	return bus->slots[bus->address >> 11 & (PCI_SLOTS - 1)];
}

/* Accesses that cross a register's end, as no bus has them, float. */
static bool is_legal(unsigned int reg, unsigned int size)
{
	return reg % 4 + size <= 4;
}

/**
 * pci_port_read() - IN from the ports of mechanism #1
 * @port: 0xcf8 to 0xcff
 */
__u32 pci_port_read(struct vm *vm, __u16 port, unsigned int size)
{
	struct pci_bus *bus = &vm->pci;
	struct pci_dev *dev;
	unsigned int reg;

	if (port < PCI_DATA_PORT)
		return port == PCI_ADDRESS_PORT && size == 4 ? bus->address : NO_DEVICE;
	reg = (bus->address & 0xfc) + port - PCI_DATA_PORT;
	dev = addressed(bus);
	if (!dev || !is_legal(reg, size))
		return NO_DEVICE;
	if (dev->config_read)
		dev->config_read(dev, reg, size);
	return get(dev->config + reg, size);
}

/**
 * pci_port_write() - OUT to the ports of mechanism #1
 * @port: 0xcf8 to 0xcff
 */
void pci_port_write(struct vm *vm, __u16 port, unsigned int size, __u32 value)
{
	struct pci_bus *bus = &vm->pci;
	struct pci_dev *dev;
	unsigned int reg, i;

	if (port < PCI_DATA_PORT) {
		if (port == PCI_ADDRESS_PORT && size == 4)
			bus->address = value;
		return;
	}
	reg = (bus->address & 0xfc) + port - PCI_DATA_PORT;
	dev = addressed(bus);
	if (!dev || !is_legal(reg, size))
		return;
	for (i = 0; i < size; i++) {
		__u8 mask = dev->writable[reg + i];

		dev->config[reg + i] = (dev->config[reg + i] & ~mask) | (value >> 8 * i & mask);
	}
	if (reg < PCI_BASE_ADDRESS_0 + 4 * PCI_BARS)
		update_bars(dev);
	if (dev->msix_cap && reg < dev->msix_cap + 4U && reg + size > dev->msix_cap)
		pci_msix_changed(dev);
	if (dev->config_written)
		dev->config_written(dev, reg, size);
}

/**
 * pci_mmio() - an access to memory that is no RAM
 * @data: @len bytes, read or written
 *
 * Return: false when no BAR is there.
 */
bool pci_mmio(struct vm *vm, __u64 gpa, void *data, unsigned int len, bool write)
{
	unsigned int slot, i;

	if (gpa < PCI_WINDOW_START || gpa >= PCI_WINDOW_END)
		return false;
	for (slot = 0; slot < PCI_SLOTS; slot++) {
		struct pci_dev *dev = vm->pci.slots[slot];

		for (i = 0; dev && i < PCI_BARS; i++) {
			struct pci_bar *bar = &dev->bars[i];

			if (!bar->at || gpa < bar->at || gpa + len > bar->at + bar->size)
				continue;
			if (write)
				bar->write(dev, gpa - bar->at, data, len);
			else
				bar->read(dev, gpa - bar->at, data, len);
			return true;
		}
	}
	return false;
}

/**
 * pci_add_bar() - give a device a BAR of 32-bit memory; its functions are set before
 * @size: a power of two, at least 4 KiB
 */
void pci_add_bar(struct pci_dev *dev, unsigned int n, __u32 size)
{
	struct pci_bus *bus = &dev->vm->pci;
	unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * n;
	__u32 mask = ~(size - 1);

	bus->next_bar = (bus->next_bar + size - 1) & mask;
	put(dev, reg, 4, bus->next_bar);
	memcpy(dev->writable + reg, &mask, 4);
	bus->next_bar += size;
	dev->bars[n].size = size;
}

/**
 * pci_add_cap() - append a capability
 * @body: what follows the id and the link, @len bytes; the guest cannot write it
 *
 * Return: where it begins.
 */
__u8 pci_add_cap(struct pci_dev *dev, __u8 id, const void *body, __u8 len)
{
	__u8 at = dev->next_cap;

	dev->config[at] = id;
	memcpy(dev->config + at + 2, body, len);
	if (dev->last_cap)
		dev->config[dev->last_cap + 1] = at;
	else
		dev->config[PCI_CAPABILITY_LIST] = at;
	dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	dev->last_cap = at;
	dev->next_cap = (at + 2 + len + 3) & ~3;
	return at;
}

/**
 * pci_set_irq() - drive INTA#
 *
 * The device itself keeps order between its own calls.
 */
void pci_set_irq(struct pci_dev *dev, bool level)
{
	vm_irq_line(dev->vm, PCI_INTX_GSI + dev->slot % PCI_INTX_LINES, level);
}

/**
 * pci_add() - put a device into the next slot that is free
 * @dev: all zero, but for the functions
 *
 * Return: 0, or -1 when the bus is full.
 */
int pci_add(struct vm *vm, struct pci_dev *dev, const struct pci_ids *ids)
{
	unsigned int slot = 0;

	while (slot < PCI_SLOTS && vm->pci.slots[slot])
		slot++;
	if (slot == PCI_SLOTS) {
		err("there are more devices than the %u slots of the PCI bus; leave some out",
		    PCI_SLOTS);
		return -1;
	}
	dev->vm = vm;
	dev->slot = slot;
	dev->next_cap = 0x40;
	put(dev, PCI_VENDOR_ID, 2, ids->vendor);
	put(dev, PCI_DEVICE_ID, 2, ids->device);
	put(dev, PCI_CLASS_REVISION, 4, ids->class << 8 | ids->revision);
	put(dev, PCI_SUBSYSTEM_VENDOR_ID, 2, ids->vendor);
	put(dev, PCI_SUBSYSTEM_ID, 2, ids->subsystem);
	dev->writable[PCI_COMMAND] = COMMAND_BITS & 0xff;
	dev->writable[PCI_COMMAND + 1] = COMMAND_BITS >> 8;
	dev->writable[PCI_INTERRUPT_LINE] = 0xff;
	dev->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	vm->pci.slots[slot] = dev;
	return 0;
}

/* A bus with nothing but its bridge. */
void pci_init(struct vm *vm)
{
	static const struct pci_ids ids = {
		.vendor = 0x1b36, .device = 0x0008, .subsystem = 0x1100, .class = 0x060000,
	};

	memset(&vm->pci, 0, sizeof(vm->pci));
	vm->pci.next_bar = PCI_WINDOW_START;
	pci_add(vm, &vm->pci.bridge, &ids);
}
