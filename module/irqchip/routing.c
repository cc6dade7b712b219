// SPDX-License-Identifier: GPL-2.0
/*
 * GSIs: from a number that user space or a device knows to the controllers'
 * pins or to a message. Readers hold vm->irq_srcu, and may be timers' interrupts.
 * They never sleep, which readers of vm->srcu may do for as long as user space
 * likes: a new table does not wait for a guest that waits for its memory.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>

#include "irqchip.h"
#include "irqfd.h"
#include "routes.h"

#define MSI_DEST(lo)	((lo) >> 12 & 0xff)
#define MSI_LOGICAL	BIT(2)
#define MSI_REDIRECT	BIT(3)
#define MSI_LEVEL	BIT(15)

/* With 32 bits of destination the last 8 of them are those of the lower half. */
static bool bad_address_hi(struct strata_vm *vm, u32 hi)
{
	return strata_wide_ids(vm) && (hi & 0xff);
}

/*
 * SDM 11.11. The address' upper half is not looked at, as in KVM, unless user space has
 * said that the destination's upper bits stand there.
 */
static int deliver_msi(struct strata_vm *vm, u32 hi, u32 lo, u32 data)
{
	struct strata_irq_msg msg = {
		.dest = MSI_DEST(lo) | (strata_wide_ids(vm) ? hi & ~0xffu : 0),
		.logical = lo & MSI_LOGICAL,
		.level = data & MSI_LEVEL,
		.mode = data >> 8 & 7,
		.vector = data,
	};

	if ((lo & MSI_REDIRECT) && msg.mode == STRATA_DM_FIXED)
		msg.mode = STRATA_DM_LOWEST;
	return strata_deliver(vm, &msg);
}

/**
 * strata_set_irq_from - one source drives a GSI
 * @vm: has an irqchip
 * @gsi: any number
 * @source: who
 * @level: high
 *
 * Any context. Return: >0 delivered; 0 coalesced; -1 masked everywhere, or
 * no such GSI.
 */
int strata_set_irq_from(struct strata_vm *vm, u32 gsi, enum strata_irq_source source, bool level)
{
	int idx = srcu_read_lock(&vm->irq_srcu), sum = -1, r;
	const struct strata_routing *table = srcu_dereference(vm->routing, &vm->irq_srcu);
	unsigned int i;

	if (gsi < table->nr_gsis) {
		gsi = array_index_nospec(gsi, table->nr_gsis);
		for (i = table->start[gsi]; i < table->start[gsi + 1]; i++) {
			const struct strata_route *route = &table->routes[i];

			if (route->type == ROUTE_PIC)
				r = strata_pic_set_irq(vm->pic, route->pin, source, level);
			else if (route->type == ROUTE_IOAPIC)
				r = strata_ioapic_set_irq(vm->ioapic, route->pin, source, level);
			else
				r = level ? deliver_msi(vm, route->addr_hi, route->addr_lo,
							route->data) : -1;
			if (r >= 0)
				sum = max(sum, 0) + r;
		}
	}
	srcu_read_unlock(&vm->irq_srcu, idx);
	return sum;
}

/**
 * strata_set_irq - user space's level of a GSI
 * @vm: has an irqchip
 * @gsi: any number
 * @level: 0 or not
 *
 * Any context. Return: >0 delivered, 0 coalesced, -1 nobody took it.
 */
int strata_set_irq(struct strata_vm *vm, u32 gsi, int level)
{
	return strata_set_irq_from(vm, gsi, STRATA_IRQ_USER, level);
}

/**
 * strata_irq_line - KVM_IRQ_LINE and KVM_IRQ_LINE_STATUS
 * @vm: has an irqchip
 * @level: the GSI and its level; takes the result
 *
 * Return: 0.
 */
int strata_irq_line(struct strata_vm *vm, struct kvm_irq_level *level)
{
	level->status = strata_set_irq(vm, level->irq, !!level->level);
	return 0;
}

/**
 * strata_signal_msi - KVM_SIGNAL_MSI
 * @vm: any
 * @msi: the message
 *
 * Return: as strata_set_irq(); -EINVAL without irqchip, with flags or with a wrong
 * upper half of the address.
 */
int strata_signal_msi(struct strata_vm *vm, const struct kvm_msi *msi)
{
	/* Pairs with strata_irqchip_create(). */
	if (!smp_load_acquire(&vm->irqchip) || msi->flags ||
	    bad_address_hi(vm, msi->address_hi))
		return -EINVAL;
	return deliver_msi(vm, msi->address_hi, msi->address_lo, msi->data);
}

/* A table from entries in the kernel's memory. */
static struct strata_routing *build(struct strata_vm *vm,
				    const struct kvm_irq_routing_entry *entries, unsigned int nr)
{
	struct strata_routing *table;
	unsigned int i;
	int r;

	for (i = 0; i < nr; i++)
		if (entries[i].type == KVM_IRQ_ROUTING_MSI &&
		    bad_address_hi(vm, entries[i].u.msi.address_hi))
			return ERR_PTR(-EINVAL);
	BUILD_BUG_ON(ROUTES_MAX != STRATA_MAX_IRQ_ROUTES);
	table = kvzalloc(struct_size(table, routes, nr), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);
	r = routes_build(table, entries, nr, !vm->pic);
	if (r) {
		kvfree(table);
		return ERR_PTR(r);
	}
	return table;
}

/* The PIT hears of the end of its interrupt by the pins of GSI 0. */
static void update_pit(struct strata_vm *vm, const struct strata_routing *table)
{
	if (!vm->pic)
		return;
	strata_pic_pit_pin(vm->pic, table->pic_pin);
	strata_ioapic_pit_pin(vm->ioapic, table->ioapic_pin);
	/* What it waited for may never come. */
	strata_pit_unmasked(vm);
}

/**
 * strata_set_gsi_routing - KVM_SET_GSI_ROUTING
 * @vm: any
 * @u: the whole new table
 *
 * Interrupts see the old table or the new one; the old one is in nobody's
 * hands when this returns. Return: 0, -EINVAL, -EFAULT, -ENOMEM.
 */
int strata_set_gsi_routing(struct strata_vm *vm, struct kvm_irq_routing __user *u)
{
	struct kvm_irq_routing_entry *entries = NULL;
	struct strata_routing *table, *old;
	struct kvm_irq_routing head;

	if (copy_from_user(&head, u, sizeof(head)))
		return -EFAULT;
	/* Pairs with strata_irqchip_create(). */
	if (!smp_load_acquire(&vm->irqchip))
		return -EINVAL;
	if (head.nr > STRATA_MAX_IRQ_ROUTES || head.flags)
		return -EINVAL;
	if (head.nr) {
		entries = kvmalloc_array(head.nr, sizeof(*entries), GFP_KERNEL_ACCOUNT);
		if (!entries)
			return -ENOMEM;
		if (copy_from_user(entries, u->entries, head.nr * sizeof(*entries))) {
			kvfree(entries);
			return -EFAULT;
		}
	}
	table = build(vm, entries, head.nr);
	kvfree(entries);
	if (IS_ERR(table))
		return PTR_ERR(table);

	mutex_lock(&vm->irq_lock);
	old = rcu_dereference_protected(vm->routing, lockdep_is_held(&vm->irq_lock));
	rcu_assign_pointer(vm->routing, table);
	synchronize_srcu_expedited(&vm->irq_srcu);
	update_pit(vm, table);
	strata_irqfd_watch(vm);
	mutex_unlock(&vm->irq_lock);
	kvfree(old);
	return 0;
}

/**
 * strata_routing_init - KVM's default table
 * @vm: has PIC and IOAPIC, but no irqchip yet; without them the table is empty
 *
 * GSI 0-15 mean a PIC input and the IOAPIC pin of the same number, 16-23 the
 * pin alone. Return: 0 or -ENOMEM.
 */
int strata_routing_init(struct strata_vm *vm)
{
	struct kvm_irq_routing_entry *entries, *e;
	struct strata_routing *table;
	unsigned int gsi;

	entries = kcalloc(KVM_IOAPIC_NUM_PINS + 16, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	e = entries;
	for (gsi = 0; vm->pic && gsi < KVM_IOAPIC_NUM_PINS; gsi++, e++) {
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e->u.irqchip.pin = gsi;
		if (gsi >= 16)
			continue;
		e++;
		e->gsi = gsi;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		e->u.irqchip.pin = gsi & 7;
	}
	table = build(vm, entries, e - entries);
	kfree(entries);
	if (IS_ERR(table))
		return PTR_ERR(table);
	RCU_INIT_POINTER(vm->routing, table);
	update_pit(vm, table);
	return 0;
}

/* @vm: nobody uses it any more, or it has no irqchip. */
void strata_routing_destroy(struct strata_vm *vm)
{
	kvfree(rcu_dereference_protected(vm->routing, true));
	RCU_INIT_POINTER(vm->routing, NULL);
}
