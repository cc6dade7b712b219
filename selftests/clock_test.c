// SPDX-License-Identifier: GPL-2.0
/*
 * kvmclock: its page and the wall clock's, KVM_GET/SET_CLOCK, what user space
 * may do to it, and pages in places where they cannot be.
 */
#include <time.h>

#include "strata_test.h"

#define MSR_WALL_OLD	0x11
#define MSR_CLOCK_OLD	0x12
#define MSR_WALL	0x4b564d00
#define MSR_CLOCK	0x4b564d01

#define F_STABLE	1
#define F_STOPPED	2

/* Two clocks are read one after the other, and a TSC is not a ruler. */
#define SLACK		1000000ll
#define SECOND		1000000000ll

struct time_page {
	uint32_t version;
	uint32_t pad;
	uint64_t tsc;
	uint64_t ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
	uint8_t pad2[2];
};

struct wall_page {
	uint32_t version;
	uint32_t sec;
	uint32_t nsec;
};

static volatile struct time_page page[2] __attribute__((aligned(64)));
static volatile struct wall_page wall __attribute__((aligned(64)));
static volatile uint64_t page_gpa[2], wall_gpa, reg, value;

__guest_inline uint64_t scaled(uint64_t ticks, uint32_t mul, int8_t shift)
{
	uint64_t lo, hi;

	if (shift < 0)
		ticks >>= -shift;
	else
		ticks <<= shift;
	asm("mulq %3" : "=a"(lo), "=d"(hi) : "0"(ticks), "r"((uint64_t)mul) : "cc");
	return hi << 32 | lo >> 32;
}

__guest_inline uint64_t clock_read(volatile struct time_page *p)
{
	uint32_t version;
	uint64_t ns;

	do {
		version = p->version;
		asm volatile("lfence" : : : "memory");
		ns = p->ns + scaled(rdtsc() - p->tsc, p->mul, p->shift);
		asm volatile("lfence" : : : "memory");
	} while ((version & 1) || version != p->version);
	return ns;
}

static __guest void g_clock(uint64_t arg)
{
	uint64_t last = 0, now;
	int i;

	wrmsr(MSR_CLOCK, page_gpa[arg] | 1);
	GUEST_ASSERT_EQ(page_gpa[arg] | 1, rdmsr(MSR_CLOCK));
	GUEST_ASSERT_EQ(0, page[arg].version & 1);
	GUEST_ASSERT(page[arg].version);
	GUEST_ASSERT(page[arg].mul);
	for (i = 0; i < 1000; i++) {
		now = clock_read(&page[arg]);
		GUEST_ASSERT(now >= last);
		last = now;
	}
	for (;;)
		GUEST_SYNC3(1, clock_read(&page[arg]), page[arg].flags);
}

static struct vm *clock_vm(int flags)
{
	struct vm *vm = vm_create(flags);

	guest_var(vm, page_gpa)[0] = vm_gpa(vm, &page[0]);
	guest_var(vm, page_gpa)[1] = vm_gpa(vm, &page[1]);
	guest_var(vm, wall_gpa) = vm_gpa(vm, &wall);
	return vm;
}

static int64_t get_clock(struct vm *vm)
{
	struct kvm_clock_data d;

	memset(&d, 0xa5, sizeof(d));
	xioctl(vm->fd, KVM_GET_CLOCK, &d);
	return d.clock;
}

static int64_t realtime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

TEST(page_tells_the_time)
{
	struct vm *vm = clock_vm(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_clock);
	int64_t before, now, after;
	int i;

	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	for (i = 0; i < 20; i++) {
		before = get_clock(vm);
		vcpu_run_sync(vcpu, 1);
		now = vcpu->uc.arg[1];
		after = get_clock(vm);
		EXPECT_LE(before, now + SLACK);
		EXPECT_LE(now, after + SLACK);
	}
}

/* Where the flag says that all vCPUs tell the same time, they do. */
TEST(vcpus_agree)
{
	struct vm *vm = clock_vm(VM_IRQCHIP);
	struct vcpu *vcpu[2];
	uint64_t last = 0;
	bool stable = true;
	int i;

	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	for (i = 0; i < 2; i++) {
		struct kvm_mp_state run = { KVM_MP_STATE_RUNNABLE };

		vcpu[i] = vcpu_create(vm, i, g_clock);
		xioctl(vcpu[i]->fd, KVM_SET_MP_STATE, &run);
		vcpu_call(vcpu[i], g_clock, i);
	}
	for (i = 0; i < 4; i++)
		vcpu_run_sync(vcpu[i & 1], 1);
	for (i = 0; i < 200; i++) {
		vcpu_run_sync(vcpu[i & 1], 1);
		stable &= vcpu[i & 1]->uc.arg[2] & F_STABLE;
		EXPECT_LE(last, vcpu[i & 1]->uc.arg[1] + (stable ? 0 : SLACK));
		last = vcpu[i & 1]->uc.arg[1];
	}
}

static __guest void g_wall(uint64_t arg)
{
	wrmsr(arg, wall_gpa);
	GUEST_ASSERT_EQ(0, wall.version & 1);
	GUEST_ASSERT(wall.version);
	GUEST_SYNC3(1, wall.sec, wall.nsec);
	GUEST_DONE();
}

TEST(wall_clock)
{
	static const uint32_t msrs[] = { MSR_WALL, MSR_WALL_OLD };
	unsigned int i;

	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		struct vm *vm = clock_vm(VM_IRQCHIP);
		struct vcpu *vcpu = vcpu_create(vm, 0, g_wall);
		int64_t before = realtime(), t;

		vcpu_call(vcpu, g_wall, msrs[i]);
		vcpu_run_sync(vcpu, 1);
		EXPECT_LT(vcpu->uc.arg[2], SECOND);
		t = vcpu->uc.arg[1] * SECOND + vcpu->uc.arg[2] + get_clock(vm);
		EXPECT_LE(before, t + SECOND);
		EXPECT_LE(t, realtime() + SECOND);
		vcpu_run_done(vcpu);
		vm_free(vm);
	}
}

TEST(set_clock)
{
	struct vm *vm = clock_vm(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_clock);
	struct kvm_clock_data d = { .clock = 5000 * SECOND }, e;
	const uint8_t *b = (const uint8_t *)&e;
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_ADJUST_CLOCK);
	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	vcpu_run_sync(vcpu, 1);
	EXPECT_LT((int64_t)vcpu->uc.arg[1], 5000 * SECOND);
	xioctl(vm->fd, KVM_SET_CLOCK, &d);
	EXPECT_LE(5000 * SECOND, get_clock(vm));
	EXPECT_GT(5600 * SECOND, get_clock(vm));
	vcpu_run_sync(vcpu, 1);
	EXPECT_LE(5000 * SECOND, (int64_t)vcpu->uc.arg[1] + SLACK);
	/* Back, too. */
	d.clock = 7;
	xioctl(vm->fd, KVM_SET_CLOCK, &d);
	vcpu_run_sync(vcpu, 1);
	EXPECT_GT(600 * SECOND, (int64_t)vcpu->uc.arg[1]);

	memset(&e, 0xa5, sizeof(e));
	xioctl(vm->fd, KVM_GET_CLOCK, &e);
	EXPECT_EQ(0, e.flags & ~(unsigned int)has_cap(KVM_CAP_ADJUST_CLOCK));
	for (i = offsetof(struct kvm_clock_data, host_tsc) + 8; i < sizeof(e); i++)
		EXPECT_EQ(0, b[i]);
	EXPECT_EQ(0, e.pad0);
	d.flags = 1u << 31;
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_SET_CLOCK, &d));
}

/* With a real time beside it, the clock goes on from that moment. */
TEST(set_clock_realtime)
{
	struct vm *vm = vm_create(0);
	struct kvm_clock_data d = { .clock = 0 };

	if (!(has_cap(KVM_CAP_ADJUST_CLOCK) & KVM_CLOCK_REALTIME))
		SKIP(return, "the device does not offer KVM_CLOCK_REALTIME");
	d.flags = KVM_CLOCK_REALTIME;
	d.realtime = realtime() - 100 * SECOND;
	xioctl(vm->fd, KVM_SET_CLOCK, &d);
	EXPECT_LE(100 * SECOND, get_clock(vm) + SLACK);
	EXPECT_GT(700 * SECOND, get_clock(vm));
}

TEST(paused_by_user_space)
{
	struct vm *vm = clock_vm(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_clock);

	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, vcpu->uc.arg[2] & F_STOPPED);
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0));
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(F_STOPPED, vcpu->uc.arg[2] & F_STOPPED);
	/* It stays until the guest takes it away. */
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(F_STOPPED, vcpu->uc.arg[2] & F_STOPPED);
	guest_var(vm, page)[0].flags &= ~F_STOPPED;
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, vcpu->uc.arg[2] & F_STOPPED);
}

/* Whatever is written, the guest goes on: the access faults or has no effect. */
static __guest void g_bad_address(uint64_t arg)
{
	GUEST_SYNC(0);
	for (;;) {
		uint64_t f = wrmsr_try(reg, value);

		GUEST_ASSERT(!f || f == FAULT(13));
		GUEST_SYNC(1);
	}
}

TEST(bad_addresses)
{
	static const uint64_t bad[] = {
		0x1003, 0x1002, 0xffd, 0xff1, 0xfff, 0x7ffff1, 0x7fffe1, 0x800001, 0xfee00001,
		0xfec00001, 0x0000fffffffff001, 0x7ffffffffffff001, 0xfffffffffffffff1,
		0xffffffffffffffff, 0xffffffffffffffe1,
	};
	static const uint32_t msrs[] = { MSR_CLOCK, MSR_CLOCK_OLD, MSR_WALL, MSR_WALL_OLD };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_bad_address);
	unsigned int i, j;

	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	vcpu_run_sync(vcpu, 0);
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			guest_var(vm, reg) = msrs[i];
			guest_var(vm, value) = bad[j];
			vcpu_run_sync(vcpu, 1);
			vcpu_try_set_msr(vcpu, msrs[i], bad[j]);
			vcpu_run_sync(vcpu, 1);
		}
	}
}

TEST(slot_goes_away)
{
	struct vm *vm = clock_vm(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_bad_address);
	struct kvm_clock_data d = { .clock = 1 };
	uint8_t *mem = mem_alloc(0x10000, 0x1000);
	struct time_page *p = (struct time_page *)(mem + 0x100);
	int i;

	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	vcpu_run_sync(vcpu, 0);
	vm_set_region(vm, 3, 0, 0x40000000, 0x10000, mem);
	guest_var(vm, reg) = MSR_CLOCK;
	guest_var(vm, value) = 0x40000101;
	vcpu_run_sync(vcpu, 1);
	EXPECT_NE(0, p->version);
	vm_set_region(vm, 3, 0, 0x40000000, 0, mem);
	memset(mem, 0, 0x10000);
	guest_var(vm, reg) = MSR_WALL;
	guest_var(vm, value) = 0x40000200;
	for (i = 0; i < 3; i++) {
		xioctl(vm->fd, KVM_SET_CLOCK, &d);
		vcpu_run_sync(vcpu, 1);
	}
	EXPECT_EQ(0, p->version);
	/* Read-only memory is not written either. */
	vm_set_region(vm, 3, KVM_MEM_READONLY, 0x40000000, 0x10000, mem);
	xioctl(vm->fd, KVM_SET_CLOCK, &d);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, p->version);
}

static __guest void g_off(uint64_t arg)
{
	wrmsr(MSR_CLOCK, page_gpa[0]);
	GUEST_SYNC2(1, page[0].version);
	wrmsr(MSR_CLOCK, page_gpa[0] | 1);
	GUEST_SYNC2(2, page[0].version);
	wrmsr(MSR_CLOCK, 0);
	GUEST_SYNC2(3, page[0].version);
	GUEST_DONE();
}

TEST(on_and_off)
{
	struct vm *vm = clock_vm(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_off);
	struct kvm_clock_data d = { .clock = 1 };
	uint64_t version;

	REQUIRE_CPUID(0x40000001, 0, eax, 3);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
	vcpu_run_sync(vcpu, 2);
	version = vcpu->uc.arg[1];
	EXPECT_NE(0, version);
	xioctl(vm->fd, KVM_SET_CLOCK, &d);
	vcpu_run_sync(vcpu, 3);
	EXPECT_LE(version, vcpu->uc.arg[1]);
	version = guest_var(vm, page)[0].version;
	xioctl(vm->fd, KVM_SET_CLOCK, &d);
	vcpu_run_done(vcpu);
	EXPECT_EQ(version, guest_var(vm, page)[0].version);
}

/* A guest that is not told of kvmclock does not have its MSRs. */
static __guest void g_hidden(uint64_t arg)
{
	uint64_t v;

	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(MSR_CLOCK, &v));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_CLOCK, 1));
	GUEST_DONE();
}

TEST(hidden)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x40000001, 0);

	if (has_cap(KVM_CAP_ENFORCE_PV_FEATURE_CPUID))
		SKIP(return, "KVM hides these MSRs on request only");
	e->eax = 0;
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	vcpu->stack_top = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_set_long_mode(vcpu);
	vcpu_call(vcpu, g_hidden, 0);
	/* At reset every client writes zeros. */
	EXPECT_EQ(1, vcpu_try_set_msr(vcpu, MSR_CLOCK_OLD, 0));
	EXPECT_EQ(1, vcpu_try_set_msr(vcpu, MSR_WALL_OLD, 0));
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
