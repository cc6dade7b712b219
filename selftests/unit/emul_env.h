/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small machine around the emulator: memory that is one array starting at
 * ENV_BASE, segments, XMM registers, a page that faults, a device page, ports.
 */
#ifndef EMUL_ENV_H
#define EMUL_ENV_H

#include <stdlib.h>
#include "emulate.h"

#define ENV_BASE	0x21000000ull
#define ENV_SIZE	0x10000u
#define ENV_CODE	(ENV_BASE + 0x1000)

/* Pages of the array with a behaviour of their own. */
#define ENV_FAULT_PAGE	(ENV_BASE + 0x8000)	/* page fault */
#define ENV_DEV_PAGE	(ENV_BASE + 0xa000)	/* a device: asks for user space */
#define ENV_RO_PAGE	(ENV_BASE + 0xc000)	/* writes fault */

struct env {
	struct strata_emul_ctxt c;
	unsigned long regs[16];
	u8 mem[ENV_SIZE];
	u64 xmm[16][2];
	struct kvm_segment seg[8];
	u64 gdt_base;
	u32 gdt_limit;
	u64 idt_base;
	u32 idt_limit;
	u64 mm[8];
	u16 fcw, fsw;
	unsigned int mmx_ends;		/* writes, and reads, of MMX registers */
	unsigned int nmi_ends;

	/* memory outside the array is the array too: real mode needs it */
	u64 alias;

	/* the device: an answer is there once io_ready */
	bool io_ready;
	u64 dev_value;
	unsigned int dev_reads, dev_writes;
	u64 dev_written;

	/* ports */
	u16 port;
	unsigned int port_size, port_count, port_avail;
	u8 port_data[4096];
	u8 port_out[4096];
	unsigned int ins, outs;

	/* what the emulator did */
	unsigned int fetched;		/* bytes */
	unsigned int reads, writes, exchanges, probes;
	bool cmpxchg_fails;
};

static inline struct env *env_of(struct strata_emul_ctxt *c)
{
	return (struct env *)((char *)c - offsetof(struct env, c));
}

static u8 *env_ptr(struct env *e, u64 linear, unsigned int len)
{
	u64 off = linear - e->alias;

	if (off >= ENV_SIZE || off + len > ENV_SIZE)
		return NULL;
	return e->mem + off;
}

static bool env_touches(struct env *e, u64 linear, unsigned int len, u64 page)
{
	u64 off = linear - e->alias, p = page - ENV_BASE;

	return off < p + 4096 && off + len > p;
}

static int env_pf(struct env *e, u64 linear, unsigned int len, u32 code)
{
	struct strata_emul_exception *x = &e->c.exception;

	x->vector = 14;
	x->has_error = true;
	x->error_code = code;
	x->cr2 = linear;
	if ((linear & ~4095ull) != ((linear + len - 1) & ~4095ull) &&
	    !env_touches(e, linear, 1, ENV_FAULT_PAGE))
		x->cr2 = (linear + len - 1) & ~4095ull;
	return EMUL_FAULT;
}

static int env_check(struct env *e, u64 linear, unsigned int len, bool write)
{
	if (env_touches(e, linear, len, ENV_FAULT_PAGE))
		return env_pf(e, linear, len, write ? 2 : 0);
	if (write && env_touches(e, linear, len, ENV_RO_PAGE))
		return env_pf(e, linear, len, 3);
	return env_ptr(e, linear, len) ? EMUL_CONTINUE : EMUL_UNHANDLED;
}

static int env_fetch(struct strata_emul_ctxt *c, u64 linear, void *buf,
		     unsigned int len)
{
	struct env *e = env_of(c);
	int rc = env_check(e, linear, len, false);

	/* the contract: inside one page, never past the 15th byte */
	if (len == 0 || c->insn_len + len > EMUL_MAX_INSN ||
	    (linear & 4095) + len > 4096)
		abort();
	if (rc)
		return rc;
	memcpy(buf, env_ptr(e, linear, len), len);
	e->fetched += len;
	return EMUL_CONTINUE;
}

static int env_read(struct strata_emul_ctxt *c, u64 linear, void *buf,
		    unsigned int len, unsigned int acc)
{
	struct env *e = env_of(c);
	int rc = env_check(e, linear, len, acc & EMUL_ACC_WRITE);

	if (rc)
		return rc;
	e->reads++;
	if (env_touches(e, linear, len, ENV_DEV_PAGE)) {
		if (!e->io_ready)
			return EMUL_IO_NEEDED;
		memset(buf, 0, len);
		memcpy(buf, &e->dev_value, len > 8 ? 8 : len);
		e->dev_reads++;
		return EMUL_CONTINUE;
	}
	memcpy(buf, env_ptr(e, linear, len), len);
	return EMUL_CONTINUE;
}

static int env_write(struct strata_emul_ctxt *c, u64 linear, const void *buf,
		     unsigned int len, unsigned int acc)
{
	struct env *e = env_of(c);
	int rc = env_check(e, linear, len, true);

	if (rc)
		return rc;
	if (!(acc & EMUL_ACC_WRITE))
		abort();
	e->writes++;
	if (env_touches(e, linear, len, ENV_DEV_PAGE)) {
		e->dev_writes++;
		e->dev_written = 0;
		memcpy(&e->dev_written, buf, len > 8 ? 8 : len);
		c->stop_rep = true;
		return EMUL_CONTINUE;
	}
	memcpy(env_ptr(e, linear, len), buf, len);
	return EMUL_CONTINUE;
}

static int env_cmpxchg(struct strata_emul_ctxt *c, u64 linear, const void *old,
		       const void *new, unsigned int len, unsigned int acc)
{
	struct env *e = env_of(c);
	int rc = env_check(e, linear, len, true);

	if (rc)
		return rc;
	e->exchanges++;
	if (env_touches(e, linear, len, ENV_DEV_PAGE))
		return env_write(c, linear, new, len, acc);
	if (e->cmpxchg_fails || memcmp(env_ptr(e, linear, len), old, len))
		return EMUL_RETRY;
	memcpy(env_ptr(e, linear, len), new, len);
	return EMUL_CONTINUE;
}

static int env_probe(struct strata_emul_ctxt *c, u64 linear, unsigned int len,
		     unsigned int acc)
{
	struct env *e = env_of(c);
	int rc = env_check(e, linear, len, acc & EMUL_ACC_WRITE);

	e->probes++;
	if (!rc && env_touches(e, linear, len, ENV_DEV_PAGE))
		return EMUL_IO_NEEDED;
	return rc;
}

static int env_pio_in(struct strata_emul_ctxt *c, u16 port, unsigned int size,
		      unsigned int *count, const void **data)
{
	struct env *e = env_of(c);

	e->port = port;
	e->port_size = size;
	e->port_count = *count;
	if (!e->io_ready)
		return EMUL_IO_NEEDED;
	if (*count > e->port_avail)
		*count = e->port_avail;
	*data = e->port_data;
	e->ins++;
	return EMUL_CONTINUE;
}

static int env_pio_out(struct strata_emul_ctxt *c, u16 port, unsigned int size,
		       unsigned int *count, const void *data)
{
	struct env *e = env_of(c);

	e->port = port;
	e->port_size = size;
	e->port_count = *count;
	if (!e->io_ready)
		return EMUL_IO_NEEDED;
	if (*count > e->port_avail)
		*count = e->port_avail;
	memcpy(e->port_out, data, *count * size);
	e->outs++;
	return EMUL_CONTINUE;
}

static void env_get_segment(struct strata_emul_ctxt *c, unsigned int seg,
			    struct kvm_segment *var)
{
	*var = env_of(c)->seg[seg];
}

static int env_set_segment(struct strata_emul_ctxt *c, unsigned int seg,
			   const struct kvm_segment *var)
{
	env_of(c)->seg[seg] = *var;
	return EMUL_CONTINUE;
}

static void env_get_dtable(struct strata_emul_ctxt *c, bool idt, u64 *base, u32 *limit)
{
	struct env *e = env_of(c);

	*base = idt ? e->idt_base : e->gdt_base;
	*limit = idt ? e->idt_limit : e->gdt_limit;
}

static void env_set_dtable(struct strata_emul_ctxt *c, bool idt, u64 base, u16 limit)
{
	struct env *e = env_of(c);

	*(idt ? &e->idt_base : &e->gdt_base) = base;
	*(idt ? &e->idt_limit : &e->gdt_limit) = limit;
}

static void env_unmask_nmi(struct strata_emul_ctxt *c)
{
	env_of(c)->nmi_ends++;
}

static void env_get_x87(struct strata_emul_ctxt *c, u16 *fcw, u16 *fsw)
{
	*fcw = env_of(c)->fcw;
	*fsw = env_of(c)->fsw;
}

static void env_read_mm(struct strata_emul_ctxt *c, unsigned int nr, u64 *val)
{
	*val = env_of(c)->mm[nr];
}

static void env_write_mm(struct strata_emul_ctxt *c, unsigned int nr, const u64 *val)
{
	env_of(c)->mmx_ends++;
	if (val)
		env_of(c)->mm[nr] = *val;
}

static int env_lmsw(struct strata_emul_ctxt *c, u16 value)
{
	c->cr0 = (c->cr0 & ~0xeull) | (value & 0xf);
	return EMUL_CONTINUE;
}

static void env_read_xmm(struct strata_emul_ctxt *c, unsigned int nr, void *val)
{
	memcpy(val, env_of(c)->xmm[nr], 16);
}

static void env_write_xmm(struct strata_emul_ctxt *c, unsigned int nr,
			  const void *val)
{
	memcpy(env_of(c)->xmm[nr], val, 16);
}

static const struct strata_emul_ops env_ops = {
	.fetch = env_fetch,
	.read = env_read,
	.write = env_write,
	.cas = env_cmpxchg,
	.probe = env_probe,
	.pio_in = env_pio_in,
	.pio_out = env_pio_out,
	.get_segment = env_get_segment,
	.set_segment = env_set_segment,
	.get_dtable = env_get_dtable,
	.set_dtable = env_set_dtable,
	.unmask_nmi = env_unmask_nmi,
	.lmsw = env_lmsw,
	.read_xmm = env_read_xmm,
	.write_xmm = env_write_xmm,
	.get_x87 = env_get_x87,
	.read_mm = env_read_mm,
	.write_mm = env_write_mm,
};

/* A machine in @mode with flat segments (in real mode: base 0 of the alias). */
__attribute__((unused))
static void env_init(struct env *e, unsigned int mode)
{
	struct strata_emul_ctxt *c = &e->c;
	bool real = mode <= EMUL_VM86;
	unsigned int i;

	memset(e, 0, sizeof(*e));
	/* what the contract does not ask the caller to set is poisoned */
	memset(c, 0xa5, sizeof(*c));
	c->ops = &env_ops;
	c->regs = e->regs;
	c->mode = mode;
	c->cpl = mode == EMUL_VM86 ? 3 : 0;
	c->va_bits = 48;
	c->lma = mode == EMUL_LONG;
	c->tzcnt = false;
	c->lzcnt = false;
	c->insn_len = 0;
	c->stop_rep = false;
	c->rflags = 2;
	c->cr0 = 0x80050033;
	c->cr4 = 0x6f0;
	e->alias = real ? 0 : ENV_BASE;
	c->rip = real ? 0x1000 : ENV_CODE;
	for (i = 0; i < 6; i++) {
		e->seg[i].limit = real ? 0xffff : 0xffffffff;
		e->seg[i].type = i == EMUL_SEG_CS ? 11 : 3;
		e->seg[i].s = 1;
		e->seg[i].present = 1;
		e->seg[i].db = mode == EMUL_PROT32;
		e->seg[i].selector = real ? 0 : (i + 1) * 8;
	}
	e->seg[EMUL_SEG_CS].l = mode == EMUL_LONG;
	e->port_avail = 4096;
}

__attribute__((unused))
static void env_code(struct env *e, const u8 *bytes, unsigned int len)
{
	memcpy(env_ptr(e, e->c.rip, len), bytes, len);
}

#endif /* EMUL_ENV_H */
