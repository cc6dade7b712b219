// SPDX-License-Identifier: GPL-2.0
/*
 * What happens for each exit.
 */
#include <linux/kvm.h>
#include <linux/stddef.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/traps.h>

#include "exit.h"
#include "guest_debug.h"
#include "msr_user.h"
#include "strata.h"
#include "trace.h"

/**
 * strata_internal_error - leave with KVM_EXIT_INTERNAL_ERROR
 * @vcpu: its mutex is held
 * @suberror: KVM_INTERNAL_ERROR_*
 * @data: what to tell, @ndata values, at most 16
 * @ndata: how many
 *
 * Return: STRATA_USER.
 */
int strata_internal_error(struct strata_vcpu *vcpu, u32 suberror, const u64 *data, u32 ndata)
{
	struct kvm_run *run = vcpu->run;
	u32 i;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = ndata;
	for (i = 0; i < ndata && i < ARRAY_SIZE(run->internal.data); i++)
		run->internal.data[i] = data[i];
	return STRATA_USER;
}

/**
 * strata_emulation_failed - an instruction that strata cannot emulate
 * @vcpu: its mutex is held
 * @bytes: the instruction as far as it was read
 * @len: how many bytes, at most 15
 *
 * Guest user space gets #UD: it must not be able to stop its VM, unless the VM's
 * owner wants that. At CPL 0 user space is told, with the bytes.
 *
 * Return: STRATA_RESUME or STRATA_USER.
 */
int strata_emulation_failed(struct strata_vcpu *vcpu, const u8 *bytes, unsigned int len)
{
	struct kvm_run *run = vcpu->run;

	if (strata_vendor->get_cpl(vcpu) && !READ_ONCE(vcpu->vm->tell_emulation_failure)) {
		strata_queue_exception(vcpu, X86_TRAP_UD);
		return STRATA_RESUME;
	}
	len = min_t(unsigned int, len, sizeof(run->emulation_failure.insn_bytes));
	memset(&run->emulation_failure, 0, sizeof(run->emulation_failure));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 5;
	run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	run->emulation_failure.insn_size = len;
	memcpy(run->emulation_failure.insn_bytes, bytes, len);
	return STRATA_USER;
}

static int exit_resume(struct strata_vcpu *vcpu)
{
	return STRATA_RESUME;
}

static int exit_unexpected(struct strata_vcpu *vcpu)
{
	u64 data[] = { vcpu->exit.hw_code, vcpu->exit.info1, vcpu->exit.info2, vcpu->rip };

	return strata_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, data,
				     ARRAY_SIZE(data));
}

static int exit_fail_entry(struct strata_vcpu *vcpu)
{
	const struct strata_entry_fault *fault = &vcpu->entry_fault;
	struct kvm_run *run = vcpu->run;
	struct strata_fail_entry *fail = (void *)run->padding;

	/* What the KVM API has there is the head of our own. */
	static_assert(offsetof(struct strata_fail_entry, reason) ==
		      offsetof(struct kvm_run, fail_entry.hardware_entry_failure_reason) -
		      offsetof(struct kvm_run, fail_entry));
	static_assert(offsetof(struct strata_fail_entry, cpu) ==
		      offsetof(struct kvm_run, fail_entry.cpu) -
		      offsetof(struct kvm_run, fail_entry));
	static_assert(sizeof(*fail) == sizeof(run->padding));

	memset(fail, 0, sizeof(*fail));
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	fail->reason = vcpu->exit.hw_code;
	fail->cpu = vcpu->cpu;
	if (fault->name) {
		fail->field = fault->field;
		fail->value = fault->value;
		snprintf(fail->text, sizeof(fail->text), "%s is 0x%llx: %s", fault->name,
			 fault->value, fault->rule);
	}
	return STRATA_USER;
}

static int exit_shutdown(struct strata_vcpu *vcpu)
{
	/* The guest's state is lost or undefined after it (APM 15.14.3). */
	strata_vcpu_reset(vcpu, true);
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return STRATA_USER;
}

static int exit_ud(struct strata_vcpu *vcpu)
{
	strata_queue_exception(vcpu, X86_TRAP_UD);
	return STRATA_RESUME;
}

static int exit_gp(struct strata_vcpu *vcpu)
{
	strata_queue_exception_e(vcpu, X86_TRAP_GP, 0);
	return STRATA_RESUME;
}

static int exit_skip(struct strata_vcpu *vcpu)
{
	return strata_skip_insn(vcpu);
}

/*
 * #DB and #AC are intercepted only so that their recursion cannot hang the
 * CPU; the guest gets what is its own. DR6 holds the causes already.
 */
static int exit_exception(struct strata_vcpu *vcpu)
{
	if (vcpu->exit.exc.vector == X86_TRAP_DB && unlikely(strata_debug_owns_db(vcpu)))
		return strata_debug_exit(vcpu, X86_TRAP_DB, vcpu->exit.exc.payload);
	if (vcpu->exit.exc.has_error)
		strata_queue_exception_e(vcpu, vcpu->exit.exc.vector, vcpu->exit.exc.error_code);
	else
		strata_queue_exception(vcpu, vcpu->exit.exc.vector);
	return STRATA_RESUME;
}

/* The others that are intercepted; may sleep. */
static int exit_sleepy_exception(struct strata_vcpu *vcpu)
{
	switch (vcpu->exit.exc.vector) {
	case X86_TRAP_UD:
		return strata_exit_ud(vcpu);
	case X86_TRAP_BP:
		return strata_debug_exit(vcpu, X86_TRAP_BP, 0);
	default:
		return exit_exception(vcpu);
	}
}

static int exit_hlt(struct strata_vcpu *vcpu)
{
	strata_skip_insn(vcpu);
	if (vcpu->vm->irqchip) {
		/* strata_vcpu_run() sleeps when there is nothing to do. */
		WRITE_ONCE(vcpu->mp_state, KVM_MP_STATE_HALTED);
		return STRATA_LEAVE;
	}
	vcpu->run->exit_reason = KVM_EXIT_HLT;
	return STRATA_USER;
}

/**
 * strata_exit_irq_window - a maskable interrupt can be taken now
 * @vcpu: its mutex is held
 *
 * With the PIC in user space the one who asked may be user space.
 */
int strata_exit_irq_window(struct strata_vcpu *vcpu)
{
	if (vcpu->vm->pic || vcpu->ev.extint_pending ||
	    !READ_ONCE(vcpu->run->request_interrupt_window))
		return STRATA_RESUME;
	vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
	return STRATA_USER;
}

/**
 * strata_exit_cpuid - CPUID
 * @vcpu: any
 */
int strata_exit_cpuid(struct strata_vcpu *vcpu)
{
	u32 eax = vcpu->regs[STRATA_RAX];
	u32 ecx = vcpu->regs[STRATA_RCX];
	u32 ebx, edx;

	strata_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	vcpu->regs[STRATA_RAX] = eax;
	vcpu->regs[STRATA_RBX] = ebx;
	vcpu->regs[STRATA_RCX] = ecx;
	vcpu->regs[STRATA_RDX] = edx;
	return strata_skip_insn(vcpu);
}

/**
 * strata_exit_msr_read - RDMSR
 * @vcpu: any
 */
int strata_exit_msr_read(struct strata_vcpu *vcpu)
{
	u32 index = vcpu->regs[STRATA_RCX];
	bool denied = strata_msr_denied(vcpu, index, KVM_MSR_FILTER_READ);
	u64 val = 0;

	if (denied || strata_get_msr(vcpu, index, &val, false)) {
		trace_strata_msr(vcpu->vm->index, vcpu->id, false, index, 0, true);
		return strata_msr_refused(vcpu, index, false, 0, denied);
	}
	trace_strata_msr(vcpu->vm->index, vcpu->id, false, index, val, false);
	vcpu->regs[STRATA_RAX] = (u32)val;
	vcpu->regs[STRATA_RDX] = val >> 32;
	return strata_skip_insn(vcpu);
}

/**
 * strata_exit_msr_write - WRMSR
 * @vcpu: any
 */
int strata_exit_msr_write(struct strata_vcpu *vcpu)
{
	u32 index = vcpu->regs[STRATA_RCX];
	u64 val = (u32)vcpu->regs[STRATA_RAX] | (u64)vcpu->regs[STRATA_RDX] << 32;
	bool denied = strata_msr_denied(vcpu, index, KVM_MSR_FILTER_WRITE);

	if (denied || strata_set_msr(vcpu, index, val, false)) {
		trace_strata_msr(vcpu->vm->index, vcpu->id, true, index, val, true);
		return strata_msr_refused(vcpu, index, true, val, denied);
	}
	trace_strata_msr(vcpu->vm->index, vcpu->id, true, index, val, false);
	strata_skip_insn(vcpu);
	/* The guest reads it without an exit: a new section loads it. */
	return index == MSR_TSC_AUX ? STRATA_LEAVE : STRATA_RESUME;
}

/* XSETBV: CPL 0, XCR0 only, a supported value; else #GP (APM volume 4). */
static int exit_xsetbv(struct strata_vcpu *vcpu)
{
	u64 val = (u32)vcpu->regs[STRATA_RAX] | (u64)vcpu->regs[STRATA_RDX] << 32;

	if (!(vcpu->cr4 & X86_CR4_OSXSAVE))
		return exit_ud(vcpu);
	if (strata_vendor->get_cpl(vcpu) || (u32)vcpu->regs[STRATA_RCX] ||
	    strata_guest_set_xcr0(vcpu, val))
		return exit_gp(vcpu);
	return strata_skip_insn(vcpu);
}

/* The bit may come from IA32_MISC_ENABLE: ask as the guest does. */
static bool shows_mwait(struct strata_vcpu *vcpu)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	strata_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	return ecx & BIT(3);
}

/*
 * MONITOR and MWAIT are not offered, but a guest may use them all the same; they
 * wait for nothing. #UD, where there is no such feature, has to be asked for: a quirk.
 */
static int exit_monitor(struct strata_vcpu *vcpu)
{
	if (!strata_has_quirk(vcpu, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS) && !shows_mwait(vcpu))
		return exit_ud(vcpu);
	return strata_skip_insn(vcpu);
}

/**
 * strata_exit_fault_atomic - a nested fault, inside the section
 * @vcpu: its mutex is held
 *
 * Most faults find their page present in the host. Serving them here saves the
 * guest's FPU state a way out and in.
 *
 * Return: STRATA_RESUME, or STRATA_SLEEPY: leave the section, then the handler.
 */
int strata_exit_fault_atomic(struct strata_vcpu *vcpu)
{
	struct strata_exit *e = &vcpu->exit;
	int r = strata_mmu_fault_atomic(vcpu, e->fault.gpa, e->fault.access);

	if (r == STRATA_RESUME) {
		strata_trace_fault(vcpu, r);
		return STRATA_RESUME;
	}
	e->fault.mmio = r == STRATA_MMIO;
	return STRATA_SLEEPY;
}

static int exit_nested_fault(struct strata_vcpu *vcpu)
{
	u64 gpa = vcpu->exit.fault.gpa;
	int r = STRATA_MMIO;

	if (!vcpu->exit.fault.mmio)
		r = strata_mmu_fault(vcpu, gpa, vcpu->exit.fault.access);
	strata_trace_fault(vcpu, r);
	if (r != STRATA_MMIO)
		return r;

	if (!strata_has_slots(vcpu->vm))
		return exit_unexpected(vcpu);
	/* Nothing can be read or pushed there: the event cannot be delivered. */
	if (vcpu->ev.exc.injected || vcpu->ev.irq.injected || vcpu->ev.nmi_injected) {
		u64 data[] = { vcpu->exit.hw_code, vcpu->exit.info1, vcpu->exit.info2, gpa };

		return strata_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV, data,
					     ARRAY_SIZE(data));
	}
	vcpu->exit.id = STRATA_EXIT_MMIO;
	return strata_emulate_mmio(vcpu);
}

#define ATOMIC	STRATA_EXIT_ATOMIC
#define SKIPS	STRATA_EXIT_SKIPS

/* The raw reasons of each vendor are in its exit map. */
const struct strata_exit_desc strata_exits[STRATA_NR_EXIT_REASONS] = {
	[STRATA_EXIT_BOGUS]	   = { exit_unexpected,	      "bogus",		  ATOMIC },
	[STRATA_EXIT_INTR]	   = { exit_resume,	      "intr",		  ATOMIC },
	[STRATA_EXIT_NMI]	   = { exit_resume,	      "nmi",		  ATOMIC },
	[STRATA_EXIT_SMI]	   = { exit_resume,	      "smi",		  ATOMIC },
	[STRATA_EXIT_INIT]	   = { exit_resume,	      "init",		  ATOMIC },
	[STRATA_EXIT_MCE]	   = { exit_resume,	      "machine-check",	  ATOMIC },
	[STRATA_EXIT_INTR_WINDOW]  = { strata_exit_irq_window, "intr-window",	  ATOMIC },
	[STRATA_EXIT_NMI_WINDOW]   = { exit_resume,	      "nmi-window",	  ATOMIC },
	[STRATA_EXIT_CPUID]	   = { strata_exit_cpuid,     "cpuid",		  ATOMIC | SKIPS },
	[STRATA_EXIT_HLT]	   = { exit_hlt,	      "hlt",		  ATOMIC | SKIPS },
	[STRATA_EXIT_PIO]	   = { strata_exit_pio,	      "pio",		  ATOMIC },
	[STRATA_EXIT_MSR_READ]	   = { strata_exit_msr_read,  "msr-read",	  ATOMIC | SKIPS },
	[STRATA_EXIT_MSR_WRITE]	   = { strata_exit_msr_write, "msr-write",	  ATOMIC | SKIPS },
	[STRATA_EXIT_HYPERCALL]	   = { strata_hypercall,      "hypercall",	  ATOMIC | SKIPS },
	[STRATA_EXIT_NESTED_FAULT] = { exit_nested_fault,     "nested-fault",	  0 },
	[STRATA_EXIT_MMIO]	   = { exit_unexpected,	      "mmio",		  ATOMIC },
	[STRATA_EXIT_EXCEPTION]	   = { exit_sleepy_exception, "exception",	  0 },
	[STRATA_EXIT_DB]	   = { exit_exception,	      "debug-exception",  ATOMIC },
	[STRATA_EXIT_AC]	   = { exit_exception,	      "alignment-check",  ATOMIC },
	[STRATA_EXIT_CR_ACCESS]	   = { strata_exit_cr,	      "cr-access",	  0 },
	[STRATA_EXIT_DR_ACCESS]	   = { strata_exit_dr,	      "dr-access",	  0 },
	[STRATA_EXIT_XSETBV]	   = { exit_xsetbv,	      "xsetbv",		  SKIPS },
	[STRATA_EXIT_PAUSE]	   = { exit_skip,	      "pause",		  ATOMIC | SKIPS },
	[STRATA_EXIT_INVD]	   = { exit_skip,	      "invd",		  ATOMIC | SKIPS },
	[STRATA_EXIT_WBINVD]	   = { exit_skip,	      "wbinvd",		  ATOMIC | SKIPS },
	[STRATA_EXIT_INVLPG]	   = { exit_unexpected,	      "invlpg",		  ATOMIC },
	[STRATA_EXIT_RDTSC]	   = { exit_ud,		      "rdtsc",		  ATOMIC },
	[STRATA_EXIT_RDPMC]	   = { exit_gp,		      "rdpmc",		  ATOMIC },
	[STRATA_EXIT_MONITOR]	   = { exit_monitor,	      "monitor",	  ATOMIC | SKIPS },
	[STRATA_EXIT_MWAIT]	   = { exit_monitor,	      "mwait",		  ATOMIC | SKIPS },
	[STRATA_EXIT_VIRT_INSN]	   = { exit_ud,		      "virt-insn",	  ATOMIC },
	[STRATA_EXIT_DESC_TABLE]   = { exit_unexpected,	      "desc-table",	  ATOMIC },
	[STRATA_EXIT_TASK_SWITCH]  = { exit_unexpected,	      "task-switch",	  ATOMIC },
	[STRATA_EXIT_RSM]	   = { exit_ud,		      "rsm",		  ATOMIC },
	[STRATA_EXIT_SHUTDOWN]	   = { exit_shutdown,	      "shutdown",	  0 },
	[STRATA_EXIT_TIMER]	   = { exit_resume,	      "preemption-timer", ATOMIC },
	[STRATA_EXIT_FAIL_ENTRY]   = { exit_fail_entry,	      "fail-entry",	  ATOMIC },
	[STRATA_EXIT_OTHER]	   = { exit_unexpected,	      "other",		  ATOMIC },
};
