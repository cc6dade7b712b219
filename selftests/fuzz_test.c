// SPDX-License-Identifier: GPL-2.0
/*
 * Random state and random ioctls on vCPUs that run random code between them.
 * Nothing is promised to such a guest, but four things hold: KVM_RUN ends for
 * a documented reason, what a vCPU says of itself can be set again and is then
 * the same, the host's own registers stay, and another VM works.
 *
 * All follows from one number: round n of seed s is round 0 of seed s + n.
 *	STRATA_FUZZ_SEED=S STRATA_FUZZ_ROUNDS=N STRATA_TEST_SECONDS=T fuzz_test
 */
#include <signal.h>
#include <time.h>

#include "fuzz.h"
#include "strata_test.h"

#define ROUNDS	60
#define STEPS	40
#define RUN_NS	3000000		/* a guest that does not stop is stopped */

static void on_tick(int sig)
{
}

TEST(random_ioctls_and_code)
{
	static const struct itimerspec every = { { 0, RUN_NS }, { 0, RUN_NS } }, never;
	struct sigevent tick = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	uint64_t seed = fuzz_env("STRATA_FUZZ_SEED", 1);
	uint64_t n, rounds = fuzz_env("STRATA_FUZZ_ROUNDS", ROUNDS);
	struct sigaction sa = { .sa_handler = on_tick };
	timer_t timer;
	int i;

	sigaction(SIGUSR2, &sa, NULL);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &tick, &timer));
	for (n = 0; n < rounds; n++) {
		struct fuzz *f = fuzz_create(seed + n);

		/* Making a VM is interruptible too, so the ticks begin here. */
		ASSERT_EQ(0, timer_settime(timer, 0, &every, NULL));
		for (i = 0; i < STEPS; i++) {
			if (i % 3 == 0)
				fuzz_vm_step(f);
			else
				fuzz_vcpu_step(f, i & 1);
		}
		ASSERT_EQ(0, timer_settime(timer, 0, &never, NULL));
		fuzz_free(f);
		fuzz_another_vm_works();
	}
	EXPECT_TRUE(fuzz_report());
}

TEST_HARNESS_MAIN
