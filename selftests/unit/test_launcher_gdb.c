// SPDX-License-Identifier: GPL-2.0
/* The launcher's packets of GDB's remote protocol. */
// sources: ../../userspace-tool/gdb_packet.c

#include "../../userspace-tool/gdb_packet.h"
#include "../lib/rng.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static struct gdb_packet p;

static uint64_t random_number(void)
{
	static struct rng rng = { 1 };

	return rng_next(&rng);
}

/* What the last byte completes; those before it complete nothing. */
static enum gdb_event feed(const char *bytes, size_t len)
{
	enum gdb_event e = GDB_NOTHING;
	size_t i;

	for (i = 0; i < len; i++) {
		if (e)
			return 100 + e;
		e = gdb_packet_byte(&p, bytes[i]);
	}
	return e;
}

static enum gdb_event text(const char *s)
{
	return feed(s, strlen(s));
}

static void test_parse(void)
{
	tap_ok(text("$g#67") == GDB_PACKET && !strcmp(p.data, "g"), "gdb: a packet");
	tap_ok(text("noise+$#00") == GDB_PACKET && !p.len, "gdb: an empty one, after noise");
	tap_ok(text("$g#68") == GDB_BAD_PACKET, "gdb: a wrong sum");
	tap_ok(text("$g#6x") == GDB_BAD_PACKET && text("$g#x7") == GDB_BAD_PACKET,
	       "gdb: no sum");
	tap_ok(text("-") == GDB_RESEND && text("\3") == GDB_INTERRUPT, "gdb: bytes alone");
	tap_ok(text("$a}\3b#60") == GDB_BAD_PACKET, "gdb: Ctrl-C inside is data");
	tap_ok(text("$}\x03#80") == GDB_PACKET && p.len == 1 && p.data[0] == '#', "gdb: an escape");
}

static void test_too_long(void)
{
	size_t i;

	gdb_packet_byte(&p, '$');
	for (i = 0; i < GDB_PACKET_MAX; i++)
		gdb_packet_byte(&p, '\0');
	tap_ok(text("#00") == GDB_PACKET && p.len == GDB_PACKET_MAX, "gdb: the longest packet");
	gdb_packet_byte(&p, '$');
	for (i = 0; i <= GDB_PACKET_MAX; i++)
		gdb_packet_byte(&p, '\0');
	tap_ok(text("#00") == GDB_BAD_PACKET, "gdb: a longer one");
}

/* What is made is taken, whatever is in it. */
static void test_round_trip(void)
{
	static char made[GDB_PACKET_SIZE(300)];
	char data[300];
	unsigned int round, i, bad = 0;

	for (round = 0; round < 2000; round++) {
		size_t len = random_number() % sizeof(data), n;

		for (i = 0; i < len; i++)
			data[i] = random_number() % 4 ? random_number() : "$#}*"[random_number() % 4];
		n = gdb_packet_make(made, data, len);
		bad += n > GDB_PACKET_SIZE(len) || feed(made, n) != GDB_PACKET || p.len != len ||
		       memcmp(p.data, data, len);
	}
	tap_ok(!bad, "gdb: what is made is taken");
}

static void test_any(void)
{
	unsigned int i;

	for (i = 0; i < 1000000; i++)
		if (gdb_packet_byte(&p, random_number() % 3 ? random_number() : "$#}"[random_number() % 3]) == GDB_PACKET &&
		    p.len > GDB_PACKET_MAX)
			break;
	tap_ok(i == 1000000, "gdb: any bytes");
}

static void test_hex(void)
{
	char out[17] = "";
	__u8 in[8];

	tap_ok(gdb_get_hex(in, "00fFa5", 8) == 3 && in[1] == 0xff && in[2] == 0xa5, "gdb: digits");
	tap_ok(gdb_get_hex(in, "0", 8) == 0 && gdb_get_hex(in, "0g", 8) == 0 &&
	       gdb_get_hex(in, "1122", 1) == 1, "gdb: half a byte, and enough");
	*gdb_put_hex(out, "\x01\xfe", 2) = '\0';
	tap_ok(!strcmp(out, "01fe"), "gdb: written");
}

int main(void)
{
	test_parse();
	test_too_long();
	test_round_trip();
	test_any();
	test_hex();
	return tap_done();
}
