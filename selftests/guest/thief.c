// SPDX-License-Identifier: GPL-2.0
/*
 * Work that sleeps when the tick comes: of each 4 ms it works the first MICROSECONDS, or all
 * of them with 0. Where CPU time is counted by ticks it would cost nothing. Prints once a
 * second how much it has done; statically linked, so that it runs in a guest.
 *
 *	thief MICROSECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NS		4000000ull
#define SECOND_NS	1000000000ull

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void sleep_until(unsigned long long ns)
{
	struct timespec t = { .tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
	unsigned long long busy = argc > 1 ? atoi(argv[1]) * 1000ull : 0, done = 0;
	unsigned long long told = now(), begin;
	volatile unsigned int work;

	for (;;) {
		begin = now();
		while (!busy || now() - begin < busy) {
			for (work = 0; work < 1000; work++)
				;
			done++;
			if (now() - told < SECOND_NS)
				continue;
			printf("guest: work %llu\n", done);
			fflush(stdout);
			told += SECOND_NS;
		}
		sleep_until((begin / TICK_NS + 1) * TICK_NS);
	}
}
