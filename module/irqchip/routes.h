/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A routing table: which pins or which message each GSI means. Pure; the unit
 * tests compile it a second time.
 */
#ifndef STRATA_ROUTES_H
#define STRATA_ROUTES_H

#include <linux/kvm.h>

#include "../pure.h"

#define ROUTES_MAX		4096	/* entries, and GSIs */

enum { ROUTE_PIC, ROUTE_IOAPIC, ROUTE_MSI };

struct strata_route {
	u8 type;
	u8 pin;				/* ROUTE_PIC: 0-15, ROUTE_IOAPIC: 0-23 */
	u32 addr_hi, addr_lo, data;	/* ROUTE_MSI */
};

/**
 * struct strata_routing - one table; never changes
 * @nr_gsis: GSIs below this may have routes
 * @start: where the routes of each GSI begin; one more than there are GSIs
 * @pic_pin: PIC input of GSI 0, -1: none
 * @ioapic_pin: IOAPIC pin of GSI 0, -1: none
 * @routes: sorted by GSI
 */
struct strata_routing {
	u32 nr_gsis;
	int pic_pin, ioapic_pin;
	u16 start[ROUTES_MAX + 1];
	struct strata_route routes[];
};

/**
 * routes_build - check user space's entries and sort them
 * @table: room for @nr routes, zeroed
 * @entries: as KVM_SET_GSI_ROUTING gives them
 * @nr: at most ROUTES_MAX
 * @msi_only: there are no chips, hence no pins
 *
 * Return: 0, or -EINVAL: unknown type or flags; a GSI or pin out of range; a
 * GSI that means one chip twice, or a message and something else.
 */
int routes_build(struct strata_routing *table, const struct kvm_irq_routing_entry *entries,
		 unsigned int nr, bool msi_only);

#endif /* STRATA_ROUTES_H */
