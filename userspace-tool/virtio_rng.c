// SPDX-License-Identifier: GPL-2.0
/* Random numbers of the host's (VIRTIO 1.2, 5.4). */

#include "launcher.h"
#include "virtio.h"

#include <stdlib.h>
#include <sys/random.h>

#define QUEUE		64
/* For one request: getrandom() gives so many in one piece. */
#define AT_ONCE		256

static void rng_kick(struct virtio_dev *dev, unsigned int queue)
{
	struct virtq *q = &dev->queues[queue];
	struct virtq_chain c;
	__u8 bytes[AT_ONCE];
	ssize_t n;

	do {
		virtq_want_kicks(q, false);
		while (virtq_pop(q, &c)) {
			n = getrandom(bytes, sizeof(bytes), 0);
			virtq_push(q, c.head, n > 0 ? virtq_write(&c, 0, bytes, n) : 0);
		}
	} while (virtq_want_kicks(q, true));
	virtio_tell(dev, queue);
}

static const struct virtio_ops rng_ops = {
	.id = VIRTIO_ID_RNG,
	.class = 0x00ff00,
	.nr_queues = 1,
	.kick = rng_kick,
};

int rng_add(struct vm *vm)
{
	struct virtio_dev *dev = calloc(1, sizeof(*dev));

	if (!dev) {
		err("no memory for the source of random numbers");
		return -1;
	}
	dev->queues[0].max_size = QUEUE;
	return virtio_add(vm, dev, &rng_ops, "rng");
}
