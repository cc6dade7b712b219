// SPDX-License-Identifier: GPL-2.0
/* Guest memory's layout, the page walk of a failure report, and sizes on the command line. */
// sources: ../../userspace-tool/mem.c ../../userspace-tool/walk.c
// sources: ../../userspace-tool/util.c

#include "../../userspace-tool/launcher.h"
#include "tap.h"

#include <stdint.h>
#include <string.h>

static struct guest_mem mem;

static void test_layout(void)
{
	struct guest_mem big;
	const struct memory_options small = { .size = 64 * SZ_1M }, large = { .size = 5 * SZ_1G };

	tap_ok(!mem_create(&mem, &small) && (uintptr_t)mem.base % SZ_1G == 0,
	       "memory: congruent to guest addresses modulo 1 GiB");
	tap_ok(mem.low == 64 * SZ_1M && !mem.high, "memory: all of a small guest's is low");
	tap_ok(mem_ptr(&mem, 0, mem.low) && !mem_ptr(&mem, 0, mem.low + 1) &&
	       !mem_ptr(&mem, mem.low, 1) && mem_ptr(&mem, mem.low - 1, 1),
	       "memory: its end is exact");
	tap_ok(!mem_ptr(&mem, ~0ULL, 2) && !mem_ptr(&mem, 16, ~0ULL) &&
	       !mem_ptr(&mem, HOLE_END, 1), "memory: no address wraps into it");

	tap_ok(!mem_create(&big, &large) && big.low == HOLE_START && big.high == 2 * SZ_1G,
	       "memory: a large guest's goes on at 4 GiB");
	tap_ok(mem_ptr(&big, HOLE_END, 2 * SZ_1G) == big.base + HOLE_END,
	       "memory: high memory is congruent as well");
	tap_ok(!mem_ptr(&big, HOLE_START, 1) && !mem_ptr(&big, HOLE_END - 1, 2) &&
	       !mem_ptr(&big, HOLE_START - 1, 2) && !mem_ptr(&big, HOLE_END, 2 * SZ_1G + 1),
	       "memory: nothing reaches into the hole or beyond the end");
	mem_destroy(&big);
}

static void put(__u64 gpa, __u64 entry)
{
	memcpy(mem.base + gpa, &entry, 8);
}

static void put_legacy(__u64 gpa, __u32 entry)
{
	memcpy(mem.base + gpa, &entry, 4);
}

static bool maps(const struct kvm_sregs *s, __u64 la, __u64 want)
{
	__u64 gpa = ~0ULL;

	return walk_guest(&mem, s, la, &gpa) && gpa == want;
}

#define CR0_PG		BIT_ULL(31)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define EFER_LMA	BIT_ULL(10)

static void test_walk(void)
{
	struct kvm_sregs s = { .cr0 = CR0_PG, .cr4 = CR4_PAE, .efer = EFER_LMA, .cr3 = 0x1018 };
	__u64 gpa;

	put(0x1000 + 8 * 256, 0x2000 | 1);		/* 0xffff800000000000 */
	put(0x2000, 0x3000 | 1);
	put(0x2008, 0x40000000 | 0x81);			/* 1 GiB */
	put(0x3000, 0x4000 | 1);
	put(0x3008, 0x600000 | 0x81 | BIT_ULL(63));	/* 2 MiB, NX */
	put(0x4000 + 8 * 5, 0x123000 | 1);
	tap_ok(maps(&s, 0xffff800000005abc, 0x123abc), "walk: 4 KiB page of four levels");
	tap_ok(maps(&s, 0xffff800000212345, 0x612345), "walk: 2 MiB page");
	tap_ok(maps(&s, 0xffff800040123456, 0x40123456), "walk: 1 GiB page");
	tap_ok(!walk_guest(&mem, &s, 0xffff800000006000, &gpa), "walk: an absent page");
	tap_ok(!walk_guest(&mem, &s, 0x5000, &gpa), "walk: an absent top entry");
	put(0x3010, 0x7000000000 | 1);
	tap_ok(!walk_guest(&mem, &s, 0xffff800000400000, &gpa), "walk: a table outside memory");
	s.cr3 = 0x8000000000;
	tap_ok(!walk_guest(&mem, &s, 0, &gpa), "walk: a root outside memory");

	s.cr4 |= CR4_LA57;
	s.cr3 = 0x10000;
	put(0x10000 + 8, 0x1000 | 1);
	tap_ok(maps(&s, BIT_ULL(48) | 256ULL << 39 | 0x5abc, 0x123abc), "walk: five levels");

	s.efer = 0;
	s.cr4 = CR4_PAE;
	s.cr3 = 0x20020;
	put(0x20020, 0x3000 | 1);
	tap_ok(maps(&s, 0x5abc, 0x123abc) && maps(&s, 0x100000005abc, 0x123abc),
	       "walk: PAE with a root aligned to 32 bytes, 32-bit addresses");

	s.cr4 = CR4_PSE;
	s.cr3 = 0x30000;
	put_legacy(0x30000 + 4, 0x31000 | 1);
	put_legacy(0x31000 + 4 * 2, 0x456000 | 1);
	put_legacy(0x30000 + 8, 0x800000 | 0x81 | 3 << 13);
	tap_ok(maps(&s, 0x402def, 0x456def), "walk: 4 KiB page of two levels");
	tap_ok(maps(&s, 0x812345, 0x300812345), "walk: 4 MiB page above 4 GiB");

	s.cr0 = 0;
	tap_ok(maps(&s, 0x1234567890, 0x34567890), "walk: without paging");
}

static void test_sizes(void)
{
	__u64 v;
	unsigned int n;

	tap_ok(!parse_size("256M", &v) && v == 256 * SZ_1M, "size: 256M");
	tap_ok(!parse_size("4g", &v) && v == 4 * SZ_1G, "size: 4g");
	tap_ok(!parse_size("0x1000", &v) && v == 4096, "size: 0x1000");
	tap_ok(parse_size("", &v) && parse_size("M", &v) && parse_size("-1", &v) &&
	       parse_size("1Mx", &v) && parse_size("1.5G", &v) &&
	       parse_size("99999999999999999999", &v) && parse_size("18446744073709551615K", &v),
	       "size: nonsense is refused");
	tap_ok(!parse_number("254", 254, &n) && n == 254 && parse_number("255", 254, &n) &&
	       parse_number("0", 254, &n) && parse_number("1x", 254, &n) &&
	       parse_number("", 254, &n) && parse_number("-1", 254, &n), "number: its limits");
}

int main(void)
{
	test_layout();
	test_walk();
	test_sizes();
	mem_destroy(&mem);
	return tap_done();
}
