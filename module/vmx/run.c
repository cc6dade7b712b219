// SPDX-License-Identifier: GPL-2.0
/*
 * VMX's instance of the run loop.
 */
#include <uapi/asm/debugreg.h>
#include <linux/kvm_host.h>
#include <asm/cpufeature.h>
#include <asm/fsgsbase.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/spec-ctrl.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "vmx.h"
#include "insns.h"
#include "../breakpoints.h"
#include "../exit.h"
#include "../guest_debug.h"
#include "../guest_state.h"
#include "../insn.h"
#include "../machine_check.h"
#include "../mitigate.h"
#include "../msr.h"
#include "../profile.h"

#define DR6_CAUSES	0xe00ful	/* BT BS BD, B3 to B0; SDM table 28-1 */

static __always_inline void hot_flush_tlb(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	/*
	 * Drops guest-physical and combined mappings under every tag
	 * (SDM 29.4.3.1); with EPT there are no others.
	 */
	vmx_invept(INVEPT_ONE, vmx->eptp);
	vmx_oracle_flushed(vmx);
}

/* This CPU is not the one of the last window, or the VMCS has not been used yet. */
static noinline void new_cpu(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (vmx->fresh)
		vmx_write_constants(vcpu, vmx);
	vmx_host_write_constants(vmx, vmx->cpu);
	vmx->vpid_gen = 0;
}

/* The host's counters and branch records: an entry or an exit clears what controls them. */
static __always_inline void host_perf_save(struct vmx_vcpu *vmx)
{
	u64 val;

	if (strata_vmx_caps.debugctl)
		vmx->host_debugctl = vmx_rdmsr(MSR_IA32_DEBUGCTLMSR);
	if (!strata_vmx_caps.perf_global)
		return;
	val = vmx_rdmsr(MSR_CORE_PERF_GLOBAL_CTRL);
	if (unlikely(val != vmx->host_perf_global)) {
		vmcs_write(VMCS_HOST_PERF_GLOBAL, val);
		vmx->host_perf_global = val;
	}
	vmx->host_pebs = 0;
	/* With every counter off nothing is recorded. */
	if (unlikely(val) && strata_vmx_caps.pebs) {
		vmx->host_pebs = vmx_rdmsr(MSR_IA32_PEBS_ENABLE);
		if (vmx->host_pebs)
			vmx_wrmsr(MSR_IA32_PEBS_ENABLE, 0);
	}
}

static __always_inline void host_perf_restore(struct vmx_vcpu *vmx)
{
	if (unlikely(vmx->host_debugctl))
		vmx_wrmsr(MSR_IA32_DEBUGCTLMSR, vmx->host_debugctl);
	if (unlikely(vmx->host_pebs))
		vmx_wrmsr(MSR_IA32_PEBS_ENABLE, vmx->host_pebs);
}

/* Where its driver cannot be told of VMX operation, Processor Trace excludes us. */
static __always_inline bool processor_trace_runs(void)
{
#ifndef HAVE_INTEL_PT_HANDLE_VMX
	u64 ctl;

	if (static_cpu_has(X86_FEATURE_INTEL_PT)) {
		ctl = vmx_rdmsr(MSR_IA32_RTIT_CTL);
		return ctl & RTIT_CTL_TRACEEN;
	}
#endif
	return false;
}

static __always_inline int hot_on(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct vmx_cpu *vc = vmx->cpu;
	unsigned long val;
	int r;

	if (unlikely(!vc->on))
		return STRATA_RESUME;
	if (unlikely(processor_trace_runs()))
		return -EBUSY;
	if (static_branch_unlikely(&strata_vmx_bracket)) {
		r = vmx_bracket_enter(vmx);
		if (r)
			return r;
		/* The first window of a section: KVM may have run here since. */
		if (!vmx->entered)
			vmx_flush_all_tags(vc);
	}
	if (unlikely(vmx->host_gs_base != vc->gs_base || vmx->fresh))
		new_cpu(vcpu, vmx);
	if (unlikely(vmx->vpid_gen != vc->vpid_gen))
		vmx_new_vpid(vc, vmx);
	/* They go stale at every reschedule, CR3 and CR4 at interrupts as well. */
	val = __native_read_cr3();
	if (unlikely(val != vmx->host_cr3)) {
		vmcs_write(VMCS_HOST_CR3, val);
		vmx->host_cr3 = val;
	}
	val = native_read_cr4();
	if (unlikely(val != vmx->host_cr4)) {
		vmcs_write(VMCS_HOST_CR4, val);
		vmx->host_cr4 = val;
		/* The guest's MCE follows the host's. */
		vmx->dirty |= VMX_GROUP(VMX_G_CR4);
	}
	if (unlikely(vmx->fs_base != vmx->host_fs_base)) {
		vmcs_write(VMCS_HOST_FS_BASE, vmx->fs_base);
		vmx->host_fs_base = vmx->fs_base;
	}
	if (static_branch_unlikely(&strata_vmx_sliced))
		vmx->slice_end = rdtsc() + strata_vmx_caps.slice;
	if (unlikely(vmx->lazy_changed)) {
		vmx->lazy_changed = false;
		vmx_lazy_switch(vcpu, vc);
	}
	host_perf_save(vmx);
	strata_mitigate_window();
	vmx->entered = true;
	return 0;
}

/* Most exits do not need it: it is read when the window ends, at the latest. */
static __always_inline void read_rsp(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	vmx->rsp = vmcs_read(VMCS_GUEST_RSP);
	vcpu->regs[STRATA_RSP] = vmx->rsp;
	vmx->rsp_read = true;
}

static __always_inline void hot_leave(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (!vmx->rsp_read)
		read_rsp(vcpu, vmx);
	host_perf_restore(vmx);
	if (static_branch_unlikely(&strata_vmx_bracket)) {
		vmx_read_groups(vcpu, VMX_GROUPS_READ);
		vmx_bracket_leave(vmx);
	}
}

static __always_inline void hot_load(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&strata_vmx_cpu);

	vmx->cpu = vc;
	vmx->entered = false;
	if (!static_branch_unlikely(&strata_vmx_bracket) && unlikely(vc->current_vmcs != vmx))
		vmx_make_current(vmx);

	savesegment(fs, vmx->host_fs);
	savesegment(gs, vmx->host_gs);
	savesegment(ds, vmx->host_ds);
	savesegment(es, vmx->host_es);
	asm volatile("sldt %0" : "=r" (vmx->host_ldt));
	if (static_cpu_has(X86_FEATURE_FSGSBASE))
		vmx->fs_base = rdfsbase();
	else
		vmx->fs_base = vmx_rdmsr(MSR_FS_BASE);
	vmx->host_kernel_gs_base = vmx_rdmsr(MSR_KERNEL_GS_BASE);
	if (vmx->kernel_gs_base != vmx->host_kernel_gs_base)
		vmx_wrmsr(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);

	if (vcpu->tsc_aux_live)
		vmx->lazy[VMX_LAZY_TSC_AUX] = strata_msr_tsc_aux(vcpu->msrs);
	if (unlikely(vmx_lazy_differ(vcpu, vc)))
		vmx->lazy_changed = true;
	strata_mitigate_load(vcpu);
}

static __always_inline void hot_unload(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	vmx->kernel_gs_base = vmx_rdmsr(MSR_KERNEL_GS_BASE);
	if (likely(vmx->entered))
		vmx_host_reload(vmx);
	if (vmx->kernel_gs_base != vmx->host_kernel_gs_base)
		vmx_wrmsr(MSR_KERNEL_GS_BASE, vmx->host_kernel_gs_base);
	strata_mitigate_unload();
}

static __always_inline void load_cr2(unsigned long cr2)
{
	asm volatile("mov %0, %%cr2" : : "r" (cr2) : "memory");
}

/* With SPEC_CTRL and buffers as @spec says, if it is not NULL. */
static __always_inline int enter_as(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx,
				    const struct strata_spec *spec, bool stamped)
{
	u32 flags = vmx->launched ? STRATA_ENTER_RESUME : 0;

	if (!spec)
		return stamped ? strata_vmx_enter_stamped(vcpu->regs, flags, &vmx->host_rsp) :
				 strata_vmx_enter(vcpu->regs, flags, &vmx->host_rsp);
	flags |= spec->flags;
	if (spec->write_guest)
		vmx_wrmsr(MSR_IA32_SPEC_CTRL, spec->guest);
	return stamped ?
		strata_vmx_enter_guarded_stamped(vcpu->regs, flags, &vmx->host_rsp) :
		strata_vmx_enter_guarded(vcpu->regs, flags, &vmx->host_rsp);
}

/*
 * Into the guest and back. CR2 is read before anything can fault. An NMI that
 * ended guest mode goes to the host first, too: NMIs are blocked until an
 * IRET, any IRET, and the host's own handler is the one to end that.
 */
static __always_inline int vmx_enter(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx,
				     const struct strata_spec *spec, bool stamped)
{
	int r;

	if (native_read_cr2() != vcpu->cr2)
		load_cr2(vcpu->cr2);
	r = enter_as(vcpu, vmx, spec, stamped);
	vcpu->cr2 = native_read_cr2();
	if (unlikely(r))
		return r;
	vmx->reason = vmcs_read(VMCS_EXIT_REASON);
	if (unlikely(vmx->reason == VMX_EXIT_EXCEPTION_NMI)) {
		vmx->intr_info = vmcs_read(VMCS_EXIT_INTR_INFO);
		if ((vmx->intr_info & INTR_TYPE_MASK) == INTR_TYPE_NMI)
			asm volatile("int $2" : : : "memory");
	}
	return 0;
}

/*
 * vmx_enter(), and everybody is told. What is between the two guest_state functions is
 * out of reach for tracing, RCU and lockdep.
 */
static __always_inline int vmx_switch_as(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, bool quiet,
					 const struct strata_spec *spec)
{
	u64 from = 0;
	int r;

	strata_guest_state_enter(quiet);
	if (!quiet) {
		vmcs_write(VMCS_HOST_RIP, (unsigned long)(spec ? strata_vmx_exit_guarded_stamped :
								 strata_vmx_exit_stamped));
		from = rdtsc();
	}
	r = vmx_enter(vcpu, vmx, spec, !quiet);
	if (!quiet) {
		if (likely(!r))
			strata_profile_switch(vcpu, from);
		vmcs_write(VMCS_HOST_RIP, (unsigned long)(spec ? strata_vmx_exit_guarded :
								 strata_vmx_exit));
	}
	guest_state_exit_irqoff();
	return r;
}

static noinstr int vmx_switch(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, bool quiet)
{
	return vmx_switch_as(vcpu, vmx, quiet, NULL);
}

/* On a CPU whose SPEC_CTRL or buffers need attention at each entry. */
static noinstr int vmx_switch_guarded(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, bool quiet,
				      const struct strata_spec *spec)
{
	return vmx_switch_as(vcpu, vmx, quiet, spec);
}

/*
 * The interruptibility state, and with it the single step that waits for the
 * end of a shadow: there the entry demands BS to be as TF is (SDM 27.3.1.5).
 */
static noinline void write_intr_state(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, u32 state)
{
	unsigned long pending;

	/* User space may ask for a shadow of STI with IF clear: the entry does not take it. */
	if ((state & INTR_STATE_STI) && !(vcpu->rflags & X86_EFLAGS_IF))
		state ^= INTR_STATE_STI | INTR_STATE_MOV_SS;
	pending = vmcs_read(VMCS_GUEST_PENDING_DB) & ~DR_STEP;
	if ((state & INTR_STATE_SHADOW) && (vcpu->rflags & X86_EFLAGS_TF))
		pending |= DR_STEP;
	vmcs_write(VMCS_GUEST_PENDING_DB, pending);
	vmcs_write(VMCS_GUEST_INTR_STATE, state);
	vmx->intr_state = state;
}

static __always_inline void write_state(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	u32 state = vmx->shadow;

	if (unlikely(vmx->dirty))
		vmx_write_groups(vcpu);
	if (vcpu->rip != vmx->rip) {
		vmx->rip = vcpu->rip;
		vmcs_write(VMCS_GUEST_RIP, vmx->rip);
	}
	if (unlikely(vcpu->regs[STRATA_RSP] != vmx->rsp)) {
		vmx->rsp = vcpu->regs[STRATA_RSP];
		vmcs_write(VMCS_GUEST_RSP, vmx->rsp);
	}
	/* While an NMI goes in, NMIs may not be blocked yet (SDM 27.3.1.5). */
	if (unlikely(vcpu->ev.nmi_masked) &&
	    (vmx->inject_info & (INTR_VALID | INTR_TYPE_MASK)) != (INTR_VALID | INTR_TYPE_NMI))
		state |= INTR_STATE_NMI;
	if (unlikely(vcpu->rflags != vmx->rflags)) {
		vmx->rflags = vcpu->rflags;
		vmcs_write(VMCS_GUEST_RFLAGS, vmx->rflags);
		if (state & INTR_STATE_SHADOW)
			write_intr_state(vcpu, vmx, state);
	}
	if (unlikely(state != vmx->intr_state))
		write_intr_state(vcpu, vmx, state);
}

/* What became of events is known, and whether more can go in. */
static __always_inline void read_state(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	vmx->launched = true;
	vmx->rsp_read = false;
	vmx->avail = 0;
	vmx->rip = vmcs_read(VMCS_GUEST_RIP);
	vcpu->rip = vmx->rip;
	vmx->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	vcpu->rflags = vmx->rflags;
	vmx->intr_state = vmcs_read(VMCS_GUEST_INTR_STATE);
	if (likely(!vmx->intr_state)) {
		vmx->shadow = 0;
		vcpu->ev.nmi_masked = false;
	} else {
		vmx->shadow = vmx->intr_state & INTR_STATE_SHADOW;
		vcpu->ev.nmi_masked = vmx->intr_state & INTR_STATE_NMI;
	}
	/* Kernels run above 4 GiB, where only 64-bit code does. */
	if (likely(vmx->rip >> 32))
		vcpu->cs_attr = STRATA_CS_L;
	else
		vcpu->cs_attr = vmx_neutral_cs(vmcs_read(VMCS_GUEST_CS_AR));
	if (unlikely(vmx->injecting))
		vmx_delivered(vcpu);
}

/* What is left of the slice; 0 makes the guest exit before its first instruction. */
static noinline void vmx_set_timer(struct vmx_vcpu *vmx)
{
	u64 now = rdtsc(), left = vmx->slice_end > now ? vmx->slice_end - now : 0;

	vmcs_write(VMCS_PREEMPT_TIMER, min_t(u64, left >> (strata_vmx_caps.misc & 31), U32_MAX));
}

static __always_inline int hot_switch(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, bool quiet)
{
	bool dbs = unlikely(vcpu->hw_dr7 & 0xff);
	int r;

	if (static_branch_unlikely(&strata_vmx_sliced))
		vmx_set_timer(vmx);
	write_state(vcpu, vmx);
	if (dbs)
		strata_load_breakpoints(vcpu, vmx->host_db);
	vmx_oracle_before(vcpu, vmx);

	strata_profile_exit(vcpu);
	if (static_branch_unlikely(&strata_guard_entries)) {
		struct strata_spec spec = strata_mitigate_entry(vcpu);

		r = vmx_switch_guarded(vcpu, vmx, quiet, &spec);
	} else if (quiet && !strata_guest_state_matters()) {
		r = vmx_enter(vcpu, vmx, NULL, false);
	} else {
		r = vmx_switch(vcpu, vmx, quiet);
	}
	strata_profile_guest(vcpu);

	if (dbs)
		strata_unload_breakpoints(vmx->host_db);
	strata_host_breakpoints();
	if (unlikely(r)) {
		if (r == 2)
			return -EIO;
		vmx->reason = VMX_VMFAIL | vmcs_read(VMCS_INSN_ERROR);
		vmx_oracle_after(vcpu, vmx, false);
		return 0;
	}
	vmx_oracle_after(vcpu, vmx, !(vmx->reason & VMX_EXIT_FAILED_ENTRY));
	/* A failed entry leaves the guest where it was, for the report. */
	if (likely(vmx->reason < VMX_NR_EXITS))
		read_state(vcpu, vmx);
	return 0;
}

static __always_inline void translate_pio(struct strata_vcpu *vcpu)
{
	struct strata_exit *e = &vcpu->exit;
	u32 qual = vmcs_read(VMCS_EXIT_QUAL);

	e->pio.port = qual >> IOQ_PORT_SHIFT;
	e->pio.size = (qual & IOQ_SIZE) + 1;
	e->pio.in = qual & IOQ_IN;
	e->pio.string = qual & IOQ_STRING;
	e->pio.rep = qual & IOQ_REP;
	e->pio.next_rip = vcpu->rip + e->insn_len;
}

static __always_inline void translate_violation(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct strata_exit *e = &vcpu->exit;
	u32 qual = vmcs_read(VMCS_EXIT_QUAL);
	u32 access = 0;

	e->fault.gpa = vmcs_read(VMCS_GUEST_PHYS_ADDR);
	e->info1 = qual;
	e->info2 = e->fault.gpa;
	if (qual & EPTV_WRITE)
		access |= STRATA_ACC_WRITE;
	if (qual & EPTV_FETCH)
		access |= STRATA_ACC_FETCH;
	if (!access)
		access = STRATA_ACC_READ;
	if (qual & EPTV_PRESENT)
		access |= STRATA_ACC_PRESENT;
	if ((qual & EPTV_LINEAR_VALID) && !(qual & EPTV_TRANSLATED))
		access |= STRATA_ACC_GUEST_PT;
	e->fault.access = access;
	e->fault.mmio = false;
	e->nr_bytes = 0;
	/* IRET had ended the blocking of NMIs before it faulted (SDM 28.2.3). */
	if (unlikely((qual & EPTV_UNBLOCKED_NMI) && !(vmx->idt_info & INTR_VALID)))
		vcpu->ev.nmi_masked = true;
	/* Who looks at the instruction wants these, in the window, too. */
	vcpu->cr3 = vmcs_read(VMCS_GUEST_CR3);
	vmx->avail |= VMX_GROUP(VMX_G_CR3);
	read_rsp(vcpu, vmx);
}

/* By exception, or by NMI; it tells which neutral id that is. */
static u32 identify_exception(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	u32 info = vmx->intr_info;

	if ((info & INTR_TYPE_MASK) == INTR_TYPE_NMI)
		return STRATA_EXIT_NMI;
	if (unlikely((info & INTR_UNBLOCKED_NMI) && !(vmx->idt_info & INTR_VALID) &&
		     (info & INTR_VECTOR) != X86_TRAP_DF))
		vcpu->ev.nmi_masked = true;
	switch (info & INTR_VECTOR) {
	case X86_TRAP_DB:
		return STRATA_EXIT_DB;
	case X86_TRAP_AC:
		return STRATA_EXIT_AC;
	case X86_TRAP_MC:
		strata_machine_check();
		return STRATA_EXIT_MCE;
	default:
		return STRATA_EXIT_EXCEPTION;
	}
}

/* The guest did not run, or ended for a reason that this table does not know. */
static noinline void identify_failure(struct strata_vcpu *vcpu, u32 reason)
{
	struct strata_exit *e = &vcpu->exit;

	if ((reason & VMX_VMFAIL) == VMX_VMFAIL)
		e->hw_code = reason & ~VMX_VMFAIL;
	e->id = STRATA_EXIT_OTHER;
	if (reason & VMX_EXIT_FAILED_ENTRY) {
		e->id = STRATA_EXIT_FAIL_ENTRY;
		vmx_explain_entry(&vcpu->entry_fault);
	}
	if ((reason & VMX_EXIT_BASIC) == VMX_EXIT_ENTRY_MCE)
		strata_machine_check();
}

static __always_inline void hot_identify(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct strata_exit *e = &vcpu->exit;
	const struct vmx_exit_kind *kind;
	u32 reason = vmx->reason;

	e->hw_code = reason;
	e->insn_len = 0;
	if (unlikely(reason >= VMX_NR_EXITS)) {
		identify_failure(vcpu, reason);
		return;
	}
	kind = &strata_vmx_exits[reason];
	e->id = kind->id;
	if (likely(kind->has_length)) {
		e->insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
		if (reason == VMX_EXIT_IO)
			translate_pio(vcpu);
	} else if (kind->can_vector) {
		vmx->idt_info = vmcs_read(VMCS_IDT_INFO);
		if (vmx->idt_info & INTR_VALID)
			vmx_redeliver(vcpu);
		if (reason == VMX_EXIT_EPT_VIOLATION)
			translate_violation(vcpu, vmx);
		else if (reason == VMX_EXIT_EXCEPTION_NMI)
			e->id = identify_exception(vcpu, vmx);
	}
}

static __always_inline void hot_info(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct strata_exit *e = &vcpu->exit;

	/* A nested fault has them already. */
	if (e->id == STRATA_EXIT_NESTED_FAULT)
		return;
	e->info1 = vmcs_read(VMCS_EXIT_QUAL);
	e->info2 = vmx->intr_info;
}

static void translate_rare(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct strata_exit *e = &vcpu->exit;
	u64 qual = e->info1;

	switch (e->id) {
	case STRATA_EXIT_CR_ACCESS:
		e->cr.cr = qual & CRQ_REG;
		e->cr.gpr = (qual >> CRQ_GPR_SHIFT) & 15;
		e->cr.write = ((qual >> CRQ_TYPE_SHIFT) & 3) == CRQ_MOV_TO;
		/* LMSW and CLTS are read where they stand. */
		e->cr.decoded = ((qual >> CRQ_TYPE_SHIFT) & 3) <= CRQ_MOV_FROM;
		break;
	case STRATA_EXIT_DR_ACCESS:
		e->dr.dr = qual & DRQ_REG;
		e->dr.gpr = (qual >> DRQ_GPR_SHIFT) & 15;
		e->dr.write = !(qual & DRQ_READ);
		e->dr.decoded = true;
		break;
	case STRATA_EXIT_DB:
		/* The hardware does not write DR6 (SDM 28.2.1). */
		e->exc.payload = qual & DR6_CAUSES;
		if (likely(!strata_debug_owns_db(vcpu)))
			vcpu->dr6 = (vcpu->dr6 & ~0xful) | (qual & DR6_CAUSES);
		/* INT1 has its exit before it has moved RIP on (SDM 28.2.4). */
		if (unlikely((vmx->intr_info & INTR_TYPE_MASK) == INTR_TYPE_PRIV_SOFT_EXC))
			vcpu->rip += vmcs_read(VMCS_EXIT_INSN_LEN);
		fallthrough;
	case STRATA_EXIT_AC:
	case STRATA_EXIT_EXCEPTION:
		e->exc.vector = vmx->intr_info & INTR_VECTOR;
		e->exc.has_error = vmx->intr_info & INTR_ERROR_VALID;
		e->exc.error_code = e->exc.has_error ? vmcs_read(VMCS_EXIT_INTR_ERROR) : 0;
		break;
	case STRATA_EXIT_INTR_WINDOW:
		vmx_irq_window(vcpu, false);
		vcpu->ev.irq_window = false;
		strata_set_request(vcpu, STRATA_REQ_EVENT);
		break;
	case STRATA_EXIT_NMI_WINDOW:
		vmx->proc &= ~PROC_NMI_WINDOW;
		vmx->dirty |= VMX_GROUP(VMX_G_CTLS);
		strata_set_request(vcpu, STRATA_REQ_EVENT);
		break;
	default:
		break;
	}
}

static __always_inline void hot_translate(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct strata_exit *e = &vcpu->exit;

	e->shadow = vmx->shadow;
	e->nr_bytes = 0;
	if (!strata_exit_is_common(e->id)) {
		hot_info(vcpu, vmx);
		translate_rare(vcpu, vmx);
	}
}

static __always_inline bool hot_is_plain(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	return strata_is_long_code(vcpu) && !vmx->shadow && !(vcpu->rflags & X86_EFLAGS_TF);
}

static __always_inline int hot_cpl(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	return (vmcs_read(VMCS_GUEST_SS_AR) >> VMX_AR_DPL_SHIFT) & 3;
}

/* The vendor's part of a vCPU, as the loop hands it round. */
#define hot_hw struct vmx_vcpu

#include "../loop.h"

/**
 * vmx_run - one section of strata_loop()
 * @vcpu: its mutex is held; may sleep
 */
int vmx_run(struct strata_vcpu *vcpu)
{
	if (unlikely(to_vmx(vcpu)->pdptes_stale))
		vmx_load_pdptes(vcpu);
	return strata_loop(vcpu);
}
