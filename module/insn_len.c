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
#include <linux/uaccess.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "exit.h"
#include "strata.h"

#define MAX_INSN	15

static bool is_long_code(struct strata_vcpu *vcpu)
{
	return (vcpu->efer & EFER_LMA) && (vcpu->cs_attr & STRATA_CS_L);
}

/**
 * strata_linear_rip - where the CPU fetches
 * @vcpu: its mutex is held
 */
u64 strata_linear_rip(struct strata_vcpu *vcpu)
{
	struct kvm_segment cs;

	if (is_long_code(vcpu))
		return vcpu->rip;
	strata_vendor->get_segment(vcpu, STRATA_SEG_CS, &cs);
	return (u32)(cs.base + vcpu->rip);
}

/* The opcode bytes behind the prefixes, by exit; 0: this exit has no fixed form. */
static unsigned int opcode_of(struct strata_vcpu *vcpu, u8 *op)
{
	switch (vcpu->exit.id) {
	case STRATA_EXIT_HLT:
		op[0] = 0xf4;
		return 1;
	case STRATA_EXIT_CPUID:
		op[0] = 0x0f;
		op[1] = 0xa2;
		return 2;
	case STRATA_EXIT_MSR_READ:
		op[0] = 0x0f;
		op[1] = 0x32;
		return 2;
	case STRATA_EXIT_MSR_WRITE:
		op[0] = 0x0f;
		op[1] = 0x30;
		return 2;
	case STRATA_EXIT_INVD:
		op[0] = 0x0f;
		op[1] = 0x08;
		return 2;
	case STRATA_EXIT_WBINVD:
		op[0] = 0x0f;
		op[1] = 0x09;
		return 2;
	case STRATA_EXIT_XSETBV:
		op[0] = 0x0f;
		op[1] = 0x01;
		op[2] = 0xd1;
		return 3;
	case STRATA_EXIT_HYPERCALL:
		memcpy(op, strata_vendor->hypercall_insn, 3);
		return 3;
	case STRATA_EXIT_MONITOR:
		op[0] = 0x0f;
		op[1] = 0x01;
		op[2] = 0xc8;
		return 3;
	case STRATA_EXIT_MWAIT:
		op[0] = 0x0f;
		op[1] = 0x01;
		op[2] = 0xc9;
		return 3;
	case STRATA_EXIT_PAUSE:
		op[0] = 0x90;
		return 1;
	default:
		return 0;
	}
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
	bool long_code = false;
	unsigned int i = 0, len;
	u8 op[3];

	len = opcode_of(vcpu, op);
	if (!len || n < len)
		return 0;
	/* Nearly always there is no prefix. */
	if (unlikely(b[0] != op[0])) {
		long_code = is_long_code(vcpu);
		while (i < n && is_prefix(b[i], long_code))
			i++;
	}
	if (i + len > n || memcmp(b + i, op, len))
		return 0;
	return i + len;
}

static unsigned int usable_bytes(u64 linear)
{
	return min_t(unsigned int, MAX_INSN, PAGE_SIZE - (linear & ~PAGE_MASK));
}

/**
 * strata_insn_len_atomic - fill exit.insn_len without sleeping
 * @vcpu: preemption may be off
 *
 * Return: false when only strata_insn_len_sleep() can tell.
 */
bool strata_insn_len_atomic(struct strata_vcpu *vcpu)
{
	u8 b[MAX_INSN + 1];
	unsigned int n, len;
	u64 linear;

	if (vcpu->exit.insn_len)
		return true;
	linear = strata_linear_rip(vcpu);
	if (vcpu->fetch.linear_page != (linear & PAGE_MASK) || vcpu->fetch.cr3 != vcpu->cr3 ||
	    vcpu->fetch.slots_gen != strata_slots_generation(vcpu->vm))
		return false;

	n = usable_bytes(linear);
	if (likely(n >= 3)) {
		/* Three bytes hold every opcode without a prefix. */
		u32 word;

		pagefault_disable();
		if (n >= 4 &&
		    !__get_user(word, (u32 __user *)(vcpu->fetch.hva + (linear & ~PAGE_MASK)))) {
			memcpy(b, &word, 4);
			len = match(vcpu, b, 4);
			if (likely(len)) {
				pagefault_enable();
				vcpu->exit.insn_len = len;
				return true;
			}
		}
		pagefault_enable();
	}
	pagefault_disable();
	if (__copy_from_user_inatomic(b, (void __user *)(vcpu->fetch.hva +
							 (linear & ~PAGE_MASK)), n))
		n = 0;
	pagefault_enable();
	len = n ? match(vcpu, b, n) : 0;
	if (!len) {
		vcpu->fetch.linear_page = ~0ull;
		return false;
	}
	vcpu->exit.insn_len = len;
	return true;
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
 * strata_complete_insn - an instruction is done
 * @vcpu: its mutex is held
 * @next_rip: where the next one begins, wrapped by mode by the caller or not
 *
 * Ends the shadow of STI and MOV SS, clears RF and raises the single-step
 * trap (APM 13.1.4).
 */
void strata_complete_insn(struct strata_vcpu *vcpu, unsigned long next_rip)
{
	if (!is_long_code(vcpu)) {
		if (vcpu->cs_attr & STRATA_CS_DB)
			next_rip = (u32)next_rip;
		else
			next_rip = (u16)next_rip;
	}
	vcpu->rip = next_rip;
	vcpu->rflags &= ~X86_EFLAGS_RF;
	strata_vendor->set_shadow(vcpu, 0);
	if (unlikely(vcpu->rflags & X86_EFLAGS_TF))
		strata_queue_db(vcpu, 1ul << 14);
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
