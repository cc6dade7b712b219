// SPDX-License-Identifier: GPL-2.0
/*
 * The decoder: a table of every form, each in every mode and under every
 * prefix; every addressing mode; what must be refused; random bytes.
 */
// sources: ../../module/emulate/decode.c ../../module/emulate/quick.c ../../module/emulate/optab.c ../../module/emulate/exec.c ../../module/emulate/alu.c ../../module/emulate/segment.c ../../module/emulate/far.c ../../module/emulate/fpu.c ../../module/emulate/frame.c ../../module/emulate/system.c ../../module/emulate/stack.c ../../module/emulate/string.c ../../module/emulate/portio.c
#include "tap.h"
#include "emul_env.h"
#include "emulate/internal.h"

/* Properties of a form. */
#define B	0x01	/* byte operand */
#define S	0x02	/* operand size 64 by default in 64-bit mode */
#define N64	0x04	/* #UD in 64-bit mode */
#define O64	0x08	/* in 64-bit mode only */
#define L	0x10	/* LOCK allowed */
#define M	0x20	/* the bytes have a memory operand */
#define NO66	0x40	/* not with an operand-size prefix */
#define NOREP	0x80	/* not with F2 or F3 */
#define MIN32	0x100	/* operand size at least 32, NO66 besides */
#define VEX	0x200	/* in 64-bit mode a prefix of what is not supported */

/*
 * The bytes, without prefixes. Letters: z an immediate of 16 or 32 bits, v one
 * of operand size, p one with a selector, o an address. ModRM 00 is [rAX] or [BX+SI], C1 a register.
 */
struct form {
	const char *bytes;
	u8 op;
	u16 props;
};

static const struct form forms[] = {
#define ALU(op, l, o0, o1, o2, o3, o4, o5, r00, rc1)			\
	{ o0 " 00", op, B | M | (l) }, { o1 " 00", op, M | (l) },	\
	{ o2 " 00", op, B | M }, { o3 " 00", op, M },			\
	{ o0 " c1", op, B }, { o1 " c1", op, 0 },			\
	{ o2 " c1", op, B }, { o3 " c1", op, 0 },			\
	{ o4 " 11", op, B }, { o5 " z", op, 0 },			\
	{ "80 " r00 " 11", op, B | M | (l) },				\
	{ "81 " r00 " z", op, M | (l) },				\
	{ "82 " r00 " 11", op, B | M | (l) | N64 },			\
	{ "83 " r00 " 11", op, M | (l) },				\
	{ "80 " rc1 " 11", op, B }, { "81 " rc1 " z", op, 0 },		\
	{ "83 " rc1 " 11", op, 0 }
	ALU(OP_ADD, L, "00", "01", "02", "03", "04", "05", "00", "c1"),
	ALU(OP_OR, L, "08", "09", "0a", "0b", "0c", "0d", "08", "c9"),
	ALU(OP_ADC, L, "10", "11", "12", "13", "14", "15", "10", "d1"),
	ALU(OP_SBB, L, "18", "19", "1a", "1b", "1c", "1d", "18", "d9"),
	ALU(OP_AND, L, "20", "21", "22", "23", "24", "25", "20", "e1"),
	ALU(OP_SUB, L, "28", "29", "2a", "2b", "2c", "2d", "28", "e9"),
	ALU(OP_XOR, L, "30", "31", "32", "33", "34", "35", "30", "f1"),
	ALU(OP_CMP, 0, "38", "39", "3a", "3b", "3c", "3d", "38", "f9"),
	{ "06", OP_PUSH_SEG, N64 }, { "07", OP_POP_SEG, N64 },
	{ "0e", OP_PUSH_SEG, N64 },
	{ "16", OP_PUSH_SEG, N64 }, { "17", OP_POP_SEG, N64 },
	{ "1e", OP_PUSH_SEG, N64 }, { "1f", OP_POP_SEG, N64 },
	{ "0f a0", OP_PUSH_SEG, S }, { "0f a1", OP_POP_SEG, S },
	{ "0f a8", OP_PUSH_SEG, S }, { "0f a9", OP_POP_SEG, S },
#define R8(h, op, props, tail)						\
	{ h "0" tail, op, props }, { h "1" tail, op, props },		\
	{ h "2" tail, op, props }, { h "3" tail, op, props },		\
	{ h "4" tail, op, props }, { h "5" tail, op, props },		\
	{ h "6" tail, op, props }, { h "7" tail, op, props }
#define R8H(h, op, props, tail)						\
	{ h "8" tail, op, props }, { h "9" tail, op, props },		\
	{ h "a" tail, op, props }, { h "b" tail, op, props },		\
	{ h "c" tail, op, props }, { h "d" tail, op, props },		\
	{ h "e" tail, op, props }, { h "f" tail, op, props }
#define R16(h, op, props, tail)	R8(h, op, props, tail), R8H(h, op, props, tail)
	R8("5", OP_PUSH, S, ""), R8H("5", OP_POP, S, ""),
	{ "63 00", OP_MOVSX, M | O64 }, { "63 c1", OP_MOVSX, O64 },
	{ "68 z", OP_PUSH, S }, { "6a 11", OP_PUSH, S },
	{ "69 00 z", OP_IMUL2, M }, { "69 c1 z", OP_IMUL2, 0 },
	{ "6b 00 11", OP_IMUL2, M }, { "6b c1 11", OP_IMUL2, 0 },
	{ "6c", OP_INS, B }, { "6d", OP_INS, 0 },
	{ "6e", OP_OUTS, B }, { "6f", OP_OUTS, 0 },
	{ "84 00", OP_TEST, B | M }, { "85 00", OP_TEST, M },
	{ "84 c1", OP_TEST, B }, { "85 c1", OP_TEST, 0 },
	{ "a8 11", OP_TEST, B }, { "a9 z", OP_TEST, 0 },
	{ "f6 00 11", OP_TEST, B | M }, { "f7 00 z", OP_TEST, M },
	{ "f6 08 11", OP_TEST, B | M }, { "f7 08 z", OP_TEST, M },
	{ "86 00", OP_XCHG, B | M | L }, { "87 00", OP_XCHG, M | L },
	{ "86 c1", OP_XCHG, B }, { "87 c1", OP_XCHG, 0 },
	{ "90", OP_NOP, 0 },
	{ "91", OP_XCHG, 0 }, { "92", OP_XCHG, 0 }, { "93", OP_XCHG, 0 },
	{ "94", OP_XCHG, 0 }, { "95", OP_XCHG, 0 }, { "96", OP_XCHG, 0 },
	{ "97", OP_XCHG, 0 },
	{ "88 00", OP_MOV, B | M }, { "89 00", OP_MOV, M },
	{ "8a 00", OP_MOV, B | M }, { "8b 00", OP_MOV, M },
	{ "88 c1", OP_MOV, B }, { "89 c1", OP_MOV, 0 },
	{ "8a c1", OP_MOV, B }, { "8b c1", OP_MOV, 0 },
	{ "c6 00 11", OP_MOV, B | M }, { "c7 00 z", OP_MOV, M },
	{ "c6 c1 11", OP_MOV, B }, { "c7 c1 z", OP_MOV, 0 },
	{ "a0 o", OP_MOV, B | M }, { "a1 o", OP_MOV, M },
	{ "a2 o", OP_MOV, B | M }, { "a3 o", OP_MOV, M },
	R8("b", OP_MOV, B, " 11"), R8H("b", OP_MOV, 0, " v"),
	{ "0f c3 00", OP_MOV, M | NO66 | MIN32 },
	{ "8c 00", OP_MOV_FROM_SEG, M }, { "8c c1", OP_MOV_FROM_SEG, 0 },
	{ "8e 00", OP_MOV_TO_SEG, M }, { "8e c1", OP_MOV_TO_SEG, 0 },
	{ "8d 00", OP_LEA, M },
	{ "8f 00", OP_POP, M | S }, { "8f c1", OP_POP, S },
	{ "9c", OP_PUSHF, S }, { "9d", OP_POPF, S },
	{ "a4", OP_MOVS, B }, { "a5", OP_MOVS, 0 },
	{ "a6", OP_CMPS, B }, { "a7", OP_CMPS, 0 },
	{ "aa", OP_STOS, B }, { "ab", OP_STOS, 0 },
	{ "ac", OP_LODS, B }, { "ad", OP_LODS, 0 },
	{ "ae", OP_SCAS, B }, { "af", OP_SCAS, 0 },
#define SHIFT(op, m, r)							\
	{ "c0 " m " 03", op, B | M }, { "c1 " m " 03", op, M },		\
	{ "d0 " m, op, B | M }, { "d1 " m, op, M },			\
	{ "d2 " m, op, B | M }, { "d3 " m, op, M },			\
	{ "c0 " r " 03", op, B }, { "c1 " r " 03", op, 0 },		\
	{ "d0 " r, op, B }, { "d1 " r, op, 0 },				\
	{ "d2 " r, op, B }, { "d3 " r, op, 0 }
	SHIFT(OP_ROL, "00", "c1"), SHIFT(OP_ROR, "08", "c9"),
	SHIFT(OP_RCL, "10", "d1"), SHIFT(OP_RCR, "18", "d9"),
	SHIFT(OP_SHL, "20", "e1"), SHIFT(OP_SHR, "28", "e9"),
	SHIFT(OP_SAL, "30", "f1"), SHIFT(OP_SAR, "38", "f9"),
	{ "0f a4 00 05", OP_SHLD, M }, { "0f a5 00", OP_SHLD, M },
	{ "0f ac 00 05", OP_SHRD, M }, { "0f ad 00", OP_SHRD, M },
	{ "60", OP_PUSHA, N64 }, { "61", OP_POPA, N64 },
	{ "c8 08 00 00", OP_ENTER, S }, { "c9", OP_LEAVE, S },
	{ "c4 00", OP_LOAD_FAR, M | VEX }, { "c5 00", OP_LOAD_FAR, M | VEX },
	{ "0f b2 00", OP_LOAD_FAR, M }, { "0f b4 00", OP_LOAD_FAR, M },
	{ "0f b5 00", OP_LOAD_FAR, M },
	{ "9a p", OP_CALL_FAR, N64 }, { "ea p", OP_JMP_FAR, N64 },
	{ "ff 18", OP_CALL_FAR, M }, { "ff 28", OP_JMP_FAR, M },
	{ "ca 08 00", OP_RET_FAR, 0 }, { "cb", OP_RET_FAR, 0 }, { "cf", OP_IRET, 0 },
	{ "d9 38", OP_FNSTCW, M }, { "dd 38", OP_FNSTSW, M },
	{ "0f 00 00", OP_SLDT, M }, { "0f 00 08", OP_STR, M },
	{ "0f 00 10", OP_LLDT, M }, { "0f 00 18", OP_LTR, M },
	{ "0f 01 00", OP_SGDT, M }, { "0f 01 08", OP_SIDT, M },
	{ "0f 01 10", OP_LGDT, M }, { "0f 01 18", OP_LIDT, M },
	{ "c2 08 00", OP_RET, S }, { "c3", OP_RET, S }, { "e8 z", OP_CALL_REL, S },
	{ "e4 60", OP_IN, B }, { "e5 60", OP_IN, 0 },
	{ "e6 60", OP_OUT, B }, { "e7 60", OP_OUT, 0 },
	{ "ec", OP_IN, B }, { "ed", OP_IN, 0 },
	{ "ee", OP_OUT, B }, { "ef", OP_OUT, 0 },
	{ "f6 10", OP_NOT, B | M | L }, { "f7 10", OP_NOT, M | L },
	{ "f6 18", OP_NEG, B | M | L }, { "f7 18", OP_NEG, M | L },
	{ "f6 20", OP_MUL, B | M }, { "f7 20", OP_MUL, M },
	{ "f6 28", OP_IMUL, B | M }, { "f7 28", OP_IMUL, M },
	{ "f6 30", OP_DIV, B | M }, { "f7 30", OP_DIV, M },
	{ "f6 38", OP_IDIV, B | M }, { "f7 38", OP_IDIV, M },
	{ "f6 d1", OP_NOT, B }, { "f7 d9", OP_NEG, 0 },
	{ "fe 00", OP_INC, B | M | L }, { "fe 08", OP_DEC, B | M | L },
	{ "ff 00", OP_INC, M | L }, { "ff 08", OP_DEC, M | L },
	{ "fe c1", OP_INC, B }, { "ff c9", OP_DEC, 0 },
	{ "ff 10", OP_CALL, M | S }, { "ff 20", OP_JMP, M | S },
	{ "ff 30", OP_PUSH, M | S }, { "ff d1", OP_CALL, S },
	{ "0f 0d 08", OP_NOP, M }, { "0f 1f 00", OP_NOP, M },
	{ "0f 18 00", OP_NOP, M }, { "0f 18 08", OP_NOP, M },
	{ "0f 18 10", OP_NOP, M }, { "0f 18 18", OP_NOP, M },
	{ "0f ae 38", OP_NOP, M | NOREP },
	R16("0f 4", OP_CMOV, M, " 00"), R16("0f 9", OP_SETCC, B | M, " 00"),
	{ "0f 44 c1", OP_CMOV, 0 }, { "0f 94 c1", OP_SETCC, B },
	{ "0f a3 00", OP_BT, M }, { "0f ab 00", OP_BTS, M | L },
	{ "0f b3 00", OP_BTR, M | L }, { "0f bb 00", OP_BTC, M | L },
	{ "0f ba 20 07", OP_BT, M }, { "0f ba 28 07", OP_BTS, M | L },
	{ "0f ba 30 07", OP_BTR, M | L }, { "0f ba 38 07", OP_BTC, M | L },
	{ "0f a3 c1", OP_BT, 0 }, { "0f ba f9 07", OP_BTC, 0 },
	{ "0f bc 00", OP_BSF, M }, { "0f bd 00", OP_BSR, M },
	{ "0f bc c1", OP_BSF, 0 }, { "0f bd c1", OP_BSR, 0 },
	{ "0f af 00", OP_IMUL2, M }, { "0f af c1", OP_IMUL2, 0 },
	{ "d7", OP_XLAT, B },
	{ "0f 01 23", OP_SMSW, M }, { "0f 01 33", OP_LMSW, M },
	{ "0f b0 00", OP_CMPXCHG, B | M | L }, { "0f b1 00", OP_CMPXCHG, M | L },
	{ "0f c0 00", OP_XADD, B | M | L }, { "0f c1 00", OP_XADD, M | L },
	{ "0f c7 08", OP_CMPXCHG2, M | L },
	{ "0f b6 00", OP_MOVZX, M }, { "0f b7 00", OP_MOVZX, M },
	{ "0f be 00", OP_MOVSX, M }, { "0f bf 00", OP_MOVSX, M },
	{ "0f b6 c1", OP_MOVZX, 0 }, { "0f bf c1", OP_MOVSX, 0 },
	{ "0f 38 f0 00", OP_MOVBE, M | NOREP }, { "0f 38 f1 00", OP_MOVBE, M | NOREP },
	{ "0f 10 00", OP_SSE, M }, { "0f 11 00", OP_SSE, M },
	{ "0f 12 00", OP_SSE, M | NOREP }, { "0f 13 00", OP_SSE, M | NOREP },
	{ "0f 16 00", OP_SSE, M | NOREP }, { "0f 17 00", OP_SSE, M | NOREP },
	{ "0f 28 00", OP_SSE, M | NOREP }, { "0f 29 00", OP_SSE, M | NOREP },
	{ "0f 2b 00", OP_SSE, M | NOREP },
	{ "0f 6e 00", OP_SSE, M | NOREP }, { "0f 7e 00", OP_SSE, M },
	{ "0f 6f 00", OP_SSE, M }, { "0f 7f 00", OP_SSE, M },
	{ "0f e7 00", OP_SSE, M | NOREP },
};

/* Outside 64-bit mode 40-4F are INC and DEC: the one difference by mode. */
static const struct form incdec[] = {
	R8("4", OP_INC, 0, ""), R8H("4", OP_DEC, 0, ""),
};

/* XMM moves whose prefix selects them. */
static const struct form sse_forms[] = {
	{ "66 0f 10 00", OP_SSE, M }, { "66 0f 11 00", OP_SSE, M },
	{ "f3 0f 10 00", OP_SSE, M }, { "f3 0f 11 00", OP_SSE, M },
	{ "f2 0f 10 00", OP_SSE, M }, { "f2 0f 11 00", OP_SSE, M },
	{ "66 0f 12 00", OP_SSE, M }, { "66 0f 13 00", OP_SSE, M },
	{ "66 0f 16 00", OP_SSE, M }, { "66 0f 17 00", OP_SSE, M },
	{ "66 0f 28 00", OP_SSE, M }, { "66 0f 29 00", OP_SSE, M },
	{ "66 0f 2b 00", OP_SSE, M }, { "66 0f 6e 00", OP_SSE, M },
	{ "66 0f 7e 00", OP_SSE, M }, { "f3 0f 7e 00", OP_SSE, M },
	{ "66 0f 6f 00", OP_SSE, M }, { "66 0f 7f 00", OP_SSE, M },
	{ "f3 0f 6f 00", OP_SSE, M }, { "f3 0f 7f 00", OP_SSE, M },
	{ "66 0f d6 00", OP_SSE, M }, { "66 0f e7 00", OP_SSE, M },
	{ "f2 0f f0 00", OP_SSE, M }, { "66 0f 38 2a 00", OP_SSE, M },
	{ "66 0f ae 30", OP_NOP, M }, { "66 0f ae 38", OP_NOP, M },
};

static struct env env;

static unsigned int hex(const char *s)
{
	unsigned int v;

	return sscanf(s, "%2x", &v) == 1 ? v : 0x100;
}

static const char *const mode_name[] = {
	"real", "real32", "vm86", "16-bit", "32-bit", "64-bit"
};

/* Put the form after prefixes into memory; the number of bytes. */
static unsigned int assemble(const struct form *f, unsigned int mode, u8 *out,
			     const u8 *pfx, unsigned int npfx, unsigned int opsize,
			     unsigned int adsize)
{
	unsigned int n, i;
	const char *s;

	for (n = 0; n < npfx; n++)
		out[n] = pfx[n];
	for (s = f->bytes; *s; s++) {
		unsigned int imm = 0;

		if (*s == ' ')
			continue;
		if (*s == 'z')
			imm = opsize == 2 ? 2 : 4;
		else if (*s == 'v')
			imm = opsize;
		else if (*s == 'p')
			imm = opsize + 2;
		else if (*s == 'o')
			imm = adsize;
		if (imm) {
			for (i = 0; i < imm; i++)
				out[n++] = 0x10 + i;
		} else {
			out[n++] = hex(s);
			s++;
		}
	}
	return n;
}

/* Decode @n bytes placed so that no further byte may be read. */
static int decode(unsigned int mode, const u8 *bytes, unsigned int n)
{
	unsigned int i;

	env_init(&env, mode);
	for (i = 0; i < 16; i++)
		env.regs[i] = 0x1000 + i * 0x100;
	/* the byte after the instruction lies in the page that faults */
	env.c.rip = (mode <= EMUL_VM86 ? 0x8000 : ENV_FAULT_PAGE) - n;
	env_code(&env, bytes, n);
	return strata_emul_decode(&env.c);
}

static bool check_form(const struct form *f, unsigned int mode,
		       unsigned int variant)
{
	bool is64 = mode == EMUL_LONG, p66 = variant & 1, p67 = variant & 2;
	bool rexw = variant & 4, lock = variant & 8, rep = variant & 16;
	unsigned int opsize, adsize, n, npfx = 0;
	u8 pfx[8], code[32];
	int rc, want = EMUL_CONTINUE;

	if (rexw && !is64)
		return true;
	if ((p66 && (f->props & NO66)) || (rep && (f->props & NOREP)))
		return true;
	if (rep && p66 && f->op == OP_SSE)
		return true;
	if (lock)
		pfx[npfx++] = 0xf0;
	if (p66)
		pfx[npfx++] = 0x66;
	if (rep)
		pfx[npfx++] = 0xf3;
	if (p67)
		pfx[npfx++] = 0x67;
	if (rexw)
		pfx[npfx++] = 0x48;

	if (is64) {
		opsize = rexw ? 8 : p66 ? 2 : f->props & S ? 8 : 4;
		adsize = p67 ? 4 : 8;
	} else {
		opsize = strata_emul_is_32(mode) != p66 ? 4 : 2;
		adsize = strata_emul_is_32(mode) != p67 ? 4 : 2;
	}
	if (f->props & B)
		opsize = 1;
	if (f->props & MIN32 && opsize < 4)
		opsize = 4;
	n = assemble(f, mode, code, pfx, npfx, opsize, adsize);
	if (n > 15)
		return true;
	if ((is64 && (f->props & N64)) || (lock && !(f->props & L)))
		want = EMUL_FAULT;
	if ((!is64 && (f->props & O64)) || (is64 && (f->props & VEX)))
		want = EMUL_UNHANDLED;

	rc = decode(mode, code, n);
	if (rc != want)
		goto bad;
	if (rc == EMUL_FAULT)
		return env.c.exception.vector == 6 && !env.c.exception.has_error;
	if (rc == EMUL_UNHANDLED)
		return true;
	if (env.c.len != n || env.c.opsize != opsize || env.c.adsize != adsize ||
	    env.c.ismem != !!(f->props & M) || DESC_OP(env.c.desc) != f->op ||
	    env.c.lock != lock)
		goto bad;
	return true;
bad:
	printf("# %s in %s, variant %x: rc %d (want %d) len %u of %u size %u (%u) "
	       "address %u (%u) memory %d op %u (%u)\n", f->bytes,
	       mode_name[mode], variant, rc, want, env.c.len, n, env.c.opsize,
	       opsize, env.c.adsize, adsize, env.c.ismem,
	       DESC_OP(env.c.desc), f->op);
	return false;
}

static void test_forms(void)
{
	unsigned int i, mode, variant;
	bool seen1[256] = { 0 }, seen2[256] = { 0 }, ok;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *f = &forms[i];
		unsigned int b0 = hex(f->bytes);

		ok = true;
		for (mode = EMUL_REAL; mode <= EMUL_LONG; mode++)
			for (variant = 0; variant < 32; variant++)
				ok &= check_form(f, mode, variant);
		tap_ok(ok, "form %s", f->bytes);
		if (b0 == 0x0f)
			seen2[hex(f->bytes + 3)] = true;
		else
			seen1[b0] = true;
	}
	ok = true;
	for (i = 0; i < ARRAY_SIZE(incdec); i++) {
		for (mode = EMUL_REAL; mode < EMUL_LONG; mode++)
			for (variant = 0; variant < 32; variant++)
				ok &= check_form(&incdec[i], mode, variant);
		seen1[hex(incdec[i].bytes)] = true;
	}
	tap_ok(ok, "forms 40 to 4f");

	for (i = 0; i < ARRAY_SIZE(sse_forms); i++) {
		u8 code[16];
		unsigned int n = assemble(&sse_forms[i], EMUL_LONG, code, NULL,
					  0, 4, 8);

		ok = decode(EMUL_LONG, code, n) == EMUL_CONTINUE &&
		     env.c.len == n && env.c.ismem &&
		     DESC_OP(env.c.desc) == sse_forms[i].op;
		tap_ok(ok, "form %s", sse_forms[i].bytes);
		seen2[hex(sse_forms[i].bytes + 6)] = true;
	}

	/* the table above leaves nothing out */
	ok = true;
	for (i = 0; i < 256; i++) {
		bool prefix = (emul_onebyte[i] & DF_PREFIX) && (i & 0xf0) != 0x40;

		if (emul_onebyte[i] && !prefix && !seen1[i]) {
			printf("# opcode %02x has no form\n", i);
			ok = false;
		}
		if (emul_twobyte[i] && !seen2[i]) {
			printf("# opcode 0f %02x has no form\n", i);
			ok = false;
		}
	}
	tap_ok(ok, "every opcode of the decoder has a form");
}

/* ---- addressing ---- */

struct addr {
	u8 mode;
	const char *bytes;
	u64 ea;
	u8 seg;
};

/* Registers: AX 1000, CX 1100, DX 1200, BX 1300, SP 1400, BP 1500, SI 1600,
 * DI 1700, R8 1800 ... R15 1f00.
 */
static const struct addr addrs[] = {
	{ EMUL_REAL, "8a 00", 0x2900, EMUL_SEG_DS },
	{ EMUL_REAL, "8a 01", 0x2a00, EMUL_SEG_DS },
	{ EMUL_REAL, "8a 02", 0x2b00, EMUL_SEG_SS },
	{ EMUL_REAL, "8a 03", 0x2c00, EMUL_SEG_SS },
	{ EMUL_REAL, "8a 04", 0x1600, EMUL_SEG_DS },
	{ EMUL_REAL, "8a 05", 0x1700, EMUL_SEG_DS },
	{ EMUL_REAL, "8a 06 34 12", 0x1234, EMUL_SEG_DS },
	{ EMUL_REAL, "8a 07", 0x1300, EMUL_SEG_DS },
	{ EMUL_REAL, "8a 40 ff", 0x28ff, EMUL_SEG_DS },
	{ EMUL_REAL, "8a 46 10", 0x1510, EMUL_SEG_SS },
	{ EMUL_REAL, "8a 42 80", 0x2a80, EMUL_SEG_SS },
	{ EMUL_REAL, "8a 86 00 f0", 0x0500, EMUL_SEG_SS },
	{ EMUL_REAL, "8a 87 ff ff", 0x12ff, EMUL_SEG_DS },
	{ EMUL_REAL, "26 8a 46 10", 0x1510, EMUL_SEG_ES },
	{ EMUL_REAL, "2e 8a 07", 0x1300, EMUL_SEG_CS },
	{ EMUL_REAL, "36 8a 07", 0x1300, EMUL_SEG_SS },
	{ EMUL_REAL, "3e 8a 46 00", 0x1500, EMUL_SEG_DS },
	{ EMUL_REAL, "64 8a 07", 0x1300, EMUL_SEG_FS },
	{ EMUL_REAL, "26 65 8a 07", 0x1300, EMUL_SEG_GS },
	{ EMUL_REAL, "a0 34 12", 0x1234, EMUL_SEG_DS },
	{ EMUL_REAL, "26 a0 34 12", 0x1234, EMUL_SEG_ES },
	{ EMUL_REAL, "67 8a 00", 0x1000, EMUL_SEG_DS },
	{ EMUL_REAL, "67 8a 45 04", 0x1504, EMUL_SEG_SS },
	{ EMUL_REAL32, "8a 00", 0x1000, EMUL_SEG_DS },
	{ EMUL_REAL32, "67 8a 40 ff", 0x28ff, EMUL_SEG_DS },
	{ EMUL_REAL32, "a0 78 56 34 12", 0x12345678, EMUL_SEG_DS },
	{ EMUL_PROT32, "67 8a 40 ff", 0x28ff, EMUL_SEG_DS },
	{ EMUL_PROT32, "8a 00", 0x1000, EMUL_SEG_DS },
	{ EMUL_PROT32, "8a 05 78 56 34 12", 0x12345678, EMUL_SEG_DS },
	{ EMUL_PROT32, "8a 45 80", 0x1480, EMUL_SEG_SS },
	{ EMUL_PROT32, "8a 85 00 00 00 80", 0x80001500, EMUL_SEG_SS },
	{ EMUL_PROT32, "8a 80 00 f0 ff ff", 0x0000, EMUL_SEG_DS },
	{ EMUL_PROT32, "8a 04 24", 0x1400, EMUL_SEG_SS },
	{ EMUL_PROT32, "8a 04 e4", 0x1400, EMUL_SEG_SS },
	{ EMUL_PROT32, "8a 04 88", 0x5400, EMUL_SEG_DS },
	{ EMUL_PROT32, "8a 04 cd 10 00 00 00", 0x8810, EMUL_SEG_DS },
	{ EMUL_PROT32, "8a 44 4d 02", 0x3702, EMUL_SEG_SS },
	{ EMUL_PROT32, "8a 84 8c 00 00 01 00", 0x15800, EMUL_SEG_SS },
	{ EMUL_PROT32, "3e 8a 04 24", 0x1400, EMUL_SEG_DS },
	{ EMUL_PROT32, "a0 78 56 34 12", 0x12345678, EMUL_SEG_DS },
	{ EMUL_LONG, "8a 00", 0x1000, EMUL_SEG_DS },
	{ EMUL_LONG, "41 8a 00", 0x1800, EMUL_SEG_DS },
	{ EMUL_LONG, "41 8a 45 10", 0x1d10, EMUL_SEG_DS },
	{ EMUL_LONG, "8a 45 10", 0x1510, EMUL_SEG_SS },
	{ EMUL_LONG, "41 8a 04 24", 0x1c00, EMUL_SEG_DS },
	{ EMUL_LONG, "42 8a 04 a0", 0x1000 + 4 * 0x1c00, EMUL_SEG_DS },
	{ EMUL_LONG, "43 8a 44 c5 ff", 0x1d00 + 8 * 0x1800 - 1, EMUL_SEG_DS },
	{ EMUL_LONG, "8a 04 25 00 00 00 80", 0xffffffff80000000, EMUL_SEG_DS },
	{ EMUL_LONG, "67 8a 04 25 00 00 00 80", 0x80000000, EMUL_SEG_DS },
	{ EMUL_LONG, "8a 80 00 f0 ff ff", 0, EMUL_SEG_DS },
	{ EMUL_LONG, "8a 80 00 e0 ff ff", 0xfffffffffffff000, EMUL_SEG_DS },
	{ EMUL_LONG, "67 8a 80 00 e0 ff ff", 0xfffff000, EMUL_SEG_DS },
	/* relative to the end of the instruction */
	{ EMUL_LONG, "8a 05 10 00 00 00", ENV_FAULT_PAGE + 0x10, EMUL_SEG_DS },
	{ EMUL_LONG, "c6 05 f0 ff ff ff 77", ENV_FAULT_PAGE - 0x10, EMUL_SEG_DS },
	{ EMUL_LONG, "c7 05 00 00 00 00 1 2 3 4", ENV_FAULT_PAGE, EMUL_SEG_DS },
	{ EMUL_LONG, "41 8a 05 10 00 00 00", ENV_FAULT_PAGE + 0x10, EMUL_SEG_DS },
	{ EMUL_LONG, "a0 88 77 66 55 44 33 22 11", 0x1122334455667788, EMUL_SEG_DS },
	{ EMUL_LONG, "67 a0 44 33 22 91", 0x91223344, EMUL_SEG_DS },
	/* ES, CS, SS, DS are ignored, FS and GS are not; REX must come last */
	{ EMUL_LONG, "2e 8a 00", 0x1000, EMUL_SEG_DS },
	{ EMUL_LONG, "64 8a 00", 0x1000, EMUL_SEG_FS },
	{ EMUL_LONG, "64 2e 8a 00", 0x1000, EMUL_SEG_FS },
	{ EMUL_LONG, "65 8a 45 00", 0x1500, EMUL_SEG_GS },
	{ EMUL_LONG, "41 3e 8a 00", 0x1000, EMUL_SEG_DS },
};

static unsigned int parse(const char *s, u8 *out)
{
	unsigned int n = 0, v;
	int used;

	while (sscanf(s, "%x%n", &v, &used) == 1) {
		out[n++] = v;
		s += used;
	}
	return n;
}

static void test_addressing(void)
{
	unsigned int i, n;
	u8 code[16];

	for (i = 0; i < ARRAY_SIZE(addrs); i++) {
		const struct addr *a = &addrs[i];

		n = parse(a->bytes, code);
		if (!tap_ok(decode(a->mode, code, n) == EMUL_CONTINUE &&
			    env.c.len == n && env.c.ea == a->ea &&
			    env.c.seg == a->seg, "address %s: %s",
			    mode_name[a->mode], a->bytes))
			printf("# len %u ea %llx seg %u\n", env.c.len,
			       (unsigned long long)env.c.ea, env.c.seg);
	}
}

/* ---- refusals ---- */

#define UD	0x106
#define GP	0x10d
#define UNH	EMUL_UNHANDLED

static const struct {
	u8 mode;
	const char *bytes;
	int want;		/* a vector with 0x100, or the result */
} refused[] = {
	/* LOCK: wrong instruction, register destination, memory source */
	{ EMUL_LONG, "f0 8b 00", UD }, { EMUL_LONG, "f0 01 c1", UD },
	{ EMUL_LONG, "f0 03 00", UD }, { EMUL_LONG, "f0 39 00", UD },
	{ EMUL_LONG, "f0 90", UD }, { EMUL_LONG, "f0 87 c1", UD },
	{ EMUL_LONG, "f0 0f a3 00", UD }, { EMUL_LONG, "f0 a4", UD },
	/* not in 64-bit mode */
	{ EMUL_LONG, "06", UD }, { EMUL_LONG, "82 00 11", UD },
	/* a register where memory is needed */
	{ EMUL_LONG, "8d c0", UD }, { EMUL_LONG, "0f c7 c8", UD },
	{ EMUL_LONG, "0f c3 c0", UD }, { EMUL_LONG, "0f 38 f0 c0", UD },
	{ EMUL_PROT32, "ff d8", UD }, { EMUL_PROT32, "ff e8", UD },
	/* segment registers that do not exist, and CS as a destination */
	{ EMUL_LONG, "8c 30", UD }, { EMUL_LONG, "8e 30", UD },
	{ EMUL_LONG, "8e 08", UD }, { EMUL_PROT32, "8c f8", UD },
	/* what somebody else decodes, or nobody */
	{ EMUL_LONG, "f4", UNH }, { EMUL_LONG, "0f 0b", UNH },
	{ EMUL_LONG, "0f 00 20", UNH }, { EMUL_LONG, "c5 f8 28 00", UNH },
	{ EMUL_LONG, "62 f1 7c 48 28 00", UNH }, { EMUL_LONG, "d8 00", UNH },
	{ EMUL_LONG, "0f 6f c1", UNH }, { EMUL_LONG, "66 0f ef 00", UNH },
	{ EMUL_LONG, "8f 08", UNH }, { EMUL_LONG, "c6 08 11", UNH },
	{ EMUL_LONG, "d9 00", UNH }, { EMUL_LONG, "ff 38", UNH },
	{ EMUL_LONG, "fe 10", UNH }, { EMUL_LONG, "0f ba 00 11", UNH },
	{ EMUL_LONG, "0f ae 30", UNH }, { EMUL_LONG, "0f ae 00", UNH },
	{ EMUL_LONG, "f3 0f ae 38", UNH }, { EMUL_LONG, "0f ae f8", UNH },
	{ EMUL_LONG, "f2 0f 38 f0 00", UNH }, { EMUL_LONG, "0f 38 2a 00", UNH },
	{ EMUL_LONG, "0f 10 c1", UNH }, { EMUL_PROT32, "63 00", UNH },
	{ EMUL_LONG, "0f 3a 0f 00 00", UNH }, { EMUL_LONG, "f3 0f b8 c1", UNH },
};

static void test_refusals(void)
{
	unsigned int i, n, mode;
	u8 code[32];
	int rc;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		n = parse(refused[i].bytes, code);
		rc = decode(refused[i].mode, code, n);
		if (rc == EMUL_FAULT)
			rc = 0x100 | env.c.exception.vector;
		tap_ok(rc == refused[i].want, "refused: %s", refused[i].bytes);
	}

	for (mode = EMUL_REAL; mode <= EMUL_LONG; mode++) {
		/* 15 bytes are the most there may be */
		memset(code, 0x66, sizeof(code));
		code[13] = 0x8a;
		code[14] = mode <= EMUL_PROT16 && mode != EMUL_REAL32 ? 0x04 : 0x00;
		ok = decode(mode, code, 15) == EMUL_CONTINUE && env.c.len == 15;
		env_init(&env, mode);
		memmove(code + 1, code, 15);
		env_code(&env, code, 16);
		ok &= strata_emul_decode(&env.c) == EMUL_FAULT &&
		      env.c.exception.vector == 13 &&
		      env.c.exception.has_error == (mode > EMUL_REAL32) &&
		      env.c.exception.error_code == 0 && env.fetched <= 15;
		tap_ok(ok, "%s: 15 bytes decode, 16 give #GP(0)",
		       mode_name[mode]);
	}
}

static void test_fetch(void)
{
	static const u8 mov[] = { 0x8b, 0x05, 0x10, 0, 0, 0 };
	u8 code[16] = { 0x66, 0x2e };
	unsigned int i;
	bool ok = true;

	/* the second page faults: CR2 is its first byte */
	for (i = 1; i < sizeof(mov); i++) {
		env_init(&env, EMUL_LONG);
		env.c.rip = ENV_FAULT_PAGE - i;
		env_code(&env, mov, i);
		ok &= strata_emul_decode(&env.c) == EMUL_FAULT &&
		      env.c.exception.vector == 14 &&
		      env.c.exception.cr2 == ENV_FAULT_PAGE;
	}
	tap_ok(ok, "an instruction that runs into a page that faults");

	/* both pages there */
	ok = true;
	for (i = 1; i < sizeof(mov); i++) {
		env_init(&env, EMUL_LONG);
		env.c.rip = ENV_BASE + 0x3000 - i;
		env_code(&env, mov, sizeof(mov));
		ok &= strata_emul_decode(&env.c) == EMUL_CONTINUE &&
		      env.c.len == sizeof(mov);
	}
	tap_ok(ok, "an instruction across two pages");

	/* bytes that came with the exit are used first */
	env_init(&env, EMUL_LONG);
	env.c.insn_len = 3;
	memcpy(env.c.insn, mov, 3);
	env_code(&env, mov, sizeof(mov));
	ok = strata_emul_decode(&env.c) == EMUL_CONTINUE && env.c.len == 6 &&
	     env.fetched == 12;
	env_init(&env, EMUL_LONG);
	env.c.insn_len = 6;
	memcpy(env.c.insn, mov, 6);
	ok &= strata_emul_decode(&env.c) == EMUL_CONTINUE && env.c.len == 6 &&
	      env.fetched == 0;
	tap_ok(ok, "bytes from decode assists");

	/* limits of the code segment */
	env_init(&env, EMUL_PROT32);
	env_code(&env, mov, sizeof(mov));
	env.seg[EMUL_SEG_CS].limit = ENV_CODE + 5;
	ok = strata_emul_decode(&env.c) == EMUL_CONTINUE;
	env_init(&env, EMUL_PROT32);
	env_code(&env, mov, sizeof(mov));
	env.seg[EMUL_SEG_CS].limit = ENV_CODE + 4;
	ok &= strata_emul_decode(&env.c) == EMUL_FAULT &&
	      env.c.exception.vector == 13;
	tap_ok(ok, "the limit of CS");

	env_init(&env, EMUL_PROT32);
	env.seg[EMUL_SEG_CS].base = ENV_BASE;
	env.c.rip = 0x1000;
	memcpy(env.mem + 0x1000, mov, sizeof(mov));
	tap_ok(strata_emul_decode(&env.c) == EMUL_CONTINUE &&
	       env.c.ea == 0x10, "the base of CS");

	env_init(&env, EMUL_LONG);
	env.c.rip = 0x0000800000000000;
	ok = strata_emul_decode(&env.c) == EMUL_FAULT &&
	     env.c.exception.vector == 13;
	env.c.va_bits = 57;
	env.c.insn_len = 0;
	ok &= strata_emul_decode(&env.c) == EMUL_UNHANDLED;
	tap_ok(ok, "a non-canonical RIP, with 48 and 57 bits");

	/* an instruction that ends at the end of the address space */
	env_init(&env, EMUL_LONG);
	env.c.rip = -4ull;
	env.c.insn_len = 4;
	memcpy(env.c.insn, code, 4);
	env.c.insn[2] = 0x8a;
	env.c.insn[3] = 0;
	tap_ok(strata_emul_decode(&env.c) == EMUL_CONTINUE && env.c.len == 4,
	       "an instruction at the very end");
}

static void test_fuzz(void)
{
	unsigned int i, j, mode, counts[6] = { 0 };
	u64 seed = 0x1234567;
	bool ok = true;

	for (i = 0; i < 400000; i++) {
		int rc;

		mode = i % 5;
		if (i % 4096 < 5)
			env_init(&env, mode);
		env.c.mode = mode;
		env.alias = mode <= EMUL_VM86 ? 0 : ENV_BASE;
		env.c.rip = mode <= EMUL_VM86 ? 0x1000 : ENV_CODE;
		env.c.insn_len = 0;
		env.c.stop_rep = false;
		env.c.rflags &= 0xffff;
		env.fetched = 0;
		for (j = 0; j < 16; j++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			env.mem[0x1000 + j] = seed >> 56;
			/* registers lead into memory mostly */
			env.regs[j] = seed & 3 ? env.alias + (seed >> 48) :
					       seed;
		}
		if (seed >> 60 < 4)
			env.mem[0x1000] = 0x0f;
		env.io_ready = seed >> 40 & 1;
		rc = strata_emulate(&env.c);
		if (rc < EMUL_CONTINUE || rc > EMUL_RESTART ||
		    env.fetched > EMUL_MAX_INSN)
			ok = false;
		else
			counts[rc]++;
		if (rc == EMUL_CONTINUE && env.c.len > EMUL_MAX_INSN)
			ok = false;
	}
	printf("# done %u fault %u io %u unhandled %u retry %u restart %u\n",
	       counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]);
	tap_ok(ok && counts[0] > 1000 && counts[1] > 1000 && counts[3] > 1000,
	       "random bytes: no more than 15 read, one of the six results");
}

static bool quick_mov(const u8 *insn, const unsigned long *regs, u64 rip,
		      struct strata_quick_mov *q)
{
	struct strata_quick_form f;

	if (!strata_quick_decode(insn, &f))
		return f.len;
	strata_quick_apply(&f, regs, rip, q);
	return true;
}

/* The quick decoder against the whole one. */
static void test_quick(void)
{
	static const u8 opcodes[] = { 0x88, 0x89, 0x8a, 0x8b, 0xc6, 0xc7, 0x8c };
	static const u8 common[][8] = {
		{ 0x89, 0xb7, 0xb0, 0x00, 0x00, 0x00 },	/* mov %esi, 0xb0(%rdi) */
		{ 0x8b, 0x87, 0x20, 0xd0, 0x5f, 0xff },
		{ 0x89, 0x02 }, { 0x88, 0x06 }, { 0x66, 0x89, 0x06 },
		{ 0x8b, 0x04, 0x25, 0x30, 0xb0, 0x5f, 0xff },
		{ 0x48, 0x8b, 0x03 }, { 0x45, 0x8b, 0x04, 0x24 },
	};
	unsigned int i, j, taken = 0, bad = 0;
	struct strata_quick_mov q;
	u64 seed = 99;
	bool write;

	env_init(&env, EMUL_LONG);
	for (i = 0; i < 300000; i++) {
		unsigned int at = 0;
		bool same;
		u64 val;

		for (j = 0; j < 16; j++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			env.c.insn[j] = seed >> 56;
			env.regs[j] = seed ^ seed >> 20;
		}
		if (seed >> 20 & 1)
			env.c.insn[at++] = 0x66;
		if (seed >> 21 & 1)
			env.c.insn[at++] = 0x40 | (seed >> 24 & 15);
		if (seed >> 22 & 3)
			env.c.insn[at++] = opcodes[(seed >> 32) % sizeof(opcodes)];
		if (!quick_mov(env.c.insn, env.regs, ENV_CODE, &q))
			continue;
		taken++;
		env.c.rip = ENV_CODE;
		env.c.insn_len = 15;
		if (strata_emul_decode(&env.c) ||
		    !strata_emul_is_plain_mov(&env.c, &write)) {
			bad++;
			continue;
		}
		same = env.c.len == q.len && env.c.ea == q.ea &&
		       env.c.opsize == q.size && write == q.write;
		if (write && DESC_SRC(env.c.desc) == K_IMM)
			val = env.c.imm & emul_mask(q.size);
		else if (write)
			val = emul_reg(&env.c, env.c.reg, q.size);
		else
			val = q.val;
		bad += !same || val != q.val || (!write && env.c.reg != q.reg);
	}
	printf("# %u instructions\n", taken);
	tap_ok(!bad && taken > 10000, "what the quick decoder takes, it decodes alike");

	for (i = 0, bad = 0; i < ARRAY_SIZE(common); i++) {
		u8 code[16] = { 0 };

		memcpy(code, common[i], 8);
		bad += !quick_mov(code, env.regs, 0, &q);
	}
	tap_ok(!bad, "it takes what drivers use");

	env.regs[2] = 0x1122334455667788;
	q.reg = 2;
	q.size = 1;
	strata_quick_load(env.regs, &q, ~0ull);
	write = env.regs[2] == 0x11223344556677ff;
	q.size = 4;
	strata_quick_load(env.regs, &q, ~0ull);
	tap_ok(write && env.regs[2] == 0xffffffff,
	       "loads of 4 bytes clear the upper half, of 1 byte nothing");
}

int main(void)
{
	test_quick();
	test_forms();
	test_addressing();
	test_refusals();
	test_fetch();
	test_fuzz();
	return tap_done();
}
