// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_ENABLE_CAP and the calls that say how a VM is to be: unknown
 * capabilities, the bound of vCPU ids, the boot CPU, quirks and what is there
 * without them, MSR_PLATFORM_INFO, feature MSRs, translation, TSC offset.
 *
 * lab: kernels vmx
 */
#include "strata_test.h"

#define PLATFORM_INFO	0xce
#define MISC_ENABLE	0x1a0
#define MISC_MWAIT	(1ull << 18)

static int enable(int fd, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return try_ioctl(fd, KVM_ENABLE_CAP, &c);
}

TEST(unknown)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct kvm_enable_cap flags = { .cap = KVM_CAP_MAX_VCPU_ID, .flags = 1, .args = { 4 } };

	ASSERT_EQ(EINVAL, enable(vm->fd, 9999, 0));
	/* One that is always on. */
	ASSERT_EQ(EINVAL, enable(vm->fd, KVM_CAP_USER_MEMORY, 0));
	ASSERT_EQ(EINVAL, try_ioctl(vm->fd, KVM_ENABLE_CAP, &flags));
	ASSERT_EQ(EINVAL, enable(vm->fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 4));
	ASSERT_EQ(EINVAL, enable(vm->fd, KVM_CAP_X86_USER_SPACE_MSR, ~0ull));
	ASSERT_EQ(EINVAL, enable(vm->fd, KVM_CAP_DISABLE_QUIRKS2, ~0ull));
}

TEST(max_vcpu_id)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	int max = has_cap(KVM_CAP_MAX_VCPU_ID);

	ASSERT_EQ(EINVAL, enable(vm->fd, KVM_CAP_MAX_VCPU_ID, max + 1));
	ASSERT_EQ(0, enable(vm->fd, KVM_CAP_MAX_VCPU_ID, 3));
	ASSERT_EQ(0, enable(vm->fd, KVM_CAP_MAX_VCPU_ID, 3));
	ASSERT_EQ(EINVAL, enable(vm->fd, KVM_CAP_MAX_VCPU_ID, 4));
	ASSERT_EQ(EINVAL, try_ioctl(vm->fd, KVM_CREATE_VCPU, 3));
	ASSERT_EQ(0, try_ioctl(vm->fd, KVM_CREATE_VCPU, 2));
	ASSERT_EQ(EBUSY, try_ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 2));
}

TEST(boot_cpu)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_mp_state mp;
	struct vcpu *v[2];
	int i;

	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 1ul << 32));
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, has_cap(KVM_CAP_MAX_VCPU_ID)));
	ASSERT_EQ(0, try_ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 1));
	for (i = 0; i < 2; i++) {
		v[i] = vcpu_create_raw(vm, i);
		xioctl(v[i]->fd, KVM_GET_MP_STATE, &mp);
		EXPECT_EQ(i ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED, mp.mp_state);
		EXPECT_EQ(i, vcpu_sregs(v[i]).apic_base >> 8 & 1);
	}
}

static __guest void g_monitor(uint64_t arg)
{
	uint64_t here = (uintptr_t)&here;
	uint32_t r[4];

	for (;;) {
		cpuid(1, 0, r);
		GUEST_SYNC3(r[2] >> 3 & 1, GUEST_TRY("monitor", "a"(here), "c"(0), "d"(0)),
			    GUEST_TRY("mwait", "a"(0), "c"(0)));
	}
}

/* By default they wait for nothing; #UD and the bit in CPUID are asked for. */
TEST(quirks_of_mwait)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_monitor);

	vcpu_run_sync(vcpu, 0);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
	ASSERT_EQ(0, enable(vm->fd, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS));
	vcpu_run_sync(vcpu, 0);
	EXPECT_EQ(FAULT(6), vcpu->uc.arg[1]);
	EXPECT_EQ(FAULT(6), vcpu->uc.arg[2]);
	ASSERT_EQ(0, enable(vm->fd, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS |
			    KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT));
	vcpu_set_msr(vcpu, MISC_ENABLE, vcpu_get_msr(vcpu, MISC_ENABLE) | MISC_MWAIT);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
}

/* VMCALL and VMMCALL, in writable memory. */
static uint8_t __attribute__((aligned(64))) other_call[2][8] = {
	{ 0x0f, 0x01, 0xc1, 0xc3 }, { 0x0f, 0x01, 0xd9, 0xc3 },
};

static __guest void g_hypercalls(uint64_t arg)
{
	uint64_t i, ret, fault;

	for (i = 0; i < 2; i++) {
		ret = 1;
		fault = GUEST_TRY_OUT("call *%2", "+a"(ret) : "r"(&other_call[i]));
		GUEST_SYNC2(fault, ret);
	}
	GUEST_DONE();
}

static __guest void on_ud(struct guest_frame *f)
{
	/* The third byte of either: return as the call would. */
	f->rip += 3;
	f->rax = 0x123;
}

static __guest void g_quirk_off(uint64_t arg)
{
	guest_handler[6] = on_ud;
	g_hypercalls(arg);
}

TEST(hypercall_of_the_other_vendor)
{
	int other = on_intel() ? 1 : 0, quirk, i;
	struct vcpu *vcpu;
	struct vm *vm;

	for (quirk = 1; quirk >= 0; quirk--) {
		vm = vm_create(0);
		/* The program is code and data at once here. */
		vm_map(vm, (uintptr_t)other_call & ~(PAGE_SIZE - 1),
		       vm_gpa(vm, other_call) & ~(PAGE_SIZE - 1), PAGE_SIZE, PTE_W);
		vcpu = vcpu_create(vm, 0, quirk ? g_hypercalls : g_quirk_off);
		if (!quirk)
			ASSERT_EQ(0, enable(vm->fd, KVM_CAP_DISABLE_QUIRKS2,
					    KVM_X86_QUIRK_FIX_HYPERCALL_INSN));
		for (i = 0; i < 2; i++) {
			vcpu_run_sync(vcpu, 0);
			EXPECT_EQ(!quirk && i == other ? 0x123 : 0, vcpu->uc.arg[1]);
			EXPECT_EQ(quirk && i == other ? other_call[!other][2] : other_call[i][2],
				  guest_var(vm, other_call)[i][2]);
		}
		vcpu_run_done(vcpu);
		vm_free(vm);
	}
}

static __guest void g_platform(uint64_t arg)
{
	uint64_t v, fault;

	for (;;) {
		fault = rdmsr_try(PLATFORM_INFO, &v);
		GUEST_SYNC2(fault, v);
	}
}

TEST(platform_info)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_platform);

	vcpu_set_msr(vcpu, PLATFORM_INFO, 0xff00);
	vcpu_run_sync(vcpu, 0);
	EXPECT_EQ(0xff00, vcpu->uc.arg[1]);
	ASSERT_EQ(0, enable(vm->fd, KVM_CAP_MSR_PLATFORM_INFO, 0));
	vcpu_run_sync(vcpu, FAULT(13));
	/* User space still reads it. */
	EXPECT_EQ(0xff00, vcpu_get_msr(vcpu, PLATFORM_INFO));
	/* CPUID faulting is not offered. */
	EXPECT_NE(1, vcpu_try_set_msr(vcpu, PLATFORM_INFO, 1ull << 31));
}

TEST(feature_msrs)
{
	struct { struct kvm_msr_list head; uint32_t index[64]; } list = { .head.nmsrs = 0 };
	struct { struct kvm_msrs head; struct kvm_msr_entry e[2]; } m = { .head.nmsrs = 2 };
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	int dev = dev_open();
	unsigned int i;

	ASSERT_EQ(E2BIG, try_ioctl(dev, KVM_GET_MSR_FEATURE_INDEX_LIST, &list));
	ASSERT_LT(0u, list.head.nmsrs);
	ASSERT_GT(64u, list.head.nmsrs);
	xioctl(dev, KVM_GET_MSR_FEATURE_INDEX_LIST, &list);
	for (i = 0; i < list.head.nmsrs; i++) {
		m.e[0].index = list.index[i];
		m.e[0].data = ~0ull;
		/* The TSC is state, and no feature: one was read. */
		m.e[1].index = 0x10;
		ASSERT_EQ(1, xioctl(dev, KVM_GET_MSRS, &m));
		/* 0x345 exists for guests with PDCM only. */
		EXPECT_EQ(vcpu_get_msr(vcpu, list.index[i]), m.e[0].data)
			TH_LOG("MSR %#x", list.index[i]);
	}
	m.head.nmsrs = 256;
	ASSERT_EQ(E2BIG, try_ioctl(dev, KVM_GET_MSRS, &m));
	close(dev);
}

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

TEST(translate)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_done);
	struct kvm_translation t = { .linear_address = 0x50000123456ull };

	vm_map(vm, 0x50000123000ull, 0x40000000, PAGE_SIZE, 0);
	xioctl(vcpu->fd, KVM_TRANSLATE, &t);
	EXPECT_EQ(1, t.valid);
	EXPECT_EQ(0x40000456, t.physical_address);
	EXPECT_EQ(0x50000123456ull, t.linear_address);
	t.linear_address = 0x50000124456ull;
	xioctl(vcpu->fd, KVM_TRANSLATE, &t);
	EXPECT_EQ(0, t.valid);
	/* The guest did not notice. */
	vcpu_run_done(vcpu);
}

static __guest void g_tsc(uint64_t arg)
{
	for (;;)
		GUEST_SYNC(rdtsc() >> 60);
}

TEST(tsc_offset)
{
	uint64_t offset = 0, want = 5ull << 60;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_tsc);

	ASSERT_EQ(0, try_ioctl(vcpu->fd, KVM_HAS_DEVICE_ATTR, &attr));
	vcpu_run_sync(vcpu, 0);
	xioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr);
	/* The guest's began at 0 when the host's was its negative. */
	EXPECT_GT(0, (int64_t)offset);
	attr.addr = (uintptr_t)&want;
	xioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr);
	vcpu_run_sync(vcpu, 5);
	attr.addr = (uintptr_t)&offset;
	xioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr);
	EXPECT_EQ(want, offset);
	attr.attr = 77;
	EXPECT_EQ(ENXIO, try_ioctl(vcpu->fd, KVM_HAS_DEVICE_ATTR, &attr));
	EXPECT_EQ(ENXIO, try_ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr));
	attr.attr = KVM_VCPU_TSC_OFFSET;
	attr.addr = 8;
	EXPECT_EQ(EFAULT, try_ioctl(vcpu->fd, KVM_SET_DEVICE_ATTR, &attr));
	EXPECT_EQ(EFAULT, try_ioctl(vcpu->fd, KVM_GET_DEVICE_ATTR, &attr));
}

TEST(vapic_address)
{
	struct kvm_vapic_addr va = { .vapic_addr = 0x1000 };
	struct vcpu *with = vcpu_create_raw(vm_create(VM_IRQCHIP), 0);
	struct vcpu *without = vcpu_create_raw(vm_create(0), 0);

	EXPECT_EQ(0, try_ioctl(with->fd, KVM_SET_VAPIC_ADDR, &va));
	EXPECT_EQ(EINVAL, try_ioctl(without->fd, KVM_SET_VAPIC_ADDR, &va));
	va.vapic_addr = 0x1001;
	EXPECT_EQ(EINVAL, try_ioctl(with->fd, KVM_SET_VAPIC_ADDR, &va));
}

/* A tick of the LAPIC timer is as long as user space says. */
#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#endif

#define BUS_NS	1000

static __guest void g_slow_ticks(uint64_t tsc_khz)
{
	uint64_t begin, ticks, us;

	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_TIMER_DIV, 0xb);
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, 0x10040);
	begin = rdtsc();
	mmio_write32(APIC_BASE + APIC_TIMER_INIT, 100000000);
	do {
		ticks = 100000000 - mmio_read32(APIC_BASE + APIC_TIMER_CUR);
	} while (ticks < 5000);
	us = (rdtsc() - begin) * 1000 / tsc_khz;
	/* With ticks of one nanosecond it were a thousandth. */
	GUEST_ASSERT(us >= ticks * BUS_NS / 1000 / 2);
	GUEST_DONE();
}

TEST(apic_bus_clock)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct vcpu *vcpu;

	if (!has_cap(KVM_CAP_X86_APIC_BUS_CYCLES_NS))
		SKIP(return, "this kernel's headers do not have KVM_CAP_X86_APIC_BUS_CYCLES_NS");
	ASSERT_EQ(1, has_cap(KVM_CAP_X86_APIC_BUS_CYCLES_NS));
	EXPECT_EQ(ENXIO, enable(vm->fd, KVM_CAP_X86_APIC_BUS_CYCLES_NS, BUS_NS));
	vm = vm_create(VM_IRQCHIP);
	EXPECT_EQ(EINVAL, enable(vm->fd, KVM_CAP_X86_APIC_BUS_CYCLES_NS, 0));
	EXPECT_EQ(EINVAL, enable(vm->fd, KVM_CAP_X86_APIC_BUS_CYCLES_NS, 1ull << 32));
	ASSERT_EQ(0, enable(vm->fd, KVM_CAP_X86_APIC_BUS_CYCLES_NS, BUS_NS));
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu = vcpu_create(vm, 0, g_slow_ticks);
	EXPECT_EQ(EINVAL, enable(vm->fd, KVM_CAP_X86_APIC_BUS_CYCLES_NS, 1));
	vcpu_call(vcpu, g_slow_ticks, ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0));
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
