/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices whose queues the kernel serves (vhost). All but vhost_open() and vhost_close()
 * with the worker's lock held.
 */
#ifndef STRATA_VHOST_H
#define STRATA_VHOST_H

#include "virtio.h"

#define VHOST_QUEUES	2

struct vhost {
	int fd;				/* -1: the kernel does not serve it */
	struct virtio_dev *dev;
	__u64 features;			/* the kernel's */
	struct worker_event calls[VHOST_QUEUES];
};

int vhost_open(struct vhost *v, struct virtio_dev *dev, const char *path);
int vhost_watch(struct vhost *v);
int vhost_start(struct vhost *v);
void vhost_stop(struct vhost *v);
void vhost_close(struct vhost *v);

#endif
