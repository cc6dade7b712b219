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
static unsigned int get_bytes(struct strata_vcpu *vcpu, u64 *bytes)
{
	unsigned int n = vcpu->exit.nr_bytes;
	int idx;

	if (n) {
		bytes[1] = 0;
		memcpy(bytes, vcpu->exit.bytes, sizeof(vcpu->exit.bytes));
		return n;
	}
	idx = srcu_read_lock(&vcpu->vm->srcu);
	n = strata_fetch_cached(vcpu, vcpu->rip, strata_vendor->get_cpl(vcpu), bytes);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return n;
}

/* The instruction, if it is one of ours and agrees with the fault. */
static bool get_mov(struct strata_vcpu *vcpu, struct strata_quick_mov *q)
{
	u32 access = vcpu->exit.fault.access;
	u64 gpa = vcpu->exit.fault.gpa;
	unsigned int n;
	u64 bytes[2];

	if (!(vcpu->efer & EFER_LMA) || !(vcpu->cs_attr & STRATA_CS_L) ||
	    (access & (STRATA_ACC_GUEST_PT | STRATA_ACC_FETCH)))
		return false;
	n = get_bytes(vcpu, bytes);
	if (!n || !strata_quick_mov((u8 *)bytes, vcpu->regs, vcpu->rip, q) || q->len > n)
		return false;
	return q->write == !!(access & STRATA_ACC_WRITE) &&
	       offset_in_page(q->ea) == offset_in_page(gpa) &&
	       offset_in_page(gpa) + q->size <= PAGE_SIZE;
}

/**
 * strata_mmio_quick - try the short way
 * @vcpu: its mutex is held; exit.fault tells
 *
 * Return: STRATA_RESUME, STRATA_USER, or STRATA_NOT_QUICK with nothing done
 */
int strata_mmio_quick(struct strata_vcpu *vcpu)
{
	u64 gpa = vcpu->exit.fault.gpa;
	struct strata_emul_state *st = vcpu->emul;
	struct strata_quick_mov q;
	u64 val = 0;

	if (!get_mov(vcpu, &q))
		return STRATA_NOT_QUICK;

	if (q.write) {
		trace_quick(vcpu, gpa, &q, q.val);
		if (!strata_mmio_write(vcpu, gpa, q.size, &q.val)) {
			strata_complete_insn(vcpu, vcpu->rip + q.len);
			return STRATA_RESUME;
		}
		strata_mmio_ask(vcpu, gpa, q.size, true, q.val);
		strata_complete_insn(vcpu, vcpu->rip + q.len);
		return STRATA_USER;
	}
	if (!strata_mmio_read(vcpu, gpa, q.size, &val)) {
		complete_load(vcpu, gpa, &q, val);
		return STRATA_RESUME;
	}
	strata_mmio_ask(vcpu, gpa, q.size, false, 0);
	st->quick = q;
	st->fault_gpa = gpa;
	st->linear_rip = vcpu->rip;
	vcpu->complete = complete_user_load;
	return STRATA_USER;
}

/**
 * strata_mmio_atomic - the short way to the LAPIC, without sleeping
 * @vcpu: its mutex is held; preemption may be off; no slot is at exit.fault.gpa
 *
 * A guest without x2APIC comes here for every interrupt it sends or ends.
 *
 * Return: STRATA_RESUME, or STRATA_NOT_QUICK with nothing done
 */
int strata_mmio_atomic(struct strata_vcpu *vcpu)
{
	u64 gpa = vcpu->exit.fault.gpa;
	struct strata_quick_mov q;
	u64 val = 0;
	bool ours;

	if (!vcpu->apic || !strata_lapic_owns(vcpu, gpa))
		return STRATA_NOT_QUICK;
	if (vcpu->ev.exc.injected || vcpu->ev.irq.injected || vcpu->ev.nmi_injected)
		return STRATA_NOT_QUICK;
	pagefault_disable();
	ours = get_mov(vcpu, &q);
	pagefault_enable();
	if (!ours)
		return STRATA_NOT_QUICK;

	if (q.write) {
		if (strata_lapic_mmio_write(vcpu, offset_in_page(gpa), q.size, &q.val))
			return STRATA_NOT_QUICK;
		trace_quick(vcpu, gpa, &q, q.val);
		strata_complete_insn(vcpu, vcpu->rip + q.len);
	} else {
		if (strata_lapic_mmio_read(vcpu, offset_in_page(gpa), q.size, &val))
			return STRATA_NOT_QUICK;
		complete_load(vcpu, gpa, &q, val);
	}
	vcpu->exit.id = STRATA_EXIT_MMIO;
	return STRATA_RESUME;
}
