// SPDX-License-Identifier: GPL-2.0
/*
 * HLT without and with the LAPIC in the kernel: an exit in the one case, a
 * sleep that an interrupt, an NMI or a signal ends in the other.
 *
 * lab: vmx
 */
#include "strata_test.h"

ASM_BLOB(hlt_code, ".code16\n"
	 "hlt\n"
	 "incw %ax\n"
	 "hlt\n");

TEST(exit_to_user_space)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);

	load_blob(vm, 0x1000, hlt_code);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(0x1001, vcpu_regs(vcpu).rip);
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(0x1003, vcpu_regs(vcpu).rip);
	EXPECT_EQ(1, vcpu_regs(vcpu).rax);
}

static volatile uint64_t halted;

static __guest void g_halt_once(uint64_t arg)
{
	halted = 1;
	sti_hlt();
	cli();
	GUEST_ASSERT(guest_count[2] > 0);
	GUEST_DONE();
}

/* Runs until it was interrupted three times while it was halted. */
static void *run_halted(void *arg)
{
	struct vcpu *vcpu = arg;
	struct kvm_mp_state mp;
	int n = 0;

	while (n < 3) {
		int err = vcpu_try_run(vcpu);

		if (err != EINTR)
			die("KVM_RUN gave %d, exit %s", err, exit_name(vcpu->run->exit_reason));
		if (vcpu->run->exit_reason != KVM_EXIT_INTR)
			die("EINTR with exit %s", exit_name(vcpu->run->exit_reason));
		xioctl(vcpu->fd, KVM_GET_MP_STATE, &mp);
		n += mp.mp_state == KVM_MP_STATE_HALTED;
	}
	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A signal interrupts the sleep, which the next KVM_RUN resumes. */
TEST(signal_then_nmi)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_halt_once);

	vcpu_start(vcpu, run_halted);
	while (!vcpu_finished(vcpu)) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	vcpu_join(vcpu);
	EXPECT_EQ(1, guest_var(vm, halted));

	/* Queued before KVM_RUN: it does not sleep at all. */
	xioctl(vcpu->fd, KVM_NMI, 0);
	vcpu_run_done(vcpu);
}

/* An NMI as a message from another thread ends the sleep. */
TEST(nmi_wakes)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x400 };
	struct vcpu *vcpu = vcpu_create(vm, 0, g_halt_once);

	lapic_enable(vcpu);
	vcpu_start_done(vcpu);
	while (!guest_var(vm, halted))
		usleep(1000);
	/* One that comes before the HLT does not count, so repeat. */
	while (!vcpu_finished(vcpu)) {
		xioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
		usleep(5000);
	}
	vcpu_join(vcpu);
}

/* HLT with interrupts off sleeps too, and a masked interrupt does not wake it. */
static __guest void g_halt_masked(uint64_t arg)
{
	cli();
	halted = 1;
	hlt();
	GUEST_ASSERT_EQ(0, guest_count[0x40]);
	GUEST_ASSERT(guest_count[2] > 0);
	GUEST_DONE();
}

TEST(masked_interrupt_does_not_wake)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_halt_masked);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x40 };

	lapic_enable(vcpu);
	xioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
	vcpu_start(vcpu, run_halted);
	while (!vcpu_finished(vcpu)) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	vcpu_join(vcpu);
	xioctl(vcpu->fd, KVM_NMI, 0);
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
