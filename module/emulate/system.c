// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of descriptor tables: GDTR, IDTR, LDTR and TR.
 *
 * References: Intel SDM volume 2, volume 3 section 2.4; AMD64 APM volume 3.
 */
#include "internal.h"

#define TYPE_LDT	2
#define TYPE_TSS16	1
#define TYPE_TSS	9
#define TYPE_BUSY	2

/* Bytes of an image of GDTR and IDTR: a limit of two, and a base. */
static unsigned int image_size(const struct strata_emul_ctxt *c)
{
	return c->mode == EMUL_LONG ? 10 : 6;
}

static int store_table(struct strata_emul_ctxt *c, bool idt)
{
	u8 image[10] = { 0 };
	u64 base;
	u32 limit;

	c->ops->get_dtable(c, idt, &base, &limit);
	memcpy(image, &limit, 2);
	memcpy(image + 2, &base, 8);
	return emul_write_mem(c, image, image_size(c));
}

static int load_table(struct strata_emul_ctxt *c, bool idt)
{
	u8 image[10] = { 0 };
	u16 limit;
	u64 base;
	int rc;

	rc = emul_read_mem(c, image, image_size(c), EMUL_ACC_READ);
	if (rc)
		return rc;
	memcpy(&limit, image, 2);
	memcpy(&base, image + 2, 8);
	if (c->mode == EMUL_LONG) {
		if (!emul_canonical(c, base))
			return emul_fault_code(c, EMUL_VEC_GP, 0);
	} else if (c->opsize == 2) {
		base &= 0xffffff;
	}
	c->ops->set_dtable(c, idt, base, limit);
	return EMUL_CONTINUE;
}

static int store_selector(struct strata_emul_ctxt *c, unsigned int seg)
{
	struct kvm_segment var;

	c->ops->get_segment(c, seg, &var);
	return emul_write_mem(c, &var.selector, 2);
}

/* LDTR and TR have descriptors of the GDT; in long mode those have 16 bytes. */
static int load_system(struct strata_emul_ctxt *c, unsigned int seg, u16 sel)
{
	u16 code = sel & ~3;
	struct kvm_segment var;
	u64 linear, desc[2] = { 0 };
	bool fits;
	int rc;

	if (sel & 4)
		return emul_fault_code(c, EMUL_VEC_GP, code);
	rc = emul_read_descriptor(c, sel, desc, c->lma ? 16 : 8, &linear);
	if (rc)
		return rc;
	emul_parse_descriptor(desc[0], sel, &var);
	if (seg == EMUL_SEG_LDTR)
		fits = var.type == TYPE_LDT;
	else
		fits = var.type == TYPE_TSS || (var.type == TYPE_TSS16 && !c->lma);
	if (var.s || !fits)
		return emul_fault_code(c, EMUL_VEC_GP, code);
	if (!var.present)
		return emul_fault_code(c, EMUL_VEC_NP, code);
	if (c->lma) {
		var.base |= desc[1] << 32;
		if (!emul_canonical(c, var.base))
			return emul_fault_code(c, EMUL_VEC_GP, code);
	}
	if (seg == EMUL_SEG_TR)
		rc = emul_mark_descriptor(c, linear, desc[0], TYPE_BUSY, &var);
	return rc ?: c->ops->set_segment(c, seg, &var);
}

static int load_selector(struct strata_emul_ctxt *c, unsigned int seg)
{
	struct kvm_segment null = { .unusable = 1 };
	u16 sel = 0;
	int rc;

	rc = emul_read_mem(c, &sel, 2, EMUL_ACC_READ);
	if (rc)
		return rc;
	if (sel & ~3)
		return load_system(c, seg, sel);
	if (seg == EMUL_SEG_TR)
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	null.selector = sel;
	return c->ops->set_segment(c, seg, &null);
}

/**
 * emul_system_op() - execute an instruction of this file
 * @c: context, decoded
 * @op: operation
 *
 * With an operand in a register none of these is a matter of an emulator.
 *
 * Return: enum strata_emul_rc
 */
int emul_system_op(struct strata_emul_ctxt *c, unsigned int op)
{
	if (!c->ismem)
		return EMUL_UNHANDLED;
	if (op >= OP_SLDT && c->mode <= EMUL_VM86)
		return emul_fault(c, EMUL_VEC_UD);
	if (emul_system_denied(c, op == OP_LGDT || op == OP_LIDT || op == OP_LLDT || op == OP_LTR))
		return emul_fault_code(c, EMUL_VEC_GP, 0);
	switch (op) {
	case OP_SGDT:
	case OP_SIDT:
		return store_table(c, op == OP_SIDT);
	case OP_LGDT:
	case OP_LIDT:
		return load_table(c, op == OP_LIDT);
	case OP_SLDT:
		return store_selector(c, EMUL_SEG_LDTR);
	case OP_STR:
		return store_selector(c, EMUL_SEG_TR);
	case OP_LLDT:
		return load_selector(c, EMUL_SEG_LDTR);
	default:
		return load_selector(c, EMUL_SEG_TR);
	}
}
