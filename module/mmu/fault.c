// SPDX-License-Identifier: GPL-2.0
/*
 * Nested faults: from a guest-physical address to a nested entry.
 * Documentation/design/mmu.md has a picture.
 */
#include <linux/mm.h>

#include "mmu.h"
#include "../exit.h"
#include "../profile.h"

/* Pages for tables, got before mmu_lock is taken. May sleep. */
static int fault_fill_pool(struct strata_vm *vm)
{
	struct strata_pgtbl *pt = &vm->mmu->pt;

	while (READ_ONCE(pt->nr_pool) < STRATA_PT_POOL / 2) {
		void *page = strata_pt_page_alloc();
		bool taken;

		if (!page)
			return -ENOMEM;
		spin_lock(&vm->mmu_lock);
		taken = strata_pt_pool_add(pt, page);
		spin_unlock(&vm->mmu_lock);
		if (!taken)
			strata_pt_page_free(page);
	}
	return 0;
}

/*
 * The largest mapping around @gfn that slot and host agree on. A page in a
 * slot with a dirty log is mapped alone, or its neighbours' writes would go
 * unseen.
 */
static unsigned int fault_level(struct strata_vm *vm, const struct strata_memslot *slot,
				u64 gfn, unsigned long hva, const struct strata_host_page *hp,
				u32 access)
{
	unsigned int level = vm->mmu->pt.max_level;

	if (slot->dirty || hp->level == 1)
		return 1;
	if (vm->mmu->pt.small_exec && (access & STRATA_ACC_FETCH))
		return 1;
	for (; level > 1; level--) {
		u64 span = STRATA_PT_SPAN(level), first = gfn & ~(span - 1);

		if (!((gfn ^ (hva >> PAGE_SHIFT)) & (span - 1)) && first >= slot->base &&
		    first + span <= slot->base + slot->npages)
			break;
	}
	if (level == 1)
		return 1;
	level = hp->level ? min(level, hp->level) : strata_host_level(vm->mm, hva, level);
	if ((gfn ^ hp->pfn) & (STRATA_PT_SPAN(level) - 1))
		return 1;
	return level;
}

/*
 * Makes the entry, unless the host changed the page meanwhile. The page gets
 * its dirty mark here, where it cannot be taken out of the host's tables: that
 * takes an invalidation, which waits for mmu_lock. After it, the owner of the
 * page may have written it back, or truncated its file.
 *
 * Return: 0; -EAGAIN when the pool is empty.
 */
static int fault_map(struct strata_vcpu *vcpu, const struct strata_memslot *slot, u64 gfn,
		     unsigned long hva, unsigned long seq, const struct strata_host_page *hp,
		     u32 access)
{
	struct strata_vm *vm = vcpu->vm;
	u32 flags = STRATA_PT_EXEC | (hp->writable ? STRATA_PT_WRITE : 0) |
		    (hp->device ? STRATA_PT_DEVICE : 0);
	unsigned long start, size;
	unsigned int level;
	int r;

	lockdep_assert_held(&vm->mmu_lock);
	level = fault_level(vm, slot, gfn, hva, hp, access);
	size = STRATA_PT_SPAN(level) << PAGE_SHIFT;
	start = hva & ~(size - 1);
	/* The guest comes again, if it still wants the page. */
	if (strata_mmu_changed(vm->mmu, seq, start, start + size))
		return 0;

	if (hp->writable) {
		if (hp->page) {
			struct folio *folio = page_folio(hp->page);

			if (!folio_test_dirty(folio))
				folio_mark_dirty(folio);
		}
		strata_dirty_mark(slot, gfn);
	}
	r = strata_pt_map(&vm->mmu->pt, gfn, hp->pfn, level, flags);
	if (r < 0)
		return r;
	vcpu->exit.fault.level = level;
	return 0;
}

/*
 * One fault; @sleep says whether this may. STRATA_SLEEPY where it must and may
 * not.
 */
static __always_inline int fault_serve(struct strata_vcpu *vcpu, u64 gpa, u32 access, bool sleep)
{
	struct strata_vm *vm = vcpu->vm;
	bool may_write, write = access & STRATA_ACC_WRITE;
	struct strata_host_page hp;
	struct strata_memslot *slot;
	u64 gfn = gpa >> PAGE_SHIFT;
	unsigned long seq, hva;
	u64 slots_gen;
	int r, idx;

	vcpu->exit.fault.level = 0;
	if (unlikely(READ_ONCE(vm->mmu->pt.nr_pool) < STRATA_PT_POOL_LOW)) {
		if (!sleep)
			return STRATA_SLEEPY;
		r = fault_fill_pool(vm);
		if (r)
			return r;
	}

	idx = srcu_read_lock(&vm->srcu);
	seq = strata_mmu_seq(vm->mmu);
	/* First the number: what is found after it may only be newer. */
	slots_gen = strata_slots_generation(vm);
	slot = strata_slot_find(strata_slots(vm), gfn);
	r = STRATA_MMIO;
	if (!slot) {
		struct strata_hole *hole = &vcpu->holes[gfn % STRATA_NR_HOLES];

		hole->gfn = gfn;
		hole->slots_gen = slots_gen;
		goto out;
	}
	if (write && (slot->flags & KVM_MEM_READONLY))
		goto out;

	hva = strata_slot_hva(slot, gfn);
	may_write = write || !(slot->dirty || (slot->flags & KVM_MEM_READONLY));
	if (!sleep) {
		r = STRATA_SLEEPY;
		if (!strata_host_page_try(vm->mm, hva, write, may_write, &hp))
			goto out;
	} else {
		u64 from = rdtsc();

		r = strata_host_page_get(vm->mm, hva, write, may_write, &hp);
		strata_profile_add(vcpu, STRATA_PART_FAULT, rdtsc() - from);
		if (r) {
			if (r == -EAGAIN)
				r = STRATA_RESUME;
			goto out;
		}
	}
	for (;;) {
		spin_lock(&vm->mmu_lock);
		r = fault_map(vcpu, slot, gfn, hva, seq, &hp, access);
		spin_unlock(&vm->mmu_lock);
		if (likely(r != -EAGAIN))
			break;
		/* Faults of other vCPUs took them all. */
		if (!sleep) {
			r = STRATA_SLEEPY;
			break;
		}
		r = fault_fill_pool(vm);
		if (r)
			break;
	}
	if (!r)
		r = STRATA_RESUME;
	/*
	 * It is not marked accessed: the hardware sets the accessed bit of the
	 * nested entry, and aging asks for that through the MMU notifier.
	 */
	if (hp.held)
		put_page(hp.page);
out:
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}

/**
 * strata_mmu_fault - serve a nested fault
 * @vcpu: whose access it was; its thread, in the VM's address space
 * @gpa: guest-physical address
 * @access: STRATA_ACC_*
 *
 * May sleep; vm->srcu not held.
 *
 * Return: STRATA_RESUME when it is mapped, or worth another try; STRATA_MMIO
 * without a slot, or for a write to a read-only one; -EFAULT where the host's
 * mapping does not allow the access; -EINTR for a fatal signal; -ENOMEM.
 */
int strata_mmu_fault(struct strata_vcpu *vcpu, u64 gpa, u32 access)
{
	might_sleep();
	return fault_serve(vcpu, gpa, access, true);
}

#ifdef KVM_PRE_FAULT_MEMORY
/*
 * Maps what is at @gpa and says where that ends. Of the vCPU's last exit, which may be
 * half done, nothing changes. 0 in @end: the host changed the page meanwhile.
 */
static int prefault_one(struct strata_vcpu *vcpu, u64 gpa, u64 *end)
{
	struct strata_exit before = vcpu->exit;
	unsigned int level;
	u64 span;
	int r;

	r = fault_serve(vcpu, gpa, STRATA_ACC_READ, true);
	level = vcpu->exit.fault.level;
	vcpu->exit = before;
	if (r == STRATA_MMIO)
		return -ENOENT;
	if (r != STRATA_RESUME)
		return r;
	span = level ? STRATA_PT_SPAN(level) << PAGE_SHIFT : 0;
	*end = level ? (gpa & ~(span - 1)) + span : 0;
	return 0;
}

/**
 * strata_pre_fault_memory - KVM_PRE_FAULT_MEMORY: map before the guest asks for it
 * @vcpu: any of the VM's; its mutex is held, its thread is in the VM's address space
 * @range: guest-physical, whole pages; what is left of it is written back
 *
 * For reading; where the host's page allows it and no dirty log is kept, for writing as
 * well. May sleep. Return: 0 when at least one page was mapped; -EINVAL for flags and
 * for a range that is empty, wraps or is not of whole pages; -ENOENT without a slot;
 * -EINTR; else as strata_mmu_fault().
 */
int strata_pre_fault_memory(struct strata_vcpu *vcpu, struct kvm_pre_fault_memory *range)
{
	const u64 begin = range->gpa;
	u64 left = range->size, gpa = begin, end;
	int r = 0;

	might_sleep();
	if (range->flags || !PAGE_ALIGNED(begin) || !PAGE_ALIGNED(left) || begin + left <= begin)
		return -EINVAL;
	while (left) {
		r = signal_pending(current) ? -EINTR : prefault_one(vcpu, gpa, &end);
		if (r)
			break;
		if (end) {
			end = min(end - gpa, left);
			gpa += end;
			left -= end;
		}
		cond_resched();
	}
	range->gpa = gpa;
	range->size = left;
	return gpa == begin ? r : 0;
}
#endif

/**
 * strata_mmu_fault_atomic - serve a nested fault whose page the host has ready
 * @vcpu: as for strata_mmu_fault()
 * @gpa: guest-physical address
 * @access: STRATA_ACC_*
 *
 * Interrupts are on, preemption may be off; vm->srcu not held.
 *
 * Return: STRATA_RESUME; STRATA_MMIO; STRATA_SLEEPY where only
 * strata_mmu_fault() can serve it.
 */
int strata_mmu_fault_atomic(struct strata_vcpu *vcpu, u64 gpa, u32 access)
{
	return fault_serve(vcpu, gpa, access, false);
}
