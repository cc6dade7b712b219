/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The switch to a VMX guest and back.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>

#define WORD	8
#define R(n)	(n * WORD)(%rdi)

#define VMCS_HOST_RSP	0x6c14

	.section .rodata, "a"

/* VERW takes any selector that can be written. */
verw_sel:
	.short	__KERNEL_DS

	.section .noinstr.text, "ax"

/*
 * int strata_vmx_enter(unsigned long *regs, unsigned int flags, unsigned long *host_rsp)
 *
 * %rdi: the guest's registers by their encoding; RSP is in the VMCS
 * %esi: bit 0: VMRESUME, not VMLAUNCH; bit 1: clear the CPU's buffers by VERW
 * %rdx: what HOST_RSP is in the VMCS, updated
 *
 * Interrupts are off at the call and at the return. Gives 0; 1 when the
 * instruction was refused (VMfail); 2 when this CPU is not in VMX operation.
 *
 * The exit arrives at strata_vmx_exit, with the stack of the entry. Nothing of
 * the host's is loaded or stored between VERW and the guest.
 */
SYM_FUNC_START(strata_vmx_enter)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	cmp	%rsp, (%rdx)
	je	1f
	mov	%rsp, (%rdx)
	mov	$VMCS_HOST_RSP, %eax
6:	vmwrite	%rsp, %rax
1:
	/* ZF and CF carry the two flags; neither MOV nor, for CF, VERW changes them. */
	test	$2, %sil
	bt	$0, %esi

	mov	R(0), %rax
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

	jz	4f
	verw	verw_sel(%rip)
4:	UNWIND_HINT_SAVE
	jnc	3f
2:	vmresume
	jmp	.Lrefused
3:	vmlaunch
	jmp	.Lrefused

SYM_INNER_LABEL(strata_vmx_exit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR
	push	%rdi
	mov	WORD(%rsp), %rdi
	mov	%rax, R(0)
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
	xor	%eax, %eax

.Lout:
	/* No RET before this: the guest may have trained the return predictor. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	/*
	 * No value of the guest stays where speculation could use it. The
	 * callee-saved ones come back from the stack.
	 */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d

	add	$WORD, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

	/* VMfail: no guest has run. */
.Lrefused:
	mov	$1, %eax
	jmp	.Lout

	/* #UD: VMX operation was left. */
.Lgone:
	mov	$2, %eax
	jmp	.Lout

	_ASM_EXTABLE(2b, .Lgone)
	_ASM_EXTABLE(3b, .Lgone)
	_ASM_EXTABLE(6b, 1b)
SYM_FUNC_END(strata_vmx_enter)
