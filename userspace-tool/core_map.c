// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's half of a guest's page tables as a list of ranges. A guest that is broken
 * may have tables that are: what is not in its memory is left out, and there is a bound.
 */

#include "core_map.h"
#include "launcher.h"
#include "paging.h"

#include <stdlib.h>
#include <string.h>

/* What the kernel has put together from single pages may be more, and is left out. */
#define MAX_MAPS	16384
/* Tables that lead to themselves would keep us for ever. */
#define MAX_TABLES	65536

struct walk {
	struct core_maps *maps;
	const struct guest_mem *mem;
	unsigned int tables;
};

static bool add(struct core_maps *m, __u64 va, __u64 gpa, __u64 len)
{
	struct core_map *last = m->nr ? &m->map[m->nr - 1] : NULL;

	if (last && last->va + last->len == va && last->gpa + last->len == gpa) {
		last->len += len;
		return true;
	}
	if (m->nr == m->room) {
		unsigned int room = m->room ? 2 * m->room : 256;
		struct core_map *map = room > MAX_MAPS ? NULL :
				       realloc(m->map, room * sizeof(*map));

		if (!map)
			return false;
		m->map = map;
		m->room = room;
	}
	m->map[m->nr++] = (struct core_map){ va, gpa, len };
	return true;
}

static bool walk_table(struct walk *w, __u64 table, unsigned int level, __u64 va,
		       unsigned int first, unsigned int end)
{
	const __u8 *entries = mem_ptr(w->mem, table, SZ_4K);
	unsigned int shift = 12 + 9 * (level - 1), i;

	if (++w->tables > MAX_TABLES)
		return false;
	for (i = first; entries && i < end; i++) {
		__u64 entry, at = va | (__u64)i << shift, len = 1ULL << shift;

		memcpy(&entry, entries + 8 * i, 8);
		if (!(entry & PTE_PRESENT))
			continue;
		if (level > 1 && !(level <= 3 && entry & PTE_LARGE)) {
			if (!walk_table(w, entry & PTE_ADDRESS, level - 1, at, 0, 512))
				return false;
			continue;
		}
		entry &= PTE_ADDRESS & ~(len - 1);
		/* Only memory is in a core. */
		if (mem_ptr(w->mem, entry, len) && !add(w->maps, at, entry, len))
			return false;
	}
	return true;
}

/**
 * core_map_guest() - add what a vCPU's page tables map above half of the address space
 * @s: its system registers; other modes than 64-bit have nothing there
 *
 * What there is no room for is left out: memory is in a core by its physical addresses
 * as well.
 */
void core_map_guest(struct core_maps *m, const struct guest_mem *mem, const struct kvm_sregs *s)
{
	struct walk w = { m, mem, 0 };
	unsigned int levels = s->cr4 & CR4_LA57 ? 5 : 4;
	__u64 high = ~0ULL << (levels == 5 ? 57 : 48);

	if (!(s->cr0 & CR0_PG) || !(s->efer & EFER_LMA))
		return;
	/*
	 * First what has the kernel's text and modules. Of what is below, Linux has one page
	 * many thousand times in the last one (ESPFIX), which nobody looks for.
	 */
	walk_table(&w, s->cr3 & PTE_ADDRESS, levels, high, 511, 512);
	walk_table(&w, s->cr3 & PTE_ADDRESS, levels, high, 256, levels == 4 ? 510 : 511);
}

static int by_address(const void *a, const void *b)
{
	const struct core_map *x = a, *y = b;

	return x->va < y->va ? -1 : x->va > y->va;
}

/* The vCPUs share most of it: each address once. */
void core_map_merge(struct core_maps *m)
{
	unsigned int i, n = 0;

	if (!m->nr)
		return;
	qsort(m->map, m->nr, sizeof(*m->map), by_address);
	for (i = 1; i < m->nr; i++)
		if (m->map[i].va >= m->map[n].va + m->map[n].len)
			m->map[++n] = m->map[i];
	m->nr = n + 1;
}

void core_map_free(struct core_maps *m)
{
	free(m->map);
	memset(m, 0, sizeof(*m));
}
