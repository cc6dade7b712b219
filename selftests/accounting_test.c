// SPDX-License-Identifier: GPL-2.0
/*
 * Who pays for the CPU: a guest's time is its thread's, and shows as guest
 * time; a guest that burns most of each tick and stops just before the next
 * one pays nonetheless.
 */
#include <time.h>

#include "strata_test.h"

/* Host time in ns that the calling thread has used. */
static uint64_t used(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Of the calling thread, in clock ticks of user space. */
struct times {
	unsigned long user, system, guest;
};

static struct times times(void)
{
	FILE *f = fopen("/proc/thread-self/stat", "r");
	char text[1024], *s;
	struct times t = { 0 };
	int field;

	if (!f || !fgets(text, sizeof(text), f))
		die("/proc/thread-self/stat: %s", strerror(errno));
	fclose(f);
	/* The second field is a name in brackets. */
	s = strrchr(text, ')');
	for (field = 2; s && field < 43; field++) {
		s = strchr(s + 1, ' ');
		if (s && field + 1 == 14)
			t.user = strtoul(s, NULL, 10);
		else if (s && field + 1 == 15)
			t.system = strtoul(s, NULL, 10);
		else if (s && field + 1 == 43)
			t.guest = strtoul(s, NULL, 10);
	}
	return t;
}

/* From the host, in the guest's copy. */
static volatile uint64_t burn;
/* To the host: ticks of the TSC that were burnt. */
static volatile uint64_t burnt;

static __guest void g_burn(uint64_t arg)
{
	for (;;) {
		uint64_t from = rdtsc();

		while (rdtsc() - from < burn)
			;
		burnt += rdtsc() - from;
		GUEST_SYNC(1);
	}
}

static struct vcpu *start(uint64_t *khz)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_burn);

	*khz = xioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
	return vcpu;
}

/*
 * Long enough for the ticks to sample it. Not all of it: a tick may find the
 * thread between two entries.
 */
TEST(guest_time)
{
	uint64_t khz;
	struct vcpu *vcpu = start(&khz);
	struct times before = times(), after;
	unsigned long all;
	int i;

	guest_var(vcpu->vm, burn) = khz * 100;
	for (i = 0; i < 10; i++)
		vcpu_run_sync(vcpu, 1);
	after = times();
	all = after.user + after.system - before.user - before.system;
	EXPECT_LT(0, after.guest - before.guest);
	EXPECT_LE(all / 2, after.guest - before.guest)
		TH_LOG("of %lu ticks %lu were the guest's", all, after.guest - before.guest);
}

#define ROUNDS	60

static void sleep_to_next(uint64_t period_ns, uint64_t offset_ns)
{
	struct timespec t;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = t.tv_sec * 1000000000ull + t.tv_nsec;
	now += period_ns - now % period_ns + offset_ns;
	t.tv_sec = now / 1000000000;
	t.tv_nsec = now % 1000000000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Whatever the kernel's HZ: 1000, 250 or 100. */
TEST(stolen_time)
{
	static const uint64_t periods[] = { 1000000, 4000000, 10000000 };
	uint64_t khz;
	struct vcpu *vcpu = start(&khz);
	unsigned int p;
	int i;

	for (p = 0; p < ARRAY_SIZE(periods); p++) {
		uint64_t paid = used(), ns;

		guest_var(vcpu->vm, burnt) = 0;
		guest_var(vcpu->vm, burn) = khz * (periods[p] / 1000) / 1000 * 85 / 100;
		for (i = 0; i < ROUNDS; i++) {
			sleep_to_next(periods[p], periods[p] / 20);
			vcpu_run_sync(vcpu, 1);
		}
		paid = used() - paid;
		/* On a busy host the guest's clock went on while it did not run. */
		ns = (uint64_t)ROUNDS * (periods[p] * 85 / 100);
		EXPECT_LE(ns / 2, paid)
			TH_LOG("%lu ns burnt, %lu ns paid", ns, paid);
	}
}

TEST_HARNESS_MAIN
