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
#include <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#ifndef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#endif
#define noinline		__attribute__((__noinline__))
#define fallthrough		__attribute__((__fallthrough__))

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
