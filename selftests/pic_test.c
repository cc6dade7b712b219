// SPDX-License-Identifier: GPL-2.0
/*
 * The two PICs in the kernel, wired to LINT0: initialisation, masks,
 * priorities, specific and automatic EOI, the cascade, and the registers that
 * a guest can read.
 */
#include "strata_test.h"

static __guest void pic_init(uint8_t mask1, uint8_t mask2, uint8_t auto_eoi)
{
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1 | auto_eoi);
	outb(0xa0, 0x11);
	outb(0xa1, 0x28);
	outb(0xa1, 2);
	outb(0xa1, 1 | auto_eoi);
	outb(0x21, mask1);
	outb(0xa1, mask2);
}

__guest_inline void window(void)
{
	sti();
	asm volatile("nop; nop; nop");
	cli();
}

static void line(struct vcpu *vcpu, uint32_t irq, uint32_t level)
{
	struct kvm_irq_level l = { .irq = irq, .level = level };

	xioctl(vcpu->vm->fd, KVM_IRQ_LINE, &l);
}

static struct vcpu *start(void (*fn)(uint64_t arg))
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, fn);

	/* As firmware leaves it: the LAPIC passes the PIC through. */
	lapic_enable(vcpu);
	lapic_set_reg(vcpu, APIC_LVT_LINT0, 0x700);
	return vcpu;
}

static volatile uint64_t isr;

static __guest void on_master(struct guest_frame *f)
{
	outb(0x20, 0x0b);
	isr = inb(0x20);
	outb(0x20, 0x20);
}

static __guest void on_slave(struct guest_frame *f)
{
	outb(0xa0, 0x60 | (f->vector & 7));
	outb(0x20, 0x62);
}

static __guest void g_edges(uint64_t arg)
{
	guest_handler[0x25] = on_master;
	guest_handler[0x2c] = on_slave;
	pic_init(0, 0, 0);
	GUEST_ASSERT_EQ(0, inb(0x21));
	GUEST_ASSERT_EQ(0, inb(0xa1));
	GUEST_SYNC(1);	/* IRQ 5 and 12 up */
	/* Both requests are visible. */
	outb(0x20, 0x0a);
	GUEST_ASSERT_EQ(0x24, inb(0x20));
	outb(0xa0, 0x0a);
	GUEST_ASSERT_EQ(0x10, inb(0xa0));
	window();
	window();
	GUEST_ASSERT_EQ(1, guest_count[0x25]);
	GUEST_ASSERT_EQ(1, guest_count[0x2c]);
	GUEST_ASSERT_EQ(0x20, isr);
	/* The lines are still up: edges come once. */
	window();
	GUEST_ASSERT_EQ(1, guest_count[0x25]);
	GUEST_SYNC(2);	/* IRQ 5 down and up */
	window();
	GUEST_ASSERT_EQ(2, guest_count[0x25]);
	GUEST_SYNC(3);	/* all down */
	outb(0x21, 0x20);
	GUEST_SYNC(4);	/* 5 up, masked */
	window();
	GUEST_ASSERT_EQ(2, guest_count[0x25]);
	outb(0x21, 0);
	window();
	GUEST_ASSERT_EQ(3, guest_count[0x25]);
	GUEST_DONE();
}

TEST(edges_and_masks)
{
	struct vcpu *vcpu = start(g_edges);

	vcpu_run_sync(vcpu, 1);
	line(vcpu, 5, 1);
	line(vcpu, 12, 1);
	vcpu_run_sync(vcpu, 2);
	line(vcpu, 5, 0);
	line(vcpu, 5, 1);
	vcpu_run_sync(vcpu, 3);
	line(vcpu, 5, 0);
	line(vcpu, 12, 0);
	vcpu_run_sync(vcpu, 4);
	line(vcpu, 5, 1);
	vcpu_run_done(vcpu);
}

/* A lower interrupt waits for the EOI of a higher one. */
static volatile uint64_t log_[4], n;

static __guest void on_logged(struct guest_frame *f)
{
	log_[n++ & 3] = f->vector;
	if (f->vector == 0x23) {
		GUEST_SYNC(10);	/* IRQ 6 and 1 up */
		window();
		GUEST_ASSERT_EQ(2, n);
		GUEST_ASSERT_EQ(0x21, log_[1]);
	}
	outb(0x20, 0x20);
}

static __guest void g_priority(uint64_t arg)
{
	guest_handler[0x21] = on_logged;
	guest_handler[0x23] = on_logged;
	guest_handler[0x26] = on_logged;
	pic_init(0, 0, 0);
	GUEST_SYNC(1);	/* IRQ 3 up */
	window();
	window();
	GUEST_ASSERT_EQ(3, n);
	GUEST_ASSERT_EQ(0x26, log_[2]);
	GUEST_DONE();
}

TEST(priority)
{
	struct vcpu *vcpu = start(g_priority);

	vcpu_run_sync(vcpu, 1);
	line(vcpu, 3, 1);
	vcpu_run_sync(vcpu, 10);
	line(vcpu, 6, 1);
	line(vcpu, 1, 1);
	vcpu_run_done(vcpu);
}

/* Automatic EOI, a level-triggered line by ELCR, and the wake-up from HLT. */
static __guest void on_auto(struct guest_frame *f)
{
	if (guest_count[0x2a] == 3)
		GUEST_SYNC(10);	/* down */
}

static __guest void g_level(uint64_t arg)
{
	guest_handler[0x2a] = on_auto;
	pic_init(0, 0, 2);
	outb(0x4d1, 0x04);
	GUEST_ASSERT_EQ(0x04, inb(0x4d1) & 0x04);
	GUEST_SYNC(1);	/* IRQ 10 up */
	while (guest_count[0x2a] < 3) {
		sti_hlt();
		cli();
	}
	window();
	GUEST_ASSERT_EQ(3, guest_count[0x2a]);
	/* No source left: the spurious interrupt 7 was not seen either. */
	GUEST_ASSERT_EQ(0, guest_count[0x27]);
	GUEST_DONE();
}

TEST(level_and_auto_eoi)
{
	struct vcpu *vcpu = start(g_level);

	vcpu_run_sync(vcpu, 1);
	line(vcpu, 10, 1);
	vcpu_run_sync(vcpu, 10);
	line(vcpu, 10, 0);
	vcpu_run_done(vcpu);
}

/* With LINT0 masked nothing arrives. */
static __guest void g_lint0_masked(uint64_t arg)
{
	pic_init(0, 0, 0);
	GUEST_SYNC(1);
	window();
	GUEST_ASSERT_EQ(0, guest_count[0x25]);
	GUEST_DONE();
}

TEST(lint0_masked)
{
	struct vcpu *vcpu = start(g_lint0_masked);

	lapic_set_reg(vcpu, APIC_LVT_LINT0, 0x10700);
	vcpu_run_sync(vcpu, 1);
	line(vcpu, 5, 1);
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
