// SPDX-License-Identifier: GPL-2.0
/*
 * The IOAPIC in the kernel: its registers and their limits, edge and level
 * interrupts with mask, remote IRR and EOI, an interrupt that is never
 * acknowledged, and KVM_GET/SET_IRQCHIP.
 */
#include "strata_test.h"

#define IOAPIC	0xfec00000ul

__guest_inline uint32_t io_rd(uint32_t reg)
{
	mmio_write32(IOAPIC, reg);
	return mmio_read32(IOAPIC + 0x10);
}

__guest_inline void io_wr(uint32_t reg, uint32_t v)
{
	mmio_write32(IOAPIC, reg);
	mmio_write32(IOAPIC + 0x10, v);
}

/* Pin, low half of the entry; physical destination 0. */
__guest_inline void set_pin(uint32_t pin, uint32_t low)
{
	io_wr(0x11 + 2 * pin, 0);
	io_wr(0x10 + 2 * pin, low);
}

#define LEVEL	0x8000
#define MASKED	0x10000
#define REMOTE	0x4000

/* The PIC hears the same lines: keep its interrupts out. */
__guest_inline void apic_on(void)
{
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_LVT_LINT0, MASKED);
}

static struct vcpu *start(void (*fn)(uint64_t arg))
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, IOAPIC, IOAPIC, PAGE_SIZE, PTE_W | PTE_PCD);
	return vcpu_create(vm, 0, fn);
}

static void line(struct vcpu *vcpu, uint32_t irq, uint32_t level)
{
	struct kvm_irq_level l = { .irq = irq, .level = level };

	xioctl(vcpu->vm->fd, KVM_IRQ_LINE, &l);
}

static __guest void on_irq(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

__guest_inline void window(void)
{
	sti();
	asm volatile("nop; nop; nop");
	cli();
}

static __guest void g_registers(uint64_t arg)
{
	uint32_t i;

	GUEST_ASSERT_EQ(23, io_rd(1) >> 16 & 0xff);
	for (i = 0; i < 24; i++) {
		GUEST_ASSERT_EQ(MASKED, io_rd(0x10 + 2 * i) & MASKED);
		io_wr(0x11 + 2 * i, 0x05000000);
		GUEST_ASSERT_EQ(0x05000000, io_rd(0x11 + 2 * i) & 0xff000000);
	}
	io_wr(0x10 + 2 * 5, MASKED | LEVEL | 0x51);
	GUEST_ASSERT_EQ(MASKED | LEVEL | 0x51, io_rd(0x10 + 2 * 5));
	/* Delivery status and remote IRR cannot be written. */
	io_wr(0x10 + 2 * 5, MASKED | LEVEL | REMOTE | 0x1000 | 0x51);
	GUEST_ASSERT_EQ(MASKED | LEVEL | 0x51, io_rd(0x10 + 2 * 5));
	io_wr(0, 0x03000000);
	GUEST_ASSERT_EQ(0x03000000, io_rd(0) & 0x0f000000);
	/* Past the end, odd sizes, odd offsets. */
	for (i = 0x40; i < 0x100; i += 7) {
		io_wr(i, 0xffffffff);
		io_rd(i);
	}
	for (i = 0; i < 0x100; i += 5) {
		mmio_read8(IOAPIC + i);
		mmio_write8(IOAPIC + 0x20 + i, 0xff);
		mmio_read64(IOAPIC + (i & ~7u));
	}
	GUEST_ASSERT_EQ(MASKED | LEVEL | 0x51, io_rd(0x10 + 2 * 5));
	GUEST_DONE();
}

TEST(registers)
{
	struct vcpu *vcpu = start(g_registers);

	/* What the device does not claim may be user space's. */
	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		ASSERT_EQ(IOAPIC >> 12, vcpu->run->mmio.phys_addr >> 12);
	vcpu_report_abort(vcpu);
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(UCALL_DONE, vcpu->uc.cmd);
}

static __guest void g_edge(uint64_t arg)
{
	guest_handler[0x51] = on_irq;
	apic_on();
	set_pin(5, 0x51);
	GUEST_SYNC(1);	/* up, down, up */
	window();
	GUEST_ASSERT_EQ(1, guest_count[0x51]);
	window();
	GUEST_ASSERT_EQ(1, guest_count[0x51]);
	GUEST_SYNC(2);	/* down, up */
	window();
	GUEST_ASSERT_EQ(2, guest_count[0x51]);
	set_pin(5, MASKED | 0x51);
	GUEST_SYNC(3);	/* down, up, while masked: lost or kept, but not twice */
	window();
	GUEST_ASSERT_EQ(2, guest_count[0x51]);
	GUEST_DONE();
}

TEST(edge)
{
	struct vcpu *vcpu = start(g_edge);

	vcpu_run_sync(vcpu, 1);
	line(vcpu, 5, 1);
	line(vcpu, 5, 0);
	line(vcpu, 5, 1);
	vcpu_run_sync(vcpu, 2);
	line(vcpu, 5, 0);
	line(vcpu, 5, 1);
	vcpu_run_sync(vcpu, 3);
	line(vcpu, 5, 0);
	line(vcpu, 5, 1);
	vcpu_run_done(vcpu);
}

/* The handler asks user space to take the line down after a few rounds. */
static volatile uint64_t drop_at, remote_seen;

static __guest void on_level(struct guest_frame *f)
{
	remote_seen = io_rd(0x10 + 2 * 9) & REMOTE;
	if (guest_count[0x59] == drop_at)
		GUEST_SYNC(10);
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_level(uint64_t arg)
{
	guest_handler[0x59] = on_level;
	apic_on();
	set_pin(9, LEVEL | 0x59);
	GUEST_SYNC(1);	/* up */
	drop_at = 3;
	while (guest_count[0x59] < 3)
		window();
	window();
	GUEST_ASSERT_EQ(3, guest_count[0x59]);
	GUEST_ASSERT_EQ(REMOTE, remote_seen);
	GUEST_ASSERT_EQ(0, io_rd(0x10 + 2 * 9) & REMOTE);
	/* Masked while the line goes up: it comes when the mask goes. */
	set_pin(9, MASKED | LEVEL | 0x59);
	GUEST_SYNC(2);	/* up */
	window();
	GUEST_ASSERT_EQ(3, guest_count[0x59]);
	drop_at = 4;
	set_pin(9, LEVEL | 0x59);
	window();
	GUEST_ASSERT_EQ(4, guest_count[0x59]);
	GUEST_DONE();
}

TEST(level)
{
	struct vcpu *vcpu = start(g_level);

	vcpu_run_sync(vcpu, 1);
	line(vcpu, 9, 1);
	vcpu_run_sync(vcpu, 10);
	line(vcpu, 9, 0);
	vcpu_run_sync(vcpu, 2);
	line(vcpu, 9, 1);
	vcpu_run_sync(vcpu, 10);
	line(vcpu, 9, 0);
	vcpu_run_done(vcpu);
}

/* Never taken down and always acknowledged: the guest drowns, not the host. */
static __guest void g_storm(uint64_t arg)
{
	guest_handler[0x59] = on_irq;
	apic_on();
	set_pin(9, LEVEL | 0x59);
	GUEST_SYNC(1);
	sti();
	for (;;)
		asm volatile("nop");
}

static void *run_once(void *arg)
{
	struct vcpu *vcpu = arg;
	int err = vcpu_try_run(vcpu);

	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)err;
}

TEST(eoi_storm)
{
	struct vcpu *vcpu = start(g_storm);

	vcpu_run_sync(vcpu, 1);
	line(vcpu, 9, 1);
	vcpu_start(vcpu, run_once);
	while (guest_var(vcpu->vm, guest_count[0x59]) < 1000)
		usleep(1000);
	while (!vcpu_finished(vcpu)) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	EXPECT_EQ(EINTR, (intptr_t)vcpu_join(vcpu));
}

/* The line's state is reported: delivered, coalesced, ignored. */
static __guest void g_status(uint64_t arg)
{
	apic_on();
	set_pin(5, 0x51);
	GUEST_SYNC(1);
	GUEST_DONE();
}

TEST(line_status)
{
	struct vcpu *vcpu = start(g_status);
	struct kvm_irq_level l = { .irq = 5, .level = 1 };

	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->vm->fd, KVM_IRQ_LINE_STATUS, &l);
	EXPECT_LT(0, l.status);
	l.irq = 5;
	l.level = 0;
	xioctl(vcpu->vm->fd, KVM_IRQ_LINE_STATUS, &l);
	/* The first is still pending in the LAPIC. */
	l.irq = 5;
	l.level = 1;
	xioctl(vcpu->vm->fd, KVM_IRQ_LINE_STATUS, &l);
	EXPECT_LE(0, l.status);
	/* A line behind all tables changes nothing. */
	l.irq = 5000;
	try_ioctl(vcpu->vm->fd, KVM_IRQ_LINE, &l);
	l.irq = 0xffffffff;
	try_ioctl(vcpu->vm->fd, KVM_IRQ_LINE, &l);
	vcpu_run_done(vcpu);
}

TEST(get_and_set)
{
	struct vcpu *vcpu = start(g_status);
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC }, d;

	vcpu_run_sync(vcpu, 1);
	if (try_ioctl(vcpu->vm->fd, KVM_GET_IRQCHIP, &c) == ENOTTY)
		SKIP(return, "KVM_GET_IRQCHIP is not offered");
	EXPECT_EQ(0x51, c.chip.ioapic.redirtbl[5].fields.vector);
	EXPECT_EQ(0, c.chip.ioapic.redirtbl[5].bits >> 16 & 1);
	EXPECT_EQ(1, c.chip.ioapic.redirtbl[6].bits >> 16 & 1);
	c.chip.ioapic.redirtbl[7].bits = 0x77;
	xioctl(vcpu->vm->fd, KVM_SET_IRQCHIP, &c);
	d.chip_id = KVM_IRQCHIP_IOAPIC;
	xioctl(vcpu->vm->fd, KVM_GET_IRQCHIP, &d);
	EXPECT_EQ(0x77, d.chip.ioapic.redirtbl[7].bits);
	c.chip_id = 3;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->vm->fd, KVM_GET_IRQCHIP, &c));
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->vm->fd, KVM_SET_IRQCHIP, &c));
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
