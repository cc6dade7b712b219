/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steal time: what the host tells a guest of the time that it did not get.
 */
#ifndef STRATA_STEAL_H
#define STRATA_STEAL_H

#include <asm/kvm_para.h>

#include "strata.h"

int strata_set_steal_msr(struct strata_vcpu *vcpu, u64 val);	/* 0 or 1: #GP */
void strata_steal_write(struct strata_vcpu *vcpu);
void strata_steal_mark(struct strata_vcpu *vcpu);

/* The vCPU goes on: its page tells what it lost. Sleeps. */
static inline void strata_steal_update(struct strata_vcpu *vcpu)
{
	if (unlikely(vcpu->steal))
		strata_steal_write(vcpu);
}

/* The vCPU will not run for a while: others need not wait for it. Sleeps. */
static inline void strata_steal_pause(struct strata_vcpu *vcpu)
{
	if (unlikely(vcpu->steal) && !vcpu->steal_marked)
		strata_steal_mark(vcpu);
}

#endif /* STRATA_STEAL_H */
