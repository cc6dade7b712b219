// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259A: requests, priorities, end of interrupt, cascade.
 */
// sources: ../../module/irqchip/pic_chip.c
#include "tap.h"
#include "irqchip/pic_chip.h"

static struct pic_pair pair;

static void init_chip(unsigned int chip, u8 base, u8 icw4)
{
	pic_write(&pair, chip, 0, 0x11);
	pic_write(&pair, chip, 1, base);
	pic_write(&pair, chip, 1, chip ? 2 : 4);
	pic_write(&pair, chip, 1, icw4);
}

/* As Linux has them: vectors 0x30-0x3f, everything open. */
static void init(u8 icw4)
{
	pic_reset(&pair);
	init_chip(0, 0x30, icw4);
	init_chip(1, 0x38, icw4);
	pair.ended = 0;
	pair.opened = 0;
}

static int pulse(unsigned int irq)
{
	int r = pic_set_line(&pair, irq, true);

	pic_set_line(&pair, irq, false);
	return r;
}

static u8 isr(unsigned int chip)
{
	return pair.chip[chip].isr;
}

#define EOI(chip)	pic_write(&pair, chip, 0, 0x20)

static void test_edge(void)
{
	init(1);
	tap_ok(!pic_output(&pair), "no request, no output");
	tap_ok(pulse(4) == 1, "an edge is a request");
	tap_ok(pic_set_line(&pair, 4, true) == 0, "a second one is coalesced");
	tap_ok(pic_output(&pair) && pic_peek(&pair) == 0x34, "its vector shows");
	tap_ok(pic_ack(&pair) == 0x34 && isr(0) == 1 << 4, "INTA puts it in service");
	tap_ok(!pic_output(&pair), "the line that stays high is no new edge");
	tap_ok(pulse(5) == 1 && !pic_output(&pair), "lower priority waits");
	tap_ok(pulse(1) == 1 && pic_ack(&pair) == 0x31, "higher priority nests");
	EOI(0);
	tap_ok(isr(0) == 1 << 4 && pair.ended == 1 << 1, "EOI ends the highest");
	EOI(0);
	tap_ok(isr(0) == 0 && pic_ack(&pair) == 0x35, "then the one that waited comes");
	tap_ok(pic_ack(&pair) == 0x37 && isr(0) == 1 << 5, "INTA without request: spurious 7");
}

static void test_mask(void)
{
	init(1);
	pic_write(&pair, 0, 1, 0x10);
	tap_ok(pulse(4) == -1 && !pic_output(&pair), "masked: -1 and no output");
	tap_ok(pic_read(&pair, 0, 1) == 0x10, "the mask reads back");
	pic_write(&pair, 0, 1, 0);
	tap_ok(pair.opened == 1 << 4 && pic_output(&pair), "the request survives the mask");
	tap_ok(pulse(2) == -1, "nobody but the slave drives input 2");
}

static void test_level(void)
{
	init(1);
	pic_write_elcr(&pair, 0, 0xff);
	tap_ok(pair.chip[0].elcr == 0xf8, "ELCR: the board's inputs stay edges");
	pic_write_elcr(&pair, 1, 0xff);
	tap_ok(pair.chip[1].elcr == 0xde, "ELCR of the slave");
	pic_set_line(&pair, 5, true);
	tap_ok(pic_ack(&pair) == 0x35, "level: request");
	EOI(0);
	tap_ok(pic_output(&pair), "level: requests again after EOI");
	pic_set_line(&pair, 5, false);
	tap_ok(!pic_output(&pair), "level: gone with the line");
}

static void test_cascade(void)
{
	init(1);
	tap_ok(pulse(12) == 1 && pic_output(&pair), "the slave reaches the output");
	tap_ok(pic_ack(&pair) == 0x3c, "the slave gives the vector");
	tap_ok(isr(0) == 1 << 2 && isr(1) == 1 << 4, "both are in service");
	tap_ok(pulse(8) == 1 && !pic_output(&pair), "fully nested: the slave's higher one waits");
	EOI(1);
	tap_ok(pair.ended == 1 << 12, "the slave's EOI ends it");
	EOI(0);
	tap_ok(pic_output(&pair) && pic_peek(&pair) == 0x38, "then the next comes");
	pic_write(&pair, 1, 1, 0xff);
	tap_ok(!pic_output(&pair), "masked in the slave, the master's request is gone");

	init(0x11);
	pulse(12);
	pic_ack(&pair);
	tap_ok(pulse(8) == 1 && pic_output(&pair) && pic_ack(&pair) == 0x38,
	       "special fully nested: the slave's higher one passes");
}

static void test_rotation(void)
{
	init(1);
	pulse(3);
	pic_ack(&pair);
	pic_write(&pair, 0, 0, 0xa0);
	pulse(3);
	pulse(4);
	tap_ok(pic_peek(&pair) == 0x34, "rotate on EOI: the served one is last now");
	pic_write(&pair, 0, 0, 0xc0 | 3);
	tap_ok(pic_peek(&pair) == 0x34, "set priority: 4 is first");
	pic_write(&pair, 0, 0, 0xc0 | 7);
	tap_ok(pic_peek(&pair) == 0x33, "set priority: 0 is first");
	pic_ack(&pair);
	pic_write(&pair, 0, 0, 0x60 | 3);
	tap_ok(isr(0) == 0 && pair.ended & 1 << 3, "specific EOI");

	init(3);
	pic_write(&pair, 0, 0, 0x80);
	pulse(0);
	tap_ok(pic_ack(&pair) == 0x30 && isr(0) == 0 && pair.ended == 1, "automatic EOI");
	pulse(0);
	pulse(1);
	tap_ok(pic_peek(&pair) == 0x31, "rotate on automatic EOI");
}

static void test_special_mask(void)
{
	init(1);
	pulse(3);
	pic_ack(&pair);
	pulse(5);
	pic_write(&pair, 0, 1, 1 << 3);
	tap_ok(!pic_output(&pair), "in service holds lower ones back");
	pic_write(&pair, 0, 0, 0x68);
	tap_ok(pic_output(&pair) && pic_ack(&pair) == 0x35, "special mask: not when masked");
	EOI(0);
	tap_ok(isr(0) == 1 << 3, "special mask: EOI does not see masked ones");
	EOI(0);
	tap_ok(isr(0) == 1 << 3, "special mask: nor does a second one");
	pic_write(&pair, 0, 0, 0x48);
	EOI(0);
	tap_ok(isr(0) == 0, "without it EOI does");
}

static void test_read(void)
{
	init(1);
	pulse(6);
	tap_ok(pic_read(&pair, 0, 0) == 1 << 6, "port reads requests");
	pic_ack(&pair);
	pic_write(&pair, 0, 0, 0x0b);
	tap_ok(pic_read(&pair, 0, 0) == 1 << 6, "or what is in service");
	pulse(1);
	pic_write(&pair, 0, 0, 0x0c);
	tap_ok(pic_read(&pair, 0, 0) == (0x80 | 1) && isr(0) == (1 << 6 | 1 << 1),
	       "poll is an acknowledgment");
	pic_write(&pair, 0, 0, 0x0c);
	tap_ok(pic_read(&pair, 0, 0) == 0, "poll without request");
}

static void test_init(void)
{
	init(1);
	pic_write_elcr(&pair, 0, 1 << 5);
	pic_set_line(&pair, 5, true);
	pulse(1);
	pic_write(&pair, 0, 1, 0xff);
	pic_write(&pair, 0, 0, 0x11);
	tap_ok(pair.chip[0].irr == 1 << 5, "ICW1 forgets edges and keeps levels");
	tap_ok(pair.ended & 1 << 1, "what it forgot has ended");
	tap_ok(pair.chip[0].imr == 0, "ICW1 clears the mask");

	struct kvm_pic_state s;

	memset(&s, 0xff, sizeof(s));
	pic_set_state(&pair, 0, &s);
	pic_set_state(&pair, 1, &s);
	bool ok = true;

	for (int i = 0; i < 1000; i++) {
		pic_ack(&pair);
		EOI(0);
		EOI(1);
	}
	for (unsigned int i = 0; i < 16; i++)
		ok &= pair.chip[i >> 3].priority_add < 8;
	tap_ok(ok && pair.chip[0].elcr_mask == 0xf8, "impossible state is made harmless");
}

int main(void)
{
	test_edge();
	test_mask();
	test_level();
	test_cascade();
	test_rotation();
	test_special_mask();
	test_read();
	test_init();
	return tap_done();
}
