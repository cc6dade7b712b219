/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why an entry failed: the manual's rules for what a VMCB may hold.
 */
#ifndef STRATA_SVM_ENTRY_CHECK_H
#define STRATA_SVM_ENTRY_CHECK_H

#include "../pure.h"
#include "../entry_fault.h"
#include "vmcb.h"

/**
 * struct svm_entry_limits - what the rules depend on
 * @nr_asids: ASIDs of the CPU
 * @phys_bits: width of a physical address
 */
struct svm_entry_limits {
	u32 nr_asids;
	u8 phys_bits;
};

bool svm_entry_check(const struct vmcb *vmcb, const struct svm_entry_limits *limits,
		     struct strata_entry_fault *fault);

#endif /* STRATA_SVM_ENTRY_CHECK_H */
