/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instructions that test_emulate_native runs, and how each is generated.
 */
#ifndef NATIVE_FORMS_H
#define NATIVE_FORMS_H

#include "pure.h"

#define CF 0x001
#define PF 0x004
#define AF 0x010
#define ZF 0x040
#define SF 0x080
#define OF 0x800
#define ARITH (CF | PF | AF | ZF | SF | OF)

/* How operands are generated; the letters follow the manuals. */
enum form {
	F_RM,		/* ModRM, register or memory */
	F_M,		/* ModRM, memory only */
	F_OPREG,	/* register in the opcode */
	F_MOFFS,
	F_NOARG,	/* no operand bytes; implicit ones */
	F_STR,		/* string: SI, DI, CX prepared */
};

#define T_BYTE		0x0001	/* byte operands */
#define T_LOCK		0x0002	/* LOCK allowed */
#define T_NO66		0x0004	/* no operand-size prefix */
#define T_NOW		0x0008	/* no REX.W */
#define T_STACK		0x0010	/* RSP points into memory */
#define T_BITOFF	0x0020	/* reg is a bit offset: small */
#define T_CMPX		0x0040	/* make equality likely */
#define T_CMPX2		0x0080
#define T_SHIFT		0x0100	/* count decides which flags are defined */
#define T_ROT		0x0200
#define T_CL		0x0400	/* the count is CL */
#define T_ONE		0x0800	/* the count is 1 */
#define T_DIV		0x1000	/* a sane dividend mostly */
#define T_TARGET	0x2000	/* the memory operand is the next address */
#define T_64		0x4000	/* 64-bit mode only */
#define T_NO64		0x8000
#define T_ALIGN		0x10000	/* 16-byte aligned */
#define T_MOVBE		0x20000
#define T_POPF		0x40000
#define T_REPE		0x80000	/* F3 and F2 both, else F3 only */
#define T_SEG		0x100000 /* reg field is a segment register */
#define T_DBL		0x200000 /* SHLD, SHRD */
#define T_W		0x400000 /* sometimes REX.W although T_NO66 */
#define T_CX16		0x800000
#define T_SCAN		0x2000000 /* a source of zero: undefined destination */
#define T_PUSHSEG	0x1000000 /* 32 bits pushed: the upper half may stay */

/* imm: 0, 1, 2 bytes, 'z' (16/32), 'v' (operand size) */
struct tmpl {
	const char *name;
	u8 pfx;			/* mandatory prefix or 0 */
	u8 op[3];
	u8 nop;
	enum form form;
	int ext;		/* reg field, or -1: random */
	int imm;
	u32 undef;
	u32 t;
};

#define ALU_T(n, b, lk, und)							\
	{ n " Eb,Gb", 0, { b }, 1, F_RM, -1, 0, und, T_BYTE | (lk) },		\
	{ n " Ev,Gv", 0, { (b) + 1 }, 1, F_RM, -1, 0, und, lk },		\
	{ n " Gb,Eb", 0, { (b) + 2 }, 1, F_RM, -1, 0, und, T_BYTE },		\
	{ n " Gv,Ev", 0, { (b) + 3 }, 1, F_RM, -1, 0, und, 0 },			\
	{ n " AL,Ib", 0, { (b) + 4 }, 1, F_NOARG, -1, 1, und, T_BYTE },		\
	{ n " eAX,Iz", 0, { (b) + 5 }, 1, F_NOARG, -1, 'z', und, 0 },		\
	{ n " Eb,Ib", 0, { 0x80 }, 1, F_RM, (b) >> 3, 1, und, T_BYTE | (lk) },	\
	{ n " Ev,Iz", 0, { 0x81 }, 1, F_RM, (b) >> 3, 'z', und, lk },		\
	{ n " Eb,Ib 82", 0, { 0x82 }, 1, F_RM, (b) >> 3, 1, und, T_BYTE | T_NO64 | (lk) }, \
	{ n " Ev,Ib", 0, { 0x83 }, 1, F_RM, (b) >> 3, 1, und, lk }

#define SHIFT_T(n, e, k)							\
	{ n " Eb,Ib", 0, { 0xc0 }, 1, F_RM, e, 1, 0, T_BYTE | (k) },		\
	{ n " Ev,Ib", 0, { 0xc1 }, 1, F_RM, e, 1, 0, k },			\
	{ n " Eb,1", 0, { 0xd0 }, 1, F_RM, e, 0, 0, T_BYTE | T_ONE | (k) },	\
	{ n " Ev,1", 0, { 0xd1 }, 1, F_RM, e, 0, 0, T_ONE | (k) },		\
	{ n " Eb,CL", 0, { 0xd2 }, 1, F_RM, e, 0, 0, T_BYTE | T_CL | (k) },	\
	{ n " Ev,CL", 0, { 0xd3 }, 1, F_RM, e, 0, 0, T_CL | (k) }

#define BITS_T(n, b, e, lk)							\
	{ n " Ev,Gv", 0, { 0x0f, b }, 2, F_RM, -1, 0, OF | SF | AF | PF, T_BITOFF | (lk) }, \
	{ n " Ev,Ib", 0, { 0x0f, 0xba }, 2, F_RM, e, 1, OF | SF | AF | PF, lk }

#define STR_T(n, b, und, t)							\
	{ n "b", 0, { b }, 1, F_STR, -1, 0, und, T_BYTE | (t) },		\
	{ n "w/d/q", 0, { (b) + 1 }, 1, F_STR, -1, 0, und, t }

#define MD (SF | ZF | AF | PF)

static const struct tmpl tmpls[] = {
	ALU_T("add", 0x00, T_LOCK, 0),
	ALU_T("or", 0x08, T_LOCK, AF),
	ALU_T("adc", 0x10, T_LOCK, 0),
	ALU_T("sbb", 0x18, T_LOCK, 0),
	ALU_T("and", 0x20, T_LOCK, AF),
	ALU_T("sub", 0x28, T_LOCK, 0),
	ALU_T("xor", 0x30, T_LOCK, AF),
	ALU_T("cmp", 0x38, 0, 0),
	SHIFT_T("rol", 0, T_ROT),
	SHIFT_T("ror", 1, T_ROT),
	SHIFT_T("rcl", 2, T_ROT),
	SHIFT_T("rcr", 3, T_ROT),
	SHIFT_T("shl", 4, T_SHIFT),
	SHIFT_T("shr", 5, T_SHIFT),
	SHIFT_T("sal", 6, T_SHIFT),
	SHIFT_T("sar", 7, T_SHIFT),
	{ "shld Ib", 0, { 0x0f, 0xa4 }, 2, F_RM, -1, 1, AF, T_SHIFT | T_DBL },
	{ "shld CL", 0, { 0x0f, 0xa5 }, 2, F_RM, -1, 0, AF, T_SHIFT | T_DBL | T_CL },
	{ "shrd Ib", 0, { 0x0f, 0xac }, 2, F_RM, -1, 1, AF, T_SHIFT | T_DBL },
	{ "shrd CL", 0, { 0x0f, 0xad }, 2, F_RM, -1, 0, AF, T_SHIFT | T_DBL | T_CL },
	{ "inc Eb", 0, { 0xfe }, 1, F_RM, 0, 0, 0, T_BYTE | T_LOCK },
	{ "dec Eb", 0, { 0xfe }, 1, F_RM, 1, 0, 0, T_BYTE | T_LOCK },
	{ "inc Ev", 0, { 0xff }, 1, F_RM, 0, 0, 0, T_LOCK },
	{ "dec Ev", 0, { 0xff }, 1, F_RM, 1, 0, 0, T_LOCK },
	{ "inc r", 0, { 0x40 }, 1, F_OPREG, -1, 0, 0, T_NO64 },
	{ "dec r", 0, { 0x48 }, 1, F_OPREG, -1, 0, 0, T_NO64 },
	{ "test Eb,Gb", 0, { 0x84 }, 1, F_RM, -1, 0, AF, T_BYTE },
	{ "test Ev,Gv", 0, { 0x85 }, 1, F_RM, -1, 0, AF, 0 },
	{ "test AL,Ib", 0, { 0xa8 }, 1, F_NOARG, -1, 1, AF, T_BYTE },
	{ "test eAX,Iz", 0, { 0xa9 }, 1, F_NOARG, -1, 'z', AF, 0 },
	{ "test Eb,Ib", 0, { 0xf6 }, 1, F_RM, 0, 1, AF, T_BYTE },
	{ "test Eb,Ib /1", 0, { 0xf6 }, 1, F_RM, 1, 1, AF, T_BYTE },
	{ "test Ev,Iz", 0, { 0xf7 }, 1, F_RM, 0, 'z', AF, 0 },
	{ "not Eb", 0, { 0xf6 }, 1, F_RM, 2, 0, 0, T_BYTE | T_LOCK },
	{ "not Ev", 0, { 0xf7 }, 1, F_RM, 2, 0, 0, T_LOCK },
	{ "neg Eb", 0, { 0xf6 }, 1, F_RM, 3, 0, 0, T_BYTE | T_LOCK },
	{ "neg Ev", 0, { 0xf7 }, 1, F_RM, 3, 0, 0, T_LOCK },
	{ "mul Eb", 0, { 0xf6 }, 1, F_RM, 4, 0, MD, T_BYTE },
	{ "mul Ev", 0, { 0xf7 }, 1, F_RM, 4, 0, MD, 0 },
	{ "imul Eb", 0, { 0xf6 }, 1, F_RM, 5, 0, MD, T_BYTE },
	{ "imul Ev", 0, { 0xf7 }, 1, F_RM, 5, 0, MD, 0 },
	{ "imul Gv,Ev", 0, { 0x0f, 0xaf }, 2, F_RM, -1, 0, MD, 0 },
	{ "imul Gv,Ev,Iz", 0, { 0x69 }, 1, F_RM, -1, 'z', MD, 0 },
	{ "imul Gv,Ev,Ib", 0, { 0x6b }, 1, F_RM, -1, 1, MD, 0 },
	{ "bsf", 0, { 0x0f, 0xbc }, 2, F_RM, -1, 0, OF | SF | AF | PF | CF, T_SCAN },
	{ "bsr", 0, { 0x0f, 0xbd }, 2, F_RM, -1, 0, OF | SF | AF | PF | CF, T_SCAN },
	/* or BSF and BSR, on a CPU that has none of them */
	{ "tzcnt", 0xf3, { 0x0f, 0xbc }, 2, F_RM, -1, 0, OF | SF | AF | PF | CF, T_SCAN },
	{ "lzcnt", 0xf3, { 0x0f, 0xbd }, 2, F_RM, -1, 0, OF | SF | AF | PF | CF, T_SCAN },
	{ "div Eb", 0, { 0xf6 }, 1, F_RM, 6, 0, ARITH, T_BYTE | T_DIV },
	{ "div Ev", 0, { 0xf7 }, 1, F_RM, 6, 0, ARITH, T_DIV },
	{ "idiv Eb", 0, { 0xf6 }, 1, F_RM, 7, 0, ARITH, T_BYTE | T_DIV },
	{ "idiv Ev", 0, { 0xf7 }, 1, F_RM, 7, 0, ARITH, T_DIV },
	{ "mov Eb,Gb", 0, { 0x88 }, 1, F_RM, -1, 0, 0, T_BYTE },
	{ "mov Ev,Gv", 0, { 0x89 }, 1, F_RM, -1, 0, 0, 0 },
	{ "mov Gb,Eb", 0, { 0x8a }, 1, F_RM, -1, 0, 0, T_BYTE },
	{ "mov Gv,Ev", 0, { 0x8b }, 1, F_RM, -1, 0, 0, 0 },
	{ "mov Eb,Ib", 0, { 0xc6 }, 1, F_RM, 0, 1, 0, T_BYTE },
	{ "mov Ev,Iz", 0, { 0xc7 }, 1, F_RM, 0, 'z', 0, 0 },
	{ "mov AL,Ob", 0, { 0xa0 }, 1, F_MOFFS, -1, 0, 0, T_BYTE },
	{ "mov eAX,Ov", 0, { 0xa1 }, 1, F_MOFFS, -1, 0, 0, 0 },
	{ "mov Ob,AL", 0, { 0xa2 }, 1, F_MOFFS, -1, 0, 0, T_BYTE },
	{ "mov Ov,eAX", 0, { 0xa3 }, 1, F_MOFFS, -1, 0, 0, 0 },
	{ "mov r8,Ib", 0, { 0xb0 }, 1, F_OPREG, -1, 1, 0, T_BYTE },
	{ "mov r,Iv", 0, { 0xb8 }, 1, F_OPREG, -1, 'v', 0, 0 },
	{ "mov Ev,Sw", 0, { 0x8c }, 1, F_RM, -1, 0, 0, T_SEG },
	{ "lea", 0, { 0x8d }, 1, F_M, -1, 0, 0, 0 },
	{ "movzx Gv,Eb", 0, { 0x0f, 0xb6 }, 2, F_RM, -1, 0, 0, 0 },
	{ "movzx Gv,Ew", 0, { 0x0f, 0xb7 }, 2, F_RM, -1, 0, 0, 0 },
	{ "movsx Gv,Eb", 0, { 0x0f, 0xbe }, 2, F_RM, -1, 0, 0, 0 },
	{ "movsx Gv,Ew", 0, { 0x0f, 0xbf }, 2, F_RM, -1, 0, 0, 0 },
	{ "movsxd", 0, { 0x63 }, 1, F_RM, -1, 0, 0, T_64 | T_NO66 | T_W },
	{ "movbe load", 0, { 0x0f, 0x38, 0xf0 }, 3, F_M, -1, 0, 0, T_MOVBE },
	{ "movbe store", 0, { 0x0f, 0x38, 0xf1 }, 3, F_M, -1, 0, 0, T_MOVBE },
	{ "movnti", 0, { 0x0f, 0xc3 }, 2, F_M, -1, 0, 0, T_NO66 | T_W },
	{ "xchg Eb,Gb", 0, { 0x86 }, 1, F_RM, -1, 0, 0, T_BYTE | T_LOCK },
	{ "xchg Ev,Gv", 0, { 0x87 }, 1, F_RM, -1, 0, 0, T_LOCK },
	{ "xchg rAX,r", 0, { 0x90 }, 1, F_OPREG, -1, 0, 0, 0 },
	{ "xadd Eb,Gb", 0, { 0x0f, 0xc0 }, 2, F_RM, -1, 0, 0, T_BYTE | T_LOCK },
	{ "xadd Ev,Gv", 0, { 0x0f, 0xc1 }, 2, F_RM, -1, 0, 0, T_LOCK },
	{ "cmpxchg Eb,Gb", 0, { 0x0f, 0xb0 }, 2, F_RM, -1, 0, 0, T_BYTE | T_LOCK | T_CMPX },
	{ "cmpxchg Ev,Gv", 0, { 0x0f, 0xb1 }, 2, F_RM, -1, 0, 0, T_LOCK | T_CMPX },
	{ "cmpxchg8b", 0, { 0x0f, 0xc7 }, 2, F_M, 1, 0, 0, T_LOCK | T_CMPX2 | T_NO66 },
	{ "cmpxchg16b", 0, { 0x0f, 0xc7 }, 2, F_M, 1, 0, 0, T_LOCK | T_CMPX2 | T_NO66 | T_64 | T_ALIGN | T_CX16 },
	BITS_T("bt", 0xa3, 4, 0),
	BITS_T("bts", 0xab, 5, T_LOCK),
	BITS_T("btr", 0xb3, 6, T_LOCK),
	BITS_T("btc", 0xbb, 7, T_LOCK),
#define CC_T(cc)							\
	{ "setcc " #cc, 0, { 0x0f, 0x90 + 0x##cc }, 2, F_RM, -1, 0, 0, T_BYTE }, \
	{ "cmovcc " #cc, 0, { 0x0f, 0x40 + 0x##cc }, 2, F_RM, -1, 0, 0, 0 }
	CC_T(0), CC_T(1), CC_T(2), CC_T(3), CC_T(4), CC_T(5), CC_T(6), CC_T(7),
	CC_T(8), CC_T(9), CC_T(a), CC_T(b), CC_T(c), CC_T(d), CC_T(e), CC_T(f),
	STR_T("movs", 0xa4, 0, 0),
	STR_T("cmps", 0xa6, 0, T_REPE),
	STR_T("stos", 0xaa, 0, 0),
	STR_T("lods", 0xac, 0, 0),
	STR_T("scas", 0xae, 0, T_REPE),
	{ "push r", 0, { 0x50 }, 1, F_OPREG, -1, 0, 0, T_STACK | T_NOW },
	{ "pop r", 0, { 0x58 }, 1, F_OPREG, -1, 0, 0, T_STACK | T_NOW },
	{ "push Iz", 0, { 0x68 }, 1, F_NOARG, -1, 'z', 0, T_STACK | T_NOW },
	{ "push Ib", 0, { 0x6a }, 1, F_NOARG, -1, 1, 0, T_STACK | T_NOW },
	{ "push Ev", 0, { 0xff }, 1, F_RM, 6, 0, 0, T_STACK },
	{ "pop Ev", 0, { 0x8f }, 1, F_RM, 0, 0, 0, T_STACK },
	{ "push fs", 0, { 0x0f, 0xa0 }, 2, F_NOARG, -1, 0, 0, T_STACK | T_NO66 | T_PUSHSEG },
	{ "push gs", 0, { 0x0f, 0xa8 }, 2, F_NOARG, -1, 0, 0, T_STACK | T_NO66 | T_PUSHSEG },
	{ "pushf", 0, { 0x9c }, 1, F_NOARG, -1, 0, 0, T_STACK },
	{ "popf", 0, { 0x9d }, 1, F_NOARG, -1, 0, 0, T_STACK | T_POPF },
	{ "call Ev", 0, { 0xff }, 1, F_M, 2, 0, 0, T_STACK | T_TARGET | T_NO66 },
	{ "jmp Ev", 0, { 0xff }, 1, F_M, 4, 0, 0, T_TARGET | T_NO66 },
	{ "call rel", 0, { 0xe8 }, 1, F_NOARG, -1, 'r', 0, T_STACK | T_NO66 },
	{ "ret", 0, { 0xc3 }, 1, F_NOARG, -1, 0, 0, T_STACK | T_TARGET | T_NO66 },
	{ "ret Iw", 0, { 0xc2 }, 1, F_NOARG, -1, 2, 0, T_STACK | T_TARGET | T_NO66 },
	{ "nop Ev", 0, { 0x0f, 0x1f }, 2, F_RM, 0, 0, 0, 0 },
	{ "prefetch", 0, { 0x0f, 0x18 }, 2, F_M, 1, 0, 0, 0 },
	{ "prefetchw", 0, { 0x0f, 0x0d }, 2, F_M, 1, 0, 0, 0 },
	{ "clflush", 0, { 0x0f, 0xae }, 2, F_M, 7, 0, 0, T_NO66 },
#define SSE_T(n, p, o, t) { n, p, { 0x0f, o }, 2, F_M, -1, 0, 0, T_NO66 | (t) }
	SSE_T("movups load", 0, 0x10, 0), SSE_T("movups store", 0, 0x11, 0),
	SSE_T("movupd load", 0x66, 0x10, 0), SSE_T("movupd store", 0x66, 0x11, 0),
	SSE_T("movss load", 0xf3, 0x10, 0), SSE_T("movss store", 0xf3, 0x11, 0),
	SSE_T("movsd load", 0xf2, 0x10, 0), SSE_T("movsd store", 0xf2, 0x11, 0),
	SSE_T("movlps load", 0, 0x12, 0), SSE_T("movlps store", 0, 0x13, 0),
	SSE_T("movlpd load", 0x66, 0x12, 0), SSE_T("movlpd store", 0x66, 0x13, 0),
	SSE_T("movhps load", 0, 0x16, 0), SSE_T("movhps store", 0, 0x17, 0),
	SSE_T("movhpd load", 0x66, 0x16, 0), SSE_T("movhpd store", 0x66, 0x17, 0),
	SSE_T("movaps load", 0, 0x28, T_ALIGN), SSE_T("movaps store", 0, 0x29, T_ALIGN),
	SSE_T("movapd load", 0x66, 0x28, T_ALIGN), SSE_T("movapd store", 0x66, 0x29, T_ALIGN),
	SSE_T("movntps", 0, 0x2b, T_ALIGN), SSE_T("movntpd", 0x66, 0x2b, T_ALIGN),
	SSE_T("movd load", 0x66, 0x6e, T_W), SSE_T("movd store", 0x66, 0x7e, T_W),
	SSE_T("movdqa load", 0x66, 0x6f, T_ALIGN), SSE_T("movdqa store", 0x66, 0x7f, T_ALIGN),
	SSE_T("movdqu load", 0xf3, 0x6f, 0), SSE_T("movdqu store", 0xf3, 0x7f, 0),
	SSE_T("movq load", 0xf3, 0x7e, 0), SSE_T("movq store", 0x66, 0xd6, 0),
	SSE_T("movntdq", 0x66, 0xe7, T_ALIGN), SSE_T("lddqu", 0xf2, 0xf0, 0),
};

#endif /* NATIVE_FORMS_H */
