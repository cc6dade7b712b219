/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The CPUID policy. One row is one register of one leaf:
 *
 *	LEAF(leaf, subleaf, register, bits kept from the host, bits forced)
 *
 * A register without a row is 0, and a leaf without a row is not offered.
 * INDEXED leaves differ by subleaf. Sources: SDM 2A CPUID, APM 3 appendix E.
 *
 * The comments before a leaf's rows are its words in Documentation/cpuid.md.
 *
 * Included by cpuid_policy.c only.
 */

#define B(n)	(1u << (n))
#define ALL	0xffffffffu

/* Instructions that AVX state carries; gone where the host's XCR0 lacks it. */
#define L1C_AVX		(B(12) | B(28) | B(29))		/* FMA AVX F16C */
#define L7B_AVX		B(5)				/* AVX2 */
#define L7C_AVX		(B(9) | B(10))			/* VAES VPCLMULQDQ */
#define L71A_AVX	B(4)				/* AVX-VNNI */
#define E1C_AVX		(B(11) | B(16))			/* XOP FMA4 */
/* The same for AVX-512. */
#define L7B_AVX512	(B(16) | B(17) | B(21) | B(26) | B(27) | B(28) | B(30) | B(31))
#define L7C_AVX512	(B(1) | B(6) | B(11) | B(12) | B(14))
#define L7D_AVX512	(B(2) | B(3) | B(8) | B(23))
#define L71A_AVX512	B(5)

static const struct cpuid_rule {
	u32 leaf;
	u16 subleaf;
	u16 reg;
	u32 keep;
	u32 force;
} cpuid_rules[] = {
#define LEAF(leaf, subleaf, reg, keep, force) { leaf, subleaf, CPUID_R_##reg, keep, force },
	/* highest basic leaf (bounded), vendor */
	LEAF(0x0, 0, EAX, ALL, 0)
	LEAF(0x0, 0, EBX, ALL, 0)
	LEAF(0x0, 0, ECX, ALL, 0)
	LEAF(0x0, 0, EDX, ALL, 0)

	/* family, model, stepping; CLFLUSH line; APIC id and counts are user space's */
	LEAF(0x1, 0, EAX, ALL, 0)
	LEAF(0x1, 0, EBX, 0x0000ff00, 0)
	/*
	 * SSE3 PCLMULQDQ SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C
	 * RDRAND; x2APIC, TSC-deadline: by strata's LAPIC; hypervisor present
	 */
	LEAF(0x1, 0, ECX, B(0) | B(1) | B(9) | B(13) | B(17) | B(19) | B(20) | B(22) | B(23) |
			  B(25) | B(26) | B(30) | L1C_AVX, B(21) | B(24) | B(31))
	/* FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX */
	/* FXSR SSE SSE2 SS */
	LEAF(0x1, 0, EDX, B(0) | B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9) |
			  B(11) | B(12) | B(13) | B(14) | B(15) | B(16) | B(17) | B(19) | B(23) |
			  B(24) | B(25) | B(26) | B(27), 0)

	/* Intel's descriptors of caches */
	LEAF(0x2, 0, EAX, ALL, 0)
	LEAF(0x2, 0, EBX, ALL, 0)
	LEAF(0x2, 0, ECX, ALL, 0)
	LEAF(0x2, 0, EDX, ALL, 0)

	/* Intel's caches, without the numbers of threads that share them */
	LEAF(0x4, 0, EAX, 0x3fff, 0)
	LEAF(0x4, 0, EBX, ALL, 0)
	LEAF(0x4, 0, ECX, ALL, 0)
	LEAF(0x4, 0, EDX, ALL, 0)
	LEAF(0x4, 1, EAX, 0x3fff, 0)
	LEAF(0x4, 1, EBX, ALL, 0)
	LEAF(0x4, 1, ECX, ALL, 0)
	LEAF(0x4, 1, EDX, ALL, 0)
	LEAF(0x4, 2, EAX, 0x3fff, 0)
	LEAF(0x4, 2, EBX, ALL, 0)
	LEAF(0x4, 2, ECX, ALL, 0)
	LEAF(0x4, 2, EDX, ALL, 0)
	LEAF(0x4, 3, EAX, 0x3fff, 0)
	LEAF(0x4, 3, EBX, ALL, 0)
	LEAF(0x4, 3, ECX, ALL, 0)
	LEAF(0x4, 3, EDX, ALL, 0)

	/* no MONITOR */
	LEAF(0x5, 0, EAX, 0, 0)
	/* ARAT: the LAPIC timer never stops */
	LEAF(0x6, 0, EAX, 0, B(2))

	/* highest subleaf (bounded) */
	LEAF(0x7, 0, EAX, ALL, 0)
	/* FSGSBASE BMI1 HLE AVX2 FDP SMEP BMI2 ERMS INVPCID RTM FCS_FDS RDSEED ADX SMAP */
	/* CLFLUSHOPT CLWB SHA; TSC_ADJUST in software */
	LEAF(0x7, 0, EBX, B(0) | B(3) | B(4) | B(6) | B(7) | B(8) | B(9) | B(10) | B(11) |
			  B(13) | B(18) | B(19) | B(20) | B(23) | B(24) | B(29) | L7B_AVX |
			  L7B_AVX512, B(1))
	/* UMIP PKU GFNI LA57 RDPID CLDEMOTE MOVDIRI MOVDIR64B */
	LEAF(0x7, 0, ECX, B(2) | B(3) | B(8) | B(16) | B(22) | B(25) | B(27) | B(28) |
			  L7C_AVX | L7C_AVX512, 0)
	/* FSRM MD_CLEAR SERIALIZE SPEC_CTRL STIBP FLUSH_L1D ARCH_CAPABILITIES SSBD */
	LEAF(0x7, 0, EDX, B(4) | B(10) | B(14) | B(26) | B(27) | B(28) | B(29) | B(31) |
			  L7D_AVX512, 0)
	/* FZRM FSRS FSRC */
	LEAF(0x7, 1, EAX, B(10) | B(11) | B(12) | L71A_AVX | L71A_AVX512, 0)

	/* no performance counters */
	LEAF(0xa, 0, EAX, 0, 0)
	/* topology is user space's */
	LEAF(0xb, 0, EAX, 0, 0)

	/* sizes and components are computed */
	LEAF(0xd, 0, EAX, 0, 0)
	/* XSAVEOPT XSAVEC XGETBV1 XSAVES; the size is computed */
	LEAF(0xd, 1, EAX, B(0) | B(1) | B(2) | B(3), 0)
	/* size and place of a component, where it is offered */
	LEAF(0xd, 2, EAX, ALL, 0)
	LEAF(0xd, 2, EBX, ALL, 0)
	LEAF(0xd, 2, ECX, B(1), 0)
	LEAF(0xd, 5, EAX, ALL, 0)
	LEAF(0xd, 5, EBX, ALL, 0)
	LEAF(0xd, 5, ECX, B(1), 0)
	LEAF(0xd, 6, EAX, ALL, 0)
	LEAF(0xd, 6, EBX, ALL, 0)
	LEAF(0xd, 6, ECX, B(1), 0)
	LEAF(0xd, 7, EAX, ALL, 0)
	LEAF(0xd, 7, EBX, ALL, 0)
	LEAF(0xd, 7, ECX, B(1), 0)
	LEAF(0xd, 9, EAX, ALL, 0)
	LEAF(0xd, 9, EBX, ALL, 0)
	LEAF(0xd, 9, ECX, B(1), 0)

	/* KVM's own leaves: an unmodified guest finds kvmclock by them */
	LEAF(CPUID_KVM_SIGNATURE, 0, EAX, 0, CPUID_KVM_FEATURES)
	LEAF(CPUID_KVM_SIGNATURE, 0, EBX, 0, 0x4b4d564b)
	LEAF(CPUID_KVM_SIGNATURE, 0, ECX, 0, 0x564b4d56)
	LEAF(CPUID_KVM_SIGNATURE, 0, EDX, 0, 0x4d)
	/*
	 * CLOCKSOURCE NOP_IO_DELAY CLOCKSOURCE2 STEAL_TIME PV_EOI PV_UNHALT PV_TLB_FLUSH
	 * PV_SEND_IPI POLL_CONTROL PV_SCHED_YIELD CLOCKSOURCE_STABLE
	 */
	LEAF(CPUID_KVM_FEATURES, 0, EAX, 0, B(0) | B(1) | B(3) | B(5) | B(6) | B(7) | B(9) |
	     B(11) | B(12) | B(13) | B(24))

	/* highest extended leaf (bounded), vendor */
	LEAF(0x80000000, 0, EAX, ALL, 0)
	LEAF(0x80000000, 0, EBX, ALL, 0)
	LEAF(0x80000000, 0, ECX, ALL, 0)
	LEAF(0x80000000, 0, EDX, ALL, 0)

	/* family, model, stepping; brand */
	LEAF(0x80000001, 0, EAX, ALL, 0)
	LEAF(0x80000001, 0, EBX, ALL, 0)
	/* LAHF CMP_LEGACY CR8 ABM SSE4A MISALIGNSSE 3DNOWPREFETCH OSVW TBM */
	LEAF(0x80000001, 0, ECX, B(0) | B(1) | B(4) | B(5) | B(6) | B(7) | B(8) | B(9) | B(21) |
				 E1C_AVX, 0)
	/* as leaf 1, and SYSCALL NX MMXEXT FXSR_OPT 1GB RDTSCP LM 3DNOWEXT 3DNOW */
	LEAF(0x80000001, 0, EDX, B(0) | B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(7) | B(8) |
				 B(9) | B(11) | B(12) | B(13) | B(14) | B(15) | B(16) | B(17) |
				 B(20) | B(22) | B(23) | B(24) | B(25) | B(26) | B(27) | B(29) |
				 B(30) | B(31), 0)

	/* brand string, caches and TLBs */
	LEAF(0x80000002, 0, EAX, ALL, 0)
	LEAF(0x80000002, 0, EBX, ALL, 0)
	LEAF(0x80000002, 0, ECX, ALL, 0)
	LEAF(0x80000002, 0, EDX, ALL, 0)
	LEAF(0x80000003, 0, EAX, ALL, 0)
	LEAF(0x80000003, 0, EBX, ALL, 0)
	LEAF(0x80000003, 0, ECX, ALL, 0)
	LEAF(0x80000003, 0, EDX, ALL, 0)
	LEAF(0x80000004, 0, EAX, ALL, 0)
	LEAF(0x80000004, 0, EBX, ALL, 0)
	LEAF(0x80000004, 0, ECX, ALL, 0)
	LEAF(0x80000004, 0, EDX, ALL, 0)
	LEAF(0x80000005, 0, EAX, ALL, 0)
	LEAF(0x80000005, 0, EBX, ALL, 0)
	LEAF(0x80000005, 0, ECX, ALL, 0)
	LEAF(0x80000005, 0, EDX, ALL, 0)
	LEAF(0x80000006, 0, EAX, ALL, 0)
	LEAF(0x80000006, 0, EBX, ALL, 0)
	LEAF(0x80000006, 0, ECX, ALL, 0)
	LEAF(0x80000006, 0, EDX, ALL, 0)
	/* invariant TSC, where the host's is */
	LEAF(0x80000007, 0, EDX, B(8), 0)
	/* address sizes (physical ones bounded) */
	LEAF(0x80000008, 0, EAX, 0xffff, 0)
	/* CLZERO XSAVEERPTR WBNOINVD IBPB IBRS STIBP STIBP_ALWAYS SSBD SSB_NO PSFD */
	/* IBRS_ALWAYS IBRS_PREFERRED IBRS_SAME_MODE BTC_NO IBPB_RET */
	LEAF(0x80000008, 0, EBX, B(0) | B(2) | B(9) | B(12) | B(14) | B(15) | B(16) | B(17) |
				 B(18) | B(19) | B(24) | B(26) | B(28) | B(29) | B(30), 0)
	/* no SVM */
	LEAF(0x8000000a, 0, EAX, 0, 0)
	/* TLBs for 1G pages */
	LEAF(0x80000019, 0, EAX, ALL, 0)
	LEAF(0x80000019, 0, EBX, ALL, 0)
	/* optimization hints */
	LEAF(0x8000001a, 0, EAX, ALL, 0)
	/* AMD's caches, without the numbers of threads that share them */
	LEAF(0x8000001d, 0, EAX, 0x3fff, 0)
	LEAF(0x8000001d, 0, EBX, ALL, 0)
	LEAF(0x8000001d, 0, ECX, ALL, 0)
	LEAF(0x8000001d, 0, EDX, ALL, 0)
	LEAF(0x8000001d, 1, EAX, 0x3fff, 0)
	LEAF(0x8000001d, 1, EBX, ALL, 0)
	LEAF(0x8000001d, 1, ECX, ALL, 0)
	LEAF(0x8000001d, 1, EDX, ALL, 0)
	LEAF(0x8000001d, 2, EAX, 0x3fff, 0)
	LEAF(0x8000001d, 2, EBX, ALL, 0)
	LEAF(0x8000001d, 2, ECX, ALL, 0)
	LEAF(0x8000001d, 2, EDX, ALL, 0)
	LEAF(0x8000001d, 3, EAX, 0x3fff, 0)
	LEAF(0x8000001d, 3, EBX, ALL, 0)
	LEAF(0x8000001d, 3, ECX, ALL, 0)
	LEAF(0x8000001d, 3, EDX, ALL, 0)
	/* topology is user space's */
	LEAF(0x8000001e, 0, EAX, 0, 0)
	/* no nested breakpoints, LFENCE serializes, null selectors clear the base */
	/* VERW_CLEAR AUTOIBRS IBPB_BRTYPE SRSO_NO SRSO_USER_KERNEL_NO */
	LEAF(0x80000021, 0, EAX, B(0) | B(2) | B(5) | B(6) | B(8) | B(28) | B(29) | B(30), 0)
	/* TSA_SQ_NO TSA_L1_NO */
	LEAF(0x80000021, 0, ECX, B(1) | B(2), 0)
#undef LEAF
};

/* Leaves whose entries carry KVM_CPUID_FLAG_SIGNIFCANT_INDEX. */
static const u32 cpuid_indexed[] = { 0x4, 0x7, 0xb, 0xd, 0x8000001d };

/* The highest leaf of each range that is offered. */
#define CPUID_MAX_BASIC		0xdu
#define CPUID_MAX_EXTENDED	0x80000021u

/* What only works while another bit is there: {leaf, reg, bit, needs a bit of XCR0}. */
static const struct cpuid_xcr0_rule {
	u32 leaf;
	u16 subleaf;
	u16 reg;
	u32 bits;
	u64 needs;
} cpuid_xcr0_rules[] = {
	{ 0x1, 0, CPUID_R_ECX, L1C_AVX, XFEAT_YMM },
	{ 0x7, 0, CPUID_R_EBX, L7B_AVX, XFEAT_YMM },
	{ 0x7, 0, CPUID_R_ECX, L7C_AVX, XFEAT_YMM },
	{ 0x7, 1, CPUID_R_EAX, L71A_AVX, XFEAT_YMM },
	{ 0x80000001, 0, CPUID_R_ECX, E1C_AVX, XFEAT_YMM },
	{ 0x7, 0, CPUID_R_EBX, L7B_AVX512, XFEAT_AVX512 },
	{ 0x7, 0, CPUID_R_ECX, L7C_AVX512, XFEAT_AVX512 },
	{ 0x7, 0, CPUID_R_EDX, L7D_AVX512, XFEAT_AVX512 },
	{ 0x7, 1, CPUID_R_EAX, L71A_AVX512, XFEAT_AVX512 },
	{ 0x7, 0, CPUID_R_ECX, B(3), XFEAT_PKRU },
};

/* Bits of CR4 and EFER that exist when a CPUID bit is there. */
static const struct cpuid_gate {
	u64 bits;
	u32 leaf;
	u8 subleaf;
	u8 reg;
	u8 bit;
} cpuid_cr4_gates[] = {
	{ SCR4_UMIP,	 0x7, 0, CPUID_R_ECX, 2 },
	{ SCR4_LA57,	 0x7, 0, CPUID_R_ECX, 16 },
	{ SCR4_FSGSBASE, 0x7, 0, CPUID_R_EBX, 0 },
	{ SCR4_PCIDE,	 0x1, 0, CPUID_R_ECX, 17 },
	{ SCR4_OSXSAVE,	 0x1, 0, CPUID_R_ECX, 26 },
	{ SCR4_SMEP,	 0x7, 0, CPUID_R_EBX, 7 },
	{ SCR4_SMAP,	 0x7, 0, CPUID_R_EBX, 20 },
	{ SCR4_PKE,	 0x7, 0, CPUID_R_ECX, 3 },
}, cpuid_efer_gates[] = {
	{ SEFER_SCE,		  0x80000001, 0, CPUID_R_EDX, 11 },
	{ SEFER_LME | SEFER_LMA,  0x80000001, 0, CPUID_R_EDX, 29 },
	{ SEFER_NX,		  0x80000001, 0, CPUID_R_EDX, 20 },
	{ SEFER_FFXSR,		  0x80000001, 0, CPUID_R_EDX, 25 },
	{ SEFER_AUTOIBRS,	  0x80000021, 0, CPUID_R_EAX, 8 },
};

/* Bits of CR4 that every CPU with nested paging has. */
#define CPUID_CR4_BASE	(SCR4_VME | SCR4_PVI | SCR4_TSD | SCR4_DE | SCR4_PSE | SCR4_PAE | \
			 SCR4_MCE | SCR4_PGE | SCR4_PCE | SCR4_OSFXSR | SCR4_OSXMMEXCPT)
