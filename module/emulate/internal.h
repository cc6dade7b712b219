/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the files of the emulator: operations, descriptor bits, accessors.
 */
#ifndef STRATA_EMULATE_INTERNAL_H
#define STRATA_EMULATE_INTERNAL_H

#include "../emulate.h"

/* Prefixed names: the kernel's headers define the short ones. */
#define CR4_UMIP	BIT_ULL(11)
#define FL_CF	BIT_ULL(0)
#define FL_PF	BIT_ULL(2)
#define FL_AF	BIT_ULL(4)
#define FL_ZF	BIT_ULL(6)
#define FL_SF	BIT_ULL(7)
#define FL_TF	BIT_ULL(8)
#define FL_IF	BIT_ULL(9)
#define FL_DF	BIT_ULL(10)
#define FL_OF	BIT_ULL(11)
#define FL_IOPL	(BIT_ULL(12) | BIT_ULL(13))
#define FL_NT	BIT_ULL(14)
#define FL_RF	BIT_ULL(16)
#define FL_VM	BIT_ULL(17)
#define FL_AC	BIT_ULL(18)
#define FL_VIF	BIT_ULL(19)
#define FL_VIP	BIT_ULL(20)
#define FL_ID	BIT_ULL(21)
#define FL_ARITH (FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

enum emul_vector {
	EMUL_VEC_DE = 0,
	EMUL_VEC_UD = 6,
	EMUL_VEC_NM = 7,
	EMUL_VEC_NP = 11,
	EMUL_VEC_SS = 12,
	EMUL_VEC_GP = 13,
	EMUL_VEC_MF = 16,
};

/* Beside enum strata_emul_rc: done, and RIP and RFLAGS are final. */
#define EMUL_BRANCHED	(-1)

/*
 * Operations. The first eight have the order of the opcode map and of group 1;
 * the shifts have that of group 2.
 */
enum emul_op {
	OP_ADD,
	OP_OR,
	OP_ADC,
	OP_SBB,
	OP_AND,
	OP_SUB,
	OP_XOR,
	OP_CMP,
	OP_ROL,
	OP_ROR,
	OP_RCL,
	OP_RCR,
	OP_SHL,
	OP_SHR,
	OP_SAL,
	OP_SAR,
	OP_BT,
	OP_BTS,
	OP_BTR,
	OP_BTC,
	OP_UNHANDLED,
	OP_MOV,
	OP_MOVZX,
	OP_MOVSX,
	OP_MOVBE,
	OP_TEST,
	OP_NOT,
	OP_NEG,
	OP_INC,
	OP_DEC,
	OP_SHLD,
	OP_SHRD,
	OP_XCHG,
	OP_XADD,
	OP_CMPXCHG,
	OP_CMPXCHG2,
	OP_SETCC,
	OP_CMOV,
	OP_MUL,
	OP_IMUL,
	OP_IMUL2,
	OP_BSF,
	OP_BSR,
	OP_DIV,
	OP_IDIV,
	OP_LEA,
	OP_NOP,
	OP_XLAT,
	OP_SMSW,
	OP_LMSW,
	OP_MOV_FROM_SEG,
	OP_MOV_TO_SEG,
	OP_PUSH,
	OP_POP,
	OP_PUSH_SEG,
	OP_POP_SEG,
	OP_PUSHF,
	OP_POPF,
	OP_CALL,
	OP_CALL_REL,
	OP_JMP,
	OP_RET,
	OP_PUSHA,
	OP_POPA,
	OP_ENTER,
	OP_LEAVE,
	OP_LOAD_FAR,
	OP_JMP_FAR,
	OP_CALL_FAR,
	OP_RET_FAR,
	OP_IRET,
	OP_SGDT,
	OP_SIDT,
	OP_LGDT,
	OP_LIDT,
	OP_SLDT,
	OP_STR,
	OP_LLDT,
	OP_LTR,
	OP_FNSTCW,
	OP_FNSTSW,
	OP_IN,
	OP_OUT,
	OP_MOVS,
	OP_CMPS,
	OP_STOS,
	OP_LODS,
	OP_SCAS,
	OP_INS,
	OP_OUTS,
	OP_SSE,
	/* in the tables only; resolved by the decoder */
	OP_GRP1,
	OP_GRP1A,
	OP_GRP2,
	OP_GRP3,
	OP_GRP4,
	OP_GRP5,
	OP_GRP6,
	OP_GRP7,
	OP_GRP8,
	OP_GRP9,
	OP_GRP11,
	OP_GRP15,
	OP_GRP16,
	OP_GRP_D9,
	OP_GRP_DD,
};

/*
 * An instruction's descriptor: one u32 per opcode.
 * bits 0-7 operation, 8-15 properties, 16-19 immediate, 20-23 source,
 * 24-27 destination, 28 one more property.
 */
#define DF_MODRM	BIT(8)
#define DF_BYTE		BIT(9)	/* operands are bytes */
#define DF_LOCK		BIT(10)	/* LOCK allowed with a memory destination */
#define DF_NO64		BIT(11)	/* #UD in 64-bit mode */
#define DF_DEF64	BIT(12)	/* operand size 64 by default in 64-bit mode */
#define DF_MEM		BIT(13)	/* a register as r/m is #UD */
#define DF_PREFIX	BIT(14)
#define DF_GROUP	BIT(15)	/* reg field selects the operation */

/* the decoder must look again: see fixup() */
#define DF_FIXUP	BIT(28)

#define DI_B		0x10000	/* signed byte */
#define DI_UB		0x20000	/* unsigned byte */
#define DI_Z		0x30000	/* 16 or 32 bits, signed */
#define DI_W		0x40000	/* 16 bits */
#define DI_MOFFS	0x50000	/* address size: a memory operand */
#define DI_OPREG	0x60000	/* register in the opcode, as r/m */
#define DI_OPREG_V	0x70000	/* that, and an immediate of operand size */
#define DI_WB		0x80000	/* 16 bits, and a byte above them */
#define DI_FAR		0x90000	/* operand size, and a selector above it */
#define DI_MASK		0xf0000

enum emul_kind {
	K_NONE,
	K_REG,
	K_RM,
	K_ACC,
	K_IMM,
	K_ONE,
	K_CL,
};

#define DS_SHIFT	20
#define DD_SHIFT	24
#define DS(kind)	((u32)K_##kind << DS_SHIFT)
#define DD(kind)	((u32)K_##kind << DD_SHIFT)
#define DESC_OP(desc)	((desc) & 0xff)
#define DESC_SRC(desc)	(((desc) >> DS_SHIFT) & 15)
#define DESC_DST(desc)	(((desc) >> DD_SHIFT) & 15)

#define SEG_NONE	0xff

/* optab.c */
extern const u32 emul_onebyte[256];
extern const u32 emul_twobyte[256];
extern const u32 emul_groups[][8];

/** struct emul_sse - an XMM or MMX move: how many bytes, to or from where */
struct emul_sse {
	u8 opcode;
	u8 pfx;		/* 0, 0x66, 0xf2, 0xf3 */
	u8 size;	/* bytes in memory */
	u8 flags;
};

#define SSE_STORE	1
#define SSE_ALIGNED	2
#define SSE_HIGH	4	/* the upper half of the register */
#define SSE_MERGE	8	/* a load keeps the rest of the register */
#define SSE_REXW	16	/* 8 bytes with REX.W */
#define SSE_38		32	/* in the 0F 38 map */
#define SSE_MMX		64	/* an MMX register */

const struct emul_sse *emul_find_sse(u8 opcode, u8 pfx, bool map38);

/* fpu.c */
int emul_sse_move(struct strata_emul_ctxt *c);
int emul_store_x87(struct strata_emul_ctxt *c, bool status);

/* alu.c */
u64 emul_alu(unsigned int op, u64 dst, u64 src, unsigned int size, u64 *flags);
u64 emul_shift(unsigned int op, u64 val, unsigned int count, unsigned int size,
	       u64 *flags);
u64 emul_shift_double(bool right, u64 dst, u64 src, unsigned int count,
		      unsigned int size, u64 *flags);
u64 emul_inc_dec(bool dec, u64 val, unsigned int size, u64 *flags);
void emul_mul(bool is_signed, u64 a, u64 b, unsigned int size, u64 *lo, u64 *hi,
	      u64 *flags);
bool emul_div(bool is_signed, u64 *lo, u64 *hi, u64 divisor, unsigned int size);
bool emul_condition(u64 flags, unsigned int cc);

/* segment.c */
int emul_linearize_slow(struct strata_emul_ctxt *c, unsigned int seg, u64 off,
			unsigned int len, unsigned int acc, u64 *linear);
int emul_fetch_linear(struct strata_emul_ctxt *c, unsigned int have,
		      u64 *linear, unsigned int *len);
int emul_read_descriptor(struct strata_emul_ctxt *c, u16 sel, u64 *desc, unsigned int size,
			 u64 *linear);
int emul_mark_descriptor(struct strata_emul_ctxt *c, u64 linear, u64 desc, u8 bit,
			 struct kvm_segment *var);
void emul_parse_descriptor(u64 desc, u16 sel, struct kvm_segment *var);
int emul_find_code(struct strata_emul_ctxt *c, u16 sel, bool is_return,
		   struct kvm_segment *cs);
int emul_load_segment(struct strata_emul_ctxt *c, unsigned int seg, u16 sel);
int emul_load_far(struct strata_emul_ctxt *c);
int emul_branch_check(struct strata_emul_ctxt *c, u64 rip);

/* far.c */
int emul_far(struct strata_emul_ctxt *c, unsigned int op);

/* system.c */
int emul_system_op(struct strata_emul_ctxt *c, unsigned int op);

/* frame.c */
int emul_frame_op(struct strata_emul_ctxt *c, unsigned int op);

/* stack.c */
unsigned int emul_stack_size(struct strata_emul_ctxt *c);
int emul_write_stack(struct strata_emul_ctxt *c, u64 sp, u64 val, unsigned int size);
int emul_read_stack(struct strata_emul_ctxt *c, u64 sp, u64 *val, unsigned int size);
int emul_push(struct strata_emul_ctxt *c, u64 val, unsigned int size);
int emul_stack_op(struct strata_emul_ctxt *c, unsigned int op);

/* string.c */
int emul_string(struct strata_emul_ctxt *c, unsigned int op);

/* portio.c */
int emul_port_io(struct strata_emul_ctxt *c, unsigned int op);

static inline int emul_fault(struct strata_emul_ctxt *c, u8 vector)
{
	c->exception.vector = vector;
	c->exception.has_error = false;
	c->exception.error_code = 0;
	c->exception.cr2 = 0;
	return EMUL_FAULT;
}

static inline int emul_fault_code(struct strata_emul_ctxt *c, u8 vector,
				  u32 code)
{
	emul_fault(c, vector);
	c->exception.has_error = c->mode > EMUL_REAL32;
	c->exception.error_code = code;
	return EMUL_FAULT;
}

/* Loads of system registers are for CPL 0, and their stores with UMIP. */
static inline bool emul_system_denied(const struct strata_emul_ctxt *c, bool load)
{
	return c->cpl && (load || (c->cr4 & CR4_UMIP));
}

/* All ones in the low @size bytes, @size 1, 2, 4 or 8. */
static __always_inline u64 emul_mask(unsigned int size)
{
	return ~0ULL >> (64 - 8 * size);
}

static __always_inline u64 emul_sign_extend(u64 val, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (u64)((s64)(val << shift) >> shift);
}

/* AH, CH, DH, BH: without REX, byte registers 4 to 7 are second bytes. */
static __always_inline bool emul_is_high_byte(const struct strata_emul_ctxt *c,
					      unsigned int nr,
					      unsigned int size)
{
	return size == 1 && !c->rex && (nr & ~3U) == 4;
}

static __always_inline u64 emul_reg(const struct strata_emul_ctxt *c,
				    unsigned int nr, unsigned int size)
{
	if (unlikely(emul_is_high_byte(c, nr, size)))
		return (u8)(c->regs[nr & 3] >> 8);
	return c->regs[nr] & emul_mask(size);
}

static __always_inline void emul_set_reg(struct strata_emul_ctxt *c,
					 unsigned int nr, unsigned int size,
					 u64 val)
{
	unsigned long *reg = &c->regs[nr];

	if (size >= 4) {
		*reg = size == 4 ? (u32)val : val;
	} else if (emul_is_high_byte(c, nr, size)) {
		reg = &c->regs[nr & 3];
		*reg = (*reg & ~0xff00ULL) | (val & 0xff) << 8;
	} else {
		*reg = (*reg & ~emul_mask(size)) | (val & emul_mask(size));
	}
}

/*
 * Registers used as addresses or counters are whole registers of the address
 * or stack size, whatever the REX prefix is.
 */
static __always_inline void emul_set_addr_reg(struct strata_emul_ctxt *c,
					      unsigned int nr,
					      unsigned int size, u64 val)
{
	if (size == 2)
		c->regs[nr] = (c->regs[nr] & ~0xffffULL) | (u16)val;
	else
		c->regs[nr] = size == 4 ? (u32)val : val;
}

static __always_inline bool emul_canonical(const struct strata_emul_ctxt *c,
					   u64 addr)
{
	return (u64)(((s64)addr >> (c->va_bits - 1)) + 1) <= 1;
}

/*
 * Is all of a range of at most 4096 bytes canonical? In one comparison, which
 * also turns away the last 4096 bytes before the hole, for a closer look.
 */
static __always_inline bool emul_surely_canonical(const struct strata_emul_ctxt *c, u64 addr)
{
	u64 half = 1ULL << (c->va_bits - 1);

	return addr + half < 2 * half - 4096;
}

/* Segmentation: from @off in segment @seg to a linear address, checked. */
static __always_inline int emul_linearize(struct strata_emul_ctxt *c,
					  unsigned int seg, u64 off,
					  unsigned int len, unsigned int acc,
					  u64 *linear)
{
	if (likely(c->mode == EMUL_LONG && seg < EMUL_SEG_FS &&
		   emul_surely_canonical(c, off))) {
		*linear = off;
		return EMUL_CONTINUE;
	}
	return emul_linearize_slow(c, seg, off, len, acc, linear);
}

static __always_inline int emul_read_mem(struct strata_emul_ctxt *c, void *buf,
					 unsigned int len, unsigned int acc)
{
	int rc = emul_linearize(c, c->seg, c->ea, len, acc, &c->linear);

	if (unlikely(rc))
		return rc;
	return c->ops->read(c, c->linear, buf, len, acc);
}

static __always_inline int emul_write_mem(struct strata_emul_ctxt *c,
					  const void *buf, unsigned int len)
{
	int rc = emul_linearize(c, c->seg, c->ea, len, EMUL_ACC_WRITE,
				&c->linear);

	if (unlikely(rc))
		return rc;
	return c->ops->write(c, c->linear, buf, len, EMUL_ACC_WRITE);
}

#endif /* STRATA_EMULATE_INTERNAL_H */
