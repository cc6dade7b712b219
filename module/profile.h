/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The profile of a vCPU: how long its exits took, and whose time that was.
 */
#ifndef STRATA_PROFILE_H
#define STRATA_PROFILE_H

#include <linux/jump_label_ratelimit.h>
#include <linux/sched.h>
#include <asm/msr.h>

#include "strata.h"

#define STRATA_PROFILE_PAGES	DIV_ROUND_UP(sizeof(struct strata_profile), PAGE_SIZE)

struct vm_area_struct;

/* Somebody wants to know of single exits: events of trace.h, or keys. */
extern struct static_key_false_deferred strata_watched;

void strata_profile_teardown(void);
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

/* How long this thread wanted to run and did not, nanoseconds. Only differences count. */
static inline u64 strata_run_delay(void)
{
#ifdef CONFIG_SCHED_INFO
	return current->sched_info.run_delay;
#else
	return 0;
#endif
}

/*
 * @ticks of the time since the exit, until now, were @part's. The rest is booked at the
 * next entry.
 */
static inline void strata_profile_add(struct strata_vcpu *vcpu, enum strata_profile_part part,
				      u64 ticks)
{
	vcpu->profile->reason[vcpu->exit.id].part[part] += ticks;
	vcpu->story.part[part] += ticks;
	vcpu->run_delay = strata_run_delay();
}

/*
 * One stamp ends an exit's time and begins the guest's, the next one ends that. Without
 * them a module tells what they cost (selftests/bench/price).
 */
#ifndef STRATA_NO_PROFILE
/* The exit's time ends at @now. @pages: vcpu->profile */
static __always_inline void strata_profile_book(struct strata_vcpu *vcpu,
						struct strata_profile *pages, u64 now)
{
	struct strata_profile_reason *p = &pages->reason[vcpu->exit.id];
	u64 ticks = now - vcpu->t_exit, bucket;

	/* One register holds it, and is not computed again for each member. */
	OPTIMIZER_HIDE_VAR(p);
	p->ticks += ticks;
	if (ticks > p->max)
		p->max = ticks;
	/* Of 0 it leaves the 0 where it is, on AMD's and Intel's CPUs. */
	bucket = ticks;
	asm("bsrq %0, %0" : "+r" (bucket) : : "cc");
	p->hist[bucket]++;
}

/* The last that is done in C before the guest runs. */
static __always_inline void strata_profile_exit(struct strata_vcpu *vcpu)
{
	struct strata_profile *p = vcpu->profile;
	u64 now = rdtsc();

	p->guest_ticks -= now;
	strata_profile_book(vcpu, p, now);
}

/* The first that is done in C after it. */
static __always_inline void strata_profile_guest(struct strata_vcpu *vcpu)
{
	u64 now = rdtsc();

	vcpu->t_exit = now;
	vcpu->profile->guest_ticks += now;
}
#else
static __always_inline void strata_profile_book(struct strata_vcpu *vcpu,
						struct strata_profile *pages, u64 now) {}
static __always_inline void strata_profile_exit(struct strata_vcpu *vcpu) {}
static __always_inline void strata_profile_guest(struct strata_vcpu *vcpu) {}
#endif

/*
 * How long the switch takes is a sample, of an entry a tick: the way into the guest and
 * out of it as far as software can stamp it, from @from and until now. It is part of the
 * guest's time. noinstr code calls it.
 */
static __always_inline void strata_profile_switch(struct strata_vcpu *vcpu, u64 from)
{
	struct strata_profile *p = vcpu->profile;

	p->switch_ticks += vcpu->stamp[0] - from + rdtsc() - vcpu->stamp[1];
	p->switches++;
}

/* What the guest ran: while it does, the page has it less the TSC at the entry. */
static inline u64 strata_profile_guest_ticks(const struct strata_profile *p)
{
	u64 ticks = READ_ONCE(p->guest_ticks);

	return (s64)ticks < 0 ? ticks + rdtsc() : ticks;
}

#endif /* STRATA_PROFILE_H */
