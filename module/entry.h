/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the vendors' switches to a guest have in common. Assembly only.
 *
 * RAX and RSP are the vendor's: where they live differs.
 */
#ifndef STRATA_ENTRY_H
#define STRATA_ENTRY_H

#include <asm/msr-index.h>

#include "entry_flags.h"

#define WORD	8
/* A guest register by its encoding; %rdi points to them. Two stamps follow. */
#define R(n)	(n * WORD)(%rdi)
#define HOST_SPEC_CTRL	(18 * WORD)

.macro PUSH_CALLEE_SAVED
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
.endm

.macro POP_CALLEE_SAVED
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
.endm

/* Flags stay as they are. */
.macro LOAD_GUEST_REGS
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
.endm

/* The guest's RDI is on the top of the stack, and is popped. */
.macro SAVE_GUEST_REGS
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
.endm

/*
 * No value of the guest stays where speculation could use it. RAX has the
 * result; the callee-saved ones come back from the stack.
 */
.macro CLEAR_GUEST_REGS
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
.endm

/*
 * The host's SPEC_CTRL, where \flags, a place on the stack, has
 * STRATA_ENTER_SPEC_CTRL. %rdi points to the guest's registers. Uses RAX, RCX and RDX.
 *
 * It belongs before the first RET and the first indirect branch after a guest: with the
 * guest's value these may follow what the guest has trained. Nothing is executed ahead of
 * the write, nor where the branch that leaves it out was mispredicted.
 */
.macro RESTORE_HOST_SPEC_CTRL flags:req
	testl	$STRATA_ENTER_SPEC_CTRL, \flags
	jz	5f
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	HOST_SPEC_CTRL(%rdi), %eax
	mov	(HOST_SPEC_CTRL + 4)(%rdi), %edx
	wrmsr
5:
	lfence
.endm

/*
 * The TSC, behind the guest's registers; their address is on the top of the stack.
 * All registers and flags stay as they are.
 */
.macro STAMP n:req
	push	%rax
	push	%rcx
	push	%rdx
	mov	(3 * WORD)(%rsp), %rcx
	rdtsc
	mov	%eax, ((16 + \n) * WORD)(%rcx)
	mov	%edx, ((16 + \n) * WORD + 4)(%rcx)
	pop	%rdx
	pop	%rcx
	pop	%rax
.endm

#endif /* STRATA_ENTRY_H */
