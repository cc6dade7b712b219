// SPDX-License-Identifier: GPL-2.0
/*
 * The MSR policy: the table is consistent, the index finds what a search
 * finds, every check takes and refuses what the manuals say, and gates follow
 * CPUID.
 */
// sources: ../../module/msr_policy.c ../../module/cpuid_policy.c ../../module/xsave_area.c
#include "tap.h"
#include "cpuid_policy.h"
#include "msr.h"

static struct msr_context ctx = { .maxphyaddr = 40, .vaddr_bits = 48, .spec_valid = 5 };

static void table(void)
{
	const struct msr_rule *r, *q;
	bool overlap = false, order = true, slots = true, own = true, list_wo = false;
	static u8 used[MSR_NR_SLOTS];
	unsigned int i, j, listed = 0;

	for (i = 1; (r = msr_rule_at(i)); i++) {
		order &= r->first <= r->last && r->kind != MSR_K_NONE && r->gate < MSR_NR_GATES;
		list_wo |= (r->flags & MSR_F_LIST) && (r->flags & (MSR_F_WO | MSR_F_RO));
		for (j = 1; j < i; j++) {
			q = msr_rule_at(j);
			overlap |= r->first <= q->last && q->first <= r->last;
		}
		if (r->flags & MSR_F_LIST)
			listed += r->last - r->first + 1;
		if (r->kind != MSR_K_SOFT && r->kind != MSR_K_BANK && r->kind != MSR_K_PLATFORM &&
		    r->kind != MSR_K_SPEC_CTRL)
			continue;
		for (j = 0; j <= r->last - r->first; j++) {
			if (r->slot + j >= MSR_NR_SLOTS || used[r->slot + j]++)
				slots = false;
			/* RESET leaves a value that could be written again. */
			if (!msr_value_ok(r, r->first + j, r->reset, &ctx))
				own = false;
		}
	}
	tap_ok(i > 40 && i < 256, "%u rules: a byte names each", i - 1);
	tap_ok(order, "every range and gate is one");
	tap_ok(!overlap, "no two rules for one MSR");
	tap_ok(slots, "no two MSRs in one place");
	tap_ok(own, "every reset value is a legal one");
	tap_ok(!list_wo, "what is listed can be read and written");
	tap_ok(listed < 256, "%u listed: one KVM_GET_MSRS reads all", listed);
	for (j = 0; j < MSR_NR_SLOTS && used[j]; j++)
		;
	tap_ok(j == MSR_NR_SLOTS, "every place is used");
}

static const struct msr_rule *search(u32 index)
{
	const struct msr_rule *r;
	unsigned int i;

	for (i = 1; (r = msr_rule_at(i)); i++)
		if (index >= r->first && index <= r->last)
			return r;
	return msr_find(0xffffffff);
}

static void lookup(void)
{
	static const u32 bases[] = { 0, 0xbffff000, 0xc0000000, 0xc0010000, 0xc0011000,
				     0x4b564000, 0x7ffff000, 0xffffe000 };
	unsigned int i, wrong = 0;
	u32 j;

	for (i = 0; i < ARRAY_SIZE(bases); i++)
		for (j = 0; j < 0x2000; j++)
			wrong += msr_find(bases[i] + j) != search(bases[i] + j);
	tap_ok(!wrong, "the index finds what a search finds");
	tap_ok(msr_find(0x5)->kind == MSR_K_NONE && msr_find(0xffffffff)->kind == MSR_K_NONE &&
	       msr_find(0)->kind == MSR_K_NONE, "the rest is unknown");
	tap_ok(msr_find(0xc0010114)->kind == MSR_K_NONE &&
	       msr_find(0xc0010117)->kind == MSR_K_NONE && msr_find(0x480)->kind == MSR_K_NONE &&
	       msr_find(0x3a)->kind == MSR_K_NONE, "SVM's and VMX's are unknown");
	tap_ok(!(msr_find(0xc0000080)->flags & MSR_F_PASS) &&
	       !(msr_find(0x48)->flags & MSR_F_PASS) && !(msr_find(0x10)->flags & MSR_F_PASS) &&
	       !(msr_find(0x277)->flags & MSR_F_PASS) && !(msr_find(0x5)->flags & MSR_F_PASS),
	       "EFER, SPEC_CTRL, TSC, PAT and unknown ones always exit");
	tap_ok((msr_find(0xc0000082)->flags & MSR_F_PASS) &&
	       (msr_find(0xc0000102)->flags & MSR_F_PASS), "LSTAR and KERNEL_GS_BASE do not");
}

static void check(u32 index, u64 val, bool ok, const char *what)
{
	tap_ok(msr_value_ok(msr_find(index), index, val, &ctx) == ok, "%#x <- %#llx: %s", index,
	       (unsigned long long)val, what);
}

static void values(void)
{
	static const u32 canon[] = { 0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101,
				     0xc0000102 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(canon); i++) {
		check(canon[i], 0xffff800000000000, true, "canonical");
		check(canon[i], 0x00007fffffffffff, true, "canonical");
		check(canon[i], 0x0000800000000000, false, "not canonical");
		check(canon[i], 1ull << 63, false, "not canonical");
	}
	ctx.vaddr_bits = 57;
	check(0xc0000082, 0x0000800000000000, true, "canonical with five levels");
	check(0xc0000082, 0x0100000000000000, false, "not canonical with five levels");
	ctx.vaddr_bits = 48;

	check(0x277, 0x0007040600070406, true, "PAT after reset");
	check(0x277, 0x0007010600070106, true, "PAT as Linux sets it");
	check(0x277, 2, false, "type 2");
	check(0x277, 0x0800000000000000, false, "type 8");
	check(0x250, 0x0606060606060606, true, "write-back");
	check(0x26f, 7, false, "UC- is for PAT only");
	check(0x268, 0x0300, false, "type 3");
	check(0x2ff, 0xc06, true, "enabled, fixed, write-back");
	check(0x2ff, 0x1000, false, "a reserved bit");
	check(0x2ff, 0xc03, false, "type 3");
	check(0x200, 0x0000008000000006, true, "a base");
	check(0x200, 0x0000010000000006, false, "a base too high");
	check(0x200, 0x106, false, "a reserved bit of a base");
	check(0x202, 2, false, "type 2");
	check(0x201, 0x000000ff80000800, true, "a mask");
	check(0x201, 0x000000ff80000400, false, "a reserved bit of a mask");
	check(0x20f, 1ull << 40, false, "a mask too high");

	check(0x400, ~0ull, true, "a bank's control");
	check(0x401, 0, true, "clear a bank's status");
	check(0x401, 1, false, "set a bank's status");
	check(0x402, ~0ull, true, "a bank's address");
	check(0x47d, 1, false, "the last bank's status");
	ctx.bank_write = true;
	check(0x401, 1, true, "with McStatusWrEn");
	ctx.bank_write = false;

	check(0x48, 5, true, "bits that the host has");
	check(0x48, 2, false, "STIBP, which it lacks");
	check(0x49, 1, true, "IBPB");
	check(0x49, 2, false, "a reserved bit");
	check(0xda0, 0, true, "no supervisor state");
	check(0xda0, 1ull << 11, false, "CET's");
	check(0xc0000103, 0xffffffff, true, "32 bits");
	check(0xc0000103, 1ull << 32, false, "more");
	check(0xc0000084, 1ull << 32, false, "more");
	check(0x140, 1, false, "CPUID faulting is not there");
}

static void gates(void)
{
	struct kvm_cpuid_entry2 t[] = {
		{ .function = 0, .eax = 0xd, .ebx = 0x756e6547 },
		{ .function = 1, .edx = 1u << 12 },
		{ .function = 0x80000008, .ebx = 1u << 12 },
		{ .function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ecx = 1u << 22 },
		{ .function = CPUID_KVM_FEATURES, .eax = 1 },
	};
	u32 g = msr_gates(t, ARRAY_SIZE(t));

	tap_ok(msr_gate_open(msr_find(0x10), g), "no gate is open");
	tap_ok(msr_gate_open(msr_find(0x2ff), g), "MTRRs by leaf 1");
	tap_ok(msr_gate_open(msr_find(0x49), g) && !msr_gate_open(msr_find(0x48), g),
	       "IBPB without SPEC_CTRL");
	tap_ok(msr_gate_open(msr_find(0xc0000103), g), "TSC_AUX by RDPID");
	tap_ok(!msr_gate_open(msr_find(0xc0000082), g), "no LSTAR without long mode");
	tap_ok(!msr_gate_open(msr_find(0x179), g), "no machine checks");
	tap_ok(!msr_gate_open(msr_find(0xc0010015), g), "not AMD");
	tap_ok(msr_gate_open(msr_find(0x12), g) && !msr_gate_open(msr_find(0x4b564d01), g),
	       "the old kvmclock only");
	t[0].ebx = 0x68747541;
	tap_ok(msr_gate_open(msr_find(0xc0010015), msr_gates(t, 1)), "AMD");
	t[0].ebx = 0x6f677948;
	tap_ok(msr_gate_open(msr_find(0xc0010015), msr_gates(t, 1)), "Hygon");
	tap_ok(msr_gates(NULL, 0) == 1u << MSR_G_NONE, "no table opens nothing");
}

int main(void)
{
	msr_build_index();
	table();
	lookup();
	values();
	gates();
	return tap_done();
}
