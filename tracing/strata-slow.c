// SPDX-License-Identifier: GPL-2.0
/* strata-slow: the exits that took longest. */
#include "common.h"
#include "strata-slow.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "strata-slow.skel.h"

static const char help[] =
"usage: strata-slow [OPTION]... [-- COMMAND...]\n"
"\n"
"Find the exits of VMs that took longest, until Ctrl-C, or until the command ends: where\n"
"the guest was, what it was about, and whose time it was.\n"
"\n"
"  --vm N             only that VM's, by its number in 'strata list'\n"
"  --vcpu N           only those of vCPUs with that id\n"
"  --reason NAME      only those of that reason\n"
"  --top N            print so many, 1 to 64 (default: 10)\n"
"  --duration S       end after S seconds\n"
"  --json             print JSON\n";

static unsigned long long top = 10;

static int parse_top(const char *value)
{
	return parse_number(value, MOST, &top) || !top ? -1 : 0;
}

static const struct tool_option own_options[] = {
	{ "top", parse_top, "a number from 1 to 64" },
	{ 0 }
};

static struct tool tool = { .name = "strata-slow" };
static struct strata_slow_bpf *skel;

static int longest_first(const void *a, const void *b)
{
	const struct exit_event *x = a, *y = b;

	return x->ticks < y->ticks ? 1 : x->ticks > y->ticks ? -1 : 0;
}

/* Those of all CPUs, the longest first. */
static struct exit_event *read_all(unsigned int *nr)
{
	unsigned int cpus = libbpf_num_possible_cpus(), cpu;
	struct slowest *s = calloc(cpus, sizeof(*s));
	struct exit_event *e = calloc(cpus, sizeof(s->exit));
	__u32 zero = 0;

	if (!s || !e)
		fail(&tool, "out of memory");
	*nr = 0;
	if (bpf_map_lookup_elem(bpf_map__fd(skel->maps.slowest), &zero, s))
		fail(&tool, "the exits cannot be read");
	for (cpu = 0; cpu < cpus; cpu++) {
		memcpy(e + *nr, s[cpu].exit, s[cpu].nr * sizeof(*e));
		*nr += s[cpu].nr;
	}
	free(s);
	qsort(e, *nr, sizeof(*e), longest_first);
	return e;
}

static void print_all(void)
{
	__u32 khz = skel->bss->tsc_khz;
	unsigned int nr, i;
	struct exit_event *e = read_all(&nr);

	if (tool.json)
		printf("{\"exits\": [");
	else if (nr)
		print_exit_heading();
	else
		printf("no exits\n");
	for (i = 0; i < nr && i < top; i++) {
		if (!tool.json) {
			print_exit(&e[i], khz);
			continue;
		}
		printf("%s\n  ", i ? "," : "");
		print_json_exit(&e[i], khz);
	}
	if (tool.json)
		printf("\n ]}\n");
	free(e);
}

int main(int argc, char **argv)
{
	int status;

	libbpf_set_print(NULL);
	if (argc < 2 || strcmp(argv[1], "--help"))
		names_load(&tool);
	tool_parse(&tool, argc, argv, help, true, own_options);
	skel = strata_slow_bpf__open();
	if (!skel)
		fail(&tool, "out of memory");
	skel->rodata->only_vm = tool.vm;
	skel->rodata->only_vcpu = tool.vcpu;
	skel->rodata->only_reason = tool.reason;
	tool_attached(&tool, strata_slow_bpf__load(skel));
	tool_attached(&tool, strata_slow_bpf__attach(skel));
	status = tool_wait(&tool, NULL, NULL);
	strata_slow_bpf__detach(skel);
	print_all();
	strata_slow_bpf__destroy(skel);
	return status;
}
