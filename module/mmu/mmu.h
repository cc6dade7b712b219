/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest memory of a VM: its nested tables and what keeps them in step
 * with the slots and with the host's own page tables.
 */
#ifndef STRATA_MMU_MMU_H
#define STRATA_MMU_MMU_H

#include "../strata.h"
#include "pgtbl.h"
#include "slots.h"

/* Long ranges are worked on in steps, between which the lock is dropped. */
#define STRATA_MMU_STEP		STRATA_PT_SPAN(3)

/**
 * struct strata_mmu - the guest memory of a VM
 * @pt: nested tables (m)
 * @vm: whose (c)
 * @inv_seq: rises at the end of each invalidation by the host (m), read
 *	without the lock by strata_mmu_seq()
 * @inv_nr: invalidations in progress (m)
 * @inv_start: where those begin, host addresses (m)
 * @inv_end: where they end (m)
 * @retiring: the set of slots before the present one, while nested entries
 *	made with it may exist (m)
 * @slots_gen: number of the present set of slots (s), read with acquire
 */
struct strata_mmu {
	struct strata_pgtbl pt;
	struct strata_vm *vm;
	unsigned long inv_seq;
	unsigned int inv_nr;
	unsigned long inv_start;
	unsigned long inv_end;
	struct strata_memslots *retiring;
	u64 slots_gen;
};

/*
 * The number of invalidations so far. What is looked up in the host's tables
 * afterwards is current if the number is the same still, under mmu_lock, and
 * none is in progress there.
 */
static inline unsigned long strata_mmu_seq(struct strata_mmu *mmu)
{
	/* Pairs with the release in notifier_end(). */
	return smp_load_acquire(&mmu->inv_seq);
}

/* Has the host changed, or is it changing, [start, end) since @seq? mmu_lock held. */
static inline bool strata_mmu_changed(const struct strata_mmu *mmu, unsigned long seq,
				      unsigned long start, unsigned long end)
{
	if (unlikely(mmu->inv_nr) && start < mmu->inv_end && end > mmu->inv_start)
		return true;
	return mmu->inv_seq != seq;
}

/* vm->srcu held (read). */
static inline struct strata_memslots *strata_slots(struct strata_vm *vm)
{
	return srcu_dereference(vm->slots, &vm->srcu);
}

/**
 * strata_slots_generation - number of the present set of slots
 * @vm: the VM
 *
 * Read it before looking up what is kept with it, never after: what is looked
 * up may then be newer than the number, which only costs another look.
 */
static inline u64 strata_slots_generation(struct strata_vm *vm)
{
	/* Pairs with the release in slots_publish(). */
	return smp_load_acquire(&vm->mmu->slots_gen);
}

/* KVM_DIRTY_LOG_INITIALLY_SET: protecting is left to KVM_CLEAR_DIRTY_LOG. */
static inline bool strata_log_starts_full(struct strata_vm *vm)
{
	return READ_ONCE(vm->dirty_log_flags) & KVM_DIRTY_LOG_INITIALLY_SET;
}

/* ---- memslot.c ---- */
void strata_mmu_zap(struct strata_vm *vm, u64 start, u64 end);

/* ---- dirty.c ---- */
int strata_dirty_alloc(struct strata_memslot *slot, bool full);
void strata_dirty_start(struct strata_vm *vm, const struct strata_memslot *slot);
void strata_dirty_stop(struct strata_vm *vm, const struct strata_memslot *slot);

/*
 * The log learns of a write after it was done, or before the page can be
 * written without a fault; so whoever clears the bit, protects, flushes and
 * then looks at the page sees the write.
 */
static inline void strata_dirty_mark(const struct strata_memslot *slot, u64 gfn)
{
	u64 page = gfn - slot->base;

	if (slot->dirty && !test_bit(page, slot->dirty))
		set_bit(page, slot->dirty);
}

/* ---- notifier.c ---- */
extern const struct mmu_notifier_ops strata_notifier_ops;

/* ---- hostpage.c ---- */

/**
 * struct strata_host_page - a page of the host, about to be mapped
 * @pfn: its frame number
 * @page: of that number; NULL where there is only a frame number
 * @level: size of the host's mapping, 1 to 3; 0: strata_host_level() knows
 * @held: a reference to @page is held
 * @writable: the host allows writing now
 * @device: not RAM
 */
struct strata_host_page {
	u64 pfn;
	struct page *page;
	unsigned int level;
	bool held;
	bool writable;
	bool device;
};

bool strata_host_page_try(struct mm_struct *mm, unsigned long hva, bool write, bool may_write,
			  struct strata_host_page *hp);
int strata_host_page_get(struct mm_struct *mm, unsigned long hva, bool write, bool may_write,
			 struct strata_host_page *hp);
unsigned int strata_host_level(struct mm_struct *mm, unsigned long hva, unsigned int max);

#endif /* STRATA_MMU_MMU_H */
