/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The virtual machine control block: AMD64 Architecture Programmer's Manual,
 * volume 2, appendix B, and the codes of appendix C.
 */
#ifndef STRATA_SVM_VMCB_H
#define STRATA_SVM_VMCB_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include "../pure.h"
#endif

struct vmcb_seg {
	u16 selector;
	u16 attrib;
	u32 limit;
	u64 base;
} __packed;

struct vmcb_control {
	u16 intercept_cr_read;
	u16 intercept_cr_write;
	u16 intercept_dr_read;
	u16 intercept_dr_write;
	u32 intercept_exceptions;
	u32 intercept1;
	u32 intercept2;
	u32 intercept3;
	u8 reserved_018[0x3c - 0x18];
	u16 pause_filter_threshold;
	u16 pause_filter_count;
	u64 iopm_base_pa;
	u64 msrpm_base_pa;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 reserved_05d[3];
	u32 int_ctl;
	u32 int_vector;
	u32 int_shadow;
	u32 reserved_06c;
	u64 exit_code;
	u64 exit_info1;
	u64 exit_info2;
	u64 exit_int_info;
	u64 nested_ctl;
	u64 avic_apic_bar;
	u64 ghcb_pa;
	u64 event_inj;
	u64 nested_cr3;
	u64 virt_ext;
	u32 clean;
	u32 reserved_0c4;
	u64 next_rip;
	u8 insn_len;
	u8 insn_bytes[15];
	u8 reserved_0e0[0x400 - 0xe0];
} __packed;

struct vmcb_save {
	struct vmcb_seg es, cs, ss, ds, fs, gs;
	struct vmcb_seg gdtr, ldtr, idtr, tr;
	u8 reserved_0a0[0xcb - 0xa0];
	u8 cpl;
	u32 reserved_0cc;
	u64 efer;
	u8 reserved_0d8[0x148 - 0xd8];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp;
	u64 s_cet;
	u64 ssp;
	u64 isst_addr;
	u64 rax;
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat;
	u64 dbgctl;
	u64 br_from;
	u64 br_to;
	u64 last_excp_from;
	u64 last_excp_to;
	u8 reserved_298[0x2e0 - 0x298];
	u64 spec_ctrl;
	u8 reserved_2e8[0xc00 - 0x2e8];
} __packed;

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
} __packed;

static_assert(sizeof(struct vmcb) == 4096);
static_assert(offsetof(struct vmcb_control, pause_filter_threshold) == 0x3c);
static_assert(offsetof(struct vmcb_control, iopm_base_pa) == 0x40);
static_assert(offsetof(struct vmcb_control, asid) == 0x58);
static_assert(offsetof(struct vmcb_control, int_ctl) == 0x60);
static_assert(offsetof(struct vmcb_control, exit_code) == 0x70);
static_assert(offsetof(struct vmcb_control, event_inj) == 0xa8);
static_assert(offsetof(struct vmcb_control, clean) == 0xc0);
static_assert(offsetof(struct vmcb_control, next_rip) == 0xc8);
static_assert(offsetof(struct vmcb, save) == 0x400);
static_assert(offsetof(struct vmcb_save, cpl) == 0xcb);
static_assert(offsetof(struct vmcb_save, efer) == 0xd0);
static_assert(offsetof(struct vmcb_save, cr4) == 0x148);
static_assert(offsetof(struct vmcb_save, rip) == 0x178);
static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8);
static_assert(offsetof(struct vmcb_save, rax) == 0x1f8);
static_assert(offsetof(struct vmcb_save, cr2) == 0x240);
static_assert(offsetof(struct vmcb_save, g_pat) == 0x268);
static_assert(offsetof(struct vmcb_save, spec_ctrl) == 0x2e0);

/* intercept1, offset 00Ch */
#define SVM_I1_INTR		(1u << 0)
#define SVM_I1_NMI		(1u << 1)
#define SVM_I1_SMI		(1u << 2)
#define SVM_I1_INIT		(1u << 3)
#define SVM_I1_VINTR		(1u << 4)
#define SVM_I1_CR0_SEL_WRITE	(1u << 5)
#define SVM_I1_RDPMC		(1u << 15)
#define SVM_I1_CPUID		(1u << 18)
#define SVM_I1_RSM		(1u << 19)
#define SVM_I1_IRET		(1u << 20)
#define SVM_I1_INVD		(1u << 22)
#define SVM_I1_PAUSE		(1u << 23)
#define SVM_I1_HLT		(1u << 24)
#define SVM_I1_INVLPGA		(1u << 26)
#define SVM_I1_IOIO		(1u << 27)
#define SVM_I1_MSR		(1u << 28)
#define SVM_I1_TASK_SWITCH	(1u << 29)
#define SVM_I1_FERR_FREEZE	(1u << 30)
#define SVM_I1_SHUTDOWN		(1u << 31)

/* intercept2, offset 010h */
#define SVM_I2_VMRUN		(1u << 0)
#define SVM_I2_VMMCALL		(1u << 1)
#define SVM_I2_VMLOAD		(1u << 2)
#define SVM_I2_VMSAVE		(1u << 3)
#define SVM_I2_STGI		(1u << 4)
#define SVM_I2_CLGI		(1u << 5)
#define SVM_I2_SKINIT		(1u << 6)
#define SVM_I2_RDTSCP		(1u << 7)
#define SVM_I2_WBINVD		(1u << 9)
#define SVM_I2_MONITOR		(1u << 10)
#define SVM_I2_MWAIT		(1u << 11)
#define SVM_I2_XSETBV		(1u << 13)
#define SVM_I2_RDPRU		(1u << 14)

/* intercept3, offset 014h */
#define SVM_I3_INVLPGB		(1u << 0)
#define SVM_I3_INVLPGB_ILLEGAL	(1u << 1)
#define SVM_I3_INVPCID		(1u << 2)
#define SVM_I3_MCOMMIT		(1u << 3)
#define SVM_I3_TLBSYNC		(1u << 4)

/* int_ctl, offset 060h */
#define SVM_INT_V_TPR_MASK	0xffu
#define SVM_INT_V_IRQ		(1u << 8)
#define SVM_INT_V_PRIO_SHIFT	16
#define SVM_INT_V_PRIO_MASK	(0xfu << 16)
#define SVM_INT_V_IGN_TPR	(1u << 20)
#define SVM_INT_V_MASKING	(1u << 24)

#define SVM_INT_SHADOW		1u

#define SVM_NESTED_CTL_NP	1u

/* tlb_control */
#define SVM_TLB_NOTHING		0
#define SVM_TLB_FLUSH_ALL	1
#define SVM_TLB_FLUSH_ASID	3

/* event_inj and exit_int_info */
#define SVM_EVT_VECTOR		0xffu
#define SVM_EVT_TYPE_MASK	(7u << 8)
#define SVM_EVT_INTR		(0u << 8)
#define SVM_EVT_NMI		(2u << 8)
#define SVM_EVT_EXCEPTION	(3u << 8)
#define SVM_EVT_SOFT		(4u << 8)
#define SVM_EVT_ERROR_VALID	(1u << 11)
#define SVM_EVT_VALID		(1u << 31)

/* clean bits: set means "unchanged since the last run" */
#define SVM_CLEAN_INTERCEPTS	(1u << 0)
#define SVM_CLEAN_IOPM		(1u << 1)
#define SVM_CLEAN_ASID		(1u << 2)
#define SVM_CLEAN_TPR		(1u << 3)
#define SVM_CLEAN_NP		(1u << 4)
#define SVM_CLEAN_CRX		(1u << 5)
#define SVM_CLEAN_DRX		(1u << 6)
#define SVM_CLEAN_DT		(1u << 7)
#define SVM_CLEAN_SEG		(1u << 8)
#define SVM_CLEAN_CR2		(1u << 9)
#define SVM_CLEAN_LBR		(1u << 10)
#define SVM_CLEAN_ALL		0x7ffu

/* exit codes */
#define SVM_EXIT_CR_READ	0x000
#define SVM_EXIT_CR_WRITE	0x010
#define SVM_EXIT_DR_READ	0x020
#define SVM_EXIT_DR_WRITE	0x030
#define SVM_EXIT_EXCEPTION	0x040
#define SVM_EXIT_INTR		0x060
#define SVM_EXIT_NMI		0x061
#define SVM_EXIT_SMI		0x062
#define SVM_EXIT_INIT		0x063
#define SVM_EXIT_VINTR		0x064
#define SVM_EXIT_CR0_SEL_WRITE	0x065
#define SVM_EXIT_DESC_FIRST	0x066	/* IDTR read ... TR write */
#define SVM_EXIT_DESC_LAST	0x06d
#define SVM_EXIT_RDTSC		0x06e
#define SVM_EXIT_RDPMC		0x06f
#define SVM_EXIT_PUSHF		0x070
#define SVM_EXIT_POPF		0x071
#define SVM_EXIT_CPUID		0x072
#define SVM_EXIT_RSM		0x073
#define SVM_EXIT_IRET		0x074
#define SVM_EXIT_SWINT		0x075
#define SVM_EXIT_INVD		0x076
#define SVM_EXIT_PAUSE		0x077
#define SVM_EXIT_HLT		0x078
#define SVM_EXIT_INVLPG		0x079
#define SVM_EXIT_INVLPGA	0x07a
#define SVM_EXIT_IOIO		0x07b
#define SVM_EXIT_MSR		0x07c
#define SVM_EXIT_TASK_SWITCH	0x07d
#define SVM_EXIT_FERR_FREEZE	0x07e
#define SVM_EXIT_SHUTDOWN	0x07f
#define SVM_EXIT_VMRUN		0x080
#define SVM_EXIT_VMMCALL	0x081
#define SVM_EXIT_VMLOAD		0x082
#define SVM_EXIT_VMSAVE		0x083
#define SVM_EXIT_STGI		0x084
#define SVM_EXIT_CLGI		0x085
#define SVM_EXIT_SKINIT		0x086
#define SVM_EXIT_RDTSCP		0x087
#define SVM_EXIT_ICEBP		0x088
#define SVM_EXIT_WBINVD		0x089
#define SVM_EXIT_MONITOR	0x08a
#define SVM_EXIT_MWAIT		0x08b
#define SVM_EXIT_MWAIT_ARMED	0x08c
#define SVM_EXIT_XSETBV		0x08d
#define SVM_EXIT_RDPRU		0x08e
#define SVM_EXIT_EFER_TRAP	0x08f
#define SVM_EXIT_CR_TRAP	0x090
#define SVM_EXIT_INVLPGB	0x0a0
#define SVM_EXIT_INVLPGB_ILL	0x0a1
#define SVM_EXIT_INVPCID	0x0a2
#define SVM_EXIT_MCOMMIT	0x0a3
#define SVM_EXIT_TLBSYNC	0x0a4
#define SVM_EXIT_BUSLOCK	0x0a5
#define SVM_NR_LOW_EXITS	0x0a8	/* rounded up */
#define SVM_EXIT_NPF		0x400
#define SVM_EXIT_INVALID	(~0u)		/* of the lower half: QEMU's TCG writes no more */
#define SVM_EXIT_BOGUS		0xbadull	/* preset by us: no exit claimed it */

/* exit_info1 of IOIO */
#define SVM_IOIO_IN		(1u << 0)
#define SVM_IOIO_STRING		(1u << 2)
#define SVM_IOIO_REP		(1u << 3)
#define SVM_IOIO_SIZE_SHIFT	4
#define SVM_IOIO_PORT_SHIFT	16

/* exit_info1 of MOV CR and MOV DR with decode assists */
#define SVM_MOV_DECODED		(1ull << 63)
#define SVM_MOV_GPR_MASK	0xfull

/* exit_info1 of a nested page fault */
#define SVM_NPF_PRESENT		(1ull << 0)
#define SVM_NPF_WRITE		(1ull << 1)
#define SVM_NPF_USER		(1ull << 2)
#define SVM_NPF_FETCH		(1ull << 4)
#define SVM_NPF_TABLE		(1ull << 33)	/* met in a walk of the guest's tables */

/* TSC_RATIO (APM 2 15.30.5): 8.32 bits, the rest reserved. */
#define SVM_TSC_RATIO_FRAC	32
#define SVM_TSC_RATIO_ONE	(1ull << SVM_TSC_RATIO_FRAC)
#define SVM_TSC_RATIO_MAX	((1ull << 40) - 1)

/* CPUID Fn8000_000A_EDX */
#define SVM_FEAT_NP		(1u << 0)
#define SVM_FEAT_NRIP_SAVE	(1u << 3)
#define SVM_FEAT_TSC_RATE	(1u << 4)
#define SVM_FEAT_CLEAN		(1u << 5)
#define SVM_FEAT_FLUSH_ASID	(1u << 6)
#define SVM_FEAT_DECODE		(1u << 7)

/* MSRs */
#define SVM_MSR_VM_CR		0xc0010114
#define SVM_MSR_HSAVE_PA	0xc0010117
#define SVM_VM_CR_SVMDIS	(1u << 4)

#endif /* STRATA_SVM_VMCB_H */
