// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57 vmx kernels
 *
 * A 64-bit guest with paging runs C code: registers, memory, exceptions at
 * CPL 0 and 3, switches to CPL 3 and back, and CR and DR access.
 */
#include "strata_test.h"

static volatile uint64_t from_host, to_host;

static __guest void g_basic(uint64_t arg)
{
	GUEST_ASSERT_EQ(0, arg);
	to_host = from_host + 1;
	GUEST_SYNC2(1, 0x123456789abcdef0);
	GUEST_ASSERT_EQ(7, from_host);
	GUEST_DONE();
}

TEST(program_and_memory)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_basic);

	guest_var(vm, from_host) = 41;
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(0x123456789abcdef0, vcpu->uc.arg[1]);
	ASSERT_EQ(42, guest_var(vm, to_host));
	/* The process's own copy is different memory. */
	ASSERT_EQ(0, to_host);
	guest_var(vm, from_host) = 7;
	vcpu_run_done(vcpu);
}

static __guest void g_faults(uint64_t arg)
{
	GUEST_ASSERT_EQ(FAULT(6), GUEST_TRY("ud2", "r"(0)));
	GUEST_ASSERT_EQ(FAULT(0), GUEST_TRY("divl %1", "r"(0), "a"(1), "d"(0)));
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("mov (%1), %%al", "r"(1ull << 63)));
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0), GUEST_TRY("cmpb $0, (%1)", "r"(1ull << 45)));
	GUEST_ASSERT_EQ(1ull << 45, read_cr2());
	GUEST_ASSERT_EQ(FAULT_ERR(14, 2), GUEST_TRY("movb $0, (%1)", "r"((1ull << 45) + 5)));
	GUEST_ASSERT_EQ((1ull << 45) + 5, read_cr2());
	GUEST_ASSERT_EQ(FAULT_ERR(13, 0x78), GUEST_TRY("mov %1, %%fs", "r"(0x78)));
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("mov %1, %%cr4", "r"(1ull << 63)));
	GUEST_DONE();
}

TEST(exceptions)
{
	struct vm *vm = vm_create(0);

	/* Selector 0x78 lies beyond the limit set here. */
	struct vcpu *vcpu = vcpu_create(vm, 0, g_faults);
	struct kvm_sregs s = vcpu_sregs(vcpu);

	s.gdt.limit = 0x4f;
	vcpu_set_sregs(vcpu, &s);
	vcpu_run_done(vcpu);
}

static __guest void g_user_code(uint64_t arg)
{
	uint64_t cr0;
	uint16_t cs;

	asm volatile("mov %%cs, %0" : "=r"(cs));
	to_host = arg + (cs & 3);
	to_host += GUEST_TRY("hlt", "r"(0)) == FAULT(13) ? 10 : 0;
	to_host += GUEST_TRY_OUT("mov %%cr0, %1", "=r"(cr0) : ) == FAULT(13) ? 100 : 0;
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_kernel_code(uint64_t arg)
{
	guest_user_call(g_user_code, 1000, from_host);
	GUEST_ASSERT_EQ(1113, to_host);
	GUEST_DONE();
}

TEST(user_mode)
{
	struct vm *vm = vm_create(VM_USER);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_kernel_code);

	guest_var(vm, from_host) = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_run_done(vcpu);
}

static __guest void g_control(uint64_t arg)
{
	uint64_t cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
	int i;

	for (i = 0; i < 8; i++) {
		write_cr0(cr0 ^ (1 << 3));
		GUEST_ASSERT_EQ(cr0 ^ (1 << 3), read_cr0());
		write_cr0(cr0);
		write_cr4(cr4 ^ (1 << 7));
		GUEST_ASSERT_EQ(cr4 ^ (1 << 7), read_cr4());
		write_cr4(cr4);
		write_cr3(cr3);
		GUEST_ASSERT_EQ(cr3, read_cr3());
		write_cr8(i);
		GUEST_ASSERT_EQ(i, read_cr8());
	}
	write_cr8(0);
	write_cr2(0xabc);
	GUEST_ASSERT_EQ(0xabc, read_cr2());
	/* PG without PE, NW without CD, and clearing PAE or LME in long mode. */
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("mov %1, %%cr0", "r"(cr0 & ~1ull)));
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("mov %1, %%cr0",
					     "r"((cr0 & ~(1ull << 30)) | 1ull << 29)));
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("mov %1, %%cr4", "r"(cr4 & ~(1ull << 5))));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(0xc0000080, rdmsr(0xc0000080) & ~(1ull << 8)));
	GUEST_DONE();
}

TEST(control_registers)
{
	/* With the LAPIC in the kernel no write of CR8 needs user space. */
	struct vm *vm = vm_create(VM_IRQCHIP);

	vcpu_run_done(vcpu_create(vm, 0, g_control));
}

/*
 * In legacy mode the L bit of a code segment has no effect, but it is loaded:
 * the state that is shown can be set, and paging does not lead from there into
 * long mode (APM 2 14.6.1).
 */
ASM_BLOB(l_bit, ".code32\n"
	 "mov %cr0, %eax\n"
	 "ljmp $0x08, $0x100f\n"
	 ".org l_bit + 15\n"
	 ".code16\n"
	 "outb %al, $0x10\n"
	 "orl $0x80000000, %eax\n"
	 "movl %eax, %cr0\n"
	 "outb %al, $0x11\n");

static struct vcpu *run_l_bit(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_sregs s;

	vcpu_set_cpuid(vcpu);
	load_blob(vm, GUEST_REAL_CODE, l_bit);
	vcpu_set_prot_mode(vcpu, GUEST_REAL_CODE);
	s = vcpu_sregs(vcpu);
	s.cr3 = vm->root;
	s.cr4 = 0x20;		/* PAE */
	s.efer = 0x900;		/* NXE LME */
	/* No IDT: any fault is a triple fault. */
	s.idt.limit = 0;
	vcpu_set_sregs(vcpu, &s);
	expect_exit(vcpu, KVM_EXIT_IO);
	if (vcpu->run->io.port != 0x10)
		die("OUT to port %#x", vcpu->run->io.port);
	return vcpu;
}

TEST(l_bit_in_legacy_mode)
{
	struct vcpu *vcpu = run_l_bit();
	struct kvm_sregs s = vcpu_sregs(vcpu);

	EXPECT_EQ(SEL_CODE64, s.cs.selector);
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_SREGS, &s));
}

TEST(l_bit_forbids_long_mode)
{
	expect_exit(run_l_bit(), KVM_EXIT_SHUTDOWN);
}

TEST_HARNESS_MAIN
