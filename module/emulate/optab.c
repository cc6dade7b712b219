// SPDX-License-Identifier: GPL-2.0
/*
 * The opcode map as tables: which operation, which operands, which immediate.
 *
 * An opcode without an entry has an all-zero descriptor; OP_ADD alone is never
 * a whole descriptor, so the decoder takes zero for "not supported".
 */
#include "internal.h"

/* The usual operand patterns, by the letters of the manuals' opcode maps. */
#define EV_GV(op)	(OP_##op | DF_MODRM | DS(REG) | DD(RM))
#define EB_GB(op)	(EV_GV(op) | DF_BYTE)
#define GV_EV(op)	(OP_##op | DF_MODRM | DS(RM) | DD(REG))
#define GB_EB(op)	(GV_EV(op) | DF_BYTE)
#define AL_IB(op)	(OP_##op | DF_BYTE | DI_B | DS(IMM) | DD(ACC))
#define AX_IZ(op)	(OP_##op | DI_Z | DS(IMM) | DD(ACC))

#define PFX		DF_PREFIX
#define SEG_OP(op)	(OP_##op | DF_NO64)
#define GRP(n)		(OP_GRP##n | DF_GROUP | DF_MODRM)
#define STR_B(op)	(OP_##op | DF_BYTE)
#define LOAD_FAR	(OP_LOAD_FAR | DF_MODRM | DD(REG))

const u32 emul_onebyte[256] = {
	[0x00] = EB_GB(ADD) | DF_LOCK, [0x01] = EV_GV(ADD) | DF_LOCK,
	[0x02] = GB_EB(ADD), [0x03] = GV_EV(ADD),
	[0x04] = AL_IB(ADD), [0x05] = AX_IZ(ADD),
	[0x08] = EB_GB(OR) | DF_LOCK, [0x09] = EV_GV(OR) | DF_LOCK,
	[0x0a] = GB_EB(OR), [0x0b] = GV_EV(OR),
	[0x0c] = AL_IB(OR), [0x0d] = AX_IZ(OR),
	[0x10] = EB_GB(ADC) | DF_LOCK, [0x11] = EV_GV(ADC) | DF_LOCK,
	[0x12] = GB_EB(ADC), [0x13] = GV_EV(ADC),
	[0x14] = AL_IB(ADC), [0x15] = AX_IZ(ADC),
	[0x18] = EB_GB(SBB) | DF_LOCK, [0x19] = EV_GV(SBB) | DF_LOCK,
	[0x1a] = GB_EB(SBB), [0x1b] = GV_EV(SBB),
	[0x1c] = AL_IB(SBB), [0x1d] = AX_IZ(SBB),
	[0x20] = EB_GB(AND) | DF_LOCK, [0x21] = EV_GV(AND) | DF_LOCK,
	[0x22] = GB_EB(AND), [0x23] = GV_EV(AND),
	[0x24] = AL_IB(AND), [0x25] = AX_IZ(AND),
	[0x28] = EB_GB(SUB) | DF_LOCK, [0x29] = EV_GV(SUB) | DF_LOCK,
	[0x2a] = GB_EB(SUB), [0x2b] = GV_EV(SUB),
	[0x2c] = AL_IB(SUB), [0x2d] = AX_IZ(SUB),
	[0x30] = EB_GB(XOR) | DF_LOCK, [0x31] = EV_GV(XOR) | DF_LOCK,
	[0x32] = GB_EB(XOR), [0x33] = GV_EV(XOR),
	[0x34] = AL_IB(XOR), [0x35] = AX_IZ(XOR),
	[0x38] = EB_GB(CMP), [0x39] = EV_GV(CMP),
	[0x3a] = GB_EB(CMP), [0x3b] = GV_EV(CMP),
	[0x3c] = AL_IB(CMP), [0x3d] = AX_IZ(CMP),
	[0x06] = SEG_OP(PUSH_SEG), [0x07] = SEG_OP(POP_SEG),
	[0x0e] = SEG_OP(PUSH_SEG),
	[0x16] = SEG_OP(PUSH_SEG), [0x17] = SEG_OP(POP_SEG),
	[0x1e] = SEG_OP(PUSH_SEG), [0x1f] = SEG_OP(POP_SEG),
	[0x26] = PFX, [0x2e] = PFX, [0x36] = PFX, [0x3e] = PFX,
	/* prefixes in 64-bit mode; the decoder tells them apart */
	[0x40 ... 0x47] = OP_INC | DI_OPREG | DD(RM) | PFX,
	[0x48 ... 0x4f] = OP_DEC | DI_OPREG | DD(RM) | PFX,
	[0x50 ... 0x57] = OP_PUSH | DI_OPREG | DF_DEF64 | DS(RM),
	[0x58 ... 0x5f] = OP_POP | DI_OPREG | DF_DEF64 | DD(RM),
	[0x60] = OP_PUSHA | DF_NO64, [0x61] = OP_POPA | DF_NO64,
	/* MOVSXD; ARPL in other modes is turned away by the decoder */
	[0x63] = GV_EV(MOVSX) | DF_FIXUP,
	[0x64] = PFX, [0x65] = PFX, [0x66] = PFX, [0x67] = PFX,
	[0x68] = OP_PUSH | DF_DEF64 | DI_Z | DS(IMM),
	[0x69] = GV_EV(IMUL2) | DI_Z,
	[0x6a] = OP_PUSH | DF_DEF64 | DI_B | DS(IMM),
	[0x6b] = GV_EV(IMUL2) | DI_B,
	[0x6c] = STR_B(INS), [0x6d] = OP_INS,
	[0x6e] = STR_B(OUTS), [0x6f] = OP_OUTS,
	[0x80] = GRP(1) | DF_BYTE | DI_B | DS(IMM) | DD(RM),
	[0x81] = GRP(1) | DI_Z | DS(IMM) | DD(RM),
	[0x82] = GRP(1) | DF_BYTE | DI_B | DF_NO64 | DS(IMM) | DD(RM),
	[0x83] = GRP(1) | DI_B | DS(IMM) | DD(RM),
	[0x84] = EB_GB(TEST), [0x85] = EV_GV(TEST),
	[0x86] = EB_GB(XCHG) | DF_LOCK, [0x87] = EV_GV(XCHG) | DF_LOCK,
	[0x88] = EB_GB(MOV), [0x89] = EV_GV(MOV),
	[0x8a] = GB_EB(MOV), [0x8b] = GV_EV(MOV),
	[0x8c] = OP_MOV_FROM_SEG | DF_MODRM | DF_FIXUP | DD(RM),
	[0x8d] = OP_LEA | DF_MODRM | DF_MEM | DD(REG),
	[0x8e] = OP_MOV_TO_SEG | DF_MODRM | DF_FIXUP | DS(RM),
	[0x8f] = GRP(1A) | DF_DEF64 | DD(RM),
	[0x90 ... 0x97] = OP_XCHG | DI_OPREG | DF_FIXUP | DS(ACC) | DD(RM),
	[0x9a] = OP_CALL_FAR | DF_NO64 | DI_FAR,
	[0x9c] = OP_PUSHF | DF_DEF64, [0x9d] = OP_POPF | DF_DEF64,
	[0xa0] = OP_MOV | DF_BYTE | DI_MOFFS | DS(RM) | DD(ACC),
	[0xa1] = OP_MOV | DI_MOFFS | DS(RM) | DD(ACC),
	[0xa2] = OP_MOV | DF_BYTE | DI_MOFFS | DS(ACC) | DD(RM),
	[0xa3] = OP_MOV | DI_MOFFS | DS(ACC) | DD(RM),
	[0xa4] = STR_B(MOVS), [0xa5] = OP_MOVS,
	[0xa6] = STR_B(CMPS), [0xa7] = OP_CMPS,
	[0xa8] = AL_IB(TEST), [0xa9] = AX_IZ(TEST),
	[0xaa] = STR_B(STOS), [0xab] = OP_STOS,
	[0xac] = STR_B(LODS), [0xad] = OP_LODS,
	[0xae] = STR_B(SCAS), [0xaf] = OP_SCAS,
	[0xb0 ... 0xb7] = OP_MOV | DF_BYTE | DI_OPREG_V | DS(IMM) | DD(RM),
	[0xb8 ... 0xbf] = OP_MOV | DI_OPREG_V | DS(IMM) | DD(RM),
	[0xc0] = GRP(2) | DF_BYTE | DI_UB | DS(IMM) | DD(RM),
	[0xc1] = GRP(2) | DI_UB | DS(IMM) | DD(RM),
	[0xc2] = OP_RET | DF_DEF64 | DI_W, [0xc3] = OP_RET | DF_DEF64,
	/* LES and LDS, where they are no VEX prefixes */
	[0xc4] = LOAD_FAR | DF_FIXUP | PFX, [0xc5] = LOAD_FAR | DF_FIXUP | PFX,
	[0xc6] = GRP(11) | DF_BYTE | DI_B | DS(IMM) | DD(RM),
	[0xc7] = GRP(11) | DI_Z | DS(IMM) | DD(RM),
	[0xc8] = OP_ENTER | DF_DEF64 | DI_WB, [0xc9] = OP_LEAVE | DF_DEF64,
	[0xca] = OP_RET_FAR | DI_W, [0xcb] = OP_RET_FAR, [0xcf] = OP_IRET,
	[0xd0] = GRP(2) | DF_BYTE | DS(ONE) | DD(RM),
	[0xd1] = GRP(2) | DS(ONE) | DD(RM),
	[0xd2] = GRP(2) | DF_BYTE | DS(CL) | DD(RM),
	[0xd3] = GRP(2) | DS(CL) | DD(RM),
	[0xd7] = OP_XLAT | DF_BYTE,
	[0xd9] = GRP(_D9), [0xdd] = GRP(_DD),
	[0xe4] = OP_IN | DF_BYTE | DI_UB, [0xe5] = OP_IN | DI_UB,
	[0xe6] = OP_OUT | DF_BYTE | DI_UB, [0xe7] = OP_OUT | DI_UB,
	[0xe8] = OP_CALL_REL | DF_DEF64 | DI_Z,
	[0xea] = OP_JMP_FAR | DF_NO64 | DI_FAR,
	[0xec] = OP_IN | DF_BYTE, [0xed] = OP_IN,
	[0xee] = OP_OUT | DF_BYTE, [0xef] = OP_OUT,
	[0xf0] = PFX, [0xf2] = PFX, [0xf3] = PFX,
	[0xf6] = GRP(3) | DF_BYTE | DD(RM), [0xf7] = GRP(3) | DD(RM),
	[0xfe] = GRP(4) | DF_BYTE | DD(RM), [0xff] = GRP(5),
};

#define SSE		(OP_SSE | DF_MODRM | DF_FIXUP)

const u32 emul_twobyte[256] = {
	[0x00] = GRP(6), [0x01] = GRP(7),
	[0x0d] = OP_NOP | DF_MODRM,
	[0x10] = SSE, [0x11] = SSE, [0x12] = SSE, [0x13] = SSE,
	[0x16] = SSE, [0x17] = SSE,
	[0x18] = GRP(16),
	[0x1f] = OP_NOP | DF_MODRM,
	[0x28] = SSE, [0x29] = SSE, [0x2b] = SSE,
	[0x40 ... 0x4f] = GV_EV(CMOV),
	[0x6e] = SSE, [0x6f] = SSE, [0x7e] = SSE, [0x7f] = SSE,
	[0x90 ... 0x9f] = OP_SETCC | DF_MODRM | DF_BYTE | DD(RM),
	[0xa0] = OP_PUSH_SEG | DF_DEF64, [0xa1] = OP_POP_SEG | DF_DEF64,
	[0xa3] = EV_GV(BT),
	[0xa4] = EV_GV(SHLD) | DI_UB, [0xa5] = EV_GV(SHLD),
	[0xa8] = OP_PUSH_SEG | DF_DEF64, [0xa9] = OP_POP_SEG | DF_DEF64,
	[0xab] = EV_GV(BTS) | DF_LOCK,
	[0xac] = EV_GV(SHRD) | DI_UB, [0xad] = EV_GV(SHRD),
	[0xae] = GRP(15) | DF_FIXUP,
	[0xaf] = GV_EV(IMUL2),
	[0xb0] = EB_GB(CMPXCHG) | DF_LOCK, [0xb1] = EV_GV(CMPXCHG) | DF_LOCK,
	[0xb2] = LOAD_FAR | DF_MEM,
	[0xb3] = EV_GV(BTR) | DF_LOCK,
	[0xb4] = LOAD_FAR | DF_MEM, [0xb5] = LOAD_FAR | DF_MEM,
	[0xb6] = GV_EV(MOVZX), [0xb7] = GV_EV(MOVZX),
	[0xba] = GRP(8) | DI_UB | DS(IMM) | DD(RM),
	[0xbb] = EV_GV(BTC) | DF_LOCK,
	/* with F3 they are TZCNT and LZCNT, on CPUs that have those */
	[0xbc] = GV_EV(BSF), [0xbd] = GV_EV(BSR),
	[0xbe] = GV_EV(MOVSX), [0xbf] = GV_EV(MOVSX),
	[0xc0] = EB_GB(XADD) | DF_LOCK, [0xc1] = EV_GV(XADD) | DF_LOCK,
	[0xc3] = EV_GV(MOV) | DF_MEM | DF_FIXUP,
	[0xc7] = GRP(9) | DD(RM),
	[0xd6] = SSE, [0xe7] = SSE, [0xf0] = SSE,
};

/* What a group's member adds to the descriptor of its opcode. */
#define LOCKED		DF_LOCK

const u32 emul_groups[][8] = {
	[OP_GRP1 - OP_GRP1] = {
		OP_ADD | LOCKED, OP_OR | LOCKED, OP_ADC | LOCKED,
		OP_SBB | LOCKED, OP_AND | LOCKED, OP_SUB | LOCKED,
		OP_XOR | LOCKED, OP_CMP,
	},
	[OP_GRP1A - OP_GRP1] = {
		OP_POP, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
	},
	[OP_GRP2 - OP_GRP1] = {
		OP_ROL, OP_ROR, OP_RCL, OP_RCR, OP_SHL, OP_SHR, OP_SAL, OP_SAR,
	},
	/* the immediate of TEST: a byte for F6; the decoder widens it for F7 */
	[OP_GRP3 - OP_GRP1] = {
		OP_TEST | DI_B | DS(IMM), OP_TEST | DI_B | DS(IMM),
		OP_NOT | LOCKED, OP_NEG | LOCKED,
		OP_MUL, OP_IMUL, OP_DIV, OP_IDIV,
	},
	[OP_GRP4 - OP_GRP1] = {
		OP_INC | LOCKED, OP_DEC | LOCKED, OP_UNHANDLED, OP_UNHANDLED,
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
	},
	[OP_GRP5 - OP_GRP1] = {
		OP_INC | LOCKED | DD(RM), OP_DEC | LOCKED | DD(RM),
		OP_CALL | DF_DEF64 | DS(RM), OP_CALL_FAR | DF_MEM,
		OP_JMP | DF_DEF64 | DS(RM), OP_JMP_FAR | DF_MEM,
		OP_PUSH | DF_DEF64 | DS(RM), OP_UNHANDLED,
	},
	[OP_GRP6 - OP_GRP1] = {
		OP_SLDT, OP_STR, OP_LLDT, OP_LTR,
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
	},
	/* with a memory operand: SMSW and LMSW have one of 16 bits */
	[OP_GRP7 - OP_GRP1] = {
		OP_SGDT, OP_SIDT, OP_LGDT, OP_LIDT,
		OP_SMSW, OP_UNHANDLED, OP_LMSW, OP_UNHANDLED,
	},
	[OP_GRP8 - OP_GRP1] = {
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
		OP_BT, OP_BTS | LOCKED, OP_BTR | LOCKED, OP_BTC | LOCKED,
	},
	[OP_GRP9 - OP_GRP1] = {
		OP_UNHANDLED, OP_CMPXCHG2 | LOCKED | DF_MEM,
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
		OP_UNHANDLED, OP_UNHANDLED,
	},
	[OP_GRP11 - OP_GRP1] = {
		OP_MOV, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
	},
	/* CLWB and CLFLUSH; their register forms are fences and others */
	[OP_GRP15 - OP_GRP1] = {
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
		OP_UNHANDLED, OP_UNHANDLED, OP_NOP, OP_NOP,
	},
	/* the prefetches and their reserved neighbours, all of them hints */
	[OP_GRP16 - OP_GRP1] = {
		OP_NOP, OP_NOP, OP_NOP, OP_NOP, OP_NOP, OP_NOP, OP_NOP, OP_NOP,
	},
	[OP_GRP_D9 - OP_GRP1] = {
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_FNSTCW,
	},
	[OP_GRP_DD - OP_GRP1] = {
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED,
		OP_UNHANDLED, OP_UNHANDLED, OP_UNHANDLED, OP_FNSTSW,
	},
};

/* XMM and MMX moves with a memory operand: 128 bits and their parts. */
static const struct emul_sse sse_moves[] = {
	{ 0x10, 0x00, 16, 0 },				/* MOVUPS */
	{ 0x10, 0x66, 16, 0 },				/* MOVUPD */
	{ 0x10, 0xf3, 4, 0 },				/* MOVSS */
	{ 0x10, 0xf2, 8, 0 },				/* MOVSD */
	{ 0x11, 0x00, 16, SSE_STORE },
	{ 0x11, 0x66, 16, SSE_STORE },
	{ 0x11, 0xf3, 4, SSE_STORE },
	{ 0x11, 0xf2, 8, SSE_STORE },
	{ 0x12, 0x00, 8, SSE_MERGE },			/* MOVLPS */
	{ 0x12, 0x66, 8, SSE_MERGE },			/* MOVLPD */
	{ 0x13, 0x00, 8, SSE_STORE },
	{ 0x13, 0x66, 8, SSE_STORE },
	{ 0x16, 0x00, 8, SSE_HIGH | SSE_MERGE },	/* MOVHPS */
	{ 0x16, 0x66, 8, SSE_HIGH | SSE_MERGE },	/* MOVHPD */
	{ 0x17, 0x00, 8, SSE_HIGH | SSE_STORE },
	{ 0x17, 0x66, 8, SSE_HIGH | SSE_STORE },
	{ 0x28, 0x00, 16, SSE_ALIGNED },		/* MOVAPS */
	{ 0x28, 0x66, 16, SSE_ALIGNED },		/* MOVAPD */
	{ 0x29, 0x00, 16, SSE_ALIGNED | SSE_STORE },
	{ 0x29, 0x66, 16, SSE_ALIGNED | SSE_STORE },
	{ 0x2a, 0x66, 16, SSE_ALIGNED | SSE_38 },	/* MOVNTDQA */
	{ 0x2b, 0x00, 16, SSE_ALIGNED | SSE_STORE },	/* MOVNTPS */
	{ 0x2b, 0x66, 16, SSE_ALIGNED | SSE_STORE },	/* MOVNTPD */
	{ 0x6e, 0x00, 4, SSE_REXW | SSE_MMX },		/* MOVD, MOVQ */
	{ 0x6e, 0x66, 4, SSE_REXW },
	{ 0x6f, 0x00, 8, SSE_MMX },			/* MOVQ */
	{ 0x6f, 0x66, 16, SSE_ALIGNED },		/* MOVDQA */
	{ 0x6f, 0xf3, 16, 0 },				/* MOVDQU */
	{ 0x7e, 0x00, 4, SSE_REXW | SSE_STORE | SSE_MMX },
	{ 0x7e, 0x66, 4, SSE_REXW | SSE_STORE },
	{ 0x7e, 0xf3, 8, 0 },				/* MOVQ */
	{ 0x7f, 0x00, 8, SSE_STORE | SSE_MMX },
	{ 0x7f, 0x66, 16, SSE_ALIGNED | SSE_STORE },
	{ 0x7f, 0xf3, 16, SSE_STORE },
	{ 0xd6, 0x66, 8, SSE_STORE },
	{ 0xe7, 0x00, 8, SSE_STORE | SSE_MMX },		/* MOVNTQ */
	{ 0xe7, 0x66, 16, SSE_ALIGNED | SSE_STORE },	/* MOVNTDQ */
	{ 0xf0, 0xf2, 16, 0 },				/* LDDQU */
};

/**
 * emul_find_sse() - find an XMM or MMX move by opcode and mandatory prefix
 * @opcode: last opcode byte
 * @pfx: mandatory prefix: 0, 0x66, 0xf2 or 0xf3
 * @map38: the opcode is in the 0F 38 map
 *
 * Return: its description, or NULL
 */
const struct emul_sse *emul_find_sse(u8 opcode, u8 pfx, bool map38)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sse_moves); i++) {
		const struct emul_sse *s = &sse_moves[i];

		if (s->opcode == opcode && s->pfx == pfx &&
		    !(s->flags & SSE_38) == !map38)
			return s;
	}
	return NULL;
}
