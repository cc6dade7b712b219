// SPDX-License-Identifier: GPL-2.0
/*
 * The arithmetic of a LAPIC: modes, priorities, destinations, timer.
 */
#include "tap.h"
#include "irqchip/lapic_calc.h"

typedef unsigned __int128 wide;

static void test_mode(void)
{
	const u64 base = 0xfee00000 | LAPIC_BASE_BSP;

	tap_ok(lapic_base_mode(base) == LAPIC_OFF, "mode: off");
	tap_ok(lapic_base_mode(base | LAPIC_BASE_ENABLE) == LAPIC_XAPIC, "mode: xAPIC");
	tap_ok(lapic_base_mode(base | LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC) == LAPIC_X2APIC,
	       "mode: x2APIC");
}

static void test_highest(void)
{
	bool ok = true;

	for (int low = 0; low < 256; low++) {
		unsigned long map[LAPIC_WORDS] = {};

		map[low / 64] |= 1ul << low % 64;
		ok &= lapic_highest(map) == low;
		map[0] |= 1;
		ok &= lapic_highest(map) == low;
	}
	tap_ok(ok, "highest of 256 vectors");
	unsigned long none[LAPIC_WORDS] = {};

	tap_ok(lapic_highest(none) == -1, "highest of none");
}

static void test_priority(void)
{
	bool ok = true;

	/* SDM 11.8.3.1, spelled out. */
	for (int tpr = 0; tpr < 256; tpr++) {
		for (int isr = -1; isr < 256; isr++) {
			int isrv = isr < 0 ? 0 : isr;
			int class = tpr >> 4 >= isrv >> 4 ? tpr >> 4 : isrv >> 4;
			int sub = tpr >> 4 >= isrv >> 4 ? tpr & 15 : 0;

			ok &= lapic_ppr(tpr, isr) == (u32)(class << 4 | sub);
		}
	}
	tap_ok(ok, "processor priority of every TPR and vector in service");
	tap_ok(!lapic_above(-1, 0), "no vector is above nothing");
	tap_ok(!lapic_above(0x2f, 0x20) && lapic_above(0x30, 0x2f), "only the class counts");
}

static void test_destination(void)
{
	const u32 flat = 0xffffffff, cluster = 0x0fffffff;
	bool ok = true;

	for (u32 id = 0; id < 1024; id++)
		ok &= lapic_x2apic_ldr(id) == ((id / 16) << 16 | 1u << id % 16);
	tap_ok(ok, "logical ids of x2APIC mode");

	tap_ok(lapic_match_logical(LAPIC_XAPIC, flat, 0x04000000, 0x06, false),
	       "flat: a bit in common");
	tap_ok(!lapic_match_logical(LAPIC_XAPIC, flat, 0x08000000, 0x06, false),
	       "flat: none");
	tap_ok(!lapic_match_logical(LAPIC_XAPIC, flat, 0, 0x7f, false),
	       "flat: no logical id");
	tap_ok(lapic_match_logical(LAPIC_XAPIC, flat, 0, 0xff, false),
	       "flat: broadcast");
	tap_ok(lapic_match_logical(LAPIC_XAPIC, cluster, 0x12000000, 0x13, false),
	       "cluster: same");
	tap_ok(!lapic_match_logical(LAPIC_XAPIC, cluster, 0x22000000, 0x13, false),
	       "cluster: other");
	tap_ok(!lapic_match_logical(LAPIC_XAPIC, cluster, 0x12000000, 0x1d, false),
	       "cluster: other member");
	tap_ok(lapic_match_logical(LAPIC_X2APIC, flat, 0x00010004, 0x00010006, true),
	       "x2APIC: same cluster");
	tap_ok(!lapic_match_logical(LAPIC_X2APIC, flat, 0x00010004, 0x00000006, true),
	       "x2APIC: other");
	tap_ok(lapic_match_logical(LAPIC_X2APIC, flat, 0x00000004, 0x06, false),
	       "x2APIC: 8 bits are cluster 0");
	tap_ok(lapic_match_logical(LAPIC_X2APIC, flat, 0x00050004, 0xffffffff, true),
	       "x2APIC: broadcast");
	tap_ok(!lapic_match_logical(LAPIC_X2APIC, flat, 0x00010001, 0xfe, true),
	       "x2APIC: 0xfe is no broadcast");
	tap_ok(!lapic_match_logical(LAPIC_XAPIC, flat, 0x01000000, 0x101, true),
	       "xAPIC: no wide id");
}

static void test_timer(void)
{
	static const u8 divide[16] = { 2, 4, 8, 16, 2, 4, 8, 16, 32, 64, 128, 1, 32, 64, 128, 1 };
	bool ok = true;

	for (u32 i = 0; i < 16; i++)
		ok &= 1u << lapic_divide_shift(i) == divide[i];
	tap_ok(ok, "divide values");
	tap_ok(lapic_count_to_ns(0xffffffff, 0xa, 1) == 0xffffffffull * 128, "the longest count");
	tap_ok(lapic_count_to_ns(1000, 0x3, 40) == 1000 * 16 * 40, "of a bus of 25 MHz");
	tap_ok(lapic_count_to_ns(0xffffffff, 0xa, LAPIC_MAX_BUS_NS) == LAPIC_NEVER_NS,
	       "of the slowest bus");
	tap_ok(lapic_ns_to_count(1000, 0x3, 0xffffffff, 1) == 62, "ticks left, divided by 16");
	tap_ok(lapic_ns_to_count(1000, 0xb, 100, 1) == 100, "never more than the initial count");
	tap_ok(lapic_ns_to_count(1000, 0xb, 100, 40) == 25, "ticks left, of 40 ns");
	tap_ok(lapic_period_ns(1, 0xb, 1) == LAPIC_MIN_PERIOD_NS, "the shortest period is raised");
	tap_ok(lapic_period_ns(1000000, 0xb, 1) == 1000000, "a long one is not");

	tap_ok(lapic_timer_left(100, 150, 0) == 50, "one-shot: to come");
	tap_ok(lapic_timer_left(150, 150, 0) == 0 && lapic_timer_left(900, 150, 0) == 0,
	       "one-shot: over");
	tap_ok(lapic_timer_left(100, 150, 40) == 50, "periodic: first expiry to come");
	tap_ok(lapic_timer_left(150, 150, 40) == 40, "periodic: just expired");
	tap_ok(lapic_timer_left(235, 150, 40) == 35, "periodic: missed some, phase kept");

	tap_ok(lapic_tsc_to_ns(0, 3000000) == 0, "deadline: now");
	tap_ok(lapic_tsc_to_ns(1, 3000000) == 1, "deadline: rounded up");
	tap_ok(lapic_tsc_to_ns(3000000000ull * 3600, 3000000) == 3600000000000ull,
	       "deadline: an hour");
	tap_ok(lapic_tsc_to_ns(~0ull, 1) == LAPIC_NEVER_NS, "deadline: never, without overflow");
	tap_ok(lapic_tsc_to_ns(~0ull, 0xffffffff) < LAPIC_NEVER_NS,
	       "deadline: a fast clock's end of time");
	tap_ok(lapic_tsc_to_ns(5, 0) == LAPIC_NEVER_NS, "deadline: no clock");
	ok = true;
	for (u64 ticks = 1; ticks < 1ull << 62; ticks = ticks * 3 + 1) {
		u64 ns = lapic_tsc_to_ns(ticks, 2899886);

		if (ns < LAPIC_NEVER_NS)
			ok &= (wide)ns * 2899886 >= (wide)ticks * 1000000 &&
			      (wide)(ns - 1) * 2899886 < (wide)ticks * 1000000;
	}
	tap_ok(ok, "deadline: the smallest time that is not too early");
}

int main(void)
{
	test_mode();
	test_highest();
	test_priority();
	test_destination();
	test_timer();
	return tap_done();
}
