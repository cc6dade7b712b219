// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: trace_known N
 *
 * A guest that executes N of each of six instructions that exit, takes interrupts, and
 * touches pages; then what its own profile says, for comparison with what tools say:
 * a line "reason NAME COUNT TICKS" for each reason that happened, and "vm NUMBER".
 */
#include <stdlib.h>

#include "profile.h"
#include "testlib.h"

#define DEVICE	0x50000000ul
#define MEMORY	0x40000000ul
#define PAGES	16

static volatile uint64_t ticks;

static __guest void on_vector(struct guest_frame *f)
{
	ticks++;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_known(uint64_t n)
{
	bool intel = n >> 63;
	uint32_t r[4];
	uint64_t ret, i;

	n &= ~(1ull << 63);
	guest_handler[0x41] = on_vector;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	sti();
	for (i = 0; i < n; i++) {
		cpuid(0x80000000, 0, r);
		rdmsr(0x1b);
		wrmsr(0x277, 0x0007040600070406);
		if (intel)
			asm volatile("vmcall" : "=a"(ret) : "a"(1234) : "memory");
		else
			asm volatile("vmmcall" : "=a"(ret) : "a"(1234) : "memory");
		outb(0x80, 1);
		mmio_write32(DEVICE, 1);
		if (i % 64 == 0)
			mmio_write32(APIC_BASE + APIC_ICR, 0x40041);
		if (i < PAGES)
			mmio_write8(MEMORY + i * PAGE_SIZE, 1);
	}
	GUEST_SYNC(1);
	GUEST_DONE();
}

int main(int argc, char **argv)
{
	uint64_t n = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
	const struct strata_profile *p;
	struct vcpu *vcpu;
	struct vm *vm;
	void *memory;
	unsigned int i;

	if (!n) {
		fprintf(stderr, "usage: trace_known N\n");
		return 2;
	}
	vm = vm_create(VM_IRQCHIP);
	guest_deadline(1000);
	memory = mem_alloc(PAGES * PAGE_SIZE, PAGE_SIZE);
	madvise(memory, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	vm_set_region(vm, 1, 0, MEMORY, PAGES * PAGE_SIZE, memory);
	vm_map(vm, MEMORY, MEMORY, PAGES * PAGE_SIZE, PTE_W);
	vm_map(vm, DEVICE, DEVICE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu = vcpu_create(vm, 0, g_known);
	vcpu_call(vcpu, g_known, n | (uint64_t)on_intel() << 63);
	p = profile_map(vcpu);
	/* The last exit to user space has not been booked, and is not told either. */
	while (vcpu_run(vcpu) != KVM_EXIT_IO || !vcpu_is_ucall(vcpu))
		;
	if (vcpu->uc.cmd != UCALL_SYNC)
		vcpu_report_abort(vcpu);
	printf("vm %u\n", p->vm);
	for (i = 0; i < p->nr_reasons; i++)
		if (profile_exits(&p->reason[i]) && strcmp(p->reason_name[i], "none"))
			printf("reason %s %lu %lu\n", p->reason_name[i],
			       profile_exits(&p->reason[i]), (unsigned long)p->reason[i].ticks);
	return 0;
}
