// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC: what is requested, what is in service, what comes next.
 *
 * A vector arrives from anywhere by one atomic bit; the vCPU's own thread
 * does all the rest. SDM volume 3 chapter 11, APM volume 2 chapter 16.
 */
#include <linux/bitops.h>
#include <linux/slab.h>

#include <asm/kvm_para.h>

#include "lapic.h"
#include "../trace.h"

/**
 * strata_lapic_accept - a vector arrives
 * @apic: any vCPU's
 * @vector: 0-255; below 16 is an error that the ESR shows
 * @level: level triggered: its EOI goes to the IOAPIC
 *
 * Any context. Return: 1 when delivered, 0 when it waits already or the LAPIC
 * does not listen.
 */
int strata_lapic_accept(struct strata_lapic *apic, u8 vector, bool level)
{
	if (unlikely(!strata_lapic_enabled(apic)))
		return 0;
	if (unlikely(vector < 16)) {
		strata_lapic_error(apic, LAPIC_ERR_RECV_ILLEGAL);
		return 0;
	}
	if (test_bit(vector, apic->tmr) != level)
		change_bit(vector, apic->tmr);
	if (test_and_set_bit(vector, apic->irr))
		return 0;
	trace_strata_irq(apic->vcpu->vm->index, apic->vcpu->id, vector, level);
	strata_request_kick(apic->vcpu, STRATA_REQ_EVENT);
	return 1;
}

/* An edge from the vCPU to itself needs no kick: its thread is here. */
int strata_lapic_accept_self(struct strata_lapic *apic, u8 vector)
{
	if (unlikely(!strata_lapic_enabled(apic)))
		return 0;
	if (unlikely(test_bit(vector, apic->tmr)))
		clear_bit(vector, apic->tmr);
	if (test_and_set_bit(vector, apic->irr))
		return 0;
	trace_strata_irq(apic->vcpu->vm->index, apic->vcpu->id, vector, false);
	strata_set_request(apic->vcpu, STRATA_REQ_EVENT);
	return 1;
}

/**
 * strata_lapic_local - a local interrupt source fires
 * @apic: any vCPU's
 * @lvt: which one
 *
 * Any context. Return: true when the guest was told something new.
 */
bool strata_lapic_local(struct strata_lapic *apic, enum lapic_lvt lvt)
{
	u32 entry = READ_ONCE(apic->lvt[lvt]);

	if ((entry & LAPIC_LVT_MASKED) || READ_ONCE(apic->mode) == LAPIC_OFF)
		return false;
	/* Timer and error have no delivery mode; their field is always 0. */
	switch (LAPIC_LVT_MODE(entry)) {
	case STRATA_DM_FIXED:
		return strata_lapic_accept(apic, entry, false) > 0;
	case STRATA_DM_NMI:
		strata_queue_nmi(apic->vcpu);
		return true;
	default:
		return false;
	}
}

/* An error is reported once until the guest writes the ESR. Any context. */
void strata_lapic_error(struct strata_lapic *apic, unsigned int bit)
{
	if (!test_and_set_bit(bit, &apic->errors))
		strata_lapic_local(apic, LAPIC_LVT_ERROR);
}

/* Something became deliverable by what the vCPU itself did. (v) */
void strata_lapic_reevaluate(struct strata_lapic *apic)
{
	if (lapic_above(lapic_highest(apic->irr), strata_lapic_ppr(apic)))
		strata_set_request(apic->vcpu, STRATA_REQ_EVENT);
}

/* The end of the highest vector in service; none in service: nothing. (v) */
void strata_lapic_eoi(struct strata_lapic *apic)
{
	struct strata_ioapic *ioapic = apic->vcpu->vm->ioapic;
	struct strata_vcpu *vcpu = apic->vcpu;
	int vector = apic->isr_top;
	bool level;

	if (unlikely(vector < 0))
		return;
	__clear_bit(vector, apic->isr);
	apic->isr_top = lapic_highest(apic->isr);
	level = test_bit(vector, apic->tmr);
	if (likely(ioapic)) {
		if (level || strata_ioapic_wants_eoi(ioapic, vector))
			strata_ioapic_eoi(ioapic, vector, level);
	} else if (level) {
		vcpu->eoi_vector = vector;
		strata_set_request(vcpu, STRATA_REQ_IOAPIC_EOI);
	}
	strata_lapic_reevaluate(apic);
}

/**
 * strata_lapic_accepts_extint - does the PIC's output reach this vCPU?
 * @vcpu: any vCPU with a LAPIC; any context
 *
 * Through LINT0 in ExtINT mode, or straight to the CPU's pin when the LAPIC
 * is disabled (SDM 11.4.3).
 */
bool strata_lapic_accepts_extint(struct strata_vcpu *vcpu)
{
	struct strata_lapic *apic = vcpu->apic;
	u32 lint0 = READ_ONCE(apic->lvt[LAPIC_LVT_LINT0]);

	if (READ_ONCE(apic->mode) == LAPIC_OFF)
		return true;
	return !(lint0 & LAPIC_LVT_MASKED) && LAPIC_LVT_MODE(lint0) == STRATA_DM_EXTINT;
}

/* The vector that the LAPIC itself offers, or -1. */
static int lapic_pending(struct strata_lapic *apic)
{
	int vector = lapic_highest(apic->irr);

	if (likely(vector < 0))
		return -1;
	if (apic->mode == LAPIC_OFF || !lapic_above(vector, strata_lapic_ppr(apic)))
		return -1;
	return vector;
}

/**
 * strata_pending_vector - the vector that would be delivered now
 * @vcpu: its mutex is held; has a LAPIC
 *
 * The LAPIC's before the PIC's. No side effect. Return: the vector or -1.
 */
int strata_pending_vector(struct strata_vcpu *vcpu)
{
	int vector = lapic_pending(vcpu->apic);

	if (vector >= 0)
		return vector;
	if (!vcpu->vm->pic)
		return -1;
	vector = strata_pic_peek(vcpu->vm->pic);
	return vector >= 0 && strata_lapic_accepts_extint(vcpu) ? vector : -1;
}

/**
 * strata_ack_vector - take the vector that strata_pending_vector() showed
 * @vcpu: its mutex is held; has a LAPIC
 *
 * Moves it from the request to the service register, or runs the PIC's INTA
 * cycle. Return: the vector, or -1 when there is none any more.
 */
int strata_ack_vector(struct strata_vcpu *vcpu)
{
	struct strata_lapic *apic = vcpu->apic;
	int vector = lapic_pending(apic);

	if (vector < 0 && !vcpu->vm->pic)
		return -1;
	if (vector < 0)
		return strata_lapic_accepts_extint(vcpu) ? strata_pic_ack(vcpu->vm->pic) : -1;
	clear_bit(vector, apic->irr);
	__set_bit(vector, apic->isr);
	apic->isr_top = vector;
	if (unlikely(apic->pv_eoi_msr & KVM_MSR_ENABLED))
		strata_pv_eoi_offer(apic, vector);
	return vector;
}

/* The guest writes the TPR, or state is restored. Hardware keeps a copy for CR8. (v) */
void strata_lapic_write_tpr(struct strata_lapic *apic, u32 tpr)
{
	bool lower = (tpr & 0xff) < apic->tpr;

	apic->tpr = tpr & 0xff;
	strata_vendor->set_cr8(apic->vcpu, apic->tpr >> 4);
	if (lower)
		strata_lapic_reevaluate(apic);
}

/**
 * strata_lapic_set_tpr - the task priority by way of CR8
 * @vcpu: its mutex is held; has a LAPIC
 * @cr8: 0-15
 */
void strata_lapic_set_tpr(struct strata_vcpu *vcpu, u8 cr8)
{
	strata_lapic_write_tpr(vcpu->apic, (u32)cr8 << 4);
}

/* The mode changes; keeps count of those whose logical id the guest chose. (v) */
void strata_lapic_set_mode(struct strata_lapic *apic, enum lapic_mode mode)
{
	struct strata_apic_map *map = apic->vcpu->vm->apic_map;

	if (mode == apic->mode)
		return;
	/* Before it matters and after it matters: a scan too many is harmless. */
	if (mode == LAPIC_XAPIC)
		atomic_inc(&map->nr_xapic);
	if (mode == LAPIC_X2APIC)
		WRITE_ONCE(apic->ldr, lapic_x2apic_ldr(apic->vcpu->id));
	else if (apic->mode == LAPIC_X2APIC)
		WRITE_ONCE(apic->ldr, 0);
	if (apic->mode == LAPIC_XAPIC) {
		WRITE_ONCE(apic->mode, mode);
		atomic_dec(&map->nr_xapic);
	} else {
		WRITE_ONCE(apic->mode, mode);
	}
}

/* Registers as after INIT; the mode stays. (v) */
static void reset_registers(struct strata_lapic *apic)
{
	int i;

	strata_lapic_timer_stop(apic);
	apic->tmict = 0;
	apic->tdcr = 0;
	apic->vcpu->tsc_deadline = 0;
	WRITE_ONCE(apic->svr, 0xff);
	for (i = 0; i < LAPIC_NR_LVT; i++)
		WRITE_ONCE(apic->lvt[i], LAPIC_LVT_MASKED);
	memset(apic->irr, 0, sizeof(apic->irr));
	memset(apic->tmr, 0, sizeof(apic->tmr));
	memset(apic->isr, 0, sizeof(apic->isr));
	apic->isr_top = -1;
	apic->pv_eoi_msr = 0;
	apic->vcpu->pv_eoi = 0;
	apic->errors = 0;
	apic->esr = 0;
	apic->icr = 0;
	WRITE_ONCE(apic->dfr, 0xffffffff);
	WRITE_ONCE(apic->ldr, apic->mode == LAPIC_X2APIC ? lapic_x2apic_ldr(apic->vcpu->id) : 0);
	strata_lapic_write_tpr(apic, 0);
}

/**
 * strata_lapic_reset - power-up or INIT state
 * @vcpu: its mutex is held, or it is being created; has a LAPIC
 * @init: INIT: IA32_APIC_BASE and with it the mode stay
 *
 * At power-up the boot CPU's LINT0 is open for the PIC, as KVM has it: a
 * kernel that is booted without firmware finds the PIC connected.
 */
void strata_lapic_reset(struct strata_vcpu *vcpu, bool init)
{
	struct strata_lapic *apic = vcpu->apic;

	if (!init) {
		vcpu->apic_base = STRATA_LAPIC_BASE | LAPIC_BASE_ENABLE;
		if (vcpu->id == vcpu->vm->bsp_id)
			vcpu->apic_base |= LAPIC_BASE_BSP;
		strata_lapic_set_mode(apic, LAPIC_XAPIC);
	}
	reset_registers(apic);
	if (vcpu->id == vcpu->vm->bsp_id && strata_has_quirk(vcpu, KVM_X86_QUIRK_LINT0_REENABLED))
		WRITE_ONCE(apic->lvt[LAPIC_LVT_LINT0], STRATA_DM_EXTINT << 8);
}

/**
 * strata_lapic_set_base - IA32_APIC_BASE takes a new value
 * @vcpu: its mutex is held; has a LAPIC
 * @base: the value; strata_set_apic_base() found it legal
 * @host: by user space, which keeps the registers
 *
 * SDM 11.4.3, 11.12.5.
 */
void strata_lapic_set_base(struct strata_vcpu *vcpu, u64 base, bool host)
{
	struct strata_lapic *apic = vcpu->apic;
	enum lapic_mode mode = lapic_base_mode(base);

	vcpu->apic_base = base;
	if (mode == apic->mode)
		return;
	/* A LAPIC that the guest switched off comes back as after INIT. */
	if (mode == LAPIC_OFF && !host)
		reset_registers(apic);
	strata_lapic_set_mode(apic, mode);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
}

/**
 * strata_lapic_owns - is a guest-physical address in the vCPU's xAPIC page?
 * @vcpu: its mutex is held
 * @gpa: any
 */
bool strata_lapic_owns(struct strata_vcpu *vcpu, u64 gpa)
{
	return vcpu->apic && vcpu->apic->mode == LAPIC_XAPIC &&
	       (gpa ^ vcpu->apic_base) >> PAGE_SHIFT == 0;
}

/**
 * strata_lapic_create - give a vCPU its LAPIC
 * @vcpu: being created; its VM has an irqchip. strata_lapic_reset() follows.
 *
 * Return: 0 or -ENOMEM.
 */
int strata_lapic_create(struct strata_vcpu *vcpu)
{
	struct strata_lapic *apic = kzalloc(sizeof(*apic), GFP_KERNEL_ACCOUNT);

	if (!apic)
		return -ENOMEM;
	apic->vcpu = vcpu;
	apic->mode = LAPIC_OFF;
	strata_lapic_timer_init(apic);
	vcpu->apic = apic;
	return 0;
}

/**
 * strata_lapic_destroy - take it away again
 * @vcpu: has a LAPIC; nobody else knows the vCPU any more
 */
void strata_lapic_destroy(struct strata_vcpu *vcpu)
{
	strata_lapic_timer_stop(vcpu->apic);
	strata_lapic_set_mode(vcpu->apic, LAPIC_OFF);
	kfree(vcpu->apic);
	vcpu->apic = NULL;
}
