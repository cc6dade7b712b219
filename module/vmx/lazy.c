// SPDX-License-Identifier: GPL-2.0
/*
 * The MSRs of system calls and TSC_AUX, which VMX does not switch.
 *
 * The kernel itself does not depend on them, only user space does. So the
 * guest's values stay in the hardware until this CPU returns to user space,
 * whoever runs there; then the kernel's notifier brings the host's back. A
 * value that is the same for both is never written.
 */
#include <linux/irqflags.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>

#include "insns.h"
#include "vmx.h"

static const u32 lazy_index[VMX_NR_LAZY] = {
	[VMX_LAZY_STAR] = MSR_STAR,
	[VMX_LAZY_LSTAR] = MSR_LSTAR,
	[VMX_LAZY_FMASK] = MSR_SYSCALL_MASK,
	[VMX_LAZY_TSC_AUX] = MSR_TSC_AUX,
};

static bool lazy_exists(unsigned int i)
{
	return i != VMX_LAZY_TSC_AUX || boot_cpu_has(X86_FEATURE_RDTSCP);
}

/**
 * vmx_lazy_restore - the host's values again
 * @vc: this CPU; interrupts off
 */
void vmx_lazy_restore(struct vmx_cpu *vc)
{
	unsigned int i;

	if (!vc->lazy_armed)
		return;
	vc->lazy_armed = false;
	user_return_notifier_unregister(&vc->urn);
	for (i = 0; i < VMX_NR_LAZY; i++) {
		if (vc->now_lazy[i] == vc->host_lazy[i])
			continue;
		vmx_wrmsr(lazy_index[i], vc->host_lazy[i]);
		vc->now_lazy[i] = vc->host_lazy[i];
	}
}

static void lazy_user_return(struct user_return_notifier *urn)
{
	unsigned long flags;

	/* Giving the CPU back does the same, from an interrupt. */
	local_irq_save(flags);
	vmx_lazy_restore(container_of(urn, struct vmx_cpu, urn));
	local_irq_restore(flags);
}

/**
 * vmx_lazy_cpu_init - learn the host's values
 * @vc: this CPU; interrupts off
 */
void vmx_lazy_cpu_init(struct vmx_cpu *vc)
{
	unsigned int i;

	for (i = 0; i < VMX_NR_LAZY; i++) {
		vc->host_lazy[i] = 0;
		if (lazy_exists(i))
			rdmsrl(lazy_index[i], vc->host_lazy[i]);
		vc->now_lazy[i] = vc->host_lazy[i];
	}
	vc->urn.on_user_return = lazy_user_return;
}

/**
 * vmx_lazy_switch - the guest's values
 * @vcpu: about to enter
 * @vc: this CPU; preemption off
 */
void vmx_lazy_switch(struct strata_vcpu *vcpu, struct vmx_cpu *vc)
{
	const u64 *want = to_vmx(vcpu)->lazy;
	unsigned long flags;
	unsigned int i;

	local_irq_save(flags);
	/* Not on a CPU that is given back: nobody would restore them. */
	if (likely(vc->on)) {
		for (i = 0; i < VMX_NR_LAZY; i++) {
			if (vc->now_lazy[i] == want[i] || !lazy_exists(i) ||
			    !vmx_lazy_matters(vcpu, i))
				continue;
			vmx_wrmsr(lazy_index[i], want[i]);
			vc->now_lazy[i] = want[i];
		}
		if (!vc->lazy_armed) {
			vc->lazy_armed = true;
			user_return_notifier_register(&vc->urn);
		}
	}
	local_irq_restore(flags);
}
