// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2
 *
 * The fuzzer of fuzz_test with three threads: two run a vCPU each and change
 * its state, the third changes the VM around them. The seed makes what each
 * of them does, but not how they meet.
 *	STRATA_FUZZ_SEED=S STRATA_FUZZ_ROUNDS=N STRATA_TEST_SECONDS=T fuzz_race_test
 */
#include <signal.h>
#include <time.h>

#include "fuzz.h"
#include "strata_test.h"

#define ROUNDS	30
#define STEPS	60
#define RUN_NS	1500000		/* a guest that does not stop is stopped */

static struct fuzz *f;
static uint64_t seed;

static void *run_vcpu(void *arg)
{
	struct vcpu *vcpu = arg;
	int i;

	fuzz_seed(seed * 2 + vcpu->id + 1);
	for (i = 0; i < STEPS; i++)
		fuzz_vcpu_step(f, vcpu->id);
	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return NULL;
}

static void on_tick(int sig)
{
}

TEST(three_threads)
{
	static const struct itimerspec every = { { 0, RUN_NS }, { 0, RUN_NS } }, never;
	struct sigevent tick = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct sigaction sa = { .sa_handler = on_tick };
	sigset_t ticks;
	timer_t timer;
	uint64_t n, rounds = fuzz_env("STRATA_FUZZ_ROUNDS", ROUNDS);

	sigaction(SIGUSR2, &sa, NULL);
	sigemptyset(&ticks);
	sigaddset(&ticks, SIGUSR2);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &tick, &timer));
	seed = fuzz_env("STRATA_FUZZ_SEED", 1);
	for (n = 0; n < rounds; n++, seed++) {
		int i;

		f = fuzz_create(seed);
		f->shared = true;
		for (i = 0; i < 2; i++)
			vcpu_start(f->vcpu[i], run_vcpu);
		/* They are for the threads of the vCPUs, in turn. */
		pthread_sigmask(SIG_BLOCK, &ticks, NULL);
		ASSERT_EQ(0, timer_settime(timer, 0, &every, NULL));
		while (!vcpu_finished(f->vcpu[0]) || !vcpu_finished(f->vcpu[1]))
			fuzz_vm_step(f);
		for (i = 0; i < 2; i++)
			vcpu_join(f->vcpu[i]);
		ASSERT_EQ(0, timer_settime(timer, 0, &never, NULL));
		pthread_sigmask(SIG_UNBLOCK, &ticks, NULL);
		fuzz_free(f);
		fuzz_another_vm_works();
	}
	EXPECT_TRUE(fuzz_report());
}

TEST_HARNESS_MAIN
