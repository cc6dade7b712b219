// SPDX-License-Identifier: GPL-2.0
/*
 * MSI-X (PCI Local Bus 3.0, 6.8.2). Each vector has an eventfd. Its device writes it
 * whenever the vector is due, from any thread; so may the kernel, for vhost. While the
 * vector is not masked the hypervisor listens to it. While it is, the eventfd itself
 * remembers: that is the pending bit.
 */

#include "launcher.h"
#include "pci.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TABLE		0
#define PENDING		0x800
#define BAR_SIZE	0x1000
#define ENTRY		16U

static __u16 message_control(const struct pci_dev *dev)
{
	return dev->config[dev->msix_cap + PCI_MSIX_FLAGS] |
	       dev->config[dev->msix_cap + PCI_MSIX_FLAGS + 1] << 8;
}

bool pci_msix_enabled(const struct pci_dev *dev)
{
	return dev->msix_cap && message_control(dev) & PCI_MSIX_FLAGS_ENABLE;
}

static void update(struct pci_dev *dev, struct msix_vector *v)
{
	__u16 flags = message_control(dev);
	bool listen = flags & PCI_MSIX_FLAGS_ENABLE && !(flags & PCI_MSIX_FLAGS_MASKALL) &&
		      !(v->control & PCI_MSIX_ENTRY_CTRL_MASKBIT);

	if (listen && !v->routed) {
		irq_set_msi(dev->vm, v->gsi, v->addr_hi, v->addr_lo, v->data);
		v->routed = true;
	}
	if (listen == v->attached)
		return;
	/* What it is due since goes in with this. */
	irq_listen(dev->vm, v->gsi, v->fd, listen);
	v->attached = listen;
}

/* The message control register may have another value. */
void pci_msix_changed(struct pci_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_vectors; i++)
		update(dev, &dev->vectors[i]);
}

static bool is_pending(const struct msix_vector *v)
{
	struct pollfd p = { .fd = v->fd, .events = POLLIN };

	return !v->attached && poll(&p, 1, 0) == 1;
}

static __u32 *table_entry(struct pci_dev *dev, __u32 offset)
{
	struct msix_vector *v;

	if (offset / ENTRY >= dev->nr_vectors)
		return NULL;
	v = &dev->vectors[offset / ENTRY];
	return (__u32 *[]){ &v->addr_lo, &v->addr_hi, &v->data, &v->control }[offset % ENTRY / 4];
}

static __u32 read_dword(struct pci_dev *dev, __u32 offset)
{
	const __u32 *entry = table_entry(dev, offset);
	__u32 i, first = (offset - PENDING) * 8, bits = 0;

	if (entry)
		return *entry;
	if (offset < PENDING)
		return 0;
	for (i = first; i < first + 32 && i < dev->nr_vectors; i++)
		bits |= (__u32)is_pending(&dev->vectors[i]) << (i - first);
	return bits;
}

/* Only whole dwords and pairs of them are defined. */
static void msix_read(struct pci_dev *dev, __u32 offset, void *data, unsigned int len)
{
	__u32 value[2] = { read_dword(dev, offset & ~3U), 0 };

	if (len == 8)
		value[1] = read_dword(dev, (offset & ~3U) + 4);
	memcpy(data, (__u8 *)value + (len < 4 ? offset & 3 : 0), len);
}

static void msix_write(struct pci_dev *dev, __u32 offset, const void *data, unsigned int len)
{
	const __u32 end = offset + len;
	const __u8 *bytes = data;
	struct msix_vector *v;
	__u32 *entry;

	if (offset % 4 || len % 4)
		return;
	for (; offset < end && (entry = table_entry(dev, offset)); offset += 4, bytes += 4) {
		v = &dev->vectors[offset / ENTRY];
		memcpy(entry, bytes, 4);
		if (entry != &v->control)
			v->routed = false;
		/* Both halves of a pair, before anybody listens. */
		if (offset + 4 == end || entry == &v->control)
			update(dev, v);
	}
}

/**
 * pci_msix_notify() - a vector is due
 *
 * Any thread, any lock. A vector that does not exist is nobody's.
 */
void pci_msix_notify(struct pci_dev *dev, unsigned int vector)
{
	static const __u64 one = 1;

	if (vector < dev->nr_vectors)
		write_all(dev->vectors[vector].fd, &one, sizeof(one));
}

/* What to write when a vector is due, for who does that himself; -1: there is no such one. */
int pci_msix_fd(const struct pci_dev *dev, unsigned int vector)
{
	return pci_msix_enabled(dev) && vector < dev->nr_vectors ? dev->vectors[vector].fd : -1;
}

/**
 * pci_add_msix() - give a device MSI-X
 * @vectors: 1 to MSIX_VECTORS
 * @bar: which BAR holds the table
 *
 * Return: 0 or -1. pci_msix_release() undoes both.
 */
int pci_add_msix(struct pci_dev *dev, unsigned int vectors, unsigned int bar)
{
	struct {
		__u16 control;
		__u32 table, pending;
	} __packed body = { vectors - 1, TABLE | bar, PENDING | bar };
	struct msix_vector *v;

	for (v = dev->vectors; v < dev->vectors + vectors; v++) {
		v->control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
		v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->fd < 0) {
			err("no more descriptors for interrupts: %s; raise ulimit -n",
			    strerror(errno));
			return -1;
		}
		dev->nr_vectors++;
		if (irq_alloc_msi(dev->vm, &v->gsi))
			return -1;
	}
	dev->bars[bar].read = msix_read;
	dev->bars[bar].write = msix_write;
	pci_add_bar(dev, bar, BAR_SIZE);
	dev->msix_cap = pci_add_cap(dev, PCI_CAP_ID_MSIX, &body, sizeof(body));
	dev->writable[dev->msix_cap + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	return 0;
}

void pci_msix_release(struct pci_dev *dev)
{
	while (dev->nr_vectors)
		close(dev->vectors[--dev->nr_vectors].fd);
}
