// SPDX-License-Identifier: GPL-2.0
/*
 * The launcher's virtio devices under a driver that does anything: random registers,
 * rings, descriptors and requests, some of them right. Nothing may be read or written
 * outside of the guest's memory, which ends where the heap's guard begins; nothing may
 * be lost, and every device has to work again after a reset.
 *
 * Usage: test_launcher_virtio [OPERATIONS [SEED]]
 */
// sources: ../../userspace-tool/virtio.c ../../userspace-tool/virtio_blk.c
// sources: ../../userspace-tool/virtio_net.c ../../userspace-tool/net_user.c
// sources: ../../userspace-tool/virtio_rng.c ../../userspace-tool/virtio_balloon.c
// sources: ../../userspace-tool/virtio_console.c
// sources: ../../userspace-tool/virtq.c
// sources: ../../userspace-tool/pci.c ../../userspace-tool/msix.c
// sources: ../../userspace-tool/worker.c
// libraries: -luring -lslirp

#include "../../userspace-tool/balloon.h"
#include "../../userspace-tool/launcher.h"
#include "../../userspace-tool/virtio.h"
#include "../../userspace-tool/net.h"
#include "../lib/rng.h"
#include "tap.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MEMORY		0x40000
#define DISK		(1 << 20)
#define QUEUE_GPA(q)	(0x10000 + 0x4000 * (q))
#define AVAIL		0x2000
#define USED		0x3000

/* BAR 0, as virtio.c has it. */
#define ISR		0x1000
#define DEVICE		0x2000
#define NOTIFY		0x3000

static struct vm vm;
static struct rng rng;
static struct disk disk;
static struct net_options net;

void *mem_ptr(const struct guest_mem *m, __u64 gpa, __u64 len)
{
	return gpa > m->low || len > m->low - gpa ? NULL : m->base + gpa;
}

void irq_set_msi(struct vm *v, __u32 gsi, __u32 addr_hi, __u32 addr_lo, __u32 data)
{
}

void irq_listen(struct vm *v, __u32 gsi, int fd, bool on)
{
}

int irq_alloc_msi(struct vm *v, __u32 *gsi)
{
	*gsi = 24 + v->next_gsi++;
	return 0;
}

void vm_irq_line(struct vm *v, unsigned int gsi, bool level)
{
}

int tap_open(struct net *n)
{
	return -1;
}

static unsigned int wakeups, printed;

void vm_wake(struct vm *v)
{
	__atomic_add_fetch(&wakeups, 1, __ATOMIC_RELAXED);
}

/* Each byte is looked at. */
void console_put(struct vm *v, const void *bytes, size_t len)
{
	const __u8 *p = bytes;

	while (len--)
		__atomic_add_fetch(&printed, *p++ & 1, __ATOMIC_RELAXED);
}

static unsigned int complaints;

/* What it has to say of its guest comes once for each reset. */
void err(const char *fmt, ...)
{
	__atomic_add_fetch(&complaints, 1, __ATOMIC_RELAXED);
}

bool write_all(int fd, const void *buf, size_t len)
{
	return write(fd, buf, len) == (ssize_t)len;
}

__u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static unsigned int below(unsigned int n)
{
	return rng_next(&rng) % n;
}

/* ---- what a driver does ---- */

static void access_mmio(struct virtio_dev *dev, unsigned int bar, __u32 offset, void *data,
			unsigned int len, bool write)
{
	pthread_mutex_lock(&vm.io_lock);
	if (dev->pci.bars[bar].at)
		pci_mmio(&vm, dev->pci.bars[bar].at + offset, data, len, write);
	pthread_mutex_unlock(&vm.io_lock);
}

static void wr(struct virtio_dev *dev, __u32 offset, unsigned int len, __u64 v)
{
	access_mmio(dev, 0, offset, &v, len, true);
}

static __u32 rd(struct virtio_dev *dev, __u32 offset, unsigned int len)
{
	__u64 v = 0;

	access_mmio(dev, 0, offset, &v, len, false);
	return v;
}

static void config(struct virtio_dev *dev, unsigned int reg, unsigned int size, __u32 v)
{
	pthread_mutex_lock(&vm.io_lock);
	pci_port_write(&vm, PCI_ADDRESS_PORT, 4, 1U << 31 | dev->pci.slot << 11 | (reg & 0xfc));
	if (below(2))
		pci_port_write(&vm, PCI_DATA_PORT + (reg & 3), size, v);
	else
		pci_port_read(&vm, PCI_DATA_PORT + (reg & 3), size);
	pthread_mutex_unlock(&vm.io_lock);
}

static void map_bars(struct virtio_dev *dev)
{
	unsigned int i;

	pthread_mutex_lock(&vm.io_lock);
	for (i = 0; i < PCI_BARS; i++) {
		pci_port_write(&vm, PCI_ADDRESS_PORT, 4,
			       1U << 31 | dev->pci.slot << 11 | (0x10 + 4 * i));
		pci_port_write(&vm, PCI_DATA_PORT, 4,
			       PCI_WINDOW_START + 0x100000 * dev->pci.slot + 0x10000 * i);
	}
	pci_port_write(&vm, PCI_ADDRESS_PORT, 4, 1U << 31 | dev->pci.slot << 11 | PCI_COMMAND);
	pci_port_write(&vm, PCI_DATA_PORT, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pthread_mutex_unlock(&vm.io_lock);
}

static void set_up(struct virtio_dev *dev, bool right)
{
	unsigned int q;

	map_bars(dev);
	wr(dev, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	wr(dev, VIRTIO_PCI_COMMON_STATUS, 1, 3);
	wr(dev, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	wr(dev, VIRTIO_PCI_COMMON_GF, 4, right ? dev->offered : dev->offered & rng_next(&rng));
	wr(dev, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	wr(dev, VIRTIO_PCI_COMMON_GF, 4, 1);
	wr(dev, VIRTIO_PCI_COMMON_STATUS, 1, 11);
	for (q = 0; q < dev->ops->nr_queues; q++) {
		__u64 at = QUEUE_GPA(q);

		memset(vm.mem.base + at, 0, 0x4000);
		if (!right && !below(8))
			at = below(MEMORY);
		wr(dev, VIRTIO_PCI_COMMON_Q_SELECT, 2, q);
		wr(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2, right || below(8) ? 16 : below(1 << 16));
		wr(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2, below(8));
		wr(dev, VIRTIO_PCI_COMMON_Q_DESCLO, 8, at);
		wr(dev, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, at + AVAIL);
		wr(dev, VIRTIO_PCI_COMMON_Q_USEDLO, 8, at + USED);
		wr(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	}
	wr(dev, VIRTIO_PCI_COMMON_STATUS, 1, 15);
}

/* So many came back since the last set-up. */
static unsigned int requests(struct virtio_dev *dev)
{
	unsigned int q, n = 0;

	for (q = 0; q < dev->ops->nr_queues; q++)
		n += ((struct vring_used *)(vm.mem.base + QUEUE_GPA(q) + USED))->idx;
	return n;
}

static unsigned int served;

/* The virtio header, then: who has 10.0.2.2? */
static const __u8 arp[12 + 42] = {
	[12] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 1, 8, 6,
	0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0, 0, 1, 10, 0, 2, 15,
	0, 0, 0, 0, 0, 0, 10, 0, 2, 2,
};

/* A chain of some descriptors, mostly sane, whose first part looks like a request. */
static void fill(struct virtio_dev *dev, unsigned int queue)
{
	struct vring_desc *d = (struct vring_desc *)(vm.mem.base + QUEUE_GPA(queue));
	struct vring_avail *a = (struct vring_avail *)((__u8 *)d + AVAIL);
	struct vring_used *u = (struct vring_used *)((__u8 *)d + USED);
	unsigned int n = 1 + below(4), first = below(16), i;
	struct virtio_blk_outhdr header = {
		.type = below(16) < 14 ? (__u32[]){ 0, 1, 4, 8, 11, 13 }[below(6)] : rng_next(&rng),
		.sector = below(8) ? below(DISK / 512 + 2) : rng_next(&rng),
	};

	/* As a driver that waits for what it has asked for, and begins anew if it must. */
	for (i = 0; i < 20 && below(64) && (__u16)(a->idx - u->idx) > 4; i++)
		usleep(20);
	if (below(4) && (i == 20 || rd(dev, VIRTIO_PCI_COMMON_STATUS, 1) != 15)) {
		served += requests(dev);
		set_up(dev, below(4));
	}
	memcpy(vm.mem.base + 0x8000, &header, sizeof(header));
	for (i = 0; i < n; i++) {
		struct vring_desc *x = &d[(first + i) & 15];

		x->addr = below(16) ? 0x1000 + 0x200 * below(0x80) : rng_next(&rng);
		x->len = below(8) ? 512 * below(4) + below(2) * below(64) : rng_next(&rng);
		x->flags = (i + 1 < n ? VRING_DESC_F_NEXT : 0) |
			   (i >= n / 2 + below(2) ? VRING_DESC_F_WRITE : 0) |
			   (below(16) ? 0 : VRING_DESC_F_INDIRECT);
		x->next = below(32) ? (first + i + 1) & 15 : below(20);
	}
	if (below(8)) {
		d[first].addr = 0x8000;
		d[first].len = sizeof(header);
		d[first].flags &= ~VRING_DESC_F_WRITE;
		d[(first + n - 1) & 15].flags |= VRING_DESC_F_WRITE;
		if (below(2))
			d[(first + n - 1) & 15].len = 1 + 512 * below(3);
	}
	/* Frames, among them a question that the network answers. */
	if (dev->ops->id == VIRTIO_ID_NET && below(8)) {
		for (i = 0; i < n; i++)
			d[(first + i) & 15].flags = (queue ? 0 : VRING_DESC_F_WRITE) |
				(i + 1 < n ? VRING_DESC_F_NEXT : 0);
		memcpy(vm.mem.base + 0x8000, arp, sizeof(arp));
		d[first].addr = queue ? 0x8000 : 0x9000;
		d[first].len = queue ? sizeof(arp) : 2048;
	}
	a->ring[a->idx & 15] = below(64) ? first : below(1 << 16);
	__atomic_store_n(&a->idx, a->idx + (below(64) ? 1 : below(40)), __ATOMIC_RELEASE);
	wr(dev, NOTIFY + 4 * queue, 2, queue);
}

/* Somebody types. */
static void type(void)
{
	__u8 keys[300];
	size_t used, len = below(sizeof(keys));

	memset(keys, 'k', len);
	vcons_input(&vm, keys, len, &used);
	if (used > len)
		abort();
}

static void operate(struct virtio_dev *dev)
{
	__u64 data = rng_next(&rng);
	static const unsigned int sizes[] = { 1, 2, 4, 8 };

	switch (below(64)) {
	case 0:
		served += requests(dev);
		set_up(dev, below(4));
		break;
	case 1:
		config(dev, below(256), sizes[below(3)], data);
		break;
	case 2:
		wr(dev, below(0x4000), sizes[below(4)], data);
		break;
	case 3:
		wr(dev, below(64), sizes[below(4)], data);
		break;
	case 4:
		access_mmio(dev, 1, below(0x1000), &data, sizes[below(4)], below(2));
		break;
	case 5:
		rd(dev, below(2) ? DEVICE + below(80) : below(0x4000), sizes[below(4)]);
		break;
	case 6:
		rd(dev, ISR, 1);
		break;
	case 7:
		/* Under the device's eyes. */
		memcpy(vm.mem.base + below(MEMORY - 8), &data, 8);
		break;
	case 8:
		if (dev->ops->id == VIRTIO_ID_CONSOLE)
			type();
		break;
	default:
		fill(dev, below(dev->ops->nr_queues));
	}
}

/* Right requests come back. */
static bool works(struct virtio_dev *dev)
{
	unsigned int queue = dev->ops->id == VIRTIO_ID_NET || dev->ops->id == VIRTIO_ID_CONSOLE, i;
	struct vring_desc *d = (struct vring_desc *)(vm.mem.base + QUEUE_GPA(queue));
	struct vring_avail *a = (struct vring_avail *)((__u8 *)d + AVAIL);
	struct vring_used *u = (struct vring_used *)((__u8 *)d + USED);
	struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN };

	set_up(dev, true);
	memcpy(vm.mem.base + 0x1000, &header, sizeof(header));
	if (dev->ops->id == VIRTIO_ID_BALLOON)
		d[0] = (struct vring_desc){ 0x2000, 4, 0, 0 };
	else if (dev->ops->id == VIRTIO_ID_RNG)
		d[0] = (struct vring_desc){ 0x2000, 512, VRING_DESC_F_WRITE, 0 };
	else
		d[0] = (struct vring_desc){ 0x1000, queue ? 60 : sizeof(header),
					    queue ? 0 : VRING_DESC_F_NEXT, 1 };
	d[1] = (struct vring_desc){ 0x2000, 513, VRING_DESC_F_WRITE, 0 };
	a->ring[0] = 0;
	__atomic_store_n(&a->idx, 1, __ATOMIC_RELEASE);
	wr(dev, NOTIFY + 4 * queue, 2, queue);
	for (i = 0; i < 5000 && !__atomic_load_n(&u->idx, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	return u->idx == 1;
}

static void fuzz(struct virtio_dev *dev, unsigned int operations)
{
	unsigned int i;

	served = 0;
	for (i = 0; i < operations; i++)
		operate(dev);
	tap_ok(works(dev), "%s: works after %u operations, %u requests served, %u complaints",
	       dev->name, operations, served, complaints);
	complaints = 0;
}

int main(int argc, char **argv)
{
	unsigned int operations = argc > 1 ? atoi(argv[1]) : 5000;
	char path[] = "/tmp/test_launcher_virtio.XXXXXX";
	int fd = mkstemp(path);
	struct virtio_dev *dev;

	rng.state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	if (fd < 0 || ftruncate(fd, DISK))
		return 1;
	vm.mem.base = malloc(MEMORY);
	vm.mem.low = MEMORY;
	memset(vm.mem.base, 0, MEMORY);
	vm.mem.fd = -1;
	vm.fd = -1;
	pthread_mutex_init(&vm.io_lock, NULL);
	pci_init(&vm);
	disk.path = path;
	memcpy(net.mac, "\x52\x54\0\0\0\1", 6);
	tap_ok(!blk_add(&vm, &disk, 0) && !net_add(&vm, &net, 0) && !rng_add(&vm) &&
	       !balloon_add(&vm) && !vcons_add(&vm) && !virtio_start_workers(&vm),
	       "a disk, a network card, a source of random numbers, a balloon, a console");
	for (dev = vm.virtio; dev; dev = dev->next)
		fuzz(dev, operations);
	virtio_destroy_all(&vm);
	free(vm.mem.base);
	close(fd);
	unlink(path);
	return tap_done();
}
