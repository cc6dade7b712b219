// SPDX-License-Identifier: GPL-2.0
/*
 * A guest for tracing tools: until it is killed it exits by CPUID, a port, and a
 * page without memory at 0x80000000.
 */
#include "testlib.h"

#define HOLE	0x80000000ul

static __guest void g_exit(uint64_t arg)
{
	uint32_t r[4];

	for (;;) {
		cpuid(0, 0, r);
		mmio_write32(HOLE, 1);
		outb(0x80, 1);
	}
}

int main(void)
{
	struct vm *vm;
	struct vcpu *vcpu;

	vm = vm_create(0);
	/* Not the one that a VM begins with: the test ends us. */
	guest_deadline(100000);
	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	vcpu = vcpu_create(vm, 0, g_exit);
	for (;;)
		if (vcpu_try_run(vcpu))
			return 1;
}
