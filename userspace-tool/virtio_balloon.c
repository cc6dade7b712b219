// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a guest gives back (VIRTIO 1.2, 5.5): what it reports as free, at once and
 * by itself; what we ask it for, by inflating a balloon; and what it says of its memory.
 *
 * A page that is given back is one of zeros when the guest comes to it again.
 */

#include "balloon.h"
#include "launcher.h"
#include "virtio.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { INFLATE, DEFLATE, STATS, REPORT, NR_QUEUES };

#define QUEUE		128
#define PAGE		(1ULL << VIRTIO_BALLOON_PFN_SHIFT)
#define WAIT_NS		500000000

struct balloon {
	struct virtio_dev dev;
	struct virtio_balloon_config config;
	struct balloon_state state;
	__u64 report_bytes;		/* given back by reports, in all */
	/* the guest's buffer for statistics is kept until somebody wants new ones */
	bool have_buffer;
	__u16 buffer;
	pthread_cond_t fresh;
};

static struct balloon *of_dev(struct virtio_dev *dev)
{
	return (struct balloon *)dev;
}

static void give_back(const struct balloon *b, void *page, size_t len)
{
	/* What is shared stays in its file, unless that loses it. */
	int advice = b->dev.pci.vm->mem.fd < 0 ? MADV_DONTNEED : MADV_REMOVE;

	/* Only whole pages of this host's; a mapping that has none to give stays. */
	if (!((uintptr_t)page % SZ_4K) && !(len % SZ_4K))
		madvise(page, len, advice);
}

/* The guest names its pages by number, 32 bits each. */
static void inflate(struct balloon *b, const struct virtq_chain *c, bool give)
{
	__le32 pfn[256];
	size_t offset = 0, n, i;
	void *page;

	while ((n = virtq_read(c, offset, pfn, sizeof(pfn)) / sizeof(pfn[0]))) {
		for (i = 0; give && i < n; i++) {
			page = mem_ptr(&b->dev.pci.vm->mem, pfn[i] * PAGE, PAGE);
			if (page)
				give_back(b, page, PAGE);
		}
		offset += n * sizeof(pfn[0]);
	}
}

static void report(struct balloon *b, const struct virtq_chain *c)
{
	unsigned int i;

	for (i = c->nr_out; i < c->nr_out + c->nr_in; i++) {
		give_back(b, c->iov[i].iov_base, c->iov[i].iov_len);
		b->report_bytes += c->iov[i].iov_len;
	}
}

static void take_stats(struct balloon *b, const struct virtq_chain *c)
{
	struct virtio_balloon_stat s;
	size_t offset;

	for (offset = 0; virtq_read(c, offset, &s, sizeof(s)) == sizeof(s); offset += sizeof(s)) {
		switch (s.tag) {
		case VIRTIO_BALLOON_S_MEMFREE:
			b->state.guest_free = s.val;
			break;
		case VIRTIO_BALLOON_S_MEMTOT:
			b->state.guest_total = s.val;
			break;
		case VIRTIO_BALLOON_S_AVAIL:
			b->state.guest_available = s.val;
			break;
		case VIRTIO_BALLOON_S_CACHES:
			b->state.guest_caches = s.val;
			break;
		}
	}
	b->state.has_stats = true;
	pthread_cond_broadcast(&b->fresh);
}

/* A second buffer while we have one breaks the rules, and replaces it. */
static void keep_buffer(struct balloon *b, const struct virtq_chain *c)
{
	if (b->have_buffer)
		virtio_done(&b->dev, STATS, b->buffer, 0);
	b->buffer = c->head;
	b->have_buffer = true;
	take_stats(b, c);
}

static void balloon_kick(struct virtio_dev *dev, unsigned int queue)
{
	struct virtq *q = &dev->queues[queue];
	struct balloon *b = of_dev(dev);
	struct virtq_chain c;

	do {
		virtq_want_kicks(q, false);
		while (virtq_pop(q, &c)) {
			if (queue == STATS) {
				keep_buffer(b, &c);
				continue;
			}
			if (queue == REPORT)
				report(b, &c);
			else
				inflate(b, &c, queue == INFLATE);
			virtq_push(q, c.head, 0);
		}
	} while (virtq_want_kicks(q, true));
	virtio_tell(dev, queue);
}

static void balloon_stop(struct virtio_dev *dev)
{
	struct balloon *b = of_dev(dev);

	b->have_buffer = false;
	b->state.has_stats = false;
}

/* The driver writes how large the balloon is. */
static void balloon_configured(struct virtio_dev *dev, unsigned int offset, unsigned int len)
{
	(void)dev;
	(void)offset;
	(void)len;
}

static const struct virtio_ops balloon_ops = {
	.id = VIRTIO_ID_BALLOON,
	.class = 0x00ff00,
	.nr_queues = NR_QUEUES,
	.stop = balloon_stop,
	.kick = balloon_kick,
	.configured = balloon_configured,
};

int balloon_add(struct vm *vm)
{
	struct balloon *b = calloc(1, sizeof(*b));
	unsigned int i;

	if (!b) {
		err("no memory for the balloon");
		return -1;
	}
	pthread_cond_init(&b->fresh, NULL);
	for (i = 0; i < NR_QUEUES; i++)
		b->dev.queues[i].max_size = QUEUE;
	b->dev.config = &b->config;
	b->dev.config_len = sizeof(b->config);
	/* Linux numbers its queues by the features that there are: these four. */
	b->dev.offered = BIT_ULL(VIRTIO_BALLOON_F_STATS_VQ) |
			 BIT_ULL(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
			 BIT_ULL(VIRTIO_BALLOON_F_REPORTING);
	vm->balloon = &b->dev;
	return virtio_add(vm, &b->dev, &balloon_ops, "balloon");
}

/**
 * balloon_set() - ask the guest for memory, or give it some again
 * @bytes: how large the balloon is to be; the guest needs its time, and may refuse
 */
void balloon_set(struct vm *vm, __u64 bytes)
{
	struct balloon *b = of_dev(vm->balloon);

	pthread_mutex_lock(&b->dev.worker.lock);
	b->config.num_pages = bytes / PAGE;
	virtio_config_changed(&b->dev);
	pthread_mutex_unlock(&b->dev.worker.lock);
}

/* What the guest says now, or what it said last. */
void balloon_get(struct vm *vm, struct balloon_state *state)
{
	struct balloon *b = of_dev(vm->balloon);
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += WAIT_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&b->dev.worker.lock);
	if (b->have_buffer && !vm->paused) {
		b->have_buffer = false;
		virtio_done(&b->dev, STATS, b->buffer, 0);
		while (!b->have_buffer &&
		       !pthread_cond_timedwait(&b->fresh, &b->dev.worker.lock, &until))
			;
	}
	*state = b->state;
	state->target = b->config.num_pages * PAGE;
	state->actual = b->config.actual * PAGE;
	state->reported = b->report_bytes;
	pthread_mutex_unlock(&b->dev.worker.lock);
}
