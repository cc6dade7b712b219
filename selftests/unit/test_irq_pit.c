// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254: modes, counts, latches, gate; time is an argument.
 */
// sources: ../../module/irqchip/pit_chip.c
#include "tap.h"
#include "irqchip/pit_chip.h"

#define T0	5000000000ull

static struct pit_chip pit;

/* A moment @ticks after the load, in the middle of the tick. */
static u64 at(u64 ticks)
{
	return T0 + pit_ticks_to_ns(ticks) + 400;
}

static void program(unsigned int n, unsigned int mode, u16 count)
{
	pit_reset(&pit);
	pit_set_gate(&pit, n, true, T0);
	pit_write(&pit, 3, n << 6 | 0x30 | mode << 1, T0);
	pit_write(&pit, n, count, T0);
	pit_write(&pit, n, count >> 8, T0);
}

static u16 read_word(unsigned int n, u64 now)
{
	u16 low = pit_read(&pit, n, now);

	return low | pit_read(&pit, n, now) << 8;
}

static void test_time(void)
{
	bool ok = true;

	for (u64 t = 0; t < 1ull << 50; t = t * 5 / 2 + 1)
		ok &= pit_ns_to_ticks(pit_ticks_to_ns(t)) == t;
	tap_ok(ok, "ticks to ns and back");
	tap_ok(pit_ns_to_ticks(1000000000ull * 86400 * 365) == PIT_HZ * 86400 * 365,
	       "a year of ticks");
}

static void test_oneshot(void)
{
	program(0, 0, 1000);
	tap_ok(!pit_out(&pit, 0, at(0)) && !pit_out(&pit, 0, at(999)),
	       "mode 0: low while it counts");
	tap_ok(pit_out(&pit, 0, at(1000)) && pit_out(&pit, 0, at(70000)), "mode 0: high after");
	tap_ok(read_word(0, at(1)) == 999, "mode 0: counts down");
	tap_ok(read_word(0, at(1001)) == 0xffff, "mode 0: wraps");
	struct pit_schedule s = pit_schedule(&pit, 0);

	tap_ok(s.runs && !s.periodic && s.ticks == 1000, "mode 0: one tick");

	program(0, 0, 0);
	s = pit_schedule(&pit, 0);
	tap_ok(s.ticks == 65536 && pit.ch[0].count == 65536, "count 0 is 65536");

	program(0, 4, 100);
	tap_ok(pit_out(&pit, 0, at(99)) && !pit_out(&pit, 0, at(100)) && pit_out(&pit, 0, at(101)),
	       "mode 4: low for one tick");
	s = pit_schedule(&pit, 0);
	tap_ok(s.runs && s.ticks == 101, "mode 4: rises after it");
}

static void test_periodic(void)
{
	program(0, 2, 1000);
	tap_ok(read_word(0, at(0)) == 1000 && read_word(0, at(999)) == 1 &&
	       read_word(0, at(1000)) == 1000, "mode 2: counts to 1 and reloads");
	tap_ok(pit_out(&pit, 0, at(998)) && !pit_out(&pit, 0, at(999)) && pit_out(&pit, 0, at(1000)),
	       "mode 2: low for one tick");
	struct pit_schedule s = pit_schedule(&pit, 0);

	tap_ok(s.runs && s.periodic && s.ticks == 1000, "mode 2: periodic");

	program(0, 3, 1000);
	tap_ok(read_word(0, at(1)) == 998 && read_word(0, at(501)) == 998, "mode 3: two at a time");
	tap_ok(pit_out(&pit, 0, at(499)) && !pit_out(&pit, 0, at(500)) && pit_out(&pit, 0, at(1000)),
	       "mode 3: a square wave");
	program(0, 3, 5);
	tap_ok(pit_out(&pit, 0, at(2)) && !pit_out(&pit, 0, at(3)),
	       "mode 3: odd counts are longer high");
	bool ok = true;

	for (unsigned int n = 1; n < 5; n++) {
		program(0, 3, n);
		for (u64 t = 0; t < 10; t++)
			ok &= pit_count(&pit, 0, at(t)) <= n;
	}
	tap_ok(ok, "mode 3: the smallest counts");

	program(0, 6, 300);
	tap_ok(pit.ch[0].mode == 2, "mode 6 is 2");
	program(0, 7, 300);
	tap_ok(pit.ch[0].mode == 3, "mode 7 is 3");
}

static void test_trigger(void)
{
	program(0, 1, 100);
	tap_ok(!pit_schedule(&pit, 0).runs && pit_out(&pit, 0, at(200)),
	       "mode 1: waits for a trigger");

	program(2, 1, 100);
	pit_set_gate(&pit, 2, false, T0);
	pit_set_gate(&pit, 2, true, T0);
	tap_ok(!pit_out(&pit, 2, at(99)) && pit_out(&pit, 2, at(100)), "mode 1: a pulse after it");
	pit_set_gate(&pit, 2, false, at(10));
	tap_ok(!pit_out(&pit, 2, at(99)) && pit_out(&pit, 2, at(100)),
	       "mode 1: the gate's fall is nothing");

	program(2, 0, 100);
	pit_set_gate(&pit, 2, false, at(40));
	tap_ok(pit_count(&pit, 2, at(4000)) == 60 && !pit_out(&pit, 2, at(4000)),
	       "mode 0: the gate stops it");
	pit_set_gate(&pit, 2, true, at(4000));
	tap_ok(pit_count(&pit, 2, at(4020)) == 40, "mode 0: and lets it go on");

	program(2, 2, 100);
	pit_set_gate(&pit, 2, false, at(40));
	tap_ok(pit_out(&pit, 2, at(4099)), "mode 2: high while the gate is low");
	pit_set_gate(&pit, 2, true, at(4000));
	tap_ok(pit_count(&pit, 2, at(4030)) == 70, "mode 2: the gate starts it anew");
}

static void test_latch(void)
{
	program(0, 2, 0x1234);
	pit_write(&pit, 3, 0x00, at(4));
	pit_write(&pit, 3, 0x00, at(9));
	tap_ok(read_word(0, at(100)) == 0x1230, "latch: the first one counts");
	tap_ok(read_word(0, at(8)) == 0x122c, "latch: gone when read");
	pit_write(&pit, 3, 0xc2, at(4));
	tap_ok(pit_read(&pit, 0, at(9)) == 0xb4, "read-back: status first");
	tap_ok(read_word(0, at(100)) == 0x1230, "read-back: then the count");
	pit_write(&pit, 3, 0xe2, at(0x1233));
	tap_ok(pit_read(&pit, 0, at(9)) == 0x34, "read-back: status alone, output low");
	pit_write(&pit, 3, 0xdc, at(4));
	tap_ok(!pit.ch[0].count_latched && pit.ch[1].count_latched == 0 && !pit.ch[0].status_latched,
	       "read-back of others leaves counter 0 alone");

	pit_write(&pit, 3, 0x14, T0);
	tap_ok(pit_write(&pit, 0, 200, T0) && pit.ch[0].count == 200, "low byte alone");
	tap_ok(pit_read(&pit, 0, at(5)) == 195, "low byte alone, read");
	pit_write(&pit, 3, 0x24, T0);
	tap_ok(pit_write(&pit, 0, 2, T0) && pit.ch[0].count == 512, "high byte alone");
	tap_ok(pit_read(&pit, 0, at(5)) == 1, "high byte alone, read");
	pit_write(&pit, 3, 0x34, T0);
	tap_ok(!pit_write(&pit, 0, 2, T0), "half a count starts nothing");
	tap_ok(!pit_schedule(&pit, 0).runs, "the control word stops the counter");
}

static void test_bcd(void)
{
	pit_reset(&pit);
	pit_write(&pit, 3, 0x35, T0);
	pit_write(&pit, 0, 0x00, T0);
	pit_write(&pit, 0, 0x12, T0);
	tap_ok(pit.ch[0].count == 1200 && read_word(0, at(1)) == 0x1199, "BCD counts");
	pit_write(&pit, 0, 0x00, T0);
	pit_write(&pit, 0, 0x00, T0);
	tap_ok(pit.ch[0].count == 10000, "BCD 0 is 10000");
}

static void test_state(void)
{
	struct kvm_pit_channel_state ch[3];
	bool ok = true;

	memset(ch, 0xff, sizeof(ch));
	pit_set_state(&pit, ch, T0);
	for (unsigned int n = 0; n < 3; n++) {
		ok &= pit.ch[n].count <= 65536 && pit.ch[n].count;
		ok &= !pit_schedule(&pit, n).runs;
		for (u64 t = 0; t < 10; t++) {
			pit_read(&pit, n, at(t));
			pit_out(&pit, n, at(t));
		}
	}
	tap_ok(ok, "impossible state is made harmless");

	memset(ch, 0, sizeof(ch));
	for (unsigned int m = 0; m < 6; m++) {
		ch[0].mode = m;
		ch[0].gate = 1;
		pit_set_state(&pit, ch, T0);
		for (u64 t = 0; t < 10; t++) {
			pit_count(&pit, 0, at(t));
			pit_out(&pit, 0, at(t));
		}
	}
	tap_ok(pit.ch[0].count == 65536, "count 0 in state is 65536");
	program(0, 2, 100);
	tap_ok(pit_count(&pit, 0, T0 - 1000) == 100, "time before the load does not count");
}

int main(void)
{
	test_time();
	test_oneshot();
	test_periodic();
	test_trigger();
	test_latch();
	test_bcd();
	test_state();
	return tap_done();
}
