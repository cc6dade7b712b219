// SPDX-License-Identifier: GPL-2.0
/*
 * A guest for what happens to the machine around it.
 *
 * Usage: survivor [VCPUS]
 *
 * Each vCPU checks memory and takes ticks of its timer, without end. Every
 * second in which all of them got on, "alive" is printed. Ends with 0 by
 * SIGTERM; with 1 when the guest found something wrong; with 3 when KVM_RUN
 * fails, which it tells, as in a machine that goes down.
 */
#include <signal.h>

#include "testlib.h"

#define PAGE	0x40000000ul

static volatile uint64_t rounds[MAX_TEST_VCPUS], ticks;

static __guest void on_tick(struct guest_frame *f)
{
	ticks++;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_work(uint64_t id)
{
	guest_handler[0x40] = on_tick;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, 0x20040);
	mmio_write32(APIC_BASE + APIC_TIMER_DIV, 0xb);
	mmio_write32(APIC_BASE + APIC_TIMER_INIT, 5000000);
	sti();
	for (;;) {
		GUEST_ASSERT_EQ(0x1234, mmio_read64(PAGE));
		rounds[id]++;
	}
}

static void *run(void *arg)
{
	struct vcpu *vcpu = arg;
	int err;

	for (;;) {
		err = vcpu_try_run(vcpu);
		/* A freezer's signal, say. */
		if (err == EINTR)
			continue;
		if (err) {
			printf("KVM_RUN: %s\n", strerror(err));
			exit(3);
		}
		printf("exit %u\n", vcpu->run->exit_reason);
		exit(1);
	}
}

static void on_term(int sig)
{
	_exit(0);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, i;
	uint64_t seen[MAX_TEST_VCPUS] = { 0 }, seen_ticks = 0;
	uint64_t gpa;
	struct vm *vm;

	setlinebuf(stdout);
	signal(SIGTERM, on_term);
	guest_deadline(100000);
	vm = vm_create(VM_IRQCHIP);
	gpa = vm_alloc(vm, PAGE_SIZE);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, PAGE, gpa, PAGE_SIZE, PTE_W);
	*(uint64_t *)vm_hva(vm, gpa) = 0x1234;
	for (i = 0; i < n; i++) {
		struct vcpu *vcpu = vcpu_create(vm, i, g_work);

		vcpu_call(vcpu, g_work, i);
		vcpu_start(vcpu, run);
	}
	for (;;) {
		bool on = guest_var(vm, ticks) != seen_ticks;

		seen_ticks = guest_var(vm, ticks);
		for (i = 0; i < n; i++) {
			on &= guest_var(vm, rounds)[i] != seen[i];
			seen[i] = guest_var(vm, rounds)[i];
		}
		if (on)
			printf("alive\n");
		sleep(1);
	}
}
