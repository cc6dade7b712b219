/* SPDX-License-Identifier: GPL-2.0 */
/* Where an address of the guest's lies, and what its memory takes. */
#ifndef STRATA_LOOK_H
#define STRATA_LOOK_H

#include "walk.h"
#include "../uapi/strata.h"

struct vm;
struct vcpu;

enum host_state { HOST_UNKNOWN, HOST_ABSENT, HOST_SWAPPED, HOST_PRESENT };

struct look_physical {
	__u64 gpa;
	bool has_nested;
	struct strata_nested_walk nested;
	const void *host;			/* NULL: there is no memory */
	enum host_state state;
	__u64 machine;			/* 0: not known, or nowhere */
};

struct look_linear {
	__u64 cr3;
	struct guest_walk walk;
	struct look_physical entry[WALK_LEVELS];
	struct look_physical page;
};

struct look_memory {
	__u64 resident, swapped, huge, hugetlb;
	bool has_nested;
	__u64 mapped_4k, mapped_2m, mapped_1g, tables;
};

void look_physical(struct vm *vm, __u64 gpa, struct look_physical *p);
int look_linear(struct vcpu *vcpu, __u64 address, struct look_linear *l);
int look_memory(struct vm *vm, struct look_memory *m);
int look_dirty(struct vm *vm, bool begin, __u64 *bytes);
void look_open(void);

#endif
