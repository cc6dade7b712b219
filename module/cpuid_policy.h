/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of the host's CPUID a guest may be offered, and what a guest's own
 * table means for CR4, EFER, XCR0 and physical addresses. Pure.
 */
#ifndef STRATA_CPUID_POLICY_H
#define STRATA_CPUID_POLICY_H

#include "pure.h"
#include "types.h"
#include "xsave_area.h"

#define CPUID_KVM_SIGNATURE	0x40000000u
#define CPUID_KVM_FEATURES	0x40000001u

/* Bits of CR4 and EFER by their manual names; SDM 3A 2.5, APM 2 3.1. */
#define SCR4_VME	BIT_ULL(0)
#define SCR4_PVI	BIT_ULL(1)
#define SCR4_TSD	BIT_ULL(2)
#define SCR4_DE		BIT_ULL(3)
#define SCR4_PSE	BIT_ULL(4)
#define SCR4_PAE	BIT_ULL(5)
#define SCR4_MCE	BIT_ULL(6)
#define SCR4_PGE	BIT_ULL(7)
#define SCR4_PCE	BIT_ULL(8)
#define SCR4_OSFXSR	BIT_ULL(9)
#define SCR4_OSXMMEXCPT	BIT_ULL(10)
#define SCR4_UMIP	BIT_ULL(11)
#define SCR4_LA57	BIT_ULL(12)
#define SCR4_FSGSBASE	BIT_ULL(16)
#define SCR4_PCIDE	BIT_ULL(17)
#define SCR4_OSXSAVE	BIT_ULL(18)
#define SCR4_SMEP	BIT_ULL(20)
#define SCR4_SMAP	BIT_ULL(21)
#define SCR4_PKE	BIT_ULL(22)

#define SEFER_SCE	BIT_ULL(0)
#define SEFER_LME	BIT_ULL(8)
#define SEFER_LMA	BIT_ULL(10)
#define SEFER_NX	BIT_ULL(11)
#define SEFER_FFXSR	BIT_ULL(14)
#define SEFER_AUTOIBRS	BIT_ULL(21)

/**
 * struct cpuid_host - the machine below
 * @cpuid: CPUID as the host's kernel lets it be used; fills four registers
 * @layout: XSAVE components that guests may be offered
 * @phys_bits: physical address bits that nested paging can translate
 * @pku: protection keys are on in the host
 * @tsc_stable: the host's TSC runs at one rate and never stops
 */
struct cpuid_host {
	void (*cpuid)(u32 leaf, u32 subleaf, u32 *regs);
	const struct xsave_layout *layout;
	u8 phys_bits;
	bool pku;
	bool tsc_stable;
};

/**
 * struct cpuid_limits - what a table of CPUID entries allows
 * @cr4_rsvd: bits of CR4 that raise #GP
 * @efer_rsvd: bits of EFER that raise #GP
 * @xcr0: bits that XSETBV may set
 * @maxphyaddr: physical address bits
 */
struct cpuid_limits {
	u64 cr4_rsvd;
	u64 efer_rsvd;
	u64 xcr0;
	u8 maxphyaddr;
};

/**
 * struct cpuid_runtime - what CPUID shows and the table does not say
 * @cr4: of the guest
 * @xcr0: of the guest
 * @xss: of the guest
 * @apic_on: IA32_APIC_BASE has it enabled
 * @lapic: the LAPIC is in the kernel: x2APIC and TSC-deadline work
 * @mwait_by_msr: IA32_MISC_ENABLE says whether there is MONITOR and MWAIT
 * @mwait: what it says
 */
struct cpuid_runtime {
	u64 cr4;
	u64 xcr0;
	u64 xss;
	bool apic_on;
	bool lapic;
	bool mwait_by_msr;
	bool mwait;
};

int cpuid_build(const struct cpuid_host *host, struct kvm_cpuid_entry2 *e, int max);
const struct kvm_cpuid_entry2 *cpuid_lookup(const struct kvm_cpuid_entry2 *e, u32 nr, u32 leaf,
					    u32 subleaf);
bool cpuid_has(const struct kvm_cpuid_entry2 *e, u32 nr, u32 leaf, u32 subleaf,
	       enum strata_cpuid_reg reg, u8 bit);
bool cpuid_is_amd(const struct kvm_cpuid_entry2 *v);
bool cpuid_acceptable(const struct kvm_cpuid_entry2 *e, u32 nr);
void cpuid_get_limits(const struct kvm_cpuid_entry2 *e, u32 nr, struct cpuid_limits *lim);
u32 cpuid_out_of_range(const struct kvm_cpuid_entry2 *e, u32 nr, u32 leaf, u32 subleaf, u32 *regs);
void cpuid_patch(const struct xsave_layout *l, const struct cpuid_runtime *rt, u32 leaf,
		 u32 subleaf, u32 *regs);
bool cpuid_same(const struct xsave_layout *l, const struct cpuid_runtime *rt,
		const struct kvm_cpuid_entry2 *a, u32 nr_a,
		const struct kvm_cpuid_entry2 *b, u32 nr_b);

/* Does @leaf show what changes at run time? */
static inline bool cpuid_is_dynamic(u32 leaf)
{
	return leaf == 1 || leaf == 7 || leaf == 0xd;
}

#endif /* STRATA_CPUID_POLICY_H */
