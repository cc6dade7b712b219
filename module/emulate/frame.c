// SPDX-License-Identifier: GPL-2.0
/*
 * Stack frames: PUSHA, POPA, ENTER and LEAVE. Registers change when all of the memory has
 * been read or written, so that an access that user space has to answer begins them anew.
 *
 * References: Intel SDM volume 2, AMD64 APM volume 3.
 */
#include "internal.h"

#define REGISTERS	8

/* In the order of their numbers; of SP the value of before. */
static int push_all(struct strata_emul_ctxt *c, unsigned int ssize)
{
	u64 sp = c->regs[EMUL_RSP];
	unsigned int i;
	int rc;

	for (i = 0; i < REGISTERS; i++) {
		sp = (sp - c->opsize) & emul_mask(ssize);
		rc = emul_write_stack(c, sp, c->regs[i], c->opsize);
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
		rc = emul_read_stack(c, sp & emul_mask(ssize), &val[i], c->opsize);
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
	rc = emul_write_stack(c, sp, c->regs[EMUL_RBP], c->opsize);
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

	rc = emul_read_stack(c, sp, &val, c->opsize);
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
