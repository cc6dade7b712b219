/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets of GDB's remote protocol: $data#sum, with '}' for what cannot stand in data.
 * Pure; the unit tests compile it a second time.
 */
#ifndef STRATA_GDB_PACKET_H
#define STRATA_GDB_PACKET_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* What gdb is told that a packet may hold. */
#define GDB_PACKET_MAX	0x2000

enum gdb_event {
	GDB_NOTHING,
	GDB_PACKET,			/* data and len are it */
	GDB_BAD_PACKET,			/* a wrong sum, or too long: to be sent again */
	GDB_INTERRUPT,			/* Ctrl-C */
	GDB_RESEND,			/* what we sent came broken */
};

struct gdb_packet {
	char data[GDB_PACKET_MAX + 1];	/* ended by a zero byte */
	size_t len;
	/* the parser's */
	enum { GDB_OUTSIDE, GDB_INSIDE, GDB_ESCAPED, GDB_SUM_HIGH, GDB_SUM_LOW } state;
	bool too_long;
	__u8 sum;
	int given;			/* -1: no number */
};

enum gdb_event gdb_packet_byte(struct gdb_packet *p, __u8 c);
size_t gdb_packet_make(char *to, const char *data, size_t len);
int gdb_hex_digit(char c);
char *gdb_put_hex(char *to, const void *data, size_t len);
size_t gdb_get_hex(void *to, const char *text, size_t len);

/* Bytes that gdb_packet_make() may write for so many of data. */
#define GDB_PACKET_SIZE(len)	(2 * (len) + 4)

#endif
