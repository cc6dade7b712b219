/* SPDX-License-Identifier: GPL-2.0 */
/* One exit, as BPF programs pass it on. */
#ifndef STRATA_EXIT_EVENT_H
#define STRATA_EXIT_EVENT_H

#include <linux/types.h>

struct exit_event {
	__u64 ns;		/* CLOCK_MONOTONIC */
	__u64 rip, detail, ticks, user, waiting, fault;
	__u32 vm, vcpu, reason, hw_code;
};

#endif /* STRATA_EXIT_EVENT_H */
