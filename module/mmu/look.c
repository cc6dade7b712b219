// SPDX-License-Identifier: GPL-2.0
/*
 * Nested tables, shown to user space: STRATA_GET_NESTED_WALK and
 * STRATA_GET_NESTED_COUNT. Documentation/api.md
 */
#include <linux/capability.h>
#include <linux/sched.h>

#include "look.h"
#include "mmu.h"

static u32 format_of(const struct strata_pgtbl *pt)
{
	if (pt->fmt == &strata_npt_format)
		return STRATA_NESTED_NPT;
	return pt->fmt == &strata_ept_format ? STRATA_NESTED_EPT : STRATA_NESTED_EPT_NOAD;
}

/**
 * strata_nested_walk - the nested entries for a guest-physical address
 * @vm: the VM
 * @w: gpa and flags come in, all else goes out
 *
 * Addresses of the machine's memory are only for who may have them (as in
 * /proc/PID/pagemap); the others get the entries without them.
 *
 * Return: 0; -EINVAL for flags, or an address that the tables cannot reach.
 */
int strata_nested_walk(struct strata_vm *vm, struct strata_nested_walk *w)
{
	struct strata_pgtbl *pt = &vm->mmu->pt;
	bool addresses = capable(CAP_SYS_ADMIN);
	u64 gfn = w->gpa >> PAGE_SHIFT;
	unsigned int i;

	if (w->flags || gfn >= strata_pt_end(pt->levels))
		return -EINVAL;
	*w = (struct strata_nested_walk){
		.gpa = w->gpa, .levels = pt->levels, .format = format_of(pt),
	};
	spin_lock(&vm->mmu_lock);
	w->nr = strata_pt_read(pt, gfn, w->entry, w->at);
	spin_unlock(&vm->mmu_lock);

	if (w->entry[w->nr - 1] & pt->fmt->present)
		w->leaf = pt->levels - w->nr + 1;
	for (i = 0; i < w->nr && !addresses; i++) {
		w->entry[i] &= ~pt->fmt->addr;
		w->at[i] = 0;
	}
	return 0;
}

/**
 * strata_nested_count - how much of a range is mapped
 * @vm: the VM
 * @c: gpa, size and flags come in, all else goes out
 *
 * Return: 0; -EINVAL for flags or a range that ends beyond the tables' reach;
 * -EINTR when a signal that kills came.
 */
int strata_nested_count(struct strata_vm *vm, struct strata_nested_count *c)
{
	struct strata_pgtbl *pt = &vm->mmu->pt;
	u64 gfn = c->gpa >> PAGE_SHIFT, end, next;

	if (c->flags || c->gpa + c->size < c->gpa ||
	    c->gpa + c->size > strata_pt_end(pt->levels) << PAGE_SHIFT)
		return -EINVAL;
	end = DIV_ROUND_UP(c->gpa + c->size, PAGE_SIZE);
	*c = (struct strata_nested_count){ .gpa = c->gpa, .size = c->size };
	for (; gfn < end; gfn = next) {
		next = min(end, ALIGN_DOWN(gfn, STRATA_MMU_STEP) + STRATA_MMU_STEP);
		spin_lock(&vm->mmu_lock);
		strata_pt_count(pt, gfn, next, c->pages);
		c->tables = pt->nr_tables;
		spin_unlock(&vm->mmu_lock);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}
