// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57 vmx kernels
 *
 * A hole in the memory slots is MMIO: reads and writes of every size, data
 * and completion, accesses across pages and across the end of RAM, and
 * instruction fetch, which cannot be completed.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul

static struct vm *mmio_vm(void)
{
	struct vm *vm = vm_create(0);

	vm_map(vm, HOLE, HOLE, 4 * PAGE_SIZE, PTE_W);
	return vm;
}

#define EXPECT_MMIO(vcpu_, write, gpa, len_)				\
	do {								\
		struct kvm_run *run_ = (vcpu_)->run;			\
									\
		expect_exit(vcpu_, KVM_EXIT_MMIO);			\
		EXPECT_EQ(write, run_->mmio.is_write);			\
		EXPECT_EQ(gpa, run_->mmio.phys_addr);			\
		EXPECT_EQ(len_, run_->mmio.len);			\
	} while (0)

static uint64_t mmio_value(struct vcpu *vcpu)
{
	uint64_t v = 0;

	memcpy(&v, vcpu->run->mmio.data, vcpu->run->mmio.len);
	return v;
}

static void mmio_answer(struct vcpu *vcpu, uint64_t v)
{
	memcpy(vcpu->run->mmio.data, &v, 8);
}

static __guest void g_sizes(uint64_t arg)
{
	mmio_write8(HOLE + 1, 0x11);
	mmio_write16(HOLE + 2, 0x2222);
	mmio_write32(HOLE + 4, 0x33333333);
	mmio_write64(HOLE + 8, 0x4444444455555555);
	GUEST_ASSERT_EQ(0xf1, mmio_read8(HOLE + 1));
	GUEST_ASSERT_EQ(0xf2f1, mmio_read16(HOLE + 2));
	GUEST_ASSERT_EQ(0xf4f3f2f1, mmio_read32(HOLE + 4));
	GUEST_ASSERT_EQ(0xf8f7f6f5f4f3f2f1, mmio_read64(HOLE + 8));
	GUEST_DONE();
}

TEST(sizes)
{
	struct vm *vm = mmio_vm();
	struct vcpu *vcpu = vcpu_create(vm, 0, g_sizes);
	unsigned int i;

	EXPECT_MMIO(vcpu, 1, HOLE + 1, 1);
	EXPECT_EQ(0x11, mmio_value(vcpu));
	EXPECT_MMIO(vcpu, 1, HOLE + 2, 2);
	EXPECT_EQ(0x2222, mmio_value(vcpu));
	EXPECT_MMIO(vcpu, 1, HOLE + 4, 4);
	EXPECT_EQ(0x33333333, mmio_value(vcpu));
	EXPECT_MMIO(vcpu, 1, HOLE + 8, 8);
	EXPECT_EQ(0x4444444455555555, mmio_value(vcpu));
	for (i = 1; i <= 8; i *= 2) {
		EXPECT_MMIO(vcpu, 0, HOLE + i, i);
		mmio_answer(vcpu, 0xf8f7f6f5f4f3f2f1);
	}
	vcpu_run_done(vcpu);
}

ASM_BLOB(read_code, ".code32\n"
	 "movl 0x40000010, %eax\n"
	 "hlt\n");

/* Until the read is completed the guest stands before the instruction. */
TEST(state_before_completion)
{
	struct vm *vm = mmio_vm();
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_regs r;

	load_blob(vm, 0x1000, read_code);
	vcpu_set_prot_mode(vcpu, 0x1000);
	r = vcpu_regs(vcpu);
	r.rax = 0x77;
	vcpu_set_regs(vcpu, &r);
	EXPECT_MMIO(vcpu, 0, HOLE + 0x10, 4);
	r = vcpu_regs(vcpu);
	EXPECT_EQ(0x1000, r.rip);
	EXPECT_EQ(0x77, r.rax);
	mmio_answer(vcpu, 0xabcd1234);
	vcpu_complete_io(vcpu);
	r = vcpu_regs(vcpu);
	EXPECT_EQ(0x1005, r.rip);
	EXPECT_EQ(0xabcd1234, r.rax);
	expect_exit(vcpu, KVM_EXIT_HLT);
}

/* What crosses a page is two exits of one instruction. */
static __guest void g_split(uint64_t arg)
{
	mmio_write32(HOLE + PAGE_SIZE - 1, 0x44332211);
	GUEST_ASSERT_EQ(0x88776655, mmio_read32(HOLE + PAGE_SIZE - 3));
	GUEST_DONE();
}

TEST(page_crossing)
{
	struct vm *vm = mmio_vm();
	struct vcpu *vcpu = vcpu_create(vm, 0, g_split);

	EXPECT_MMIO(vcpu, 1, HOLE + PAGE_SIZE - 1, 1);
	EXPECT_EQ(0x11, mmio_value(vcpu));
	EXPECT_MMIO(vcpu, 1, HOLE + PAGE_SIZE, 3);
	EXPECT_EQ(0x443322, mmio_value(vcpu));
	EXPECT_MMIO(vcpu, 0, HOLE + PAGE_SIZE - 3, 3);
	mmio_answer(vcpu, 0x776655);
	EXPECT_MMIO(vcpu, 0, HOLE + PAGE_SIZE, 1);
	mmio_answer(vcpu, 0x88);
	vcpu_run_done(vcpu);
}

/* One half in RAM, the other in the hole, which is mapped behind it. */
static volatile uint64_t edge;

static __guest void g_ram_and_hole(uint64_t arg)
{
	mmio_write32(edge - 2, 0x44332211);
	GUEST_ASSERT_EQ(0x88772211, mmio_read32(edge - 2));
	GUEST_DONE();
}

TEST(half_in_ram)
{
	struct vm *vm = mmio_vm();
	struct vcpu *vcpu = vcpu_create(vm, 0, g_ram_and_hole);

	guest_var(vm, edge) = vm->mem_size;
	vm_map(vm, vm->mem_size, HOLE, PAGE_SIZE, PTE_W);
	EXPECT_MMIO(vcpu, 1, HOLE, 2);
	EXPECT_EQ(0x4433, mmio_value(vcpu));
	EXPECT_MMIO(vcpu, 0, HOLE, 2);
	EXPECT_EQ(0x2211, *(uint16_t *)vm_hva(vm, vm->mem_size - 2));
	mmio_answer(vcpu, 0x8877);
	vcpu_run_done(vcpu);
}

/* The highest physical addresses are MMIO like any other hole. */
static __guest void g_high(uint64_t arg)
{
	GUEST_ASSERT_EQ(0x5a, mmio_read8(HOLE + PAGE_SIZE + 0x123));
	GUEST_DONE();
}

TEST(high_address)
{
	struct vm *vm = mmio_vm();
	struct vcpu *vcpu = vcpu_create(vm, 0, g_high);
	uint64_t top = 1ull << ((cpuid_supported(0x80000008, 0)->eax & 0xff) - 1);

	vm_map(vm, HOLE + PAGE_SIZE, top, PAGE_SIZE, PTE_W);
	EXPECT_MMIO(vcpu, 0, top + 0x123, 1);
	mmio_answer(vcpu, 0x5a);
	vcpu_run_done(vcpu);
}

/* A fetch from a hole ends in an error that names the address by RIP. */
TEST(fetch)
{
	struct vm *vm = mmio_vm();
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);

	vcpu_set_prot_mode(vcpu, HOLE);
	expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, vcpu->run->internal.suberror);
	EXPECT_EQ(HOLE, vcpu_regs(vcpu).rip);
}

TEST_HARNESS_MAIN
