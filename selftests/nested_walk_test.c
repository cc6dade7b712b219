// SPDX-License-Identifier: GPL-2.0
/*
 * lab: kernels la57
 *
 * STRATA_GET_NESTED_WALK and STRATA_GET_NESTED_COUNT, against what the host's pagemap
 * says of the same memory: pages of 4K and 2M, what is not mapped, what has gone, bad
 * requests, and a caller who may not see addresses.
 */
#include <fcntl.h>

#include "strata_test.h"

#include "../uapi/strata.h"

#define GPA	0x40000000ul
#define SIZE	(4 * MB)
#define PFN	((1ull << 55) - 1)
#define ADDR	0x000ffffffffff000ull

static volatile uint64_t first, last;

static __guest void g_touch(uint64_t arg)
{
	uint64_t a;

	for (a = first; a < last; a += PAGE_SIZE)
		mmio_write64(a, a);
	GUEST_DONE();
}

static void touch(struct vm *vm, uint64_t from, uint64_t to)
{
	struct vcpu *vcpu = vm->nr_vcpus ? vm->vcpu[0] : vcpu_create(vm, 0, g_touch);

	vcpu_call(vcpu, g_touch, 0);
	guest_var(vm, first) = from;
	guest_var(vm, last) = to;
	vcpu_run_done(vcpu);
	vcpu_complete_io(vcpu);
}

static struct vm *start(void *mem)
{
	struct vm *vm = vm_create(0);

	vm_set_region(vm, 1, 0, GPA, SIZE, mem);
	vm_map_level(vm, GPA, GPA, 2, PTE_W);
	vm_map_level(vm, GPA + 2 * MB, GPA + 2 * MB, 2, PTE_W);
	return vm;
}

static uint8_t *memory(int advice)
{
	uint8_t *p = mem_alloc(SIZE, 2 * MB);

	madvise(p, SIZE, advice);
	return p;
}

static struct strata_nested_walk walk(struct vm *vm, uint64_t gpa)
{
	struct strata_nested_walk w = { .gpa = gpa, .reserved = 7, .leaf = 7 };

	if (ioctl(vm->fd, STRATA_GET_NESTED_WALK, &w))
		w.nr = 0;
	return w;
}

static struct strata_nested_count count(struct vm *vm, uint64_t gpa, uint64_t size)
{
	struct strata_nested_count c = { .gpa = gpa, .size = size };

	if (ioctl(vm->fd, STRATA_GET_NESTED_COUNT, &c))
		c.tables = 0;
	return c;
}

/* The machine's address that a walk gives; 0: none. */
static uint64_t machine(const struct strata_nested_walk *w)
{
	uint64_t mask = (1ull << (12 + 9 * (w->leaf - 1))) - 1;

	return w->leaf ? (w->entry[w->nr - 1] & ADDR & ~mask) | (w->gpa & mask) : 0;
}

static uint64_t pagemap(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t e = 0;

	if (pread(fd, &e, 8, (uintptr_t)p / PAGE_SIZE * 8) != 8)
		e = 0;
	close(fd);
	return (e & PFN) * PAGE_SIZE;
}

static void compare(struct __test_metadata *_metadata, struct vm *vm, uint8_t *mem, unsigned int leaf)
{
	uint64_t at, i;

	for (at = 0; at < SIZE; at += PAGE_SIZE) {
		struct strata_nested_walk w = walk(vm, GPA + at + 0x123);

		ASSERT_EQ(leaf, w.leaf);
		ASSERT_EQ(w.levels - leaf + 1, w.nr);
		ASSERT_EQ(pagemap(mem + at) + 0x123, machine(&w));
		ASSERT_EQ(0, w.reserved);
		/* Each table is where the entry before says. */
		for (i = 1; i < w.nr; i++)
			ASSERT_EQ(w.entry[i - 1] & ADDR, w.at[i] & ADDR);
		for (; i < STRATA_NESTED_LEVELS; i++)
			ASSERT_EQ(0, w.entry[i] | w.at[i]);
	}
}

TEST(pages_of_4k)
{
	uint8_t *mem = memory(MADV_NOHUGEPAGE);
	struct vm *vm = start(mem);
	struct strata_nested_walk w = walk(vm, GPA);
	struct strata_nested_count c;

	EXPECT_LE(1, w.nr);
	EXPECT_EQ(0, w.leaf);
	EXPECT_EQ(0, w.entry[w.nr - 1]);
	touch(vm, GPA, GPA + SIZE);
	compare(_metadata, vm, mem, 1);
	c = count(vm, GPA, SIZE);
	EXPECT_EQ(SIZE / PAGE_SIZE, c.pages[0]);
	EXPECT_EQ(0, c.pages[1] | c.pages[2]);
	EXPECT_LE(4, c.tables);
	c = count(vm, GPA + PAGE_SIZE, 3 * PAGE_SIZE + 1);
	EXPECT_EQ(4, c.pages[0]);

	madvise(mem + PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
	w = walk(vm, GPA + PAGE_SIZE);
	EXPECT_EQ(0, w.leaf);
	EXPECT_EQ(0, w.entry[w.nr - 1]);
	c = count(vm, GPA, SIZE);
	EXPECT_EQ(SIZE / PAGE_SIZE - 1, c.pages[0]);
}

TEST(pages_of_2m)
{
	uint8_t *mem = memory(MADV_HUGEPAGE);
	struct vm *vm = start(mem);
	struct strata_nested_count c;

	memset(mem, 1, SIZE);
	touch(vm, GPA, GPA + SIZE);
	if (walk(vm, GPA).leaf != 2)
		SKIP(return, "the host gave no huge pages");
	compare(_metadata, vm, mem, 2);
	c = count(vm, GPA, SIZE);
	EXPECT_EQ(SIZE / (2 * MB), c.pages[1]);
	EXPECT_EQ(0, c.pages[0] | c.pages[2]);
}

TEST(nothing_there)
{
	struct vm *vm = start(memory(MADV_NOHUGEPAGE));
	struct strata_nested_count c = count(vm, 0, 1ull << 48);

	EXPECT_EQ(0, c.pages[0] | c.pages[1] | c.pages[2]);
	EXPECT_LE(1, c.tables);
	c = count(vm, GPA, 0);
	EXPECT_EQ(0, c.pages[0]);
	EXPECT_EQ(0, walk(vm, 0xfee00000).leaf);
}

TEST(bad_requests)
{
	struct vm *vm = vm_create(0);
	struct strata_nested_walk w = { .flags = 1 };
	struct strata_nested_count c = { .flags = 1 };

	EXPECT_EQ(-1, ioctl(vm->fd, STRATA_GET_NESTED_WALK, &w));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(vm->fd, STRATA_GET_NESTED_COUNT, &c));
	EXPECT_EQ(EINVAL, errno);
	w = (struct strata_nested_walk){ .gpa = ~0ull };
	EXPECT_EQ(-1, ioctl(vm->fd, STRATA_GET_NESTED_WALK, &w));
	EXPECT_EQ(EINVAL, errno);
	c = (struct strata_nested_count){ .gpa = 0x1000, .size = ~0ull };
	EXPECT_EQ(-1, ioctl(vm->fd, STRATA_GET_NESTED_COUNT, &c));
	EXPECT_EQ(EINVAL, errno);
	c = (struct strata_nested_count){ .size = ~0ull };
	EXPECT_EQ(-1, ioctl(vm->fd, STRATA_GET_NESTED_COUNT, &c));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(vm->fd, STRATA_GET_NESTED_WALK, NULL));
	EXPECT_EQ(EFAULT, errno);
}

/* Flags and sizes are the VM's own affair, addresses the machine's. */
TEST(without_the_right)
{
	uint8_t *mem = memory(MADV_NOHUGEPAGE);
	struct vm *vm = start(mem);
	struct strata_nested_walk w, with;
	unsigned int i;

	touch(vm, GPA, GPA + SIZE);
	with = walk(vm, GPA);
	ASSERT_EQ(0, seteuid(65534));
	w = walk(vm, GPA);
	ASSERT_EQ(with.nr, w.nr);
	EXPECT_EQ(1, w.leaf);
	for (i = 0; i < w.nr; i++) {
		EXPECT_EQ(0, w.at[i]);
		EXPECT_EQ(with.entry[i] & ~ADDR, w.entry[i]);
		EXPECT_NE(0, w.entry[i]);
	}
	EXPECT_EQ(SIZE / PAGE_SIZE, count(vm, GPA, SIZE).pages[0]);
}

TEST_HARNESS_MAIN
