// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID: what the device supports, with the bits that only user space can know:
 * each CPU's APIC id, and the topology, which is one package of single-threaded
 * cores.  Nested virtualization is hidden.
 */

#include "launcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CPUID_ENTRIES		256

#define LEAF1_ECX_VMX		BIT(5)
#define LEAF1_ECX_TSC_DEADLINE	BIT(24)
#define LEAF1_ECX_HYPERVISOR	BIT(31)
#define LEAF1_EDX_HTT		BIT(28)
#define EXT1_ECX_CMP_LEGACY	BIT(1)
#define EXT1_ECX_SVM		BIT(2)

#define TOPOLOGY_SMT		BIT(8)
#define TOPOLOGY_CORE		BIT(9)

/* The supported table; free() it.  NULL after a message. */
struct kvm_cpuid2 *cpuid_supported(int dev_fd)
{
	struct kvm_cpuid2 *table;

	table = calloc(1, sizeof(*table) + CPUID_ENTRIES * sizeof(table->entries[0]));
	if (!table) {
		err("no memory for the CPUID table");
		return NULL;
	}
	table->nent = CPUID_ENTRIES;
	if (ioctl(dev_fd, KVM_GET_SUPPORTED_CPUID, table)) {
		err("KVM_GET_SUPPORTED_CPUID failed: %s", strerror(errno));
		free(table);
		return NULL;
	}
	return table;
}

/* How many bits number n things. */
static unsigned int width(unsigned int n)
{
	unsigned int bits = 0;

	while (1U << bits < n)
		bits++;
	return bits;
}

static void replace_bits(__u32 *reg, unsigned int shift, unsigned int bits, __u32 value)
{
	__u32 mask = ((1U << bits) - 1) << shift;

	*reg = (*reg & ~mask) | (value << shift & mask);
}

static void edit_entry(struct kvm_cpuid_entry2 *e, unsigned int id, unsigned int cpus,
		       bool deadline, __u32 no_pv)
{
	unsigned int last_level;

	switch (e->function) {
	case 0x1:
		replace_bits(&e->ebx, 16, 8, cpus);
		replace_bits(&e->ebx, 24, 8, id);
		e->ecx &= ~LEAF1_ECX_VMX;
		e->ecx |= LEAF1_ECX_HYPERVISOR;
		if (deadline)
			e->ecx |= LEAF1_ECX_TSC_DEADLINE;
		if (cpus > 1)
			e->edx |= LEAF1_EDX_HTT;
		else
			e->edx &= ~LEAF1_EDX_HTT;
		break;
	case 0x4:
		/* Caches up to level 2 are a core's own. */
		last_level = (e->eax >> 5 & 7) > 2;
		replace_bits(&e->eax, 14, 12, last_level ? cpus - 1 : 0);
		replace_bits(&e->eax, 26, 6, (1U << width(cpus)) - 1);
		break;
	case 0xb:
	case 0x1f:
		e->eax = 0;
		e->ebx = 0;
		e->ecx = e->index;
		e->edx = id;
		if (e->index == 0) {
			e->ebx = 1;
			e->ecx |= TOPOLOGY_SMT;
		} else if (e->index == 1) {
			e->eax = width(cpus);
			e->ebx = cpus;
			e->ecx |= TOPOLOGY_CORE;
		}
		break;
	case 0x40000001:
		e->eax &= ~no_pv;
		break;
	case 0x80000001:
		e->ecx &= ~EXT1_ECX_SVM;
		if (cpus > 1)
			e->ecx |= EXT1_ECX_CMP_LEGACY;
		else
			e->ecx &= ~EXT1_ECX_CMP_LEGACY;
		break;
	case 0x80000008:
		replace_bits(&e->ecx, 0, 8, cpus - 1);
		replace_bits(&e->ecx, 12, 4, width(cpus));
		break;
	case 0x8000001d:
		last_level = (e->eax >> 5 & 7) > 2;
		replace_bits(&e->eax, 14, 12, last_level ? cpus - 1 : 0);
		break;
	case 0x8000001e:
		e->eax = id;
		e->ebx = id & 0xff;
		e->ecx = 0;
		break;
	}
}

/* The core level of leaf 0xb has to exist, or a guest would see one core. */
static void add_core_level(struct kvm_cpuid2 *table, __u32 leaf)
{
	struct kvm_cpuid_entry2 *first = NULL, *e;
	__u32 i;

	for (i = 0; i < table->nent; i++) {
		if (table->entries[i].function != leaf)
			continue;
		if (table->entries[i].index == 1)
			return;
		if (table->entries[i].index == 0)
			first = &table->entries[i];
	}
	if (!first || table->nent >= CPUID_ENTRIES)
		return;
	first->flags |= KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	e = &table->entries[table->nent++];
	*e = *first;
	e->index = 1;
}

/* Give a vCPU its table. */
int cpuid_set(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	bool deadline = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	size_t size = sizeof(*vm->cpuid) + CPUID_ENTRIES * sizeof(vm->cpuid->entries[0]);
	struct kvm_cpuid2 *table = malloc(size);
	int ret = -1;
	__u32 i;

	if (!table) {
		err("no memory for the CPUID table");
		return -1;
	}
	memcpy(table, vm->cpuid, size);
	add_core_level(table, 0xb);
	add_core_level(table, 0x1f);
	for (i = 0; i < table->nent; i++)
		edit_entry(&table->entries[i], vcpu->id, vm->opt->cpus, deadline,
			   vm->opt->no_pv);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, table))
		err("KVM_SET_CPUID2 failed: %s", strerror(errno));
	else
		ret = 0;
	free(table);
	return ret;
}
