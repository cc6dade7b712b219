// SPDX-License-Identifier: GPL-2.0
/*
 * ioeventfd: signals instead of exits, by port and by address, with and
 * without a value to match, its keys, errors, and removal.
 *
 * lab: vmx kernels
 */
#include <sys/eventfd.h>

#include "strata_test.h"

#define HOLE	0x40000000ul
#define PIO	KVM_IOEVENTFD_FLAG_PIO
#define MATCH	KVM_IOEVENTFD_FLAG_DATAMATCH
#define REMOVE	KVM_IOEVENTFD_FLAG_DEASSIGN

static int ioeventfd(struct vm *vm, uint64_t addr, uint32_t len, uint32_t flags,
		     uint64_t match, int fd)
{
	struct kvm_ioeventfd e = {
		.addr = addr, .len = len, .flags = flags, .datamatch = match, .fd = fd,
	};

	return try_ioctl(vm->fd, KVM_IOEVENTFD, &e);
}

static uint64_t signals(int fd)
{
	uint64_t v = 0;

	if (read(fd, &v, 8) != 8)
		return 0;
	return v;
}

static int new_fd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	if (fd < 0)
		die("eventfd: %s", strerror(errno));
	return fd;
}

static __guest void g_pio(uint64_t arg)
{
	outb(0x50, 1);
	outw(0x50, 1);
	outw(0x50, 2);
	outl(0x60, 7);
	outb(0x60, 7);
	GUEST_SYNC(1);
	outw(0x50, 1);
	GUEST_DONE();
}

TEST(ports)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_pio);
	int a = new_fd(), b = new_fd();

	ASSERT_EQ(0, ioeventfd(vm, 0x50, 2, PIO | MATCH, 1, a));
	ASSERT_EQ(0, ioeventfd(vm, 0x60, 0, PIO, 0, b));
	/* Another size is another access: an exit. */
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, vcpu->run->io.size);
	/* The value 1 signalled; 2 exits. */
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x50, vcpu->run->io.port);
	EXPECT_EQ(2, *(uint16_t *)((uint8_t *)vcpu->run + PAGE_SIZE));
	EXPECT_EQ(1, signals(a));
	/* Length 0 takes all sizes. */
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(2, signals(b));
	EXPECT_EQ(0, signals(a));
	ASSERT_EQ(0, ioeventfd(vm, 0x50, 2, PIO | MATCH | REMOVE, 1, a));
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x50, vcpu->run->io.port);
	EXPECT_EQ(0, signals(a));
	vcpu_run_done(vcpu);
}

static __guest void g_mmio(uint64_t arg)
{
	mmio_write32(HOLE + 0x50, 0);
	mmio_write32(HOLE + 0x50, 1);
	mmio_write32(HOLE + 0x50, 2);
	mmio_write64(HOLE + 0x58, 1ull << 40);
	mmio_read32(HOLE + 0x50);
	GUEST_DONE();
}

TEST(addresses)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_mmio);
	int a = new_fd(), b = new_fd(), c = new_fd();

	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	ASSERT_EQ(0, ioeventfd(vm, HOLE + 0x50, 4, MATCH, 0, a));
	ASSERT_EQ(0, ioeventfd(vm, HOLE + 0x50, 4, MATCH, 1, b));
	ASSERT_EQ(0, ioeventfd(vm, HOLE + 0x58, 8, MATCH, 1ull << 40, c));
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(2, vcpu->run->mmio.data[0]);
	/* A read is never one. */
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0, vcpu->run->mmio.is_write);
	vcpu_run_done(vcpu);
	EXPECT_EQ(1, signals(a));
	EXPECT_EQ(1, signals(b));
	EXPECT_EQ(1, signals(c));
}

TEST(keys_and_errors)
{
	struct vm *vm = vm_create(0);
	int a = new_fd(), b = new_fd(), i;

	ASSERT_EQ(0, ioeventfd(vm, 0x50, 2, PIO | MATCH, 1, a));
	EXPECT_EQ(EEXIST, ioeventfd(vm, 0x50, 2, PIO | MATCH, 1, a));
	EXPECT_EQ(EEXIST, ioeventfd(vm, 0x50, 2, PIO | MATCH, 1, b));
	EXPECT_EQ(EEXIST, ioeventfd(vm, 0x50, 2, PIO, 0, b));
	EXPECT_EQ(0, ioeventfd(vm, 0x50, 2, PIO | MATCH, 2, b));
	EXPECT_EQ(0, ioeventfd(vm, 0x50, 1, PIO | MATCH, 1, b));
	EXPECT_EQ(0, ioeventfd(vm, 0x50, 2, MATCH, 1, b));

	EXPECT_EQ(ENOENT, ioeventfd(vm, 0x51, 2, PIO | MATCH | REMOVE, 1, a));
	EXPECT_EQ(ENOENT, ioeventfd(vm, 0x50, 2, PIO | MATCH | REMOVE, 1, b));
	EXPECT_EQ(ENOENT, ioeventfd(vm, 0x50, 2, PIO | REMOVE, 0, a));

	EXPECT_EQ(EINVAL, ioeventfd(vm, 0x50, 3, PIO, 0, a));
	EXPECT_EQ(EINVAL, ioeventfd(vm, 0x50, 16, PIO, 0, a));
	EXPECT_EQ(EINVAL, ioeventfd(vm, 0x50, 0, PIO | MATCH, 0, a));
	EXPECT_EQ(EINVAL, ioeventfd(vm, -1ull, 4, 0, 0, a));
	EXPECT_EQ(EINVAL, ioeventfd(vm, 0x50, 2, 1u << 20, 0, a));
	EXPECT_EQ(EBADF, ioeventfd(vm, 0x70, 2, PIO, 0, -1));
	/* Any file that is not an eventfd. */
	EXPECT_EQ(EINVAL, ioeventfd(vm, 0x70, 2, PIO, 0, vm->fd));

	/* Many, then all gone with the VM. */
	for (i = 0; i < 200; i++)
		EXPECT_EQ(0, ioeventfd(vm, 0x1000 + 8 * i, 4, 0, 0, a));
	vm_free(vm);
}

/* Registered and removed over and over while the guest writes. */
static volatile uint64_t stop, writes;

static __guest void g_hammer(uint64_t arg)
{
	while (!stop) {
		mmio_write32(HOLE, 1);
		writes++;
	}
	GUEST_DONE();
}

static void *serve(void *arg)
{
	struct vcpu *vcpu = arg;
	uint64_t exits = 0;

	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		exits++;
	vcpu_report_abort(vcpu);
	return (void *)exits;
}

TEST(removed_while_in_use)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_hammer);
	uint64_t signalled = 0, exits;
	int a = new_fd(), i;

	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	vcpu_start(vcpu, serve);
	for (i = 0; i < 50; i++) {
		uint64_t before = guest_var(vm, writes);

		ASSERT_EQ(0, ioeventfd(vm, HOLE, 4, 0, 0, a));
		while (guest_var(vm, writes) == before)
			sched_yield();
		ASSERT_EQ(0, ioeventfd(vm, HOLE, 4, REMOVE, 0, a));
		signalled += signals(a);
		/* Nothing comes after it was removed. */
		before = guest_var(vm, writes);
		while (guest_var(vm, writes) < before + 2)
			sched_yield();
		ASSERT_EQ(0, signals(a));
	}
	guest_var(vm, stop) = 1;
	exits = (uint64_t)vcpu_join(vcpu);
	EXPECT_EQ(guest_var(vm, writes), signalled + exits);
}

TEST_HARNESS_MAIN
