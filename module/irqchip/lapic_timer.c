// SPDX-License-Identifier: GPL-2.0
/*
 * The LAPIC timer: one-shot, periodic and TSC-deadline on one hrtimer.
 *
 * The timer's interrupt sets the vector itself. A periodic tick that the
 * guest did not take (masked, or the one before still waits) stops the
 * hrtimer; the vCPU's thread starts it again at its next exit. So a guest
 * that takes no interrupts costs the host none, and one that does pays an
 * exit for each. The phase is kept: expiries are target + n * period.
 */
#include <linux/ktime.h>

#include "lapic.h"

/* The vCPU's thread is on this CPU most often: its interrupt is an exit by itself. */
#define TIMER_MODE	HRTIMER_MODE_ABS_PINNED_HARD

static unsigned int timer_mode(const struct strata_lapic *apic)
{
	return LAPIC_LVT_TIMER_MODE(READ_ONCE(apic->lvt[LAPIC_LVT_TIMER]));
}

static enum hrtimer_restart timer_fn(struct hrtimer *timer)
{
	struct strata_lapic *apic = container_of(timer, struct strata_lapic, timer);
	u64 period = READ_ONCE(apic->period);

	if (timer_mode(apic) == LAPIC_TIMER_DEADLINE)
		WRITE_ONCE(apic->vcpu->tsc_deadline, 0);
	if (!strata_lapic_local(apic, LAPIC_LVT_TIMER) && period) {
		/* Without a kick: there is no hurry. */
		strata_set_request(apic->vcpu, STRATA_REQ_LAPIC_TIMER);
		return HRTIMER_NORESTART;
	}
	if (!period)
		return HRTIMER_NORESTART;
	hrtimer_forward(timer, ktime_get(), ns_to_ktime(period));
	return HRTIMER_RESTART;
}

void strata_lapic_timer_init(struct strata_lapic *apic)
{
	strata_hrtimer_setup(&apic->timer, timer_fn, CLOCK_MONOTONIC, TIMER_MODE);
}

/* No timer interrupt after this, until it is started again. (v) */
void strata_lapic_timer_stop(struct strata_lapic *apic)
{
	hrtimer_cancel(&apic->timer);
	apic->target = 0;
	WRITE_ONCE(apic->period, 0);
}

/* First expiry in @ns; the hrtimer is stopped. */
static void start(struct strata_lapic *apic, u64 ns, u64 period)
{
	u64 now = ktime_get_ns();

	apic->target = now + ns;
	WRITE_ONCE(apic->period, period);
	hrtimer_start(&apic->timer, ns_to_ktime(apic->target), TIMER_MODE);
}

/*
 * Start again with @count ticks to the first expiry: the guest wrote the
 * initial count, changed mode or divisor, or state is restored.
 */
static void start_count(struct strata_lapic *apic, u32 count)
{
	u32 bus_ns = apic->vcpu->vm->apic_bus_ns;
	u64 ns = lapic_count_to_ns(count, apic->tdcr, bus_ns), period;

	strata_lapic_timer_stop(apic);
	if (!apic->tmict)
		return;
	switch (timer_mode(apic)) {
	case LAPIC_TIMER_ONESHOT:
		if (count)
			start(apic, ns, 0);
		break;
	case LAPIC_TIMER_PERIODIC:
		period = lapic_period_ns(apic->tmict, apic->tdcr, bus_ns);
		start(apic, ns ?: period, period);
		break;
	}
}

/* The deadline in the guest's TSC is vcpu->tsc_deadline; the hrtimer is stopped. */
static void start_deadline(struct strata_lapic *apic)
{
	struct strata_vcpu *vcpu = apic->vcpu;
	u64 now, ns;

	if (!vcpu->tsc_deadline)
		return;
	now = strata_guest_tsc(vcpu);
	if (vcpu->tsc_deadline <= now) {
		vcpu->tsc_deadline = 0;
		strata_lapic_local(apic, LAPIC_LVT_TIMER);
		return;
	}
	ns = lapic_tsc_to_ns(vcpu->tsc_deadline - now, vcpu->tsc_khz);
	if (ns < LAPIC_NEVER_NS)
		hrtimer_start(&apic->timer, ktime_add_ns(ktime_get(), ns), TIMER_MODE);
}

/**
 * strata_lapic_timer_work - STRATA_REQ_LAPIC_TIMER: go on with a periodic timer
 * @vcpu: its mutex is held; has a LAPIC
 *
 * The tick before was not taken. A masked timer stays stopped until the guest
 * opens it.
 */
void strata_lapic_timer_work(struct strata_vcpu *vcpu)
{
	struct strata_lapic *apic = vcpu->apic;
	u64 now;

	if (!apic->period || (apic->lvt[LAPIC_LVT_TIMER] & LAPIC_LVT_MASKED))
		return;
	/* Its function, which asked for this, may still be on its way out. */
	hrtimer_cancel(&apic->timer);
	now = ktime_get_ns();
	hrtimer_start(&apic->timer,
		      ns_to_ktime(now + lapic_timer_left(now, apic->target, apic->period)),
		      TIMER_MODE);
}

/**
 * strata_lapic_tsc_changed - the guest's TSC jumped: a deadline moves with it
 * @vcpu: its mutex is held; has a LAPIC
 */
void strata_lapic_tsc_changed(struct strata_vcpu *vcpu)
{
	if (timer_mode(vcpu->apic) != LAPIC_TIMER_DEADLINE)
		return;
	hrtimer_cancel(&vcpu->apic->timer);
	start_deadline(vcpu->apic);
}

/* Ticks to the next expiry, as the current-count register shows. (v) */
u32 strata_lapic_timer_count(struct strata_lapic *apic)
{
	u64 left;

	if (!apic->target)
		return 0;
	left = lapic_timer_left(ktime_get_ns(), apic->target, apic->period);
	return lapic_ns_to_count(left, apic->tdcr, apic->tmict, apic->vcpu->vm->apic_bus_ns);
}

/**
 * strata_lapic_timer_freeze - stop for a look at all registers
 * @apic: its vCPU's mutex is held
 * @count: the ticks left; where none is, the interrupt has been delivered
 *
 * Otherwise it could be neither in the request register, read too early, nor in the
 * count, read too late. Return: argument for strata_lapic_timer_thaw().
 */
bool strata_lapic_timer_freeze(struct strata_lapic *apic, u32 *count)
{
	bool pending = hrtimer_cancel(&apic->timer) > 0;

	*count = strata_lapic_timer_count(apic);
	if (pending && !*count && apic->target && !apic->period) {
		strata_lapic_local(apic, LAPIC_LVT_TIMER);
		pending = false;
	}
	return pending;
}

/* @pending: it goes on, to the same moment. (v) */
void strata_lapic_timer_thaw(struct strata_lapic *apic, bool pending)
{
	if (pending)
		hrtimer_start_expires(&apic->timer, TIMER_MODE);
}

/* A new entry in the vector table: mode and mask. SDM 11.5.4. (v) */
void strata_lapic_timer_write_lvt(struct strata_lapic *apic, u32 lvt)
{
	u32 old = apic->lvt[LAPIC_LVT_TIMER];
	unsigned int from = LAPIC_LVT_TIMER_MODE(old), to = LAPIC_LVT_TIMER_MODE(lvt);
	u32 count;

	if (from == to) {
		WRITE_ONCE(apic->lvt[LAPIC_LVT_TIMER], lvt);
		if ((old & ~lvt) & LAPIC_LVT_MASKED)
			strata_lapic_timer_work(apic->vcpu);
		return;
	}
	count = strata_lapic_timer_count(apic);
	strata_lapic_timer_stop(apic);
	WRITE_ONCE(apic->lvt[LAPIC_LVT_TIMER], lvt);
	if (from == LAPIC_TIMER_DEADLINE || to == LAPIC_TIMER_DEADLINE) {
		/* To and from TSC-deadline mode disarms. */
		apic->tmict = 0;
		apic->vcpu->tsc_deadline = 0;
		return;
	}
	start_count(apic, count);
}

/* (v) */
void strata_lapic_timer_write_count(struct strata_lapic *apic, u32 count)
{
	if (timer_mode(apic) == LAPIC_TIMER_DEADLINE)
		return;
	apic->tmict = count;
	start_count(apic, count);
}

/* Ticks left stay the same number and change their length. (v) */
void strata_lapic_timer_write_divide(struct strata_lapic *apic, u32 tdcr)
{
	u32 count = strata_lapic_timer_count(apic);

	apic->tdcr = tdcr & 0xb;
	if (apic->target)
		start_count(apic, count);
}

/*
 * Where the state comes from KVM a one-shot timer without time left may have expired
 * with its interrupt in no register: it expires now, as KVM has it. One that came too
 * much is harmless, a guest that waits for one that was lost stops.
 */
static void expire_again(struct strata_lapic *apic)
{
	u8 vector = apic->lvt[LAPIC_LVT_TIMER];

	if (!test_bit(vector, apic->irr) && !test_bit(vector, apic->isr))
		strata_lapic_local(apic, LAPIC_LVT_TIMER);
}

/* The registers are set but for the time that is left. (v) */
void strata_lapic_timer_restore(struct strata_lapic *apic, u32 count)
{
	if (timer_mode(apic) == LAPIC_TIMER_ONESHOT && apic->tmict && !count) {
		expire_again(apic);
		return;
	}
	if (timer_mode(apic) == LAPIC_TIMER_DEADLINE) {
		hrtimer_cancel(&apic->timer);
		start_deadline(apic);
	} else {
		start_count(apic, min(count, apic->tmict));
	}
}

/* IA32_TSC_DEADLINE; outside that mode writes are dropped. (v) */
void strata_lapic_timer_write_deadline(struct strata_lapic *apic, u64 tsc)
{
	if (timer_mode(apic) != LAPIC_TIMER_DEADLINE || apic->mode == LAPIC_OFF)
		return;
	hrtimer_cancel(&apic->timer);
	apic->vcpu->tsc_deadline = tsc;
	start_deadline(apic);
}

/* (v) */
u64 strata_lapic_timer_read_deadline(struct strata_lapic *apic)
{
	return timer_mode(apic) == LAPIC_TIMER_DEADLINE ? READ_ONCE(apic->vcpu->tsc_deadline) : 0;
}
