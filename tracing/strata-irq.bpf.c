// SPDX-License-Identifier: GPL-2.0
/* How long an interrupt waits, from when a vCPU's local APIC takes it to its injection. */
#include "types.bpf.h"
#include "strata-irq.h"

#define IRQ	0	/* the event's type */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct irq_key);
	__type(value, u64);
} waiting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct irq_key);
	__type(value, struct irq_cost);
} costs SEC(".maps");

static const struct irq_cost nothing;

SEC("raw_tp/strata_irq")
int BPF_PROG(on_irq, strata_irq_args)
{
	struct irq_key key = { .vm = vm, .vcpu = vcpu, .vector = vector };
	u64 now = bpf_ktime_get_ns();

	if (wanted(vm, vcpu) && bpf_map_update_elem(&waiting, &key, &now, BPF_ANY))
		count_lost();
	return 0;
}

SEC("raw_tp/strata_inject")
int BPF_PROG(on_inject, strata_inject_args)
{
	struct irq_key key = { .vm = vm, .vcpu = vcpu, .vector = vector };
	u64 *since, ns;
	struct irq_cost *c;

	if (type != IRQ || !wanted(vm, vcpu))
		return 0;
	since = bpf_map_lookup_elem(&waiting, &key);
	/* It waited before we began to look. */
	if (!since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&waiting, &key);
	c = bpf_map_lookup_elem(&costs, &key);
	if (!c) {
		bpf_map_update_elem(&costs, &key, &nothing, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&costs, &key);
	}
	if (!c) {
		count_lost();
		return 0;
	}
	/* Only the vCPU's own thread injects. */
	c->waited++;
	c->ns += ns;
	if (ns > c->max)
		c->max = ns;
	c->hist[log2_of(ns) & (BUCKETS - 1)]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
