// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls by KVM's convention: the number in RAX, arguments in RBX, RCX,
 * RDX and RSI, the result in RAX.
 */
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
