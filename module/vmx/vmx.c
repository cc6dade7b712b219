// SPDX-License-Identifier: GPL-2.0
/*
 * VMX on this machine: may it be used, which backend, and the MSR bitmap.
 */
#include <linux/cc_platform.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor.h>

#include "vmx.h"
#include "../mmu/pgtbl.h"
#include "../msr.h"

#define CPUID_1_ECX_VMX	BIT(5)

u64 strata_vmx_msr_bitmap_pa, strata_vmx_msr_bitmap_all_pa;

/* The second lets every access exit, for a guest whose MSRs are filtered. */
static u8 *msr_bitmap, *msr_bitmap_all;
static struct strata_vendor vmx_vendor;

/*
 * Where the kernel keeps its CR4 helpers for KVM the bracket is the only way;
 * elsewhere it can be chosen, for tests.
 */
#ifdef HAVE_CR4_UPDATE_IRQSOFF
static bool vmx_bracket;
#else
static bool vmx_bracket = true;
#endif
module_param(vmx_bracket, bool, 0444);
MODULE_PARM_DESC(vmx_bracket, "enter and leave VMX operation around each window (Intel)");

/* The CPU's own word; the kernel hides the feature when the firmware locked it. */
static int check_firmware(const char **why)
{
	u64 ctl;

	if (!(cpuid_ecx(1) & CPUID_1_ECX_VMX)) {
		*why = "this CPU reports no VMX; enable it in the firmware (\"VT-x\")";
		return -ENODEV;
	}
	if (rdmsrl_safe(MSR_IA32_FEAT_CTL, &ctl)) {
		*why = "IA32_FEATURE_CONTROL cannot be read, although the CPU reports VMX";
		return -ENODEV;
	}
	if (!(ctl & FEAT_CTL_LOCKED)) {
		*why = "IA32_FEATURE_CONTROL is not locked: nobody enabled VMX";
		return -ENODEV;
	}
	if (!(ctl & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX)) {
		*why = "firmware locked VMX off in IA32_FEATURE_CONTROL; enable VT-x there";
		return -ENODEV;
	}
	return 0;
}

static int vmx_check(const char **why)
{
	int r = check_firmware(why);

	if (r)
		return r;
#ifdef X86_FEATURE_FRED
	if (boot_cpu_has(X86_FEATURE_FRED)) {
		*why = "FRED is on, under which NMIs cannot be handed over; boot with fred=off";
		return -EOPNOTSUPP;
	}
#endif
	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT)) {
		*why = "host memory encryption is on; boot with mem_encrypt=off";
		return -EOPNOTSUPP;
	}
#ifndef HAVE_CR4_UPDATE_IRQSOFF
	if (!vmx_bracket) {
		*why = "this kernel keeps the helpers for CR4 to KVM: load without vmx_bracket=0";
		return -EINVAL;
	}
#endif
	return vmx_caps_read(why);
}

/*
 * Four quarters of a page: reads of low and of high MSRs, then writes
 * (SDM 25.6.9). All ones: everything exits.
 */
static void fill_msr_bitmap(u8 *map)
{
	static const u32 bases[] = { 0, 0xc0000000 };
	unsigned int range, i;

	memset(map, 0xff, PAGE_SIZE);
	for (range = 0; range < ARRAY_SIZE(bases); range++) {
		for (i = 0; i < 0x2000; i++) {
			u8 *read = map + range * 1024 + i / 8, *write = read + 2048;

			if (!strata_msr_switched(bases[range] + i))
				continue;
			if (strata_msr_passthrough(bases[range] + i, false))
				*read &= ~(1u << (i % 8));
			if (strata_msr_passthrough(bases[range] + i, true))
				*write &= ~(1u << (i % 8));
		}
	}
}

static void vmx_teardown_bitmaps(void)
{
	free_page((unsigned long)msr_bitmap_all);
	free_page((unsigned long)msr_bitmap);
	msr_bitmap_all = NULL;
	msr_bitmap = NULL;
}

static void vmx_teardown(void)
{
	vmx_cpu_teardown();
	vmx_oracle_teardown();
	vmx_teardown_bitmaps();
}

static int vmx_setup(void)
{
	int r;

	vmx_vendor.pt_format = strata_vmx_caps.ept_ad ? &strata_ept_format :
							&strata_ept_noad_format;
	vmx_vendor.pt_levels = 4;
	vmx_vendor.pt_max_level = strata_vmx_caps.ept_vpid & EPT_CAP_1G ? 3 : 2;
	if (strata_vmx_caps.ctl[VMX_PROC2] & PROC2_TSC_SCALING) {
		vmx_vendor.tsc_frac = VMX_TSC_RATIO_FRAC;
		vmx_vendor.tsc_ratio_max = ~0ull;
	}
	if (vmx_bracket)
		static_branch_enable(&strata_vmx_bracket);

	msr_bitmap = (u8 *)get_zeroed_page(GFP_KERNEL);
	msr_bitmap_all = (u8 *)get_zeroed_page(GFP_KERNEL);
	if (!msr_bitmap || !msr_bitmap_all) {
		vmx_teardown_bitmaps();
		return -ENOMEM;
	}
	fill_msr_bitmap(msr_bitmap);
	strata_vmx_msr_bitmap_pa = virt_to_phys(msr_bitmap);
	memset(msr_bitmap_all, 0xff, PAGE_SIZE);
	strata_vmx_msr_bitmap_all_pa = virt_to_phys(msr_bitmap_all);
	r = vmx_oracle_setup();
	if (!r)
		r = vmx_cpu_setup();
	if (r)
		vmx_teardown();
	return r;
}

/* Reads of CR8 come from the virtual-APIC page. */
static void vmx_set_cr8(struct strata_vcpu *vcpu, u8 cr8)
{
	*((u8 *)to_vmx(vcpu)->vapic + 0x80) = cr8 << 4;
}

static void vmx_set_tsc(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 proc2 = vmx->proc2 & ~PROC2_TSC_SCALING;

	vmx->dirty |= VMX_GROUP(VMX_G_TSC);
	if (READ_ONCE(vcpu->tsc_ratio))
		proc2 |= PROC2_TSC_SCALING;
	if (proc2 == vmx->proc2)
		return;
	vmx->proc2 = proc2;
	vmx->dirty |= VMX_GROUP(VMX_G_CTLS);
}

/* The MSR bitmap or the exception bitmap is another. */
static void vmx_controls(struct strata_vcpu *vcpu)
{
	to_vmx(vcpu)->dirty |= VMX_GROUP(VMX_G_CTLS);
}

/* No step of the vendor's own: windows have exits of their own. */
static unsigned long vmx_get_rflags(struct strata_vcpu *vcpu)
{
	return vcpu->rflags;
}

static void vmx_set_rflags(struct strata_vcpu *vcpu, unsigned long rflags)
{
	vcpu->rflags = rflags;
}

/*
 * The trap is raised in software: what the exit saved of it as pending, if anything
 * (Bochs saves BS with an instruction that exits), must not come as well.
 */
static bool vmx_stepped(struct strata_vcpu *vcpu)
{
	to_vmx(vcpu)->dirty |= VMX_GROUP(VMX_G_PENDING_DB);
	return false;
}

static struct strata_vendor vmx_vendor = {
	.name = "vmx",
	.check = vmx_check,
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_destroy = vmx_vcpu_destroy,
	.vcpu_reset = vmx_vcpu_reset,
	.run = vmx_run,
	.cpuid_changed = vmx_cpuid_changed,
	.get_segment = vmx_get_segment,
	.set_segment = vmx_set_segment,
	.get_cpl = vmx_get_cpl,
	.get_dtable = vmx_get_dtable,
	.set_dtable = vmx_set_dtable,
	.set_cr0 = vmx_set_cr0,
	.set_cr3 = vmx_set_cr3,
	.set_cr4 = vmx_set_cr4,
	.set_efer = vmx_set_efer,
	.pdptes_ok = vmx_pdptes_ok,
	.get_pdptes = vmx_get_pdptes,
	.set_pdptes = vmx_set_pdptes,
	.sync_crs = vmx_sync_crs,
	.set_dr7 = vmx_set_dr7,
	.set_dr6 = vmx_set_dr6,
	.get_shadow = vmx_get_shadow,
	.set_shadow = vmx_set_shadow,
	.set_cr8 = vmx_set_cr8,
	.set_tsc = vmx_set_tsc,
	.msr_filter = vmx_controls,
	.exceptions = vmx_controls,
	.hypercall_opcode = 0xc1,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.inject = vmx_inject,
	.take_back = vmx_take_back,
	.irq_window = vmx_irq_window,
	.nmi_window = vmx_nmi_window,
	.get_rflags = vmx_get_rflags,
	.set_rflags = vmx_set_rflags,
	.stepped = vmx_stepped,
	.pt_format = &strata_ept_format,
	.emergency = vmx_emergency,
};

const struct strata_vendor *const strata_vmx_vendor = &vmx_vendor;
