// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2
 *
 * What the profile says of a vCPU that is in its guest at this moment.
 */
#include "profile.h"
#include "steady.h"
#include "strata_test.h"

/* The guest's time is less than nothing, until the reader adds the clock's. */
TEST(guest_time_goes_on)
{
	struct vm *vm = steady_vm(1);
	const struct strata_profile *p = profile_map(vm->vcpu[0]);
	uint64_t from = rdtsc(), ticks;
	int seen = 0;

	pin_to_cpu(0);
	vcpu_start(vm->vcpu[0], steady_run_on_1);
	steady_wait(vm);
	while (seen < 1000) {
		ticks = __atomic_load_n(&p->guest_ticks, __ATOMIC_RELAXED);
		if ((int64_t)ticks >= 0)
			continue;
		ASSERT_LT(ticks + rdtsc(), rdtsc() - from);
		seen++;
	}
	steady_end(vm);
	EXPECT_LT(0, (int64_t)p->guest_ticks);
	EXPECT_LT(p->guest_ticks, rdtsc() - from);
}

TEST_HARNESS_MAIN
