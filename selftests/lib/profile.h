/* SPDX-License-Identifier: GPL-2.0 */
/* The profile that a vCPU's file descriptor maps, for tests. */
#ifndef STRATA_TEST_PROFILE_H
#define STRATA_TEST_PROFILE_H

#include <sys/mman.h>

#include "strata.h"
#include "testlib.h"

static inline const struct strata_profile *profile_map(struct vcpu *vcpu)
{
	const struct strata_profile *p;

	p = mmap(NULL, sizeof(*p), PROT_READ, MAP_SHARED, vcpu->fd, STRATA_PROFILE_OFFSET);
	if (p == MAP_FAILED)
		die("mmap of the profile: %s", strerror(errno));
	return p;
}

/* How many exits of a reason there were. */
static inline uint64_t profile_exits(const struct strata_profile_reason *r)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < STRATA_PROFILE_BUCKETS; i++)
		n += r->hist[i];
	return n;
}

#endif
