/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel for Multiboot 1 that looks at what it was given, and ends by the exit port:
 * with 1 when all is right, else with the number of what is not. It wants a command line
 * that begins with an 'm', and a module whose first byte is one as well.
 */
#define MAGIC		0x1badb002
#define FLAGS		(3 | ADDRESSES)
#define BOOTED		0x2badb002
#define EXIT_PORT	0xf4

	.text
	.code32
	.globl	entry
header:
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)
#if ADDRESSES
	.long	header, header, end, bss_end, entry
#endif
entry:
	mov	$2, %cl
	cmp	$BOOTED, %eax
	jne	out
	mov	$3, %cl			/* memory, command line, modules, map */
	mov	(%ebx), %edx
	and	$0x4d, %edx
	cmp	$0x4d, %edx
	jne	out
	mov	$4, %cl
	cmpl	$31 * 1024, 8(%ebx)
	jb	out
	mov	$5, %cl
	mov	16(%ebx), %edx
	cmpb	$'m', (%edx)
	jne	out
	mov	$6, %cl
	cmpl	$1, 20(%ebx)
	jne	out
	mov	$7, %cl
	mov	24(%ebx), %edx
	mov	(%edx), %esi
	cmpb	$'m', (%esi)
	jne	out
	mov	$8, %cl			/* on a page */
	test	$0xfff, %esi
	jnz	out
	mov	$9, %cl			/* the map's first entry: RAM from 0 on */
	mov	48(%ebx), %edx
	cmpl	$20, (%edx)
	jne	out
	cmpl	$0, 4(%edx)
	jne	out
	cmpl	$1, 20(%edx)
	jne	out
	mov	$10, %cl		/* no paging, protected mode */
	mov	%cr0, %edx
	and	$0x80000001, %edx
	cmp	$1, %edx
	jne	out
	mov	$11, %cl
	cmpl	$0, zero
	jne	out
	mov	$1, %cl
out:
	mov	%cl, %al
	out	%al, $EXIT_PORT
1:	jmp	1b
	.balign	4
end:
	.bss
zero:	.skip	4096
bss_end:
