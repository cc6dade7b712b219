/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernel versions strata builds for, and
 * nothing of that kind elsewhere. HAVE_* come from module/configure.
 */
#ifndef STRATA_COMPAT_H
#define STRATA_COMPAT_H

#include <linux/version.h>
#include <linux/types.h>
#include <linux/hrtimer.h>
#include <linux/eventfd.h>
#include <linux/sched.h>
#include <asm/msr.h>
#if defined(HAVE_CPUID_API_H)
#include <asm/cpuid/api.h>
#elif defined(HAVE_CPUID_H)
#include <asm/cpuid.h>
#else
#include <asm/processor.h>
#endif

/* 7.2 knows MSR accessors by the width of their operand only. */
#ifndef rdmsrl
#define rdmsrl(msr, val)		rdmsrq(msr, val)
#define wrmsrl(msr, val)		wrmsrq(msr, val)
#define rdmsrl_safe(msr, p)		rdmsrq_safe(msr, p)
#define wrmsrl_safe(msr, val)		wrmsrq_safe(msr, val)
#endif

#endif /* STRATA_COMPAT_H */
