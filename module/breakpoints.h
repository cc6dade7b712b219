/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Breakpoint addresses across guest mode, where the guest's DR7 has any on.
 * The hardware switches DR7; DR0 to DR3 are ours.
 */
#ifndef STRATA_BREAKPOINTS_H
#define STRATA_BREAKPOINTS_H

#include <asm/debugreg.h>
#include <asm/hw_breakpoint.h>

#include "strata.h"

/*
 * The host's DR7 is off first, for it must not watch the guest's addresses.
 */
static noinline void strata_load_breakpoints(struct strata_vcpu *vcpu, unsigned long *host_db)
{
	const unsigned long *db = vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP ? vcpu->debug_db :
									       vcpu->db;

	if (hw_breakpoint_active())
		set_debugreg(0ul, 7);
	get_debugreg(host_db[0], 0);
	get_debugreg(host_db[1], 1);
	get_debugreg(host_db[2], 2);
	get_debugreg(host_db[3], 3);
	set_debugreg(db[0], 0);
	set_debugreg(db[1], 1);
	set_debugreg(db[2], 2);
	set_debugreg(db[3], 3);
}

static noinline void strata_unload_breakpoints(const unsigned long *host_db)
{
	set_debugreg(host_db[0], 0);
	set_debugreg(host_db[1], 1);
	set_debugreg(host_db[2], 2);
	set_debugreg(host_db[3], 3);
}

/* Both vendors' exits turn the host's breakpoints off. */
static __always_inline void strata_host_breakpoints(void)
{
	if (unlikely(hw_breakpoint_active()))
		set_debugreg(__this_cpu_read(cpu_dr7), 7);
}

#endif /* STRATA_BREAKPOINTS_H */
