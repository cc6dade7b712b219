// SPDX-License-Identifier: GPL-2.0
/*
 * Building a routing table from what user space gives.
 */
#include "routes.h"

/* One entry. User space knows the PICs as two chips of 8 pins. */
static int parse(const struct kvm_irq_routing_entry *e, struct strata_route *route)
{
	if (e->flags)
		return -EINVAL;
	switch (e->type) {
	case KVM_IRQ_ROUTING_MSI:
		route->type = ROUTE_MSI;
		route->addr_hi = e->u.msi.address_hi;
		route->addr_lo = e->u.msi.address_lo;
		route->data = e->u.msi.data;
		return 0;
	case KVM_IRQ_ROUTING_IRQCHIP:
		break;
	default:
		return -EINVAL;
	}
	switch (e->u.irqchip.irqchip) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		if (e->u.irqchip.pin >= 8)
			return -EINVAL;
		route->type = ROUTE_PIC;
		route->pin = e->u.irqchip.pin;
		if (e->u.irqchip.irqchip == KVM_IRQCHIP_PIC_SLAVE)
			route->pin += 8;
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		if (e->u.irqchip.pin >= KVM_IOAPIC_NUM_PINS)
			return -EINVAL;
		route->type = ROUTE_IOAPIC;
		route->pin = e->u.irqchip.pin;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Chips are told apart as user space does: master, slave, IOAPIC. */
static unsigned int chip_of(const struct strata_route *r)
{
	return r->type == ROUTE_PIC ? r->pin >> 3 : 2;
}

static bool compatible(const struct strata_route *a, const struct strata_route *b)
{
	return a->type != ROUTE_MSI && b->type != ROUTE_MSI && chip_of(a) != chip_of(b);
}

int routes_build(struct strata_routing *table, const struct kvm_irq_routing_entry *entries,
		 unsigned int nr, bool msi_only)
{
	unsigned int i, at, other;
	int r;

	table->pic_pin = -1;
	table->ioapic_pin = -1;
	/* Count, so that start[gsi + 1] is where the next GSI begins. */
	for (i = 0; i < nr; i++) {
		if (entries[i].gsi >= ROUTES_MAX)
			return -EINVAL;
		table->start[entries[i].gsi + 1]++;
		if (entries[i].gsi >= table->nr_gsis)
			table->nr_gsis = entries[i].gsi + 1;
	}
	for (i = 0; i < table->nr_gsis; i++)
		table->start[i + 1] += table->start[i];

	/* Fill each GSI's part from its end. */
	for (i = nr; i-- > 0;) {
		u32 gsi = entries[i].gsi;
		struct strata_route *route;

		at = --table->start[gsi + 1];
		route = &table->routes[at];
		r = parse(&entries[i], route);
		if (r)
			return r;
		if (msi_only && route->type != ROUTE_MSI)
			return -EINVAL;
		if (gsi == 0 && route->type == ROUTE_PIC)
			table->pic_pin = route->pin;
		if (gsi == 0 && route->type == ROUTE_IOAPIC)
			table->ioapic_pin = route->pin;
	}
	/* Each start went down to the beginning of its GSI: move them back. */
	for (i = 0; i < table->nr_gsis; i++)
		table->start[i] = table->start[i + 1];
	table->start[table->nr_gsis] = nr;

	/* A GSI has three routes at most, so this is short. */
	for (i = 0; i < table->nr_gsis; i++) {
		if (table->start[i + 1] - table->start[i] > 3)
			return -EINVAL;
		for (at = table->start[i]; at < table->start[i + 1]; at++)
			for (other = at + 1; other < table->start[i + 1]; other++)
				if (!compatible(&table->routes[at], &table->routes[other]))
					return -EINVAL;
	}
	return 0;
}
