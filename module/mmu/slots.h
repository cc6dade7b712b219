/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory slots: which guest frame numbers are memory, and where the host has
 * it. A set of slots never changes after it was published, but for the hint
 * and the bits of dirty bitmaps; each change makes a new set.
 *
 * Pure: compiled into the module and, for the unit tests, into a host program.
 */
#ifndef STRATA_MMU_SLOTS_H
#define STRATA_MMU_SLOTS_H

#include "shim.h"
#include <linux/kvm.h>

/* Of one slot, as in KVM; the dirty bitmap takes 256 MiB then. */
#define STRATA_SLOT_MAX_PAGES	((1ull << 31) - 1)
/* Of all slots of a VM: 16 TiB, which bounds the dirty bitmaps to 512 MiB. */
#define STRATA_SLOTS_MAX_PAGES	BIT_ULL(32)

/**
 * struct strata_memslot - one range of guest memory
 * @base: first guest frame number
 * @npages: length in pages of 4 KiB, not 0
 * @hva: host address of the first page
 * @id: user space's name for it
 * @flags: KVM_MEM_*
 * @dirty: a bit per page, set after the page was written and before its
 *	mapping becomes writable; NULL when there is no dirty log
 */
struct strata_memslot {
	u64 base;
	u64 npages;
	unsigned long hva;
	u32 id;
	u32 flags;
	unsigned long *dirty;
};

/**
 * struct strata_memslots - one set of slots
 * @total: pages in all of them
 * @nr: number of slots
 * @last: where the last search ended; written by all without a lock
 * @slot: sorted by @base, none overlaps another
 */
struct strata_memslots {
	u64 total;
	unsigned int nr;
	unsigned int last;
	struct strata_memslot slot[];
};

enum strata_slot_change {
	STRATA_SLOT_SAME,
	STRATA_SLOT_CREATE,
	STRATA_SLOT_DELETE,
	STRATA_SLOT_MOVE,	/* and perhaps other flags */
	STRATA_SLOT_FLAGS,
};

/**
 * struct strata_slot_limits - what user space may ask for
 * @nr_slots: ids are below this
 * @gfn_end: first frame number the nested tables cannot reach
 * @hva_end: first address that is not user space's
 */
struct strata_slot_limits {
	u32 nr_slots;
	u64 gfn_end;
	u64 hva_end;
};

/**
 * struct strata_slot_plan - what KVM_SET_USER_MEMORY_REGION comes down to
 * @change: the kind of change
 * @index: the slot it is about in the old set, unless one is created
 * @old: a copy of that
 * @new: the slot in the new set, unless one is deleted
 */
struct strata_slot_plan {
	enum strata_slot_change change;
	unsigned int index;
	struct strata_memslot old;
	struct strata_memslot new;
};

struct strata_memslot *strata_slot_search(struct strata_memslots *slots, u64 gfn);
struct strata_memslot *strata_slot_by_id(struct strata_memslots *slots, u32 id);
int strata_slots_plan(struct strata_memslots *slots,
		      const struct kvm_userspace_memory_region *r,
		      const struct strata_slot_limits *limits,
		      struct strata_slot_plan *plan);
void strata_slots_apply(struct strata_memslots *to, const struct strata_memslots *from,
			const struct strata_slot_plan *plan);

static inline bool strata_slot_has(const struct strata_memslot *slot, u64 gfn)
{
	return gfn - slot->base < slot->npages;
}

/* The slot that @gfn is in, or NULL. Most often the one that was hit last. */
static inline struct strata_memslot *strata_slot_find(struct strata_memslots *slots, u64 gfn)
{
	unsigned int last = READ_ONCE(slots->last);

	if (likely(last < slots->nr && strata_slot_has(&slots->slot[last], gfn)))
		return &slots->slot[last];
	return strata_slot_search(slots, gfn);
}

/*
 * Host address of @gfn's page. The guest chose @gfn: a CPU that runs ahead of
 * the search must not get an address outside of the slot from it.
 */
static inline unsigned long strata_slot_hva(const struct strata_memslot *slot, u64 gfn)
{
	return slot->hva + (array_index_nospec(gfn - slot->base, slot->npages) << 12);
}

#endif /* STRATA_MMU_SLOTS_H */
