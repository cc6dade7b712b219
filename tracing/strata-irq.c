// SPDX-License-Identifier: GPL-2.0
/* strata-irq: how long interrupts wait until they go into the guest. */
#include "common.h"
#include "strata-irq.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "strata-irq.skel.h"

static const char help[] =
"usage: strata-irq [OPTION]... [-- COMMAND...]\n"
"\n"
"Measure how long interrupts wait, from the moment in which a vCPU's local APIC takes\n"
"them to their injection, until Ctrl-C, or until the command ends. One histogram for\n"
"each vector of each vCPU.\n"
"\n"
"  --vm N          only that VM's, by its number in 'strata list'\n"
"  --vcpu N        only those of vCPUs with that id\n"
"  --duration S    end after S seconds\n"
"  --json          print JSON\n";

static struct tool tool = { .name = "strata-irq" };
static struct strata_irq_bpf *skel;

/* As map_read() gives them. */
struct row {
	struct irq_key key;
	__u32 padding;
	struct irq_cost cost;
};

static int in_order(const void *a, const void *b)
{
	const struct irq_key *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (x->vcpu != y->vcpu)
		return x->vcpu < y->vcpu ? -1 : 1;
	return x->vector < y->vector ? -1 : x->vector > y->vector;
}

static void print_row(const struct row *r)
{
	const struct irq_cost *c = &r->cost;
	char text[4][16];

	printf("vm %u vcpu %u vector %u: %llu interrupts, mean %s, p50 %s, p99 %s, max %s\n",
	       r->key.vm, r->key.vcpu, r->key.vector, (unsigned long long)c->waited,
	       duration(text[0], sizeof(text[0]), (double)c->ns / c->waited),
	       duration(text[1], sizeof(text[1]), quantile_ns(c->hist, BUCKETS, 0.5, 0)),
	       duration(text[2], sizeof(text[2]), quantile_ns(c->hist, BUCKETS, 0.99, 0)),
	       duration(text[3], sizeof(text[3]), c->max));
	print_hist(c->hist, BUCKETS, 0);
}

static void print_json_row(const struct row *r)
{
	const struct irq_cost *c = &r->cost;

	printf("{\"vm\": %u, \"vcpu\": %u, \"vector\": %u, \"count\": %llu, \"ns\": %llu, "
	       "\"max\": %llu, \"log2\": ", r->key.vm, r->key.vcpu, r->key.vector,
	       (unsigned long long)c->waited, (unsigned long long)c->ns,
	       (unsigned long long)c->max);
	print_json_hist(c->hist, BUCKETS);
	printf("}");
}

static void print_all(void)
{
	unsigned int nr, i;
	struct row *rows = map_read(&tool, bpf_map__fd(skel->maps.costs), sizeof(struct irq_key),
				    sizeof(struct irq_cost), 1, &nr);

	qsort(rows, nr, sizeof(*rows), in_order);
	if (tool.json)
		printf("{\"lost\": %llu, \"vectors\": [", (unsigned long long)skel->bss->lost);
	else if (!nr)
		printf("no interrupts\n");
	for (i = 0; i < nr; i++) {
		if (!tool.json) {
			print_row(&rows[i]);
			continue;
		}
		printf("%s\n  ", i ? "," : "");
		print_json_row(&rows[i]);
	}
	if (tool.json)
		printf("\n ]}\n");
	free(rows);
}

int main(int argc, char **argv)
{
	int status;

	libbpf_set_print(NULL);
	tool_parse(&tool, argc, argv, help, false, NULL);
	skel = strata_irq_bpf__open();
	if (!skel)
		fail(&tool, "out of memory");
	skel->rodata->only_vm = tool.vm;
	skel->rodata->only_vcpu = tool.vcpu;
	tool_attached(&tool, strata_irq_bpf__load(skel));
	tool_attached(&tool, strata_irq_bpf__attach(skel));
	status = tool_wait(&tool, NULL, NULL);
	strata_irq_bpf__detach(skel);
	print_all();
	tool_lost(&tool, skel->bss->lost);
	strata_irq_bpf__destroy(skel);
	return status;
}
