/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest that goes on and on: each vCPU reads memory, counts its rounds, and
 * takes ticks of its timer. For tests of what happens around it.
 */
#ifndef STRATA_TEST_STEADY_H
#define STRATA_TEST_STEADY_H

#include "testlib.h"

#define STEADY_PAGE	0x40000000ul

static volatile uint64_t steady_rounds[MAX_TEST_VCPUS], steady_ticks, steady_stop;

static __guest void steady_on_tick(struct guest_frame *f)
{
	steady_ticks++;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_steady(uint64_t id)
{
	guest_handler[0x40] = steady_on_tick;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, 0x20040);
	mmio_write32(APIC_BASE + APIC_TIMER_DIV, 0xb);
	mmio_write32(APIC_BASE + APIC_TIMER_INIT, 5000000);
	sti();
	while (!steady_stop) {
		GUEST_ASSERT_EQ(0x1234, mmio_read64(STEADY_PAGE));
		steady_rounds[id]++;
	}
	GUEST_DONE();
}

/* A VM with @n such vCPUs, none of which runs yet. */
static inline struct vm *steady_vm(int n)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	uint64_t gpa = vm_alloc(vm, PAGE_SIZE);
	int i;

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, STEADY_PAGE, gpa, PAGE_SIZE, PTE_W);
	*(uint64_t *)vm_hva(vm, gpa) = 0x1234;
	for (i = 0; i < n; i++)
		vcpu_call(vcpu_create(vm, i, g_steady), g_steady, i);
	return vm;
}

/* A thread for vcpu_start(): on CPU 1 until the guest is done. */
static inline void *steady_run_on_1(void *arg)
{
	struct vcpu *vcpu = arg;

	pin_to_cpu(1);
	vcpu_run_done(vcpu);
	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Until the first vCPU made progress, and its timer with it. */
static inline void steady_wait(struct vm *vm)
{
	uint64_t r = guest_var(vm, steady_rounds)[0], t = guest_var(vm, steady_ticks);

	while (guest_var(vm, steady_rounds)[0] == r || guest_var(vm, steady_ticks) == t)
		usleep(1000);
}

static inline void steady_end(struct vm *vm)
{
	guest_var(vm, steady_stop) = 1;
	vcpu_join(vm->vcpu[0]);
}

#endif
