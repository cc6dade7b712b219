/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test includes, once per program: the library and the harness of
 * the kernel's selftests, which must not be part of two objects of a program.
 */
#ifndef STRATA_TEST_H
#define STRATA_TEST_H

#include "testlib.h"
#include "kselftest_harness.h"

/* The harness declares none of the functions that it makes of a fixture. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* Longer than GUEST_DEADLINE, so that a hanging guest reports itself first. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT (GUEST_DEADLINE + 20)

/* In a TEST body: skip unless the device offers the capability. */
#define REQUIRE_CAP(cap)						\
	do {								\
		if (!has_cap(cap))					\
			SKIP(return, "the device does not offer " #cap);\
	} while (0)

/* In a TEST body: skip unless the CPU offers the feature to guests. */
#define REQUIRE_CPUID(leaf, index, reg, bit)				\
	do {								\
		if (!(cpuid_supported(leaf, index)->reg & (1u << (bit))))\
			SKIP(return, "no CPUID " #leaf " " #reg "." #bit);\
	} while (0)

#endif
