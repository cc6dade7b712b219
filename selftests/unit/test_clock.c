// SPDX-License-Identifier: GPL-2.0
/*
 * kvmclock's arithmetic: the scale of every plausible TSC rate is exact enough,
 * time does not go back, and which TSC writes synchronize.
 */
#include "tap.h"
#include "clock_math.h"

static void scales(void)
{
	static const u32 khz[] = { 1, 1000, 100000, 999999, 1000000, 1000001, 1999999, 2000000,
				   2000001, 2400000, 3700123, 5999999, 10000000, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(khz); i++) {
		struct clock_scale s;
		u64 ns, prev = 0, t, step = (u64)khz[i] * 100 + 7;
		bool back = false;

		clock_scale_of(khz[i], &s);
		/* An hour of ticks. */
		ns = clock_ticks_to_ns(&s, (u64)khz[i] * 1000 * 3600);
		tap_ok(ns > 3600000000000ull - 40000 && ns < 3600000000000ull + 40000,
		       "%u kHz: an hour is an hour, less %lld ns", khz[i],
		       3600000000000ll - (long long)ns);
		tap_ok(s.mul >> 31, "%u kHz: the fraction uses all its bits", khz[i]);
		for (t = 0; t < 2000; t++) {
			ns = clock_ticks_to_ns(&s, t * step);
			back |= ns < prev;
			prev = ns;
		}
		tap_ok(!back, "%u kHz: time does not go back", khz[i]);
	}
}

static void matching(void)
{
	const u32 khz = 2000000;
	const u64 second = 2000000000ull, base = 100 * second;

	tap_ok(tsc_write_matches(0, base, 5000000000ull, khz), "0 means the VM's TSC");
	tap_ok(tsc_write_matches(base, base, 1000, khz), "the same value at once");
	tap_ok(tsc_write_matches(base, base, 900000000, khz), "the same value 0.9 s later");
	tap_ok(!tsc_write_matches(base, base, 1100000000, khz), "the same value 1.1 s later");
	tap_ok(tsc_write_matches(base + 10 * second, base, 10000000000ull, khz),
	       "what it has got to");
	tap_ok(!tsc_write_matches(base + 2 * second, base, 1000, khz), "two seconds ahead");
	tap_ok(!tsc_write_matches(base - 2 * second, base, 1000, khz), "two seconds behind");
}

static void ratios(void)
{
	const u64 one48 = 1ull << 48, one32 = 1ull << 32;

	tap_ok(tsc_ratio_of(2000000, 2000000, 48, ~0ull) == one48, "the same rate is 1");
	tap_ok(tsc_ratio_of(6000000, 2000000, 48, ~0ull) == 3 * one48, "three times");
	tap_ok(tsc_ratio_of(1000000, 2000000, 48, ~0ull) == one48 / 2, "half");
	tap_ok(tsc_ratio_of(1, 3, 32, ~0ull) == one32 / 3, "a third, cut off");
	tap_ok(tsc_ratio_of(0xffffffff, 1, 48, ~0ull) == 0, "more than 16 bits of whole");
	tap_ok(tsc_ratio_of(0xffff, 1, 48, ~0ull) == 0xffff * one48, "all of the 16");
	tap_ok(tsc_ratio_of(256000, 1000, 32, (1ull << 40) - 1) == 0, "more than the hardware takes");
	tap_ok((tsc_ratio_of(255999, 1000, 32, (1ull << 40) - 1) >> 32) == 255, "as much as it takes");
	tap_ok(tsc_ratio_of(0, 1000, 32, ~0ull) == 0, "no rate has no ratio");
	tap_ok(tsc_scale(~0ull, one48, 48) == ~0ull, "times 1 is the same");
	tap_ok(tsc_scale(1ull << 62, one48 / 2 * 3, 48) == 3ull << 61, "no bit of the product is lost");
	tap_ok(tsc_scale(1ull << 63, 3 * one32, 32) == 1ull << 63, "it wraps as the TSC does");
	tap_ok(tsc_same_rate(1000250, 1000000), "250 ppm is the same rate");
	tap_ok(!tsc_same_rate(1000251, 1000000), "more is another");
	tap_ok(tsc_same_rate(999750, 1000000), "250 ppm less");
	tap_ok(!tsc_same_rate(0, 1000000), "nothing is another");
}

int main(void)
{
	ratios();
	scales();
	matching();
	return tap_done();
}
