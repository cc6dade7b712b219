/* SPDX-License-Identifier: GPL-2.0 */
/* What strata-faults and its BPF program share. */
#ifndef STRATA_FAULTS_H
#define STRATA_FAULTS_H

#include <linux/types.h>

#define BUCKETS	64

struct page_key {
	__u32 vm, device;	/* @device: nothing was mapped, as there is no memory */
	__u64 page;
};

struct page_cost {
	__u64 count, ticks;
};

/**
 * struct kind_key - what a fault came to
 * @level: of the mapping: 1: 4K, 2: 2M, 3: 1G; 0: none
 * @result: 1: mapped, or to be tried again; 2: a device's; negative: an error
 */
struct kind_key {
	__u32 vm;
	__u32 level;
	__s32 result;
};

struct kind_cost {
	__u64 count, ticks, max;
	__u64 hist[BUCKETS];
};

#endif /* STRATA_FAULTS_H */
