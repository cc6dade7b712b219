// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle, in debug builds: what the emulators forgive and silicon does
 * not.
 *
 * Emulators flush their TLB at every VMRUN, ignore ASIDs and reload the whole
 * VMCB. So a forgotten flush or a clean bit too many passes every test there.
 * The oracle keeps the books that hardware would keep: for each CPU and ASID
 * which vCPU used it last and at which generation of the nested tables; for
 * each VMCB what the hardware may have cached of it. A breach is a bug of
 * strata, not of the guest, and WARNs once.
 */
#include <linux/bug.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/processor.h>

#include "svm.h"
#include "../oracle.h"

#define ORACLE_ASIDS	1024

struct asid_use {
	const struct svm_vcpu *owner;	/* compared, never followed: it may be gone */
	u64 tlb_gen;
	u64 asid_gen;
};

struct oracle_cpu {
	struct asid_use use[ORACLE_ASIDS];
};

static DEFINE_PER_CPU(struct oracle_cpu *, oracle_cpu);

static bool on_tcg;

struct svm_oracle {
	struct vmcb copy;		/* as of the last entry or exit */
	int cpu;			/* where it was cached, -1: nowhere */
	struct strata_entry_fault fault;	/* what the check before this entry said */
};

int svm_oracle_setup(void)
{
	on_tcg = hypervisor_cpuid_base("TCGTCGTCGTCG", 0);
	return strata_oracle_alloc_books((void * __percpu *)&oracle_cpu,
					 sizeof(struct oracle_cpu));
}

void svm_oracle_teardown(void)
{
	strata_oracle_free_books((void * __percpu *)&oracle_cpu);
}

int svm_oracle_create(struct svm_vcpu *svm)
{
	svm->oracle = kzalloc(sizeof(*svm->oracle), GFP_KERNEL_ACCOUNT);
	if (!svm->oracle)
		return -ENOMEM;
	svm->oracle->cpu = -1;
	return 0;
}

void svm_oracle_destroy(struct svm_vcpu *svm)
{
	int cpu;

	/* The address may come back as another vCPU's: forget it. */
	for_each_possible_cpu(cpu) {
		struct oracle_cpu *oc = per_cpu(oracle_cpu, cpu);
		unsigned int i;

		for (i = 0; oc && i < ORACLE_ASIDS; i++)
			if (oc->use[i].owner == svm)
				oc->use[i].tlb_gen = ~0ull;
	}
	kfree(svm->oracle);
}

/* Another hypervisor may have used every tag: nothing is known any more. */
void svm_oracle_cpu_enabled(void)
{
	struct oracle_cpu *oc = this_cpu_read(oracle_cpu);
	unsigned int i;

	for (i = 0; i < ORACLE_ASIDS; i++)
		oc->use[i].tlb_gen = ~0ull;
}

/*
 * No tag is entered with translations of another vCPU, or of this one before
 * the nested tables changed, unless the entry flushes.
 */
static void check_asid(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	const struct vmcb_control *c = &svm->vmcb->control;
	const struct oracle_cpu *oc = this_cpu_read(oracle_cpu);
	const struct asid_use *u;

	if (c->asid >= ORACLE_ASIDS)
		return;
	u = &oc->use[c->asid];
	if (c->tlb_control != SVM_TLB_NOTHING)
		return;
	WARN_ONCE(u->owner && u->owner != svm,
		  "strata oracle: an ASID with translations of another vCPU");
	WARN_ONCE(u->owner == svm && u->tlb_gen != vcpu->tlb_gen,
		  "strata oracle: a forgotten TLB flush");
}

/* The guest ran with its tag; what was to be flushed is gone. */
static void note_asid(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	const struct vmcb_control *c = &svm->vmcb->control;
	struct oracle_cpu *oc = this_cpu_read(oracle_cpu);
	unsigned int i;

	if (c->tlb_control == SVM_TLB_FLUSH_ALL)
		for (i = 0; i < ORACLE_ASIDS; i++)
			oc->use[i].owner = NULL;
	if (c->asid >= ORACLE_ASIDS)
		return;
	oc->use[c->asid].owner = svm;
	oc->use[c->asid].tlb_gen = vcpu->tlb_gen;
}

#define SAME(field)	(!memcmp(&now->field, &was->field, sizeof(now->field)))

/* What is marked clean did not change since the hardware saw it. */
static void check_clean(struct svm_vcpu *svm)
{
	const struct vmcb *now = svm->vmcb, *was = &svm->oracle->copy;
	u32 clean = now->control.clean;
	const u32 tpr = ~SVM_INT_V_MASKING;

	if (svm->oracle->cpu != raw_smp_processor_id()) {
		WARN_ONCE(clean, "strata oracle: clean bits on a CPU that never saw this VMCB");
		return;
	}
	if (clean & SVM_CLEAN_INTERCEPTS)
		WARN_ONCE(memcmp(&now->control, &was->control,
				 offsetof(struct vmcb_control, iopm_base_pa)) ||
			  !SAME(control.tsc_offset), "strata oracle: intercepts not marked");
	if (clean & SVM_CLEAN_IOPM)
		WARN_ONCE(!SAME(control.iopm_base_pa) || !SAME(control.msrpm_base_pa),
			  "strata oracle: permission maps not marked");
	if (clean & SVM_CLEAN_ASID)
		WARN_ONCE(!SAME(control.asid), "strata oracle: ASID not marked");
	if (clean & SVM_CLEAN_TPR)
		WARN_ONCE((now->control.int_ctl & tpr) != (was->control.int_ctl & tpr) ||
			  !SAME(control.int_vector), "strata oracle: V_TPR or V_IRQ not marked");
	if (clean & SVM_CLEAN_NP)
		WARN_ONCE(!SAME(control.nested_cr3) || !SAME(save.g_pat),
			  "strata oracle: nested paging not marked");
	if (clean & SVM_CLEAN_CRX)
		WARN_ONCE(!SAME(save.cr0) || !SAME(save.cr3) || !SAME(save.cr4) ||
			  !SAME(save.efer), "strata oracle: control registers not marked");
	if (clean & SVM_CLEAN_DRX)
		WARN_ONCE(!SAME(save.dr6) || !SAME(save.dr7), "strata oracle: DR6, DR7 not marked");
	if (clean & SVM_CLEAN_DT)
		WARN_ONCE(!SAME(save.gdtr) || !SAME(save.idtr),
			  "strata oracle: descriptor tables not marked");
	if (clean & SVM_CLEAN_SEG)
		WARN_ONCE(!SAME(save.cs) || !SAME(save.ds) || !SAME(save.es) || !SAME(save.ss) ||
			  !SAME(save.cpl), "strata oracle: segments not marked");
	if (clean & SVM_CLEAN_CR2)
		WARN_ONCE(!SAME(save.cr2), "strata oracle: CR2 not marked");
}

void svm_oracle_before(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	struct strata_entry_fault *fault = &svm->oracle->fault;

	svm_explain_entry(svm->vmcb, fault);
	WARN_ONCE(fault->name && fault->ours, "strata oracle: %s is 0x%llx: %s", fault->name,
		  fault->value, fault->rule);
	check_asid(vcpu, svm);
	check_clean(svm);
}

void svm_oracle_after(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	const struct strata_entry_fault *fault = &svm->oracle->fault;

	WARN_ONCE(fault->name, "strata oracle: the hardware took what a rule forbids: %s is 0x%llx: %s",
		  fault->name, fault->value, fault->rule);
	note_asid(vcpu, svm);
	svm->oracle->copy = *svm->vmcb;
	svm->oracle->cpu = raw_smp_processor_id();
}

/*
 * The manual's rules and the hardware are of one mind. QEMU's TCG has the same exit for
 * a MOV to CR3 in long mode with bits beyond the physical addresses, where silicon has
 * #GP: there it says nothing of the entry.
 */
void svm_oracle_refused(struct strata_vcpu *vcpu, struct svm_vcpu *svm)
{
	if (on_tcg && (vcpu->efer & EFER_LMA) && !svm->vmcb->save.cpl)
		return;
	WARN_ONCE(!svm->oracle->fault.name,
		  "strata oracle: the hardware refused what no rule forbids");
}
