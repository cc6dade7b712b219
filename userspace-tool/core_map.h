/* SPDX-License-Identifier: GPL-2.0 */
/* Where a guest's kernel has mapped its memory.  Pure. */
#ifndef STRATA_CORE_MAP_H
#define STRATA_CORE_MAP_H

#include <linux/kvm.h>
#include <linux/types.h>

struct guest_mem;

struct core_map {
	__u64 va, gpa, len;
};

struct core_maps {
	struct core_map *map;
	unsigned int nr, room;
};

void core_map_guest(struct core_maps *m, const struct guest_mem *mem, const struct kvm_sregs *s);
void core_map_merge(struct core_maps *m);
void core_map_free(struct core_maps *m);

#endif
