/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What page tables and slots need of their surroundings beyond pure.h: atomic
 * operations, and pages to build tables of. A host program supplies the latter
 * itself, and so sees every table come and go.
 */
#ifndef STRATA_MMU_SHIM_H
#define STRATA_MMU_SHIM_H

#include "../pure.h"

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/nospec.h>

/* A zeroed page for a table, charged to the caller's memory cgroup. May sleep. */
static inline void *strata_pt_page_alloc(void)
{
	return (void *)__get_free_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

/* Any context. */
static inline void strata_pt_page_free(void *page)
{
	free_page((unsigned long)page);
}

static inline void *strata_pt_va(u64 pa)
{
	return phys_to_virt(pa);
}

static inline u64 strata_pt_pa(void *va)
{
	return virt_to_phys(va);
}

#else

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), val, __ATOMIC_RELAXED)
#define try_cmpxchg64(p, old, new)					\
	__atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, \
				    __ATOMIC_SEQ_CST)

#define array_index_nospec(index, size)	(index)

void *strata_pt_page_alloc(void);
void strata_pt_page_free(void *page);
void *strata_pt_va(u64 pa);
u64 strata_pt_pa(void *va);

#endif /* __KERNEL__ */

#endif /* STRATA_MMU_SHIM_H */
