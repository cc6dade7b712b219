// SPDX-License-Identifier: GPL-2.0
/*
 * Searching sets of memory slots, and deciding what a change of them is.
 */
#include "slots.h"

#define SLOT_PAGE_MASK	0xfffull

/**
 * strata_slot_search - the slot that a guest frame number is in
 * @slots: the set
 * @gfn: guest frame number
 *
 * Return: the slot, which becomes the hint of the next search; or NULL.
 */
struct strata_memslot *strata_slot_search(struct strata_memslots *slots, u64 gfn)
{
	unsigned int low = 0, high = slots->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		struct strata_memslot *slot = &slots->slot[mid];

		if (strata_slot_has(slot, gfn)) {
			WRITE_ONCE(slots->last, mid);
			return slot;
		}
		if (gfn < slot->base)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/**
 * strata_slot_by_id - the slot of a name
 * @slots: the set
 * @id: as user space gave it
 *
 * Return: the slot or NULL.
 */
struct strata_memslot *strata_slot_by_id(struct strata_memslots *slots, u32 id)
{
	unsigned int i;

	for (i = 0; i < slots->nr; i++) {
		if (slots->slot[i].id == id)
			return &slots->slot[i];
	}
	return NULL;
}

static int slot_check(const struct kvm_userspace_memory_region *r,
		      const struct strata_slot_limits *limits)
{
	if (r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	/* The upper half is an address space, of which there is one. */
	if (r->slot >= limits->nr_slots)
		return -EINVAL;
	if ((r->memory_size | r->guest_phys_addr | r->userspace_addr) & SLOT_PAGE_MASK)
		return -EINVAL;
	if (r->memory_size >> 12 > STRATA_SLOT_MAX_PAGES)
		return -EINVAL;
	if (r->guest_phys_addr >> 12 > limits->gfn_end ||
	    limits->gfn_end - (r->guest_phys_addr >> 12) < r->memory_size >> 12)
		return -EINVAL;
	if (r->userspace_addr > limits->hva_end ||
	    limits->hva_end - r->userspace_addr < r->memory_size)
		return -EINVAL;
	return 0;
}

/**
 * strata_slots_plan - check a request and decide what it changes
 * @slots: the present set
 * @r: the request
 * @limits: what is allowed
 * @plan: the result
 *
 * The rules are those of KVM_SET_USER_MEMORY_REGION: size 0 deletes; of a slot
 * that exists, address in the guest and dirty logging can be changed.
 *
 * Return: 0; -EINVAL; -EEXIST where it would overlap another slot.
 */
int strata_slots_plan(struct strata_memslots *slots,
		      const struct kvm_userspace_memory_region *r,
		      const struct strata_slot_limits *limits,
		      struct strata_slot_plan *plan)
{
	struct strata_memslot *old;
	unsigned int i;
	int err;

	memset(plan, 0, sizeof(*plan));
	err = slot_check(r, limits);
	if (err)
		return err;

	old = strata_slot_by_id(slots, r->slot);
	if (old) {
		plan->index = old - slots->slot;
		plan->old = *old;
	}
	if (!r->memory_size) {
		plan->change = STRATA_SLOT_DELETE;
		return old ? 0 : -EINVAL;
	}

	plan->new.base = r->guest_phys_addr >> 12;
	plan->new.npages = r->memory_size >> 12;
	plan->new.hva = r->userspace_addr;
	plan->new.id = r->slot;
	plan->new.flags = r->flags;
	if (!old) {
		if (plan->new.npages > STRATA_SLOTS_MAX_PAGES - slots->total)
			return -EINVAL;
		plan->change = STRATA_SLOT_CREATE;
	} else {
		if (old->hva != plan->new.hva || old->npages != plan->new.npages ||
		    (old->flags ^ plan->new.flags) & KVM_MEM_READONLY)
			return -EINVAL;
		if (old->base != plan->new.base)
			plan->change = STRATA_SLOT_MOVE;
		else if (old->flags != plan->new.flags)
			plan->change = STRATA_SLOT_FLAGS;
		if (plan->new.flags & KVM_MEM_LOG_DIRTY_PAGES)
			plan->new.dirty = old->dirty;
	}
	if (plan->change != STRATA_SLOT_CREATE && plan->change != STRATA_SLOT_MOVE)
		return 0;

	for (i = 0; i < slots->nr; i++) {
		const struct strata_memslot *s = &slots->slot[i];

		if (s != old && plan->new.base < s->base + s->npages &&
		    s->base < plan->new.base + plan->new.npages)
			return -EEXIST;
	}
	return 0;
}

/**
 * strata_slots_apply - make the new set of slots
 * @to: room for one slot more than @from has
 * @from: the set that @plan was made for
 * @plan: the change
 */
void strata_slots_apply(struct strata_memslots *to, const struct strata_memslots *from,
			const struct strata_slot_plan *plan)
{
	bool put = plan->change != STRATA_SLOT_DELETE;
	unsigned int i, n = 0;

	to->total = 0;
	to->last = 0;
	for (i = 0; i < from->nr; i++) {
		if (plan->change != STRATA_SLOT_CREATE && i == plan->index)
			continue;
		if (put && plan->new.base < from->slot[i].base) {
			to->slot[n++] = plan->new;
			put = false;
		}
		to->slot[n++] = from->slot[i];
	}
	if (put)
		to->slot[n++] = plan->new;
	to->nr = n;
	for (i = 0; i < n; i++)
		to->total += to->slot[i].npages;
}
