// SPDX-License-Identifier: GPL-2.0
/*
 * The consistency checks of VMRUN, in software (APM 2 15.5.1 and 15.20).
 *
 * A CPU only tells that one of the rules is broken. After a failed entry this
 * finds which, and a debug build asks before every entry, too.
 */
#include "entry_check.h"

#define CR0_PE		BIT_ULL(0)
#define CR0_NW		BIT_ULL(29)
#define CR0_CD		BIT_ULL(30)
#define CR0_PG		BIT_ULL(31)
#define CR4_PAE		BIT_ULL(5)
#define EFER_SVME_BIT	BIT_ULL(12)
#define EFER_LME_BIT	BIT_ULL(8)
#define CS_L		BIT(9)
#define CS_D		BIT(10)

struct check {
	const struct vmcb *vmcb;
	struct strata_entry_fault *fault;
	bool ours;		/* of the rules that are looked at now */
};

/* The first rule that is broken is kept; who is called goes on as long as it gives false. */
static bool bad(struct check *k, bool broken, u32 offset, u64 value, const char *name,
		const char *rule)
{
	if (!broken)
		return false;
	*k->fault = (struct strata_entry_fault){
		.name = name,
		.rule = rule,
		.value = value,
		.field = offset,
		.ours = k->ours,
	};
	return true;
}

#define BAD(cond, member, name, rule)					\
	bad(k, cond, offsetof(struct vmcb, member), k->vmcb->member, name, rule)

static bool bad_control(struct check *k, const struct svm_entry_limits *limits)
{
	const struct vmcb_control *c = &k->vmcb->control;

	return BAD(!(c->intercept2 & SVM_I2_VMRUN), control.intercept2, "intercepts",
		   "VMRUN is intercepted") ||
	       BAD(!c->asid, control.asid, "guest ASID", "it is not 0") ||
	       BAD(c->asid >= limits->nr_asids, control.asid, "guest ASID",
		   "this CPU has no such ASID") ||
	       BAD((c->iopm_base_pa & 0xfff) || c->iopm_base_pa >> limits->phys_bits,
		   control.iopm_base_pa, "IOPM base", "it is the address of a page") ||
	       BAD((c->msrpm_base_pa & 0xfff) || c->msrpm_base_pa >> limits->phys_bits,
		   control.msrpm_base_pa, "MSRPM base", "it is the address of a page") ||
	       BAD(c->nested_cr3 >> limits->phys_bits, control.nested_cr3, "nested CR3",
		   "it is within the physical addresses") ||
	       BAD(!(k->vmcb->save.efer & EFER_SVME_BIT), save.efer, "EFER", "SVME is 1");
}

static bool bad_event(struct check *k)
{
	u64 inj = k->vmcb->control.event_inj;
	u32 type = inj & SVM_EVT_TYPE_MASK, vector = inj & SVM_EVT_VECTOR;

	if (!(inj & SVM_EVT_VALID))
		return false;
	return BAD(type != SVM_EVT_INTR && type != SVM_EVT_NMI && type != SVM_EVT_EXCEPTION &&
		   type != SVM_EVT_SOFT, control.event_inj, "EVENTINJ",
		   "there is no such type of event") ||
	       BAD(type == SVM_EVT_EXCEPTION && (vector > 31 || vector == 2), control.event_inj,
		   "EVENTINJ", "there is no such exception") ||
	       BAD(inj & 0x7ffff000, control.event_inj, "EVENTINJ", "reserved bits are 0");
}

static bool bad_guest(struct check *k, const struct svm_entry_limits *limits)
{
	const struct vmcb_save *s = &k->vmcb->save;
	bool to_long = (s->efer & EFER_LME_BIT) && (s->cr0 & CR0_PG);

	return BAD((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD), save.cr0, "CR0",
		   "NW is 0 where CD is 0") ||
	       BAD(s->cr0 >> 32, save.cr0, "CR0", "bits 63:32 are 0") ||
	       BAD(to_long && s->cr3 >> limits->phys_bits, save.cr3, "CR3",
		   "it is within the physical addresses") ||
	       BAD(s->cr4 >> 32, save.cr4, "CR4", "reserved bits are 0") ||
	       BAD(s->dr6 >> 32, save.dr6, "DR6", "bits 63:32 are 0") ||
	       BAD(s->dr7 >> 32, save.dr7, "DR7", "bits 63:32 are 0") ||
	       BAD(to_long && !(s->cr4 & CR4_PAE), save.cr4, "CR4", "PAE is 1 in long mode") ||
	       BAD(to_long && !(s->cr0 & CR0_PE), save.cr0, "CR0", "PE is 1 in long mode") ||
	       BAD(to_long && (s->cs.attrib & CS_L) && (s->cs.attrib & CS_D), save.cs.attrib,
		   "CS access rights", "D is 0 where L is 1, in long mode");
}

/**
 * svm_entry_check - find the first rule that a VMCB breaks
 * @vmcb: as the next VMRUN gets it
 * @limits: of the CPU
 * @fault: filled wholly; without a name when all is well
 *
 * Return: all is well.
 */
bool svm_entry_check(const struct vmcb *vmcb, const struct svm_entry_limits *limits,
		     struct strata_entry_fault *fault)
{
	struct check check = { .vmcb = vmcb, .fault = fault, .ours = true };

	memset(fault, 0, sizeof(*fault));
	if (bad_control(&check, limits))
		return false;
	check.ours = false;
	return !bad_event(&check) && !bad_guest(&check, limits);
}
