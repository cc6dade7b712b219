// SPDX-License-Identifier: GPL-2.0
/*
 * irqfd: an eventfd raises an interrupt, by pin and by message; signals before
 * it was assigned; removal and the end of the eventfd; levels with a second
 * eventfd that hears of the EOI, shared, by IOAPIC and by PIC; errors.
 *
 * lab: vmx kernels
 */
#include <sys/eventfd.h>

#include "strata_test.h"

#define IOAPIC	0xfec00000ul
#define LEVEL	0x8000
#define MASKED	0x10000
#define VECTOR	0x51

__guest_inline void io_wr(uint32_t reg, uint32_t v)
{
	mmio_write32(IOAPIC, reg);
	mmio_write32(IOAPIC + 0x10, v);
}

static __guest void on_irq(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

/* Pin 20 in the way that @arg says, then count what comes between two stops. */
static __guest void g_count(uint64_t arg)
{
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_LVT_LINT0, MASKED);
	guest_handler[VECTOR] = on_irq;
	io_wr(0x11 + 2 * 20, 0);
	io_wr(0x10 + 2 * 20, arg | VECTOR);
	for (;;) {
		GUEST_SYNC2(1, guest_count[VECTOR]);
		sti();
		asm volatile("nop; nop; nop");
		cli();
	}
}

static struct vcpu *start(uint64_t mode)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu;

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, IOAPIC, IOAPIC, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu = vcpu_create(vm, 0, g_count);
	vcpu_call(vcpu, g_count, mode);
	vcpu_run_sync(vcpu, 1);
	return vcpu;
}

static uint64_t count(struct vcpu *vcpu)
{
	vcpu_run_sync(vcpu, 1);
	return vcpu->uc.arg[1];
}

static int irqfd(struct vm *vm, int fd, uint32_t gsi, uint32_t flags, int resample)
{
	struct kvm_irqfd f = { .fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample };

	return try_ioctl(vm->fd, KVM_IRQFD, &f);
}

static int new_fd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	if (fd < 0)
		die("eventfd: %s", strerror(errno));
	return fd;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, 8) != 8)
		die("eventfd: %s", strerror(errno));
}

static uint64_t signals(int fd)
{
	uint64_t v = 0;

	return read(fd, &v, 8) == 8 ? v : 0;
}

TEST(edges)
{
	struct vcpu *vcpu = start(0);
	int fd = new_fd(), early = new_fd();

	ASSERT_EQ(0, irqfd(vcpu->vm, fd, 20, 0, 0));
	EXPECT_EQ(0, count(vcpu));
	signal_fd(fd);
	EXPECT_EQ(1, count(vcpu));
	/* The kernel has read it, and two at once are one edge. */
	EXPECT_EQ(0, signals(fd));
	signal_fd(fd);
	signal_fd(fd);
	EXPECT_EQ(2, count(vcpu));
	EXPECT_EQ(2, count(vcpu));
	/* A signal that was there before. */
	signal_fd(early);
	ASSERT_EQ(0, irqfd(vcpu->vm, early, 20, 0, 0));
	EXPECT_EQ(3, count(vcpu));
	/* Removed: the signal stays in the eventfd. */
	ASSERT_EQ(0, irqfd(vcpu->vm, fd, 20, KVM_IRQFD_FLAG_DEASSIGN, 0));
	signal_fd(fd);
	EXPECT_EQ(3, count(vcpu));
	EXPECT_EQ(1, signals(fd));
	/* The eventfd goes while it is assigned. */
	close(early);
	EXPECT_EQ(3, count(vcpu));
	vm_free(vcpu->vm);
	close(fd);
}

TEST(message)
{
	struct { struct kvm_irq_routing head; struct kvm_irq_routing_entry e[1]; } r = {
		.head.nr = 1,
		.e[0] = {
			.gsi = 77, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000, .data = VECTOR },
		},
	};
	struct vcpu *vcpu = start(0);
	int fd = new_fd();

	/* Assigned first, routed later. */
	ASSERT_EQ(0, irqfd(vcpu->vm, fd, 77, 0, 0));
	signal_fd(fd);
	EXPECT_EQ(0, count(vcpu));
	xioctl(vcpu->vm->fd, KVM_SET_GSI_ROUTING, &r);
	signal_fd(fd);
	EXPECT_EQ(1, count(vcpu));
	vm_free(vcpu->vm);
	close(fd);
}

TEST(levels)
{
	struct vcpu *vcpu = start(LEVEL);
	int a = new_fd(), b = new_fd(), told_a = new_fd(), told_b = new_fd();
	const uint32_t flag = KVM_IRQFD_FLAG_RESAMPLE;

	ASSERT_EQ(0, irqfd(vcpu->vm, a, 20, flag, told_a));
	ASSERT_EQ(0, irqfd(vcpu->vm, b, 20, flag, told_b));
	signal_fd(a);
	EXPECT_EQ(0, signals(told_a));
	EXPECT_EQ(1, count(vcpu));
	/* Who shares the line is told as well; it is low until one of them signals again. */
	EXPECT_EQ(1, signals(told_a));
	EXPECT_EQ(1, signals(told_b));
	EXPECT_EQ(1, count(vcpu));
	signal_fd(b);
	EXPECT_EQ(2, count(vcpu));
	EXPECT_EQ(1, signals(told_a));
	EXPECT_EQ(1, signals(told_b));
	/* One of them goes. */
	ASSERT_EQ(0, irqfd(vcpu->vm, b, 20, KVM_IRQFD_FLAG_DEASSIGN, 0));
	signal_fd(a);
	EXPECT_EQ(3, count(vcpu));
	EXPECT_EQ(1, signals(told_a));
	EXPECT_EQ(0, signals(told_b));
	/* While the line is high: that it goes lowers it. */
	signal_fd(a);
	ASSERT_EQ(0, irqfd(vcpu->vm, a, 20, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(4, count(vcpu));
	EXPECT_EQ(4, count(vcpu));
	vm_free(vcpu->vm);
}

static __guest void on_pic(struct guest_frame *f)
{
	outb(0x20, 0x20);
}

static __guest void g_pic(uint64_t arg)
{
	guest_handler[0x25] = on_pic;
	/* Vectors from 0x20, input 5 level triggered, the only one open. */
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1);
	outb(0x4d0, 1 << 5);
	outb(0x21, (uint8_t)~(1 << 5));
	for (;;) {
		GUEST_SYNC2(1, guest_count[0x25]);
		sti();
		asm volatile("nop; nop; nop");
		cli();
	}
}

TEST(levels_by_the_pic)
{
	struct vcpu *vcpu = vcpu_create(vm_create(VM_IRQCHIP), 0, g_pic);
	int fd = new_fd(), told = new_fd();

	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(0, irqfd(vcpu->vm, fd, 5, KVM_IRQFD_FLAG_RESAMPLE, told));
	signal_fd(fd);
	EXPECT_EQ(1, count(vcpu));
	EXPECT_EQ(1, signals(told));
	EXPECT_EQ(1, count(vcpu));
	signal_fd(fd);
	EXPECT_EQ(2, count(vcpu));
	EXPECT_EQ(1, signals(told));
	vm_free(vcpu->vm);
}

TEST(errors)
{
	struct vm *vm = vm_create(VM_IRQCHIP), *bare = vm_create(0);
	int fd = new_fd(), other = new_fd(), file = dev_open();

	EXPECT_EQ(EAGAIN, irqfd(bare, fd, 5, 0, 0));
	EXPECT_EQ(EINVAL, irqfd(vm, fd, 5, 4, 0));
	EXPECT_EQ(EINVAL, irqfd(vm, fd, 99999, 0, 0));
	EXPECT_EQ(EBADF, irqfd(vm, 999, 5, 0, 0));
	EXPECT_EQ(EINVAL, irqfd(vm, file, 5, 0, 0));
	EXPECT_EQ(EBADF, irqfd(vm, fd, 5, KVM_IRQFD_FLAG_RESAMPLE, 999));
	EXPECT_EQ(0, irqfd(vm, fd, 5, 0, 0));
	EXPECT_EQ(EBUSY, irqfd(vm, fd, 5, 0, 0));
	EXPECT_EQ(EBUSY, irqfd(vm, fd, 6, 0, 0));
	EXPECT_EQ(0, irqfd(vm, other, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, irqfd(vm, fd, 5, KVM_IRQFD_FLAG_DEASSIGN, 0));
	EXPECT_EQ(0, irqfd(vm, fd, 6, 0, 0));
	/* The VM goes while it is assigned; the eventfd lives on. */
	vm_free(vm);
	signal_fd(fd);
	EXPECT_EQ(1, signals(fd));
	close(file);
}

static volatile bool stop;

static void *signaller(void *arg)
{
	while (!stop)
		signal_fd(*(int *)arg);
	return NULL;
}

/* Assigned and removed while signals come; then the VM goes. */
TEST(races)
{
	struct vcpu *vcpu = start(0);
	int fd = eventfd(0, 0), i;
	pthread_t thread;

	stop = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, signaller, &fd));
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, irqfd(vcpu->vm, fd, 20, 0, 0));
		ASSERT_EQ(0, irqfd(vcpu->vm, fd, 20, KVM_IRQFD_FLAG_DEASSIGN, 0));
	}
	ASSERT_EQ(0, irqfd(vcpu->vm, fd, 20, 0, 0));
	count(vcpu);
	vm_free(vcpu->vm);
	stop = true;
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
