// SPDX-License-Identifier: GPL-2.0
/*
 * Events in VMX's terms: entry interruption information, IDT-vectoring
 * information, the windows, and the interruptibility state.
 */
#include <linux/bits.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "insns.h"
#include "vmx.h"

/* Exceptions that push an error code in protected mode (SDM 6.13). */
#define PUSH_ERROR	(BIT(X86_TRAP_DF) | BIT(X86_TRAP_TS) | BIT(X86_TRAP_NP) | \
			 BIT(X86_TRAP_SS) | BIT(X86_TRAP_GP) | BIT(X86_TRAP_PF) | \
			 BIT(X86_TRAP_AC))

/**
 * vmx_inject - hand an event to the next entry
 * @vcpu: outside guest mode, its mutex held
 * @type: what kind
 * @vector: NMIs are 2
 * @has_error: push @error_code
 * @error_code: of an exception
 *
 * SDM 26.2.1.3 demands an error code for those exceptions that push one, in
 * protected mode, and refuses it for the others: so that is what goes in,
 * whatever user space said.
 */
void vmx_inject(struct strata_vcpu *vcpu, enum strata_event_type type, u8 vector,
		bool has_error, u32 error_code)
{
	static const u32 types[] = {
		[STRATA_EVENT_IRQ] = INTR_TYPE_EXT,
		[STRATA_EVENT_NMI] = INTR_TYPE_NMI,
		[STRATA_EVENT_EXCEPTION] = INTR_TYPE_HARD_EXC,
	};
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->inject_info = vector | types[type] | INTR_VALID;
	vmx->inject_error = has_error ? error_code & 0xffff : 0;
	if (type == STRATA_EVENT_EXCEPTION && vector < 32 && (PUSH_ERROR & BIT(vector)) &&
	    strata_is_protmode(vcpu))
		vmx->inject_info |= INTR_ERROR_VALID;
	vmx->injecting = true;
	vmx->dirty |= VMX_GROUP(VMX_G_EVENT);
}

/**
 * vmx_take_back - hand nothing to the next entry
 * @vcpu: its mutex is held
 */
void vmx_take_back(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->inject_info = 0;
	vmx->injecting = false;
	vmx->dirty |= VMX_GROUP(VMX_G_EVENT);
}

/**
 * vmx_irq_window - exit as soon as a maskable interrupt can be taken
 * @vcpu: outside guest mode, its mutex held
 * @on: ask, or ask no more
 */
void vmx_irq_window(struct strata_vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (on)
		vmx->proc |= PROC_INTR_WINDOW;
	else
		vmx->proc &= ~PROC_INTR_WINDOW;
	vmx->dirty |= VMX_GROUP(VMX_G_CTLS);
}

/**
 * vmx_nmi_window - exit when an NMI can be taken
 * @vcpu: outside guest mode, its mutex held
 * @on: ask, or ask no more
 *
 * The exit comes in the shadow of STI as well, where the entry refuses an NMI:
 * there the interrupt window is asked for, which opens one instruction later.
 */
void vmx_nmi_window(struct strata_vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (!on || !atomic_read(&vcpu->nmi_queued))
		return;
	if (!vcpu->ev.nmi_masked && (vmx->shadow & INTR_STATE_STI) &&
	    (vcpu->rflags & X86_EFLAGS_IF)) {
		vmx->proc |= PROC_INTR_WINDOW;
		vcpu->ev.irq_window = true;
	} else {
		vmx->proc |= PROC_NMI_WINDOW;
	}
	vmx->dirty |= VMX_GROUP(VMX_G_CTLS);
}

/* The shadow lives in the wanted state; the entry writes what changed. */
u8 vmx_get_shadow(struct strata_vcpu *vcpu)
{
	u32 state = to_vmx(vcpu)->shadow;

	return (state & INTR_STATE_STI ? KVM_X86_SHADOW_INT_STI : 0) |
	       (state & INTR_STATE_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
}

void vmx_set_shadow(struct strata_vcpu *vcpu, u8 shadow)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	/* The entry refuses both at once (SDM 26.3.1.5). */
	if (shadow & KVM_X86_SHADOW_INT_MOV_SS)
		vmx->shadow = INTR_STATE_MOV_SS;
	else
		vmx->shadow = shadow & KVM_X86_SHADOW_INT_STI ? INTR_STATE_STI : 0;
	vcpu->exit.shadow = shadow;
}

/**
 * vmx_write_event - the event into the VMCS
 * @vcpu: about to enter; its VMCS is current
 */
void vmx_write_event(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (vmx->inject_info & INTR_ERROR_VALID)
		vmcs_write(VMCS_ENTRY_ERROR_CODE, vmx->inject_error);
	vmcs_write(VMCS_ENTRY_INTR_INFO, vmx->inject_info);
}

/**
 * vmx_delivered - the event that was handed over went in
 * @vcpu: just left guest mode
 *
 * Unless vmx_redeliver() says otherwise.
 */
void vmx_delivered(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->injecting = false;
	vmx->inject_info = 0;
	vcpu->ev.exc.injected = false;
	vcpu->ev.irq.injected = false;
	vcpu->ev.nmi_injected = false;
}

/**
 * vmx_redeliver - the exit came in the middle of a delivery
 * @vcpu: just left guest mode; IDT-vectoring information is valid
 *
 * What did not complete goes in again. Software interrupts and exceptions are
 * not injected again: RIP still stands at them and they execute anew.
 */
void vmx_redeliver(struct strata_vcpu *vcpu)
{
	u32 info = to_vmx(vcpu)->idt_info;
	struct strata_events *ev = &vcpu->ev;
	u8 vector = info & INTR_VECTOR;

	strata_set_request(vcpu, STRATA_REQ_EVENT);
	switch (info & INTR_TYPE_MASK) {
	case INTR_TYPE_EXT:
		ev->irq.injected = true;
		ev->irq.soft = false;
		ev->irq.nr = vector;
		break;
	case INTR_TYPE_NMI:
		ev->nmi_injected = true;
		ev->nmi_masked = true;
		break;
	case INTR_TYPE_HARD_EXC:
		ev->exc.injected = true;
		ev->exc.nr = vector;
		ev->exc.has_error = info & INTR_ERROR_VALID;
		ev->exc.error_code = ev->exc.has_error ? vmcs_read(VMCS_IDT_ERROR) : 0;
		ev->exc.has_payload = false;
		break;
	}
}
