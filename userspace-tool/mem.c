// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory.
 *
 * A nested mapping of 2 MiB or 1 GiB is possible only where host and guest
 * addresses are congruent modulo that size.  So one range of address space is
 * reserved for the guest's whole physical span, hole included, its start
 * aligned to 1 GiB, and RAM is placed in it at base + gpa.
 */

#include "launcher.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

static int map_ram(struct guest_mem *mem, __u64 gpa, __u64 len)
{
	void *at = mem->base + gpa;

	if (!len)
		return 0;
	if (mmap(at, len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
		err("cannot map %llu MiB of guest memory: %s; ask for less with --memory",
		    len / SZ_1M, strerror(errno));
		return -1;
	}
	/* Advice only: a host without transparent huge pages refuses it. */
	(void)madvise(at, len, MADV_HUGEPAGE);
	return 0;
}

/**
 * mem_create() - reserve and map guest RAM
 * @mem: filled in
 * @size: bytes of RAM, a multiple of 2 MiB
 */
int mem_create(struct guest_mem *mem, __u64 size)
{
	__u64 span;
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
	if (map_ram(mem, 0, mem->low) || map_ram(mem, HOLE_END, mem->high))
		return -1;
	return 0;
}

void mem_destroy(struct guest_mem *mem)
{
	if (mem->reserved)
		munmap(mem->reserved, mem->reserved_len);
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
