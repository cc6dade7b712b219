// SPDX-License-Identifier: GPL-2.0
/*
 * XCR0: KVM_GET/SET_XCRS and their errors, AVX state under it, and the host's
 * own XCR0 after the guest ran with another.
 *
 * lab: vmx
 */
#include "strata_test.h"

static uint64_t host_xcr0(void)
{
	uint32_t lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static __guest void g_xgetbv(uint64_t arg)
{
	uint64_t lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	GUEST_SYNC2(1, hi << 32 | lo);
	if (lo & 4) {
		asm volatile("vpcmpeqd %%ymm3, %%ymm3, %%ymm3" : : );
		GUEST_SYNC(2);
	}
	GUEST_DONE();
}

static void enable_osxsave(struct vcpu *vcpu)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);

	s.cr4 |= 1 << 18;
	vcpu_set_sregs(vcpu, &s);
}

static int set_xcr0(struct vcpu *vcpu, uint64_t v)
{
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = v };

	return try_ioctl(vcpu->fd, KVM_SET_XCRS, &x);
}

TEST(get_and_set)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_xgetbv);
	struct kvm_xcrs x;

	REQUIRE_CAP(KVM_CAP_XCRS);
	REQUIRE_CPUID(1, 0, ecx, 26);
	memset(&x, 0xa5, sizeof(x));
	xioctl(vcpu->fd, KVM_GET_XCRS, &x);
	EXPECT_EQ(1, x.nr_xcrs);
	EXPECT_EQ(0, x.xcrs[0].xcr);
	EXPECT_EQ(1, x.xcrs[0].value);
	EXPECT_EQ(0, set_xcr0(vcpu, 3));
	xioctl(vcpu->fd, KVM_GET_XCRS, &x);
	EXPECT_EQ(3, x.xcrs[0].value);

	/* x87 is always on; AVX needs SSE; unknown components do not exist. */
	EXPECT_EQ(EINVAL, set_xcr0(vcpu, 2));
	EXPECT_EQ(EINVAL, set_xcr0(vcpu, 5));
	EXPECT_EQ(EINVAL, set_xcr0(vcpu, 1ull << 62 | 3));
	x.nr_xcrs = 17;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_XCRS, &x));
	x.nr_xcrs = 1;
	x.flags = 1;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_XCRS, &x));
	xioctl(vcpu->fd, KVM_GET_XCRS, &x);
	EXPECT_EQ(3, x.xcrs[0].value);
}

TEST(avx_and_host)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_xgetbv);
	struct kvm_xsave *x = calloc(1, sizeof(*x));
	uint64_t host = host_xcr0(), want = 3;

	REQUIRE_CAP(KVM_CAP_XCRS);
	REQUIRE_CPUID(1, 0, ecx, 26);
	if (cpuid_supported(0xd, 0)->eax & 4)
		want = 7;
	enable_osxsave(vcpu);
	ASSERT_EQ(0, set_xcr0(vcpu, want));
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(want, vcpu->uc.arg[1]);
	EXPECT_EQ(host, host_xcr0());
	if (want & 4) {
		vcpu_run_sync(vcpu, 2);
		xioctl(vcpu->fd, KVM_GET_XSAVE, x);
		EXPECT_EQ(4, *(uint64_t *)((uint8_t *)x + 512) & 4);
		EXPECT_EQ(~0ull, *(uint64_t *)((uint8_t *)x + 576 + 16 * 3));
		EXPECT_EQ(0, *(uint64_t *)((uint8_t *)x + 576 + 16 * 4));
	}
	vcpu_run_done(vcpu);
	EXPECT_EQ(host, host_xcr0());
}

/* The guest has less than the host: the host's AVX registers survive. */
TEST(smaller_than_the_host)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_xgetbv);
	uint64_t host = host_xcr0();
	uint64_t v[4] = { 1, 2, 3, 4 }, w[4];
	int ret;

	REQUIRE_CPUID(1, 0, ecx, 26);
	REQUIRE_CPUID(0xd, 0, eax, 2);
	enable_osxsave(vcpu);
	ASSERT_EQ(0, set_xcr0(vcpu, 1));
	asm volatile("vmovdqu %2, %%ymm9\n"
		     "syscall\n"
		     "vmovdqu %%ymm9, %1\n"
		     /* Bochs' XSAVEC and XRSTOR disagree with it in use. */
		     "vzeroupper\n"
		     : "=a"(ret), "=m"(w)
		     : "m"(v), "0"(16), "D"(vcpu->fd), "S"(KVM_RUN), "d"(0)
		     : "rcx", "r11", "memory", "xmm9");
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, memcmp(v, w, sizeof(v)));
	EXPECT_EQ(host, host_xcr0());
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(1, vcpu->uc.arg[1]);
}

static __guest void g_no_osxsave(uint64_t arg)
{
	GUEST_ASSERT_EQ(FAULT(6), GUEST_TRY("xgetbv", "c"(0)));
	GUEST_ASSERT_EQ(FAULT(6), GUEST_TRY("xsetbv", "c"(0), "a"(1), "d"(0)));
	write_cr4(read_cr4() | 1 << 18);
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("xsetbv", "c"(0), "a"(2), "d"(0)));
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("xsetbv", "c"(1), "a"(1), "d"(0)));
	GUEST_ASSERT_EQ(0, GUEST_TRY("xsetbv", "c"(0), "a"(3), "d"(0)));
	GUEST_DONE();
}

TEST(guest_faults)
{
	struct vm *vm = vm_create(0);

	REQUIRE_CPUID(1, 0, ecx, 26);
	vcpu_run_done(vcpu_create(vm, 0, g_no_osxsave));
}

/* A guest without XSAVE has the XCR0 of a reset, and user space can restore it. */
TEST(guest_without_xsave)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_xcrs x;

	REQUIRE_CAP(KVM_CAP_XCRS);
	cpuid_find(c, 1, 0)->ecx &= ~(1u << 26);
	c->nent = 2;
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	xioctl(vcpu->fd, KVM_GET_XCRS, &x);
	EXPECT_EQ(1, x.xcrs[0].value);
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_XCRS, &x));
	EXPECT_EQ(EINVAL, set_xcr0(vcpu, 3));
}

TEST_HARNESS_MAIN
