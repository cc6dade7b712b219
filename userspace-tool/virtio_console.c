// SPDX-License-Identifier: GPL-2.0
/* A console by queues in place of a serial port (VIRTIO 1.2, 5.3): one port. */

#include "console.h"
#include "launcher.h"
#include "virtio.h"

#include <linux/virtio_console.h>
#include <stdlib.h>

#define QUEUE	64
#define RX	0
#define TX	1
#define AT_ONCE	1024

struct vcons {
	struct virtio_dev dev;
	struct virtio_console_config config;
};

static void print(struct virtio_dev *dev)
{
	struct virtq *q = &dev->queues[TX];
	struct virtq_chain c;
	char bytes[AT_ONCE];
	size_t at, n;

	do {
		virtq_want_kicks(q, false);
		while (virtq_pop(q, &c)) {
			for (at = 0; (n = virtq_read(&c, at, bytes, sizeof(bytes))); at += n)
				console_put(dev->pci.vm, bytes, n);
			virtq_push(q, c.head, 0);
		}
	} while (virtq_want_kicks(q, true));
	virtio_tell(dev, TX);
}

static void vcons_kick(struct virtio_dev *dev, unsigned int queue)
{
	if (queue == TX)
		print(dev);
	else
		/* There is room for input. */
		vm_wake(dev->pci.vm);
}

/**
 * vcons_input() - give the guest what was typed
 * @used: how much it took
 *
 * Return: false where no driver works with the device.
 */
bool vcons_input(struct vm *vm, const __u8 *bytes, size_t len, size_t *used)
{
	struct virtio_dev *dev = vm->vcons;
	struct virtq_chain c;
	struct virtq *q;
	bool works;

	*used = 0;
	if (!dev)
		return false;
	q = &dev->queues[RX];
	pthread_mutex_lock(&dev->worker.lock);
	works = dev->running && !dev->needs_reset && q->enabled;
	while (works && *used < len) {
		size_t n;

		if (!virtq_pop(q, &c) && (!virtq_want_kicks(q, true) || !virtq_pop(q, &c)))
			break;
		n = virtq_write(&c, 0, bytes + *used, len - *used);
		virtq_push(q, c.head, n);
		*used += n;
	}
	if (*used)
		virtio_tell(dev, RX);
	pthread_mutex_unlock(&dev->worker.lock);
	return works;
}

static const struct virtio_ops vcons_ops = {
	.id = VIRTIO_ID_CONSOLE,
	.class = 0x078000,
	.nr_queues = 2,
	.kick = vcons_kick,
};

int vcons_add(struct vm *vm)
{
	struct vcons *v = calloc(1, sizeof(*v));

	if (!v) {
		err("no memory for a console");
		return -1;
	}
	v->dev.config = &v->config;
	v->dev.config_len = sizeof(v->config);
	v->dev.queues[RX].max_size = QUEUE;
	v->dev.queues[TX].max_size = QUEUE;
	if (virtio_add(vm, &v->dev, &vcons_ops, "console"))
		return -1;
	vm->vcons = &v->dev;
	return 0;
}
