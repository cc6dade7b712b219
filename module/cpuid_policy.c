// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUID policy; see cpuid_policy.h and, for the decisions, cpuid_table.h.
 */
#include "cpuid_policy.h"
#include "cpuid_table.h"

static bool is_indexed(u32 leaf)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpuid_indexed); i++)
		if (cpuid_indexed[i] == leaf)
			return true;
	return false;
}

static void set_reg(struct kvm_cpuid_entry2 *e, unsigned int reg, u32 val)
{
	switch (reg) {
	case CPUID_R_EAX:
		e->eax = val;
		break;
	case CPUID_R_EBX:
		e->ebx = val;
		break;
	case CPUID_R_ECX:
		e->ecx = val;
		break;
	default:
		e->edx = val;
		break;
	}
}

static u32 get_reg(const struct kvm_cpuid_entry2 *e, unsigned int reg)
{
	switch (reg) {
	case CPUID_R_EAX:
		return e->eax;
	case CPUID_R_EBX:
		return e->ebx;
	case CPUID_R_ECX:
		return e->ecx;
	default:
		return e->edx;
	}
}

/* Is @leaf beyond what the host itself has? KVM's leaves are not the host's. */
static bool host_lacks(const struct cpuid_host *host, u32 leaf)
{
	u32 regs[4];

	if ((leaf & 0xf0000000) == 0x40000000)
		return false;
	host->cpuid(leaf & 0x80000000, 0, regs);
	return leaf > regs[CPUID_R_EAX];
}

/* The offered highest leaf: the host's, but none that has no rule. */
static u32 bound(u32 host, u32 max)
{
	return host < max ? host : max;
}

/* Values that are computed rather than masked. */
static void fix_entry(const struct cpuid_host *host, struct kvm_cpuid_entry2 *e)
{
	const struct xsave_layout *l = host->layout;
	unsigned int i;
	u8 phys;

	for (i = 0; i < ARRAY_SIZE(cpuid_xcr0_rules); i++) {
		const struct cpuid_xcr0_rule *r = &cpuid_xcr0_rules[i];

		if (r->leaf == e->function && r->subleaf == e->index &&
		    (l->features & r->needs) != r->needs)
			set_reg(e, r->reg, get_reg(e, r->reg) & ~r->bits);
	}

	switch (e->function) {
	case 0:
		e->eax = bound(e->eax, CPUID_MAX_BASIC);
		break;
	case 7:
		if (e->index == 0) {
			e->eax = bound(e->eax, 1);
			if (!host->pku)
				e->ecx &= ~B(3);
		}
		break;
	case 0xd:
		if (e->index == 0) {
			e->eax = l->features;
			e->ebx = xsave_size(l, l->features);
			e->ecx = e->ebx;
			e->edx = l->features >> 32;
		} else if (e->index == 1) {
			e->ebx = e->eax & (B(1) | B(3)) ? xsave_compact_size(l, l->features) : 0;
		}
		break;
	case 0x80000000:
		e->eax = bound(e->eax, CPUID_MAX_EXTENDED);
		break;
	case 0x80000007:
		if (!host->tsc_stable)
			e->edx &= ~B(8);
		break;
	case 0x80000008:
		phys = e->eax & 0xff;
		e->eax = (e->eax & ~0xffu) | (phys < host->phys_bits ? phys : host->phys_bits);
		break;
	}
}

/* A subleaf of 0xD whose component is not offered has no entry. */
static bool component_offered(const struct xsave_layout *l, u32 leaf, u32 subleaf)
{
	return leaf != 0xd || subleaf < 2 || (l->features & BIT_ULL(subleaf));
}

/**
 * cpuid_build - the entries of KVM_GET_SUPPORTED_CPUID
 * @host: the machine below
 * @e: gets the entries
 * @max: room for that many
 *
 * Return: how many entries there are, or -ENOSPC.
 */
int cpuid_build(const struct cpuid_host *host, struct kvm_cpuid_entry2 *e, int max)
{
	const struct kvm_cpuid_entry2 *e7 = NULL;
	unsigned int i;
	u32 regs[4];
	int n = 0;

	for (i = 0; i < ARRAY_SIZE(cpuid_rules); i++) {
		const struct cpuid_rule *r = &cpuid_rules[i];
		struct kvm_cpuid_entry2 *cur = n ? &e[n - 1] : NULL;

		if (host_lacks(host, r->leaf) ||
		    !component_offered(host->layout, r->leaf, r->subleaf))
			continue;
		if (!cur || cur->function != r->leaf || cur->index != r->subleaf) {
			if (n == max)
				return -ENOSPC;
			cur = &e[n++];
			memset(cur, 0, sizeof(*cur));
			cur->function = r->leaf;
			cur->index = r->subleaf;
			if (is_indexed(r->leaf))
				cur->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		}
		memset(regs, 0, sizeof(regs));
		if (r->keep)
			host->cpuid(r->leaf, r->subleaf, regs);
		set_reg(cur, r->reg, (regs[r->reg] & r->keep) | r->force);
	}
	for (i = 0; i < (unsigned int)n; i++) {
		fix_entry(host, &e[i]);
		if (e[i].function == 7 && e[i].index == 0)
			e7 = &e[i];
	}
	/* Subleaf 1 of leaf 7 is there when subleaf 0 says so. */
	if (e7 && e7->eax == 0) {
		i = e7 - e + 1;
		if (i < (unsigned int)n && e[i].function == 7) {
			memmove(&e[i], &e[i + 1], (n - i - 1) * sizeof(*e));
			n--;
		}
	}
	return n;
}

/**
 * cpuid_lookup - an entry of a table
 * @e: the entries, in any order
 * @nr: how many
 * @leaf: EAX
 * @subleaf: ECX, where it counts
 */
const struct kvm_cpuid_entry2 *cpuid_lookup(const struct kvm_cpuid_entry2 *e, u32 nr, u32 leaf,
					    u32 subleaf)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (e[i].function == leaf &&
		    (!(e[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e[i].index == subleaf))
			return &e[i];
	return NULL;
}

/**
 * cpuid_has - is a feature bit set in a table?
 * @e: the entries
 * @nr: how many
 * @leaf: of the bit
 * @subleaf: of the bit
 * @reg: of the bit
 * @bit: its number
 */
bool cpuid_has(const struct kvm_cpuid_entry2 *e, u32 nr, u32 leaf, u32 subleaf,
	       enum strata_cpuid_reg reg, u8 bit)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_lookup(e, nr, leaf, subleaf);

	return entry && (get_reg(entry, reg) & B(bit));
}

/**
 * cpuid_acceptable - may KVM_SET_CPUID2 take this table?
 * @e: the entries
 * @nr: how many
 *
 * Anything goes but a size of linear addresses that no CPU has; zero stands
 * for "not said".
 */
bool cpuid_acceptable(const struct kvm_cpuid_entry2 *e, u32 nr)
{
	const struct kvm_cpuid_entry2 *a = cpuid_lookup(e, nr, 0x80000008, 0);
	u32 virt = a ? (a->eax >> 8) & 0xff : 0;

	return virt == 0 || virt == 48 || virt == 57;
}

/**
 * cpuid_get_limits - what a table allows
 * @e: the entries
 * @nr: how many
 * @lim: gets it; the caller cuts it down to what the host can do
 */
void cpuid_get_limits(const struct kvm_cpuid_entry2 *e, u32 nr, struct cpuid_limits *lim)
{
	u64 cr4 = CPUID_CR4_BASE, efer = 0;
	const struct kvm_cpuid_entry2 *x;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpuid_cr4_gates); i++) {
		const struct cpuid_gate *g = &cpuid_cr4_gates[i];

		if (cpuid_has(e, nr, g->leaf, g->subleaf, g->reg, g->bit))
			cr4 |= g->bits;
	}
	for (i = 0; i < ARRAY_SIZE(cpuid_efer_gates); i++) {
		const struct cpuid_gate *g = &cpuid_efer_gates[i];

		if (cpuid_has(e, nr, g->leaf, g->subleaf, g->reg, g->bit))
			efer |= g->bits;
	}
	lim->cr4_rsvd = ~cr4;
	lim->efer_rsvd = ~efer;

	x = cpuid_lookup(e, nr, 0xd, 0);
	lim->xcr0 = x ? x->eax | (u64)x->edx << 32 : 0;

	/* Without the leaf a CPU has 36 bits (SDM 3A 4.1.4). */
	x = cpuid_lookup(e, nr, 0x80000008, 0);
	lim->maxphyaddr = x && (x->eax & 0xff) ? x->eax & 0xff : 36;
}

/**
 * cpuid_is_amd - is this the table of an AMD or Hygon CPU?
 * @v: its leaf 0
 */
bool cpuid_is_amd(const struct kvm_cpuid_entry2 *v)
{
	/* "AuthenticAMD", "HygonGenuine"; EBX tells. */
	return v->ebx == 0x68747541 || v->ebx == 0x6f677948;
}

/**
 * cpuid_out_of_range - a leaf or subleaf without an entry
 * @e: the entries
 * @nr: how many
 * @leaf: EAX
 * @subleaf: ECX
 * @regs: gets the four registers
 *
 * A leaf below the end of its range is all zero, but for the topology leaves,
 * which repeat the subleaf and the x2APIC id. Beyond the end, AMD gives
 * zeros and Intel the highest basic leaf (SDM 2A, CPUID).
 *
 * Return: the leaf that answered instead, or 0.
 */
u32 cpuid_out_of_range(const struct kvm_cpuid_entry2 *e, u32 nr, u32 leaf, u32 subleaf, u32 *regs)
{
	const struct kvm_cpuid_entry2 *basic, *range, *x;

	memset(regs, 0, 4 * sizeof(*regs));
	basic = cpuid_lookup(e, nr, 0, 0);
	if (!basic)
		return 0;

	range = basic;
	if ((leaf & 0xf0000000) == 0x40000000)
		range = cpuid_lookup(e, nr, leaf & 0xffffff00, 0);
	else if (leaf >= 0x80000000)
		range = cpuid_lookup(e, nr, leaf & 0xffff0000, 0);
	if (!range || leaf > range->eax) {
		if (cpuid_is_amd(basic))
			return 0;
		leaf = basic->eax;
		x = cpuid_lookup(e, nr, leaf, subleaf);
		if (x) {
			regs[CPUID_R_EAX] = x->eax;
			regs[CPUID_R_EBX] = x->ebx;
			regs[CPUID_R_ECX] = x->ecx;
			regs[CPUID_R_EDX] = x->edx;
			return leaf;
		}
	}
	if (leaf == 0xb || leaf == 0x1f) {
		x = cpuid_lookup(e, nr, leaf, 0);
		if (x) {
			regs[CPUID_R_ECX] = subleaf & 0xff;
			regs[CPUID_R_EDX] = x->edx;
		}
	}
	return 0;
}

static u32 put_bit(u32 val, unsigned int bit, bool on)
{
	return on ? val | B(bit) : val & ~B(bit);
}

/**
 * cpuid_patch - put the run-time bits into a result
 * @l: the host's XSAVE layout
 * @rt: the guest's state
 * @leaf: 1, 7 or 0xD; others are left alone
 * @subleaf: ECX
 * @regs: from the table; changed
 */
void cpuid_patch(const struct xsave_layout *l, const struct cpuid_runtime *rt, u32 leaf,
		 u32 subleaf, u32 *regs)
{
	bool xsave;

	switch (leaf) {
	case 1:
		xsave = regs[CPUID_R_ECX] & B(26);
		regs[CPUID_R_ECX] = put_bit(regs[CPUID_R_ECX], 27,
					    xsave && (rt->cr4 & SCR4_OSXSAVE));
		regs[CPUID_R_EDX] = put_bit(regs[CPUID_R_EDX], 9, rt->apic_on);
		if (!rt->lapic)
			regs[CPUID_R_ECX] &= ~(B(21) | B(24));
		if (rt->mwait_by_msr)
			regs[CPUID_R_ECX] = put_bit(regs[CPUID_R_ECX], 3, rt->mwait);
		break;
	case 7:
		if (subleaf == 0)
			regs[CPUID_R_ECX] = put_bit(regs[CPUID_R_ECX], 4,
						    (regs[CPUID_R_ECX] & B(3)) &&
						    (rt->cr4 & SCR4_PKE));
		break;
	case 0xd:
		if (subleaf == 0 && regs[CPUID_R_EAX])
			regs[CPUID_R_EBX] = xsave_size(l, rt->xcr0);
		else if (subleaf == 1 && (regs[CPUID_R_EAX] & (B(1) | B(3))))
			regs[CPUID_R_EBX] = xsave_compact_size(l, rt->xcr0 | rt->xss);
		break;
	}
}

/**
 * cpuid_same - are two tables the same but for run-time bits?
 * @l: the host's XSAVE layout
 * @rt: the guest's state
 * @a: one
 * @nr_a: its entries
 * @b: the other
 * @nr_b: its entries
 */
bool cpuid_same(const struct xsave_layout *l, const struct cpuid_runtime *rt,
		const struct kvm_cpuid_entry2 *a, u32 nr_a,
		const struct kvm_cpuid_entry2 *b, u32 nr_b)
{
	u32 i;

	if (nr_a != nr_b)
		return false;
	for (i = 0; i < nr_a; i++) {
		u32 ra[4] = { a[i].eax, a[i].ebx, a[i].ecx, a[i].edx };
		u32 rb[4] = { b[i].eax, b[i].ebx, b[i].ecx, b[i].edx };

		if (a[i].function != b[i].function || a[i].index != b[i].index ||
		    a[i].flags != b[i].flags)
			return false;
		cpuid_patch(l, rt, a[i].function, a[i].index, ra);
		cpuid_patch(l, rt, b[i].function, b[i].index, rb);
		if (memcmp(ra, rb, sizeof(ra)))
			return false;
	}
	return true;
}
