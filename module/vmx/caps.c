// SPDX-License-Identifier: GPL-2.0
/*
 * Negotiation of the VMX controls: what strata needs, wants and refuses is
 * data, the capability MSRs decide (SDM appendix A).
 */
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/perf_event.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "../strata.h"
#include "caps.h"
#include "vmcs.h"
#include "vmx.h"

struct vmx_caps strata_vmx_caps;
DEFINE_STATIC_KEY_FALSE(strata_vmx_sliced);

/*
 * Interrupts end a guest's time at once, so there is no need for it on silicon.
 * Bochs 2.7 forgets them while a guest that was entered with IF clear leaves
 * it so.
 */
static uint vmx_slice;
module_param(vmx_slice, uint, 0444);
MODULE_PARM_DESC(vmx_slice, "end a window after so many microseconds; 0: no bound (Intel)");

#define BASIC_TRUE_CTLS	BIT_ULL(55)
#define BASIC_SIZE(basic)	((u32)((basic) >> 32) & 0x1fff)
#define BASIC_MEM_TYPE(b)	((u32)((b) >> 50) & 15)
#define MEM_TYPE_WB		6

enum need {
	REQUIRED,	/* load fails with @what */
	WANTED,		/* used where it exists */
	REFUSED,	/* must be possible to leave off: load fails with @what */
};

/*
 * One control a row. "set" and "bit" as in the SDM; what is in no row is off
 * unless the CPU forces it on.
 */
static const struct control {
	u8 set;
	u8 need;
	u32 bit;
	const char *what;
} controls[] = {
	{ VMX_PIN, REQUIRED, PIN_EXT_INTR, "exits at external interrupts" },
	{ VMX_PIN, REQUIRED, PIN_NMI, "exits at NMIs" },
	{ VMX_PIN, REQUIRED, PIN_VIRTUAL_NMI, "virtual NMIs" },
	/* Used when asked for only: vmx_slice_setup(). */
	{ VMX_PIN, WANTED, PIN_PREEMPT_TIMER, NULL },

	{ VMX_PROC, REQUIRED, PROC_SECONDARY, "secondary controls" },
	{ VMX_PROC, REQUIRED, PROC_TSC_OFFSET, "TSC offsetting" },
	{ VMX_PROC, REQUIRED, PROC_HLT, "exits at HLT" },
	{ VMX_PROC, REQUIRED, PROC_MWAIT, "exits at MWAIT" },
	{ VMX_PROC, REQUIRED, PROC_MONITOR, "exits at MONITOR" },
	{ VMX_PROC, REQUIRED, PROC_RDPMC, "exits at RDPMC" },
	{ VMX_PROC, REQUIRED, PROC_MOV_DR, "exits at accesses of debug registers" },
	{ VMX_PROC, REQUIRED, PROC_UNCOND_IO, "exits at I/O instructions" },
	{ VMX_PROC, REQUIRED, PROC_MSR_BITMAP, "MSR bitmaps" },
	/* Reads of CR8 come from the virtual-APIC page, writes exit. */
	{ VMX_PROC, REQUIRED, PROC_TPR_SHADOW, "the TPR shadow" },
	{ VMX_PROC, REQUIRED, PROC_CR8_LOAD, "exits at writes of CR8" },
	/* On by default where the CPU lacks the TRUE capability MSRs. */
	{ VMX_PROC, REFUSED, PROC_CR3_LOAD, "writes of CR3 without an exit" },
	{ VMX_PROC, REFUSED, PROC_CR3_STORE, "reads of CR3 without an exit" },
	{ VMX_PROC, REFUSED, PROC_RDTSC, "RDTSC without an exit" },

	{ VMX_PROC2, REQUIRED, PROC2_EPT, "extended page tables (EPT)" },
	{ VMX_PROC2, REQUIRED, PROC2_UNRESTRICTED, "unrestricted guests" },
	{ VMX_PROC2, REQUIRED, PROC2_VPID, "virtual-processor identifiers (VPID)" },
	{ VMX_PROC2, REQUIRED, PROC2_WBINVD, "exits at WBINVD" },
	/* These change with the guest's CPUID: vmx_cpuid_changed(). */
	{ VMX_PROC2, WANTED, PROC2_RDTSCP, NULL },
	{ VMX_PROC2, WANTED, PROC2_INVPCID, NULL },
	{ VMX_PROC2, WANTED, PROC2_XSAVES, NULL },
	{ VMX_PROC2, WANTED, PROC2_ENCLS, NULL },
	/* On while the guest's rate is another than the host's. */
	{ VMX_PROC2, WANTED, PROC2_TSC_SCALING, NULL },

	{ VMX_EXIT, REQUIRED, EXIT_HOST_64, "64-bit hosts" },
	{ VMX_EXIT, REQUIRED, EXIT_LOAD_EFER, "loading of EFER at exits" },
	{ VMX_EXIT, REQUIRED, EXIT_LOAD_PAT, "loading of PAT at exits" },
	{ VMX_EXIT, WANTED, EXIT_LOAD_PERF_GLOBAL, NULL },
	/* The host takes its interrupts itself, through its own IDT. */
	{ VMX_EXIT, REFUSED, EXIT_ACK_INTR, "exits that leave the interrupt unacknowledged" },

	{ VMX_ENTRY, REQUIRED, ENTRY_LOAD_DEBUG, "loading of debug controls at entries" },
	{ VMX_ENTRY, REQUIRED, ENTRY_LOAD_EFER, "loading of EFER at entries" },
	{ VMX_ENTRY, REQUIRED, ENTRY_LOAD_PAT, "loading of PAT at entries" },
	{ VMX_ENTRY, WANTED, ENTRY_LOAD_PERF_GLOBAL, NULL },
	{ VMX_ENTRY, REFUSED, ENTRY_SMM, "entries outside SMM" },
	{ VMX_ENTRY, REFUSED, ENTRY_DUAL_MONITOR, "entries without dual-monitor treatment" },
};

static char reason[160];

static int cannot(const char **why, const char *what)
{
	snprintf(reason, sizeof(reason), "VMX of this CPU has no %s, which strata requires", what);
	*why = reason;
	return -ENODEV;
}

/* Bits 31:0 of a capability MSR must be 1, bits 63:32 may be. */
static void read_allowed(struct vmx_caps *c)
{
	static const u32 msr[VMX_NR_CTL_SETS] = {
		MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_PROCBASED_CTLS,
		MSR_IA32_VMX_PROCBASED_CTLS2, MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_ENTRY_CTLS,
	};
	static const u32 true_msr[VMX_NR_CTL_SETS] = {
		MSR_IA32_VMX_TRUE_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
		MSR_IA32_VMX_PROCBASED_CTLS2, MSR_IA32_VMX_TRUE_EXIT_CTLS,
		MSR_IA32_VMX_TRUE_ENTRY_CTLS,
	};
	bool has_true = c->basic & BASIC_TRUE_CTLS;
	unsigned int set;
	u64 val;

	for (set = 0; set < VMX_NR_CTL_SETS; set++) {
		/* Without secondary controls the MSR does not exist. */
		if (rdmsrl_safe(has_true ? true_msr[set] : msr[set], &val))
			val = 0;
		c->allowed0[set] = val;
		c->allowed1[set] = val >> 32;
	}
}

static int negotiate(struct vmx_caps *c, const char **why)
{
	const struct control *ctl;
	unsigned int i;

	for (i = 0; i < VMX_NR_CTL_SETS; i++)
		c->ctl[i] = c->allowed0[i];
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		ctl = &controls[i];
		switch (ctl->need) {
		case REQUIRED:
			if (!(c->allowed1[ctl->set] & ctl->bit))
				return cannot(why, ctl->what);
			c->ctl[ctl->set] |= ctl->bit;
			break;
		case WANTED:
			c->ctl[ctl->set] |= c->allowed1[ctl->set] & ctl->bit;
			break;
		case REFUSED:
			if (c->allowed0[ctl->set] & ctl->bit)
				return cannot(why, ctl->what);
			break;
		}
	}
	return 0;
}

static int check_ept(struct vmx_caps *c, const char **why)
{
	static const struct {
		u64 bit;
		const char *what;
	} needs[] = {
		{ EPT_CAP_WALK4, "EPT with four levels" },
		{ EPT_CAP_WB, "EPT tables in write-back memory" },
		{ EPT_CAP_2M, "EPT mappings of 2 MiB" },
		{ EPT_CAP_INVEPT, "INVEPT" },
		{ EPT_CAP_INVEPT_ONE, "INVEPT of one context" },
		{ EPT_CAP_INVEPT_ALL, "INVEPT of all contexts" },
		{ EPT_CAP_INVVPID, "INVVPID" },
		{ EPT_CAP_INVVPID_ALL, "INVVPID of all contexts" },
	};
	unsigned int i;

	rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, c->ept_vpid);
	for (i = 0; i < ARRAY_SIZE(needs); i++)
		if (!(c->ept_vpid & needs[i].bit))
			return cannot(why, needs[i].what);
	c->ept_ad = c->ept_vpid & EPT_CAP_AD;
	return 0;
}

/*
 * The host's counters must not run in the guest: where they exist the entry
 * has to clear IA32_PERF_GLOBAL_CTRL and the exit to bring it back.
 */
static int check_counters(struct vmx_caps *c, const char **why)
{
	u64 val;

	c->debugctl = !rdmsrl_safe(MSR_IA32_DEBUGCTLMSR, &val);
	c->perf_global = boot_cpu_data.cpuid_level >= 0xa && (cpuid_eax(0xa) & 0xff) >= 2 &&
			 !rdmsrl_safe(MSR_CORE_PERF_GLOBAL_CTRL, &val);
	c->pebs = c->perf_global && boot_cpu_has(X86_FEATURE_DTES64) &&
		  !rdmsrl_safe(MSR_IA32_PEBS_ENABLE, &val);
	if (!c->perf_global) {
		c->ctl[VMX_EXIT] &= ~EXIT_LOAD_PERF_GLOBAL | c->allowed0[VMX_EXIT];
		c->ctl[VMX_ENTRY] &= ~ENTRY_LOAD_PERF_GLOBAL | c->allowed0[VMX_ENTRY];
		return 0;
	}
	if (!(c->ctl[VMX_EXIT] & EXIT_LOAD_PERF_GLOBAL) ||
	    !(c->ctl[VMX_ENTRY] & ENTRY_LOAD_PERF_GLOBAL))
		return cannot(why, "loading of IA32_PERF_GLOBAL_CTRL");
	return 0;
}

/*
 * The timer counts down at the TSC's rate divided by a power of two, in the
 * guest only. A slice is the time of a window, guest's and ours: each entry
 * gets what is left of it, see vmx_set_timer().
 */
static int slice_setup(struct vmx_caps *c, const char **why)
{
	if (!vmx_slice) {
		c->ctl[VMX_PIN] &= ~PIN_PREEMPT_TIMER | c->allowed0[VMX_PIN];
		return 0;
	}
	if (!(c->ctl[VMX_PIN] & PIN_PREEMPT_TIMER))
		return cannot(why, "the preemption timer, and vmx_slice asks for it");
	c->slice = (u64)vmx_slice * tsc_khz / 1000;
	static_branch_enable(&strata_vmx_sliced);
	return 0;
}

/**
 * vmx_caps_read - negotiate the controls with this CPU
 * @why: one sentence, when it fails
 *
 * Return: 0 or -ENODEV.
 */
int vmx_caps_read(const char **why)
{
	struct vmx_caps *c = &strata_vmx_caps;
	int r;

	rdmsrl(MSR_IA32_VMX_BASIC, c->basic);
	rdmsrl(MSR_IA32_VMX_MISC, c->misc);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED0, c->cr0_fixed0);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED1, c->cr0_fixed1);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, c->cr4_fixed0);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED1, c->cr4_fixed1);
	c->phys_bits = boot_cpu_data.x86_phys_bits;
	c->vaddr_bits = boot_cpu_data.x86_virt_bits;
	if (BASIC_SIZE(c->basic) > PAGE_SIZE)
		return cannot(why, "VMCS regions that fit into a page");
	if (BASIC_MEM_TYPE(c->basic) != MEM_TYPE_WB)
		return cannot(why, "VMCS regions in write-back memory");
	read_allowed(c);
	r = negotiate(c, why);
	if (r)
		return r;
	r = check_ept(c, why);
	if (r)
		return r;
	r = check_counters(c, why);
	if (r)
		return r;
	return slice_setup(c, why);
}
