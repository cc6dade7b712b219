/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The profile of a vCPU: how long its exits took, and whose time that was.
 */
#ifndef STRATA_PROFILE_H
#define STRATA_PROFILE_H

#include "strata.h"

#define STRATA_PROFILE_PAGES	DIV_ROUND_UP(sizeof(struct strata_profile), PAGE_SIZE)

struct vm_area_struct;

int strata_profile_create(struct strata_vcpu *vcpu);
int strata_profile_mmap(struct strata_vcpu *vcpu, struct vm_area_struct *vma);
long strata_profile_list(struct strata_profile_list __user *u);
long strata_profile_open(const struct strata_profile_id __user *u);
void strata_profile_destroy(struct strata_vcpu *vcpu);
void strata_profile_note(struct strata_vcpu *vcpu);
void strata_profile_tell(struct strata_vcpu *vcpu);

/* How many exits of a reason there were. */
static inline u64 strata_profile_exits(const struct strata_profile_reason *r)
{
	unsigned int i;
	u64 n = 0;

	for (i = 0; i < STRATA_PROFILE_BUCKETS; i++)
		n += READ_ONCE(r->hist[i]);
	return n;
}

/* @ticks of the time since the exit were @part's. The rest is booked at the next entry. */
static inline void strata_profile_add(struct strata_vcpu *vcpu, enum strata_profile_part part,
				      u64 ticks)
{
	vcpu->profile->reason[vcpu->exit.id].part[part] += ticks;
	vcpu->story.part[part] += ticks;
}

#endif /* STRATA_PROFILE_H */
