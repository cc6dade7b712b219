/* SPDX-License-Identifier: GPL-2.0 */
/* What strata-slow and its BPF program share. */
#ifndef STRATA_SLOW_H
#define STRATA_SLOW_H

#include <linux/types.h>

#include "exit-event.h"

#define MOST	64

/**
 * struct slowest - the longest exits of a CPU
 * @nr: how many there are
 * @least: the place of the shortest, when all places are taken
 */
struct slowest {
	__u32 nr, least;
	struct exit_event exit[MOST];
};

#endif /* STRATA_SLOW_H */
