// SPDX-License-Identifier: GPL-2.0
/* strata top: what the exits of all VMs cost, again and again. */

#include "profile.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct row {
	__u32 vm, vcpu;
	const struct profile_reason *r;
	const struct profile_sum *sum;
};

enum sort { SORT_TIME, SORT_COUNT, SORT_P99, SORT_MAX, SORT_VM };

static const char * const sort_names[] = { "time", "count", "p99", "max", "vm" };

static enum sort sort_by;
static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

static __u64 key(const struct row *row)
{
	switch (sort_by) {
	case SORT_COUNT:
		return row->r->count;
	case SORT_P99:
		return profile_quantile(row->r, row->sum->nr_buckets, 0.99);
	case SORT_MAX:
		return row->r->max;
	default:
		return row->r->ticks;
	}
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	__u64 k = key(x), l = key(y);

	if (sort_by == SORT_VM && (x->vm != y->vm || x->vcpu != y->vcpu))
		return x->vm != y->vm ? (x->vm < y->vm ? -1 : 1) :
					(x->vcpu < y->vcpu ? -1 : 1);
	return k != l ? (k < l ? 1 : -1) : strcmp(x->r->name, y->r->name);
}

/* @any: tells the parts' names, where there is no row */
static void print_rows(struct row *rows, unsigned int n, unsigned int room, double seconds,
		       const struct profile_sum *any)
{
	unsigned int i;

	qsort(rows, n, sizeof(rows[0]), compare);
	printf("%5s %4s %-18s %10s", "VM", "VCPU", "exit reason", "count/s");
	profile_print_cost_heading(any);
	for (i = 0; i < n && i < room; i++) {
		const struct profile_reason *r = rows[i].r;
		const struct profile_sum *sum = rows[i].sum;

		printf("%5u %4u %-18s %10.1f", rows[i].vm, rows[i].vcpu, r->name,
		       r->count / seconds);
		profile_print_cost(sum, r, sum->guest + sum->all.ticks);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* How many lines of rows the terminal has; all of them where there is none. */
static unsigned int room_for_rows(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) || w.ws_row < 8)
		return ~0u;
	return w.ws_row - 4;
}

/*
 * One interval: what the vCPUs that exist at its beginning did until its end. 0, or
 * a status.
 */
static int round_of(const char *device, const struct profile_choice *choice, double interval)
{
	struct profile_sum *before, *after;
	unsigned int i, r, n = 0;
	struct row *rows;
	struct profiles ps;
	double from, took;
	int status = 0;
	__u64 guest = 0, whole = 0;

	if (profiles_open(device, choice, &ps))
		return STATUS_HOST_ERROR;
	before = calloc(ps.nr + 1, sizeof(*before));
	after = calloc(ps.nr + 1, sizeof(*after));
	rows = calloc((size_t)ps.nr * MAX_REASONS + 1, sizeof(*rows));
	if (!before || !after || !rows) {
		err("out of memory");
		status = STATUS_HOST_ERROR;
		goto out;
	}
	from = now();
	for (i = 0; i < ps.nr; i++)
		profiles_sum(&(struct profiles){ .v = &ps.v[i], .nr = 1 }, &before[i]);
	while (!ended && now() - from < interval)
		poll(NULL, 0, (interval - (now() - from)) * 1000 + 1);
	took = now() - from;
	for (i = 0; i < ps.nr; i++) {
		profiles_sum(&(struct profiles){ .v = &ps.v[i], .nr = 1 }, &after[i]);
		profile_sum_subtract(&after[i], &before[i]);
		guest += after[i].guest;
		whole += after[i].guest + after[i].all.ticks;
		for (r = 0; r < after[i].nr_reasons; r++)
			if (after[i].reason[r].count)
				rows[n++] = (struct row){
					.vm = ps.v[i].id.vm, .vcpu = ps.v[i].id.vcpu,
					.r = &after[i].reason[r], .sum = &after[i],
				};
	}
	if (ended)
		goto out;
	if (isatty(STDOUT_FILENO))
		printf("\033[H\033[J");
	printf("%u vCPUs, %.1f s, %.2f%% of their time in guests; sorted by %s\n", ps.nr, took,
	       percent(guest, whole), sort_names[sort_by]);
	control_print_limits();
	print_rows(rows, n, room_for_rows(), took, after);
	fflush(stdout);
out:
	free(rows);
	free(after);
	free(before);
	profiles_close(&ps);
	return status;
}

static int bad(const char *what, const char *value)
{
	err("%s, not '%s'; see 'strata help top'", what, value);
	return STATUS_USAGE;
}

int cmd_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "interval", required_argument, NULL, 'i' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "sort", required_argument, NULL, 's' },
		{ 0 }
	};
	struct profile_choice choice = { .vcpu = -1 };
	const char *device = STRATA_DEVICE;
	unsigned int rounds = 0, i;
	double interval = 1;
	int c, status = 0;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			device = optarg;
			break;
		case 'i':
			if (parse_seconds(optarg, 0.01, &interval))
				return bad("--interval needs a number of seconds", optarg);
			break;
		case 'n':
			if (parse_number(optarg, ~0u, &rounds))
				return bad("--rounds needs a number from 1", optarg);
			break;
		case 's':
			for (i = 0; i < ARRAY_SIZE(sort_names); i++)
				if (!strcmp(optarg, sort_names[i]))
					break;
			if (i == ARRAY_SIZE(sort_names))
				return bad("--sort needs time, count, p99, max or vm", optarg);
			sort_by = i;
			break;
		default:
			return profile_bad_option(argv, "top");
		}
	}
	if (optind < argc && profile_parse_vm(argv[optind++], &choice))
		return STATUS_USAGE;
	if (optind < argc)
		return bad("one VM at most", argv[optind]);

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	for (i = 0; !ended && !status && (!rounds || i < rounds); i++)
		status = round_of(device, &choice, interval);
	return status;
}
