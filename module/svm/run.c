// SPDX-License-Identifier: GPL-2.0
/*
 * SVM's instance of the run loop.
 */
#include <linux/kvm_host.h>
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/spec-ctrl.h>

#include "svm.h"
#include "../breakpoints.h"
#include "../exit.h"
#include "../guest_debug.h"
#include "../guest_state.h"
#include "../insn.h"
#include "../machine_check.h"
#include "../mitigate.h"
#include "../msr.h"
#include "../profile.h"

/* ASID 0 is the host's; a used-up range starts the next generation. */
static void svm_new_asid(struct svm_cpu *sc, struct svm_vcpu *svm)
{
	struct vmcb_control *c = &svm->vmcb->control;

	if (sc->next_asid >= strata_svm_caps.nr_asids) {
		sc->asid_gen++;
		sc->next_asid = 1;
		c->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	c->asid = sc->next_asid++;
	svm->asid_gen = sc->asid_gen;
	svm_mark_dirty(svm->vmcb, SVM_CLEAN_ASID);
}

static __always_inline void hot_flush_tlb(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	/* A fresh ASID is as good as a flush where there is no flush by ASID. */
	if (strata_svm_caps.flush_asid)
		svm->vmcb->control.tlb_control = SVM_TLB_FLUSH_ASID;
	else
		svm_new_asid(svm->cpu, svm);
}

static __always_inline int hot_on(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	struct svm_cpu *sc = svm->cpu;

	if (unlikely(!sc->on))
		return STRATA_RESUME;
	if (unlikely(svm->asid_gen != sc->asid_gen))
		svm_new_asid(sc, svm);
	return 0;
}

static __always_inline void hot_leave(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
}

/* Guests alone see it, so the last one's stays until another guest needs its own. */
static __always_inline void load_tsc_ratio(struct strata_vcpu *vcpu, struct svm_cpu *sc)
{
	u64 ratio = vcpu->tsc_ratio ? vcpu->tsc_ratio : SVM_TSC_RATIO_ONE;

	if (unlikely(ratio != sc->tsc_ratio)) {
		wrmsrl(MSR_AMD64_TSC_RATIO, ratio);
		sc->tsc_ratio = ratio;
	}
}

/*
 * VMRUN leaves DEBUGCTL as it is: the bus locks that the host watches for by it are not to
 * become a #DB of the guest. The host's counters may set bits of it from an interrupt
 * meanwhile, so it is written back only where it is still 0.
 */
static noinline void hide_debugctl(struct svm_vcpu *svm)
{
	rdmsrl(MSR_IA32_DEBUGCTLMSR, svm->host_debugctl);
	if (svm->host_debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, 0);
}

static noinline void show_debugctl(struct svm_vcpu *svm)
{
	u64 now;

	if (!svm->host_debugctl)
		return;
	rdmsrl(MSR_IA32_DEBUGCTLMSR, now);
	if (!now)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, svm->host_debugctl);
}

/* The vCPU comes from another CPU, whose cache of the VMCB and tags mean nothing here. */
static noinline void new_cpu(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	svm->last_cpu = vcpu->cpu;
	svm->cpu = this_cpu_ptr(&strata_svm_cpu);
	svm->host_pa = svm->cpu->host_pa;
	svm->asid_gen = 0;
	svm->vmcb->control.clean = 0;
}

static __always_inline void hot_load(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	struct svm_cpu *sc;

	if (unlikely(svm->last_cpu != vcpu->cpu))
		new_cpu(vcpu, svm);
	sc = svm->cpu;
	/*
	 * FS, GS, TR, LDTR, KERNEL_GS_BASE and syscall MSRs as they are now.
	 * Interrupts are on: the reboot notifier, or the CPU's way offline, may
	 * have switched SVM off. Then it faults, and hot_on() will say so.
	 */
	asm volatile("1: vmsave %%rax\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "a" (svm->host_pa) : "memory");
	svm->tsc_aux = sc->tsc_aux;
	if (vcpu->tsc_aux_live) {
		svm->tsc_aux = strata_msr_tsc_aux(vcpu->msrs);
		if (svm->tsc_aux != sc->tsc_aux)
			wrmsrl(MSR_TSC_AUX, svm->tsc_aux);
	}
	if (strata_svm_caps.tsc_ratio)
		load_tsc_ratio(vcpu, sc);
	if (static_branch_unlikely(&strata_svm_debugctl))
		hide_debugctl(svm);
	strata_mitigate_load(vcpu);
}

static __always_inline void hot_unload(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	if (unlikely(svm->tsc_aux != svm->cpu->tsc_aux))
		wrmsrl(MSR_TSC_AUX, svm->cpu->tsc_aux);
	if (static_branch_unlikely(&strata_svm_debugctl))
		show_debugctl(svm);
	/* No entry, or none that succeeded, obeyed it: this CPU's next tag brings it again. */
	if (unlikely(svm->vmcb->control.tlb_control == SVM_TLB_FLUSH_ALL))
		svm->cpu->next_asid = strata_svm_caps.nr_asids;
	strata_mitigate_unload();
}

/* The stamped ones where RCU, and with it the profile, is told. */
static __always_inline int svm_enter(struct strata_vcpu *vcpu, struct svm_vcpu *svm, bool quiet,
				     const struct strata_spec *spec)
{
	if (!spec)
		return quiet ? strata_svm_enter(vcpu->regs, svm->vmcb_pa, svm->host_pa) :
			       strata_svm_enter_stamped(vcpu->regs, svm->vmcb_pa, svm->host_pa);
	if (spec->write_guest)
		native_wrmsrl(MSR_IA32_SPEC_CTRL, spec->guest);
	return quiet ? strata_svm_enter_guarded(vcpu->regs, svm->vmcb_pa, svm->host_pa,
						spec->flags) :
		       strata_svm_enter_guarded_stamped(vcpu->regs, svm->vmcb_pa, svm->host_pa,
							spec->flags);
}

/*
 * With SPEC_CTRL and buffers as @spec says, if it is not NULL. Everything between the two
 * guest_state functions is out of reach for tracing, RCU and lockdep.
 */
static __always_inline int svm_switch_as(struct strata_vcpu *vcpu, struct svm_vcpu *svm, bool quiet,
					 const struct strata_spec *spec)
{
	u64 from = 0;
	int r;

	strata_guest_state_enter(quiet);
	if (!quiet)
		from = rdtsc();
	r = svm_enter(vcpu, svm, quiet, spec);
	if (!quiet && likely(!r))
		strata_profile_switch(vcpu, from);
	guest_state_exit_irqoff();
	return r;
}

static noinstr int svm_switch(struct strata_vcpu *vcpu, struct svm_vcpu *svm, bool quiet)
{
	return svm_switch_as(vcpu, svm, quiet, NULL);
}

/* On a CPU whose SPEC_CTRL or buffers need attention at each entry. */
static noinstr int svm_switch_guarded(struct strata_vcpu *vcpu, struct svm_vcpu *svm, bool quiet,
				      const struct strata_spec *spec)
{
	return svm_switch_as(vcpu, svm, quiet, spec);
}

static __always_inline int hot_switch(struct strata_vcpu *vcpu, struct svm_vcpu *svm, bool quiet)
{
	bool dbs = unlikely(vcpu->hw_dr7 & 0xff);
	struct vmcb *vmcb = svm->vmcb;
	int r;

	vmcb->save.rax = vcpu->regs[STRATA_RAX];
	vmcb->save.rsp = vcpu->regs[STRATA_RSP];
	vmcb->save.rip = vcpu->rip;
	vmcb->save.rflags = vcpu->rflags;
	if (unlikely(vmcb->save.cr2 != vcpu->cr2)) {
		vmcb->save.cr2 = vcpu->cr2;
		svm_mark_dirty(vmcb, SVM_CLEAN_CR2);
	}
	if (dbs)
		strata_load_breakpoints(vcpu, svm->host_db);
	svm_oracle_before(vcpu, svm);

	strata_profile_exit(vcpu);
	if (static_branch_unlikely(&strata_guard_entries)) {
		struct strata_spec spec = strata_mitigate_entry(vcpu);

		r = svm_switch_guarded(vcpu, svm, quiet, &spec);
	} else if (quiet && !strata_guest_state_matters()) {
		r = strata_svm_enter(vcpu->regs, svm->vmcb_pa, svm->host_pa);
	} else {
		r = svm_switch(vcpu, svm, quiet);
	}
	strata_profile_guest(vcpu);

	if (dbs)
		strata_unload_breakpoints(svm->host_db);
	strata_host_breakpoints();
	if (unlikely(r))
		return -EIO;

	/*
	 * A failed entry leaves the guest where it was, for the report. It fails
	 * before TLB_CONTROL is obeyed, so the next one has to flush.
	 */
	if (unlikely((u32)vmcb->control.exit_code == SVM_EXIT_INVALID)) {
		vmcb->control.clean = 0;
		svm_explain_entry(vmcb, &vcpu->entry_fault);
		svm_oracle_refused(vcpu, svm);
		return 0;
	}
	svm_oracle_after(vcpu, svm);
	vmcb->control.clean = SVM_CLEAN_ALL;
	vmcb->control.tlb_control = SVM_TLB_NOTHING;
	vcpu->regs[STRATA_RAX] = vmcb->save.rax;
	vcpu->regs[STRATA_RSP] = vmcb->save.rsp;
	vcpu->rip = vmcb->save.rip;
	vcpu->rflags = vmcb->save.rflags;
	vcpu->cr2 = vmcb->save.cr2;
	vcpu->cr3 = vmcb->save.cr3;
	if (unlikely(svm->injecting || (vmcb->control.exit_int_info & SVM_EVT_VALID)))
		svm_collect_events(vcpu);
	return 0;
}

static __always_inline void svm_translate_pio(struct strata_exit *e, const struct vmcb_control *c)
{
	u32 info = c->exit_info1;

	e->pio.port = info >> SVM_IOIO_PORT_SHIFT;
	e->pio.size = (info >> SVM_IOIO_SIZE_SHIFT) & 7;
	e->pio.in = info & SVM_IOIO_IN;
	e->pio.string = info & SVM_IOIO_STRING;
	e->pio.rep = info & SVM_IOIO_REP;
	/* The one exit that tells where its instruction ends without nRIP. */
	e->pio.next_rip = c->exit_info2;
}

static __always_inline void svm_translate_npf(struct strata_exit *e, const struct vmcb_control *c)
{
	u64 info = c->exit_info1;
	u32 access = 0;

	e->fault.gpa = c->exit_info2;
	if (info & SVM_NPF_WRITE)
		access |= STRATA_ACC_WRITE;
	if (info & SVM_NPF_FETCH)
		access |= STRATA_ACC_FETCH;
	if (!access)
		access = STRATA_ACC_READ;
	if (info & SVM_NPF_PRESENT)
		access |= STRATA_ACC_PRESENT;
	if (info & SVM_NPF_TABLE)
		access |= STRATA_ACC_GUEST_PT;
	e->fault.access = access;
	e->fault.mmio = false;
	e->nr_bytes = 0;
	if (strata_svm_caps.decode && c->insn_len <= sizeof(e->bytes)) {
		e->nr_bytes = c->insn_len;
		memcpy(e->bytes, c->insn_bytes, sizeof(e->bytes));
	}
}

static void svm_translate_rare(struct strata_vcpu *vcpu, struct vmcb *vmcb)
{
	struct strata_exit *e = &vcpu->exit;
	u32 code = e->hw_code;

	switch (e->id) {
	case STRATA_EXIT_CR_ACCESS:
		e->cr.cr = code == SVM_EXIT_CR0_SEL_WRITE ? 0 : code & 15;
		e->cr.write = code >= SVM_EXIT_CR_WRITE;
		e->cr.decoded = strata_svm_caps.decode && (e->info1 & SVM_MOV_DECODED);
		e->cr.gpr = e->info1 & SVM_MOV_GPR_MASK;
		break;
	case STRATA_EXIT_DR_ACCESS:
		e->dr.dr = code & 15;
		e->dr.write = code >= SVM_EXIT_DR_WRITE;
		e->dr.decoded = strata_svm_caps.decode;
		e->dr.gpr = e->info1 & SVM_MOV_GPR_MASK;
		break;
	case STRATA_EXIT_DB:
		if (svm_iret_stepped(vcpu)) {
			e->id = STRATA_EXIT_NMI_WINDOW;
			break;
		}
		if (unlikely(strata_debug_owns_db(vcpu))) {
			e->exc.payload = vmcb->save.dr6;
			svm_set_dr6(vcpu, vcpu->dr6);
		} else {
			vcpu->dr6 = vmcb->save.dr6;
		}
		fallthrough;
	case STRATA_EXIT_AC:
	case STRATA_EXIT_EXCEPTION:
		e->exc.vector = code - SVM_EXIT_EXCEPTION;
		e->exc.has_error = e->id == STRATA_EXIT_AC;
		e->exc.error_code = e->info1;
		break;
	case STRATA_EXIT_MCE:
		strata_machine_check();
		break;
	case STRATA_EXIT_NMI_WINDOW:
		svm_handle_iret(vcpu);
		break;
	case STRATA_EXIT_INTR_WINDOW:
		svm_irq_window(vcpu, false);
		vcpu->ev.irq_window = false;
		strata_set_request(vcpu, STRATA_REQ_EVENT);
		break;
	default:
		break;
	}
}

static __always_inline void hot_identify(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;
	struct strata_exit *e = &vcpu->exit;
	u64 code = vmcb->control.exit_code;
	u32 len = 0;

	e->hw_code = code;
	/* What the hardware does not overwrite is not taken for an exit. */
	vmcb->control.exit_code = SVM_EXIT_BOGUS;
	vcpu->cs_attr = vmcb->save.cs.attrib;
	if (strata_svm_caps.nrip && vmcb->control.next_rip)
		len = vmcb->control.next_rip - vcpu->rip;
	e->insn_len = len <= 15 ? len : 0;

	if (likely(code < SVM_NR_LOW_EXITS)) {
		e->id = strata_svm_exit_map[code];
		if (code == SVM_EXIT_MSR)
			e->id = vmcb->control.exit_info1 ? STRATA_EXIT_MSR_WRITE :
							   STRATA_EXIT_MSR_READ;
		else if (code == SVM_EXIT_IOIO)
			svm_translate_pio(e, &vmcb->control);
	} else if (code == SVM_EXIT_NPF) {
		e->id = STRATA_EXIT_NESTED_FAULT;
		svm_translate_npf(e, &vmcb->control);
	} else if (code == SVM_EXIT_BOGUS) {
		e->id = STRATA_EXIT_BOGUS;
	} else {
		e->id = (u32)code == SVM_EXIT_INVALID ? STRATA_EXIT_FAIL_ENTRY :
							STRATA_EXIT_OTHER;
	}
}

static __always_inline void hot_info(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	const struct vmcb_control *c = &svm->vmcb->control;

	vcpu->exit.info1 = c->exit_info1;
	vcpu->exit.info2 = c->exit_info2;
}

static __always_inline void hot_translate(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	struct vmcb *vmcb = svm->vmcb;
	struct strata_exit *e = &vcpu->exit;

	hot_info(vcpu, svm);
	e->shadow = vmcb->control.int_shadow & SVM_INT_SHADOW;
	if (e->id != STRATA_EXIT_NESTED_FAULT)
		e->nr_bytes = 0;
	if (!strata_exit_is_common(e->id))
		svm_translate_rare(vcpu, vmcb);
}

static __always_inline bool hot_is_plain(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	const struct vmcb *vmcb = svm->vmcb;

	return strata_is_long_code(vcpu) &&
	       !(vmcb->control.int_shadow & SVM_INT_SHADOW) && !(vcpu->rflags & X86_EFLAGS_TF);
}

static __always_inline int hot_cpl(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	return svm->vmcb->save.cpl;
}

/* The vendor's part of a vCPU, as the loop hands it round. */
#define hot_hw struct svm_vcpu

#include "../loop.h"

/**
 * svm_run - one section of strata_loop()
 * @vcpu: its mutex is held
 */
int svm_run(struct strata_vcpu *vcpu)
{
	return strata_loop(vcpu);
}
