// SPDX-License-Identifier: GPL-2.0
/*
 * The split irqchip: LAPICs in the kernel, PIC and IOAPIC in user space.
 * Messages and who may send them, EOIs of levels, ExtINT by KVM_INTERRUPT as
 * LINT0 has it, and what does not go with it.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

#define VECTOR	0x51
#define MASKED	0x10000
#define EXTINT	0x700

static int split(struct vm *vm, uint64_t pins)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { pins } };

	return try_ioctl(vm->fd, KVM_ENABLE_CAP, &c);
}

static __guest void on_irq(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void on_ext(struct guest_frame *f)
{
}

static __guest void g_main(uint64_t arg)
{
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_LVT_LINT0, arg);
	guest_handler[VECTOR] = on_irq;
	guest_handler[0x30] = on_ext;
	for (;;) {
		GUEST_SYNC3(1, guest_count[VECTOR], guest_count[0x30]);
		sti();
		asm volatile("nop; nop; nop");
		cli();
	}
}

static struct vcpu *start(uint32_t lint0)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;

	if (split(vm, 24))
		die("KVM_CAP_SPLIT_IRQCHIP: %s", strerror(errno));
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu = vcpu_create(vm, 0, g_main);
	vcpu_call(vcpu, g_main, lint0);
	vcpu_run_sync(vcpu, 1);
	return vcpu;
}

static int route(struct vm *vm, uint32_t data)
{
	struct { struct kvm_irq_routing head; struct kvm_irq_routing_entry e[1]; } r = {
		.head.nr = 1,
		.e[0] = {
			.gsi = 9, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = 0xfee00000, .data = data },
		},
	};

	return try_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &r);
}

static void line(struct vm *vm, uint32_t level)
{
	struct kvm_irq_level l = { .irq = 9, .level = level };

	xioctl(vm->fd, KVM_IRQ_LINE, &l);
}

TEST(edge_and_level)
{
	struct vcpu *vcpu = start(MASKED);
	struct vm *vm = vcpu->vm;

	ASSERT_EQ(0, route(vm, VECTOR));
	line(vm, 1);
	line(vm, 0);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	/* Level triggered: the IOAPIC hears of the end. */
	ASSERT_EQ(0, route(vm, VECTOR | 1 << 15));
	line(vm, 1);
	expect_exit(vcpu, KVM_EXIT_IOAPIC_EOI);
	EXPECT_EQ(VECTOR, vcpu->run->eoi.vector);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(2, vcpu->uc.arg[1]);
	/* An edge again. */
	ASSERT_EQ(0, route(vm, VECTOR));
	line(vm, 1);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(3, vcpu->uc.arg[1]);
}

static int interrupt(struct vcpu *vcpu)
{
	struct kvm_interrupt i = { .irq = 0x30 };

	return try_ioctl(vcpu->fd, KVM_INTERRUPT, &i);
}

TEST(extint)
{
	struct vcpu *vcpu = start(EXTINT);
	struct kvm_run *run = vcpu->run;

	EXPECT_EQ(0, run->ready_for_interrupt_injection);
	run->request_interrupt_window = 1;
	expect_exit(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	EXPECT_EQ(1, run->ready_for_interrupt_injection);
	run->request_interrupt_window = 0;
	ASSERT_EQ(0, interrupt(vcpu));
	EXPECT_EQ(EEXIST, interrupt(vcpu));
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[2]);
	EXPECT_EQ(0, interrupt(vcpu));
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(2, vcpu->uc.arg[2]);
}

/* LINT0 is masked: neither a window nor the interrupt itself comes through. */
TEST(extint_masked)
{
	struct vcpu *vcpu = start(EXTINT | MASKED);

	vcpu->run->request_interrupt_window = 1;
	ASSERT_EQ(0, interrupt(vcpu));
	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
	EXPECT_EQ(0, vcpu->run->ready_for_interrupt_injection);
}

TEST(what_is_not_there)
{
	struct kvm_irq_routing_entry pin = {
		.type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC,
	};
	struct { struct kvm_irq_routing head; struct kvm_irq_routing_entry e[1]; } r = {
		.head.nr = 1, .e[0] = pin,
	};
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_pit_config pit = { 0 };
	struct vm *vm = vm_create(0), *full = vm_create(VM_IRQCHIP), *late = vm_create(0);
	struct kvm_irqfd f = { .flags = KVM_IRQFD_FLAG_RESAMPLE };

	EXPECT_EQ(EINVAL, split(vm, 25));
	ASSERT_EQ(0, split(vm, 24));
	EXPECT_EQ(EEXIST, split(vm, 24));
	EXPECT_EQ(EEXIST, split(full, 24));
	EXPECT_EQ(EEXIST, try_ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	vcpu_create_raw(late, 0);
	EXPECT_EQ(EEXIST, split(late, 24));
	EXPECT_EQ(ENOENT, try_ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	EXPECT_EQ(ENXIO, try_ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	EXPECT_EQ(ENXIO, try_ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &r));
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_IRQFD, &f));
}

TEST_HARNESS_MAIN
