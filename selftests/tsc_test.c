// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's TSC: what user space and the guest write, what of it shows in
 * IA32_TSC_ADJUST, and that the vCPUs of a VM have one TSC.
 *
 * lab: vmx
 */
#include "strata_test.h"

#define MSR_TSC		0x10
#define MSR_TSC_ADJUST	0x3b

/* Far more than passes during a test. */
#define STEP		(1ull << 50)

static uint64_t steps(uint64_t v)
{
	return (v + STEP / 2) / STEP;
}

static __guest void g_write(uint64_t arg)
{
	uint64_t adjust;

	GUEST_ASSERT_EQ(0, rdmsr(MSR_TSC_ADJUST));
	GUEST_ASSERT(rdtsc() <= rdmsr(MSR_TSC));
	GUEST_SYNC2(1, rdtsc());
	/* A write of the one shows in the other. */
	wrmsr(MSR_TSC_ADJUST, STEP);
	GUEST_SYNC2(2, rdtsc());
	wrmsr(MSR_TSC, 3 * STEP);
	adjust = rdmsr(MSR_TSC_ADJUST);
	GUEST_SYNC3(3, rdtsc(), adjust);
	GUEST_SYNC3(4, rdtsc(), rdmsr(MSR_TSC_ADJUST));
	GUEST_SYNC3(5, rdtsc(), rdmsr(MSR_TSC_ADJUST));
	GUEST_DONE();
}

TEST(written_by_guest_and_user_space)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_write);

	REQUIRE_CPUID(7, 0, ebx, 1);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, steps(vcpu->uc.arg[1]));
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(1, steps(vcpu->uc.arg[1]));
	EXPECT_EQ(1, steps(vcpu_get_msr(vcpu, MSR_TSC)));
	EXPECT_EQ(STEP, vcpu_get_msr(vcpu, MSR_TSC_ADJUST));
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ(3, steps(vcpu->uc.arg[1]));
	EXPECT_EQ(3, steps(vcpu->uc.arg[2]));
	/* What user space writes to the one leaves the other. */
	vcpu_set_msr(vcpu, MSR_TSC_ADJUST, 9 * STEP);
	vcpu_run_sync(vcpu, 4);
	EXPECT_EQ(3, steps(vcpu->uc.arg[1]));
	EXPECT_EQ(9, steps(vcpu->uc.arg[2]));
	vcpu_set_msr(vcpu, MSR_TSC, 20 * STEP);
	vcpu_run_sync(vcpu, 5);
	EXPECT_EQ(20, steps(vcpu->uc.arg[1]));
	EXPECT_EQ(9, steps(vcpu->uc.arg[2]));
	vcpu_run_done(vcpu);
}

/*
 * Written one after the other with one value, as at reset and after a
 * restore, the TSCs are the same: each reading lies between its neighbours.
 */
static void expect_one_tsc(struct __test_metadata *_metadata, struct vcpu **vcpu, int n)
{
	uint64_t last = 0, now;
	int i;

	for (i = 0; i < 3 * n; i++) {
		now = vcpu_get_msr(vcpu[i % n], MSR_TSC);
		EXPECT_LT(last, now);
		if (i)
			EXPECT_GT(STEP, now - last);
		last = now;
	}
}

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

TEST(one_tsc)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu[4];
	unsigned int i;

	pin_to_cpu(0);
	for (i = 0; i < ARRAY_SIZE(vcpu); i++)
		vcpu[i] = vcpu_create(vm, i, g_done);
	expect_one_tsc(_metadata, vcpu, ARRAY_SIZE(vcpu));
	for (i = 0; i < ARRAY_SIZE(vcpu); i++)
		vcpu_set_msr(vcpu[i], MSR_TSC, 0);
	expect_one_tsc(_metadata, vcpu, ARRAY_SIZE(vcpu));
	for (i = 0; i < ARRAY_SIZE(vcpu); i++)
		vcpu_set_msr(vcpu[i], MSR_TSC, 5 * STEP);
	expect_one_tsc(_metadata, vcpu, ARRAY_SIZE(vcpu));
	EXPECT_EQ(5, steps(vcpu_get_msr(vcpu[3], MSR_TSC)));
	/* Another value for one of them is its own. */
	vcpu_set_msr(vcpu[2], MSR_TSC, 7 * STEP);
	EXPECT_EQ(7, steps(vcpu_get_msr(vcpu[2], MSR_TSC)));
	EXPECT_EQ(5, steps(vcpu_get_msr(vcpu[1], MSR_TSC)));
}

static __guest void g_forward(uint64_t arg)
{
	uint64_t last = 0, now;
	int i;

	for (;;) {
		for (i = 0; i < 1000; i++) {
			now = rdtsc();
			GUEST_ASSERT(now >= last);
			last = now;
		}
		GUEST_SYNC2(1, last);
	}
}

TEST(goes_forward)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_forward);
	uint64_t seen;
	int i;

	for (i = 0; i < 50; i++) {
		vcpu_run_sync(vcpu, 1);
		seen = vcpu_get_msr(vcpu, MSR_TSC);
		EXPECT_LE(vcpu->uc.arg[1], seen);
	}
}

TEST_HARNESS_MAIN
