/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this CPU's VMX can do, and what strata makes of it.
 */
#ifndef STRATA_VMX_CAPS_H
#define STRATA_VMX_CAPS_H

#include "../pure.h"

/* The five sets of controls, as the negotiation left them. */
enum vmx_ctl_set { VMX_PIN, VMX_PROC, VMX_PROC2, VMX_EXIT, VMX_ENTRY, VMX_NR_CTL_SETS };

/**
 * struct vmx_caps - read once at load
 * @basic: IA32_VMX_BASIC
 * @misc: IA32_VMX_MISC
 * @ept_vpid: IA32_VMX_EPT_VPID_CAP
 * @cr0_fixed0: bits of CR0 that must be 1 in VMX operation
 * @cr0_fixed1: bits of CR0 that may be 1
 * @cr4_fixed0: bits of CR4 that must be 1
 * @cr4_fixed1: bits of CR4 that may be 1
 * @allowed0: controls that must be 1, by set
 * @allowed1: controls that may be 1
 * @ctl: controls of every VMCS; those that change with the guest's state are 0
 * @ept_ad: EPT has accessed and dirty bits
 * @perf_global: IA32_PERF_GLOBAL_CTRL exists, entry and exit load it
 * @debugctl: IA32_DEBUGCTL exists
 * @pebs: IA32_PEBS_ENABLE exists
 * @phys_bits: width of a physical address
 * @vaddr_bits: width of a linear address
 * @slice: TSC ticks after which a window ends; 0: the preemption timer is off
 */
struct vmx_caps {
	u64 basic;
	u64 misc;
	u64 ept_vpid;
	u64 cr0_fixed0, cr0_fixed1;
	u64 cr4_fixed0, cr4_fixed1;
	u32 allowed0[VMX_NR_CTL_SETS];
	u32 allowed1[VMX_NR_CTL_SETS];
	u32 ctl[VMX_NR_CTL_SETS];
	bool ept_ad;
	bool perf_global;
	bool debugctl;
	bool pebs;
	u8 phys_bits;
	u8 vaddr_bits;
	u64 slice;
};

extern struct vmx_caps strata_vmx_caps;

int vmx_caps_read(const char **why);

#endif /* STRATA_VMX_CAPS_H */
