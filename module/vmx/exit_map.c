// SPDX-License-Identifier: GPL-2.0
/*
 * VMX's basic exit reasons: what they are in the neutral vocabulary, and what
 * the hardware tells about them. What the SDM does not define, and what strata
 * never asks for, is OTHER.
 */
#include "vmx.h"

#define ID(name, number, neutral)	[number].id = STRATA_EXIT_##neutral,
/* Exits by an instruction, whose length the hardware tells (SDM 28.2.5). */
#define LENGTH(name)			[VMX_EXIT_##name].has_length = true
/* Exits that can interrupt the delivery of an event (SDM 28.2.4). */
#define VECTOR(name)			[VMX_EXIT_##name].can_vector = true

const struct vmx_exit_kind strata_vmx_exits[VMX_NR_EXITS] = {
	VMX_EXIT_REASONS(ID)
	[35].id = STRATA_EXIT_OTHER,
	[38].id = STRATA_EXIT_OTHER,
	[42].id = STRATA_EXIT_OTHER,
	[71].id = STRATA_EXIT_OTHER,

	LENGTH(CPUID), LENGTH(GETSEC), LENGTH(HLT), LENGTH(INVD), LENGTH(INVLPG),
	LENGTH(RDPMC), LENGTH(RDTSC), LENGTH(VMCALL), LENGTH(CR_ACCESS), LENGTH(DR_ACCESS),
	LENGTH(IO), LENGTH(RDMSR), LENGTH(WRMSR), LENGTH(MWAIT), LENGTH(MONITOR),
	LENGTH(PAUSE), LENGTH(RDTSCP), LENGTH(WBINVD), LENGTH(XSETBV),

	VECTOR(EXCEPTION_NMI), VECTOR(TASK_SWITCH), VECTOR(APIC_ACCESS),
	VECTOR(EPT_VIOLATION), VECTOR(EPT_MISCONFIG),
};
