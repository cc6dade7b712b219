// SPDX-License-Identifier: GPL-2.0
/*
 * A triple fault is KVM_EXIT_SHUTDOWN, from every mode, and leaves a vCPU that
 * can be reset and used again.
 *
 * lab: vmx
 */
#include "strata_test.h"

static __guest void g_triple(uint64_t arg)
{
	asm volatile("ud2");
}

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

TEST(long_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_triple);
	struct kvm_sregs good = vcpu_sregs(vcpu), s = good;

	s.idt.limit = 0;
	vcpu_set_sregs(vcpu, &s);
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
	/* As user space resets a machine. */
	vcpu_set_sregs(vcpu, &good);
	vcpu_call(vcpu, g_done, 0);
	vcpu_run_done(vcpu);
}

ASM_BLOB(ud, ".code16\nud2\n");

TEST(protected_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_sregs s;

	load_blob(vm, 0x1000, ud);
	vcpu_set_prot_mode(vcpu, 0x1000);
	s = vcpu_sregs(vcpu);
	s.idt.limit = 0;
	vcpu_set_sregs(vcpu, &s);
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
}

TEST(real_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_sregs s;

	load_blob(vm, 0x1000, ud);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	s = vcpu_sregs(vcpu);
	s.idt.limit = 0;
	vcpu_set_sregs(vcpu, &s);
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
}

/* A page fault whose handlers fault: #PF, #DF, shutdown. */
TEST(page_fault_recursion)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_triple);
	struct kvm_sregs s = vcpu_sregs(vcpu);

	s.idt.base = 1ull << 40;
	vcpu_set_sregs(vcpu, &s);
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
}

/* The state after a shutdown is unspecified, but one that can be looked at. */
TEST(afterwards)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_triple);
	struct kvm_sregs s = vcpu_sregs(vcpu);

	s.idt.limit = 0;
	vcpu_set_sregs(vcpu, &s);
	expect_exit(vcpu, KVM_EXIT_SHUTDOWN);
	vcpu_complete_io(vcpu);
	vcpu_regs(vcpu);
	s = vcpu_sregs(vcpu);
	vcpu_set_sregs(vcpu, &s);
}

TEST_HARNESS_MAIN
