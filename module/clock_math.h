/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TSC ticks to nanoseconds as kvmclock's page defines it. Pure.
 */
#ifndef STRATA_CLOCK_MATH_H
#define STRATA_CLOCK_MATH_H

#include "pure.h"

/**
 * struct clock_scale - ns = ((ticks << shift) * mul) >> 32; shift may be negative
 * @mul: a fraction of 2^32
 * @shift: bits
 */
struct clock_scale {
	u32 mul;
	s8 shift;
};

/* @khz: TSC ticks per millisecond, not 0. The mantissa keeps its top bit. */
static inline void clock_scale_of(u32 khz, struct clock_scale *s)
{
	u64 hz = (u64)khz * 1000;

	s->shift = 0;
	while (hz > 2000000000ull) {
		hz >>= 1;
		s->shift--;
	}
	while (hz <= 1000000000ull) {
		hz <<= 1;
		s->shift++;
	}
	s->mul = (1000000000ull << 32) / hz;
}

static inline u64 clock_ticks_to_ns(const struct clock_scale *s, u64 ticks)
{
	if (s->shift < 0)
		ticks >>= -s->shift;
	else
		ticks <<= s->shift;
	/* 64 by 32 bits, without the middle of a 128-bit product. */
	return ((ticks >> 32) * s->mul) + (((ticks & 0xffffffffull) * s->mul) >> 32);
}

/**
 * tsc_write_matches - is this write of a TSC meant to synchronize?
 * @tsc: what is written
 * @last: what was written before, to whichever vCPU of the VM
 * @elapsed: ns since then
 * @khz: of the TSC
 *
 * User space resets or restores the vCPUs one after the other with one value.
 * A value within a second of where the last one has got to means the same
 * TSC, and so does 0.
 */
static inline bool tsc_write_matches(u64 tsc, u64 last, u64 elapsed, u32 khz)
{
	u64 expect = last + elapsed / 1000000 * khz + elapsed % 1000000 * khz / 1000000;
	u64 second = (u64)khz * 1000;

	if (!tsc)
		return true;
	return tsc < expect + second && tsc + second > expect;
}

/*
 * How far a frequency that is asked for may be from the host's and count as the
 * host's: parts per million. Two calibrations of one TSC differ by as much.
 */
#define TSC_TOLERANCE	250

static inline bool tsc_same_rate(u32 khz, u32 host_khz)
{
	u64 diff = khz > host_khz ? khz - host_khz : host_khz - khz;

	return diff * 1000000 <= (u64)host_khz * TSC_TOLERANCE;
}

/**
 * tsc_ratio_of - what the hardware multiplies the host's TSC with
 * @khz: the guest's frequency
 * @host_khz: the host's, not 0
 * @frac: bits of the ratio's fraction, up to 48
 * @max: the greatest ratio the hardware takes
 *
 * Return: the ratio, or 0 where the hardware has none for it.
 */
static inline u64 tsc_ratio_of(u32 khz, u32 host_khz, u8 frac, u64 max)
{
	u64 whole = khz / host_khz, rest = khz % host_khz, ratio;
	unsigned int i;

	if (frac > 48 || whole >> (64 - frac))
		return 0;
	/* One bit of the quotient a round: no division of 128 bits. */
	ratio = whole;
	for (i = 0; i < frac; i++) {
		rest <<= 1;
		ratio <<= 1;
		if (rest >= host_khz) {
			rest -= host_khz;
			ratio |= 1;
		}
	}
	return ratio <= max ? ratio : 0;
}

/* As the hardware does: the product of 128 bits, without its fraction. */
static inline u64 tsc_scale(u64 tsc, u64 ratio, u8 frac)
{
	unsigned __int128 product = (unsigned __int128)tsc * ratio;

	return product >> frac;
}

#endif /* STRATA_CLOCK_MATH_H */
