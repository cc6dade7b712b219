// SPDX-License-Identifier: GPL-2.0
/* Numbers for a reader. A @khz of 0 means that they are nanoseconds already. */
#include "common.h"

/**
 * duration() - nanoseconds as 12.3us
 *
 * Return: @to.
 */
const char *duration(char *to, size_t size, double ns)
{
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

double ticks_to_ns(__u64 ticks, __u32 khz)
{
	return khz ? ticks * 1e6 / khz : ticks;
}

/**
 * quantile_ns() - how long the shorter part took at most
 * @hist: how many took from 2^i on
 * @n: how many buckets there are
 * @q: the shorter part, 0 to 1
 * @khz: of the histogram's unit
 *
 * Inside a bucket they are taken to be spread evenly.
 */
double quantile_ns(const __u64 *hist, unsigned int n, double q, __u32 khz)
{
	double wanted, seen = 0, all = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		all += hist[i];
	wanted = q * all;
	for (i = 0; i < n; i++) {
		if (hist[i] && seen + hist[i] >= wanted) {
			double low = i ? (double)(1ull << i) : 0, width = i ? low : 2;

			return (low + width * (wanted - seen) / hist[i]) * (khz ? 1e6 / khz : 1);
		}
		seen += hist[i];
	}
	return 0;
}

#define BAR	40

void print_hist(const __u64 *hist, unsigned int n, __u32 khz)
{
	unsigned int first = n, last = 0, i;
	char from[16], to[16];
	__u64 most = 0;

	for (i = 0; i < n; i++) {
		if (!hist[i])
			continue;
		if (first > i)
			first = i;
		last = i;
		if (hist[i] > most)
			most = hist[i];
	}
	for (i = first; i <= last && first < n; i++)
		printf("  %9s to %9s %10llu |%.*s\n",
		       duration(from, sizeof(from), i ? ticks_to_ns(1ull << i, khz) : 0),
		       duration(to, sizeof(to), 2 * ticks_to_ns(1ull << i, khz)),
		       (unsigned long long)hist[i], (int)((hist[i] * BAR + most - 1) / most),
		       "########################################");
}

/* The array, up to the last that is not 0. */
void print_json_hist(const __u64 *hist, unsigned int n)
{
	unsigned int i;

	while (n && !hist[n - 1])
		n--;
	printf("[");
	for (i = 0; i < n; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)hist[i]);
	printf("]");
}

void print_exit_heading(void)
{
	printf("%14s %4s %4s %-16s %-18s %-18s %10s %10s %10s %10s %10s\n", "TIME", "VM", "VCPU",
	       "exit reason", "rip", "detail", "took", "kernel", "user", "waiting", "host-fault");
}

/* What of an exit's time was the kernel's: what is left of it. */
static __u64 kernel_ticks(const struct exit_event *e)
{
	return e->ticks - e->user - e->waiting - e->fault;
}

void print_exit(const struct exit_event *e, __u32 khz)
{
	char text[5][16];

	printf("%14.6f %4u %4u %-16s 0x%-16llx 0x%-16llx %10s %10s %10s %10s %10s\n", e->ns / 1e9,
	       e->vm, e->vcpu, reason_name(e->reason), (unsigned long long)e->rip,
	       (unsigned long long)e->detail,
	       duration(text[0], sizeof(text[0]), ticks_to_ns(e->ticks, khz)),
	       duration(text[1], sizeof(text[1]), ticks_to_ns(kernel_ticks(e), khz)),
	       duration(text[2], sizeof(text[2]), ticks_to_ns(e->user, khz)),
	       duration(text[3], sizeof(text[3]), ticks_to_ns(e->waiting, khz)),
	       duration(text[4], sizeof(text[4]), ticks_to_ns(e->fault, khz)));
}

void print_json_exit(const struct exit_event *e, __u32 khz)
{
	printf("{\"time_ns\": %llu, \"vm\": %u, \"vcpu\": %u, \"reason\": \"%s\", "
	       "\"hw_code\": %u, \"rip\": %llu, \"detail\": %llu, \"ticks\": %llu, "
	       "\"kernel\": %llu, \"user\": %llu, \"waiting\": %llu, \"host-fault\": %llu, "
	       "\"tsc_khz\": %u}", (unsigned long long)e->ns, e->vm, e->vcpu,
	       reason_name(e->reason), e->hw_code, (unsigned long long)e->rip,
	       (unsigned long long)e->detail, (unsigned long long)e->ticks,
	       (unsigned long long)kernel_ticks(e), (unsigned long long)e->user,
	       (unsigned long long)e->waiting, (unsigned long long)e->fault, khz);
}
