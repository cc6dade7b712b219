// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57
 *
 * Large nested mappings are an optimisation that nobody may notice: slots whose
 * guest and host addresses are not congruent, that begin or end in the middle
 * of a large page, neighbours in one large page, hugetlbfs, and guest large
 * pages over all of them.
 */
#include <fcntl.h>

#include "exits.h"
#include "strata_test.h"

#include "../uapi/strata.h"

#define GPA	0x40000000ul
#define SIZE	(6 * MB)

/* Writes each page's number to each page, then checks them all. */
static volatile uint64_t first, last;

static __guest void g_fill(uint64_t arg)
{
	uint64_t a;

	for (a = first; a < last; a += PAGE_SIZE)
		mmio_write64(a + 8 * (a >> 12 & 7), a >> 12);
	for (a = first; a < last; a += PAGE_SIZE)
		GUEST_ASSERT_EQ(a >> 12, mmio_read64(a + 8 * (a >> 12 & 7)));
	GUEST_DONE();
}

/* Runs g_fill over a slot; gives the number of pages that are wrong after it. */
static int fill(struct vm *vm, uint64_t gpa, uint64_t size, uint8_t *mem)
{
	struct vcpu *vcpu = vm->nr_vcpus ? vm->vcpu[0] : vcpu_create(vm, 0, g_fill);
	uint64_t i, n;
	int bad = 0;

	vcpu_call(vcpu, g_fill, 0);
	guest_var(vm, first) = gpa;
	guest_var(vm, last) = gpa + size;
	vcpu_run_done(vcpu);
	vcpu_complete_io(vcpu);
	for (i = 0; i < size; i += PAGE_SIZE) {
		n = (gpa + i) >> 12;
		bad += *(uint64_t *)(mem + i + 8 * (n & 7)) != n;
	}
	return bad;
}

/* Guest pages of 2M over everything, so that only the host's size counts. */
static struct vm *start(void)
{
	struct vm *vm = vm_create(0);
	uint64_t i;

	for (i = 0; i < 16 * MB; i += 2 * MB)
		vm_map_level(vm, GPA + i, GPA + i, 2, PTE_W);
	return vm;
}

static uint8_t *huge(size_t size)
{
	uint8_t *p = mem_alloc(size, 2 * MB);

	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

TEST(congruent)
{
	struct vm *vm = start();
	uint8_t *m = huge(SIZE);

	vm_set_region(vm, 1, 0, GPA, SIZE, m);
	EXPECT_EQ(0, fill(vm, GPA, SIZE, m));
}

TEST(not_congruent)
{
	struct vm *vm = start();
	uint8_t *m = huge(SIZE + 2 * MB);

	vm_set_region(vm, 1, 0, GPA, SIZE, m + 0x3000);
	EXPECT_EQ(0, fill(vm, GPA, SIZE, m + 0x3000));
	EXPECT_EQ(0, *(uint64_t *)(m + 0x2000));
}

TEST(unaligned_ends)
{
	struct vm *vm = start();
	uint8_t *m = huge(SIZE);

	vm_set_region(vm, 1, 0, GPA + 0x5000, SIZE - 0xb000, m + 0x5000);
	EXPECT_EQ(0, fill(vm, GPA + 0x5000, SIZE - 0xb000, m + 0x5000));
	/* The neighbours in the same huge pages are not the guest's. */
	EXPECT_EQ(0, *(uint64_t *)(m + 0x4000 + 8 * 4));
	EXPECT_EQ(0, *(uint64_t *)(m + SIZE - 0x6000));
}

TEST(two_slots_in_one_large_page)
{
	struct vm *vm = start();
	uint8_t *a = huge(2 * MB), *b = huge(2 * MB);

	vm_set_region(vm, 1, 0, GPA, MB, a);
	vm_set_region(vm, 2, 0, GPA + MB, MB, b + MB);
	EXPECT_EQ(0, fill(vm, GPA, MB, a));
	EXPECT_EQ(0, fill(vm, GPA + MB, MB, b + MB));
	EXPECT_EQ(0, *(uint64_t *)(a + MB));
	EXPECT_EQ(0, *(uint64_t *)b);
	/* One of them goes: the other stays. */
	vm_set_region(vm, 2, 0, 0, 0, NULL);
	EXPECT_EQ(0, fill(vm, GPA, MB, a));
	vm_set_region(vm, 2, 0, GPA + MB, MB, a + MB);
	EXPECT_EQ(0, fill(vm, GPA + MB, MB, a + MB));
}

TEST(hugetlbfs)
{
	struct vm *vm = start();
	uint8_t *m;

	if (system("echo 8 > /proc/sys/vm/nr_hugepages"))
		SKIP(return, "this kernel has no hugetlbfs");
	m = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (m == MAP_FAILED)
		SKIP(return, "no free huge pages");
	vm_set_region(vm, 1, 0, GPA, SIZE, m);
	EXPECT_EQ(0, fill(vm, GPA, SIZE, m));
	vm_set_region(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, GPA, SIZE, m);
	EXPECT_EQ(0, fill(vm, GPA, SIZE, m));
	vm_set_region(vm, 1, 0, GPA, SIZE, m);
	EXPECT_EQ(0, fill(vm, GPA, SIZE, m));
	/*
	 * Gone under the guest; all of it, for 6.1.192 warns of its own lock
	 * where a mapping of huge pages is split.
	 */
	munmap(m, SIZE);
	vcpu_call(vm->vcpu[0], g_fill, 0);
	EXPECT_EQ(EFAULT, vcpu_try_run(vm->vcpu[0]));
	system("echo 0 > /proc/sys/vm/nr_hugepages");
}

/* A guest page of 1G over small host pages. */
TEST(guest_gigabyte_page)
{
	struct vm *vm = vm_create(0);
	uint8_t *m = huge(SIZE);

	REQUIRE_CPUID(0x80000001, 0, edx, 26);
	vm_map_level(vm, GPA, GPA, 3, PTE_W);
	vm_set_region(vm, 1, 0, GPA + 64 * MB, SIZE, m);
	EXPECT_EQ(0, fill(vm, GPA + 64 * MB, SIZE, m));
}

/* The parameter tells what was decided for this CPU. */
static bool nx_huge_pages(void)
{
	int fd = open("/sys/module/strata/parameters/nx_huge_pages", O_RDONLY);
	char c = 0;

	if (fd < 0 || read(fd, &c, 1) != 1)
		die("no parameter nx_huge_pages");
	close(fd);
	return c == '1';
}

static __guest void g_code(uint64_t arg)
{
	uint64_t i;

	/* Data first: "ret" at the start of each page. */
	for (i = 0; i < 2 * MB; i += PAGE_SIZE)
		*(volatile uint8_t *)(GPA + i) = 0xc3;
	GUEST_SYNC(1);
	((void (*)(void))(GPA + 5 * PAGE_SIZE))();
	GUEST_SYNC(2);
	for (i = 0; i < 2 * MB; i += PAGE_SIZE) {
		*(volatile uint8_t *)(GPA + i + 8) = i >> 12;
		((void (*)(void))(GPA + i))();
	}
	GUEST_SYNC(3);
	for (i = 0; i < 2 * MB; i += PAGE_SIZE)
		GUEST_ASSERT_EQ((uint8_t)(i >> 12), *(volatile uint8_t *)(GPA + i + 8));
	GUEST_DONE();
}

/* Code in a large page runs; where large pages may not execute, the first fetch splits it. */
TEST(code)
{
	struct vm *vm = start();
	struct vcpu *vcpu = vcpu_create(vm, 0, g_code);
	uint8_t *m = huge(2 * MB);
	uint64_t faults;

	memset(m, 0, 2 * MB);
	vm_set_region(vm, 1, 0, GPA, 2 * MB, m);
	vcpu_run_sync(vcpu, 1);
	faults = exits_of(vcpu, STRATA_EXIT_NESTED_FAULT);
	/* Not one for each of the 512 pages. */
	ASSERT_GT(100, faults);
	vcpu_run_sync(vcpu, 2);
	if (nx_huge_pages())
		EXPECT_LT(faults, exits_of(vcpu, STRATA_EXIT_NESTED_FAULT));
	faults = exits_of(vcpu, STRATA_EXIT_NESTED_FAULT);
	vcpu_run_sync(vcpu, 3);
	/* All of it was split at once. */
	EXPECT_GT(faults + 100, exits_of(vcpu, STRATA_EXIT_NESTED_FAULT));
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
