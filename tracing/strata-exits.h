/* SPDX-License-Identifier: GPL-2.0 */
/* What strata-exits and its BPF program share. */
#ifndef STRATA_EXITS_H
#define STRATA_EXITS_H

#include <linux/types.h>

#include "exit-event.h"

#define BUCKETS	64

struct exit_key {
	__u32 vm, vcpu, reason;
};

/**
 * struct exit_cost - what the exits of one reason of one vCPU cost
 * @ticks: of the TSC
 * @hist: how many took from 2^n ticks on; the first has those of none as well
 */
struct exit_cost {
	__u64 count, ticks, max, user, waiting, fault;
	__u64 hist[BUCKETS];
};

#endif /* STRATA_EXITS_H */
