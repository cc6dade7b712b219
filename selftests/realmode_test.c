// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU starts at the reset vector; 16-bit real mode with segments, the
 * interrupt table, INT and IRET; the way to protected mode and to long mode.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

ASM_BLOB(reset_code, ".code16\n"
	 "movw $0x1234, %ax\n"
	 "outw %ax, $0x10\n"
	 "hlt\n");

TEST(reset_vector)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	uint8_t *rom = mem_alloc(64 * 1024, PAGE_SIZE);
	struct vcpu *vcpu;
	struct kvm_sregs s;
	struct kvm_regs r;

	vm_set_region(vm, 0, 0, 0xffff0000, 64 * 1024, rom);
	memcpy(rom + 0xfff0, reset_code, reset_code_end - reset_code);
	vcpu = vcpu_create_raw(vm, 0);
	s = vcpu_sregs(vcpu);
	r = vcpu_regs(vcpu);
	EXPECT_EQ(0xf000, s.cs.selector);
	EXPECT_EQ(0xffff0000, s.cs.base);
	EXPECT_EQ(0xffff, s.cs.limit);
	EXPECT_EQ(0xfff0, r.rip);
	EXPECT_EQ(2, r.rflags);
	EXPECT_EQ(0x60000010, s.cr0);
	EXPECT_EQ(0, s.cr4);
	EXPECT_EQ(0, s.efer);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x10, vcpu->run->io.port);
	EXPECT_EQ(0x1234, *(uint16_t *)((uint8_t *)vcpu->run + vcpu->run->io.data_offset));
	expect_exit(vcpu, KVM_EXIT_HLT);
}

/* Computes in 16 bits, uses a far pointer, and calls INT 0x21. */
ASM_BLOB(real_code, ".code16\n"
	 "xorw %ax, %ax\n"
	 "movw %ax, %ds\n"
	 "movw $handler - real_code + 0x1000, 0x84\n"
	 "movw %ax, 0x86\n"
	 "movw $0x200, %ax\n"
	 "movw %ax, %es\n"
	 "movw $0xbeef, %es:0x10\n"
	 "movw 0x2010, %bx\n"
	 "int $0x21\n"
	 "incw %bx\n"
	 "hlt\n"
	 "handler:\n"
	 "addw $0x1000, %bx\n"
	 "iretw\n");

TEST(segments_and_interrupts)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_regs r;
	struct kvm_sregs s;

	load_blob(vm, GUEST_REAL_CODE, real_code);
	vcpu_set_real_mode(vcpu, 0, GUEST_REAL_CODE);
	expect_exit(vcpu, KVM_EXIT_HLT);
	r = vcpu_regs(vcpu);
	s = vcpu_sregs(vcpu);
	EXPECT_EQ(0xcef0, r.rbx & 0xffff);
	EXPECT_EQ(GUEST_GDT, r.rsp);
	EXPECT_EQ(0x200, s.es.selector);
	EXPECT_EQ(0x2000, s.es.base);
	EXPECT_EQ(0xbeef, *(uint16_t *)vm_hva(vm, 0x2010));
}

/* #UD and #DE go through the interrupt table with the right return address. */
ASM_BLOB(real_fault, ".code16\n"
	 "movw $0x1100, 0x18\n"
	 "movw $0, 0x1a\n"
	 "fault: ud2\n"
	 ".skip 0x100 - (. - real_fault), 0x90\n"
	 "popw %bx\n"
	 "popw %cx\n"
	 "hlt\n");

TEST(fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_regs r;

	load_blob(vm, 0x1000, real_fault);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	expect_exit(vcpu, KVM_EXIT_HLT);
	r = vcpu_regs(vcpu);
	EXPECT_EQ(0x100c, r.rbx & 0xffff);
	EXPECT_EQ(0, r.rcx & 0xffff);
}

/* The classic way up: protected mode, then long mode, each proved by output. */
ASM_BLOB(switch_code, ".code16\n"
	 "lgdtl gdt_ptr - switch_code + 0x1000\n"
	 "movl %cr0, %eax\n"
	 "orl $1, %eax\n"
	 "movl %eax, %cr0\n"
	 "ljmpl $0x28, $(prot - switch_code + 0x1000)\n"
	 ".code32\n"
	 "prot:\n"
	 "movw $0x10, %ax\n"
	 "movw %ax, %ds\n"
	 "movw %ax, %es\n"
	 "movw %ax, %ss\n"
	 "movl $0x11223344, %eax\n"
	 "movl %eax, 0x5000\n"
	 "outl %eax, $0x32\n"
	 "movl %cr4, %eax\n"
	 "orl $0x20, %eax\n"
	 "movl %eax, %cr4\n"
	 "movl %edi, %cr3\n"
	 "movl $0xc0000080, %ecx\n"
	 "rdmsr\n"
	 "orl $0x100, %eax\n"
	 "wrmsr\n"
	 "movl %cr0, %eax\n"
	 "orl $0x80000000, %eax\n"
	 "movl %eax, %cr0\n"
	 "ljmpl $0x08, $(longm - switch_code + 0x1000)\n"
	 ".code64\n"
	 "longm:\n"
	 "movabsq $0x1122334455667788, %rax\n"
	 "movq %rax, 0x5008\n"
	 "rdmsr\n"
	 "outl %eax, $0x64\n"
	 "hlt\n"
	 "gdt_ptr: .word 0x1fff\n"
	 ".long 0x6000\n");

TEST(real_to_long_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_sregs s;
	struct kvm_regs r;

	vcpu_set_cpuid(vcpu);
	load_blob(vm, 0x1000, switch_code);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	r = vcpu_regs(vcpu);
	r.rdi = vm->root;
	vcpu_set_regs(vcpu, &r);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x32, vcpu->run->io.port);
	EXPECT_EQ(4, vcpu->run->io.size);
	EXPECT_EQ(0x11223344, *(uint32_t *)vm_hva(vm, 0x5000));
	s = vcpu_sregs(vcpu);
	EXPECT_EQ(1, s.cs.db);
	EXPECT_EQ(0, s.cs.l);
	EXPECT_EQ(1, s.cr0 & 1);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x64, vcpu->run->io.port);
	/* EFER.LME and LMA, as the guest reads it. */
	EXPECT_EQ(0x500, *(uint32_t *)((uint8_t *)vcpu->run + vcpu->run->io.data_offset));
	EXPECT_EQ(0x1122334455667788, *(uint64_t *)vm_hva(vm, 0x5008));
	s = vcpu_sregs(vcpu);
	EXPECT_EQ(1, s.cs.l);
	EXPECT_EQ(0x500, s.efer & 0x500);
	expect_exit(vcpu, KVM_EXIT_HLT);
}

/* Protection switched off, and no far jump yet: CS still has 32 bits. */
ASM_BLOB(real32_code, ".code32\n"
	 "movl %cr0, %eax\n"
	 "andl $0xfffffffe, %eax\n"
	 "movl %eax, %cr0\n"
	 "movl $0xd0000010, %ebx\n"
	 "movl $0x11223344, 0x10(%ebx)\n"
	 "movl 0xd0000000(,%esi,4), %ecx\n"
	 "movl %ecx, 0x3000\n"
	 "hlt\n");

TEST(real_mode_with_32_bit_code)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_regs r;

	load_blob(vm, 0x1000, real32_code);
	vcpu_set_prot_mode(vcpu, 0x1000);
	r = vcpu_regs(vcpu);
	r.rsi = 3;
	vcpu_set_regs(vcpu, &r);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0, vcpu_sregs(vcpu).cr0 & 1);
	EXPECT_EQ(1, vcpu_sregs(vcpu).cs.db);
	EXPECT_EQ(0xd0000020, vcpu->run->mmio.phys_addr);
	EXPECT_EQ(4, vcpu->run->mmio.len);
	EXPECT_EQ(1, vcpu->run->mmio.is_write);
	EXPECT_EQ(0x11223344, *(uint32_t *)vcpu->run->mmio.data);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0xd000000c, vcpu->run->mmio.phys_addr);
	EXPECT_EQ(4, vcpu->run->mmio.len);
	EXPECT_EQ(0, vcpu->run->mmio.is_write);
	*(uint32_t *)vcpu->run->mmio.data = 0xcafe;
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(0xcafe, *(uint32_t *)vm_hva(vm, 0x3000));
}

/* 32-bit protected mode through SET_SREGS, and a 4 GiB segment in real mode. */
ASM_BLOB(prot_code, ".code32\n"
	 "movl $0x3000, %esi\n"
	 "movl $0xcafe, (%esi)\n"
	 "ljmpl $0x30, $(code16 - prot_code + 0x1000)\n"
	 ".code16\n"
	 "code16:\n"
	 "movl %cr0, %eax\n"
	 "andl $0xfffffffe, %eax\n"
	 "movl %eax, %cr0\n"
	 "ljmpw $0, $(big - prot_code + 0x1000)\n"
	 "big:\n"
	 "movl $0x200000, %esi\n"
	 "movl $0xd00d, (%esi)\n"
	 "hlt\n");

TEST(protected_and_big_real_mode)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);

	load_blob(vm, 0x1000, prot_code);
	vcpu_set_prot_mode(vcpu, 0x1000);
	/* Page tables lie at 2 MiB; nothing uses them here. */
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(0xcafe, *(uint32_t *)vm_hva(vm, 0x3000));
	EXPECT_EQ(0xd00d, *(uint32_t *)vm_hva(vm, 0x200000));
}

TEST_HARNESS_MAIN
