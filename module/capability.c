// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CHECK_EXTENSION: what is offered. Everything else answers 0.
 *
 * A capability obliges: what stands here works.
 */
#include <linux/kvm.h>
#include <linux/kernel.h>

#include "guest_debug.h"
#include "ioctl.h"
#include "msr.h"
#include "strata.h"

enum need {
	NOTHING,
	TSC_SCALING,
};

struct capability {
	unsigned int cap;
	int value;
	enum need needs;
};

static const struct capability capabilities[] = {
	/* tier 1 */
	{ KVM_CAP_USER_MEMORY,			1 },
#ifdef KVM_CAP_USER_MEMORY2
	{ KVM_CAP_USER_MEMORY2,			1 },
#endif
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS,	1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,	1 },
	{ KVM_CAP_EXT_CPUID,			1 },
	{ KVM_CAP_SET_TSS_ADDR,			1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR,	1 },
	{ KVM_CAP_MP_STATE,			1 },
	{ KVM_CAP_HLT,				1 },
	{ KVM_CAP_IMMEDIATE_EXIT,		1 },
	{ KVM_CAP_NR_MEMSLOTS,			STRATA_NR_MEMSLOTS },
	{ KVM_CAP_NR_VCPUS,			STRATA_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPUS,			STRATA_MAX_VCPUS },
	{ KVM_CAP_MAX_VCPU_ID,			STRATA_MAX_VCPU_ID },
	{ KVM_CAP_CHECK_EXTENSION_VM,		1 },
	{ KVM_CAP_VCPU_EVENTS,			1 },
	{ KVM_CAP_SYNC_MMU,			1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA,		1 },
	{ KVM_CAP_READONLY_MEM,			1 },
	{ KVM_CAP_NOP_IO_DELAY,			1 },
	/* tier 2 */
	{ KVM_CAP_IRQCHIP,			1 },
	{ KVM_CAP_IRQ_ROUTING,			STRATA_MAX_IRQ_ROUTES },
	{ KVM_CAP_IRQ_INJECT_STATUS,		1 },
	{ KVM_CAP_PIT2,				1 },
	{ KVM_CAP_REINJECT_CONTROL,		1 },
	{ KVM_CAP_SREGS2,			1 },
	{ KVM_CAP_PIT_STATE2,			1 },
	{ KVM_CAP_IOEVENTFD,			1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH,		1 },
	{ KVM_CAP_SIGNAL_MSI,			1 },
	{ KVM_CAP_COALESCED_MMIO,		STRATA_COALESCED_PAGE },
	{ KVM_CAP_COALESCED_PIO,		1 },
	{ KVM_CAP_USER_NMI,			1 },
	{ KVM_CAP_TSC_DEADLINE_TIMER,		1 },
	{ KVM_CAP_GET_TSC_KHZ,			1 },
	{ KVM_CAP_TSC_CONTROL,			1, TSC_SCALING },
	{ KVM_CAP_VM_TSC_CONTROL,		1, TSC_SCALING },
	{ KVM_CAP_BINARY_STATS_FD,		1 },
	{ KVM_CAP_ADJUST_CLOCK,			STRATA_CLOCK_FLAGS },
	/* state beside them */
	{ KVM_CAP_XSAVE,			1 },
	{ KVM_CAP_XCRS,				1 },
	{ KVM_CAP_DEBUGREGS,			1 },
	{ KVM_CAP_SYNC_REGS,			STRATA_SYNC_REGS },
	{ KVM_CAP_VCPU_ATTRIBUTES,		1 },
	{ KVM_CAP_KVMCLOCK_CTRL,		1 },
	{ KVM_CAP_MCE,				MSR_NR_BANKS },
	/* interrupts by eventfds, and with the IOAPIC in user space */
	{ KVM_CAP_IRQFD,			1 },
	{ KVM_CAP_IRQFD_RESAMPLE,		1 },
	{ KVM_CAP_SPLIT_IRQCHIP,		1 },
	/* what a client switches on, and the rest */
	{ KVM_CAP_ENABLE_CAP_VM,		1 },
	{ KVM_CAP_ENABLE_CAP,			1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID,	1 },
	{ KVM_CAP_STEAL_TIME,			1 },
	{ KVM_CAP_SET_BOOT_CPU_ID,		1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,	STRATA_DIRTY_LOG_FLAGS },
	{ KVM_CAP_GET_MSR_FEATURES,		1 },
	{ KVM_CAP_MSR_PLATFORM_INFO,		1 },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE,	1 },
	{ KVM_CAP_X2APIC_API,			STRATA_X2APIC_API },
	{ KVM_CAP_X86_DISABLE_EXITS,		STRATA_DISABLE_EXITS },
#ifdef KVM_CAP_X86_APIC_BUS_CYCLES_NS
	{ KVM_CAP_X86_APIC_BUS_CYCLES_NS,	STRATA_APIC_BUS_NS },
#endif
#ifdef KVM_CAP_PRE_FAULT_MEMORY
	{ KVM_CAP_PRE_FAULT_MEMORY,		1 },
#endif
	{ KVM_CAP_DISABLE_QUIRKS2,		STRATA_QUIRKS },
	{ KVM_CAP_SET_GUEST_DEBUG,		1 },
	{ KVM_CAP_SET_GUEST_DEBUG2,		STRATA_DEBUG_FLAGS },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP,	1 },
	{ KVM_CAP_X86_USER_SPACE_MSR,		1 },
	{ KVM_CAP_X86_MSR_FILTER,		1 },
};

static bool has(enum need needs)
{
	return needs != TSC_SCALING || strata_vendor->tsc_frac;
}

/**
 * strata_check_extension - KVM_CHECK_EXTENSION
 * @cap: KVM_CAP_*
 *
 * Return: what the API defines for it, 0 for what is not offered.
 */
int strata_check_extension(unsigned long cap)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i].cap == cap && has(capabilities[i].needs))
			return capabilities[i].value;
	return 0;
}
