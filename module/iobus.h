/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two I/O buses of a VM, ports and memory, and the devices on them.
 */
#ifndef STRATA_IOBUS_H
#define STRATA_IOBUS_H

#include <linux/types.h>

#include "strata.h"

struct strata_iodev;

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

/*
 * vm->io_filter says in one bit where nobody can be, so that most of what goes
 * to user space needs no lookup. A bit stands for 8 ports, or a page of memory.
 */
static __always_inline u64 strata_io_unit(bool pio, u64 addr)
{
	return addr >> (pio ? 3 : PAGE_SHIFT);
}

static __always_inline u64 strata_io_bit(u64 unit)
{
	return BIT_ULL((unit ^ unit >> 6) & 63);
}

/* False: nobody is at @addr. True: perhaps. */
static __always_inline bool strata_io_claimed(struct strata_vm *vm, bool pio, u64 addr)
{
	return READ_ONCE(vm->io_filter[pio]) & strata_io_bit(strata_io_unit(pio, addr));
}

#endif /* STRATA_IOBUS_H */
