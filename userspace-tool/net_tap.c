// SPDX-License-Identifier: GPL-2.0
/*
 * A network card on a tap interface of the host's, whose frames the kernel carries by itself
 * where it has vhost-net, and this file where not. Checksums and the cutting of large
 * packets are left to whoever has to do it at last.
 */

#include "launcher.h"
#include "net.h"
#include "vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FRAME_MAX	(65536 + 32)
/* So many at once, and then it is somebody else's turn. */
#define BURST		64

/* What the interface does by itself. */
#define TAP_OFFLOADS	(BIT_ULL(VIRTIO_NET_F_CSUM) | BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | \
			 BIT_ULL(VIRTIO_NET_F_HOST_TSO6) | BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) | \
			 BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO6))

struct tap {
	struct vhost vhost;
	struct worker_event frames;
	bool waits;			/* the guest has no room */
	__u8 frame[FRAME_MAX];
};

static void tap_send(struct net *n, const __u8 *frame, size_t len)
{
	const struct tap *t = n->state;

	/* A network may lose what it cannot carry. */
	if (write(t->frames.fd, frame, len) < 0)
		return;
}

static void set_waits(struct net *n, bool waits)
{
	struct tap *t = n->state;

	if (waits == t->waits)
		return;
	t->waits = waits;
	worker_change(&n->dev.worker, &t->frames, waits ? 0 : EPOLLIN);
}

static void on_frames(struct worker_event *e, __u32 events)
{
	struct net *n = e->arg;
	struct tap *t = n->state;
	unsigned int i;
	ssize_t len;

	(void)events;
	for (i = 0; i < BURST; i++) {
		if (!net_has_room(n)) {
			set_waits(n, n->dev.running);
			break;
		}
		len = read(e->fd, t->frame, sizeof(t->frame));
		if (len < (ssize_t)sizeof(struct virtio_net_hdr_v1))
			break;
		net_receive(n, t->frame, len);
	}
	net_received(n);
}

static void tap_room(struct net *n)
{
	set_waits(n, false);
}

/* Both queues are on this descriptor; -1: on none, and what is under way is done. */
static int set_backend(const struct tap *t, int fd)
{
	unsigned int i;

	for (i = 0; i < VHOST_QUEUES; i++) {
		struct vhost_vring_file file = { i, fd };

		if (ioctl(t->vhost.fd, VHOST_NET_SET_BACKEND, &file))
			return -1;
	}
	return 0;
}

static int tap_start(struct net *n)
{
	struct tap *t = n->state;
	unsigned int offload = 0;

	if (virtio_has(&n->dev, VIRTIO_NET_F_GUEST_CSUM))
		offload |= TUN_F_CSUM;
	if (virtio_has(&n->dev, VIRTIO_NET_F_GUEST_TSO4))
		offload |= TUN_F_TSO4;
	if (virtio_has(&n->dev, VIRTIO_NET_F_GUEST_TSO6))
		offload |= TUN_F_TSO6;
	if (ioctl(t->frames.fd, TUNSETOFFLOAD, offload))
		return -1;
	if (t->vhost.fd >= 0)
		return vhost_start(&t->vhost) || set_backend(t, t->frames.fd) ? -1 : 0;
	set_waits(n, false);
	return 0;
}

static void tap_stop(struct net *n)
{
	struct tap *t = n->state;

	if (t->vhost.fd >= 0) {
		set_backend(t, -1);
		vhost_stop(&t->vhost);
	} else {
		set_waits(n, true);
	}
}

static void tap_close(struct net *n)
{
	struct tap *t = n->state;

	vhost_close(&t->vhost);
	close(t->frames.fd);
	free(t);
}

static const struct net_backend tap_backend = {
	.send = tap_send,
	.room = tap_room,
	.start = tap_start,
	.stop = tap_stop,
	.close = tap_close,
};

static int open_interface(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int size = sizeof(struct virtio_net_hdr_v1);
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		err("cannot open /dev/net/tun: %s; 'modprobe tun', or use --net user",
		    strerror(errno));
		return -1;
	}
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETVNETHDRSZ, &size)) {
		err("cannot use the tap interface %s: %s; make it with 'ip tuntap add %s mode tap "
		    "user %s', or use --net user", name, strerror(errno), name,
		    getenv("USER") ? getenv("USER") : "root");
		close(fd);
		return -1;
	}
	return fd;
}

static int open_vhost(struct net *n, struct tap *t)
{
	t->vhost.fd = -1;
	if (n->opt->no_vhost || vhost_open(&t->vhost, &n->dev, "/dev/vhost-net"))
		return 0;
	n->dev.offered &= t->vhost.features | BIT_ULL(VIRTIO_NET_F_MAC) | BIT_ULL(VIRTIO_NET_F_STATUS) |
			  TAP_OFFLOADS;
	return vhost_watch(&t->vhost);
}

int tap_open(struct net *n)
{
	struct tap *t = calloc(1, sizeof(*t));

	if (!t) {
		err("no memory for the network card on %s", n->opt->tap);
		return -1;
	}
	t->frames.fd = open_interface(n->opt->tap);
	if (t->frames.fd < 0) {
		free(t);
		return -1;
	}
	t->frames.ready = on_frames;
	t->frames.arg = n;
	n->state = t;
	n->backend = &tap_backend;
	n->dev.offered |= TAP_OFFLOADS;
	t->waits = true;
	if (worker_watch(&n->dev.worker, &t->frames, 0))
		return -1;
	return open_vhost(n, t);
}
