// SPDX-License-Identifier: GPL-2.0
/*
 * The XSAVE area: sizes, XCR0's rules, and the conversions for the ioctls,
 * among them that no image a user can pass makes XRSTOR fault: each is run
 * through the CPU's own XRSTOR where it has one.
 */
// sources: ../../module/xsave_area.c
#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include "tap.h"
#include "xsave_area.h"

/* As AMD's Zen 4 has it, and with PKRU behind a gap. */
static const struct xsave_layout zen4 = {
	.features = XFEAT_KNOWN,
	.mxcsr_mask = 0x2ffff,
	.offset = { [2] = 576, [5] = 832, [6] = 896, [7] = 1408, [9] = 2432 },
	.size = { [2] = 256, [5] = 64, [6] = 512, [7] = 1024, [9] = 8 },
	.align64 = 1u << 6,
	.total = 2440,
};

static void sizes(void)
{
	tap_ok(xsave_size(&zen4, XFEAT_FP) == 576, "x87 alone: legacy and header");
	tap_ok(xsave_size(&zen4, 3) == 576, "SSE adds nothing");
	tap_ok(xsave_size(&zen4, 7) == 832, "AVX");
	tap_ok(xsave_size(&zen4, 3 | XFEAT_PKRU) == 2440, "the standard form has gaps");
	tap_ok(xsave_size(&zen4, XFEAT_KNOWN) == 2440, "everything");
	tap_ok(xsave_size(&zen4, 7 | 1ull << 62) == 832, "unknown components have no size");
	tap_ok(xsave_compact_size(&zen4, 3 | XFEAT_PKRU) == 584, "the compacted form has none");
	tap_ok(xsave_compact_size(&zen4, 7 | XFEAT_AVX512) == 832 + 64 + 512 + 1024,
	       "compacted AVX-512");
	tap_ok(xsave_compact_size(&zen4, 3 | XFEAT_ZMM_HI) == 576 + 512, "already aligned");
}

static void xcr0(void)
{
	static const struct {
		u64 val;
		bool ok;
		const char *what;
	} t[] = {
		{ 0, false, "nothing" }, { 1, true, "x87" }, { 2, false, "SSE without x87" },
		{ 3, true, "SSE" }, { 5, false, "AVX without SSE" }, { 7, true, "AVX" },
		{ 0xe7, true, "AVX-512" }, { 0xe3, false, "AVX-512 without AVX" },
		{ 0x27, false, "opmask alone" }, { 0x67, false, "AVX-512 in part" },
		{ 0x203, true, "PKRU" }, { 0x1b, false, "MPX is not offered" },
		{ 0x60007, false, "AMX is not offered" }, { 1ull << 63 | 1, false, "bit 63" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		tap_ok(xcr0_valid(t[i].val, XFEAT_KNOWN) == t[i].ok, "XCR0 %#llx: %s",
		       (unsigned long long)t[i].val, t[i].what);
	tap_ok(!xcr0_valid(7, 3), "what CPUID does not offer");
	tap_ok(!xcr0_valid(1, 0), "nothing is offered: nothing is taken");
}

static u64 bv_of(const u8 *p)
{
	u64 v;

	memcpy(&v, p + XSAVE_BV, 8);
	return v;
}

static void put(u8 *p, unsigned int at, u64 v, unsigned int n)
{
	memcpy(p + at, &v, n);
}

static void uabi_errors(void)
{
	u8 *r = calloc(1, XSAVE_UABI_SIZE);
	unsigned int i;

	tap_ok(!xsave_check_uabi(&zen4, r), "all zero is taken");
	put(r, XSAVE_BV, 1ull << 18, 8);
	tap_ok(xsave_check_uabi(&zen4, r) == -EINVAL, "a component that is not offered");
	put(r, XSAVE_BV, 3, 8);
	put(r, XSAVE_MXCSR, 0x40000, 4);
	tap_ok(xsave_check_uabi(&zen4, r) == -EINVAL, "a reserved bit of MXCSR");
	put(r, XSAVE_BV, XFEAT_YMM, 8);
	tap_ok(xsave_check_uabi(&zen4, r) == -EINVAL, "the same with AVX only");
	put(r, XSAVE_BV, XFEAT_FP, 8);
	tap_ok(!xsave_check_uabi(&zen4, r), "MXCSR does not count for x87");
	put(r, XSAVE_MXCSR, MXCSR_INIT, 4);
	put(r, XSAVE_COMP_BV, 1ull << 63, 8);
	tap_ok(xsave_check_uabi(&zen4, r) == -EINVAL, "the compacted form");
	put(r, XSAVE_COMP_BV, 0, 8);
	for (i = XSAVE_COMP_BV; i < XSAVE_EXTENDED; i++) {
		r[i] = 1;
		if (xsave_check_uabi(&zen4, r) != -EINVAL)
			break;
		r[i] = 0;
	}
	tap_ok(i == XSAVE_EXTENDED, "every other byte of the header must be zero");
	free(r);
}

static void fill(u8 *r, u32 from, u32 size)
{
	u32 i;

	for (i = 0; i < size; i++)
		r[from + i] = i * 7 + 1;
}

static void round_trip(void)
{
	u8 *in = calloc(1, XSAVE_UABI_SIZE), *out = malloc(XSAVE_UABI_SIZE);
	u8 *area = malloc(zen4.total);
	u32 pkru = 1;

	fill(in, 0, XSAVE_SW);
	put(in, XSAVE_MXCSR, 0x1fa0, 4);
	put(in, XSAVE_MXCSR_MASK, zen4.mxcsr_mask, 4);
	fill(in, 576, 256);
	put(in, 2432, 0xdeadbeef, 4);
	put(in, XSAVE_BV, 7 | XFEAT_PKRU, 8);
	memset(in + 416, 0, XSAVE_HEADER - 416);
	memset(out, 0xa5, XSAVE_UABI_SIZE);

	xsave_from_uabi(&zen4, area, &pkru, in);
	tap_ok(pkru == 0xdeadbeef, "PKRU goes where it lives");
	tap_ok(bv_of(area) == 7, "and is no part of the area");
	xsave_to_uabi(&zen4, area, pkru, out);
	tap_ok(!memcmp(in, out, XSAVE_UABI_SIZE), "set and get are inverse");

	/* An XSAVEOPT that found AVX initial leaves the old bytes. */
	put(area, XSAVE_BV, 3, 8);
	xsave_to_uabi(&zen4, area, pkru, out);
	tap_ok(bv_of(out) == (3 | XFEAT_PKRU) && !out[576] && !out[831],
	       "an initial component shows as zero");
	put(area, XSAVE_BV, 0, 8);
	xsave_to_uabi(&zen4, area, 0, out);
	tap_ok(out[0] == 0x7f && out[1] == 0x03 && !out[XSAVE_ST] && !out[XSAVE_XMM],
	       "initial x87 and SSE");

	memset(in, 0, XSAVE_UABI_SIZE);
	pkru = 5;
	xsave_from_uabi(&zen4, area, &pkru, in);
	tap_ok(!pkru && !bv_of(area) && area[XSAVE_MXCSR] == 0x80 && area[XSAVE_MXCSR + 1] == 0x1f,
	       "an empty image is the initial state, MXCSR too");
	free(in);
	free(out);
	free(area);
}

static void fpu_and_xmm(void)
{
	u8 *area = malloc(zen4.total);
	struct kvm_fpu f, g;
	u8 x[16], y[16];

	xsave_init_area(area, zen4.total);
	memset(&g, 0xa5, sizeof(g));
	xsave_get_fpu(area, &g);
	tap_ok(g.fcw == 0x37f && g.mxcsr == 0x1f80 && !g.ftwx && !g.pad1 && !g.pad2,
	       "initial FPU, nothing left over");
	memset(&f, 0, sizeof(f));
	memset(f.fpr, 0x11, sizeof(f.fpr));
	memset(f.xmm, 0x22, sizeof(f.xmm));
	f.fcw = 0x27f;
	f.fsw = 0x3800;
	f.ftwx = 0x80;
	f.last_opcode = 0x123;
	f.last_ip = 0x1234567890;
	f.last_dp = 0x987654321;
	f.mxcsr = 0x1fa0;
	tap_ok(!xsave_set_fpu(&zen4, area, &f), "KVM_SET_FPU");
	xsave_get_fpu(area, &g);
	tap_ok(!memcmp(&f, &g, sizeof(f)), "and get are inverse");
	f.mxcsr = 0xffffffff;
	f.fcw = 0;
	tap_ok(xsave_set_fpu(&zen4, area, &f) == -EINVAL, "a reserved bit of MXCSR");
	xsave_get_fpu(area, &g);
	tap_ok(g.fcw == 0x27f && g.mxcsr == 0x1fa0, "changes nothing");

	xsave_init_area(area, zen4.total);
	memset(area + XSAVE_XMM, 0x77, 256);
	xsave_read_xmm(area, 3, y);
	memset(x, 0, 16);
	tap_ok(!memcmp(x, y, 16), "an XMM of initial state is zero whatever lies there");
	memset(x, 0x5c, 16);
	xsave_write_xmm(area, 15, x);
	xsave_read_xmm(area, 15, y);
	tap_ok(!memcmp(x, y, 16) && (bv_of(area) & XFEAT_SSE), "writing one");
	xsave_read_xmm(area, 14, y);
	memset(x, 0, 16);
	tap_ok(!memcmp(x, y, 16), "leaves the others zero");
	free(area);
}

static void mmx(void)
{
	u8 *area = malloc(zen4.total);
	u64 val = 0x1122334455667788;
	struct kvm_fpu f, g;
	u16 fcw, fsw;
	int i;

	xsave_init_area(area, zen4.total);
	memset(area, 0x77, XSAVE_XMM);
	xsave_get_x87(area, &fcw, &fsw);
	xsave_read_mm(area, 3, &val);
	tap_ok(fcw == 0x37f && !fsw && !val, "x87 of initial state, whatever lies there");
	val = 0x1122334455667788;
	xsave_write_mm(area, 3, &val);
	xsave_get_fpu(area, &g);
	tap_ok((bv_of(area) & XFEAT_FP) && g.fcw == 0x37f && g.ftwx == 0xff &&
	       !memcmp(g.fpr[3], &val, 8) && g.fpr[3][8] == 0xff && g.fpr[3][9] == 0xff &&
	       !g.fpr[2][0] && !g.fpr[2][8], "an MMX register is written into initial state");

	/* ST(0) to ST(7) are 0 to 7, and the top is 3: MM3 is ST(0). */
	memset(&f, 0, sizeof(f));
	for (i = 0; i < 8; i++)
		f.fpr[i][0] = i + 1;
	f.fsw = 3 << 11 | 0x4100;
	f.ftwx = 0x08;
	xsave_set_fpu(&zen4, area, &f);
	xsave_read_mm(area, 3, &val);
	tap_ok(val == 1, "MMX registers are the physical ones");
	xsave_read_mm(area, 2, &val);
	tap_ok(val == 8, "round the end");
	xsave_get_fpu(area, &g);
	tap_ok(!memcmp(&f, &g, sizeof(f)), "reading changes nothing");
	xsave_write_mm(area, 0, NULL);
	xsave_get_fpu(area, &g);
	tap_ok(g.fsw == 0x4100 && g.ftwx == 0xff && g.fpr[3][0] == 1 && g.fpr[2][0] == 8 &&
	       g.fpr[0][0] == 6 && !g.fpr[0][9], "after it the top is 0, and all are in use");
	free(area);
}

static bool host_layout(struct xsave_layout *l)
{
	u32 a, b, c, d, i;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
		return false;
	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	memset(l, 0, sizeof(*l));
	l->features = a & XFEAT_KNOWN & ~XFEAT_PKRU;
	l->mxcsr_mask = 0xffff;
	for (i = 2; i < XFEAT_MAX; i++) {
		if (!(l->features & BIT_ULL(i)))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		l->size[i] = a;
		l->offset[i] = b;
		l->align64 |= c & 2 ? 1u << i : 0;
	}
	l->total = xsave_size(l, l->features);
	return true;
}

/* A fault here kills the program. */
__attribute__((target("xsave"), noinline))
static void cpu_takes(const struct xsave_layout *l, const u8 *area, u8 *keep)
{
	_xsave64(keep, l->features);
	_xrstor64((void *)area, l->features);
	_xrstor64(keep, l->features);
}

static void random_images(void)
{
	u8 *r = malloc(XSAVE_UABI_SIZE), *area, *keep;
	struct xsave_layout l;
	unsigned int i, j, taken = 0;
	u32 pkru;

	if (!host_layout(&l)) {
		tap_skip("this CPU has no XSAVE");
		free(r);
		return;
	}
	area = aligned_alloc(64, 4096);
	keep = aligned_alloc(64, 4096);
	memset(keep, 0, 4096);
	srand(1);
	for (i = 0; i < 20000; i++) {
		for (j = 0; j < XSAVE_UABI_SIZE; j++)
			r[j] = rand();
		put(r, XSAVE_BV, rand() & (i & 1 ? l.features : 0xfffff), 8);
		if (i & 2)
			put(r, XSAVE_MXCSR, rand() & l.mxcsr_mask, 4);
		if (i & 4)
			memset(r + XSAVE_COMP_BV, 0, XSAVE_EXTENDED - XSAVE_COMP_BV);
		if (xsave_check_uabi(&l, r))
			continue;
		xsave_from_uabi(&l, area, &pkru, r);
		cpu_takes(&l, area, keep);
		taken++;
	}
	tap_ok(taken > 1000, "the CPU takes every image that the check lets pass (%u)", taken);
	free(r);
	free(area);
	free(keep);
}

int main(void)
{
	sizes();
	xcr0();
	uabi_errors();
	round_trip();
	fpu_and_xmm();
	mmx();
	random_images();
	return tap_done();
}
