// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2 kernels
 *
 * The guest's vector state: through KVM_GET/SET_FPU and XSAVE, over preemption
 * by host threads that use the same registers, over migration between CPUs;
 * and the host's own state, which the guest must not disturb.
 */
#include "strata_test.h"

/* Adds one to each lane of all sixteen registers, then reports. */
static __guest void g_count(uint64_t arg)
{
	uint64_t one[2] __attribute__((aligned(16))) = { 1, 1 };

	for (;;) {
		asm volatile("movdqa %0, %%xmm15\n"
			     "paddq %%xmm15, %%xmm0; paddq %%xmm15, %%xmm1\n"
			     "paddq %%xmm15, %%xmm2; paddq %%xmm15, %%xmm3\n"
			     "paddq %%xmm15, %%xmm8; paddq %%xmm15, %%xmm14\n"
			     : : "m"(one));
		GUEST_SYNC(1);
	}
}

/*
 * The guest uses SSE first, because KVM_SET_FPU of KVM does not tell XRSTOR
 * about registers that were in their initial state. It ignores MXCSR too.
 */
TEST(get_and_set)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_count);
	struct kvm_fpu f, g;
	int i;

	xioctl(vcpu->fd, KVM_GET_FPU, &f);
	EXPECT_EQ(0x37f, f.fcw);
	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->fd, KVM_GET_FPU, &f);
	EXPECT_EQ(1, *(uint64_t *)f.xmm[3]);
	for (i = 0; i < 16 * 16; i++)
		((uint8_t *)f.xmm)[i] = i * 3 + 1;
	for (i = 0; i < 8; i++)
		memset(f.fpr[i], 0x10 + i, 10);
	f.fcw = 0x27f;
	f.ftwx = 0xff;
	xioctl(vcpu->fd, KVM_SET_FPU, &f);
	xioctl(vcpu->fd, KVM_GET_FPU, &g);
	EXPECT_EQ(0, memcmp(f.xmm, g.xmm, sizeof(f.xmm)));
	EXPECT_EQ(0, memcmp(f.fpr[7], g.fpr[7], 10));
	EXPECT_EQ(0x27f, g.fcw);
	EXPECT_EQ(0xff, g.ftwx);
	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->fd, KVM_GET_FPU, &g);
	EXPECT_EQ(*(uint64_t *)f.xmm[3] + 1, *(uint64_t *)g.xmm[3]);
	EXPECT_EQ(0, memcmp(f.xmm[4], g.xmm[4], 4 * 16));
}

/* The host's registers hold what they held, the guest's count on. */
TEST(host_registers_survive)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_count);
	uint64_t before[2] __attribute__((aligned(16))) = { 0x1234, 0x5678 };
	uint64_t after[2] __attribute__((aligned(16)));
	struct kvm_fpu f;
	int i, bad = 0;
	uint32_t mxcsr = 0x1fc0, seen;

	for (i = 0; i < 200; i++) {
		int ret;

		asm volatile("ldmxcsr %4\n"
			     "movdqa %2, %%xmm0; movdqa %2, %%xmm14\n"
			     "syscall\n"
			     "movdqa %%xmm14, %1\n"
			     "stmxcsr %3\n"
			     : "=a"(ret), "=m"(after), "+m"(before), "=m"(seen)
			     : "m"(mxcsr), "0"(16), "D"(vcpu->fd), "S"(KVM_RUN), "d"(0)
			     : "rcx", "r11", "memory", "xmm0", "xmm14");
		bad += ret || seen != mxcsr || memcmp(before, after, 16);
	}
	mxcsr = 0x1f80;
	asm volatile("ldmxcsr %0" : : "m"(mxcsr));
	EXPECT_EQ(0, bad);
	xioctl(vcpu->fd, KVM_GET_FPU, &f);
	EXPECT_EQ(200, *(uint64_t *)f.xmm[0]);
	EXPECT_EQ(200, *(uint64_t *)f.xmm[14]);
}

/* A guest that never exits shares its CPU with a thread full of other values. */
static volatile uint64_t rounds, stop;

static __guest void g_keep(uint64_t arg)
{
	uint64_t v[2] __attribute__((aligned(16))) = { 0xabcdef0123456789, arg };
	uint64_t w[2] __attribute__((aligned(16)));

	asm volatile("movdqa %0, %%xmm5; movdqa %0, %%xmm12" : : "m"(v));
	while (!stop) {
		asm volatile("movdqa %%xmm5, %0" : "=m"(w));
		GUEST_ASSERT_EQ(v[0], w[0]);
		asm volatile("movdqa %%xmm12, %0" : "=m"(w));
		GUEST_ASSERT_EQ(v[0], w[0]);
		rounds++;
	}
	GUEST_DONE();
}

static volatile int spoil = 1;

static void *spoiler(void *arg)
{
	uint64_t v[2] __attribute__((aligned(16))) = { ~0ull, ~0ull };

	while (spoil)
		asm volatile("movdqa %0, %%xmm5; movdqa %0, %%xmm12"
			     : : "m"(v) : "xmm5", "xmm12");
	return NULL;
}

static void *run_migrating(void *arg)
{
	struct vcpu *vcpu = arg;

	while (vcpu_try_run(vcpu) == EINTR)
		;
	vcpu_report_abort(vcpu);
	return NULL;
}

TEST(preemption_and_migration)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_keep);
	int cpus = online_cpus(), i;
	pthread_t t;
	cpu_set_t set;

	ASSERT_EQ(0, pthread_create(&t, NULL, spoiler, NULL));
	vcpu_start(vcpu, run_migrating);
	for (i = 0; i < 40; i++) {
		uint64_t before = guest_var(vm, rounds);

		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		pthread_setaffinity_np(vcpu->thread, sizeof(set), &set);
		while (guest_var(vm, rounds) == before)
			usleep(500);
	}
	guest_var(vm, stop) = 1;
	vcpu_join(vcpu);
	spoil = 0;
	pthread_join(t, NULL);
	EXPECT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(UCALL_DONE, vcpu->uc.cmd);
}

/* The standard format of XSAVE, and its agreement with GET_FPU. */
TEST(xsave)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_count);
	struct kvm_xsave *x = calloc(1, sizeof(*x)), *y = calloc(1, sizeof(*y));
	struct kvm_fpu f;
	uint8_t *b = (uint8_t *)x;

	REQUIRE_CAP(KVM_CAP_XSAVE);
	memset(x, 0xa5, sizeof(*x));
	xioctl(vcpu->fd, KVM_GET_XSAVE, x);
	/* XSTATE_BV knows no bits that the host lacks, and no compaction. */
	EXPECT_EQ(0, *(uint64_t *)(b + 512) & ~0x3ull & ~(uint64_t)
		  (cpuid_supported(0xd, 0)->eax | (uint64_t)cpuid_supported(0xd, 0)->edx << 32));
	EXPECT_EQ(0, *(uint64_t *)(b + 520));
	*(uint64_t *)(b + 512) |= 3;
	memset(b + 160, 0x42, 256);
	xioctl(vcpu->fd, KVM_SET_XSAVE, x);
	xioctl(vcpu->fd, KVM_GET_FPU, &f);
	EXPECT_EQ(0x4242424242424242, *(uint64_t *)f.xmm[3]);
	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->fd, KVM_GET_XSAVE, y);
	EXPECT_EQ(0x4242424242424243, *(uint64_t *)((uint8_t *)y + 160));
	EXPECT_EQ(0x4242424242424242, *(uint64_t *)((uint8_t *)y + 160 + 16 * 7));

	/* A component that no host has, a bad MXCSR and a compacted header. */
	*(uint64_t *)(b + 512) |= 1ull << 62;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_XSAVE, x));
	*(uint64_t *)(b + 512) = 3;
	*(uint32_t *)(b + 24) = 0xffffffff;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_XSAVE, x));
	*(uint32_t *)(b + 24) = 0x1f80;
	*(uint64_t *)(b + 520) = 1ull << 63 | 3;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_XSAVE, x));
}

TEST_HARNESS_MAIN
