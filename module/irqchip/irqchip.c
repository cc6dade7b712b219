// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt controllers of a VM together: their life and their state.
 */
#include <linux/slab.h>

#include "../iobus.h"
#include "irqchip.h"
#include "irqfd.h"

static void free_all(struct strata_vm *vm)
{
	strata_routing_destroy(vm);
	if (vm->ioapic)
		strata_ioapic_free(vm->ioapic);
	if (vm->pic)
		strata_pic_free(vm->pic);
	kfree(vm->apic_map);
	vm->ioapic = NULL;
	vm->pic = NULL;
	vm->apic_map = NULL;
}

static int add_to_buses(struct strata_vm *vm)
{
	struct strata_iodev *pic = strata_pic_iodev(vm->pic);
	struct strata_iodev *ioapic = strata_ioapic_iodev(vm->ioapic);
	const struct strata_io_range ranges[] = {
		{ true, 0x20, 0x21, pic },
		{ true, 0xa0, 0xa1, pic },
		{ true, 0x4d0, 0x4d1, pic },
		{ false, 0xfec00000, 0xfec000ff, ioapic },
	};

	return strata_iobus_add(vm, ranges, ARRAY_SIZE(ranges));
}

/**
 * strata_irqchip_create - KVM_CREATE_IRQCHIP, KVM_CAP_SPLIT_IRQCHIP
 * @vm: its lock is held; no irqchip, no vCPUs
 * @split: PIC and IOAPIC are user space's: interrupts come as messages, and by
 *	KVM_INTERRUPT
 *
 * vCPUs created after this have LAPICs. Return: 0, -ENOMEM or -ENOSPC.
 */
int strata_irqchip_create(struct strata_vm *vm, bool split)
{
	int r = -ENOMEM;

	vm->apic_map = kzalloc(sizeof(*vm->apic_map), GFP_KERNEL_ACCOUNT);
	if (!split) {
		vm->pic = strata_pic_alloc(vm);
		vm->ioapic = strata_ioapic_alloc(vm);
	}
	if (vm->apic_map && (split || (vm->pic && vm->ioapic)))
		r = strata_routing_init(vm);
	if (!r && !split)
		r = add_to_buses(vm);
	if (r) {
		free_all(vm);
		return r;
	}
	/* All of the above before those who look at it without the lock. */
	smp_store_release(&vm->irqchip, true);
	return 0;
}

/**
 * strata_irqchip_stop - no interrupt by itself any more
 * @vm: nobody uses it any more; its vCPUs still exist
 */
void strata_irqchip_stop(struct strata_vm *vm)
{
	strata_irqfd_destroy(vm);
	if (vm->ioapic)
		strata_ioapic_stop(vm->ioapic);
}

/**
 * strata_irqchip_destroy - the end of the controllers, after that of the vCPUs
 * @vm: nobody uses it any more
 */
void strata_irqchip_destroy(struct strata_vm *vm)
{
	free_all(vm);
}

/**
 * strata_get_irqchip - KVM_GET_IRQCHIP
 * @vm: has an irqchip
 * @chip: its chip_id says which; takes the state
 *
 * Return: 0 or -EINVAL.
 */
int strata_get_irqchip(struct strata_vm *vm, struct kvm_irqchip *chip)
{
	u32 id = chip->chip_id;

	memset(chip, 0, sizeof(*chip));
	chip->chip_id = id;
	switch (id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		strata_pic_get(vm->pic, id == KVM_IRQCHIP_PIC_SLAVE, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		strata_ioapic_get(vm->ioapic, &chip->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * strata_set_irqchip - KVM_SET_IRQCHIP
 * @vm: has an irqchip
 * @chip: which, and its state; what cannot be is made harmless
 *
 * Return: 0 or -EINVAL.
 */
int strata_set_irqchip(struct strata_vm *vm, const struct kvm_irqchip *chip)
{
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		strata_pic_set(vm->pic, chip->chip_id == KVM_IRQCHIP_PIC_SLAVE, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		strata_ioapic_set(vm->ioapic, &chip->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}
