/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Debugging a guest from user space (KVM_SET_GUEST_DEBUG).
 */
#ifndef STRATA_GUEST_DEBUG_H
#define STRATA_GUEST_DEBUG_H

#include "strata.h"

#define STRATA_DEBUG_FLAGS	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | \
				 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP | \
				 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP | \
				 KVM_GUESTDBG_BLOCKIRQ)

int strata_set_guest_debug(struct strata_vcpu *vcpu, const struct kvm_guest_debug *dbg);
/* before the guest runs: the next instruction is stepped */
void strata_debug_arm(struct strata_vcpu *vcpu);
/* KVM_EXIT_DEBUG; STRATA_USER */
int strata_debug_exit(struct strata_vcpu *vcpu, u8 vector, unsigned long dr6);
bool strata_debug_owns_ud(struct strata_vcpu *vcpu);

/* Is a #DB user space's? The guest's DR6 stays as it is then. */
static inline bool strata_debug_owns_db(const struct strata_vcpu *vcpu)
{
	return vcpu->guest_debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP);
}

#endif /* STRATA_GUEST_DEBUG_H */
