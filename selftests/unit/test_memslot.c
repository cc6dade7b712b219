// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of memory slots: what is refused, what a request changes, and whether
 * a search finds what a look at every slot finds.
 */
// sources: ../../module/mmu/slots.c

#include <stdio.h>
#include <stdlib.h>

#include "mmu/slots.h"
#include "tap.h"

#define NR_SLOTS	64
#define PAGE		4096ull
#define LOG		KVM_MEM_LOG_DIRTY_PAGES
#define RO		KVM_MEM_READONLY

static const struct strata_slot_limits limits = {
	.nr_slots = NR_SLOTS,
	.gfn_end = 1ull << 36,
	.hva_end = 0x7ffffffff000ull,
};

static struct strata_memslots *slots;

static struct strata_memslots *new_set(void)
{
	return calloc(1, sizeof(*slots) + (NR_SLOTS + 1) * sizeof(slots->slot[0]));
}

static int change(u32 id, u32 flags, u64 gpa, u64 size, u64 hva, enum strata_slot_change *what)
{
	struct kvm_userspace_memory_region r = { id, flags, gpa, size, hva };
	struct strata_slot_plan plan;
	struct strata_memslots *next;
	int err = strata_slots_plan(slots, &r, &limits, &plan);

	if (what)
		*what = plan.change;
	if (err || plan.change == STRATA_SLOT_SAME)
		return err;
	next = new_set();
	strata_slots_apply(next, slots, &plan);
	free(slots);
	slots = next;
	return 0;
}

static void start(void)
{
	free(slots);
	slots = new_set();
	change(0, 0, 0, 160 * PAGE, 0x10000000, NULL);
	change(1, LOG, 1 << 20, 1024 * PAGE, 0x20000000, NULL);
	change(2, RO, 0xfffc0000, 64 * PAGE, 0x30000000, NULL);
}

static const struct {
	const char *name;
	u32 id, flags;
	u64 gpa, size, hva;
	int want;	/* -errno, or enum strata_slot_change */
} table[] = {
	{ "create", 5, 0, 0x80000000, PAGE, 0x1000, STRATA_SLOT_CREATE },
	{ "create: both flags", 5, LOG | RO, 0x80000000, PAGE, 0x1000, STRATA_SLOT_CREATE },
	{ "create: behind another", 5, 0, 160 * PAGE, PAGE, 0x1000, STRATA_SLOT_CREATE },
	{ "create: before another", 5, 0, (1 << 20) - PAGE, PAGE, 0x1000, STRATA_SLOT_CREATE },
	{ "create: same host memory", 5, 0, 0x80000000, 160 * PAGE, 0x10000000,
	  STRATA_SLOT_CREATE },
	{ "create: last guest page", 5, 0, (1ull << 48) - PAGE, PAGE, 0x1000,
	  STRATA_SLOT_CREATE },
	{ "create: last host page", 5, 0, 0x80000000, PAGE, 0x7fffffffe000,
	  STRATA_SLOT_CREATE },
	{ "create: largest", 5, 0, 1ull << 44, STRATA_SLOT_MAX_PAGES * PAGE, 0,
	  STRATA_SLOT_CREATE },
	{ "last id", NR_SLOTS - 1, 0, 0x80000000, PAGE, 0x1000, STRATA_SLOT_CREATE },
	{ "id too large", NR_SLOTS, 0, 0x80000000, PAGE, 0x1000, -EINVAL },
	{ "another address space", 1 << 16, 0, 0x80000000, PAGE, 0x1000, -EINVAL },
	{ "id -1", ~0u, 0, 0x80000000, PAGE, 0x1000, -EINVAL },
	{ "unknown flag", 5, 4, 0x80000000, PAGE, 0x1000, -EINVAL },
	{ "all flags", 5, ~0u, 0x80000000, PAGE, 0x1000, -EINVAL },
	{ "size not of pages", 5, 0, 0x80000000, PAGE + 1, 0x1000, -EINVAL },
	{ "guest address not of a page", 5, 0, 0x80000800, PAGE, 0x1000, -EINVAL },
	{ "host address not of a page", 5, 0, 0x80000000, PAGE, 0x1001, -EINVAL },
	{ "guest address wraps", 5, 0, -PAGE, 2 * PAGE, 0x1000, -EINVAL },
	{ "guest address wraps to zero", 5, 0, -PAGE, PAGE, 0x1000, -EINVAL },
	{ "guest address out of reach", 5, 0, 1ull << 48, PAGE, 0x1000, -EINVAL },
	{ "guest range out of reach", 5, 0, (1ull << 48) - PAGE, 2 * PAGE, 0x1000, -EINVAL },
	{ "host address wraps", 5, 0, 0x80000000, 2 * PAGE, -PAGE, -EINVAL },
	{ "host address of the kernel", 5, 0, 0x80000000, PAGE, 0xffff888000000000, -EINVAL },
	{ "host address not canonical", 5, 0, 0x80000000, PAGE, 0x800000000000, -EINVAL },
	{ "host range ends in the kernel", 5, 0, 0x80000000, 2 * PAGE, 0x7fffffffe000, -EINVAL },
	{ "too large", 5, 0, 1ull << 44, (STRATA_SLOT_MAX_PAGES + 1) * PAGE, 0, -EINVAL },
	{ "size of all ones", 5, 0, 0, -PAGE, 0, -EINVAL },
	{ "delete", 1, 0, 0, 0, 0, STRATA_SLOT_DELETE },
	{ "delete what is not there", 5, 0, 0, 0, 0, -EINVAL },
	{ "delete with an unknown flag", 1, 8, 0, 0, 0, -EINVAL },
	{ "the same again", 1, LOG, 1 << 20, 1024 * PAGE, 0x20000000, STRATA_SLOT_SAME },
	{ "dirty log off", 1, 0, 1 << 20, 1024 * PAGE, 0x20000000, STRATA_SLOT_FLAGS },
	{ "dirty log on", 0, LOG, 0, 160 * PAGE, 0x10000000, STRATA_SLOT_FLAGS },
	{ "made read-only", 0, RO, 0, 160 * PAGE, 0x10000000, -EINVAL },
	{ "made writable", 2, 0, 0xfffc0000, 64 * PAGE, 0x30000000, -EINVAL },
	{ "other host memory", 0, 0, 0, 160 * PAGE, 0x40000000, -EINVAL },
	{ "other size", 0, 0, 0, 161 * PAGE, 0x10000000, -EINVAL },
	{ "move", 0, 0, 0x80000000, 160 * PAGE, 0x10000000, STRATA_SLOT_MOVE },
	{ "move over its own place", 1, LOG, (1 << 20) + PAGE, 1024 * PAGE, 0x20000000,
	  STRATA_SLOT_MOVE },
	{ "move with the log on", 0, LOG, 0x80000000, 160 * PAGE, 0x10000000,
	  STRATA_SLOT_MOVE },
	{ "move onto another", 0, 0, 1 << 20, 160 * PAGE, 0x10000000, -EEXIST },
	{ "create: the same place", 5, 0, 0, PAGE, 0x1000, -EEXIST },
	{ "create: over the end", 5, 0, 159 * PAGE, 2 * PAGE, 0x1000, -EEXIST },
	{ "create: over the start", 5, 0, (1 << 20) - PAGE, 2 * PAGE, 0x1000, -EEXIST },
	{ "create: around", 5, 0, (1 << 20) - PAGE, 1026 * PAGE, 0x1000, -EEXIST },
	{ "create: inside", 5, 0, (1 << 20) + PAGE, PAGE, 0x1000, -EEXIST },
};

static void test_table(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		enum strata_slot_change what;
		int err;

		start();
		err = change(table[i].id, table[i].flags, table[i].gpa, table[i].size,
			     table[i].hva, &what);
		tap_ok((err ?: (int)what) == table[i].want, "%s (%d, change %d)",
		       table[i].name, err, what);
	}
}

/* All slots together are bounded too. */
static void test_total(void)
{
	u64 size = STRATA_SLOT_MAX_PAGES * PAGE;

	free(slots);
	slots = new_set();
	tap_ok(!change(0, 0, 0, size, 0, NULL) && !change(1, 0, size, size, 0, NULL) &&
	       !change(2, 0, 2 * size, 2 * PAGE, 0, NULL), "slots up to the sum allowed");
	tap_ok(change(3, 0, 3 * size, PAGE, 0, NULL) == -EINVAL, "and not a page more");
	tap_ok(!change(2, 0, 0, 0, 0, NULL) && !change(3, 0, 3 * size, PAGE, 0, NULL),
	       "deleted ones do not count");
}

/* A dirty bitmap goes with its slot as long as the log is on. */
static void test_bitmap(void)
{
	unsigned long bitmap[16];

	start();
	strata_slot_by_id(slots, 1)->dirty = bitmap;
	change(1, LOG, 1ull << 32, 1024 * PAGE, 0x20000000, NULL);
	tap_ok(strata_slot_by_id(slots, 1)->dirty == bitmap, "a move keeps the dirty bitmap");
	change(1, 0, 1ull << 32, 1024 * PAGE, 0x20000000, NULL);
	tap_ok(!strata_slot_by_id(slots, 1)->dirty, "the log off drops it");
	change(1, 0, 0, 0, 0, NULL);
	change(1, LOG, 1ull << 32, 1024 * PAGE, 0x20000000, NULL);
	tap_ok(!strata_slot_by_id(slots, 1)->dirty, "a slot made again has none yet");
}

static struct strata_memslot *look_at_all(u64 gfn)
{
	unsigned int i;

	for (i = 0; i < slots->nr; i++) {
		const struct strata_memslot *s = &slots->slot[i];

		if (gfn >= s->base && gfn < s->base + s->npages)
			return &slots->slot[i];
	}
	return NULL;
}

static void test_random(void)
{
	unsigned int step, i, wrong = 0, unsorted = 0, total_off = 0, most = 0;

	free(slots);
	slots = new_set();
	srandom(1);
	for (step = 0; step < 20000; step++) {
		u64 total = 0, gfn = random() % 2048;

		change(random() % NR_SLOTS, random() % 3 ? 0 : LOG, (u64)(random() % 2048) * PAGE,
		       random() % 8 ? (1 + random() % 40) * PAGE : 0,
		       (1 + random() % 4) * PAGE, NULL);
		for (i = 0; i < slots->nr; i++) {
			const struct strata_memslot *s = &slots->slot[i];

			total += s->npages;
			unsorted += i && s->base < s[-1].base + s[-1].npages;
			wrong += strata_slot_by_id(slots, s->id) != s;
			/* the borders, each with the hint that the last one left */
			wrong += strata_slot_find(slots, s->base) != s;
			wrong += strata_slot_find(slots, s->base - 1) != look_at_all(s->base - 1);
			wrong += strata_slot_find(slots, s->base + s->npages) !=
				 look_at_all(s->base + s->npages);
			wrong += strata_slot_hva(s, s->base + s->npages - 1) !=
				 s->hva + (s->npages - 1) * PAGE;
		}
		total_off += total != slots->total;
		wrong += strata_slot_find(slots, gfn) != look_at_all(gfn);
		wrong += strata_slot_find(slots, ~0ull) != NULL;
		most = slots->nr > most ? slots->nr : most;
	}
	tap_ok(most > 20, "random: up to %u slots", most);
	tap_ok(!unsorted, "random: always sorted, without overlap");
	tap_ok(!total_off, "random: the sum is right");
	tap_ok(!wrong, "random: a search finds what is there (%u wrong)", wrong);
}

int main(void)
{
	test_table();
	test_total();
	test_bitmap();
	test_random();
	free(slots);
	return tap_done();
}
