// SPDX-License-Identifier: GPL-2.0
/*
 * Where does the instruction that exited end?
 *
 * With nRIP the hardware says. Without it the instruction must be read:
 * CPUID is two bytes, but a guest may put prefixes before it. The exit tells
 * what the instruction is, so only its prefixes are in question; the bytes
 * are checked against what the exit says they must be.
 *
 * A walk of the guest's tables sleeps and costs hundreds of instructions, so
 * the last page's host address is kept. The guest may have mapped something
 * else at that address since, without telling us. Then the bytes of the old
 * page are those of another instruction, do not match, and the walk is made.
 * They match by accident only when the old page holds the same instruction
 * at the same offset; then the length differs only by redundant prefixes,
 * and the harm is the guest's own.
 */
#include <uapi/asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "exit.h"
#include "fetch.h"
#include "insn.h"
#include "strata.h"

#define MAX_INSN	15

/* The CS base applied, wrapped as outside 64-bit code. */
u64 strata_linear_rip_slow(struct strata_vcpu *vcpu)
{
	struct kvm_segment cs;

	strata_vendor->get_segment(vcpu, STRATA_SEG_CS, &cs);
	return (u32)(cs.base + vcpu->rip);
}

static bool is_prefix(u8 b, bool long_code)
{
	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
	case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
		return true;
	default:
		return long_code && (b & 0xf0) == 0x40;
	}
}

/* Length of the instruction in @b, or 0 when it is not what exited. */
static unsigned int match(struct strata_vcpu *vcpu, const u8 *b, unsigned int n)
{
	const struct strata_opcode *op = &strata_opcodes[vcpu->exit.id];
	bool long_code = strata_is_long_code(vcpu);
	unsigned int i = 0;
	u32 word = 0;

	while (i < n && is_prefix(b[i], long_code))
		i++;
	if (!op->len || i + op->len > n)
		return 0;
	memcpy(&word, b + i, op->len);
	return (word & op->mask) == op->word ? i + op->len : 0;
}

static unsigned int usable_bytes(u64 linear)
{
	return min_t(unsigned int, MAX_INSN, PAGE_SIZE - (linear & ~PAGE_MASK));
}

/* Outside 64-bit code, with prefixes, or at the end of a page. */
static noinline bool len_by_bytes(struct strata_vcpu *vcpu)
{
	u64 linear = strata_linear_rip(vcpu);
	unsigned int n = usable_bytes(linear), len;
	u8 b[MAX_INSN];

	if (!strata_fetch_is_kept(vcpu, linear & PAGE_MASK))
		return false;

	pagefault_disable();
	if (__copy_from_user_inatomic(b, (void __user *)(vcpu->fetch.hva +
							 (linear & ~PAGE_MASK)), n))
		n = 0;
	pagefault_enable();
	len = n ? match(vcpu, b, n) : 0;
	if (!len)
		vcpu->fetch.linear_page = ~0ull;
	vcpu->exit.insn_len = len;
	return len;
}

/**
 * strata_insn_len_atomic - fill exit.insn_len without sleeping
 * @vcpu: preemption may be off
 *
 * Return: false when only strata_insn_len_sleep() can tell.
 */
bool strata_insn_len_atomic(struct strata_vcpu *vcpu)
{
	const struct strata_opcode *op = &strata_opcodes[vcpu->exit.id];

	if (vcpu->exit.insn_len)
		return true;
	/* Nearly always it is 64-bit code and there is no prefix. */
	if (likely(strata_is_long_code(vcpu) && op->len &&
		   strata_fetch_matches(vcpu, op))) {
		vcpu->exit.insn_len = op->len;
		return true;
	}
	return len_by_bytes(vcpu);
}

/* Keep the page of RIP for the next exit. vm->srcu is held. */
static void remember(struct strata_vcpu *vcpu, u64 linear)
{
	unsigned long hva;
	u64 gpa;
	u32 ec;
	int idx;

	vcpu->fetch.linear_page = ~0ull;
	if (strata_gva_to_gpa(vcpu, linear, STRATA_ACC_FETCH |
			      (strata_vendor->get_cpl(vcpu) == 3 ? STRATA_ACC_USER : 0),
			      &gpa, &ec))
		return;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	/* First the number: what is found after it may only be newer. */
	vcpu->fetch.slots_gen = strata_slots_generation(vcpu->vm);
	hva = strata_gfn_to_hva(vcpu->vm, gpa >> PAGE_SHIFT, NULL);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	if (!hva)
		return;
	vcpu->fetch.hva = hva;
	vcpu->fetch.cr3 = vcpu->cr3;
	vcpu->fetch.linear_page = linear & PAGE_MASK;
}

/**
 * strata_insn_len_sleep - fill exit.insn_len, with a walk if need be
 * @vcpu: its mutex is held; may sleep
 *
 * Return: false when the instruction is not there any more, for instance
 * because another vCPU changed it; the guest then simply goes on at RIP. A
 * fetch that faults has its fault queued.
 */
bool strata_insn_len_sleep(struct strata_vcpu *vcpu)
{
	unsigned int n, len;
	u8 b[MAX_INSN];

	if (vcpu->exit.insn_len)
		return true;
	n = strata_fetch_insn(vcpu, b, sizeof(b));
	len = n ? match(vcpu, b, n) : 0;
	if (!len)
		return false;
	vcpu->exit.insn_len = len;
	remember(vcpu, strata_linear_rip(vcpu));
	return true;
}

/**
 * strata_complete_insn_slow - strata_complete_insn() where more than RIP changes
 * @vcpu: its mutex is held
 * @next_rip: where the next instruction begins, wrapped by mode or not
 *
 * Ends the shadow of STI and MOV SS, clears RF and raises the single-step
 * trap (APM 13.1.4).
 */
void strata_complete_insn_slow(struct strata_vcpu *vcpu, unsigned long next_rip)
{
	if (!strata_is_long_code(vcpu)) {
		if (vcpu->cs_attr & STRATA_CS_DB)
			next_rip = (u32)next_rip;
		else
			next_rip = (u16)next_rip;
	}
	vcpu->rip = next_rip;
	vcpu->rflags &= ~X86_EFLAGS_RF;
	if (vcpu->exit.shadow)
		strata_vendor->set_shadow(vcpu, 0);
	if (vcpu->rflags & X86_EFLAGS_TF)
		strata_queue_db(vcpu, DR_STEP);
}

/**
 * strata_skip_insn - step over the instruction that exited
 * @vcpu: its mutex is held; exit.insn_len is filled
 *
 * Return: STRATA_RESUME.
 */
int strata_skip_insn(struct strata_vcpu *vcpu)
{
	strata_complete_insn(vcpu, vcpu->rip + vcpu->exit.insn_len);
	return STRATA_RESUME;
}
