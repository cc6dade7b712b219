/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the ioctl tables of a VM and a vCPU share: how an entry is found, and
 * how its argument is copied in and out.
 */
#ifndef STRATA_IOCTL_ARG_H
#define STRATA_IOCTL_ARG_H

#include <linux/bits.h>
#include <linux/ioctl.h>
#include <linux/types.h>

/* What the dispatcher does around the function. */
#define L_NONE		0u
#define L_VCPU		BIT(0)	/* vcpu->mutex, killable */
#define L_VM		BIT(1)	/* vm->lock, killable */
#define L_RAW		BIT(2)	/* the function copies by itself */

/*
 * By the number's low byte, with one bit of the direction: 0x67 and 0xa2 are
 * two ioctls each. Should two of a table ever meet, W=1 says so.
 */
#define SLOTS		512
#define SLOT(nr)	(_IOC_NR(nr) << 1 | (_IOC_DIR(nr) == _IOC_WRITE))
#define CALL(nr, fn, flags) \
	[SLOT(nr)] = { nr, fn, flags }

/* Small arguments live on the stack. */
#define SMALL_ARG	256

struct strata_ioctl_arg {
	u8 small[SMALL_ARG] __aligned(8);
	void *ptr;
};

long strata_ioctl_arg_in(struct strata_ioctl_arg *a, unsigned int nr, unsigned long raw);
long strata_ioctl_arg_out(struct strata_ioctl_arg *a, unsigned int nr, unsigned long raw);
void strata_ioctl_arg_free(struct strata_ioctl_arg *a);

#endif /* STRATA_IOCTL_ARG_H */
