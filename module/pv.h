/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What hypercalls answer.
 */
#ifndef STRATA_PV_H
#define STRATA_PV_H

#include <linux/kvm_para.h>
#include <linux/types.h>

/* Hypercalls that do nothing, and are answered where interrupts are off. */
static __always_inline bool strata_hypercall_is_fast(unsigned long nr, int cpl)
{
	/* The others lie in a row, with some that nobody knows. */
	return nr - KVM_HC_KICK_CPU > KVM_HC_SCHED_YIELD - KVM_HC_KICK_CPU && !cpl;
}

static __always_inline unsigned long strata_hypercall_fast(unsigned long nr)
{
	return nr == KVM_HC_VAPIC_POLL_IRQ ? 0 : -KVM_ENOSYS;
}

#endif /* STRATA_PV_H */
