/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why an entry failed: the manual's rules for what a VMCS may hold.
 */
#ifndef STRATA_VMX_ENTRY_CHECK_H
#define STRATA_VMX_ENTRY_CHECK_H

#include "../pure.h"
#include "../entry_fault.h"
#include "caps.h"
#include "vmcs.h"

/* The fields by their place in VMCS_FIELDS(). */
#define VMCS_INDEX_ENUM(name, encoding, text)	VMCS_I_##name,
enum vmcs_index {
	VMCS_FIELDS(VMCS_INDEX_ENUM)
	VMCS_NR_FIELDS
};

#undef VMCS_INDEX_ENUM

extern const u16 vmcs_encodings[VMCS_NR_FIELDS];

bool vmx_entry_check(const u64 *fields, const struct vmx_caps *caps,
		     struct strata_entry_fault *fault);

#endif /* STRATA_VMX_ENTRY_CHECK_H */
