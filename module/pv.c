// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls by KVM's convention: the number in RAX, arguments in RBX, RCX,
 * RDX and RSI, the result in RAX.
 */
#include <asm/traps.h>

#include "exit.h"
#include "insn.h"
#include "pv.h"
#include "strata.h"
#include "trace.h"

/**
 * strata_hypercall - VMMCALL or VMCALL
 * @vcpu: its mutex is held; any context
 *
 * From CPL 3 everything is refused. Outside 64-bit code the registers are 32
 * bits wide.
 *
 * Return: STRATA_RESUME or STRATA_USER.
 */
int strata_hypercall(struct strata_vcpu *vcpu)
{
	bool wide = strata_is_long_code(vcpu);
	unsigned long nr = vcpu->regs[STRATA_RAX];
	unsigned long ret;

	if (!wide)
		nr = (u32)nr;
	ret = strata_hypercall_result(nr, strata_vendor->get_cpl(vcpu));
	trace_strata_hypercall(vcpu->vm->index, vcpu->id, nr, ret);
	vcpu->regs[STRATA_RAX] = wide ? ret : (u32)ret;
	return strata_skip_insn(vcpu);
}

/*
 * A guest that was started on the other vendor's CPU has that one's hypercall
 * instruction: the last of its three bytes tells them apart.
 */
static bool fix_hypercall(struct strata_vcpu *vcpu)
{
	u8 b[3], own = strata_vendor->hypercall_opcode;
	u64 gpa;
	u32 ec;

	if (!strata_has_quirk(vcpu, KVM_X86_QUIRK_FIX_HYPERCALL_INSN) ||
	    strata_vendor->get_cpl(vcpu))
		return false;
	if (strata_fetch_insn(vcpu, b, sizeof(b)) != sizeof(b) || b[0] != 0x0f || b[1] != 0x01 ||
	    (b[2] != 0xc1 && b[2] != 0xd9) || b[2] == own)
		return false;
	/* Where the guest may not write its code it gets #UD. */
	return !strata_gva_to_gpa(vcpu, strata_linear_rip(vcpu) + 2, STRATA_ACC_WRITE, &gpa, &ec) &&
	       !strata_write_guest(vcpu->vm, gpa, &own, 1);
}

/**
 * strata_exit_ud - #UD
 * @vcpu: its mutex is held; sleeps
 *
 * Return: STRATA_RESUME.
 */
int strata_exit_ud(struct strata_vcpu *vcpu)
{
	bool fixed;

	strata_vendor->sync_crs(vcpu);
	fixed = fix_hypercall(vcpu);
	/* The fetch may have queued a fault of its own. */
	if (!fixed && !vcpu->ev.exc.pending)
		strata_queue_exception(vcpu, X86_TRAP_UD);
	return STRATA_RESUME;
}
