// SPDX-License-Identifier: GPL-2.0
/*
 * Steal time: a page of the guest's, one for each vCPU, with the time that the
 * vCPU's thread wanted to run and could not, and whether it is off its CPU now.
 * While it says so another vCPU may leave a wish there to have the TLB flushed
 * instead of sending an interrupt and waiting for it. Documentation/design/pv.md
 */
#include "profile.h"
#include "steal.h"

#define RESERVED	(KVM_STEAL_RESERVED_MASK)
#define FIELD(vcpu, name)						\
	(((vcpu)->steal_msr & KVM_STEAL_VALID_BITS) +			\
	 offsetof(struct kvm_steal_time, name))

/**
 * strata_set_steal_msr - MSR_KVM_STEAL_TIME
 * @vcpu: its mutex is held; any context
 * @val: guest-physical address, aligned to 64; bit 0: on
 *
 * Return: 0, or 1 for reserved bits.
 */
int strata_set_steal_msr(struct strata_vcpu *vcpu, u64 val)
{
	if (val & RESERVED)
		return 1;
	vcpu->steal_msr = val;
	vcpu->steal = val & KVM_MSR_ENABLED;
	/* What was lost before is nobody's; the page is written before the next entry. */
	vcpu->steal_delay = strata_run_delay();
	vcpu->steal_marked = val & KVM_MSR_ENABLED;
	strata_set_request(vcpu, STRATA_REQ_STEAL);
	return 0;
}

/*
 * The mark goes, and with it the wish that may stand beside it. A guest that writes
 * there all the time gets a flush and what it wrote.
 */
static void clear_mark(struct strata_vcpu *vcpu)
{
	u8 old = KVM_VCPU_PREEMPTED, none = 0;
	int r, tries = 0;

	vcpu->steal_marked = false;
	do {
		r = strata_cmpxchg_guest(vcpu->vm, FIELD(vcpu, preempted), &old, &none, 1);
	} while (r > 0 && ++tries < 16);
	if (r > 0 || (!r && (old & KVM_VCPU_FLUSH_TLB)))
		vcpu->tlb_gen = STRATA_TLB_STALE;
}

/**
 * strata_steal_write - the page anew, if there is news
 * @vcpu: its mutex is held; sleeps
 *
 * A page that is in no slot or read-only is not written, and nobody is told.
 */
void strata_steal_write(struct strata_vcpu *vcpu)
{
	u64 delay = strata_run_delay(), steal;
	struct strata_vm *vm = vcpu->vm;
	u32 version;

	if (!vcpu->steal_marked && vcpu->steal_delay == delay)
		return;
	if (vcpu->steal_marked)
		clear_mark(vcpu);
	if (strata_read_guest(vm, FIELD(vcpu, version), &version, sizeof(version)) ||
	    strata_read_guest(vm, FIELD(vcpu, steal), &steal, sizeof(steal)))
		return;
	/* Odd while it is written. */
	version = (version | 1) + 2;
	strata_write_guest(vm, FIELD(vcpu, version), &version, sizeof(version));
	/* The odd version before the values. */
	smp_wmb();
	/* Another thread than last time has another history. */
	if (delay > vcpu->steal_delay)
		steal += delay - vcpu->steal_delay;
	vcpu->steal_delay = delay;
	strata_write_guest(vm, FIELD(vcpu, steal), &steal, sizeof(steal));
	/* The values before the even version. */
	smp_wmb();
	version++;
	strata_write_guest(vm, FIELD(vcpu, version), &version, sizeof(version));
}

/**
 * strata_steal_mark - the vCPU is off its CPU from now on
 * @vcpu: its mutex is held; sleeps
 */
void strata_steal_mark(struct strata_vcpu *vcpu)
{
	u8 preempted = KVM_VCPU_PREEMPTED;

	vcpu->steal_marked = !strata_write_guest(vcpu->vm, FIELD(vcpu, preempted), &preempted, 1);
}
