// SPDX-License-Identifier: GPL-2.0
/*
 * Asks of the current VMCS why it cannot be entered, or whether it can.
 */
#include <asm/asm.h>

#include "entry_check.h"
#include "insns.h"
#include "vmx.h"

struct fields {
	u64 v[VMCS_NR_FIELDS];
};

/* One buffer a CPU: too large for a stack, and used with interrupts off. */
static DEFINE_PER_CPU(struct fields, vmcs_fields);

/* 0 for a field that this CPU does not have: VMREAD fails there. */
static u64 read_if_there(u16 encoding)
{
	unsigned long val = 0;

	asm volatile("1: vmread %1, %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "+r" (val) : "r" ((unsigned long)encoding) : "cc");
	return val;
}

/**
 * vmx_explain_entry - check the current VMCS by the manual's rules
 * @fault: filled wholly
 *
 * Interrupts are off. About 150 VMREADs.
 *
 * Return: no rule is broken.
 */
bool vmx_explain_entry(struct strata_entry_fault *fault)
{
	u64 *v = this_cpu_ptr(&vmcs_fields)->v;
	unsigned int i;

	for (i = 0; i < VMCS_NR_FIELDS; i++)
		v[i] = read_if_there(vmcs_encodings[i]);
	return vmx_entry_check(v, &strata_vmx_caps, fault);
}
