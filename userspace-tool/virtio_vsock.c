// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets between the host and a guest (VIRTIO 1.2, 5.10), all of it in the kernel: on the
 * host they are those of AF_VSOCK.
 */

#include "launcher.h"
#include "vhost.h"

#include <errno.h>
#include <linux/vhost.h>
#include <linux/virtio_vsock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define QUEUE	128
#define EVENTS	2		/* the third queue; nothing happens that a guest must hear of */

struct vsock {
	struct virtio_dev dev;
	struct virtio_vsock_config config;
	struct vhost vhost;
};

static struct vsock *of_dev(struct virtio_dev *dev)
{
	return (struct vsock *)dev;
}

static int set_running(struct vsock *s, int running)
{
	return ioctl(s->vhost.fd, VHOST_VSOCK_SET_RUNNING, &running);
}

static int vsock_start(struct virtio_dev *dev)
{
	struct vsock *s = of_dev(dev);

	return vhost_start(&s->vhost) || set_running(s, 1) ? -1 : 0;
}

static void vsock_stop(struct virtio_dev *dev)
{
	struct vsock *s = of_dev(dev);

	set_running(s, 0);
	vhost_stop(&s->vhost);
}

static void vsock_kick(struct virtio_dev *dev, unsigned int queue)
{
	(void)dev;
	(void)queue;
}

static void vsock_destroy(struct virtio_dev *dev)
{
	vhost_close(&of_dev(dev)->vhost);
}

static const struct virtio_ops vsock_ops = {
	.id = VIRTIO_ID_VSOCK,
	.class = 0x078000,
	.nr_queues = EVENTS + 1,
	.start = vsock_start,
	.stop = vsock_stop,
	.kick = vsock_kick,
	.destroy = vsock_destroy,
};

/* @cid: the guest's address, 3 or more */
int vsock_add(struct vm *vm, __u32 cid)
{
	struct vsock *s = calloc(1, sizeof(*s));
	__u64 guest = cid;
	unsigned int i;

	if (!s) {
		err("no memory for sockets");
		return -1;
	}
	if (vhost_open(&s->vhost, &s->dev, "/dev/vhost-vsock")) {
		err("the kernel has no sockets for guests (/dev/vhost-vsock: %s); 'modprobe vhost_vsock'",
		    strerror(errno));
		free(s);
		return -1;
	}
	if (ioctl(s->vhost.fd, VHOST_VSOCK_SET_GUEST_CID, &guest)) {
		err("the address %u of --vsock cannot be had: %s; choose another one", cid,
		    strerror(errno));
		vhost_close(&s->vhost);
		free(s);
		return -1;
	}
	s->config.guest_cid = guest;
	s->dev.config = &s->config;
	s->dev.config_len = sizeof(s->config);
	for (i = 0; i <= EVENTS; i++)
		s->dev.queues[i].max_size = QUEUE;
	return virtio_add(vm, &s->dev, &vsock_ops, "vsock") ? -1 : vhost_watch(&s->vhost);
}
