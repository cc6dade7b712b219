// SPDX-License-Identifier: GPL-2.0
/*
 * Speculation barriers: what this host needs, decided once at load.
 */
#include <linux/cpu.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>

#include "mitigate.h"

struct strata_barriers strata_barriers;
DEFINE_STATIC_KEY_FALSE(strata_guard_entries);
DEFINE_PER_CPU(u64, strata_last_vcpu);

#ifdef STRATA_DEBUG
atomic64_t strata_barrier_count[STRATA_NR_BARRIERS];
static bool force_barriers;
module_param(force_barriers, bool, 0444);
MODULE_PARM_DESC(force_barriers, "issue every speculation barrier that this CPU can execute (debug builds)");

static int barriers_get(char *buf, const struct kernel_param *kp)
{
	static const char * const names[STRATA_NR_BARRIERS] = {
		[STRATA_BARRIER_IBPB] = "ibpb",
		[STRATA_BARRIER_IBPB_TO_USER] = "ibpb-to-user",
		[STRATA_BARRIER_VERW] = "verw",
		[STRATA_BARRIER_SPEC_CTRL] = "spec-ctrl",
		[STRATA_BARRIER_L1D] = "l1d-flush",
	};
	int i, n = 0;

	for (i = 0; i < STRATA_NR_BARRIERS; i++)
		n += sysfs_emit_at(buf, n, "%s %lld\n", names[i],
				   atomic64_read(&strata_barrier_count[i]));
	return n;
}

static const struct kernel_param_ops barriers_ops = {
	.get = barriers_get,
};

module_param_cb(barriers, &barriers_ops, NULL, 0444);
MODULE_PARM_DESC(barriers, "how often each speculation barrier was issued (debug builds)");
#endif

/* The KVM API's module has it by this name. */
static int nx_huge_pages = -1;
module_param(nx_huge_pages, int, 0444);
MODULE_PARM_DESC(nx_huge_pages, "1: large mappings of guest memory are not executable but split; 0: they are; -1: as the CPU needs it (itlb_multihit)");

static bool strata_host_bug_mds(void)
{
#ifdef X86_BUG_RFDS
	if (boot_cpu_has_bug(X86_BUG_RFDS))
		return true;
#endif
	return boot_cpu_has_bug(X86_BUG_MDS) || boot_cpu_has_bug(X86_BUG_TAA) ||
	       boot_cpu_has_bug(X86_BUG_MMIO_STALE_DATA);
}

/* By CPUID, or the kernel knows by other means and uses it. */
static bool strata_host_verw_clears(void)
{
#ifdef X86_FEATURE_CLEAR_CPU_BUF
	if (boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF))
		return true;
#endif
	return boot_cpu_has(X86_FEATURE_MD_CLEAR);
}

/**
 * strata_mitigate_setup - look at the host once
 */
void strata_mitigate_setup(void)
{
	struct strata_host_spec h = {
		.off = cpu_mitigations_off(),
		.has_ibpb = boot_cpu_has(X86_FEATURE_IBPB),
		.has_spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL),
		.has_v_spec_ctrl = boot_cpu_has(X86_FEATURE_V_SPEC_CTRL),
		.kernel_ibrs = boot_cpu_has(X86_FEATURE_KERNEL_IBRS),
		.has_md_clear = strata_host_verw_clears(),
		.has_flush_l1d = boot_cpu_has(X86_FEATURE_FLUSH_L1D),
		.bug_mds = strata_host_bug_mds(),
		.bug_l1tf = boot_cpu_has_bug(X86_BUG_L1TF),
		.bug_spectre_v2 = boot_cpu_has_bug(X86_BUG_SPECTRE_V2),
		.bug_itlb_multihit = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT),
	};

#ifdef X86_BUG_TSA
	h.bug_tsa = boot_cpu_has_bug(X86_BUG_TSA);
	h.has_md_clear |= h.bug_tsa;
#endif
#ifdef X86_BUG_VMSCAPE
	h.bug_vmscape = boot_cpu_has_bug(X86_BUG_VMSCAPE);
#endif
	strata_barriers = strata_decide_barriers(&h);
	if (nx_huge_pages >= 0)
		strata_barriers.small_exec = nx_huge_pages;
	/* Who reads it learns what was decided. */
	nx_huge_pages = strata_barriers.small_exec;
#ifdef STRATA_DEBUG
	if (force_barriers) {
		u64 spec;

		/* Emulators without it take the MSR all the same. */
		strata_barriers.spec_ctrl = !rdmsrl_safe(MSR_IA32_SPEC_CTRL, &spec);
		strata_barriers.spec_ctrl_always = strata_barriers.spec_ctrl;
		strata_barriers.ibpb_on_switch = h.has_ibpb;
		strata_barriers.verw_on_entry = true;
		strata_barriers.at_entry = true;
		strata_barriers.ibpb_to_user = h.has_ibpb;
		strata_barriers.l1d_on_window = h.has_flush_l1d;
	}
#endif
	if (strata_barriers.at_entry)
		static_branch_enable(&strata_guard_entries);
}

/**
 * strata_mitigate_switch - another vCPU's predictions end here
 * @vcpu: about to run; preemption off
 *
 * Another one's of the same VM as well: a guest bars its programs from each other
 * on each of its CPUs, and takes these for separate.
 */
void strata_mitigate_switch(struct strata_vcpu *vcpu)
{
	__this_cpu_write(strata_last_vcpu, vcpu->uid);
	if (strata_barriers.ibpb_on_switch) {
		strata_ibpb();
		strata_count_barrier(STRATA_BARRIER_IBPB);
	}
}
