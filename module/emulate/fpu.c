// SPDX-License-Identifier: GPL-2.0
/*
 * Moves of XMM and MMX registers, and the stores of the x87 control and status words.
 *
 * References: Intel SDM volume 1 chapters 8, 9 and 10; AMD64 APM volume 5.
 */
#include "internal.h"

#define CR0_EM		BIT_ULL(2)
#define CR0_TS		BIT_ULL(3)
#define CR4_OSFXSR	BIT_ULL(9)
#define FSW_ES		BIT(7)

/* MMX moves take whatever x87 exception waits. */
static int check_mmx(struct strata_emul_ctxt *c)
{
	u16 fcw, fsw;

	c->ops->get_x87(c, &fcw, &fsw);
	return fsw & FSW_ES ? emul_fault(c, EMUL_VEC_MF) : EMUL_CONTINUE;
}

static int mmx_move(struct strata_emul_ctxt *c, const struct emul_sse *s, unsigned int size)
{
	u64 val = 0;
	int rc;

	if (s->flags & SSE_STORE) {
		c->ops->read_mm(c, c->reg & 7, &val);
		rc = c->ops->write(c, c->linear, &val, size, EMUL_ACC_WRITE);
		if (!rc)
			c->ops->write_mm(c, c->reg & 7, NULL);
		return rc;
	}
	rc = c->ops->read(c, c->linear, &val, size, EMUL_ACC_READ);
	if (!rc)
		c->ops->write_mm(c, c->reg & 7, &val);
	return rc;
}

static int xmm_move(struct strata_emul_ctxt *c, const struct emul_sse *s, unsigned int size)
{
	u64 xmm[2], *part = s->flags & SSE_HIGH ? &xmm[1] : &xmm[0];
	int rc;

	if (s->flags & SSE_STORE) {
		c->ops->read_xmm(c, c->reg, xmm);
		return c->ops->write(c, c->linear, part, size, EMUL_ACC_WRITE);
	}
	xmm[0] = 0;
	xmm[1] = 0;
	if (s->flags & SSE_MERGE)
		c->ops->read_xmm(c, c->reg, xmm);
	rc = c->ops->read(c, c->linear, part, size, EMUL_ACC_READ);
	if (rc)
		return rc;
	c->ops->write_xmm(c, c->reg, xmm);
	return EMUL_CONTINUE;
}

/**
 * emul_sse_move() - an XMM or MMX load or store
 * @c: context, decoded as OP_SSE
 *
 * Return: enum strata_emul_rc; #UD and #NM by CR0 and CR4, #MF for a waiting
 * x87 exception, #GP(0) for a misaligned operand of an aligned move
 */
int emul_sse_move(struct strata_emul_ctxt *c)
{
	const struct emul_sse *s;
	unsigned int size;
	int rc;

	s = emul_find_sse(c->opcode, c->sse_pfx, c->opcode == 0x2a);
	if (!s)
		return EMUL_UNHANDLED;
	if ((c->cr0 & CR0_EM) || !(s->flags & SSE_MMX || c->cr4 & CR4_OSFXSR))
		return emul_fault(c, EMUL_VEC_UD);
	if (c->cr0 & CR0_TS)
		return emul_fault(c, EMUL_VEC_NM);
	if (s->flags & SSE_MMX) {
		rc = check_mmx(c);
		if (rc)
			return rc;
	}

	size = s->size;
	if ((s->flags & SSE_REXW) && c->opsize == 8)
		size = 8;
	rc = emul_linearize(c, c->seg, c->ea, size,
			    s->flags & SSE_STORE ? EMUL_ACC_WRITE :
						   EMUL_ACC_READ, &c->linear);
	if (rc)
		return rc;
	if ((s->flags & SSE_ALIGNED) && (c->linear & 15))
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	return s->flags & SSE_MMX ? mmx_move(c, s, size) : xmm_move(c, s, size);
}

/**
 * emul_store_x87() - FNSTCW and FNSTSW
 * @c: context, decoded
 * @status: FNSTSW
 *
 * Return: enum strata_emul_rc; #NM by CR0
 */
int emul_store_x87(struct strata_emul_ctxt *c, bool status)
{
	u16 fcw, fsw;

	/* Opcodes that share the number have their operands in registers. */
	if (!c->ismem)
		return EMUL_UNHANDLED;
	if (c->cr0 & (CR0_EM | CR0_TS))
		return emul_fault(c, EMUL_VEC_NM);
	c->ops->get_x87(c, &fcw, &fsw);
	return emul_write_mem(c, status ? &fsw : &fcw, 2);
}
