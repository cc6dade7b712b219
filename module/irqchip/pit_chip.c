// SPDX-License-Identifier: GPL-2.0
/*
 * An 8254 interval timer: three counters as functions of the time.
 */
#include "pit_chip.h"

#define NS_PER_S	1000000000ull

/* Which byte a counter's port means next; also the access modes, but RW_WORD1. */
enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD0, RW_WORD1 };

u64 pit_ns_to_ticks(u64 ns)
{
	return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

u64 pit_ticks_to_ns(u64 ticks)
{
	return ticks / PIT_HZ * NS_PER_S + (ticks % PIT_HZ * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

static bool retriggers(u8 mode)
{
	return mode == 1 || mode == 5;
}

/* Does a low gate stop the counting? */
static bool gated(u8 mode)
{
	return !retriggers(mode);
}

/* Ticks counted since the load or the trigger. */
static u64 elapsed(const struct pit_chip *chip, unsigned int n, u64 now)
{
	const struct kvm_pit_channel_state *c = &chip->ch[n];
	u64 ns;

	if (chip->waiting[n])
		return 0;
	if (!c->gate && gated(c->mode))
		ns = chip->held[n];
	else
		ns = now > (u64)c->count_load_time ? now - c->count_load_time : 0;
	return pit_ns_to_ticks(ns);
}

static u16 to_bcd(u32 val)
{
	return val / 1000 % 10 << 12 | val / 100 % 10 << 8 | val / 10 % 10 << 4 | val % 10;
}

static u32 from_bcd(u16 val)
{
	return (val >> 12) * 1000 + (val >> 8 & 15) * 100 + (val >> 4 & 15) * 10 + (val & 15);
}

u16 pit_count(const struct pit_chip *chip, unsigned int n, u64 now)
{
	const struct kvm_pit_channel_state *c = &chip->ch[n];
	u32 full = c->bcd ? 10000 : 0x10000, count;
	u64 d = elapsed(chip, n, now);

	switch (c->mode) {
	case 2:
		count = c->count - d % c->count;
		break;
	case 3:
		/* Two at a time, each half of the square wave. */
		d %= c->count;
		if (d >= (c->count + 1) / 2)
			d -= (c->count + 1) / 2;
		count = (c->count & ~1u) - (u32)min_t(u64, 2 * d, c->count & ~1u);
		break;
	default:
		/* At the end it wraps and goes on. */
		count = (c->count % full + full - d % full) % full;
		break;
	}
	count %= full;
	return c->bcd ? to_bcd(count) : count;
}

bool pit_out(const struct pit_chip *chip, unsigned int n, u64 now)
{
	const struct kvm_pit_channel_state *c = &chip->ch[n];
	u64 d = elapsed(chip, n, now);

	if (chip->waiting[n])
		return c->mode != 0;
	switch (c->mode) {
	case 0:
	case 1:
		return d >= c->count;
	case 2:
		return !c->gate || d % c->count != c->count - 1;
	case 3:
		return !c->gate || d % c->count < (c->count + 1) / 2;
	case 4:
	case 5:
		return d != c->count;
	default:
		return false;
	}
}

struct pit_schedule pit_schedule(const struct pit_chip *chip, unsigned int n)
{
	const struct kvm_pit_channel_state *c = &chip->ch[n];
	struct pit_schedule s = {};

	if (chip->waiting[n] || !c->gate)
		return s;
	switch (c->mode) {
	case 0:
	case 1:
		s.runs = true;
		s.ticks = c->count;
		break;
	case 2:
	case 3:
		s.runs = true;
		s.periodic = true;
		s.ticks = c->count;
		break;
	case 4:
	case 5:
		s.runs = true;
		s.ticks = c->count + 1;
		break;
	}
	return s;
}

/* The count is complete: the counter starts, or waits for its trigger. */
static void load(struct pit_chip *chip, unsigned int n, u16 val, u64 now)
{
	struct kvm_pit_channel_state *c = &chip->ch[n];
	u32 count = c->bcd ? from_bcd(val) : val;

	if (!count)
		count = c->bcd ? 10000 : 0x10000;
	c->count = count;
	if (retriggers(c->mode))
		return;
	c->count_load_time = now;
	chip->held[n] = 0;
	chip->waiting[n] = c->mode > 5;
}

static void latch_count(struct pit_chip *chip, unsigned int n, u64 now)
{
	struct kvm_pit_channel_state *c = &chip->ch[n];

	if (c->count_latched)
		return;
	c->latched_count = pit_count(chip, n, now);
	c->count_latched = c->rw_mode;
}

static void latch_status(struct pit_chip *chip, unsigned int n, u64 now)
{
	struct kvm_pit_channel_state *c = &chip->ch[n];

	if (c->status_latched)
		return;
	c->status = pit_out(chip, n, now) << 7 | (c->rw_mode & 3) << 4 |
		    (c->mode & 7) << 1 | c->bcd;
	c->status_latched = 1;
}

/* The control word. True: counter 0 stops. */
static bool write_control(struct pit_chip *chip, u8 val, u64 now)
{
	unsigned int n = val >> 6, access = val >> 4 & 3;
	struct kvm_pit_channel_state *c;

	if (n == 3) {
		/* Read-back: any counters, their counts, status or both. */
		for (n = 0; n < 3; n++) {
			if (!(val & 2u << n))
				continue;
			if (!(val & 0x20))
				latch_count(chip, n, now);
			if (!(val & 0x10))
				latch_status(chip, n, now);
		}
		return false;
	}
	if (access == RW_LATCH) {
		latch_count(chip, n, now);
		return false;
	}
	c = &chip->ch[n];
	c->rw_mode = access;
	c->read_state = access;
	c->write_state = access;
	c->mode = val >> 1 & 7;
	if (c->mode > 5)
		c->mode -= 4;
	c->bcd = val & 1;
	c->count_latched = 0;
	c->status_latched = 0;
	chip->waiting[n] = true;
	return n == 0;
}

bool pit_write(struct pit_chip *chip, unsigned int reg, u8 val, u64 now)
{
	struct kvm_pit_channel_state *c;

	if (reg == 3)
		return write_control(chip, val, now);

	c = &chip->ch[reg];
	switch (c->write_state) {
	case RW_MSB:
		load(chip, reg, val << 8, now);
		break;
	case RW_WORD0:
		c->write_latch = val;
		c->write_state = RW_WORD1;
		return false;
	case RW_WORD1:
		c->write_state = RW_WORD0;
		load(chip, reg, c->write_latch | val << 8, now);
		break;
	default:
		load(chip, reg, val, now);
		break;
	}
	return reg == 0;
}

u8 pit_read(struct pit_chip *chip, unsigned int reg, u64 now)
{
	struct kvm_pit_channel_state *c;

	if (reg == 3)
		return 0;
	c = &chip->ch[reg];
	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	switch (c->count_latched) {
	case RW_LSB:
		c->count_latched = 0;
		return c->latched_count;
	case RW_MSB:
		c->count_latched = 0;
		return c->latched_count >> 8;
	case RW_WORD0:
		c->count_latched = RW_MSB;
		return c->latched_count;
	}
	switch (c->read_state) {
	case RW_MSB:
		return pit_count(chip, reg, now) >> 8;
	case RW_WORD0:
		c->read_state = RW_WORD1;
		return pit_count(chip, reg, now);
	case RW_WORD1:
		c->read_state = RW_WORD0;
		return pit_count(chip, reg, now) >> 8;
	default:
		return pit_count(chip, reg, now);
	}
}

void pit_set_gate(struct pit_chip *chip, unsigned int n, bool gate, u64 now)
{
	struct kvm_pit_channel_state *c = &chip->ch[n];

	if (c->gate == gate)
		return;
	if (!gate) {
		chip->held[n] = now > (u64)c->count_load_time ? now - c->count_load_time : 0;
	} else if (c->mode == 0 || c->mode == 4) {
		/* Goes on where it stopped. */
		c->count_load_time = now - chip->held[n];
	} else {
		/* The rising edge starts it anew, or triggers it. */
		c->count_load_time = now;
		if (retriggers(c->mode))
			chip->waiting[n] = false;
	}
	c->gate = gate;
}

void pit_reset(struct pit_chip *chip)
{
	unsigned int n;

	memset(chip, 0, sizeof(*chip));
	for (n = 0; n < 3; n++) {
		chip->ch[n].mode = PIT_NO_MODE;
		chip->ch[n].gate = n != 2;
		chip->ch[n].count = 0x10000;
		chip->waiting[n] = true;
	}
}

void pit_set_state(struct pit_chip *chip, const struct kvm_pit_channel_state *ch, u64 now)
{
	unsigned int n;

	for (n = 0; n < 3; n++) {
		struct kvm_pit_channel_state *c = &chip->ch[n];

		*c = ch[n];
		if (c->mode > 5)
			c->mode = PIT_NO_MODE;
		c->bcd &= 1;
		c->gate &= 1;
		if (!c->count || c->count > (c->bcd ? 10000 : 0x10000))
			c->count = c->bcd ? 10000 : 0x10000;
		c->rw_mode &= 3;
		c->count_latched &= 3;
		c->status_latched &= 1;
		if (c->read_state > RW_WORD1)
			c->read_state = RW_LATCH;
		if (c->write_state > RW_WORD1)
			c->write_state = RW_LATCH;
		c->count_load_time = now;
		chip->held[n] = 0;
		chip->waiting[n] = c->mode == PIT_NO_MODE;
	}
}
