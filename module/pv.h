/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What hypercalls answer.
 */
#ifndef STRATA_PV_H
#define STRATA_PV_H

#include <linux/kvm_para.h>
#include <linux/types.h>

/**
 * strata_hypercall_result - RAX after a hypercall
 * @nr: its number, as wide as the mode has it
 * @cpl: who called; from CPL 3 everything is refused
 */
static __always_inline unsigned long strata_hypercall_result(unsigned long nr, int cpl)
{
	if (unlikely(cpl))
		return -KVM_EPERM;
	return nr == KVM_HC_VAPIC_POLL_IRQ ? 0 : -KVM_ENOSYS;
}

#endif /* STRATA_PV_H */
