// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator in its vCPU: memory, devices, exits to user space.
 *
 * A nested fault that hits no slot, or a write to a read-only one, is an access
 * to a device. The instruction is fetched, decoded and executed here. Memory
 * is reached through user space's mapping, devices in the kernel through the
 * bus, and what nobody takes becomes KVM_EXIT_MMIO in pieces of 8 bytes at most.
 *
 * Reads: the instruction stops before anything changed, user space answers, and
 * the instruction is run again with the answer at hand. Answers are consumed in
 * their order, each checked against address and length; one that does not fit,
 * because user space changed registers meanwhile, is dropped with all later ones.
 * Reads of devices in the kernel join that list, so that none happens twice.
 *
 * Writes: an instruction writes memory last, and once. It is complete when its
 * writes are queued; user space then does them one after the other.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "exit.h"
#include "mmio.h"
#include "trace.h"

/* ---- where operands are ---- */

/**
 * struct span - part of an operand inside one page
 * @gpa: guest-physical address
 * @hva: host address, or 0 where a device is
 * @len: bytes
 */
struct span {
	u64 gpa;
	unsigned long hva;
	unsigned int len;
};

static int translate(struct strata_emul_ctxt *c, u64 linear, unsigned int acc, u64 *gpa)
{
	struct strata_emul_state *st = strata_emul_state(c);
	struct strata_gpwalk_result res;
	u32 access = 0;
	int rc;

	/* Hardware has translated this one, with all its checks. */
	if (st->fault_known && offset_in_page(linear) == offset_in_page(st->fault_gpa)) {
		*gpa = st->fault_gpa;
		return EMUL_CONTINUE;
	}
	if (acc & EMUL_ACC_WRITE)
		access |= STRATA_ACC_WRITE;
	if (acc & EMUL_ACC_SYSTEM)
		access |= STRATA_ACC_IMPLICIT;
	else if (c->cpl == 3)
		access |= STRATA_ACC_USER;
	rc = strata_walk(st->vcpu, linear, access, &res);
	if (rc)
		return strata_emul_page_fault(c, linear, rc, res.error_code);
	*gpa = res.gpa;
	return EMUL_CONTINUE;
}

/*
 * Both pages are translated before either is touched. A read-only slot is
 * memory for reads and a device for writes: @store tells which it is, @acc what
 * the guest's tables must allow. Returns the number of spans, or minus an
 * enum strata_emul_rc.
 */
static int resolve(struct strata_emul_ctxt *c, u64 linear, unsigned int len, unsigned int acc,
		   bool store, struct span *span)
{
	struct strata_vm *vm = strata_emul_state(c)->vcpu->vm;
	int n = 0, rc;

	do {
		struct span *s = &span[n++];
		bool writable;

		s->len = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(linear));
		rc = translate(c, linear, acc, &s->gpa);
		if (unlikely(rc))
			return -rc;
		s->hva = strata_gfn_to_hva(vm, s->gpa >> PAGE_SHIFT, &writable);
		if (s->hva && store && !writable)
			s->hva = 0;
		if (s->hva)
			s->hva += offset_in_page(s->gpa);
		linear += s->len;
		if (c->mode != EMUL_LONG)
			linear = (u32)linear;
		len -= s->len;
	} while (unlikely(len));
	return n;
}

/* ---- devices ---- */

static void trace_access(struct strata_vcpu *vcpu, bool write, const struct strata_frag *f)
{
	trace_strata_mmio(vcpu->vm->index, vcpu->id, write, f->gpa, f->len, f->val);
}

static int device_read(struct strata_emul_state *st, u64 gpa, void *buf, unsigned int len)
{
	struct strata_vcpu *vcpu = st->vcpu;
	struct strata_frag *f;

	if (st->pos >= STRATA_MAX_FRAGS)
		return EMUL_UNHANDLED;
	f = &st->reads[st->pos];
	if (st->pos == st->nr_reads || f->gpa != gpa || f->len != len) {
		st->nr_reads = st->pos;
		f->gpa = gpa;
		f->len = len;
		f->val = 0;
		if (strata_mmio_read(vcpu, gpa, len, &f->val)) {
			strata_mmio_ask(vcpu, gpa, len, false, 0);
			return EMUL_IO_NEEDED;
		}
		st->nr_reads++;
		trace_access(vcpu, false, f);
	}
	memcpy(buf, &f->val, len);
	st->pos++;
	/* the answers are those of one iteration */
	st->c.stop_rep = true;
	return EMUL_CONTINUE;
}

static int device_write(struct strata_emul_state *st, u64 gpa, const void *buf, unsigned int len)
{
	struct strata_frag *f;

	if (st->nr_writes >= STRATA_MAX_FRAGS)
		return EMUL_UNHANDLED;
	f = &st->writes[st->nr_writes];
	f->gpa = gpa;
	f->len = len;
	f->val = 0;
	memcpy(&f->val, buf, len);
	trace_access(st->vcpu, true, f);
	if (!strata_mmio_write(st->vcpu, gpa, len, &f->val))
		return EMUL_CONTINUE;
	st->nr_writes++;
	st->c.stop_rep = true;
	return EMUL_CONTINUE;
}

static int span_read(struct strata_emul_state *st, const struct span *s, void *buf)
{
	unsigned int done, n;
	int rc;

	/* What was begun as a device access ends so, though a slot came since. */
	if (s->hva && !(st->pos < st->nr_reads && st->reads[st->pos].gpa == s->gpa))
		return __copy_from_user(buf, (void __user *)s->hva, s->len) ? EMUL_UNHANDLED :
									      EMUL_CONTINUE;
	for (done = 0; done < s->len; done += n) {
		n = min(s->len - done, 8u);
		rc = device_read(st, s->gpa + done, buf + done, n);
		if (unlikely(rc))
			return rc;
	}
	return EMUL_CONTINUE;
}

static int span_write(struct strata_emul_state *st, const struct span *s, const void *buf)
{
	unsigned int done, n;
	int rc;

	if (s->hva)
		return strata_write_guest(st->vcpu->vm, s->gpa, buf, s->len) ? EMUL_UNHANDLED :
									       EMUL_CONTINUE;
	for (done = 0; done < s->len; done += n) {
		n = min(s->len - done, 8u);
		rc = device_write(st, s->gpa + done, buf + done, n);
		if (unlikely(rc))
			return rc;
	}
	return EMUL_CONTINUE;
}

/* ---- the emulator's operations; vm->srcu held ---- */

static int op_read(struct strata_emul_ctxt *c, u64 linear, void *buf, unsigned int len,
		   unsigned int acc)
{
	struct strata_emul_state *st = strata_emul_state(c);
	struct span span[2];
	int i, n, rc;

	n = resolve(c, linear, len, acc, false, span);
	if (n <= 0)
		return -n;
	for (i = 0; i < n; i++) {
		rc = span_read(st, &span[i], buf);
		if (unlikely(rc))
			return rc;
		buf += span[i].len;
	}
	return EMUL_CONTINUE;
}

static int op_write(struct strata_emul_ctxt *c, u64 linear, const void *buf, unsigned int len,
		    unsigned int acc)
{
	struct strata_emul_state *st = strata_emul_state(c);
	struct span span[2];
	int i, n, rc;

	n = resolve(c, linear, len, acc, true, span);
	if (n <= 0)
		return -n;
	for (i = 0; i < n; i++) {
		rc = span_write(st, &span[i], buf);
		if (unlikely(rc))
			return rc;
		buf += span[i].len;
	}
	return EMUL_CONTINUE;
}

static int op_cmpxchg(struct strata_emul_ctxt *c, u64 linear, const void *old, const void *new,
		      unsigned int len, unsigned int acc)
{
	struct strata_emul_state *st = strata_emul_state(c);
	struct span span[2];
	u8 seen[16];
	int n;

	/* a split lock is not worth stopping all other vCPUs */
	if (linear & (len - 1))
		return op_write(c, linear, new, len, acc);
	n = resolve(c, linear, len, acc, true, span);
	if (n <= 0)
		return -n;
	if (!span[0].hva)
		return span_write(st, &span[0], new);
	memcpy(seen, old, len);
	switch (strata_cmpxchg_guest(st->vcpu->vm, span[0].gpa, seen, new, len)) {
	case 0:
		return EMUL_CONTINUE;
	case 1:
		return EMUL_RETRY;
	default:
		return EMUL_UNHANDLED;
	}
}

static int op_probe(struct strata_emul_ctxt *c, u64 linear, unsigned int len, unsigned int acc)
{
	struct span span[2];
	int i, n;

	n = resolve(c, linear, len, acc, acc & EMUL_ACC_WRITE, span);
	if (n <= 0)
		return -n;
	for (i = 0; i < n; i++)
		if (!span[i].hva)
			return EMUL_IO_NEEDED;
	return EMUL_CONTINUE;
}

static void op_get_segment(struct strata_emul_ctxt *c, unsigned int seg, struct kvm_segment *var)
{
	strata_vendor->get_segment(strata_emul_state(c)->vcpu, seg, var);
}

static int op_set_segment(struct strata_emul_ctxt *c, unsigned int seg,
			  const struct kvm_segment *var)
{
	strata_vendor->set_segment(strata_emul_state(c)->vcpu, seg, var);
	return EMUL_CONTINUE;
}

static void op_get_dtable(struct strata_emul_ctxt *c, bool idt, u64 *base, u32 *limit)
{
	struct kvm_dtable dt;

	strata_vendor->get_dtable(strata_emul_state(c)->vcpu, idt, &dt);
	*base = dt.base;
	*limit = dt.limit;
}

static void op_set_dtable(struct strata_emul_ctxt *c, bool idt, u64 base, u16 limit)
{
	struct kvm_dtable dt = { .base = base, .limit = limit };

	strata_vendor->set_dtable(strata_emul_state(c)->vcpu, idt, &dt);
}

static void op_unmask_nmi(struct strata_emul_ctxt *c)
{
	struct strata_vcpu *vcpu = strata_emul_state(c)->vcpu;

	vcpu->ev.nmi_masked = false;
	strata_set_request(vcpu, STRATA_REQ_EVENT);
}

static int op_lmsw(struct strata_emul_ctxt *c, u16 value)
{
	struct strata_vcpu *vcpu = strata_emul_state(c)->vcpu;

	strata_vendor->sync_crs(vcpu);
	if (!strata_guest_set_cr0(vcpu, strata_lmsw(vcpu->cr0, value)))
		return EMUL_CONTINUE;
	c->exception = (struct strata_emul_exception){
		.vector = X86_TRAP_GP, .has_error = strata_is_protmode(vcpu),
	};
	return EMUL_FAULT;
}

static void op_read_xmm(struct strata_emul_ctxt *c, unsigned int nr, void *val)
{
	strata_fpu_read_xmm(strata_emul_state(c)->vcpu, nr, val);
}

static void op_write_xmm(struct strata_emul_ctxt *c, unsigned int nr, const void *val)
{
	strata_fpu_write_xmm(strata_emul_state(c)->vcpu, nr, val);
}

static void op_get_x87(struct strata_emul_ctxt *c, u16 *fcw, u16 *fsw)
{
	strata_fpu_get_x87(strata_emul_state(c)->vcpu, fcw, fsw);
}

static void op_read_mm(struct strata_emul_ctxt *c, unsigned int nr, u64 *val)
{
	strata_fpu_read_mm(strata_emul_state(c)->vcpu, nr, val);
}

static void op_write_mm(struct strata_emul_ctxt *c, unsigned int nr, const u64 *val)
{
	strata_fpu_write_mm(strata_emul_state(c)->vcpu, nr, val);
}

static const struct strata_emul_ops emul_ops = {
	.fetch = strata_emul_fetch,
	.read = op_read,
	.write = op_write,
	.cas = op_cmpxchg,
	.probe = op_probe,
	.pio_in = strata_emul_pio_in,
	.pio_out = strata_emul_pio_out,
	.get_segment = op_get_segment,
	.set_segment = op_set_segment,
	.get_dtable = op_get_dtable,
	.set_dtable = op_set_dtable,
	.unmask_nmi = op_unmask_nmi,
	.lmsw = op_lmsw,
	.read_xmm = op_read_xmm,
	.write_xmm = op_write_xmm,
	.get_x87 = op_get_x87,
	.read_mm = op_read_mm,
	.write_mm = op_write_mm,
};

/* ---- running an instruction ---- */

static int emulate(struct strata_vcpu *vcpu);

static void forget(struct strata_emul_state *st)
{
	st->nr_reads = 0;
	st->nr_writes = 0;
	st->fault_known = false;
	st->pio.asked = false;
	st->pio.done = false;
}

/* User space is told of the next write, until there is none. */
static int next_write(struct strata_vcpu *vcpu)
{
	struct strata_emul_state *st = vcpu->emul;
	const struct strata_frag *f;

	if (st->next_write >= st->nr_writes) {
		st->nr_writes = 0;
		return STRATA_RESUME;
	}
	f = &st->writes[st->next_write++];
	strata_mmio_ask(vcpu, f->gpa, f->len, true, f->val);
	vcpu->complete = next_write;
	return STRATA_USER;
}

static int complete_mmio_read(struct strata_vcpu *vcpu)
{
	struct strata_emul_state *st = vcpu->emul;
	struct strata_frag *f = &st->reads[st->nr_reads];

	if (strata_linear_rip(vcpu) != st->linear_rip) {
		forget(st);
		return STRATA_RESUME;
	}
	f->val = 0;
	memcpy(&f->val, vcpu->run->mmio.data, f->len);
	st->nr_reads++;
	trace_access(vcpu, false, f);
	return emulate(vcpu);
}

static int complete_pio(struct strata_vcpu *vcpu)
{
	struct strata_emul_state *st = vcpu->emul;

	if (strata_linear_rip(vcpu) != st->linear_rip) {
		forget(st);
		return STRATA_RESUME;
	}
	st->pio.asked = false;
	st->pio.done = true;
	return emulate(vcpu);
}

static void queue_fault(struct strata_vcpu *vcpu, const struct strata_emul_exception *e)
{
	if (e->vector == X86_TRAP_PF)
		strata_queue_page_fault(vcpu, e->cr2, e->error_code);
	else if (e->has_error)
		strata_queue_exception_e(vcpu, e->vector, e->error_code);
	else
		strata_queue_exception(vcpu, e->vector);
}

/* The flags of an instruction that is not complete: a step of the vendor's goes on. */
static void set_rflags(struct strata_vcpu *vcpu, u64 rflags)
{
	vcpu->rflags = rflags | (vcpu->rflags & X86_EFLAGS_TF);
}

/* What an execution leads to. */
static int finish(struct strata_vcpu *vcpu, int rc)
{
	struct strata_emul_state *st = vcpu->emul;
	struct strata_emul_ctxt *c = &st->c;
	unsigned int writes = st->nr_writes;

	switch (rc) {
	case EMUL_CONTINUE:
	case EMUL_RESTART:
		/* the flags before the instruction decide on the single step */
		strata_complete_insn(vcpu, c->rip);
		vcpu->rflags = c->rflags;
		if (unlikely(c->mov_ss))
			strata_vendor->set_shadow(vcpu, KVM_X86_SHADOW_INT_MOV_SS);
		forget(st);
		if (!writes)
			return STRATA_RESUME;
		st->nr_writes = writes;
		st->next_write = 0;
		return next_write(vcpu);
	case EMUL_IO_NEEDED:
		/* iterations of REP before this one stay done */
		set_rflags(vcpu, c->rflags);
		st->nr_writes = 0;
		st->linear_rip = strata_linear_rip(vcpu);
		vcpu->complete = st->pio.asked ? complete_pio : complete_mmio_read;
		return STRATA_USER;
	case EMUL_FAULT:
		set_rflags(vcpu, c->rflags);
		forget(st);
		queue_fault(vcpu, &c->exception);
		return STRATA_RESUME;
	case EMUL_UNHANDLED:
		forget(st);
		return strata_emulation_failed(vcpu, c->insn, c->insn_len);
	default:
		forget(st);
		return STRATA_RESUME;
	}
}

/* c->insn holds what is known of the instruction's bytes. */
static int emulate(struct strata_vcpu *vcpu)
{
	struct strata_emul_state *st = vcpu->emul;
	struct strata_emul_ctxt *c = &st->c;
	bool write;
	int idx, rc;

	strata_vendor->sync_crs(vcpu);
	c->rip = vcpu->rip;
	c->rflags = strata_vendor->get_rflags(vcpu);
	c->cr0 = vcpu->cr0;
	c->cr4 = vcpu->cr4;
	c->mode = strata_emul_mode(vcpu->cr0, vcpu->efer & EFER_LMA, vcpu->rflags,
				   vcpu->cs_attr & STRATA_CS_L, vcpu->cs_attr & STRATA_CS_DB);
	c->cpl = strata_vendor->get_cpl(vcpu);
	c->va_bits = vcpu->cr4 & X86_CR4_LA57 ? 57 : 48;
	c->lma = vcpu->efer & EFER_LMA;
	c->stop_rep = false;
	st->pos = 0;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	rc = strata_emul_decode(c);
	if (likely(!rc)) {
		if (st->fault_known)
			st->fault_known = strata_emul_is_plain_mov(c, &write) &&
					  write == !!(vcpu->exit.fault.access & STRATA_ACC_WRITE);
		rc = strata_emul_execute(c);
	}
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return finish(vcpu, rc);
}

/* A new instruction: a half-done one is gone, by a reset for instance. */
static void begin(struct strata_vcpu *vcpu)
{
	struct strata_emul_ctxt *c = &vcpu->emul->c;

	forget(vcpu->emul);
	c->insn_len = min_t(unsigned int, vcpu->exit.nr_bytes, EMUL_MAX_INSN);
	memcpy(c->insn, vcpu->exit.bytes, sizeof(vcpu->exit.bytes));
}

/**
 * strata_emulate_mmio - emulate the instruction that touched a device
 * @vcpu: its mutex is held; exit.fault tells; may sleep
 *
 * Return: STRATA_RESUME or STRATA_USER
 */
int strata_emulate_mmio(struct strata_vcpu *vcpu)
{
	struct strata_emul_state *st = vcpu->emul;
	int ret;

	ret = strata_mmio_quick(vcpu);
	if (likely(ret != STRATA_NOT_QUICK))
		return ret;
	begin(vcpu);
	st->fault_gpa = vcpu->exit.fault.gpa;
	st->fault_known = !(vcpu->exit.fault.access & (STRATA_ACC_GUEST_PT | STRATA_ACC_FETCH));
	return emulate(vcpu);
}

/**
 * strata_emulate_pio_string - emulate INS or OUTS
 * @vcpu: its mutex is held; may sleep
 *
 * Return: STRATA_RESUME or STRATA_USER
 */
int strata_emulate_pio_string(struct strata_vcpu *vcpu)
{
	return strata_emulate_insn(vcpu);
}

/**
 * strata_emulate_insn - emulate the instruction at RIP
 * @vcpu: its mutex is held; may sleep
 *
 * Return: STRATA_RESUME or STRATA_USER
 */
int strata_emulate_insn(struct strata_vcpu *vcpu)
{
	begin(vcpu);
	return emulate(vcpu);
}

/**
 * strata_emul_create - what a vCPU needs for emulation
 * @vcpu: being created
 *
 * Return: 0 or -ENOMEM
 */
int strata_emul_create(struct strata_vcpu *vcpu)
{
	struct strata_emul_state *st = kzalloc(sizeof(*st), GFP_KERNEL_ACCOUNT);
	int i;

	if (!st)
		return -ENOMEM;
	st->vcpu = vcpu;
	st->c.ops = &emul_ops;
	st->c.regs = vcpu->regs;
	st->c.tzcnt = boot_cpu_has(X86_FEATURE_BMI1);
	st->c.lzcnt = boot_cpu_has(X86_FEATURE_ABM);
	for (i = 0; i < STRATA_FETCH_PAGES; i++)
		st->fetch[i].page = ~0ull;
	vcpu->emul = st;
	return 0;
}

/**
 * strata_emul_destroy - the end of strata_emul_create()
 * @vcpu: being destroyed
 */
void strata_emul_destroy(struct strata_vcpu *vcpu)
{
	kfree(vcpu->emul);
	vcpu->emul = NULL;
}
