/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMCS: encodings of its fields, bits of its controls, and exit reasons.
 *
 * SDM 3C chapter 25 and appendices A to C. Own layout: the kernel's header
 * belongs to KVM and changes with it.
 */
#ifndef STRATA_VMX_VMCS_H
#define STRATA_VMX_VMCS_H

#ifdef __KERNEL__
#include <linux/bits.h>
#include <linux/types.h>
#else
#include "../pure.h"
#endif

/*
 * X(name, encoding, what it is called in the manual). In the order of
 * appendix B, so that a dump reads like it.
 */
#define VMCS_FIELDS(X)								\
	/* 16 bits: control, guest, host */					\
	X(VPID,			0x0000, "VPID")					\
	X(GUEST_ES_SEL,		0x0800, "guest ES selector")			\
	X(GUEST_CS_SEL,		0x0802, "guest CS selector")			\
	X(GUEST_SS_SEL,		0x0804, "guest SS selector")			\
	X(GUEST_DS_SEL,		0x0806, "guest DS selector")			\
	X(GUEST_FS_SEL,		0x0808, "guest FS selector")			\
	X(GUEST_GS_SEL,		0x080a, "guest GS selector")			\
	X(GUEST_LDTR_SEL,	0x080c, "guest LDTR selector")			\
	X(GUEST_TR_SEL,		0x080e, "guest TR selector")			\
	X(HOST_ES_SEL,		0x0c00, "host ES selector")			\
	X(HOST_CS_SEL,		0x0c02, "host CS selector")			\
	X(HOST_SS_SEL,		0x0c04, "host SS selector")			\
	X(HOST_DS_SEL,		0x0c06, "host DS selector")			\
	X(HOST_FS_SEL,		0x0c08, "host FS selector")			\
	X(HOST_GS_SEL,		0x0c0a, "host GS selector")			\
	X(HOST_TR_SEL,		0x0c0c, "host TR selector")			\
	/* 64 bits */								\
	X(MSR_BITMAP,		0x2004, "MSR-bitmap address")			\
	X(TSC_OFFSET,		0x2010, "TSC offset")				\
	X(VAPIC_PAGE,		0x2012, "virtual-APIC address")			\
	X(EPTP,			0x201a, "EPT pointer")				\
	X(XSS_BITMAP,		0x202c, "XSS-exiting bitmap")			\
	X(ENCLS_BITMAP,		0x202e, "ENCLS-exiting bitmap")			\
	X(TSC_MULTIPLIER,	0x2032, "TSC multiplier")			\
	X(GUEST_PHYS_ADDR,	0x2400, "guest-physical address")		\
	X(LINK_POINTER,		0x2800, "VMCS link pointer")			\
	X(GUEST_DEBUGCTL,	0x2802, "guest IA32_DEBUGCTL")			\
	X(GUEST_PAT,		0x2804, "guest IA32_PAT")			\
	X(GUEST_EFER,		0x2806, "guest IA32_EFER")			\
	X(GUEST_PERF_GLOBAL,	0x2808, "guest IA32_PERF_GLOBAL_CTRL")		\
	X(GUEST_PDPTE0,		0x280a, "guest PDPTE0")				\
	X(GUEST_PDPTE1,		0x280c, "guest PDPTE1")				\
	X(GUEST_PDPTE2,		0x280e, "guest PDPTE2")				\
	X(GUEST_PDPTE3,		0x2810, "guest PDPTE3")				\
	X(HOST_PAT,		0x2c00, "host IA32_PAT")			\
	X(HOST_EFER,		0x2c02, "host IA32_EFER")			\
	X(HOST_PERF_GLOBAL,	0x2c04, "host IA32_PERF_GLOBAL_CTRL")		\
	/* 32 bits: controls */							\
	X(PIN_CTLS,		0x4000, "pin-based controls")			\
	X(PROC_CTLS,		0x4002, "primary processor-based controls")	\
	X(EXCEPTION_BITMAP,	0x4004, "exception bitmap")			\
	X(PF_ERROR_MASK,	0x4006, "page-fault error-code mask")		\
	X(PF_ERROR_MATCH,	0x4008, "page-fault error-code match")		\
	X(CR3_TARGET_COUNT,	0x400a, "CR3-target count")			\
	X(EXIT_CTLS,		0x400c, "VM-exit controls")			\
	X(EXIT_STORE_COUNT,	0x400e, "VM-exit MSR-store count")		\
	X(EXIT_LOAD_COUNT,	0x4010, "VM-exit MSR-load count")		\
	X(ENTRY_CTLS,		0x4012, "VM-entry controls")			\
	X(ENTRY_LOAD_COUNT,	0x4014, "VM-entry MSR-load count")		\
	X(ENTRY_INTR_INFO,	0x4016, "VM-entry interruption information")	\
	X(ENTRY_ERROR_CODE,	0x4018, "VM-entry exception error code")	\
	X(ENTRY_INSN_LEN,	0x401a, "VM-entry instruction length")		\
	X(TPR_THRESHOLD,	0x401c, "TPR threshold")			\
	X(PROC2_CTLS,		0x401e, "secondary processor-based controls")	\
	/* 32 bits: read-only */						\
	X(INSN_ERROR,		0x4400, "VM-instruction error")			\
	X(EXIT_REASON,		0x4402, "exit reason")				\
	X(EXIT_INTR_INFO,	0x4404, "VM-exit interruption information")	\
	X(EXIT_INTR_ERROR,	0x4406, "VM-exit interruption error code")	\
	X(IDT_INFO,		0x4408, "IDT-vectoring information")		\
	X(IDT_ERROR,		0x440a, "IDT-vectoring error code")		\
	X(EXIT_INSN_LEN,	0x440c, "VM-exit instruction length")		\
	/* 32 bits: guest, host */						\
	X(GUEST_ES_LIMIT,	0x4800, "guest ES limit")			\
	X(GUEST_CS_LIMIT,	0x4802, "guest CS limit")			\
	X(GUEST_SS_LIMIT,	0x4804, "guest SS limit")			\
	X(GUEST_DS_LIMIT,	0x4806, "guest DS limit")			\
	X(GUEST_FS_LIMIT,	0x4808, "guest FS limit")			\
	X(GUEST_GS_LIMIT,	0x480a, "guest GS limit")			\
	X(GUEST_LDTR_LIMIT,	0x480c, "guest LDTR limit")			\
	X(GUEST_TR_LIMIT,	0x480e, "guest TR limit")			\
	X(GUEST_GDTR_LIMIT,	0x4810, "guest GDTR limit")			\
	X(GUEST_IDTR_LIMIT,	0x4812, "guest IDTR limit")			\
	X(GUEST_ES_AR,		0x4814, "guest ES access rights")		\
	X(GUEST_CS_AR,		0x4816, "guest CS access rights")		\
	X(GUEST_SS_AR,		0x4818, "guest SS access rights")		\
	X(GUEST_DS_AR,		0x481a, "guest DS access rights")		\
	X(GUEST_FS_AR,		0x481c, "guest FS access rights")		\
	X(GUEST_GS_AR,		0x481e, "guest GS access rights")		\
	X(GUEST_LDTR_AR,	0x4820, "guest LDTR access rights")		\
	X(GUEST_TR_AR,		0x4822, "guest TR access rights")		\
	X(GUEST_INTR_STATE,	0x4824, "guest interruptibility state")		\
	X(GUEST_ACTIVITY,	0x4826, "guest activity state")			\
	X(GUEST_SYSENTER_CS,	0x482a, "guest IA32_SYSENTER_CS")		\
	X(PREEMPT_TIMER,	0x482e, "VMX-preemption timer value")		\
	X(HOST_SYSENTER_CS,	0x4c00, "host IA32_SYSENTER_CS")		\
	/* natural width: control */						\
	X(CR0_MASK,		0x6000, "CR0 guest/host mask")			\
	X(CR4_MASK,		0x6002, "CR4 guest/host mask")			\
	X(CR0_SHADOW,		0x6004, "CR0 read shadow")			\
	X(CR4_SHADOW,		0x6006, "CR4 read shadow")			\
	/* natural width: read-only */						\
	X(EXIT_QUAL,		0x6400, "exit qualification")			\
	X(GUEST_LINEAR,		0x640a, "guest-linear address")			\
	/* natural width: guest */						\
	X(GUEST_CR0,		0x6800, "guest CR0")				\
	X(GUEST_CR3,		0x6802, "guest CR3")				\
	X(GUEST_CR4,		0x6804, "guest CR4")				\
	X(GUEST_ES_BASE,	0x6806, "guest ES base")			\
	X(GUEST_CS_BASE,	0x6808, "guest CS base")			\
	X(GUEST_SS_BASE,	0x680a, "guest SS base")			\
	X(GUEST_DS_BASE,	0x680c, "guest DS base")			\
	X(GUEST_FS_BASE,	0x680e, "guest FS base")			\
	X(GUEST_GS_BASE,	0x6810, "guest GS base")			\
	X(GUEST_LDTR_BASE,	0x6812, "guest LDTR base")			\
	X(GUEST_TR_BASE,	0x6814, "guest TR base")			\
	X(GUEST_GDTR_BASE,	0x6816, "guest GDTR base")			\
	X(GUEST_IDTR_BASE,	0x6818, "guest IDTR base")			\
	X(GUEST_DR7,		0x681a, "guest DR7")				\
	X(GUEST_RSP,		0x681c, "guest RSP")				\
	X(GUEST_RIP,		0x681e, "guest RIP")				\
	X(GUEST_RFLAGS,		0x6820, "guest RFLAGS")				\
	X(GUEST_PENDING_DB,	0x6822, "guest pending debug exceptions")	\
	X(GUEST_SYSENTER_ESP,	0x6824, "guest IA32_SYSENTER_ESP")		\
	X(GUEST_SYSENTER_EIP,	0x6826, "guest IA32_SYSENTER_EIP")		\
	/* natural width: host */						\
	X(HOST_CR0,		0x6c00, "host CR0")				\
	X(HOST_CR3,		0x6c02, "host CR3")				\
	X(HOST_CR4,		0x6c04, "host CR4")				\
	X(HOST_FS_BASE,		0x6c06, "host FS base")				\
	X(HOST_GS_BASE,		0x6c08, "host GS base")				\
	X(HOST_TR_BASE,		0x6c0a, "host TR base")				\
	X(HOST_GDTR_BASE,	0x6c0c, "host GDTR base")			\
	X(HOST_IDTR_BASE,	0x6c0e, "host IDTR base")			\
	X(HOST_SYSENTER_ESP,	0x6c10, "host IA32_SYSENTER_ESP")		\
	X(HOST_SYSENTER_EIP,	0x6c12, "host IA32_SYSENTER_EIP")		\
	X(HOST_RSP,		0x6c14, "host RSP")				\
	X(HOST_RIP,		0x6c16, "host RIP")

#define VMCS_FIELD_ENUM(name, encoding, text)	VMCS_##name = encoding,
enum vmcs_field {
	VMCS_FIELDS(VMCS_FIELD_ENUM)
};

#undef VMCS_FIELD_ENUM

/* Pin-based controls (SDM 25.6.1) */
#define PIN_EXT_INTR		BIT(0)
#define PIN_NMI			BIT(3)
#define PIN_VIRTUAL_NMI		BIT(5)
#define PIN_PREEMPT_TIMER	BIT(6)

/* Primary processor-based controls (SDM 25.6.2) */
#define PROC_INTR_WINDOW	BIT(2)
#define PROC_TSC_OFFSET		BIT(3)
#define PROC_HLT		BIT(7)
#define PROC_INVLPG		BIT(9)
#define PROC_MWAIT		BIT(10)
#define PROC_RDPMC		BIT(11)
#define PROC_RDTSC		BIT(12)
#define PROC_CR3_LOAD		BIT(15)
#define PROC_CR3_STORE		BIT(16)
#define PROC_CR8_LOAD		BIT(19)
#define PROC_CR8_STORE		BIT(20)
#define PROC_TPR_SHADOW		BIT(21)
#define PROC_NMI_WINDOW		BIT(22)
#define PROC_MOV_DR		BIT(23)
#define PROC_UNCOND_IO		BIT(24)
#define PROC_MSR_BITMAP		BIT(28)
#define PROC_MONITOR		BIT(29)
#define PROC_PAUSE		BIT(30)
#define PROC_SECONDARY		BIT(31)

/* Secondary processor-based controls */
#define PROC2_EPT		BIT(1)
#define PROC2_DESC_TABLE	BIT(2)
#define PROC2_RDTSCP		BIT(3)
#define PROC2_VPID		BIT(5)
#define PROC2_WBINVD		BIT(6)
#define PROC2_UNRESTRICTED	BIT(7)
#define PROC2_INVPCID		BIT(12)
#define PROC2_ENCLS		BIT(15)
#define PROC2_XSAVES		BIT(20)
#define PROC2_TSC_SCALING	BIT(25)

/* The TSC multiplier: 16.48 bits (SDM 26.6.5). */
#define VMX_TSC_RATIO_FRAC	48

/* VM-exit controls (SDM 25.7.1) */
#define EXIT_SAVE_DEBUG		BIT(2)
#define EXIT_HOST_64		BIT(9)
#define EXIT_LOAD_PERF_GLOBAL	BIT(12)
#define EXIT_ACK_INTR		BIT(15)
#define EXIT_SAVE_PAT		BIT(18)
#define EXIT_LOAD_PAT		BIT(19)
#define EXIT_SAVE_EFER		BIT(20)
#define EXIT_LOAD_EFER		BIT(21)
#define EXIT_SAVE_TIMER		BIT(22)

/* VM-entry controls (SDM 25.8.1) */
#define ENTRY_LOAD_DEBUG	BIT(2)
#define ENTRY_IA32E		BIT(9)
#define ENTRY_SMM		BIT(10)
#define ENTRY_DUAL_MONITOR	BIT(11)
#define ENTRY_LOAD_PERF_GLOBAL	BIT(13)
#define ENTRY_LOAD_PAT		BIT(14)
#define ENTRY_LOAD_EFER		BIT(15)

/* Interruption information: at entry, at exit, and IDT-vectoring (SDM 25.8.3, 25.9) */
#define INTR_VECTOR		0xffu
#define INTR_TYPE_MASK		(7u << 8)
#define INTR_TYPE_EXT		(0u << 8)
#define INTR_TYPE_NMI		(2u << 8)
#define INTR_TYPE_HARD_EXC	(3u << 8)
#define INTR_TYPE_SOFT_INT	(4u << 8)
#define INTR_TYPE_PRIV_SOFT_EXC	(5u << 8)
#define INTR_TYPE_SOFT_EXC	(6u << 8)
#define INTR_TYPE_OTHER		(7u << 8)
#define INTR_ERROR_VALID	BIT(11)
#define INTR_UNBLOCKED_NMI	BIT(12)		/* at exit only: NMI unblocking due to IRET */
#define INTR_VALID		BIT(31)

/* Interruptibility state (SDM 25.4.2) */
#define INTR_STATE_STI		BIT(0)
#define INTR_STATE_MOV_SS	BIT(1)
#define INTR_STATE_SMI		BIT(2)
#define INTR_STATE_NMI		BIT(3)
#define INTR_STATE_ENCLAVE	BIT(4)
#define INTR_STATE_SHADOW	(INTR_STATE_STI | INTR_STATE_MOV_SS)

#define ACTIVITY_ACTIVE		0
#define ACTIVITY_HLT		1

/* Access rights (SDM 25.4.1); the low byte and bits 12 to 15 as in descriptors */
#define VMX_AR_TYPE			0xfu
#define VMX_AR_S			BIT(4)
#define VMX_AR_DPL_SHIFT		5
#define VMX_AR_P			BIT(7)
#define VMX_AR_AVL			BIT(12)
#define VMX_AR_L			BIT(13)
#define VMX_AR_DB			BIT(14)
#define VMX_AR_G			BIT(15)
#define VMX_AR_UNUSABLE		BIT(16)

/* EPT pointer (SDM 25.6.11) */
#define EPTP_WB			6ull
#define EPTP_WALK_SHIFT		3
#define EPTP_AD			BIT_ULL(6)

/* IA32_VMX_EPT_VPID_CAP (SDM A.10) */
#define EPT_CAP_WALK4		BIT_ULL(6)
#define EPT_CAP_WB		BIT_ULL(14)
#define EPT_CAP_2M		BIT_ULL(16)
#define EPT_CAP_1G		BIT_ULL(17)
#define EPT_CAP_INVEPT		BIT_ULL(20)
#define EPT_CAP_AD		BIT_ULL(21)
#define EPT_CAP_INVEPT_ONE	BIT_ULL(25)
#define EPT_CAP_INVEPT_ALL	BIT_ULL(26)
#define EPT_CAP_INVVPID		BIT_ULL(32)
#define EPT_CAP_INVVPID_ONE	BIT_ULL(41)
#define EPT_CAP_INVVPID_ALL	BIT_ULL(42)

/* What INVEPT and INVVPID invalidate */
#define INVEPT_ONE		1
#define INVEPT_ALL		2
#define INVVPID_ONE		1
#define INVVPID_ALL		2

/* Qualification of EPT violations (SDM table 28-7) */
#define EPTV_READ		BIT(0)
#define EPTV_WRITE		BIT(1)
#define EPTV_FETCH		BIT(2)
#define EPTV_PRESENT		(7u << 3)
#define EPTV_LINEAR_VALID	BIT(7)
#define EPTV_TRANSLATED		BIT(8)
#define EPTV_UNBLOCKED_NMI	BIT(12)

/* Qualification of I/O instructions (SDM table 28-5) */
#define IOQ_SIZE		7u
#define IOQ_IN			BIT(3)
#define IOQ_STRING		BIT(4)
#define IOQ_REP			BIT(5)
#define IOQ_PORT_SHIFT		16

/* Qualification of control and debug register accesses (SDM tables 28-3, 28-4) */
#define CRQ_REG			0xfu
#define CRQ_TYPE_SHIFT		4
#define CRQ_MOV_TO		0
#define CRQ_MOV_FROM		1
#define CRQ_GPR_SHIFT		8
#define DRQ_REG			7u
#define DRQ_READ		BIT(4)
#define DRQ_GPR_SHIFT		8

/*
 * Basic exit reasons (SDM appendix C) and what they are in the neutral
 * vocabulary. X(name, number, neutral id)
 */
#define VMX_EXIT_REASONS(X)			\
	X(EXCEPTION_NMI,	0, EXCEPTION)	\
	X(EXT_INTR,		1, INTR)	\
	X(TRIPLE_FAULT,		2, SHUTDOWN)	\
	X(INIT,			3, INIT)	\
	X(SIPI,			4, OTHER)	\
	X(IO_SMI,		5, SMI)		\
	X(OTHER_SMI,		6, SMI)		\
	X(INTR_WINDOW,		7, INTR_WINDOW)	\
	X(NMI_WINDOW,		8, NMI_WINDOW)	\
	X(TASK_SWITCH,		9, TASK_SWITCH)	\
	X(CPUID,		10, CPUID)	\
	X(GETSEC,		11, VIRT_INSN)	\
	X(HLT,			12, HLT)	\
	X(INVD,			13, INVD)	\
	X(INVLPG,		14, INVLPG)	\
	X(RDPMC,		15, RDPMC)	\
	X(RDTSC,		16, RDTSC)	\
	X(RSM,			17, RSM)	\
	X(VMCALL,		18, HYPERCALL)	\
	X(VMCLEAR,		19, VIRT_INSN)	\
	X(VMLAUNCH,		20, VIRT_INSN)	\
	X(VMPTRLD,		21, VIRT_INSN)	\
	X(VMPTRST,		22, VIRT_INSN)	\
	X(VMREAD,		23, VIRT_INSN)	\
	X(VMRESUME,		24, VIRT_INSN)	\
	X(VMWRITE,		25, VIRT_INSN)	\
	X(VMXOFF,		26, VIRT_INSN)	\
	X(VMXON,		27, VIRT_INSN)	\
	X(CR_ACCESS,		28, CR_ACCESS)	\
	X(DR_ACCESS,		29, DR_ACCESS)	\
	X(IO,			30, PIO)	\
	X(RDMSR,		31, MSR_READ)	\
	X(WRMSR,		32, MSR_WRITE)	\
	X(BAD_GUEST_STATE,	33, FAIL_ENTRY)	\
	X(BAD_MSR_LOAD,		34, FAIL_ENTRY)	\
	X(MWAIT,		36, MWAIT)	\
	X(MTF,			37, OTHER)	\
	X(MONITOR,		39, MONITOR)	\
	X(PAUSE,		40, PAUSE)	\
	X(ENTRY_MCE,		41, FAIL_ENTRY)	\
	X(TPR_BELOW,		43, OTHER)	\
	X(APIC_ACCESS,		44, OTHER)	\
	X(VIRTUAL_EOI,		45, OTHER)	\
	X(GDTR_IDTR,		46, DESC_TABLE)	\
	X(LDTR_TR,		47, DESC_TABLE)	\
	X(EPT_VIOLATION,	48, NESTED_FAULT)	\
	X(EPT_MISCONFIG,	49, OTHER)	\
	X(INVEPT,		50, VIRT_INSN)	\
	X(RDTSCP,		51, RDTSC)	\
	X(PREEMPT_TIMER,	52, TIMER)	\
	X(INVVPID,		53, VIRT_INSN)	\
	X(WBINVD,		54, WBINVD)	\
	X(XSETBV,		55, XSETBV)	\
	X(APIC_WRITE,		56, OTHER)	\
	X(RDRAND,		57, OTHER)	\
	X(INVPCID,		58, VIRT_INSN)	\
	X(VMFUNC,		59, VIRT_INSN)	\
	X(ENCLS,		60, VIRT_INSN)	\
	X(RDSEED,		61, OTHER)	\
	X(PML_FULL,		62, OTHER)	\
	X(XSAVES,		63, OTHER)	\
	X(XRSTORS,		64, OTHER)	\
	X(PCONFIG,		65, VIRT_INSN)	\
	X(SPP,			66, OTHER)	\
	X(UMWAIT,		67, VIRT_INSN)	\
	X(TPAUSE,		68, VIRT_INSN)	\
	X(LOADIWKEY,		69, VIRT_INSN)	\
	X(ENCLV,		70, VIRT_INSN)	\
	X(ENQCMD_PASID,		72, OTHER)	\
	X(ENQCMDS_PASID,	73, OTHER)	\
	X(BUS_LOCK,		74, OTHER)	\
	X(NOTIFY,		75, OTHER)

#define VMX_EXIT_ENUM(name, number, id)		VMX_EXIT_##name = number,
enum vmx_exit_reason {
	VMX_EXIT_REASONS(VMX_EXIT_ENUM)
	VMX_NR_EXITS = 76
};

#undef VMX_EXIT_ENUM

#define VMX_EXIT_BASIC		0xffffu
#define VMX_EXIT_FAILED_ENTRY	BIT(31)

#endif /* STRATA_VMX_VMCS_H */
