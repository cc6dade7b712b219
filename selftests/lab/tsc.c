// SPDX-License-Identifier: GPL-2.0
/*
 * Prints by how much the TSC advances over a fixed piece of work, for the test
 * of the counting test machine.
 */

#include <stdio.h>
#include <x86intrin.h>

int main(void)
{
	unsigned long long begin, best = ~0ULL, ticks;
	int round, i;

	/* The least of a few rounds: one that no interrupt fell into. */
	for (round = 0; round < 50; round++) {
		begin = __rdtsc();
		for (i = 0; i < 1000; i++)
			asm volatile("");
		ticks = __rdtsc() - begin;
		if (ticks < best)
			best = ticks;
	}
	printf("%llu\n", best);
	return 0;
}
