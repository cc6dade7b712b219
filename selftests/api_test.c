// SPDX-License-Identifier: GPL-2.0
/*
 * The system and VM ioctls that need no running guest: version, capabilities,
 * sizes, the errors of bad arguments, of unknown commands, of calls in the
 * wrong order and of calls from another process.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "strata_test.h"

#define UNKNOWN_IOCTL	_IO(KVMIO, 0xff)

FIXTURE(api) {
	int dev;
	int vm;
};

FIXTURE_SETUP(api)
{
	self->dev = dev_open();
	self->vm = xioctl(self->dev, KVM_CREATE_VM, 0);
}

FIXTURE_TEARDOWN(api)
{
	close(self->vm);
	close(self->dev);
}

TEST_F(api, version_and_sizes)
{
	ASSERT_EQ(12, ioctl(self->dev, KVM_GET_API_VERSION, 0));
	ASSERT_EQ(EINVAL, try_ioctl(self->dev, KVM_GET_API_VERSION, 1));
	ASSERT_LE((int)sizeof(struct kvm_run), ioctl(self->dev, KVM_GET_VCPU_MMAP_SIZE, 0));
	ASSERT_EQ(0, run_mmap_size() % PAGE_SIZE);
	/* The run page, the PIO page and the coalesced ring. */
	ASSERT_EQ(3 * PAGE_SIZE, run_mmap_size());
	ASSERT_EQ(EINVAL, try_ioctl(self->dev, KVM_GET_VCPU_MMAP_SIZE, 1));
}

TEST_F(api, boolean_capabilities_are_one)
{
	static const int caps[] = {
		KVM_CAP_USER_MEMORY, KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, KVM_CAP_EXT_CPUID,
		KVM_CAP_SET_TSS_ADDR, KVM_CAP_MP_STATE, KVM_CAP_HLT,
		KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_CHECK_EXTENSION_VM,
		KVM_CAP_VCPU_EVENTS, KVM_CAP_SYNC_MMU, KVM_CAP_INTERNAL_ERROR_DATA,
		KVM_CAP_READONLY_MEM, KVM_CAP_IRQCHIP, KVM_CAP_PIT2,
		KVM_CAP_IRQ_INJECT_STATUS, KVM_CAP_IOEVENTFD, KVM_CAP_SIGNAL_MSI,
		KVM_CAP_XSAVE, KVM_CAP_XCRS,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		EXPECT_EQ(1, ioctl(self->dev, KVM_CHECK_EXTENSION, caps[i]))
			TH_LOG("capability %d on the device", caps[i]);
		EXPECT_EQ(1, ioctl(self->vm, KVM_CHECK_EXTENSION, caps[i]))
			TH_LOG("capability %d on the VM", caps[i]);
	}
}

TEST_F(api, counted_capabilities)
{
	int max = has_cap(KVM_CAP_MAX_VCPUS);

	EXPECT_LE(32, has_cap(KVM_CAP_NR_MEMSLOTS));
	EXPECT_LE(64, max);
	EXPECT_LE(max, has_cap(KVM_CAP_MAX_VCPU_ID));
	EXPECT_LE(1, has_cap(KVM_CAP_NR_VCPUS));
	EXPECT_GE(max, has_cap(KVM_CAP_NR_VCPUS));
	EXPECT_EQ(2, has_cap(KVM_CAP_COALESCED_MMIO));
	EXPECT_LE(1024, has_cap(KVM_CAP_IRQ_ROUTING));
}

TEST_F(api, unknown_capabilities_are_zero)
{
	static const unsigned long caps[] = { 9999, 0xffffffff, ~0ul, 1ul << 40 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		EXPECT_EQ(0, ioctl(self->dev, KVM_CHECK_EXTENSION, caps[i]));
		EXPECT_EQ(0, ioctl(self->vm, KVM_CHECK_EXTENSION, caps[i]));
	}
}

/* What a capability does not offer is an error, never half of an imitation. */
TEST_F(api, not_offered)
{
	static uint8_t arg[2 * PAGE_SIZE];
	int vcpu = xioctl(self->vm, KVM_CREATE_VCPU, 0);
	const struct {
		int cap, fd;
		unsigned long nr;
	} t[] = {
		{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, self->vm, KVM_CLEAR_DIRTY_LOG },
		{ KVM_CAP_IRQFD, self->vm, KVM_IRQFD },
		{ KVM_CAP_ENABLE_CAP_VM, self->vm, KVM_ENABLE_CAP },
		{ KVM_CAP_X86_MSR_FILTER, self->vm, KVM_X86_SET_MSR_FILTER },
		{ KVM_CAP_BINARY_STATS_FD, self->vm, KVM_GET_STATS_FD },
		{ KVM_CAP_DEVICE_CTRL, self->vm, KVM_CREATE_DEVICE },
		{ KVM_CAP_SET_GUEST_DEBUG, vcpu, KVM_SET_GUEST_DEBUG },
		{ KVM_CAP_XSAVE2, vcpu, KVM_GET_XSAVE2 },
		{ KVM_CAP_X86_SMM, vcpu, KVM_SMI },
		{ KVM_CAP_SREGS2, vcpu, KVM_GET_SREGS2 },
		{ KVM_CAP_NESTED_STATE, vcpu, KVM_GET_NESTED_STATE },
		{ KVM_CAP_MCE, vcpu, KVM_X86_SETUP_MCE },
		{ KVM_CAP_VAPIC, vcpu, KVM_TPR_ACCESS_REPORTING },
		{ KVM_CAP_GET_MSR_FEATURES, self->dev, KVM_GET_MSR_FEATURE_INDEX_LIST },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		int err;

		if (has_cap(t[i].cap))
			continue;
		err = try_ioctl(t[i].fd, t[i].nr, arg);
		EXPECT_TRUE(err == ENOTTY || err == EINVAL)
			TH_LOG("capability %d: ioctl %#lx gave %d", t[i].cap, t[i].nr, err);
	}
	close(vcpu);
}

TEST_F(api, unknown_commands)
{
	int vcpu = xioctl(self->vm, KVM_CREATE_VCPU, 0);
	int err;

	/* KVM answers EINVAL on device and vCPU, where the manual has ENOTTY. */
	err = try_ioctl(self->dev, UNKNOWN_IOCTL, 0);
	EXPECT_TRUE(err == ENOTTY || err == EINVAL);
	EXPECT_EQ(ENOTTY, try_ioctl(self->vm, UNKNOWN_IOCTL, 0));
	err = try_ioctl(vcpu, UNKNOWN_IOCTL, 0);
	EXPECT_TRUE(err == ENOTTY || err == EINVAL);
	/* A command of another kind of file. */
	EXPECT_NE(0, try_ioctl(self->dev, KVM_RUN, 0));
	EXPECT_NE(0, try_ioctl(self->vm, KVM_RUN, 0));
	EXPECT_NE(0, try_ioctl(vcpu, KVM_CREATE_VM, 0));
	close(vcpu);
}

TEST_F(api, vm_types)
{
	EXPECT_EQ(EINVAL, try_ioctl(self->dev, KVM_CREATE_VM, 1));
	EXPECT_EQ(EINVAL, try_ioctl(self->dev, KVM_CREATE_VM, ~0ul));
}

TEST_F(api, bad_pointers)
{
	int vcpu = xioctl(self->vm, KVM_CREATE_VCPU, 0);
	static const unsigned long cmds[] = {
		KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_FPU,
		KVM_SET_FPU, KVM_GET_MSRS, KVM_SET_MSRS, KVM_SET_CPUID2, KVM_GET_CPUID2,
		KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_GET_VCPU_EVENTS,
		KVM_SET_VCPU_EVENTS, KVM_INTERRUPT, KVM_SET_SIGNAL_MASK, KVM_GET_XSAVE,
		KVM_SET_XSAVE, KVM_GET_XCRS, KVM_SET_XCRS,
	};
	static const unsigned long bad[] = { 8, 1ul << 63, -4096ul };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(cmds); i++)
		for (j = 0; j < ARRAY_SIZE(bad); j++)
			EXPECT_EQ(EFAULT, try_ioctl(vcpu, cmds[i], bad[j]))
				TH_LOG("command %#lx pointer %#lx", cmds[i], bad[j]);
	for (j = 0; j < ARRAY_SIZE(bad); j++) {
		EXPECT_EQ(EFAULT, try_ioctl(self->vm, KVM_SET_USER_MEMORY_REGION, bad[j]));
		EXPECT_EQ(EFAULT, try_ioctl(self->vm, KVM_GET_DIRTY_LOG, bad[j]));
		EXPECT_EQ(EFAULT, try_ioctl(self->vm, KVM_SET_GSI_ROUTING, bad[j]));
		EXPECT_EQ(EFAULT, try_ioctl(self->vm, KVM_IOEVENTFD, bad[j]));
		EXPECT_EQ(EFAULT, try_ioctl(self->dev, KVM_GET_SUPPORTED_CPUID, bad[j]));
		EXPECT_EQ(EFAULT, try_ioctl(self->dev, KVM_GET_MSR_INDEX_LIST, bad[j]));
	}
	close(vcpu);
}

TEST_F(api, supported_cpuid_sizes)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 e[256];
	} c = { .head.nent = 1 };
	uint32_t n;

	EXPECT_EQ(E2BIG, try_ioctl(self->dev, KVM_GET_SUPPORTED_CPUID, &c));
	EXPECT_EQ(1, c.head.nent);
	c.head.nent = 256;
	ASSERT_EQ(0, try_ioctl(self->dev, KVM_GET_SUPPORTED_CPUID, &c));
	n = c.head.nent;
	EXPECT_LT(5, n);
	EXPECT_GT(256, n);
	c.head.nent = n;
	EXPECT_EQ(0, try_ioctl(self->dev, KVM_GET_SUPPORTED_CPUID, &c));
	c.head.nent = n - 1;
	EXPECT_EQ(E2BIG, try_ioctl(self->dev, KVM_GET_SUPPORTED_CPUID, &c));
}

TEST_F(api, msr_index_list_sizes)
{
	struct {
		struct kvm_msr_list head;
		uint32_t index[1024];
	} l = { .head.nmsrs = 0 };
	uint32_t n, i;

	EXPECT_EQ(E2BIG, try_ioctl(self->dev, KVM_GET_MSR_INDEX_LIST, &l));
	n = l.head.nmsrs;
	EXPECT_LT(10, n);
	ASSERT_GT(ARRAY_SIZE(l.index), n);
	memset(l.index, 0xff, sizeof(l.index));
	EXPECT_EQ(0, try_ioctl(self->dev, KVM_GET_MSR_INDEX_LIST, &l));
	EXPECT_EQ(n, l.head.nmsrs);
	for (i = 0; i < n; i++)
		EXPECT_NE(0xffffffff, l.index[i]);
	EXPECT_EQ(0xffffffff, l.index[n]);
}

TEST_F(api, irqchip_order)
{
	struct kvm_pit_config pit = { 0 };
	struct kvm_lapic_state lapic;
	struct kvm_irq_level line = { .irq = 1, .level = 1 };
	int vm = xioctl(self->dev, KVM_CREATE_VM, 0);
	int vcpu = xioctl(self->vm, KVM_CREATE_VCPU, 0);

	EXPECT_EQ(ENXIO, try_ioctl(self->vm, KVM_IRQ_LINE, &line));
	EXPECT_EQ(EINVAL, try_ioctl(vcpu, KVM_GET_LAPIC, &lapic));
	EXPECT_EQ(EINVAL, try_ioctl(vcpu, KVM_SET_LAPIC, &lapic));
	EXPECT_EQ(EINVAL, try_ioctl(self->vm, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(0, try_ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(EEXIST, try_ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	EXPECT_EQ(0, try_ioctl(vm, KVM_CREATE_PIT2, &pit));
	EXPECT_EQ(EEXIST, try_ioctl(vm, KVM_CREATE_PIT2, &pit));
	close(vcpu);
	close(vm);
}

TEST_F(api, small_calls_that_clients_make)
{
	EXPECT_EQ(0, try_ioctl(self->vm, KVM_SET_TSS_ADDR, 0xfffbd000));
	EXPECT_EQ(0, try_ioctl(self->vm, KVM_SET_NR_MMU_PAGES, 64));
	EXPECT_EQ(EINVAL, try_ioctl(self->vm, KVM_SET_NR_MMU_PAGES, 19));
}

/* VM and vCPU belong to the memory of the process that made them. */
TEST_F(api, other_process)
{
	int vcpu = xioctl(self->vm, KVM_CREATE_VCPU, 0);
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct kvm_regs r;

		if (try_ioctl(self->vm, KVM_CREATE_VCPU, 1) != EIO)
			_exit(2);
		if (try_ioctl(self->vm, KVM_SET_TSS_ADDR, 0xfffbd000) != EIO)
			_exit(3);
		if (try_ioctl(vcpu, KVM_GET_REGS, &r) != EIO)
			_exit(4);
		if (try_ioctl(vcpu, KVM_RUN, 0) != EIO)
			_exit(5);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, try_ioctl(self->vm, KVM_SET_TSS_ADDR, 0xfffbd000));
	close(vcpu);
}

TEST_HARNESS_MAIN
