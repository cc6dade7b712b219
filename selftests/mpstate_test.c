// SPDX-License-Identifier: GPL-2.0
/*
 * Multi-processor state: who waits for a start-up IPI, INIT and SIPI between
 * vCPUs, what KVM_GET/SET_MP_STATE say, and that KVM_RUN of a vCPU that waits
 * can be interrupted.
 */
#include "strata_test.h"

static uint32_t mp_state(struct vcpu *vcpu)
{
	struct kvm_mp_state s;

	xioctl(vcpu->fd, KVM_GET_MP_STATE, &s);
	return s.mp_state;
}

static int set_mp_state(struct vcpu *vcpu, uint32_t state)
{
	struct kvm_mp_state s = { .mp_state = state };

	return try_ioctl(vcpu->fd, KVM_SET_MP_STATE, &s);
}

TEST(without_irqchip)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct vcpu *a = vcpu_create_raw(vm, 0), *b = vcpu_create_raw(vm, 1);

	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp_state(a));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp_state(b));
	EXPECT_EQ(0, set_mp_state(a, KVM_MP_STATE_RUNNABLE));
	EXPECT_EQ(EINVAL, set_mp_state(a, KVM_MP_STATE_INIT_RECEIVED));
	EXPECT_EQ(EINVAL, set_mp_state(a, KVM_MP_STATE_SIPI_RECEIVED));
	EXPECT_EQ(EINVAL, set_mp_state(a, KVM_MP_STATE_UNINITIALIZED));
	EXPECT_EQ(EINVAL, set_mp_state(a, 99));
}

TEST(with_irqchip)
{
	struct vm *vm = vm_create(VM_IRQCHIP | VM_NO_GUEST);
	struct vcpu *a = vcpu_create_raw(vm, 0), *b = vcpu_create_raw(vm, 1);

	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp_state(a));
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, mp_state(b));
	EXPECT_EQ(0, set_mp_state(b, KVM_MP_STATE_HALTED));
	EXPECT_EQ(KVM_MP_STATE_HALTED, mp_state(b));
	EXPECT_EQ(0, set_mp_state(b, KVM_MP_STATE_RUNNABLE));
	EXPECT_EQ(KVM_MP_STATE_RUNNABLE, mp_state(b));
	EXPECT_EQ(0, set_mp_state(b, KVM_MP_STATE_INIT_RECEIVED));
	EXPECT_EQ(KVM_MP_STATE_INIT_RECEIVED, mp_state(b));
	EXPECT_EQ(EINVAL, set_mp_state(b, 99));
}

/* It waits in the kernel until a signal comes. */
static void *run_once(void *arg)
{
	struct vcpu *vcpu = arg;
	int err = vcpu_try_run(vcpu);

	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)err;
}

TEST(waiting_is_interruptible)
{
	struct vm *vm = vm_create(VM_IRQCHIP | VM_NO_GUEST);
	struct vcpu *b;

	vcpu_create_raw(vm, 0);
	b = vcpu_create_raw(vm, 1);
	vcpu_start(b, run_once);
	while (!vcpu_finished(b)) {
		usleep(1000);
		vcpu_kick(b);
	}
	EXPECT_EQ(EINTR, (intptr_t)vcpu_join(b));
	EXPECT_EQ(KVM_MP_STATE_UNINITIALIZED, mp_state(b));
}

/* A masked timer that expired while it waits is no reason to come back. */
TEST(masked_timer_while_waiting)
{
	struct vm *vm = vm_create(VM_IRQCHIP | VM_NO_GUEST);
	struct kvm_lapic_state l;
	struct vcpu *b;

	vcpu_create_raw(vm, 0);
	b = vcpu_create_raw(vm, 1);
	xioctl(b->fd, KVM_GET_LAPIC, &l);
	*(uint32_t *)(l.regs + APIC_SVR) = 0x1ff;
	*(uint32_t *)(l.regs + APIC_LVT_TIMER) = 0x30040;	/* periodic, masked */
	*(uint32_t *)(l.regs + APIC_TIMER_INIT) = 1;
	xioctl(b->fd, KVM_SET_LAPIC, &l);
	usleep(2000);
	vcpu_start(b, run_once);
	while (!vcpu_finished(b)) {
		usleep(20000);
		vcpu_kick(b);
	}
	EXPECT_EQ(EINTR, (intptr_t)vcpu_join(b));
}

/*
 * vCPU 0 starts vCPU 1 in real mode at page 2, where it writes what it finds
 * in its registers, counts and halts.
 */
ASM_BLOB(ap_code, ".code16\n"
	 "movw %cs, %ax\n"
	 "movw %ax, %cs:0x100\n"
	 "call next\n"
	 "next: popw %bx\n"
	 "movw %bx, %cs:0x102\n"
	 "movl %edx, %cs:0x104\n"
	 "movl %cr0, %eax\n"
	 "movl %eax, %cs:0x108\n"
	 "lock incl %cs:0x10c\n"
	 "1: hlt\n"
	 "jmp 1b\n");

static __guest void icr(uint32_t dest, uint32_t v)
{
	mmio_write32(APIC_BASE + APIC_ICR2, dest << 24);
	mmio_write32(APIC_BASE + APIC_ICR, v);
}

static __guest void g_boot(uint64_t arg)
{
	volatile uint32_t *count = (volatile uint32_t *)0x210c;

	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	/* A SIPI without an INIT is lost. */
	icr(1, 0x602);
	icr(1, 0x4500);
	icr(1, 0x602);
	icr(1, 0x602);
	while (!*count)
		cpu_relax();
	GUEST_SYNC(1);
	/* Again: it starts from the beginning. */
	icr(1, 0x4500);
	icr(1, 0x602);
	while (*count < 2)
		cpu_relax();
	GUEST_SYNC(2);
	/* To everybody but me. */
	icr(0, 0xc4500);
	icr(0, 0xc4602);
	while (*count < 3)
		cpu_relax();
	GUEST_DONE();
}

static void *run_until_kicked(void *arg)
{
	struct vcpu *vcpu = arg;
	int err;

	do {
		err = vcpu_try_run(vcpu);
	} while (err == EAGAIN);
	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)err;
}

TEST(init_and_sipi)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *a = vcpu_create(vm, 0, g_boot), *b = vcpu_create_raw(vm, 1);
	uint16_t *out = vm_hva(vm, 0x2100);
	struct kvm_regs r;

	vcpu_set_cpuid(b);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	load_blob(vm, 0x2000, ap_code);
	/* INIT must make the stack harmless: SP starts at 0. */
	vcpu_start(b, run_until_kicked);
	vcpu_run_sync(a, 1);
	EXPECT_EQ(0x200, out[0]);
	EXPECT_EQ(9, out[1]);
	EXPECT_EQ(0x60000010, *(uint32_t *)(out + 4));
	vcpu_run_sync(a, 2);
	vcpu_run_done(a);
	EXPECT_EQ(3, *(uint32_t *)(out + 6));
	while (!vcpu_finished(b)) {
		vcpu_kick(b);
		usleep(1000);
	}
	EXPECT_EQ(EINTR, (intptr_t)vcpu_join(b));
	EXPECT_EQ(KVM_MP_STATE_HALTED, mp_state(b));
	r = vcpu_regs(b);
	EXPECT_EQ(9, r.rbx & 0xffff);
	EXPECT_EQ(0x2000, vcpu_sregs(b).cs.base);
}

TEST_HARNESS_MAIN
