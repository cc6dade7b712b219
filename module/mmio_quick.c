// SPDX-License-Identifier: GPL-2.0
/*
 * The short way for the commonest device access: one MOV in 64-bit mode, its
 * bytes at hand or in the page of the last fetch, its operand in one page.
 *
 * Hardware has translated the operand and checked the access; the nested fault
 * tells where it led. Another vCPU may have changed the bytes since: then what
 * is done is still a read or a write, as the fault says, of a place that this
 * vCPU was allowed to read or write.
 */
#include <linux/uaccess.h>

#include "exit.h"
#include "irqchip/lapic.h"
#include "mmio.h"
#include "trace.h"

/**
 * strata_mmio_ask - KVM_EXIT_MMIO
 * @vcpu: its mutex is held
 * @gpa: guest-physical address
 * @len: 1 to 8
 * @write: it is a write
 * @val: what to write, zero-extended; 0 for a read
 */
void strata_mmio_ask(struct strata_vcpu *vcpu, u64 gpa, unsigned int len, bool write, u64 val)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = write;
	memcpy(run->mmio.data, &val, sizeof(val));
}

static void trace_quick(struct strata_vcpu *vcpu, u64 gpa, const struct strata_quick_mov *q,
			u64 val)
{
	trace_strata_mmio(vcpu->vm->index, vcpu->id, q->write, gpa, q->size, val);
}

static void complete_load(struct strata_vcpu *vcpu, u64 gpa, const struct strata_quick_mov *q,
			  u64 val)
{
	trace_quick(vcpu, gpa, q, val);
	strata_quick_load(vcpu->regs, q, val);
	strata_complete_insn(vcpu, vcpu->rip + q->len);
}

static int complete_user_load(struct strata_vcpu *vcpu)
{
	struct strata_emul_state *st = vcpu->emul;
	u64 val = 0;

	if (strata_linear_rip(vcpu) != st->linear_rip)
		return STRATA_RESUME;
	memcpy(&val, vcpu->run->mmio.data, min_t(unsigned int, st->quick.size, sizeof(val)));
	complete_load(vcpu, st->fault_gpa, &st->quick, val);
	return STRATA_RESUME;
}

/* How many bytes of the instruction came; the rest of the 16 is not its own. */
static __always_inline unsigned int get_bytes(struct strata_vcpu *vcpu, int cpl, u64 *bytes)
{
	unsigned int n = vcpu->exit.nr_bytes;

	if (!n)
		return strata_fetch_cached(vcpu, vcpu->rip, cpl, bytes);
	bytes[1] = 0;
	memcpy(bytes, vcpu->exit.bytes, sizeof(vcpu->exit.bytes));
	return n;
}

/* The same bytes say the same: most accesses come from the same few places. */
static __always_inline const struct strata_quick_form *decode(struct strata_vcpu *vcpu,
							      const u64 *bytes)
{
	struct strata_quick_slot *slot = &vcpu->emul->decoded[vcpu->rip % STRATA_QUICK_SLOTS];

	if (unlikely(slot->bytes[0] != bytes[0] || slot->bytes[1] != bytes[1])) {
		slot->bytes[0] = bytes[0];
		slot->bytes[1] = bytes[1];
		strata_quick_decode((const u8 *)bytes, &slot->form);
	}
	return &slot->form;
}

/*
 * The instruction, if it is one of ours and agrees with the fault. Page faults
 * are off, or vm->srcu is held.
 */
static __always_inline bool get_mov(struct strata_vcpu *vcpu, int cpl, struct strata_quick_mov *q)
{
	u32 access = vcpu->exit.fault.access;
	u64 gpa = vcpu->exit.fault.gpa;
	const struct strata_quick_form *f;
	unsigned int n;
	u64 bytes[2];

	if (access & (STRATA_ACC_GUEST_PT | STRATA_ACC_FETCH))
		return false;
	n = get_bytes(vcpu, cpl, bytes);
	if (!n)
		return false;
	f = decode(vcpu, bytes);
	if (!f->len || f->len > n)
		return false;
	strata_quick_apply(f, vcpu->regs, vcpu->rip, q);
	return q->write == !!(access & STRATA_ACC_WRITE) &&
	       offset_in_page(q->ea) == offset_in_page(gpa) &&
	       offset_in_page(gpa) + q->size <= PAGE_SIZE;
}

/* The device's turn, or user space's. */
static __always_inline int access_device(struct strata_vcpu *vcpu, u64 gpa,
					 const struct strata_quick_mov *q)
{
	struct strata_emul_state *st = vcpu->emul;
	u64 val = 0;

	if (q->write) {
		trace_quick(vcpu, gpa, q, q->val);
		if (!strata_mmio_write(vcpu, gpa, q->size, &q->val)) {
			strata_complete_insn(vcpu, vcpu->rip + q->len);
			return STRATA_RESUME;
		}
		strata_mmio_ask(vcpu, gpa, q->size, true, q->val);
		strata_complete_insn(vcpu, vcpu->rip + q->len);
		return STRATA_USER;
	}
	if (!strata_mmio_read(vcpu, gpa, q->size, &val)) {
		complete_load(vcpu, gpa, q, val);
		return STRATA_RESUME;
	}
	strata_mmio_ask(vcpu, gpa, q->size, false, 0);
	st->quick = *q;
	st->fault_gpa = gpa;
	st->linear_rip = vcpu->rip;
	vcpu->complete = complete_user_load;
	return STRATA_USER;
}

/**
 * strata_mmio_quick - try the short way
 * @vcpu: its mutex is held; exit.fault tells
 *
 * Return: STRATA_RESUME, STRATA_USER, or STRATA_NOT_QUICK with nothing done
 */
int strata_mmio_quick(struct strata_vcpu *vcpu)
{
	struct strata_quick_mov q;
	bool ours;
	int idx;

	if (!strata_is_long_code(vcpu))
		return STRATA_NOT_QUICK;
	idx = srcu_read_lock(&vcpu->vm->srcu);
	ours = get_mov(vcpu, strata_vendor->get_cpl(vcpu), &q);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return ours ? access_device(vcpu, vcpu->exit.fault.gpa, &q) : STRATA_NOT_QUICK;
}

/**
 * strata_mmio_window - the short way with interrupts off
 * @vcpu: in a window, 64-bit code; no slot is at exit.fault.gpa
 * @cpl: its privilege level
 *
 * A guest without x2APIC comes here for every interrupt it sends or ends.
 * vm->srcu need not be held: who takes a slot away waits for the vCPUs that
 * are in guest mode, and this one still counts as such.
 *
 * Return: STRATA_RESUME, STRATA_USER, or STRATA_NOT_QUICK with nothing done
 */
int strata_mmio_window(struct strata_vcpu *vcpu, int cpl)
{
	const struct strata_exit *e = &vcpu->exit;
	struct strata_quick_mov q;
	bool ours;

	lockdep_assert_irqs_disabled();
	/* An event on its way finds no memory there: exit_nested_fault() tells. */
	if (vcpu->ev.exc.injected || vcpu->ev.irq.injected || vcpu->ev.nmi_injected)
		return STRATA_NOT_QUICK;
	pagefault_disable();
	ours = get_mov(vcpu, cpl, &q);
	pagefault_enable();
	if (!ours)
		return STRATA_NOT_QUICK;
	/* The destination may be all: the guest wrote it before. */
	if (unlikely(READ_ONCE(vcpu->vm->nr_vcpus) > LAPIC_FEW) && q.write &&
	    offset_in_page(e->fault.gpa) == LAPIC_ICR && strata_lapic_owns(vcpu, e->fault.gpa))
		return STRATA_NOT_QUICK;
	strata_trace_fault(vcpu, STRATA_MMIO);
	vcpu->exit.id = STRATA_EXIT_MMIO;
	return access_device(vcpu, e->fault.gpa, &q);
}
