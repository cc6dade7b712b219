// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's MSRs as far as user space decides. Documentation/design/msr.md
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>
#include <asm/traps.h>

#include "exit.h"
#include "insn.h"
#include "msr.h"
#include "msr_user.h"

struct msr_range {
	u32 first, nr;			/* nr is not 0 */
	u32 access;			/* KVM_MSR_FILTER_READ, _WRITE */
	unsigned long *allowed;		/* a bit per MSR */
};

struct strata_msr_filter {
	bool deny;			/* what no range names */
	unsigned int nr;
	struct msr_range range[KVM_MSR_FILTER_MAX_RANGES];
};

/**
 * strata_msr_filter_denies - ask the filter
 * @vm: any; any context
 * @index: the MSR
 * @access: KVM_MSR_FILTER_READ or KVM_MSR_FILTER_WRITE
 *
 * The registers of the x2APIC are never filtered, as in KVM.
 */
bool strata_msr_filter_denies(struct strata_vm *vm, u32 index, u32 access)
{
	const struct strata_msr_filter *f;
	bool denied = false;
	unsigned int i;
	int idx;

	if (index >= 0x800 && index <= 0x8ff)
		return false;
	idx = srcu_read_lock(&vm->srcu);
	f = srcu_dereference(vm->msr_filter, &vm->srcu);
	if (!f)
		goto out;
	denied = f->deny;
	for (i = 0; i < f->nr; i++) {
		const struct msr_range *r = &f->range[i];
		u32 bit = index - r->first;

		if (bit >= r->nr || !(r->access & access))
			continue;
		denied = !test_bit(array_index_nospec(bit, r->nr), r->allowed);
		break;
	}
out:
	srcu_read_unlock(&vm->srcu, idx);
	return denied;
}

static void filter_free(struct strata_msr_filter *f)
{
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < f->nr; i++)
		kfree(f->range[i].allowed);
	kfree(f);
}

static int filter_add(struct strata_msr_filter *f, const struct kvm_msr_filter_range *u)
{
	struct msr_range *r = &f->range[f->nr];
	size_t bytes = BITS_TO_LONGS(u->nmsrs) * sizeof(long);

	if (!u->nmsrs)
		return 0;
	if (u->flags & ~(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE) || !u->flags ||
	    bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	r->allowed = memdup_user((void __user *)u->bitmap, bytes);
	if (IS_ERR(r->allowed))
		return PTR_ERR(r->allowed);
	r->first = u->base;
	r->nr = u->nmsrs;
	r->access = u->flags;
	f->nr++;
	return 0;
}

/**
 * strata_set_msr_filter - KVM_X86_SET_MSR_FILTER
 * @vm: its lock is held
 * @filter: up to 16 ranges, the first that names an MSR decides
 *
 * While there is a filter every access to an MSR exits: a guest has the filter
 * or direct access, not both. Accesses after this returns know the new filter.
 *
 * Return: 0, -EINVAL, -EFAULT, -ENOMEM.
 */
long strata_set_msr_filter(struct strata_vm *vm, const struct kvm_msr_filter *filter)
{
	struct strata_msr_filter *f, *old;
	struct strata_vcpu *vcpu;
	unsigned int i;
	int r = 0;

	lockdep_assert_held(&vm->lock);
	if (filter->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	if (!f)
		return -ENOMEM;
	f->deny = filter->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (i = 0; !r && i < ARRAY_SIZE(filter->ranges); i++)
		r = filter_add(f, &filter->ranges[i]);
	/* To deny everything is not meant. */
	if (!r && f->deny && !f->nr)
		r = -EINVAL;
	if (r) {
		filter_free(f);
		return r;
	}
	/* Nothing to ask: direct access again. */
	if (!f->nr) {
		filter_free(f);
		f = NULL;
	}

	old = rcu_dereference_protected(vm->msr_filter, lockdep_is_held(&vm->lock));
	rcu_assign_pointer(vm->msr_filter, f);
	synchronize_srcu_expedited(&vm->srcu);
	strata_for_each_vcpu(i, vcpu, vm)
		strata_request_kick(vcpu, STRATA_REQ_MSR_FILTER);
	/* Whoever is in the guest with the old bitmap has left it when this returns. */
	strata_flush_remote_tlbs(vm);
	filter_free(old);
	return 0;
}

/* @vm: nobody uses it any more. */
void strata_msr_filter_destroy(struct strata_vm *vm)
{
	filter_free(rcu_dereference_protected(vm->msr_filter, true));
}

/* The next KVM_RUN: user space served the access, or wants #GP. */
static int complete_msr(struct strata_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u64 val = READ_ONCE(run->msr.data);

	/* Moved by a reset for instance: nothing is left to finish. */
	if (strata_linear_rip(vcpu) != vcpu->pio_rip)
		return STRATA_RESUME;
	if (READ_ONCE(run->msr.error)) {
		strata_queue_exception_e(vcpu, X86_TRAP_GP, 0);
		return STRATA_RESUME;
	}
	if (!vcpu->msr_exit_write) {
		vcpu->regs[STRATA_RAX] = (u32)val;
		vcpu->regs[STRATA_RDX] = val >> 32;
	}
	return strata_skip_insn(vcpu);
}

/**
 * strata_msr_refused - an access that raises #GP, if user space does not want it
 * @vcpu: its mutex is held; any context; exit.insn_len is known
 * @index: the MSR
 * @write: WRMSR of @val
 * @val: what is written
 * @filtered: the filter denied it
 *
 * Return: STRATA_RESUME with #GP queued, or STRATA_USER.
 */
int strata_msr_refused(struct strata_vcpu *vcpu, u32 index, bool write, u64 val, bool filtered)
{
	struct kvm_run *run = vcpu->run;
	u32 reason;

	if (filtered)
		reason = KVM_MSR_EXIT_REASON_FILTER;
	else if (msr_find(index)->kind == MSR_K_NONE)
		reason = KVM_MSR_EXIT_REASON_UNKNOWN;
	else
		reason = KVM_MSR_EXIT_REASON_INVAL;
	if (!(READ_ONCE(vcpu->vm->msr_exits) & reason)) {
		strata_queue_exception_e(vcpu, X86_TRAP_GP, 0);
		return STRATA_RESUME;
	}

	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	memset(&run->msr, 0, sizeof(run->msr));
	run->msr.reason = reason;
	run->msr.index = index;
	run->msr.data = val;
	vcpu->msr_exit_write = write;
	vcpu->pio_rip = strata_linear_rip(vcpu);
	vcpu->complete = complete_msr;
	return STRATA_USER;
}
