// SPDX-License-Identifier: GPL-2.0
/*
 * VMX's basic exit reasons in the neutral vocabulary; see VMX_EXIT_REASONS.
 * What the SDM does not define, and what strata never asks for, is OTHER.
 */
#include "vmx.h"

#define ROW(name, number, id)	[number] = STRATA_EXIT_##id,

const u8 strata_vmx_exit_map[VMX_NR_EXITS] = {
	VMX_EXIT_REASONS(ROW)
	[35] = STRATA_EXIT_OTHER,
	[38] = STRATA_EXIT_OTHER,
	[42] = STRATA_EXIT_OTHER,
	[71] = STRATA_EXIT_OTHER,
};
