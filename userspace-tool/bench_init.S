/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The first process of a guest whose boot is timed: it tells port 0xf4 and is done.
 * An ELF file as it lies in the RAM disk.
 */
#define EXIT_PORT	0xf4
#define SYS_IOPL	172
#define BASE		0x400000

	.section .rodata
	.globl	bench_init, bench_init_end
	.balign	8
bench_init:
	.byte	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
	.short	2, 62			/* ET_EXEC, EM_X86_64 */
	.long	1
	.quad	BASE + code - bench_init
	.quad	header - bench_init	/* program headers, no sections */
	.quad	0
	.long	0
	.short	64, 56, 1, 64, 0, 0
header:
	.long	1, 5			/* PT_LOAD, to be read and executed */
	.quad	0, BASE, BASE
	.quad	bench_init_end - bench_init, bench_init_end - bench_init
	.quad	0x1000
code:
	mov	$SYS_IOPL, %eax
	mov	$3, %edi
	syscall
	xor	%eax, %eax
	out	%al, $EXIT_PORT
1:	jmp	1b
bench_init_end:

	.section .note.GNU-stack, "", @progbits
