// SPDX-License-Identifier: GPL-2.0
/*
 * SVM on this machine: what the CPU offers, the permission maps, and taking
 * and giving back each CPU's hardware.
 */
#include <linux/cc_platform.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/perf_event.h>
#include <asm/processor.h>

#include "entry_check.h"
#include "svm.h"
#include "../mmu/pgtbl.h"
#include "../msr.h"

#define IOPM_ORDER	2	/* three pages (APM 15.10.1) */
#define MSRPM_ORDER	1	/* two pages (APM 15.11) */

DEFINE_PER_CPU(struct svm_cpu, strata_svm_cpu);
struct svm_caps strata_svm_caps;
DEFINE_STATIC_KEY_FALSE(strata_svm_debugctl);
u64 strata_svm_iopm_pa, strata_svm_msrpm_pa, strata_svm_msrpm_all_pa;

/* The last one lets every access exit, for a guest whose MSRs are filtered. */
static struct page *iopm, *msrpm, *msrpm_all;
/**
 * svm_explain_entry - check a VMCB by the manual's rules
 * @vmcb: as VMRUN gets it, or got it
 * @fault: filled wholly
 *
 * Return: no rule is broken.
 */
bool svm_explain_entry(const struct vmcb *vmcb, struct strata_entry_fault *fault)
{
	const struct svm_entry_limits limits = {
		.nr_asids = strata_svm_caps.nr_asids,
		.phys_bits = boot_cpu_data.x86_phys_bits,
	};

	return svm_entry_check(vmcb, &limits, fault);
}

static struct strata_vendor svm_vendor;

static int svm_check(const char **why)
{
	u64 vm_cr;

	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		*why = "this AMD CPU reports no SVM; enable it in the firmware (\"SVM mode\")";
		return -ENODEV;
	}
	if (!(cpuid_edx(0x8000000a) & SVM_FEAT_NP)) {
		*why = "this CPU has no nested paging, which strata requires";
		return -ENODEV;
	}
	if (rdmsrl_safe(SVM_MSR_VM_CR, &vm_cr) || (vm_cr & SVM_VM_CR_SVMDIS)) {
		*why = "the firmware has locked SVM off; enable it there (\"SVM mode\")";
		return -ENODEV;
	}
	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT)) {
		*why = "host memory encryption (SME) is on; boot with mem_encrypt=off";
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The MSRs that VMLOAD, VMSAVE and VMRUN switch, so that the guest may own them. */
static bool svm_switches_msr(u32 index)
{
	switch (index) {
	case MSR_STAR:
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_SYSCALL_MASK:
		return true;
	default:
		return strata_msr_switched(index);
	}
}

/*
 * The MSR permission map has two bits an MSR, read and write, for three
 * ranges of 8192 MSRs (APM 15.11). All ones: everything exits.
 */
static void svm_fill_msrpm(u8 *map)
{
	static const u32 bases[] = { 0, 0xc0000000, 0xc0010000 };
	unsigned int range, i;

	memset(map, 0xff, PAGE_SIZE << MSRPM_ORDER);
	for (range = 0; range < ARRAY_SIZE(bases); range++) {
		for (i = 0; i < 0x2000; i++) {
			u32 index = bases[range] + i;
			unsigned int bit = (range * 0x2000 + i) * 2;

			if (!svm_switches_msr(index))
				continue;
			if (strata_msr_passthrough(index, false))
				map[bit / 8] &= ~(1u << (bit % 8));
			if (strata_msr_passthrough(index, true))
				map[bit / 8] &= ~(2u << (bit % 8));
		}
	}
}

static void svm_teardown(void)
{
	int cpu;

	svm_oracle_teardown();
	for_each_possible_cpu(cpu) {
		struct svm_cpu *sc = per_cpu_ptr(&strata_svm_cpu, cpu);

		if (sc->hsave)
			__free_page(sc->hsave);
		if (sc->host)
			__free_page(sc->host);
		sc->hsave = NULL;
		sc->host = NULL;
	}
	if (msrpm)
		__free_pages(msrpm, MSRPM_ORDER);
	if (iopm)
		__free_pages(iopm, IOPM_ORDER);
	if (msrpm_all)
		__free_pages(msrpm_all, MSRPM_ORDER);
	msrpm_all = NULL;
	msrpm = NULL;
	iopm = NULL;
}

static int svm_setup(void)
{
	u32 features = cpuid_edx(0x8000000a);
	int cpu;

	strata_svm_caps.features = features;
	strata_svm_caps.nr_asids = cpuid_ebx(0x8000000a);
	strata_svm_caps.tsc_ratio = features & SVM_FEAT_TSC_RATE;
	if (strata_svm_caps.tsc_ratio) {
		svm_vendor.tsc_frac = SVM_TSC_RATIO_FRAC;
		svm_vendor.tsc_ratio_max = SVM_TSC_RATIO_MAX;
	}
	strata_svm_caps.nrip = features & SVM_FEAT_NRIP_SAVE;
	strata_svm_caps.decode = features & SVM_FEAT_DECODE;
	strata_svm_caps.flush_asid = features & SVM_FEAT_FLUSH_ASID;
	strata_svm_caps.v_spec_ctrl = boot_cpu_has(X86_FEATURE_V_SPEC_CTRL);
	if (boot_cpu_has(X86_FEATURE_BUS_LOCK_DETECT))
		static_branch_enable(&strata_svm_debugctl);

	/*
	 * NPT walks with as many levels as the host's own paging: with four
	 * under CR4.LA57 the top level would be taken for the wrong one.
	 */
	svm_vendor.pt_levels = native_read_cr4() & X86_CR4_LA57 ? 5 : 4;
	svm_vendor.pt_max_level = boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2;

	iopm = alloc_pages(GFP_KERNEL, IOPM_ORDER);
	msrpm = alloc_pages(GFP_KERNEL, MSRPM_ORDER);
	msrpm_all = alloc_pages(GFP_KERNEL, MSRPM_ORDER);
	if (!iopm || !msrpm || !msrpm_all || svm_oracle_setup())
		goto no_memory;
	memset(page_address(iopm), 0xff, PAGE_SIZE << IOPM_ORDER);
	svm_fill_msrpm(page_address(msrpm));
	strata_svm_iopm_pa = page_to_phys(iopm);
	strata_svm_msrpm_pa = page_to_phys(msrpm);
	memset(page_address(msrpm_all), 0xff, PAGE_SIZE << MSRPM_ORDER);
	strata_svm_msrpm_all_pa = page_to_phys(msrpm_all);

	for_each_possible_cpu(cpu) {
		struct svm_cpu *sc = per_cpu_ptr(&strata_svm_cpu, cpu);

		sc->hsave = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);
		sc->host = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);
		if (!sc->hsave || !sc->host)
			goto no_memory;
		sc->host_pa = page_to_phys(sc->host);
	}
	return 0;

no_memory:
	svm_teardown();
	return -ENOMEM;
}

/*
 * Where the kernel counts on it against SRSO it leaves the bit to the hypervisor: it
 * slows down what runs on this CPU, and is needed while guests do.
 */
static void svm_reduce_speculation(struct svm_cpu *sc, bool on)
{
#ifdef X86_FEATURE_SRSO_BP_SPEC_REDUCE
	const u64 bit = BIT_ULL(MSR_ZEN4_BP_CFG_BP_SPEC_REDUCE_BIT);
	u64 cfg;

	if (!boot_cpu_has(X86_FEATURE_SRSO_BP_SPEC_REDUCE))
		return;
	rdmsrl(MSR_ZEN4_BP_CFG, cfg);
	if (on) {
		sc->spec_reduced = !(cfg & bit);
		if (sc->spec_reduced)
			wrmsrl(MSR_ZEN4_BP_CFG, cfg | bit);
	} else if (sc->spec_reduced) {
		wrmsrl(MSR_ZEN4_BP_CFG, cfg & ~bit);
	}
#endif
}

/*
 * Counters of the host's perf that leave guests out, or count nothing else, work by bits
 * that exist while SVME is set: perf is told when it is.
 */
static void svm_tell_perf(bool on)
{
#ifdef HAVE_AMD_PMU_ENABLE_VIRT
	if (on)
		amd_pmu_enable_virt();
	else
		amd_pmu_disable_virt();
#endif
}

/*
 * Somebody who set SVME owns this CPU. A CPU that we take starts a new
 * generation of ASIDs: KVM may have used the tags since.
 */
static int svm_cpu_enable(void)
{
	struct svm_cpu *sc = this_cpu_ptr(&strata_svm_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(SVM_MSR_HSAVE_PA, page_to_phys(sc->hsave));
	svm_reduce_speculation(sc, true);
	if (boot_cpu_has(X86_FEATURE_RDTSCP))
		rdmsrl(MSR_TSC_AUX, sc->tsc_aux);
	if (strata_svm_caps.tsc_ratio) {
		sc->tsc_ratio = SVM_TSC_RATIO_ONE;
		wrmsrl(MSR_AMD64_TSC_RATIO, sc->tsc_ratio);
	}
	sc->asid_gen++;
	sc->next_asid = strata_svm_caps.nr_asids;	/* the first vCPU flushes all */
	svm_tell_perf(true);
	svm_oracle_cpu_enabled();
	WRITE_ONCE(sc->on, true);
	return 0;
}

static void svm_cpu_disable(void)
{
	struct svm_cpu *sc = this_cpu_ptr(&strata_svm_cpu);
	u64 efer;

	if (!sc->on)
		return;
	WRITE_ONCE(sc->on, false);
	wrmsrl(SVM_MSR_HSAVE_PA, 0);
	svm_reduce_speculation(sc, false);
	if (strata_svm_caps.tsc_ratio) {
		sc->tsc_ratio = SVM_TSC_RATIO_ONE;
		wrmsrl(MSR_AMD64_TSC_RATIO, sc->tsc_ratio);
	}
	rdmsrl(MSR_EFER, efer);
	wrmsrl(MSR_EFER, efer & ~(u64)EFER_SVME);
	svm_tell_perf(false);
}

static struct strata_vendor svm_vendor = {
	.name = "svm",
	.check = svm_check,
	.setup = svm_setup,
	.teardown = svm_teardown,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.vcpu_create = svm_vcpu_create,
	.vcpu_destroy = svm_vcpu_destroy,
	.vcpu_reset = svm_vcpu_reset,
	.run = svm_run,
	.cpuid_changed = svm_cpuid_changed,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.get_cpl = svm_get_cpl,
	.get_dtable = svm_get_dtable,
	.set_dtable = svm_set_dtable,
	.set_cr0 = svm_set_cr0,
	.set_cr3 = svm_set_cr3,
	.set_cr4 = svm_set_cr4,
	.set_efer = svm_set_efer,
	.sync_crs = svm_sync_crs,
	.set_dr7 = svm_set_dr7,
	.set_dr6 = svm_set_dr6,
	.get_shadow = svm_get_shadow,
	.set_shadow = svm_set_shadow,
	.set_cr8 = svm_set_cr8,
	.set_tsc = svm_set_tsc,
	.msr_filter = svm_msr_filter,
	.exceptions = svm_exceptions,
	.hypercall_opcode = 0xd9,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.spec_ctrl_changed = svm_spec_ctrl_changed,
	.inject = svm_inject,
	.take_back = svm_take_back,
	.irq_window = svm_irq_window,
	.nmi_window = svm_nmi_window,
	.get_rflags = svm_get_rflags,
	.set_rflags = svm_set_rflags,
	.stepped = svm_stepped,
	.pt_format = &strata_npt_format,
};

const struct strata_vendor *const strata_svm_vendor = &svm_vendor;
