/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The arithmetic of a local APIC: priorities, destinations, timer. Pure; the
 * unit tests compile it a second time.
 *
 * SDM volume 3 chapter 11, APM volume 2 chapter 16.
 */
#ifndef STRATA_LAPIC_CALC_H
#define STRATA_LAPIC_CALC_H

#include "../pure.h"

#ifndef READ_ONCE
#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#endif

/* IA32_APIC_BASE */
#define LAPIC_BASE_BSP		BIT_ULL(8)
#define LAPIC_BASE_X2APIC	BIT_ULL(10)
#define LAPIC_BASE_ENABLE	BIT_ULL(11)

enum lapic_mode {
	LAPIC_OFF,
	LAPIC_XAPIC,
	LAPIC_X2APIC,
};

/* 256 vectors, one bit each. */
#define LAPIC_WORDS		4

/*
 * A periodic timer runs without the guest's help, so its period has a floor:
 * no guest may keep the host busy with timer interrupts only.
 */
#define LAPIC_MIN_PERIOD_NS	200000ull

#define LAPIC_TIMER_ONESHOT	0
#define LAPIC_TIMER_PERIODIC	1
#define LAPIC_TIMER_DEADLINE	2

/* Further away than this and a timer need not be started: 73 years. */
#define LAPIC_NEVER_NS		BIT_ULL(61)

/* The longest count, divided by 128, is a number of nanoseconds in 64 bits. */
#define LAPIC_MAX_BUS_NS	(~0ull / (0xffffffffull * 128))

/* @base is legal: no x2APIC mode without the enable bit. */
static inline enum lapic_mode lapic_base_mode(u64 base)
{
	if (!(base & LAPIC_BASE_ENABLE))
		return LAPIC_OFF;
	return base & LAPIC_BASE_X2APIC ? LAPIC_X2APIC : LAPIC_XAPIC;
}

/* The highest vector of a map, or -1. */
static inline int lapic_highest(const unsigned long *map)
{
	int i;

	for (i = LAPIC_WORDS - 1; i >= 0; i--) {
		unsigned long word = READ_ONCE(map[i]);

		if (word)
			return i * 64 + 63 - __builtin_clzl(word);
	}
	return -1;
}

/* Processor priority from the task priority and the highest vector in service (-1: none). */
static inline u32 lapic_ppr(u32 tpr, int isr)
{
	u32 served = isr < 0 ? 0 : (u32)isr & 0xf0;

	return (tpr & 0xf0) >= served ? tpr & 0xff : served;
}

static inline bool lapic_above(int vector, u32 ppr)
{
	return vector >= 0 && (vector & 0xf0) > (int)(ppr & 0xf0);
}

/* Logical id that x2APIC mode derives from the APIC id. */
static inline u32 lapic_x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

/*
 * Does a logical destination mean the LAPIC with these registers? @dest has
 * 32 bits when @wide, else 8.
 */
static inline bool lapic_match_logical(enum lapic_mode mode, u32 dfr, u32 ldr, u32 dest, bool wide)
{
	if (dest == (wide ? 0xffffffffu : 0xffu))
		return true;
	if (mode == LAPIC_X2APIC)
		return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
	if (dest > 0xff)
		return false;
	ldr >>= 24;
	if (dfr >> 28 == 0xf)
		return dest & ldr;
	if (dfr >> 28 == 0)
		return dest >> 4 == ldr >> 4 && (dest & ldr & 0xf);
	return false;
}

/* Timer ticks are the bus clock divided by 1 to 128; this is log2 of it. */
static inline unsigned int lapic_divide_shift(u32 tdcr)
{
	return (((tdcr & 3) | (tdcr & 8) >> 1) + 1) & 7;
}

/* @bus_ns: of a cycle of the bus clock, at most LAPIC_MAX_BUS_NS */
static inline u64 lapic_count_to_ns(u32 count, u32 tdcr, u32 bus_ns)
{
	u64 ns = ((u64)count << lapic_divide_shift(tdcr)) * bus_ns;

	return ns < LAPIC_NEVER_NS ? ns : LAPIC_NEVER_NS;
}

/* Time to the next expiry; @period 0 is one-shot. All in ns. */
static inline u64 lapic_timer_left(u64 now, u64 target, u64 period)
{
	if (now < target)
		return target - now;
	if (!period)
		return 0;
	return period - (now - target) % period;
}

static inline u32 lapic_ns_to_count(u64 ns, u32 tdcr, u32 initial, u32 bus_ns)
{
	u64 count = ns / bus_ns >> lapic_divide_shift(tdcr);

	/* The floor of the period may make it longer than what was asked for. */
	return count < initial ? count : initial;
}

static inline u64 lapic_period_ns(u32 count, u32 tdcr, u32 bus_ns)
{
	u64 ns = lapic_count_to_ns(count, tdcr, bus_ns);

	return ns < LAPIC_MIN_PERIOD_NS ? LAPIC_MIN_PERIOD_NS : ns;
}

/* TSC ticks to nanoseconds, rounded up; LAPIC_NEVER_NS when it is too far away to matter. */
static inline u64 lapic_tsc_to_ns(u64 ticks, u32 khz)
{
	u64 ms;

	if (!khz)
		return LAPIC_NEVER_NS;
	ms = ticks / khz;
	if (ms >= LAPIC_NEVER_NS / 1000000)
		return LAPIC_NEVER_NS;
	return ms * 1000000 + ((ticks - ms * khz) * 1000000 + khz - 1) / khz;
}

#endif /* STRATA_LAPIC_CALC_H */
