/* SPDX-License-Identifier: GPL-2.0 */
/*
 * MSRs: the policy as a table (msr_table.h), the decisions over it (pure),
 * and the values that are kept in software.
 */
#ifndef STRATA_MSR_H
#define STRATA_MSR_H

#include "pure.h"
#include "types.h"

#define MSR_NR_BANKS	32	/* of machine checks; storage only */
#define MSR_NR_MTRRS	8	/* variable ranges */

/* Where an MSR lives and who acts on it. */
enum msr_kind {
	MSR_K_NONE,		/* unknown: #GP */
	MSR_K_VENDOR,		/* in the control block */
	MSR_K_SOFT,		/* kept in struct strata_msrs, no effect */
	MSR_K_SPEC_CTRL,	/* kept, and the vendor's to load */
	MSR_K_CONST,		/* reads as its reset value */
	MSR_K_BANK,		/* of machine checks, as many as IA32_MCG_CAP says */
	MSR_K_PLATFORM,		/* kept; the VM may have it hidden */
	MSR_K_TSC,
	MSR_K_TSC_ADJUST,
	MSR_K_APIC_BASE,
	MSR_K_EFER,
	MSR_K_LAPIC,		/* x2APIC registers, TSC-deadline */
	MSR_K_PRED_CMD,
	MSR_K_FLUSH_CMD,
	MSR_K_XSS,
	MSR_K_CLOCK,		/* kvmclock's page */
	MSR_K_WALL,		/* kvmclock's wall clock */
	MSR_K_STEAL,		/* the page of steal time */
	MSR_K_PV_EOI,		/* the bit that ends an interrupt */
};

/* What a written value must be. */
enum msr_check {
	MSR_C_MASK,		/* no bit outside the rule's valid bits */
	MSR_C_CANON,		/* a canonical address */
	MSR_C_PAT,		/* eight memory types of PAT */
	MSR_C_MTRR_FIX,		/* eight memory types of MTRRs */
	MSR_C_MTRR_VAR,		/* base, mask */
	MSR_C_MTRR_DEF,
	MSR_C_BANK,		/* CTL, STATUS, ADDR, MISC of a bank */
	MSR_C_ALL_OR_NONE,	/* all bits or no bit */
	MSR_C_SPEC,		/* bits of SPEC_CTRL that the host has */
};

/* The guest may use it when its CPUID says so. */
enum msr_gate {
	MSR_G_NONE,
	MSR_G_MTRR,
	MSR_G_MCA,
	MSR_G_MCG_CTL,		/* IA32_MCG_CAP has MCG_CTL_P */
	MSR_G_LM,
	MSR_G_RDTSCP,
	MSR_G_TSC_ADJUST,
	MSR_G_TSC_DEADLINE,
	MSR_G_SPEC_CTRL,
	MSR_G_IBPB,
	MSR_G_FLUSH_L1D,
	MSR_G_ARCH_CAPS,
	MSR_G_XSAVES,
	MSR_G_OSVW,
	MSR_G_AMD,
	MSR_G_PDCM,
	MSR_G_CLOCK,
	MSR_G_CLOCK2,
	MSR_G_STEAL,
	MSR_G_PV_EOI,
	MSR_G_POLL,
	/* no MSRs, but hypercalls */
	MSR_G_PV_UNHALT,
	MSR_G_PV_IPI,
	MSR_G_PV_YIELD,
	MSR_NR_GATES,
};

#define MSR_F_LIST	0x01u	/* in KVM_GET_MSR_INDEX_LIST, in the table's order */
#define MSR_F_RO	0x02u	/* a write by anybody is refused */
#define MSR_F_GUEST_RO	0x04u	/* a write by the guest raises #GP */
#define MSR_F_WIGNORE	0x08u	/* a write by the guest is dropped */
#define MSR_F_WO	0x10u	/* a read raises #GP */
#define MSR_F_PASS	0x20u	/* no exit where the hardware switches it */
#define MSR_F_KEEP	0x40u	/* survives INIT */
#define MSR_F_FEATURE	0x80u	/* in KVM_GET_MSR_FEATURE_INDEX_LIST */

/* Values kept in software. */
enum msr_slot {
	MSR_S_MTRR_DEF,
	MSR_S_MTRR_64K,
	MSR_S_MTRR_16K,
	MSR_S_MTRR_4K = MSR_S_MTRR_16K + 2,
	MSR_S_MTRR_VAR = MSR_S_MTRR_4K + 8,
	MSR_S_MCG_STATUS = MSR_S_MTRR_VAR + 2 * MSR_NR_MTRRS,
	MSR_S_MCG_CAP,
	MSR_S_MCG_CTL,
	MSR_S_BANKS,
	MSR_S_MISC_ENABLE = MSR_S_BANKS + 4 * MSR_NR_BANKS,
	MSR_S_TSC_AUX,
	MSR_S_SPEC_CTRL,
	MSR_S_UCODE,
	MSR_S_PLATFORM_INFO,
	MSR_S_POWER_CTL,
	MSR_S_POLL,
	MSR_S_ARCH_CAPS,
	MSR_S_DEBUGCTL,
	MSR_S_HWCR,
	MSR_S_OSVW,
	MSR_NR_SLOTS = MSR_S_OSVW + 2,
};

/**
 * struct msr_rule - the policy of a range of MSRs
 * @first: index of the first
 * @last: index of the last
 * @kind: where it lives
 * @check: what a value must be
 * @gate: the guest's feature it belongs to
 * @flags: MSR_F_*
 * @slot: of the first, when it is kept in software
 * @valid: bits that may be set, where @check is MSR_C_MASK
 * @drop: of these, what is taken and not kept
 * @reset: value after RESET; of constants, the value
 */
struct msr_rule {
	u32 first;
	u32 last;
	u8 kind;
	u8 check;
	u8 gate;
	u8 flags;
	u16 slot;
	u64 valid;
	u64 drop;
	u64 reset;
};

/**
 * struct msr_context - what a check depends on
 * @maxphyaddr: physical address bits
 * @vaddr_bits: linear address bits, 48 or 57
 * @spec_valid: bits of SPEC_CTRL
 * @bank_write: the guest may write the status of a machine-check bank
 */
struct msr_context {
	u8 maxphyaddr;
	u8 vaddr_bits;
	u64 spec_valid;
	bool bank_write;
};

void msr_build_index(void);
const struct msr_rule *msr_find(u32 index);
const struct msr_rule *msr_rule_at(unsigned int i);	/* NULL behind the last */
bool msr_value_ok(const struct msr_rule *r, u32 index, u64 val, const struct msr_context *ctx);
u32 msr_gates(const struct kvm_cpuid_entry2 *e, u32 nr);

static inline bool msr_gate_open(const struct msr_rule *r, u32 gates)
{
	return gates & (1u << r->gate);
}

static inline bool is_canonical(u64 addr, u8 bits)
{
	return (u64)((s64)(addr << (64 - bits)) >> (64 - bits)) == addr;
}

#ifdef __KERNEL__
#include <asm/msr-index.h>

struct strata_vcpu;

/**
 * struct strata_msrs - MSRs of a vCPU that are kept in software; (v)
 * @gates: 1 << enum msr_gate, from the guest's CPUID
 * @tsc_adjust: IA32_TSC_ADJUST
 * @slot: by enum msr_slot
 * @wall_pending: strata_update_clock() has a wall clock to write
 * @clock_stopped: strata_update_clock() has to tell the guest that it stood still
 */
struct strata_msrs {
	u32 gates;
	u64 tsc_adjust;
	u64 slot[MSR_NR_SLOTS];
	bool wall_pending;
	bool clock_stopped;
};

/* What the vendor's entry code switches. */
static inline u64 strata_msr_tsc_aux(const struct strata_msrs *m)
{
	return m->slot[MSR_S_TSC_AUX];
}

/* Only bits that the host has. */
static inline u64 strata_msr_spec_ctrl(const struct strata_msrs *m)
{
	return m->slot[MSR_S_SPEC_CTRL];
}

/* Banks of machine checks that IA32_MCG_CAP shows. */
static inline unsigned int strata_msr_nr_banks(const struct strata_msrs *m)
{
	return m->slot[MSR_S_MCG_CAP] & 0xff;
}

/* KVM_X86_SETUP_MCE or a new CPUID table: is there an IA32_MCG_CTL? */
static inline void strata_msr_gate_mcg_ctl(struct strata_msrs *m)
{
	m->gates &= ~(1u << MSR_G_MCG_CTL);
	if (m->slot[MSR_S_MCG_CAP] & BIT_ULL(8))
		m->gates |= 1u << MSR_G_MCG_CTL;
}

/* Those that every vendor's switch to the guest brings along, beside its own. */
static inline bool strata_msr_switched(u32 index)
{
	switch (index) {
	case MSR_KERNEL_GS_BASE:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_IA32_SYSENTER_CS:
	case MSR_IA32_SYSENTER_ESP:
	case MSR_IA32_SYSENTER_EIP:
		return true;
	default:
		return false;
	}
}

/* cpuid.c tells msr.c, at load and at every new table */
void strata_msr_setup(const struct kvm_cpuid_entry2 *e, u32 nr);
void strata_msr_cpuid_changed(struct strata_vcpu *vcpu, const struct kvm_cpuid_entry2 *e, u32 nr);
/* cpuid.c: bounds by the host alone, for what user space sets */
u64 strata_cpuid_host_efer_rsvd(void);
u64 strata_cpuid_host_cr4_rsvd(void);
#endif

#endif /* STRATA_MSR_H */
