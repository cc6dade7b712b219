// SPDX-License-Identifier: GPL-2.0
/*
 * States that the hardware refuses to enter: KVM_EXIT_FAIL_ENTRY, with the
 * field and the rule that it breaks. With the state put right the guest runs.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

#include "../uapi/strata.h"

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

#define CHANGE(name, code) \
	static void name(struct kvm_sregs *s) { code; }
CHANGE(both_sizes, s->cs.db = 1)
CHANGE(cs_granularity, s->cs.limit = 0x1fffff; s->cs.g = 0)
CHANGE(cs_privilege, s->cs.dpl = 3)
CHANGE(ss_code, s->ss.type = 0xb)
CHANGE(ds_base, s->ds.base = 1ull << 32)
CHANGE(ds_not_readable, s->ds.type = 9)
CHANGE(es_system, s->es.s = 0; s->es.type = 3)
CHANGE(gs_base, s->gs.base = 1ull << 63)
CHANGE(tr_available, s->tr.type = 9)
CHANGE(tr_unusable, s->tr.unusable = 1)
CHANGE(tr_local, s->tr.selector |= 4)
CHANGE(ldt_type, s->ldt = s->tr; s->ldt.type = 3)
CHANGE(gdt_base, s->gdt.base = 1ull << 63)
CHANGE(idt_base, s->idt.base = 1ull << 63)

static const struct bad {
	const char *what;
	void (*change)(struct kvm_sregs *s);
	const char *field, *rule;
	bool intel_only;
} bad[] = {
	{ "CS of 64 and of 32 bits", both_sizes, "CS access rights", "D is 0 where L is 1", false },
	{ "CS with a limit beyond 20 bits", cs_granularity, "CS access rights", "G is 1", true },
	{ "CS with another privilege than SS", cs_privilege, "CS access rights", "DPL", true },
	{ "SS is code", ss_code, "SS access rights", "writable data", true },
	{ "DS above 4 GiB", ds_base, "DS base", "63:32", true },
	{ "DS is code that cannot be read", ds_not_readable, "DS access rights", "readable", true },
	{ "ES is a system segment", es_system, "ES access rights", "S is 1", true },
	{ "GS not canonical", gs_base, "GS base", "canonical", true },
	{ "TR not busy", tr_available, "TR access rights", "busy", true },
	{ "TR unusable", tr_unusable, "TR access rights", "usable", true },
	{ "TR in the LDT", tr_local, "TR selector", "TI", true },
	{ "LDTR is a TSS", ldt_type, "LDTR access rights", "LDT", true },
	{ "GDTR not canonical", gdt_base, "GDTR base", "canonical", true },
	{ "IDTR not canonical", idt_base, "IDTR base", "canonical", true },
};

TEST(explained)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_done);
	const struct strata_fail_entry *fail = (const void *)&vcpu->run->fail_entry;
	struct kvm_sregs good = vcpu_sregs(vcpu), s;
	struct kvm_regs regs = vcpu_regs(vcpu);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i].intel_only && !on_intel())
			continue;
		s = good;
		bad[i].change(&s);
		vcpu_set_sregs(vcpu, &s);
		/* What stood there before must not be taken for an answer. */
		memset(vcpu->run->padding, 0xa5, sizeof(vcpu->run->padding));
		ASSERT_EQ(KVM_EXIT_FAIL_ENTRY, vcpu_run(vcpu))
			TH_LOG("%s", bad[i].what);
		ASSERT_EQ(fail->reason, vcpu->run->fail_entry.hardware_entry_failure_reason);
		ASSERT_NE(NULL, memchr(fail->text, 0, sizeof(fail->text)));
		EXPECT_NE(NULL, strstr(fail->text, bad[i].field))
			TH_LOG("%s: %s", bad[i].what, fail->text);
		EXPECT_NE(NULL, strstr(fail->text, bad[i].rule))
			TH_LOG("%s: %s", bad[i].what, fail->text);
		/* Again, as often as one likes; nothing has moved. */
		ASSERT_EQ(KVM_EXIT_FAIL_ENTRY, vcpu_run(vcpu));
		ASSERT_EQ(regs.rip, vcpu_regs(vcpu).rip);
	}
	vcpu_set_sregs(vcpu, &good);
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
