// SPDX-License-Identifier: GPL-2.0
/*
 * Pending work before guest mode, on kernels old and new.
 */
#include <linux/kvm_host.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <asm/tsc.h>

#include "entry_work.h"
#include "profile.h"

/*
 * Until 7.x the kernel's function takes a KVM vCPU and writes the signal's
 * exit reason into its run page and a counter beside it. It gets one that
 * has these two and nothing else.
 */
#ifndef HAVE_ENTRY_VIRT_H
int strata_entry_work_create(struct strata_vcpu *vcpu)
{
	vcpu->entry_dummy = kzalloc(sizeof(*vcpu->entry_dummy), GFP_KERNEL_ACCOUNT);
	if (!vcpu->entry_dummy)
		return -ENOMEM;
	vcpu->entry_dummy->run = vcpu->run;
	return 0;
}

void strata_entry_work_destroy(struct strata_vcpu *vcpu)
{
	kfree(vcpu->entry_dummy);
	vcpu->entry_dummy = NULL;
}

static int handle_work(struct strata_vcpu *vcpu)
{
	return xfer_to_guest_mode_handle_work(vcpu->entry_dummy);
}
#else
int strata_entry_work_create(struct strata_vcpu *vcpu)
{
	return 0;
}

void strata_entry_work_destroy(struct strata_vcpu *vcpu)
{
}

static int handle_work(struct strata_vcpu *vcpu)
{
	int r = xfer_to_guest_mode_handle_work();

	if (r == -EINTR)
		vcpu->run->exit_reason = KVM_EXIT_INTR;
	return r;
}
#endif

/*
 * A kernel that preempts itself lets others run wherever preemption is on again, so on
 * the way here, too. The scheduler's clock is not the TSC: not more than there was.
 */
static void book_preemption(struct strata_vcpu *vcpu)
{
	u64 ns = strata_run_delay() - vcpu->run_delay;

	if (unlikely(ns))
		strata_profile_add(vcpu, STRATA_PART_WAITING,
				   min(mul_u64_u32_div(ns, tsc_khz, NSEC_PER_MSEC),
				       rdtsc() - vcpu->t_exit));
}

static unsigned long switches(void)
{
	return current->nvcsw + current->nivcsw;
}

/**
 * strata_entry_work - do what is pending
 * @vcpu: its thread; may sleep
 *
 * Where something else ran meanwhile it is time that the vCPU waited.
 *
 * Return: 0, or -EINTR for a signal, with the exit reason that tells it.
 */
int strata_entry_work(struct strata_vcpu *vcpu)
{
	unsigned long before;
	u64 from;
	int r;

	book_preemption(vcpu);
	if (!__xfer_to_guest_mode_work_pending())
		return 0;
	before = switches();
	from = rdtsc();
	r = handle_work(vcpu);
	if (switches() != before)
		strata_profile_add(vcpu, STRATA_PART_WAITING, rdtsc() - from);
	return r;
}
