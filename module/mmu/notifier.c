// SPDX-License-Identifier: GPL-2.0
/*
 * MMU notifiers: the host changes its page tables under a running guest, by
 * swapping, migrating, merging, copying on write, unmapping.
 *
 * All take mmu_lock only, so they never sleep and serve callers that must not.
 * They find the slots under mmu_lock too, where new sets are published: an
 * entry that was made with a set, under the lock, is found by that set, or by
 * the one that it retired.
 */
#include "mmu.h"

enum hva_op {
	HVA_UNMAP,
	HVA_TEST_YOUNG,
	HVA_CLEAR_YOUNG,
};

static bool slots_hva_op(struct strata_gather *g, struct strata_memslots *slots,
			 unsigned long start, unsigned long end, enum hva_op op)
{
	bool found = false;
	unsigned int i;

	for (i = 0; slots && i < slots->nr; i++) {
		const struct strata_memslot *s = &slots->slot[i];
		unsigned long low = max(start, s->hva);
		unsigned long high = min(end, s->hva + (s->npages << PAGE_SHIFT));
		u64 first, last;

		if (low >= high)
			continue;
		first = s->base + ((low - s->hva) >> PAGE_SHIFT);
		last = s->base + ((high - 1 - s->hva) >> PAGE_SHIFT);
		switch (op) {
		case HVA_UNMAP:
			strata_pt_unmap(g, first, last + 1);
			break;
		case HVA_TEST_YOUNG:
			found |= strata_pt_test_young(g->pt, first, last + 1);
			break;
		case HVA_CLEAR_YOUNG:
			found |= strata_pt_clear_young(g, first, last + 1);
			break;
		}
	}
	return found;
}

/* On every nested entry of the host addresses [start, end). mmu_lock held. */
static bool hva_op(struct strata_mmu *mmu, struct strata_gather *g,
		   unsigned long start, unsigned long end, enum hva_op op)
{
	struct strata_memslots *slots = rcu_dereference_protected(mmu->vm->slots,
						lockdep_is_held(&mmu->vm->mmu_lock));

	return slots_hva_op(g, slots, start, end, op) |
	       slots_hva_op(g, mmu->retiring, start, end, op);
}

static inline struct strata_mmu *notifier_mmu(struct mmu_notifier *mn)
{
	return container_of(mn, struct strata_vm, notifier)->mmu;
}

static int notifier_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct strata_mmu *mmu = notifier_mmu(mn);
	struct strata_gather g;

	spin_lock(&mmu->vm->mmu_lock);
	/* From here on faults in the range make no entry; those made are removed. */
	if (mmu->inv_nr++) {
		mmu->inv_start = min(mmu->inv_start, range->start);
		mmu->inv_end = max(mmu->inv_end, range->end);
	} else {
		mmu->inv_start = range->start;
		mmu->inv_end = range->end;
	}
	strata_gather_begin(&g, &mmu->pt);
	hva_op(mmu, &g, range->start, range->end, HVA_UNMAP);
	strata_gather_end(&g);
	spin_unlock(&mmu->vm->mmu_lock);
	return 0;
}

static void notifier_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct strata_mmu *mmu = notifier_mmu(mn);

	spin_lock(&mmu->vm->mmu_lock);
	/* Pairs with strata_mmu_seq(): who sees this sees the host's new entries. */
	smp_store_release(&mmu->inv_seq, mmu->inv_seq + 1);
	mmu->inv_nr--;
	spin_unlock(&mmu->vm->mmu_lock);
}

static bool notifier_young(struct mmu_notifier *mn, unsigned long start, unsigned long end,
			   enum hva_op op, bool flush)
{
	struct strata_mmu *mmu = notifier_mmu(mn);
	struct strata_gather g;
	bool young;

	spin_lock(&mmu->vm->mmu_lock);
	strata_gather_begin(&g, &mmu->pt);
	young = hva_op(mmu, &g, start, end, op);
	g.flush |= young && flush;
	strata_gather_end(&g);
	spin_unlock(&mmu->vm->mmu_lock);
	return young;
}

static strata_young_t notifier_clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
						 unsigned long start, unsigned long end)
{
	return notifier_young(mn, start, end, HVA_CLEAR_YOUNG, true);
}

static strata_young_t notifier_clear_young(struct mmu_notifier *mn, struct mm_struct *mm,
					   unsigned long start, unsigned long end)
{
	return notifier_young(mn, start, end, HVA_CLEAR_YOUNG, false);
}

static strata_young_t notifier_test_young(struct mmu_notifier *mn, struct mm_struct *mm,
					  unsigned long address)
{
	return notifier_young(mn, address, address + 1, HVA_TEST_YOUNG, false);
}

/*
 * The address space ends, or the VM. Nobody can run it any more, nor change
 * its slots: both take to be in this address space.
 */
static void notifier_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct strata_vm *vm = notifier_mmu(mn)->vm;
	struct strata_memslots *slots = rcu_dereference_protected(vm->slots, true);
	unsigned int i;

	for (i = 0; i < slots->nr; i++)
		strata_mmu_zap(vm, slots->slot[i].base,
			       slots->slot[i].base + slots->slot[i].npages);
}

const struct mmu_notifier_ops strata_notifier_ops = {
	.invalidate_range_start	= notifier_start,
	.invalidate_range_end	= notifier_end,
	.clear_flush_young	= notifier_clear_flush_young,
	.clear_young		= notifier_clear_young,
	.test_young		= notifier_test_young,
	.release		= notifier_release,
};
