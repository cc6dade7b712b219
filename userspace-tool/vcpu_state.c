// SPDX-License-Identifier: GPL-2.0
/* A virtual CPU is made and put into its first state. */

#include "launcher.h"
#include "paging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CR0_PE		BIT_ULL(0)
#define CR0_ET		BIT_ULL(4)
#define CR0_NE		BIT_ULL(5)
#define RFLAGS_FIXED	2

#define MSR_MISC_ENABLE	0x1a0
#define FAST_STRINGS	1
#define MSR_MTRR_TYPE	0x2ff
#define MTRR_ENABLE_WB	(BIT(11) | 6)

/* Selectors as the 64-bit boot protocol wants them. */
#define BOOT_CS		0x10
#define BOOT_DS		0x18
#define BOOT_TR		0x20

/* Offsets in the LAPIC's register page, and modes of its local vectors. */
#define APIC_LVT0	0x350
#define APIC_LVT1	0x360
#define LVT_EXTINT	(7 << 8)
#define LVT_NMI		(4 << 8)

/* What firmware leaves in MSRs; a device that lacks one of them boots as well. */
static void set_msrs(struct vcpu *vcpu)
{
	static const struct kvm_msr_entry values[] = {
		{ .index = MSR_MISC_ENABLE, .data = FAST_STRINGS },
		{ .index = MSR_MTRR_TYPE, .data = MTRR_ENABLE_WB },
	};
	struct kvm_msrs *one = calloc(1, sizeof(*one) + sizeof(values[0]));
	size_t i;

	for (i = 0; one && i < ARRAY_SIZE(values); i++) {
		one->nmsrs = 1;
		one->entries[0] = values[i];
		(void)ioctl(vcpu->fd, KVM_SET_MSRS, one);
	}
	free(one);
}

/*
 * Every extended state that the guest has, enabled from the start, as the saved
 * CPUID table lists it in leaf 0xd.  A kernel enables what it wants by XSETBV, but
 * an emulated SVM host may run that without an exit; the sizes that the guest
 * reads from CPUID would then be those of the reset value.
 */
static void set_xcr0(struct vcpu *vcpu)
{
	const struct kvm_cpuid2 *cpuid = vcpu->vm->cpuid;
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };
	__u32 i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0xd && cpuid->entries[i].index == 0)
			xcrs.xcrs[0].value = cpuid->entries[i].eax |
					     (__u64)cpuid->entries[i].edx << 32;
	if (xcrs.xcrs[0].value)
		(void)ioctl(vcpu->fd, KVM_SET_XCRS, &xcrs);
}

/**
 * vcpu_create() - make a vCPU and give it what every CPU of the machine has
 * @vcpu: its vm and id are set
 */
int vcpu_create(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct kvm_fpu fpu = { .fcw = 0x37f, .mxcsr = 0x1f80 };

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, vcpu->id);
	if (vcpu->fd < 0) {
		err("KVM_CREATE_VCPU failed for vCPU %u: %s", vcpu->id, strerror(errno));
		return -1;
	}
	vcpu->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		err("cannot map the run page of vCPU %u: %s", vcpu->id, strerror(errno));
		goto fail;
	}
	if (cpuid_set(vcpu))
		goto fail;
	set_msrs(vcpu);
	set_xcr0(vcpu);
	if (ioctl(vcpu->fd, KVM_SET_FPU, &fpu)) {
		err("KVM_SET_FPU failed: %s", strerror(errno));
		goto fail;
	}
	return 0;
fail:
	close(vcpu->fd);
	return -1;
}

static struct kvm_segment flat_segment(__u16 selector, __u8 type, bool long_mode)
{
	struct kvm_segment seg = {
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = !long_mode,
		.l = long_mode,
	};

	return seg;
}

/* As a processor is after its reset, but where the code is. */
static void set_real_mode(struct kvm_sregs *sregs, __u64 address)
{
	struct kvm_segment data = {
		.limit = 0xffff, .type = 0x3, .present = 1, .s = 1,
	};

	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
	sregs->cs = data;
	sregs->cs.type = 0xb;
	sregs->cs.base = address & ~0xfULL;
	sregs->cs.selector = address >> 4;
	sregs->idt.base = 0;
	sregs->idt.limit = 0x3ff;
	sregs->cr0 = CR0_ET;
}

static int set_sregs(struct vcpu *vcpu, const struct boot_entry *entry)
{
	bool long_mode = entry->mode == CPU_64;
	struct kvm_sregs sregs;
	struct kvm_segment data = flat_segment(BOOT_DS, 0x3, false);

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs)) {
		err("KVM_GET_SREGS failed: %s", strerror(errno));
		return -1;
	}
	sregs.cs = flat_segment(BOOT_CS, 0xb, long_mode);
	sregs.ds = data;
	sregs.es = data;
	sregs.fs = data;
	sregs.gs = data;
	sregs.ss = data;
	sregs.tr = (struct kvm_segment) {
		.limit = 0x67,
		.selector = BOOT_TR,
		.type = 0xb,
		.present = 1,
	};
	sregs.ldt = (struct kvm_segment) { .unusable = 1 };
	sregs.gdt.base = GDT_GPA;
	sregs.gdt.limit = 5 * 8 - 1;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = CR0_PE | CR0_ET | CR0_NE;
	sregs.cr3 = 0;
	sregs.cr4 = 0;
	sregs.efer = 0;
	if (long_mode) {
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = PAGE_TABLES_GPA;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
	}
	if (entry->mode == CPU_16)
		set_real_mode(&sregs, entry->rip);
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs)) {
		err("KVM_SET_SREGS failed: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* Virtual wire: the PIC's interrupt comes by LINT0, the NMI by LINT1. */
static int set_lapic(struct vcpu *vcpu)
{
	struct kvm_lapic_state lapic;
	__u32 lvt;

	if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic))
		goto fail;
	lvt = LVT_EXTINT;
	memcpy(lapic.regs + APIC_LVT0, &lvt, sizeof(lvt));
	lvt = LVT_NMI;
	memcpy(lapic.regs + APIC_LVT1, &lvt, sizeof(lvt));
	if (ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic))
		goto fail;
	return 0;
fail:
	err("cannot set up the LAPIC of vCPU %u: %s", vcpu->id, strerror(errno));
	return -1;
}

/**
 * vcpu_set_boot_state() - the boot processor's state at the kernel's entry
 * @vcpu: vCPU 0; the others wait for the guest's INIT and SIPI
 * @entry: from boot_load()
 */
int vcpu_set_boot_state(struct vcpu *vcpu, const struct boot_entry *entry)
{
	struct kvm_regs regs = {
		.rip = entry->mode == CPU_16 ? entry->rip & 0xf : entry->rip,
		.rsi = entry->rsi,
		.rax = entry->rax,
		.rbx = entry->rbx,
		.rflags = RFLAGS_FIXED,
	};

	/* A vCPU is made as a processor is after its reset. */
	if (entry->mode == CPU_RESET)
		return 0;
	if (set_lapic(vcpu) || set_sregs(vcpu, entry))
		return -1;
	if (ioctl(vcpu->fd, KVM_SET_REGS, &regs)) {
		err("KVM_SET_REGS failed: %s", strerror(errno));
		return -1;
	}
	return 0;
}
