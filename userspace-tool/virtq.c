// SPDX-License-Identifier: GPL-2.0
/*
 * Split virtqueues. A descriptor names guest memory by address and length, and another
 * descriptor by number; the rings name descriptors. All of these are the guest's to
 * choose, and may change under our eyes: each is copied, then checked.
 */

#include "launcher.h"
#include "virtq.h"

#include <string.h>

#define READ_ONCE(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)

/* The event indexes lie behind the rings. */
static __u16 *used_event(const struct virtq *q)
{
	return &q->ring->ring[q->size];
}

static __u16 *avail_event(const struct virtq *q)
{
	return (__u16 *)&q->done->ring[q->size];
}

/**
 * virtq_start() - begin to work on a queue
 * @q: the driver's addresses and size are set
 * @event_idx: VIRTIO_F_RING_EVENT_IDX was agreed on
 *
 * Return: 0, or -1 when the rings do not lie in memory, or askew.
 */
int virtq_start(struct virtq *q, const struct guest_mem *mem, bool event_idx)
{
	size_t avail_len = sizeof(*q->ring) + (q->size + 1) * sizeof(q->ring->ring[0]);
	size_t used_len = sizeof(*q->done) + q->size * sizeof(q->done->ring[0]) + sizeof(__u16);

	q->broken = true;
	if (!q->size || q->size > q->max_size || q->size & (q->size - 1) ||
	    q->desc % 16 || q->avail % 2 || q->used % 4)
		return -1;
	q->table = mem_ptr(mem, q->desc, q->size * sizeof(*q->table));
	q->ring = mem_ptr(mem, q->avail, avail_len);
	q->done = mem_ptr(mem, q->used, used_len);
	if (!q->table || !q->ring || !q->done)
		return -1;
	q->mem = mem;
	q->event_idx = event_idx;
	q->broken = false;
	q->next = 0;
	q->finished = 0;
	q->told_valid = false;
	return 0;
}

static bool add_segment(struct virtq *q, struct virtq_chain *c, const struct vring_desc *d)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	unsigned int n = c->nr_out + c->nr_in;
	void *base = mem_ptr(q->mem, d->addr, d->len);

	/* What the device writes comes last. An empty one, nowhere, is none of ours. */
	if (!base || !d->len || n == VIRTQ_MAX_SIZE || (!in && c->nr_in))
		return false;
	c->iov[n].iov_base = base;
	c->iov[n].iov_len = d->len;
	if (in) {
		c->nr_in++;
		c->in_len += d->len;
	} else {
		c->nr_out++;
		c->out_len += d->len;
	}
	return true;
}

static struct vring_desc copy_desc(const struct vring_desc *d)
{
	return (struct vring_desc){
		.addr = READ_ONCE(d->addr), .len = READ_ONCE(d->len),
		.flags = READ_ONCE(d->flags), .next = READ_ONCE(d->next),
	};
}

/*
 * Follows a chain in a table of @size descriptors, which must end within as many. One in
 * the queue's own table may lead to a table of its own, and ends there.
 */
static bool follow(struct virtq *q, struct virtq_chain *c, const struct vring_desc *table,
		   __u32 size, __u16 at, bool nested)
{
	struct vring_desc d;
	__u32 i;

	for (i = 0; i < size; i++) {
		if (at >= size)
			return false;
		d = copy_desc(&table[at]);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			const struct vring_desc *inner = mem_ptr(q->mem, d.addr, d.len);

			if (nested || d.flags & VRING_DESC_F_NEXT || !inner || !d.len ||
			    d.addr % 16 || d.len % sizeof(d))
				return false;
			return follow(q, c, inner, d.len / sizeof(d), 0, true);
		}
		if (!add_segment(q, c, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		at = d.next;
	}
	return false;
}

/**
 * virtq_pop() - the next request
 *
 * Return: false when there is none; also for a driver that broke the rules, which
 * q->broken tells.
 */
bool virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	__u16 ready;

	if (q->broken)
		return false;
	/* What it names was written before. */
	ready = __atomic_load_n(&q->ring->idx, __ATOMIC_ACQUIRE);
	if (ready == q->next)
		return false;
	c->nr_out = 0;
	c->nr_in = 0;
	c->out_len = 0;
	c->in_len = 0;
	c->head = READ_ONCE(q->ring->ring[q->next & (q->size - 1)]);
	if ((__u16)(ready - q->next) > q->size ||
	    !follow(q, c, q->table, q->size, c->head, false)) {
		q->broken = true;
		return false;
	}
	q->next++;
	return true;
}

/**
 * virtq_push() - a request is done
 * @head: its number
 * @written: so many bytes were written into it
 */
void virtq_push(struct virtq *q, __u16 head, __u32 written)
{
	struct vring_used_elem *e = &q->done->ring[q->finished & (q->size - 1)];

	e->id = head;
	e->len = written;
	q->finished++;
	/* The element, and the data, before the index that tells of them. */
	__atomic_store_n(&q->done->idx, q->finished, __ATOMIC_RELEASE);
}

/* Is the driver to be interrupted for what was pushed since it was last? */
bool virtq_must_tell(struct virtq *q)
{
	__u16 old = q->told;
	bool valid = q->told_valid;

	if (q->broken)
		return false;
	/* The index, before what the driver wants is looked at. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(READ_ONCE(q->ring->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	q->told = q->finished;
	q->told_valid = true;
	if (valid && old == q->finished)
		return false;
	return !valid || vring_need_event(READ_ONCE(*used_event(q)), q->finished, old);
}

/**
 * virtq_want_kicks() - ask the driver to tell of new requests, or not to
 *
 * Return: true when requests came meanwhile, of which no word will come.
 */
bool virtq_want_kicks(struct virtq *q, bool want)
{
	if (q->broken)
		return false;
	if (!q->event_idx)
		__atomic_store_n(&q->done->flags, want ? 0 : VRING_USED_F_NO_NOTIFY,
				 __ATOMIC_RELAXED);
	else if (want)
		__atomic_store_n(avail_event(q), q->next, __ATOMIC_RELAXED);
	if (!want)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return READ_ONCE(q->ring->idx) != q->next;
}

static size_t copy(const struct iovec *iov, unsigned int n, size_t offset, void *data, size_t len,
		   bool to_guest)
{
	size_t done = 0;

	for (; n && done < len; n--, iov++) {
		size_t part;

		if (offset >= iov->iov_len) {
			offset -= iov->iov_len;
			continue;
		}
		part = iov->iov_len - offset;
		if (part > len - done)
			part = len - done;
		if (to_guest)
			memcpy((__u8 *)iov->iov_base + offset, (__u8 *)data + done, part);
		else
			memcpy((__u8 *)data + done, (__u8 *)iov->iov_base + offset, part);
		done += part;
		offset = 0;
	}
	return done;
}

/* From what the device reads of a request. Return: how much there was. */
size_t virtq_read(const struct virtq_chain *c, size_t offset, void *to, size_t len)
{
	return copy(c->iov, c->nr_out, offset, to, len, false);
}

/* Into what it writes. Return: for how much there was room. */
size_t virtq_write(const struct virtq_chain *c, size_t offset, const void *from, size_t len)
{
	return copy(c->iov + c->nr_out, c->nr_in, offset, (void *)from, len, true);
}
