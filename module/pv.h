/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What hypercalls answer.
 */
#ifndef STRATA_PV_H
#define STRATA_PV_H

#include <linux/kvm_para.h>
#include <linux/types.h>

/*
 * What nobody knows is answered with -KVM_ENOSYS where interrupts are off. All that are
 * known have smaller numbers.
 */
static __always_inline bool strata_hypercall_is_unknown(unsigned long nr)
{
	return nr > KVM_HC_SCHED_YIELD;
}

#endif /* STRATA_PV_H */
