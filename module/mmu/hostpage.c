// SPDX-License-Identifier: GPL-2.0
/*
 * What the host has at an address of user space: the page, whether it may be
 * written, and how large its mapping is. All of it holds only as long as no
 * MMU notifier says otherwise.
 */
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>

#include "mmu.h"

/* Attempts at a mapping that changes under our hands, before the guest retries. */
#define PFN_TRIES	4

/*
 * VM_IO and VM_PFNMAP mappings: there is no page to hold, only an entry to
 * read. It is made writable for write faults only, so that whoever owns the
 * mapping sees each first write.
 */
static int host_pfn_get(struct mm_struct *mm, unsigned long hva, bool write,
			struct strata_host_page *hp)
{
	int tries, err = -EAGAIN;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for (tries = 0; tries < PFN_TRIES; tries++) {
		struct vm_area_struct *vma = vma_lookup(mm, hva);
		bool writable, unlocked = false;
		unsigned long pfn;

		if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)) ||
		    !(vma->vm_flags & (write ? VM_WRITE : VM_READ))) {
			err = -EFAULT;
			break;
		}
		if (!strata_follow_pfn(vma, hva, &pfn, &writable) && (writable || !write)) {
			hp->pfn = pfn;
			hp->page = NULL;
			hp->held = false;
			hp->level = 1;
			hp->writable = write;
			hp->device = !pfn_valid(pfn) || PageReserved(pfn_to_page(pfn));
			err = 0;
			break;
		}
		err = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
		if (err)
			break;
		err = -EAGAIN;
	}
	mmap_read_unlock(mm);
	return err;
}

/* What the host's tables say of an address. */
struct host_entry {
	unsigned int level;		/* 1 to 3; 0: nothing that can be used */
	unsigned long pfn;
	bool writable;
};

/*
 * Interrupts are off, so that no table is freed under us. That what is found here
 * still holds is for the caller to check, by holding mmu_lock while no
 * invalidation is in progress nor was any since before the walk: only so is
 * the page, of which no reference is taken, still the one mapped there.
 */
static __always_inline struct host_entry host_walk(struct mm_struct *mm, unsigned long hva)
{
	struct host_entry e = { 0 };
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;
	pte_t pte, *ptep;

	lockdep_assert_irqs_disabled();
	pgd = READ_ONCE(*pgd_offset(mm, hva));
	if (unlikely(pgd_none(pgd)))
		return e;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (unlikely(!p4d_present(p4d)))
		return e;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (unlikely(!pud_present(pud)))
		return e;
	if (pud_leaf(pud)) {
		if (pud_access_permitted(pud, false) && !strata_pud_special(pud)) {
			e.level = 3;
			e.pfn = pud_pfn(pud) + ((hva & ~PUD_MASK) >> PAGE_SHIFT);
			e.writable = pud_access_permitted(pud, true);
		}
		return e;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (unlikely(!pmd_present(pmd)))
		return e;
	if (pmd_leaf(pmd)) {
		if (pmd_access_permitted(pmd, false) && !strata_pmd_special(pmd)) {
			e.level = 2;
			e.pfn = pmd_pfn(pmd) + ((hva & ~PMD_MASK) >> PAGE_SHIFT);
			e.writable = pmd_access_permitted(pmd, true);
		}
		return e;
	}
	ptep = pte_offset_kernel(&pmd, hva);
	pte = READ_ONCE(*ptep);
	/* No struct page is behind a special entry, or none of its own: the zero page. */
	if (pte_access_permitted(pte, false) && !pte_special(pte)) {
		e.level = 1;
		e.pfn = pte_pfn(pte);
		e.writable = pte_access_permitted(pte, true);
	}
	return e;
}

/**
 * strata_host_page_try - the page at a user address, if it is mapped already
 * @mm: the address space, which is current's
 * @hva: the address
 * @write: writing is asked for
 * @may_write: a page that is writable already may be mapped so; set if @write
 * @hp: the result, without a reference on @hp->page
 *
 * A page is made writable only when @write: copy-on-write, the zero page and
 * the file's page stay shared else. Where the host has it writable anyway, one
 * fault serves the guest's write to come.
 *
 * Does not sleep. Return: whether it was there.
 */
bool strata_host_page_try(struct mm_struct *mm, unsigned long hva, bool write, bool may_write,
			  struct strata_host_page *hp)
{
	struct host_entry e;
	unsigned long flags;
	bool ours;

	local_irq_save(flags);
	e = host_walk(mm, hva);
	ours = e.level && (e.writable || !write) && likely(pfn_valid(e.pfn));
	/*
	 * Memory of a device comes and goes by its driver's rules: ask properly.
	 * The page is looked at before anybody can take its memory out.
	 */
	if (ours) {
		hp->page = pfn_to_page(e.pfn);
		ours = likely(!is_zone_device_page(hp->page));
	}
	local_irq_restore(flags);
	if (!ours)
		return false;
	hp->pfn = e.pfn;
	hp->level = e.level;
	hp->writable = e.writable && may_write;
	hp->device = false;
	hp->held = false;
	return true;
}

/**
 * strata_host_page_get - find, or make present, the page at a user address
 * @mm: the address space, which is current's
 * @hva: the address
 * @write: as for strata_host_page_try()
 * @may_write: the same
 * @hp: the result; a reference on @hp->page is the caller's if @hp->held
 *
 * May sleep. Return: 0; -EFAULT where the mapping does not allow it; -EINTR
 * for a fatal signal; -ENOMEM; -EAGAIN when the mapping keeps changing.
 */
int strata_host_page_get(struct mm_struct *mm, unsigned long hva, bool write, bool may_write,
			 struct strata_host_page *hp)
{
	struct page *page, *again;
	long r;

	if (strata_host_page_try(mm, hva, write, may_write, hp))
		return 0;

	hp->device = false;
	hp->writable = write;
	hp->held = true;
	hp->level = 0;
	r = get_user_pages_unlocked(hva, 1, &page, write ? FOLL_WRITE : 0);
	if (r != 1) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (r == -ENOMEM || r == -EAGAIN)
			return r;
		return host_pfn_get(mm, hva, write, hp);
	}
	/* Shared memory comes writable at the first read. */
	if (may_write && !write && get_user_pages_fast_only(hva, 1, FOLL_WRITE, &again) == 1) {
		put_page(page);
		page = again;
		hp->writable = true;
	}
	hp->page = page;
	hp->pfn = page_to_pfn(page);
	return 0;
}

/**
 * strata_host_level - size of the host's mapping at an address
 * @mm: the address space
 * @hva: the address
 * @max: the largest level of interest, 1 to 3
 *
 * The size of the page (folio) is no proof: a large one may be mapped by 4K
 * entries, partly, or with different rights. See host_walk() for how long it
 * holds.
 *
 * Return: 1 (4K, or not known), 2 (2M) or 3 (1G).
 */
unsigned int strata_host_level(struct mm_struct *mm, unsigned long hva, unsigned int max)
{
	unsigned int level;
	unsigned long flags;

	local_irq_save(flags);
	level = host_walk(mm, hva).level;
	local_irq_restore(flags);
	return clamp(level, 1u, max);
}
