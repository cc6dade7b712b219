// SPDX-License-Identifier: GPL-2.0
/*
 * General registers, events on their way and the state of life, by ioctl.
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "strata.h"

/* Bits of RFLAGS that exist; bit 1 always reads as one (APM 2 3.1.6). */
#define RFLAGS_ALL	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
			 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | \
			 X86_EFLAGS_OF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | \
			 X86_EFLAGS_VM | X86_EFLAGS_AC | X86_EFLAGS_VIF | X86_EFLAGS_VIP | \
			 X86_EFLAGS_ID)

/* struct kvm_regs has its own order. */
static const u8 reg_order[STRATA_NR_GPRS] = {
	STRATA_RAX, STRATA_RBX, STRATA_RCX, STRATA_RDX,
	STRATA_RSI, STRATA_RDI, STRATA_RSP, STRATA_RBP,
	STRATA_R8, STRATA_R9, STRATA_R10, STRATA_R11,
	STRATA_R12, STRATA_R13, STRATA_R14, STRATA_R15,
};

/**
 * strata_get_regs - KVM_GET_REGS
 * @vcpu: its mutex is held
 * @regs: all of it is written
 */
int strata_get_regs(struct strata_vcpu *vcpu, struct kvm_regs *regs)
{
	__u64 *r = &regs->rax;
	unsigned int i;

	for (i = 0; i < STRATA_NR_GPRS; i++)
		r[i] = vcpu->regs[reg_order[i]];
	regs->rip = vcpu->rip;
	regs->rflags = strata_get_rflags(vcpu);
	return 0;
}

/**
 * strata_set_regs - KVM_SET_REGS
 * @vcpu: its mutex is held
 * @regs: a copy in kernel memory
 *
 * An exception that waits is dropped: it belonged to the old RIP.
 */
int strata_set_regs(struct strata_vcpu *vcpu, const struct kvm_regs *regs)
{
	const __u64 *r = &regs->rax;
	unsigned int i;

	for (i = 0; i < STRATA_NR_GPRS; i++)
		vcpu->regs[reg_order[i]] = r[i];
	vcpu->rip = regs->rip;
	strata_set_rflags(vcpu, (regs->rflags & RFLAGS_ALL) | X86_EFLAGS_FIXED);
	vcpu->ev.exc.pending = false;
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return 0;
}

/**
 * strata_apply_payload - CR2 and DR6 as a pending exception sets them
 * @vcpu: its mutex is held
 *
 * Without KVM_CAP_EXCEPTION_PAYLOAD there is no place for the payload of an
 * exception that is not delivered: it is applied when user space looks at the
 * exception, or at the register.
 */
void strata_apply_payload(struct strata_vcpu *vcpu)
{
	struct strata_events *ev = &vcpu->ev;

	if (!ev->exc.pending || !ev->exc.has_payload)
		return;
	ev->exc.has_payload = false;
	if (ev->exc.nr == X86_TRAP_PF)
		vcpu->cr2 = ev->exc.payload;
	else if (ev->exc.nr == X86_TRAP_DB)
		strata_vendor->set_dr6(vcpu, (vcpu->dr6 & ~0xful) | ev->exc.payload);
}

/**
 * strata_get_events - KVM_GET_VCPU_EVENTS
 * @vcpu: its mutex is held
 * @e: all of it is written
 *
 * An exception that is pending is shown as injected, as KVM does without
 * KVM_CAP_EXCEPTION_PAYLOAD.
 */
int strata_get_events(struct strata_vcpu *vcpu, struct kvm_vcpu_events *e)
{
	const struct strata_events *ev = &vcpu->ev;

	memset(e, 0, sizeof(*e));
	strata_apply_payload(vcpu);
	if (ev->exc.pending || ev->exc.injected) {
		e->exception.injected = 1;
		e->exception.nr = ev->exc.nr;
		e->exception.has_error_code = ev->exc.has_error;
		e->exception.error_code = ev->exc.has_error ? ev->exc.error_code : 0;
	}
	if (ev->irq.injected && !ev->irq.soft) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->irq.nr;
	} else if (ev->extint_pending) {
		e->interrupt.injected = 1;
		e->interrupt.nr = ev->extint_nr;
	}
	e->interrupt.shadow = strata_vendor->get_shadow(vcpu);
	e->nmi.injected = ev->nmi_injected;
	e->nmi.pending = atomic_read(&vcpu->nmi_queued) != 0;
	e->nmi.masked = ev->nmi_masked;
	e->sipi_vector = READ_ONCE(vcpu->sipi_vector);
	e->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	return 0;
}

/* 0, or -EINVAL: what strata does not offer, and what cannot be. */
static int check_events(const struct kvm_vcpu_events *e)
{
	/* A payload and a triple fault need capabilities that are not offered. */
	const u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
			  KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM;

	if (e->flags & ~known)
		return -EINVAL;
	if (e->exception.injected && (e->exception.nr > 31 || e->exception.nr == X86_TRAP_NMI))
		return -EINVAL;
	/* There is no SMM to be in. */
	if ((e->flags & KVM_VCPUEVENT_VALID_SMM) &&
	    (e->smi.smm || e->smi.pending || e->smi.smm_inside_nmi || e->smi.latched_init))
		return -EINVAL;
	if ((e->flags & KVM_VCPUEVENT_VALID_SHADOW) &&
	    (e->interrupt.shadow & ~(KVM_X86_SHADOW_INT_MOV_SS | KVM_X86_SHADOW_INT_STI)))
		return -EINVAL;
	return 0;
}

/**
 * strata_set_events - KVM_SET_VCPU_EVENTS
 * @vcpu: its mutex is held
 * @e: a copy in kernel memory
 *
 * Return: 0, or -EINVAL with nothing changed.
 */
int strata_set_events(struct strata_vcpu *vcpu, const struct kvm_vcpu_events *e)
{
	struct strata_events *ev = &vcpu->ev;
	int r = check_events(e);

	if (r)
		return r;

	/* A signal may have come after an event was handed over, before the entry. */
	strata_vendor->take_back(vcpu);
	ev->exc.pending = false;
	ev->exc.injected = e->exception.injected;
	ev->exc.nr = e->exception.nr;
	ev->exc.has_error = e->exception.has_error_code;
	ev->exc.error_code = e->exception.error_code;
	ev->exc.has_payload = false;

	/*
	 * An interrupt of user space's controller waits until it can be
	 * taken; one of the LAPIC is acknowledged already and must go in.
	 */
	ev->irq.injected = e->interrupt.injected && vcpu->vm->irqchip;
	ev->irq.soft = e->interrupt.soft;
	ev->irq.nr = e->interrupt.nr;
	ev->extint_pending = e->interrupt.injected && !vcpu->vm->irqchip;
	ev->extint_nr = e->interrupt.nr;
	if (e->flags & KVM_VCPUEVENT_VALID_SHADOW)
		strata_vendor->set_shadow(vcpu, e->interrupt.shadow);

	ev->nmi_injected = e->nmi.injected;
	if (e->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		atomic_set(&vcpu->nmi_queued, e->nmi.pending ? 1 : 0);
	ev->nmi_masked = e->nmi.masked;
	/* The end of the mask must be seen. */
	if (ev->nmi_masked)
		strata_vendor->nmi_window(vcpu, true);
	if ((e->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR) && vcpu->apic)
		WRITE_ONCE(vcpu->sipi_vector, e->sipi_vector);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return 0;
}

/**
 * strata_get_mpstate - KVM_GET_MP_STATE
 * @vcpu: its mutex is held
 * @mp: all of it is written
 *
 * An INIT or SIPI that waits is processed first, so that registers which are
 * read afterwards fit the state.
 */
int strata_get_mpstate(struct strata_vcpu *vcpu, struct kvm_mp_state *mp)
{
	if (vcpu->apic)
		strata_vcpu_accept_init_sipi(vcpu);
	mp->mp_state = READ_ONCE(vcpu->mp_state);
	return 0;
}

/**
 * strata_set_mpstate - KVM_SET_MP_STATE
 * @vcpu: its mutex is held
 * @mp: the state
 *
 * Return: 0, or -EINVAL for a state that x86 does not have, or one that needs
 * a LAPIC in the kernel.
 */
int strata_set_mpstate(struct strata_vcpu *vcpu, const struct kvm_mp_state *mp)
{
	switch (mp->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
		if (!vcpu->apic)
			return -EINVAL;
		break;
	case KVM_MP_STATE_SIPI_RECEIVED:
		if (!vcpu->apic)
			return -EINVAL;
		WRITE_ONCE(vcpu->mp_state, KVM_MP_STATE_INIT_RECEIVED);
		set_bit(STRATA_APIC_SIPI, &vcpu->apic_events);
		strata_set_request(vcpu, STRATA_REQ_INIT_SIPI);
		return 0;
	default:
		return -EINVAL;
	}
	WRITE_ONCE(vcpu->mp_state, mp->mp_state);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return 0;
}
