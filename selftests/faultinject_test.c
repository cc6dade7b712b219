// SPDX-License-Identifier: GPL-2.0
/*
 * lab: own-boot
 *
 * Every allocation of every ioctl fails once, one after the other: the ioctl
 * answers with an error, nothing leaks or crashes, and the next attempt works.
 * Needs a kernel with fault injection (the debug kernel).
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "strata_test.h"

/* More than any ioctl here allocates. */
#define MOST	400

static __guest void g_work(uint64_t arg)
{
	mmio_write64(0x40000000, 1);
	mmio_write64(0x50000000, 2);
	outb(0x10, 1);
	GUEST_DONE();
}

static int fail_fd = -1;

/* Makes the n-th allocation of this thread fail; 0: no more. */
static void set_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(fail_fd, text, len, 0) != len)
		die("fail-nth: %s", strerror(errno));
}

/* Whether the failure is still to come: fewer allocations were made. */
static bool left_over(void)
{
	char text[16] = { 0 };

	if (pread(fail_fd, text, sizeof(text) - 1, 0) <= 0)
		die("fail-nth: %s", strerror(errno));
	return atoi(text) != 0;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool fault_injection(void)
{
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (fail_fd < 0)
		return false;
	/* Sleeping allocations too, and those of whole pages. */
	write_text("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_text("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_text("/sys/kernel/debug/failslab/verbose", "0");
	write_text("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	return true;
}

/*
 * Calls op with the first, the second... allocation failing until one call
 * needs fewer; gives the number of calls that failed, or -1 for an error that
 * is not one of memory.
 */
static int each_failure(int (*op)(void *arg), void *arg)
{
	int n, failed = 0;

	for (n = 1; n < MOST; n++) {
		bool left;
		int err;

		set_nth(n);
		err = op(arg);
		left = left_over();
		set_nth(0);
		if (err && err != ENOMEM && err != EFAULT && err != EINTR && err != EAGAIN) {
			fprintf(stderr, "# allocation %d: error %d\n", n, err);
			return -1;
		}
		failed += err != 0;
		if (left)
			return err ? -1 : failed;
	}
	return -1;
}

static int create_vm(void *arg)
{
	int fd = ioctl(*(int *)arg, KVM_CREATE_VM, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* A VM with everything in it; each call makes a new one. */
static int create_all(void *arg)
{
	struct kvm_pit_config pit = { 0 };
	struct kvm_userspace_memory_region r = {
		.memory_size = MB, .userspace_addr = (uintptr_t)arg,
	};
	int dev = open(getenv("STRATA_DEV") ?: "/dev/strata", O_RDWR), vm = -1, vcpu = -1;
	int err = 0;

	if (dev < 0)
		return errno;
	vm = ioctl(dev, KVM_CREATE_VM, 0);
	if (vm < 0)
		err = errno;
	if (!err)
		err = try_ioctl(vm, KVM_CREATE_IRQCHIP, 0);
	if (!err)
		err = try_ioctl(vm, KVM_CREATE_PIT2, &pit);
	if (!err)
		err = try_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
	if (!err) {
		r.flags = KVM_MEM_LOG_DIRTY_PAGES;
		err = try_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
	}
	if (!err) {
		vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
		err = vcpu < 0 ? errno : 0;
	}
	if (!err) {
		r.memory_size = 0;
		err = try_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
	}
	close(vcpu);
	close(vm);
	close(dev);
	return err;
}

TEST(creation)
{
	int dev = dev_open();
	uint8_t *mem = mem_alloc(MB, PAGE_SIZE);

	if (!fault_injection())
		SKIP(return, "this kernel has no fault injection");
	EXPECT_LT(0, each_failure(create_vm, &dev));
	EXPECT_LT(0, each_failure(create_all, mem));
}

struct target {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *mem;
	struct kvm_cpuid2 *cpuid;
	int event;
};

static int set_cpuid(void *arg)
{
	struct target *t = arg;

	return try_ioctl(t->vcpu->fd, KVM_SET_CPUID2, t->cpuid);
}

static int get_state(void *arg)
{
	struct target *t = arg;
	struct kvm_lapic_state lapic;
	struct kvm_sregs s;
	struct kvm_xsave *x = malloc(sizeof(*x));
	struct kvm_fpu f;
	int err = try_ioctl(t->vcpu->fd, KVM_GET_LAPIC, &lapic);

	if (!err)
		err = try_ioctl(t->vcpu->fd, KVM_GET_SREGS, &s);
	if (!err)
		err = try_ioctl(t->vcpu->fd, KVM_SET_SREGS, &s);
	if (!err)
		err = try_ioctl(t->vcpu->fd, KVM_GET_FPU, &f);
	if (!err)
		err = try_ioctl(t->vcpu->fd, KVM_GET_XSAVE, x);
	if (!err)
		err = try_ioctl(t->vcpu->fd, KVM_SET_XSAVE, x);
	free(x);
	return err;
}

static int routing(void *arg)
{
	struct target *t = arg;
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[40];
	} r = { .head.nr = 40 };
	int i;

	for (i = 0; i < 40; i++) {
		r.e[i].gsi = i;
		r.e[i].type = KVM_IRQ_ROUTING_MSI;
		r.e[i].u.msi.address_lo = 0xfee00000;
	}
	return try_ioctl(t->vm->fd, KVM_SET_GSI_ROUTING, &r);
}

/* Removing may need memory as well; it leaves things as they were. */
static int devices(void *arg)
{
	struct target *t = arg;
	struct kvm_ioeventfd e = { .addr = 0x1000, .len = 4, .fd = t->event };
	struct kvm_coalesced_mmio_zone z = { .addr = 0x60000000, .size = 64 };
	int err = try_ioctl(t->vm->fd, KVM_IOEVENTFD, &e);

	if (err)
		return err;
	e.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
	do {
		err = try_ioctl(t->vm->fd, KVM_IOEVENTFD, &e);
	} while (err == ENOMEM);
	if (!err)
		err = try_ioctl(t->vm->fd, KVM_REGISTER_COALESCED_MMIO, &z);
	if (err)
		return err;
	do {
		err = try_ioctl(t->vm->fd, KVM_UNREGISTER_COALESCED_MMIO, &z);
	} while (err == ENOMEM);
	return err;
}

/* The same for slots: never half there. */
static int slots(void *arg)
{
	struct target *t = arg;
	int err = vm_try_set_region(t->vm, 5, KVM_MEM_LOG_DIRTY_PAGES, 0x70000000, MB,
				    t->mem);

	if (err)
		return err;
	do {
		err = vm_try_set_region(t->vm, 5, 0, 0, 0, NULL);
	} while (err == ENOMEM);
	return err;
}

/* Nested faults allocate; a run that failed for that goes on afterwards. */
static int run_guest(void *arg)
{
	struct target *t = arg;
	int err;

	do {
		err = vcpu_try_run(t->vcpu);
		if (err)
			return err;
	} while (!vcpu_is_ucall(t->vcpu));
	vcpu_report_abort(t->vcpu);
	vcpu_complete_io(t->vcpu);
	madvise(t->mem, MB, MADV_DONTNEED);
	vcpu_call(t->vcpu, g_work, 0);
	return 0;
}

TEST(use)
{
	struct target t = {
		.vm = vm_create(VM_IRQCHIP), .mem = mem_alloc(MB, 2 * MB),
		.cpuid = supported_cpuid(), .event = eventfd(0, EFD_NONBLOCK),
	};
	int i;

	if (!fault_injection())
		SKIP(return, "this kernel has no fault injection");
	t.vcpu = vcpu_create(t.vm, 0, g_work);
	vm_map(t.vm, 0x40000000, 0x40000000, PAGE_SIZE, PTE_W);
	vm_map(t.vm, 0x50000000, 0x50000000, PAGE_SIZE, PTE_W);
	vm_set_region(t.vm, 1, 0, 0x40000000, MB, t.mem);
	EXPECT_LE(0, each_failure(set_cpuid, &t));
	EXPECT_LE(0, each_failure(get_state, &t));
	EXPECT_LE(0, each_failure(routing, &t));
	EXPECT_LE(0, each_failure(devices, &t));
	EXPECT_LE(0, each_failure(slots, &t));
	EXPECT_LE(0, each_failure(run_guest, &t));
	/* All of it still works. */
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, run_guest(&t));
	EXPECT_EQ(0, slots(&t) | devices(&t) | routing(&t) | get_state(&t));
}

TEST_HARNESS_MAIN
