// SPDX-License-Identifier: GPL-2.0
/*
 * KVM beside strata: whoever comes second is refused, with a reason in the
 * kernel's log, and the first goes on.
 *
 * lab: vmx kernels
 */
#include <fcntl.h>
#include <sys/klog.h>

#include "strata_test.h"

static char log_text[1 << 18];

/* Does the kernel's log hold @text since clear_log()? */
static bool logged(const char *text)
{
	int n = klogctl(3, log_text, sizeof(log_text) - 1);	/* read all */

	log_text[n > 0 ? n : 0] = 0;
	return strstr(log_text, text);
}

static void clear_log(void)
{
	klogctl(5, NULL, 0);
}

static bool kvm_load(bool load)
{
	char command[64];

	snprintf(command, sizeof(command), "modprobe %s %s 2>/dev/null", load ? "" : "-r",
		 on_intel() ? "kvm_intel" : "kvm_amd");
	return system(command) == 0;
}

/* From 6.12 on KVM takes the hardware when it is loaded. */
static bool kvm_holds_when_loaded(void)
{
	int fd = open("/sys/module/kvm/parameters/enable_virt_at_load", O_RDONLY);
	char c = 'N';

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = 'N';
	close(fd);
	return c == 'Y';
}

static int kvm_vm(void)
{
	int dev = open("/dev/kvm", O_RDWR), fd;

	if (dev < 0)
		return -1;
	fd = ioctl(dev, KVM_CREATE_VM, 0);
	close(dev);
	return fd;
}

static int strata_vm(void)
{
	int dev = dev_open(), fd = ioctl(dev, KVM_CREATE_VM, 0), err = errno;

	close(dev);
	errno = err;
	return fd;
}

static __guest void g_count(uint64_t arg)
{
	uint64_t i;

	for (i = 0;; i++)
		GUEST_SYNC2(1, i);
}

/* KVM comes first and has a VM. */
TEST(kvm_before)
{
	int kvm, fd;

	if (!kvm_load(true))
		SKIP(return, "KVM cannot be loaded here");
	kvm = kvm_vm();
	ASSERT_LE(0, kvm);
	clear_log();
	EXPECT_EQ(-1, strata_vm());
	EXPECT_EQ(EBUSY, errno);
	EXPECT_TRUE(logged("strata: KVM holds the virtualization hardware"));
	close(kvm);

	/* Without a VM it depends on the kernel. */
	if (kvm_holds_when_loaded()) {
		EXPECT_EQ(-1, strata_vm());
		EXPECT_EQ(EBUSY, errno);
	} else {
		fd = strata_vm();
		EXPECT_LE(0, fd);
		close(fd);
	}
	ASSERT_TRUE(kvm_load(false));
	fd = strata_vm();
	EXPECT_LE(0, fd);
	close(fd);
}

/* strata comes first, and its guest goes on. */
TEST(kvm_after)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_count);
	int kvm = -1;

	vcpu_run_sync(vcpu, 1);
	clear_log();
	if (kvm_load(true))
		kvm = kvm_vm();
	if (kvm >= 0) {
		/* It did not see us: where VMX operation is not held it is we who stay away. */
		EXPECT_EQ(EBUSY, vcpu_try_run(vcpu));
		close(kvm);
		EXPECT_TRUE(kvm_load(false));
	} else {
		vcpu_run_sync(vcpu, 1);
		EXPECT_EQ(1, vcpu->uc.arg[1]);
		kvm_load(false);
	}
	vcpu_run_sync(vcpu, 1);
	vm_free(vm);

	/* The hardware is free again. */
	if (!kvm_load(true))
		SKIP(return, "KVM cannot be loaded here");
	kvm = kvm_vm();
	EXPECT_LE(0, kvm);
	close(kvm);
	EXPECT_TRUE(kvm_load(false));
}

/* KVM loaded without a VM, then a VM of strata, then one of KVM. */
TEST(kvm_loaded_before_vm_after)
{
	struct vm *vm;
	struct vcpu *vcpu;
	int kvm;

	if (!kvm_load(true))
		SKIP(return, "KVM cannot be loaded here");
	if (kvm_holds_when_loaded()) {
		kvm_load(false);
		SKIP(return, "this KVM holds the hardware as long as it is loaded");
	}
	vm = vm_create(0);
	vcpu = vcpu_create(vm, 0, g_count);
	vcpu_run_sync(vcpu, 1);
	kvm = kvm_vm();
	if (kvm >= 0) {
		EXPECT_EQ(EBUSY, vcpu_try_run(vcpu));
		close(kvm);
	}
	vcpu_run_sync(vcpu, 1);
	vm_free(vm);
	EXPECT_TRUE(kvm_load(false));
}

TEST_HARNESS_MAIN
