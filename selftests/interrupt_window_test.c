// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts from user space, without interrupt controllers in the kernel:
 * KVM_INTERRUPT, the interrupt window, and what the run page says about it.
 *
 * lab: vmx
 */
#include "strata_test.h"

static __guest void g_windows(uint64_t arg)
{
	GUEST_SYNC(1);
	sti();
	asm volatile("nop");
	GUEST_SYNC(2);
	cli();
	GUEST_SYNC(3);
	asm volatile("sti; hlt");
	GUEST_SYNC2(4, guest_count[0x45]);
	GUEST_DONE();
}

static int interrupt(struct vcpu *vcpu, uint32_t irq)
{
	struct kvm_interrupt i = { .irq = irq };

	return try_ioctl(vcpu->fd, KVM_INTERRUPT, &i);
}

TEST(window)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_windows);
	struct kvm_run *run = vcpu->run;

	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, run->if_flag);
	EXPECT_EQ(0, run->ready_for_interrupt_injection);
	run->request_interrupt_window = 1;
	expect_exit(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	EXPECT_EQ(1, run->if_flag);
	EXPECT_EQ(1, run->ready_for_interrupt_injection);
	run->request_interrupt_window = 0;
	EXPECT_EQ(0, interrupt(vcpu, 0x45));
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(1, guest_var(vm, guest_count[0x45]));
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ(0, run->if_flag);
	/* HLT with interrupts on: an exit, then the interrupt wakes it. */
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(1, run->if_flag);
	EXPECT_EQ(1, run->ready_for_interrupt_injection);
	EXPECT_EQ(0, interrupt(vcpu, 0x45));
	vcpu_run_sync(vcpu, 4);
	EXPECT_EQ(2, vcpu->uc.arg[1]);
	vcpu_run_done(vcpu);
}

TEST(no_request_no_exit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_windows);

	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 2);
	/* Open already: the exit comes at once, without running the guest. */
	vcpu->run->request_interrupt_window = 1;
	expect_exit(vcpu, KVM_EXIT_IRQ_WINDOW_OPEN);
	vcpu->run->request_interrupt_window = 0;
	vcpu_run_sync(vcpu, 3);
}

TEST(bad_arguments)
{
	struct vm *vm = vm_create(0), *vmi = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_windows);
	struct vcpu *vcpui = vcpu_create(vmi, 0, g_windows);

	EXPECT_EQ(EINVAL, interrupt(vcpu, 256));
	EXPECT_EQ(EINVAL, interrupt(vcpu, 0xffffffff));
	EXPECT_EQ(ENXIO, interrupt(vcpui, 0x45));
	EXPECT_EQ(0, interrupt(vcpu, 0x45));
}

/* The task priority travels in the run page. */
static __guest void g_cr8(uint64_t arg)
{
	GUEST_ASSERT_EQ(7, read_cr8());
	write_cr8(9);
	GUEST_SYNC(1);
	write_cr8(3);
	GUEST_SYNC(2);
	GUEST_DONE();
}

TEST(cr8)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_cr8);

	vcpu->run->cr8 = 16;
	EXPECT_EQ(EINVAL, vcpu_try_run(vcpu));
	vcpu->run->cr8 = 7;
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(9, vcpu->run->cr8);
	/* Lowering it is reported, because an interrupt may be waiting. */
	if (vcpu_run(vcpu) == KVM_EXIT_SET_TPR) {
		EXPECT_EQ(3, vcpu->run->cr8);
		vcpu_run(vcpu);
	}
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(3, vcpu->run->cr8);
	vcpu_run_done(vcpu);
}

/* Interrupt and NMI together: the NMI comes first and both arrive. */
static volatile uint64_t order[2], n;

static __guest void note(struct guest_frame *f)
{
	order[n++ & 1] = f->vector;
}

static __guest void g_both(uint64_t arg)
{
	guest_handler[2] = note;
	guest_handler[0x45] = note;
	sti();
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(2, n);
	GUEST_DONE();
}

TEST(with_nmi)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_both);

	vcpu_run_sync(vcpu, 1);
	vcpu_complete_io(vcpu);
	EXPECT_EQ(0, interrupt(vcpu, 0x45));
	xioctl(vcpu->fd, KVM_NMI, 0);
	vcpu_run_done(vcpu);
	EXPECT_EQ(2 + 0x45, guest_var(vm, order[0]) + guest_var(vm, order[1]));
}

TEST_HARNESS_MAIN
