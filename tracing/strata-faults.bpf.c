// SPDX-License-Identifier: GPL-2.0
/* Adds up nested faults by page, and by what they came to. */
#include "types.bpf.h"
#include "strata-faults.h"

#define PAGE_MASK	(~0xfffull)
#define DEVICE		2	/* the event's result */

__u32 tsc_khz = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, struct page_key);
	__type(value, struct page_cost);
} pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct kind_key);
	__type(value, struct kind_cost);
} kinds SEC(".maps");

static const struct page_cost no_page;
static const struct kind_cost no_kind;

static __always_inline void count_page(u32 vm, u64 gpa, int result, u64 ticks)
{
	struct page_key key = { .vm = vm, .device = result == DEVICE, .page = gpa & PAGE_MASK };
	struct page_cost *c = bpf_map_lookup_elem(&pages, &key);

	if (!c) {
		bpf_map_update_elem(&pages, &key, &no_page, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&pages, &key);
	}
	if (!c) {
		count_lost();
		return;
	}
	__sync_fetch_and_add(&c->count, 1);
	__sync_fetch_and_add(&c->ticks, ticks);
}

SEC("raw_tp/strata_nested_fault")
int BPF_PROG(on_fault, strata_nested_fault_args)
{
	struct kind_key key = { .vm = vm, .level = level, .result = result };
	struct kind_cost *c;

	if (!wanted(vm, vcpu))
		return 0;
	tsc_khz = khz;
	count_page(vm, gpa, result, ticks);
	c = bpf_map_lookup_elem(&kinds, &key);
	if (!c) {
		bpf_map_update_elem(&kinds, &key, &no_kind, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&kinds, &key);
	}
	if (!c) {
		count_lost();
		return 0;
	}
	c->count++;
	c->ticks += ticks;
	if (ticks > c->max)
		c->max = ticks;
	c->hist[log2_of(ticks) & (BUCKETS - 1)]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
