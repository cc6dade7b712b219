/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine check that ended guest mode.
 */
#ifndef STRATA_MACHINE_CHECK_H
#define STRATA_MACHINE_CHECK_H

#include <asm/mce.h>
#include <asm/processor-flags.h>
#include <asm/ptrace.h>

/**
 * strata_machine_check - let the host handle it
 *
 * Intercepted, it is not delivered: the host's handler is called as the
 * exception would have, from user space by its looks, so that a recoverable
 * one costs this task at most. Interrupts are still off.
 */
static inline void strata_machine_check(void)
{
	struct pt_regs regs = {
		.cs = 3,
		.flags = X86_EFLAGS_IF,
	};

	if (IS_ENABLED(CONFIG_X86_MCE))
		do_machine_check(&regs);
}

#endif /* STRATA_MACHINE_CHECK_H */
