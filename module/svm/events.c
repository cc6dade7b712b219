// SPDX-License-Identifier: GPL-2.0
/*
 * Events in SVM's terms: EVENTINJ, EXITINTINFO, the virtual interrupt that
 * serves as interrupt window, and the end of NMI blocking at IRET.
 */
#include <uapi/asm/debugreg.h>
#include <asm/processor-flags.h>

#include "svm.h"

/* Execute one instruction and come back. */
static void step(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	if (svm->nmi_step)
		return;
	svm->nmi_step = true;
	svm->nmi_step_guest_tf = vcpu->rflags & X86_EFLAGS_TF;
	vcpu->rflags |= X86_EFLAGS_TF;
}

/* Nothing is stepped any more; where that was not IRET, IRET is still to come. */
static void end_step(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	svm->nmi_step = false;
	if (!svm->nmi_step_guest_tf)
		vcpu->rflags &= ~X86_EFLAGS_TF;
	if (vcpu->ev.nmi_masked) {
		svm->vmcb->control.intercept1 |= SVM_I1_IRET;
		svm_mark_dirty(svm->vmcb, SVM_CLEAN_INTERCEPTS);
	}
}

/**
 * svm_inject - hand an event to the next VMRUN
 * @vcpu: outside guest mode, its mutex held
 * @type: what kind
 * @vector: NMIs are 2
 * @has_error: push @error_code
 * @error_code: of an exception
 *
 * APM 15.20. Two events never go in at once: events.c hands over one.
 */
void svm_inject(struct strata_vcpu *vcpu, enum strata_event_type type, u8 vector,
		bool has_error, u32 error_code)
{
	static const u32 types[] = {
		[STRATA_EVENT_IRQ] = SVM_EVT_INTR,
		[STRATA_EVENT_NMI] = SVM_EVT_NMI,
		[STRATA_EVENT_EXCEPTION] = SVM_EVT_EXCEPTION,
	};
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 inj = vector | types[type] | SVM_EVT_VALID;

	if (has_error)
		inj |= SVM_EVT_ERROR_VALID | (u64)error_code << 32;
	/* It goes in before the instruction, and pushes the guest's flags. */
	if (svm->nmi_step)
		end_step(vcpu, svm);
	svm->vmcb->control.event_inj = inj;
	svm->injecting = true;
	if (type == STRATA_EVENT_NMI) {
		svm->vmcb->control.intercept1 |= SVM_I1_IRET;
		svm_mark_dirty(svm->vmcb, SVM_CLEAN_INTERCEPTS);
	}
}

/**
 * svm_take_back - hand nothing to the next VMRUN
 * @vcpu: its mutex is held
 */
void svm_take_back(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->vmcb->control.event_inj = 0;
	svm->injecting = false;
}

/**
 * svm_irq_window - exit as soon as a maskable interrupt can be taken
 * @vcpu: outside guest mode, its mutex held
 * @on: ask, or ask no more
 *
 * A virtual interrupt of the highest priority that ignores the TPR, whose
 * delivery is intercepted (APM 15.21.4).
 */
void svm_irq_window(struct strata_vcpu *vcpu, bool on)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	if (on) {
		vmcb->control.int_ctl |= SVM_INT_V_IRQ | SVM_INT_V_PRIO_MASK | SVM_INT_V_IGN_TPR;
		vmcb->control.int_vector = 0;
		vmcb->control.intercept1 |= SVM_I1_VINTR;
	} else {
		vmcb->control.int_ctl &= ~(SVM_INT_V_IRQ | SVM_INT_V_PRIO_MASK |
					   SVM_INT_V_IGN_TPR);
		vmcb->control.intercept1 &= ~SVM_I1_VINTR;
	}
	svm_mark_dirty(vmcb, SVM_CLEAN_INTERCEPTS | SVM_CLEAN_TPR);
}

/**
 * svm_nmi_window - exit when the guest's NMI handler returns
 * @vcpu: outside guest mode, its mutex held
 * @on: ask, or ask no more
 *
 * When NMIs are not blocked, another event that goes in first is in the way,
 * or the interrupt shadow, which ends with one instruction.
 */
void svm_nmi_window(struct strata_vcpu *vcpu, bool on)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (!on)
		return;
	if (vcpu->ev.nmi_masked) {
		svm->vmcb->control.intercept1 |= SVM_I1_IRET;
		svm_mark_dirty(svm->vmcb, SVM_CLEAN_INTERCEPTS);
		return;
	}
	if (svm->injecting) {
		/* Come back when that event is in: an interrupt of our own is waiting then. */
		strata_set_request(vcpu, STRATA_REQ_EVENT);
		strata_send_reschedule(vcpu->cpu);
		return;
	}
	step(vcpu, svm);
}

/**
 * svm_collect_events - what became of the event that was handed over
 * @vcpu: just left guest mode
 *
 * Called when an event was injected or EXITINTINFO is valid: a delivery that
 * did not complete stands in EXITINTINFO and goes in again; one that is not
 * there was delivered. Software interrupts and INT3, INTO are not injected
 * again: RIP still stands at them and they execute anew.
 */
void svm_collect_events(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 info = svm->vmcb->control.exit_int_info;
	struct strata_events *ev = &vcpu->ev;
	u8 vector = info & SVM_EVT_VECTOR;

	svm->injecting = false;
	svm->vmcb->control.event_inj = 0;
	ev->exc.injected = false;
	ev->irq.injected = false;
	ev->nmi_injected = false;
	if (!(info & SVM_EVT_VALID))
		return;

	strata_set_request(vcpu, STRATA_REQ_EVENT);
	switch (info & SVM_EVT_TYPE_MASK) {
	case SVM_EVT_INTR:
		ev->irq.injected = true;
		ev->irq.soft = false;
		ev->irq.nr = vector;
		break;
	case SVM_EVT_NMI:
		ev->nmi_injected = true;
		break;
	case SVM_EVT_EXCEPTION:
		if (vector == 3 || vector == 4)
			break;
		ev->exc.injected = true;
		ev->exc.nr = vector;
		ev->exc.has_error = info & SVM_EVT_ERROR_VALID;
		ev->exc.error_code = info >> 32;
		ev->exc.has_payload = false;
		break;
	}
}

/**
 * svm_handle_iret - the guest is about to end NMI blocking
 * @vcpu: at its IRET
 *
 * IRET has not executed yet, so blocking ends one instruction later: step it.
 */
void svm_handle_iret(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->vmcb->control.intercept1 &= ~SVM_I1_IRET;
	svm_mark_dirty(svm->vmcb, SVM_CLEAN_INTERCEPTS);
	step(vcpu, svm);
}

/**
 * svm_get_rflags - the guest's RFLAGS for user space
 * @vcpu: its mutex is held
 *
 * Return: without the TF of a step that is under way.
 */
unsigned long svm_get_rflags(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm->nmi_step && !svm->nmi_step_guest_tf)
		return vcpu->rflags & ~X86_EFLAGS_TF;
	return vcpu->rflags;
}

/**
 * svm_set_rflags - RFLAGS from user space
 * @vcpu: its mutex is held
 * @rflags: the value; a step that is under way goes on
 */
void svm_set_rflags(struct strata_vcpu *vcpu, unsigned long rflags)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	vcpu->rflags = rflags;
	if (!svm->nmi_step)
		return;
	svm->nmi_step_guest_tf = rflags & X86_EFLAGS_TF;
	vcpu->rflags |= X86_EFLAGS_TF;
}

/**
 * svm_stepped - is this single-step trap ours?
 * @vcpu: an instruction has been completed for it that exited
 *
 * That was not IRET, which never does, so NMIs are blocked still if they were.
 *
 * Return: true when the trap came from our step only and the guest must not
 * see it.
 */
bool svm_stepped(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (!svm->nmi_step)
		return false;
	end_step(vcpu, svm);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return !svm->nmi_step_guest_tf;
}

/**
 * svm_iret_stepped - is this #DB ours?
 * @vcpu: at a #DB exit
 *
 * Return: true when the #DB came from our step only and the guest must not
 * see it.
 */
bool svm_iret_stepped(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	bool ours;

	if (!svm->nmi_step || !(svm->vmcb->save.dr6 & DR_STEP))
		return false;
	if (vcpu->ev.nmi_masked) {
		/* IRET is done, and loaded the flags that it popped. */
		vcpu->ev.nmi_masked = false;
		svm->nmi_step = false;
		ours = !svm->nmi_step_guest_tf;
		strata_set_request(vcpu, STRATA_REQ_EVENT);
	} else {
		ours = svm_stepped(vcpu);
	}
	if (ours)
		svm_set_dr6(vcpu, svm->vmcb->save.dr6 & ~(unsigned long)DR_STEP);
	return ours;
}
