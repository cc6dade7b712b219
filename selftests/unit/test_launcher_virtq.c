// SPDX-License-Identifier: GPL-2.0
/* The launcher's virtqueues: right requests, wrong ones, and any. */
// sources: ../../userspace-tool/virtq.c

#include "../../userspace-tool/launcher.h"
#include "../../userspace-tool/virtq.h"
#include "../lib/rng.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY	0x20000
#define SIZE	8
#define DESC	0x1000
#define AVAIL	0x2000
#define USED	0x3000
#define DATA	0x8000

static struct guest_mem mem;
static struct virtq q;
static struct virtq_chain c;

/* As mem.c's, with nothing above 4 GiB. */
void *mem_ptr(const struct guest_mem *m, __u64 gpa, __u64 len)
{
	return gpa > m->low || len > m->low - gpa ? NULL : m->base + gpa;
}

static void start(bool event_idx)
{
	memset(mem.base, 0, MEMORY);
	memset(&q, 0, sizeof(q));
	q.desc = DESC;
	q.avail = AVAIL;
	q.used = USED;
	q.size = SIZE;
	q.max_size = 256;
	tap_ok(!virtq_start(&q, &mem, event_idx), "virtq: starts");
}

static struct vring_desc *desc(unsigned int n)
{
	return (struct vring_desc *)(mem.base + DESC) + n;
}

static struct vring_avail *avail(void)
{
	return (struct vring_avail *)(mem.base + AVAIL);
}

static struct vring_used *used(void)
{
	return (struct vring_used *)(mem.base + USED);
}

static void set(unsigned int n, __u64 addr, __u32 len, __u16 flags, __u16 next)
{
	*desc(n) = (struct vring_desc){ addr, len, flags, next };
}

static void offer(__u16 head)
{
	avail()->ring[avail()->idx++ % SIZE] = head;
}

static void test_right(void)
{
	char text[8] = "";

	start(false);
	tap_ok(!virtq_pop(&q, &c) && !q.broken, "virtq: nothing yet");
	memcpy(mem.base + DATA, "abcdef", 6);
	set(3, DATA, 2, VRING_DESC_F_NEXT, 5);
	set(5, DATA + 2, 4, VRING_DESC_F_NEXT, 1);
	set(1, DATA + 0x100, 3, VRING_DESC_F_WRITE, 0);
	offer(3);
	tap_ok(virtq_pop(&q, &c) && c.head == 3 && c.nr_out == 2 && c.nr_in == 1 &&
	       c.out_len == 6 && c.in_len == 3, "virtq: a chain of three");
	tap_ok(virtq_read(&c, 1, text, 8) == 5 && !memcmp(text, "bcdef", 5),
	       "virtq: is read across");
	tap_ok(virtq_write(&c, 1, "xyz", 3) == 2 && !memcmp(mem.base + DATA + 0x100, "\0xy", 3),
	       "virtq: is written as far as there is room");
	virtq_push(&q, c.head, 3);
	tap_ok(used()->idx == 1 && used()->ring[0].id == 3 && used()->ring[0].len == 3,
	       "virtq: is done");
	tap_ok(virtq_must_tell(&q), "virtq: and told");
	avail()->flags = VRING_AVAIL_F_NO_INTERRUPT;
	tap_ok(!virtq_must_tell(&q), "virtq: unless that is not wanted");
	tap_ok(!virtq_pop(&q, &c), "virtq: each once");

	/* An indirect table behind a direct descriptor. */
	set(0, DATA, 1, VRING_DESC_F_NEXT, 2);
	set(2, DATA + 0x1000, 32, VRING_DESC_F_INDIRECT, 0);
	((struct vring_desc *)(mem.base + DATA + 0x1000))[0] =
		(struct vring_desc){ DATA + 4, 2, VRING_DESC_F_NEXT, 1 };
	((struct vring_desc *)(mem.base + DATA + 0x1000))[1] =
		(struct vring_desc){ DATA + 0x100, 9, VRING_DESC_F_WRITE, 0 };
	offer(0);
	tap_ok(virtq_pop(&q, &c) && c.nr_out == 2 && c.nr_in == 1 && c.in_len == 9,
	       "virtq: a table of its own");
}

static void test_events(void)
{
	unsigned int i;

	start(true);
	set(0, DATA, 1, 0, 0);
	for (i = 0; i < 4; i++) {
		offer(0);
		virtq_pop(&q, &c);
		virtq_push(&q, 0, 0);
	}
	tap_ok(virtq_must_tell(&q), "virtq: the first time it is told");
	*(__u16 *)&avail()->ring[SIZE] = 5;	/* used_event */
	offer(0);
	virtq_pop(&q, &c);
	virtq_push(&q, 0, 0);
	tap_ok(!virtq_must_tell(&q), "virtq: not before the index that the driver waits for");
	offer(0);
	virtq_pop(&q, &c);
	virtq_push(&q, 0, 0);
	tap_ok(virtq_must_tell(&q), "virtq: at it");
	tap_ok(!virtq_must_tell(&q), "virtq: once");
	tap_ok(!virtq_want_kicks(&q, true) && *(__u16 *)&used()->ring[SIZE] == 6,
	       "virtq: asks for word of the next request");
	offer(0);
	tap_ok(virtq_want_kicks(&q, true), "virtq: sees what came meanwhile");
}

/* Each is a queue with one request. */
static void wrong(const char *what)
{
	offer(0);
	tap_ok(!virtq_pop(&q, &c) && q.broken, "virtq: %s", what);
	start(false);
}

static void test_wrong(void)
{
	unsigned int i;

	start(false);
	set(0, MEMORY - 4, 8, 0, 0);
	wrong("beyond the end of memory");
	set(0, ~0ull - 3, 8, 0, 0);
	wrong("an address that wraps");
	set(0, DATA, 0, 0, 0);
	wrong("no length");
	set(0, DATA, 1, VRING_DESC_F_NEXT, SIZE);
	set(SIZE, DATA, 1, 0, 0);
	wrong("a next one that does not exist");
	set(0, DATA, 1, VRING_DESC_F_NEXT, 0);
	wrong("a loop of one");
	for (i = 0; i < SIZE; i++)
		set(i, DATA, 1, VRING_DESC_F_NEXT, (i + 1) % SIZE);
	wrong("a loop of all");
	set(0, DATA, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	set(1, DATA, 1, 0, 0);
	wrong("to be read after to be written");
	set(0, DATA, 24, VRING_DESC_F_INDIRECT, 0);
	*(struct vring_desc *)(mem.base + DATA) = (struct vring_desc){ DATA, 1, 0, 0 };
	wrong("half a table");
	set(0, DATA + 8, 16, VRING_DESC_F_INDIRECT, 0);
	memcpy(mem.base + DATA + 8, &(struct vring_desc){ DATA, 1, 0, 0 }, 16);
	wrong("a table askew");
	set(0, DATA, 16, VRING_DESC_F_INDIRECT, 0);
	*(struct vring_desc *)(mem.base + DATA) =
		(struct vring_desc){ DATA, 16, VRING_DESC_F_INDIRECT, 0 };
	wrong("a table in a table");
	set(0, DATA, 0x10000, VRING_DESC_F_INDIRECT, 0);
	for (i = 0; i < 0x1000; i++)
		((struct vring_desc *)(mem.base + DATA))[i] =
			(struct vring_desc){ 0, 1, VRING_DESC_F_NEXT, i + 1 };
	wrong("a table that is too long");
	set(0, DATA, 1, 0, 0);
	avail()->idx = SIZE;
	wrong("more requests than there are descriptors");
	avail()->ring[0] = SIZE;
	avail()->idx = 1;
	set(SIZE, DATA, 1, 0, 0);
	tap_ok(!virtq_pop(&q, &c) && q.broken, "virtq: a head that does not exist");
	q.avail = MEMORY - 4;
	tap_ok(virtq_start(&q, &mem, false) && !virtq_pop(&q, &c), "virtq: a ring beyond memory");
	q.avail = AVAIL;
	q.size = 6;
	tap_ok(virtq_start(&q, &mem, false), "virtq: a size that is no power of two");
	q.size = 512;
	tap_ok(virtq_start(&q, &mem, false), "virtq: a size above the largest");
	q.size = SIZE;
	q.desc = DESC + 8;
	tap_ok(virtq_start(&q, &mem, false), "virtq: a table askew");
}

/* Whatever stands in the rings: what comes out lies in memory, and it ends. */
static void test_any(unsigned int rounds)
{
	struct rng r = { 1 };
	unsigned int i, j, popped = 0, broken = 0;
	bool inside = true;

	for (i = 0; i < rounds; i++) {
		memset(mem.base, 0, MEMORY);
		memset(&q, 0, sizeof(q));
		q = (struct virtq){ .desc = DESC, .avail = AVAIL, .used = USED, .size = SIZE,
				    .max_size = 256 };
		virtq_start(&q, &mem, i & 1);
		for (j = 0; j < SIZE; j++) {
			__u64 v = rng_next(&r);

			/* Mostly right. */
			set(j, v % 8 ? DATA + v % 0x10000 : v, v >> 20 & 0xff,
			    v >> 32 & (v % 16 ? 3 : 7), v >> 40 & (v % 32 ? 7 : 15));
		}
		for (j = 0; j < SIZE; j++)
			avail()->ring[j] = rng_next(&r) % 9;
		avail()->idx = rng_next(&r) % 10;
		while (virtq_pop(&q, &c)) {
			for (j = 0; j < c.nr_in + c.nr_out; j++) {
				__u8 *p = c.iov[j].iov_base;

				inside &= p >= mem.base && c.iov[j].iov_len <= mem.low &&
					  p + c.iov[j].iov_len <= mem.base + mem.low;
			}
			virtq_push(&q, c.head, 0);
			virtq_must_tell(&q);
			popped++;
		}
		broken += q.broken;
	}
	tap_ok(inside && popped && broken, "virtq: %u requests of any kind, %u broken queues of %u",
	       popped, broken, rounds);
}

int main(int argc, char **argv)
{
	mem.base = aligned_alloc(4096, MEMORY);
	mem.low = MEMORY;
	test_right();
	test_events();
	test_wrong();
	test_any(argc > 1 ? atoi(argv[1]) : 20000);
	free(mem.base);
	return tap_done();
}
