/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The MSR policy. The order of the rows is the order of the index list, which
 * is the order in which state is restored: TSC before what depends on it.
 *
 * An index without a row raises #GP(0). Included by msr_policy.c only.
 */

#define ANY	(~0ull)

static const struct msr_rule msr_rules[] = {
	/* Row 0 stands for every index that has no rule. */
	{ .first = 1, .last = 0, .kind = MSR_K_NONE, .flags = MSR_F_RO | MSR_F_WO },

#define ROW(a, b, k, c, g, f, ...) \
	{ .first = a, .last = b, .kind = MSR_K_##k, .check = MSR_C_##c, .gate = MSR_G_##g, \
	  .flags = f, __VA_ARGS__ },

	/* time */
	ROW(0x10, 0x10, TSC, MASK, NONE, MSR_F_LIST, .valid = ANY)
	ROW(0x3b, 0x3b, TSC_ADJUST, MASK, TSC_ADJUST, MSR_F_LIST, .valid = ANY)

	/* system calls; what the control block switches runs without exits */
	ROW(0x174, 0x174, VENDOR, MASK, NONE, MSR_F_LIST | MSR_F_PASS, .valid = 0xffffffff)
	ROW(0x175, 0x176, VENDOR, CANON, NONE, MSR_F_LIST | MSR_F_PASS)
	ROW(0xc0000081, 0xc0000081, VENDOR, MASK, LM, MSR_F_LIST | MSR_F_PASS, .valid = ANY)
	ROW(0xc0000082, 0xc0000083, VENDOR, CANON, LM, MSR_F_LIST | MSR_F_PASS)
	ROW(0xc0000084, 0xc0000084, VENDOR, MASK, LM, MSR_F_LIST | MSR_F_PASS,
	    .valid = 0xffffffff)
	ROW(0xc0000100, 0xc0000101, VENDOR, CANON, LM, MSR_F_PASS)
	ROW(0xc0000102, 0xc0000102, VENDOR, CANON, LM, MSR_F_LIST | MSR_F_PASS)
	ROW(0xc0000103, 0xc0000103, SOFT, MASK, RDTSCP, MSR_F_LIST | MSR_F_KEEP,
	    .slot = MSR_S_TSC_AUX, .valid = 0xffffffff)
	/* in struct kvm_sregs */
	ROW(0xc0000080, 0xc0000080, EFER, MASK, NONE, 0, .valid = ANY)
	ROW(0x1b, 0x1b, APIC_BASE, MASK, NONE, 0, .valid = ANY)
	/* in struct kvm_lapic_state */
	ROW(0x800, 0x8ff, LAPIC, MASK, NONE, 0, .valid = ANY)

	/* memory types */
	ROW(0x277, 0x277, VENDOR, PAT, NONE, MSR_F_LIST)
	ROW(0xfe, 0xfe, CONST, MASK, MTRR, MSR_F_RO, .reset = 0x500 | MSR_NR_MTRRS)
	ROW(0x2ff, 0x2ff, SOFT, MTRR_DEF, MTRR, MSR_F_LIST | MSR_F_KEEP, .slot = MSR_S_MTRR_DEF)
	ROW(0x250, 0x250, SOFT, MTRR_FIX, MTRR, MSR_F_LIST | MSR_F_KEEP, .slot = MSR_S_MTRR_64K)
	ROW(0x258, 0x259, SOFT, MTRR_FIX, MTRR, MSR_F_LIST | MSR_F_KEEP, .slot = MSR_S_MTRR_16K)
	ROW(0x268, 0x26f, SOFT, MTRR_FIX, MTRR, MSR_F_LIST | MSR_F_KEEP, .slot = MSR_S_MTRR_4K)
	ROW(0x200, 0x200 + 2 * MSR_NR_MTRRS - 1, SOFT, MTRR_VAR, MTRR, MSR_F_LIST | MSR_F_KEEP,
	    .slot = MSR_S_MTRR_VAR)

	/* machine checks: storage */
	ROW(0x179, 0x179, SOFT, MASK, MCA, MSR_F_RO | MSR_F_KEEP, .slot = MSR_S_MCG_CAP,
	    .valid = ANY, .reset = MSR_NR_BANKS)
	ROW(0x17a, 0x17a, SOFT, MASK, MCA, MSR_F_LIST | MSR_F_KEEP, .slot = MSR_S_MCG_STATUS,
	    .valid = 0xf)
	ROW(0x17b, 0x17b, SOFT, ALL_OR_NONE, MCG_CTL, MSR_F_LIST | MSR_F_KEEP,
	    .slot = MSR_S_MCG_CTL)
	ROW(0x400, 0x400 + 4 * MSR_NR_BANKS - 1, BANK, BANK, MCA, MSR_F_KEEP,
	    .slot = MSR_S_BANKS)

	/* speculation */
	ROW(0x48, 0x48, SPEC_CTRL, SPEC, SPEC_CTRL, MSR_F_LIST, .slot = MSR_S_SPEC_CTRL)
	ROW(0x49, 0x49, PRED_CMD, MASK, IBPB, MSR_F_WO, .valid = 1)
	ROW(0x10b, 0x10b, FLUSH_CMD, MASK, FLUSH_L1D, MSR_F_WO, .valid = 1)
	ROW(0x10a, 0x10a, SOFT, MASK, ARCH_CAPS,
	    MSR_F_LIST | MSR_F_KEEP | MSR_F_GUEST_RO | MSR_F_FEATURE,
	    .slot = MSR_S_ARCH_CAPS, .valid = ANY)

	/* features */
	ROW(0x1a0, 0x1a0, SOFT, MASK, NONE, MSR_F_LIST | MSR_F_KEEP, .slot = MSR_S_MISC_ENABLE,
	    .valid = 0x400c51889ull, .reset = 0x1801)
	ROW(0xda0, 0xda0, XSS, MASK, XSAVES, MSR_F_LIST, .valid = 0)
	ROW(0x8b, 0x8b, SOFT, MASK, NONE, MSR_F_KEEP | MSR_F_WIGNORE | MSR_F_FEATURE,
	    .slot = MSR_S_UCODE, .valid = ANY, .reset = 0x01000065)
	ROW(0x79, 0x79, CONST, MASK, NONE, MSR_F_WO | MSR_F_WIGNORE, .valid = ANY)
	ROW(0x17, 0x17, CONST, MASK, NONE, MSR_F_RO, .reset = 0)
	ROW(0xcd, 0xcd, CONST, MASK, NONE, MSR_F_RO, .reset = 0)
	/* bit 31: CPUID faulting, which is not offered */
	ROW(0xce, 0xce, PLATFORM, MASK, NONE, MSR_F_LIST | MSR_F_GUEST_RO,
	    .slot = MSR_S_PLATFORM_INFO, .valid = ~(1ull << 31))
	ROW(0x1fc, 0x1fc, SOFT, MASK, NONE, MSR_F_LIST, .slot = MSR_S_POWER_CTL, .valid = ANY)
	ROW(0x140, 0x140, CONST, MASK, NONE, 0, .reset = 0)
	ROW(0x198, 0x198, CONST, MASK, NONE, MSR_F_RO, .reset = 0)
	ROW(0x199, 0x199, CONST, MASK, NONE, MSR_F_WIGNORE, .valid = ANY)
	/* LBR and BTF can be set and have no effect: LBR virtualization is not used */
	ROW(0x1d9, 0x1d9, SOFT, MASK, NONE, 0, .slot = MSR_S_DEBUGCTL, .valid = 3)
	ROW(0x1db, 0x1de, CONST, MASK, NONE, MSR_F_RO, .reset = 0)
	/* no performance counters, hence no capabilities of theirs */
	ROW(0x345, 0x345, CONST, MASK, PDCM, MSR_F_FEATURE | MSR_F_RO, .reset = 0)
	/* performance counters that leaf 0xA does not offer, yet old code tries */
	ROW(0xc1, 0xc2, CONST, MASK, NONE, MSR_F_WIGNORE, .valid = ANY)
	ROW(0x186, 0x187, CONST, MASK, NONE, MSR_F_WIGNORE, .valid = ANY)

	/* AMD's: read as 0, and what Linux writes there is dropped */
	ROW(0xc0010000, 0xc0010007, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	ROW(0xc0010010, 0xc0010010, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	/* McStatusWrEn and TscFreqSel; what is written here for errata is dropped */
	ROW(0xc0010015, 0xc0010015, SOFT, MASK, AMD, MSR_F_LIST, .slot = MSR_S_HWCR,
	    .valid = 0x01040148, .drop = 0x148, .reset = 0)
	ROW(0xc001001f, 0xc001001f, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	ROW(0xc0010020, 0xc0010020, CONST, MASK, AMD, MSR_F_WO | MSR_F_WIGNORE, .valid = ANY)
	ROW(0xc0010055, 0xc0010055, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	ROW(0xc0010058, 0xc0010058, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	ROW(0xc0010062, 0xc0010063, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	ROW(0xc0010112, 0xc0010113, CONST, MASK, AMD, MSR_F_RO, .reset = 0)
	ROW(0xc0010140, 0xc0010141, SOFT, MASK, OSVW, MSR_F_LIST | MSR_F_KEEP | MSR_F_GUEST_RO,
	    .slot = MSR_S_OSVW, .valid = ANY)
	ROW(0xc0011022, 0xc0011023, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	/* LFENCE serializes: AMD guests with no CPUID bit for it look here */
	ROW(0xc0011029, 0xc0011029, CONST, MASK, AMD, MSR_F_WIGNORE | MSR_F_FEATURE,
	    .valid = ANY, .reset = 2)
	ROW(0xc001102a, 0xc001102a, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)
	ROW(0xc001102c, 0xc001102c, CONST, MASK, AMD, MSR_F_WIGNORE, .valid = ANY)

	/* kvmclock, old numbers and new; its page shows guest TSC, so behind the TSC */
	ROW(0x11, 0x11, WALL, MASK, CLOCK, MSR_F_LIST, .valid = ANY)
	ROW(0x12, 0x12, CLOCK, MASK, CLOCK, MSR_F_LIST, .valid = ANY)
	ROW(0x4b564d00, 0x4b564d00, WALL, MASK, CLOCK2, MSR_F_LIST, .valid = ANY)
	ROW(0x4b564d01, 0x4b564d01, CLOCK, MASK, CLOCK2, MSR_F_LIST, .valid = ANY)

	ROW(0x4b564d03, 0x4b564d03, STEAL, MASK, STEAL, MSR_F_LIST, .valid = ANY)
	ROW(0x4b564d04, 0x4b564d04, PV_EOI, MASK, PV_EOI, MSR_F_LIST, .valid = ANY)
	/* strata never polls when a guest halts: nothing to switch off */
	ROW(0x4b564d05, 0x4b564d05, SOFT, MASK, POLL, MSR_F_LIST, .slot = MSR_S_POLL,
	    .valid = 1, .reset = 1)

	ROW(0x6e0, 0x6e0, LAPIC, MASK, TSC_DEADLINE, MSR_F_LIST, .valid = ANY)
#undef ROW
};

/* Which CPUID bit opens a gate; several rows: any of them does. */
static const struct msr_gate_rule {
	u8 gate;
	u8 reg;
	u8 bit;
	u8 subleaf;
	u32 leaf;
} msr_gate_rules[] = {
	{ MSR_G_MTRR,		CPUID_R_EDX, 12, 0, 0x1 },
	{ MSR_G_MCA,		CPUID_R_EDX, 14, 0, 0x1 },
	{ MSR_G_LM,		CPUID_R_EDX, 29, 0, 0x80000001 },
	{ MSR_G_RDTSCP,		CPUID_R_EDX, 27, 0, 0x80000001 },
	{ MSR_G_RDTSCP,		CPUID_R_ECX, 22, 0, 0x7 },
	{ MSR_G_TSC_ADJUST,	CPUID_R_EBX, 1, 0, 0x7 },
	{ MSR_G_TSC_DEADLINE,	CPUID_R_ECX, 24, 0, 0x1 },
	{ MSR_G_SPEC_CTRL,	CPUID_R_EDX, 26, 0, 0x7 },
	{ MSR_G_SPEC_CTRL,	CPUID_R_EBX, 14, 0, 0x80000008 },
	{ MSR_G_SPEC_CTRL,	CPUID_R_EBX, 15, 0, 0x80000008 },
	{ MSR_G_SPEC_CTRL,	CPUID_R_EBX, 24, 0, 0x80000008 },
	{ MSR_G_IBPB,		CPUID_R_EDX, 26, 0, 0x7 },
	{ MSR_G_IBPB,		CPUID_R_EBX, 12, 0, 0x80000008 },
	{ MSR_G_FLUSH_L1D,	CPUID_R_EDX, 28, 0, 0x7 },
	{ MSR_G_ARCH_CAPS,	CPUID_R_EDX, 29, 0, 0x7 },
	{ MSR_G_XSAVES,		CPUID_R_EAX, 3, 1, 0xd },
	{ MSR_G_OSVW,		CPUID_R_ECX, 9, 0, 0x80000001 },
	{ MSR_G_PDCM,		CPUID_R_ECX, 15, 0, 0x1 },
	{ MSR_G_CLOCK,		CPUID_R_EAX, 0, 0, CPUID_KVM_FEATURES },
	{ MSR_G_CLOCK2,		CPUID_R_EAX, 3, 0, CPUID_KVM_FEATURES },
	{ MSR_G_STEAL,		CPUID_R_EAX, 5, 0, CPUID_KVM_FEATURES },
	{ MSR_G_PV_EOI,		CPUID_R_EAX, 6, 0, CPUID_KVM_FEATURES },
	{ MSR_G_PV_UNHALT,	CPUID_R_EAX, 7, 0, CPUID_KVM_FEATURES },
	{ MSR_G_PV_IPI,		CPUID_R_EAX, 11, 0, CPUID_KVM_FEATURES },
	{ MSR_G_POLL,		CPUID_R_EAX, 12, 0, CPUID_KVM_FEATURES },
	{ MSR_G_PV_YIELD,	CPUID_R_EAX, 13, 0, CPUID_KVM_FEATURES },
};
