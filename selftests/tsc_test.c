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

static __guest void g_tell(uint64_t arg)
{
	for (;;)
		GUEST_SYNC2(1, rdtsc());
}

/*
 * Between two of the guest's readings lies more than between the inner two of
 * the host's around them, and less than between the outer two.
 */
static void expect_rate(struct __test_metadata *_metadata, struct vcpu *vcpu, uint64_t num,
			uint64_t den)
{
	uint64_t h[4], g[2];
	int i;

	for (i = 0; i < 2; i++) {
		if (i)
			usleep(20000);
		h[2 * i] = rdtsc();
		vcpu_run_sync(vcpu, 1);
		g[i] = vcpu->uc.arg[1];
		h[2 * i + 1] = rdtsc();
	}
	EXPECT_LE((h[2] - h[1]) * num / den, g[1] - g[0] + 1);
	EXPECT_LE(g[1] - g[0], (h[3] - h[0]) * num / den + 1);
	/* And what user space reads is the same TSC. */
	EXPECT_LT(g[1], vcpu_get_msr(vcpu, MSR_TSC));
}

TEST(another_frequency)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu[2] = { vcpu_create(vm, 0, g_tell), vcpu_create(vm, 1, g_tell) };
	int khz = xioctl(vcpu[0]->fd, KVM_GET_TSC_KHZ, 0), i;

	pin_to_cpu(0);
	EXPECT_EQ(khz, xioctl(vm->fd, KVM_GET_TSC_KHZ, 0));
	expect_rate(_metadata, vcpu[0], 1, 1);
	/* Two calibrations of one TSC differ so much: it is the host's. */
	xioctl(vcpu[0]->fd, KVM_SET_TSC_KHZ, khz + khz / 10000);
	EXPECT_EQ(khz + khz / 10000, xioctl(vcpu[0]->fd, KVM_GET_TSC_KHZ, 0));
	expect_rate(_metadata, vcpu[0], 1, 1);
	xioctl(vcpu[0]->fd, KVM_SET_TSC_KHZ, 0);
	EXPECT_EQ(khz, xioctl(vcpu[0]->fd, KVM_GET_TSC_KHZ, 0));
	if (!has_cap(KVM_CAP_TSC_CONTROL)) {
		EXPECT_EQ(EINVAL, try_ioctl(vcpu[0]->fd, KVM_SET_TSC_KHZ, 2 * khz));
		EXPECT_EQ(EINVAL, try_ioctl(vcpu[0]->fd, KVM_SET_TSC_KHZ, khz / 2));
		EXPECT_EQ(khz, xioctl(vcpu[0]->fd, KVM_GET_TSC_KHZ, 0));
		SKIP(return, "no TSC scaling: another frequency is refused");
	}
	for (i = 0; i < 2; i++)
		xioctl(vcpu[i]->fd, KVM_SET_TSC_KHZ, 3 * khz);
	EXPECT_EQ(3 * khz, xioctl(vcpu[0]->fd, KVM_GET_TSC_KHZ, 0));
	expect_rate(_metadata, vcpu[0], 3, 1);
	expect_one_tsc(_metadata, vcpu, 2);
	for (i = 0; i < 2; i++)
		vcpu_set_msr(vcpu[i], MSR_TSC, 5 * STEP);
	expect_one_tsc(_metadata, vcpu, 2);
	EXPECT_EQ(5, steps(vcpu_get_msr(vcpu[1], MSR_TSC)));
	for (i = 0; i < 2; i++)
		xioctl(vcpu[i]->fd, KVM_SET_TSC_KHZ, khz / 4 * 3);
	expect_rate(_metadata, vcpu[0], khz / 4 * 3, khz);
	expect_one_tsc(_metadata, vcpu, 2);
	/* Back to the host's. */
	for (i = 0; i < 2; i++)
		xioctl(vcpu[i]->fd, KVM_SET_TSC_KHZ, khz);
	expect_rate(_metadata, vcpu[0], 1, 1);
	expect_one_tsc(_metadata, vcpu, 2);
}

/* The VM's own is that of the vCPUs to come. */
TEST(frequency_of_a_vm)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	int khz = xioctl(vm->fd, KVM_GET_TSC_KHZ, 0);
	bool scales = has_cap(KVM_CAP_VM_TSC_CONTROL);
	struct vcpu *vcpu;

	EXPECT_EQ(scales ? 0 : EINVAL, try_ioctl(vm->fd, KVM_SET_TSC_KHZ, 2 * khz));
	EXPECT_EQ(scales ? 2 * khz : khz, xioctl(vm->fd, KVM_GET_TSC_KHZ, 0));
	vcpu = vcpu_create(vm, 0, g_tell);
	EXPECT_EQ(scales ? 2 * khz : khz, xioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0));
	expect_rate(_metadata, vcpu, scales ? 2 : 1, 1);
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_SET_TSC_KHZ, khz));
}

#define CLOCK_GVA	0x40000000ul
#define MSR_SYSTEM_TIME	0x4b564d01

/* kvmclock's page, read with the guest's TSC as guests do. */
static __guest void g_clock(uint64_t gpa)
{
	volatile uint32_t *version = (void *)CLOCK_GVA;
	volatile uint64_t *stamp = (void *)(CLOCK_GVA + 8), *ns = (void *)(CLOCK_GVA + 16);
	volatile uint32_t *mul = (void *)(CLOCK_GVA + 24);
	volatile int8_t *shift = (void *)(CLOCK_GVA + 28);
	uint64_t delta;

	wrmsr(MSR_SYSTEM_TIME, gpa | 1);
	for (;;) {
		GUEST_ASSERT(!(*version & 1));
		delta = rdtsc() - *stamp;
		delta = *shift < 0 ? delta >> -*shift : delta << *shift;
		GUEST_SYNC2(1, *ns + (uint64_t)(((unsigned __int128)delta * *mul) >> 32));
	}
}

TEST(clock_at_another_frequency)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_clock);
	uint64_t gpa = vm_alloc(vm, PAGE_SIZE);
	struct kvm_clock_data before, after;
	int khz = xioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0), i;

	if (!has_cap(KVM_CAP_TSC_CONTROL))
		SKIP(return, "no TSC scaling");
	pin_to_cpu(0);
	vm_map(vm, CLOCK_GVA, gpa, PAGE_SIZE, PTE_W);
	xioctl(vcpu->fd, KVM_SET_TSC_KHZ, 2 * khz);
	vcpu_call(vcpu, g_clock, gpa);
	for (i = 0; i < 10; i++) {
		xioctl(vm->fd, KVM_GET_CLOCK, &before);
		vcpu_run_sync(vcpu, 1);
		xioctl(vm->fd, KVM_GET_CLOCK, &after);
		/* The fractions are rounded. */
		EXPECT_LE(before.clock, vcpu->uc.arg[1] + 1000);
		EXPECT_LE(vcpu->uc.arg[1], after.clock + 1000);
		usleep(5000);
	}
}

TEST_HARNESS_MAIN
