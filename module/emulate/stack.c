// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that use the stack, and near branches through memory.
 */
#include "internal.h"

/* Bytes of the stack pointer. */
unsigned int emul_stack_size(struct strata_emul_ctxt *c)
{
	struct kvm_segment ss;

	if (c->mode == EMUL_LONG)
		return 8;
	c->ops->get_segment(c, EMUL_SEG_SS, &ss);
	return c->mode != EMUL_VM86 && ss.db ? 4 : 2;
}

/* A value of @size bytes at an offset of the stack. */
int emul_write_stack(struct strata_emul_ctxt *c, u64 sp, u64 val, unsigned int size)
{
	u64 linear;
	int rc;

	rc = emul_linearize(c, EMUL_SEG_SS, sp, size, EMUL_ACC_WRITE, &linear);
	return rc ?: c->ops->write(c, linear, &val, size, EMUL_ACC_WRITE);
}

int emul_read_stack(struct strata_emul_ctxt *c, u64 sp, u64 *val, unsigned int size)
{
	u64 linear;
	int rc;

	*val = 0;
	rc = emul_linearize(c, EMUL_SEG_SS, sp, size, EMUL_ACC_READ, &linear);
	return rc ?: c->ops->read(c, linear, val, size, EMUL_ACC_READ);
}

/**
 * emul_push() - push a value; RSP changes if and only if it succeeds
 * @c: context
 * @val: value
 * @size: bytes, 2, 4 or 8
 *
 * Return: EMUL_CONTINUE, EMUL_FAULT with #SS(0), or what ops->write answered
 */
int emul_push(struct strata_emul_ctxt *c, u64 val, unsigned int size)
{
	unsigned int ssize = emul_stack_size(c);
	u64 sp = (c->regs[EMUL_RSP] - size) & emul_mask(ssize);
	int rc;

	rc = emul_write_stack(c, sp, val, size);
	if (rc)
		return rc;
	emul_set_addr_reg(c, EMUL_RSP, ssize, sp);
	return EMUL_CONTINUE;
}

/* Read the top of the stack; emul_drop() then moves RSP. */
static int peek(struct strata_emul_ctxt *c, u64 *val, unsigned int size)
{
	u64 sp = c->regs[EMUL_RSP] & emul_mask(emul_stack_size(c));

	return emul_read_stack(c, sp, val, size);
}

static void drop(struct strata_emul_ctxt *c, unsigned int size)
{
	emul_set_addr_reg(c, EMUL_RSP, emul_stack_size(c), c->regs[EMUL_RSP] + size);
}

static int pop(struct strata_emul_ctxt *c)
{
	u64 val;
	int rc;

	rc = peek(c, &val, c->opsize);
	if (rc)
		return rc;
	if (c->ismem) {
		/* an address based on rSP is formed after the increment */
		if (c->rsp_base)
			c->ea = (c->ea + c->opsize) & emul_mask(c->adsize);
		rc = emul_write_mem(c, &val, c->opsize);
		if (rc)
			return rc;
		drop(c, c->opsize);
	} else {
		drop(c, c->opsize);
		emul_set_reg(c, c->rm, c->opsize, val);
	}
	return EMUL_CONTINUE;
}

static int pop_segment(struct strata_emul_ctxt *c)
{
	unsigned int seg = (c->opcode >> 3) & 7;
	u64 val;
	int rc;

	rc = peek(c, &val, c->opsize);
	if (rc)
		return rc;
	rc = emul_load_segment(c, seg, val);
	if (rc)
		return rc;
	drop(c, c->opsize);
	c->mov_ss = seg == EMUL_SEG_SS;
	return EMUL_CONTINUE;
}

static bool flags_need_iopl(const struct strata_emul_ctxt *c)
{
	return c->mode == EMUL_VM86 && (c->rflags & FL_IOPL) != FL_IOPL;
}

static int pop_flags(struct strata_emul_ctxt *c)
{
	u64 change = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID;
	unsigned int iopl = c->rflags >> 12 & 3;
	u64 val;
	int rc;

	if (flags_need_iopl(c))
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	rc = peek(c, &val, c->opsize);
	if (rc)
		return rc;
	if (c->mode == EMUL_VM86)
		change |= FL_IF;
	else if (c->cpl <= iopl)
		change |= FL_IF;
	if (c->cpl == 0)
		change |= FL_IOPL;
	if (c->opsize == 2)
		change &= 0xffff;
	c->rflags = (c->rflags & ~change) | (val & change);
	drop(c, c->opsize);
	return EMUL_CONTINUE;
}

/* Where the code goes on: a branch, already cut to the operand size. */
static int branch(struct strata_emul_ctxt *c, unsigned int op)
{
	u64 next = strata_emul_wrap_rip(c->mode, c->rip + c->len);
	u64 target = 0;
	int rc = EMUL_CONTINUE;

	/* vendors disagree on a 16-bit near branch in 64-bit mode */
	if (c->mode == EMUL_LONG && c->opsize == 2)
		return EMUL_UNHANDLED;

	if (op == OP_CALL_REL)
		target = next + c->imm;
	else if (op == OP_RET)
		rc = peek(c, &target, c->opsize);
	else if (c->ismem)
		rc = emul_read_mem(c, &target, c->opsize, EMUL_ACC_READ);
	else
		target = c->regs[c->rm];
	if (rc)
		return rc;
	target &= emul_mask(c->opsize);
	rc = emul_branch_check(c, target);
	if (rc)
		return rc;

	if (op == OP_CALL || op == OP_CALL_REL) {
		rc = emul_push(c, next, c->opsize);
		if (rc)
			return rc;
	} else if (op == OP_RET) {
		drop(c, c->opsize + (c->opcode == 0xc2 ? c->imm : 0));
	}
	/* the common end adds the length */
	c->rip = target - c->len;
	return EMUL_CONTINUE;
}

/**
 * emul_stack_op() - execute an instruction of this file
 * @c: context, decoded
 * @op: operation
 *
 * Return: enum strata_emul_rc
 */
int emul_stack_op(struct strata_emul_ctxt *c, unsigned int op)
{
	struct kvm_segment var;
	u64 val = 0;
	int rc;

	switch (op) {
	case OP_PUSH:
		if (DESC_SRC(c->desc) == K_IMM) {
			val = c->imm;
		} else if (c->ismem) {
			rc = emul_read_mem(c, &val, c->opsize, EMUL_ACC_READ);
			if (rc)
				return rc;
		} else {
			val = c->regs[c->rm];
		}
		return emul_push(c, val, c->opsize);
	case OP_POP:
		return pop(c);
	case OP_PUSH_SEG:
		c->ops->get_segment(c, (c->opcode >> 3) & 7, &var);
		return emul_push(c, var.selector, c->opsize);
	case OP_POP_SEG:
		return pop_segment(c);
	case OP_PUSHF:
		if (flags_need_iopl(c))
			return emul_fault_code(c, EMUL_VEC_GP, 0);
		return emul_push(c, c->rflags & ~(FL_RF | FL_VM), c->opsize);
	case OP_POPF:
		return pop_flags(c);
	default:
		return branch(c, op);
	}
}
