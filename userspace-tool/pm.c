// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI power management: the PM1 event and control registers.  The one event is the
 * power button's; what counts is the write that powers the machine off.
 */

#include "acpi.h"
#include "launcher.h"

#define POWER_BUTTON	BIT(8)

enum { PM_STATUS = 0, PM_ENABLE = 2, PM_CONTROL = 4 };

static __u16 *pm_register(struct pm *pm, unsigned int reg)
{
	switch (reg & ~1U) {
	case PM_STATUS:
		return &pm->status;
	case PM_ENABLE:
		return &pm->enable;
	default:
		return &pm->control;
	}
}

static __u8 read_byte(struct pm *pm, unsigned int reg)
{
	__u16 value = *pm_register(pm, reg);

	if ((reg & ~1U) == PM_CONTROL)
		value |= ACPI_PM1_SCI_ENABLE;
	return value >> (reg & 1 ? 8 : 0);
}

/* The line is level triggered, and high as long as an event waits that is enabled. */
static void update_sci(struct vm *vm)
{
	bool level = vm->pm.status & vm->pm.enable;

	if (level == vm->pm.sci)
		return;
	vm->pm.sci = level;
	vm_irq_line(vm, SCI_GSI, level);
}

/* A guest that listens shuts down in its own time. */
void pm_press_power_button(struct vm *vm)
{
	pthread_mutex_lock(&vm->io_lock);
	vm->pm.status |= POWER_BUTTON;
	update_sci(vm);
	pthread_mutex_unlock(&vm->io_lock);
}

static void write_byte(struct vm *vm, unsigned int reg, __u8 value)
{
	__u16 *r = pm_register(&vm->pm, reg);
	unsigned int shift = reg & 1 ? 8 : 0;

	if ((reg & ~1U) == PM_STATUS) {
		*r &= ~(value << shift);	/* ones clear */
		update_sci(vm);
		return;
	}
	*r = (*r & ~(0xff << shift)) | value << shift;
	update_sci(vm);
	if ((reg & ~1U) != PM_CONTROL || !(*r & ACPI_PM1_SLEEP_ENABLE))
		return;
	*r &= ~ACPI_PM1_SLEEP_ENABLE;	/* reads as zero */
	if ((*r >> ACPI_PM1_SLEEP_TYPE & 7) == ACPI_S5_TYPE)
		vm_stop(vm, STATUS_POWEROFF);
}

__u32 pm_read(struct vm *vm, unsigned int reg, unsigned int size)
{
	__u32 value = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		value |= (__u32)(reg + i < PM_EVENT_LEN + PM_CONTROL_LEN ?
				 read_byte(&vm->pm, reg + i) : 0xff) << (8 * i);
	return value;
}

void pm_write(struct vm *vm, unsigned int reg, unsigned int size, __u32 value)
{
	unsigned int i;

	for (i = 0; i < size && reg + i < PM_EVENT_LEN + PM_CONTROL_LEN; i++)
		write_byte(vm, reg + i, value >> (8 * i));
}
