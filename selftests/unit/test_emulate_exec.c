// SPDX-License-Identifier: GPL-2.0
/*
 * Execution where the CPU of the host cannot be the judge: other modes,
 * segmentation, faults, restarts, devices and ports.
 */
// sources: ../../module/emulate/decode.c ../../module/emulate/optab.c ../../module/emulate/exec.c ../../module/emulate/alu.c ../../module/emulate/segment.c ../../module/emulate/far.c ../../module/emulate/fpu.c ../../module/emulate/frame.c ../../module/emulate/system.c ../../module/emulate/stack.c ../../module/emulate/string.c ../../module/emulate/portio.c
#include "tap.h"
#include "emul_run.h"

static void test_modes(void)
{
	int rc;

	start(EMUL_REAL);
	env.seg[EMUL_SEG_DS].base = 0x2000;
	REG(RBX) = 0x10;
	REG(RAX) = 0xbeef;
	rc = RUN(0x89, 0x07);			/* mov [bx], ax */
	tap_ok(rc == EMUL_CONTINUE && mem_at(0x2010, 2) == 0xbeef &&
	       env.c.rip == 0x1002, "real mode: the base of DS");

	start(EMUL_REAL);
	REG(RBX) = 0xffff;
	rc = RUN(0x89, 0x07);
	tap_ok(faulted(rc, 13, 0) && !env.c.exception.has_error,
	       "real mode: a word at FFFF gives #GP without error code");

	start(EMUL_REAL);
	REG(RBP) = 0xffff;
	rc = RUN(0x89, 0x46, 0x00);		/* mov [bp], ax */
	tap_ok(faulted(rc, 12, 0), "real mode: and #SS on the stack segment");

	start(EMUL_REAL);
	REG(RBX) = 0xfff0;
	REG(RSI) = 0x20;
	REG(RAX) = 0x55;
	rc = RUN(0x88, 0x00);			/* mov [bx+si], al */
	tap_ok(rc == EMUL_CONTINUE && mem_at(0x10, 1) == 0x55,
	       "16-bit addresses wrap");

	start(EMUL_REAL);
	env.seg[EMUL_SEG_DS].limit = 0xffffffff;
	REG(RBX) = 0x4000;
	rc = RUN(0x67, 0x88, 0x03);		/* mov [ebx], al */
	tap_ok(rc == EMUL_CONTINUE, "32-bit addresses in real mode");

	start(EMUL_REAL);
	REG(RAX) = 0x1234;
	rc = RUN(0x8e, 0xd8);			/* mov ds, ax */
	tap_ok(rc == EMUL_CONTINUE && env.seg[EMUL_SEG_DS].base == 0x12340 &&
	       env.seg[EMUL_SEG_DS].selector == 0x1234 &&
	       env.seg[EMUL_SEG_DS].limit == 0xffff && !env.c.mov_ss,
	       "real mode: a segment is loaded as sixteen times the selector");
	start(EMUL_REAL);
	rc = RUN(0x8e, 0xd0);
	tap_ok(rc == EMUL_CONTINUE && env.c.mov_ss,
	       "MOV SS asks for the shadow");

	start(EMUL_REAL);
	env.c.rip = 0xfffe;
	rc = RUN(0x89, 0xc0);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0, "IP wraps at 16 bits");
	start(EMUL_PROT32);
	env.alias = 0xffffff00;
	env.c.rip = 0xfffffffe;
	rc = RUN(0x89, 0xc0);
	tap_ok(rc == EMUL_CONTINUE && env.c.rip == 0, "EIP wraps at 32 bits");

	start(EMUL_PROT16);
	REG(RSP) = 0x12340000 | 0x2000;
	env.seg[EMUL_SEG_SS].base = ENV_BASE;
	REG(RAX) = 0xcafe;
	rc = RUN(0x50);
	tap_ok(rc == EMUL_CONTINUE && REG(RSP) == 0x12341ffe &&
	       mem_at(ENV_BASE + 0x1ffe, 2) == 0xcafe,
	       "a 16-bit stack changes SP alone");
	start(EMUL_PROT16);
	REG(RSP) = 0;
	env.seg[EMUL_SEG_SS].base = ENV_BASE;
	rc = RUN(0x50);
	tap_ok(rc == EMUL_CONTINUE && REG(RSP) == 0xfffe, "SP wraps");

	start(EMUL_PROT32);
	env.c.rflags |= BIT(16);
	rc = RUN(0x89, 0xc0);
	tap_ok(rc == EMUL_CONTINUE && !(env.c.rflags & BIT(16)),
	       "completion clears RF");

	tap_ok(strata_emul_mode(0, false, 2, false, false) == EMUL_REAL &&
	       strata_emul_mode(0, false, 2, false, true) == EMUL_REAL32 &&
	       strata_emul_mode(1, false, 0x20002, false, true) == EMUL_VM86 &&
	       strata_emul_mode(1, false, 2, true, false) == EMUL_PROT16 &&
	       strata_emul_mode(1, false, 2, false, true) == EMUL_PROT32 &&
	       strata_emul_mode(1, true, 2, false, true) == EMUL_PROT32 &&
	       strata_emul_mode(1, true, 2, false, false) == EMUL_PROT16 &&
	       strata_emul_mode(1, true, 2, true, false) == EMUL_LONG,
	       "the mode follows from CR0, EFER, RFLAGS and CS");
}

static void test_frames(void)
{
	unsigned int i;
	bool ok;
	int rc;

	start(EMUL_PROT32);
	for (i = 0; i < 8; i++)
		env.regs[i] = 0x1111 * (i + 1);
	REG(RSP) = ENV_BASE + 0x800;
	rc = RUN(0x60);
	ok = rc == EMUL_CONTINUE && REG(RSP) == ENV_BASE + 0x7e0;
	for (i = 0; i < 8; i++)
		ok &= mem_at(ENV_BASE + 0x7fc - 4 * i, 4) ==
		      (i == EMUL_RSP ? ENV_BASE + 0x800 : 0x1111 * (i + 1));
	tap_ok(ok, "PUSHA writes eight registers, of ESP the old one");
	for (i = 0; i < 8; i++)
		if (i != EMUL_RSP)
			env.regs[i] = 0;
	rc = RUN(0x61);
	ok = rc == EMUL_CONTINUE && REG(RSP) == ENV_BASE + 0x800;
	for (i = 0; i < 8; i++)
		ok &= i == EMUL_RSP || env.regs[i] == 0x1111 * (i + 1);
	tap_ok(ok, "POPA reads them, but for ESP");

	start(EMUL_PROT32);
	REG(RSP) = ENV_BASE + 0x800;
	REG(RDI) = 0x12345678;
	set_mem(ENV_BASE + 0x800, 0xaaaa, 2);
	rc = RUN(0x66, 0x61);
	tap_ok(rc == EMUL_CONTINUE && REG(RSP) == ENV_BASE + 0x810 && REG(RDI) == 0x1234aaaa,
	       "POPA of 16 bits leaves the upper halves");

	start(EMUL_REAL);
	REG(RSP) = 0x12340100;
	rc = RUN(0x66, 0x61);
	tap_ok(rc == EMUL_CONTINUE && REG(RSP) == 0x12340120,
	       "POPA of 32 bits on a stack of 16 leaves the upper half of ESP");

	start(EMUL_REAL);
	REG(RSP) = 8;
	rc = RUN(0x60);
	tap_ok(rc == EMUL_CONTINUE && REG(RSP) == 0xfff8, "PUSHA wraps as SP does");
	start(EMUL_REAL);
	REG(RSP) = 7;
	rc = RUN(0x60);
	tap_ok(faulted(rc, 12, 0), "a word at FFFF of the stack gives #SS");

	start(EMUL_PROT32);
	REG(RSP) = ENV_BASE + 0x800;
	REG(RBP) = 0xcafe;
	rc = RUN(0xc8, 0x20, 0x01, 0x00);
	tap_ok(rc == EMUL_CONTINUE && REG(RBP) == ENV_BASE + 0x7fc &&
	       REG(RSP) == ENV_BASE + 0x7fc - 0x120 && mem_at(ENV_BASE + 0x7fc, 4) == 0xcafe,
	       "ENTER");
	rc = RUN(0xc9);
	tap_ok(rc == EMUL_CONTINUE && REG(RBP) == 0xcafe && REG(RSP) == ENV_BASE + 0x800,
	       "LEAVE undoes it");
	rc = RUN(0xc8, 0x20, 0x00, 0x01);
	tap_ok(rc == EMUL_UNHANDLED, "ENTER of an inner procedure is not supported");

	start(EMUL_LONG);
	REG(RSP) = ENV_BASE + 0x800;
	REG(RBP) = 0x123456789abc;
	rc = RUN(0xc8, 0x10, 0x00, 0x00);
	tap_ok(rc == EMUL_CONTINUE && REG(RSP) == ENV_BASE + 0x7e8 &&
	       mem_at(ENV_BASE + 0x7f8, 8) == 0x123456789abc, "ENTER in 64-bit mode");
	rc = RUN(0xc9);
	tap_ok(rc == EMUL_CONTINUE && REG(RBP) == 0x123456789abc &&
	       REG(RSP) == ENV_BASE + 0x800, "and LEAVE");
	tap_ok(faulted(RUN(0x60), 6, 0), "no PUSHA in 64-bit mode");

	start(EMUL_REAL);
	REG(RBX) = 0x2000;
	set_mem(0x2000, 0x12345678, 4);
	rc = RUN(0xc4, 0x07);			/* les ax, [bx] */
	tap_ok(rc == EMUL_CONTINUE && (REG(RAX) & 0xffff) == 0x5678 &&
	       env.seg[EMUL_SEG_ES].selector == 0x1234 && env.seg[EMUL_SEG_ES].base == 0x12340,
	       "LES: the offset, and the segment behind it");
	rc = RUN(0x66, 0x0f, 0xb5, 0x07);	/* lgs eax, [bx] */
	tap_ok(rc == EMUL_CONTINUE && REG(RAX) == 0x12345678 &&
	       env.seg[EMUL_SEG_GS].selector == mem_at(0x2004, 2), "LGS, of 32 bits");
	tap_ok(faulted(RUN(0xc5, 0xc0), 6, 0), "LDS of a register gives #UD");
}

static void test_segments(void)
{
	struct kvm_segment *ds = &env.seg[EMUL_SEG_DS];
	int rc;

	start(EMUL_REAL);
	ds->type = 7;				/* expand-down, from protected mode */
	ds->limit = 0xfff;
	REG(RBX) = 0x1000;
	tap_ok(RUN(0x8b, 0x07) == EMUL_CONTINUE, "real mode keeps a segment that expands down");
	REG(RBX) = 0xfff;
	tap_ok(faulted(RUN(0x8b, 0x07), 13, 0), "with nothing below its limit");

	start(EMUL_PROT32);
	REG(RBX) = ENV_BASE + 0x100;
	ds->type = 1;				/* read-only */
	rc = RUN(0x89, 0x03);			/* mov [ebx], eax */
	tap_ok(faulted(rc, 13, 0), "a write to a read-only segment");
	rc = RUN(0x8b, 0x03);
	tap_ok(rc == EMUL_CONTINUE, "a read of a read-only segment");
	ds->type = 9;				/* execute-only */
	env.c.rip = ENV_CODE;
	tap_ok(faulted(RUN(0x8b, 0x03), 13, 0), "a read of an execute-only segment");
	ds->type = 11;
	tap_ok(RUN(0x8b, 0x03) == EMUL_CONTINUE, "a read of readable code");
	env.c.rip = ENV_CODE;
	tap_ok(faulted(RUN(0x89, 0x03), 13, 0), "a write to readable code");

	start(EMUL_PROT32);
	ds->unusable = 1;
	tap_ok(faulted(RUN(0x8b, 0x03), 13, 0), "a null segment");
	start(EMUL_PROT32);
	env.seg[EMUL_SEG_SS].unusable = 1;
	tap_ok(faulted(RUN(0x8b, 0x45, 0x00), 12, 0), "a null stack segment");

	start(EMUL_PROT32);
	REG(RBX) = 0xffc;
	ds->base = ENV_BASE;
	ds->limit = 0xfff;
	tap_ok(RUN(0x8b, 0x03) == EMUL_CONTINUE, "up to the limit");
	REG(RBX) = 0xffd;
	env.c.rip = ENV_CODE;
	tap_ok(faulted(RUN(0x8b, 0x03), 13, 0), "past the limit");
	REG(RBX) = 0xfffffffe;
	tap_ok(faulted(RUN(0x8b, 0x03), 13, 0), "wrapping past the end");

	/* expand-down: valid above the limit */
	start(EMUL_PROT32);
	ds->type = 7;
	ds->base = ENV_BASE;
	ds->limit = 0xfff;
	REG(RBX) = 0x1000;
	tap_ok(RUN(0x8b, 0x03) == EMUL_CONTINUE, "expand-down: above the limit");
	REG(RBX) = 0xfff;
	env.c.rip = ENV_CODE;
	tap_ok(faulted(RUN(0x8b, 0x03), 13, 0), "expand-down: at the limit");
	ds->db = 0;
	REG(RBX) = 0xfffd;
	tap_ok(faulted(RUN(0x8b, 0x03), 13, 0), "expand-down: past FFFF");
	REG(RBX) = 0xfffc;
	tap_ok(RUN(0x8b, 0x03) == EMUL_CONTINUE, "expand-down: up to FFFF");

	start(EMUL_PROT32);
	ds->base = 0x80000000;
	REG(RBX) = 0x80000000 + ENV_BASE + 0x40;
	set_mem(ENV_BASE + 0x40, 0x11223344, 4);
	tap_ok(RUN(0x8b, 0x03) == EMUL_CONTINUE && REG(RAX) == 0x11223344,
	       "linear addresses wrap at 32 bits");

	/* 64-bit mode */
	start(EMUL_LONG);
	REG(RBX) = 0x7ffffffffff9;
	tap_ok(faulted(RUN(0x48, 0x8b, 0x03), 13, 0),
	       "the last byte is not canonical: #GP");
	REG(RBP) = 0x8000000000000000;
	tap_ok(faulted(RUN(0x48, 0x8b, 0x45, 0x00), 12, 0),
	       "not canonical on the stack segment: #SS");
	REG(RSP) = 0x800000000008;
	tap_ok(faulted(RUN(0x50), 12, 0), "PUSH to a non-canonical address: #SS");
	env.c.va_bits = 57;
	REG(RBX) = 0x800000000000;
	tap_ok(RUN(0x48, 0x8b, 0x03) == EMUL_UNHANDLED,
	       "canonical with 57 bits");
	start(EMUL_LONG);
	env.seg[EMUL_SEG_GS].base = ENV_BASE;
	env.seg[EMUL_SEG_GS].unusable = 1;
	ds->base = 0x12345;
	ds->limit = 0;
	REG(RBX) = 0x200;
	set_mem(ENV_BASE + 0x200, 0x77, 8);
	tap_ok(RUN(0x65, 0x48, 0x8b, 0x03) == EMUL_CONTINUE &&
	       REG(RAX) == 0x77, "GS has a base and no limit");
	REG(RBX) = ENV_BASE + 0x200;
	REG(RAX) = 0;
	env.c.rip = ENV_CODE;
	tap_ok(RUN(0x48, 0x8b, 0x03) == EMUL_CONTINUE && REG(RAX) == 0x77,
	       "DS has neither");
}

#define DESC(type_dpl_p)	(0x00cf00000000ffffull | (u64)(type_dpl_p) << 40)

static int load_ds(u16 sel, u64 desc)
{
	env.gdt_base = ENV_BASE + 0x3000;
	env.gdt_limit = 0xff;
	env.seg[EMUL_SEG_LDTR].base = ENV_BASE + 0x4000;
	env.seg[EMUL_SEG_LDTR].limit = 0x2f;
	env.seg[EMUL_SEG_LDTR].present = 1;
	set_mem((sel & 4 ? ENV_BASE + 0x4000 : ENV_BASE + 0x3000) + (sel & ~7),
		desc, 8);
	REG(RAX) = sel;
	env.c.rip = ENV_CODE;
	return RUN(0x8e, 0xd8);
}

static int load_ss(u16 sel, u64 desc)
{
	load_ds(sel, desc);
	REG(RAX) = sel;
	env.c.rip = ENV_CODE;
	return RUN(0x8e, 0xd0);
}

static void test_load_segment(void)
{
	struct kvm_segment *ds = &env.seg[EMUL_SEG_DS];

	start(EMUL_PROT32);
	tap_ok(load_ds(0x20, DESC(0x92) | 0x1234ull << 16) == EMUL_CONTINUE &&
	       ds->base == 0x1234 && ds->limit == 0xffffffff && ds->db &&
	       ds->type == 3 && ds->selector == 0x20 &&
	       mem_at(ENV_BASE + 0x3025, 1) == 0x93,
	       "a descriptor is loaded and marked accessed");
	tap_ok(load_ds(0x24, DESC(0x93)) == EMUL_CONTINUE && ds->base == 0,
	       "from the LDT");
	tap_ok(faulted(load_ds(0x34, DESC(0x93)), 13, 0x34), "past the LDT's limit");
	tap_ok(faulted(load_ds(0x20, DESC(0x13)), 11, 0x20), "not present: #NP");
	tap_ok(faulted(load_ds(0x20, DESC(0x99)), 13, 0x20), "execute-only code");
	tap_ok(faulted(load_ds(0x20, DESC(0x82)), 13, 0x20), "a system segment");
	tap_ok(load_ds(0x20, DESC(0x9b)) == EMUL_CONTINUE, "readable code");
	tap_ok(faulted(load_ds(0x100, 0), 13, 0x100), "past the GDT's limit");
	tap_ok(faulted(load_ds(0x23, DESC(0x93)), 13, 0x20), "DPL below RPL");
	env.c.cpl = 3;
	tap_ok(faulted(load_ds(0x20, DESC(0x93)), 13, 0x20), "DPL below CPL");
	tap_ok(load_ds(0x23, DESC(0xf3)) == EMUL_CONTINUE, "DPL 3 at CPL 3");
	tap_ok(load_ds(0x23, DESC(0x9f)) == EMUL_CONTINUE,
	       "conforming code at any level");
	tap_ok(load_ds(0x0003, 0) == EMUL_CONTINUE && ds->unusable &&
	       ds->selector == 3, "a null selector");

	start(EMUL_PROT32);
	tap_ok(load_ss(0x20, DESC(0x92)) == EMUL_CONTINUE && env.c.mov_ss,
	       "SS: writable data");
	tap_ok(faulted(load_ss(0x20, DESC(0x91)), 13, 0x20), "SS: read-only");
	tap_ok(faulted(load_ss(0x20, DESC(0xf3)), 13, 0x20), "SS: DPL is not CPL");
	tap_ok(faulted(load_ss(0x21, DESC(0x93)), 13, 0x20), "SS: RPL is not CPL");
	tap_ok(faulted(load_ss(0x20, DESC(0x13)), 12, 0x20), "SS: not present");
	tap_ok(faulted(load_ss(0, 0), 13, 0), "SS: null");
	start(EMUL_LONG);
	tap_ok(load_ss(0, 0) == EMUL_CONTINUE, "SS: null in 64-bit mode");
	env.c.cpl = 3;
	tap_ok(faulted(load_ss(3, 0), 13, 0), "SS: null at CPL 3");
}

static void test_faults(void)
{
	u64 edge = ENV_FAULT_PAGE;
	int rc;

	start(EMUL_LONG);
	REG(RBX) = edge;
	rc = RUN(0x48, 0x01, 0x03);		/* add [rbx], rax */
	tap_ok(faulted(rc, 14, 2) && env.c.exception.cr2 == edge,
	       "a read-modify-write faults as a write");
	rc = RUN(0x48, 0x03, 0x03);
	tap_ok(faulted(rc, 14, 0), "a read faults as a read");
	REG(RBX) = edge - 3;
	rc = RUN(0x48, 0x89, 0x03);
	tap_ok(faulted(rc, 14, 2) && env.c.exception.cr2 == edge,
	       "CR2 of an access across pages is in the page that faults");

	REG(RBX) = edge;
	env.c.rflags = 2 | BIT(0);
	rc = RUN(0x11, 0x03);			/* adc [rbx], eax */
	tap_ok(faulted(rc, 14, 2) && env.c.rflags == 3,
	       "flags stay on a fault");
	REG(RSP) = edge;
	tap_ok(faulted(RUN(0x8f, 0xc0), 14, 0), "POP from a page that faults");
	REG(RSP) = ENV_BASE + 0x100;
	tap_ok(faulted(RUN(0x8f, 0x03), 14, 2) && REG(RSP) == ENV_BASE + 0x100,
	       "POP to a page that faults leaves RSP");
	REG(RSP) = edge + 4;
	tap_ok(faulted(RUN(0xff, 0x13), 14, 0), "CALL through a page that faults");
	REG(RBX) = ENV_BASE + 0x200;
	set_mem(ENV_BASE + 0x200, ENV_CODE, 8);
	tap_ok(faulted(RUN(0xff, 0x13), 14, 2), "CALL with a stack that faults");
	set_mem(ENV_BASE + 0x200, 0x800000000000, 8);
	REG(RSP) = ENV_BASE + 0x100;
	tap_ok(faulted(RUN(0xff, 0x13), 13, 0), "CALL to a non-canonical address");
	tap_ok(faulted(RUN(0xff, 0x23), 13, 0), "JMP to a non-canonical address");
	REG(RBX) = ENV_RO_PAGE;
	tap_ok(faulted(RUN(0x0f, 0xb1, 0x03), 14, 3),
	       "CMPXCHG that will not write needs write access");
	tap_ok(faulted(RUN(0x87, 0x03), 14, 3), "XCHG on a read-only page");
	tap_ok(faulted(RUN(0xf0, 0x0f, 0xc7, 0x0b), 14, 3),
	       "CMPXCHG8B on a read-only page");
	REG(RBX) = ENV_BASE + 0x208;
	tap_ok(faulted(RUN(0x48, 0x0f, 0xc7, 0x0b), 13, 0),
	       "CMPXCHG16B on a misaligned operand");
	tap_ok(faulted(RUN(0x0f, 0x28, 0x03), 13, 0), "MOVAPS misaligned");
	tap_ok(RUN(0x0f, 0x10, 0x03) == EMUL_CONTINUE, "MOVUPS misaligned");
	set_mem(ENV_BASE + 0x208 + 0xfe, 0x5a, 1);
	REG(RAX) = 0x12345678000000fe;
	set_mem(ENV_BASE + 0x208, 0xffffffff, 4);
	env.c.cr0 = 0x80010031;
	tap_ok(RUN(0x0f, 0x01, 0x23) == EMUL_CONTINUE && mem_at(ENV_BASE + 0x208, 4) == 0xffff0031,
	       "SMSW writes 16 bits");
	set_mem(ENV_BASE + 0x208, 0xffee, 2);
	tap_ok(RUN(0x0f, 0x01, 0x33) == EMUL_CONTINUE && env.c.cr0 == 0x8001003f, "LMSW");
	env.c.cpl = 3;
	tap_ok(faulted(RUN(0x0f, 0x01, 0x33), 13, 0), "LMSW at CPL 3");
	env.c.cpl = 0;
	env.c.cr0 = 0x80010031;
	tap_ok(RUN(0xd7) == EMUL_CONTINUE && REG(RAX) == 0x123456780000005a, "XLAT");
	env.c.rip = ENV_CODE;
	env.c.cr0 |= BIT(3);
	tap_ok(faulted(RUN(0x0f, 0x10, 0x03), 7, 0), "SSE with CR0.TS: #NM");
	env.c.cr0 |= BIT(2);
	tap_ok(faulted(RUN(0x0f, 0x10, 0x03), 6, 0), "SSE with CR0.EM: #UD");
	env.c.cr0 = 0x80050033;
	env.c.cr4 = 0;
	tap_ok(faulted(RUN(0x0f, 0x10, 0x03), 6, 0),
	       "SSE without CR4.OSFXSR: #UD");
	start(EMUL_LONG);
	REG(RBX) = ENV_BASE + 0x300;
	tap_ok(faulted(RUN(0xf7, 0x33), 0, 0) && !env.c.exception.has_error,
	       "a division by zero");

	start(EMUL_VM86);
	env.c.rflags = 2 | BIT(17);
	REG(RSP) = 0x100;
	tap_ok(faulted(RUN(0x9c), 13, 0), "PUSHF in VM86 mode needs IOPL 3");
	tap_ok(faulted(RUN(0x9d), 13, 0), "and so does POPF");
	start(EMUL_PROT32);
	env.c.cpl = 3;
	env.c.rflags = 0x202;
	REG(RSP) = ENV_BASE + 0x100;
	set_mem(ENV_BASE + 0x100, 0x3000, 4);
	tap_ok(RUN(0x9d) == EMUL_CONTINUE && env.c.rflags == 0x202,
	       "POPF at CPL 3 changes neither IF nor IOPL");
	start(EMUL_PROT32);
	env.c.rflags = 0x202;
	REG(RSP) = ENV_BASE + 0x100;
	set_mem(ENV_BASE + 0x100, 0x3000, 4);
	tap_ok(RUN(0x9d) == EMUL_CONTINUE && env.c.rflags == 0x3002,
	       "POPF at CPL 0 changes both");
}

static void test_device(void)
{
	int rc;

	start(EMUL_LONG);
	REG(RBX) = ENV_DEV_PAGE + 8;
	rc = RUN(0x8b, 0x03);
	tap_ok(rc == EMUL_IO_NEEDED && unchanged() && !env.dev_reads,
	       "a device read waits with nothing changed");
	env.io_ready = true;
	env.dev_value = 0x1122334455667788;
	REG(RAX) = ~0ull;
	rc = again();
	tap_ok(rc == EMUL_CONTINUE && REG(RAX) == 0x55667788 &&
	       env.c.rip == ENV_CODE + 2, "and completes when run again");

	start(EMUL_LONG);
	REG(RBX) = ENV_DEV_PAGE;
	rc = RUN(0x09, 0x03);			/* or [rbx], eax */
	tap_ok(rc == EMUL_IO_NEEDED && !env.dev_writes,
	       "a read-modify-write waits before its write");
	env.io_ready = true;
	env.dev_value = 0xf0;
	REG(RAX) = 0x0f;
	rc = again();
	tap_ok(rc == EMUL_CONTINUE && env.dev_writes == 1 &&
	       env.dev_written == 0xff, "and writes once");

	start(EMUL_LONG);
	env.io_ready = true;
	REG(RBX) = ENV_DEV_PAGE;
	REG(RAX) = 5;
	rc = RUN(0xf0, 0x0f, 0xc1, 0x03);	/* lock xadd */
	tap_ok(rc == EMUL_CONTINUE && env.dev_writes == 1 && REG(RAX) == 0,
	       "a locked operation on a device is a read and a write");

	start(EMUL_LONG);
	REG(RBX) = ENV_BASE + 0x100;
	env.cmpxchg_fails = true;
	rc = RUN(0xf0, 0xff, 0x03);		/* lock inc [rbx] */
	tap_ok(rc == EMUL_RETRY && unchanged() && env.exchanges == 1,
	       "a locked operation that loses the race is retried");
	env.cmpxchg_fails = false;
	tap_ok(again() == EMUL_CONTINUE && mem_at(ENV_BASE + 0x100, 4) == 1 &&
	       !env.writes, "a locked operation is one exchange, no write");
	start(EMUL_LONG);
	REG(RBX) = ENV_BASE + 0x100;
	tap_ok(RUN(0x87, 0x03) == EMUL_CONTINUE && env.exchanges == 1,
	       "XCHG is locked without the prefix");

	/* REP STOS to a device: one element a time */
	start(EMUL_LONG);
	REG(RDI) = ENV_DEV_PAGE;
	REG(RCX) = 3;
	REG(RAX) = 0x77;
	rc = RUN(0xf3, 0xab);
	tap_ok(rc == EMUL_RESTART && REG(RCX) == 2 &&
	       REG(RDI) == ENV_DEV_PAGE + 4 && env.c.rip == ENV_CODE &&
	       env.dev_writes == 1, "REP STOS stops after a device write");
	again();
	rc = again();
	tap_ok(rc == EMUL_CONTINUE && REG(RCX) == 0 && env.dev_writes == 3 &&
	       env.c.rip == ENV_CODE + 2, "and ends after the last");

	/* REP MOVS: a fault in the middle keeps what is done */
	start(EMUL_LONG);
	REG(RSI) = ENV_BASE + 0x100;
	REG(RDI) = ENV_FAULT_PAGE - 8;
	REG(RCX) = 4;
	rc = RUN(0xf3, 0xa5);
	tap_ok(rc == EMUL_FAULT && env.c.exception.cr2 == ENV_FAULT_PAGE &&
	       REG(RCX) == 2 && REG(RDI) == ENV_FAULT_PAGE &&
	       REG(RSI) == ENV_BASE + 0x108 && env.c.rip == ENV_CODE,
	       "REP MOVS keeps complete iterations on a fault");

	start(EMUL_LONG);
	REG(RDI) = ENV_BASE + 0x100;
	REG(RCX) = 1000;
	rc = RUN(0xf3, 0xaa);
	tap_ok(rc == EMUL_RESTART && REG(RCX) > 0 && REG(RCX) < 1000,
	       "a long REP stops for events");
	start(EMUL_LONG);
	REG(RDI) = ENV_BASE + 0x100;
	REG(RCX) = 5;
	env.c.rflags |= BIT(8);
	rc = RUN(0xf3, 0xaa);
	tap_ok(rc == EMUL_RESTART && REG(RCX) == 4,
	       "with TF set REP does one iteration");
	start(EMUL_LONG);
	REG(RCX) = 0;
	REG(RDI) = ENV_FAULT_PAGE;
	tap_ok(RUN(0xf3, 0xaa) == EMUL_CONTINUE && !env.writes,
	       "REP with a count of zero touches nothing");
	start(EMUL_LONG);
	REG(RCX) = 0x100000000;
	REG(RDI) = ENV_FAULT_PAGE;
	tap_ok(RUN(0x67, 0xf3, 0xaa) == EMUL_CONTINUE && !env.writes,
	       "the count has the address size");
	start(EMUL_REAL);
	REG(RCX) = 2;
	REG(RDI) = 0xffff;
	REG(RAX) = 0x99;
	tap_ok(RUN(0xf3, 0xaa) == EMUL_CONTINUE && REG(RDI) == 1 &&
	       mem_at(0xffff, 1) == 0x99 && mem_at(0, 1) == 0x99,
	       "DI wraps at 16 bits");
}

static void tss(unsigned int map, u16 bits_at, u16 bits)
{
	env.seg[EMUL_SEG_TR].base = ENV_BASE + 0x5000;
	env.seg[EMUL_SEG_TR].limit = 0x2067;
	env.seg[EMUL_SEG_TR].type = 11;
	env.seg[EMUL_SEG_TR].present = 1;
	set_mem(ENV_BASE + 0x5000 + 102, map, 2);
	set_mem(ENV_BASE + 0x5000 + map + bits_at, bits, 2);
}

static void test_ports(void)
{
	unsigned int i;
	int rc;

	start(EMUL_LONG);
	REG(RAX) = ~0ull;
	REG(RDX) = 0x3f8;
	rc = RUN(0xec);
	tap_ok(rc == EMUL_IO_NEEDED && unchanged() && env.port == 0x3f8 &&
	       env.port_size == 1 && env.port_count == 1, "IN waits");
	env.io_ready = true;
	env.port_data[0] = 0x5a;
	tap_ok(again() == EMUL_CONTINUE && REG(RAX) == 0xffffffffffffff5a,
	       "IN of a byte keeps the rest of RAX");
	tap_ok(RUN(0xed) == EMUL_CONTINUE && REG(RAX) == 0x5a &&
	       env.port_size == 4, "IN of 4 bytes clears the upper half");
	REG(RAX) = 0x1234;
	tap_ok(RUN(0x66, 0xe7, 0x80) == EMUL_CONTINUE && env.port == 0x80 &&
	       env.port_size == 2 && env.port_out[0] == 0x34, "OUT to a port by number");

	/* INS */
	start(EMUL_LONG);
	REG(RDX) = 0x1f0;
	REG(RDI) = ENV_BASE + 0x3ff0;
	REG(RCX) = 20;
	rc = RUN(0xf3, 0x66, 0x6d);
	tap_ok(rc == EMUL_IO_NEEDED && unchanged() && env.port_count == 8 &&
	       env.port_size == 2, "REP INS asks for what fits the page");
	env.io_ready = true;
	for (i = 0; i < 64; i++)
		env.port_data[i] = i;
	rc = again();
	tap_ok(rc == EMUL_RESTART && REG(RCX) == 12 &&
	       REG(RDI) == ENV_BASE + 0x4000 &&
	       !memcmp(env.mem + 0x3ff0, env.port_data, 16),
	       "REP INS stores it and goes on");
	env.port_avail = 5;
	rc = again();
	tap_ok(rc == EMUL_RESTART && REG(RCX) == 7,
	       "REP INS takes as many as came");
	env.port_avail = 100;
	tap_ok(again() == EMUL_CONTINUE && REG(RCX) == 0 &&
	       REG(RDI) == ENV_BASE + 0x4018, "REP INS ends");

	start(EMUL_LONG);
	REG(RDI) = ENV_FAULT_PAGE - 2;
	REG(RCX) = 9;
	rc = RUN(0xf3, 0x6d);
	tap_ok(faulted(rc, 14, 2) && !env.port_size,
	       "INS checks its destination before the port");
	start(EMUL_LONG);
	REG(RDI) = ENV_RO_PAGE;
	REG(RCX) = 9;
	tap_ok(faulted(RUN(0xf3, 0x6c), 14, 3) && !env.port_size,
	       "INS to a read-only page does no I/O");
	start(EMUL_LONG);
	env.io_ready = true;
	REG(RDI) = ENV_DEV_PAGE;
	REG(RCX) = 9;
	rc = RUN(0xf3, 0x6c);
	tap_ok(rc == EMUL_RESTART && REG(RCX) == 8 && env.dev_writes == 1,
	       "INS to a device goes one by one");
	start(EMUL_LONG);
	env.io_ready = true;
	env.c.rflags |= BIT(10);
	REG(RDI) = ENV_BASE + 0x100;
	REG(RCX) = 9;
	tap_ok(RUN(0xf3, 0x6c) == EMUL_RESTART && env.port_count == 1 &&
	       REG(RDI) == ENV_BASE + 0xff, "INS downwards goes one by one");

	/* OUTS */
	start(EMUL_LONG);
	for (i = 0; i < 64; i++)
		env.mem[0x100 + i] = 0x80 + i;
	REG(RSI) = ENV_BASE + 0x100;
	REG(RCX) = 6;
	rc = RUN(0xf3, 0x6e);
	tap_ok(rc == EMUL_IO_NEEDED && unchanged() && env.port_count == 6,
	       "REP OUTS waits");
	env.io_ready = true;
	tap_ok(again() == EMUL_CONTINUE && REG(RCX) == 0 &&
	       REG(RSI) == ENV_BASE + 0x106 &&
	       !memcmp(env.port_out, env.mem + 0x100, 6), "REP OUTS packs its data");
	start(EMUL_LONG);
	env.io_ready = true;
	REG(RSI) = ENV_BASE + 0x2000;
	REG(RCX) = 0xffffffff;
	rc = RUN(0xf3, 0x67, 0x6e);
	tap_ok(rc == EMUL_RESTART && env.port_count <= 4096 &&
	       REG(RCX) == 0xffffffff - env.port_count,
	       "a count of FFFFFFFF is done in pieces");
	start(EMUL_LONG);
	env.io_ready = true;
	env.seg[EMUL_SEG_FS].base = ENV_BASE;
	REG(RSI) = 0x40;
	env.mem[0x40] = 0xee;
	tap_ok(RUN(0x64, 0x6e) == EMUL_CONTINUE && env.port_out[0] == 0xee,
	       "OUTS obeys a segment prefix");

	/* the permission map */
	start(EMUL_PROT32);
	env.io_ready = true;
	env.c.cpl = 3;
	REG(RDX) = 0x3f8;
	tss(0x68, 0x3f8 / 8, 0xfffe);
	tap_ok(RUN(0xec) == EMUL_CONTINUE, "a port that the TSS allows");
	env.c.rip = ENV_CODE;
	tap_ok(faulted(RUN(0xed), 13, 0), "a wider access that it does not");
	REG(RDX) = 0x3f9;
	tap_ok(faulted(RUN(0xec), 13, 0), "a port that it forbids");
	REG(RDX) = 0xffff;
	tap_ok(faulted(RUN(0xec), 13, 0), "a port past the limit of the TSS");
	env.c.rflags |= 3 << 12;
	tap_ok(RUN(0xec) == EMUL_CONTINUE, "IOPL 3 allows all");
	env.c.rip = ENV_CODE;
	env.c.rflags &= ~(3ull << 12);
	env.seg[EMUL_SEG_TR].type = 3;
	REG(RDX) = 0x3f8;
	tap_ok(faulted(RUN(0xec), 13, 0), "a 16-bit TSS allows nothing");
	start(EMUL_VM86);
	env.c.rflags |= 3 << 12 | BIT(17);
	env.io_ready = true;
	tap_ok(faulted(RUN(0xec), 13, 0), "in VM86 mode IOPL does not help");
}

static void test_misc(void)
{
	bool write;

	/* an address based on RSP is formed after POP's increment */
	start(EMUL_LONG);
	REG(RSP) = ENV_BASE + 0x100;
	set_mem(ENV_BASE + 0x100, 0x4242, 8);
	tap_ok(RUN(0x8f, 0x44, 0x24, 0x10) == EMUL_CONTINUE &&
	       mem_at(ENV_BASE + 0x118, 8) == 0x4242 &&
	       REG(RSP) == ENV_BASE + 0x108, "POP to an address based on RSP");
	start(EMUL_LONG);
	REG(RSP) = ENV_BASE + 0x100;
	set_mem(ENV_BASE + 0x100, 0x4242, 8);
	tap_ok(RUN(0x5c) == EMUL_CONTINUE && REG(RSP) == 0x4242, "POP RSP");
	start(EMUL_LONG);
	REG(RSP) = ENV_BASE + 0x100;
	tap_ok(RUN(0x54) == EMUL_CONTINUE &&
	       mem_at(ENV_BASE + 0xf8, 8) == ENV_BASE + 0x100,
	       "PUSH RSP stores the old value");
	start(EMUL_LONG);
	REG(RAX) = 0xffffffff00000001;
	tap_ok(RUN(0x90) == EMUL_CONTINUE && REG(RAX) == 0xffffffff00000001,
	       "NOP leaves all of RAX");
	start(EMUL_LONG);
	tap_ok(RUN(0x66, 0xff, 0xd0) == EMUL_UNHANDLED,
	       "a 16-bit near branch in 64-bit mode is left alone");

	start(EMUL_PROT32);
	REG(RSP) = ENV_BASE + 0x100;
	REG(RBX) = ENV_BASE + 0x200;
	set_mem(ENV_BASE + 0x200, 0x12345678, 4);
	tap_ok(RUN(0xff, 0x13) == EMUL_CONTINUE && env.c.rip == 0x12345678 &&
	       mem_at(ENV_BASE + 0xfc, 4) == ENV_CODE + 2, "CALL in 32-bit mode");
	start(EMUL_PROT32);
	env.seg[EMUL_SEG_CS].limit = ENV_CODE + 0xfff;
	REG(RBX) = ENV_BASE + 0x200;
	set_mem(ENV_BASE + 0x200, ENV_CODE + 0x1000, 4);
	tap_ok(faulted(RUN(0xff, 0x23), 13, 0), "JMP past the limit of CS");
	start(EMUL_REAL);
	REG(RSP) = 0x200;
	set_mem(0x200, 0x4321, 2);
	tap_ok(RUN(0xc2, 0x04, 0x00) == EMUL_CONTINUE && env.c.rip == 0x4321 &&
	       REG(RSP) == 0x206, "RET with an operand in real mode");

	start(EMUL_LONG);
	REG(RBX) = ENV_BASE + 0x100;
	RUN(0x8b, 0x03);
	tap_ok(strata_emul_is_plain_mov(&env.c, &write) && !write,
	       "a plain load is one");
	RUN(0x89, 0x03);
	tap_ok(strata_emul_is_plain_mov(&env.c, &write) && write,
	       "a plain store is one");
	RUN(0x01, 0x03);
	tap_ok(!strata_emul_is_plain_mov(&env.c, &write), "ADD is not");
	RUN(0x89, 0xc0);
	tap_ok(!strata_emul_is_plain_mov(&env.c, &write),
	       "a move between registers is not");
}

int main(void)
{
	test_modes();
	test_frames();
	test_segments();
	test_load_segment();
	test_faults();
	test_device();
	test_ports();
	test_misc();
	return tap_done();
}
