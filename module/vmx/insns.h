/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMX instructions. Each has an exception-table entry: where VMX operation
 * has been left under us (reboot, a CPU on its way offline) it is #UD, and
 * must not be an oops.
 */
#ifndef STRATA_VMX_INSNS_H
#define STRATA_VMX_INSNS_H

#include <linux/types.h>
#include <asm/asm.h>
#include <asm/extable_fixup_types.h>

#include "vmcs.h"

/* Always inlined, for they are used where nothing may be traced. 0 without VMX operation. */
static __always_inline unsigned long vmcs_read(enum vmcs_field field)
{
	unsigned long val;

	asm volatile("1: vmread %1, %0\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_ZERO_REG, %0)
		     : "=r" (val) : "r" ((unsigned long)field) : "cc");
	return val;
}

static __always_inline void vmcs_write(enum vmcs_field field, unsigned long val)
{
	asm volatile("1: vmwrite %1, %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "r" ((unsigned long)field), "rm" (val) : "cc");
}

/*
 * MSRs of which is known that they exist, without the detour of paravirtual
 * calls and tracepoints: a section has a handful of them.
 */
static __always_inline u64 vmx_rdmsr(u32 index)
{
	u32 low, high;

	asm volatile("1: rdmsr\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "=a" (low), "=d" (high) : "c" (index));
	return low | (u64)high << 32;
}

static __always_inline void vmx_wrmsr(u32 index, u64 val)
{
	asm volatile("1: wrmsr\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "c" (index), "a" ((u32)val), "d" ((u32)(val >> 32)) : "memory");
}

/*
 * VMfail sets CF or ZF (SDM 31.2). The result is false then, and where the
 * instruction faulted.
 */
#define VMX_ON_ADDRESS(name, insn)					\
static __always_inline bool name(u64 pa)				\
{									\
	bool ok = false;						\
									\
	asm volatile("1: " insn " %1\n"					\
		     "seta %0\n"					\
		     "2:\n"						\
		     _ASM_EXTABLE(1b, 2b)				\
		     : "+q" (ok) : "m" (pa) : "cc", "memory");		\
	return ok;							\
}

VMX_ON_ADDRESS(vmx_vmxon, "vmxon")
VMX_ON_ADDRESS(vmx_vmclear, "vmclear")
VMX_ON_ADDRESS(vmx_vmptrld, "vmptrld")

static __always_inline void vmx_vmxoff(void)
{
	asm volatile("1: vmxoff\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : : "cc", "memory");
}

#define VMX_INVALIDATE(name, insn)					\
static __always_inline bool name(unsigned long type, u64 tag)		\
{									\
	struct { u64 tag, address; } desc = { tag, 0 };			\
	bool ok = false;						\
									\
	asm volatile("1: " insn " %1, %2\n"				\
		     "seta %0\n"					\
		     "2:\n"						\
		     _ASM_EXTABLE(1b, 2b)				\
		     : "+q" (ok) : "m" (desc), "r" (type) : "cc", "memory");	\
	return ok;							\
}

/* tag: EPT pointer */
VMX_INVALIDATE(vmx_invept, "invept")
/* tag: VPID */
VMX_INVALIDATE(vmx_invvpid, "invvpid")

#endif /* STRATA_VMX_INSNS_H */
