// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2
 * lab: timeout=300
 *
 * Many vCPUs in threads of their own: 64 of them with locked counters and a
 * barrier, IPIs between two, and memory order between two.
 */
#include "strata_test.h"

#define VCPUS	64

static volatile uint64_t counter, arrived, turn;

static __guest void g_add(uint64_t id)
{
	int i;

	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	GUEST_SYNC(1);
	/* All are in the guest, or have been, before any goes on. */
	GUEST_ASSERT_EQ(VCPUS, arrived);
	for (i = 0; i < 100; i++)
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	GUEST_SYNC2(2, id);
	GUEST_DONE();
}

static pthread_barrier_t all_here;

/*
 * They wait for each other here: as each entry is a chance for QEMU to err
 * (Documentation/testing/lab.md), a guest that comes out to ask again and again
 * fails for that alone.
 */
static void *run_add(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_run_sync(vcpu, 1);
	pthread_barrier_wait(&all_here);
	while (vcpu_run_ucall(vcpu) == UCALL_SYNC)
		sched_yield();
	return NULL;
}

TEST(sixty_four)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	int i;

	ASSERT_LE(VCPUS, has_cap(KVM_CAP_MAX_VCPUS));
	ASSERT_EQ(0, pthread_barrier_init(&all_here, NULL, VCPUS));
	for (i = 0; i < VCPUS; i++) {
		struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
		struct vcpu *vcpu = vcpu_create(vm, i, g_add);

		xioctl(vcpu->fd, KVM_SET_MP_STATE, &mp);
	}
	for (i = 0; i < VCPUS; i++)
		vcpu_start(vm->vcpu[i], run_add);
	for (i = 0; i < VCPUS; i++)
		vcpu_join(vm->vcpu[i]);
	EXPECT_EQ(VCPUS * 100, guest_var(vm, counter));
	EXPECT_EQ(VCPUS, guest_var(vm, arrived));
	pthread_barrier_destroy(&all_here);
}

/*
 * Each interrupts the other and waits for the answer, halted. The message is
 * in memory and the interrupt only wakes: QEMU's TCG now and then delivers an
 * injected interrupt twice. One that is lost leaves both asleep.
 */
static volatile uint64_t mail[2];

static __guest void on_ipi(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
	turn++;
}

static __guest void send(uint64_t to, uint64_t message)
{
	mail[to] = message;
	mmio_write32(APIC_BASE + APIC_ICR2, to << 24);
	mmio_write32(APIC_BASE + APIC_ICR, 0x48);
}

static __guest void await(uint64_t id, uint64_t message)
{
	cli();
	while (mail[id] < message) {
		sti_hlt();
		cli();
	}
	sti();
}

#define ROUNDS	200

static __guest void g_ping_pong(uint64_t id)
{
	uint64_t i;

	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	while (arrived < 2)
		cpu_relax();
	for (i = 1; i <= ROUNDS; i++) {
		if (id == 0)
			send(1, i);
		await(id, i);
		if (id == 1)
			send(0, i);
	}
	GUEST_DONE();
}

TEST(ipi_ping_pong)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct vcpu *a = vcpu_create(vm, 0, g_ping_pong), *b = vcpu_create(vm, 1, g_ping_pong);

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	guest_var(vm, guest_handler[0x48]) = on_ipi;
	xioctl(b->fd, KVM_SET_MP_STATE, &mp);
	vcpu_start_done(a);
	vcpu_start_done(b);
	vcpu_join(a);
	vcpu_join(b);
	EXPECT_EQ(ROUNDS, guest_var(vm, mail)[0]);
	EXPECT_EQ(ROUNDS, guest_var(vm, mail)[1]);
	if (!host_is_tcg())
		EXPECT_EQ(2 * ROUNDS, guest_var(vm, turn));
}

/* What one published before a flag the other sees behind it. */
static volatile uint64_t data, flag, bad;

static __guest void g_order(uint64_t id)
{
	uint64_t i, d;

	for (i = 1; i < 20000; i++) {
		if (id == 0) {
			data = i;
			flag = i;
		} else {
			uint64_t f = flag;

			asm volatile("" : : : "memory");
			d = data;
			if (d < f)
				bad++;
		}
	}
	GUEST_DONE();
}

TEST(memory_order)
{
	struct vm *vm = vm_create(0);
	struct vcpu *a = vcpu_create(vm, 0, g_order), *b = vcpu_create(vm, 1, g_order);

	vcpu_start_done(a);
	vcpu_start_done(b);
	vcpu_join(a);
	vcpu_join(b);
	EXPECT_EQ(0, guest_var(vm, bad));
}

/* A vCPU that spins is told of a message although it never exits by itself. */
static __guest void g_spin_for_irq(uint64_t id)
{
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	sti();
	arrived = 1;
	while (!turn)
		cpu_relax();
	GUEST_DONE();
}

TEST(message_reaches_a_spinning_vcpu)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *a = vcpu_create(vm, 0, g_spin_for_irq);
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x48 };

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	guest_var(vm, guest_handler[0x48]) = on_ipi;
	vcpu_start_done(a);
	while (!guest_var(vm, arrived))
		usleep(1000);
	EXPECT_EQ(1, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	vcpu_join(a);
	EXPECT_EQ(1, guest_var(vm, turn));
}

TEST_HARNESS_MAIN
