// SPDX-License-Identifier: GPL-2.0
/*
 * HLT without and with the LAPIC in the kernel: an exit in the one case, a
 * sleep that an interrupt, an NMI or a signal ends in the other.
 *
 * lab: vmx
 */
#include "exits.h"
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

/* HLT that does not exit: the guest sleeps in guest mode, and what comes wakes it up. */
static __guest void g_halt_inside(uint64_t arg)
{
	halted = 1;
	while (!guest_count[2]) {
		sti_hlt();
		cli();
	}
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_TIMER_DIV, 0xb);
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, 0x40);
	mmio_write32(APIC_BASE + APIC_TIMER_INIT, 3000000);
	while (!guest_count[0x40]) {
		sti_hlt();
		cli();
	}
	GUEST_DONE();
}

TEST(without_an_exit)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_DISABLE_EXITS, .args = { KVM_X86_DISABLE_EXITS_HLT },
	};
	struct kvm_msi nmi = { .address_lo = 0xfee00000, .data = 0x400 };
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_mp_state mp;
	struct vcpu *vcpu;
	int i;

	if (!(has_cap(KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_HLT))
		SKIP(return, "the device does not offer to disable exits at HLT");
	xioctl(vm->fd, KVM_ENABLE_CAP, &cap);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu = vcpu_create(vm, 0, g_halt_inside);
	lapic_enable(vcpu);
	vcpu_start_done(vcpu);
	while (!guest_var(vm, halted))
		usleep(1000);
	for (i = 0; i < 3; i++) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	xioctl(vm->fd, KVM_SIGNAL_MSI, &nmi);
	vcpu_join(vcpu);
	/* To the device it ran. */
	xioctl(vcpu->fd, KVM_GET_MP_STATE, &mp);
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp.mp_state);
	EXPECT_EQ(0, exits_of(vcpu, STRATA_EXIT_HLT));
}

/* A hypercall cannot wake up who halts without an exit: the guest is not told of it. */
TEST(unhalt_is_hidden)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_DISABLE_EXITS, .args = { KVM_X86_DISABLE_EXITS_HLT },
	};
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_cpuid2 *c = supported_cpuid();

	if (!(has_cap(KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_HLT))
		SKIP(return, "the device does not offer to disable exits at HLT");
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	xioctl(vcpu->fd, KVM_GET_CPUID2, c);
	EXPECT_EQ(1u << 7, cpuid_find(c, 0x40000001, 0)->eax & 1u << 7);
	cap.args[0] = 1u << 31;
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	cap.args[0] = KVM_X86_DISABLE_EXITS_HLT;
	EXPECT_EQ(0, try_ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	xioctl(vcpu->fd, KVM_GET_CPUID2, c);
	EXPECT_EQ(0, cpuid_find(c, 0x40000001, 0)->eax & 1u << 7);
	/* The table that was given once is the same after the vCPU has run. */
	vcpu->run->immediate_exit = 1;
	EXPECT_EQ(EINTR, vcpu_try_run(vcpu));
	vcpu->run->immediate_exit = 0;
	load_blob(vm, 0x1000, hlt_code);
	c = supported_cpuid();
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_CPUID2, c));
}

TEST_HARNESS_MAIN
