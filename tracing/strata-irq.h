/* SPDX-License-Identifier: GPL-2.0 */
/* What strata-irq and its BPF program share. */
#ifndef STRATA_IRQ_H
#define STRATA_IRQ_H

#include <linux/types.h>

#define BUCKETS	64

struct irq_key {
	__u32 vm, vcpu, vector;
};

/**
 * struct irq_cost - how long interrupts of a vector waited to go into the guest
 * @waited: how many did go in
 * @ns: sum of what those of @waited waited
 * @hist: how many waited from 2^n ns on
 */
struct irq_cost {
	__u64 waited, ns, max;
	__u64 hist[BUCKETS];
};

#endif /* STRATA_IRQ_H */
