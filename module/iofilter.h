/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where nobody in the kernel can be, in one bit.
 */
#ifndef STRATA_IOFILTER_H
#define STRATA_IOFILTER_H

#include "strata.h"

/*
 * Most of what goes to user space so needs no lookup. A bit of vm->io_filter
 * stands for 8 ports, or a page of memory.
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

#endif /* STRATA_IOFILTER_H */
