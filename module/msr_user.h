/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's MSRs as far as user space decides: the filter, and exits for
 * accesses that would raise #GP.
 */
#ifndef STRATA_MSR_USER_H
#define STRATA_MSR_USER_H

#include <linux/kvm.h>

#include "strata.h"

/* What KVM_CAP_X86_USER_SPACE_MSR takes. */
#define STRATA_MSR_EXIT_REASONS	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
				 KVM_MSR_EXIT_REASON_FILTER)

long strata_set_msr_filter(struct strata_vm *vm, const struct kvm_msr_filter *filter);
void strata_msr_filter_destroy(struct strata_vm *vm);
bool strata_msr_filter_denies(struct strata_vm *vm, u32 index, u32 access);
int strata_msr_refused(struct strata_vcpu *vcpu, u32 index, bool write, u64 val, bool filtered);

/**
 * strata_msr_denied - does the VM's filter keep the guest off an MSR?
 * @vcpu: any; any context
 * @index: the MSR
 * @access: KVM_MSR_FILTER_READ or KVM_MSR_FILTER_WRITE
 */
static __always_inline bool strata_msr_denied(struct strata_vcpu *vcpu, u32 index, u32 access)
{
	return unlikely(rcu_access_pointer(vcpu->vm->msr_filter)) &&
	       strata_msr_filter_denies(vcpu->vm, index, access);
}

#endif /* STRATA_MSR_USER_H */
