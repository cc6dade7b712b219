// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a vCPU: creation, reset, KVM_RUN, sleep and kick.
 */
#include <linux/anon_inodes.h>
#include <linux/cpumask.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <uapi/asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/tsc.h>

#include "entry_work.h"
#include "exit.h"
#include "guest_debug.h"
#include "ioctl.h"
#include "irqchip/lapic.h"
#include "profile.h"
#include "steal.h"
#include "strata.h"
#include "trace.h"

static DEFINE_PER_CPU(struct cpumask, strata_flush_mask);

/**
 * strata_vcpu_reset - RESET or INIT
 * @vcpu: its mutex is held, or it is not published yet
 * @init: INIT, which keeps the FPU, MTRRs, TSC and CR0's cache bits
 */
void strata_vcpu_reset(struct strata_vcpu *vcpu, bool init)
{
	memset(vcpu->regs, 0, sizeof(vcpu->regs));
	/* Family, model and stepping in EDX: that of the first CPUID leaf. */
	if (vcpu->cpuid_set) {
		const struct kvm_cpuid_entry2 *e = strata_cpuid_find(vcpu, 1, 0);

		vcpu->regs[STRATA_RDX] = e ? e->eax : 0x600;
	} else {
		vcpu->regs[STRATA_RDX] = 0x600;
	}
	vcpu->rip = 0xfff0;
	vcpu->rflags = X86_EFLAGS_FIXED;
	vcpu->cr2 = 0;
	memset(vcpu->db, 0, sizeof(vcpu->db));
	vcpu->dr6 = 0xffff0ff0;
	vcpu->dr7 = 0x400;
	memset(&vcpu->ev, 0, sizeof(vcpu->ev));
	atomic_set(&vcpu->nmi_queued, 0);
	vcpu->complete = NULL;
	vcpu->fetch.linear_page = ~0ull;
	vcpu->tlb_gen = STRATA_TLB_STALE;

	strata_fpu_reset(vcpu, init);
	strata_msr_reset(vcpu, init);
	strata_vendor->vcpu_reset(vcpu, init);
	if (vcpu->apic)
		strata_lapic_reset(vcpu, init);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	strata_set_request(vcpu, STRATA_REQ_TSC);
}

/**
 * strata_vcpu_accept_init_sipi - process INIT and SIPI that other CPUs sent
 * @vcpu: its mutex is held
 *
 * INIT goes first. The bootstrap processor goes on at the reset vector, the
 * others wait for a SIPI (SDM 3A 8.4, APM 2 14.1.3).
 */
void strata_vcpu_accept_init_sipi(struct strata_vcpu *vcpu)
{
	struct kvm_segment cs;
	u8 vector;

	clear_bit(STRATA_REQ_INIT_SIPI, (unsigned long *)&vcpu->requests);
	if (!vcpu->apic)
		return;
	if (test_and_clear_bit(STRATA_APIC_INIT, &vcpu->apic_events)) {
		strata_vcpu_reset(vcpu, true);
		WRITE_ONCE(vcpu->mp_state, vcpu->id == vcpu->vm->bsp_id ?
			   KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED);
	}
	if (!test_and_clear_bit(STRATA_APIC_SIPI, &vcpu->apic_events))
		return;
	if (vcpu->mp_state != KVM_MP_STATE_INIT_RECEIVED)
		return;
	vector = READ_ONCE(vcpu->sipi_vector);
	strata_vendor->get_segment(vcpu, STRATA_SEG_CS, &cs);
	cs.selector = vector << 8;
	cs.base = (u64)vector << 12;
	strata_vendor->set_segment(vcpu, STRATA_SEG_CS, &cs);
	vcpu->rip = 0;
	WRITE_ONCE(vcpu->mp_state, KVM_MP_STATE_RUNNABLE);
}

/**
 * strata_vcpu_kick - make a vCPU look at its requests
 * @vcpu: any; any context, after strata_set_request()
 *
 * A vCPU that is outside guest mode looks before it enters: see the barrier
 * in strata_loop().
 */
void strata_vcpu_kick(struct strata_vcpu *vcpu)
{
	int cpu;

	/* Its own thread is awake, and looks before it enters. */
	if (in_task() && READ_ONCE(vcpu->runner) == current)
		return;
	rcuwait_wake_up(&vcpu->wait);
	/* The request before the mode. */
	smp_mb();
	if (READ_ONCE(vcpu->mode) != STRATA_IN_GUEST)
		return;
	preempt_disable();
	cpu = READ_ONCE(vcpu->cpu);
	if (cpu != smp_processor_id() && cpu >= 0)
		strata_send_reschedule(cpu);
	preempt_enable();
}

static void ack_flush(void *unused)
{
}

void strata_flush_remote_tlbs(struct strata_vm *vm)
{
	struct strata_vcpu *vcpu;
	struct cpumask *mask;
	unsigned int i;
	int cpu;

	atomic64_inc(&vm->tlb_gen);
	/* The generation before the modes. */
	smp_mb__after_atomic();

	preempt_disable();
	mask = this_cpu_ptr(&strata_flush_mask);
	cpumask_clear(mask);
	strata_for_each_vcpu(i, vcpu, vm) {
		if (READ_ONCE(vcpu->mode) != STRATA_IN_GUEST)
			continue;
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu >= 0 && cpu != smp_processor_id())
			cpumask_set_cpu(cpu, mask);
	}
	if (!cpumask_empty(mask))
		smp_call_function_many(mask, ack_flush, NULL, true);
	preempt_enable();
}

/**
 * strata_vcpu_has_work - would a halted vCPU go on?
 * @vcpu: its mutex is held
 */
bool strata_vcpu_has_work(struct strata_vcpu *vcpu)
{
	if (READ_ONCE(vcpu->apic_events) ||
	    test_bit(STRATA_REQ_VM_DEAD, (unsigned long *)&vcpu->requests))
		return true;
	if (READ_ONCE(vcpu->mp_state) != KVM_MP_STATE_HALTED)
		return READ_ONCE(vcpu->mp_state) == KVM_MP_STATE_RUNNABLE;
	if (vcpu->ev.exc.pending || vcpu->ev.exc.injected || vcpu->ev.irq.injected ||
	    vcpu->ev.nmi_injected)
		return true;
	if (atomic_read(&vcpu->nmi_queued) && !vcpu->ev.nmi_masked)
		return true;
	if (!strata_interrupt_allowed(vcpu))
		return false;
	if (strata_extint_waits(vcpu))
		return true;
	return vcpu->vm->irqchip && strata_pending_vector(vcpu) >= 0;
}

/* Does the timer of a halted vCPU want to be started again? Others keep that for later. */
static bool timer_waits(struct strata_vcpu *vcpu)
{
	return READ_ONCE(vcpu->mp_state) == KVM_MP_STATE_HALTED &&
	       test_bit(STRATA_REQ_LAPIC_TIMER, (unsigned long *)&vcpu->requests);
}

/* Sleep until there is work, a signal, or host work. */
static void block(struct strata_vcpu *vcpu)
{
	u64 from = rdtsc();

	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (strata_vcpu_has_work(vcpu) || signal_pending(current) || timer_waits(vcpu))
			break;
		schedule();
	}
	finish_rcuwait(&vcpu->wait);
	strata_profile_add(vcpu, STRATA_PART_WAITING, rdtsc() - from);
}

/* The requests that may sleep. STRATA_RESUME, STRATA_USER or -errno. */
static int serve_requests(struct strata_vcpu *vcpu)
{
	unsigned long *requests = (unsigned long *)&vcpu->requests;

	if (!READ_ONCE(vcpu->requests))
		return STRATA_RESUME;
	if (test_bit(STRATA_REQ_VM_DEAD, requests))
		return -EIO;
	if (test_and_clear_bit(STRATA_REQ_TRIPLE_FAULT, requests)) {
		strata_vcpu_reset(vcpu, true);
		vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return STRATA_USER;
	}
	if (test_and_clear_bit(STRATA_REQ_STEPPED, requests) &&
	    (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP))
		return strata_debug_exit(vcpu, X86_TRAP_DB, DR_STEP);
	if (test_and_clear_bit(STRATA_REQ_IOAPIC_EOI, requests)) {
		vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		vcpu->run->eoi.vector = vcpu->eoi_vector;
		return STRATA_USER;
	}
	if (test_and_clear_bit(STRATA_REQ_LAPIC_TIMER, requests) && vcpu->apic)
		strata_lapic_timer_work(vcpu);
	if (test_and_clear_bit(STRATA_REQ_PV_EOI, requests))
		strata_pv_eoi_work(vcpu);
	if (test_and_clear_bit(STRATA_REQ_STEAL, requests))
		strata_steal_update(vcpu);
	if (test_and_clear_bit(STRATA_REQ_YIELD, requests))
		strata_yield(vcpu);
	if (test_and_clear_bit(STRATA_REQ_CLOCK, requests))
		strata_update_clock(vcpu);
	if (test_bit(STRATA_REQ_INIT_SIPI, requests))
		strata_vcpu_accept_init_sipi(vcpu);
	return STRATA_RESUME;
}

/* An exit whose handler may sleep; the section is left. */
static int handle_sleepy(struct strata_vcpu *vcpu)
{
	const struct strata_exit_desc *desc = &strata_exits[vcpu->exit.id];

	might_sleep();
	if ((desc->flags & STRATA_EXIT_SKIPS) && !strata_insn_len_sleep(vcpu))
		return STRATA_RESUME;
	return strata_handle_exit(vcpu, desc);
}

static int run_loop(struct strata_vcpu *vcpu)
{
	int r;

	for (;;) {
		r = serve_requests(vcpu);
		if (r != STRATA_RESUME)
			return r;

		if (vcpu->mp_state == KVM_MP_STATE_RUNNABLE) {
			r = strata_vendor->run(vcpu);
			if (r == STRATA_SLEEPY)
				r = handle_sleepy(vcpu);
		} else {
			/* What wakes it depends on what it has in service. */
			strata_pv_eoi_work(vcpu);
			strata_steal_pause(vcpu);
			block(vcpu);
			strata_steal_update(vcpu);
			if (vcpu->mp_state == KVM_MP_STATE_HALTED && strata_vcpu_has_work(vcpu))
				WRITE_ONCE(vcpu->mp_state, KVM_MP_STATE_RUNNABLE);
			clear_bit(STRATA_APIC_UNHALT, &vcpu->apic_events);
			strata_set_request(vcpu, STRATA_REQ_EVENT);
			r = STRATA_RESUME;
		}
		if (r <= 0)
			return r;

		if (unlikely(vcpu->steal) && need_resched())
			strata_steal_pause(vcpu);
		r = strata_entry_work(vcpu);
		if (r) {
			vcpu->run->exit_reason = KVM_EXIT_INTR;
			return r;
		}
		cond_resched();
		strata_steal_update(vcpu);
	}
}

static bool ready_for_injection(struct strata_vcpu *vcpu)
{
	struct strata_events *ev = &vcpu->ev;

	if (vcpu->vm->pic)
		return true;
	return strata_interrupt_allowed(vcpu) && strata_extint_connected(vcpu) &&
	       !ev->exc.pending && !ev->exc.injected && !ev->irq.injected && !ev->extint_pending;
}

/* What user space reads after every KVM_RUN, whatever it returned. */
static void fill_run(struct strata_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->if_flag = !!(vcpu->rflags & X86_EFLAGS_IF);
	run->flags = 0;
	run->cr8 = strata_get_cr8(vcpu);
	run->apic_base = vcpu->apic_base;
	run->ready_for_interrupt_injection = ready_for_injection(vcpu);
	if (unlikely(vcpu->sync_regs))
		strata_sync_regs_out(vcpu);
}

/* Inlined: a frame less on the way of every exit to user space. */
static __always_inline int run(struct strata_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int r;

	if (unlikely(READ_ONCE(run->kvm_valid_regs) | READ_ONCE(run->kvm_dirty_regs) |
		     vcpu->besides)) {
		r = strata_sync_regs_in(vcpu);
		if (r)
			return r;
		strata_debug_arm(vcpu);
		strata_steal_update(vcpu);
	}

	if (unlikely(vcpu->mp_state == KVM_MP_STATE_UNINITIALIZED ||
		     vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED)) {
		if (strata_immediate_exit(run))
			return -EINTR;
		block(vcpu);
		strata_vcpu_accept_init_sipi(vcpu);
		if (signal_pending(current)) {
			run->exit_reason = KVM_EXIT_INTR;
			return -EINTR;
		}
		if (test_bit(STRATA_REQ_VM_DEAD, (unsigned long *)&vcpu->requests))
			return -EIO;
		/* Clients try again. */
		return -EAGAIN;
	}

	if (!vcpu->vm->irqchip) {
		u64 cr8 = READ_ONCE(run->cr8);

		if (strata_guest_set_cr8(vcpu, cr8))
			return -EINVAL;
		if (READ_ONCE(run->request_interrupt_window) || vcpu->ev.irq_window)
			strata_set_request(vcpu, STRATA_REQ_EVENT);
	} else if (unlikely(!vcpu->vm->pic)) {
		if (READ_ONCE(run->request_interrupt_window) || vcpu->ev.irq_window)
			strata_set_request(vcpu, STRATA_REQ_EVENT);
	}

	if (vcpu->complete) {
		int (*complete)(struct strata_vcpu *vcpu) = vcpu->complete;

		vcpu->complete = NULL;
		/* The commonest one by direct call. */
		r = complete == strata_complete_pio ? strata_complete_pio(vcpu) : complete(vcpu);
		if (r <= 0)
			return r;
	}

	if (strata_immediate_exit(run))
		return -EINTR;
	/* A signal may be what KVM_SET_SIGNAL_MASK has just unblocked. */
	if (signal_pending(current)) {
		run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	return run_loop(vcpu);
}

/*
 * With the signal mask of KVM_SET_SIGNAL_MASK. A signal that ended KVM_RUN
 * stays pending for the caller to fetch: it is blocked again before it could
 * be delivered.
 */
static noinline int run_masked(struct strata_vcpu *vcpu)
{
	sigset_t saved;
	int r;

	sigprocmask(SIG_SETMASK, &vcpu->sigset, &saved);
	r = run(vcpu);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return r;
}

static noinline void first_run(struct strata_vcpu *vcpu)
{
	vcpu->run_delay = strata_run_delay();
	if (vcpu->thread)
		return;
	/* The reference before the pointer: pairs with strata_yield(). */
	smp_store_release(&vcpu->thread, get_task_pid(current, PIDTYPE_PID));
}

/**
 * strata_vcpu_run - KVM_RUN
 * @vcpu: its mutex is held
 *
 * Return: 0 with run->exit_reason set, or -EINTR, -EAGAIN, -EFAULT, -EINVAL,
 * -EIO, -ENOMEM.
 */
int strata_vcpu_run(struct strata_vcpu *vcpu)
{
	u64 from = rdtsc();
	int r;

	if (unlikely(READ_ONCE(vcpu->vm->dead)))
		return -EIO;
	if (likely(vcpu->t_user))
		strata_profile_add(vcpu, STRATA_PART_USER, from - vcpu->t_user);
	else
		first_run(vcpu);
	vcpu->ran_once = true;
	WRITE_ONCE(vcpu->runner, current);

	r = unlikely(vcpu->sigset_active) ? run_masked(vcpu) : run(vcpu);

	WRITE_ONCE(vcpu->runner, NULL);
	fill_run(vcpu);
	vcpu->t_user = rdtsc();
	vcpu->profile->run_ticks += vcpu->t_user - from;
	vcpu->profile->user_exits++;
	return r;
}

static void vcpu_free(struct strata_vcpu *vcpu)
{
	if (vcpu->apic)
		strata_lapic_destroy(vcpu);
	if (vcpu->hw)
		strata_vendor->vcpu_destroy(vcpu);
	strata_emul_destroy(vcpu);
	strata_msr_destroy(vcpu);
	strata_fpu_destroy(vcpu);
	strata_entry_work_destroy(vcpu);
	strata_profile_destroy(vcpu);
	put_pid(vcpu->thread);
	kvfree(vcpu->cpuid);
	vfree(vcpu->run);
	kvfree(vcpu);
}

/**
 * strata_vcpu_destroy - the end of a vCPU, with its VM
 * @vcpu: nobody runs it any more
 */
void strata_vcpu_destroy(struct strata_vcpu *vcpu)
{
	trace_strata_vcpu(vcpu->vm->index, vcpu->id, true);
	vcpu_free(vcpu);
}

static struct strata_vcpu *vcpu_alloc(struct strata_vm *vm, u32 id)
{
	struct strata_vcpu *vcpu;
	int i, r;

	vcpu = kvzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->uid = (u64)vm->index << 32 | id;
	vcpu->cpu = -1;
	vcpu->exit.id = STRATA_EXIT_NONE;
	vcpu->t_exit = rdtsc();
	for (i = 0; i < STRATA_NR_HOLES; i++)
		vcpu->holes[i].gfn = ~0ull;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);

	r = -ENOMEM;
	vcpu->run = __vmalloc(STRATA_RUN_PAGES * PAGE_SIZE, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vcpu->run)
		goto fail;
	r = strata_profile_create(vcpu);
	if (r)
		goto fail;
	r = strata_entry_work_create(vcpu);
	if (r)
		goto fail;
	r = strata_fpu_create(vcpu);
	if (r)
		goto fail;
	r = strata_msr_create(vcpu);
	if (r)
		goto fail;
	r = strata_emul_create(vcpu);
	if (r)
		goto fail;
	r = strata_vendor->vcpu_create(vcpu);
	if (r)
		goto fail;
	return vcpu;

fail:
	vcpu_free(vcpu);
	return ERR_PTR(r);
}

/**
 * strata_vcpu_create_fd - KVM_CREATE_VCPU
 * @vm: its lock is taken
 * @id: APIC id, below STRATA_MAX_VCPU_ID
 *
 * Return: a file descriptor, or -EINVAL, -EEXIST, -ENOMEM, -EMFILE.
 */
int strata_vcpu_create_fd(struct strata_vm *vm, u32 id)
{
	struct strata_vcpu *vcpu;
	struct file *file;
	unsigned int n;
	int fd, r;

	if (id >= (READ_ONCE(vm->max_vcpu_id) ?: STRATA_MAX_VCPU_ID))
		return -EINVAL;
	if (READ_ONCE(vm->nr_vcpus) >= STRATA_MAX_VCPUS)
		return -EINVAL;

	vcpu = vcpu_alloc(vm, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);

	mutex_lock(&vm->lock);
	n = vm->nr_vcpus;
	r = -EINVAL;
	if (n >= STRATA_MAX_VCPUS)
		goto fail;
	r = -EEXIST;
	if (strata_vcpu_by_id(vm, id))
		goto fail;

	vcpu->index = n;
	vcpu->halts = vm->disabled_exits & KVM_X86_DISABLE_EXITS_HLT;
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	if (vm->irqchip) {
		r = strata_lapic_create(vcpu);
		if (r)
			goto fail;
		if (id != vm->bsp_id)
			vcpu->mp_state = KVM_MP_STATE_UNINITIALIZED;
	}
	strata_cpuid_init_vcpu(vcpu);
	strata_vcpu_reset(vcpu, false);
	strata_init_tsc(vcpu);

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		r = fd;
		goto fail;
	}
	file = anon_inode_getfile("strata-vcpu", &strata_vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		r = PTR_ERR(file);
		goto fail;
	}
	/*
	 * Published last, when nothing fails any more: interrupts and MMU
	 * notifiers look at vCPUs without a lock.
	 */
	strata_vm_get(vm);
	vm->vcpus[n] = vcpu;
	/* From here on another thread may use it: pairs with strata_for_each_vcpu(). */
	smp_store_release(&vm->nr_vcpus, n + 1);
	trace_strata_vcpu(vm->index, id, false);
	fd_install(fd, file);
	mutex_unlock(&vm->lock);
	return fd;

fail:
	mutex_unlock(&vm->lock);
	vcpu_free(vcpu);
	return r;
}
