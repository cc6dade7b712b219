/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two I/O buses of a VM, ports and memory, and the devices on them.
 */
#ifndef STRATA_IOBUS_H
#define STRATA_IOBUS_H

#include <linux/types.h>

struct strata_iodev;
struct strata_vm;

/* @addr is the bus address; 1-8 bytes, all inside one range of the device. No sleep. */
struct strata_iodev_ops {
	void (*read)(struct strata_iodev *dev, u64 addr, unsigned int len, void *val);
	void (*write)(struct strata_iodev *dev, u64 addr, unsigned int len, const void *val);
};

/* Part of a device in the kernel; as long-lived as the VM. */
struct strata_iodev {
	const struct strata_iodev_ops *ops;
};

struct strata_io_range {
	bool pio;
	u64 first, last;		/* addresses, both inclusive */
	struct strata_iodev *dev;
};

/* Put a device on the buses, at all its @n ranges or none: 0, -ENOMEM, -ENOSPC. May sleep. */
int strata_iobus_add(struct strata_vm *vm, const struct strata_io_range *ranges, unsigned int n);

#endif /* STRATA_IOBUS_H */
