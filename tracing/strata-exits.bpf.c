// SPDX-License-Identifier: GPL-2.0
/* Adds up exits by vCPU and reason, and passes on those that took long. */
#include "types.bpf.h"
#include "strata-exits.h"

/* 0: no single exits */
const volatile __u64 longer_than_ns = 0;

__u32 tsc_khz = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct exit_key);
	__type(value, struct exit_cost);
} costs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

static const struct exit_cost nothing;

static __always_inline struct exit_cost *cost_of(const struct exit_key *key)
{
	struct exit_cost *c = bpf_map_lookup_elem(&costs, key);

	if (c)
		return c;
	bpf_map_update_elem(&costs, key, &nothing, BPF_NOEXIST);
	return bpf_map_lookup_elem(&costs, key);
}

SEC("raw_tp/strata_exit_done")
int BPF_PROG(on_exit, strata_exit_done_args)
{
	struct exit_key key = { .vm = vm, .vcpu = vcpu, .reason = reason };
	struct exit_event *e;
	struct exit_cost *c;

	if (!wanted(vm, vcpu) || (only_reason >= 0 && only_reason != reason))
		return 0;
	tsc_khz = khz;
	c = cost_of(&key);
	if (!c) {
		count_lost();
		return 0;
	}
	c->count++;
	c->ticks += ticks;
	c->user += user;
	c->waiting += waiting;
	c->fault += fault;
	if (ticks > c->max)
		c->max = ticks;
	c->hist[log2_of(ticks) & (BUCKETS - 1)]++;

	if (!longer_than_ns || !khz || ticks * 1000 / khz * 1000 < longer_than_ns)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		count_lost();
		return 0;
	}
	*e = (struct exit_event){
		.ns = bpf_ktime_get_ns(), .rip = rip, .detail = detail, .ticks = ticks,
		.user = user, .waiting = waiting, .fault = fault,
		.vm = vm, .vcpu = vcpu, .reason = reason, .hw_code = hw_code,
	};
	/* A reader that is woken for each would be an interrupt for each. */
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
