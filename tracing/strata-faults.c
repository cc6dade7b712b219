// SPDX-License-Identifier: GPL-2.0
/* strata-faults: which guest-physical pages fault, what they are mapped by, how long it takes. */
#include "common.h"
#include "strata-faults.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "strata-faults.skel.h"

static const char help[] =
"usage: strata-faults [OPTION]... [-- COMMAND...]\n"
"\n"
"Count the nested faults of VMs until Ctrl-C, or until the command ends: the pages that\n"
"fault most, how large the mappings are that come of it, and how long it takes.\n"
"\n"
"  --vm N          only that VM's, by its number in 'strata list'\n"
"  --vcpu N        only those of vCPUs with that id\n"
"  --top N         print so many pages (default: 10)\n"
"  --duration S    end after S seconds\n"
"  --json          print JSON, with all pages\n";

static unsigned long long top = 10;

static int parse_top(const char *value)
{
	return parse_number(value, 1u << 20, &top);
}

static const struct tool_option own_options[] = {
	{ "top", parse_top, "a number of pages" },
	{ 0 }
};

static struct tool tool = { .name = "strata-faults" };
static struct strata_faults_bpf *skel;

struct page_row {
	struct page_key key;
	struct page_cost cost;
};

struct kind_row {
	struct kind_key key;
	struct kind_cost cost;
};

static int most_frequent_first(const void *a, const void *b)
{
	const struct page_row *x = a, *y = b;

	if (x->cost.count != y->cost.count)
		return x->cost.count < y->cost.count ? 1 : -1;
	return x->key.page < y->key.page ? -1 : x->key.page > y->key.page;
}

static struct kind_row *read_kinds(unsigned int *nr)
{
	unsigned int cpus = libbpf_num_possible_cpus(), i, cpu, n;
	size_t key_size = (sizeof(struct kind_key) + 7) / 8 * 8;
	size_t size = key_size + cpus * sizeof(struct kind_cost);
	char *all = map_read(&tool, bpf_map__fd(skel->maps.kinds), sizeof(struct kind_key),
			     sizeof(struct kind_cost), cpus, nr);
	struct kind_row *rows = calloc(*nr + 1, sizeof(*rows));

	if (!rows)
		fail(&tool, "out of memory");
	for (i = 0; i < *nr; i++) {
		const struct kind_cost *costs = (void *)(all + i * size + key_size);
		struct kind_cost *sum = &rows[i].cost;

		memcpy(&rows[i].key, all + i * size, sizeof(rows[i].key));
		for (cpu = 0; cpu < cpus; cpu++) {
			sum->count += costs[cpu].count;
			sum->ticks += costs[cpu].ticks;
			if (costs[cpu].max > sum->max)
				sum->max = costs[cpu].max;
			for (n = 0; n < BUCKETS; n++)
				sum->hist[n] += costs[cpu].hist[n];
		}
	}
	free(all);
	return rows;
}

static const char *describe(const struct kind_key *key)
{
	static const char * const sizes[] = { "to be tried again", "4K", "2M", "1G" };

	if (key->result < 0)
		return "failed";
	if (key->result == 2)
		return "a device";
	return sizes[key->level & 3];
}

static void print_text(const struct page_row *pages, unsigned int nr_pages,
		       const struct kind_row *kinds, unsigned int nr_kinds, __u32 khz)
{
	char text[4][16];
	unsigned int i;

	for (i = 0; i < nr_kinds; i++) {
		const struct kind_cost *c = &kinds[i].cost;

		printf("vm %u, %s: %llu faults, %s in all, p50 %s, p99 %s, max %s\n",
		       kinds[i].key.vm, describe(&kinds[i].key), (unsigned long long)c->count,
		       duration(text[0], sizeof(text[0]), ticks_to_ns(c->ticks, khz)),
		       duration(text[1], sizeof(text[1]), quantile_ns(c->hist, BUCKETS, 0.5, khz)),
		       duration(text[2], sizeof(text[2]), quantile_ns(c->hist, BUCKETS, 0.99, khz)),
		       duration(text[3], sizeof(text[3]), ticks_to_ns(c->max, khz)));
		print_hist(c->hist, BUCKETS, khz);
	}
	if (!nr_pages) {
		printf("no faults\n");
		return;
	}
	printf("%5s %-18s %10s %10s\n", "VM", "page", "count", "mean");
	for (i = 0; i < nr_pages && i < top; i++)
		printf("%5u 0x%-16llx %10llu %10s%s\n", pages[i].key.vm,
		       (unsigned long long)pages[i].key.page,
		       (unsigned long long)pages[i].cost.count,
		       duration(text[0], sizeof(text[0]),
				ticks_to_ns(pages[i].cost.ticks / pages[i].cost.count, khz)),
		       pages[i].key.device ? " device" : "");
	if (nr_pages > top)
		printf("%u pages more\n", nr_pages - (unsigned int)top);
}

static void print_json(const struct page_row *pages, unsigned int nr_pages,
		       const struct kind_row *kinds, unsigned int nr_kinds, __u32 khz)
{
	unsigned int i;

	printf("{\"tsc_khz\": %u, \"lost\": %llu, \"faults\": [", khz,
	       (unsigned long long)skel->bss->lost);
	for (i = 0; i < nr_kinds; i++) {
		const struct kind_cost *c = &kinds[i].cost;

		printf("%s\n  {\"vm\": %u, \"level\": %u, \"result\": %d, \"count\": %llu, "
		       "\"ticks\": %llu, \"max\": %llu, \"log2\": ", i ? "," : "",
		       kinds[i].key.vm, kinds[i].key.level, kinds[i].key.result,
		       (unsigned long long)c->count, (unsigned long long)c->ticks,
		       (unsigned long long)c->max);
		print_json_hist(c->hist, BUCKETS);
		printf("}");
	}
	printf("\n ], \"pages\": [");
	for (i = 0; i < nr_pages; i++)
		printf("%s\n  {\"vm\": %u, \"page\": %llu, \"device\": %s, \"count\": %llu, "
		       "\"ticks\": %llu}", i ? "," : "", pages[i].key.vm,
		       (unsigned long long)pages[i].key.page,
		       pages[i].key.device ? "true" : "false",
		       (unsigned long long)pages[i].cost.count,
		       (unsigned long long)pages[i].cost.ticks);
	printf("\n ]}\n");
}

static void print_all(void)
{
	unsigned int nr_pages, nr_kinds;
	struct page_row *pages = map_read(&tool, bpf_map__fd(skel->maps.pages),
					  sizeof(struct page_key), sizeof(struct page_cost), 1,
					  &nr_pages);
	struct kind_row *kinds = read_kinds(&nr_kinds);

	qsort(pages, nr_pages, sizeof(*pages), most_frequent_first);
	if (tool.json)
		print_json(pages, nr_pages, kinds, nr_kinds, skel->bss->tsc_khz);
	else
		print_text(pages, nr_pages, kinds, nr_kinds, skel->bss->tsc_khz);
	free(pages);
	free(kinds);
}

int main(int argc, char **argv)
{
	int status;

	libbpf_set_print(NULL);
	tool_parse(&tool, argc, argv, help, false, own_options);
	skel = strata_faults_bpf__open();
	if (!skel)
		fail(&tool, "out of memory");
	skel->rodata->only_vm = tool.vm;
	skel->rodata->only_vcpu = tool.vcpu;
	tool_attached(&tool, strata_faults_bpf__load(skel));
	tool_attached(&tool, strata_faults_bpf__attach(skel));
	status = tool_wait(&tool, NULL, NULL);
	strata_faults_bpf__detach(skel);
	print_all();
	tool_lost(&tool, skel->bss->lost);
	strata_faults_bpf__destroy(skel);
	return status;
}
