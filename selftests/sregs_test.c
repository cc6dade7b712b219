// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_SREGS and KVM_SET_SREGS: get and set are inverse; every illegal
 * combination of CR0, CR4, EFER, CS and the APIC base is refused and changes
 * nothing; one interrupt can be handed over.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

#define CR0_PE		(1ull << 0)
#define CR0_NW		(1ull << 29)
#define CR0_CD		(1ull << 30)
#define CR0_PG		(1ull << 31)
#define CR4_PAE		(1ull << 5)
#define EFER_LME	(1ull << 8)
#define EFER_LMA	(1ull << 10)

static __guest void g_nothing(uint64_t arg)
{
	GUEST_DONE();
}

FIXTURE(sregs) {
	struct vm *vm;
	struct vcpu *vcpu;
	struct kvm_sregs good;
};

FIXTURE_SETUP(sregs)
{
	self->vm = vm_create(VM_IRQCHIP);
	self->vcpu = vcpu_create(self->vm, 0, g_nothing);
	self->good = vcpu_sregs(self->vcpu);
}

FIXTURE_TEARDOWN(sregs)
{
	vm_free(self->vm);
}

TEST_F(sregs, identity)
{
	struct kvm_sregs s;

	vcpu_set_sregs(self->vcpu, &self->good);
	s = vcpu_sregs(self->vcpu);
	EXPECT_EQ(0, memcmp(&s, &self->good, sizeof(s)));
}

/* Each segment keeps all its attributes, base and limit. */
TEST_F(sregs, segments_keep_everything)
{
	struct kvm_sregs s = self->good, t;
	struct kvm_segment *seg[] = { &s.ds, &s.es, &s.fs, &s.gs };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seg); i++) {
		seg[i]->selector = 0x10 + 0x100 * i;
		seg[i]->base = 0x1000 * (i + 1);
		seg[i]->limit = 0x123000 + 0x1000 * i + 0xfff;
		seg[i]->avl = i & 1;
	}
	s.fs.base = 0x123456789000;
	s.gs.base = 0xffff800000001000;
	s.gdt.base = 0x9000;
	s.gdt.limit = 0x77;
	s.idt.base = 0xa000;
	s.idt.limit = 0x88;
	s.cr2 = 0xdeadbeef000;
	s.cr8 = 5;
	vcpu_set_sregs(self->vcpu, &s);
	t = vcpu_sregs(self->vcpu);
	EXPECT_EQ(0, memcmp(&s, &t, sizeof(s)));
}

struct bad {
	const char *what;
	void (*change)(struct kvm_sregs *s);
};

#define BAD(name, code) \
	static void name(struct kvm_sregs *s) { code; }
BAD(pg_without_pe, s->cr0 &= ~CR0_PE)
BAD(nw_without_cd, s->cr0 = (s->cr0 & ~CR0_CD) | CR0_NW)
BAD(cr0_high, s->cr0 |= 1ull << 32)
BAD(long_without_pae, s->cr4 &= ~CR4_PAE)
BAD(long_without_lma, s->efer &= ~EFER_LMA)
BAD(lma_without_lme, s->efer &= ~EFER_LME)
BAD(lma_without_pg, s->cr0 &= ~CR0_PG)
BAD(cs_long_without_lma, s->efer &= ~(EFER_LME | EFER_LMA); s->cs.l = 1)
BAD(cr4_reserved, s->cr4 |= 1ull << 63)
BAD(cr4_reserved_low, s->cr4 |= 1ull << 19)
BAD(x2apic_without_enable, s->apic_base = (s->apic_base & ~(1ull << 11)) | 1ull << 10)
BAD(apic_base_high, s->apic_base |= 1ull << 63)

static const struct bad bad[] = {
	{ "CR0.PG without PE", pg_without_pe },
	{ "CR0.NW without CD", nw_without_cd },
	{ "CR0 bit 32", cr0_high },
	{ "long mode without CR4.PAE", long_without_pae },
	{ "long mode without EFER.LMA", long_without_lma },
	{ "EFER.LMA without LME", lma_without_lme },
	{ "EFER.LMA without paging", lma_without_pg },
	{ "CS.L outside long mode", cs_long_without_lma },
	{ "CR4 bit 63", cr4_reserved },
	{ "CR4 bit 19", cr4_reserved_low },
	{ "x2APIC without APIC", x2apic_without_enable },
	{ "APIC base bit 63", apic_base_high },
};

TEST_F(sregs, refused_without_a_change)
{
	struct kvm_sregs s, t;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		s = self->good;
		bad[i].change(&s);
		/* Something legal beside it, which must not be taken either. */
		s.cr2 = 0x123000;
		s.gdt.base = 0x5000;
		EXPECT_EQ(EINVAL, try_ioctl(self->vcpu->fd, KVM_SET_SREGS, &s))
			TH_LOG("%s", bad[i].what);
		t = vcpu_sregs(self->vcpu);
		EXPECT_EQ(0, memcmp(&t, &self->good, sizeof(t)))
			TH_LOG("%s changed something", bad[i].what);
	}
}

/*
 * Reserved bits of EFER are not refused by KVM. Where they are taken the
 * hardware refuses to enter the guest, which is an exit and nothing worse.
 */
TEST_F(sregs, efer_reserved_bits)
{
	struct kvm_sregs s = self->good;

	s.efer |= 1ull << 1 | 1ull << 40;
	if (try_ioctl(self->vcpu->fd, KVM_SET_SREGS, &s) == EINVAL)
		return;
	vcpu_run(self->vcpu);
	vcpu_set_sregs(self->vcpu, &self->good);
}

/* CR4 bits belong to CPUID features; without the feature they are refused. */
TEST(cr4_follows_cpuid)
{
	static const struct {
		uint32_t leaf, ecx;
		int reg;	/* 1 ebx, 2 ecx, 3 edx */
		int feature, cr4;
	} dep[] = {
		{ 1, 0, 2, 17, 17 },	/* PCID */
		{ 1, 0, 2, 26, 18 },	/* XSAVE, OSXSAVE */
		{ 7, 0, 1, 0, 16 },	/* FSGSBASE */
		{ 7, 0, 1, 7, 20 },	/* SMEP */
		{ 7, 0, 1, 20, 21 },	/* SMAP */
		{ 7, 0, 2, 2, 11 },	/* UMIP */
		{ 7, 0, 2, 3, 22 },	/* PKU */
	};
	struct vm *vm = vm_create(0);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dep); i++) {
		struct vcpu *vcpu = vcpu_create_raw(vm, i);
		struct kvm_cpuid2 *c = supported_cpuid();
		struct kvm_cpuid_entry2 *e = cpuid_find(c, dep[i].leaf, dep[i].ecx);
		struct kvm_sregs s;
		uint32_t *reg;

		vcpu_set_long_mode(vcpu);
		s = vcpu_sregs(vcpu);
		s.cr4 |= 1ull << dep[i].cr4;
		ASSERT_NE(NULL, e);
		reg = dep[i].reg == 1 ? &e->ebx : dep[i].reg == 2 ? &e->ecx : &e->edx;
		if (*reg & (1u << dep[i].feature)) {
			xioctl(vcpu->fd, KVM_SET_CPUID2, c);
			EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_SREGS, &s))
				TH_LOG("CR4 bit %d", dep[i].cr4);
			s.cr4 &= ~(1ull << dep[i].cr4);
			vcpu_set_sregs(vcpu, &s);
			s.cr4 |= 1ull << dep[i].cr4;
		}
		*reg &= ~(1u << dep[i].feature);
		xioctl(vcpu->fd, KVM_SET_CPUID2, c);
		EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_SREGS, &s))
			TH_LOG("CR4 bit %d without its feature", dep[i].cr4);
		free(c);
	}
}

/* What was set is what the guest works with. */
static __guest void g_check_bases(uint64_t arg)
{
	uint64_t v;

	asm volatile("mov %%fs:0, %0" : "=r"(v));
	GUEST_ASSERT_EQ(0x1111, v);
	asm volatile("mov %%gs:8, %0" : "=r"(v));
	GUEST_ASSERT_EQ(0x2222, v);
	GUEST_ASSERT_EQ(0xabc000, read_cr2());
	GUEST_DONE();
}

TEST(guest_uses_them)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_check_bases);
	struct kvm_sregs s = vcpu_sregs(vcpu);

	s.fs.base = 0x3000;
	s.gs.base = 0x4000;
	s.cr2 = 0xabc000;
	vcpu_set_sregs(vcpu, &s);
	*(uint64_t *)vm_hva(vm, 0x3000) = 0x1111;
	*(uint64_t *)vm_hva(vm, 0x4008) = 0x2222;
	vcpu_run_done(vcpu);
}

/* An interrupt in the bitmap is one that was being delivered. */
static __guest void g_take_interrupt(uint64_t arg)
{
	GUEST_ASSERT_EQ(1, guest_count[0x51]);
	GUEST_DONE();
}

TEST(interrupt_bitmap)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_take_interrupt);
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs r = vcpu_regs(vcpu);

	r.rflags |= 1 << 9;
	vcpu_set_regs(vcpu, &r);
	s.interrupt_bitmap[0x51 / 64] = 1ull << (0x51 % 64);
	vcpu_set_sregs(vcpu, &s);
	s = vcpu_sregs(vcpu);
	EXPECT_EQ(1ull << (0x51 % 64), s.interrupt_bitmap[0x51 / 64]);
	vcpu_run_done(vcpu);
	s = vcpu_sregs(vcpu);
	EXPECT_EQ(0, s.interrupt_bitmap[0x51 / 64]);
}

/* The same registers, and the PDPTEs of PAE paging. */
TEST(sregs2)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_nothing);
	struct kvm_sregs s = vcpu_sregs(vcpu);
	uint64_t *pdpt = vm_hva(vm, 0x2000);
	struct kvm_sregs2 t;

	ASSERT_EQ(1, has_cap(KVM_CAP_SREGS2));
	memset(&t, 0xa5, sizeof(t));
	ASSERT_EQ(0, try_ioctl(vcpu->fd, KVM_GET_SREGS2, &t));
	EXPECT_EQ(0, memcmp(&s, &t, offsetof(struct kvm_sregs2, flags)));
	EXPECT_EQ(0, t.flags);
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_SREGS2, &t));
	t.flags = 2;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_SREGS2, &t));
	t.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_SREGS2, &t));

	pdpt[0] = 0x3001;
	pdpt[3] = 0x4001;
	t.flags = 0;
	t.efer = 0;
	t.cs.l = 0;
	t.cr3 = 0x2000;
	ASSERT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_SREGS2, &t));
	ASSERT_EQ(0, try_ioctl(vcpu->fd, KVM_GET_SREGS2, &t));
	EXPECT_EQ(KVM_SREGS2_FLAGS_PDPTRS_VALID, t.flags);
	EXPECT_EQ(0x3001, t.pdptrs[0]);
	EXPECT_EQ(0, t.pdptrs[1]);
	EXPECT_EQ(0x4001, t.pdptrs[3]);
	/* Intel's CPUs keep them, and user space may set others than memory has. */
	t.pdptrs[1] = 0x5001;
	ASSERT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_SREGS2, &t));
	ASSERT_EQ(0, try_ioctl(vcpu->fd, KVM_GET_SREGS2, &t));
	EXPECT_EQ(on_intel() ? 0x5001 : 0, t.pdptrs[1]);
}

TEST_HARNESS_MAIN
