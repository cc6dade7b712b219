// SPDX-License-Identifier: GPL-2.0
/*
 * `--stats`: what the run cost.  The launcher counts the exits that reached it;
 * how many there were in all, and what each cost, only the hypervisor knows.
 */

#include "launcher.h"

#include <stdio.h>

static void print_user_exits(struct vm *vm)
{
	__u64 sum = 0, interrupted = 0;
	unsigned int i, reason;

	fprintf(stderr, "exits to the launcher:\n");
	for (reason = 0; reason < NR_USER_EXITS; reason++) {
		__u64 count = 0;

		for (i = 0; i < vm->nr_vcpus; i++)
			count += vm->vcpus[i].user_exits[reason];
		if (count)
			fprintf(stderr, "  %-28s %12llu\n", exit_reason_name(reason),
				(unsigned long long)count);
		sum += count;
	}
	for (i = 0; i < vm->nr_vcpus; i++)
		interrupted += vm->vcpus[i].interrupted;
	if (interrupted)
		fprintf(stderr, "  %-28s %12llu\n", "(signals)", (unsigned long long)interrupted);
	fprintf(stderr, "user exits: %llu\n", (unsigned long long)sum);
}

static void print_seconds(const char *name, __u64 ns)
{
	fprintf(stderr, "%s: %llu.%03llu s\n", name, (unsigned long long)(ns / 1000000000),
		(unsigned long long)(ns / 1000000 % 1000));
}

/**
 * stats_print() - the summary after a run, on standard error
 * @vm: its vCPUs must not run any more
 *
 * The lines "wall time", "cpu time", "exits", "nested faults" and "user exits"
 * are for scripts too: a name, a colon and a number.
 */
void stats_print(struct vm *vm)
{
	print_seconds("wall time", vm->wall_ns);
	print_seconds("cpu time", vm->cpu_ns);
	if (!stats_print_strata(vm) && !stats_print_kvm(vm))
		fprintf(stderr, "the device has no statistics of exits\n");
	print_user_exits(vm);
}
