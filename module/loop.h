/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The run loop, instantiated once by each vendor's run.c.
 *
 * A vendor defines before including this file the type hot_hw, what vcpu->hw
 * points to, and with the arguments (vcpu, hw)
 *   hot_load         this CPU takes the vCPU; preemption off
 *   hot_unload       the other way round
 *   hot_on           a window begins: may this CPU run guests? 0, STRATA_RESUME
 *                    where another try is worth it, or -errno
 *   hot_leave        a window ends: what outside it is out of reach is fetched
 *   hot_flush_tlb    the next entry uses no old translation
 *   hot_switch       into the guest and back, between strata_profile_exit() and
 *                    strata_profile_guest(); 0, or -EIO: could not enter; a third
 *                    argument says that RCU need not hear of it
 *   hot_identify     exit.id, hw_code, pio, fault, and what the fast handlers need
 *   hot_info         exit.info1 and info2
 *   hot_translate    the rest of vcpu->exit; once for each exit
 *   hot_is_plain     64-bit code without interrupt shadow or single step
 *   hot_cpl          privilege level
 * all static and inlined here, so that an exit costs no indirect call.
 *
 * A section is what runs with the guest's FPU state in the registers, hence
 * with preemption off: enter, handle, enter again, until something must
 * sleep or somebody else wants this CPU. In it a window is what runs with
 * interrupts off: enter, serve the exits that need nothing else, enter again.
 */
#ifndef STRATA_LOOP_H
#define STRATA_LOOP_H

#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>

#include "entry_work.h"
#include "exit.h"
#include "exit_fast.h"
#include "fpu.h"
#include "profile.h"
#include "strata.h"
#include "trace.h"

/*
 * What may have changed at any time before an entry; interrupts off. False:
 * leave the section, strata_vcpu_run() knows what to do.
 */
static __always_inline bool strata_before_entry(struct strata_vcpu *vcpu, hot_hw *hw)
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
	gen = atomic64_read(&vcpu->vm->tlb_gen);
	if (unlikely(vcpu->tlb_gen != gen)) {
		vcpu->tlb_gen = gen;
		hot_flush_tlb(vcpu, hw);
	}
	return true;
}

/* What cannot change while interrupts are off: once a window. As hot_on(). */
static __always_inline int strata_before_window(struct strata_vcpu *vcpu, hot_hw *hw)
{
	int r;

	/* Where a section keeps bottom halves off they run when it is left. */
	if (unlikely(softirq_count() && local_softirq_pending()))
		return STRATA_RESUME;
	r = hot_on(vcpu, hw);
	if (likely(!r) && unlikely(!strata_before_entry(vcpu, hw))) {
		hot_leave(vcpu, hw);
		r = STRATA_RESUME;
	}
	return r;
}

/* Somebody wants to know of single exits. */
static noinline void strata_watch_exit(struct strata_vcpu *vcpu, hot_hw *hw)
{
	hot_info(vcpu, hw);
	strata_profile_note(vcpu);
	trace_strata_exit(vcpu->vm->index, vcpu->id, vcpu->exit.id, vcpu->exit.hw_code,
			  vcpu->rip, vcpu->exit.info1, vcpu->exit.info2);
}

/*
 * An entry that is about to be. A reader that is woken for each event is woken by an
 * interrupt: told with interrupts off it would end guest mode before the guest's next
 * instruction, time and again. So a window's first entry is told of with interrupts
 * on. The others cannot be, but the exit that comes of them ends the window.
 */
static __always_inline void strata_tell(struct strata_vcpu *vcpu)
{
	if (static_branch_unlikely(&strata_watched.key))
		strata_profile_tell(vcpu);
}

/* Into the guest and back. 0, or -EIO: this CPU could not enter. */
static __always_inline int strata_enter(struct strata_vcpu *vcpu, hot_hw *hw, bool quiet)
{
	int r = hot_switch(vcpu, hw, quiet);

	if (unlikely(r))
		return r;
	hot_identify(vcpu, hw);
	if (static_branch_unlikely(&strata_watched.key))
		strata_watch_exit(vcpu, hw);
	return 0;
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
	hot_hw *hw = vcpu->hw;
	int r = STRATA_RESUME;

	strata_fpu_load(vcpu);
	if (unlikely(vcpu->cpu != raw_smp_processor_id())) {
		WRITE_ONCE(vcpu->cpu, raw_smp_processor_id());
		strata_clock_migrated(vcpu);
	}
	hot_load(vcpu, hw);

	for (;;) {
		unsigned long tick = jiffies;
		bool quiet = vcpu->rcu_tick == tick;
		enum strata_fast fast;

		strata_tell(vcpu);
		local_irq_disable();
		/*
		 * Pairs with strata_vcpu_kick() and the flush of TLBs: who
		 * raises a request or a generation and then sees us outside
		 * may go on, for we will see it here.
		 */
		smp_store_mb(vcpu->mode, STRATA_IN_GUEST);
		xfer_to_guest_mode_prepare();
		guest_timing_enter_irqoff();
		r = strata_before_window(vcpu, hw);
		if (unlikely(r)) {
			WRITE_ONCE(vcpu->mode, STRATA_OUTSIDE);
			guest_timing_exit_irqoff();
			local_irq_enable();
			break;
		}
		strata_fpu_window_enter(vcpu);
		vcpu->rcu_tick = tick;
		for (;;) {
			r = strata_enter(vcpu, hw, quiet);
			/* The few exits that need nothing else never open interrupts. */
			fast = likely(!r) ? strata_exit_fast(vcpu, hw) : STRATA_FAST_NOT;
			if (fast != STRATA_FAST_SERVED || !strata_before_entry(vcpu, hw))
				break;
			quiet = true;
			strata_tell(vcpu);
		}
		strata_fpu_window_leave(vcpu);
		if (fast == STRATA_FAST_NOT)
			hot_translate(vcpu, hw);
		hot_leave(vcpu, hw);
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
		if (fast != STRATA_FAST_NOT) {
			r = fast == STRATA_FAST_USER ? STRATA_USER : STRATA_RESUME;
			break;
		}

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

	hot_unload(vcpu, hw);
	strata_fpu_save(vcpu);
	return r;
}

#endif /* STRATA_LOOP_H */
