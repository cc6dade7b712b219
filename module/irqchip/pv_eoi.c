// SPDX-License-Identifier: GPL-2.0
/*
 * An end of interrupt that needs no exit: a bit in the guest's memory says that it
 * may clear that bit instead of writing the EOI register. Documentation/design/pv.md
 *
 * What the guest did with the bit is looked at when it matters: before the next
 * interrupt, before the vCPU sleeps, and when somebody reads the LAPIC.
 */
#include <asm/kvm_para.h>
#include <linux/uaccess.h>

#include "../strata.h"
#include "lapic.h"

#define ADDRESS(apic)	((apic)->pv_eoi_msr & ~(u64)KVM_MSR_ENABLED)

/* In vcpu->pv_eoi: the bit is asked for no more, but may still stand there. */
#define OWED		1

static void settled(struct strata_lapic *apic, bool ended)
{
	u8 vector = apic->vcpu->pv_eoi;

	apic->vcpu->pv_eoi = 0;
	if (ended && vector != OWED)
		strata_lapic_eoi(apic);
}

/**
 * strata_pv_eoi_set_msr - MSR_KVM_PV_EOI_EN
 * @vcpu: its mutex is held; any context
 * @val: guest-physical address, aligned to 4; bit 0: on
 *
 * Return: 0, or 1 without a LAPIC or for a bit that is reserved.
 */
int strata_pv_eoi_set_msr(struct strata_vcpu *vcpu, u64 val)
{
	struct strata_lapic *apic = vcpu->apic;

	/* User space restores what the index list names. */
	if (!apic || val & 2)
		return !!val;
	strata_pv_eoi_settle(apic);
	/* Where that has to wait for memory, the bit is not looked for at another place. */
	if (vcpu->pv_eoi)
		settled(apic, true);
	apic->pv_eoi_msr = val;
	return 0;
}

/* MSR_KVM_PV_EOI_EN as it was written. (v) */
u64 strata_pv_eoi_msr(struct strata_vcpu *vcpu)
{
	return vcpu->apic ? vcpu->apic->pv_eoi_msr : 0;
}

/**
 * strata_pv_eoi_offer - the guest may end a vector without an exit
 * @apic: its vCPU is about to enter; interrupts off
 * @vector: just taken into service
 *
 * Not where somebody waits for the EOI: the IOAPIC, or another interrupt.
 */
void strata_pv_eoi_offer(struct strata_lapic *apic, int vector)
{
	struct strata_ioapic *ioapic = apic->vcpu->vm->ioapic;
	u8 one = 1;

	if (test_bit(vector, apic->tmr) || lapic_highest(apic->irr) >= 0 ||
	    (ioapic && strata_ioapic_wants_eoi(ioapic, vector)))
		return;
	if (!strata_write_guest_nofault(apic->vcpu->vm, ADDRESS(apic), &one, 1))
		apic->vcpu->pv_eoi = vector;
}

/**
 * strata_pv_eoi_work - what has the guest done? STRATA_REQ_PV_EOI
 * @vcpu: its mutex is held; sleeps
 *
 * Where its memory is gone the interrupt has ended, as by an EOI.
 */
void strata_pv_eoi_work(struct strata_vcpu *vcpu)
{
	struct strata_lapic *apic = vcpu->apic;
	u8 old = 1, none = 0;

	if (!vcpu->pv_eoi)
		return;
	settled(apic, strata_cmpxchg_guest(vcpu->vm, ADDRESS(apic), &old, &none, 1));
}

/**
 * strata_pv_eoi_settle - the same, at once
 * @apic: its vCPU's mutex is held; any context
 *
 * Where that would fault it is put off until the next entry.
 */
void strata_pv_eoi_settle(struct strata_lapic *apic)
{
	struct strata_vm *vm = apic->vcpu->vm;
	u8 bit, none = 0;

	if (likely(!apic->vcpu->pv_eoi))
		return;
	if (strata_read_guest_nofault(vm, ADDRESS(apic), &bit, 1) ||
	    (bit & 1 && strata_write_guest_nofault(vm, ADDRESS(apic), &none, 1))) {
		strata_set_request(apic->vcpu, STRATA_REQ_PV_EOI);
		return;
	}
	settled(apic, !(bit & 1));
}

/**
 * strata_pv_eoi_known - find out before the next interrupt
 * @vcpu: its mutex is held; there is a vector of which this has to be known; any context
 *
 * Return: false when that would fault. What it requests of the caller, to look for
 * interrupts, the caller is about to do.
 */
bool strata_pv_eoi_known(struct strata_vcpu *vcpu)
{
	strata_pv_eoi_settle(vcpu->apic);
	if (vcpu->pv_eoi)
		return false;
	clear_bit(STRATA_REQ_EVENT, (unsigned long *)&vcpu->requests);
	return true;
}

/**
 * strata_pv_eoi_written - the guest writes the EOI register
 * @apic: its vCPU's mutex is held; any context
 */
void strata_pv_eoi_written(struct strata_lapic *apic)
{
	strata_pv_eoi_settle(apic);
	if (apic->vcpu->pv_eoi)
		apic->vcpu->pv_eoi = OWED;
	strata_lapic_eoi(apic);
}
