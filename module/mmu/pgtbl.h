/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nested page tables: guest frame numbers to host frame numbers.
 *
 * Pure: compiled into the module and, for the unit tests, into a host program.
 * The caller holds one lock (vm->mmu_lock) over every call on one set of
 * tables; only the hardware, which sets accessed and dirty bits, and walks
 * tables of which it has cached a pointer, does not keep to it.
 *
 * Manuals: AMD APM volume 2, 15.25 (nested paging); Intel SDM volume 3, 29.3
 * (EPT).
 */
#ifndef STRATA_MMU_PGTBL_H
#define STRATA_MMU_PGTBL_H

#include "shim.h"

#define STRATA_PT_SHIFT		9	/* index bits per level */
#define STRATA_PT_ENTRIES	512
#define STRATA_PT_MAX_LEVELS	5

/* Pages in reach of one entry of a table of @level (1: the last one). */
#define STRATA_PT_SPAN(level)	(1ull << (((level) - 1) * STRATA_PT_SHIFT))

/**
 * struct strata_pt_format - what the bits of a nested entry mean
 * @present: an entry with none of these is not present, and then it is 0
 * @addr: where the frame's address is
 * @table: all bits of an entry that points to a table
 * @leaf: set in every entry that maps memory
 * @write: set where writing is allowed
 * @exec: set where executing is allowed; 0 in formats that have @noexec
 * @noexec: set where executing is not allowed
 * @large: marks an entry above level 1 that maps memory
 * @accessed: set by hardware when used; 0 where hardware does not
 * @dirty: set by hardware when written; 0 where hardware does not
 * @ram: memory type of RAM, in entries that map memory
 * @device: memory type of a device's registers
 */
struct strata_pt_format {
	u64 present;
	u64 addr;
	u64 table;
	u64 leaf;
	u64 write;
	u64 exec;
	u64 noexec;
	u64 large;
	u64 accessed;
	u64 dirty;
	u64 ram;
	u64 device;
};

extern const struct strata_pt_format strata_npt_format;
extern const struct strata_pt_format strata_ept_format;
/* for CPUs without accessed and dirty bits in EPT */
extern const struct strata_pt_format strata_ept_noad_format;

/*
 * Tables are allocated before the lock is taken, and wait here. One mapping
 * takes at most one per level; the rest is room for other CPUs' faults.
 */
#define STRATA_PT_POOL		32
#define STRATA_PT_POOL_LOW	8

/**
 * struct strata_pgtbl - one set of nested tables
 * @fmt: the entries' format
 * @levels: of tables, 4 or 5
 * @max_level: the highest that may map memory: 1 4K, 2 2M, 3 1G
 * @small_exec: only mappings of 4K are executable; larger ones are split by a
 *	fault that wants to execute, and what was split stays so
 * @root: the topmost table
 * @flush: makes sure that no CPU uses a translation, or a pointer to a table,
 *	that it cached before
 * @nr_tables: tables in use, the root included
 * @nr_pool: pages that wait in @pool
 * @pool: zeroed pages
 */
struct strata_pgtbl {
	const struct strata_pt_format *fmt;
	unsigned int levels;
	unsigned int max_level;
	bool small_exec;
	u64 *root;
	void (*flush)(struct strata_pgtbl *pt);
	unsigned long nr_tables;
	unsigned int nr_pool;
	void *pool[STRATA_PT_POOL];
};

#define STRATA_GATHER_TABLES	64

/**
 * struct strata_gather - translations that were removed, and their tables
 * @pt: where from
 * @flush: something was removed since the last flush
 * @nr: number of tables
 * @table: unreachable from the root, but hardware may be walking them
 *
 * The only way a table gets freed (but for the end of all, when nothing uses
 * them): first the flush, then the tables. strata_gather_end() must come
 * before the lock is dropped; else somebody else who finds nothing mapped
 * would skip the flush that he needs.
 */
struct strata_gather {
	struct strata_pgtbl *pt;
	bool flush;
	unsigned int nr;
	u64 *table[STRATA_GATHER_TABLES];
};

#define STRATA_PT_WRITE		0x1u
#define STRATA_PT_EXEC		0x2u
#define STRATA_PT_DEVICE	0x4u

int strata_pt_init(struct strata_pgtbl *pt, const struct strata_pt_format *fmt,
		   unsigned int levels, unsigned int max_level,
		   void (*flush)(struct strata_pgtbl *pt));
void strata_pt_destroy(struct strata_pgtbl *pt);
bool strata_pt_pool_add(struct strata_pgtbl *pt, void *page);

void strata_gather_begin(struct strata_gather *g, struct strata_pgtbl *pt);
void strata_gather_end(struct strata_gather *g);

int strata_pt_map(struct strata_pgtbl *pt, u64 gfn, u64 pfn, unsigned int level, u32 flags);
void strata_pt_unmap(struct strata_gather *g, u64 start, u64 end);
unsigned int strata_pt_read(const struct strata_pgtbl *pt, u64 gfn, u64 *entry, u64 *at);
void strata_pt_count(const struct strata_pgtbl *pt, u64 start, u64 end, u64 *pages);
bool strata_pt_write_protect(struct strata_pgtbl *pt, u64 start, u64 end);
bool strata_pt_test_young(struct strata_pgtbl *pt, u64 start, u64 end);
bool strata_pt_clear_young(struct strata_gather *g, u64 start, u64 end);

/* First frame number that these tables cannot reach. */
static inline u64 strata_pt_end(unsigned int levels)
{
	return 1ull << (levels * STRATA_PT_SHIFT);
}

#endif /* STRATA_MMU_PGTBL_H */
