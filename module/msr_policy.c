// SPDX-License-Identifier: GPL-2.0
/*
 * Decisions over the MSR policy. Pure.
 */
#include "cpuid_policy.h"
#include "msr.h"
#include "msr_table.h"

/* A guest's RDMSR must not search: each window maps an index to its row. */
#define WINDOW_LOW	0x1000
#define WINDOW_AMD64	0x200
#define WINDOW_AMD	0x200
#define WINDOW_AMD_CFG	0x40
#define WINDOW_KVM	0x10

static u8 row_low[WINDOW_LOW];
static u8 row_amd64[WINDOW_AMD64];
static u8 row_amd[WINDOW_AMD];
static u8 row_amd_cfg[WINDOW_AMD_CFG];
static u8 row_kvm[WINDOW_KVM];

static u8 *row_slot(u32 index)
{
	if (index < WINDOW_LOW)
		return &row_low[index];
	if (index - 0xc0000000u < WINDOW_AMD64)
		return &row_amd64[index - 0xc0000000u];
	if (index - 0xc0010000u < WINDOW_AMD)
		return &row_amd[index - 0xc0010000u];
	if (index - 0xc0011000u < WINDOW_AMD_CFG)
		return &row_amd_cfg[index - 0xc0011000u];
	if (index - 0x4b564d00u < WINDOW_KVM)
		return &row_kvm[index - 0x4b564d00u];
	return NULL;
}

/**
 * msr_build_index - fill the windows from the table; once, at load
 */
void msr_build_index(void)
{
	unsigned int i;
	u32 index;
	u8 *slot;

	for (i = 1; i < ARRAY_SIZE(msr_rules); i++) {
		for (index = msr_rules[i].first; index <= msr_rules[i].last; index++) {
			slot = row_slot(index);
			if (slot)
				*slot = i;
		}
	}
}

/**
 * msr_find - the rule of an MSR
 * @index: any
 *
 * Return: never NULL; a rule of kind MSR_K_NONE for what has none.
 */
const struct msr_rule *msr_find(u32 index)
{
	const u8 *slot = row_slot(index);

	return &msr_rules[slot ? *slot : 0];
}

/**
 * msr_rule_at - the rules in the order of the table
 * @i: from 1
 */
const struct msr_rule *msr_rule_at(unsigned int i)
{
	return i < ARRAY_SIZE(msr_rules) ? &msr_rules[i] : NULL;
}

/* UC WC WT WP WB, and UC- in PAT (APM 2 7.7, 7.8). */
static bool type_ok(u8 type, bool pat)
{
	return type == 0 || type == 1 || (type >= 4 && type <= 6) || (pat && type == 7);
}

static bool types_ok(u64 val, bool pat)
{
	int i;

	for (i = 0; i < 8; i++)
		if (!type_ok(val >> (8 * i), pat))
			return false;
	return true;
}

/**
 * msr_value_ok - may this value be written?
 * @r: the rule of @index
 * @index: the MSR
 * @val: the value
 * @ctx: what the answer depends on
 *
 * False where WRMSR raises #GP for the value.
 */
bool msr_value_ok(const struct msr_rule *r, u32 index, u64 val, const struct msr_context *ctx)
{
	u64 phys = ctx->maxphyaddr < 64 ? BIT_ULL(ctx->maxphyaddr) - 1 : ~0ull;

	switch (r->check) {
	case MSR_C_CANON:
		return is_canonical(val, ctx->vaddr_bits);
	case MSR_C_PAT:
		return types_ok(val, true);
	case MSR_C_MTRR_FIX:
		return types_ok(val, false);
	case MSR_C_MTRR_VAR:
		/* even: base and type, odd: mask and valid bit (SDM 3A 12.11.2.3) */
		if (val & ~phys)
			return false;
		if (index & 1)
			return !(val & 0x7ff);
		return !(val & 0xf00) && type_ok(val, false);
	case MSR_C_MTRR_DEF:
		return !(val & ~0xcffull) && type_ok(val, false);
	case MSR_C_BANK:
		/* STATUS can only be cleared (APM 2 9.3.2.2) */
		return (index & 3) != 1 || !val || ctx->bank_write;
	case MSR_C_ALL_OR_NONE:
		return !val || !~val;
	case MSR_C_SPEC:
		return !(val & ~ctx->spec_valid);
	default:
		return !(val & ~r->valid);
	}
}

/**
 * msr_gates - which gates a CPUID table opens
 * @e: the entries
 * @nr: how many
 *
 * Return: 1 << enum msr_gate.
 */
u32 msr_gates(const struct kvm_cpuid_entry2 *e, u32 nr)
{
	const struct kvm_cpuid_entry2 *vendor = cpuid_lookup(e, nr, 0, 0);
	u32 gates = 1u << MSR_G_NONE;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr_gate_rules); i++) {
		const struct msr_gate_rule *g = &msr_gate_rules[i];

		if (cpuid_has(e, nr, g->leaf, g->subleaf, g->reg, g->bit))
			gates |= 1u << g->gate;
	}
	if (vendor && cpuid_is_amd(vendor))
		gates |= 1u << MSR_G_AMD;
	return gates;
}
