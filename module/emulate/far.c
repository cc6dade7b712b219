// SPDX-License-Identifier: GPL-2.0
/*
 * Far transfers: JMP, CALL, RET and IRET to another code segment of the same privilege.
 * What goes through a gate, to a task, to virtual-8086 mode or to an outer level is not
 * supported.
 *
 * Everything is read and checked first; then the stack is written, and registers change.
 *
 * References: Intel SDM volume 2, volume 3 chapters 5 and 6; AMD64 APM volume 3.
 */
#include "internal.h"

/* Bits of RFLAGS that IRET loads at a CPL of 0 only, as far as IOPL is none. */
#define FL_VIRTUAL	(FL_VIF | FL_VIP)

/* May execution go on at @rip of @cs? */
static int check_target(struct strata_emul_ctxt *c, const struct kvm_segment *cs, u64 rip)
{
	bool fits = c->lma && cs->l ? emul_canonical(c, rip) : rip <= cs->limit;

	return fits ? EMUL_CONTINUE : emul_fault_code(c, EMUL_VEC_GP, 0);
}

static int go(struct strata_emul_ctxt *c, const struct kvm_segment *cs, u64 rip)
{
	int rc = c->ops->set_segment(c, EMUL_SEG_CS, cs);

	if (rc)
		return rc;
	c->rip = rip;
	c->rflags &= ~FL_RF;
	return EMUL_BRANCHED;
}

/* An offset, and behind it a selector: in memory, or in the instruction. */
static int jump(struct strata_emul_ctxt *c, bool call)
{
	unsigned int size = c->opsize, ssize;
	struct kvm_segment cs, from;
	u64 pointer = c->imm, rip, sp;
	int rc = EMUL_CONTINUE;

	/* vendors disagree on whether there are offsets of 64 bits */
	if (size == 8)
		return EMUL_UNHANDLED;
	if (c->ismem) {
		pointer = 0;
		rc = emul_read_mem(c, &pointer, size + 2, EMUL_ACC_READ);
	}
	rip = pointer & emul_mask(size);
	if (!rc)
		rc = emul_find_code(c, pointer >> (8 * size), false, &cs);
	if (!rc)
		rc = check_target(c, &cs, rip);
	if (rc || !call)
		return rc ?: go(c, &cs, rip);

	c->ops->get_segment(c, EMUL_SEG_CS, &from);
	ssize = emul_stack_size(c);
	sp = (c->regs[EMUL_RSP] - size) & emul_mask(ssize);
	rc = emul_write_stack(c, sp, from.selector, size);
	if (rc)
		return rc;
	sp = (sp - size) & emul_mask(ssize);
	rc = emul_write_stack(c, sp, strata_emul_wrap_rip(c->mode, c->rip + c->len), size);
	if (rc)
		return rc;
	emul_set_addr_reg(c, EMUL_RSP, ssize, sp);
	return go(c, &cs, rip);
}

/* The stack's first @n values. */
static int peek(struct strata_emul_ctxt *c, u64 *val, unsigned int n)
{
	u64 mask = emul_mask(emul_stack_size(c));
	unsigned int i;
	int rc;

	for (i = 0; i < n; i++) {
		rc = emul_read_stack(c, (c->regs[EMUL_RSP] + i * c->opsize) & mask, &val[i],
				     c->opsize);
		if (rc)
			return rc;
	}
	return EMUL_CONTINUE;
}

static int ret(struct strata_emul_ctxt *c)
{
	unsigned int drop = 2 * c->opsize + (c->opcode == 0xca ? c->imm : 0);
	struct kvm_segment cs;
	u64 val[2];
	int rc;

	rc = peek(c, val, 2);
	if (!rc)
		rc = emul_find_code(c, val[1], true, &cs);
	if (!rc)
		rc = check_target(c, &cs, val[0]);
	if (rc)
		return rc;
	emul_set_addr_reg(c, EMUL_RSP, emul_stack_size(c), c->regs[EMUL_RSP] + drop);
	return go(c, &cs, val[0]);
}

/* Which flags IRET takes from the stack. */
static u64 iret_flags(const struct strata_emul_ctxt *c)
{
	unsigned int iopl = c->rflags >> 12 & 3;
	u64 change = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_RF | FL_AC | FL_ID;

	if (c->mode == EMUL_VM86 || c->cpl <= iopl)
		change |= FL_IF;
	if (c->cpl == 0)
		change |= FL_IOPL | (c->mode > EMUL_VM86 ? FL_VIRTUAL : 0);
	return c->opsize == 2 ? change & 0xffff : change;
}

static int iret(struct strata_emul_ctxt *c)
{
	/* In 64-bit mode it brings the stack back as well. */
	unsigned int n = c->mode == EMUL_LONG ? 5 : 3;
	unsigned int ssize = emul_stack_size(c);
	struct kvm_segment cs;
	u64 val[5], change;
	int rc;

	if (c->mode == EMUL_VM86 && (c->rflags & FL_IOPL) != FL_IOPL)
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	if (c->mode > EMUL_VM86 && (c->rflags & FL_NT))
		return c->lma ? emul_fault_code(c, EMUL_VEC_GP, 0) : EMUL_UNHANDLED;
	rc = peek(c, val, n);
	if (rc)
		return rc;
	if (c->mode > EMUL_VM86 && !c->lma && !c->cpl && c->opsize == 4 && (val[2] & FL_VM))
		return EMUL_UNHANDLED;
	rc = emul_find_code(c, val[1], true, &cs);
	if (!rc)
		rc = check_target(c, &cs, val[0]);
	/* A null SS is for 64-bit code only. */
	if (!rc && n == 5 && !(val[4] & 0xfffc) && !cs.l)
		rc = emul_fault_code(c, EMUL_VEC_GP, 0);
	if (!rc && n == 5)
		rc = emul_load_segment(c, EMUL_SEG_SS, val[4]);
	if (rc)
		return rc;

	change = iret_flags(c);
	if (n == 5)
		c->regs[EMUL_RSP] = val[3];
	else
		emul_set_addr_reg(c, EMUL_RSP, ssize, c->regs[EMUL_RSP] + 3 * c->opsize);
	c->ops->unmask_nmi(c);
	rc = go(c, &cs, val[0]);
	c->rflags = (c->rflags & ~change) | (val[2] & change);
	return rc;
}

/**
 * emul_far() - execute an instruction of this file
 * @c: context, decoded
 * @op: operation
 *
 * Return: EMUL_BRANCHED, or enum strata_emul_rc
 */
int emul_far(struct strata_emul_ctxt *c, unsigned int op)
{
	switch (op) {
	case OP_JMP_FAR:
		return jump(c, false);
	case OP_CALL_FAR:
		return jump(c, true);
	case OP_RET_FAR:
		return ret(c);
	default:
		return iret(c);
	}
}
