// SPDX-License-Identifier: GPL-2.0
/*
 * Machine checks for a guest: KVM_X86_SETUP_MCE and what the MSRs then are,
 * corrected and uncorrected errors, and guests that cannot take one.
 *
 * lab: vmx
 */
#include "strata_test.h"

#define MCG_CAP		0x179
#define MCG_STATUS	0x17a
#define MCG_CTL		0x17b
#define BANK(n, reg)	(0x400 + 4 * (n) + (reg))
#define CTL_P		(1ull << 8)
#define SER_P		(1ull << 24)
#define VAL		(1ull << 63)
#define OVER		(1ull << 62)
#define UC		(1ull << 61)
#define CR4_MCE		(1ull << 6)

static int setup(struct vcpu *vcpu, uint64_t cap)
{
	return try_ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap);
}

static int report(struct vcpu *vcpu, int bank, uint64_t status)
{
	struct kvm_x86_mce mce = {
		.bank = bank, .status = status, .addr = 0x12345000, .misc = 7, .mcg_status = 5,
	};

	return try_ioctl(vcpu->fd, KVM_X86_SET_MCE, &mce);
}

static __guest void g_banks(uint64_t arg)
{
	uint64_t v;

	GUEST_ASSERT_EQ(10 | CTL_P, rdmsr(MCG_CAP));
	GUEST_ASSERT_EQ(~0ull, rdmsr(MCG_CTL));
	GUEST_ASSERT_EQ(0, wrmsr_try(MCG_CTL, 0));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MCG_CTL, 5));
	GUEST_ASSERT_EQ(0, rdmsr_try(BANK(9, 0), &v));
	GUEST_ASSERT_EQ(~0ull, v);
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(BANK(10, 0), &v));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(BANK(10, 0), 0));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(BANK(0, 1), VAL));
	GUEST_DONE();
}

TEST(banks)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_banks);
	uint64_t supported = 0;
	int dev = dev_open();

	xioctl(dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &supported);
	EXPECT_EQ(CTL_P | SER_P, supported);
	EXPECT_EQ(32, has_cap(KVM_CAP_MCE));
	EXPECT_EQ(EINVAL, setup(vcpu, 0));
	EXPECT_EQ(EINVAL, setup(vcpu, 33));
	EXPECT_EQ(EINVAL, setup(vcpu, 10 | 1ull << 40));
	ASSERT_EQ(0, setup(vcpu, 10 | CTL_P));
	vcpu_run_done(vcpu);
	/* By ioctl all of them are there, for whoever restores state first. */
	vcpu_set_msr(vcpu, BANK(31, 3), 1);
	close(dev);
}

static __guest void g_no_ctl(uint64_t arg)
{
	uint64_t v;

	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(MCG_CTL, &v));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MCG_CTL, 0));
	GUEST_DONE();
}

TEST(no_global_control)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_no_ctl);

	ASSERT_EQ(0, setup(vcpu, 4));
	vcpu_run_done(vcpu);
}

static volatile uint64_t seen_status, seen_addr, seen_mcg;

static __guest void on_mc(struct guest_frame *f)
{
	seen_status = rdmsr(BANK(2, 1));
	seen_addr = rdmsr(BANK(2, 2));
	seen_mcg = rdmsr(MCG_STATUS);
	wrmsr(BANK(2, 1), 0);
	wrmsr(MCG_STATUS, 0);
}

static __guest void g_uncorrected(uint64_t arg)
{
	guest_handler[18] = on_mc;
	write_cr4(read_cr4() | CR4_MCE);
	GUEST_SYNC(1);
	GUEST_SYNC2(2, guest_count[18]);
	GUEST_SYNC2(3, guest_count[18]);
	wrmsr(BANK(2, 0), 0);
	GUEST_SYNC(4);
	GUEST_SYNC2(5, guest_count[18]);
	wrmsr(BANK(2, 0), ~0ull);
	write_cr4(read_cr4() & ~CR4_MCE);
	GUEST_SYNC(6);
	GUEST_SYNC(7);
}

TEST(reports)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_uncorrected);

	ASSERT_EQ(0, setup(vcpu, 4 | CTL_P));
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(EINVAL, report(vcpu, 4, VAL));
	EXPECT_EQ(EINVAL, report(vcpu, 2, UC));
	/* Corrected ones are only stored; the second shows that one was lost. */
	ASSERT_EQ(0, report(vcpu, 2, VAL | 1));
	EXPECT_EQ(VAL | 1, vcpu_get_msr(vcpu, BANK(2, 1)));
	ASSERT_EQ(0, report(vcpu, 2, VAL | 3));
	EXPECT_EQ(VAL | OVER | 3, vcpu_get_msr(vcpu, BANK(2, 1)));
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
	vcpu_set_msr(vcpu, BANK(2, 1), 0);
	ASSERT_EQ(0, report(vcpu, 2, VAL | UC | 9));
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	EXPECT_EQ(VAL | UC | 9, guest_var(vcpu->vm, seen_status));
	EXPECT_EQ(0x12345000, guest_var(vcpu->vm, seen_addr));
	EXPECT_EQ(5, guest_var(vcpu->vm, seen_mcg));
	/* The guest turned the bank's reporting off. */
	vcpu_run_sync(vcpu, 4);
	ASSERT_EQ(0, report(vcpu, 2, VAL | UC | 9));
	vcpu_run_sync(vcpu, 5);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	/* Without CR4.MCE it is the end. */
	vcpu_run_sync(vcpu, 6);
	ASSERT_EQ(0, report(vcpu, 2, VAL | UC | 9));
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
}

TEST_HARNESS_MAIN
