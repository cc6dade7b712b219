/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's CPUID table by leaf, for who must not search.
 *
 * cpuid_first holds the place of a leaf's first entry plus one. cpuid_static
 * holds the same where the leaf has one entry and nothing in it changes at run
 * time: what stands there is the answer.
 */
#ifndef STRATA_CPUID_INDEX_H
#define STRATA_CPUID_INDEX_H

#include "strata.h"

/* The slot of @leaf in a table of slots, or NULL: outside the ranges. */
static __always_inline u8 *
strata_cpuid_slot(u8 table[STRATA_CPUID_RANGES][STRATA_CPUID_SPAN], u32 leaf)
{
	u32 n = leaf & 0x3fffffff;

	return likely(n < STRATA_CPUID_SPAN) ? &table[leaf >> 30][n] : NULL;
}

/**
 * strata_cpuid_static - the answer to CPUID, where it is always the same
 * @vcpu: its mutex is held; any context
 * @leaf: EAX
 *
 * Return: the entry, or NULL: ask strata_cpuid().
 */
static __always_inline const struct kvm_cpuid_entry2 *
strata_cpuid_static(struct strata_vcpu *vcpu, u32 leaf)
{
	const u8 *slot = strata_cpuid_slot(vcpu->cpuid_static, leaf);

	return likely(slot && *slot) ? &vcpu->cpuid[*slot - 1] : NULL;
}

#endif /* STRATA_CPUID_INDEX_H */
