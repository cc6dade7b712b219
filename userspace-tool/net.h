/* SPDX-License-Identifier: GPL-2.0 */
/* A network card and what stands behind it. */
#ifndef STRATA_NET_H
#define STRATA_NET_H

#include "virtio.h"

#include <linux/virtio_net.h>

struct net;

/* All in the card's thread, but for start and stop: with the worker's lock. */
struct net_backend {
	/* a frame of the guest's, the virtio header first */
	void (*send)(struct net *n, const __u8 *frame, size_t len);
	/* the guest may have room again */
	void (*room)(struct net *n);
	/* as in struct virtio_ops; NULL: nothing to do */
	int (*launch)(struct net *n);
	int (*start)(struct net *n);
	void (*stop)(struct net *n);
	void (*close)(struct net *n);
};

struct net {
	struct virtio_dev dev;
	struct virtio_net_config config;
	const struct net_options *opt;
	const struct net_backend *backend;
	void *state;			/* the backend's */
};

bool net_receive(struct net *n, const void *frame, size_t len);
void net_received(struct net *n);
bool net_has_room(struct net *n);
int tap_open(struct net *n);
int user_open(struct net *n);

#endif
