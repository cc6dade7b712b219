// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's control block: how it is made, reset, read and written.
 *
 * Register state that the hardware keeps in the VMCB is reached through
 * these functions only; each of them clears the clean bit of what it writes
 * (APM 15.15.3).
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "svm.h"
#include "../msr.h"

#define SEG_TYPE_MASK	0x0fu
#define SEG_S		(1u << 4)
#define SEG_DPL_SHIFT	5
#define SEG_P		(1u << 7)
#define SEG_AVL		(1u << 8)
#define SEG_L		(1u << 9)
#define SEG_DB		(1u << 10)
#define SEG_G		(1u << 11)

static struct vmcb_seg *svm_seg(struct vmcb *vmcb, enum strata_seg seg)
{
	switch (seg) {
	case STRATA_SEG_ES:
		return &vmcb->save.es;
	case STRATA_SEG_CS:
		return &vmcb->save.cs;
	case STRATA_SEG_SS:
		return &vmcb->save.ss;
	case STRATA_SEG_DS:
		return &vmcb->save.ds;
	case STRATA_SEG_FS:
		return &vmcb->save.fs;
	case STRATA_SEG_GS:
		return &vmcb->save.gs;
	case STRATA_SEG_TR:
		return &vmcb->save.tr;
	default:
		return &vmcb->save.ldtr;
	}
}

/**
 * svm_get_segment - the hidden part of a segment register
 * @vcpu: its mutex is held
 * @seg: which one
 * @s: filled wholly
 */
void svm_get_segment(struct strata_vcpu *vcpu, enum strata_seg seg, struct kvm_segment *s)
{
	const struct vmcb_seg *v = svm_seg(to_svm(vcpu)->vmcb, seg);
	u16 attr = v->attrib;

	memset(s, 0, sizeof(*s));
	s->base = v->base;
	s->limit = v->limit;
	s->selector = v->selector;
	s->type = attr & SEG_TYPE_MASK;
	s->s = !!(attr & SEG_S);
	s->dpl = (attr >> SEG_DPL_SHIFT) & 3;
	s->present = !!(attr & SEG_P);
	s->avl = !!(attr & SEG_AVL);
	s->l = !!(attr & SEG_L);
	s->db = !!(attr & SEG_DB);
	s->g = !!(attr & SEG_G);
	s->unusable = !s->present;
	/* The CPL lives beside the segments and rules (APM 15.5.1). */
	if (seg == STRATA_SEG_SS)
		s->dpl = to_svm(vcpu)->vmcb->save.cpl;
}

/**
 * svm_set_segment - write the hidden part of a segment register
 * @vcpu: its mutex is held
 * @seg: which one; SS sets the CPL as well
 * @s: taken as it is
 */
void svm_set_segment(struct strata_vcpu *vcpu, enum strata_seg seg, const struct kvm_segment *s)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	struct vmcb_seg *v = svm_seg(vmcb, seg);

	v->base = s->base;
	v->limit = s->limit;
	v->selector = s->selector;
	v->attrib = (s->type & SEG_TYPE_MASK) | (s->s ? SEG_S : 0) |
		    (s->dpl & 3) << SEG_DPL_SHIFT |
		    (s->present && !s->unusable ? SEG_P : 0) |
		    (s->avl ? SEG_AVL : 0) | (s->l ? SEG_L : 0) |
		    (s->db ? SEG_DB : 0) | (s->g ? SEG_G : 0);
	if (seg == STRATA_SEG_SS)
		vmcb->save.cpl = s->dpl & 3;
	if (seg == STRATA_SEG_CS)
		vcpu->cs_attr = v->attrib;
	svm_mark_dirty(vmcb, SVM_CLEAN_SEG);
}

int svm_get_cpl(struct strata_vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.cpl;
}

void svm_get_dtable(struct strata_vcpu *vcpu, bool idt, struct kvm_dtable *dt)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	const struct vmcb_seg *v = idt ? &vmcb->save.idtr : &vmcb->save.gdtr;

	memset(dt, 0, sizeof(*dt));
	dt->base = v->base;
	dt->limit = v->limit;
}

void svm_set_dtable(struct strata_vcpu *vcpu, bool idt, const struct kvm_dtable *dt)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	struct vmcb_seg *v = idt ? &vmcb->save.idtr : &vmcb->save.gdtr;

	v->base = dt->base;
	v->limit = dt->limit;
	svm_mark_dirty(vmcb, SVM_CLEAN_DT);
}

/*
 * Reads are intercepted only while the guest's value and the hardware's
 * differ, so that they are free otherwise.
 */
static void svm_intercept_cr(struct vmcb *vmcb, u16 *intercepts, int cr, bool on)
{
	u16 want = *intercepts;

	if (on)
		want |= 1u << cr;
	else
		want &= ~(1u << cr);
	if (want != *intercepts) {
		*intercepts = want;
		svm_mark_dirty(vmcb, SVM_CLEAN_INTERCEPTS);
	}
}

/**
 * svm_set_cr0 - a checked CR0
 * @vcpu: its mutex is held
 * @cr0: what the guest sees
 *
 * CD and NW are kept from the hardware: nested paging's memory types decide,
 * and an uncached guest would slow its core's neighbours. EFER.LMA follows
 * PG here, since the write that changed PG was intercepted.
 */
void svm_set_cr0(struct strata_vcpu *vcpu, unsigned long cr0)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	unsigned long hw = cr0 & ~(X86_CR0_CD | X86_CR0_NW);

	if (vcpu->efer & EFER_LME) {
		if (cr0 & X86_CR0_PG)
			vcpu->efer |= EFER_LMA;
		else
			vcpu->efer &= ~(u64)EFER_LMA;
		vmcb->save.efer = vcpu->efer | EFER_SVME;
	}
	vcpu->cr0 = cr0;
	vmcb->save.cr0 = hw;
	svm_intercept_cr(vmcb, &vmcb->control.intercept_cr_read, 0, hw != cr0);
	/* The selective one compares with what the hardware has, where CD is clear already. */
	svm_intercept_cr(vmcb, &vmcb->control.intercept_cr_write, 0, hw != cr0);
	svm_mark_dirty(vmcb, SVM_CLEAN_CRX);
}

void svm_set_cr3(struct strata_vcpu *vcpu, unsigned long cr3)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vcpu->cr3 = cr3;
	vmcb->save.cr3 = cr3;
	svm_mark_dirty(vmcb, SVM_CLEAN_CRX);
}

/**
 * svm_set_cr4 - a checked CR4
 * @vcpu: its mutex is held
 * @cr4: what the guest sees
 *
 * The hardware keeps MCE as the host has it: with MCE clear a machine check
 * would shut the CPU down instead of reaching the host.
 */
void svm_set_cr4(struct strata_vcpu *vcpu, unsigned long cr4)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	unsigned long hw = cr4 | (native_read_cr4() & X86_CR4_MCE);

	vcpu->cr4 = cr4;
	vmcb->save.cr4 = hw;
	svm_intercept_cr(vmcb, &vmcb->control.intercept_cr_read, 4, hw != cr4);
	svm_mark_dirty(vmcb, SVM_CLEAN_CRX);
}

void svm_set_efer(struct strata_vcpu *vcpu, u64 efer)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vcpu->efer = efer;
	/* VMRUN demands SVME (APM 15.5.1); reads of EFER are intercepted. */
	vmcb->save.efer = efer | EFER_SVME;
	svm_mark_dirty(vmcb, SVM_CLEAN_CRX);
}

void svm_sync_crs(struct strata_vcpu *vcpu)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	const unsigned long free = X86_CR0_TS | X86_CR0_MP;

	/* CR0_SEL_WRITE leaves TS and MP to the guest, CR3 is not intercepted. */
	vcpu->cr0 = (vcpu->cr0 & ~free) | (vmcb->save.cr0 & free);
	vcpu->cr3 = vmcb->save.cr3;
}

void svm_set_dr7(struct strata_vcpu *vcpu, unsigned long dr7)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vcpu->dr7 = dr7;
	vcpu->hw_dr7 = strata_hw_dr7(vcpu);
	vmcb->save.dr7 = vcpu->hw_dr7;
	svm_mark_dirty(vmcb, SVM_CLEAN_DRX);
}

void svm_set_dr6(struct strata_vcpu *vcpu, unsigned long dr6)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vcpu->dr6 = dr6;
	vmcb->save.dr6 = dr6;
	svm_mark_dirty(vmcb, SVM_CLEAN_DRX);
}

u8 svm_get_shadow(struct strata_vcpu *vcpu)
{
	/* SVM has one bit for the shadows of STI and of MOV SS. */
	return to_svm(vcpu)->vmcb->control.int_shadow & SVM_INT_SHADOW ?
		KVM_X86_SHADOW_INT_STI | KVM_X86_SHADOW_INT_MOV_SS : 0;
}

void svm_set_shadow(struct strata_vcpu *vcpu, u8 shadow)
{
	to_svm(vcpu)->vmcb->control.int_shadow = shadow ? SVM_INT_SHADOW : 0;
	vcpu->exit.shadow = shadow;
}

void svm_set_cr8(struct strata_vcpu *vcpu, u8 cr8)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	u32 ctl = (vmcb->control.int_ctl & ~SVM_INT_V_TPR_MASK) | (cr8 & 0xf);

	if (ctl != vmcb->control.int_ctl) {
		vmcb->control.int_ctl = ctl;
		svm_mark_dirty(vmcb, SVM_CLEAN_TPR);
	}
}

void svm_set_tsc(struct strata_vcpu *vcpu)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vmcb->control.tsc_offset = READ_ONCE(vcpu->tsc_offset);
	svm_mark_dirty(vmcb, SVM_CLEAN_INTERCEPTS);
}

/**
 * svm_exceptions - intercept strata_exceptions()
 * @vcpu: its mutex is held
 */
void svm_exceptions(struct strata_vcpu *vcpu)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vmcb->control.intercept_exceptions = strata_exceptions(vcpu);
	svm_mark_dirty(vmcb, SVM_CLEAN_INTERCEPTS);
}

static u64 msrpm_of(const struct strata_vcpu *vcpu)
{
	return rcu_access_pointer(vcpu->vm->msr_filter) ? strata_svm_msrpm_all_pa :
							  strata_svm_msrpm_pa;
}

/**
 * svm_msr_filter - the permission map that the VM's filter asks for
 * @vcpu: its mutex is held
 */
void svm_msr_filter(struct strata_vcpu *vcpu)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	vmcb->control.msrpm_base_pa = msrpm_of(vcpu);
	svm_mark_dirty(vmcb, SVM_CLEAN_IOPM);
}

/* Where an MSR lives in the save area; NULL: not there. */
static u64 *svm_msr_slot(struct vmcb *vmcb, u32 index)
{
	struct vmcb_save *save = &vmcb->save;

	switch (index) {
	case MSR_STAR:
		return &save->star;
	case MSR_LSTAR:
		return &save->lstar;
	case MSR_CSTAR:
		return &save->cstar;
	case MSR_SYSCALL_MASK:
		return &save->sfmask;
	case MSR_KERNEL_GS_BASE:
		return &save->kernel_gs_base;
	case MSR_IA32_SYSENTER_CS:
		return &save->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return &save->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return &save->sysenter_eip;
	case MSR_FS_BASE:
		return &save->fs.base;
	case MSR_GS_BASE:
		return &save->gs.base;
	case MSR_IA32_CR_PAT:
		return &save->g_pat;
	case MSR_IA32_DEBUGCTLMSR:
		return &save->dbgctl;
	default:
		return NULL;
	}
}

int svm_get_msr(struct strata_vcpu *vcpu, u32 index, u64 *val)
{
	const u64 *slot = svm_msr_slot(to_svm(vcpu)->vmcb, index);

	if (!slot)
		return 1;
	*val = *slot;
	return 0;
}

int svm_set_msr(struct strata_vcpu *vcpu, u32 index, u64 val)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	u64 *slot = svm_msr_slot(vmcb, index);

	if (!slot)
		return 1;
	*slot = val;
	/* PAT is under NP, DEBUGCTL under LBR, the bases under SEG. */
	svm_mark_dirty(vmcb, SVM_CLEAN_NP | SVM_CLEAN_LBR | SVM_CLEAN_SEG);
	return 0;
}

/**
 * svm_spec_ctrl_changed - let the hardware switch the guest's SPEC_CTRL
 * @vcpu: its mutex is held
 *
 * Where it does (APM 2 15.37) the guest runs with the host's bits and its own. No clean
 * bit is documented for the field, so none is left set.
 */
void svm_spec_ctrl_changed(struct strata_vcpu *vcpu)
{
	struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	if (!strata_svm_caps.v_spec_ctrl)
		return;
	vmcb->save.spec_ctrl = strata_msr_spec_ctrl(vcpu->msrs);
	vmcb->control.clean = 0;
}

/**
 * svm_cpuid_changed - intercept what the guest's new CPUID asks for
 * @vcpu: its mutex is held
 */
void svm_cpuid_changed(struct strata_vcpu *vcpu)
{
	struct vmcb_control *c = &to_svm(vcpu)->vmcb->control;
	bool rdtscp = strata_guest_has(vcpu, 0x80000001, 0, CPUID_R_EDX, 27) ||
		      strata_guest_has(vcpu, 7, 0, CPUID_R_ECX, 22);
	bool invpcid = strata_guest_has(vcpu, 7, 0, CPUID_R_EBX, 10);

	/* Without the feature the instruction is #UD. */
	if (rdtscp)
		c->intercept2 &= ~SVM_I2_RDTSCP;
	else
		c->intercept2 |= SVM_I2_RDTSCP;
	if (invpcid || !boot_cpu_has(X86_FEATURE_INVPCID))
		c->intercept3 &= ~SVM_I3_INVPCID;
	else
		c->intercept3 |= SVM_I3_INVPCID;
	svm_mark_dirty(to_svm(vcpu)->vmcb, SVM_CLEAN_INTERCEPTS);
}

static void svm_init_control(struct strata_vcpu *vcpu)
{
	struct vmcb_control *c = &to_svm(vcpu)->vmcb->control;

	/* MOV to CR4, to CR8; CR0 by the selective intercept below. */
	c->intercept_cr_write = 1u << 4 | 1u << 8;
	c->intercept_dr_read = 0xffff;
	c->intercept_dr_write = 0xffff;
	c->intercept_exceptions = strata_exceptions(vcpu);
	c->intercept1 = SVM_I1_INTR | SVM_I1_NMI | SVM_I1_SMI | SVM_I1_INIT |
			SVM_I1_CR0_SEL_WRITE | SVM_I1_RDPMC | SVM_I1_CPUID |
			SVM_I1_INVD | SVM_I1_HLT | SVM_I1_INVLPGA |
			SVM_I1_IOIO | SVM_I1_MSR | SVM_I1_SHUTDOWN | SVM_I1_RSM;
	if (vcpu->halts)
		c->intercept1 &= ~SVM_I1_HLT;
	c->intercept2 = SVM_I2_VMRUN | SVM_I2_VMMCALL | SVM_I2_VMLOAD |
			SVM_I2_VMSAVE | SVM_I2_STGI | SVM_I2_CLGI |
			SVM_I2_SKINIT | SVM_I2_WBINVD | SVM_I2_MONITOR |
			SVM_I2_MWAIT | SVM_I2_XSETBV | SVM_I2_RDPRU |
			SVM_I2_RDTSCP;
	c->intercept3 = SVM_I3_INVLPGB | SVM_I3_INVLPGB_ILLEGAL |
			SVM_I3_MCOMMIT | SVM_I3_TLBSYNC;
	c->iopm_base_pa = strata_svm_iopm_pa;
	c->msrpm_base_pa = msrpm_of(vcpu);
	c->int_ctl = SVM_INT_V_MASKING;
	c->nested_ctl = SVM_NESTED_CTL_NP;
	c->nested_cr3 = vcpu->vm->root_pa;
	c->exit_code = SVM_EXIT_BOGUS;
}

static void svm_reset_seg(struct vmcb_seg *s, u16 attrib)
{
	s->selector = 0;
	s->base = 0;
	s->limit = 0xffff;
	s->attrib = attrib;
}

/**
 * svm_vcpu_reset - the state after RESET, or after INIT
 * @vcpu: its mutex is held, or it is not published yet
 * @init: INIT keeps CR0.CD and NW (APM 14.1.3)
 *
 * The neutral part (registers, events, FPU, MSRs) is the caller's.
 */
void svm_vcpu_reset(struct strata_vcpu *vcpu, bool init)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vmcb_save *save = &svm->vmcb->save;
	const u16 data = SEG_P | SEG_S | 3, code = SEG_P | SEG_S | 0xb;
	unsigned long cr0 = X86_CR0_NW | X86_CR0_CD | X86_CR0_ET;
	u64 tsc_offset = svm->vmcb->control.tsc_offset;

	if (init)
		cr0 = (vcpu->cr0 & (X86_CR0_NW | X86_CR0_CD)) | X86_CR0_ET;

	memset(&svm->vmcb->control, 0, sizeof(svm->vmcb->control));
	svm_init_control(vcpu);
	svm->vmcb->control.tsc_offset = tsc_offset;

	svm_reset_seg(&save->es, data);
	svm_reset_seg(&save->ss, data);
	svm_reset_seg(&save->ds, data);
	svm_reset_seg(&save->fs, data);
	svm_reset_seg(&save->gs, data);
	svm_reset_seg(&save->cs, code);
	save->cs.selector = 0xf000;
	save->cs.base = 0xffff0000;
	vcpu->cs_attr = code;
	svm_reset_seg(&save->gdtr, 0);
	svm_reset_seg(&save->idtr, 0);
	svm_reset_seg(&save->ldtr, SEG_P | 2);
	svm_reset_seg(&save->tr, SEG_P | 0xb);
	save->cpl = 0;
	if (!init) {
		save->g_pat = 0x0007040600070406ull;
		save->dbgctl = 0;
		save->star = 0;
		save->lstar = 0;
		save->cstar = 0;
		save->sfmask = 0;
		save->kernel_gs_base = 0;
		save->sysenter_cs = 0;
		save->sysenter_esp = 0;
		save->sysenter_eip = 0;
	}
	svm->injecting = false;
	svm->nmi_step = false;
	svm->asid_gen = 0;

	svm_set_efer(vcpu, 0);
	svm_set_cr0(vcpu, cr0);
	svm_set_cr3(vcpu, 0);
	svm_set_cr4(vcpu, 0);
	svm_set_dr6(vcpu, vcpu->dr6);
	svm_set_dr7(vcpu, vcpu->dr7);
	svm_spec_ctrl_changed(vcpu);
	if (vcpu->cpuid_set)
		svm_cpuid_changed(vcpu);
	svm->vmcb->control.clean = 0;
}

/**
 * svm_vcpu_create - the control block of a new vCPU
 * @vcpu: not published yet
 *
 * Return: 0 or -ENOMEM.
 */
int svm_vcpu_create(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm;
	struct page *page;
	int r = -ENOMEM;

	svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	if (!svm)
		return -ENOMEM;
	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!page)
		goto free_svm;
	svm->last_cpu = -1;
	svm->vmcb = page_address(page);
	svm->vmcb_pa = page_to_phys(page);
	r = svm_oracle_create(svm);
	if (r)
		goto free_page;
	vcpu->hw = svm;
	return 0;

free_page:
	__free_page(page);
free_svm:
	kfree(svm);
	return r;
}

void svm_vcpu_destroy(struct strata_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm_oracle_destroy(svm);
	free_page((unsigned long)svm->vmcb);
	kfree(svm);
	vcpu->hw = NULL;
}
