/* SPDX-License-Identifier: GPL-2.0 */
/* Guest page tables, walked in user space. */
#ifndef STRATA_WALK_H
#define STRATA_WALK_H

#include <linux/types.h>
#include <stdbool.h>

#define WALK_LEVELS	5

struct guest_mem;
struct kvm_sregs;

struct walk_entry {
	unsigned int level;		/* of the table it is in; 1 is the last one */
	__u64 gpa;			/* where it is */
	__u64 value;
	bool readable;			/* it is in the guest's memory */
};

struct guest_walk {
	unsigned int levels;		/* of tables; 0: there is no paging */
	unsigned int nr;		/* entries read, from the topmost table on */
	struct walk_entry entry[WALK_LEVELS];
	bool mapped;
	__u64 size;			/* of the page */
	__u64 gpa;			/* of the address itself */
};

void walk_tables(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 la,
		 struct guest_walk *w);
bool walk_guest(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 la, __u64 *gpa);

#endif
