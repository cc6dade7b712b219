// SPDX-License-Identifier: GPL-2.0
/*
 * Segmentation: limits, rights, canonical addresses, and loading a data,
 * stack or code segment register.
 *
 * References: AMD64 APM volume 2 chapter 4; Intel SDM volume 3 chapters 3, 5.
 */
#include "internal.h"

#define TYPE_ACCESSED	1
#define TYPE_RW		2	/* data: writable; code: readable */
#define TYPE_DC		4	/* data: expand-down; code: conforming */
#define TYPE_CODE	8

static int segment_fault(struct strata_emul_ctxt *c, unsigned int seg)
{
	return emul_fault_code(c, seg == EMUL_SEG_SS ? EMUL_VEC_SS :
						       EMUL_VEC_GP, 0);
}

static int linearize_long(struct strata_emul_ctxt *c, unsigned int seg, u64 off,
			  unsigned int len, u64 *linear)
{
	struct kvm_segment var;

	if (seg >= EMUL_SEG_FS) {
		c->ops->get_segment(c, seg, &var);
		off += var.base;
	}
	if (!emul_canonical(c, off) || !emul_canonical(c, off + len - 1))
		return segment_fault(c, seg);
	*linear = off;
	return EMUL_CONTINUE;
}

static bool rights_ok(const struct kvm_segment *var, unsigned int acc)
{
	bool code = var->type & TYPE_CODE;

	if (var->unusable || !var->present || !var->s)
		return false;
	if (acc & EMUL_ACC_WRITE)
		return !code && (var->type & TYPE_RW);
	return !code || (var->type & TYPE_RW);
}

/**
 * emul_linearize_slow() - segmentation in full
 * @c: context
 * @seg: ES to GS
 * @off: offset, already wrapped to the address size
 * @len: bytes accessed, at least 1
 * @acc: EMUL_ACC_*
 * @linear: out: the linear address
 *
 * Return: EMUL_CONTINUE, or EMUL_FAULT with #SS(0) for the stack segment and
 * #GP(0) for the others
 */
int emul_linearize_slow(struct strata_emul_ctxt *c, unsigned int seg, u64 off,
			unsigned int len, unsigned int acc, u64 *linear)
{
	struct kvm_segment var;
	u64 last = off + len - 1;

	if (c->mode == EMUL_LONG)
		return linearize_long(c, seg, off, len, linear);

	c->ops->get_segment(c, seg, &var);
	if (c->mode >= EMUL_PROT16 && !rights_ok(&var, acc))
		return segment_fault(c, seg);
	/* Real mode has none of its own, but keeps what was loaded before. */
	if ((var.type & (TYPE_CODE | TYPE_DC)) == TYPE_DC) {
		u64 top = var.db ? 0xffffffff : 0xffff;

		if (off <= var.limit || last > top)
			return segment_fault(c, seg);
	} else if (last > var.limit) {
		return segment_fault(c, seg);
	}
	*linear = (u32)(var.base + off);
	return EMUL_CONTINUE;
}

/**
 * emul_fetch_linear() - where the next instruction bytes are
 * @c: context
 * @have: bytes already fetched
 * @linear: out: linear address of the next byte
 * @len: in: most bytes wanted; out: how many lie inside the segment and before
 *	the end of the page, at least 1
 *
 * Return: EMUL_CONTINUE, or EMUL_FAULT with #GP(0)
 */
int emul_fetch_linear(struct strata_emul_ctxt *c, unsigned int have,
		      u64 *linear, unsigned int *len)
{
	struct kvm_segment cs;
	u64 addr = c->rip + have;

	if (c->mode == EMUL_LONG) {
		if (!emul_canonical(c, addr))
			return emul_fault_code(c, EMUL_VEC_GP, 0);
	} else {
		c->ops->get_segment(c, EMUL_SEG_CS, &cs);
		if (addr > cs.limit)
			return emul_fault_code(c, EMUL_VEC_GP, 0);
		*len = min_t(u64, *len, cs.limit - addr + 1);
		addr = (u32)(cs.base + addr);
	}
	*len = min_t(unsigned int, *len, 4096 - (addr & 4095));
	*linear = addr;
	return EMUL_CONTINUE;
}

/**
 * emul_branch_check() - may execution go on at @rip?
 * @c: context
 * @rip: target, already cut to the operand size
 *
 * Return: EMUL_CONTINUE, or EMUL_FAULT with #GP(0)
 */
int emul_branch_check(struct strata_emul_ctxt *c, u64 rip)
{
	struct kvm_segment cs;

	if (c->mode == EMUL_LONG) {
		if (emul_canonical(c, rip))
			return EMUL_CONTINUE;
	} else {
		c->ops->get_segment(c, EMUL_SEG_CS, &cs);
		if (rip <= cs.limit)
			return EMUL_CONTINUE;
	}
	return emul_fault_code(c, EMUL_VEC_GP, 0);
}

static int load_null(struct strata_emul_ctxt *c, unsigned int seg, u16 sel)
{
	struct kvm_segment var = {
		.selector = sel,
		.unusable = 1,
	};

	if (seg == EMUL_SEG_SS) {
		if (c->mode != EMUL_LONG || c->cpl == 3 || (sel & 3) != c->cpl)
			return emul_fault_code(c, EMUL_VEC_GP, 0);
		var.dpl = c->cpl;
	}
	return c->ops->set_segment(c, seg, &var);
}

/**
 * emul_read_descriptor() - a selector's descriptor
 * @c: context
 * @sel: selector, not null
 * @desc: out
 * @size: of the descriptor: 8 bytes, or 16 of a system segment in long mode
 * @linear: out: where it is
 *
 * Return: EMUL_CONTINUE, EMUL_FAULT with #GP: it lies beyond its table, or what
 * ops->read answered
 */
int emul_read_descriptor(struct strata_emul_ctxt *c, u16 sel, u64 *desc, unsigned int size,
			 u64 *linear)
{
	struct kvm_segment ldt;
	u64 base;
	u32 limit;

	if (sel & 4) {
		c->ops->get_segment(c, EMUL_SEG_LDTR, &ldt);
		if (ldt.unusable || !ldt.present)
			return emul_fault_code(c, EMUL_VEC_GP, sel & ~3);
		base = ldt.base;
		limit = ldt.limit;
	} else {
		c->ops->get_dtable(c, false, &base, &limit);
	}
	if ((sel & ~7u) + size - 1 > limit)
		return emul_fault_code(c, EMUL_VEC_GP, sel & ~3);
	*linear = base + (sel & ~7);
	if (c->mode != EMUL_LONG)
		*linear = (u32)*linear;
	return c->ops->read(c, *linear, desc, size, EMUL_ACC_SYSTEM);
}

static int check_descriptor(struct strata_emul_ctxt *c, unsigned int seg,
			    const struct kvm_segment *var)
{
	u16 code = var->selector & ~3;
	u8 rpl = var->selector & 3;
	u8 type = var->type;
	bool ok;

	if (seg == EMUL_SEG_SS)
		ok = var->s && !(type & TYPE_CODE) && (type & TYPE_RW) &&
		     rpl == c->cpl && var->dpl == c->cpl;
	else if ((type & (TYPE_CODE | TYPE_DC)) == (TYPE_CODE | TYPE_DC))
		ok = var->s && (type & TYPE_RW);
	else
		ok = var->s && !((type & TYPE_CODE) && !(type & TYPE_RW)) &&
		     var->dpl >= c->cpl && var->dpl >= rpl;
	if (!ok)
		return emul_fault_code(c, EMUL_VEC_GP, code);
	if (!var->present)
		return emul_fault_code(c, seg == EMUL_SEG_SS ? EMUL_VEC_SS :
							       EMUL_VEC_NP,
				       code);
	return EMUL_CONTINUE;
}

/**
 * emul_parse_descriptor() - take a descriptor to pieces
 * @desc: its first 8 bytes
 * @sel: selector, for @var
 * @var: out, all of it
 */
void emul_parse_descriptor(u64 desc, u16 sel, struct kvm_segment *var)
{
	u32 limit = (desc & 0xffff) | (desc >> 32 & 0xf0000);

	memset(var, 0, sizeof(*var));
	var->selector = sel;
	var->base = (desc >> 16 & 0xffffff) | (desc >> 32 & 0xff000000);
	var->type = desc >> 40 & 15;
	var->s = desc >> 44 & 1;
	var->dpl = desc >> 45 & 3;
	var->present = desc >> 47 & 1;
	var->avl = desc >> 52 & 1;
	var->l = desc >> 53 & 1;
	var->db = desc >> 54 & 1;
	var->g = desc >> 55 & 1;
	var->limit = var->g ? limit << 12 | 0xfff : limit;
}

/**
 * emul_mark_descriptor() - a descriptor is used: set a bit of its type, in memory too
 * @c: context
 * @linear: where it is
 * @desc: its first 8 bytes, as they were read
 * @bit: accessed, or busy
 * @var: gets the bit
 *
 * Return: EMUL_CONTINUE, or what ops->cas answered
 */
int emul_mark_descriptor(struct strata_emul_ctxt *c, u64 linear, u64 desc, u8 bit,
			 struct kvm_segment *var)
{
	u8 old = desc >> 40, new = old | bit;
	int rc = EMUL_CONTINUE;

	if (!(var->type & bit))
		rc = c->ops->cas(c, linear + 5, &old, &new, 1, EMUL_ACC_WRITE | EMUL_ACC_SYSTEM);
	var->type |= bit;
	return rc;
}

/* Gates and tasks, to which a JMP or CALL may lead. */
static bool leads_on(const struct strata_emul_ctxt *c, const struct kvm_segment *var)
{
	u16 types = c->lma ? BIT(12) : BIT(1) | BIT(4) | BIT(5) | BIT(9) | BIT(12);

	return !var->s && (types & BIT(var->type));
}

/**
 * emul_find_code() - the code segment of a far transfer, checked
 * @c: context
 * @sel: selector
 * @is_return: of RET or IRET
 * @cs: out: what CS is to be
 *
 * Return: EMUL_CONTINUE, EMUL_FAULT with #GP or #NP, EMUL_UNHANDLED for a gate,
 * a task and an outer level, or what an operation answered
 */
int emul_find_code(struct strata_emul_ctxt *c, u16 sel, bool is_return,
		   struct kvm_segment *cs)
{
	unsigned int rpl = sel & 3;
	u16 code = sel & ~3;
	u64 linear, desc = 0;
	bool ok;
	int rc;

	if (c->mode <= EMUL_VM86) {
		c->ops->get_segment(c, EMUL_SEG_CS, cs);
		cs->selector = sel;
		cs->base = sel << 4;
		return EMUL_CONTINUE;
	}
	if (!code)
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	rc = emul_read_descriptor(c, sel, &desc, 8, &linear);
	if (rc)
		return rc;
	emul_parse_descriptor(desc, sel, cs);
	if (!is_return && leads_on(c, cs))
		return EMUL_UNHANDLED;
	if (!cs->s || !(cs->type & TYPE_CODE) || (is_return && rpl < c->cpl))
		return emul_fault_code(c, EMUL_VEC_GP, code);
	if (is_return && rpl > c->cpl)
		return EMUL_UNHANDLED;
	if (cs->type & TYPE_DC)
		ok = cs->dpl <= c->cpl;
	else
		ok = cs->dpl == c->cpl && rpl <= c->cpl;
	if (!ok || (c->lma && cs->l && cs->db))
		return emul_fault_code(c, EMUL_VEC_GP, code);
	if (!cs->present)
		return emul_fault_code(c, EMUL_VEC_NP, code);
	cs->selector = code | c->cpl;
	return emul_mark_descriptor(c, linear, desc, TYPE_ACCESSED, cs);
}

/**
 * emul_load_segment() - load ES, SS, DS, FS or GS as MOV and POP do
 * @c: context
 * @seg: which
 * @sel: selector
 *
 * Sets the accessed bit in the descriptor table.
 *
 * Return: EMUL_CONTINUE, EMUL_FAULT with #GP, #SS or #NP, or what an operation
 * answered
 */
int emul_load_segment(struct strata_emul_ctxt *c, unsigned int seg, u16 sel)
{
	struct kvm_segment var;
	u64 linear, desc = 0;
	int rc;

	if (c->mode <= EMUL_VM86) {
		c->ops->get_segment(c, seg, &var);
		var.selector = sel;
		var.base = sel << 4;
		return c->ops->set_segment(c, seg, &var);
	}
	if (!(sel & ~3))
		return load_null(c, seg, sel);

	rc = emul_read_descriptor(c, sel, &desc, 8, &linear);
	if (rc)
		return rc;
	emul_parse_descriptor(desc, sel, &var);
	rc = check_descriptor(c, seg, &var);
	if (!rc)
		rc = emul_mark_descriptor(c, linear, desc, TYPE_ACCESSED, &var);
	return rc ?: c->ops->set_segment(c, seg, &var);
}

/**
 * emul_load_far() - LES, LDS, LSS, LFS and LGS: an offset, and behind it a selector
 * @c: context, decoded
 *
 * Return: enum strata_emul_rc
 */
int emul_load_far(struct strata_emul_ctxt *c)
{
	unsigned int seg = c->opcode == 0xc4 ? EMUL_SEG_ES :
			   c->opcode == 0xc5 ? EMUL_SEG_DS : c->opcode & 7;
	u64 pointer = 0;
	int rc;

	/* vendors disagree on whether there are offsets of 64 bits */
	if (c->opsize == 8)
		return EMUL_UNHANDLED;
	rc = emul_read_mem(c, &pointer, c->opsize + 2, EMUL_ACC_READ);
	if (!rc)
		rc = emul_load_segment(c, seg, pointer >> (8 * c->opsize));
	if (rc)
		return rc;
	emul_set_reg(c, c->reg, c->opsize, pointer & emul_mask(c->opsize));
	return EMUL_CONTINUE;
}
