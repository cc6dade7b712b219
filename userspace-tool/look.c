// SPDX-License-Identifier: GPL-2.0
/*
 * Looking inside: where an address of the guest's lies, through the guest's tables, the
 * nested ones and the host's; and what the guest's memory takes.
 */

#include "launcher.h"
#include "look.h"
#include "../uapi/strata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGEMAP_PRESENT		BIT_ULL(63)
#define PAGEMAP_SWAPPED		BIT_ULL(62)
#define PAGEMAP_FRAME		(BIT_ULL(55) - 1)

static int pagemap = -1;
static FILE *smaps;

/**
 * look_open() - open what tells of this process's memory, and keep it
 *
 * A launcher that is confined does so before: its right to /proc/self hangs on an inode that
 * a host short of memory forgets.
 */
void look_open(void)
{
	if (pagemap < 0)
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (!smaps)
		smaps = fopen("/proc/self/smaps", "re");
}

/* The host's word on a page of ours. */
static enum host_state host_state(const void *p, __u64 *machine)
{
	__u64 e = 0;

	*machine = 0;
	look_open();
	if (pread(pagemap, &e, sizeof(e), (uintptr_t)p / SZ_4K * sizeof(e)) != sizeof(e))
		return HOST_UNKNOWN;
	if (e & PAGEMAP_SWAPPED)
		return HOST_SWAPPED;
	if (!(e & PAGEMAP_PRESENT))
		return HOST_ABSENT;
	/* Frames are for who may have them; 0 is never RAM of a process. */
	if (e & PAGEMAP_FRAME)
		*machine = (e & PAGEMAP_FRAME) * SZ_4K + ((uintptr_t)p & (SZ_4K - 1));
	return HOST_PRESENT;
}

/**
 * look_physical() - where a guest-physical address lies
 * @p: filled in
 */
void look_physical(struct vm *vm, __u64 gpa, struct look_physical *p)
{
	memset(p, 0, sizeof(*p));
	p->gpa = gpa;
	p->nested.gpa = gpa;
	/* KVM does not tell. */
	p->has_nested = !ioctl(vm->fd, STRATA_GET_NESTED_WALK, &p->nested);
	p->host = mem_readable(&vm->mem, gpa, 1);
	if (p->host)
		p->state = host_state(p->host, &p->machine);
}

/**
 * look_linear() - and where a linear one does
 * @vcpu: whose tables; it does not run
 * @l: filled in
 */
int look_linear(struct vcpu *vcpu, __u64 address, struct look_linear *l)
{
	struct kvm_sregs s;
	unsigned int i;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return -1;
	l->cr3 = s.cr3;
	walk_tables(&vcpu->vm->mem, &s, address, &l->walk);
	for (i = 0; i < l->walk.nr; i++)
		look_physical(vcpu->vm, l->walk.entry[i].gpa, &l->entry[i]);
	if (l->walk.mapped)
		look_physical(vcpu->vm, l->walk.gpa, &l->page);
	return 0;
}

/* Adds up lines such as "Rss:  4 kB" of the mappings that are guest memory. */
static int add_smaps(const struct vm *vm, struct look_memory *m)
{
	const uintptr_t from = (uintptr_t)vm->mem.base, to = (uintptr_t)vm->mem.reserved +
								vm->mem.reserved_len;
	const struct { const char *name; __u64 *sum; } lines[] = {
		{ "Rss:", &m->resident }, { "Swap:", &m->swapped }, { "AnonHugePages:", &m->huge },
		{ "ShmemPmdMapped:", &m->huge }, { "Private_Hugetlb:", &m->hugetlb },
		{ "Shared_Hugetlb:", &m->hugetlb },
	};
	unsigned long start, end, kib;
	bool ours = false;
	char line[512], name[32];
	size_t i;

	look_open();
	if (!smaps)
		return -1;
	rewind(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start >= from && end <= to;
		else if (ours && sscanf(line, "%31s %lu kB", name, &kib) == 2)
			for (i = 0; i < ARRAY_SIZE(lines); i++)
				if (!strcmp(name, lines[i].name))
					*lines[i].sum += kib * 1024ULL;
	}
	m->resident += m->hugetlb;
	m->huge += m->hugetlb;
	return 0;
}

/**
 * look_memory() - what the guest's memory takes, in bytes
 * @m: filled in
 */
int look_memory(struct vm *vm, struct look_memory *m)
{
	struct strata_nested_count c = {
		.size = vm->mem.high ? HOLE_END + vm->mem.high : vm->mem.low,
	};

	memset(m, 0, sizeof(*m));
	if (add_smaps(vm, m))
		return -1;
	m->has_nested = !ioctl(vm->fd, STRATA_GET_NESTED_COUNT, &c);
	m->mapped_4k = c.pages[0] * SZ_4K;
	m->mapped_2m = c.pages[1] * SZ_2M;
	m->mapped_1g = c.pages[2] * SZ_1G;
	m->tables = c.tables * SZ_4K;
	return 0;
}

/* Pages of a slot that were written since the last time; -1 where that is not known. */
static long long dirty_pages(struct vm *vm, __u32 slot, __u64 len)
{
	size_t words = (len / SZ_4K + 63) / 64, i;
	__u64 *bits = calloc(words, sizeof(*bits));
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bits };
	long long n = 0;

	if (!bits || ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log)) {
		free(bits);
		return -1;
	}
	for (i = 0; i < words; i++)
		n += __builtin_popcountll(bits[i]);
	free(bits);
	return n;
}

/**
 * look_dirty() - how much the guest writes: the first call begins, the second tells
 * @bytes: what was written to in between, in pages of 4K
 *
 * Meanwhile the guest's memory is mapped in pages of 4K.
 */
int look_dirty(struct vm *vm, bool begin, __u64 *bytes)
{
	const __u64 len[] = { vm->mem.low, vm->mem.high };
	__u32 slot;

	*bytes = 0;
	for (slot = 0; slot < 2; slot++) {
		long long pages;

		if (!len[slot])
			continue;
		if (begin && vm_set_slot(vm, slot, KVM_MEM_LOG_DIRTY_PAGES))
			return -1;
		pages = dirty_pages(vm, slot, len[slot]);
		if (pages < 0 || (!begin && vm_set_slot(vm, slot, 0)))
			return -1;
		*bytes += pages * SZ_4K;
	}
	return 0;
}
