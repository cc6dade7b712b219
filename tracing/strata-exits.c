// SPDX-License-Identifier: GPL-2.0
/* strata-exits: how many exits, for which reasons, how long they took; and the long ones. */
#include "common.h"
#include "strata-exits.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "strata-exits.skel.h"

static const char help[] =
"usage: strata-exits [OPTION]... [-- COMMAND...]\n"
"\n"
"Count the exits of VMs until Ctrl-C, or until the command ends, and draw how long they\n"
"took, by powers of two. Counts are exact: each exit is told once, when it is handled.\n"
"\n"
"  --vm N             only that VM's, by its number in 'strata list'\n"
"  --vcpu N           only those of vCPUs with that id\n"
"  --reason NAME      only those of that reason\n"
"  --by WHAT          draw one histogram for each reason (the default), vcpu, or vm\n"
"  --longer-than T    print each exit that took T or more at once: 50us, 2ms\n"
"  --duration S       end after S seconds\n"
"  --json             print JSON\n";

enum by { BY_REASON, BY_VCPU, BY_VM };

static enum by by;
static unsigned long long longer_than;

static int parse_by(const char *value)
{
	static const char * const names[] = { "reason", "vcpu", "vm" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(value, names[i])) {
			by = i;
			return 0;
		}
	return -1;
}

static int parse_longer_than(const char *value)
{
	return parse_ns(value, &longer_than);
}

static const struct tool_option own_options[] = {
	{ "by", parse_by, "reason, vcpu or vm" },
	{ "longer-than", parse_longer_than, "a duration, such as 50us" },
	{ 0 }
};

static struct tool tool = { .name = "strata-exits" };
static struct strata_exits_bpf *skel;
static unsigned int nr_events;

static int on_event(void *ctx, void *data, size_t size)
{
	const char *separator = nr_events ? "," : "";

	(void)ctx;
	(void)size;
	nr_events++;
	if (tool.json) {
		printf("%s\n  ", separator);
		print_json_exit(data, skel->bss->tsc_khz);
	} else {
		print_exit(data, skel->bss->tsc_khz);
	}
	return 0;
}

/* The lines of one moment at once. */
static void read_events(void *ring)
{
	ring_buffer__consume(ring);
	fflush(stdout);
}

/* A row: the exits of a vCPU for one reason, or of some of them together. */
struct row {
	struct exit_key key;
	struct exit_cost cost;
};

static void add(struct exit_cost *to, const struct exit_cost *from)
{
	unsigned int i;

	to->count += from->count;
	to->ticks += from->ticks;
	to->user += from->user;
	to->waiting += from->waiting;
	to->fault += from->fault;
	if (from->max > to->max)
		to->max = from->max;
	for (i = 0; i < BUCKETS; i++)
		to->hist[i] += from->hist[i];
}

/* Rows by vCPU and reason, from those of each CPU. */
static struct row *read_rows(unsigned int *nr)
{
	unsigned int cpus = libbpf_num_possible_cpus(), i, cpu;
	size_t key_size = (sizeof(struct exit_key) + 7) / 8 * 8;
	size_t size = key_size + cpus * sizeof(struct exit_cost);
	char *all = map_read(&tool, bpf_map__fd(skel->maps.costs), sizeof(struct exit_key),
			     sizeof(struct exit_cost), cpus, nr);
	struct row *rows = calloc(*nr + 1, sizeof(*rows));

	if (!rows)
		fail(&tool, "out of memory");
	for (i = 0; i < *nr; i++) {
		const struct exit_cost *costs = (void *)(all + i * size + key_size);

		memcpy(&rows[i].key, all + i * size, sizeof(rows[i].key));
		for (cpu = 0; cpu < cpus; cpu++)
			add(&rows[i].cost, &costs[cpu]);
	}
	free(all);
	return rows;
}

static bool same_group(const struct exit_key *a, const struct exit_key *b)
{
	switch (by) {
	case BY_REASON:
		return a->reason == b->reason;
	case BY_VCPU:
		return a->vm == b->vm && a->vcpu == b->vcpu;
	default:
		return a->vm == b->vm;
	}
}

static int most_time_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->cost.ticks < y->cost.ticks ? 1 : x->cost.ticks > y->cost.ticks ? -1 : 0;
}

/* Puts rows of one group together, in place. How many groups there are. */
static unsigned int group(struct row *rows, unsigned int nr)
{
	unsigned int groups = 0, i, g;

	for (i = 0; i < nr; i++) {
		for (g = 0; g < groups && !same_group(&rows[g].key, &rows[i].key); g++)
			;
		if (g == groups)
			rows[groups++] = rows[i];
		else
			add(&rows[g].cost, &rows[i].cost);
	}
	qsort(rows, groups, sizeof(*rows), most_time_first);
	return groups;
}

static void print_group(const struct row *r, __u32 khz)
{
	const struct exit_cost *c = &r->cost;
	__u64 parts = c->user + c->waiting + c->fault;
	char text[7][16];

	switch (by) {
	case BY_REASON:
		printf("%s", reason_name(r->key.reason));
		break;
	case BY_VCPU:
		printf("vm %u vcpu %u", r->key.vm, r->key.vcpu);
		break;
	default:
		printf("vm %u", r->key.vm);
	}
	printf(": %llu exits, %s in all (kernel %s, user %s, waiting %s, host-fault %s), "
	       "p50 %s, p99 %s, max ", (unsigned long long)c->count,
	       duration(text[0], sizeof(text[0]), ticks_to_ns(c->ticks, khz)),
	       duration(text[1], sizeof(text[1]), ticks_to_ns(c->ticks - parts, khz)),
	       duration(text[2], sizeof(text[2]), ticks_to_ns(c->user, khz)),
	       duration(text[3], sizeof(text[3]), ticks_to_ns(c->waiting, khz)),
	       duration(text[4], sizeof(text[4]), ticks_to_ns(c->fault, khz)),
	       duration(text[5], sizeof(text[5]), quantile_ns(c->hist, BUCKETS, 0.5, khz)),
	       duration(text[6], sizeof(text[6]), quantile_ns(c->hist, BUCKETS, 0.99, khz)));
	printf("%s\n", duration(text[0], sizeof(text[0]), ticks_to_ns(c->max, khz)));
	print_hist(c->hist, BUCKETS, khz);
}

static void print_json_row(const struct row *r)
{
	const struct exit_cost *c = &r->cost;

	printf("{\"vm\": %u, \"vcpu\": %u, \"reason\": \"%s\", \"count\": %llu, \"ticks\": %llu, "
	       "\"max\": %llu, \"kernel\": %llu, \"user\": %llu, \"waiting\": %llu, "
	       "\"host-fault\": %llu, \"log2\": ", r->key.vm, r->key.vcpu,
	       reason_name(r->key.reason), (unsigned long long)c->count,
	       (unsigned long long)c->ticks, (unsigned long long)c->max,
	       (unsigned long long)(c->ticks - c->user - c->waiting - c->fault),
	       (unsigned long long)c->user, (unsigned long long)c->waiting,
	       (unsigned long long)c->fault);
	print_json_hist(c->hist, BUCKETS);
	printf("}");
}

static void print_all(void)
{
	__u32 khz = skel->bss->tsc_khz;
	unsigned int nr, i;
	struct row *rows = read_rows(&nr);

	if (tool.json) {
		printf("%s\"tsc_khz\": %u, \"lost\": %llu, \"exits\": [", longer_than ? "\n ],\n " : "{",
		       khz, (unsigned long long)skel->bss->lost);
		for (i = 0; i < nr; i++) {
			printf("%s\n  ", i ? "," : "");
			print_json_row(&rows[i]);
		}
		printf("\n ]}\n");
	} else {
		nr = group(rows, nr);
		for (i = 0; i < nr; i++)
			print_group(&rows[i], khz);
		if (!nr)
			printf("no exits\n");
	}
	free(rows);
}

int main(int argc, char **argv)
{
	struct ring_buffer *ring;
	int status;

	libbpf_set_print(NULL);
	if (argc < 2 || strcmp(argv[1], "--help"))
		names_load(&tool);
	tool_parse(&tool, argc, argv, help, true, own_options);
	skel = strata_exits_bpf__open();
	if (!skel)
		fail(&tool, "out of memory");
	skel->rodata->only_vm = tool.vm;
	skel->rodata->only_vcpu = tool.vcpu;
	skel->rodata->only_reason = tool.reason;
	skel->rodata->longer_than_ns = longer_than;
	tool_attached(&tool, strata_exits_bpf__load(skel));
	ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!ring)
		fail(&tool, "the events' buffer cannot be mapped");
	tool_attached(&tool, strata_exits_bpf__attach(skel));

	if (longer_than && tool.json)
		printf("{\"longer\": [");
	else if (longer_than)
		print_exit_heading();
	status = tool_wait(&tool, longer_than ? read_events : NULL, ring);
	strata_exits_bpf__detach(skel);
	if (longer_than)
		read_events(ring);
	print_all();
	tool_lost(&tool, skel->bss->lost);
	ring_buffer__free(ring);
	strata_exits_bpf__destroy(skel);
	return status;
}
