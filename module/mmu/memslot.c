// SPDX-License-Identifier: GPL-2.0
/*
 * Changing the memory slots of a VM, and the life of its guest memory.
 *
 * A change makes a new set, publishes it, and waits for all who found a slot
 * in the old set (vm->srcu). Then nobody makes nested entries of the old set
 * any more, and those that are wrong are removed, before the ioctl returns.
 * MMU notifiers look at both sets meanwhile.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "mmu.h"
#include "../mitigate.h"

/**
 * strata_mmu_zap - unmap a range of guest frames
 * @vm: the VM
 * @start: first guest frame number
 * @end: the one after the last
 *
 * When it returns, no vCPU uses a translation that existed before. May sleep,
 * but calls nothing that waits for memory or for a mutex.
 */
void strata_mmu_zap(struct strata_vm *vm, u64 start, u64 end)
{
	struct strata_gather g;

	while (start < end) {
		u64 next = min((start | (STRATA_MMU_STEP - 1)) + 1, end);

		spin_lock(&vm->mmu_lock);
		strata_gather_begin(&g, &vm->mmu->pt);
		strata_pt_unmap(&g, start, next);
		strata_gather_end(&g);
		spin_unlock(&vm->mmu_lock);
		cond_resched();
		start = next;
	}
}

/*
 * Makes @new the set of slots and waits until nobody has an older one in his
 * hands. @old stays known to the notifiers, see slots_retire().
 */
static void slots_publish(struct strata_vm *vm, struct strata_memslots *new,
			  struct strata_memslots *old)
{
	spin_lock(&vm->mmu_lock);
	vm->mmu->retiring = old;
	rcu_assign_pointer(vm->slots, new);
	spin_unlock(&vm->mmu_lock);
	/* Pairs with strata_slots_generation(). */
	smp_store_release(&vm->mmu->slots_gen, vm->mmu->slots_gen + 1);
	synchronize_srcu_expedited(&vm->srcu);
}

static void slots_retire(struct strata_vm *vm)
{
	struct strata_memslots *old = vm->mmu->retiring;

	spin_lock(&vm->mmu_lock);
	vm->mmu->retiring = NULL;
	spin_unlock(&vm->mmu_lock);
	kvfree(old);
}

/* Removes what the slots before the change have left in the nested tables. */
static void slots_clean_up(struct strata_vm *vm, const struct strata_slot_plan *plan)
{
	const struct strata_memslot *old = &plan->old;

	switch (plan->change) {
	case STRATA_SLOT_DELETE:
	case STRATA_SLOT_MOVE:
		/*
		 * A vCPU in a window holds a host address without vm->srcu. To
		 * unmap waits for it only if something was mapped.
		 */
		strata_flush_remote_tlbs(vm);
		strata_mmu_zap(vm, old->base, old->base + old->npages);
		break;
	case STRATA_SLOT_FLAGS:
		if (plan->new.dirty && !strata_log_starts_full(vm))
			strata_dirty_start(vm, &plan->new);
		else if (!plan->new.dirty)
			strata_dirty_stop(vm, &plan->new);
		break;
	default:
		break;
	}
}

/**
 * strata_set_memory_region - KVM_SET_USER_MEMORY_REGION
 * @vm: the VM; its slots_lock is taken here
 * @r: the request, a copy
 *
 * Waits for all vCPUs that are serving a fault. When it returns, no vCPU uses
 * a mapping that the request took away.
 *
 * Return: 0; -EINVAL, -EEXIST as in strata_slots_plan(); -ENOMEM.
 */
int strata_set_memory_region(struct strata_vm *vm, const struct kvm_userspace_memory_region *r)
{
	const struct strata_slot_limits limits = {
		.nr_slots = STRATA_NR_MEMSLOTS,
		.gfn_end = strata_pt_end(vm->mmu->pt.levels),
		.hva_end = TASK_SIZE_MAX,
	};
	struct strata_memslots *old, *new;
	struct strata_slot_plan plan;
	int err;

	mutex_lock(&vm->slots_lock);
	old = rcu_dereference_protected(vm->slots, lockdep_is_held(&vm->slots_lock));
	err = strata_slots_plan(old, r, &limits, &plan);
	if (err || plan.change == STRATA_SLOT_SAME)
		goto out;

	if (plan.new.flags & KVM_MEM_LOG_DIRTY_PAGES && !plan.new.dirty) {
		err = strata_dirty_alloc(&plan.new, strata_log_starts_full(vm));
		if (err)
			goto out;
	}
	new = kvmalloc(struct_size(new, slot, old->nr + 1), GFP_KERNEL_ACCOUNT);
	if (!new) {
		if (plan.new.dirty != plan.old.dirty)
			kvfree(plan.new.dirty);
		err = -ENOMEM;
		goto out;
	}
	strata_slots_apply(new, old, &plan);
	slots_publish(vm, new, old);
	slots_clean_up(vm, &plan);
	slots_retire(vm);
	if (plan.old.dirty != plan.new.dirty)
		kvfree(plan.old.dirty);
out:
	mutex_unlock(&vm->slots_lock);
	return err;
}

/**
 * strata_gfn_to_hva - host address of a guest page
 * @vm: the VM; vm->srcu held (read)
 * @gfn: guest frame number
 * @writable: set to whether the guest may write it; may be NULL
 *
 * The address is good as long as vm->srcu is held. Who keeps it longer
 * compares strata_slots_generation() before each use, under vm->srcu or in
 * guest mode with interrupts off: slots_clean_up() waits for both.
 *
 * Return: the address, or 0 without a slot.
 */
unsigned long strata_gfn_to_hva(struct strata_vm *vm, u64 gfn, bool *writable)
{
	struct strata_memslot *slot = strata_slot_find(strata_slots(vm), gfn);

	if (!slot)
		return 0;
	if (writable)
		*writable = !(slot->flags & KVM_MEM_READONLY);
	return strata_slot_hva(slot, gfn);
}

/**
 * strata_has_slots - is there any guest memory?
 * @vm: the VM; vm->srcu not needed
 */
bool strata_has_slots(struct strata_vm *vm)
{
	int idx = srcu_read_lock(&vm->srcu);
	bool has = strata_slots(vm)->nr;

	srcu_read_unlock(&vm->srcu, idx);
	return has;
}

/* ---- life ---- */

static void mmu_flush(struct strata_pgtbl *pt)
{
	strata_flush_remote_tlbs(container_of(pt, struct strata_mmu, pt)->vm);
}

static void mmu_free(struct strata_vm *vm)
{
	struct strata_memslots *slots = rcu_dereference_protected(vm->slots, true);
	unsigned int i;

	strata_pt_destroy(&vm->mmu->pt);
	for (i = 0; slots && i < slots->nr; i++)
		kvfree(slots->slot[i].dirty);
	kvfree(slots);
	RCU_INIT_POINTER(vm->slots, NULL);
	kfree(vm->mmu);
	vm->mmu = NULL;
}

/**
 * strata_mmu_init_vm - give a VM its empty guest memory
 * @vm: the VM; its srcu, locks and mm are set up, mm is current's
 *
 * Sets vm->root_pa. From its return on MMU notifiers may come.
 *
 * Return: 0, -ENOMEM, or -EINTR for a fatal signal.
 */
int strata_mmu_init_vm(struct strata_vm *vm)
{
	struct strata_memslots *slots;
	int err = -ENOMEM;

	vm->mmu = kzalloc(sizeof(*vm->mmu), GFP_KERNEL_ACCOUNT);
	if (!vm->mmu)
		return -ENOMEM;
	vm->mmu->vm = vm;
	slots = kvzalloc(struct_size(slots, slot, 0), GFP_KERNEL_ACCOUNT);
	RCU_INIT_POINTER(vm->slots, slots);
	if (!slots)
		goto fail;
	err = strata_pt_init(&vm->mmu->pt, strata_vendor->pt_format, strata_vendor->pt_levels,
			     strata_vendor->pt_max_level, mmu_flush);
	if (err)
		goto fail;
	vm->mmu->pt.small_exec = strata_barriers.small_exec;
	vm->root_pa = virt_to_phys(vm->mmu->pt.root);

	vm->notifier.ops = &strata_notifier_ops;
	err = mmu_notifier_register(&vm->notifier, vm->mm);
	if (err)
		goto fail;
	return 0;
fail:
	mmu_free(vm);
	return err;
}

/**
 * strata_mmu_destroy_vm - free the guest memory's tables and slots
 * @vm: the VM; its vCPUs do not run any more, but are not freed yet: a
 *	notifier may come until this is done, and looks at them to flush
 *
 * Nothing is done where strata_mmu_init_vm() failed or was not called.
 */
void strata_mmu_destroy_vm(struct strata_vm *vm)
{
	if (!vm->mmu)
		return;
	/* Unmaps everything by notifier_release(), now or when the mm ended. */
	mmu_notifier_unregister(&vm->notifier, vm->mm);
	mmu_free(vm);
}
