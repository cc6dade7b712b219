/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes at RIP, where the page of the last walk serves; see insn_len.c.
 */
#ifndef STRATA_FETCH_H
#define STRATA_FETCH_H

#include <linux/uaccess.h>

#include "mmu/mmu.h"
#include "strata.h"

/*
 * Four bytes at a host address that a slot gave, with page faults off. The
 * address is not the guest's to choose, so speculation needs no barrier.
 */
static __always_inline bool strata_fetch_word(u32 *word, unsigned long hva)
{
	bool ok = false;
	u32 w;

	pagefault_disable();
	__uaccess_begin();
	unsafe_get_user(w, (u32 __user *)hva, fault);
	ok = true;
	*word = w;
fault:
	__uaccess_end();
	pagefault_enable();
	return ok;
}

/* Does @page hold RIP, as far as can be told without a walk? */
static __always_inline bool strata_fetch_is_kept(struct strata_vcpu *vcpu, u64 page)
{
	if (vcpu->fetch.linear_page != page || vcpu->fetch.cr3 != vcpu->cr3)
		return false;
	/* Pairs with the release in slots_publish(). */
	return vcpu->fetch.slots_gen == smp_load_acquire(&vcpu->vm->mmu->slots_gen);
}

/* Is this what stands at RIP, in 64-bit code? False: perhaps. */
static __always_inline bool strata_fetch_matches(struct strata_vcpu *vcpu, u32 opcode, u32 mask)
{
	u64 offset = vcpu->rip & ~PAGE_MASK;
	u32 word;

	return likely(strata_fetch_is_kept(vcpu, vcpu->rip - offset) &&
		      offset <= PAGE_SIZE - sizeof(word) &&
		      strata_fetch_word(&word, vcpu->fetch.hva + offset) &&
		      (word & mask) == opcode);
}

#endif /* STRATA_FETCH_H */
