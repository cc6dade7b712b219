/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an instruction stands and how it ends, in the usual case: 64-bit code,
 * no interrupt shadow, no single step. insn_len.c has the others.
 */
#ifndef STRATA_INSN_H
#define STRATA_INSN_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "strata.h"

u64 strata_linear_rip_slow(struct strata_vcpu *vcpu);
void strata_complete_insn_slow(struct strata_vcpu *vcpu, unsigned long next_rip);

static __always_inline bool strata_is_long_code(struct strata_vcpu *vcpu)
{
	return (vcpu->efer & EFER_LMA) && (vcpu->cs_attr & STRATA_CS_L);
}

/**
 * strata_linear_rip - where the CPU fetches
 * @vcpu: its mutex is held
 */
static __always_inline u64 strata_linear_rip(struct strata_vcpu *vcpu)
{
	return likely(strata_is_long_code(vcpu)) ? vcpu->rip : strata_linear_rip_slow(vcpu);
}

/**
 * strata_complete_insn - an instruction is done
 * @vcpu: its mutex is held; exit.shadow tells of the instruction before
 * @next_rip: where the next one begins, wrapped by mode or not
 */
static __always_inline void strata_complete_insn(struct strata_vcpu *vcpu, unsigned long next_rip)
{
	if (unlikely(!strata_is_long_code(vcpu) || vcpu->exit.shadow ||
		     (vcpu->rflags & X86_EFLAGS_TF))) {
		strata_complete_insn_slow(vcpu, next_rip);
		return;
	}
	vcpu->rip = next_rip;
	vcpu->rflags &= ~X86_EFLAGS_RF;
}

#endif /* STRATA_INSN_H */
