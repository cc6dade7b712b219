// SPDX-License-Identifier: GPL-2.0
/* Keeps, for each CPU, the exits that took longest. */
#include "types.bpf.h"
#include "strata-slow.h"

__u32 tsc_khz = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct slowest);
} slowest SEC(".maps");

static __always_inline void find_least(struct slowest *s)
{
	u32 i, least = 0;
	u64 ticks = s->exit[0].ticks;

	for (i = 1; i < MOST; i++)
		if (s->exit[i].ticks < ticks) {
			ticks = s->exit[i].ticks;
			least = i;
		}
	s->least = least;
}

SEC("raw_tp/strata_exit_done")
int BPF_PROG(on_exit, strata_exit_done_args)
{
	struct exit_event *e;
	struct slowest *s;
	u32 zero = 0, at;

	if (!wanted(vm, vcpu) || (only_reason >= 0 && only_reason != reason))
		return 0;
	s = bpf_map_lookup_elem(&slowest, &zero);
	if (!s)
		return 0;
	tsc_khz = khz;
	at = s->nr < MOST ? s->nr : s->least;
	/* The verifier wants to see it. */
	if (at >= MOST)
		return 0;
	e = &s->exit[at];
	if (s->nr == MOST && ticks <= e->ticks)
		return 0;
	*e = (struct exit_event){
		.ns = bpf_ktime_get_ns(), .rip = rip, .detail = detail, .ticks = ticks,
		.user = user, .waiting = waiting, .fault = fault,
		.vm = vm, .vcpu = vcpu, .reason = reason, .hw_code = hw_code,
	};
	if (s->nr < MOST)
		s->nr++;
	if (s->nr == MOST)
		find_least(s);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
