/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The barrier against another guest's branch predictions.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

	.section .noinstr.text, "ax"

/*
 * void strata_ibpb(void)
 *
 * For CPUs that have IBPB (X86_FEATURE_IBPB). On some of AMD's it leaves predicted
 * returns: these are overwritten. The kernel's own routine is KVM's alone from 7.x on.
 * Uses RAX, RCX and RDX.
 */
SYM_FUNC_START(strata_ibpb)
	mov	$MSR_IA32_PRED_CMD, %ecx
	mov	$PRED_CMD_IBPB, %eax
	xor	%edx, %edx
	wrmsr
#ifdef X86_BUG_IBPB_NO_RET
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_BUG_IBPB_NO_RET
#endif
	RET
SYM_FUNC_END(strata_ibpb)
