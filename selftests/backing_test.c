// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57
 *
 * What user space does to guest memory behind a running guest: unmap, discard,
 * protect, move, truncate, fork, split and collapse huge pages, merge equal
 * pages, swap. The guest always sees what the process sees, and an access that
 * the process could not make is EFAULT.
 */
#include <fcntl.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "strata_test.h"

#define GPA	0x40000000ul
#define SIZE	(4 * MB)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

/* One access per report: command 0 reads, 1 writes, 2 adds one everywhere. */
static volatile uint64_t command, address, value;

static __guest void g_serve(uint64_t arg)
{
	uint64_t i;

	for (;;) {
		GUEST_SYNC(1);
		if (command == 0)
			value = mmio_read64(address);
		else if (command == 1)
			mmio_write64(address, value);
		else
			for (i = 0; i < SIZE; i += PAGE_SIZE)
				mmio_write64(GPA + i, mmio_read64(GPA + i) + 1);
	}
}

FIXTURE(backing) {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *mem;
};

static struct vcpu *start(struct vm *vm, uint8_t *mem)
{
	struct vcpu *vcpu = vcpu_create(vm, 0, g_serve);

	vm_map(vm, GPA, GPA, SIZE, PTE_W);
	vm_set_region(vm, 1, 0, GPA, SIZE, mem);
	vcpu_run_sync(vcpu, 1);
	return vcpu;
}

FIXTURE_SETUP(backing)
{
	self->vm = vm_create(0);
	self->mem = mem_alloc(SIZE, 2 * MB);
	self->vcpu = start(self->vm, self->mem);
}

FIXTURE_TEARDOWN(backing)
{
	vm_free(self->vm);
}

/* Gives 0, or the errno value of KVM_RUN. */
static int access_guest(struct vcpu *vcpu, int cmd, uint64_t offset, uint64_t *v)
{
	struct vm *vm = vcpu->vm;
	int err;

	guest_var(vm, command) = cmd;
	guest_var(vm, address) = GPA + offset;
	if (cmd == 1)
		guest_var(vm, value) = *v;
	err = vcpu_try_run(vcpu);
	if (err)
		return err;
	vcpu_report_abort(vcpu);
	if (!vcpu_is_ucall(vcpu))
		die("exit %s", exit_name(vcpu->run->exit_reason));
	if (cmd == 0)
		*v = guest_var(vm, value);
	return 0;
}

static uint64_t guest_read(struct vcpu *vcpu, uint64_t offset)
{
	uint64_t v;
	int err = access_guest(vcpu, 0, offset, &v);

	if (err)
		die("read: %s", strerror(err));
	return v;
}

static void guest_write(struct vcpu *vcpu, uint64_t offset, uint64_t v)
{
	int err = access_guest(vcpu, 1, offset, &v);

	if (err)
		die("write: %s", strerror(err));
}

static uint64_t *word(uint8_t *mem, uint64_t offset)
{
	return (uint64_t *)(mem + offset);
}

TEST_F(backing, unmapped)
{
	uint64_t v = 5;

	guest_write(self->vcpu, 0x1000, 1);
	ASSERT_EQ(0, munmap(self->mem + 0x1000, PAGE_SIZE));
	EXPECT_EQ(EFAULT, access_guest(self->vcpu, 0, 0x1000, &v));
	EXPECT_EQ(EFAULT, vcpu_try_run(self->vcpu));
	/* Mapped again, the same instruction goes on with the new memory. */
	ASSERT_NE(MAP_FAILED, mmap(self->mem + 0x1000, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	*word(self->mem, 0x1000) = 77;
	vcpu_run_sync(self->vcpu, 1);
	EXPECT_EQ(77, guest_var(self->vm, value));
	EXPECT_EQ(EFAULT, (munmap(self->mem, SIZE), access_guest(self->vcpu, 2, 0, &v)));
}

TEST_F(backing, discarded)
{
	guest_write(self->vcpu, 0x2000, 1);
	EXPECT_EQ(1, *word(self->mem, 0x2000));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, guest_read(self->vcpu, 0x2000));
	*word(self->mem, 0x2000) = 3;
	EXPECT_EQ(3, guest_read(self->vcpu, 0x2000));
}

TEST_F(backing, protected)
{
	uint64_t v = 9;

	guest_write(self->vcpu, 0x3000, 1);
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ));
	EXPECT_EQ(1, guest_read(self->vcpu, 0x3000));
	EXPECT_EQ(EFAULT, access_guest(self->vcpu, 1, 0x3000, &v));
	EXPECT_EQ(1, *word(self->mem, 0x3000));
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_NONE));
	EXPECT_EQ(EFAULT, vcpu_try_run(self->vcpu));
	ASSERT_EQ(0, mprotect(self->mem, SIZE, PROT_READ | PROT_WRITE));
	vcpu_run_sync(self->vcpu, 1);
	EXPECT_EQ(9, *word(self->mem, 0x3000));
}

TEST_F(backing, moved)
{
	uint8_t *there = mem_alloc(SIZE, 2 * MB);
	uint64_t v;

	guest_write(self->vcpu, 0x4000, 11);
	ASSERT_EQ(there, mremap(self->mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, there));
	EXPECT_EQ(EFAULT, access_guest(self->vcpu, 0, 0x4000, &v));
	ASSERT_EQ(self->mem, mremap(there, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				    self->mem));
	vcpu_run_sync(self->vcpu, 1);
	EXPECT_EQ(11, guest_var(self->vm, value));
}

TEST(truncated_file)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;
	int fd = memfd_create("guest", 0);
	uint8_t *mem;
	uint64_t v;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	vcpu = start(vm, mem);
	guest_write(vcpu, 0x5000, 1);
	ASSERT_EQ(0, ftruncate(fd, 0x1000));
	EXPECT_EQ(EFAULT, access_guest(vcpu, 0, 0x5000, &v));
	ASSERT_EQ(0, ftruncate(fd, SIZE));
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, guest_var(vm, value));
	/* The file is the guest's memory, for everybody who reads it. */
	guest_write(vcpu, 0x6000, 0x1234);
	ASSERT_EQ(8, pread(fd, &v, 8, 0x6000));
	EXPECT_EQ(0x1234, v);
	v = 0x5678;
	ASSERT_EQ(8, pwrite(fd, &v, 8, 0x6000));
	EXPECT_EQ(0x5678, guest_read(vcpu, 0x6000));
	/* A hole punched in it reads as zero. */
	ASSERT_EQ(0, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0x6000, 0x1000));
	EXPECT_EQ(0, guest_read(vcpu, 0x6000));
}

/* After a fork the guest's writes are not the child's, nor the other way. */
TEST_F(backing, copy_on_write)
{
	int to_child[2], to_parent[2], status;
	uint64_t v = 0;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(to_child) | pipe(to_parent));
	guest_write(self->vcpu, 0x7000, 1);
	guest_write(self->vcpu, 0x8000, 1);
	pid = fork();
	if (!pid) {
		*word(self->mem, 0x8000) = 2;
		if (write(to_parent[1], "x", 1) != 1 || read(to_child[0], &c, 1) != 1)
			_exit(2);
		_exit(*word(self->mem, 0x7000) == 1 ? 0 : 3);
	}
	ASSERT_EQ(1, read(to_parent[0], &c, 1));
	EXPECT_EQ(1, guest_read(self->vcpu, 0x8000));
	guest_write(self->vcpu, 0x7000, 5);
	EXPECT_EQ(5, *word(self->mem, 0x7000));
	ASSERT_EQ(1, write(to_child[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(5, guest_read(self->vcpu, 0x7000));
	EXPECT_EQ(0, access_guest(self->vcpu, 2, 0, &v));
	EXPECT_EQ(6, *word(self->mem, 0x7000));
}

/* A page that was only read is the shared zero page, which nobody may change. */
TEST_F(backing, zero_page)
{
	uint8_t *other = mem_alloc(PAGE_SIZE, PAGE_SIZE);

	EXPECT_EQ(0, guest_read(self->vcpu, 0x9000));
	EXPECT_EQ(0, *word(self->mem, 0x9000));
	EXPECT_EQ(0, guest_read(self->vcpu, 0x9000));
	guest_write(self->vcpu, 0x9000, 0xdead);
	EXPECT_EQ(0xdead, *word(self->mem, 0x9000));
	EXPECT_EQ(0, *(volatile uint64_t *)other);
	EXPECT_EQ(0, guest_read(self->vcpu, 0xa000));
}

static int check_all(uint8_t *mem, uint64_t want)
{
	uint64_t i;

	for (i = 0; i < SIZE; i += PAGE_SIZE)
		if (*word(mem, i) != want + i)
			return i / PAGE_SIZE + 1;
	return 0;
}

/* Huge pages under the guest, split, collapsed and partly unmapped. */
TEST_F(backing, huge_pages)
{
	uint64_t i, v;
	int round;

	madvise(self->mem, SIZE, MADV_HUGEPAGE);
	for (i = 0; i < SIZE; i += PAGE_SIZE)
		*word(self->mem, i) = i;
	ASSERT_EQ(0, access_guest(self->vcpu, 2, 0, &v));
	EXPECT_EQ(0, check_all(self->mem, 1));
	for (round = 2; round < 12; round += 2) {
		/* Splits the huge page's mapping, then the page. */
		ASSERT_EQ(0, mprotect(self->mem + 0x5000, PAGE_SIZE, PROT_READ));
		ASSERT_EQ(0, mprotect(self->mem + 0x5000, PAGE_SIZE, PROT_READ | PROT_WRITE));
		ASSERT_EQ(0, access_guest(self->vcpu, 2, 0, &v));
		EXPECT_EQ(0, check_all(self->mem, round));
		madvise(self->mem + 2 * MB + 0x3000, PAGE_SIZE, MADV_PAGEOUT);
		madvise(self->mem, SIZE, MADV_COLLAPSE);
		ASSERT_EQ(0, access_guest(self->vcpu, 2, 0, &v));
		EXPECT_EQ(0, check_all(self->mem, round + 1));
	}
	/* One small page of a huge one goes away. */
	ASSERT_EQ(0, madvise(self->mem + 0x10000, PAGE_SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, guest_read(self->vcpu, 0x10000));
	EXPECT_EQ(0x11000 + 11, guest_read(self->vcpu, 0x11000));
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static long read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long v = -1;

	if (f) {
		if (fscanf(f, "%ld", &v) != 1)
			v = -1;
		fclose(f);
	}
	return v;
}

/* Equal pages are merged to one read-only page; a write gets its own again. */
TEST_F(backing, merged_pages)
{
	uint64_t i, v;

	if (!write_file("/sys/kernel/mm/ksm/pages_to_scan", "20000") ||
	    !write_file("/sys/kernel/mm/ksm/sleep_millisecs", "1") ||
	    !write_file("/sys/kernel/mm/ksm/run", "1"))
		SKIP(return, "this kernel has no KSM");
	for (i = 0; i < SIZE; i += PAGE_SIZE)
		memset(self->mem + i, 0x5a, PAGE_SIZE);
	guest_read(self->vcpu, 0);
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_MERGEABLE));
	while (read_number("/sys/kernel/mm/ksm/pages_sharing") < 500)
		usleep(10000);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a, guest_read(self->vcpu, 0x20000));
	guest_write(self->vcpu, 0x20000, 1);
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a, guest_read(self->vcpu, 0x21000));
	EXPECT_EQ(1, *word(self->mem, 0x20000));
	EXPECT_EQ(0x5a5a5a5a5a5a5a5a, *word(self->mem, 0x21000));
	ASSERT_EQ(0, access_guest(self->vcpu, 2, 0, &v));
	EXPECT_EQ(2, *word(self->mem, 0x20000));
	for (i = 0x21000; i < SIZE; i += PAGE_SIZE)
		EXPECT_EQ(0x5a5a5a5a5a5a5a5b, *word(self->mem, i));
	write_file("/sys/kernel/mm/ksm/run", "2");
}

/* How much of this process is in swap, in KiB. */
static long swapped_out(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char text[128];
	long v = 0;

	while (fgets(text, sizeof(text), f))
		sscanf(text, "VmSwap: %ld", &v);
	fclose(f);
	return v;
}

/* Swapped out, each page comes back with what it held. */
TEST_F(backing, swapped)
{
	const char *dev = "/dev/zram0";
	unsigned char *header = calloc(1, PAGE_SIZE);
	uint64_t i, v;
	int fd, round;

	if (read_number("/sys/block/zram0/disksize") < 0 && system("modprobe zram 2>&-"))
		SKIP(return, "this kernel has no zram to swap to");
	if (!write_file("/sys/block/zram0/disksize", "16777216"))
		SKIP(return, "zram0 is in use");
	/* The header of an empty swap area, as mkswap writes it. */
	*(uint32_t *)(header + 1024) = 1;
	*(uint32_t *)(header + 1028) = 16777216 / PAGE_SIZE - 1;
	memcpy(header + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	fd = open(dev, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(PAGE_SIZE, write(fd, header, PAGE_SIZE));
	close(fd);
	ASSERT_EQ(0, swapon(dev, 0));
	for (i = 0; i < SIZE; i += PAGE_SIZE)
		*word(self->mem, i) = i;
	for (round = 1; round < 4; round++) {
		ASSERT_EQ(0, access_guest(self->vcpu, 2, 0, &v));
		/* The first attempt may only unmap what the guest has used. */
		for (i = 0; i < 20 && swapped_out() < 2048; i++)
			ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
		EXPECT_LE(2048, swapped_out());
		EXPECT_EQ(0x30000 + round, guest_read(self->vcpu, 0x30000));
	}
	EXPECT_EQ(0, check_all(self->mem, 3));
	swapoff(dev);
	write_file("/sys/block/zram0/reset", "1");
}

/* Discards and protections over and over under a guest that never stops. */
static volatile uint64_t stop, rounds;

static __guest void g_hammer(uint64_t arg)
{
	uint64_t i;

	while (!stop) {
		for (i = 0; i < 64; i++) {
			mmio_write64(GPA + i * PAGE_SIZE, i + 1);
			i += mmio_read64(GPA + i * PAGE_SIZE) > 1000;
		}
		rounds++;
	}
	GUEST_DONE();
}

TEST_F(backing, discarded_all_the_time)
{
	int i;

	vcpu_call(self->vcpu, g_hammer, 0);
	vcpu_start_done(self->vcpu);
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, madvise(self->mem, 64 * PAGE_SIZE, MADV_DONTNEED));
		if (i % 10 == 0) {
			uint64_t before = guest_var(self->vm, rounds);

			while (guest_var(self->vm, rounds) == before)
				usleep(100);
		}
	}
	guest_var(self->vm, stop) = 1;
	vcpu_join(self->vcpu);
}

/* Memory without struct page: the BIOS, through /dev/mem. */
TEST(pfn_mapping)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;
	int fd = open("/dev/mem", O_RDONLY);
	uint8_t *bios, *mem = mem_alloc(SIZE, 2 * MB);

	bios = fd < 0 ? MAP_FAILED :
	       mmap(mem, 0x10000, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0xf0000);
	if (bios == MAP_FAILED)
		SKIP(return, "/dev/mem cannot be mapped");
	vcpu = start(vm, mem);
	EXPECT_EQ(*word(bios, 0xfff0), guest_read(vcpu, 0xfff0));
	EXPECT_EQ(*word(bios, 0x8000), guest_read(vcpu, 0x8000));
	ASSERT_EQ(0, munmap(bios, 0x10000));
	guest_write(vcpu, 0x20000, 1);
}

TEST_HARNESS_MAIN
