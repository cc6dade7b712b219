// SPDX-License-Identifier: GPL-2.0
/*
 * A network card (VIRTIO 1.2, 5.1): one pair of queues, and behind them a backend that
 * takes frames and brings some.
 */

#include "launcher.h"
#include "net.h"

#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RX, TX };

#define QUEUE		256
#define HEADER		sizeof(struct virtio_net_hdr_v1)
/* A frame with its header, or with segmentation a packet of IP. */
#define FRAME_MAX	(65536 + 32)

static struct net *of_dev(struct virtio_dev *dev)
{
	return (struct net *)dev;
}

/* What the guest sends: to the backend, frame by frame. */
static void send_frames(struct net *n)
{
	struct virtq *q = &n->dev.queues[TX];
	static __thread __u8 frame[FRAME_MAX];
	struct virtq_chain c;
	size_t len;

	do {
		virtq_want_kicks(q, false);
		while (virtq_pop(q, &c)) {
			if (c.nr_in || c.out_len <= HEADER || c.out_len > sizeof(frame)) {
				q->broken = true;
				return;
			}
			len = virtq_read(&c, 0, frame, sizeof(frame));
			n->backend->send(n, frame, len);
			virtq_push(q, c.head, 0);
		}
	} while (virtq_want_kicks(q, true));
	virtio_tell(&n->dev, TX);
}

/**
 * net_receive() - a frame for the guest
 * @frame: the virtio header first
 *
 * Return: false when the guest has no room for it now.
 */
bool net_receive(struct net *n, const void *frame, size_t len)
{
	struct virtq *q = &n->dev.queues[RX];
	struct virtio_net_hdr_v1 header;
	struct virtq_chain c;

	if (!n->dev.running || n->dev.needs_reset || !q->enabled)
		return true;
	if (!virtq_pop(q, &c)) {
		if (q->broken)
			virtio_broken(&n->dev, "a queue that breaks the rules");
		return q->broken;
	}
	if (c.in_len < len) {
		/* The driver must give room for all that it has asked to get. */
		q->broken = true;
		virtio_broken(&n->dev, "too little room for a frame");
		return true;
	}
	memcpy(&header, frame, sizeof(header));
	header.num_buffers = 1;
	virtq_write(&c, 0, &header, sizeof(header));
	virtq_write(&c, sizeof(header), (const __u8 *)frame + HEADER, len - HEADER);
	virtq_push(q, c.head, len);
	return true;
}

/* After some frames: the guest hears of them. */
void net_received(struct net *n)
{
	if (n->dev.running && n->dev.queues[RX].enabled)
		virtio_tell(&n->dev, RX);
}

/* Has it room for one? If not, it will tell when it has. */
bool net_has_room(struct net *n)
{
	struct virtq *q = &n->dev.queues[RX];

	return n->dev.running && !n->dev.needs_reset && q->enabled && virtq_want_kicks(q, true);
}

static void net_kick(struct virtio_dev *dev, unsigned int queue)
{
	struct net *n = of_dev(dev);

	if (queue == TX)
		send_frames(n);
	else
		n->backend->room(n);
}

static int net_launch(struct virtio_dev *dev)
{
	struct net *n = of_dev(dev);

	return n->backend->launch ? n->backend->launch(n) : 0;
}

static int net_start(struct virtio_dev *dev)
{
	struct net *n = of_dev(dev);

	return n->backend->start ? n->backend->start(n) : 0;
}

static void net_stop(struct virtio_dev *dev)
{
	struct net *n = of_dev(dev);

	if (n->backend->stop)
		n->backend->stop(n);
}

static void net_destroy(struct virtio_dev *dev)
{
	struct net *n = of_dev(dev);

	if (n->backend && n->backend->close)
		n->backend->close(n);
}

static const struct virtio_ops net_ops = {
	.id = VIRTIO_ID_NET,
	.class = 0x020000,
	.nr_queues = 2,
	.launch = net_launch,
	.start = net_start,
	.stop = net_stop,
	.kick = net_kick,
	.destroy = net_destroy,
};

/**
 * net_add() - a network card
 * @opt: kept by reference
 */
int net_add(struct vm *vm, const struct net_options *opt, unsigned int number)
{
	struct net *n = calloc(1, sizeof(*n));
	char name[16];

	if (!n) {
		err("no memory for a network card");
		return -1;
	}
	n->opt = opt;
	memcpy(n->config.mac, opt->mac, sizeof(n->config.mac));
	n->config.status = VIRTIO_NET_S_LINK_UP;
	n->dev.config = &n->config;
	n->dev.config_len = sizeof(n->config);
	n->dev.offered = BIT_ULL(VIRTIO_NET_F_MAC) | BIT_ULL(VIRTIO_NET_F_STATUS);
	n->dev.queues[RX].max_size = QUEUE;
	n->dev.queues[TX].max_size = QUEUE;
	snprintf(name, sizeof(name), "net%u", number);
	if (virtio_add(vm, &n->dev, &net_ops, name))
		return -1;
	return opt->tap ? tap_open(n) : user_open(n);
}
