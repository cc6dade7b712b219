// SPDX-License-Identifier: GPL-2.0
/*
 * IN, OUT, INS and OUTS, with the check of the I/O permission map.
 *
 * REP INS and OUTS move as many elements at once as lie in one page of memory,
 * so that user space is asked once for all of them.
 */
#include "internal.h"

/* Most bytes OUTS collects at a time. */
#define OUTS_MAX	512

/* APM volume 2, 12.2.4: the I/O permission bitmap of a 32- or 64-bit TSS. */
static int check_port(struct strata_emul_ctxt *c, u16 port, unsigned int size)
{
	unsigned int iopl = c->rflags >> 12 & 3;
	struct kvm_segment tr;
	u16 map = 0, bits = 0;
	u64 off;
	int rc;

	if (c->mode <= EMUL_REAL32)
		return EMUL_CONTINUE;
	if (c->mode != EMUL_VM86 && c->cpl <= iopl)
		return EMUL_CONTINUE;

	c->ops->get_segment(c, EMUL_SEG_TR, &tr);
	/* a 16-bit TSS has no map */
	if (tr.unusable || !tr.present || !(tr.type & 8) || tr.limit < 103)
		goto fault;
	rc = c->ops->read(c, tr.base + 102, &map, 2, EMUL_ACC_SYSTEM);
	if (rc)
		return rc;
	off = (u64)map + port / 8;
	if (off + 1 > tr.limit)
		goto fault;
	rc = c->ops->read(c, tr.base + off, &bits, 2, EMUL_ACC_SYSTEM);
	if (rc)
		return rc;
	if (!(bits >> (port & 7) & ((1U << size) - 1)))
		return EMUL_CONTINUE;
fault:
	return emul_fault_code(c, EMUL_VEC_GP, 0);
}

/*
 * Where the elements of a string instruction are and how many of @total can go
 * at once: all inside the page and the segment, or one.
 */
static int locate(struct strata_emul_ctxt *c, unsigned int seg,
		  unsigned int reg, unsigned int size, unsigned int acc,
		  u64 total, unsigned int *count, u64 *linear)
{
	u64 mask = emul_mask(c->adsize);
	u64 off = c->regs[reg] & mask;
	u64 n, all;
	int rc;

	rc = emul_linearize(c, seg, off, size, acc, linear);
	if (rc)
		return rc;

	n = min_t(u64, total, (4096 - (*linear & 4095)) / size);
	if (acc == EMUL_ACC_READ)
		n = min_t(u64, n, OUTS_MAX / size);
	if (n > 1 && !(c->rflags & (FL_DF | FL_TF)) &&
	    off + n * size - 1 <= mask &&
	    !emul_linearize(c, seg, off, n * size, acc, &all)) {
		rc = c->ops->probe(c, *linear, n * size, acc);
		if (rc == EMUL_CONTINUE)
			*count = n;
		else if (rc == EMUL_IO_NEEDED)
			*count = 1;
		else
			return rc;
		return EMUL_CONTINUE;
	}
	*count = 1;
	rc = c->ops->probe(c, *linear, size, acc);
	return rc == EMUL_IO_NEEDED ? EMUL_CONTINUE : rc;
}

static void advance(struct strata_emul_ctxt *c, unsigned int reg, u64 bytes)
{
	if (c->rflags & FL_DF)
		bytes = -bytes;
	emul_set_addr_reg(c, reg, c->adsize, c->regs[reg] + bytes);
}

static int string_io(struct strata_emul_ctxt *c, bool in, u16 port,
		     unsigned int size)
{
	u64 total = c->rep ? c->regs[EMUL_RCX] & emul_mask(c->adsize) : 1;
	unsigned int count, reg = in ? EMUL_RDI : EMUL_RSI;
	u8 buf[OUTS_MAX];
	const void *data;
	u64 linear;
	int rc;

	if (!total)
		return EMUL_CONTINUE;
	rc = locate(c, in ? EMUL_SEG_ES : c->seg, reg, size,
		    in ? EMUL_ACC_WRITE : EMUL_ACC_READ, total, &count,
		    &linear);
	if (rc)
		return rc;

	if (in) {
		rc = c->ops->pio_in(c, port, size, &count, &data);
		if (!rc)
			rc = c->ops->write(c, linear, data, count * size,
					   EMUL_ACC_WRITE);
	} else {
		rc = c->ops->read(c, linear, buf, count * size, EMUL_ACC_READ);
		if (!rc)
			rc = c->ops->pio_out(c, port, size, &count, buf);
	}
	if (rc)
		return rc;

	advance(c, reg, (u64)count * size);
	if (!c->rep)
		return EMUL_CONTINUE;
	emul_set_addr_reg(c, EMUL_RCX, c->adsize, total - count);
	return total == count ? EMUL_CONTINUE : EMUL_RESTART;
}

/**
 * emul_port_io() - IN, OUT, INS, OUTS
 * @c: context, decoded
 * @op: operation
 *
 * Return: enum strata_emul_rc; #GP(0) without permission for the port
 */
int emul_port_io(struct strata_emul_ctxt *c, unsigned int op)
{
	unsigned int size = min_t(unsigned int, c->opsize, 4), count = 1;
	bool string = op == OP_INS || op == OP_OUTS;
	u16 port = string || (c->opcode & 8) ? c->regs[EMUL_RDX] : c->imm;
	const void *data;
	u64 val = 0;
	int rc;

	rc = check_port(c, port, size);
	if (rc)
		return rc;
	if (string)
		return string_io(c, op == OP_INS, port, size);

	if (op == OP_OUT) {
		val = c->regs[EMUL_RAX] & emul_mask(size);
		return c->ops->pio_out(c, port, size, &count, &val);
	}
	rc = c->ops->pio_in(c, port, size, &count, &data);
	if (rc)
		return rc;
	memcpy(&val, data, size);
	emul_set_reg(c, EMUL_RAX, size, val);
	return EMUL_CONTINUE;
}
