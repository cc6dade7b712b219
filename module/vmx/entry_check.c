// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a VM entry, in software (SDM 3C chapter 27.2 and 27.3).
 *
 * A CPU only tells that one of some hundred rules is broken. After a failed
 * entry this finds which, and a debug build asks before every entry, too.
 * Rules for features that strata never uses are left out where the control
 * itself is checked to be off.
 */
#include "entry_check.h"

#define X86_CR0_PE_BIT		BIT_ULL(0)
#define X86_CR0_PG_BIT		BIT_ULL(31)
#define X86_CR4_PAE_BIT		BIT_ULL(5)
#define X86_CR4_PCIDE_BIT	BIT_ULL(17)
#define EFER_VALID		(BIT_ULL(0) | BIT_ULL(8) | BIT_ULL(10) | BIT_ULL(11))
#define EFER_LME_BIT		BIT_ULL(8)
#define EFER_LMA_BIT		BIT_ULL(10)
#define FLAGS_FIXED1		BIT_ULL(1)
#define FLAGS_RESERVED		(~0ull << 22 | BIT_ULL(15) | BIT_ULL(5) | BIT_ULL(3))
#define FLAGS_TF		BIT_ULL(8)
#define FLAGS_IF		BIT_ULL(9)
#define FLAGS_VM		BIT_ULL(17)
#define DEBUGCTL_BTF		BIT_ULL(1)
#define PENDING_BS		BIT_ULL(14)
/* B0 to B3, enabled breakpoint, BS, RTM */
#define PENDING_VALID		(0xfull | BIT_ULL(12) | BIT_ULL(14) | BIT_ULL(16))

#define SEL_RPL			3u
#define SEL_TI			4u
#define AR_RESERVED		(0xf00u | ~0u << 17)
#define BASIC_ANY_ERROR_CODE	BIT_ULL(56)
#define MISC_ZERO_LENGTH	BIT_ULL(30)
#define VECTORS_WITH_ERROR	(1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | \
				 1u << 14 | 1u << 17)

static const char *const names[VMCS_NR_FIELDS] = {
#define NAME(name, encoding, text)	[VMCS_I_##name] = text,
	VMCS_FIELDS(NAME)
#undef NAME
};

const u16 vmcs_encodings[VMCS_NR_FIELDS] = {
#define ENCODING(name, encoding, text)	[VMCS_I_##name] = encoding,
	VMCS_FIELDS(ENCODING)
#undef ENCODING
};

struct check {
	const u64 *v;
	const struct vmx_caps *caps;
	struct strata_entry_fault *fault;
	bool ours;		/* of the rules that are looked at now */
	bool ia32e, v86, unrestricted;
	u64 cr0, cr4;
};

/* The first rule that is broken is kept; who is called goes on as long as it gives false. */
static bool bad(struct check *k, bool broken, enum vmcs_index field, const char *rule)
{
	if (!broken)
		return false;
	*k->fault = (struct strata_entry_fault){
		.name = names[field],
		.rule = rule,
		.value = k->v[field],
		.field = vmcs_encodings[field],
		.ours = k->ours,
	};
	return true;
}

#define V(name)		(k->v[VMCS_I_##name])
#define BAD(cond, name, rule)	bad(k, cond, VMCS_I_##name, rule)

static bool canonical(const struct check *k, u64 addr)
{
	unsigned int shift = 64 - k->caps->vaddr_bits;

	return (u64)((s64)(addr << shift) >> shift) == addr;
}

static bool too_wide(const struct check *k, u64 pa)
{
	return pa >> k->caps->phys_bits;
}

static bool bad_page(const struct check *k, u64 pa)
{
	return (pa & 0xfff) || too_wide(k, pa);
}

/* A byte of IA32_PAT names one of six types. */
static bool bad_pat(u64 pat)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8) {
		u8 type = pat >> i;

		if (type > 7 || type == 2 || type == 3)
			return true;
	}
	return false;
}

static bool not_allowed(const struct check *k, enum vmx_ctl_set set, u32 val)
{
	return (val & k->caps->allowed0[set]) != k->caps->allowed0[set] ||
	       (val & ~k->caps->allowed1[set]);
}

static bool bad_execution_controls(struct check *k)
{
	u32 pin = V(PIN_CTLS), proc = V(PROC_CTLS), proc2 = V(PROC2_CTLS);

	return BAD(not_allowed(k, VMX_PIN, pin), PIN_CTLS, "a bit is not as this CPU allows it") ||
	       BAD(not_allowed(k, VMX_PROC, proc), PROC_CTLS,
		   "a bit is not as this CPU allows it") ||
	       BAD((proc & PROC_SECONDARY) && not_allowed(k, VMX_PROC2, proc2), PROC2_CTLS,
		   "a bit is not as this CPU allows it") ||
	       BAD(V(CR3_TARGET_COUNT) > 4, CR3_TARGET_COUNT, "it is at most 4") ||
	       BAD((proc & PROC_MSR_BITMAP) && bad_page(k, V(MSR_BITMAP)), MSR_BITMAP,
		   "it is the address of a page") ||
	       BAD((proc & PROC_TPR_SHADOW) && bad_page(k, V(VAPIC_PAGE)), VAPIC_PAGE,
		   "it is the address of a page") ||
	       BAD((proc & PROC_TPR_SHADOW) && (V(TPR_THRESHOLD) & ~0xfull), TPR_THRESHOLD,
		   "bits 31:4 are 0") ||
	       BAD(!(pin & PIN_NMI) && (pin & PIN_VIRTUAL_NMI), PIN_CTLS,
		   "virtual NMIs need NMI exiting") ||
	       BAD(!(pin & PIN_VIRTUAL_NMI) && (proc & PROC_NMI_WINDOW), PROC_CTLS,
		   "NMI-window exiting needs virtual NMIs") ||
	       BAD((proc2 & PROC2_VPID) && !V(VPID), VPID, "it is not 0") ||
	       BAD((proc2 & PROC2_TSC_SCALING) && !V(TSC_MULTIPLIER), TSC_MULTIPLIER,
		   "it is not 0") ||
	       BAD((proc2 & PROC2_UNRESTRICTED) && !(proc2 & PROC2_EPT), PROC2_CTLS,
		   "an unrestricted guest needs EPT") ||
	       BAD(!(pin & PIN_PREEMPT_TIMER) && (V(EXIT_CTLS) & EXIT_SAVE_TIMER), EXIT_CTLS,
		   "the value of a preemption timer that is off is not saved");
}

static bool bad_eptp(struct check *k)
{
	u64 eptp = V(EPTP);

	if (!(V(PROC2_CTLS) & PROC2_EPT))
		return false;
	return BAD((eptp & 7) != EPTP_WB, EPTP, "the memory type is write-back") ||
	       BAD(((eptp >> EPTP_WALK_SHIFT) & 7) != 3, EPTP, "the page walk has four levels") ||
	       BAD((eptp & EPTP_AD) && !(k->caps->ept_vpid & EPT_CAP_AD), EPTP,
		   "this CPU has no accessed and dirty flags for EPT") ||
	       BAD((eptp & 0xf80) || too_wide(k, eptp), EPTP, "reserved bits are 0");
}

static bool bad_exit_entry_controls(struct check *k)
{
	return BAD(not_allowed(k, VMX_EXIT, V(EXIT_CTLS)), EXIT_CTLS,
		   "a bit is not as this CPU allows it") ||
	       BAD(V(EXIT_STORE_COUNT), EXIT_STORE_COUNT, "strata uses no such area") ||
	       BAD(V(EXIT_LOAD_COUNT), EXIT_LOAD_COUNT, "strata uses no such area") ||
	       BAD(not_allowed(k, VMX_ENTRY, V(ENTRY_CTLS)), ENTRY_CTLS,
		   "a bit is not as this CPU allows it") ||
	       BAD(V(ENTRY_LOAD_COUNT), ENTRY_LOAD_COUNT, "strata uses no such area") ||
	       BAD(V(ENTRY_CTLS) & (ENTRY_SMM | ENTRY_DUAL_MONITOR), ENTRY_CTLS,
		   "there is no SMM outside SMM");
}

static bool bad_host_segments(struct check *k)
{
	const u32 bits = SEL_RPL | SEL_TI;

	return BAD(V(HOST_CS_SEL) & bits, HOST_CS_SEL, "RPL and TI are 0") ||
	       BAD(V(HOST_SS_SEL) & bits, HOST_SS_SEL, "RPL and TI are 0") ||
	       BAD(V(HOST_DS_SEL) & bits, HOST_DS_SEL, "RPL and TI are 0") ||
	       BAD(V(HOST_ES_SEL) & bits, HOST_ES_SEL, "RPL and TI are 0") ||
	       BAD(V(HOST_FS_SEL) & bits, HOST_FS_SEL, "RPL and TI are 0") ||
	       BAD(V(HOST_GS_SEL) & bits, HOST_GS_SEL, "RPL and TI are 0") ||
	       BAD(V(HOST_TR_SEL) & bits, HOST_TR_SEL, "RPL and TI are 0") ||
	       BAD(!V(HOST_CS_SEL), HOST_CS_SEL, "it is not 0") ||
	       BAD(!V(HOST_TR_SEL), HOST_TR_SEL, "it is not 0") ||
	       BAD(!canonical(k, V(HOST_FS_BASE)), HOST_FS_BASE, "the address is canonical") ||
	       BAD(!canonical(k, V(HOST_GS_BASE)), HOST_GS_BASE, "the address is canonical") ||
	       BAD(!canonical(k, V(HOST_TR_BASE)), HOST_TR_BASE, "the address is canonical") ||
	       BAD(!canonical(k, V(HOST_GDTR_BASE)), HOST_GDTR_BASE,
		   "the address is canonical") ||
	       BAD(!canonical(k, V(HOST_IDTR_BASE)), HOST_IDTR_BASE, "the address is canonical");
}

static bool bad_host_state(struct check *k)
{
	const struct vmx_caps *c = k->caps;
	u64 efer = V(HOST_EFER);
	const u64 lm = EFER_LME_BIT | EFER_LMA_BIT;

	return BAD((V(HOST_CR0) & c->cr0_fixed0) != c->cr0_fixed0 ||
		   (V(HOST_CR0) & ~c->cr0_fixed1), HOST_CR0, "a bit is not as VMX demands it") ||
	       BAD((V(HOST_CR4) & c->cr4_fixed0) != c->cr4_fixed0 ||
		   (V(HOST_CR4) & ~c->cr4_fixed1), HOST_CR4, "a bit is not as VMX demands it") ||
	       BAD(too_wide(k, V(HOST_CR3)), HOST_CR3, "it is within the physical addresses") ||
	       BAD(!canonical(k, V(HOST_SYSENTER_ESP)), HOST_SYSENTER_ESP,
		   "the address is canonical") ||
	       BAD(!canonical(k, V(HOST_SYSENTER_EIP)), HOST_SYSENTER_EIP,
		   "the address is canonical") ||
	       BAD(bad_pat(V(HOST_PAT)), HOST_PAT, "each byte names a memory type") ||
	       BAD((efer & ~EFER_VALID) || (efer & lm) != lm, HOST_EFER,
		   "LMA and LME are 1, reserved bits 0") ||
	       BAD(!(V(EXIT_CTLS) & EXIT_HOST_64), EXIT_CTLS, "the host has 64-bit addresses") ||
	       BAD(!(V(HOST_CR4) & X86_CR4_PAE_BIT), HOST_CR4, "PAE is 1") ||
	       BAD(!canonical(k, V(HOST_RIP)), HOST_RIP, "the address is canonical") ||
	       bad_host_segments(k);
}

static bool bad_injection(struct check *k)
{
	u32 info = V(ENTRY_INTR_INFO), type = info & INTR_TYPE_MASK, vector = info & INTR_VECTOR;
	bool error = info & INTR_ERROR_VALID, wants;

	if (!(info & INTR_VALID))
		return false;
	wants = type == INTR_TYPE_HARD_EXC && vector < 32 && (VECTORS_WITH_ERROR >> vector & 1) &&
		(k->cr0 & X86_CR0_PE_BIT);
	return BAD(type == 1u << 8, ENTRY_INTR_INFO, "there is no such type of event") ||
	       BAD(type == INTR_TYPE_NMI && vector != 2, ENTRY_INTR_INFO,
		   "an NMI has vector 2") ||
	       BAD(type == INTR_TYPE_HARD_EXC && vector > 31, ENTRY_INTR_INFO,
		   "an exception has a vector up to 31") ||
	       BAD(type == INTR_TYPE_OTHER && vector, ENTRY_INTR_INFO,
		   "an event of type 7 has vector 0") ||
	       BAD(error && (type != INTR_TYPE_HARD_EXC || !(k->cr0 & X86_CR0_PE_BIT)),
		   ENTRY_INTR_INFO, "this event has no error code") ||
	       BAD(error != wants && !(k->caps->basic & BASIC_ANY_ERROR_CODE), ENTRY_INTR_INFO,
		   "an error code is there if, and only if, the exception has one") ||
	       BAD(info & 0x7ffff000, ENTRY_INTR_INFO, "reserved bits are 0") ||
	       BAD(error && V(ENTRY_ERROR_CODE) >> 16, ENTRY_ERROR_CODE, "bits 31:16 are 0") ||
	       BAD(type >= INTR_TYPE_SOFT_INT && type <= INTR_TYPE_SOFT_EXC &&
		   (V(ENTRY_INSN_LEN) > 15 ||
		    (!V(ENTRY_INSN_LEN) && !(k->caps->misc & MISC_ZERO_LENGTH))),
		   ENTRY_INSN_LEN, "an instruction has 1 to 15 bytes");
}

static bool bad_guest_crs(struct check *k)
{
	const struct vmx_caps *c = k->caps;
	u64 fixed0 = c->cr0_fixed0, efer = V(GUEST_EFER);
	bool pg = k->cr0 & X86_CR0_PG_BIT;

	if (k->unrestricted)
		fixed0 &= ~(X86_CR0_PE_BIT | X86_CR0_PG_BIT);
	return BAD((k->cr0 & fixed0) != fixed0 || (k->cr0 & ~c->cr0_fixed1), GUEST_CR0,
		   "a bit is not as VMX demands it") ||
	       BAD(pg && !(k->cr0 & X86_CR0_PE_BIT), GUEST_CR0, "paging needs protection") ||
	       BAD((k->cr4 & c->cr4_fixed0) != c->cr4_fixed0 || (k->cr4 & ~c->cr4_fixed1),
		   GUEST_CR4, "a bit is not as VMX demands it") ||
	       BAD(k->ia32e && !pg, GUEST_CR0, "PG is 1 in long mode") ||
	       BAD(k->ia32e && !(k->cr4 & X86_CR4_PAE_BIT), GUEST_CR4, "PAE is 1 in long mode") ||
	       BAD(!k->ia32e && (k->cr4 & X86_CR4_PCIDE_BIT), GUEST_CR4,
		   "PCIDE is 0 outside long mode") ||
	       BAD(too_wide(k, V(GUEST_CR3)), GUEST_CR3, "it is within the physical addresses") ||
	       BAD(V(GUEST_DR7) >> 32, GUEST_DR7, "bits 63:32 are 0") ||
	       BAD(!canonical(k, V(GUEST_SYSENTER_ESP)), GUEST_SYSENTER_ESP,
		   "the address is canonical") ||
	       BAD(!canonical(k, V(GUEST_SYSENTER_EIP)), GUEST_SYSENTER_EIP,
		   "the address is canonical") ||
	       BAD(bad_pat(V(GUEST_PAT)), GUEST_PAT, "each byte names a memory type") ||
	       BAD(efer & ~EFER_VALID, GUEST_EFER, "reserved bits are 0") ||
	       BAD(!!(efer & EFER_LMA_BIT) != k->ia32e, GUEST_EFER,
		   "LMA is as the entry control says") ||
	       BAD(pg && !(efer & EFER_LMA_BIT) != !(efer & EFER_LME_BIT), GUEST_EFER,
		   "with paging, LMA is as LME");
}

struct seg {
	enum vmcs_index sel, base, limit, ar;
};

#define SEG(s)	{ VMCS_I_GUEST_##s##_SEL, VMCS_I_GUEST_##s##_BASE, \
		  VMCS_I_GUEST_##s##_LIMIT, VMCS_I_GUEST_##s##_AR }
enum { CS, SS, DS, ES, FS, GS, NR_DATA_SEGS };

static const struct seg data_segs[NR_DATA_SEGS] = {
	SEG(CS), SEG(SS), SEG(DS), SEG(ES), SEG(FS), SEG(GS),
};

static const struct seg tr = SEG(TR), ldtr = SEG(LDTR);

#undef SEG

static bool bad_v86_segment(struct check *k, const struct seg *s)
{
	return bad(k, k->v[s->base] != k->v[s->sel] << 4, s->base,
		   "in virtual-8086 mode it is 16 times the selector") ||
	       bad(k, k->v[s->limit] != 0xffff, s->limit, "in virtual-8086 mode it is 0xffff") ||
	       bad(k, k->v[s->ar] != 0xf3, s->ar, "in virtual-8086 mode they are 0xf3");
}

/* What every usable segment has in common. */
static bool bad_usable(struct check *k, const struct seg *s, bool system)
{
	u32 ar = k->v[s->ar], limit = k->v[s->limit];

	return bad(k, !(ar & VMX_AR_S) != system, s->ar,
		   system ? "S is 0" : "S is 1 in a usable segment") ||
	       bad(k, !(ar & VMX_AR_P), s->ar, "P is 1 in a usable segment") ||
	       bad(k, ar & AR_RESERVED, s->ar, "reserved bits are 0") ||
	       bad(k, (limit & 0xfff) != 0xfff && (ar & VMX_AR_G), s->ar,
		   "G is 0 where the limit does not end with 0xfff") ||
	       bad(k, limit >> 20 && !(ar & VMX_AR_G), s->ar,
		   "G is 1 where the limit has more than 20 bits");
}

static bool bad_cs(struct check *k)
{
	const struct seg *s = &data_segs[CS];
	u32 ar = V(GUEST_CS_AR), type = ar & VMX_AR_TYPE;
	u32 dpl = (ar >> VMX_AR_DPL_SHIFT) & 3, ss_dpl = (V(GUEST_SS_AR) >> VMX_AR_DPL_SHIFT) & 3;

	return bad(k, !(type == 9 || type == 11 || type == 13 || type == 15 ||
			(type == 3 && k->unrestricted)), s->ar,
		   "the type is that of accessed code") ||
	       bad_usable(k, s, false) ||
	       bad(k, type == 3 && dpl, s->ar, "data as code has DPL 0") ||
	       bad(k, (type == 9 || type == 11) && dpl != ss_dpl, s->ar,
		   "the DPL is that of SS") ||
	       bad(k, (type == 13 || type == 15) && dpl > ss_dpl, s->ar,
		   "the DPL is not above that of SS") ||
	       bad(k, k->ia32e && (ar & VMX_AR_L) && (ar & VMX_AR_DB), s->ar,
		   "D is 0 where L is 1, in long mode") ||
	       bad(k, k->v[s->base] >> 32, s->base, "bits 63:32 are 0");
}

static bool bad_ss(struct check *k)
{
	const struct seg *s = &data_segs[SS];
	u32 ar = V(GUEST_SS_AR), type = ar & VMX_AR_TYPE;
	u32 dpl = (ar >> VMX_AR_DPL_SHIFT) & 3, rpl = V(GUEST_SS_SEL) & SEL_RPL;

	if (bad(k, !k->unrestricted && rpl != (V(GUEST_CS_SEL) & SEL_RPL), s->sel,
		"the RPL is that of CS") ||
	    bad(k, !k->unrestricted && dpl != rpl, s->ar, "the DPL is the RPL") ||
	    bad(k, ((V(GUEST_CS_AR) & VMX_AR_TYPE) == 3 || !(k->cr0 & X86_CR0_PE_BIT)) && dpl,
		s->ar, "the DPL is 0 in real mode, and where CS is data"))
		return true;
	if (ar & VMX_AR_UNUSABLE)
		return false;
	return bad(k, type != 3 && type != 7, s->ar,
		   "the type is that of accessed, writable data") ||
	       bad_usable(k, s, false) ||
	       bad(k, k->v[s->base] >> 32, s->base, "bits 63:32 are 0");
}

static bool bad_data_segment(struct check *k, unsigned int nr)
{
	const struct seg *s = &data_segs[nr];
	u32 ar = k->v[s->ar], type = ar & VMX_AR_TYPE;

	if (nr == FS || nr == GS) {
		if (bad(k, !canonical(k, k->v[s->base]), s->base, "the address is canonical"))
			return true;
	}
	if (ar & VMX_AR_UNUSABLE)
		return false;
	return bad(k, !(type & 1), s->ar, "the segment is accessed") ||
	       bad(k, (type & 8) && !(type & 2), s->ar, "code is readable") ||
	       bad_usable(k, s, false) ||
	       bad(k, !k->unrestricted && type < 12 &&
		   ((ar >> VMX_AR_DPL_SHIFT) & 3) < (k->v[s->sel] & SEL_RPL), s->ar,
		   "the DPL is not below the RPL") ||
	       bad(k, (nr == DS || nr == ES) && k->v[s->base] >> 32, s->base, "bits 63:32 are 0");
}

static bool bad_system_segments(struct check *k)
{
	u32 type = V(GUEST_TR_AR) & VMX_AR_TYPE;

	if (BAD(V(GUEST_TR_SEL) & SEL_TI, GUEST_TR_SEL, "TI is 0") ||
	    BAD(!canonical(k, V(GUEST_TR_BASE)), GUEST_TR_BASE, "the address is canonical") ||
	    BAD(V(GUEST_TR_AR) & VMX_AR_UNUSABLE, GUEST_TR_AR, "TR is usable") ||
	    BAD(type != 11 && (type != 3 || k->ia32e), GUEST_TR_AR,
		"the type is that of a busy TSS") ||
	    bad_usable(k, &tr, true))
		return true;
	if (V(GUEST_LDTR_AR) & VMX_AR_UNUSABLE)
		return false;
	return BAD(V(GUEST_LDTR_SEL) & SEL_TI, GUEST_LDTR_SEL, "TI is 0") ||
	       BAD(!canonical(k, V(GUEST_LDTR_BASE)), GUEST_LDTR_BASE,
		   "the address is canonical") ||
	       BAD((V(GUEST_LDTR_AR) & VMX_AR_TYPE) != 2, GUEST_LDTR_AR,
		   "the type is that of an LDT") ||
	       bad_usable(k, &ldtr, true);
}

static bool bad_segments(struct check *k)
{
	unsigned int i;

	if (k->v86) {
		for (i = 0; i < NR_DATA_SEGS; i++)
			if (bad_v86_segment(k, &data_segs[i]))
				return true;
	} else {
		if (bad_cs(k) || bad_ss(k))
			return true;
		for (i = DS; i < NR_DATA_SEGS; i++)
			if (bad_data_segment(k, i))
				return true;
	}
	return bad_system_segments(k) ||
	       BAD(!canonical(k, V(GUEST_GDTR_BASE)), GUEST_GDTR_BASE,
		   "the address is canonical") ||
	       BAD(!canonical(k, V(GUEST_IDTR_BASE)), GUEST_IDTR_BASE,
		   "the address is canonical") ||
	       BAD(V(GUEST_GDTR_LIMIT) >> 16, GUEST_GDTR_LIMIT, "bits 31:16 are 0") ||
	       BAD(V(GUEST_IDTR_LIMIT) >> 16, GUEST_IDTR_LIMIT, "bits 31:16 are 0");
}

static bool bad_rip_and_flags(struct check *k)
{
	u64 flags = V(GUEST_RFLAGS);
	bool code64 = k->ia32e && (V(GUEST_CS_AR) & VMX_AR_L);
	u32 info = V(ENTRY_INTR_INFO);

	return BAD(!code64 && V(GUEST_RIP) >> 32, GUEST_RIP,
		   "bits 63:32 are 0 outside 64-bit code") ||
	       BAD(code64 && !canonical(k, V(GUEST_RIP)), GUEST_RIP, "the address is canonical") ||
	       BAD((flags & FLAGS_RESERVED) || !(flags & FLAGS_FIXED1), GUEST_RFLAGS,
		   "bit 1 is 1, reserved bits are 0") ||
	       BAD((flags & FLAGS_VM) && (k->ia32e || !(k->cr0 & X86_CR0_PE_BIT)), GUEST_RFLAGS,
		   "VM is 0 in long mode and in real mode") ||
	       BAD((info & (INTR_VALID | INTR_TYPE_MASK)) == (INTR_VALID | INTR_TYPE_EXT) &&
		   !(flags & FLAGS_IF), GUEST_RFLAGS, "IF is 1 where an interrupt is injected");
}

static bool bad_activity(struct check *k)
{
	u64 state = V(GUEST_INTR_STATE), flags = V(GUEST_RFLAGS), pending = V(GUEST_PENDING_DB);
	u32 info = V(ENTRY_INTR_INFO) & (INTR_VALID | INTR_TYPE_MASK);
	bool step = (flags & FLAGS_TF) && !(V(GUEST_DEBUGCTL) & DEBUGCTL_BTF);

	return BAD(V(GUEST_ACTIVITY) > ACTIVITY_HLT, GUEST_ACTIVITY,
		   "strata enters guests that are active or halted") ||
	       BAD(V(GUEST_ACTIVITY) && ((V(GUEST_SS_AR) >> VMX_AR_DPL_SHIFT) & 3),
		   GUEST_ACTIVITY, "CPL is 0 in a halted guest") ||
	       BAD(V(GUEST_ACTIVITY) && ((info & INTR_VALID) || (state & INTR_STATE_SHADOW)),
		   GUEST_ACTIVITY, "a halted guest gets no event and is in no shadow") ||
	       BAD(state >> 5, GUEST_INTR_STATE, "reserved bits are 0") ||
	       BAD((state & INTR_STATE_SHADOW) == INTR_STATE_SHADOW, GUEST_INTR_STATE,
		   "STI and MOV SS do not block both") ||
	       BAD((state & INTR_STATE_STI) && !(flags & FLAGS_IF), GUEST_INTR_STATE,
		   "STI blocks only where IF is 1") ||
	       BAD(info == (INTR_VALID | INTR_TYPE_EXT) && (state & INTR_STATE_SHADOW),
		   GUEST_INTR_STATE, "nothing blocks the interrupt that is injected") ||
	       BAD(info == (INTR_VALID | INTR_TYPE_NMI) && (state & INTR_STATE_MOV_SS),
		   GUEST_INTR_STATE, "MOV SS does not block the NMI that is injected") ||
	       BAD(state & INTR_STATE_SMI, GUEST_INTR_STATE, "SMIs are not blocked outside SMM") ||
	       BAD(info == (INTR_VALID | INTR_TYPE_NMI) && (V(PIN_CTLS) & PIN_VIRTUAL_NMI) &&
		   (state & INTR_STATE_NMI), GUEST_INTR_STATE,
		   "NMIs are not blocked where one is injected") ||
	       BAD(pending & ~PENDING_VALID, GUEST_PENDING_DB, "reserved bits are 0") ||
	       BAD((state & INTR_STATE_SHADOW) && !(pending & PENDING_BS) == step,
		   GUEST_PENDING_DB, "in a shadow BS is 1 if, and only if, a single step waits") ||
	       BAD(V(LINK_POINTER) != ~0ull, LINK_POINTER, "there is no shadow VMCS");
}

/* PAE paging: the entry loads the four from the VMCS. */
static bool bad_pdptes(struct check *k)
{
	const u64 reserved = ~0ull << k->caps->phys_bits | 0x1e6;
	unsigned int i;

	if (k->ia32e || !(k->cr0 & X86_CR0_PG_BIT) || !(k->cr4 & X86_CR4_PAE_BIT))
		return false;
	for (i = 0; i < 4; i++) {
		enum vmcs_index field = VMCS_I_GUEST_PDPTE0 + i;

		if (bad(k, (k->v[field] & 1) && (k->v[field] & reserved), field,
			"reserved bits are 0"))
			return true;
	}
	return false;
}

/**
 * vmx_entry_check - find the first rule that a VMCS breaks
 * @fields: its values by enum vmcs_index; fields that the CPU lacks are 0
 * @caps: what the CPU can do
 * @fault: filled wholly; without a name when all is well
 *
 * Return: all is well.
 */
bool vmx_entry_check(const u64 *fields, const struct vmx_caps *caps,
		     struct strata_entry_fault *fault)
{
	struct check check = {
		.v = fields,
		.caps = caps,
		.fault = fault,
		.ours = true,
		.ia32e = fields[VMCS_I_ENTRY_CTLS] & ENTRY_IA32E,
		.v86 = fields[VMCS_I_GUEST_RFLAGS] & FLAGS_VM,
		.unrestricted = fields[VMCS_I_PROC2_CTLS] & PROC2_UNRESTRICTED,
		.cr0 = fields[VMCS_I_GUEST_CR0],
		.cr4 = fields[VMCS_I_GUEST_CR4],
	};

	memset(fault, 0, sizeof(*fault));
	if (bad_execution_controls(&check) || bad_eptp(&check) ||
	    bad_exit_entry_controls(&check) || bad_host_state(&check))
		return false;
	check.ours = false;
	return !(bad_injection(&check) || bad_guest_crs(&check) || bad_segments(&check) ||
		 bad_rip_and_flags(&check) || bad_activity(&check) || bad_pdptes(&check));
}
