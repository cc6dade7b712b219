/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The smallest guest: a PVH kernel of some hundred bytes that does one thing,
 * which the first letter of its command line chooses, so that the launcher's
 * answers can be tested without booting Linux.
 *
 *	b	check the start info: ends by the exit port with 1 (good) or 2 (bad)
 *	c	crash: a triple fault
 *	e	end by the exit port with 42
 *	h	hang, running
 *	i	echo serial input until a 'q', then end by the exit port with 7
 *	j	jump to an address where there is no memory
 *	k	reset by the keyboard controller
 *	m	read there: ends by the exit port with 1 when all bits are ones
 *	n	halt with interrupts off
 *	p	power off
 *	r	reset by the reset register
 */

#define START_MAGIC	0x336ec578
#define START_CMDLINE	24
#define START_RSDP	32
#define START_MEMMAP	40
#define START_ENTRIES	48
#define NO_MEMORY	0xd0000000
#define COM_DATA	0x3f8
#define COM_STATUS	0x3fd
#define EXIT_PORT	0xf4
#define PM_CONTROL	0x604
#define POWER_OFF	(5 << 10 | 1 << 13)
#define RESET_PORT	0xcf9

	.section .note.Xen, "a", @note
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	entry

	.text
	.code32
	.globl entry
entry:
	mov	$0x90000, %esp
	mov	$hello, %esi
	call	print
	mov	START_CMDLINE(%ebx), %esi
	movb	(%esi), %al
	cmp	$'b', %al
	je	boot_info
	cmp	$'c', %al
	je	crash
	cmp	$'e', %al
	je	end_42
	cmp	$'h', %al
	je	.
	cmp	$'i', %al
	je	echo
	cmp	$'j', %al
	je	jump
	cmp	$'k', %al
	je	keyboard
	cmp	$'m', %al
	je	mmio
	cmp	$'n', %al
	je	halt
	cmp	$'p', %al
	je	power_off
	cmp	$'r', %al
	je	reset
	mov	$3, %al
	jmp	end

/* Magic, RSDP, and RAM from 0 on as the first range of memory. */
boot_info:
	cmpl	$START_MAGIC, (%ebx)
	jne	bad
	mov	START_RSDP(%ebx), %esi
	cmpl	$0x20445352, (%esi)	/* "RSD " */
	jne	bad
	cmpl	$0x20525450, 4(%esi)	/* "PTR " */
	jne	bad
	cmpl	$3, START_ENTRIES(%ebx)
	jb	bad
	mov	START_MEMMAP(%ebx), %esi
	cmpl	$0, (%esi)
	jne	bad
	cmpl	$1, 16(%esi)
	jne	bad
good:
	mov	$1, %al
	jmp	end
bad:
	mov	$2, %al
	jmp	end

crash:
	lidt	no_idt
	ud2

end_42:
	mov	$42, %al
end:
	out	%al, $EXIT_PORT
	jmp	.

echo:
	mov	$COM_STATUS, %dx
1:	in	%dx, %al
	test	$1, %al
	jz	1b
	mov	$COM_DATA, %dx
	in	%dx, %al
	cmp	$'q', %al
	je	2f
	out	%al, %dx
	jmp	echo
2:	mov	$7, %al
	jmp	end

jump:
	mov	$NO_MEMORY, %eax
	jmp	*%eax

keyboard:
	mov	$0xfe, %al
	out	%al, $0x64
	jmp	.

mmio:
	mov	NO_MEMORY, %eax
	cmp	$-1, %eax
	je	good
	jmp	bad

halt:
	cli
	hlt
	jmp	halt

power_off:
	mov	$PM_CONTROL, %dx
	mov	$POWER_OFF, %ax
	out	%ax, %dx
	jmp	.

reset:
	mov	$RESET_PORT, %dx
	mov	$6, %al
	out	%al, %dx
	jmp	.

/* The text at %esi to the serial port. */
print:
	mov	$COM_DATA, %dx
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, %dx
	jmp	1b
2:	ret

hello:
	.asciz	"micro guest\n"
	.balign	4
no_idt:
	.word	0
	.long	0
	.balign	4

	.section .note.GNU-stack, "", @progbits
