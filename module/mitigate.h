/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Speculation barriers around guest mode.
 */
#ifndef STRATA_MITIGATE_H
#define STRATA_MITIGATE_H

#include <asm/nospec-branch.h>
#include <asm/segment.h>
#include <asm/spec-ctrl.h>

#include "mitigate_policy.h"
#include "strata.h"

extern struct strata_barriers strata_barriers;
/* debug builds: how often each was issued */
extern atomic64_t strata_barrier_count[4];
/* the vCPU that ran on a CPU last; compared, never followed */
DECLARE_PER_CPU(struct strata_vm *, strata_last_vm);

/* SPEC_CTRL for one entry; computed where tracing is still allowed. */
struct strata_spec {
	bool write;
	bool verw;
	u64 guest;
	u64 host;
};

static __always_inline void strata_verw(void)
{
	static const u16 ds = __KERNEL_DS;

	asm volatile("verw %0" : : "m" (ds) : "cc");
}

#ifdef STRATA_DEBUG
#define strata_count_barrier(n)	atomic64_inc(&strata_barrier_count[n])
#else
#define strata_count_barrier(n)	do { } while (0)
#endif

void strata_mitigate_setup(void);
/* another VM ran on this CPU last: IBPB; preemption off */
void strata_mitigate_switch(struct strata_vcpu *vcpu);

static __always_inline void strata_mitigate_load(struct strata_vcpu *vcpu)
{
	if (unlikely(__this_cpu_read(strata_last_vm) != vcpu->vm))
		strata_mitigate_switch(vcpu);
}

static __always_inline struct strata_spec strata_mitigate_entry(struct strata_vcpu *vcpu)
{
	struct strata_spec s = { .verw = strata_barriers.verw_on_entry };

	if (strata_barriers.spec_ctrl) {
		s.host = spec_ctrl_current();
		s.guest = strata_msr_spec_ctrl(vcpu);
		s.write = s.host != s.guest;
	}
	return s;
}

#endif /* STRATA_MITIGATE_H */
