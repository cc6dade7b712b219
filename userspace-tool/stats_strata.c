// SPDX-License-Identifier: GPL-2.0
/* What strata tells of a run: a count and a cost for each exit reason. */

#include "launcher.h"
#include "../uapi/strata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define EXIT_NAME(id, name) [STRATA_EXIT_##id] = name,

static const char * const reason_names[STRATA_MAX_EXIT_REASONS] = {
	STRATA_EXIT_REASONS(EXIT_NAME)
};

struct row {
	char name[24];
	struct strata_exit_cost cost;
};

/* The sum of all vCPUs. */
static bool collect(struct vm *vm, struct strata_exit_stats *sum)
{
	struct strata_exit_stats one;
	unsigned int i, r;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < vm->nr_vcpus; i++) {
		memset(&one, 0, sizeof(one));
		one.size = sizeof(one);
		if (ioctl(vm->vcpus[i].fd, STRATA_GET_EXIT_STATS, &one))
			return false;
		sum->tsc_khz = one.tsc_khz;
		sum->guest_ticks += one.guest_ticks;
		for (r = 0; r < STRATA_MAX_EXIT_REASONS; r++) {
			sum->exit[r].count += one.exit[r].count;
			sum->exit[r].ticks += one.exit[r].ticks;
			if (one.exit[r].max > sum->exit[r].max)
				sum->exit[r].max = one.exit[r].max;
		}
	}
	return true;
}

static int by_ticks(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->cost.ticks != y->cost.ticks)
		return x->cost.ticks < y->cost.ticks ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void print_row(const struct row *row, __u64 whole)
{
	fprintf(stderr, "%-18s %10llu %7.2f %% %12llu %14llu\n", row->name,
		(unsigned long long)row->cost.count, percent(row->cost.ticks, whole),
		(unsigned long long)(row->cost.count ? row->cost.ticks / row->cost.count : 0),
		(unsigned long long)row->cost.max);
}

/**
 * stats_print_strata() - print the table of exits, the most costly first
 *
 * Return: false, with nothing printed, when the device is not strata.
 */
bool stats_print_strata(struct vm *vm)
{
	struct row rows[STRATA_MAX_EXIT_REASONS], all = { .name = "all exits" };
	struct strata_exit_stats sum;
	unsigned int r, n = 0;
	__u64 whole;

	if (!collect(vm, &sum))
		return false;
	for (r = 0; r < STRATA_MAX_EXIT_REASONS; r++) {
		const struct strata_exit_cost *cost = &sum.exit[r];

		/* What strata books there is the time before each vCPU's first entry. */
		if (!cost->count || r == STRATA_EXIT_BOGUS)
			continue;
		rows[n].cost = *cost;
		if (reason_names[r])
			snprintf(rows[n].name, sizeof(rows[n].name), "%s", reason_names[r]);
		else
			snprintf(rows[n].name, sizeof(rows[n].name), "reason %u", r);
		n++;
		all.cost.count += cost->count;
		all.cost.ticks += cost->ticks;
		if (cost->max > all.cost.max)
			all.cost.max = cost->max;
	}
	qsort(rows, n, sizeof(rows[0]), by_ticks);
	whole = sum.guest_ticks + all.cost.ticks;

	fprintf(stderr, "exits: %llu\n", (unsigned long long)all.cost.count);
	fprintf(stderr, "nested faults: %llu\n",
		(unsigned long long)sum.exit[STRATA_EXIT_NESTED_FAULT].count);
	fprintf(stderr, "%-18s %10s %9s %12s %14s\n", "exit reason", "count", "time",
		"mean, ticks", "longest, ticks");
	for (r = 0; r < n; r++)
		print_row(&rows[r], whole);
	print_row(&all, whole);
	fprintf(stderr, "%-18s %10s %7.2f %%\n", "the guest itself", "",
		percent(sum.guest_ticks, whole));
	fprintf(stderr, "(%llu ticks are 1 ms; an exit lasts until the next entry: "
		"hlt includes the wait, pio and mmio the launcher's part)\n",
		(unsigned long long)sum.tsc_khz);
	return true;
}
