// SPDX-License-Identifier: GPL-2.0
/*
 * lab: vmx kernels
 *
 * The tracepoint strata_exit_done: one event for each exit, with the truth about
 * it, by the names that the event's format tells; and what it says adds up to what
 * the profile says.
 */
#include "strata_test.h"
#include "profile.h"
#include "trace.h"

/* What the events of one reason say, added up. */
struct sum {
	uint64_t count, ticks, user, waiting, fault, last_detail, bad;
};

/* Reads the events of a VM; those of the reason "all" whatever the reason. */
static struct sum events(unsigned int vm, const char *reason, uint64_t detail)
{
	struct sum s = { 0 };
	struct trace_exit e;
	FILE *f = trace_open();

	while (trace_next_exit(f, vm, &e)) {
		if (strcmp(reason, "all") && strcmp(reason, e.reason))
			continue;
		s.count++;
		s.ticks += e.ticks;
		s.user += e.user;
		s.waiting += e.waiting;
		s.fault += e.fault;
		s.bad += detail != ~0ull && e.detail != detail;
		s.last_detail = e.detail;
	}
	fclose(f);
	return s;
}

#define N	1000
#define PORT	0x80

static __guest void g_work(uint64_t arg)
{
	uint32_t r[4];
	int i;

	GUEST_SYNC(1);
	for (i = 0; i < N; i++) {
		cpuid(0x80000000, 0, r);
		rdmsr(0x1b);
		wrmsr(0x277, 0x0007040600070406);
	}
	GUEST_SYNC(2);
	GUEST_SYNC(3);
	GUEST_DONE();
}

TEST(each_exit_once)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_work);
	const struct strata_profile *p;
	struct strata_profile *before;
	struct sum s, all;
	uint64_t count = 0, ticks = 0, rdmsrs;
	unsigned int i;

	if (!trace_on("strata_exit_done"))
		SKIP(return, "needs root and tracefs");
	trace_clear();
	p = profile_map(vcpu);
	before = malloc(sizeof(*before));

	pin_to_cpu(0);
	vcpu_run_sync(vcpu, 1);
	trace_clear();
	memcpy(before, p, sizeof(*p));
	vcpu_run_sync(vcpu, 2);
	trace_off();

	s = events(p->vm, "cpuid", 0x80000000);
	EXPECT_EQ(N, s.count);
	EXPECT_EQ(0, s.bad);
	s = events(p->vm, "msr-read", 0x1b);
	EXPECT_EQ(N, s.count);
	EXPECT_EQ(0, s.bad);
	rdmsrs = profile_exits(&p->reason[STRATA_EXIT_MSR_READ]) -
		 profile_exits(&before->reason[STRATA_EXIT_MSR_READ]);
	EXPECT_EQ(N, rdmsrs);
	EXPECT_EQ(p->reason[STRATA_EXIT_MSR_READ].ticks - before->reason[STRATA_EXIT_MSR_READ].ticks,
		  s.ticks);
	s = events(p->vm, "pio", ~0ull);
	EXPECT_EQ(1, s.count);
	EXPECT_EQ(p->reason[STRATA_EXIT_PIO].part[STRATA_PART_USER] -
		  before->reason[STRATA_EXIT_PIO].part[STRATA_PART_USER], s.user);

	/* Nothing is lost, and nothing told twice. */
	all = events(p->vm, "all", ~0ull);
	for (i = 0; i < STRATA_NR_EXIT_REASONS; i++) {
		count += profile_exits(&p->reason[i]) - profile_exits(&before->reason[i]);
		ticks += p->reason[i].ticks - before->reason[i].ticks;
	}
	EXPECT_EQ(count, all.count);
	EXPECT_EQ(ticks, all.ticks);
	EXPECT_EQ(0, all.bad);

	/* Switched off, it tells nothing. */
	trace_clear();
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ(0, events(p->vm, "all", ~0ull).count);
}

TEST_HARNESS_MAIN
