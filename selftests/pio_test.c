// SPDX-License-Identifier: GPL-2.0
/*
 * Port I/O without strings: every size in both directions, both encodings of
 * the port, how IN merges into RAX, when RIP moves, and completion by
 * immediate_exit.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

static void *pio_data(struct vcpu *vcpu)
{
	return (uint8_t *)vcpu->run + vcpu->run->io.data_offset;
}

#define EXPECT_PIO(vcpu_, dir, port_, size_)				\
	do {								\
		struct kvm_run *run_ = (vcpu_)->run;			\
									\
		expect_exit(vcpu_, KVM_EXIT_IO);			\
		EXPECT_EQ(dir, run_->io.direction);			\
		EXPECT_EQ(port_, run_->io.port);			\
		EXPECT_EQ(size_, run_->io.size);			\
		EXPECT_EQ(1, run_->io.count);				\
		EXPECT_EQ(PAGE_SIZE, run_->io.data_offset);		\
	} while (0)

#define OUT_IMM(insn) \
	asm volatile(insn : : "a"(0x1122334455667788) : "memory")
#define OUT_DX(insn, port) \
	asm volatile(insn : : "a"(0x1122334455667788), "d"(port) : "memory")

static __guest void g_out_sizes(uint64_t arg)
{
	OUT_IMM("outb %%al, $0x50");
	OUT_IMM("outw %%ax, $0x51");
	OUT_IMM("outl %%eax, $0x52");
	OUT_DX("outb %%al, %%dx", 0xffff0053);
	OUT_DX("outw %%ax, %%dx", 0x8054);
	OUT_DX("outl %%eax, %%dx", 0xff55);
	GUEST_DONE();
}

TEST(out_sizes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_out_sizes);

	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x50, 1);
	EXPECT_EQ(0x88, *(uint8_t *)pio_data(vcpu));
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x51, 2);
	EXPECT_EQ(0x7788, *(uint16_t *)pio_data(vcpu));
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x52, 4);
	EXPECT_EQ(0x55667788, *(uint32_t *)pio_data(vcpu));
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x53, 1);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x8054, 2);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0xff55, 4);
	vcpu_run_done(vcpu);
}

#define IN(insn, port)							\
	({								\
		uint64_t v_ = 0x1122334455667788;			\
									\
		asm volatile(insn : "+a"(v_) : "d"(port) : "memory");	\
		v_;							\
	})

static __guest void g_in_sizes(uint64_t arg)
{
	GUEST_ASSERT_EQ(0x11223344556677a1, IN("inb $0x60, %%al", 0));
	GUEST_ASSERT_EQ(0x112233445566b2a1, IN("inw $0x61, %%ax", 0));
	GUEST_ASSERT_EQ(0xd4c3b2a1, IN("inl $0x62, %%eax", 0));
	GUEST_ASSERT_EQ(0x11223344556677a1, IN("inb %%dx, %%al", 0x9063));
	GUEST_ASSERT_EQ(0x112233445566b2a1, IN("inw %%dx, %%ax", 0x9064));
	GUEST_ASSERT_EQ(0xd4c3b2a1, IN("inl %%dx, %%eax", 0x9065));
	/* A REX.W prefix changes nothing. */
	GUEST_ASSERT_EQ(0xd4c3b2a1, IN("rex.w inl %%dx, %%eax", 0x9066));
	GUEST_DONE();
}

TEST(in_sizes)
{
	static const struct {
		uint16_t port;
		uint8_t size;
	} want[] = {
		{ 0x60, 1 }, { 0x61, 2 }, { 0x62, 4 },
		{ 0x9063, 1 }, { 0x9064, 2 }, { 0x9065, 4 }, { 0x9066, 4 },
	};
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_in_sizes);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(want); i++) {
		EXPECT_PIO(vcpu, KVM_EXIT_IO_IN, want[i].port, want[i].size);
		memcpy(pio_data(vcpu), "\xa1\xb2\xc3\xd4\xe5\xf6\x07\x18", 8);
	}
	vcpu_run_done(vcpu);
}

/* mov $7, %al; out %al, $0x40; in $0x41, %al; hlt */
ASM_BLOB(rip_code, ".code16\n"
	 "movb $7, %al\n"
	 "outb %al, $0x40\n"
	 "inb $0x41, %al\n"
	 "hlt\n");

/*
 * An IN is complete, with RIP behind it, only after the next KVM_RUN, which
 * with immediate_exit does nothing else.
 */
TEST(rip_moves_at_completion)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_regs r;

	load_blob(vm, 0x1000, rip_code);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x40, 1);
	vcpu_complete_io(vcpu);
	EXPECT_EQ(0x1004, vcpu_regs(vcpu).rip);
	/* Nothing left to complete: a second time changes nothing. */
	vcpu_complete_io(vcpu);
	EXPECT_EQ(0x1004, vcpu_regs(vcpu).rip);

	EXPECT_PIO(vcpu, KVM_EXIT_IO_IN, 0x41, 1);
	r = vcpu_regs(vcpu);
	EXPECT_EQ(0x1004, r.rip);
	EXPECT_EQ(7, r.rax);
	*(uint8_t *)pio_data(vcpu) = 0x5a;
	vcpu_complete_io(vcpu);
	r = vcpu_regs(vcpu);
	EXPECT_EQ(0x1006, r.rip);
	EXPECT_EQ(0x5a, r.rax);
	expect_exit(vcpu, KVM_EXIT_HLT);
}

/* User space moves RIP between exit and re-entry, as for a reset. */
TEST(moved_rip_drops_completion)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_regs r;

	load_blob(vm, 0x1000, rip_code);
	load_blob(vm, 0x3000, rip_code);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x40, 1);
	r = vcpu_regs(vcpu);
	r.rip = 0x3000;
	vcpu_set_regs(vcpu, &r);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x40, 1);
	vcpu_complete_io(vcpu);
	EXPECT_EQ(0x3004, vcpu_regs(vcpu).rip);
}

/* IOPL and the TSS bitmap decide at CPL 3. */
static volatile uint64_t stack, result[2];

static __guest void g_user_out(uint64_t arg)
{
	result[0] = GUEST_TRY("outb %%al, $0x70", "a"(1));
	result[1] = GUEST_TRY("inb $0x71, %%al", "a"(1));
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_iopl(uint64_t arg)
{
	guest_user_call(g_user_out, 0, stack);
	GUEST_ASSERT_EQ(FAULT(13), result[0]);
	GUEST_ASSERT_EQ(FAULT(13), result[1]);
	asm volatile("pushfq; orq $0x3000, (%%rsp); popfq" : : : "memory", "cc");
	guest_user_call(g_user_out, 0, stack);
	GUEST_ASSERT_EQ(0, result[0]);
	GUEST_ASSERT_EQ(0, result[1]);
	GUEST_DONE();
}

TEST(io_privilege)
{
	struct vm *vm = vm_create(VM_USER);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_iopl);

	guest_var(vm, stack) = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0x70, 1);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_IN, 0x71, 1);
	vcpu_run_done(vcpu);
}

/* At the end of the port space an access reaches beyond what a map of ports has bits for. */
static __guest void g_last_ports(uint64_t arg)
{
	asm volatile("outl %%eax, %%dx" : : "a"(0x11223344), "d"(0xffff));
	asm volatile("outl %%eax, %%dx" : : "a"(0x11223344), "d"(0xfffd));
	asm volatile("outw %%ax, %%dx" : : "a"(0x5566), "d"(0xffff));
	GUEST_ASSERT_EQ(0xa5a5a5a5, inl(0xffff));
	GUEST_DONE();
}

TEST(last_ports)
{
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_last_ports);

	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0xffff, 4);
	EXPECT_EQ(0x11223344, *(uint32_t *)pio_data(vcpu));
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0xfffd, 4);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_OUT, 0xffff, 2);
	EXPECT_PIO(vcpu, KVM_EXIT_IO_IN, 0xffff, 4);
	*(uint32_t *)pio_data(vcpu) = 0xa5a5a5a5;
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
