// SPDX-License-Identifier: GPL-2.0
/* Packets of GDB's remote protocol. */

#include "gdb_packet.h"

#include <string.h>

#define ESCAPE		'}'
#define ESCAPE_XOR	0x20
#define CTRL_C		3

/* The value of a digit, or -1. */
int gdb_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void keep(struct gdb_packet *p, __u8 c)
{
	if (p->len < GDB_PACKET_MAX)
		p->data[p->len++] = c;
	else
		p->too_long = true;
}

static enum gdb_event outside(struct gdb_packet *p, __u8 c)
{
	switch (c) {
	case '$':
		p->state = GDB_INSIDE;
		p->len = 0;
		p->sum = 0;
		p->too_long = false;
		return GDB_NOTHING;
	case CTRL_C:
		return GDB_INTERRUPT;
	case '-':
		return GDB_RESEND;
	default:
		return GDB_NOTHING;
	}
}

/**
 * gdb_packet_byte() - one byte that has come
 * @p: all zero at first
 *
 * Return: what it completes.
 */
enum gdb_event gdb_packet_byte(struct gdb_packet *p, __u8 c)
{
	int digit;

	switch (p->state) {
	case GDB_OUTSIDE:
		return outside(p, c);
	case GDB_INSIDE:
		if (c == '#') {
			p->state = GDB_SUM_HIGH;
			return GDB_NOTHING;
		}
		p->sum += c;
		if (c == ESCAPE)
			p->state = GDB_ESCAPED;
		else
			keep(p, c);
		return GDB_NOTHING;
	case GDB_ESCAPED:
		p->sum += c;
		keep(p, c ^ ESCAPE_XOR);
		p->state = GDB_INSIDE;
		return GDB_NOTHING;
	case GDB_SUM_HIGH:
		p->given = gdb_hex_digit(c);
		p->state = GDB_SUM_LOW;
		return GDB_NOTHING;
	default:
		digit = gdb_hex_digit(c);
		p->state = GDB_OUTSIDE;
		p->data[p->len] = '\0';
		if (p->too_long || p->given < 0 || digit < 0 || p->given * 16 + digit != p->sum)
			return GDB_BAD_PACKET;
		return GDB_PACKET;
	}
}

/**
 * gdb_packet_make() - make a packet of @data
 * @to: room for GDB_PACKET_SIZE(len)
 *
 * Return: its length.
 */
size_t gdb_packet_make(char *to, const char *data, size_t len)
{
	char *p = to;
	__u8 sum = 0;
	size_t i;

	*p++ = '$';
	for (i = 0; i < len; i++) {
		char c = data[i];

		if (strchr("$#}*", c) && c) {
			*p++ = ESCAPE;
			sum += ESCAPE;
			c ^= ESCAPE_XOR;
		}
		*p++ = c;
		sum += c;
	}
	*p++ = '#';
	p = gdb_put_hex(p, &sum, 1);
	return p - to;
}

/* Two digits a byte; returns where they end. */
char *gdb_put_hex(char *to, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const __u8 *p = data;
	size_t i;

	for (i = 0; i < len; i++) {
		*to++ = digits[p[i] >> 4];
		*to++ = digits[p[i] & 15];
	}
	return to;
}

/* Up to @len bytes from pairs of digits; returns how many there were. */
size_t gdb_get_hex(void *to, const char *text, size_t len)
{
	__u8 *p = to;
	size_t n;

	for (n = 0; n < len; n++, text += 2) {
		int high = gdb_hex_digit(text[0]), low = high < 0 ? -1 : gdb_hex_digit(text[1]);

		if (low < 0)
			break;
		p[n] = high << 4 | low;
	}
	return n;
}
