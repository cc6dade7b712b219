// SPDX-License-Identifier: GPL-2.0
/* The launcher's PCI bus and MSI-X, by the accesses that a guest makes. */
// sources: ../../userspace-tool/pci.c ../../userspace-tool/msix.c

#include "../../userspace-tool/launcher.h"
#include "tap.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BAR	0x10
#define VECTORS	4

static struct vm vm;
static struct pci_dev dev;
static __u64 mapped_at;
static __u32 last_offset, last_value;
static bool listens[64];
static __u32 data_of[64];
static unsigned int routes;

void irq_set_msi(struct vm *v, __u32 gsi, __u32 addr_hi, __u32 addr_lo, __u32 data)
{
	data_of[gsi] = data;
	routes++;
}

/* What came before goes in at once, as with KVM_IRQFD. */
void irq_listen(struct vm *v, __u32 gsi, int fd, bool on)
{
	__u64 n;

	listens[gsi] = on;
	if (on)
		data_of[gsi] |= read(fd, &n, sizeof(n)) == sizeof(n) ? 0x10000 : 0;
}

int irq_alloc_msi(struct vm *v, __u32 *gsi)
{
	*gsi = 24 + v->next_gsi++;
	return 0;
}

void vm_irq_line(struct vm *v, unsigned int gsi, bool level)
{
}

bool write_all(int fd, const void *buf, size_t len)
{
	return write(fd, buf, len) == (ssize_t)len;
}

void err(const char *fmt, ...)
{
}

static void bar_read(struct pci_dev *d, __u32 offset, void *data, unsigned int len)
{
	memset(data, 0x5a, len);
	last_offset = offset;
}

static void bar_write(struct pci_dev *d, __u32 offset, const void *data, unsigned int len)
{
	last_value = 0;
	memcpy(&last_value, data, len < 4 ? len : 4);
	last_offset = offset;
}

static void bar_mapped(struct pci_dev *d, __u64 gpa, bool mapped)
{
	mapped_at = mapped ? gpa : 0;
}

static void address(unsigned int slot, unsigned int reg)
{
	pci_port_write(&vm, PCI_ADDRESS_PORT, 4, 1U << 31 | slot << 11 | (reg & 0xfc));
}

static __u32 config(unsigned int reg, unsigned int size)
{
	address(1, reg);
	return pci_port_read(&vm, PCI_DATA_PORT + (reg & 3), size);
}

static void set_config(unsigned int reg, unsigned int size, __u32 v)
{
	address(1, reg);
	pci_port_write(&vm, PCI_DATA_PORT + (reg & 3), size, v);
}

static void start(void)
{
	static const struct pci_ids ids = {
		.vendor = 0x1234, .device = 0x5678, .subsystem = 9, .class = 0x020304,
	};

	pci_init(&vm);
	dev.bars[0].read = bar_read;
	dev.bars[0].write = bar_write;
	dev.bars[0].mapped = bar_mapped;
	pci_add(&vm, &dev, &ids);
	pci_add_bar(&dev, 0, 0x4000);
	tap_ok(!pci_add_msix(&dev, VECTORS, 1), "pci: a device with MSI-X");
}

static void test_config(void)
{
	__u32 bar;

	address(1, 0);
	tap_ok(pci_port_read(&vm, PCI_DATA_PORT, 4) == 0x56781234, "pci: vendor and device");
	tap_ok(config(0xa, 2) == 0x0203 && config(9, 1) == 4, "pci: class, by word and byte");
	address(2, 0);
	tap_ok(pci_port_read(&vm, PCI_DATA_PORT, 4) == 0xffffffff, "pci: an empty slot floats");
	pci_port_write(&vm, PCI_ADDRESS_PORT, 4, 1U << 31 | 1 << 16 | 1 << 11);
	tap_ok(pci_port_read(&vm, PCI_DATA_PORT, 4) == 0xffffffff, "pci: so does another bus");
	pci_port_write(&vm, PCI_ADDRESS_PORT, 4, 1U << 31 | 1 << 11 | 1 << 8);
	tap_ok(pci_port_read(&vm, PCI_DATA_PORT, 4) == 0xffffffff, "pci: and another function");
	pci_port_write(&vm, PCI_ADDRESS_PORT, 4, 1 << 11);
	tap_ok(pci_port_read(&vm, PCI_DATA_PORT, 4) == 0xffffffff, "pci: nothing without the bit");
	address(1, 0);
	tap_ok(pci_port_read(&vm, PCI_DATA_PORT + 3, 4) == 0xffffffff, "pci: nothing across");
	set_config(0, 4, 0);
	tap_ok(config(0, 4) == 0x56781234, "pci: what is read only stays");

	bar = config(BAR, 4);
	tap_ok(bar >= PCI_WINDOW_START && bar % 0x4000 == 0, "pci: BARs have addresses");
	set_config(BAR, 4, 0xffffffff);
	tap_ok(config(BAR, 4) == 0xffffc000, "pci: and tell their size");
	set_config(BAR, 4, bar);
	tap_ok(!mapped_at, "pci: nothing is mapped before the command register says so");
	set_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	tap_ok(mapped_at == bar, "pci: then it is");
	set_config(BAR, 4, 0xd0000000);
	tap_ok(mapped_at == 0xd0000000, "pci: it moves");
	set_config(BAR, 4, 0x1000);
	tap_ok(!mapped_at, "pci: but not over RAM");
	set_config(BAR, 4, 0xfebfe000);
	tap_ok(mapped_at == 0xfebfc000, "pci: up to the window's end");
}

static void test_mmio(void)
{
	__u32 v = 0;

	set_config(BAR, 4, 0xd0000000);
	tap_ok(pci_mmio(&vm, 0xd0000010, &v, 4, false) && v == 0x5a5a5a5a && last_offset == 0x10,
	       "pci: memory is read");
	v = 0x77;
	tap_ok(pci_mmio(&vm, 0xd0003fff, &v, 1, true) && last_value == 0x77 &&
	       last_offset == 0x3fff, "pci: and written, to its last byte");
	tap_ok(!pci_mmio(&vm, 0xd0003ffe, &v, 4, true), "pci: not across its end");
	tap_ok(!pci_mmio(&vm, 0xd0004000, &v, 4, false) && !pci_mmio(&vm, 0x1000, &v, 4, false),
	       "pci: nor elsewhere");
	set_config(PCI_COMMAND, 2, 0);
	tap_ok(!pci_mmio(&vm, 0xd0000010, &v, 4, false), "pci: nor while it is off");
	set_config(PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static void table(unsigned int vector, unsigned int field, __u32 v)
{
	pci_mmio(&vm, dev.bars[1].at + 16 * vector + 4 * field, &v, 4, true);
}

static __u32 table_read(__u32 offset)
{
	__u32 v = ~0u;

	pci_mmio(&vm, dev.bars[1].at + offset, &v, 4, false);
	return v;
}

static void enable(__u16 flags)
{
	set_config(dev.msix_cap + PCI_MSIX_FLAGS, 2, flags);
}

static void test_msix(void)
{
	const __u32 gsi = dev.vectors[2].gsi;
	unsigned int i, before;
	__u64 pair;
	__u8 cap;

	for (cap = config(PCI_CAPABILITY_LIST, 1), i = 0; cap && i < 50; i++) {
		if (config(cap, 1) == PCI_CAP_ID_MSIX)
			break;
		cap = config(cap + 1, 1);
	}
	tap_ok(cap && cap == dev.msix_cap, "msix: the list of capabilities has it");
	tap_ok((config(cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) == VECTORS - 1,
	       "msix: so many vectors");
	tap_ok(table_read(2 * 16 + 12) == 1, "msix: masked at first");
	table(2, 0, 0xfee00000);
	table(2, 2, 0x41);
	tap_ok(table_read(2 * 16 + 8) == 0x41, "msix: the table keeps what it is given");
	pci_msix_notify(&dev, 2);
	tap_ok(!listens[gsi] && table_read(0x800) == 4, "msix: pending while it is masked");
	enable(PCI_MSIX_FLAGS_ENABLE);
	tap_ok(!listens[gsi], "msix: not unmasked by the device's enabling alone");
	table(2, 3, 0);
	tap_ok(listens[gsi] && data_of[gsi] == 0x10041, "msix: unmasked, what was pending goes");
	tap_ok(table_read(0x800) == 0, "msix: and is pending no more");
	enable(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	tap_ok(!listens[gsi], "msix: the function's mask");
	enable(PCI_MSIX_FLAGS_ENABLE);
	before = routes;
	table(2, 3, 1);
	table(2, 3, 0);
	tap_ok(routes == before, "msix: a mask costs no new route");
	table(2, 2, 0x42);
	tap_ok(routes == before + 1 && data_of[gsi] == 0x42, "msix: new data does");
	enable(0);
	tap_ok(!listens[gsi] && !pci_msix_enabled(&dev), "msix: off");
	/* Eight bytes are two dwords, of two entries even. */
	enable(PCI_MSIX_FLAGS_ENABLE);
	pair = 0xfee01000ull << 32;
	before = routes;
	pci_mmio(&vm, dev.bars[1].at + 16 * 1 + 12, &pair, 8, true);
	tap_ok(listens[dev.vectors[1].gsi] && dev.vectors[2].addr_lo == 0xfee01000 &&
	       routes == before + 2, "msix: a pair across two entries");
	enable(0);
	table(VECTORS, 2, 1);
	tap_ok(table_read(16 * VECTORS + 8) == 0, "msix: behind the table is nothing");
	pci_msix_notify(&dev, VECTORS);
	pci_msix_notify(&dev, 0xffff);
	tap_ok(true, "msix: a vector that is none is nobody's");
}

int main(void)
{
	start();
	test_config();
	test_mmio();
	test_msix();
	pci_msix_release(&dev);
	return tap_done();
}
