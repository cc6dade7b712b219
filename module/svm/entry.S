/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The switch to an SVM guest and back.
 */
#include <linux/linkage.h>
#include <linux/stringify.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

#include "../entry.h"

/*
 * The kernel's macro calls its IBPB, which 7.2 keeps for KVM: there the parts
 * that are open are taken, and the barrier is our own.
 */
#ifdef HAVE_ENTRY_IBPB
#define STRATA_UNTRAIN_RET	UNTRAIN_RET
#else
.macro STRATA_UNTRAIN_RET
	VALIDATE_UNRET_END
	CALL_UNTRAIN_RET
	ALTERNATIVE_2 "",						\
		      "call strata_ibpb", X86_FEATURE_IBPB_ON_VMEXIT,	\
		      __stringify(RESET_CALL_DEPTH), X86_FEATURE_CALL_DEPTH
.endm
#endif

	.section .rodata, "a"

/* VERW takes any selector that can be written. */
verw_sel:
	.short	__KERNEL_DS

	.section .noinstr.text, "ax"

/*
 * int strata_svm_enter(unsigned long *regs, u64 guest_pa, u64 host_pa)
 *
 * %rdi: the guest's registers by their encoding, two stamps behind them; RAX and RSP
 *	are in the VMCB
 * %rsi: physical address of the guest's VMCB
 * %rdx: physical address of the VMCB that holds the host's VMSAVE state
 *
 * Interrupts are off at the call and at the return. Gives 0, or 1 when SVM
 * is not enabled on this CPU (CLGI faulted) and nothing ran.
 *
 * From CLGI to STGI neither interrupts nor NMIs reach the host, so none of
 * them sees the guest's FS, GS, TR or syscall MSRs. STI before VMRUN lets a
 * physical interrupt end the guest at once: with V_INTR_MASKING it is the
 * host's IF that counts (APM 15.21.1).
 *
 * Those named "guarded" take flags in %ecx: VERW before the guest, after which nothing of
 * the host's is loaded or stored, and the host's SPEC_CTRL after the guest. Those named
 * "stamped" store the TSC before the guest and after.
 */
.macro SVM_ENTER name:req guard:req stamp:req
SYM_FUNC_START(\name)
	PUSH_CALLEE_SAVED
	.if \guard
	push	%rcx
	.endif
	push	%rdx
	push	%rdi
	mov	%rsi, %rax

1:	clgi

	.if \guard
	/* ZF carries the flag: nothing up to the branch changes it. */
	test	$STRATA_ENTER_VERW, %cl
	.endif
	LOAD_GUEST_REGS

	/*
	 * Interrupts on for the guest's time; GIF is still 0. Not right before
	 * VMRUN: QEMU's TCG would take STI's shadow along into the guest.
	 */
	sti
	vmload	%rax
	.if \stamp
	STAMP	0
	.endif
	.if \guard
	jz	4f
	verw	verw_sel(%rip)
4:
	.endif
	vmrun	%rax
	cli
	.if \stamp
	STAMP	1
	.endif
	vmsave	%rax

	/* %rax is the host's again: the VMCB. GS is not ours until VMLOAD. */
	push	%rdi
	mov	WORD(%rsp), %rdi
	mov	(2 * WORD)(%rsp), %rax
	vmload	%rax
	SAVE_GUEST_REGS

	/* No RET before this: the guest may have trained the return predictor. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE

	.if \guard
	RESTORE_HOST_SPEC_CTRL (2 * WORD)(%rsp)
	.endif

	/* Clobbers RAX, RCX and RDX where it is an IBPB. */
	STRATA_UNTRAIN_RET

	xor	%eax, %eax
	CLEAR_GUEST_REGS

	stgi
2:
	.if \guard
	add	$(3 * WORD), %rsp
	.else
	add	$(2 * WORD), %rsp
	.endif
	POP_CALLEE_SAVED
	RET

3:
	.if \guard
	RESTORE_HOST_SPEC_CTRL (2 * WORD)(%rsp)
	.endif
	mov	$1, %eax
	jmp	2b
	_ASM_EXTABLE(1b, 3b)
SYM_FUNC_END(\name)
.endm

SVM_ENTER strata_svm_enter, guard=0, stamp=0
SVM_ENTER strata_svm_enter_stamped, guard=0, stamp=1
SVM_ENTER strata_svm_enter_guarded, guard=1, stamp=0
SVM_ENTER strata_svm_enter_guarded_stamped, guard=1, stamp=1
