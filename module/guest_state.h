/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entering guest context for RCU, context tracking, tracing and lockdep.
 */
#ifndef STRATA_GUEST_STATE_H
#define STRATA_GUEST_STATE_H

#include <linux/kvm_host.h>

/**
 * strata_guest_state_matters - must somebody be told of an entry at which RCU need not be?
 */
static __always_inline bool strata_guest_state_matters(void)
{
	return context_tracking_enabled_this_cpu() || IS_ENABLED(CONFIG_TRACE_IRQFLAGS);
}

/**
 * strata_guest_state_enter - guest_state_enter_irqoff(), cheaper when RCU has just heard
 * @quiet: RCU was told of an entry since the last tick
 *
 * Without context tracking the kernel's function tells RCU of a quiescent
 * state at each entry. One a tick is enough: the next tick ends guest mode,
 * and the entry after it tells RCU again. What lockdep and tracing are told is
 * the same. With context tracking the CPU's state changes really, and the
 * kernel's function does it each time.
 */
static __always_inline void strata_guest_state_enter(bool quiet)
{
	if (!quiet || context_tracking_enabled_this_cpu()) {
		guest_state_enter_irqoff();
		return;
	}
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();
	lockdep_hardirqs_on(CALLER_ADDR0);
}

#endif /* STRATA_GUEST_STATE_H */
