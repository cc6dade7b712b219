// SPDX-License-Identifier: GPL-2.0
/*
 * Control and debug registers in VMX's terms: masks, shadows, PDPTEs.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "insns.h"
#include "vmx.h"

/* Bits of CR0 and CR4 whose change loads the PDPTEs (SDM 4.4.1). */
#define CR0_LOADS_PDPTES	(X86_CR0_CD | X86_CR0_NW | X86_CR0_PG)
#define CR4_LOADS_PDPTES	(X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)

/* With these, PAE paging, whose four PDPTEs the CPU keeps in registers. */
static bool pae_paging(const struct strata_vcpu *vcpu, unsigned long cr0, unsigned long cr4)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(vcpu->efer & EFER_LME);
}

/* A write of CR0, CR3 or CR4 that exits loads the PDPTEs in software. */
static void pdptes_may_change(struct strata_vcpu *vcpu)
{
	if (pae_paging(vcpu, vcpu->cr0, vcpu->cr4))
		to_vmx(vcpu)->pdptes_stale = true;
}

static bool bad_pdpte(const struct strata_vcpu *vcpu, u64 pdpte)
{
	return (pdpte & 1) && (pdpte & (~0ull << vcpu->maxphyaddr | 0x1e6));
}

/* What cannot be read is not present: the guest meets a page fault there. */
static void read_pdptes(struct strata_vcpu *vcpu, u64 pdpte[4])
{
	vmx_sync_crs(vcpu);
	if (strata_read_guest(vcpu->vm, vcpu->cr3 & 0xffffffe0, pdpte, 4 * sizeof(*pdpte)))
		memset(pdpte, 0, 4 * sizeof(*pdpte));
}

/**
 * vmx_pdptes_ok - would an instruction that writes CR0 or CR4 load PDPTEs that it may not?
 * @vcpu: its mutex is held; may sleep
 * @cr0: what it will be
 * @cr4: what it will be
 *
 * Return: false where the instruction raises #GP (SDM 4.4.1).
 */
bool vmx_pdptes_ok(struct strata_vcpu *vcpu, unsigned long cr0, unsigned long cr4)
{
	u64 pdpte[4];
	unsigned int i;

	if (!pae_paging(vcpu, cr0, cr4) ||
	    !((cr0 ^ vcpu->cr0) & CR0_LOADS_PDPTES || (cr4 ^ vcpu->cr4) & CR4_LOADS_PDPTES))
		return true;
	read_pdptes(vcpu, pdpte);
	for (i = 0; i < ARRAY_SIZE(pdpte); i++)
		if (bad_pdpte(vcpu, pdpte[i]))
			return false;
	return true;
}

/**
 * vmx_load_pdptes - read the PDPTEs that CR3 points to
 * @vcpu: its mutex is held; may sleep
 *
 * Entries with reserved bits, which only user space can have brought about
 * here, or another vCPU since the instruction, count as not present: the entry
 * takes none.
 */
void vmx_load_pdptes(struct strata_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	unsigned int i;

	vmx->pdptes_stale = false;
	if (!pae_paging(vcpu, vcpu->cr0, vcpu->cr4))
		return;
	read_pdptes(vcpu, vmx->pdpte);
	for (i = 0; i < ARRAY_SIZE(vmx->pdpte); i++)
		if (bad_pdpte(vcpu, vmx->pdpte[i]))
			vmx->pdpte[i] = 0;
	vmx->avail |= VMX_GROUP(VMX_G_PDPTES);
	vmx->dirty |= VMX_GROUP(VMX_G_PDPTES);
}

/**
 * vmx_get_pdptes - the PDPTEs that the CPU goes by
 * @vcpu: its mutex is held; PAE paging; may sleep
 * @pdpte: takes four
 */
void vmx_get_pdptes(struct strata_vcpu *vcpu, u64 *pdpte)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (vmx->pdptes_stale)
		vmx_load_pdptes(vcpu);
	vmx_read_groups(vcpu, VMX_GROUP(VMX_G_PDPTES));
	memcpy(pdpte, vmx->pdpte, sizeof(vmx->pdpte));
}

/**
 * vmx_set_pdptes - other PDPTEs than memory has
 * @vcpu: its mutex is held; PAE paging
 * @pdpte: four; those with reserved bits count as not present
 */
void vmx_set_pdptes(struct strata_vcpu *vcpu, const u64 *pdpte)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	unsigned int i;

	vmx->pdptes_stale = false;
	for (i = 0; i < ARRAY_SIZE(vmx->pdpte); i++)
		vmx->pdpte[i] = bad_pdpte(vcpu, pdpte[i]) ? 0 : pdpte[i];
	vmx->avail |= VMX_GROUP(VMX_G_PDPTES);
	vmx->dirty |= VMX_GROUP(VMX_G_PDPTES);
}

/**
 * vmx_set_cr0 - a checked CR0
 * @vcpu: its mutex is held
 * @cr0: what the guest sees
 *
 * Entries leave CD and NW as they are, so the guest's are in the shadow only.
 * NE must be 1 (SDM A.7); an unrestricted guest may have PE and PG clear.
 */
void vmx_set_cr0(struct strata_vcpu *vcpu, unsigned long cr0)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 efer = vcpu->efer & ~(u64)EFER_LMA;

	if ((efer & EFER_LME) && (cr0 & X86_CR0_PG))
		efer |= EFER_LMA;
	if (efer != vcpu->efer)
		vmx_set_efer(vcpu, efer);
	vcpu->cr0 = cr0;
	vmx->hw_cr0 = (cr0 & ~(X86_CR0_CD | X86_CR0_NW)) |
		      (strata_vmx_caps.cr0_fixed0 & ~(X86_CR0_PE | X86_CR0_PG));
	vmx->avail |= VMX_GROUP(VMX_G_CR0);
	vmx->dirty |= VMX_GROUP(VMX_G_CR0);
	pdptes_may_change(vcpu);
}

void vmx_set_cr3(struct strata_vcpu *vcpu, unsigned long cr3)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vcpu->cr3 = cr3;
	vmx->avail |= VMX_GROUP(VMX_G_CR3);
	vmx->dirty |= VMX_GROUP(VMX_G_CR3);
	pdptes_may_change(vcpu);
}

/**
 * vmx_set_cr4 - a checked CR4
 * @vcpu: its mutex is held
 * @cr4: what the guest sees; the hardware has VMXE and the host's MCE as well
 */
void vmx_set_cr4(struct strata_vcpu *vcpu, unsigned long cr4)
{
	vcpu->cr4 = cr4;
	to_vmx(vcpu)->dirty |= VMX_GROUP(VMX_G_CR4);
	pdptes_may_change(vcpu);
}

void vmx_set_efer(struct strata_vcpu *vcpu, u64 efer)
{
	vcpu->efer = efer;
	to_vmx(vcpu)->dirty |= VMX_GROUP(VMX_G_EFER);
	/* SYSCALL may be there now, and its MSRs not. */
	to_vmx(vcpu)->lazy_changed = true;
	pdptes_may_change(vcpu);
}

/* The guest's DR6 is in no register: its accesses exit, and so does every #DB. */
void vmx_set_dr6(struct strata_vcpu *vcpu, unsigned long dr6)
{
	vcpu->dr6 = dr6;
}

void vmx_set_dr7(struct strata_vcpu *vcpu, unsigned long dr7)
{
	vcpu->dr7 = dr7;
	vcpu->hw_dr7 = strata_hw_dr7(vcpu);
	to_vmx(vcpu)->dirty |= VMX_GROUP(VMX_G_DR7);
}
