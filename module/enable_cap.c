// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_ENABLE_CAP: what a client switches on for its VM.
 */
#include <linux/kernel.h>

#include "enable_cap.h"
#include "irqchip/lapic_calc.h"
#include "mmu/mmu.h"
#include "msr_user.h"
#include "strata.h"

/* An IOAPIC in user space has its pins at the front of the GSIs. */
#define MAX_USER_PINS	KVM_IOAPIC_NUM_PINS

static long split_irqchip(struct strata_vm *vm, const __u64 *args)
{
	if (args[0] > MAX_USER_PINS)
		return -EINVAL;
	if (vm->irqchip || vm->nr_vcpus)
		return -EEXIST;
	return strata_irqchip_create(vm, true);
}

/* Bit 0: reading the log leaves it; bit 1, with bit 0: a new log is all dirty. */
static long manual_dirty_log(struct strata_vm *vm, const __u64 *args)
{
	if (args[0] & ~(u64)STRATA_DIRTY_LOG_FLAGS)
		return -EINVAL;
	if ((args[0] & KVM_DIRTY_LOG_INITIALLY_SET) &&
	    !(args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE))
		return -EINVAL;
	WRITE_ONCE(vm->dirty_log_flags, args[0]);
	return 0;
}

/* Once; a second time only with the same number. */
static long max_vcpu_id(struct strata_vm *vm, const __u64 *args)
{
	/* The vCPU that boots has no id above it (KVM: from 6.12 on). */
	if (args[0] > STRATA_MAX_VCPU_ID || vm->bsp_id > args[0])
		return -EINVAL;
	if (vm->max_vcpu_id == args[0])
		return 0;
	if (vm->max_vcpu_id || vm->nr_vcpus)
		return -EINVAL;
	vm->max_vcpu_id = args[0];
	return 0;
}

static long user_space_msr(struct strata_vm *vm, const __u64 *args)
{
	if (args[0] & ~(u64)STRATA_MSR_EXIT_REASONS)
		return -EINVAL;
	WRITE_ONCE(vm->msr_exits, args[0]);
	return 0;
}

static long platform_info(struct strata_vm *vm, const __u64 *args)
{
	WRITE_ONCE(vm->no_platform_info, !args[0]);
	return 0;
}

static long disable_quirks(struct strata_vm *vm, const __u64 *args)
{
	if (args[0] & ~(u64)STRATA_QUIRKS)
		return -EINVAL;
	WRITE_ONCE(vm->disabled_quirks, args[0]);
	return 0;
}

static long emulation_failure(struct strata_vm *vm, const __u64 *args)
{
	if (args[0] & ~1ull)
		return -EINVAL;
	WRITE_ONCE(vm->tell_emulation_failure, args[0]);
	return 0;
}

static long x2apic_api(struct strata_vm *vm, const __u64 *args)
{
	if (args[0] & ~(u64)STRATA_X2APIC_API)
		return -EINVAL;
	WRITE_ONCE(vm->x2apic_api, vm->x2apic_api | args[0]);
	return 0;
}

/* What was disabled once stays so. */
static long disable_exits(struct strata_vm *vm, const __u64 *args)
{
	if (args[0] & ~(u64)STRATA_DISABLE_EXITS)
		return -EINVAL;
	WRITE_ONCE(vm->disabled_exits, vm->disabled_exits | args[0]);
	return 0;
}

#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
static long apic_bus_clock(struct strata_vm *vm, const __u64 *args)
{
	if (!args[0] || args[0] > LAPIC_MAX_BUS_NS)
		return -EINVAL;
	if (!vm->irqchip)
		return -ENXIO;
	if (vm->nr_vcpus)
		return -EINVAL;
	vm->apic_bus_ns = args[0];
	return 0;
}
#endif

static const struct {
	u32 cap;
	long (*fn)(struct strata_vm *vm, const __u64 *args);
} vm_caps[] = {
	{ KVM_CAP_SPLIT_IRQCHIP,		split_irqchip },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,	manual_dirty_log },
	{ KVM_CAP_MAX_VCPU_ID,			max_vcpu_id },
	{ KVM_CAP_X86_USER_SPACE_MSR,		user_space_msr },
	{ KVM_CAP_MSR_PLATFORM_INFO,		platform_info },
	{ KVM_CAP_DISABLE_QUIRKS2,		disable_quirks },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE,	emulation_failure },
	{ KVM_CAP_X2APIC_API,			x2apic_api },
	{ KVM_CAP_X86_DISABLE_EXITS,		disable_exits },
#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
	{ KVM_CAP_X86_APIC_BUS_CYCLES_NS,	apic_bus_clock },
#endif
};

/**
 * strata_vm_enable_cap - KVM_ENABLE_CAP on a VM
 * @vm: its lock is held
 * @cap: which, and its arguments
 *
 * Return: 0; -EINVAL for flags, for a capability that is always on or not
 * there, and for arguments it does not take; what the capability itself says.
 */
long strata_vm_enable_cap(struct strata_vm *vm, const struct kvm_enable_cap *cap)
{
	unsigned int i;

	lockdep_assert_held(&vm->lock);
	if (cap->flags)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(vm_caps); i++)
		if (vm_caps[i].cap == cap->cap)
			return vm_caps[i].fn(vm, cap->args);
	return -EINVAL;
}

/**
 * strata_vcpu_enable_cap - KVM_ENABLE_CAP on a vCPU
 * @vcpu: its mutex is held
 * @cap: which, and its arguments
 *
 * A guest never has a paravirtual feature that its CPUID does not show, so that
 * to enforce it changes nothing.
 *
 * Return: 0 or -EINVAL.
 */
long strata_vcpu_enable_cap(struct strata_vcpu *vcpu, const struct kvm_enable_cap *cap)
{
	return cap->flags || cap->cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID ? -EINVAL : 0;
}
