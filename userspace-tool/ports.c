// SPDX-License-Identifier: GPL-2.0
/* The I/O ports: which device answers at which port. */

#include "launcher.h"

#define I8042_PORT	0x60
#define RTC_PORT	0x70
#define FAST_PORT	0x92
#define FAST_RESET	0x01
#define FAST_A20	0x02
#define RESET_CPU	0x04

static __u8 fast_in(struct vm *vm, unsigned int reg)
{
	(void)vm;
	(void)reg;
	return FAST_A20;
}

static void fast_out(struct vm *vm, unsigned int reg, __u8 value)
{
	(void)reg;
	if (value & FAST_RESET)
		vm_stop(vm, STATUS_RESET);
}

/* The debug exit: a test guest's own status. */
static __u8 exit_in(struct vm *vm, unsigned int reg)
{
	(void)vm;
	(void)reg;
	return 0;
}

static void exit_out(struct vm *vm, unsigned int reg, __u8 value)
{
	(void)reg;
	vm_stop(vm, STATUS_GUEST_BASE + (value & 63));
}

/* Files for the firmware are only read, and are there only with one. */
static __u8 fw_cfg_in(struct vm *vm, unsigned int reg)
{
	(void)reg;
	return vm->fw_cfg.nr_items ? fw_cfg_read(&vm->fw_cfg) : 0xff;
}

static void fw_cfg_out(struct vm *vm, unsigned int reg, __u8 value)
{
	(void)vm;
	(void)reg;
	(void)value;
}

/* Devices with byte registers; a wider access is one to each byte in turn. */
static const struct byte_device {
	__u16 first, last;
	__u16 base;			/* the port of register 0 */
	__u8 (*in)(struct vm *vm, unsigned int reg);
	void (*out)(struct vm *vm, unsigned int reg, __u8 value);
} byte_devices[] = {
	{ SERIAL_PORT, SERIAL_PORT + 7, SERIAL_PORT, serial_read, serial_write },
	{ I8042_PORT, I8042_PORT, I8042_PORT, i8042_read, i8042_write },
	{ I8042_PORT + 4, I8042_PORT + 4, I8042_PORT, i8042_read, i8042_write },
	{ RTC_PORT, RTC_PORT + 1, RTC_PORT, rtc_read, rtc_write },
	{ FAST_PORT, FAST_PORT, FAST_PORT, fast_in, fast_out },
	{ EXIT_PORT, EXIT_PORT, EXIT_PORT, exit_in, exit_out },
	{ FW_CFG_DATA_PORT, FW_CFG_DATA_PORT, FW_CFG_DATA_PORT, fw_cfg_in, fw_cfg_out },
};

static const struct byte_device *find(__u32 port)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(byte_devices); i++)
		if (port >= byte_devices[i].first && port <= byte_devices[i].last)
			return &byte_devices[i];
	return NULL;
}

static bool is_pm(__u16 port)
{
	return port >= PM_PORT && port < PM_PORT + PM_EVENT_LEN + PM_CONTROL_LEN;
}

static bool is_pci(const struct vm *vm, __u16 port)
{
	return vm->has_pci && port >= PCI_ADDRESS_PORT && port < PCI_DATA_PORT + 4;
}

/**
 * port_read() - what an IN instruction gets
 * @size: 1, 2 or 4 bytes
 *
 * Ports without a device float high.
 */
__u32 port_read(struct vm *vm, __u16 port, unsigned int size)
{
	__u32 value = 0;
	unsigned int i;

	pthread_mutex_lock(&vm->io_lock);
	if (is_pm(port)) {
		value = pm_read(vm, port - PM_PORT, size);
	} else if (port == RESET_PORT && size == 1) {
		value = 0;
	} else if (is_pci(vm, port)) {
		value = pci_port_read(vm, port, size);
	} else {
		for (i = 0; i < size; i++) {
			const struct byte_device *d = find(port + i);

			value |= (__u32)(d ? d->in(vm, port + i - d->base) : 0xff) << (8 * i);
		}
	}
	pthread_mutex_unlock(&vm->io_lock);
	return value;
}

/**
 * port_write() - what an OUT instruction does
 *
 * The reset register takes byte accesses only: a wider one is PCI's.
 */
void port_write(struct vm *vm, __u16 port, unsigned int size, __u32 value)
{
	unsigned int i;

	pthread_mutex_lock(&vm->io_lock);
	if (is_pm(port)) {
		pm_write(vm, port - PM_PORT, size, value);
	} else if (port == RESET_PORT && size == 1) {
		if (value & RESET_CPU)
			vm_stop(vm, STATUS_RESET);
	} else if (port == FW_CFG_SELECT_PORT && size == 2) {
		fw_cfg_select(&vm->fw_cfg, value);
	} else if (is_pci(vm, port)) {
		pci_port_write(vm, port, size, value);
	} else {
		for (i = 0; i < size; i++) {
			const struct byte_device *d = find(port + i);

			if (d)
				d->out(vm, port + i - d->base, value >> (8 * i));
		}
	}
	pthread_mutex_unlock(&vm->io_lock);
}
