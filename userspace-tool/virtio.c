// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI transport of virtio devices: four regions of BAR 0, told by capabilities, and
 * MSI-X in BAR 1, or INTA# where the guest does without.
 */

#include "launcher.h"
#include "virtio.h"

#include <errno.h>
#include <linux/virtio_pci.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VENDOR			0x1af4
#define DEVICE_BASE		0x1040
#define SUBSYSTEM		0x40

/* BAR 0. */
#define BAR_SIZE		0x4000
#define REGION_COMMON		0x0000
#define REGION_ISR		0x1000
#define REGION_DEVICE		0x2000
#define REGION_NOTIFY		0x3000
#define NOTIFY_STEP		4

#define ISR_QUEUE		1
#define ISR_CONFIG		2

#define NR_QUEUES(dev)		((dev)->ops->nr_queues)

static struct virtio_dev *of_pci(struct pci_dev *pci)
{
	return (struct virtio_dev *)((char *)pci - offsetof(struct virtio_dev, pci));
}

/* ---- interrupts ---- */

static void raise_line(struct virtio_dev *dev, __u8 why)
{
	bool off = dev->pci.config[PCI_COMMAND + 1] & PCI_COMMAND_INTX_DISABLE >> 8;

	pthread_mutex_lock(&dev->isr_lock);
	if (!dev->isr && !off)
		pci_set_irq(&dev->pci, true);
	dev->isr |= why;
	pthread_mutex_unlock(&dev->isr_lock);
}

static __u8 take_isr(struct virtio_dev *dev)
{
	__u8 isr;

	pthread_mutex_lock(&dev->isr_lock);
	isr = dev->isr;
	dev->isr = 0;
	if (isr)
		pci_set_irq(&dev->pci, false);
	pthread_mutex_unlock(&dev->isr_lock);
	return isr;
}

static void interrupt(struct virtio_dev *dev, __u16 vector, __u8 why)
{
	if (pci_msix_enabled(&dev->pci))
		pci_msix_notify(&dev->pci, vector);
	else
		raise_line(dev, why);
}

/* Of a queue, whatever is in it. */
void virtio_interrupt(struct virtio_dev *dev, unsigned int queue)
{
	interrupt(dev, dev->queue_vector[queue], ISR_QUEUE);
}

/* Interrupts the driver for what was pushed, if it wants that. */
void virtio_tell(struct virtio_dev *dev, unsigned int queue)
{
	if (virtq_must_tell(&dev->queues[queue]))
		virtio_interrupt(dev, queue);
}

/* One request is done; the driver is told. */
void virtio_done(struct virtio_dev *dev, unsigned int queue, __u16 head, __u32 written)
{
	virtq_push(&dev->queues[queue], head, written);
	virtio_tell(dev, queue);
}

/* The worker's lock is held. */
void virtio_config_changed(struct virtio_dev *dev)
{
	__atomic_add_fetch(&dev->generation, 1, __ATOMIC_RELAXED);
	if (dev->running)
		interrupt(dev, __atomic_load_n(&dev->config_vector, __ATOMIC_RELAXED),
			  ISR_CONFIG);
}

/**
 * virtio_broken() - the driver broke a rule: nothing more is done until it resets us
 * @what: the rule, for a message that comes once
 */
void virtio_broken(struct virtio_dev *dev, const char *what)
{
	if (!dev->complained)
		err("%s: the guest's driver gave %s; the device waits to be reset",
		    dev->name, what);
	dev->complained = true;
	dev->needs_reset = true;
	virtio_config_changed(dev);
}

/* ---- queues ---- */

/* Looks for requests. The worker's lock is held. */
void virtio_kick(struct virtio_dev *dev, unsigned int queue)
{
	if (!dev->running || dev->needs_reset || !dev->queues[queue].enabled)
		return;
	dev->ops->kick(dev, queue);
	if (dev->queues[queue].broken)
		virtio_broken(dev, "a queue or a request that breaks the rules");
}

static void on_kick(struct worker_event *e, __u32 events)
{
	struct virtio_dev *dev = e->arg;
	unsigned int queue = e - dev->kicks;
	__u64 count;

	(void)events;
	if (read(e->fd, &count, sizeof(count)) == sizeof(count))
		virtio_kick(dev, queue);
}

static void kick(struct virtio_dev *dev, unsigned int queue)
{
	static const __u64 one = 1;

	if (queue < NR_QUEUES(dev))
		write_all(dev->kicks[queue].fd, &one, sizeof(one));
}

static void start_queues(struct virtio_dev *dev)
{
	bool event_idx = virtio_has(dev, VIRTIO_RING_F_EVENT_IDX);
	unsigned int i;

	for (i = 0; i < NR_QUEUES(dev); i++) {
		struct virtq *q = &dev->queues[i];

		if (q->enabled && virtq_start(q, &dev->pci.vm->mem, event_idx)) {
			virtio_broken(dev, "a queue that does not lie in its memory");
			return;
		}
	}
	if (dev->ops->start && dev->ops->start(dev)) {
		virtio_broken(dev, "what this device cannot do");
		return;
	}
	dev->running = true;
	/* What was put there before. */
	for (i = 0; i < NR_QUEUES(dev); i++)
		if (dev->queues[i].enabled)
			kick(dev, i);
}

static void reset(struct virtio_dev *dev)
{
	unsigned int i;

	pthread_mutex_lock(&dev->worker.lock);
	if (dev->running && dev->ops->stop)
		dev->ops->stop(dev);
	dev->running = false;
	dev->needs_reset = false;
	dev->complained = false;
	dev->agreed = 0;
	for (i = 0; i < NR_QUEUES(dev); i++) {
		__u16 max = dev->queues[i].max_size;

		memset(&dev->queues[i], 0, sizeof(dev->queues[i]));
		dev->queues[i].max_size = max;
		dev->queues[i].size = max;
		dev->queue_vector[i] = VIRTIO_MSI_NO_VECTOR;
	}
	pthread_mutex_unlock(&dev->worker.lock);
	dev->status = 0;
	dev->config_vector = VIRTIO_MSI_NO_VECTOR;
	dev->queue_select = 0;
	dev->device_select = 0;
	dev->driver_select = 0;
	take_isr(dev);
}

static void set_status(struct virtio_dev *dev, __u8 status)
{
	__u8 added = status & ~dev->status;

	if (!status) {
		reset(dev);
		return;
	}
	pthread_mutex_lock(&dev->worker.lock);
	if (added & VIRTIO_CONFIG_S_FEATURES_OK &&
	    (dev->agreed & ~dev->offered || !virtio_has(dev, VIRTIO_F_VERSION_1)))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	dev->status = status & ~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK && status & VIRTIO_CONFIG_S_FEATURES_OK &&
	    !dev->running && !dev->needs_reset)
		start_queues(dev);
	pthread_mutex_unlock(&dev->worker.lock);
}

/* ---- the common configuration ---- */

static void fill_common(struct virtio_dev *dev, struct virtio_pci_common_cfg *c)
{
	const struct virtq *q = &dev->queues[dev->queue_select < NR_QUEUES(dev) ?
					     dev->queue_select : 0];

	memset(c, 0, sizeof(*c));
	c->device_feature_select = dev->device_select;
	if (dev->device_select < 2)
		c->device_feature = dev->offered >> 32 * dev->device_select;
	c->guest_feature_select = dev->driver_select;
	if (dev->driver_select < 2)
		c->guest_feature = dev->agreed >> 32 * dev->driver_select;
	c->msix_config = dev->config_vector;
	c->num_queues = NR_QUEUES(dev);
	c->device_status = dev->status |
			   (dev->needs_reset && dev->status ? VIRTIO_CONFIG_S_NEEDS_RESET : 0);
	c->config_generation = __atomic_load_n(&dev->generation, __ATOMIC_RELAXED);
	c->queue_select = dev->queue_select;
	if (dev->queue_select >= NR_QUEUES(dev))
		return;
	c->queue_size = q->size;
	c->queue_msix_vector = dev->queue_vector[dev->queue_select];
	c->queue_enable = q->enabled;
	c->queue_notify_off = dev->queue_select;
	c->queue_desc_lo = q->desc;
	c->queue_desc_hi = q->desc >> 32;
	c->queue_avail_lo = q->avail;
	c->queue_avail_hi = q->avail >> 32;
	c->queue_used_lo = q->used;
	c->queue_used_hi = q->used >> 32;
}

static void set_half(__u64 *v, bool high, __u32 half)
{
	*v = high ? (__u64)half << 32 | (__u32)*v : (*v & ~0xffffffffULL) | half;
}

/* A vector that does not exist becomes none, which tells the driver. */
static __u16 vector(struct virtio_dev *dev, __u32 v)
{
	return v < dev->pci.nr_vectors ? v : VIRTIO_MSI_NO_VECTOR;
}

/* The driver's features are fixed once it has said so. */
static void set_features(struct virtio_dev *dev, __u32 v)
{
	if (dev->driver_select < 2 && !(dev->status & VIRTIO_CONFIG_S_FEATURES_OK))
		set_half(&dev->agreed, dev->driver_select, v);
}

/* And a queue once it works. */
static void write_queue(struct virtio_dev *dev, __u32 offset, __u32 v)
{
	struct virtq *q = &dev->queues[dev->queue_select];

	if (offset == VIRTIO_PCI_COMMON_Q_MSIX) {
		dev->queue_vector[dev->queue_select] = vector(dev, v);
		return;
	}
	if (q->enabled)
		return;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		q->size = v;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		q->enabled = v == 1 && q->max_size;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&q->desc, offset & 4, v);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&q->avail, offset & 4, v);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&q->used, offset & 4, v);
		break;
	}
}

static void write_common(struct virtio_dev *dev, __u32 offset, __u32 v)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		dev->device_select = v;
		return;
	case VIRTIO_PCI_COMMON_GFSELECT:
		dev->driver_select = v;
		return;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		dev->queue_select = v;
		return;
	case VIRTIO_PCI_COMMON_STATUS:
		set_status(dev, v);
		return;
	case VIRTIO_PCI_COMMON_MSIX:
		__atomic_store_n(&dev->config_vector, vector(dev, v), __ATOMIC_RELAXED);
		return;
	}
	pthread_mutex_lock(&dev->worker.lock);
	if (offset == VIRTIO_PCI_COMMON_GF)
		set_features(dev, v);
	else if (dev->queue_select < NR_QUEUES(dev))
		write_queue(dev, offset, v);
	pthread_mutex_unlock(&dev->worker.lock);
}

/* ---- BAR 0 ---- */

static void region_read(struct pci_dev *pci, __u32 offset, void *data, unsigned int len)
{
	struct virtio_dev *dev = of_pci(pci);
	struct virtio_pci_common_cfg common;

	memset(data, 0, len);
	if (offset < sizeof(common)) {
		pthread_mutex_lock(&dev->worker.lock);
		fill_common(dev, &common);
		pthread_mutex_unlock(&dev->worker.lock);
		if (len <= sizeof(common) - offset)
			memcpy(data, (__u8 *)&common + offset, len);
	} else if (offset == REGION_ISR) {
		*(__u8 *)data = take_isr(dev);
	} else if (offset >= REGION_DEVICE && offset < REGION_NOTIFY) {
		offset -= REGION_DEVICE;
		pthread_mutex_lock(&dev->worker.lock);
		if (offset < dev->config_len && len <= dev->config_len - offset)
			memcpy(data, (__u8 *)dev->config + offset, len);
		pthread_mutex_unlock(&dev->worker.lock);
	}
}

static void region_write(struct pci_dev *pci, __u32 offset, const void *data, unsigned int len)
{
	struct virtio_dev *dev = of_pci(pci);
	__u32 value = 0;

	if (offset >= REGION_NOTIFY) {
		kick(dev, (offset - REGION_NOTIFY) / NOTIFY_STEP);
	} else if (offset >= REGION_DEVICE) {
		offset -= REGION_DEVICE;
		pthread_mutex_lock(&dev->worker.lock);
		if (dev->ops->configured && offset < dev->config_len &&
		    len <= dev->config_len - offset) {
			memcpy((__u8 *)dev->config + offset, data, len);
			dev->ops->configured(dev, offset, len);
		}
		pthread_mutex_unlock(&dev->worker.lock);
	} else if (offset < REGION_ISR && len == 8) {
		/* An address, whole. */
		memcpy(&value, data, 4);
		write_common(dev, offset, value);
		memcpy(&value, (const __u8 *)data + 4, 4);
		write_common(dev, offset + 4, value);
	} else if (offset < REGION_ISR) {
		memcpy(&value, data, len);
		write_common(dev, offset, value);
	}
}

/* Notifications need not come to user space. */
static void region_mapped(struct pci_dev *pci, __u64 gpa, bool mapped)
{
	struct virtio_dev *dev = of_pci(pci);
	unsigned int i;

	for (i = 0; i < NR_QUEUES(dev); i++) {
		struct kvm_ioeventfd io = {
			.addr = gpa + REGION_NOTIFY + NOTIFY_STEP * i,
			.len = 2,
			.fd = dev->kicks[i].fd,
			.flags = mapped ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
		};

		/* Without it they come here, which is slower. */
		ioctl(pci->vm->fd, KVM_IOEVENTFD, &io);
	}
}

/* ---- capabilities ---- */

/* Who can reach configuration space only reaches BARs through this window. */
static void window(struct virtio_dev *dev, unsigned int reg, unsigned int len, bool write)
{
	unsigned int at = dev->cfg_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
	__u8 *data = dev->pci.config + at;
	struct virtio_pci_cfg_cap cap;
	const struct pci_bar *bar;

	if (reg < at || reg + len > at + sizeof(cap.pci_cfg_data))
		return;
	memcpy(&cap, dev->pci.config + dev->cfg_cap, sizeof(cap));
	len = cap.cap.length;
	if (cap.cap.bar >= PCI_BARS || (len != 1 && len != 2 && len != 4))
		return;
	bar = &dev->pci.bars[cap.cap.bar];
	if (cap.cap.offset > bar->size - 4 || cap.cap.offset % len)
		return;
	if (write)
		bar->write(&dev->pci, cap.cap.offset, data, len);
	else
		bar->read(&dev->pci, cap.cap.offset, data, len);
}

static void window_read(struct pci_dev *pci, unsigned int reg, unsigned int len)
{
	window(of_pci(pci), reg, len, false);
}

static void window_written(struct pci_dev *pci, unsigned int reg, unsigned int len)
{
	window(of_pci(pci), reg, len, true);
}

static __u8 add_region(struct virtio_dev *dev, __u8 type, __u32 offset, __u32 length, __u8 extra)
{
	struct virtio_pci_notify_cap cap = {
		.cap = {
			.cap_len = sizeof(cap.cap) + extra, .cfg_type = type,
			.offset = offset, .length = length,
		},
		.notify_off_multiplier = type == VIRTIO_PCI_CAP_NOTIFY_CFG ? NOTIFY_STEP : 0,
	};

	return pci_add_cap(&dev->pci, PCI_CAP_ID_VNDR, (__u8 *)&cap + 2, cap.cap.cap_len - 2);
}

static void add_capabilities(struct virtio_dev *dev)
{
	static const unsigned int fields[] = {
		offsetof(struct virtio_pci_cap, bar),
		offsetof(struct virtio_pci_cap, offset), offsetof(struct virtio_pci_cap, offset) + 1,
		offsetof(struct virtio_pci_cap, offset) + 2, offsetof(struct virtio_pci_cap, offset) + 3,
		offsetof(struct virtio_pci_cap, length),
		offsetof(struct virtio_pci_cfg_cap, pci_cfg_data),
		offsetof(struct virtio_pci_cfg_cap, pci_cfg_data) + 1,
		offsetof(struct virtio_pci_cfg_cap, pci_cfg_data) + 2,
		offsetof(struct virtio_pci_cfg_cap, pci_cfg_data) + 3,
	};
	unsigned int i;

	add_region(dev, VIRTIO_PCI_CAP_COMMON_CFG, REGION_COMMON,
		   sizeof(struct virtio_pci_common_cfg), 0);
	add_region(dev, VIRTIO_PCI_CAP_NOTIFY_CFG, REGION_NOTIFY, NOTIFY_STEP * NR_QUEUES(dev), 4);
	add_region(dev, VIRTIO_PCI_CAP_ISR_CFG, REGION_ISR, 1, 0);
	if (dev->config_len)
		add_region(dev, VIRTIO_PCI_CAP_DEVICE_CFG, REGION_DEVICE, dev->config_len, 0);
	dev->cfg_cap = add_region(dev, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 4);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		dev->pci.writable[dev->cfg_cap + fields[i]] = 0xff;
	dev->pci.config_read = window_read;
	dev->pci.config_written = window_written;
}

/* ---- making one ---- */

static int add_kicks(struct virtio_dev *dev)
{
	unsigned int i;

	for (i = 0; i < NR_QUEUES(dev); i++) {
		struct worker_event *e = &dev->kicks[i];

		e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (e->fd < 0) {
			err("%s: no descriptor for a queue: %s; raise ulimit -n", dev->name,
			    strerror(errno));
			return -1;
		}
		e->ready = on_kick;
		e->arg = dev;
		if (worker_watch(&dev->worker, e, EPOLLIN))
			return -1;
	}
	return 0;
}

/**
 * virtio_add() - put a device on the bus
 * @dev: from calloc(); features, configuration and each queue's max_size are set. It is
 *	the VM's from now on, also when this fails
 * @ops: of its kind
 * @name: for messages, at most 15 characters
 */
int virtio_add(struct vm *vm, struct virtio_dev *dev, const struct virtio_ops *ops,
	       const char *name)
{
	const struct pci_ids ids = {
		.vendor = VENDOR, .device = DEVICE_BASE + ops->id, .subsystem = SUBSYSTEM,
		.class = ops->class, .revision = 1,
	};

	dev->ops = ops;
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->next = vm->virtio;
	vm->virtio = dev;
	dev->offered |= BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
			BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	pthread_mutex_init(&dev->isr_lock, NULL);
	if (worker_init(&dev->worker, dev->name) || pci_add(vm, &dev->pci, &ids) || add_kicks(dev))
		return -1;
	dev->pci.config[PCI_INTERRUPT_PIN] = 1;
	dev->pci.bars[0].read = region_read;
	dev->pci.bars[0].write = region_write;
	dev->pci.bars[0].mapped = region_mapped;
	pci_add_bar(&dev->pci, 0, BAR_SIZE);
	add_capabilities(dev);
	reset(dev);
	/* One each, and one for changes of the configuration. */
	return pci_add_msix(&dev->pci, NR_QUEUES(dev) + 1, 1);
}

int virtio_start_workers(struct vm *vm)
{
	struct virtio_dev *dev;

	for (dev = vm->virtio; dev; dev = dev->next)
		if (worker_start(&dev->worker) ||
		    (dev->ops->launch && dev->ops->launch(dev)))
			return -1;
	return 0;
}

/* After the vCPUs have ended. */
void virtio_destroy_all(struct vm *vm)
{
	while (vm->virtio) {
		struct virtio_dev *dev = vm->virtio;
		unsigned int i;

		vm->virtio = dev->next;
		worker_stop(&dev->worker);
		if (dev->running && dev->ops->stop)
			dev->ops->stop(dev);
		if (dev->ops->destroy)
			dev->ops->destroy(dev);
		for (i = 0; i < NR_QUEUES(dev); i++)
			if (dev->kicks[i].ready)
				close(dev->kicks[i].fd);
		pci_msix_release(&dev->pci);
		free(dev);
	}
}
