// SPDX-License-Identifier: GPL-2.0
/*
 * Routing tables: what is accepted and what each GSI then means.
 */
// sources: ../../module/irqchip/routes.c
#include <stdlib.h>

#include "tap.h"
#include "irqchip/routes.h"

static struct kvm_irq_routing_entry e[ROUTES_MAX];

static void chip(unsigned int i, u32 gsi, u32 irqchip, u32 pin)
{
	memset(&e[i], 0, sizeof(e[i]));
	e[i].gsi = gsi;
	e[i].type = KVM_IRQ_ROUTING_IRQCHIP;
	e[i].u.irqchip.irqchip = irqchip;
	e[i].u.irqchip.pin = pin;
}

static void msi(unsigned int i, u32 gsi, u32 data)
{
	memset(&e[i], 0, sizeof(e[i]));
	e[i].gsi = gsi;
	e[i].type = KVM_IRQ_ROUTING_MSI;
	e[i].u.msi.address_lo = 0xfee00000;
	e[i].u.msi.data = data;
}

/* NULL: refused. To be freed. */
static struct strata_routing *build(unsigned int nr)
{
	struct strata_routing *t = calloc(1, sizeof(*t) + nr * sizeof(t->routes[0]));

	if (routes_build(t, e, nr, false) == 0)
		return t;
	free(t);
	return NULL;
}

static bool refused(unsigned int nr)
{
	struct strata_routing *t = build(nr);

	free(t);
	return !t;
}

static unsigned int count(const struct strata_routing *t, u32 gsi)
{
	return gsi < t->nr_gsis ? t->start[gsi + 1] - t->start[gsi] : 0;
}

static void test_good(void)
{
	struct strata_routing *t = build(0);

	tap_ok(t && t->nr_gsis == 0 && t->pic_pin == -1 && t->ioapic_pin == -1, "an empty table");
	free(t);

	chip(0, 9, KVM_IRQCHIP_IOAPIC, 9);
	chip(1, 0, KVM_IRQCHIP_PIC_MASTER, 0);
	msi(2, 40, 0x31);
	chip(3, 9, KVM_IRQCHIP_PIC_SLAVE, 1);
	chip(4, 0, KVM_IRQCHIP_IOAPIC, 2);
	t = build(5);
	tap_ok(t && t->nr_gsis == 41, "a mixed table");
	tap_ok(count(t, 0) == 2 && count(t, 9) == 2 && count(t, 40) == 1, "routes of each GSI");
	tap_ok(!count(t, 1) && !count(t, 39) && !count(t, 41), "none between them");
	tap_ok(t->pic_pin == 0 && t->ioapic_pin == 2, "pins of GSI 0");
	tap_ok(t->routes[t->start[9]].type == ROUTE_IOAPIC && t->routes[t->start[9]].pin == 9,
	       "an IOAPIC pin");
	tap_ok(t->routes[t->start[9] + 1].type == ROUTE_PIC && t->routes[t->start[9] + 1].pin == 9,
	       "the slave's pins go on from the master's");
	tap_ok(t->routes[t->start[40]].type == ROUTE_MSI && t->routes[t->start[40]].data == 0x31,
	       "a message");
	free(t);

	for (unsigned int i = 0; i < ROUTES_MAX; i++)
		msi(i, ROUTES_MAX - 1 - i, i);
	t = build(ROUTES_MAX);
	bool ok = t && t->nr_gsis == ROUTES_MAX;

	for (unsigned int i = 0; ok && i < ROUTES_MAX; i++)
		ok = count(t, i) == 1 && t->routes[t->start[i]].data == ROUTES_MAX - 1 - i;
	tap_ok(ok, "the largest table, backwards");
	free(t);
}

static void test_bad(void)
{
	chip(0, ROUTES_MAX, KVM_IRQCHIP_IOAPIC, 0);
	tap_ok(refused(1), "a GSI past the end");
	chip(0, 0xffffffff, KVM_IRQCHIP_IOAPIC, 0);
	tap_ok(refused(1), "the last GSI");
	chip(0, 1, KVM_IRQCHIP_IOAPIC, KVM_IOAPIC_NUM_PINS);
	tap_ok(refused(1), "an IOAPIC pin past the end");
	chip(0, 1, KVM_IRQCHIP_PIC_MASTER, 8);
	tap_ok(refused(1), "a PIC pin past the end");
	chip(0, 1, KVM_IRQCHIP_PIC_SLAVE, 0xffffffff);
	tap_ok(refused(1), "the last PIC pin");
	chip(0, 1, 3, 0);
	tap_ok(refused(1), "no such chip");
	chip(0, 1, KVM_IRQCHIP_IOAPIC, 1);
	e[0].flags = 1;
	tap_ok(refused(1), "flags");
	e[0].flags = 0;
	e[0].type = 77;
	tap_ok(refused(1), "no such type");

	chip(0, 5, KVM_IRQCHIP_IOAPIC, 5);
	chip(1, 5, KVM_IRQCHIP_IOAPIC, 6);
	tap_ok(refused(2), "one chip twice");
	msi(1, 5, 0x31);
	tap_ok(refused(2), "a pin and a message");
	msi(0, 5, 0x32);
	tap_ok(refused(2), "two messages");
	chip(0, 5, KVM_IRQCHIP_IOAPIC, 5);
	chip(1, 5, KVM_IRQCHIP_PIC_MASTER, 5);
	chip(2, 5, KVM_IRQCHIP_PIC_SLAVE, 5);
	tap_ok(!refused(3), "all three chips");
	for (unsigned int i = 0; i < ROUTES_MAX; i++)
		chip(i, 5, KVM_IRQCHIP_IOAPIC, 5);
	tap_ok(refused(ROUTES_MAX), "thousands for one GSI");
}

int main(void)
{
	test_good();
	test_bad();
	return tap_done();
}
