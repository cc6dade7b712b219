/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Speculation barriers around guest mode.
 */
#ifndef STRATA_MITIGATE_H
#define STRATA_MITIGATE_H

#include <linux/jump_label.h>
#include <asm/nospec-branch.h>
#include <asm/spec-ctrl.h>

#include "entry_flags.h"
#include "mitigate_policy.h"
#include "msr.h"
#include "strata.h"

extern struct strata_barriers strata_barriers;
/* strata_barriers.at_entry, where the entry asks */
DECLARE_STATIC_KEY_FALSE(strata_guard_entries);
/* debug builds: how often each was issued */
enum {
	STRATA_BARRIER_IBPB,
	STRATA_BARRIER_IBPB_TO_USER,
	STRATA_BARRIER_VERW,
	STRATA_BARRIER_SPEC_CTRL,
	STRATA_BARRIER_L1D,
	STRATA_NR_BARRIERS
};

extern atomic64_t strata_barrier_count[STRATA_NR_BARRIERS];
/* uid of the vCPU that ran on a CPU last: numbers are not used again, addresses are */
DECLARE_PER_CPU(u64, strata_last_vcpu);

/* For one entry; computed where tracing is still allowed. The host's is in the vCPU. */
struct strata_spec {
	u32 flags;		/* entry_flags.h */
	bool write_guest;
	u64 guest;		/* SPEC_CTRL */
};

#ifdef STRATA_DEBUG
#define strata_count_barrier(n)	atomic64_inc(&strata_barrier_count[n])
#else
#define strata_count_barrier(n)	do { } while (0)
#endif

/* ibpb.S */
void strata_ibpb(void);

void strata_mitigate_setup(void);
/* another vCPU ran on this CPU last: IBPB; preemption off */
void strata_mitigate_switch(struct strata_vcpu *vcpu);

static __always_inline void strata_mitigate_load(struct strata_vcpu *vcpu)
{
	if (unlikely(__this_cpu_read(strata_last_vcpu) != vcpu->uid))
		strata_mitigate_switch(vcpu);
}

/*
 * A guest ran on this CPU: user space must not run on its predictions. The
 * kernel does the barrier when it next returns there, and forgets the mark.
 */
static __always_inline void strata_mitigate_unload(void)
{
#ifdef HAVE_X86_IBPB_EXIT_TO_USER
	if (unlikely(strata_barriers.ibpb_to_user)) {
		__this_cpu_write(x86_ibpb_exit_to_user, true);
		strata_count_barrier(STRATA_BARRIER_IBPB_TO_USER);
	}
#endif
}

/*
 * A window begins: what the kernel has in the L1 cache is not for the guest
 * (L1TF). Between the entries of one window only the fast handlers run, which
 * touch nothing that is secret from the guest.
 */
static __always_inline void strata_mitigate_window(void)
{
	if (unlikely(strata_barriers.l1d_on_window)) {
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		strata_count_barrier(STRATA_BARRIER_L1D);
	}
}

static __always_inline struct strata_spec strata_mitigate_entry(struct strata_vcpu *vcpu)
{
	struct strata_spec s = { 0 };

	if (strata_barriers.spec_ctrl) {
		vcpu->host_spec_ctrl = spec_ctrl_current();
		s.guest = strata_msr_spec_ctrl(vcpu->msrs);
		s.write_guest = s.guest != vcpu->host_spec_ctrl;
		if (s.write_guest || strata_barriers.spec_ctrl_always) {
			s.flags |= STRATA_ENTER_SPEC_CTRL;
			strata_count_barrier(STRATA_BARRIER_SPEC_CTRL);
		}
	}
	if (strata_barriers.verw_on_entry) {
		s.flags |= STRATA_ENTER_VERW;
		strata_count_barrier(STRATA_BARRIER_VERW);
	}
	return s;
}

#endif /* STRATA_MITIGATE_H */
