// SPDX-License-Identifier: GPL-2.0
/*
 * String instructions on memory, with and without REP.
 *
 * Each iteration is complete when its registers are written. Between two of
 * them an interrupt may be taken: EMUL_RESTART leaves RIP at the instruction.
 */
#include "internal.h"

/* Most iterations of one call, so that events and signals are looked at. */
#define REP_MAX		256

static int read_at(struct strata_emul_ctxt *c, unsigned int seg,
		   unsigned int reg, u64 *val)
{
	u64 linear;
	int rc;

	rc = emul_linearize(c, seg, c->regs[reg] & emul_mask(c->adsize),
			    c->opsize, EMUL_ACC_READ, &linear);
	if (rc)
		return rc;
	*val = 0;
	return c->ops->read(c, linear, val, c->opsize, EMUL_ACC_READ);
}

static int write_at_di(struct strata_emul_ctxt *c, u64 val)
{
	u64 linear;
	int rc;

	rc = emul_linearize(c, EMUL_SEG_ES,
			    c->regs[EMUL_RDI] & emul_mask(c->adsize),
			    c->opsize, EMUL_ACC_WRITE, &linear);
	if (rc)
		return rc;
	return c->ops->write(c, linear, &val, c->opsize, EMUL_ACC_WRITE);
}

static void advance(struct strata_emul_ctxt *c, unsigned int reg)
{
	u64 step = c->rflags & FL_DF ? -(u64)c->opsize : c->opsize;

	emul_set_addr_reg(c, reg, c->adsize, c->regs[reg] + step);
}

static int iterate(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int size = c->opsize;
	u64 a, b;
	int rc;

	switch (op) {
	case OP_MOVS:
		rc = read_at(c, c->seg, EMUL_RSI, &a);
		if (!rc)
			rc = write_at_di(c, a);
		if (rc)
			return rc;
		advance(c, EMUL_RSI);
		advance(c, EMUL_RDI);
		break;
	case OP_CMPS:
		rc = read_at(c, c->seg, EMUL_RSI, &a);
		if (!rc)
			rc = read_at(c, EMUL_SEG_ES, EMUL_RDI, &b);
		if (rc)
			return rc;
		emul_alu(OP_CMP, a, b, size, &c->rflags);
		advance(c, EMUL_RSI);
		advance(c, EMUL_RDI);
		break;
	case OP_STOS:
		rc = write_at_di(c, c->regs[EMUL_RAX]);
		if (rc)
			return rc;
		advance(c, EMUL_RDI);
		break;
	case OP_LODS:
		rc = read_at(c, c->seg, EMUL_RSI, &a);
		if (rc)
			return rc;
		emul_set_reg(c, EMUL_RAX, size, a);
		advance(c, EMUL_RSI);
		break;
	default:
		rc = read_at(c, EMUL_SEG_ES, EMUL_RDI, &b);
		if (rc)
			return rc;
		emul_alu(OP_CMP, c->regs[EMUL_RAX] & emul_mask(size), b, size,
			 &c->rflags);
		advance(c, EMUL_RDI);
		break;
	}
	return EMUL_CONTINUE;
}

/**
 * emul_string() - MOVS, CMPS, STOS, LODS, SCAS
 * @c: context, decoded
 * @op: operation
 *
 * Return: enum strata_emul_rc
 */
int emul_string(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int left = c->rflags & FL_TF ? 1 : REP_MAX;
	bool compares = op == OP_CMPS || op == OP_SCAS;
	bool until_equal = c->rep == 0xf2;
	u64 mask = emul_mask(c->adsize);
	int rc;

	if (!c->rep)
		return iterate(c, op);

	while (c->regs[EMUL_RCX] & mask) {
		if (!left-- || c->stop_rep)
			return EMUL_RESTART;
		rc = iterate(c, op);
		if (rc)
			return rc;
		emul_set_addr_reg(c, EMUL_RCX, c->adsize,
				  c->regs[EMUL_RCX] - 1);
		if (compares && !!(c->rflags & FL_ZF) == until_equal)
			break;
	}
	return EMUL_CONTINUE;
}
