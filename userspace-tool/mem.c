// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory.
 *
 * A nested mapping of 2 MiB or 1 GiB is possible only where host and guest
 * addresses are congruent modulo that size.  So one range of address space is
 * reserved for the guest's whole physical span, hole included, its start
 * aligned to 1 GiB, and RAM is placed in it at base + gpa.
 *
 * RAM is anonymous and private, huge pages advised; or of a memfd, shared, that can be
 * given to other processes; or of hugetlbfs, which is reserved for it from the start.
 */

#include "launcher.h"

#include <errno.h>
#include <linux/memfd.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int map_ram(struct guest_mem *mem, const struct memory_options *opt, __u64 gpa,
		   __u64 offset, __u64 len)
{
	int flags = MAP_FIXED | (mem->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
	void *at = mem->base + gpa;

	if (!len)
		return 0;
	/* Huge pages that are not there are to be missed now. */
	if (!opt->huge)
		flags |= MAP_NORESERVE;
	if (mmap(at, len, PROT_READ | PROT_WRITE, flags, mem->fd, offset) == MAP_FAILED) {
		if (opt->huge)
			err("there are not %llu huge pages free for the guest's memory: write more "
			    "into /sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
			    len / opt->huge, opt->huge / 1024);
		else
			err("cannot map %llu MiB of guest memory: %s; ask for less with --memory",
			    len / SZ_1M, strerror(errno));
		return -1;
	}
	/* Advice only: a host without transparent huge pages refuses it. */
	if (!opt->huge)
		(void)madvise(at, len, MADV_HUGEPAGE);
	return 0;
}

static int make_file(struct guest_mem *mem, const struct memory_options *opt)
{
	unsigned int flags = MFD_CLOEXEC;

	mem->fd = -1;
	if (!opt->shared && !opt->huge)
		return 0;
	if (opt->huge)
		flags |= MFD_HUGETLB | (opt->huge == SZ_1G ? MFD_HUGE_1GB : MFD_HUGE_2MB);
	mem->fd = memfd_create("strata guest memory", flags);
	if (mem->fd >= 0 && !ftruncate(mem->fd, opt->size))
		return 0;
	err("cannot make a file for %llu MiB of guest memory: %s%s", opt->size / SZ_1M,
	    strerror(errno), opt->huge ? "; this host may not have huge pages of that size" : "");
	return -1;
}

/**
 * mem_create() - reserve and map guest RAM
 * @mem: filled in
 * @opt: how much, and of what
 *
 * mem_destroy() undoes it, also when it fails.
 */
int mem_create(struct guest_mem *mem, const struct memory_options *opt)
{
	__u64 span, size = opt->size;
	uintptr_t aligned;

	mem->low = size < HOLE_START ? size : HOLE_START;
	mem->high = size - mem->low;
	span = mem->high ? HOLE_END + mem->high : mem->low;
	mem->reserved_len = span + SZ_1G;
	mem->reserved = mmap(NULL, mem->reserved_len, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem->reserved == MAP_FAILED) {
		mem->reserved = NULL;
		err("cannot reserve address space for %llu MiB of guest memory: %s; ask for "
		    "less with --memory or raise ulimit -v",
		    size / SZ_1M, strerror(errno));
		return -1;
	}
	aligned = ((uintptr_t)mem->reserved + SZ_1G - 1) & ~(uintptr_t)(SZ_1G - 1);
	mem->base = (__u8 *)aligned;
	if (make_file(mem, opt) || map_ram(mem, opt, 0, 0, mem->low) ||
	    map_ram(mem, opt, HOLE_END, mem->low, mem->high))
		return -1;
	return 0;
}

/**
 * mem_add_firmware() - keep a copy of a file that the guest has at the end of the hole
 * @file: whole pages
 *
 * Nothing in here writes to it either, as a device would that a guest tells to.
 */
int mem_add_firmware(struct guest_mem *mem, const struct blob *file)
{
	void *p = mmap(NULL, file->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		err("cannot map %zu KiB for the firmware: %s", file->len / 1024, strerror(errno));
		return -1;
	}
	memcpy(p, file->data, file->len);
	mprotect(p, file->len, PROT_READ);
	mem->firmware = p;
	mem->firmware_len = file->len;
	return 0;
}

void mem_destroy(struct guest_mem *mem)
{
	if (mem->firmware)
		munmap(mem->firmware, mem->firmware_len);
	if (mem->reserved)
		munmap(mem->reserved, mem->reserved_len);
	if (mem->reserved && mem->fd >= 0)
		close(mem->fd);
	mem->reserved = NULL;
}

/**
 * mem_ptr() - the host's view of a guest physical range
 *
 * Return: a pointer, or NULL unless all of [gpa, gpa + len) is RAM of one piece.
 */
void *mem_ptr(const struct guest_mem *mem, __u64 gpa, __u64 len)
{
	__u64 start = 0, size = mem->low;

	if (gpa >= HOLE_END) {
		start = HOLE_END;
		size = mem->high;
	}
	if (gpa - start > size || len > size - (gpa - start))
		return NULL;
	return mem->base + gpa;
}

/* The same for who only reads: of the firmware as well. */
const void *mem_readable(const struct guest_mem *mem, __u64 gpa, __u64 len)
{
	const __u64 start = HOLE_END - mem->firmware_len;

	if (gpa >= start && gpa < HOLE_END && len <= HOLE_END - gpa)
		return mem->firmware + (gpa - start);
	return mem_ptr(mem, gpa, len);
}
