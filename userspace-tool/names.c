// SPDX-License-Identifier: GPL-2.0
/* Names of the KVM API's exit reasons. */

#include "launcher.h"

#define NAME(x) { KVM_EXIT_##x, #x }

static const struct {
	__u32 reason;
	const char *name;
} exit_reasons[] = {
	NAME(UNKNOWN), NAME(EXCEPTION), NAME(IO), NAME(HYPERCALL), NAME(DEBUG), NAME(HLT),
	NAME(MMIO), NAME(IRQ_WINDOW_OPEN), NAME(SHUTDOWN), NAME(FAIL_ENTRY), NAME(INTR),
	NAME(SET_TPR), NAME(TPR_ACCESS), NAME(NMI), NAME(INTERNAL_ERROR), NAME(SYSTEM_EVENT),
	NAME(IOAPIC_EOI), NAME(HYPERV), NAME(X86_RDMSR), NAME(X86_WRMSR),
	NAME(DIRTY_RING_FULL), NAME(AP_RESET_HOLD), NAME(X86_BUS_LOCK), NAME(XEN), NAME(NOTIFY),
};

/* Without the KVM_EXIT_ in front; "?" for what the API has no name for. */
const char *exit_reason_name(__u32 reason)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(exit_reasons); i++)
		if (exit_reasons[i].reason == reason)
			return exit_reasons[i].name;
	return "?";
}

const char *suberror_name(__u32 suberror)
{
	switch (suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		return "an instruction that it cannot emulate";
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		return "exceptions during delivery of an exception";
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return "an exit during delivery of an event";
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "a hardware exit that it does not know";
	default:
		return "an error without a name";
	}
}
