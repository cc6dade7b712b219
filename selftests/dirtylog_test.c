// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57
 *
 * KVM_GET_DIRTY_LOG: exactly the pages that the guest wrote, once each; large
 * mappings split and rebuilt; bits that the kernel's own writes set; errors;
 * and no page lost while the guest writes and the log is read.
 */
#include "strata_test.h"

#define GPA	0x40000000ul
#define PAGES	1024
#define SIZE	(PAGES * PAGE_SIZE)

static volatile uint64_t list[64], list_len;

static __guest void g_write_list(uint64_t arg)
{
	uint64_t i;

	for (;;) {
		for (i = 0; i < list_len; i++)
			mmio_write64(GPA + list[i] * PAGE_SIZE + 8 * i, i + 1);
		GUEST_SYNC(1);
	}
}

static int get_log(struct vm *vm, uint32_t slot, uint8_t *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	return try_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

static int count_bits(const uint8_t *bitmap)
{
	int i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += bitmap[i / 8] >> (i % 8) & 1;
	return n;
}

static bool bit(const uint8_t *bitmap, int i)
{
	return bitmap[i / 8] >> (i % 8) & 1;
}

FIXTURE(log) {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *mem;
	uint8_t bitmap[PAGES / 8];
};

FIXTURE_SETUP(log)
{
	self->vm = vm_create(0);
	self->mem = mem_alloc(SIZE, 2 * MB);
	madvise(self->mem, SIZE, MADV_HUGEPAGE);
	memset(self->mem, 0, SIZE);
	vm_map(self->vm, GPA, GPA, SIZE, PTE_W);
	vm_set_region(self->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, GPA, SIZE, self->mem);
	self->vcpu = vcpu_create(self->vm, 0, g_write_list);
}

FIXTURE_TEARDOWN(log)
{
	vm_free(self->vm);
}

static void write_pages(struct vcpu *vcpu, const int *pages, int n)
{
	int i;

	for (i = 0; i < n; i++)
		guest_var(vcpu->vm, list[i]) = pages[i];
	guest_var(vcpu->vm, list_len) = n;
	vcpu_run_sync(vcpu, 1);
}

TEST_F(log, exactly_what_was_written)
{
	static const int a[] = { 0, 1, 63, 64, 511, 512, 1023 }, b[] = { 1, 700 };
	unsigned int i;

	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap));
	write_pages(self->vcpu, a, ARRAY_SIZE(a));
	memset(self->bitmap, 0xff, sizeof(self->bitmap));
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_EQ(ARRAY_SIZE(a), count_bits(self->bitmap));
	for (i = 0; i < ARRAY_SIZE(a); i++)
		EXPECT_TRUE(bit(self->bitmap, a[i]));
	/* Reading the log cleared it; pages written before count again. */
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap));
	write_pages(self->vcpu, b, ARRAY_SIZE(b));
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_EQ(2, count_bits(self->bitmap));
	EXPECT_TRUE(bit(self->bitmap, 1));
	EXPECT_TRUE(bit(self->bitmap, 700));
	EXPECT_EQ(2, *(uint64_t *)(self->mem + 700 * PAGE_SIZE + 8));
}

/* Switched on while the pages are mapped, large pages among them. */
TEST_F(log, switched_on_late)
{
	static const int a[] = { 0, 5, 600 }, b[] = { 5 };

	vm_set_region(self->vm, 1, 0, GPA, SIZE, self->mem);
	EXPECT_EQ(ENOENT, get_log(self->vm, 1, self->bitmap));
	write_pages(self->vcpu, a, ARRAY_SIZE(a));
	vm_set_region(self->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, GPA, SIZE, self->mem);
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap));
	write_pages(self->vcpu, b, 1);
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_EQ(1, count_bits(self->bitmap));
	EXPECT_TRUE(bit(self->bitmap, 5));
	vm_set_region(self->vm, 1, 0, GPA, SIZE, self->mem);
	EXPECT_EQ(ENOENT, get_log(self->vm, 1, self->bitmap));
	write_pages(self->vcpu, a, ARRAY_SIZE(a));
}

TEST_F(log, errors)
{
	EXPECT_EQ(ENOENT, get_log(self->vm, 0, self->bitmap));
	EXPECT_EQ(ENOENT, get_log(self->vm, 2, self->bitmap));
	EXPECT_EQ(EINVAL, get_log(self->vm, 0xfffe, self->bitmap));
	EXPECT_EQ(EINVAL, get_log(self->vm, 1 | 5 << 16, self->bitmap));
	EXPECT_EQ(EFAULT, get_log(self->vm, 1, (uint8_t *)8));
}

/* What the kernel writes for the guest is logged like the guest's writes. */
static __guest void g_atomic_across(uint64_t arg)
{
	asm volatile("rep insb" : : "D"(GPA + 9 * PAGE_SIZE), "c"(4), "d"(0x10) : "memory");
	GUEST_SYNC(1);
	GUEST_DONE();
}

TEST_F(log, kernel_writes)
{
	vcpu_call(self->vcpu, g_atomic_across, 0);
	do {
		vcpu_run(self->vcpu);
	} while (self->vcpu->run->exit_reason == KVM_EXIT_IO &&
		 !vcpu_is_ucall(self->vcpu));
	ASSERT_TRUE(vcpu_is_ucall(self->vcpu));
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_EQ(1, count_bits(self->bitmap));
	EXPECT_TRUE(bit(self->bitmap, 9));
}

/* Page tables in the logged slot: their accessed and dirty bits count. */
static __guest void g_touch(uint64_t arg)
{
	mmio_read64(0x7000000000);
	GUEST_SYNC(1);
	GUEST_DONE();
}

TEST_F(log, accessed_bits)
{
	uint64_t *root = vm_hva(self->vm, self->vm->root);
	uint64_t *tables = (uint64_t *)self->mem;

	/* PDPT, PD and PT in the slot's pages 0, 1 and 2. */
	root[0x7000000000 >> 39 & 511] |= PTE_P;
	root[0] |= 0;
	vcpu_call(self->vcpu, g_touch, 0);
	((uint64_t *)vm_hva(self->vm, root[0] & PTE_ADDR))[0x7000000000 >> 30 & 511] =
		GPA | PTE_P | PTE_W;
	tables[0x7000000000 >> 21 & 511] = (GPA + PAGE_SIZE) | PTE_P | PTE_W;
	tables[512 + (0x7000000000 >> 12 & 511)] = GPA | PTE_P | PTE_W;
	vcpu_run_sync(self->vcpu, 1);
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	EXPECT_TRUE(bit(self->bitmap, 0));
	EXPECT_TRUE(bit(self->bitmap, 1));
	EXPECT_EQ(PTE_A, tables[512 + (0x7000000000 >> 12 & 511)] & PTE_A);
}

/*
 * The guest counts up in all pages for ever; after each read of the log a page
 * that is not in it must still hold the value seen when it was last in it.
 */
static volatile uint64_t stop;

static __guest void g_count(uint64_t arg)
{
	uint64_t n = 1, i;

	for (; !stop; n++)
		for (i = 0; i < PAGES; i += 16)
			mmio_write64(GPA + i * PAGE_SIZE, n);
	GUEST_DONE();
}

TEST_F(log, no_write_is_lost)
{
	uint64_t copy[PAGES] = { 0 };
	int round, i;

	vcpu_call(self->vcpu, g_count, 0);
	vcpu_start_done(self->vcpu);
	for (round = 0; round < 100; round++) {
		ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
		for (i = 0; i < PAGES; i++)
			if (bit(self->bitmap, i))
				copy[i] = *(volatile uint64_t *)(self->mem + i * PAGE_SIZE);
		if (round % 8 == 0)
			usleep(1000);
	}
	guest_var(self->vm, stop) = 1;
	vcpu_join(self->vcpu);
	ASSERT_EQ(0, get_log(self->vm, 1, self->bitmap));
	for (i = 0; i < PAGES; i++) {
		if (bit(self->bitmap, i))
			continue;
		EXPECT_EQ(copy[i], *(uint64_t *)(self->mem + i * PAGE_SIZE))
			TH_LOG("page %d changed and is not in the log", i);
	}
	EXPECT_LT(0, *(uint64_t *)self->mem);
}

TEST_HARNESS_MAIN
