// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest does that a hypervisor notices, in random order.
 */
#include "fuzz.h"

volatile uint64_t fuzz_guest_seed;

static __guest uint64_t g_rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static __guest void g_touch(uint64_t r, uint64_t s)
{
	static const uint64_t at[] = { HOLE, EXTRA, APIC_BASE, IOAPIC, GUEST_FREE };
	uint64_t a = at[r % 5] + (r >> 8 & 0xfff), v = 0;

	switch (r >> 4 & 7) {
	case 0:
		GUEST_TRY_OUT("movb (%2), %b1", "=q"(v) : "r"(a));
		break;
	case 1:
		GUEST_TRY_OUT("mov (%2), %k1", "=r"(v) : "r"(a));
		break;
	case 2:
		GUEST_TRY_OUT("mov (%2), %1", "=r"(v) : "r"(a));
		break;
	case 3:
		GUEST_TRY("movw %w2, (%1)", "r"(a), "r"(s));
		break;
	case 4:
		GUEST_TRY("mov %k2, (%1)", "r"(a), "r"((uint32_t)s));
		break;
	case 5:
		GUEST_TRY("lock xadd %2, (%1)", "r"(a), "r"(s));
		break;
	case 6:
		GUEST_TRY("btsl %k2, (%1)", "r"(a), "r"((uint32_t)s & 1023));
		break;
	case 7:
		GUEST_TRY("push (%1); pop (%1)", "r"(a));
		break;
	}
}

static __guest void g_msr(uint64_t r, uint64_t s)
{
	static const uint32_t base[] = { 0x10, 0x170, 0x1a0, 0x200, 0x800, 0xc0000080,
					 0xc0000100, 0xc0010000, 0x4b564d00, 0x40 };
	uint32_t index = base[r % 10] + (r >> 8 & 31);
	uint64_t v;

	if (r & 0x80)
		rdmsr_try(index, &v);
	else
		wrmsr_try(index, r & 0x8000 ? s : s & 0xfff);
}

static __guest void g_string(uint64_t r, uint64_t s)
{
	uint64_t at = (r & 1 ? HOLE : r & 2 ? EXTRA : GUEST_FREE) - 8, n = s & 63;

	if (r & 4)
		GUEST_TRY_OUT("rep insw", "+D"(at), "+c"(n) : "d"((int)(r >> 8 & 0xfff)));
	else
		GUEST_TRY_OUT("rep outsb", "+S"(at), "+c"(n) : "d"((int)(r >> 8 & 0xfff)));
}

__guest void fuzz_guest(uint64_t arg)
{
	uint64_t seed = fuzz_guest_seed + arg + 1, r, s;
	uint32_t regs[4];

	for (;;) {
		r = g_rnd(&seed);
		s = g_rnd(&seed);
		switch (r >> 56 & 15) {
		case 0 ... 4:
			g_touch(r, s);
			break;
		case 5 ... 7:
			g_msr(r, s);
			break;
		case 8:
			g_string(r, s);
			break;
		case 9:
			GUEST_TRY("out %k1, %w2", "a"((uint32_t)s), "d"((int)(r & 0xfff)));
			break;
		case 10:
			GUEST_TRY_OUT("in %w2, %k1", "=a"(s) : "d"((int)(r & 0xfff)));
			break;
		case 11:
			cpuid(r & 0x80 ? 0x80000000 + (r & 31) : r & 31, r >> 8 & 3, regs);
			break;
		case 12:
			if (r & 0x10)
				GUEST_TRY("mov %1, %%cr4", "r"(read_cr4() ^ 1ull << (s & 31)));
			else if (r & 0x20)
				GUEST_TRY("mov %1, %%cr0", "r"(read_cr0() ^ 1ull << (s & 31)));
			else
				GUEST_TRY("mov %1, %%cr8", "r"(s & 31));
			break;
		case 13:
			if (r & 0x10)
				GUEST_TRY("mov %1, %%dr7", "r"((uint64_t)(uint32_t)s));
			else if (r & 0x20)
				GUEST_TRY("mov %1, %%dr0", "r"(s));
			else
				invlpg(s);
			break;
		case 14:
			GUEST_TRY_OUT("vmmcall", "+a"(s) : "b"(r), "c"(r >> 16));
			break;
		case 15:
			if (r & 0x30)
				sti();
			else
				sti_hlt();
			break;
		}
	}
}
