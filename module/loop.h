/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The run loop, instantiated once by each vendor's run.c.
 *
 * A vendor defines before including this file
 *   hot_load(vcpu)        this CPU takes the vCPU; preemption off
 *   hot_unload(vcpu)      the other way round
 *   hot_on(vcpu)          may this CPU run guests? interrupts off
 *   hot_flush_tlb(vcpu)   the next entry uses no old translation
 *   hot_switch(vcpu, again)  into the guest and back; 0, or -EIO: could not
 *                         enter; again: interrupts were off since the last time
 *   hot_translate(vcpu)   vcpu->exit from what the hardware says
 * all static and inlined here, so that an exit costs no indirect call.
 *
 * A section is what runs with the guest's FPU state in the registers, hence
 * with preemption off: enter, handle, enter again, until something must
 * sleep or somebody else wants this CPU.
 */
#ifndef STRATA_LOOP_H
#define STRATA_LOOP_H

#include <linux/interrupt.h>
#include <linux/kvm_host.h>

#include "entry_work.h"
#include "exit.h"
#include "fpu.h"
#include "strata.h"
#include "trace.h"

/*
 * Book the time since the exit to its reason. The stamp that ends one exit
 * begins the guest's time.
 */
static __always_inline void strata_book_exit(struct strata_vcpu *vcpu, u64 now)
{
	struct strata_cost *c = &vcpu->cost[vcpu->exit.id];
	u64 ticks = now - vcpu->t_exit;

	c->count++;
	c->ticks += ticks;
	if (ticks > c->max)
		c->max = ticks;
}

/*
 * What must be done before the next entry; interrupts off. False: leave the
 * section, strata_vcpu_run() knows what to do.
 */
static __always_inline bool strata_before_entry(struct strata_vcpu *vcpu)
{
	u64 gen;

	if (unlikely(READ_ONCE(vcpu->requests))) {
		if (READ_ONCE(vcpu->requests) & ~STRATA_REQ_ATOMIC_MASK)
			return false;
		strata_atomic_requests(vcpu);
		/* Injecting may have found a triple fault. */
		if (READ_ONCE(vcpu->requests) & ~STRATA_REQ_ATOMIC_MASK)
			return false;
	}
	if (unlikely(xfer_to_guest_mode_work_pending()))
		return false;
	/* Where a section keeps bottom halves off they run when it is left. */
	if (unlikely(softirq_count() && local_softirq_pending()))
		return false;
	if (unlikely(!hot_on(vcpu)))
		return false;
	gen = atomic64_read(&vcpu->vm->tlb_gen);
	if (unlikely(vcpu->tlb_gen != gen || vcpu->tlb_flush_all)) {
		vcpu->tlb_gen = gen;
		vcpu->tlb_flush_all = false;
		hot_flush_tlb(vcpu);
	}
	return true;
}

/**
 * strata_loop - one section
 * @vcpu: its mutex is held; preemptible
 *
 * Return: STRATA_RESUME: look at requests, signals and mp_state, then come
 * back; STRATA_SLEEPY: the same, but vcpu->exit waits for its handler, which
 * may sleep; STRATA_USER; -errno.
 */
static __always_inline int strata_loop(struct strata_vcpu *vcpu)
{
	const struct strata_exit_desc *desc;
	int r = STRATA_RESUME;

	strata_fpu_load(vcpu);
	if (unlikely(vcpu->cpu != raw_smp_processor_id())) {
		WRITE_ONCE(vcpu->cpu, raw_smp_processor_id());
		strata_clock_migrated(vcpu);
	}
	hot_load(vcpu);

	for (;;) {
		bool again = false;

		local_irq_disable();
		/*
		 * Pairs with strata_vcpu_kick() and the flush of TLBs: who
		 * raises a request or a generation and then sees us outside
		 * may go on, for we will see it here.
		 */
		smp_store_mb(vcpu->mode, STRATA_IN_GUEST);
		xfer_to_guest_mode_prepare();
		guest_timing_enter_irqoff();
enter:
		if (unlikely(!strata_before_entry(vcpu))) {
			WRITE_ONCE(vcpu->mode, STRATA_OUTSIDE);
			guest_timing_exit_irqoff();
			local_irq_enable();
			/* After an exit that was served above, r is hot_switch()'s 0. */
			r = STRATA_RESUME;
			break;
		}
		/* Asked first, so that its arguments are not gathered for nothing. */
		if (trace_strata_entry_enabled())
			trace_strata_entry(vcpu->vm->index, vcpu->id, vcpu->rip);
		strata_fpu_window_enter(vcpu);
		vcpu->t_entry = rdtsc();
		strata_book_exit(vcpu, vcpu->t_entry);
		r = hot_switch(vcpu, again);
		vcpu->t_exit = rdtsc();
		vcpu->guest_ticks += vcpu->t_exit - vcpu->t_entry;
		strata_fpu_window_leave(vcpu);
		hot_translate(vcpu);
		if (trace_strata_exit_enabled())
			trace_strata_exit(vcpu->vm->index, vcpu->id, vcpu->exit.id,
					  vcpu->exit.hw_code, vcpu->rip, vcpu->exit.info1,
					  vcpu->exit.info2);

		/* The few that need nothing else never open interrupts. */
		if (likely(!r) && strata_exit_irqoff(vcpu)) {
			again = true;
			goto enter;
		}

		WRITE_ONCE(vcpu->mode, STRATA_OUTSIDE);
		/*
		 * Whatever ended the guest's time slice is served now. The tick
		 * among it must still find the time to be the guest's.
		 */
		local_irq_enable();
		nop();
		local_irq_disable();
		guest_timing_exit_irqoff();
		local_irq_enable();
		if (unlikely(r))
			break;

		if (vcpu->exit.id == STRATA_EXIT_NESTED_FAULT) {
			r = strata_exit_fault_atomic(vcpu);
			if (r != STRATA_RESUME)
				break;
			continue;
		}
		desc = &strata_exits[vcpu->exit.id];
		if (strata_exit_sleeps(vcpu, desc)) {
			r = STRATA_SLEEPY;
			break;
		}
		r = strata_handle_exit(vcpu, desc);
		if (r != STRATA_RESUME)
			break;
	}

	hot_unload(vcpu);
	strata_fpu_save(vcpu);
	return r;
}

#endif /* STRATA_LOOP_H */
