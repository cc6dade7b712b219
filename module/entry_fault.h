/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why the hardware refused to enter a guest, as software finds it out.
 */
#ifndef STRATA_ENTRY_FAULT_H
#define STRATA_ENTRY_FAULT_H

#include "pure.h"

/**
 * struct strata_entry_fault - one broken rule
 * @name: the field, in the manual's words; NULL: no rule is broken
 * @rule: the rule
 * @value: what the field holds
 * @field: where: the encoding in a VMCS, the offset in a VMCB
 * @ours: no guest and no user can cause it
 */
struct strata_entry_fault {
	const char *name;
	const char *rule;
	u64 value;
	u32 field;
	bool ours;
};

#endif /* STRATA_ENTRY_FAULT_H */
