// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's MSRs that user space serves: the filter, with MSRs that otherwise
 * need no exit, its errors; exits for unknown MSRs and for values that are
 * refused; what user space answers.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

#define VALUE		0x06060606ull	/* any of them takes it */
#define UNKNOWN		0xdeadbeef
#define FS_BASE		0xc0000100
#define LSTAR		0xc0000082
#define PAT		0x277
#define BAD_PAT		0x0202020202020202ull

static int user_space_msr(struct vm *vm, uint64_t reasons)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { reasons } };

	return try_ioctl(vm->fd, KVM_ENABLE_CAP, &c);
}

static __guest void g_access(uint64_t arg)
{
	uint64_t v, fault;

	for (;;) {
		fault = rdmsr_try(arg, &v);
		GUEST_SYNC2(fault, v);
		GUEST_SYNC(wrmsr_try(arg, VALUE));
	}
}

static struct vcpu *start(uint32_t index)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_access);

	vcpu_call(vcpu, g_access, index);
	return vcpu;
}

TEST(unknown)
{
	struct vcpu *vcpu = start(UNKNOWN);
	struct kvm_run *run = vcpu->run;

	vcpu_run_sync(vcpu, FAULT(13));
	vcpu_run_sync(vcpu, FAULT(13));
	ASSERT_EQ(0, user_space_msr(vcpu->vm, KVM_MSR_EXIT_REASON_UNKNOWN));
	expect_exit(vcpu, KVM_EXIT_X86_RDMSR);
	EXPECT_EQ(UNKNOWN, run->msr.index);
	EXPECT_EQ(KVM_MSR_EXIT_REASON_UNKNOWN, run->msr.reason);
	EXPECT_EQ(0, run->msr.error);
	run->msr.data = 0xabcdef0123456789ull;
	vcpu_run_sync(vcpu, 0);
	EXPECT_EQ(0xabcdef0123456789ull, vcpu->uc.arg[1]);
	expect_exit(vcpu, KVM_EXIT_X86_WRMSR);
	EXPECT_EQ(UNKNOWN, run->msr.index);
	EXPECT_EQ(VALUE, run->msr.data);
	vcpu_run_sync(vcpu, 0);
	/* Both refused. */
	expect_exit(vcpu, KVM_EXIT_X86_RDMSR);
	run->msr.error = 1;
	vcpu_run_sync(vcpu, FAULT(13));
	expect_exit(vcpu, KVM_EXIT_X86_WRMSR);
	run->msr.error = 1;
	vcpu_run_sync(vcpu, FAULT(13));
}

static __guest void g_bad_value(uint64_t arg)
{
	for (;;)
		GUEST_SYNC(wrmsr_try(PAT, BAD_PAT));
}

TEST(refused_value)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_bad_value);

	/* Another reason does not count. */
	ASSERT_EQ(0, user_space_msr(vcpu->vm, KVM_MSR_EXIT_REASON_UNKNOWN));
	vcpu_run_sync(vcpu, FAULT(13));
	ASSERT_EQ(0, user_space_msr(vcpu->vm, KVM_MSR_EXIT_REASON_INVAL));
	expect_exit(vcpu, KVM_EXIT_X86_WRMSR);
	EXPECT_EQ(KVM_MSR_EXIT_REASON_INVAL, vcpu->run->msr.reason);
	EXPECT_EQ(PAT, vcpu->run->msr.index);
	EXPECT_EQ(BAD_PAT, vcpu->run->msr.data);
	vcpu_run_sync(vcpu, 0);
}

/* User space moved the vCPU while the access waited: nothing is completed. */
TEST(moved_away)
{
	struct vcpu *vcpu = start(UNKNOWN);
	struct kvm_regs r;

	ASSERT_EQ(0, user_space_msr(vcpu->vm, KVM_MSR_EXIT_REASON_UNKNOWN));
	expect_exit(vcpu, KVM_EXIT_X86_RDMSR);
	vcpu_call(vcpu, g_bad_value, 0);
	vcpu->run->msr.error = 1;
	r = vcpu_regs(vcpu);
	vcpu_complete_io(vcpu);
	EXPECT_EQ(r.rip, vcpu_regs(vcpu).rip);
	vcpu_run_sync(vcpu, FAULT(13));
}

static int set_filter(struct vm *vm, uint32_t flags, uint32_t access, uint32_t base, uint32_t nr,
		      const void *bitmap)
{
	struct kvm_msr_filter f = {
		.flags = flags,
		.ranges[0] = {
			.flags = access, .base = base, .nmsrs = nr, .bitmap = (void *)bitmap,
		},
	};

	return try_ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f);
}

#define READ	KVM_MSR_FILTER_READ
#define WRITE	KVM_MSR_FILTER_WRITE

/* MSRs of either vendor's direct access, with the filter coming and going. */
TEST(filter)
{
	static const uint32_t msrs[] = { FS_BASE, LSTAR, 0x174, PAT };
	const uint64_t none = 0, all = ~0ull;
	struct kvm_run *run;
	struct vcpu *vcpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		vcpu = vcpu_create(vm_create(0), 0, g_access);
		run = vcpu->run;
		vcpu_call(vcpu, g_access, msrs[i]);
		vcpu_run_sync(vcpu, 0);
		/* Without exits to user space it is #GP. */
		ASSERT_EQ(0, set_filter(vcpu->vm, 0, READ | WRITE, msrs[i] - 2, 4, &none));
		vcpu_run_sync(vcpu, FAULT(13));
		vcpu_run_sync(vcpu, FAULT(13));
		ASSERT_EQ(0, user_space_msr(vcpu->vm, KVM_MSR_EXIT_REASON_FILTER));
		expect_exit(vcpu, KVM_EXIT_X86_WRMSR);
		vcpu_run_sync(vcpu, 0);
		expect_exit(vcpu, KVM_EXIT_X86_RDMSR);
		EXPECT_EQ(KVM_MSR_EXIT_REASON_FILTER, run->msr.reason);
		EXPECT_EQ(msrs[i], run->msr.index);
		run->msr.data = 77;
		vcpu_run_sync(vcpu, 0);
		EXPECT_EQ(77, vcpu->uc.arg[1]);
		/* Writes only. */
		ASSERT_EQ(0, set_filter(vcpu->vm, 0, WRITE, msrs[i] - 2, 4, &none));
		expect_exit(vcpu, KVM_EXIT_X86_WRMSR);
		EXPECT_EQ(VALUE, run->msr.data);
		vcpu_run_sync(vcpu, 0);
		vcpu_run_sync(vcpu, 0);
		EXPECT_EQ(vcpu_get_msr(vcpu, msrs[i]), vcpu->uc.arg[1]);
		/* A set bit allows, whatever the default says; ioctls are not filtered. */
		ASSERT_EQ(0, set_filter(vcpu->vm, KVM_MSR_FILTER_DEFAULT_DENY, READ | WRITE,
					msrs[i], 1, &all));
		vcpu_run_sync(vcpu, 0);
		vcpu_run_sync(vcpu, 0);
		vcpu_set_msr(vcpu, msrs[i], vcpu_get_msr(vcpu, msrs[i]));
		/* No range is no filter. */
		ASSERT_EQ(0, set_filter(vcpu->vm, 0, 0, 0, 0, NULL));
		vcpu_run_sync(vcpu, 0);
		vm_free(vcpu->vm);
	}
}

TEST(first_range_decides)
{
	struct vcpu *vcpu = start(FS_BASE);
	uint8_t no[8] = { 0 }, yes[8] = { 0xff };
	struct kvm_msr_filter f = {
		.ranges[1] = { .flags = READ, .base = FS_BASE, .nmsrs = 1, .bitmap = yes },
		.ranges[5] = { .flags = READ | WRITE, .base = FS_BASE, .nmsrs = 1, .bitmap = no },
	};

	xioctl(vcpu->vm->fd, KVM_X86_SET_MSR_FILTER, &f);
	vcpu_run_sync(vcpu, 0);
	vcpu_run_sync(vcpu, FAULT(13));
}

TEST(filter_errors)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	static uint8_t bitmap[KVM_MSR_FILTER_MAX_BITMAP_SIZE + 64];

	EXPECT_EQ(EINVAL, set_filter(vm, 2, READ, 0, 1, bitmap));
	EXPECT_EQ(EINVAL, set_filter(vm, 0, 4, 0, 1, bitmap));
	EXPECT_EQ(EINVAL, set_filter(vm, 0, 0, 0, 1, bitmap));
	EXPECT_EQ(EINVAL, set_filter(vm, KVM_MSR_FILTER_DEFAULT_DENY, 0, 0, 0, NULL));
	EXPECT_EQ(EINVAL, set_filter(vm, 0, READ, 0, sizeof(bitmap) * 8, bitmap));
	EXPECT_EQ(EINVAL, set_filter(vm, 0, READ, 0, ~0u, bitmap));
	EXPECT_EQ(EFAULT, set_filter(vm, 0, READ, 0, 64, (void *)8));
	EXPECT_EQ(0, set_filter(vm, 0, READ, 0xfffffff0, 64, bitmap));
	EXPECT_EQ(0, set_filter(vm, 0, READ, 0, KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8, bitmap));
}

static __guest void g_spin(uint64_t arg)
{
	uint64_t v;

	while (!rdmsr_try(FS_BASE, &v))
		;
	GUEST_DONE();
}

/* A vCPU that is in guest mode all the time obeys a new filter at once. */
TEST(while_running)
{
	const uint64_t none = 0;
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_spin);

	vcpu_start_done(vcpu);
	usleep(100000);
	EXPECT_FALSE(vcpu_finished(vcpu));
	ASSERT_EQ(0, set_filter(vm, 0, READ, FS_BASE, 1, &none));
	vcpu_join(vcpu);
}

TEST_HARNESS_MAIN
