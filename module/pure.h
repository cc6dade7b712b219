/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pure parts of strata need of the kernel, and nothing more.
 *
 * Pure files (page-table formats, the instruction emulator, the guest page
 * walker, policy tables) include only this header and each other. In the
 * module it forwards to the kernel's headers; in a host program it supplies
 * the same names, so that one source is compiled twice.
 */
#ifndef STRATA_PURE_H
#define STRATA_PURE_H

#ifdef __KERNEL__

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#else

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/stddef.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define noinline
#define __packed			__attribute__((packed))
#define static_assert(cond)	_Static_assert(cond, #cond)

#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#define min_t(type, a, b) ({				\
	type min_a_ = (a);				\
	type min_b_ = (b);				\
	min_a_ < min_b_ ? min_a_ : min_b_; })

#endif /* __KERNEL__ */

#endif /* STRATA_PURE_H */
