// SPDX-License-Identifier: GPL-2.0
/*
 * Registers that travel in the run page instead of by ioctls of their own.
 *
 * User space can write there while they are read: each part is copied, then
 * checked, then used.
 */
#include "strata.h"

/**
 * strata_sync_regs_in - KVM_RUN takes what is dirty and learns what is wanted
 * @vcpu: its mutex is held
 *
 * A part that was taken is marked clean. Return: 0, or -EINVAL for unknown
 * parts and for values that their own ioctl refuses.
 */
int strata_sync_regs_in(struct strata_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 dirty = READ_ONCE(run->kvm_dirty_regs), valid = READ_ONCE(run->kvm_valid_regs);
	union {
		struct kvm_regs regs;
		struct kvm_sregs sregs;
		struct kvm_vcpu_events events;
	} copy;

	vcpu->sync_regs = 0;
	if ((valid | dirty) & ~(u64)STRATA_SYNC_REGS)
		return -EINVAL;
	vcpu->sync_regs = valid;
	if (dirty & KVM_SYNC_X86_REGS) {
		memcpy(&copy.regs, &run->s.regs.regs, sizeof(copy.regs));
		barrier();	/* read once */
		strata_set_regs(vcpu, &copy.regs);
		dirty &= ~(u64)KVM_SYNC_X86_REGS;
	}
	if (dirty & KVM_SYNC_X86_SREGS) {
		memcpy(&copy.sregs, &run->s.regs.sregs, sizeof(copy.sregs));
		barrier();
		if (strata_set_sregs(vcpu, &copy.sregs))
			return -EINVAL;
		dirty &= ~(u64)KVM_SYNC_X86_SREGS;
	}
	if (dirty & KVM_SYNC_X86_EVENTS) {
		memcpy(&copy.events, &run->s.regs.events, sizeof(copy.events));
		barrier();
		if (strata_set_events(vcpu, &copy.events))
			return -EINVAL;
		dirty &= ~(u64)KVM_SYNC_X86_EVENTS;
	}
	run->kvm_dirty_regs = dirty;
	return 0;
}

/**
 * strata_sync_regs_out - leave what was asked for in the run page
 * @vcpu: its mutex is held
 */
void strata_sync_regs_out(struct strata_vcpu *vcpu)
{
	struct kvm_sync_regs *s = &vcpu->run->s.regs;

	if (vcpu->sync_regs & KVM_SYNC_X86_REGS)
		strata_get_regs(vcpu, &s->regs);
	if (vcpu->sync_regs & KVM_SYNC_X86_SREGS)
		strata_get_sregs(vcpu, &s->sregs);
	if (vcpu->sync_regs & KVM_SYNC_X86_EVENTS)
		strata_get_events(vcpu, &s->events);
}
