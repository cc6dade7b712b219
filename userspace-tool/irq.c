// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt routes: the wiring of a PC, then messages, one GSI each.
 *
 * Under vm->io_lock, but for vm_irq_line().
 */

#include "launcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define PIC_PINS	8
#define IOAPIC_PINS	24
#define TIMER_PIN	2	/* where a PC wires ISA interrupt 0 to its IOAPIC */
#define MAX_ROUTES	1024

static struct kvm_irq_routing_entry *add_route(struct vm *vm, __u32 gsi, __u32 type)
{
	struct kvm_irq_routing_entry *e = &vm->routes->entries[vm->routes->nr++];

	e->gsi = gsi;
	e->type = type;
	return e;
}

static void add_pin(struct vm *vm, __u32 gsi, __u32 chip, __u32 pin)
{
	struct kvm_irq_routing_entry *e = add_route(vm, gsi, KVM_IRQ_ROUTING_IRQCHIP);

	e->u.irqchip.irqchip = chip;
	e->u.irqchip.pin = pin;
}

static int publish(struct vm *vm)
{
	return vm_ioctl(vm, KVM_SET_GSI_ROUTING, vm->routes, "KVM_SET_GSI_ROUTING");
}

/**
 * irq_init() - route the pins
 *
 * The wiring of a PC, which the MADT describes to the guest: the 16 ISA lines go
 * to the two PICs and to the same pins of the IOAPIC, but the timer to pin 2.
 */
int irq_init(struct vm *vm)
{
	__u32 gsi;

	vm->routes = calloc(1, sizeof(*vm->routes) +
			    MAX_ROUTES * sizeof(vm->routes->entries[0]));
	if (!vm->routes) {
		err("no memory for the interrupt routes");
		return -1;
	}
	for (gsi = 0; gsi < 2 * PIC_PINS; gsi++) {
		if (gsi == TIMER_PIN)
			continue;
		add_pin(vm, gsi, gsi < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
			gsi % PIC_PINS);
	}
	add_pin(vm, 0, KVM_IRQCHIP_IOAPIC, TIMER_PIN);
	for (gsi = 1; gsi < IOAPIC_PINS; gsi++)
		if (gsi != TIMER_PIN)
			add_pin(vm, gsi, KVM_IRQCHIP_IOAPIC, gsi);
	vm->next_gsi = IOAPIC_PINS;
	return publish(vm);
}

/* A GSI for a message that irq_set_msi() names. */
int irq_alloc_msi(struct vm *vm, __u32 *gsi)
{
	if (vm->routes->nr == MAX_ROUTES) {
		err("the devices want more than %u interrupts; leave some out", MAX_ROUTES);
		return -1;
	}
	*gsi = vm->next_gsi++;
	add_route(vm, *gsi, KVM_IRQ_ROUTING_MSI);
	return 0;
}

/**
 * irq_set_msi() - what a GSI sends from now on
 *
 * The guest names address and data: what nobody listens to is its own loss.
 */
void irq_set_msi(struct vm *vm, __u32 gsi, __u32 addr_hi, __u32 addr_lo, __u32 data)
{
	struct kvm_irq_routing_entry *e = vm->routes->entries;

	while (e->gsi != gsi || e->type != KVM_IRQ_ROUTING_MSI)
		e++;
	e->u.msi.address_hi = addr_hi;
	e->u.msi.address_lo = addr_lo;
	e->u.msi.data = data;
	if (publish(vm))
		vm_stop(vm, STATUS_HOST_ERROR);
}

/* Whether writes to an eventfd raise a GSI; those that came before do as well. */
void irq_listen(struct vm *vm, __u32 gsi, int fd, bool on)
{
	struct kvm_irqfd irqfd = {
		.fd = fd, .gsi = gsi, .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	if (vm_ioctl(vm, KVM_IRQFD, &irqfd, "KVM_IRQFD"))
		vm_stop(vm, STATUS_HOST_ERROR);
}

/**
 * vm_irq_line() - the level of a pin
 *
 * Any thread, any lock.
 */
void vm_irq_line(struct vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &line)) {
		err("KVM_IRQ_LINE failed: %s", strerror(errno));
		vm_stop(vm, STATUS_HOST_ERROR);
	}
}
