// SPDX-License-Identifier: GPL-2.0
/*
 * The software checks of entries, VMX's and SVM's: a good state passes, and
 * every change for the worse is found, by name.
 */
// sources: ../../module/vmx/entry_check.c ../../module/svm/entry_check.c
#include "tap.h"
#include "vmx/entry_check.h"
#include "svm/entry_check.h"

#define F(name)	VMCS_I_##name

/* All controls may be on but those that strata never uses. */
static struct vmx_caps caps = {
	.phys_bits = 40, .vaddr_bits = 48,
	.cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x3767ff,
	.ept_vpid = EPT_CAP_AD,
	.allowed1 = { ~0u, ~0u, ~0u, ~0u, ~0u },
};

static u64 v[VMCS_NR_FIELDS];

/* Selector, limit and access rights; CS comes first. */
static const unsigned int segs[][3] = {
#define SEG(s)	{ F(GUEST_##s##_SEL), F(GUEST_##s##_LIMIT), F(GUEST_##s##_AR) }
	SEG(CS), SEG(SS), SEG(DS), SEG(ES), SEG(FS), SEG(GS), SEG(TR),
#undef SEG
};

#define NR_CODE_AND_DATA	(ARRAY_SIZE(segs) - 1)

static void seg(unsigned int nr, u32 limit, u32 bits)
{
	v[segs[nr][0]] = 8;
	v[segs[nr][1]] = limit;
	v[segs[nr][2]] = bits;
}

/* A 64-bit guest, on a 64-bit host. */
static void good_vmcs(void)
{
	unsigned int i;

	memset(v, 0, sizeof(v));
	v[F(VPID)] = 1;
	v[F(PIN_CTLS)] = PIN_EXT_INTR | PIN_NMI | PIN_VIRTUAL_NMI;
	v[F(PROC_CTLS)] = PROC_SECONDARY | PROC_HLT | PROC_MSR_BITMAP | PROC_TPR_SHADOW;
	v[F(PROC2_CTLS)] = PROC2_EPT | PROC2_VPID | PROC2_UNRESTRICTED;
	v[F(EXIT_CTLS)] = EXIT_HOST_64 | EXIT_LOAD_EFER | EXIT_LOAD_PAT;
	v[F(ENTRY_CTLS)] = ENTRY_IA32E | ENTRY_LOAD_EFER | ENTRY_LOAD_PAT;
	v[F(MSR_BITMAP)] = 0x1000;
	v[F(VAPIC_PAGE)] = 0x2000;
	v[F(EPTP)] = 0x3000 | EPTP_WB | 3 << EPTP_WALK_SHIFT | EPTP_AD;
	v[F(HOST_CR0)] = 0x80050033;
	v[F(HOST_CR4)] = 0x2020;
	v[F(HOST_EFER)] = 0xd01;
	v[F(HOST_PAT)] = v[F(GUEST_PAT)] = 0x0007040600070406;
	v[F(HOST_CS_SEL)] = 0x10;
	v[F(HOST_SS_SEL)] = 0x18;
	v[F(HOST_TR_SEL)] = 0x40;
	v[F(HOST_RIP)] = v[F(HOST_GDTR_BASE)] = 0xffffffff81000000;
	v[F(GUEST_CR0)] = 0x80000033;
	v[F(GUEST_CR4)] = 0x2020;
	v[F(GUEST_EFER)] = 0x500;
	v[F(GUEST_RFLAGS)] = 2;
	v[F(GUEST_RIP)] = 0xffffffff81000000;
	v[F(LINK_POINTER)] = ~0ull;
	for (i = 0; i < NR_CODE_AND_DATA; i++)
		seg(i, 0xffffffff, i ? 0xc093 : 0xa09b);
	seg(NR_CODE_AND_DATA, 0xffffffff, 0x808b);
	v[F(GUEST_LDTR_AR)] = VMX_AR_UNUSABLE;
}

static void good_real_mode(void)
{
	unsigned int i;

	good_vmcs();
	v[F(ENTRY_CTLS)] &= ~(u64)ENTRY_IA32E;
	v[F(GUEST_CR0)] = 0x20;
	v[F(GUEST_CR4)] = 0x2000;
	v[F(GUEST_EFER)] = 0;
	v[F(GUEST_RIP)] = 0xfff0;
	for (i = 0; i < NR_CODE_AND_DATA; i++)
		seg(i, 0xffff, i ? 0x93 : 0x9b);
	seg(NR_CODE_AND_DATA, 0xffff, 0x8b);
}

static void good_pae(void)
{
	good_vmcs();
	v[F(ENTRY_CTLS)] &= ~(u64)ENTRY_IA32E;
	v[F(GUEST_EFER)] = 0;
	v[F(GUEST_RIP)] = 0x1000;
	v[F(GUEST_CS_AR)] = 0xc09b;
	v[F(GUEST_PDPTE0)] = 0x5001;
}

static void passes(const char *what)
{
	struct strata_entry_fault f;
	bool ok = vmx_entry_check(v, &caps, &f);

	tap_ok(ok && !f.name, "%s: allowed%s%s", what, ok ? "" : ", but: ", ok ? "" : f.rule);
}

/* One change to a state of long mode; what is wrong is the field itself, unless named. */
static const struct change {
	unsigned int field;
	u64 value;
	unsigned int found;
} changes[] = {
#define C(name, value)		{ F(name), value, F(name) }
#define C2(name, value, other)	{ F(name), value, F(other) }
	C(VPID, 0),
	C(CR3_TARGET_COUNT, 5),
	C(MSR_BITMAP, 0x1008),
	C(MSR_BITMAP, 1ull << 40),
	C(VAPIC_PAGE, 0x2001),
	C(TPR_THRESHOLD, 0x10),
	C(PIN_CTLS, PIN_VIRTUAL_NMI),
	C(PROC2_CTLS, PROC2_UNRESTRICTED | PROC2_VPID),
	C(EXIT_CTLS, EXIT_HOST_64 | 1u << 22),
	C(EXIT_CTLS, 0),
	C(EXIT_LOAD_COUNT, 1),
	C(ENTRY_CTLS, ENTRY_SMM),
	C(EPTP, 0x3000 | EPTP_WB | 2 << EPTP_WALK_SHIFT),
	C(EPTP, 0x3000 | 3 << EPTP_WALK_SHIFT),
	C(EPTP, 0x3080 | EPTP_WB | 3 << EPTP_WALK_SHIFT),
	C(HOST_CR0, 0x80050013),
	C(HOST_CR4, 0x20),
	C(HOST_CR4, 0x2000),
	C(HOST_CR3, 1ull << 40),
	C(HOST_EFER, 0x101),
	C(HOST_PAT, 2),
	C(HOST_CS_SEL, 0),
	C(HOST_CS_SEL, 0x13),
	C(HOST_TR_SEL, 0x44),
	C(HOST_FS_SEL, 3),
	C(HOST_GS_BASE, 1ull << 63),
	C(HOST_IDTR_BASE, 1ull << 48),
	C(HOST_RIP, 1ull << 47),
	C(ENTRY_INTR_INFO, INTR_VALID | 1u << 8),
	C(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_NMI | 3),
	C(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_HARD_EXC | 32),
	C(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_HARD_EXC | 13),
	C(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_HARD_EXC | INTR_ERROR_VALID | 6),
	C(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_OTHER | 1),
	C(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_HARD_EXC | 1u << 12 | 6),
	C2(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_SOFT_EXC | 3, ENTRY_INSN_LEN),
	C2(ENTRY_INTR_INFO, INTR_VALID | INTR_TYPE_EXT | 0x40, GUEST_RFLAGS),
	C(GUEST_CR0, 0x80000013),
	C(GUEST_CR0, 0x80000032),
	C(GUEST_CR0, 0x33),
	C(GUEST_CR4, 0x20),
	C(GUEST_CR4, 0x2000),
	C(GUEST_CR4, 1ull << 40 | 0x2020),
	C(GUEST_CR3, 1ull << 40),
	C(GUEST_DR7, 1ull << 32),
	C(GUEST_SYSENTER_ESP, 1ull << 63),
	C(GUEST_SYSENTER_EIP, 1ull << 48),
	C(GUEST_PAT, 8),
	C(GUEST_EFER, 0x502),
	C(GUEST_EFER, 0x100),
	C(GUEST_EFER, 0x400),
	C(GUEST_CS_AR, 0xa0b3),
	C(GUEST_CS_AR, 0xa09a),
	C(GUEST_CS_AR, 0xe09b),
	C(GUEST_CS_AR, 0xa0fb),
	C(GUEST_CS_AR, 0xa19b),
	C(GUEST_CS_AR, 0xa08b),
	C(GUEST_CS_AR, 0xa01b),
	C(GUEST_CS_AR, 0x209b),
	C2(GUEST_CS_LIMIT, 0xfff0, GUEST_CS_AR),
	C(GUEST_CS_BASE, 1ull << 32),
	C(GUEST_SS_AR, 0xc09b),
	C(GUEST_SS_BASE, 1ull << 32),
	C(GUEST_DS_AR, 0xc092),
	C(GUEST_DS_AR, 0xc099),
	C(GUEST_DS_AR, 0xc083),
	C(GUEST_DS_AR, 0xc013),
	C(GUEST_ES_BASE, 1ull << 32),
	C(GUEST_FS_BASE, 1ull << 63),
	C(GUEST_GS_BASE, 1ull << 47),
	C(GUEST_TR_SEL, 4),
	C(GUEST_TR_AR, 0x8089),
	C(GUEST_TR_AR, 0x8083),
	C(GUEST_TR_AR, 0x809b),
	C(GUEST_TR_AR, 0x1808b),
	C(GUEST_TR_BASE, 1ull << 63),
	C(GUEST_LDTR_AR, 0x808b),
	C(GUEST_LDTR_AR, 2),
	C(GUEST_GDTR_BASE, 1ull << 63),
	C(GUEST_IDTR_BASE, 1ull << 63),
	C(GUEST_GDTR_LIMIT, 0x10000),
	C(GUEST_IDTR_LIMIT, 0x10000),
	C(GUEST_RIP, 1ull << 47),
	C(GUEST_RFLAGS, 0),
	C(GUEST_RFLAGS, 0xa),
	C(GUEST_RFLAGS, 1ull << 22 | 2),
	C2(GUEST_RFLAGS, 0x20002, GUEST_CS_BASE),	/* virtual-8086 mode, in part */
	C(GUEST_ACTIVITY, 2),
	C(GUEST_INTR_STATE, 0x20),
	C(GUEST_INTR_STATE, 3),
	C(GUEST_INTR_STATE, 1),
	C(GUEST_INTR_STATE, 4),
	C(GUEST_PENDING_DB, 1u << 13),
	C(LINK_POINTER, 0x1000),
};

static const u16 encodings[] = {
#define ENCODING(name, encoding, text)	encoding,
	VMCS_FIELDS(ENCODING)
};

static void vmx(void)
{
	struct strata_entry_fault f;
	unsigned int i, missed = 0, wrong = 0;

	good_vmcs();
	passes("64-bit guest");
	good_real_mode();
	passes("real mode");
	good_pae();
	passes("PAE paging");
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];

		good_vmcs();
		v[c->field] = c->value;
		if (vmx_entry_check(v, &caps, &f) || !f.name) {
			printf("# change %u to 0x%llx passes\n", i, (unsigned long long)c->value);
			missed++;
		} else if (f.field != encodings[c->found]) {
			printf("# change %u to 0x%llx: %s: %s\n", i, (unsigned long long)c->value,
			       f.name, f.rule);
			wrong++;
		}
	}
	tap_ok(!missed, "VMX: none of %zu bad states passes", ARRAY_SIZE(changes));
	tap_ok(!wrong, "VMX: the field is named in each");

	good_vmcs();
	v[F(PIN_CTLS)] = PIN_NMI;
	v[F(PROC_CTLS)] |= PROC_NMI_WINDOW;
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.field == 0x4002,
	       "VMX: a window for NMIs that are not virtual");
	good_pae();
	v[F(GUEST_PDPTE2)] = 0x1003;
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.field == 0x280e, "VMX: a PDPTE's reserved bit");
	good_real_mode();
	v[F(GUEST_SS_AR)] = 0xf3;
	tap_ok(!vmx_entry_check(v, &caps, &f) && !f.ours, "VMX: privilege 3 in real mode");
	good_vmcs();
	v[F(GUEST_RFLAGS)] = 0x302;
	v[F(GUEST_INTR_STATE)] = 1;
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.field == 0x6822,
	       "VMX: a step that waits in a shadow");
	v[F(GUEST_PENDING_DB)] = 1u << 14;
	passes("and with BS");
	good_vmcs();
	v[F(GUEST_ACTIVITY)] = ACTIVITY_HLT;
	passes("a halted guest");
	v[F(ENTRY_INTR_INFO)] = INTR_VALID | INTR_TYPE_NMI | 2;
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.field == 0x4826, "VMX: a halted guest's NMI");
	good_vmcs();
	v[F(GUEST_ACTIVITY)] = ACTIVITY_HLT;
	v[F(GUEST_RFLAGS)] = 0x202;
	v[F(GUEST_INTR_STATE)] = 1;
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.field == 0x4826, "VMX: halted in a shadow");
	good_vmcs();
	v[F(VPID)] = 0;
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.ours, "VMX: controls are strata's");
	caps.allowed0[VMX_PIN] = 1u << 4;
	good_vmcs();
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.field == 0x4000, "VMX: a control that must be on");
	caps.allowed0[VMX_PIN] = 0;
	caps.allowed1[VMX_PROC2] = PROC2_EPT;
	tap_ok(!vmx_entry_check(v, &caps, &f) && f.field == 0x401e, "VMX: a control that cannot be on");
}

static struct vmcb vmcb;

static void good_vmcb(void)
{
	memset(&vmcb, 0, sizeof(vmcb));
	vmcb.control.intercept2 = SVM_I2_VMRUN;
	vmcb.control.asid = 1;
	vmcb.control.iopm_base_pa = 0x1000;
	vmcb.control.msrpm_base_pa = 0x4000;
	vmcb.control.nested_cr3 = 0x5000;
	vmcb.save.efer = 0x1500;
	vmcb.save.cr0 = 0x80000033;
	vmcb.save.cr4 = 0x20;
	vmcb.save.dr6 = 0xffff0ff0;
	vmcb.save.dr7 = 0x400;
	vmcb.save.cs.attrib = 1u << 9;
}

static void svm(void)
{
	static const struct svm_entry_limits limits = { .nr_asids = 16, .phys_bits = 40 };
	struct strata_entry_fault f;

#define GOOD() \
	tap_ok(svm_entry_check(&vmcb, &limits, &f) && !f.name, "SVM: a good state")
#define BAD(member, val, mine) do {					\
	good_vmcb();							\
	vmcb.member = val;						\
	tap_ok(!svm_entry_check(&vmcb, &limits, &f) && f.name &&	\
	       f.field == offsetof(struct vmcb, member) && f.ours == (mine), \
	       "SVM: " #member " = " #val);				\
} while (0)

	good_vmcb();
	GOOD();
	BAD(control.intercept2, 0, true);
	BAD(control.asid, 0, true);
	BAD(control.asid, 16, true);
	BAD(control.iopm_base_pa, 0x1001, true);
	BAD(control.msrpm_base_pa, 1ull << 40, true);
	BAD(control.nested_cr3, 1ull << 40, true);
	BAD(save.efer, 0x500, true);
	BAD(control.event_inj, SVM_EVT_VALID | 1u << 8, false);
	BAD(control.event_inj, SVM_EVT_VALID | SVM_EVT_EXCEPTION | 2, false);
	BAD(control.event_inj, SVM_EVT_VALID | SVM_EVT_EXCEPTION | 32, false);
	BAD(control.event_inj, SVM_EVT_VALID | 1u << 12, false);
	BAD(save.cr0, 0xa0000033, false);
	BAD(save.cr0, 1ull << 32, false);
	BAD(save.cr0, 0x80000032, false);
	BAD(save.cr3, 1ull << 40, false);
	BAD(save.cr4, 0, false);
	BAD(save.cr4, 1ull << 32 | 0x20, false);
	BAD(save.dr6, 1ull << 32, false);
	BAD(save.dr7, 1ull << 32, false);
	BAD(save.cs.attrib, 3u << 9, false);
	good_vmcb();
	vmcb.control.event_inj = SVM_EVT_VALID | SVM_EVT_EXCEPTION | SVM_EVT_ERROR_VALID | 13;
	GOOD();
}

int main(void)
{
	vmx();
	svm();
	return tap_done();
}
