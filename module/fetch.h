/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes at RIP, where the page of the last walk serves; see insn_len.c.
 */
#ifndef STRATA_FETCH_H
#define STRATA_FETCH_H

#include <linux/uaccess.h>

#include "mmu/mmu.h"
#include "strata.h"

/* The opcode behind the prefixes, as the low bytes of a little-endian word. */
struct strata_opcode {
	u32 word;
	u32 mask;
	u8 len;			/* 0: this exit has no fixed form */
};

#define STRATA_OPCODE1(a)	{ (a), 0xff, 1 }
#define STRATA_OPCODE2(a, b)	{ (a) | (b) << 8, 0xffff, 2 }
#define STRATA_OPCODE3(a, b, c)	{ (a) | (b) << 8 | (c) << 16, 0xffffff, 3 }

static const struct strata_opcode strata_opcodes[STRATA_NR_EXIT_REASONS] = {
	[STRATA_EXIT_HLT]	= STRATA_OPCODE1(0xf4),
	[STRATA_EXIT_PAUSE]	= STRATA_OPCODE1(0x90),
	[STRATA_EXIT_CPUID]	= STRATA_OPCODE2(0x0f, 0xa2),
	[STRATA_EXIT_MSR_READ]	= STRATA_OPCODE2(0x0f, 0x32),
	[STRATA_EXIT_MSR_WRITE]	= STRATA_OPCODE2(0x0f, 0x30),
	/* Both do nothing here, and QEMU's TCG reports INVD as WBINVD. */
	[STRATA_EXIT_INVD]	= { 0x080f, 0xfeff, 2 },
	[STRATA_EXIT_WBINVD]	= { 0x080f, 0xfeff, 2 },
	[STRATA_EXIT_XSETBV]	= STRATA_OPCODE3(0x0f, 0x01, 0xd1),
	[STRATA_EXIT_HYPERCALL]	= STRATA_OPCODE3(0x0f, 0x01, 0xd9),
	[STRATA_EXIT_MONITOR]	= STRATA_OPCODE3(0x0f, 0x01, 0xc8),
	[STRATA_EXIT_MWAIT]	= STRATA_OPCODE3(0x0f, 0x01, 0xc9),
};

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
	return vcpu->fetch.slots_gen == strata_slots_generation(vcpu->vm);
}

/* Is this what stands at RIP, in 64-bit code? False: perhaps. */
static __always_inline bool strata_fetch_matches(struct strata_vcpu *vcpu,
						 const struct strata_opcode *op)
{
	u64 offset = vcpu->rip & ~PAGE_MASK;
	u32 word;

	return likely(strata_fetch_is_kept(vcpu, vcpu->rip - offset) &&
		      offset <= PAGE_SIZE - sizeof(word) &&
		      strata_fetch_word(&word, vcpu->fetch.hva + offset) &&
		      (word & op->mask) == op->word);
}

#endif /* STRATA_FETCH_H */
