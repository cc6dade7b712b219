// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's registers in the VMCS, through copies.
 *
 * VMREAD and VMWRITE cost as much as a dozen other instructions, and work only
 * where the VMCS is current. So registers are read in groups when somebody
 * asks for one, changed in the copy, and written before the next entry. In
 * bracket mode everything is read at the end of each window, since the VMCS
 * is out of reach afterwards.
 */
#include <linux/preempt.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "insns.h"
#include "vmx.h"

/* Fields of one segment register; the VMCS has LDTR before TR. */
static const struct seg_fields {
	u16 sel, limit, ar, base;
} seg_fields[STRATA_NR_SEGS] = {
#define SEG(s)	[STRATA_SEG_##s] = { VMCS_GUEST_##s##_SEL, VMCS_GUEST_##s##_LIMIT, \
				     VMCS_GUEST_##s##_AR, VMCS_GUEST_##s##_BASE }
	SEG(ES), SEG(CS), SEG(SS), SEG(DS), SEG(FS), SEG(GS), SEG(TR), SEG(LDTR),
#undef SEG
};

/* Bits of CR0 that the guest changes without an exit. */
#define CR0_FREE	(X86_CR0_TS | X86_CR0_MP)

static void read_seg(struct vmx_vcpu *vmx, unsigned int seg)
{
	const struct seg_fields *f = &seg_fields[seg];
	struct vmx_seg *s = &vmx->seg[seg];

	s->sel = vmcs_read(f->sel);
	s->limit = vmcs_read(f->limit);
	s->ar = vmcs_read(f->ar);
	s->base = vmcs_read(f->base);
}

static void write_seg(struct vmx_vcpu *vmx, unsigned int seg)
{
	const struct seg_fields *f = &seg_fields[seg];
	const struct vmx_seg *s = &vmx->seg[seg];

	vmcs_write(f->sel, s->sel);
	vmcs_write(f->limit, s->limit);
	vmcs_write(f->ar, s->ar);
	vmcs_write(f->base, s->base);
}

static void read_rest(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, u32 groups)
{
	unsigned int i;

	if (groups & VMX_GROUP(VMX_G_DTABLES)) {
		vmx->gdt.base = vmcs_read(VMCS_GUEST_GDTR_BASE);
		vmx->gdt.limit = vmcs_read(VMCS_GUEST_GDTR_LIMIT);
		vmx->idt.base = vmcs_read(VMCS_GUEST_IDTR_BASE);
		vmx->idt.limit = vmcs_read(VMCS_GUEST_IDTR_LIMIT);
	}
	if (groups & VMX_GROUP(VMX_G_CR0)) {
		vmx->hw_cr0 = vmcs_read(VMCS_GUEST_CR0);
		vcpu->cr0 = (vcpu->cr0 & ~CR0_FREE) | (vmx->hw_cr0 & CR0_FREE);
	}
	if (groups & VMX_GROUP(VMX_G_CR3))
		vcpu->cr3 = vmcs_read(VMCS_GUEST_CR3);
	if (groups & VMX_GROUP(VMX_G_SYSENTER)) {
		vmx->sysenter_cs = vmcs_read(VMCS_GUEST_SYSENTER_CS);
		vmx->sysenter_esp = vmcs_read(VMCS_GUEST_SYSENTER_ESP);
		vmx->sysenter_eip = vmcs_read(VMCS_GUEST_SYSENTER_EIP);
	}
	if (groups & VMX_GROUP(VMX_G_PDPTES))
		for (i = 0; i < ARRAY_SIZE(vmx->pdpte); i++)
			vmx->pdpte[i] = vmcs_read(VMCS_GUEST_PDPTE0 + 2 * i);
}

/**
 * vmx_read_groups - bring copies up to date
 * @vcpu: its mutex is held
 * @groups: at least these
 *
 * In a window, or anywhere with interrupts on.
 */
void vmx_read_groups(struct strata_vcpu *vcpu, u32 groups)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 want = groups & ~vmx->avail & VMX_GROUPS_READ;
	unsigned int seg;

	if (!want)
		return;
	preempt_disable();
	/* On a CPU that is given back nothing can be read, and nothing is kept. */
	if (!static_branch_unlikely(&strata_vmx_bracket) && unlikely(!vmx_make_current(vmx)))
		goto out;
	for (seg = 0; seg < STRATA_NR_SEGS; seg++)
		if (want & VMX_GROUP(seg))
			read_seg(vmx, seg);
	read_rest(vcpu, vmx, want);
	vmx->avail |= want;
out:
	preempt_enable();
}

/*
 * A guest that halts without an exit goes on doing so, unless it gets an event or was
 * put somewhere else (SDM 27.6.2).
 */
static void write_activity(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	if (!vcpu->halts)
		return;
	vmx->dirty |= VMX_GROUP(VMX_G_ACTIVITY);
	if ((vmx->inject_info || vcpu->rip != vmx->rip) &&
	    vmcs_read(VMCS_GUEST_ACTIVITY) != ACTIVITY_ACTIVE)
		vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
}

static void write_rare(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, u32 dirty)
{
	bool lma = vcpu->efer & EFER_LMA;
	unsigned int i;

	if (dirty & VMX_GROUP(VMX_G_DTABLES)) {
		vmcs_write(VMCS_GUEST_GDTR_BASE, vmx->gdt.base);
		vmcs_write(VMCS_GUEST_GDTR_LIMIT, vmx->gdt.limit);
		vmcs_write(VMCS_GUEST_IDTR_BASE, vmx->idt.base);
		vmcs_write(VMCS_GUEST_IDTR_LIMIT, vmx->idt.limit);
	}
	if (dirty & VMX_GROUP(VMX_G_SYSENTER)) {
		vmcs_write(VMCS_GUEST_SYSENTER_CS, vmx->sysenter_cs);
		vmcs_write(VMCS_GUEST_SYSENTER_ESP, vmx->sysenter_esp);
		vmcs_write(VMCS_GUEST_SYSENTER_EIP, vmx->sysenter_eip);
	}
	if (dirty & VMX_GROUP(VMX_G_PDPTES))
		for (i = 0; i < ARRAY_SIZE(vmx->pdpte); i++)
			vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, vmx->pdpte[i]);
	if (dirty & VMX_GROUP(VMX_G_EFER)) {
		vmcs_write(VMCS_GUEST_EFER, vcpu->efer);
		vmcs_write(VMCS_ENTRY_CTLS, strata_vmx_caps.ctl[VMX_ENTRY] |
			   (lma ? ENTRY_IA32E : 0));
	}
	if (dirty & VMX_GROUP(VMX_G_PAT))
		vmcs_write(VMCS_GUEST_PAT, vmx->pat);
	if (dirty & VMX_GROUP(VMX_G_PENDING_DB))
		vmcs_write(VMCS_GUEST_PENDING_DB, 0);
	if (dirty & VMX_GROUP(VMX_G_ACTIVITY))
		write_activity(vcpu, vmx);
	if (dirty & VMX_GROUP(VMX_G_DR7))
		vmcs_write(VMCS_GUEST_DR7, vcpu->hw_dr7);
	if (dirty & VMX_GROUP(VMX_G_CTLS)) {
		vmcs_write(VMCS_PROC_CTLS, vmx->proc);
		vmcs_write(VMCS_PROC2_CTLS, vmx->proc2);
		vmcs_write(VMCS_MSR_BITMAP, vmx_msr_bitmap(vcpu));
		vmcs_write(VMCS_EXCEPTION_BITMAP, strata_exceptions(vcpu));
	}
}

/**
 * vmx_write_groups - write what the copies have and the VMCS has not
 * @vcpu: about to enter; its VMCS is current, interrupts are off
 */
void vmx_write_groups(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 dirty = vmx->dirty;
	unsigned int seg;

	vmx->dirty = 0;
	if (dirty & VMX_GROUP(VMX_G_EVENT))
		vmx_write_event(vcpu);
	/* Nearly always that is all. */
	if (dirty == VMX_GROUP(VMX_G_EVENT))
		return;
	if (dirty & VMX_GROUP(VMX_G_TSC)) {
		vmcs_write(VMCS_TSC_OFFSET, READ_ONCE(vcpu->tsc_offset));
		if (vcpu->tsc_ratio)
			vmcs_write(VMCS_TSC_MULTIPLIER, vcpu->tsc_ratio);
	}
	if (dirty & VMX_GROUP(VMX_G_CR0)) {
		vmcs_write(VMCS_GUEST_CR0, vmx->hw_cr0);
		vmcs_write(VMCS_CR0_SHADOW, vcpu->cr0);
	}
	if (dirty & VMX_GROUP(VMX_G_CR3))
		vmcs_write(VMCS_GUEST_CR3, vcpu->cr3);
	if (dirty & VMX_GROUP(VMX_G_CR4)) {
		vmcs_write(VMCS_GUEST_CR4, (vcpu->cr4 | strata_vmx_caps.cr4_fixed0 |
					    (native_read_cr4() & X86_CR4_MCE)));
		vmcs_write(VMCS_CR4_SHADOW, vcpu->cr4);
	}
	for (seg = 0; seg < STRATA_NR_SEGS; seg++)
		if (dirty & VMX_GROUP(seg))
			write_seg(vmx, seg);
	write_rare(vcpu, vmx, dirty);
}

/**
 * vmx_get_segment - the hidden part of a segment register
 * @vcpu: its mutex is held
 * @seg: which one
 * @s: filled wholly
 */
void vmx_get_segment(struct strata_vcpu *vcpu, enum strata_seg seg, struct kvm_segment *s)
{
	const struct vmx_seg *v = &to_vmx(vcpu)->seg[seg];

	vmx_read_groups(vcpu, VMX_GROUP(seg));
	memset(s, 0, sizeof(*s));
	s->base = v->base;
	s->limit = v->limit;
	s->selector = v->sel;
	s->type = v->ar & VMX_AR_TYPE;
	s->s = !!(v->ar & VMX_AR_S);
	s->dpl = (v->ar >> VMX_AR_DPL_SHIFT) & 3;
	s->present = !!(v->ar & VMX_AR_P) && !(v->ar & VMX_AR_UNUSABLE);
	s->avl = !!(v->ar & VMX_AR_AVL);
	s->l = !!(v->ar & VMX_AR_L);
	s->db = !!(v->ar & VMX_AR_DB);
	s->g = !!(v->ar & VMX_AR_G);
	s->unusable = !!(v->ar & VMX_AR_UNUSABLE) || !s->present;
}

/**
 * vmx_set_segment - write the hidden part of a segment register
 * @vcpu: its mutex is held
 * @seg: which one; the DPL of SS is the CPL
 * @s: taken as it is, but that a code or data segment which can be used is
 *	accessed: loading it would have made it so, and the entry demands it
 */
void vmx_set_segment(struct strata_vcpu *vcpu, enum strata_seg seg, const struct kvm_segment *s)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct vmx_seg *v = &vmx->seg[seg];
	u32 type = s->type & VMX_AR_TYPE;

	v->base = s->base;
	v->limit = s->limit;
	v->sel = s->selector;
	if (s->s && s->present && !s->unusable)
		type |= 1;
	v->ar = type | (s->s ? VMX_AR_S : 0) | (s->dpl & 3u) << VMX_AR_DPL_SHIFT |
		(s->present ? VMX_AR_P : 0) | (s->avl ? VMX_AR_AVL : 0) | (s->l ? VMX_AR_L : 0) |
		(s->db ? VMX_AR_DB : 0) | (s->g ? VMX_AR_G : 0);
	if (s->unusable || !s->present)
		v->ar = (v->ar & ~VMX_AR_P) | VMX_AR_UNUSABLE;
	if (seg == STRATA_SEG_CS)
		vcpu->cs_attr = vmx_neutral_cs(v->ar);
	vmx->avail |= VMX_GROUP(seg);
	vmx->dirty |= VMX_GROUP(seg);
}

int vmx_get_cpl(struct strata_vcpu *vcpu)
{
	vmx_read_groups(vcpu, VMX_GROUP(STRATA_SEG_SS));
	return (to_vmx(vcpu)->seg[STRATA_SEG_SS].ar >> VMX_AR_DPL_SHIFT) & 3;
}

void vmx_get_dtable(struct strata_vcpu *vcpu, bool idt, struct kvm_dtable *dt)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx_read_groups(vcpu, VMX_GROUP(VMX_G_DTABLES));
	memset(dt, 0, sizeof(*dt));
	dt->base = idt ? vmx->idt.base : vmx->gdt.base;
	dt->limit = idt ? vmx->idt.limit : vmx->gdt.limit;
}

void vmx_set_dtable(struct strata_vcpu *vcpu, bool idt, const struct kvm_dtable *dt)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	struct kvm_dtable *to = idt ? &vmx->idt : &vmx->gdt;

	vmx_read_groups(vcpu, VMX_GROUP(VMX_G_DTABLES));
	to->base = dt->base;
	to->limit = dt->limit;
	vmx->dirty |= VMX_GROUP(VMX_G_DTABLES);
}

void vmx_sync_crs(struct strata_vcpu *vcpu)
{
	vmx_read_groups(vcpu, VMX_GROUP(VMX_G_CR0) | VMX_GROUP(VMX_G_CR3));
}

/* Where an MSR lives and the groups it belongs to; NULL: not there. */
static u64 *msr_slot(struct vmx_vcpu *vmx, u32 index, u32 *groups)
{
	*groups = 0;
	switch (index) {
	case MSR_STAR:
		return &vmx->lazy[VMX_LAZY_STAR];
	case MSR_LSTAR:
		return &vmx->lazy[VMX_LAZY_LSTAR];
	case MSR_SYSCALL_MASK:
		return &vmx->lazy[VMX_LAZY_FMASK];
	case MSR_CSTAR:
		return &vmx->cstar;
	case MSR_KERNEL_GS_BASE:
		return &vmx->kernel_gs_base;
	case MSR_IA32_SYSENTER_CS:
		*groups = VMX_GROUP(VMX_G_SYSENTER);
		return &vmx->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		*groups = VMX_GROUP(VMX_G_SYSENTER);
		return &vmx->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		*groups = VMX_GROUP(VMX_G_SYSENTER);
		return &vmx->sysenter_eip;
	case MSR_FS_BASE:
		*groups = VMX_GROUP(STRATA_SEG_FS);
		return &vmx->seg[STRATA_SEG_FS].base;
	case MSR_GS_BASE:
		*groups = VMX_GROUP(STRATA_SEG_GS);
		return &vmx->seg[STRATA_SEG_GS].base;
	case MSR_IA32_CR_PAT:
		*groups = VMX_GROUP(VMX_G_PAT);
		return &vmx->pat;
	default:
		return NULL;
	}
}

int vmx_get_msr(struct strata_vcpu *vcpu, u32 index, u64 *val)
{
	u32 groups;
	const u64 *slot = msr_slot(to_vmx(vcpu), index, &groups);

	if (!slot)
		return 1;
	vmx_read_groups(vcpu, groups);
	*val = *slot;
	return 0;
}

int vmx_set_msr(struct strata_vcpu *vcpu, u32 index, u64 val)
{
	u32 groups;
	u64 *slot = msr_slot(to_vmx(vcpu), index, &groups);

	if (!slot)
		return 1;
	vmx_read_groups(vcpu, groups);
	*slot = val;
	to_vmx(vcpu)->dirty |= groups;
	/* Whatever it was: the next window compares them all. */
	to_vmx(vcpu)->lazy_changed = true;
	return 0;
}
