// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: reading the log leaves it,
 * KVM_CLEAR_DIRTY_LOG takes exactly the pages it names, a log that begins full,
 * errors, and no page lost while the guest writes.
 *
 * lab: vmx
 */
#include "strata_test.h"

#define GPA	0x40000000ul
#define PAGES	1000ul		/* not a multiple of 64 */
#define SIZE	(PAGES * PAGE_SIZE)
#define BYTES	(128 * 8)

static volatile uint64_t page;

static __guest void g_write(uint64_t arg)
{
	for (;;) {
		mmio_write64(GPA + page * PAGE_SIZE, page + 1);
		GUEST_SYNC(1);
	}
}

static int get_log(struct vm *vm, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	memset(bitmap, 0, BYTES);
	return try_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

static int clear_log(struct vm *vm, uint32_t slot, uint64_t first, uint32_t nr, void *bitmap)
{
	struct kvm_clear_dirty_log log = {
		.slot = slot, .first_page = first, .num_pages = nr, .dirty_bitmap = bitmap,
	};

	return try_ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

static int count(const uint8_t *bitmap)
{
	int i, n = 0;

	for (i = 0; i < BYTES; i++)
		n += __builtin_popcount(bitmap[i]);
	return n;
}

static bool bit(const uint8_t *bitmap, unsigned int i)
{
	return bitmap[i / 8] >> (i % 8) & 1;
}

static void write_page(struct vcpu *vcpu, uint64_t i)
{
	guest_var(vcpu->vm, page) = i;
	vcpu_run_sync(vcpu, 1);
}

static struct vcpu *start(uint64_t flags)
{
	struct kvm_enable_cap c = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags },
	};
	struct vm *vm = vm_create(0);
	uint8_t *mem = mem_alloc(SIZE, 2 * MB);

	madvise(mem, SIZE, MADV_HUGEPAGE);
	memset(mem, 0, SIZE);
	if (flags)
		xioctl(vm->fd, KVM_ENABLE_CAP, &c);
	vm_map(vm, GPA, GPA, SIZE, PTE_W);
	vm_set_region(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, GPA, SIZE, mem);
	return vcpu_create(vm, 0, g_write);
}

TEST(reading_leaves_it)
{
	struct vcpu *vcpu = start(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	struct vm *vm = vcpu->vm;
	uint8_t log[BYTES], clear[BYTES] = { 0 };

	ASSERT_EQ(3, has_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2));
	write_page(vcpu, 3);
	write_page(vcpu, 70);
	write_page(vcpu, 999);
	ASSERT_EQ(0, get_log(vm, log));
	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(3, count(log));
	EXPECT_TRUE(bit(log, 3) && bit(log, 70) && bit(log, 999));
	/* One of them, and one that is clean. */
	clear[0] = 1 << 6 | 1 << 7;
	ASSERT_EQ(0, clear_log(vm, 1, 64, 64, clear));
	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(2, count(log));
	EXPECT_FALSE(bit(log, 70));
	/* Its next write counts again, that of a dirty one changes nothing. */
	write_page(vcpu, 70);
	write_page(vcpu, 3);
	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(3, count(log));
	/* The end of the slot. */
	memset(clear, 0xff, sizeof(clear));
	ASSERT_EQ(0, clear_log(vm, 1, 960, 40, clear));
	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(2, count(log));
	EXPECT_FALSE(bit(log, 999));
	ASSERT_EQ(0, clear_log(vm, 1, 0, PAGES, clear));
	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(0, count(log));
}

TEST(begins_full)
{
	struct vcpu *vcpu = start(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
				  KVM_DIRTY_LOG_INITIALLY_SET);
	struct vm *vm = vcpu->vm;
	uint8_t log[BYTES], clear[BYTES];
	unsigned int i;

	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(PAGES, count(log));
	write_page(vcpu, 5);
	memset(clear, 0xff, sizeof(clear));
	for (i = 0; i < PAGES; i += 64)
		ASSERT_EQ(0, clear_log(vm, 1, i, PAGES - i < 64 ? PAGES - i : 64, clear));
	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(0, count(log));
	/* Pages that were mapped, writable and large, before the log was cleared. */
	write_page(vcpu, 5);
	write_page(vcpu, 600);
	ASSERT_EQ(0, get_log(vm, log));
	EXPECT_EQ(2, count(log));
	EXPECT_TRUE(bit(log, 5) && bit(log, 600));
}

TEST(errors)
{
	struct vcpu *vcpu = start(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	struct vm *vm = vcpu->vm;
	uint8_t b[BYTES] = { 0 };

	EXPECT_EQ(EINVAL, clear_log(vm, 1, 1, 64, b));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 0, 63, b));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 0, PAGES + 1, b));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, 1024, 64, b));
	EXPECT_EQ(EINVAL, clear_log(vm, 1, ~0ull & ~63ull, 64, b));
	EXPECT_EQ(EINVAL, clear_log(vm, 99999, 0, 64, b));
	EXPECT_EQ(ENOENT, clear_log(vm, 7, 0, 64, b));
	EXPECT_EQ(ENOENT, clear_log(vm, 0, 0, 64, b));
	EXPECT_EQ(EFAULT, clear_log(vm, 1, 0, 64, (void *)8));
}

static volatile uint64_t rounds;

static __guest void g_race(uint64_t arg)
{
	uint64_t i, n;

	for (n = 1; n <= rounds; n++)
		for (i = 0; i < PAGES; i++)
			mmio_write64(GPA + i * PAGE_SIZE, n);
	GUEST_DONE();
}

/* A copy that is made page by page from the log ends as the guest's memory. */
TEST(nothing_is_lost)
{
	struct vcpu *vcpu = start(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	struct vm *vm = vcpu->vm;
	uint64_t *mem, *copy = calloc(PAGES, 8);
	uint8_t log[BYTES];
	bool last = false;
	unsigned int i;

	/* The slot's memory: made by start(), found by its owner's address. */
	mem = (void *)mem_alloc(SIZE, 2 * MB);
	memset(mem, 0, SIZE);
	vm_set_region(vm, 1, 0, GPA, 0, NULL);
	vm_set_region(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, GPA, SIZE, mem);
	guest_var(vm, rounds) = 20;
	vcpu_call(vcpu, g_race, 0);
	vcpu_start_done(vcpu);
	do {
		last = vcpu_finished(vcpu);
		ASSERT_EQ(0, get_log(vm, log));
		ASSERT_EQ(0, clear_log(vm, 1, 0, PAGES, log));
		for (i = 0; i < PAGES; i++)
			if (bit(log, i))
				copy[i] = *(volatile uint64_t *)((uint8_t *)mem + i * PAGE_SIZE);
	} while (!last);
	vcpu_join(vcpu);
	for (i = 0; i < PAGES; i++)
		if (copy[i] != 20)
			die("page %u: %lu of 20", i, copy[i]);
}

TEST_HARNESS_MAIN
