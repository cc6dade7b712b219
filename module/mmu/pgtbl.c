// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page tables. See pgtbl.h for who may call what under which lock.
 */
#include "pgtbl.h"

#define PT_ADDR		GENMASK_ULL(51, 12)
#define PT_PAGE_SHIFT	12

/*
 * APM 15.25.5: nested walks count as user accesses, so U/S is set at every
 * level. Accessed bits of entries that point to tables are set beforehand, to
 * save the hardware the locked update. Memory types: 0 in PAT, PCD and PWT is
 * write-back; combined with the guest's own PAT and the host's MTRRs this is
 * right for RAM and lets devices be uncached (APM 15.25.8).
 */
const struct strata_pt_format strata_npt_format = {
	.present	= BIT_ULL(0),
	.addr		= PT_ADDR,
	.table		= BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(5),
	.leaf		= BIT_ULL(0) | BIT_ULL(2),
	.write		= BIT_ULL(1),
	.noexec		= BIT_ULL(63),
	.large		= BIT_ULL(7),
	.accessed	= BIT_ULL(5),
	.dirty		= BIT_ULL(6),
};

/*
 * SDM 29.3.2: bits 0 to 2 allow reading, writing and executing; bits 3 to 5
 * are the memory type (6: write-back, 0: uncached), bit 6 makes the processor
 * ignore the guest's PAT.
 */
#define EPT_FORMAT							\
	.present	= BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2),		\
	.addr		= PT_ADDR,					\
	.leaf		= BIT_ULL(0),					\
	.write		= BIT_ULL(1),					\
	.exec		= BIT_ULL(2),					\
	.large		= BIT_ULL(7),					\
	.ram		= (6ull << 3) | BIT_ULL(6),			\
	.device		= 0

const struct strata_pt_format strata_ept_format = {
	EPT_FORMAT,
	.table		= BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(8),
	.accessed	= BIT_ULL(8),
	.dirty		= BIT_ULL(9),
};

const struct strata_pt_format strata_ept_noad_format = {
	EPT_FORMAT,
	.table		= BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2),
};

enum pt_op {
	PT_UNMAP,
	PT_WRITE_PROTECT,
	PT_TEST_YOUNG,
	PT_CLEAR_YOUNG,
};

static inline bool pt_present(const struct strata_pgtbl *pt, u64 pte)
{
	return pte & pt->fmt->present;
}

static inline bool pt_is_leaf(const struct strata_pgtbl *pt, u64 pte, unsigned int level)
{
	return level == 1 || (pte & pt->fmt->large);
}

static inline u64 *pt_child(const struct strata_pgtbl *pt, u64 pte)
{
	return strata_pt_va(pte & pt->fmt->addr);
}

static inline u64 *pt_entry(u64 *table, u64 gfn, unsigned int level)
{
	return table + ((gfn >> ((level - 1) * STRATA_PT_SHIFT)) & (STRATA_PT_ENTRIES - 1));
}

/*
 * Every nested entry is written here. Hardware sets bits of it at any time,
 * hence the exchange. Whatever is not present afterwards is zero: the frame
 * number in an entry that is not present would be an address to read from the
 * L1 cache by speculation (L1TF). Gives the entry as it was.
 */
static u64 pt_change(const struct strata_pgtbl *pt, u64 *ptep, u64 clear, u64 set)
{
	u64 old = READ_ONCE(*ptep), new;

	do {
		new = (old & ~clear) | set;
		if (!pt_present(pt, new))
			new = 0;
	} while (!try_cmpxchg64(ptep, &old, new));
	return old;
}

/**
 * strata_pt_init - make an empty set of tables
 * @pt: the tables
 * @fmt: format of their entries
 * @levels: 4 or 5
 * @max_level: the largest mappings to make, 1 to 3
 * @flush: called with the lock held, see struct strata_pgtbl
 *
 * May sleep. Return: 0 or -ENOMEM.
 */
int strata_pt_init(struct strata_pgtbl *pt, const struct strata_pt_format *fmt,
		   unsigned int levels, unsigned int max_level,
		   void (*flush)(struct strata_pgtbl *pt))
{
	memset(pt, 0, sizeof(*pt));
	pt->fmt = fmt;
	pt->levels = levels;
	pt->max_level = max_level;
	pt->flush = flush;
	pt->root = strata_pt_page_alloc();
	if (!pt->root)
		return -ENOMEM;
	pt->nr_tables = 1;
	return 0;
}

/* Frees a table and what hangs on it; used at the end only, when no CPU does. */
static void pt_free_tree(struct strata_pgtbl *pt, u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; level > 1 && i < STRATA_PT_ENTRIES; i++) {
		u64 pte = table[i];

		if (pt_present(pt, pte) && !pt_is_leaf(pt, pte, level))
			pt_free_tree(pt, pt_child(pt, pte), level - 1);
	}
	strata_pt_page_free(table);
	pt->nr_tables--;
}

/**
 * strata_pt_destroy - free all tables
 * @pt: the tables, which no CPU uses any more
 */
void strata_pt_destroy(struct strata_pgtbl *pt)
{
	while (pt->nr_pool)
		strata_pt_page_free(pt->pool[--pt->nr_pool]);
	if (pt->root)
		pt_free_tree(pt, pt->root, pt->levels);
	pt->root = NULL;
}

/**
 * strata_pt_pool_add - give a page for tables to come
 * @pt: the tables
 * @page: from strata_pt_page_alloc()
 *
 * Return: false when the pool is full; the page is the caller's still.
 */
bool strata_pt_pool_add(struct strata_pgtbl *pt, void *page)
{
	if (pt->nr_pool == STRATA_PT_POOL)
		return false;
	pt->pool[pt->nr_pool] = page;
	WRITE_ONCE(pt->nr_pool, pt->nr_pool + 1);
	return true;
}

static u64 *pt_new_table(struct strata_pgtbl *pt)
{
	if (!pt->nr_pool)
		return NULL;
	WRITE_ONCE(pt->nr_pool, pt->nr_pool - 1);
	pt->nr_tables++;
	return pt->pool[pt->nr_pool];
}

/* ---- gathering ---- */

/**
 * strata_gather_begin - prepare for removing translations
 * @g: to be initialised
 * @pt: where they will be removed from
 */
void strata_gather_begin(struct strata_gather *g, struct strata_pgtbl *pt)
{
	g->pt = pt;
	g->flush = false;
	g->nr = 0;
}

/**
 * strata_gather_end - flush what was removed, then free the tables
 * @g: what was gathered; may be used again
 */
void strata_gather_end(struct strata_gather *g)
{
	if (g->flush)
		g->pt->flush(g->pt);
	g->flush = false;
	while (g->nr) {
		strata_pt_page_free(g->table[--g->nr]);
		g->pt->nr_tables--;
	}
}

/*
 * Gathers a table that was unhooked from its parent, and those below it; the
 * caller has set g->flush. A flush on the way, for room, serves all of them:
 * none can be reached from the root any more.
 */
static void pt_gather_tree(struct strata_gather *g, u64 *table, unsigned int level)
{
	struct strata_pgtbl *pt = g->pt;
	unsigned int i;

	for (i = 0; level > 1 && i < STRATA_PT_ENTRIES; i++) {
		u64 pte = READ_ONCE(table[i]);

		if (pt_present(pt, pte) && !pt_is_leaf(pt, pte, level))
			pt_gather_tree(g, pt_child(pt, pte), level - 1);
	}
	if (g->nr == STRATA_GATHER_TABLES)
		strata_gather_end(g);
	g->table[g->nr++] = table;
}

/* ---- mapping ---- */

static u64 pt_make_leaf(const struct strata_pgtbl *pt, u64 pfn, unsigned int level, u32 flags)
{
	const struct strata_pt_format *fmt = pt->fmt;
	u64 pte = (pfn << PT_PAGE_SHIFT) | fmt->leaf | fmt->accessed;

	if (level > 1)
		pte |= fmt->large;
	if (flags & STRATA_PT_WRITE)
		pte |= fmt->write | fmt->dirty;
	if (level > 1 && pt->small_exec)
		flags &= ~STRATA_PT_EXEC;
	pte |= flags & STRATA_PT_EXEC ? fmt->exec : fmt->noexec;
	pte |= flags & STRATA_PT_DEVICE ? fmt->device : fmt->ram;
	return pte;
}

/*
 * Puts a table of 512 smaller mappings in the place of a large one. The large
 * one goes first, and is flushed: a CPU with two translations of different
 * size for one address may do anything.
 */
static bool pt_split(struct strata_pgtbl *pt, u64 *ptep, unsigned int level)
{
	u64 *table = pt_new_table(pt);
	u64 pte, step = STRATA_PT_SPAN(level - 1) << PT_PAGE_SHIFT;
	unsigned int i;

	if (!table)
		return false;
	pte = pt_change(pt, ptep, ~0ull, 0);
	pt->flush(pt);
	if (level - 1 == 1) {
		pte &= ~pt->fmt->large;
		/* Nothing but their size kept these from being executable. */
		if (pt->small_exec)
			pte = (pte & ~pt->fmt->noexec) | pt->fmt->exec;
	}
	for (i = 0; i < STRATA_PT_ENTRIES; i++)
		pt_change(pt, table + i, ~0ull, pte + i * step);
	pt_change(pt, ptep, ~0ull, strata_pt_pa(table) | pt->fmt->table);
	return true;
}

/* The mapping in @old allows all that @new does, of the same memory. */
static bool pt_covers(const struct strata_pgtbl *pt, u64 old, u64 new)
{
	const struct strata_pt_format *fmt = pt->fmt;
	u64 same = fmt->addr | fmt->ram | fmt->device | fmt->large;

	return !((old ^ new) & same) &&
	       !(new & ~old & (fmt->write | fmt->exec)) &&
	       !(old & ~new & fmt->noexec);
}

static int pt_set_leaf(struct strata_pgtbl *pt, u64 *ptep, u64 new, unsigned int level)
{
	struct strata_gather g;
	u64 old = READ_ONCE(*ptep);

	if (pt_present(pt, old)) {
		if (pt_is_leaf(pt, old, level)) {
			if (pt_covers(pt, old, new))
				return 1;
			/*
			 * More rights to the same memory need no flush: a CPU
			 * with the old translation faults, which drops it.
			 */
			if (pt_covers(pt, new, old)) {
				pt_change(pt, ptep, ~0ull, new);
				return 0;
			}
		}
		strata_gather_begin(&g, pt);
		old = pt_change(pt, ptep, ~0ull, 0);
		g.flush = true;
		if (!pt_is_leaf(pt, old, level))
			pt_gather_tree(&g, pt_child(pt, old), level - 1);
		strata_gather_end(&g);
	}
	pt_change(pt, ptep, ~0ull, new);
	return 0;
}

/**
 * strata_pt_map - map memory
 * @pt: the tables
 * @gfn: guest frame number, below strata_pt_end()
 * @pfn: host frame number that belongs to it
 * @level: size of the mapping, at most @pt->max_level; @gfn and @pfn are
 *	rounded down to it
 * @flags: STRATA_PT_*
 *
 * Smaller mappings inside give way, but for @pt->small_exec; a larger one around
 * is split, and keeps the rights of the other parts. An existing mapping of the
 * same memory with more rights stays.
 *
 * Return: 0; 1 when it was there already; -EAGAIN when the pool is empty.
 */
int strata_pt_map(struct strata_pgtbl *pt, u64 gfn, u64 pfn, unsigned int level, u32 flags)
{
	u64 mask = STRATA_PT_SPAN(level) - 1;
	unsigned int at = pt->levels;
	u64 *table = pt->root;

	for (;; at--) {
		u64 *ptep = pt_entry(table, gfn, at);
		u64 pte = READ_ONCE(*ptep);

		/* Split for who executes here: stay with the smaller ones. */
		if (at == level && level > 1 && pt->small_exec && pt_present(pt, pte) &&
		    !pt_is_leaf(pt, pte, at)) {
			level--;
			mask = STRATA_PT_SPAN(level) - 1;
		}
		if (at == level)
			return pt_set_leaf(pt, ptep, pt_make_leaf(pt, pfn & ~mask, level, flags),
					   level);
		if (!pt_present(pt, pte)) {
			u64 *child = pt_new_table(pt);

			if (!child)
				return -EAGAIN;
			pt_change(pt, ptep, ~0ull, strata_pt_pa(child) | pt->fmt->table);
			table = child;
		} else if (pt_is_leaf(pt, pte, at)) {
			u64 part = pfn & (STRATA_PT_SPAN(at) - 1) & ~mask;
			u64 inside = pt_make_leaf(pt, pfn & ~(STRATA_PT_SPAN(at) - 1), at, flags);

			/* As good as asked for, if it is the same memory. */
			if (!(pt->small_exec && level == 1) &&
			    part == (gfn & (STRATA_PT_SPAN(at) - 1) & ~mask) &&
			    pt_covers(pt, pte, inside))
				return 1;
			if (!pt_split(pt, ptep, at))
				return -EAGAIN;
			table = pt_child(pt, READ_ONCE(*ptep));
		} else {
			table = pt_child(pt, pte);
		}
	}
}

/* ---- ranges ---- */

/* One mapping. True where something was found that the caller asked for. */
static bool pt_leaf_op(struct strata_pgtbl *pt, u64 *ptep, u64 pte, enum pt_op op)
{
	const struct strata_pt_format *fmt = pt->fmt;

	switch (op) {
	case PT_UNMAP:
		pt_change(pt, ptep, ~0ull, 0);
		return true;
	case PT_WRITE_PROTECT:
		if (!(pte & fmt->write))
			return false;
		pt_change(pt, ptep, fmt->write, 0);
		return true;
	case PT_TEST_YOUNG:
		return !fmt->accessed || (pte & fmt->accessed);
	case PT_CLEAR_YOUNG:
		/*
		 * Without accessed bits, being mapped is what tells that a
		 * page is in use: the next use is a fault.
		 */
		if (fmt->accessed && !(pte & fmt->accessed))
			return false;
		pt_change(pt, ptep, fmt->accessed ?: ~0ull, 0);
		return true;
	}
	return false;
}

/*
 * The walker over [start, end), which lies within @table. A large mapping that
 * is only partly inside is taken whole. Depth: at most the number of levels.
 */
static bool pt_walk(struct strata_pgtbl *pt, u64 *table, unsigned int level,
		    u64 start, u64 end, enum pt_op op, struct strata_gather *g)
{
	u64 span = STRATA_PT_SPAN(level), gfn, next;
	bool found = false;

	for (gfn = start; gfn < end; gfn = next) {
		u64 *ptep = pt_entry(table, gfn, level);
		u64 pte = READ_ONCE(*ptep);

		next = min_t(u64, (gfn & ~(span - 1)) + span, end);
		if (!pt_present(pt, pte))
			continue;
		if (pt_is_leaf(pt, pte, level)) {
			found |= pt_leaf_op(pt, ptep, pte, op);
		} else if (op == PT_UNMAP && next - gfn == span) {
			pt_change(pt, ptep, ~0ull, 0);
			g->flush = true;
			pt_gather_tree(g, pt_child(pt, pte), level - 1);
			found = true;
		} else {
			found |= pt_walk(pt, pt_child(pt, pte), level - 1, gfn, next, op, g);
		}
		if (found && op == PT_TEST_YOUNG)
			break;
	}
	return found;
}

/**
 * strata_pt_unmap - remove what maps a range
 * @g: gathers what must be flushed
 * @start: first guest frame number
 * @end: the one after the last
 */
void strata_pt_unmap(struct strata_gather *g, u64 start, u64 end)
{
	struct strata_pgtbl *pt = g->pt;

	if (pt_walk(pt, pt->root, pt->levels, start, end, PT_UNMAP, g))
		g->flush = true;
}

/**
 * strata_pt_write_protect - the next write to each page of a range faults
 * @pt: the tables
 * @start: first guest frame number
 * @end: the one after the last
 *
 * Return: true when the caller must flush before he relies on it.
 */
bool strata_pt_write_protect(struct strata_pgtbl *pt, u64 start, u64 end)
{
	return pt_walk(pt, pt->root, pt->levels, start, end, PT_WRITE_PROTECT, NULL);
}

/**
 * strata_pt_test_young - was a range used since strata_pt_clear_young()?
 * @pt: the tables
 * @start: first guest frame number
 * @end: the one after the last
 */
bool strata_pt_test_young(struct strata_pgtbl *pt, u64 start, u64 end)
{
	return pt_walk(pt, pt->root, pt->levels, start, end, PT_TEST_YOUNG, NULL);
}

/**
 * strata_pt_clear_young - take note that a range is not in use, from now
 * @g: gathers what must be flushed, which is nothing where hardware sets
 *	accessed bits
 * @start: first guest frame number
 * @end: the one after the last
 *
 * A CPU that has the translation cached will not set the bit again before it
 * is flushed, so a page may seem older than it is. That is for the caller.
 *
 * Return: true when it was used.
 */
bool strata_pt_clear_young(struct strata_gather *g, u64 start, u64 end)
{
	struct strata_pgtbl *pt = g->pt;
	bool young = pt_walk(pt, pt->root, pt->levels, start, end, PT_CLEAR_YOUNG, g);

	if (young && !pt->fmt->accessed)
		g->flush = true;
	return young;
}

/**
 * strata_pt_read - the entries by which a frame is found, from the topmost on
 * @pt: the tables
 * @gfn: guest frame number, less than strata_pt_end()
 * @entry: filled in; room for STRATA_PT_MAX_LEVELS
 * @at: where each of them is, an address as in the entries; as much room
 *
 * Return: how many there are; the last one maps the frame, or is not present.
 */
unsigned int strata_pt_read(const struct strata_pgtbl *pt, u64 gfn, u64 *entry, u64 *at)
{
	unsigned int level = pt->levels, n = 0;
	u64 *table = pt->root;

	for (;; level--) {
		u64 *ptep = pt_entry(table, gfn, level);

		entry[n] = READ_ONCE(*ptep);
		at[n] = strata_pt_pa(ptep);
		if (!pt_present(pt, entry[n]) || pt_is_leaf(pt, entry[n], level))
			return n + 1;
		table = pt_child(pt, entry[n++]);
	}
}

static void pt_count(const struct strata_pgtbl *pt, u64 *table, unsigned int level, u64 start,
		     u64 end, u64 *pages)
{
	u64 span = STRATA_PT_SPAN(level), gfn, next;

	for (gfn = start; gfn < end; gfn = next) {
		u64 pte = READ_ONCE(*pt_entry(table, gfn, level));

		next = min_t(u64, (gfn & ~(span - 1)) + span, end);
		if (!pt_present(pt, pte))
			continue;
		if (pt_is_leaf(pt, pte, level))
			pages[level - 1]++;
		else
			pt_count(pt, pt_child(pt, pte), level - 1, gfn, next, pages);
	}
}

/**
 * strata_pt_count - how much of a range is mapped, and in which sizes
 * @pt: the tables
 * @start: first guest frame number
 * @end: the one after the last
 * @pages: mappings of each size are added: 4K, 2M, 1G. A large one that is only
 *	partly inside counts whole.
 */
void strata_pt_count(const struct strata_pgtbl *pt, u64 start, u64 end, u64 *pages)
{
	pt_count(pt, pt->root, pt->levels, start, end, pages);
}
