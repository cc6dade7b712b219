/* SPDX-License-Identifier: GPL-2.0 */
/* The handful of macros that kernel code is used to. */
#ifndef STRATA_MACROS_H
#define STRATA_MACROS_H

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1U << (n))
#define BIT_ULL(n)	(1ULL << (n))
#undef __packed
#define __packed	__attribute__((packed))
#define __printf(a, b)	__attribute__((format(printf, a, b)))

#endif
