// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls: unknown numbers, wild arguments, user mode, 32-bit code. None
 * of them changes anything but RAX.
 *
 * lab: vmx
 */
#include <cpuid.h>

#include "strata_test.h"

#define HC_VAPIC_POLL_IRQ	1
#define HC_ENOSYS		1000
#define HC_EPERM		1

static volatile uint64_t intel, user_result;

__guest_inline uint64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t ret;

	if (intel)
		asm volatile("vmcall" : "=a"(ret)
			     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret)
			     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return ret;
}

static __guest void g_user(uint64_t arg)
{
	user_result = hypercall(arg, 0, 0, 0, 0);
	asm volatile("int $0x81");
}

static __guest void g_numbers(uint64_t arg)
{
	static const uint64_t wild[] = {
		0, 1, 0xfee00000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
		0x0000800000000000,
	};
	unsigned int i;

	GUEST_ASSERT_EQ(0, hypercall(HC_VAPIC_POLL_IRQ, 0, 0, 0, 0));
	for (i = 0; i < ARRAY_SIZE(wild); i++) {
		GUEST_ASSERT_EQ(-HC_ENOSYS, hypercall(100, wild[i], wild[i], wild[i], wild[i]));
		GUEST_ASSERT_EQ(-HC_ENOSYS, hypercall(0, wild[i], 0, wild[i], 0));
		GUEST_ASSERT_EQ(-HC_ENOSYS,
				hypercall(0xffffffffffffffff, wild[i], 0, 0, wild[i]));
		/* All 64 bits of the number count here. */
		GUEST_ASSERT_EQ(-HC_ENOSYS,
				hypercall(1ull << 32 | HC_VAPIC_POLL_IRQ, 0, 0, 0, 0));
	}
	GUEST_DONE();
}

TEST(numbers)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_numbers);

	guest_var(vm, intel) = on_intel();
	vcpu_run_done(vcpu);
}

static __guest void g_from_user_mode(uint64_t arg)
{
	guest_user_call(g_user, HC_VAPIC_POLL_IRQ, arg);
	GUEST_ASSERT_EQ(-HC_EPERM, user_result);
	guest_user_call(g_user, 0xffffffff, arg);
	GUEST_ASSERT_EQ(-HC_EPERM, user_result);
	GUEST_DONE();
}

TEST(user_mode)
{
	struct vm *vm = vm_create(VM_USER);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_from_user_mode);

	guest_var(vm, intel) = on_intel();
	vcpu_call(vcpu, g_from_user_mode, vm_alloc(vm, STACK_SIZE) + STACK_SIZE);
	vcpu_run_done(vcpu);
}

ASM_BLOB(call_32_amd, ".code32\nvmmcall\nhlt\n");
ASM_BLOB(call_32_intel, ".code32\nvmcall\nhlt\n");

TEST(in_32_bits)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_regs r;

	vcpu_set_cpuid(vcpu);
	if (on_intel())
		load_blob(vm, 0x1000, call_32_intel);
	else
		load_blob(vm, 0x1000, call_32_amd);
	vcpu_set_prot_mode(vcpu, 0x1000);
	r = vcpu_regs(vcpu);
	/* The upper half of a number is not there in 32-bit code. */
	r.rax = 1ull << 32 | HC_VAPIC_POLL_IRQ;
	r.rbx = 0x1122334455667788;
	vcpu_set_regs(vcpu, &r);
	expect_exit(vcpu, KVM_EXIT_HLT);
	r = vcpu_regs(vcpu);
	EXPECT_EQ(0, r.rax);
	EXPECT_EQ(0x1004, r.rip);

	vcpu_set_prot_mode(vcpu, 0x1000);
	r = vcpu_regs(vcpu);
	r.rax = 12345;
	vcpu_set_regs(vcpu, &r);
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ((uint32_t)-HC_ENOSYS, vcpu_regs(vcpu).rax);
}

TEST_HARNESS_MAIN
