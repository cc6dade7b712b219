// SPDX-License-Identifier: GPL-2.0
/*
 * Execution of a decoded instruction.
 *
 * Every case reads first, computes, writes memory, and only then registers and
 * flags: whatever fails before leaves the guest's state as it was.
 */
#include "internal.h"

static __always_inline int get_operand(struct strata_emul_ctxt *c,
				       unsigned int kind, unsigned int size,
				       unsigned int acc, u64 *val)
{
	switch (kind) {
	case K_RM:
		if (c->ismem) {
			*val = 0;
			return emul_read_mem(c, val, size, acc);
		}
		*val = emul_reg(c, c->rm, size);
		break;
	case K_REG:
		*val = emul_reg(c, c->reg, size);
		break;
	case K_ACC:
		*val = c->regs[EMUL_RAX] & emul_mask(size);
		break;
	case K_IMM:
		*val = c->imm & emul_mask(size);
		break;
	case K_CL:
		*val = (u8)c->regs[EMUL_RCX];
		break;
	default:
		*val = 1;
		break;
	}
	return EMUL_CONTINUE;
}

static __always_inline int put_operand(struct strata_emul_ctxt *c,
				       unsigned int kind, unsigned int size,
				       u64 val)
{
	switch (kind) {
	case K_RM:
		if (c->ismem)
			return emul_write_mem(c, &val, size);
		emul_set_reg(c, c->rm, size, val);
		break;
	case K_REG:
		emul_set_reg(c, c->reg, size, val);
		break;
	default:
		emul_set_reg(c, EMUL_RAX, size, val);
		break;
	}
	return EMUL_CONTINUE;
}

/* Write back an operand read with EMUL_ACC_WRITE; @locked: atomically. */
static int update_rm(struct strata_emul_ctxt *c, bool locked, u64 old, u64 new,
		     unsigned int size)
{
	if (!c->ismem) {
		emul_set_reg(c, c->rm, size, new);
		return EMUL_CONTINUE;
	}
	if (locked)
		return c->ops->cas(c, c->linear, &old, &new, size,
				       EMUL_ACC_WRITE);
	return c->ops->write(c, c->linear, &new, size, EMUL_ACC_WRITE);
}

/* ADD to CMP, the shifts, and the one-operand instructions. */
static int exec_alu(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int dst_kind = DESC_DST(c->desc), size = c->opsize;
	bool writes = op != OP_CMP && op != OP_TEST;
	u64 dst, src, res = 0, flags = c->rflags;
	int rc;

	/* at most one of the two is in memory */
	rc = get_operand(c, DESC_SRC(c->desc), size, EMUL_ACC_READ, &src);
	if (rc)
		return rc;
	rc = get_operand(c, dst_kind, size,
			 writes ? EMUL_ACC_WRITE : EMUL_ACC_READ, &dst);
	if (rc)
		return rc;

	switch (op) {
	case OP_TEST:
		emul_alu(OP_AND, dst, src, size, &flags);
		break;
	case OP_NOT:
		res = ~dst & emul_mask(size);
		break;
	case OP_NEG:
		res = emul_alu(OP_SUB, 0, dst, size, &flags);
		break;
	case OP_INC:
	case OP_DEC:
		res = emul_inc_dec(op == OP_DEC, dst, size, &flags);
		break;
	default:
		if (op >= OP_ROL)
			res = emul_shift(op, dst, src, size, &flags);
		else
			res = emul_alu(op, dst, src, size, &flags);
		break;
	}
	if (writes) {
		if (dst_kind == K_RM)
			rc = update_rm(c, c->lock, dst, res, size);
		else
			rc = put_operand(c, dst_kind, size, res);
		if (rc)
			return rc;
	}
	c->rflags = flags;
	return EMUL_CONTINUE;
}

static int exec_shift_double(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int count = c->opcode & 1 ? (u8)c->regs[EMUL_RCX] : c->imm;
	u64 dst, res, flags = c->rflags;
	int rc;

	rc = get_operand(c, K_RM, c->opsize, EMUL_ACC_WRITE, &dst);
	if (rc)
		return rc;
	res = emul_shift_double(op == OP_SHRD, dst,
				emul_reg(c, c->reg, c->opsize), count,
				c->opsize, &flags);
	rc = update_rm(c, false, dst, res, c->opsize);
	if (rc)
		return rc;
	c->rflags = flags;
	return EMUL_CONTINUE;
}

/* BT and its kin; a bit offset in a register reaches beyond the operand. */
static int exec_bit(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int size = c->opsize, bits = 8 * size;
	u64 off, dst, res, bit;
	int rc;

	if (DESC_SRC(c->desc) == K_IMM) {
		off = c->imm;
	} else {
		off = emul_sign_extend(emul_reg(c, c->reg, size), size);
		if (c->ismem) {
			s64 words = (s64)off >> (size == 8 ? 6 :
						 size == 4 ? 5 : 4);

			c->ea = (c->ea + (u64)words * size) &
				emul_mask(c->adsize);
		}
	}
	bit = BIT_ULL(off & (bits - 1));

	rc = get_operand(c, K_RM, size,
			 op == OP_BT ? EMUL_ACC_READ : EMUL_ACC_WRITE, &dst);
	if (rc)
		return rc;
	if (op == OP_BTS)
		res = dst | bit;
	else if (op == OP_BTR)
		res = dst & ~bit;
	else
		res = dst ^ bit;
	if (op != OP_BT) {
		rc = update_rm(c, c->lock, dst, res, size);
		if (rc)
			return rc;
	}
	c->rflags = (c->rflags & ~FL_CF) | (dst & bit ? FL_CF : 0);
	return EMUL_CONTINUE;
}

static int exec_exchange(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int size = c->opsize;
	unsigned int other = DESC_SRC(c->desc) == K_ACC ? EMUL_RAX : c->reg;
	u64 dst, src, acc, sum, flags = c->rflags;
	int rc;

	rc = get_operand(c, K_RM, size, EMUL_ACC_WRITE, &dst);
	if (rc)
		return rc;
	src = emul_reg(c, other, size);

	switch (op) {
	case OP_XCHG:
		/* locked with or without the prefix */
		rc = update_rm(c, true, dst, src, size);
		if (rc)
			return rc;
		emul_set_reg(c, other, size, dst);
		break;
	case OP_XADD:
		sum = emul_alu(OP_ADD, dst, src, size, &flags);
		if (c->ismem) {
			rc = update_rm(c, c->lock, dst, sum, size);
			if (rc)
				return rc;
		}
		emul_set_reg(c, other, size, dst);
		if (!c->ismem)
			emul_set_reg(c, c->rm, size, sum);
		break;
	default:
		acc = c->regs[EMUL_RAX] & emul_mask(size);
		emul_alu(OP_CMP, acc, dst, size, &flags);
		/* Memory is written in either case. */
		if (acc == dst || c->ismem) {
			rc = update_rm(c, c->lock, dst, acc == dst ? src : dst, size);
			if (rc)
				return rc;
		}
		if (acc != dst)
			emul_set_reg(c, EMUL_RAX, size, dst);
		break;
	}
	c->rflags = flags;
	return EMUL_CONTINUE;
}

/* CMPXCHG8B and CMPXCHG16B. */
static int exec_cmpxchg_pair(struct strata_emul_ctxt *c)
{
	unsigned int half = c->opsize == 8 ? 8 : 4;
	u64 old[2], cmp[2], new[2];
	u32 low[2];
	bool equal;
	int rc;

	rc = emul_linearize(c, c->seg, c->ea, 2 * half, EMUL_ACC_WRITE,
			    &c->linear);
	if (rc)
		return rc;
	if (half == 8 && (c->linear & 15))
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	rc = c->ops->read(c, c->linear, old, 2 * half, EMUL_ACC_WRITE);
	if (rc)
		return rc;

	cmp[0] = c->regs[EMUL_RAX];
	cmp[1] = c->regs[EMUL_RDX];
	new[0] = c->regs[EMUL_RBX];
	new[1] = c->regs[EMUL_RCX];
	if (half == 4) {
		cmp[0] = (u32)cmp[0] | cmp[1] << 32;
		new[0] = (u32)new[0] | new[1] << 32;
		equal = old[0] == cmp[0];
	} else {
		equal = old[0] == cmp[0] && old[1] == cmp[1];
	}
	/* What was there is written back where it is not what was expected. */
	if (c->lock)
		rc = c->ops->cas(c, c->linear, old, equal ? new : old, 2 * half,
				 EMUL_ACC_WRITE);
	else
		rc = c->ops->write(c, c->linear, equal ? new : old, 2 * half,
				   EMUL_ACC_WRITE);
	if (rc)
		return rc;
	if (equal) {
		c->rflags |= FL_ZF;
		return EMUL_CONTINUE;
	}
	if (half == 4) {
		memcpy(low, old, 8);
		old[0] = low[0];
		old[1] = low[1];
	}
	c->regs[EMUL_RAX] = old[0];
	c->regs[EMUL_RDX] = old[1];
	c->rflags &= ~FL_ZF;
	return EMUL_CONTINUE;
}

static int exec_muldiv(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int size = c->opsize;
	u64 src, lo, hi, flags = c->rflags;
	int rc;

	rc = get_operand(c, K_RM, size, EMUL_ACC_READ, &src);
	if (rc)
		return rc;
	lo = c->regs[EMUL_RAX] & emul_mask(size);
	hi = c->regs[EMUL_RDX] & emul_mask(size);
	if (size == 1)
		hi = (u8)(c->regs[EMUL_RAX] >> 8);

	if (op == OP_MUL || op == OP_IMUL)
		emul_mul(op == OP_IMUL, lo, src, size, &lo, &hi, &flags);
	else if (!emul_div(op == OP_IDIV, &lo, &hi, src, size))
		return emul_fault(c, EMUL_VEC_DE);

	if (size == 1) {
		emul_set_addr_reg(c, EMUL_RAX, 2, lo | hi << 8);
	} else {
		emul_set_reg(c, EMUL_RAX, size, lo);
		emul_set_reg(c, EMUL_RDX, size, hi);
	}
	c->rflags = flags;
	return EMUL_CONTINUE;
}

/* IMUL with two or three operands. */
static int exec_imul2(struct strata_emul_ctxt *c)
{
	u64 a, b, lo, hi;
	int rc;

	rc = get_operand(c, K_RM, c->opsize, EMUL_ACC_READ, &a);
	if (rc)
		return rc;
	b = c->opcode == 0xaf ? emul_reg(c, c->reg, c->opsize) : c->imm;
	emul_mul(true, a, b, c->opsize, &lo, &hi, &c->rflags);
	emul_set_reg(c, c->reg, c->opsize, lo);
	return EMUL_CONTINUE;
}

/* TZCNT and LZCNT: of zero they give the operand's width. */
static void count_zeros(struct strata_emul_ctxt *c, unsigned int op, u64 val)
{
	unsigned int bits = 8 * c->opsize, count = bits;

	if (val)
		count = op == OP_BSF ? __builtin_ctzll(val) :
				       __builtin_clzll(val) - (64 - bits);
	emul_set_reg(c, c->reg, c->opsize, count);
	c->rflags &= ~(FL_CF | FL_ZF);
	c->rflags |= (val ? 0 : FL_CF) | (count ? 0 : FL_ZF);
}

/* BSF and BSR; a source of zero leaves the destination alone. */
static int exec_bit_scan(struct strata_emul_ctxt *c, unsigned int op)
{
	u64 val;
	int rc;

	rc = get_operand(c, K_RM, c->opsize, EMUL_ACC_READ, &val);
	if (rc)
		return rc;
	/* On older CPUs the prefix means nothing. */
	if (c->rep == 0xf3 && (op == OP_BSF ? c->tzcnt : c->lzcnt)) {
		count_zeros(c, op, val);
		return EMUL_CONTINUE;
	}
	if (val)
		emul_set_reg(c, c->reg, c->opsize,
			     op == OP_BSF ? __builtin_ctzll(val) :
					    63 - __builtin_clzll(val));
	c->rflags = (c->rflags & ~FL_ZF) | (val ? 0 : FL_ZF);
	return EMUL_CONTINUE;
}

static int exec_extend(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int size = c->opcode & 1 ? 2 : 1;
	u64 val;
	int rc;

	if (c->opcode == 0x63)
		size = min_t(unsigned int, c->opsize, 4);
	rc = get_operand(c, K_RM, size, EMUL_ACC_READ, &val);
	if (rc)
		return rc;
	if (op == OP_MOVSX)
		val = emul_sign_extend(val, size);
	emul_set_reg(c, c->reg, c->opsize, val);
	return EMUL_CONTINUE;
}

static int exec_movbe(struct strata_emul_ctxt *c)
{
	u64 val;
	int rc;

	rc = get_operand(c, DESC_SRC(c->desc), c->opsize, EMUL_ACC_READ, &val);
	if (rc)
		return rc;
	val = __builtin_bswap64(val) >> (64 - 8 * c->opsize);
	return put_operand(c, DESC_DST(c->desc), c->opsize, val);
}

static int exec_segment_move(struct strata_emul_ctxt *c, unsigned int op)
{
	struct kvm_segment var;
	u64 val;
	int rc;

	if (op == OP_MOV_FROM_SEG) {
		c->ops->get_segment(c, c->reg, &var);
		return put_operand(c, K_RM, c->ismem ? 2 : c->opsize,
				   var.selector);
	}
	rc = get_operand(c, K_RM, 2, EMUL_ACC_READ, &val);
	if (rc)
		return rc;
	rc = emul_load_segment(c, c->reg, val);
	if (rc)
		return rc;
	c->mov_ss = c->reg == EMUL_SEG_SS;
	return EMUL_CONTINUE;
}

/* A byte of the table at rBX, of which AL is the index. */
static int exec_xlat(struct strata_emul_ctxt *c)
{
	u64 val = 0;
	int rc;

	c->ea = (c->regs[EMUL_RBX] + (u8)c->regs[EMUL_RAX]) & emul_mask(c->adsize);
	rc = emul_read_mem(c, &val, 1, EMUL_ACC_READ);
	if (rc)
		return rc;
	emul_set_reg(c, EMUL_RAX, 1, val);
	return EMUL_CONTINUE;
}

/* The low half of CR0, from and to memory; a register is no matter of an emulator. */
static int exec_msw(struct strata_emul_ctxt *c, unsigned int op)
{
	u64 val = (u16)c->cr0;
	int rc;

	if (!c->ismem)
		return EMUL_UNHANDLED;
	if (emul_system_denied(c, op == OP_LMSW))
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	if (op == OP_SMSW)
		return emul_write_mem(c, &val, 2);
	rc = get_operand(c, K_RM, 2, EMUL_ACC_READ, &val);
	return rc ?: c->ops->lmsw(c, val);
}

/* Everything but a plain MOV. */
static noinline int exec_other(struct strata_emul_ctxt *c, unsigned int op)
{
	u64 val;
	int rc;

	switch (op) {
	case OP_ADD ... OP_SAR:
	case OP_TEST:
	case OP_NOT:
	case OP_NEG:
	case OP_INC:
	case OP_DEC:
		return exec_alu(c, op);
	case OP_BT ... OP_BTC:
		return exec_bit(c, op);
	case OP_SHLD:
	case OP_SHRD:
		return exec_shift_double(c, op);
	case OP_MOVZX:
	case OP_MOVSX:
		return exec_extend(c, op);
	case OP_MOVBE:
		return exec_movbe(c);
	case OP_XCHG:
	case OP_XADD:
	case OP_CMPXCHG:
		return exec_exchange(c, op);
	case OP_CMPXCHG2:
		return exec_cmpxchg_pair(c);
	case OP_SETCC:
		return put_operand(c, K_RM, 1,
				   emul_condition(c->rflags, c->opcode));
	case OP_CMOV:
		rc = get_operand(c, K_RM, c->opsize, EMUL_ACC_READ, &val);
		if (rc)
			return rc;
		if (!emul_condition(c->rflags, c->opcode))
			val = emul_reg(c, c->reg, c->opsize);
		emul_set_reg(c, c->reg, c->opsize, val);
		return EMUL_CONTINUE;
	case OP_MUL:
	case OP_IMUL:
	case OP_DIV:
	case OP_IDIV:
		return exec_muldiv(c, op);
	case OP_IMUL2:
		return exec_imul2(c);
	case OP_BSF:
	case OP_BSR:
		return exec_bit_scan(c, op);
	case OP_LEA:
		emul_set_reg(c, c->reg, c->opsize, c->ea);
		return EMUL_CONTINUE;
	case OP_NOP:
		return EMUL_CONTINUE;
	case OP_SMSW:
	case OP_LMSW:
		return exec_msw(c, op);
	case OP_XLAT:
		return exec_xlat(c);
	case OP_MOV_FROM_SEG:
	case OP_MOV_TO_SEG:
		return exec_segment_move(c, op);
	case OP_PUSH ... OP_RET:
		return emul_stack_op(c, op);
	case OP_PUSHA ... OP_LEAVE:
		return emul_frame_op(c, op);
	case OP_LOAD_FAR:
		return emul_load_far(c);
	case OP_JMP_FAR ... OP_IRET:
		return emul_far(c, op);
	case OP_SGDT ... OP_LTR:
		return emul_system_op(c, op);
	case OP_FNSTCW:
	case OP_FNSTSW:
		return emul_store_x87(c, op == OP_FNSTSW);
	case OP_IN:
	case OP_OUT:
	case OP_INS:
	case OP_OUTS:
		return emul_port_io(c, op);
	case OP_MOVS ... OP_SCAS:
		return emul_string(c, op);
	case OP_SSE:
		return emul_sse_move(c);
	default:
		return EMUL_UNHANDLED;
	}
}

int strata_emul_execute(struct strata_emul_ctxt *c)
{
	unsigned int op = DESC_OP(c->desc);
	u64 val;
	int rc;

	if (likely(op == OP_MOV)) {
		rc = get_operand(c, DESC_SRC(c->desc), c->opsize, EMUL_ACC_READ,
				 &val);
		if (unlikely(rc))
			return rc;
		rc = put_operand(c, DESC_DST(c->desc), c->opsize, val);
	} else {
		rc = exec_other(c, op);
	}
	if (unlikely(rc))
		return rc == EMUL_BRANCHED ? EMUL_CONTINUE : rc;
	c->rip = strata_emul_wrap_rip(c->mode, c->rip + c->len);
	c->rflags &= ~FL_RF;
	return EMUL_CONTINUE;
}

int strata_emulate(struct strata_emul_ctxt *c)
{
	int rc = strata_emul_decode(c);

	if (unlikely(rc))
		return rc;
	return strata_emul_execute(c);
}
