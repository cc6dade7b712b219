/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The exits that are served without opening interrupts, inlined into each
 * vendor's run loop.
 *
 * They cost least because neither the window for interrupts nor its checks are
 * passed; an interrupt that is pending ends the next entry at once. XCR0,
 * IA32_XSS and PKRU are still the guest's here, so nothing that changes them
 * or shows them is served. Whatever is not the plain case of its kind (other
 * modes, an interrupt shadow, single step, an exception, user space) is left,
 * untouched, to the handlers of exit.c.
 */
#ifndef STRATA_EXIT_FAST_H
#define STRATA_EXIT_FAST_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "cpuid_index.h"
#include "exit.h"
#include "fetch.h"
#include "iofilter.h"
#include "irqchip/lapic.h"
#include "pv.h"
#include "strata.h"
#include "trace.h"

enum strata_fast {
	STRATA_FAST_NOT,	/* left to its handler, with nothing done */
	STRATA_FAST_SERVED,	/* enter again */
	STRATA_FAST_USER,	/* served as far as the kernel can */
};

/* hot_is_plain() holds: RIP does not wrap, nothing is raised by the next instruction. */
static __always_inline void strata_fast_skip(struct strata_vcpu *vcpu, u32 id)
{
	vcpu->rip += vcpu->exit.insn_len ?: strata_opcodes[id].len;
	vcpu->rflags &= ~X86_EFLAGS_RF;
}

/* The hardware gave the length, or the instruction stands there without prefixes. */
static __always_inline bool strata_fast_len(struct strata_vcpu *vcpu, u32 id)
{
	return vcpu->exit.insn_len || strata_fetch_matches(vcpu, &strata_opcodes[id]);
}

static __always_inline enum strata_fast strata_fast_cpuid(struct strata_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e;

	e = strata_cpuid_static(vcpu, vcpu->regs[STRATA_RAX]);
	if (unlikely(!e) || !strata_fast_len(vcpu, STRATA_EXIT_CPUID))
		return STRATA_FAST_NOT;
	vcpu->regs[STRATA_RAX] = e->eax;
	vcpu->regs[STRATA_RBX] = e->ebx;
	vcpu->regs[STRATA_RCX] = e->ecx;
	vcpu->regs[STRATA_RDX] = e->edx;
	strata_fast_skip(vcpu, STRATA_EXIT_CPUID);
	return STRATA_FAST_SERVED;
}

static __always_inline enum strata_fast strata_fast_hypercall(struct strata_vcpu *vcpu, hot_hw *hw)
{
	unsigned long nr = vcpu->regs[STRATA_RAX];

	if (!strata_hypercall_is_unknown(nr) || hot_cpl(vcpu, hw) ||
	    !strata_fast_len(vcpu, STRATA_EXIT_HYPERCALL))
		return STRATA_FAST_NOT;
	trace_strata_hypercall(vcpu->vm->index, vcpu->id, nr, -KVM_ENOSYS);
	vcpu->regs[STRATA_RAX] = -KVM_ENOSYS;
	strata_fast_skip(vcpu, STRATA_EXIT_HYPERCALL);
	return STRATA_FAST_SERVED;
}

static __always_inline enum strata_fast strata_fast_rdmsr(struct strata_vcpu *vcpu)
{
	u32 index = vcpu->regs[STRATA_RCX];
	u64 val = 0;

	if (unlikely(rcu_access_pointer(vcpu->vm->msr_filter)) ||
	    !strata_fast_len(vcpu, STRATA_EXIT_MSR_READ) ||
	    strata_get_msr(vcpu, index, &val, false))
		return STRATA_FAST_NOT;
	trace_strata_msr(vcpu->vm->index, vcpu->id, false, index, val, false);
	vcpu->regs[STRATA_RAX] = (u32)val;
	vcpu->regs[STRATA_RDX] = val >> 32;
	strata_fast_skip(vcpu, STRATA_EXIT_MSR_READ);
	return STRATA_FAST_SERVED;
}

/* Those that a guest writes at every interrupt. */
static __always_inline enum strata_fast strata_fast_wrmsr(struct strata_vcpu *vcpu)
{
	u32 index = vcpu->regs[STRATA_RCX];
	u64 val = (u32)vcpu->regs[STRATA_RAX] | (u64)vcpu->regs[STRATA_RDX] << 32;

	switch (index) {
	case LAPIC_MSR(LAPIC_ICR):
		if (!strata_lapic_to_few(vcpu->vm, val))
			return STRATA_FAST_NOT;
		break;
	case LAPIC_MSR(LAPIC_EOI):
	case LAPIC_MSR(LAPIC_SELF_IPI):
	case MSR_IA32_TSC_DEADLINE:
		break;
	default:
		return STRATA_FAST_NOT;
	}
	if (!vcpu->apic || unlikely(rcu_access_pointer(vcpu->vm->msr_filter)) ||
	    !strata_fast_len(vcpu, STRATA_EXIT_MSR_WRITE) ||
	    strata_set_msr(vcpu, index, val, false))
		return STRATA_FAST_NOT;
	trace_strata_msr(vcpu->vm->index, vcpu->id, true, index, val, false);
	strata_fast_skip(vcpu, STRATA_EXIT_MSR_WRITE);
	return STRATA_FAST_SERVED;
}

/* What nobody in the kernel claims is made ready for user space at once. */
static __always_inline enum strata_fast strata_fast_pio(struct strata_vcpu *vcpu)
{
	struct strata_exit *e = &vcpu->exit;

	if (e->pio.string || !e->pio.next_rip)
		return STRATA_FAST_NOT;
	if (!strata_io_claimed(vcpu->vm, true, e->pio.port) || !strata_pio_in_kernel(vcpu)) {
		/* Plain means so, and the completion asks. */
		e->shadow = false;
		strata_pio_to_user(vcpu);
		return STRATA_FAST_USER;
	}
	vcpu->rip = e->pio.next_rip;
	vcpu->rflags &= ~X86_EFLAGS_RF;
	return STRATA_FAST_SERVED;
}

/* A device access where a fault was before: the slots need not be asked again. */
static __always_inline enum strata_fast strata_fast_fault(struct strata_vcpu *vcpu, hot_hw *hw)
{
	u64 gfn = vcpu->exit.fault.gpa >> PAGE_SHIFT;
	const struct strata_hole *hole = &vcpu->holes[gfn % STRATA_NR_HOLES];

	if (hole->gfn != gfn || hole->slots_gen != strata_slots_generation(vcpu->vm))
		return STRATA_FAST_NOT;
	vcpu->exit.shadow = false;
	switch (strata_mmio_window(vcpu, hot_cpl(vcpu, hw))) {
	case STRATA_RESUME:
		return STRATA_FAST_SERVED;
	case STRATA_USER:
		return STRATA_FAST_USER;
	default:
		return STRATA_FAST_NOT;
	}
}

/*
 * Interrupts are off; vcpu->exit holds what hot_identify() put there.
 */
static __always_inline enum strata_fast strata_exit_fast(struct strata_vcpu *vcpu, hot_hw *hw)
{
	const u64 fast = BIT_ULL(STRATA_EXIT_CPUID) | BIT_ULL(STRATA_EXIT_HYPERCALL) |
			 BIT_ULL(STRATA_EXIT_MSR_READ) | BIT_ULL(STRATA_EXIT_MSR_WRITE) |
			 BIT_ULL(STRATA_EXIT_PIO) | BIT_ULL(STRATA_EXIT_NESTED_FAULT);

	if (!(fast >> vcpu->exit.id & 1) || unlikely(!hot_is_plain(vcpu, hw)))
		return STRATA_FAST_NOT;
	switch (vcpu->exit.id) {
	case STRATA_EXIT_CPUID:
		return strata_fast_cpuid(vcpu);
	case STRATA_EXIT_HYPERCALL:
		return strata_fast_hypercall(vcpu, hw);
	case STRATA_EXIT_MSR_READ:
		return strata_fast_rdmsr(vcpu);
	case STRATA_EXIT_MSR_WRITE:
		return strata_fast_wrmsr(vcpu);
	case STRATA_EXIT_PIO:
		return strata_fast_pio(vcpu);
	default:
		return strata_fast_fault(vcpu, hw);
	}
}

#endif /* STRATA_EXIT_FAST_H */
