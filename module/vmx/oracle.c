// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle, in debug builds: what Bochs forgives and silicon does not.
 *
 * Bochs keeps no field of a VMCS in the CPU, so a forgotten VMCLEAR passes
 * every test there, and it flushes all translations at every entry and exit,
 * so a forgotten INVEPT does. The oracle keeps the books that hardware would
 * keep: on which CPU a VMCS is active, which one is current, its launch state;
 * for each CPU and VPID which vCPU used it last and at which generation of the
 * EPT tables. It also asks, before every entry, whether the manual's rules
 * allow it, and compares the answer with the hardware's. A breach is a bug of
 * strata, not of the guest, and WARNs once.
 */
#include <linux/bug.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "insns.h"
#include "vmx.h"
#include "../oracle.h"

#define ORACLE_VPIDS	1024

struct vpid_use {
	const struct vmx_vcpu *owner;	/* compared, never followed: it may be gone */
	u64 tlb_gen;
	u64 invept;			/* oracle_cpu.invepts when it was noted */
};

struct oracle_cpu {
	struct vpid_use use[ORACLE_VPIDS];
	const struct vmx_vcpu *current_vmcs;
	u64 invepts;			/* INVEPTs on this CPU so far */
};

static DEFINE_PER_CPU(struct oracle_cpu *, oracle_cpu);

/* States of a VMCS (SDM 25.1). */
struct vmx_oracle {
	int cpu;			/* where it is active, -1: nowhere */
	bool launched;
	u64 invept;			/* as of the last flush of its own tables, by CPU */
	int invept_cpu;
	struct strata_entry_fault fault;	/* what the check before this entry said */
};

int vmx_oracle_setup(void)
{
	return strata_oracle_alloc_books((void * __percpu *)&oracle_cpu,
					 sizeof(struct oracle_cpu));
}

void vmx_oracle_teardown(void)
{
	strata_oracle_free_books((void * __percpu *)&oracle_cpu);
}

int vmx_oracle_create(struct vmx_vcpu *vmx)
{
	vmx->oracle = kzalloc(sizeof(*vmx->oracle), GFP_KERNEL_ACCOUNT);
	if (!vmx->oracle)
		return -ENOMEM;
	vmx->oracle->cpu = -1;
	vmx->oracle->invept_cpu = -1;
	return 0;
}

void vmx_oracle_destroy(struct vmx_vcpu *vmx)
{
	int cpu;

	WARN_ONCE(vmx->oracle->cpu >= 0, "strata oracle: a VMCS is freed while it is active");
	/* The address may come back as another vCPU's: forget it. */
	for_each_possible_cpu(cpu) {
		struct oracle_cpu *oc = per_cpu(oracle_cpu, cpu);
		unsigned int i;

		for (i = 0; oc && i < ORACLE_VPIDS; i++)
			if (oc->use[i].owner == vmx)
				oc->use[i].owner = NULL;
	}
	kfree(vmx->oracle);
}

/* All that was cached under any tag is gone. */
void vmx_oracle_flushed_all(void)
{
	struct oracle_cpu *oc = this_cpu_read(oracle_cpu);
	unsigned int i;

	for (i = 0; i < ORACLE_VPIDS; i++)
		oc->use[i].owner = NULL;
	oc->invepts++;
}

/* INVEPT of this vCPU's tables. */
void vmx_oracle_flushed(struct vmx_vcpu *vmx)
{
	struct oracle_cpu *oc = this_cpu_read(oracle_cpu);

	vmx->oracle->invept = ++oc->invepts;
	vmx->oracle->invept_cpu = raw_smp_processor_id();
}

void vmx_oracle_vmclear(struct vmx_vcpu *vmx)
{
	struct oracle_cpu *oc = this_cpu_read(oracle_cpu);

	WARN_ONCE(vmx->oracle->cpu >= 0 && vmx->oracle->cpu != raw_smp_processor_id(),
		  "strata oracle: VMCLEAR on another CPU than where the VMCS is active");
	vmx->oracle->cpu = -1;
	vmx->oracle->launched = false;
	if (oc->current_vmcs == vmx)
		oc->current_vmcs = NULL;
}

void vmx_oracle_vmptrld(struct vmx_vcpu *vmx)
{
	WARN_ONCE(vmx->oracle->cpu >= 0 && vmx->oracle->cpu != raw_smp_processor_id(),
		  "strata oracle: a VMCS becomes active on two CPUs");
	vmx->oracle->cpu = raw_smp_processor_id();
	this_cpu_read(oracle_cpu)->current_vmcs = vmx;
}

/* VMX operation ends here: no VMCS may be active any more. */
void vmx_oracle_vmxoff(void)
{
	WARN_ONCE(this_cpu_read(oracle_cpu)->current_vmcs,
		  "strata oracle: VMXOFF with a current VMCS");
}

static void check_vpid(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	const struct oracle_cpu *oc = this_cpu_read(oracle_cpu);
	const struct vpid_use *u;
	bool flushed;

	WARN_ONCE(!vmx->vpid, "strata oracle: a guest with the host's VPID");
	WARN_ONCE(vmcs_read(VMCS_VPID) != vmx->vpid, "strata oracle: another VPID in the VMCS");
	if (vmx->vpid >= ORACLE_VPIDS)
		return;
	u = &oc->use[vmx->vpid];
	flushed = vmx->oracle->invept_cpu == raw_smp_processor_id() &&
		  vmx->oracle->invept > u->invept;
	WARN_ONCE(u->owner && u->owner != vmx,
		  "strata oracle: a VPID with translations of another vCPU");
	WARN_ONCE(u->owner == vmx && u->tlb_gen != vcpu->tlb_gen && !flushed,
		  "strata oracle: a forgotten INVEPT");
}

static void note_vpid(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	struct oracle_cpu *oc = this_cpu_read(oracle_cpu);

	if (vmx->vpid >= ORACLE_VPIDS)
		return;
	oc->use[vmx->vpid] = (struct vpid_use){
		.owner = vmx, .tlb_gen = vcpu->tlb_gen, .invept = oc->invepts,
	};
}

static void check_host(void)
{
	u16 tr;

	asm("str %0" : "=r" (tr));
	WARN_ONCE(vmcs_read(VMCS_HOST_CR0) != read_cr0(), "strata oracle: the host's CR0 is stale");
	WARN_ONCE(vmcs_read(VMCS_HOST_CR3) != __native_read_cr3(),
		  "strata oracle: the host's CR3 is stale");
	WARN_ONCE(vmcs_read(VMCS_HOST_CR4) != native_read_cr4(),
		  "strata oracle: the host's CR4 is stale");
	WARN_ONCE(vmcs_read(VMCS_HOST_FS_BASE) != vmx_rdmsr(MSR_FS_BASE),
		  "strata oracle: the host's FS base is stale");
	WARN_ONCE(vmcs_read(VMCS_HOST_GS_BASE) != vmx_rdmsr(MSR_GS_BASE),
		  "strata oracle: the host's GS base is another CPU's");
	WARN_ONCE(vmcs_read(VMCS_HOST_TR_SEL) != tr, "strata oracle: the host's TR is another");
	WARN_ONCE(vmcs_read(VMCS_HOST_SYSENTER_ESP) != vmx_rdmsr(MSR_IA32_SYSENTER_ESP),
		  "strata oracle: the host's SYSENTER_ESP is another CPU's");
}

void vmx_oracle_before(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx)
{
	const struct oracle_cpu *oc = this_cpu_read(oracle_cpu);
	struct vmx_oracle *o = vmx->oracle;

	WARN_ONCE(oc->current_vmcs != vmx, "strata oracle: another VMCS is current");
	WARN_ONCE(o->cpu != raw_smp_processor_id(), "strata oracle: the VMCS is not active here");
	WARN_ONCE(o->launched != vmx->launched, "strata oracle: the launch state is wrong");
	check_vpid(vcpu, vmx);
	check_host();
	vmx_explain_entry(&o->fault);
	WARN_ONCE(o->fault.name && o->fault.ours, "strata oracle: %s is 0x%llx: %s",
		  o->fault.name, o->fault.value, o->fault.rule);
}

/* The manual's rules and the hardware are of one mind. */
void vmx_oracle_after(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, bool entered)
{
	struct vmx_oracle *o = vmx->oracle;

	if (!entered) {
		WARN_ONCE(!o->fault.name,
			  "strata oracle: the hardware refused what no rule forbids (0x%x)",
			  vmx->reason);
		return;
	}
	WARN_ONCE(o->fault.name, "strata oracle: the hardware took what a rule forbids: %s is 0x%llx: %s",
		  o->fault.name, o->fault.value, o->fault.rule);
	o->launched = true;
	note_vpid(vcpu, vmx);
}
