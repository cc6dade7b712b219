// SPDX-License-Identifier: GPL-2.0
/*
 * Stack frames: PUSHA, POPA, ENTER and LEAVE. Registers change when all of the memory has
 * been read or written, so that an access that user space has to answer begins them anew.
 *
 * References: Intel SDM volume 2, AMD64 APM volume 3.
 */
#include "internal.h"

#define REGISTERS	8

/* A value of the operand size, at an offset of the stack. */
static int write_at(struct strata_emul_ctxt *c, u64 sp, u64 val)
{
	u64 linear;
	int rc;

	rc = emul_linearize(c, EMUL_SEG_SS, sp, c->opsize, EMUL_ACC_WRITE, &linear);
	return rc ?: c->ops->write(c, linear, &val, c->opsize, EMUL_ACC_WRITE);
}

static int read_at(struct strata_emul_ctxt *c, u64 sp, u64 *val)
{
	u64 linear;
	int rc;

	*val = 0;
	rc = emul_linearize(c, EMUL_SEG_SS, sp, c->opsize, EMUL_ACC_READ, &linear);
	return rc ?: c->ops->read(c, linear, val, c->opsize, EMUL_ACC_READ);
}

/* In the order of their numbers; of SP the value of before. */
static int push_all(struct strata_emul_ctxt *c, unsigned int ssize)
{
	u64 sp = c->regs[EMUL_RSP];
	unsigned int i;
	int rc;

	for (i = 0; i < REGISTERS; i++) {
		sp = (sp - c->opsize) & emul_mask(ssize);
		rc = write_at(c, sp, c->regs[i]);
		if (rc)
			return rc;
	}
	emul_set_addr_reg(c, EMUL_RSP, ssize, sp);
	return EMUL_CONTINUE;
}

static int pop_all(struct strata_emul_ctxt *c, unsigned int ssize)
{
	u64 sp = c->regs[EMUL_RSP], val[REGISTERS];
	int i, rc;

	for (i = REGISTERS - 1; i >= 0; i--) {
		rc = read_at(c, sp & emul_mask(ssize), &val[i]);
		if (rc)
			return rc;
		sp += c->opsize;
	}
	for (i = 0; i < REGISTERS; i++)
		if (i != EMUL_RSP)
			emul_set_reg(c, i, c->opsize, val[i]);
	emul_set_addr_reg(c, EMUL_RSP, ssize, sp);
	return EMUL_CONTINUE;
}

/* Without the frames of enclosing procedures, which no compiler asks for. */
static int enter(struct strata_emul_ctxt *c, unsigned int ssize)
{
	u64 sp = (c->regs[EMUL_RSP] - c->opsize) & emul_mask(ssize);
	u16 room = c->imm;
	int rc;

	if (c->imm >> 16 & 31)
		return EMUL_UNHANDLED;
	rc = write_at(c, sp, c->regs[EMUL_RBP]);
	if (rc)
		return rc;
	emul_set_reg(c, EMUL_RBP, c->opsize, sp);
	emul_set_addr_reg(c, EMUL_RSP, ssize, sp - room);
	return EMUL_CONTINUE;
}

static int leave(struct strata_emul_ctxt *c, unsigned int ssize)
{
	u64 sp = c->regs[EMUL_RBP] & emul_mask(ssize), val;
	int rc;

	rc = read_at(c, sp, &val);
	if (rc)
		return rc;
	emul_set_addr_reg(c, EMUL_RSP, ssize, sp + c->opsize);
	emul_set_reg(c, EMUL_RBP, c->opsize, val);
	return EMUL_CONTINUE;
}

/**
 * emul_frame_op() - execute an instruction of this file
 * @c: context, decoded
 * @op: operation
 *
 * Return: enum strata_emul_rc
 */
int emul_frame_op(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int ssize = emul_stack_size(c);

	switch (op) {
	case OP_PUSHA:
		return push_all(c, ssize);
	case OP_POPA:
		return pop_all(c, ssize);
	case OP_ENTER:
		return enter(c, ssize);
	default:
		return leave(c, ssize);
	}
}
