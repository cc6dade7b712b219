// SPDX-License-Identifier: GPL-2.0
/*
 * Far transfers, the registers of descriptor tables, and the FPU's moves.
 */
// sources: ../../module/emulate/decode.c ../../module/emulate/optab.c ../../module/emulate/exec.c ../../module/emulate/alu.c ../../module/emulate/segment.c ../../module/emulate/far.c ../../module/emulate/fpu.c ../../module/emulate/frame.c ../../module/emulate/system.c ../../module/emulate/stack.c ../../module/emulate/string.c ../../module/emulate/portio.c
#include "tap.h"
#include "emul_run.h"

#define GDT	(ENV_BASE + 0x3000)
#define POINTER	(ENV_BASE + 0x200)
#define STACK	(ENV_BASE + 0x800)

#define CODE32	0x00cf00000000ffffull
#define CODE64	0x00af00000000ffffull
#define TYPE(t)	((u64)(t) << 40)

static struct kvm_segment *const cs = &env.seg[EMUL_SEG_CS];

/* A machine with one descriptor, at 0x20, a pointer to it, and a stack. */
static void begin(unsigned int mode, u64 desc)
{
	start(mode);
	env.gdt_base = GDT;
	env.gdt_limit = 0x2f;
	set_mem(GDT + 0x20, desc, 8);
	REG(RBX) = POINTER;
	REG(RSP) = STACK;
}

static void point(u32 offset, u16 sel)
{
	set_mem(POINTER, offset, 4);
	set_mem(POINTER + 4, sel, 2);
}

static void test_jump(void)
{
	int rc;

	start(EMUL_REAL);
	rc = RUN(0xea, 0x78, 0x56, 0x34, 0x12);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x5678 && cs->selector == 0x1234 &&
	       cs->base == 0x12340 && cs->limit == 0xffff, "JMP far in real mode");
	start(EMUL_REAL);
	REG(RSP) = 0x100;
	rc = RUN(0x9a, 0x78, 0x56, 0x34, 0x12);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x5678 && REG(RSP) == 0xfc &&
	       mem_at(0xfe, 2) == 0 && mem_at(0xfc, 2) == 0x1005, "CALL far in real mode");
	cs->base = 0;
	rc = RUN(0xcb);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x1005 && !cs->selector && !cs->base &&
	       REG(RSP) == 0x100, "RET far leads back");
	start(EMUL_REAL);
	tap_ok(faulted(RUN(0x66, 0xea, 0, 0, 1, 0, 0, 0), 13, 0), "beyond the limit of CS");

	begin(EMUL_PROT32, CODE32 | TYPE(0x9a));
	env.c.rflags |= BIT(16);
	point(0x12345678, 0x20);
	rc = RUN(0xff, 0x2b);			/* jmp far [ebx] */
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x12345678 && cs->selector == 0x20 &&
	       cs->db && cs->type == 11 && mem_at(GDT + 0x25, 1) == 0x9b &&
	       !(env.c.rflags & BIT(16)), "JMP far through memory");
	begin(EMUL_PROT32, (CODE32 & ~BIT(54)) | TYPE(0x9a));
	rc = RUN(0xea, 0x78, 0x56, 0x34, 0x12, 0x20, 0);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x12345678 && !cs->db,
	       "to 16-bit code, beyond 64 KiB");
	begin(EMUL_PROT32, CODE32 | TYPE(0x9a));
	cs->selector = 8;
	point(0x12345678, 0x20);
	rc = RUN(0xff, 0x1b);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x12345678 && REG(RSP) == STACK - 8 &&
	       mem_at(STACK - 4, 4) == 8 && mem_at(STACK - 8, 4) == ENV_CODE + 2,
	       "CALL far pushes CS and EIP");
	REG(RSP) = ENV_FAULT_PAGE + 4;
	env.c.rip = ENV_CODE;
	cs->selector = 8;
	rc = RUN(0xff, 0x1b);
	tap_ok(faulted(rc, 14, 2) && cs->selector == 8, "a stack that faults leaves CS");
}

/* JMP far to selector @sel with descriptor @desc */
static int jump(unsigned int mode, unsigned int cpl, u64 desc, u16 sel)
{
	begin(mode, desc);
	env.c.cpl = cpl;
	point(0x1000, sel);
	return RUN(0xff, 0x2b);
}

static void test_rights(void)
{
	tap_ok(faulted(jump(EMUL_PROT32, 0, 0, 3), 13, 0), "a null selector");
	tap_ok(faulted(jump(EMUL_PROT32, 0, 0, 0x30), 13, 0x30), "beyond the GDT");
	tap_ok(faulted(jump(EMUL_PROT32, 0, CODE32 | TYPE(0x92), 0x20), 13, 0x20), "data");
	tap_ok(faulted(jump(EMUL_PROT32, 0, CODE32 | TYPE(0x1b), 0x20), 11, 0x20), "not present");
	tap_ok(faulted(jump(EMUL_PROT32, 0, CODE32 | TYPE(0xfb), 0x20), 13, 0x20),
	       "a DPL above the CPL");
	tap_ok(faulted(jump(EMUL_PROT32, 3, CODE32 | TYPE(0x9b), 0x23), 13, 0x20),
	       "and one below");
	tap_ok(faulted(jump(EMUL_PROT32, 0, CODE32 | TYPE(0x9b), 0x21), 13, 0x20),
	       "an RPL above the CPL");
	tap_ok(jump(EMUL_PROT32, 3, CODE32 | TYPE(0x9f), 0x20) == EMUL_CONTINUE &&
	       cs->selector == 0x23, "conforming code, at the level of the caller");
	tap_ok(faulted(jump(EMUL_PROT32, 0, CODE32 | TYPE(0xff), 0x20), 13, 0x20),
	       "conforming code of an outer level");
	tap_ok(jump(EMUL_PROT32, 0, TYPE(0x8c), 0x20) == EMUL_UNHANDLED &&
	       jump(EMUL_PROT32, 0, TYPE(0x89), 0x20) == EMUL_UNHANDLED,
	       "gates and tasks are not supported");
	tap_ok(faulted(jump(EMUL_PROT32, 0, TYPE(0x8e), 0x20), 13, 0x20), "an interrupt gate");
	tap_ok(faulted(jump(EMUL_LONG, 0, TYPE(0x89), 0x20), 13, 0x20), "a task in long mode");
	tap_ok(jump(EMUL_LONG, 0, CODE64 | TYPE(0x9b), 0x20) == EMUL_CONTINUE && cs->l &&
	       env.c.rip == 0x1000, "64-bit code");
	tap_ok(jump(EMUL_LONG, 0, CODE32 | TYPE(0x9b), 0x20) == EMUL_CONTINUE && !cs->l,
	       "from there to compatibility mode");
	tap_ok(faulted(jump(EMUL_LONG, 0, (CODE64 | CODE32) | TYPE(0x9b), 0x20), 13, 0x20),
	       "L and D at once");
	begin(EMUL_LONG, CODE64 | TYPE(0x9b));
	tap_ok(RUN(0x48, 0xff, 0x2b) == EMUL_UNHANDLED, "an offset of 64 bits is left alone");
	tap_ok(faulted(RUN(0xea, 0, 0, 0, 0, 0, 0), 6, 0), "no direct one in 64-bit mode");
}

static void test_return(void)
{
	int rc;

	begin(EMUL_PROT32, CODE32 | TYPE(0x9b));
	set_mem(STACK, 0x1234, 4);
	set_mem(STACK + 4, 0xffff0020, 4);
	rc = RUN(0xca, 0x10, 0x00);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x1234 && cs->selector == 0x20 &&
	       REG(RSP) == STACK + 0x18, "RET far with an operand");
	begin(EMUL_PROT32, CODE32 | TYPE(0xfb));
	set_mem(STACK + 4, 0x23, 4);
	tap_ok(RUN(0xcb) == EMUL_UNHANDLED, "a return to an outer level is not supported");
	begin(EMUL_PROT32, CODE32 | TYPE(0xfb));
	env.c.cpl = 3;
	set_mem(STACK + 4, 0x20, 4);
	tap_ok(faulted(RUN(0xcb), 13, 0x20), "nor is there one to an inner");
	begin(EMUL_LONG, CODE64 | TYPE(0x9b));
	set_mem(STACK, 0x800000000000, 8);
	set_mem(STACK + 8, 0x20, 8);
	tap_ok(faulted(RUN(0x48, 0xcb), 13, 0), "an RIP that is not canonical");
	set_mem(STACK, 0x7fff00001000, 8);
	tap_ok(RUN(0x48, 0xcb) == EMUL_CONTINUE && env.c.rip == 0x7fff00001000 &&
	       REG(RSP) == STACK + 16, "RET far with REX.W");
	begin(EMUL_PROT32, CODE32 | TYPE(0x9b));
	REG(RSP) = ENV_DEV_PAGE;
	tap_ok(RUN(0xcb) == EMUL_IO_NEEDED && unchanged(), "from a device: user space is asked");
}

static void test_iret(void)
{
	int rc;

	start(EMUL_REAL);
	REG(RSP) = 0x100;
	set_mem(0x100, 0x5678, 2);
	set_mem(0x102, 0x1234, 2);
	set_mem(0x104, 0xffff, 2);
	rc = RUN(0xcf);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x5678 && cs->base == 0x12340 &&
	       env.c.rflags == 0x7fd7 && REG(RSP) == 0x106 && env.nmi_ends == 1,
	       "IRET in real mode, and NMIs may come again");
	start(EMUL_REAL);
	REG(RSP) = 0x100;
	set_mem(0x108, 0xffffffff, 4);
	rc = RUN(0x66, 0xcf);
	tap_ok(rc == EMUL_CONTINUE && env.c.rflags == 0x257fd7, "of 32 bits, with RF and without VM");
	start(EMUL_VM86);
	tap_ok(faulted(RUN(0xcf), 13, 0), "an IOPL below 3 in virtual-8086 mode");
	env.c.rflags |= 3 << 12;
	REG(RSP) = 0x100;
	set_mem(0x100, 0, 4);
	set_mem(0x104, 0x0200, 2);
	tap_ok(RUN(0xcf) == EMUL_CONTINUE && env.c.rflags == 0x3202, "and 3, which stays");

	begin(EMUL_PROT32, CODE32 | TYPE(0xfb));
	env.c.cpl = 3;
	set_mem(STACK, 0x1234, 4);
	set_mem(STACK + 4, 0x23, 4);
	set_mem(STACK + 8, 0xffdfffff, 4);
	rc = RUN(0xcf);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x1234 && REG(RSP) == STACK + 12 &&
	       env.c.rflags == 0x54dd7, "at CPL 3: neither IF, nor IOPL, nor VIF and VIP");
	begin(EMUL_PROT32, CODE32 | TYPE(0x9b));
	set_mem(STACK + 4, 0x20, 4);
	set_mem(STACK + 8, 0x20002, 4);
	tap_ok(RUN(0xcf) == EMUL_UNHANDLED, "to virtual-8086 mode is not supported");
	env.c.rflags |= BIT(14);
	tap_ok(RUN(0xcf) == EMUL_UNHANDLED && unchanged(), "nor to a task");

	begin(EMUL_LONG, CODE64 | TYPE(0x9b));
	set_mem(STACK, 0x7fff00001000, 8);
	set_mem(STACK + 8, 0x20, 8);
	set_mem(STACK + 16, 0x202, 8);
	set_mem(STACK + 24, 0x123456789a, 8);
	set_mem(STACK + 32, 0, 8);
	rc = RUN(0x48, 0xcf);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0x7fff00001000 &&
	       REG(RSP) == 0x123456789a && env.c.rflags == 0x202 &&
	       env.seg[EMUL_SEG_SS].unusable, "IRETQ: RSP, and a null SS");
	begin(EMUL_LONG, CODE32 | TYPE(0x9b));
	set_mem(STACK, 0x1000, 8);
	set_mem(STACK + 8, 0x20, 8);
	set_mem(STACK + 32, 0, 8);
	tap_ok(faulted(RUN(0x48, 0xcf), 13, 0) && !env.nmi_ends,
	       "a null SS is not for compatibility mode");
	env.c.rflags |= BIT(14);
	tap_ok(faulted(RUN(0x48, 0xcf), 13, 0), "NT in long mode");
}

static void test_tables(void)
{
	int rc;

	begin(EMUL_PROT32, 0);
	env.idt_base = 0x12345678;
	env.idt_limit = 0xfff;
	rc = RUN(0x0f, 0x01, 0x0b);		/* sidt [ebx] */
	tap_ok(rc == EMUL_CONTINUE && mem_at(POINTER, 8) == 0x0000123456780fff &&
	       env.writes == 1, "SIDT: six bytes");
	env.idt_base = 0;
	rc = RUN(0x0f, 0x01, 0x1b);
	tap_ok(rc == EMUL_CONTINUE && env.idt_base == 0x12345678 && env.idt_limit == 0xfff,
	       "LIDT takes them");
	rc = RUN(0x66, 0x0f, 0x01, 0x13);
	tap_ok(rc == EMUL_CONTINUE && env.gdt_base == 0x345678 && env.gdt_limit == 0xfff,
	       "LGDT of 16 bits: a base of 24");
	env.c.cpl = 3;
	tap_ok(faulted(RUN(0x0f, 0x01, 0x13), 13, 0), "LGDT at CPL 3");
	tap_ok(RUN(0x0f, 0x01, 0x03) == EMUL_CONTINUE, "SGDT there");
	env.c.cr4 |= BIT(11);
	tap_ok(faulted(RUN(0x0f, 0x01, 0x03), 13, 0), "not with UMIP");

	begin(EMUL_LONG, 0);
	env.gdt_base = 0xffff800012345678;
	env.gdt_limit = 0x7f;
	rc = RUN(0x66, 0x0f, 0x01, 0x03);
	tap_ok(rc == EMUL_CONTINUE && mem_at(POINTER, 2) == 0x7f &&
	       mem_at(POINTER + 2, 8) == 0xffff800012345678, "SGDT in 64-bit mode: ten bytes");
	rc = RUN(0x66, 0x0f, 0x01, 0x1b);
	tap_ok(rc == EMUL_CONTINUE && env.idt_base == 0xffff800012345678, "and LIDT");
	set_mem(POINTER + 2, 0x800000000000, 8);
	tap_ok(faulted(RUN(0x0f, 0x01, 0x1b), 13, 0), "a base that is not canonical");
	tap_ok(RUN(0x0f, 0x01, 0xd8) == EMUL_UNHANDLED, "a register's form is another instruction");
}

static int load(unsigned int modrm, u16 sel)
{
	u8 code[] = { 0x0f, 0x00, modrm };

	set_mem(POINTER, sel, 2);
	return run_bytes(code, sizeof(code));
}

#define LLDT	0x13
#define LTR	0x1b

static void test_selectors(void)
{
	struct kvm_segment *ldtr = &env.seg[EMUL_SEG_LDTR], *tr = &env.seg[EMUL_SEG_TR];

	begin(EMUL_PROT32, TYPE(0x82) | 0x1000ull << 16 | 0x27);
	tap_ok(load(LLDT, 0x20) == EMUL_CONTINUE && ldtr->base == 0x1000 &&
	       ldtr->limit == 0x27 && ldtr->selector == 0x20 && ldtr->type == 2, "LLDT");
	set_mem(POINTER, 0xffffffff, 4);
	tap_ok(RUN(0x0f, 0x00, 0x03) == EMUL_CONTINUE && mem_at(POINTER, 4) == 0xffff0020,
	       "SLDT: 16 bits");
	tap_ok(load(LLDT, 0x3) == EMUL_CONTINUE && ldtr->unusable && ldtr->selector == 3,
	       "LLDT of null");
	tap_ok(faulted(load(LTR, 0x20), 13, 0x20), "LTR of an LDT");
	tap_ok(faulted(load(LTR, 0), 13, 0), "LTR of null");
	tap_ok(faulted(load(LLDT, 0x24), 13, 0x24), "not from the LDT");
	set_mem(GDT + 0x20, TYPE(0x02), 8);
	tap_ok(faulted(load(LLDT, 0x20), 11, 0x20), "not present");
	set_mem(GDT + 0x20, TYPE(0x89) | 0x67, 8);
	tap_ok(load(LTR, 0x20) == EMUL_CONTINUE && tr->type == 11 &&
	       mem_at(GDT + 0x25, 1) == 0x8b, "LTR makes the task busy");
	tap_ok(faulted(load(LTR, 0x20), 13, 0x20), "so not twice");
	env.c.cpl = 3;
	tap_ok(faulted(load(LLDT, 0x20), 13, 0), "LLDT at CPL 3");

	begin(EMUL_LONG, TYPE(0x89) | 0x67);
	tap_ok(faulted(load(LTR, 0x28), 13, 0x28), "half a descriptor, in long mode");
	env.gdt_limit = 0x3f;
	set_mem(GDT + 0x28, 0xffff8000, 8);
	tap_ok(load(LTR, 0x20) == EMUL_CONTINUE && tr->base == 0xffff800000000000,
	       "in long mode the base has 64 bits");
	set_mem(GDT + 0x20, TYPE(0x81) | 0x67, 8);
	tap_ok(faulted(load(LTR, 0x20), 13, 0x20), "and no task of 16 bits");
	start(EMUL_REAL);
	tap_ok(faulted(RUN(0x0f, 0x00, 0x07), 6, 0), "SLDT in real mode");
}

static void test_fpu(void)
{
	u64 val = 0x1122334455667788;
	int rc;

	begin(EMUL_LONG, 0);
	set_mem(POINTER, val, 8);
	rc = RUN(0x44, 0x0f, 0x6f, 0x1b);	/* movq mm3, [rbx]: REX.R is ignored */
	tap_ok(rc == EMUL_CONTINUE && env.mm[3] == val && env.mmx_ends == 1, "MOVQ loads");
	env.mm[5] = 0x99;
	rc = RUN(0x0f, 0x7f, 0x2b);
	tap_ok(rc == EMUL_CONTINUE && mem_at(POINTER, 8) == 0x99 && env.mmx_ends == 2, "and stores");
	rc = RUN(0x0f, 0x6e, 0x1b);
	tap_ok(rc == EMUL_CONTINUE && env.mm[3] == 0x99, "MOVD loads 32 bits");
	env.c.cr4 &= ~BIT(9);
	env.mm[1] = ~0ull;
	rc = RUN(0x0f, 0x7e, 0x0b);
	tap_ok(rc == EMUL_CONTINUE && mem_at(POINTER, 8) == 0xffffffff, "and stores them, without OSFXSR");
	env.fsw = 0x80;
	tap_ok(faulted(RUN(0x0f, 0x6f, 0x1b), 16, 0), "an x87 exception that waits: #MF");
	env.c.cr0 |= BIT(3);
	tap_ok(faulted(RUN(0x0f, 0x6f, 0x1b), 7, 0), "CR0.TS: #NM");
	env.c.cr0 |= BIT(2);
	tap_ok(faulted(RUN(0x0f, 0x6f, 0x1b), 6, 0), "CR0.EM: #UD");
	tap_ok(faulted(RUN(0xd9, 0x3b), 7, 0), "but #NM of x87");

	begin(EMUL_LONG, 0);
	REG(RBX) = ENV_FAULT_PAGE;
	rc = RUN(0x0f, 0x7f, 0x2b);
	tap_ok(faulted(rc, 14, 2) && !env.mmx_ends, "a store that faults leaves the FPU");

	begin(EMUL_LONG, 0);
	env.fcw = 0x27f;
	env.fsw = 0x3880;
	rc = RUN(0xd9, 0x3b);
	tap_ok(rc == EMUL_CONTINUE && mem_at(POINTER, 4) == 0x27f, "FNSTCW");
	rc = RUN(0xdd, 0x3b);
	tap_ok(rc == EMUL_CONTINUE && mem_at(POINTER, 4) == 0x3880, "FNSTSW waits for nothing");
	tap_ok(RUN(0xd9, 0xf8) == EMUL_UNHANDLED, "FPREM has the same number");
}

static void test_zeros(void)
{
	begin(EMUL_LONG, 0);
	set_mem(POINTER, 0x00f0, 8);
	REG(RAX) = 0x77;
	tap_ok(RUN(0xf3, 0x0f, 0xbd, 0x03) == EMUL_CONTINUE && REG(RAX) == 7,
	       "without LZCNT it is BSR");
	env.c.tzcnt = true;
	env.c.lzcnt = true;
	tap_ok(RUN(0xf3, 0x0f, 0xbd, 0x03) == EMUL_CONTINUE && REG(RAX) == 24 &&
	       !(env.c.rflags & 0x41), "LZCNT");
	tap_ok(RUN(0xf3, 0x66, 0x0f, 0xbd, 0x03) == EMUL_CONTINUE && REG(RAX) == 8, "of 16 bits");
	tap_ok(RUN(0xf3, 0x48, 0x0f, 0xbc, 0x03) == EMUL_CONTINUE && REG(RAX) == 4, "TZCNT");
	set_mem(POINTER, 0, 8);
	tap_ok(RUN(0xf3, 0x48, 0x0f, 0xbc, 0x03) == EMUL_CONTINUE && REG(RAX) == 64 &&
	       (env.c.rflags & 0x41) == 1, "of zero: the width, and CF");
	set_mem(POINTER, 1, 8);
	tap_ok(RUN(0xf3, 0x0f, 0xbc, 0x03) == EMUL_CONTINUE && REG(RAX) == 0 &&
	       (env.c.rflags & 0x41) == 0x40, "of one: none, and ZF");
	tap_ok(RUN(0x0f, 0xbc, 0x03) == EMUL_CONTINUE && REG(RAX) == 0 &&
	       !(env.c.rflags & 0x40), "BSF is still BSF");
}

int main(void)
{
	test_jump();
	test_rights();
	test_return();
	test_iret();
	test_tables();
	test_selectors();
	test_fpu();
	test_zeros();
	return tap_done();
}
