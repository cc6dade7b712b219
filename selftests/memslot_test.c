// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57 vmx kernels
 *
 * Memory slots: every bad argument and its error, delete, move and flag
 * changes, many slots, slots in another order than their addresses, and what
 * the guest sees after each change.
 */
#include "strata_test.h"

#define GPA	0x10000000ul
#define SIZE	(16 * PAGE_SIZE)

static int set(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size,
	       void *hva)
{
	return vm_try_set_region(vm, slot, flags, gpa, size, hva);
}

TEST(bad_arguments)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	uint8_t *m = mem_alloc(SIZE, PAGE_SIZE);
	int slots = has_cap(KVM_CAP_NR_MEMSLOTS);

	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA + 1, SIZE, m));
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, SIZE + 1, m));
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, SIZE, m + 1));
	EXPECT_EQ(EINVAL, set(vm, 0, 0, -PAGE_SIZE, 2 * PAGE_SIZE, m));
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, -PAGE_SIZE, m));
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, 1ul << 55, m));
	EXPECT_EQ(EINVAL, set(vm, 0, 4, GPA, SIZE, m));
	EXPECT_EQ(EINVAL, set(vm, 0, 1u << 31, GPA, SIZE, m));
	EXPECT_EQ(EINVAL, set(vm, slots, 0, GPA, SIZE, m));
	EXPECT_EQ(EINVAL, set(vm, 0xffff, 0, GPA, SIZE, m));
	/* The high half of the slot is an address space, of which there is one. */
	EXPECT_EQ(EINVAL, set(vm, 0xffff0000, 0, GPA, SIZE, m));
	/* Kernel, non-canonical and wrapping host addresses. */
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, SIZE, (void *)0xffff888000000000));
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, SIZE, (void *)0x8000000000000000));
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, SIZE, (void *)-PAGE_SIZE));
	/* Deleting what does not exist. */
	EXPECT_EQ(EINVAL, set(vm, 0, 0, GPA, 0, m));
	/* None of these left anything behind. */
	EXPECT_EQ(0, set(vm, 0, 0, GPA, SIZE, m));
}

TEST(overlap_and_change)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	uint8_t *m = mem_alloc(SIZE, PAGE_SIZE);

	ASSERT_EQ(0, set(vm, 1, 0, GPA, SIZE, m));
	EXPECT_EQ(EEXIST, set(vm, 2, 0, GPA, SIZE, m));
	EXPECT_EQ(EEXIST, set(vm, 2, 0, GPA - PAGE_SIZE, 2 * PAGE_SIZE, m));
	EXPECT_EQ(EEXIST, set(vm, 2, 0, GPA + SIZE - PAGE_SIZE, 2 * PAGE_SIZE, m));
	EXPECT_EQ(EEXIST, set(vm, 2, 0, GPA + PAGE_SIZE, PAGE_SIZE, m));
	EXPECT_EQ(EEXIST, set(vm, 2, 0, GPA - PAGE_SIZE, SIZE + 2 * PAGE_SIZE, m));
	/* Right before and right behind is no overlap; nor is shared backing. */
	EXPECT_EQ(0, set(vm, 2, 0, GPA - SIZE, SIZE, m));
	EXPECT_EQ(0, set(vm, 3, 0, GPA + SIZE, SIZE, m));

	/* Host address, size and READONLY of a slot are fixed. */
	EXPECT_EQ(EINVAL, set(vm, 1, 0, GPA, SIZE, m + PAGE_SIZE));
	EXPECT_EQ(EINVAL, set(vm, 1, 0, GPA, SIZE - PAGE_SIZE, m));
	EXPECT_EQ(EINVAL, set(vm, 1, KVM_MEM_READONLY, GPA, SIZE, m));
	/* No change, the dirty log on and off, and a move. */
	EXPECT_EQ(0, set(vm, 1, 0, GPA, SIZE, m));
	EXPECT_EQ(0, set(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, GPA, SIZE, m));
	EXPECT_EQ(0, set(vm, 1, 0, GPA, SIZE, m));
	EXPECT_EQ(EEXIST, set(vm, 1, 0, GPA + PAGE_SIZE, SIZE, m));
	EXPECT_EQ(0, set(vm, 1, 0, GPA + 4 * SIZE, SIZE, m));
	EXPECT_EQ(0, set(vm, 4, 0, GPA, SIZE, m));

	EXPECT_EQ(0, set(vm, 1, 0, 0, 0, NULL));
	EXPECT_EQ(EINVAL, set(vm, 1, 0, 0, 0, NULL));
	EXPECT_EQ(0, set(vm, 1, 0, GPA + 4 * SIZE, SIZE, m));
}

TEST(all_slots)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	int n = has_cap(KVM_CAP_NR_MEMSLOTS), step = n > 512 ? n / 512 : 1, i;
	uint8_t *m = mem_alloc(PAGE_SIZE, PAGE_SIZE);

	/* Descending addresses, so that every insertion is at the front. */
	for (i = 0; i < n; i += step)
		ASSERT_EQ(0, set(vm, i, 0, (uint64_t)(n - i) * 2 * PAGE_SIZE, PAGE_SIZE, m));
	ASSERT_EQ(EEXIST, set(vm, n - 1, 0, (uint64_t)n * 2 * PAGE_SIZE, PAGE_SIZE, m));
	for (i = 0; i < n; i += step)
		ASSERT_EQ(0, set(vm, i, 0, 0, 0, NULL));
}

static __guest void g_reader(uint64_t arg)
{
	for (;;)
		GUEST_SYNC2(1, mmio_read64(GPA));
}

static uint64_t guest_reads(struct vcpu *vcpu)
{
	vcpu_run_sync(vcpu, 1);
	return vcpu->uc.arg[1];
}

/* Deleted, re-created with other memory, and moved: the guest sees each. */
TEST(guest_sees_changes)
{
	struct vm *vm = vm_create(0);
	uint8_t *a = mem_alloc(SIZE, PAGE_SIZE), *b = mem_alloc(SIZE, PAGE_SIZE);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_reader);

	*(uint64_t *)a = 0xaaaa;
	*(uint64_t *)b = 0xbbbb;
	vm_map(vm, GPA, GPA, SIZE, PTE_W);
	vm_set_region(vm, 1, 0, GPA, SIZE, a);
	EXPECT_EQ(0xaaaa, guest_reads(vcpu));

	vm_set_region(vm, 1, 0, GPA, 0, NULL);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(GPA, vcpu->run->mmio.phys_addr);
	memset(vcpu->run->mmio.data, 0x11, 8);
	EXPECT_EQ(0x1111111111111111, guest_reads(vcpu));

	vm_set_region(vm, 1, 0, GPA, SIZE, b);
	EXPECT_EQ(0xbbbb, guest_reads(vcpu));

	vm_set_region(vm, 1, 0, GPA + SIZE, SIZE, b);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	vm_set_region(vm, 2, 0, GPA, SIZE, a);
	/* The read that was under way is completed with user space's data. */
	memset(vcpu->run->mmio.data, 0x22, 8);
	EXPECT_EQ(0x2222222222222222, guest_reads(vcpu));
	EXPECT_EQ(0xaaaa, guest_reads(vcpu));
}

/* Two slots of one host page are one memory. */
static __guest void g_alias(uint64_t arg)
{
	mmio_write64(GPA + 8, 0x1234);
	GUEST_ASSERT_EQ(0x1234, mmio_read64(GPA + SIZE + 8));
	GUEST_DONE();
}

TEST(aliases)
{
	struct vm *vm = vm_create(0);
	uint8_t *a = mem_alloc(SIZE, PAGE_SIZE);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_alias);

	vm_map(vm, GPA, GPA, 2 * SIZE, PTE_W);
	vm_set_region(vm, 1, 0, GPA, SIZE, a);
	vm_set_region(vm, 2, 0, GPA + SIZE, SIZE, a);
	vcpu_run_done(vcpu);
	EXPECT_EQ(0x1234, *(uint64_t *)(a + 8));
}

/* The slot with the guest's code goes away under it. */
ASM_BLOB(out_loop, ".code32\n"
	 "outb %al, $0x10\n"
	 "jmp out_loop\n");

TEST(delete_code_slot)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint8_t *a = mem_alloc(SIZE, PAGE_SIZE);
	uint32_t reason;

	vm_set_region(vm, 1, 0, GPA, SIZE, a);
	memcpy(a, out_loop, out_loop_end - out_loop);
	vcpu_set_prot_mode(vcpu, GPA);
	expect_exit(vcpu, KVM_EXIT_IO);
	expect_exit(vcpu, KVM_EXIT_IO);
	vm_set_region(vm, 1, 0, 0, 0, NULL);
	reason = vcpu_run(vcpu);
	if (reason == KVM_EXIT_INTERNAL_ERROR) {
		EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, vcpu->run->internal.suberror);
	} else {
		EXPECT_EQ(KVM_EXIT_SHUTDOWN, reason);
	}
}

TEST(no_slots)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);

	/* KVM sizes its page tables by the slots unless it is told. */
	xioctl(vm->fd, KVM_SET_NR_MMU_PAGES, 64);
	expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
}

TEST_HARNESS_MAIN
