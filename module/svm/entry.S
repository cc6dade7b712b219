/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The switch to an SVM guest and back.
 */
#include <linux/linkage.h>
#include <linux/stringify.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>

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

#define WORD	8
#define R(n)	(n * WORD)(%rdi)

	.section .rodata, "a"

/* VERW takes any selector that can be written. */
verw_sel:
	.short	__KERNEL_DS

	.section .noinstr.text, "ax"

#ifndef HAVE_ENTRY_IBPB
SYM_FUNC_START_LOCAL(strata_ibpb)
	mov	$MSR_IA32_PRED_CMD, %ecx
	mov	$PRED_CMD_IBPB, %eax
	xor	%edx, %edx
	wrmsr
	RET
SYM_FUNC_END(strata_ibpb)
#endif

/*
 * int strata_svm_enter(unsigned long *regs, u64 guest_pa, u64 host_pa)
 * int strata_svm_enter_verw(unsigned long *regs, u64 guest_pa, u64 host_pa)
 *
 * %rdi: the guest's registers by their encoding; RAX and RSP are in the VMCB
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
 * The second clears the CPU's buffers by VERW. Nothing of the host's is loaded
 * or stored after it.
 */
.macro SVM_ENTER name:req verw:req
SYM_FUNC_START(\name)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx
	push	%rdi
	mov	%rsi, %rax

1:	clgi

	mov	R(1), %rcx
	mov	R(2), %rdx
	mov	R(3), %rbx
	mov	R(5), %rbp
	mov	R(6), %rsi
	mov	R(8), %r8
	mov	R(9), %r9
	mov	R(10), %r10
	mov	R(11), %r11
	mov	R(12), %r12
	mov	R(13), %r13
	mov	R(14), %r14
	mov	R(15), %r15
	mov	R(7), %rdi

	/*
	 * Interrupts on for the guest's time; GIF is still 0. Not right before
	 * VMRUN: QEMU's TCG would take STI's shadow along into the guest.
	 */
	sti
	vmload	%rax
	.if \verw
	verw	verw_sel(%rip)
	.endif
	vmrun	%rax
	cli
	vmsave	%rax

	/* %rax is the host's again: the VMCB. GS is not ours until VMLOAD. */
	push	%rdi
	mov	WORD(%rsp), %rdi
	mov	(2 * WORD)(%rsp), %rax
	vmload	%rax
	mov	%rcx, R(1)
	mov	%rdx, R(2)
	mov	%rbx, R(3)
	mov	%rbp, R(5)
	mov	%rsi, R(6)
	popq	R(7)
	mov	%r8, R(8)
	mov	%r9, R(9)
	mov	%r10, R(10)
	mov	%r11, R(11)
	mov	%r12, R(12)
	mov	%r13, R(13)
	mov	%r14, R(14)
	mov	%r15, R(15)

	/* No RET before this: the guest may have trained the return predictor. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE

	/* Clobbers RAX, RCX and RDX where it is an IBPB. */
	STRATA_UNTRAIN_RET

	/*
	 * No value of the guest stays where speculation could use it. The
	 * callee-saved ones come back from the stack.
	 */
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	stgi
2:	add	$(2 * WORD), %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

3:	mov	$1, %eax
	jmp	2b
	_ASM_EXTABLE(1b, 3b)
SYM_FUNC_END(\name)
.endm

SVM_ENTER strata_svm_enter, verw=0
SVM_ENTER strata_svm_enter_verw, verw=1
