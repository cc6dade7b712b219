// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's VMCS: how it is made, filled and reset.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>

#include "insns.h"
#include "vmx.h"
#include "../mitigate.h"

static void write_host_constants(void)
{
	u64 val;

	vmcs_write(VMCS_HOST_CR0, native_read_cr0());
	rdmsrl(MSR_EFER, val);
	vmcs_write(VMCS_HOST_EFER, val);
	rdmsrl(MSR_IA32_CR_PAT, val);
	vmcs_write(VMCS_HOST_PAT, val);
	vmcs_write(VMCS_HOST_CS_SEL, __KERNEL_CS);
	vmcs_write(VMCS_HOST_SS_SEL, __KERNEL_DS);
	/* Null ones; see vmx_host_reload(). */
	vmcs_write(VMCS_HOST_DS_SEL, 0);
	vmcs_write(VMCS_HOST_ES_SEL, 0);
	vmcs_write(VMCS_HOST_FS_SEL, 0);
	vmcs_write(VMCS_HOST_GS_SEL, 0);
	vmcs_write(VMCS_HOST_TR_SEL, GDT_ENTRY_TSS * 8);
	rdmsrl(MSR_IA32_SYSENTER_CS, val);
	vmcs_write(VMCS_HOST_SYSENTER_CS, val);
	rdmsrl(MSR_IA32_SYSENTER_EIP, val);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, val);
	vmcs_write(VMCS_HOST_RIP,
		   (unsigned long)(static_key_enabled(&strata_guard_entries) ?
				   strata_vmx_exit_guarded : strata_vmx_exit));
}

/**
 * vmx_write_constants - the fields that stay as they are
 * @vcpu: about to enter for the first time
 * @vmx: its VMCS is current; interrupts off
 */
void vmx_write_constants(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	const struct vmx_caps *c = &strata_vmx_caps;

	vmx->fresh = false;
	vmcs_write(VMCS_PIN_CTLS, c->ctl[VMX_PIN]);
	vmcs_write(VMCS_EXIT_CTLS, c->ctl[VMX_EXIT]);
	vmcs_write(VMCS_PF_ERROR_MASK, 0);
	vmcs_write(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_EXIT_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_INTR_INFO, 0);
	/* The guest changes TS and MP as it likes, as on SVM. */
	vmcs_write(VMCS_CR0_MASK, ~(X86_CR0_TS | X86_CR0_MP));
	vmcs_write(VMCS_CR4_MASK, ~0ul);
	vmcs_write(VMCS_VAPIC_PAGE, virt_to_phys(vmx->vapic));
	vmcs_write(VMCS_TPR_THRESHOLD, 0);
	vmcs_write(VMCS_EPTP, vmx->eptp);
	if (c->ctl[VMX_PROC2] & PROC2_XSAVES)
		vmcs_write(VMCS_XSS_BITMAP, ~0ul);
	if (c->ctl[VMX_PROC2] & PROC2_ENCLS)
		vmcs_write(VMCS_ENCLS_BITMAP, ~0ul);
	/* No shadow VMCS (SDM 25.4.2). */
	vmcs_write(VMCS_LINK_POINTER, ~0ul);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	if (c->perf_global)
		vmcs_write(VMCS_GUEST_PERF_GLOBAL, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmcs_write(VMCS_GUEST_PENDING_DB, 0);
	vmcs_write(VMCS_GUEST_INTR_STATE, 0);
	vmx->intr_state = 0;
	vmcs_write(VMCS_GUEST_RIP, vmx->rip);
	vmcs_write(VMCS_GUEST_RSP, vmx->rsp);
	vmcs_write(VMCS_GUEST_RFLAGS, vmx->rflags);
	write_host_constants();
}

/**
 * vmx_cpuid_changed - allow what the guest's new CPUID offers
 * @vcpu: its mutex is held
 *
 * Without the control the instruction is #UD.
 */
void vmx_cpuid_changed(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 proc2 = strata_vmx_caps.ctl[VMX_PROC2];

	if (!strata_guest_has(vcpu, 0x80000001, 0, CPUID_R_EDX, 27) &&
	    !strata_guest_has(vcpu, 7, 0, CPUID_R_ECX, 22))
		proc2 &= ~PROC2_RDTSCP;
	if (!strata_guest_has(vcpu, 7, 0, CPUID_R_EBX, 10))
		proc2 &= ~PROC2_INVPCID;
	if (!strata_guest_has(vcpu, 0xd, 1, CPUID_R_EAX, 3))
		proc2 &= ~PROC2_XSAVES;
	if (!vcpu->tsc_ratio)
		proc2 &= ~PROC2_TSC_SCALING;
	vmx->proc2 = proc2;
	vmx->dirty |= VMX_GROUP(VMX_G_CTLS);
}

static void reset_seg(struct vmx_vcpu *vmx, enum strata_seg seg, u32 ar)
{
	vmx->seg[seg] = (struct vmx_seg){ .limit = 0xffff, .ar = ar };
}

/**
 * vmx_vcpu_reset - the state after RESET, or after INIT
 * @vcpu: its mutex is held, or it is not published yet
 * @init: INIT keeps CR0.CD and NW, and the MSRs (SDM 3A table 10-1)
 *
 * The neutral part (registers, events, FPU, MSRs) is the caller's.
 */
void vmx_vcpu_reset(struct strata_vcpu *vcpu, bool init)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const u32 data = VMX_AR_P | VMX_AR_S | 3, code = VMX_AR_P | VMX_AR_S | 0xb;
	unsigned long cr0 = X86_CR0_NW | X86_CR0_CD | X86_CR0_ET;
	unsigned int seg;

	if (init) {
		vmx_read_groups(vcpu, VMX_GROUP(VMX_G_SYSENTER));
		cr0 = (vcpu->cr0 & (X86_CR0_NW | X86_CR0_CD)) | X86_CR0_ET;
	}
	for (seg = 0; seg < STRATA_NR_SEGS; seg++)
		reset_seg(vmx, seg, data);
	reset_seg(vmx, STRATA_SEG_CS, code);
	vmx->seg[STRATA_SEG_CS].sel = 0xf000;
	vmx->seg[STRATA_SEG_CS].base = 0xffff0000;
	reset_seg(vmx, STRATA_SEG_LDTR, VMX_AR_P | 2);
	reset_seg(vmx, STRATA_SEG_TR, VMX_AR_P | 0xb);
	vcpu->cs_attr = 0;
	vmx->gdt = (struct kvm_dtable){ .limit = 0xffff };
	vmx->idt = (struct kvm_dtable){ .limit = 0xffff };
	if (!init) {
		vmx->pat = 0x0007040600070406ull;
		vmx->sysenter_cs = 0;
		vmx->sysenter_esp = 0;
		vmx->sysenter_eip = 0;
		memset(vmx->lazy, 0, sizeof(vmx->lazy));
		vmx->kernel_gs_base = 0;
		vmx->cstar = 0;
	}
	memset(vmx->pdpte, 0, sizeof(vmx->pdpte));
	vmx->pdptes_stale = false;
	vmx->lazy_changed = true;
	vmx->shadow = 0;
	vmx->proc = strata_vmx_caps.ctl[VMX_PROC];
	if (vcpu->halts)
		vmx->proc &= ~PROC_HLT;
	vmx->proc2 = strata_vmx_caps.ctl[VMX_PROC2];
	vmx_take_back(vcpu);

	vmx_set_efer(vcpu, 0);
	vmx_set_cr0(vcpu, cr0);
	vmx_set_cr3(vcpu, 0);
	vmx_set_cr4(vcpu, 0);
	vmx_set_dr6(vcpu, vcpu->dr6);
	vmx_set_dr7(vcpu, vcpu->dr7);
	if (vcpu->cpuid_set)
		vmx_cpuid_changed(vcpu);
	vmx->avail = VMX_GROUPS_READ;
	vmx->dirty = VMX_GROUPS_ALL;
}

/**
 * vmx_vcpu_create - the VMCS of a new vCPU
 * @vcpu: not published yet
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_vcpu_create(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx;

	vmx = kzalloc(sizeof(*vmx), GFP_KERNEL_ACCOUNT);
	if (!vmx)
		return -ENOMEM;
	vmx->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vmx->vapic = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs || !vmx->vapic || vmx_oracle_create(vmx)) {
		free_page((unsigned long)vmx->vapic);
		free_page((unsigned long)vmx->vmcs);
		kfree(vmx);
		return -ENOMEM;
	}
	*(u32 *)vmx->vmcs = strata_vmx_caps.basic & 0x7fffffff;
	vmx->vmcs_pa = virt_to_phys(vmx->vmcs);
	vmx->eptp = vcpu->vm->root_pa | EPTP_WB |
		    (u64)(strata_vendor->pt_levels - 1) << EPTP_WALK_SHIFT |
		    (strata_vmx_caps.ept_ad ? EPTP_AD : 0);
	vmx->cpu_nr = -1;
	/* Until the first exit RSP is user space's. */
	vmx->rsp_read = true;
	INIT_LIST_HEAD(&vmx->link);
	vmx->fresh = true;
	vcpu->hw = vmx;
	return 0;
}

void vmx_vcpu_destroy(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_forget(vmx);
	vmx_oracle_destroy(vmx);
	free_page((unsigned long)vmx->vapic);
	free_page((unsigned long)vmx->vmcs);
	kfree(vmx);
	vcpu->hw = NULL;
}
