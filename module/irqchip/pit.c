// SPDX-License-Identifier: GPL-2.0
/*
 * The interval timer of a VM: ports 0x40-0x43 and 0x61, and GSI 0.
 *
 * Ticks are not lost: one that comes before the guest took the last is kept
 * and injected at the guest's acknowledgment, so a guest that counts ticks
 * keeps the time. KVM calls this reinjection; KVM_REINJECT_CONTROL
 * switches it off.
 *
 * How many ticks have come is computed from the time. So while a guest does
 * not take any the timer need not run, and costs the host nothing.
 */
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "../iobus.h"
#include "irqchip.h"
#include "pit_chip.h"

/* The interrupt line is not driven more often than that. */
#define MIN_PERIOD_NS	200000ull

/* Ticks that are kept for a guest that does not take them. */
#define MAX_MISSED	10000

#define SPEAKER_PORT	0x61
#define KNOWN_FLAGS	(KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON)

struct strata_pit {
	raw_spinlock_t lock;
	struct pit_chip chip;
	u32 flags;			/* KVM_PIT_FLAGS_* */
	bool running;			/* the timer is meant to fire */
	bool periodic;
	bool parked;			/* the timer waits for the guest, too */
	bool acked;			/* the guest took the last tick */
	bool drops;			/* ticks that it did not take are lost */
	u32 missed;			/* ticks that wait for that */
	u64 ticks;			/* length of a period, raised to the floor */
	u64 fired;			/* periods since the load */
	struct hrtimer timer;
	struct strata_iodev dev, speaker;
	struct strata_vm *vm;		/* (c) */
};

/* Give the guest a tick if it took the last one. Lock held. */
static void inject(struct strata_pit *pit)
{
	int r;

	if (!pit->missed || (!pit->acked && !pit->drops))
		return;
	r = strata_set_irq_from(pit->vm, 0, STRATA_IRQ_PIT, true);
	strata_set_irq_from(pit->vm, 0, STRATA_IRQ_PIT, false);
	if (pit->drops) {
		pit->missed = 0;
	} else if (r > 0) {
		pit->acked = false;
		pit->missed--;
	} else if (r < 0) {
		/* Masked everywhere: nobody counts these ticks. */
		pit->missed = 0;
	}
}

static u64 next_expiry(const struct strata_pit *pit)
{
	return pit->chip.ch[0].count_load_time + pit_ticks_to_ns((pit->fired + 1) * pit->ticks);
}

/* The ticks since the last time it was asked. Lock held; periodic. */
static void count_ticks(struct strata_pit *pit)
{
	u64 passed = pit_ns_to_ticks(ktime_get_ns() - pit->chip.ch[0].count_load_time);
	u64 due = passed / pit->ticks - pit->fired;

	pit->fired += due;
	pit->missed = min_t(u64, pit->missed + due, MAX_MISSED);
}

static enum hrtimer_restart timer_fn(struct hrtimer *timer)
{
	struct strata_pit *pit = container_of(timer, struct strata_pit, timer);
	enum hrtimer_restart again = HRTIMER_NORESTART;
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	/* It may have been stopped or started anew while this waited. */
	if (!pit->running || hrtimer_is_queued(timer) || ktime_get_ns() < next_expiry(pit))
		goto out;
	if (!pit->periodic) {
		pit->running = false;
		pit->missed = 1;
		inject(pit);
		goto out;
	}
	count_ticks(pit);
	inject(pit);
	if (pit->missed && !pit->acked) {
		pit->parked = true;
		goto out;
	}
	hrtimer_set_expires(timer, ns_to_ktime(next_expiry(pit)));
	again = HRTIMER_RESTART;
out:
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return again;
}

/* The guest takes ticks again. Lock held. */
static void resume(struct strata_pit *pit)
{
	pit->acked = true;
	if (!pit->parked)
		return;
	pit->parked = false;
	count_ticks(pit);
	hrtimer_start(&pit->timer, ns_to_ktime(next_expiry(pit)), HRTIMER_MODE_ABS_HARD);
}

/* Counter 0 has a new schedule. Lock held. */
static void reschedule(struct strata_pit *pit)
{
	struct pit_schedule s = pit_schedule(&pit->chip, 0);

	pit->parked = false;
	pit->acked = true;
	pit->missed = 0;
	pit->fired = 0;
	pit->ticks = s.ticks;
	pit->periodic = s.periodic;
	/* In HPET legacy mode GSI 0 is the HPET's. */
	pit->running = s.runs && !(pit->flags & KVM_PIT_FLAGS_HPET_LEGACY);
	if (!pit->running) {
		hrtimer_try_to_cancel(&pit->timer);
		return;
	}
	if (s.periodic)
		pit->ticks = max(s.ticks, pit_ns_to_ticks(MIN_PERIOD_NS));
	hrtimer_start(&pit->timer, ns_to_ktime(next_expiry(pit)), HRTIMER_MODE_ABS_HARD);
}

/* The PIT of a VM; NULL: it has none. */
static struct strata_pit *pit_of(struct strata_vm *vm)
{
	/* Pairs with strata_pit_create(). */
	return smp_load_acquire(&vm->pit);
}

/**
 * strata_pit_acked - the guest took the last tick
 * @vm: any; no device lock held; any context
 */
void strata_pit_acked(struct strata_vm *vm)
{
	struct strata_pit *pit = pit_of(vm);
	unsigned long flags;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	resume(pit);
	inject(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

/**
 * strata_pit_unmasked - the guest opened the line of GSI 0
 * @vm: any; no device lock held; any context
 *
 * The tick before may have been lost on another way, so nothing is waited for.
 */
void strata_pit_unmasked(struct strata_vm *vm)
{
	struct strata_pit *pit = pit_of(vm);
	unsigned long flags;

	if (!pit)
		return;
	raw_spin_lock_irqsave(&pit->lock, flags);
	resume(pit);
	pit->missed = 0;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

/**
 * strata_pit_reinject - KVM_REINJECT_CONTROL
 * @vm: any
 * @on: keep the ticks that the guest has not taken yet, as at the beginning
 *
 * Return: 0, or -ENXIO without a PIT.
 */
int strata_pit_reinject(struct strata_vm *vm, bool on)
{
	struct strata_pit *pit = pit_of(vm);
	unsigned long flags;

	if (!pit)
		return -ENXIO;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->drops = !on;
	resume(pit);
	if (pit->drops)
		pit->missed = 0;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

/* Ports 0x40-0x43; wider accesses are bytes in a row. */
static void port_read(struct strata_iodev *dev, u64 addr, unsigned int len, void *val)
{
	struct strata_pit *pit = container_of(dev, struct strata_pit, dev);
	unsigned long flags;
	u8 *byte = val;

	raw_spin_lock_irqsave(&pit->lock, flags);
	for (; len--; addr++, byte++)
		*byte = pit_read(&pit->chip, addr & 3, ktime_get_ns());
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static void port_write(struct strata_iodev *dev, u64 addr, unsigned int len, const void *val)
{
	struct strata_pit *pit = container_of(dev, struct strata_pit, dev);
	unsigned long flags;
	const u8 *byte = val;

	raw_spin_lock_irqsave(&pit->lock, flags);
	for (; len--; addr++, byte++)
		if (pit_write(&pit->chip, addr & 3, *byte, ktime_get_ns()))
			reschedule(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

/* Port 0x61: gate and output of counter 2, and the refresh bit, which toggles. */
static void speaker_read(struct strata_iodev *dev, u64 addr, unsigned int len, void *val)
{
	struct strata_pit *pit = container_of(dev, struct strata_pit, speaker);
	u64 now = ktime_get_ns();
	unsigned long flags;
	u8 *byte = val;

	raw_spin_lock_irqsave(&pit->lock, flags);
	*byte = pit->chip.ch[2].gate;
	if (pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON)
		*byte |= BIT(1);
	/* 15.09 us a half; a power of two is near enough. */
	if (now & BIT(14))
		*byte |= BIT(4);
	if (pit_out(&pit->chip, 2, now))
		*byte |= BIT(5);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static void speaker_write(struct strata_iodev *dev, u64 addr, unsigned int len, const void *val)
{
	struct strata_pit *pit = container_of(dev, struct strata_pit, speaker);
	const u8 *byte = val;
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_set_gate(&pit->chip, 2, *byte & 1, ktime_get_ns());
	if (*byte & BIT(1))
		pit->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	else
		pit->flags &= ~KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static const struct strata_iodev_ops pit_ops = {
	.read = port_read,
	.write = port_write,
};

static const struct strata_iodev_ops speaker_ops = {
	.read = speaker_read,
	.write = speaker_write,
};

static int add_to_bus(struct strata_pit *pit, bool speaker)
{
	const struct strata_io_range ranges[] = {
		{ true, 0x40, 0x43, &pit->dev },
		{ true, SPEAKER_PORT, SPEAKER_PORT, &pit->speaker },
	};

	return strata_iobus_add(pit->vm, ranges, speaker ? 2 : 1);
}

/**
 * strata_get_pit2 - KVM_GET_PIT2
 * @vm: has a PIT
 * @ps: takes the state
 *
 * Return: 0.
 */
int strata_get_pit2(struct strata_vm *vm, struct kvm_pit_state2 *ps)
{
	struct strata_pit *pit = pit_of(vm);
	unsigned long flags;

	memset(ps, 0, sizeof(*ps));
	raw_spin_lock_irqsave(&pit->lock, flags);
	memcpy(ps->channels, pit->chip.ch, sizeof(ps->channels));
	ps->flags = pit->flags;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

/**
 * strata_set_pit2 - KVM_SET_PIT2
 * @vm: has a PIT
 * @ps: the state; the counters start anew
 *
 * Return: 0, or -EINVAL for unknown flags.
 */
int strata_set_pit2(struct strata_vm *vm, const struct kvm_pit_state2 *ps)
{
	struct strata_pit *pit = pit_of(vm);
	unsigned long flags;

	if (ps->flags & ~KNOWN_FLAGS)
		return -EINVAL;
	raw_spin_lock_irqsave(&pit->lock, flags);
	pit->flags = ps->flags;
	pit_set_state(&pit->chip, ps->channels, ktime_get_ns());
	reschedule(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return 0;
}

/**
 * strata_pit_create - KVM_CREATE_PIT2
 * @vm: its lock is held; has an irqchip and no PIT
 * @cfg: flags: KVM_PIT_SPEAKER_DUMMY brings port 0x61 into the kernel
 *
 * Return: 0, -EINVAL, -ENOMEM or -ENOSPC.
 */
int strata_pit_create(struct strata_vm *vm, const struct kvm_pit_config *cfg)
{
	struct strata_pit *pit;
	int r;

	if (cfg->flags & ~KVM_PIT_SPEAKER_DUMMY)
		return -EINVAL;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return -ENOMEM;
	raw_spin_lock_init(&pit->lock);
	strata_hrtimer_setup(&pit->timer, timer_fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	pit_reset(&pit->chip);
	pit->acked = true;
	pit->vm = vm;
	pit->dev.ops = &pit_ops;
	pit->speaker.ops = &speaker_ops;
	r = add_to_bus(pit, cfg->flags & KVM_PIT_SPEAKER_DUMMY);
	if (r) {
		kfree(pit);
		return r;
	}
	/* All of it before those who look without the lock. */
	smp_store_release(&vm->pit, pit);
	return 0;
}

/**
 * strata_pit_destroy - the end of the PIT; its timer is stopped
 * @vm: nobody uses it any more
 */
void strata_pit_destroy(struct strata_vm *vm)
{
	struct strata_pit *pit = vm->pit;

	if (!pit)
		return;
	hrtimer_cancel(&pit->timer);
	vm->pit = NULL;
	kfree(pit);
}
