// SPDX-License-Identifier: GPL-2.0
/*
 * Queues 0 and 1 of a device, served by the kernel: it takes notifications from the
 * eventfds that the hypervisor writes, and writes those that raise interrupts, so that
 * neither comes to user space. It checks what the guest writes itself.
 */

#include "launcher.h"
#include "vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/**
 * vhost_open() - ask the kernel to serve a device
 * @dev: what it offers of the rings' features is cut down to what the kernel knows
 * @path: /dev/vhost-...
 *
 * Return: 0; or -1, without a word, where the kernel does not.
 */
int vhost_open(struct vhost *v, struct virtio_dev *dev, const char *path)
{
	*v = (struct vhost){ .fd = open(path, O_RDWR | O_CLOEXEC), .dev = dev };
	v->calls[0].fd = -1;
	v->calls[1].fd = -1;
	if (v->fd < 0)
		return -1;
	if (!ioctl(v->fd, VHOST_SET_OWNER) && !ioctl(v->fd, VHOST_GET_FEATURES, &v->features) &&
	    v->features & BIT_ULL(VIRTIO_F_VERSION_1))
		return 0;
	vhost_close(v);
	return -1;
}

/* An interrupt without a message of its own: by the line. */
static void on_call(struct worker_event *e, __u32 events)
{
	struct vhost *v = e->arg;
	__u64 count;

	(void)events;
	if (read(e->fd, &count, sizeof(count)) == sizeof(count))
		virtio_interrupt(v->dev, e - v->calls);
}

/* Once the device is on the bus. */
int vhost_watch(struct vhost *v)
{
	unsigned int i;

	for (i = 0; i < VHOST_QUEUES; i++) {
		v->calls[i] = (struct worker_event){
			.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_call, .arg = v,
		};
		if (v->calls[i].fd < 0 || worker_watch(&v->dev->worker, &v->calls[i], EPOLLIN)) {
			err("%s: no descriptor for its interrupts: %s; raise ulimit -n", v->dev->name,
			    strerror(errno));
			return -1;
		}
	}
	return 0;
}

static int set_memory(const struct vhost *v)
{
	const struct guest_mem *mem = &v->dev->pci.vm->mem;
	const struct vhost_memory_region regions[] = {
		{ 0, mem->low, (uintptr_t)mem->base, 0 },
		{ HOLE_END, mem->high, (uintptr_t)mem->base + HOLE_END, 0 },
	};
	struct vhost_memory *table = calloc(1, sizeof(*table) + sizeof(regions));
	int ret;

	if (!table)
		return -1;
	table->nregions = mem->high ? 2 : 1;
	memcpy(table->regions, regions, sizeof(regions));
	ret = ioctl(v->fd, VHOST_SET_MEM_TABLE, table);
	free(table);
	return ret;
}

static int set_queue(const struct vhost *v, unsigned int i)
{
	const struct virtq *q = &v->dev->queues[i];
	int call = pci_msix_fd(&v->dev->pci, v->dev->queue_vector[i]);
	struct vhost_vring_state num = { i, q->size }, base = { i, 0 };
	struct vhost_vring_file on_kick = { i, v->dev->kicks[i].fd },
				on_done = { i, call < 0 ? v->calls[i].fd : call };
	struct vhost_vring_addr addr = {
		.index = i, .desc_user_addr = (uintptr_t)q->table,
		.avail_user_addr = (uintptr_t)q->ring, .used_user_addr = (uintptr_t)q->done,
	};

	return ioctl(v->fd, VHOST_SET_VRING_NUM, &num) ||
	       ioctl(v->fd, VHOST_SET_VRING_BASE, &base) ||
	       ioctl(v->fd, VHOST_SET_VRING_ADDR, &addr) ||
	       ioctl(v->fd, VHOST_SET_VRING_CALL, &on_done) ||
	       ioctl(v->fd, VHOST_SET_VRING_KICK, &on_kick);
}

/**
 * vhost_start() - the driver's queues are the kernel's from now on
 *
 * Return: 0 or -1; a queue that is not enabled cannot be served.
 */
int vhost_start(struct vhost *v)
{
	__u64 features = v->dev->agreed & v->features;
	unsigned int i;

	if (ioctl(v->fd, VHOST_SET_FEATURES, &features) || set_memory(v))
		return -1;
	for (i = 0; i < VHOST_QUEUES; i++) {
		if (!v->dev->queues[i].enabled || set_queue(v, i))
			return -1;
		worker_change(&v->dev->worker, &v->dev->kicks[i], 0);
	}
	return 0;
}

/* What is under way is done when it returns; each device has an ioctl that stops it first. */
void vhost_stop(struct vhost *v)
{
	unsigned int i;

	for (i = 0; i < VHOST_QUEUES; i++) {
		struct vhost_vring_file none = { i, -1 };
		struct vhost_vring_state base = { i, 0 };

		ioctl(v->fd, VHOST_GET_VRING_BASE, &base);
		ioctl(v->fd, VHOST_SET_VRING_KICK, &none);
		ioctl(v->fd, VHOST_SET_VRING_CALL, &none);
		worker_change(&v->dev->worker, &v->dev->kicks[i], EPOLLIN);
	}
}

void vhost_close(struct vhost *v)
{
	unsigned int i;

	for (i = 0; i < VHOST_QUEUES; i++)
		if (v->calls[i].fd >= 0)
			close(v->calls[i].fd);
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}
