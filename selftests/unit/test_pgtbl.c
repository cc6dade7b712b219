// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page tables, against a model of the hardware that uses them: a
 * walker written from the manuals, a TLB, and a cache of pointers to tables.
 * A table that the model may still be walking must not be freed.
 */
// sources: ../../module/mmu/pgtbl.c

#include <stdio.h>
#include <stdlib.h>

#include "mmu/pgtbl.h"
#include "tap.h"

/* ---- pages for tables ---- */

#define MAX_TABLES	4096

static u64 *pages[MAX_TABLES];
static unsigned int nr_pages, freed_early, allowed = ~0u;

/* Tables that the hardware could reach at some time since the last flush. */
static u64 *reachable[MAX_TABLES];
static unsigned int nr_reachable;

void *strata_pt_page_alloc(void)
{
	u64 *page;

	if (!allowed)
		return NULL;
	allowed--;
	page = aligned_alloc(4096, 4096);
	memset(page, 0, 4096);
	pages[nr_pages++] = page;
	return page;
}

void strata_pt_page_free(void *page)
{
	unsigned int i;

	for (i = 0; i < nr_reachable; i++) {
		if (reachable[i] == page)
			freed_early++;
	}
	for (i = 0; i < nr_pages && pages[i] != page; i++)
		;
	if (i == nr_pages)
		abort();
	pages[i] = pages[--nr_pages];
	/* Whoever walks it from now on is caught by the sanitizer. */
	free(page);
}

void *strata_pt_va(u64 pa)
{
	return (void *)(uintptr_t)pa;
}

u64 strata_pt_pa(void *va)
{
	return (uintptr_t)va;
}

/* ---- the hardware ---- */

struct kind {
	const char *name;
	const struct strata_pt_format *fmt;
	unsigned int levels;
	bool ept, ad;
};

static const struct kind kinds[] = {
	{ "NPT, 4 levels", &strata_npt_format, 4, false, true },
	{ "NPT, 5 levels", &strata_npt_format, 5, false, true },
	{ "EPT", &strata_ept_format, 4, true, true },
	{ "EPT without A/D bits", &strata_ept_noad_format, 4, true, false },
};

struct translation {
	bool ok, write, exec, uncached;
	u64 pfn;
	unsigned int level;
};

static const struct kind *kind;
static struct strata_pgtbl pt;
static unsigned int flushes, bad_entries;

/* As the manual says, with nothing taken from pgtbl.c. */
static struct translation hw_walk(u64 gfn, bool use, bool writes)
{
	struct translation t = { .write = true, .exec = true };
	u64 *table = pt.root;
	unsigned int level;

	for (level = kind->levels; level; level--) {
		u64 *e = table + ((gfn >> (9 * (level - 1))) & 511);
		u64 pte = *e;
		bool large = level > 1 && (pte >> 7 & 1);
		u64 address = pte & 0x000ffffffffff000ull;

		if (!(pte & (kind->ept ? 7 : 1))) {
			if (pte)
				bad_entries++;
			return t;
		}
		if (kind->ept) {
			t.write &= pte >> 1 & 1;
			t.exec &= pte >> 2 & 1;
			if (!(pte & 1) || (level > 3 && large))
				bad_entries++;
		} else {
			t.write &= pte >> 1 & 1;
			t.exec &= !(pte >> 63);
			if (!(pte >> 2 & 1) || (level > 3 && large))
				bad_entries++;
		}
		if (level == 1 || large) {
			u64 pages_of = 1ull << (9 * (level - 1));

			if (address & (pages_of * 4096 - 1))
				bad_entries++;
			if (kind->ept) {
				if ((pte >> 3 & 7) == 6 && (pte >> 6 & 1))
					t.uncached = false;
				else if (!(pte >> 3 & 15))
					t.uncached = true;
				else
					bad_entries++;
			} else if (pte & (BIT_ULL(3) | BIT_ULL(4) | (level == 1 ? BIT_ULL(7) : 0))) {
				bad_entries++;
			}
			if (use && kind->ad) {
				*e |= kind->ept ? BIT_ULL(8) : BIT_ULL(5);
				if (writes && t.write)
					*e |= kind->ept ? BIT_ULL(9) : BIT_ULL(6);
			}
			t.ok = true;
			t.level = level;
			t.pfn = address / 4096 + (gfn & (pages_of - 1));
			return t;
		}
		if (kind->ept && (pte & 0xf8))
			bad_entries++;
		table = strata_pt_va(address);
	}
	return t;
}

static void reach(u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; i < nr_reachable && reachable[i] != table; i++)
		;
	if (i == nr_reachable)
		reachable[nr_reachable++] = table;
	for (i = 0; level > 1 && i < 512; i++) {
		u64 pte = table[i];

		if ((pte & 1) && !(pte >> 7 & 1))
			reach(strata_pt_va(pte & 0x000ffffffffff000ull), level - 1);
	}
}

#define NR_TLB	64
static struct {
	bool valid;
	u64 gfn;
	struct translation t;
} tlb[NR_TLB];

static void hw_flush(struct strata_pgtbl *p)
{
	flushes++;
	memset(tlb, 0, sizeof(tlb));
	nr_reachable = 0;
	reach(p->root, p->levels);
}

/* A TLB entry in [start, end) that allows writing, if @write. */
static bool hw_cached(u64 start, u64 end, bool write)
{
	unsigned int i;

	for (i = 0; i < NR_TLB; i++) {
		if (tlb[i].valid && tlb[i].gfn >= start && tlb[i].gfn < end &&
		    (!write || tlb[i].t.write))
			return true;
	}
	return false;
}

static void begin(const struct kind *k)
{
	kind = k;
	flushes = 0;
	freed_early = 0;
	bad_entries = 0;
	nr_reachable = 0;
	memset(tlb, 0, sizeof(tlb));
	if (strata_pt_init(&pt, k->fmt, k->levels, 3, hw_flush))
		abort();
	reach(pt.root, pt.levels);
}

static void fill_pool(void)
{
	while (pt.nr_pool < STRATA_PT_POOL)
		strata_pt_pool_add(&pt, strata_pt_page_alloc());
}

static int map(u64 gfn, u64 pfn, unsigned int level, u32 flags)
{
	int r;

	fill_pool();
	r = strata_pt_map(&pt, gfn, pfn, level, flags);
	reach(pt.root, pt.levels);
	return r;
}

static void unmap(u64 start, u64 end)
{
	struct strata_gather g;

	strata_gather_begin(&g, &pt);
	strata_pt_unmap(&g, start, end);
	strata_gather_end(&g);
}

static void end(const char *what)
{
	nr_reachable = 0;
	strata_pt_destroy(&pt);
	tap_ok(!nr_pages && !pt.nr_tables, "%s: %s: every table was freed", kind->name, what);
	tap_ok(!freed_early, "%s: %s: no table was freed before the flush", kind->name, what);
	tap_ok(!bad_entries, "%s: %s: entries are as the manual wants them", kind->name, what);
}

#define W	STRATA_PT_WRITE
#define X	STRATA_PT_EXEC
#define WX	(W | X)

#define IS(gfn_, pfn_, level_, w_, what)					\
do {										\
	struct translation t_ = hw_walk(gfn_, false, false);			\
										\
	tap_ok(t_.ok && t_.pfn == (pfn_) && t_.level == (level_) &&		\
	       t_.write == (w_), "%s: %s", kind->name, what);			\
} while (0)

#define ABSENT(gfn_, what)							\
	tap_ok(!hw_walk(gfn_, false, false).ok, "%s: %s", kind->name, what)

/* ---- one thing at a time ---- */

static void test_map(void)
{
	u64 last = strata_pt_end(kind->levels) - 1;

	tap_ok(map(0x1234, 0xabcd, 1, WX) == 0, "%s: a page is mapped", kind->name);
	IS(0x1234, 0xabcd, 1, true, "a page translates");
	tap_ok(hw_walk(0x1234, false, false).exec, "%s: it is executable", kind->name);
	tap_ok(!hw_walk(0x1234, false, false).uncached, "%s: it is cached", kind->name);
	ABSENT(0x1235, "its neighbour does not");
	tap_ok(map(0x1234, 0xabcd, 1, WX) == 1, "%s: twice is told", kind->name);
	tap_ok(map(0x1234, 0xabcd, 1, X) == 1, "%s: fewer rights: it stays", kind->name);
	IS(0x1234, 0xabcd, 1, true, "and is writable");
	map(0x2000, 1, 1, 0);
	tap_ok(!hw_walk(0x2000, false, false).exec, "%s: not executable", kind->name);
	map(last, 0xfee00, 1, WX | STRATA_PT_DEVICE);
	IS(last, 0xfee00, 1, true, "the last page translates");
	tap_ok(hw_walk(last, false, false).uncached == kind->ept,
	       "%s: devices have the format's memory type", kind->name);
	map(0x40000 + 3, 0x80000 + 3, 2, WX);
	IS(0x40000, 0x80000, 2, true, "2M: rounded down");
	IS(0x401ff, 0x801ff, 2, true, "2M: the last page");
	map(0x7 << 18, 0x9 << 18, 3, WX);
	IS((0x7 << 18) + 0x3ffff, (0x9 << 18) + 0x3ffff, 3, true, "1G");
	tap_ok(map((0x7 << 18) + 5, (0x9 << 18) + 5, 1, WX) == 1,
	       "%s: a page inside 1G of the same memory is there", kind->name);
	IS((0x7 << 18) + 5, (0x9 << 18) + 5, 3, true, "and 1G stays");
	tap_ok(!flushes, "%s: mapping alone flushes nothing", kind->name);
}

static void test_upgrade(void)
{
	map(0x10, 0x100, 1, X);
	IS(0x10, 0x100, 1, false, "read-only");
	tap_ok(map(0x10, 0x100, 1, WX) == 0, "%s: more rights are news", kind->name);
	IS(0x10, 0x100, 1, true, "more rights");
	tap_ok(!flushes, "%s: more rights need no flush", kind->name);
	tap_ok(map(0x10, 0x101, 1, X) == 0, "%s: other memory is news", kind->name);
	IS(0x10, 0x101, 1, false, "other memory, with its own rights");
	tap_ok(flushes == 1, "%s: other memory needs a flush", kind->name);
}

static void test_split(void)
{
	unsigned long tables;

	map(0, 0x40000, 3, X);
	tables = pt.nr_tables;
	tap_ok(map(0x201, 0x40201, 1, WX) == 0, "%s: a page of 1G is made writable", kind->name);
	tap_ok(pt.nr_tables == tables + 2, "%s: split: two tables more", kind->name);
	IS(0x201, 0x40201, 1, true, "split: the page");
	IS(0x200, 0x40200, 1, false, "split: the page before");
	IS(0x3ff, 0x403ff, 1, false, "split: the last of its 2M");
	IS(0x400, 0x40400, 2, false, "split: the next 2M");
	IS(0x3ffff, 0x7ffff, 2, false, "split: the last of 1G");
	tap_ok(flushes == 2, "%s: split: a flush for each", kind->name);
	tap_ok(map(0x205, 0x5, 1, X) == 0, "%s: other memory in between", kind->name);
	tap_ok(map(0x600 + 7, 0x99, 1, X) == 0, "%s: other memory splits 2M", kind->name);
	IS(0x607, 0x99, 1, false, "other memory inside what was 2M");
	IS(0x606, 0x40606, 1, false, "what is around it stays");
}

/* Only 4K executes: a fetch splits, for good; data has large mappings where nobody executes. */
static void test_small_exec(void)
{
	unsigned long tables;
	unsigned int i;

	pt.small_exec = true;
	map(0, 0x40000, 3, WX);
	IS(5, 0x40005, 3, true, "small_exec: 1G for data");
	tap_ok(!hw_walk(5, false, false).exec, "%s: small_exec: not executable", kind->name);
	tables = pt.nr_tables;
	map(0x205, 0x40205, 1, WX);
	IS(0x205, 0x40205, 1, true, "small_exec: the page it wants");
	tap_ok(hw_walk(0x205, false, false).exec && hw_walk(0x3ff, false, false).exec,
	       "%s: small_exec: it and its neighbours execute", kind->name);
	tap_ok(!hw_walk(0x400, false, false).exec, "%s: small_exec: the next 2M does not",
	       kind->name);
	tap_ok(pt.nr_tables == tables + 2, "%s: small_exec: two tables more", kind->name);
	tap_ok(map(0x205, 0x40205, 1, WX) == 1, "%s: small_exec: once", kind->name);
	tap_ok(map(0x200, 0x40200, 2, WX) == 1, "%s: small_exec: large ones do not come back",
	       kind->name);
	IS(0x205, 0x40205, 1, true, "small_exec: it stays small");
	/* Pages first, a large mapping offered later. */
	for (i = 0; i < 512; i++)
		map(0x80000 + i, 0x9000 + i, 1, WX);
	map(0x80000, 0x9000, 2, WX);
	tap_ok(hw_walk(0x80001, false, false).exec && hw_walk(0x80001, false, false).level == 1,
	       "%s: small_exec: pages that execute go on", kind->name);
}

static void test_collapse(void)
{
	unsigned long tables;
	unsigned int i;

	for (i = 0; i < 512; i += 3)
		map(0x800 + i, 0x9000 + i, 1, WX);
	tables = pt.nr_tables;
	tap_ok(map(0x800, 0x9000, 2, WX) == 0, "%s: 2M over pages", kind->name);
	IS(0x801, 0x9001, 2, true, "2M over pages");
	tap_ok(flushes == 1 && pt.nr_tables == tables - 1,
	       "%s: their table is flushed, then freed", kind->name);
	map(0x40000, 0x80000, 2, WX);
	map(0x40200, 0x80200, 1, WX);
	tap_ok(map(0x40000, 0x80000, 3, WX) == 0, "%s: 1G over both", kind->name);
	IS(0x40201, 0x80201, 3, true, "1G over both");
}

static void test_unmap(void)
{
	unsigned long tables = pt.nr_tables;
	unsigned int i;

	unmap(0, strata_pt_end(kind->levels));
	tap_ok(!flushes, "%s: nothing mapped, no flush", kind->name);
	for (i = 0; i < 1024; i++)
		map(i, i + 7, 1, WX);
	unmap(3, 5);
	IS(2, 9, 1, true, "unmap: before the range");
	ABSENT(3, "unmap: its first");
	ABSENT(4, "unmap: its last");
	IS(5, 12, 1, true, "unmap: after the range");
	tap_ok(flushes == 1, "%s: one flush", kind->name);
	unmap(3, 5);
	tap_ok(flushes == 1, "%s: a second time there is nothing to flush", kind->name);
	map(0x40000, 0x80000, 2, WX);
	unmap(0x40010, 0x40011);
	ABSENT(0x40000, "unmap: a large mapping goes whole");
	map(0x40200, 0x80200, 2, WX);
	unmap(0x401ff, 0x40200);
	IS(0x40200, 0x80200, 2, true, "unmap: not one beside the range");
	unmap(0, strata_pt_end(kind->levels));
	ABSENT(0, "unmap all: first");
	ABSENT(0x40200, "unmap all: large");
	tap_ok(pt.nr_tables == tables, "%s: unmap all: only the root stays", kind->name);
}

/* More tables than a gather holds. */
static void test_gather_overflow(void)
{
	unsigned int i;

	for (i = 0; i < 3 * STRATA_GATHER_TABLES; i++) {
		fill_pool();
		strata_pt_map(&pt, (u64)i * 512 + i, i + 1, 1, WX);
	}
	reach(pt.root, pt.levels);
	unmap(0, strata_pt_end(kind->levels));
	tap_ok(flushes == 2 && pt.nr_tables == 1, "%s: many tables: freed after the first flush",
	       kind->name);
}

static void test_write_protect(void)
{
	map(0x10, 0x100, 1, WX);
	map(0x11, 0x101, 1, WX);
	map(0x200, 0x400, 2, WX);
	tap_ok(strata_pt_write_protect(&pt, 0x10, 0x11), "%s: protect a page", kind->name);
	IS(0x10, 0x100, 1, false, "protected");
	IS(0x11, 0x101, 1, true, "its neighbour not");
	tap_ok(!strata_pt_write_protect(&pt, 0x10, 0x11), "%s: again: no flush", kind->name);
	tap_ok(!strata_pt_write_protect(&pt, 0x12, 0x200), "%s: nothing there: no flush",
	       kind->name);
	tap_ok(strata_pt_write_protect(&pt, 0x205, 0x206), "%s: protect in 2M", kind->name);
	IS(0x200, 0x400, 2, false, "2M protected whole");
}

static void test_young(void)
{
	struct strata_gather g;

	map(0x10, 0x100, 1, WX);
	map(0x200, 0x400, 2, WX);
	tap_ok(strata_pt_test_young(&pt, 0, 0x400), "%s: young when mapped", kind->name);
	strata_gather_begin(&g, &pt);
	tap_ok(strata_pt_clear_young(&g, 0, 0x300), "%s: was young", kind->name);
	strata_gather_end(&g);
	tap_ok(!strata_pt_test_young(&pt, 0, 0x400), "%s: not young any more", kind->name);
	tap_ok(flushes == !kind->ad, "%s: flushed only where aging unmaps", kind->name);
	if (kind->ad) {
		IS(0x10, 0x100, 1, true, "aging leaves the mapping");
		hw_walk(0x3ff, true, false);
	} else {
		ABSENT(0x10, "aging without A bits unmaps");
		map(0x3ff, 0x5ff, 1, WX);
	}
	tap_ok(strata_pt_test_young(&pt, 0x3ff, 0x400), "%s: young when used", kind->name);
	tap_ok(!strata_pt_test_young(&pt, 0, 0x200), "%s: but not the others", kind->name);
}

static void test_pool(void)
{
	void *page;
	int i, r;

	r = strata_pt_map(&pt, 0, 1, 1, WX);
	tap_ok(r == -EAGAIN, "%s: an empty pool is told", kind->name);
	for (i = 1; i < (int)kind->levels - 1; i++) {
		strata_pt_pool_add(&pt, strata_pt_page_alloc());
		if (strata_pt_map(&pt, 0, 1, 1, WX) != -EAGAIN)
			r = 0;
	}
	tap_ok(r == -EAGAIN, "%s: so it is until the last table", kind->name);
	strata_pt_pool_add(&pt, strata_pt_page_alloc());
	tap_ok(!strata_pt_map(&pt, 0, 1, 1, WX), "%s: tables made so far are used", kind->name);
	fill_pool();
	page = strata_pt_page_alloc();
	tap_ok(!strata_pt_pool_add(&pt, page), "%s: a full pool takes no more", kind->name);
	strata_pt_page_free(page);

	map(0x200, 0x400, 2, X);
	while (pt.nr_pool)
		strata_pt_page_free(pt.pool[--pt.nr_pool]);
	r = strata_pt_map(&pt, 0x201, 0x401, 1, WX);
	tap_ok(r == -EAGAIN && !flushes, "%s: a split without a table changes nothing",
	       kind->name);
	IS(0x201, 0x401, 2, false, "the large mapping is still there");
}

static void test_no_memory(void)
{
	struct strata_pgtbl other;

	allowed = 0;
	tap_ok(strata_pt_init(&other, kind->fmt, kind->levels, 3, hw_flush) == -ENOMEM,
	       "%s: no root, no tables", kind->name);
	allowed = ~0u;
	strata_pt_destroy(&other);
}

/* ---- everything at random, against a model ---- */

#define WORLD	(4 * 512)

static struct {
	bool mapped, write;
	u64 pfn;
} model[WORLD];

static void random_ops(unsigned int seed)
{
	static const u64 base = 0x3ffe00;	/* crosses a 1G border */
	unsigned int step, bad = 0, stale = 0, i;
	struct strata_gather g;

	srandom(seed);
	memset(model, 0, sizeof(model));
	for (step = 0; step < 20000; step++) {
		u64 at = random() % WORLD, len = 1 + random() % (random() % 2 ? 8 : 1200);
		u64 till = at + len > WORLD ? WORLD : at + len;
		u64 set = random() % 2 ? 0x100000 : 0x700000;
		bool write = random() % 2;
		struct translation t;

		switch (random() % 10) {
		case 0 ... 3: {
			unsigned int level = random() % 8 ? 1 : 2;
			u64 first = at & ~(STRATA_PT_SPAN(level) - 1);
			u64 now = first + STRATA_PT_SPAN(level);

			if (map(base + at, set + at, level, X | (write ? W : 0)) == 1)
				break;
			for (i = first; i < now; i++) {
				bool keeps = level == 1 && model[i].mapped &&
					     model[i].pfn == set + i && model[i].write;

				model[i].mapped = true;
				model[i].pfn = set + i;
				model[i].write = write || keeps;
			}
			break;
		}
		case 4:
			unmap(base + at, base + till);
			stale += hw_cached(base + at, base + till, false);
			for (i = 0; i < WORLD; i++) {
				/* large ones go whole: believe the tables there */
				t = hw_walk(base + i, false, false);
				if (i >= at && i < till)
					bad += t.ok;
				if (!t.ok)
					model[i].mapped = false;
				if (i + 512 < at || i >= till + 512)
					bad += t.ok != model[i].mapped;
			}
			break;
		case 5:
			if (strata_pt_write_protect(&pt, base + at, base + till))
				hw_flush(&pt);
			stale += hw_cached(base + at, base + till, true);
			for (i = 0; i < WORLD; i++) {
				t = hw_walk(base + i, false, false);
				if (i >= at && i < till)
					bad += t.ok && t.write;
				if (t.ok && !t.write)
					model[i].write = false;
			}
			break;
		case 6:
			strata_gather_begin(&g, &pt);
			strata_pt_clear_young(&g, base + at, base + till);
			strata_gather_end(&g);
			if (kind->ad)
				break;
			stale += hw_cached(base + at, base + till, false);
			for (i = 0; i < WORLD; i++)
				model[i].mapped = hw_walk(base + i, false, false).ok;
			break;
		default:
			for (i = 0; i < 8; i++) {
				u64 gfn = base + random() % WORLD;
				unsigned int way = random() % NR_TLB;

				t = hw_walk(gfn, true, random() % 2);
				if (!t.ok)
					continue;
				tlb[way].valid = true;
				tlb[way].gfn = gfn;
				tlb[way].t = t;
			}
		}
		/* What hardware may have cached is never more than the model has. */
		for (i = 0; i < NR_TLB; i++) {
			u64 gfn = tlb[i].gfn - base;

			if (tlb[i].valid && (!model[gfn].mapped ||
					     model[gfn].pfn != tlb[i].t.pfn ||
					     (tlb[i].t.write && !model[gfn].write)))
				stale++;
		}
		if (step % 64)
			continue;
		for (i = 0; i < WORLD; i++) {
			t = hw_walk(base + i, false, false);
			bad += t.ok != model[i].mapped;
			bad += t.ok && (t.pfn != model[i].pfn || t.write != model[i].write);
		}
	}
	tap_ok(!bad, "%s: random: translations are as the model says (%u wrong)",
	       kind->name, bad);
	tap_ok(!stale, "%s: random: nothing stale is cached (%u)", kind->name, stale);
}

/* What user space is shown. */
static void test_read(void)
{
	u64 entry[STRATA_PT_MAX_LEVELS], at[STRATA_PT_MAX_LEVELS], pages[3] = { 0 };
	unsigned int n = strata_pt_read(&pt, 0x1234, entry, at), i;

	tap_ok(n == 1 && !entry[0], "%s: nothing is read of nothing", kind->name);
	map(0x1234, 0xabcd, 1, WX);
	map(0x400, 0x600, 2, WX);
	map(0x40000, 0x80000, 3, WX);
	n = strata_pt_read(&pt, 0x1234, entry, at);
	for (i = 0; i < n && *(u64 *)(uintptr_t)at[i] == entry[i]; i++)
		;
	tap_ok(n == kind->levels && i == n, "%s: an entry of each table", kind->name);
	tap_ok((entry[n - 1] & kind->fmt->addr) == 0xabcdull << 12, "%s: the last has the page",
	       kind->name);
	n = strata_pt_read(&pt, 0x40123, entry, at);
	tap_ok(n == kind->levels - 2 && (entry[n - 1] & kind->fmt->large),
	       "%s: one of 1G has no more tables", kind->name);
	n = strata_pt_read(&pt, 0x1235, entry, at);
	tap_ok(n == kind->levels && !entry[n - 1], "%s: its neighbour is not there", kind->name);
	strata_pt_count(&pt, 0, strata_pt_end(kind->levels), pages);
	tap_ok(pages[0] == 1 && pages[1] == 1 && pages[2] == 1, "%s: one of each size is counted",
	       kind->name);
	strata_pt_count(&pt, 0x1235, 0x40001, pages);
	tap_ok(pages[0] == 1 && pages[2] == 2, "%s: what reaches into a range is", kind->name);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "map", test_map },
		{ "upgrade", test_upgrade },
		{ "split", test_split },
		{ "small_exec", test_small_exec },
		{ "collapse", test_collapse },
		{ "unmap", test_unmap },
		{ "gather overflow", test_gather_overflow },
		{ "write protect", test_write_protect },
		{ "young", test_young },
		{ "pool", test_pool },
		{ "read", test_read },
		{ "no memory", test_no_memory },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (j = 0; j < ARRAY_SIZE(tests); j++) {
			begin(&kinds[i]);
			tests[j].run();
			end(tests[j].name);
		}
		begin(&kinds[i]);
		random_ops(i + 1);
		end("random");
	}
	return tap_done();
}
