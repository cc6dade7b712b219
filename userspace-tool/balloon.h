/* SPDX-License-Identifier: GPL-2.0 */
/* What a guest's balloon has, and what the guest says of its memory; all in bytes. */
#ifndef STRATA_BALLOON_H
#define STRATA_BALLOON_H

#include <linux/types.h>
#include <stdbool.h>

struct vm;

struct balloon_state {
	__u64 target, actual;		/* of the balloon */
	__u64 reported;			/* given back as free, in all */
	bool has_stats;			/* these are the guest's own: */
	__u64 guest_total, guest_free, guest_available, guest_caches;
};

int balloon_add(struct vm *vm);
void balloon_set(struct vm *vm, __u64 bytes);
void balloon_get(struct vm *vm, struct balloon_state *state);

#endif
