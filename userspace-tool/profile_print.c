// SPDX-License-Identifier: GPL-2.0
/* A sum of profiles as a table, as JSON, and as histograms. */

#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * profile_duration() - ticks for a reader, as 12.3us
 *
 * Return: @to.
 */
const char *profile_duration(char *to, size_t size, __u64 ticks, __u32 tsc_khz)
{
	double ns = tsc_khz ? ticks * 1e6 / tsc_khz : 0;

	if (ns < 9999.5)
		snprintf(to, size, "%.0fns", ns);
	else if (ns < 9999.5e3)
		snprintf(to, size, "%.1fus", ns / 1e3);
	else if (ns < 9999.5e6)
		snprintf(to, size, "%.1fms", ns / 1e6);
	else
		snprintf(to, size, "%.1fs", ns / 1e9);
	return to;
}

/* The most costly first. */
static int by_ticks(const void *a, const void *b)
{
	const struct profile_reason *x = *(const struct profile_reason *const *)a;
	const struct profile_reason *y = *(const struct profile_reason *const *)b;

	if (x->ticks != y->ticks)
		return x->ticks < y->ticks ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Those that happened, in that order. */
static unsigned int sorted(const struct profile_sum *sum, const struct profile_reason **rows)
{
	unsigned int i, n = 0;

	for (i = 0; i < sum->nr_reasons; i++)
		if (sum->reason[i].count)
			rows[n++] = &sum->reason[i];
	if (n)
		qsort(rows, n, sizeof(rows[0]), by_ticks);
	return n;
}

/* The columns of profile_print_cost(), and the line's end. */
void profile_print_cost_heading(const struct profile_sum *sum)
{
	unsigned int i;

	printf(" %7s %10s %10s %10s %7s", "time", "p50", "p99", "max", "kernel");
	for (i = 0; i < sum->nr_parts; i++)
		printf(" %10s", sum->part_name[i]);
	printf("\n");
}

/**
 * profile_print_cost() - the end of a line: what the exits of a reason cost
 * @sum: that @r belongs to
 * @r: the reason
 * @whole: ticks that shares are of
 */
void profile_print_cost(const struct profile_sum *sum, const struct profile_reason *r,
			__u64 whole)
{
	char p50[16], p99[16], max[16];
	unsigned int i;

	printf(" %6.2f%% %10s %10s %10s %6.2f%%", percent(r->ticks, whole),
	       profile_duration(p50, sizeof(p50), profile_quantile(r, sum->nr_buckets, 0.5),
				sum->tsc_khz),
	       profile_duration(p99, sizeof(p99), profile_quantile(r, sum->nr_buckets, 0.99),
				sum->tsc_khz),
	       profile_duration(max, sizeof(max), r->max, sum->tsc_khz),
	       percent(r->kernel, whole));
	for (i = 0; i < sum->nr_parts; i++)
		printf(" %9.2f%%", percent(r->part[i], whole));
	printf("\n");
}

static void print_row(const struct profile_sum *sum, const struct profile_reason *r, __u64 whole)
{
	printf("%-18s %10llu", r->name, (unsigned long long)r->count);
	profile_print_cost(sum, r, whole);
}

/* How long software takes to switch to a guest and back, from the sample. */
static double switch_each(const struct profile_sum *sum)
{
	return sum->switches ? (double)sum->switch_ticks / sum->switches : 0;
}

/* The calibrating guest's ticks have the software's part in them. */
static double hardware_each(const struct profile_sum *sum, double ticks)
{
	double each = ticks - switch_each(sum);

	return each > 0 ? each : 0;
}

static void print_estimate(const struct profile_sum *sum, const char *name, double each,
			   __u64 whole)
{
	char text[16];

	printf("%-18s %10s %6.2f%%    estimated, %s each\n", name, "",
	       percent(each * sum->all.count, whole),
	       profile_duration(text, sizeof(text), each, sum->tsc_khz));
}

/**
 * profile_print_table() - the reasons, the most costly first, with whose time it was
 *
 * @hardware: calibrate_switch()'s ticks; 0: not known
 *
 * Shares are of all time since the first entry: guest, kernel, user space and
 * waiting make 100 %.
 */
void profile_print_table(const struct profile_sum *sum, double hardware)
{
	const struct profile_reason *rows[MAX_REASONS];
	__u64 whole = sum->guest + sum->all.ticks;
	unsigned int i, n = sorted(sum, rows);

	printf("%-18s %10s", "exit reason", "count");
	profile_print_cost_heading(sum);
	for (i = 0; i < n; i++)
		print_row(sum, rows[i], whole);
	print_row(sum, &sum->all, whole);
	printf("%-18s %10s %6.2f%%\n", "the guest itself", "", percent(sum->guest, whole));
	if (sum->switches)
		print_estimate(sum, "  switches", switch_each(sum), whole);
	if (hardware)
		print_estimate(sum, "  hardware", hardware_each(sum, hardware), whole);
}

static void json_reason(const struct profile_sum *sum, const struct profile_reason *r)
{
	unsigned int i, last = 0;

	printf("{\"count\": %llu, \"ticks\": %llu, \"max\": %llu, \"kernel\": %llu",
	       (unsigned long long)r->count, (unsigned long long)r->ticks,
	       (unsigned long long)r->max, (unsigned long long)r->kernel);
	for (i = 0; i < sum->nr_parts; i++)
		printf(", \"%s\": %llu", sum->part_name[i], (unsigned long long)r->part[i]);
	for (i = 0; i < sum->nr_buckets; i++)
		if (r->hist[i])
			last = i + 1;
	printf(", \"log2\": [");
	for (i = 0; i < last; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)r->hist[i]);
	printf("]}");
}

/**
 * profile_print_json() - the same, all of it, in TSC ticks
 *
 * @hardware: as above
 *
 * The array "log2" has for n the number of exits from 2^n ticks on, up to the last
 * that is not 0.
 */
void profile_print_json(const struct profile_sum *sum, double hardware)
{
	const struct profile_reason *rows[MAX_REASONS];
	unsigned int i, n = sorted(sum, rows);

	printf("{\"vcpus\": %u, \"tsc_khz\": %u, \"guest\": %llu, \"user_exits\": %llu,\n",
	       sum->nr_vcpus, sum->tsc_khz, (unsigned long long)sum->guest,
	       (unsigned long long)sum->user_exits);
	printf(" \"switches_sampled\": %llu, \"ticks_per_switch\": %.1f,\n",
	       (unsigned long long)sum->switches, switch_each(sum));
	if (hardware)
		printf(" \"hardware_ticks_per_switch\": %.1f,\n", hardware_each(sum, hardware));
	printf(" \"all\": ");
	json_reason(sum, &sum->all);
	printf(",\n \"reasons\": {");
	for (i = 0; i < n; i++) {
		printf("%s\n  \"%s\": ", i ? "," : "", rows[i]->name);
		json_reason(sum, rows[i]);
	}
	printf("\n }}\n");
}

/* The reason's place, or -1. */
int profile_find_reason(const struct profile_sum *sum, const char *name)
{
	unsigned int i;

	for (i = 0; i < sum->nr_reasons; i++)
		if (!strcmp(sum->reason[i].name, name))
			return i;
	return -1;
}

#define BAR	40

static void print_one_hist(const struct profile_sum *sum, const struct profile_reason *r)
{
	unsigned int first = sum->nr_buckets, last = 0, i;
	char from[16], to[16];
	__u64 most = 0;

	for (i = 0; i < sum->nr_buckets; i++) {
		if (!r->hist[i])
			continue;
		if (first > i)
			first = i;
		last = i;
		if (r->hist[i] > most)
			most = r->hist[i];
	}
	printf("%s: %llu exits\n", r->name, (unsigned long long)r->count);
	for (i = first; i <= last && first < sum->nr_buckets; i++) {
		unsigned int length = (r->hist[i] * BAR + most - 1) / most;

		profile_duration(from, sizeof(from), i ? 1ull << i : 0, sum->tsc_khz);
		profile_duration(to, sizeof(to), i < 63 ? 2ull << i : ~0ull, sum->tsc_khz);
		printf("  %9s to %9s %10llu |%.*s\n", from, to, (unsigned long long)r->hist[i],
		       length, "########################################");
	}
}

/**
 * profile_print_hist() - how long exits took, as bars
 * @sum: the figures
 * @reason: one reason's; NULL: each one's that happened
 */
void profile_print_hist(const struct profile_sum *sum, const char *reason)
{
	const struct profile_reason *rows[MAX_REASONS];
	unsigned int i, n;

	if (reason) {
		print_one_hist(sum, &sum->reason[profile_find_reason(sum, reason)]);
		return;
	}
	n = sorted(sum, rows);
	for (i = 0; i < n; i++)
		print_one_hist(sum, rows[i]);
}
