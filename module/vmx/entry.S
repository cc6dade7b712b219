/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The switch to a VMX guest and back.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#include "../entry.h"

#define VMCS_HOST_RSP	0x6c14

	.section .rodata, "a"

/* VERW takes any selector that can be written. */
verw_sel:
	.short	__KERNEL_DS

	.section .noinstr.text, "ax"

/*
 * int strata_vmx_enter(unsigned long *regs, unsigned int flags, unsigned long *host_rsp)
 *
 * %rdi: the guest's registers by their encoding, two stamps behind them; RSP is in the
 *	VMCS
 * %esi: STRATA_ENTER flags
 * %rdx: what HOST_RSP is in the VMCS, updated
 *
 * Interrupts are off at the call and at the return. Gives 0; 1 when the
 * instruction was refused (VMfail); 2 when this CPU is not in VMX operation.
 *
 * The exit arrives where HOST_RIP says, strata_vmx_exit, with the stack of the entry.
 *
 * Those named "guarded" heed the flags for VERW before the guest, after which nothing of
 * the host's is loaded or stored, and for the host's SPEC_CTRL after the guest. Those
 * named "stamped" store the TSC before the guest and after. Each has an exit of its own.
 */
.macro VMX_ENTER name:req exit:req guard:req stamp:req
SYM_FUNC_START(\name)
	PUSH_CALLEE_SAVED
	.if \guard
	push	%rsi
	.endif
	push	%rdi

	cmp	%rsp, (%rdx)
	je	1f
	mov	%rsp, (%rdx)
	mov	$VMCS_HOST_RSP, %eax
6:	vmwrite	%rsp, %rax
1:
	/* ZF and CF carry the two flags; neither MOV nor, for CF, VERW changes them. */
	.if \guard
	test	$STRATA_ENTER_VERW, %sil
	.endif
	bt	$STRATA_ENTER_RESUME_BIT, %esi

	mov	R(0), %rax
	LOAD_GUEST_REGS

	.if \stamp
	STAMP	0
	.endif
	.if \guard
	jz	4f
	verw	verw_sel(%rip)
4:
	.endif
	UNWIND_HINT_SAVE
	jnc	3f
2:	vmresume
	jmp	.Lrefused\@
3:	vmlaunch
	jmp	.Lrefused\@

SYM_INNER_LABEL(\exit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	.if \stamp
	STAMP	1
	.endif
	push	%rdi
	mov	WORD(%rsp), %rdi
	mov	%rax, R(0)
	SAVE_GUEST_REGS
	xor	%eax, %eax

.Lout\@:
	/* No RET before this: the guest may have trained the return predictor. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	.if \guard
	mov	%eax, %esi
	mov	(%rsp), %rdi
	RESTORE_HOST_SPEC_CTRL WORD(%rsp)
	mov	%esi, %eax
	.endif

	/* Nor an indirect branch: the guest's history may steer it. */
#ifdef HAVE_CLEAR_BHB_LOOP
	CLEAR_BRANCH_HISTORY_VMEXIT
#elif defined(X86_FEATURE_CLEAR_BHB_VMEXIT)
	ALTERNATIVE "", "call strata_clear_bhb", X86_FEATURE_CLEAR_BHB_VMEXIT
#endif

	CLEAR_GUEST_REGS

	.if \guard
	add	$(2 * WORD), %rsp
	.else
	add	$WORD, %rsp
	.endif
	POP_CALLEE_SAVED
	RET

	/* VMfail: no guest has run. */
.Lrefused\@:
	mov	$1, %eax
	jmp	.Lout\@

	/* #UD: VMX operation was left. */
.Lgone\@:
	mov	$2, %eax
	jmp	.Lout\@

	_ASM_EXTABLE(2b, .Lgone\@)
	_ASM_EXTABLE(3b, .Lgone\@)
	_ASM_EXTABLE(6b, 1b)
SYM_FUNC_END(\name)
.endm

VMX_ENTER strata_vmx_enter, strata_vmx_exit, guard=0, stamp=0
VMX_ENTER strata_vmx_enter_stamped, strata_vmx_exit_stamped, guard=0, stamp=1
VMX_ENTER strata_vmx_enter_guarded, strata_vmx_exit_guarded, guard=1, stamp=0
VMX_ENTER strata_vmx_enter_guarded_stamped, strata_vmx_exit_guarded_stamped, guard=1, stamp=1

#if !defined(HAVE_CLEAR_BHB_LOOP) && defined(X86_FEATURE_CLEAR_BHB_VMEXIT)
/*
 * Where the kernel keeps its own routine to KVM: more taken branches than any
 * CPU's branch history holds (194 are known of). Uses %rcx.
 */
SYM_FUNC_START_LOCAL(strata_clear_bhb)
	mov	$256, %ecx
1:	jmp	2f
	int3
2:	dec	%ecx
	jnz	1b
	RET
SYM_FUNC_END(strata_clear_bhb)
#endif
