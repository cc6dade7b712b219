/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often a vCPU left for one reason, as strata counts it; 0 on another device.
 */
#ifndef SELFTESTS_EXITS_H
#define SELFTESTS_EXITS_H

#include "testlib.h"
#include "../../uapi/strata.h"

static inline uint64_t exits_of(struct vcpu *vcpu, unsigned int reason)
{
	struct strata_exit_stats stats = { .size = sizeof(stats) };

	return try_ioctl(vcpu->fd, STRATA_GET_EXIT_STATS, &stats) ? 0 : stats.exit[reason].count;
}

#endif /* SELFTESTS_EXITS_H */
