// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls by KVM's convention: the number in RAX, arguments in RBX, RCX,
 * RDX and RSI, the result in RAX.
 */
#include <linux/sched.h>
#include <asm/traps.h>

#include "exit.h"
#include "guest_debug.h"
#include "insn.h"
#include "irqchip/lapic.h"
#include "msr.h"
#include "pv.h"
#include "strata.h"
#include "trace.h"

/* Does the guest's CPUID show the feature? */
static bool has(const struct strata_vcpu *vcpu, enum msr_gate gate)
{
	return vcpu->msrs->gates & 1u << gate;
}

/* One interrupt to as many as 128 vCPUs, whose ids begin at @first. */
static long send_ipi(struct strata_vcpu *vcpu, u64 low, u64 high, u32 first, u32 icr, bool wide)
{
	struct strata_irq_msg msg = {
		.wide = true,
		.level = icr & ICR_LEVEL,
		.mode = ICR_MODE(icr),
		.vector = icr,
	};
	unsigned int width = wide ? 64 : 32, bit;
	u64 masks[2] = { low, high };
	long sent = 0;

	if (!vcpu->apic)
		return -KVM_ENOSYS;
	if ((icr & ICR_LOGICAL) || ICR_SHORTHAND(icr) ||
	    (msg.mode != STRATA_DM_FIXED && msg.mode != STRATA_DM_NMI))
		return -KVM_EINVAL;
	for (bit = 0; bit < 2 * width; bit++) {
		if (!(masks[bit / width] >> bit % width & 1))
			continue;
		if (first + bit >= STRATA_MAX_VCPU_ID)
			break;
		msg.dest = first + bit;
		if (strata_deliver(vcpu->vm, &msg) > 0)
			sent++;
	}
	return sent;
}

/* A vCPU that waits for a lock, by HLT, or is about to. */
static long kick_cpu(struct strata_vcpu *vcpu, u32 id)
{
	struct strata_vcpu *target = strata_vcpu_by_id(vcpu->vm, id);

	if (target && target->apic) {
		set_bit(STRATA_APIC_UNHALT, &target->apic_events);
		strata_request_kick(target, STRATA_REQ_KICK);
	}
	return 0;
}

static long sched_yield(struct strata_vcpu *vcpu, u32 id)
{
	vcpu->yield_to = id;
	strata_set_request(vcpu, STRATA_REQ_YIELD);
	return 0;
}

static long serve(struct strata_vcpu *vcpu, unsigned long nr, bool wide)
{
	unsigned long a[4] = {
		vcpu->regs[STRATA_RBX], vcpu->regs[STRATA_RCX],
		vcpu->regs[STRATA_RDX], vcpu->regs[STRATA_RSI],
	};
	unsigned int i;

	for (i = 0; !wide && i < ARRAY_SIZE(a); i++)
		a[i] = (u32)a[i];
	switch (nr) {
	case KVM_HC_KICK_CPU:
		return has(vcpu, MSR_G_PV_UNHALT) ? kick_cpu(vcpu, a[1]) : -KVM_ENOSYS;
	case KVM_HC_SEND_IPI:
		return has(vcpu, MSR_G_PV_IPI) ? send_ipi(vcpu, a[0], a[1], a[2], a[3], wide) :
						 -KVM_ENOSYS;
	case KVM_HC_SCHED_YIELD:
		return has(vcpu, MSR_G_PV_YIELD) ? sched_yield(vcpu, a[0]) : -KVM_ENOSYS;
	case KVM_HC_VAPIC_POLL_IRQ:
		return 0;
	default:
		return -KVM_ENOSYS;
	}
}

/**
 * strata_hypercall - VMMCALL or VMCALL
 * @vcpu: its mutex is held; any context
 *
 * From CPL 3 everything is refused. Outside 64-bit code the registers are 32
 * bits wide.
 *
 * Return: STRATA_RESUME or STRATA_USER.
 */
int strata_hypercall(struct strata_vcpu *vcpu)
{
	bool wide = strata_is_long_code(vcpu);
	unsigned long nr = vcpu->regs[STRATA_RAX];
	unsigned long ret;

	if (!wide)
		nr = (u32)nr;
	ret = strata_vendor->get_cpl(vcpu) ? -KVM_EPERM : serve(vcpu, nr, wide);
	trace_strata_hypercall(vcpu->vm->index, vcpu->id, nr, ret);
	vcpu->regs[STRATA_RAX] = wide ? ret : (u32)ret;
	return strata_skip_insn(vcpu);
}

/**
 * strata_yield - the guest waits for another vCPU
 * @vcpu: outside guest mode, its mutex held; sleeps
 *
 * Only a vCPU that is not in the guest can be helped by our time on this CPU.
 */
void strata_yield(struct strata_vcpu *vcpu)
{
	struct strata_vcpu *target = strata_vcpu_by_id(vcpu->vm, vcpu->yield_to);
	struct task_struct *task = NULL;
	struct pid *thread;

	if (!target || target == vcpu || READ_ONCE(target->mode) == STRATA_IN_GUEST)
		return;
	/* Pairs with strata_vcpu_run(). */
	thread = smp_load_acquire(&target->thread);
	if (thread)
		task = get_pid_task(thread, PIDTYPE_PID);
	if (!task)
		return;
	yield_to(task, true);
	put_task_struct(task);
}

/*
 * A guest that was started on the other vendor's CPU has that one's hypercall
 * instruction: the last of its three bytes tells them apart.
 */
static bool fix_hypercall(struct strata_vcpu *vcpu)
{
	u8 b[3], own = strata_vendor->hypercall_opcode;
	u64 gpa;
	u32 ec;

	if (!strata_has_quirk(vcpu, KVM_X86_QUIRK_FIX_HYPERCALL_INSN) ||
	    strata_vendor->get_cpl(vcpu))
		return false;
	if (strata_fetch_insn(vcpu, b, sizeof(b)) != sizeof(b) || b[0] != 0x0f || b[1] != 0x01 ||
	    (b[2] != 0xc1 && b[2] != 0xd9) || b[2] == own)
		return false;
	/* Where the guest may not write its code it gets #UD. */
	return !strata_gva_to_gpa(vcpu, strata_linear_rip(vcpu) + 2, STRATA_ACC_WRITE, &gpa, &ec) &&
	       !strata_write_guest(vcpu->vm, gpa, &own, 1);
}

/**
 * strata_exit_ud - #UD
 * @vcpu: its mutex is held; sleeps
 *
 * Return: STRATA_RESUME, or STRATA_USER for a debugger's INT1.
 */
int strata_exit_ud(struct strata_vcpu *vcpu)
{
	bool fixed;

	strata_vendor->sync_crs(vcpu);
	if (unlikely(strata_debug_owns_ud(vcpu)))
		return strata_debug_exit(vcpu, X86_TRAP_DB, 0);
	/* A fetch may have queued a fault of its own. */
	fixed = !vcpu->ev.exc.pending && fix_hypercall(vcpu);
	if (!fixed && !vcpu->ev.exc.pending)
		strata_queue_exception(vcpu, X86_TRAP_UD);
	return STRATA_RESUME;
}
