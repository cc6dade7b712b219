// SPDX-License-Identifier: GPL-2.0
/*
 * Debugging a guest from user space. Documentation/design/debug.md
 *
 * TF in the guest's flags makes it step; where the guest did not set it itself
 * that is hidden when user space reads the flags. What the guest can see of it
 * (PUSHF, the flags that an exception pushes) it sees, as under KVM.
 */
#include <uapi/asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/traps.h>

#include "guest_debug.h"
#include "insn.h"
#include "sregs_policy.h"

#define INT1	0xf1
#define INT3	0xcc

void strata_debug_arm(struct strata_vcpu *vcpu)
{
	if (!(vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP) || (vcpu->rflags & X86_EFLAGS_TF))
		return;
	strata_vendor->set_rflags(vcpu, strata_vendor->get_rflags(vcpu) | X86_EFLAGS_TF);
	vcpu->debug_tf = true;
}

static void disarm(struct strata_vcpu *vcpu)
{
	if (!vcpu->debug_tf)
		return;
	vcpu->debug_tf = false;
	strata_vendor->set_rflags(vcpu, strata_vendor->get_rflags(vcpu) & ~X86_EFLAGS_TF);
}

/**
 * strata_get_rflags - RFLAGS as user space sees them
 * @vcpu: its mutex is held
 *
 * Return: without a TF that is only user space's.
 */
unsigned long strata_get_rflags(struct strata_vcpu *vcpu)
{
	unsigned long rflags = strata_vendor->get_rflags(vcpu);

	return vcpu->debug_tf ? rflags & ~X86_EFLAGS_TF : rflags;
}

/**
 * strata_set_rflags - RFLAGS from user space
 * @vcpu: its mutex is held
 * @rflags: the guest's own
 */
void strata_set_rflags(struct strata_vcpu *vcpu, unsigned long rflags)
{
	vcpu->debug_tf = false;
	strata_vendor->set_rflags(vcpu, rflags);
	strata_debug_arm(vcpu);
}

/* #BP is a trap: the handler returns behind the INT3 that user space saw first. */
static void inject_bp(struct strata_vcpu *vcpu)
{
	u8 byte;

	if (strata_fetch_insn(vcpu, &byte, 1) && byte == INT3)
		vcpu->rip++;
	strata_queue_exception(vcpu, X86_TRAP_BP);
}

/**
 * strata_set_guest_debug - KVM_SET_GUEST_DEBUG
 * @vcpu: its mutex is held
 * @dbg: all of it replaces what was set before
 *
 * Return: 0; -EINVAL for unknown bits; -EBUSY where an exception is to be
 * injected and one waits already.
 */
int strata_set_guest_debug(struct strata_vcpu *vcpu, const struct kvm_guest_debug *dbg)
{
	unsigned int i;

	if (dbg->control & ~STRATA_DEBUG_FLAGS)
		return -EINVAL;
	if (dbg->control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)) {
		if (vcpu->ev.exc.pending || vcpu->ev.exc.injected)
			return -EBUSY;
		if (dbg->control & KVM_GUESTDBG_INJECT_DB)
			strata_queue_exception(vcpu, X86_TRAP_DB);
		else
			inject_bp(vcpu);
	}
	vcpu->guest_debug = 0;
	if (dbg->control & KVM_GUESTDBG_ENABLE)
		vcpu->guest_debug = dbg->control;
	for (i = 0; i < ARRAY_SIZE(vcpu->debug_db); i++)
		vcpu->debug_db[i] = dbg->arch.debugreg[i];
	/* Accesses to debug registers exit in any case: no general detection. */
	vcpu->debug_dr7 = (dbg->arch.debugreg[7] & SDR7_VOLATILE & ~SDR7_GD) | SDR7_FIXED;

	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		strata_debug_arm(vcpu);
	else
		disarm(vcpu);
	strata_vendor->set_dr7(vcpu, vcpu->dr7);
	strata_vendor->exceptions(vcpu);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return 0;
}

/**
 * strata_debug_owns_ud - is a #UD a debugger's breakpoint?
 * @vcpu: its mutex is held; sleeps
 *
 * A CPU that does not know INT1, as QEMU's TCG, raises #UD for it.
 *
 * Return: true for an INT1 while software breakpoints are in use.
 */
bool strata_debug_owns_ud(struct strata_vcpu *vcpu)
{
	u8 byte;

	return (vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP) &&
	       strata_fetch_insn(vcpu, &byte, 1) && byte == INT1;
}

/**
 * strata_debug_exit - leave with KVM_EXIT_DEBUG
 * @vcpu: its mutex is held
 * @vector: #DB or #BP
 * @dr6: causes of a #DB
 *
 * Return: STRATA_USER.
 */
int strata_debug_exit(struct strata_vcpu *vcpu, u8 vector, unsigned long dr6)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_DEBUG;
	memset(&run->debug, 0, sizeof(run->debug));
	run->debug.arch.exception = vector;
	run->debug.arch.pc = strata_linear_rip(vcpu);
	if (vector == X86_TRAP_DB)
		run->debug.arch.dr6 = (dr6 & SDR6_VOLATILE) | SDR6_FIXED;
	run->debug.arch.dr7 = strata_hw_dr7(vcpu);
	return STRATA_USER;
}
