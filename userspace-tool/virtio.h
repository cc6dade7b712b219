/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtio devices on PCI (VIRTIO 1.2, 4.1), the modern ones only.
 *
 * What a device does it does in its worker's thread, or with the worker's lock held.
 */
#ifndef STRATA_VIRTIO_H
#define STRATA_VIRTIO_H

#include "pci.h"
#include "virtq.h"
#include "worker.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#define VIRTIO_MAX_QUEUES	16

struct virtio_dev;

struct virtio_ops {
	__u16 id;			/* VIRTIO_ID_* */
	__u32 class;			/* of PCI */
	unsigned int nr_queues;
	/* the guest is about to run: threads of the device's own begin; NULL: it has none */
	int (*launch)(struct virtio_dev *dev);
	/* DRIVER_OK; 0, or -1 where the device cannot work */
	int (*start)(struct virtio_dev *dev);
	/* the queues are the driver's again when it returns */
	void (*stop)(struct virtio_dev *dev);
	/* there may be requests in a queue that works */
	void (*kick)(struct virtio_dev *dev, unsigned int queue);
	/* the driver wrote into the configuration; NULL: it cannot */
	void (*configured)(struct virtio_dev *dev, unsigned int offset, unsigned int len);
	/* frees what is the device's, not @dev itself */
	void (*destroy)(struct virtio_dev *dev);
};

struct virtio_dev {
	struct pci_dev pci;
	struct worker worker;
	const struct virtio_ops *ops;
	char name[16];			/* for messages and the thread */
	__u64 offered, agreed;		/* features */
	void *config;			/* the device's configuration */
	size_t config_len;

	/* under vm->io_lock */
	__u32 device_select, driver_select;
	__u16 queue_select;
	__u8 status, generation;
	__u16 config_vector;
	__u8 cfg_cap;			/* the capability by which BARs are reached */

	/* under the worker's lock */
	bool running;
	bool complained;
	struct virtq queues[VIRTIO_MAX_QUEUES];
	__u16 queue_vector[VIRTIO_MAX_QUEUES];
	struct worker_event kicks[VIRTIO_MAX_QUEUES];
	bool needs_reset;

	pthread_mutex_t isr_lock;	/* a leaf */
	__u8 isr;

	struct virtio_dev *next;	/* vm->virtio */
};

int virtio_add(struct vm *vm, struct virtio_dev *dev, const struct virtio_ops *ops,
	       const char *name);
int virtio_start_workers(struct vm *vm);
void virtio_destroy_all(struct vm *vm);
void virtio_done(struct virtio_dev *dev, unsigned int queue, __u16 head, __u32 written);
void virtio_kick(struct virtio_dev *dev, unsigned int queue);
void virtio_tell(struct virtio_dev *dev, unsigned int queue);
void virtio_interrupt(struct virtio_dev *dev, unsigned int queue);
void virtio_config_changed(struct virtio_dev *dev);
void virtio_broken(struct virtio_dev *dev, const char *what);

static inline bool virtio_has(const struct virtio_dev *dev, unsigned int feature)
{
	return dev->agreed & BIT_ULL(feature);
}

#endif
