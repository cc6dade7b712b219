// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: which pages of a slot were written since it was last asked.
 *
 * A page in a slot with a log is mapped writable only by a write fault, which
 * sets its bit under mmu_lock; the kernel's own writes set it when they are
 * done. Reading the log takes the bits and write-protects their pages, then
 * flushes, so that the next write faults again.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "mmu.h"
#include "../trace.h"

/* Words of the bitmap per step: 32 MiB of guest memory, 1 KiB of stack. */
#define DIRTY_STEP	128

/**
 * strata_dirty_alloc - give a slot a log
 * @slot: not published yet
 * @full: every page counts as written, none is protected yet
 *
 * Return: 0 or -ENOMEM.
 */
int strata_dirty_alloc(struct strata_memslot *slot, bool full)
{
	u64 words = BITS_TO_LONGS(slot->npages);

	slot->dirty = kvcalloc(words, sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!slot->dirty)
		return -ENOMEM;
	if (full) {
		memset(slot->dirty, 0xff, words * sizeof(long));
		if (slot->npages % BITS_PER_LONG)
			slot->dirty[words - 1] = BIT(slot->npages % BITS_PER_LONG) - 1;
	}
	return 0;
}

/**
 * strata_dirty_start - make the guest's writes fault, for a log that begins
 * @vm: the VM, slots_lock held
 * @slot: published with its log, and no fault knows it without
 *
 * Large mappings are split when they are written.
 */
void strata_dirty_start(struct strata_vm *vm, const struct strata_memslot *slot)
{
	u64 start = slot->base, end = slot->base + slot->npages;
	bool flush = false;

	while (start < end) {
		u64 next = min((start | (STRATA_MMU_STEP - 1)) + 1, end);

		spin_lock(&vm->mmu_lock);
		flush |= strata_pt_write_protect(&vm->mmu->pt, start, next);
		spin_unlock(&vm->mmu_lock);
		cond_resched();
		start = next;
	}
	if (flush)
		strata_flush_remote_tlbs(vm);
}

/**
 * strata_dirty_stop - let mappings become large again after a log ended
 * @vm: the VM, slots_lock held, in the VM's own address space
 * @slot: published without a log
 *
 * Where the host has a large page that the slot's alignment lets us use, the
 * small mappings go, and the next fault makes a large one.
 */
void strata_dirty_stop(struct strata_vm *vm, const struct strata_memslot *slot)
{
	u64 span = STRATA_PT_SPAN(2), gfn = (slot->base + span - 1) & ~(span - 1);
	u64 end = slot->base + slot->npages;
	struct strata_gather g;

	if (vm->mmu->pt.max_level < 2 ||
	    (slot->base ^ (slot->hva >> PAGE_SHIFT)) & (span - 1))
		return;
	for (; gfn + span <= end; gfn += span) {
		unsigned long hva = slot->hva + ((gfn - slot->base) << PAGE_SHIFT);

		cond_resched();
		if (strata_host_level(vm->mm, hva, 2) < 2)
			continue;
		spin_lock(&vm->mmu_lock);
		strata_gather_begin(&g, &vm->mmu->pt);
		strata_pt_unmap(&g, gfn, gfn + span);
		strata_gather_end(&g);
		spin_unlock(&vm->mmu_lock);
	}
}

/*
 * Takes up to DIRTY_STEP words of the log from word @first on, of these the bits
 * that are set in @words if there are @some, and protects their pages. True when a flush is due.
 */
static bool dirty_take(struct strata_vm *vm, const struct strata_memslot *slot,
		       u64 first, unsigned int nr, bool some, unsigned long *words)
{
	bool flush = false;
	unsigned int i;

	spin_lock(&vm->mmu_lock);
	for (i = 0; i < nr; i++) {
		unsigned long *log = slot->dirty + first + i;
		u64 gfn = slot->base + (first + i) * BITS_PER_LONG;
		unsigned long bit, till;

		unsigned long want = READ_ONCE(*log) & (some ? words[i] : ~0ul);

		words[i] = want ? atomic_long_fetch_andnot(want, (atomic_long_t *)log) & want : 0;
		for (bit = find_first_bit(words + i, BITS_PER_LONG); bit < BITS_PER_LONG;
		     bit = find_next_bit(words + i, BITS_PER_LONG, till)) {
			till = find_next_zero_bit(words + i, BITS_PER_LONG, bit);
			flush |= strata_pt_write_protect(&vm->mmu->pt, gfn + bit, gfn + till);
		}
	}
	spin_unlock(&vm->mmu_lock);
	return flush;
}

/* The log as it is: user space clears it by KVM_CLEAR_DIRTY_LOG. */
static void dirty_look(const struct strata_memslot *slot, u64 first, unsigned int nr,
		       unsigned long *words)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		words[i] = READ_ONCE(slot->dirty[first + i]);
}

/* Puts back what user space could not be told. */
static void dirty_put_back(const struct strata_memslot *slot, u64 first, unsigned int nr,
			   const unsigned long *words)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		atomic_long_or(words[i], (atomic_long_t *)(slot->dirty + first + i));
}

static long dirty_copy(struct strata_vm *vm, const struct strata_memslot *slot,
		       void __user *bitmap)
{
	bool keep = READ_ONCE(vm->dirty_log_flags) & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
	bool traced = trace_strata_dirty_log_enabled();
	u64 nr_words = BITS_TO_LONGS(slot->npages), first;
	unsigned long words[DIRTY_STEP];
	unsigned int nr;
	u64 pages = 0;

	for (first = 0; first < nr_words; first += nr) {
		nr = min_t(u64, nr_words - first, DIRTY_STEP);
		if (keep)
			dirty_look(slot, first, nr, words);
		else if (dirty_take(vm, slot, first, nr, false, words))
			strata_flush_remote_tlbs(vm);
		if (copy_to_user(bitmap + first * sizeof(long), words, nr * sizeof(long))) {
			if (!keep)
				dirty_put_back(slot, first, nr, words);
			return -EFAULT;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		if (traced)
			pages += bitmap_weight(words, nr * BITS_PER_LONG);
		cond_resched();
	}
	trace_strata_dirty_log(vm->index, slot->id, pages);
	return 0;
}

/**
 * strata_get_dirty_log - KVM_GET_DIRTY_LOG: the pages written since the last time
 * @vm: the VM; its slots_lock is taken here
 * @log: slot, and where to put the bitmap: a bit per page, in whole 64-bit words
 *
 * Return: 0; -EINVAL for a slot number that cannot be; -ENOENT where there is
 * no such slot or it has no log; -EFAULT; -EINTR for a fatal signal.
 */
long strata_get_dirty_log(struct strata_vm *vm, const struct kvm_dirty_log *log)
{
	struct strata_memslots *slots;
	struct strata_memslot *slot;
	long r = -ENOENT;

	if (log->slot >= STRATA_NR_MEMSLOTS)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slots = rcu_dereference_protected(vm->slots, lockdep_is_held(&vm->slots_lock));
	slot = strata_slot_by_id(slots, log->slot);
	if (slot && slot->dirty)
		r = dirty_copy(vm, slot, log->dirty_bitmap);
	mutex_unlock(&vm->slots_lock);
	return r;
}

static long dirty_clear(struct strata_vm *vm, const struct strata_memslot *slot,
			const struct kvm_clear_dirty_log *log)
{
	u64 first = log->first_page / BITS_PER_LONG, nr_words = BITS_TO_LONGS(log->num_pages), at;
	unsigned long words[DIRTY_STEP];
	unsigned int nr;

	if (log->first_page > slot->npages || log->num_pages > slot->npages - log->first_page ||
	    (log->num_pages < slot->npages - log->first_page && log->num_pages % 64))
		return -EINVAL;
	for (at = 0; at < nr_words; at += nr) {
		nr = min_t(u64, nr_words - at, DIRTY_STEP);
		if (copy_from_user(words, log->dirty_bitmap + at * sizeof(long), nr * sizeof(long)))
			return -EFAULT;
		if (dirty_take(vm, slot, first + at, nr, true, words))
			strata_flush_remote_tlbs(vm);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * strata_clear_dirty_log - KVM_CLEAR_DIRTY_LOG: pages whose next write counts again
 * @vm: the VM; its slots_lock is taken here
 * @log: slot, a part of it in whole 64-bit words, and a bit for each page to clear
 *
 * Return: 0; -EINVAL for a slot number that cannot be, and a part that does not
 * begin at a multiple of 64 pages, or ends at none and not with the slot; -ENOENT
 * where there is no such slot or it has no log; -EFAULT; -EINTR for a fatal signal.
 */
long strata_clear_dirty_log(struct strata_vm *vm, const struct kvm_clear_dirty_log *log)
{
	struct strata_memslots *slots;
	struct strata_memslot *slot;
	long r = -ENOENT;

	if (log->slot >= STRATA_NR_MEMSLOTS || log->first_page % 64)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slots = rcu_dereference_protected(vm->slots, lockdep_is_held(&vm->slots_lock));
	slot = strata_slot_by_id(slots, log->slot);
	if (slot && slot->dirty)
		r = dirty_clear(vm, slot, log);
	mutex_unlock(&vm->slots_lock);
	return r;
}
