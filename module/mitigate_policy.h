/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which speculation barriers a host needs: one pure function, so that its
 * table can be tested without such a CPU.
 */
#ifndef STRATA_MITIGATE_POLICY_H
#define STRATA_MITIGATE_POLICY_H

#include "pure.h"

/* What is known of the host. */
struct strata_host_spec {
	bool off;		/* mitigations=off */
	bool has_ibpb;		/* PRED_CMD.IBPB works */
	bool has_spec_ctrl;	/* SPEC_CTRL exists */
	bool has_v_spec_ctrl;	/* hardware switches SPEC_CTRL */
	bool kernel_ibrs;	/* the kernel sets IBRS whenever it is entered */
	bool has_md_clear;	/* VERW clears buffers */
	bool has_flush_l1d;	/* FLUSH_CMD.L1D works */
	bool bug_l1tf;		/* a present-looking nested entry reads the L1 cache */
	bool bug_mds;		/* MDS, TAA, MMIO stale data or RFDS */
	bool bug_tsa;		/* transient scheduler attacks (AMD) */
	bool bug_vmscape;	/* user space behind a guest needs an IBPB */
	bool bug_spectre_v2;
	bool bug_itlb_multihit;	/* a page size that changes under a fetch is a machine check */
};

/* What follows from it. */
struct strata_barriers {
	bool ibpb_on_switch;	/* when a CPU changes from one vCPU to another */
	bool spec_ctrl;		/* swap SPEC_CTRL by WRMSR at entry and exit */
	bool spec_ctrl_always;	/* write it after the guest even where it is the same */
	bool verw_on_entry;	/* clear buffers before guest mode */
	bool ibpb_to_user;	/* ask the host for an IBPB on return to user space */
	bool l1d_on_window;	/* flush the L1 data cache when a window begins */
	bool small_exec;	/* large nested mappings of Intel's are not executable */
	bool at_entry;		/* one of those that each entry must look at */
};

/**
 * strata_decide_barriers - from host state to barriers
 * @h: what is known of the host
 *
 * SPEC_CTRL is architectural state: it is switched even where the barriers
 * are turned off. Where the kernel relies on IBRS, which keeps away what was
 * trained before it was written, the guest's own IBRS is not enough.
 */
static inline struct strata_barriers strata_decide_barriers(const struct strata_host_spec *h)
{
	struct strata_barriers b = {
		.spec_ctrl = h->has_spec_ctrl && !h->has_v_spec_ctrl,
	};

	b.at_entry = b.spec_ctrl;
	if (h->off)
		return b;
	b.spec_ctrl_always = b.spec_ctrl && h->kernel_ibrs;
	b.ibpb_on_switch = h->has_ibpb && h->bug_spectre_v2;
	b.verw_on_entry = h->has_md_clear && (h->bug_mds || h->bug_tsa);
	b.ibpb_to_user = h->has_ibpb && h->bug_vmscape;
	b.l1d_on_window = h->has_flush_l1d && h->bug_l1tf;
	b.small_exec = h->bug_itlb_multihit;
	b.at_entry |= b.verw_on_entry;
	return b;
}

#endif /* STRATA_MITIGATE_POLICY_H */
