// SPDX-License-Identifier: GPL-2.0
/*
 * The clock of an MC146818: time and date in UTC from the host, a guest's change
 * kept as an offset.  No alarm and no periodic interrupt.
 */

#include "launcher.h"

#include <string.h>
#include <time.h>

enum {
	RTC_SECONDS = 0, RTC_MINUTES = 2, RTC_HOURS = 4, RTC_WEEKDAY = 6,
	RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9,
	RTC_A = 10, RTC_B = 11, RTC_C = 12, RTC_D = 13,
	RTC_CENTURY = 0x32,
};

#define RTC_A_VALUE	0x26	/* 32 kHz, no update in progress */
#define RTC_B_24H	0x02
#define RTC_B_BINARY	0x04
#define RTC_B_SET	0x80
#define RTC_D_VALID	0x80
#define RTC_PM		0x80

static __u8 encode(const struct rtc *rtc, unsigned int v)
{
	return rtc->reg[RTC_B] & RTC_B_BINARY ? v : (v / 10) << 4 | v % 10;
}

static unsigned int decode(const struct rtc *rtc, __u8 v)
{
	return rtc->reg[RTC_B] & RTC_B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static __u8 encode_hour(const struct rtc *rtc, unsigned int hour)
{
	if (rtc->reg[RTC_B] & RTC_B_24H)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_PM : 0);
}

static unsigned int decode_hour(const struct rtc *rtc, __u8 v)
{
	if (rtc->reg[RTC_B] & RTC_B_24H)
		return decode(rtc, v);
	return decode(rtc, v & ~RTC_PM) % 12 + (v & RTC_PM ? 12 : 0);
}

/* Bring the time registers up to date, unless the guest is setting them. */
static void refresh(struct rtc *rtc)
{
	time_t now = time(NULL) + rtc->offset;
	struct tm tm;

	if (rtc->reg[RTC_B] & RTC_B_SET || !gmtime_r(&now, &tm))
		return;
	rtc->reg[RTC_SECONDS] = encode(rtc, tm.tm_sec);
	rtc->reg[RTC_MINUTES] = encode(rtc, tm.tm_min);
	rtc->reg[RTC_HOURS] = encode_hour(rtc, tm.tm_hour);
	rtc->reg[RTC_WEEKDAY] = encode(rtc, tm.tm_wday + 1);
	rtc->reg[RTC_DAY] = encode(rtc, tm.tm_mday);
	rtc->reg[RTC_MONTH] = encode(rtc, tm.tm_mon + 1);
	rtc->reg[RTC_YEAR] = encode(rtc, tm.tm_year % 100);
	rtc->reg[RTC_CENTURY] = encode(rtc, (tm.tm_year + 1900) / 100);
}

/* The guest wrote time registers: what it means becomes the offset. */
static void commit(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = decode(rtc, rtc->reg[RTC_SECONDS]),
		.tm_min = decode(rtc, rtc->reg[RTC_MINUTES]),
		.tm_hour = decode_hour(rtc, rtc->reg[RTC_HOURS]),
		.tm_mday = decode(rtc, rtc->reg[RTC_DAY]),
		.tm_mon = (int)decode(rtc, rtc->reg[RTC_MONTH]) - 1,
		.tm_year = (int)decode(rtc, rtc->reg[RTC_CENTURY]) * 100 +
			   (int)decode(rtc, rtc->reg[RTC_YEAR]) - 1900,
	};

	rtc->offset = timegm(&tm) - time(NULL);
}

void rtc_init(struct vm *vm)
{
	memset(&vm->rtc, 0, sizeof(vm->rtc));
	vm->rtc.reg[RTC_B] = RTC_B_24H;
}

/* Registers: 0 the index, 1 the data. */
__u8 rtc_read(struct vm *vm, unsigned int reg)
{
	struct rtc *rtc = &vm->rtc;

	if (reg == 0)
		return 0xff;		/* write-only on a PC */
	switch (rtc->index) {
	case RTC_A:
		return RTC_A_VALUE;
	case RTC_B:
		return rtc->reg[RTC_B];
	case RTC_C:
		return 0;
	case RTC_D:
		return RTC_D_VALID;
	}
	refresh(rtc);
	return rtc->reg[rtc->index];
}

void rtc_write(struct vm *vm, unsigned int reg, __u8 value)
{
	struct rtc *rtc = &vm->rtc;
	bool was_setting = rtc->reg[RTC_B] & RTC_B_SET;

	if (reg == 0) {
		rtc->index = value & 0x7f;
		return;
	}
	switch (rtc->index) {
	case RTC_A:
	case RTC_C:
	case RTC_D:
		return;
	case RTC_B:
		refresh(rtc);
		rtc->reg[RTC_B] = value;
		if (was_setting && !(value & RTC_B_SET))
			commit(rtc);
		return;
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		refresh(rtc);
		rtc->reg[rtc->index] = value;
		if (!was_setting)
			commit(rtc);
		return;
	}
	rtc->reg[rtc->index] = value;
}
