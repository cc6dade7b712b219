/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk's first sectors, for a PC's firmware: prints, reads and writes the disk, asks for
 * the map of memory and for a key, and looks for ACPI. It ends by the exit port: 1 when all
 * of it was right and the key an x, else with the number of what was not.
 *
 * Sector 0 loads sector 1, which writes itself to sector 2 and does the rest.
 */

#define EXIT_PORT	0xf4
#define HERE		0x7c00
#define NEXT		0x7e00
#define MAP		0x8000
#define SMAP		0x534d4150
#define WHOLE_MIB	0x100000

	.code16
	.text
	.globl entry
entry:
	ljmp	$0, $1f
1:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$HERE, %sp
	cld
	mov	%dl, drive
	mov	$hello, %si
	call	print

	mov	$2, %bl			/* 2: the disk cannot be read */
	mov	$0x42, %ah		/* INT 13h extensions: read */
	call	disk
	jc	end
	cmpl	$0x12345678, mark
	jne	end
	jmp	second

disk:
	mov	drive, %dl
	mov	$packet, %si
	int	$0x13
	ret

print:
	lodsb
	test	%al, %al
	jz	1f
	mov	$0x0e, %ah		/* INT 10h: teletype */
	push	%bx
	mov	$7, %bx
	int	$0x10
	pop	%bx
	jmp	print
1:	ret

end:
	mov	%bl, %al
	out	%al, $EXIT_PORT
	hlt

hello:	.asciz	"boot sector\r\n"
drive:	.byte	0
	.balign	4
packet:
	.byte	16, 0
	.word	1			/* sectors */
	.word	NEXT, 0
lba:	.quad	1

	.org	510
	.word	0xaa55

/* Sector 1. */
mark:	.long	0x12345678
second:
	mov	$3, %bl			/* 3: and not written */
	movl	$2, lba
	mov	$0x4300, %ax
	call	disk
	jc	end

	mov	$4, %dl			/* 4: no RAM behind the first MiB */
	xor	%ebx, %ebx
1:	push	%dx
	mov	$0xe820, %eax		/* INT 15h: the map of memory */
	mov	$SMAP, %edx
	mov	$24, %ecx
	mov	$MAP, %di
	int	$0x15
	pop	%dx
	jc	bad
	cmpl	$WHOLE_MIB, MAP
	jne	2f
	cmpl	$0, MAP + 4
	jne	2f
	cmpl	$1, MAP + 16
	je	3f
2:	test	%ebx, %ebx
	jnz	1b
bad:
	mov	%dl, %bl
	jmp	end
3:
	mov	$5, %bl			/* 5: no ACPI */
	mov	$0xf000, %ax
	mov	%ax, %es
	xor	%di, %di
4:	cmpl	$0x20445352, %es:(%di)	/* "RSD " */
	jne	5f
	cmpl	$0x20525450, %es:4(%di)	/* "PTR " */
	je	6f
5:	add	$16, %di
	jnz	4b
	jmp	end
6:
	mov	$ask, %si
	call	print
	xor	%ah, %ah		/* INT 16h: a key */
	int	$0x16
	mov	$1, %bl
	cmp	$'x', %al
	je	end
	mov	$6, %bl			/* 6: another key */
	jmp	end

ask:	.asciz	"a key\r\n"
	.org	1024
