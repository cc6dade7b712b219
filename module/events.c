// SPDX-License-Identifier: GPL-2.0
/*
 * Events on their way into the guest: which one goes first, how two of them
 * merge, and when to ask the hardware for a window.
 */
#include <uapi/asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/traps.h>

#include "exit.h"
#include "strata.h"
#include "trace.h"

enum event_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum event_class exception_class(u8 nr)
{
	switch (nr) {
	case X86_TRAP_DE:
	case X86_TRAP_TS:
	case X86_TRAP_NP:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
		return CONTRIBUTORY;
	case X86_TRAP_PF:
		return PAGE_FAULT;
	default:
		return BENIGN;
	}
}

/* Faults set RF in the image they push; #DB and traps do not (APM 3.1.6). */
static bool sets_rf(u8 nr)
{
	return nr != X86_TRAP_DB && nr != X86_TRAP_BP && nr != X86_TRAP_OF &&
	       nr != X86_TRAP_DF && nr != X86_TRAP_MC;
}

/*
 * A second exception while the first is not delivered: the double-fault
 * table of APM 8.2.9 and SDM 6.15.
 */
static void queue(struct strata_vcpu *vcpu, u8 nr, bool has_error, u32 error_code,
		  bool has_payload, u64 payload)
{
	struct strata_events *ev = &vcpu->ev;
	bool second = ev->exc.pending || ev->exc.injected;

	strata_set_request(vcpu, STRATA_REQ_EVENT);
	if (second) {
		enum event_class was = exception_class(ev->exc.nr);
		enum event_class is = exception_class(nr);

		if (ev->exc.nr == X86_TRAP_DF && is != BENIGN) {
			ev->exc.pending = false;
			ev->exc.injected = false;
			strata_set_request(vcpu, STRATA_REQ_TRIPLE_FAULT);
			return;
		}
		if ((was == CONTRIBUTORY && is == CONTRIBUTORY) ||
		    (was == PAGE_FAULT && is != BENIGN)) {
			nr = X86_TRAP_DF;
			has_error = true;
			error_code = 0;
			has_payload = false;
		}
		/* Otherwise the second goes first; the instruction raises the first again. */
	}
	ev->exc.pending = true;
	ev->exc.injected = false;
	ev->exc.nr = nr;
	ev->exc.has_error = has_error;
	ev->exc.error_code = error_code;
	ev->exc.has_payload = has_payload;
	ev->exc.payload = payload;
}

/**
 * strata_queue_exception - raise an exception without error code
 * @vcpu: its mutex is held
 * @nr: the vector
 */
void strata_queue_exception(struct strata_vcpu *vcpu, u8 nr)
{
	queue(vcpu, nr, false, 0, false, 0);
}

/**
 * strata_queue_exception_e - raise an exception with an error code
 * @vcpu: its mutex is held
 * @nr: the vector
 * @error_code: pushed in protected and long mode; real mode pushes none
 */
void strata_queue_exception_e(struct strata_vcpu *vcpu, u8 nr, u32 error_code)
{
	queue(vcpu, nr, strata_is_protmode(vcpu), error_code, false, 0);
}

/**
 * strata_queue_page_fault - raise #PF
 * @vcpu: its mutex is held
 * @cr2: the guest-virtual address
 * @error_code: see APM 8.4.2
 */
void strata_queue_page_fault(struct strata_vcpu *vcpu, u64 cr2, u32 error_code)
{
	queue(vcpu, X86_TRAP_PF, true, error_code, true, cr2);
}

/**
 * strata_queue_db - raise #DB
 * @vcpu: its mutex is held
 * @dr6_bits: causes to add to DR6 at delivery
 *
 * A single step that is not the guest's own ends here.
 */
void strata_queue_db(struct strata_vcpu *vcpu, unsigned long dr6_bits)
{
	if (dr6_bits == DR_STEP && strata_vendor->stepped(vcpu))
		return;
	if (unlikely(vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP) && dr6_bits == DR_STEP) {
		strata_set_request(vcpu, STRATA_REQ_STEPPED);
		return;
	}
	queue(vcpu, X86_TRAP_DB, false, 0, true, dr6_bits);
}

/**
 * strata_queue_nmi - an NMI for this vCPU
 * @vcpu: any; any context
 *
 * One may be served and one latched; more are lost, as in hardware.
 */
void strata_queue_nmi(struct strata_vcpu *vcpu)
{
	if (atomic_inc_return(&vcpu->nmi_queued) > 2)
		atomic_set(&vcpu->nmi_queued, 2);
	strata_request_kick(vcpu, STRATA_REQ_EVENT);
}

/**
 * strata_interrupt_allowed - would a maskable interrupt be taken now?
 * @vcpu: its mutex is held
 */
bool strata_interrupt_allowed(struct strata_vcpu *vcpu)
{
	return (vcpu->rflags & X86_EFLAGS_IF) && !strata_vendor->get_shadow(vcpu);
}

static void inject_exception(struct strata_vcpu *vcpu)
{
	struct strata_events *ev = &vcpu->ev;

	trace_strata_inject(vcpu->vm->index, vcpu->id, STRATA_EVENT_EXCEPTION, ev->exc.nr,
			    ev->exc.error_code);
	strata_vendor->inject(vcpu, STRATA_EVENT_EXCEPTION, ev->exc.nr, ev->exc.has_error,
			      ev->exc.error_code);
}

/* The effects on registers come with delivery, not with queueing. */
static void deliver_payload(struct strata_vcpu *vcpu)
{
	struct strata_events *ev = &vcpu->ev;

	if (sets_rf(ev->exc.nr))
		vcpu->rflags |= X86_EFLAGS_RF;
	if (ev->exc.nr == X86_TRAP_DB && (vcpu->dr7 & (1ul << 13)))
		strata_vendor->set_dr7(vcpu, vcpu->dr7 & ~(1ul << 13));
	if (!ev->exc.has_payload)
		return;
	ev->exc.has_payload = false;
	if (ev->exc.nr == X86_TRAP_PF)
		vcpu->cr2 = ev->exc.payload;
	else if (ev->exc.nr == X86_TRAP_DB)
		strata_vendor->set_dr6(vcpu, (vcpu->dr6 & ~0xful) | ev->exc.payload);
}

static bool inject_nmi(struct strata_vcpu *vcpu)
{
	struct strata_events *ev = &vcpu->ev;

	if (!atomic_read(&vcpu->nmi_queued) || ev->nmi_masked)
		return false;
	if (strata_vendor->get_shadow(vcpu))
		return false;
	atomic_dec(&vcpu->nmi_queued);
	ev->nmi_injected = true;
	ev->nmi_masked = true;
	trace_strata_inject(vcpu->vm->index, vcpu->id, STRATA_EVENT_NMI, X86_TRAP_NMI, 0);
	strata_vendor->inject(vcpu, STRATA_EVENT_NMI, X86_TRAP_NMI, false, 0);
	return true;
}

/* The vector that waits, from KVM_INTERRUPT or from the interrupt controllers. */
static int waiting_vector(struct strata_vcpu *vcpu)
{
	if (strata_extint_waits(vcpu))
		return vcpu->ev.extint_nr;
	return vcpu->vm->irqchip ? strata_pending_vector(vcpu) : -1;
}

static void inject_irq(struct strata_vcpu *vcpu)
{
	struct strata_events *ev = &vcpu->ev;
	int vector;

	if (waiting_vector(vcpu) < 0 || !strata_interrupt_allowed(vcpu))
		return;
	if (strata_extint_waits(vcpu)) {
		ev->extint_pending = false;
		vector = ev->extint_nr;
	} else {
		vector = strata_ack_vector(vcpu);
		if (vector < 0)
			return;
	}
	ev->irq.injected = true;
	ev->irq.soft = false;
	ev->irq.nr = vector;
	trace_strata_inject(vcpu->vm->index, vcpu->id, STRATA_EVENT_IRQ, vector, 0);
	strata_vendor->inject(vcpu, STRATA_EVENT_IRQ, vector, false, 0);
}

static void set_irq_window(struct strata_vcpu *vcpu, bool want)
{
	if (want == vcpu->ev.irq_window)
		return;
	vcpu->ev.irq_window = want;
	strata_vendor->irq_window(vcpu, want);
}

/*
 * One event goes in: first what a previous delivery left over, then what is
 * new, by priority (APM 8.5). For the rest a window is asked for.
 */
static void inject_pending(struct strata_vcpu *vcpu)
{
	struct strata_events *ev = &vcpu->ev;
	bool want;

	/* What the guest has in service must be known first. */
	if (unlikely(vcpu->pv_eoi) && !strata_pv_eoi_known(vcpu)) {
		strata_set_request(vcpu, STRATA_REQ_EVENT);
		return;
	}
	/* While one NMI is served one more is remembered, not two (APM 8.2.3). */
	if (ev->nmi_masked && atomic_read(&vcpu->nmi_queued) > 1)
		atomic_set(&vcpu->nmi_queued, 1);

	if (ev->exc.injected) {
		inject_exception(vcpu);
	} else if (ev->exc.pending) {
		/* An interrupt whose delivery raised this waits for its turn. */
		ev->exc.pending = false;
		ev->exc.injected = true;
		deliver_payload(vcpu);
		inject_exception(vcpu);
	} else if (ev->nmi_injected) {
		strata_vendor->inject(vcpu, STRATA_EVENT_NMI, X86_TRAP_NMI, false, 0);
	} else if (ev->irq.injected) {
		strata_vendor->inject(vcpu, STRATA_EVENT_IRQ, ev->irq.nr, false, 0);
	} else if (unlikely(vcpu->guest_debug & KVM_GUESTDBG_BLOCKIRQ)) {
		/* No window either: the next KVM_SET_GUEST_DEBUG looks again. */
		ev->nmi_window = false;
		set_irq_window(vcpu, false);
		return;
	} else if (!inject_nmi(vcpu)) {
		inject_irq(vcpu);
	}

	if (atomic_read(&vcpu->nmi_queued)) {
		ev->nmi_window = true;
		strata_vendor->nmi_window(vcpu, true);
	} else {
		ev->nmi_window = false;
	}

	want = waiting_vector(vcpu) >= 0 ||
	       (!vcpu->vm->pic && READ_ONCE(vcpu->run->request_interrupt_window) &&
		strata_extint_connected(vcpu));
	set_irq_window(vcpu, want);
}

/**
 * strata_atomic_requests - serve the requests that need no sleep
 * @vcpu: about to enter; interrupts off
 */
void strata_atomic_requests(struct strata_vcpu *vcpu)
{
	unsigned long *requests = (unsigned long *)&vcpu->requests;

	clear_bit(STRATA_REQ_TLB, requests);
	clear_bit(STRATA_REQ_KICK, requests);
	if (test_and_clear_bit(STRATA_REQ_TSC, requests))
		strata_vendor->set_tsc(vcpu);
	if (test_and_clear_bit(STRATA_REQ_MSR_FILTER, requests))
		strata_vendor->msr_filter(vcpu);
	if (test_and_clear_bit(STRATA_REQ_EVENT, requests))
		inject_pending(vcpu);
}
