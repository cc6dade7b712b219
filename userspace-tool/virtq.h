/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Split virtqueues (VIRTIO 1.2, 2.7), the device's side. Whatever the guest writes into
 * one is read once and checked after: here, for all devices. Pure; the unit tests
 * compile it a second time.
 */
#ifndef STRATA_VIRTQ_H
#define STRATA_VIRTQ_H

#include <linux/types.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define VIRTQ_MAX_SIZE		256

struct guest_mem;

struct virtq {
	/* what the driver sets; guest physical */
	__u64 desc, avail, used;
	__u16 size;			/* entries, a power of two up to max_size */
	__u16 max_size;			/* 0: there is no such queue */
	bool enabled;

	/* from virtq_start() on */
	const struct guest_mem *mem;
	bool event_idx;
	bool broken;			/* the driver broke the rules: nothing more is taken */
	struct vring_desc *table;
	struct vring_avail *ring;
	struct vring_used *done;
	__u16 next;			/* of the available ring */
	__u16 finished;			/* the used ring's index */
	__u16 told;			/* and what it was at the last interrupt */
	bool told_valid;
};

/* One request: what the device reads comes first, then what it writes. */
struct virtq_chain {
	__u16 head;
	unsigned int nr_out, nr_in;
	size_t out_len, in_len;
	struct iovec iov[VIRTQ_MAX_SIZE];
};

int virtq_start(struct virtq *q, const struct guest_mem *mem, bool event_idx);
bool virtq_pop(struct virtq *q, struct virtq_chain *c);
void virtq_push(struct virtq *q, __u16 head, __u32 written);
bool virtq_must_tell(struct virtq *q);
bool virtq_want_kicks(struct virtq *q, bool want);
size_t virtq_read(const struct virtq_chain *c, size_t offset, void *to, size_t len);
size_t virtq_write(const struct virtq_chain *c, size_t offset, const void *from, size_t len);

#endif
