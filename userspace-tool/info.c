// SPDX-License-Identifier: GPL-2.0
/* `strata info`: what a device offers. */

#include "launcher.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CAP(x) { KVM_CAP_##x, #x }

/* Every capability a client of the x86 API asks for, in the API's order. */
static const struct {
	int number;
	const char *name;
} capabilities[] = {
	CAP(IRQCHIP), CAP(HLT), CAP(USER_MEMORY), CAP(SET_TSS_ADDR), CAP(EXT_CPUID),
	CAP(NR_VCPUS), CAP(NR_MEMSLOTS), CAP(PIT), CAP(NOP_IO_DELAY), CAP(MP_STATE),
	CAP(COALESCED_MMIO), CAP(SYNC_MMU), CAP(DESTROY_MEMORY_REGION_WORKS), CAP(USER_NMI),
	CAP(SET_GUEST_DEBUG), CAP(REINJECT_CONTROL), CAP(IRQ_ROUTING), CAP(IRQ_INJECT_STATUS),
	CAP(MCE), CAP(IRQFD), CAP(PIT2), CAP(PIT_STATE2), CAP(IOEVENTFD),
	CAP(SET_IDENTITY_MAP_ADDR), CAP(ADJUST_CLOCK), CAP(INTERNAL_ERROR_DATA),
	CAP(VCPU_EVENTS), CAP(DEBUGREGS), CAP(ENABLE_CAP), CAP(XSAVE), CAP(XCRS),
	CAP(ASYNC_PF), CAP(TSC_CONTROL), CAP(GET_TSC_KHZ), CAP(MAX_VCPUS),
	CAP(TSC_DEADLINE_TIMER), CAP(SIGNAL_MSI), CAP(READONLY_MEM), CAP(KVMCLOCK_CTRL),
	CAP(JOIN_MEMORY_REGIONS_WORKS), CAP(EXT_EMUL_CPUID), CAP(IOEVENTFD_NO_LENGTH),
	CAP(CHECK_EXTENSION_VM), CAP(DISABLE_QUIRKS), CAP(X86_SMM), CAP(MULTI_ADDRESS_SPACE),
	CAP(SPLIT_IRQCHIP), CAP(IOEVENTFD_ANY_LENGTH), CAP(MAX_VCPU_ID), CAP(X2APIC_API),
	CAP(IMMEDIATE_EXIT), CAP(X86_DISABLE_EXITS), CAP(GET_MSR_FEATURES), CAP(NESTED_STATE),
	CAP(COALESCED_PIO), CAP(SYNC_REGS), CAP(MANUAL_DIRTY_LOG_PROTECT2), CAP(EXCEPTION_PAYLOAD),
	CAP(X86_USER_SPACE_MSR), CAP(X86_MSR_FILTER), CAP(DIRTY_LOG_RING), CAP(SREGS2),
	CAP(BINARY_STATS_FD), CAP(XSAVE2), CAP(VM_TSC_CONTROL), CAP(X86_TRIPLE_FAULT_EVENT),
};

static void print_capabilities(int fd)
{
	size_t i;

	printf("capabilities (others are not offered):\n");
	for (i = 0; i < ARRAY_SIZE(capabilities); i++) {
		int value = ioctl(fd, KVM_CHECK_EXTENSION, capabilities[i].number);

		if (value > 0)
			printf("  %-32s %d\n", capabilities[i].name, value);
	}
}

/* With no room for any index the call fails with E2BIG and tells the number. */
static void print_msrs(int fd)
{
	struct kvm_msr_list list = { .nmsrs = 0 };

	if (ioctl(fd, KVM_GET_MSR_INDEX_LIST, &list) && errno != E2BIG)
		return;
	printf("MSRs that can be saved:   %u\n", list.nmsrs);
}

int cmd_info(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ 0 }
	};
	const char *path = STRATA_DEVICE;
	struct kvm_cpuid2 *cpuid;
	int c, fd;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'd') {
			err("there is no option %s; see 'strata help info'", argv[optind - 1]);
			return STATUS_USAGE;
		}
		path = optarg;
	}
	if (optind < argc) {
		err("'%s' is no option; see 'strata help info'", argv[optind]);
		return STATUS_USAGE;
	}
	fd = device_open(path);
	if (fd < 0)
		return STATUS_HOST_ERROR;
	printf("device:                   %s\n", path);
	printf("KVM API version:          %d\n", ioctl(fd, KVM_GET_API_VERSION, 0));
	printf("vCPU mapping:             %d bytes\n", ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0));
	cpuid = cpuid_supported(fd);
	if (cpuid)
		printf("CPUID entries:            %u\n", cpuid->nent);
	free(cpuid);
	print_msrs(fd);
	print_capabilities(fd);
	close(fd);
	return 0;
}
