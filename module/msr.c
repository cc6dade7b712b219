// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs: the guest's RDMSR and WRMSR, and the ioctls. The policy is in
 * msr_table.h, the decisions over it in msr_policy.c.
 *
 * The guest's accesses are served with preemption off, some with interrupts
 * off: nothing here sleeps but the ioctls.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "cpuid_policy.h"
#include "mitigate.h"
#include "msr.h"
#include "steal.h"
#include "strata.h"

#define MAX_IOCTL_MSRS	256	/* as KVM: this many are too many */

/* Bits of SPEC_CTRL, and rules, that this host has; read-only after load. */
static u64 spec_valid __read_mostly;
static u64 arch_caps __read_mostly;
/* Of no microcode: AMD's, or in the upper half Intel's, 0 being none (SDM 3A 10.11.7). */
static u64 ucode __read_mostly;
static u32 host_gates __read_mostly;

/* What a guest may learn of the host's immunities (SDM 4, IA32_ARCH_CAPABILITIES). */
#define ARCH_CAPS_OFFERED (BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(3) | BIT_ULL(4) | \
			   BIT_ULL(5) | BIT_ULL(6) | BIT_ULL(8) | BIT_ULL(13) | BIT_ULL(14) | \
			   BIT_ULL(15) | BIT_ULL(17) | BIT_ULL(19) | BIT_ULL(20) | BIT_ULL(24) | \
			   BIT_ULL(26) | BIT_ULL(27) | BIT_ULL(28) | BIT_ULL(62))

/**
 * strata_msr_setup - prepare the tables; once, at load
 * @e: the supported CPUID entries
 * @nr: how many
 */
void strata_msr_setup(const struct kvm_cpuid_entry2 *e, u32 nr)
{
	msr_build_index();
	/* What no guest is offered yet can be asked for as a feature, or is state. */
	host_gates = msr_gates(e, nr) | 1u << MSR_G_MCG_CTL | 1u << MSR_G_PDCM;
	if (cpuid_has(e, nr, 7, 0, CPUID_R_EDX, 26) ||
	    cpuid_has(e, nr, 0x80000008, 0, CPUID_R_EBX, 14))
		spec_valid |= SPEC_CTRL_IBRS;
	if (cpuid_has(e, nr, 7, 0, CPUID_R_EDX, 27) ||
	    cpuid_has(e, nr, 0x80000008, 0, CPUID_R_EBX, 15))
		spec_valid |= SPEC_CTRL_STIBP;
	if (cpuid_has(e, nr, 7, 0, CPUID_R_EDX, 31) ||
	    cpuid_has(e, nr, 0x80000008, 0, CPUID_R_EBX, 24))
		spec_valid |= SPEC_CTRL_SSBD;
	if (cpuid_has(e, nr, 0x80000008, 0, CPUID_R_EBX, 28))
		spec_valid |= BIT_ULL(7);	/* PSFD */
	ucode = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL ? BIT_ULL(32) : 0x01000065;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES)) {
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, arch_caps);
		arch_caps &= ARCH_CAPS_OFFERED;
	}
}

/**
 * strata_msr_cpuid_changed - the guest has a new CPUID table
 * @vcpu: its mutex is held
 * @e: the entries
 * @nr: how many
 */
void strata_msr_cpuid_changed(struct strata_vcpu *vcpu, const struct kvm_cpuid_entry2 *e, u32 nr)
{
	vcpu->msrs->gates = msr_gates(e, nr);
	strata_msr_gate_mcg_ctl(vcpu->msrs);
}

/**
 * strata_msr_create - room for a vCPU's MSRs
 * @vcpu: not published yet
 *
 * Return: 0 or -ENOMEM.
 */
int strata_msr_create(struct strata_vcpu *vcpu)
{
	vcpu->msrs = kzalloc(sizeof(*vcpu->msrs), GFP_KERNEL_ACCOUNT);
	return vcpu->msrs ? 0 : -ENOMEM;
}

/**
 * strata_msr_destroy - free that room
 * @vcpu: nobody runs it
 */
void strata_msr_destroy(struct strata_vcpu *vcpu)
{
	kfree(vcpu->msrs);
	vcpu->msrs = NULL;
}

/* What an MSR is after RESET, as far as it stands in the table; the host decides some. */
static u64 reset_value(const struct msr_rule *r)
{
	switch (r->slot) {
	case MSR_S_ARCH_CAPS:
		return arch_caps;
	case MSR_S_UCODE:
		return ucode;
	default:
		return r->reset;
	}
}

/**
 * strata_msr_reset - RESET or INIT
 * @vcpu: its mutex is held
 * @init: INIT keeps MTRRs, machine checks and TSC (SDM 3A table 10-1)
 */
void strata_msr_reset(struct strata_vcpu *vcpu, bool init)
{
	struct strata_msrs *m = vcpu->msrs;
	const struct msr_rule *r;
	unsigned int i, j;

	for (i = 1; (r = msr_rule_at(i)); i++) {
		if ((r->kind != MSR_K_SOFT && r->kind != MSR_K_SPEC_CTRL) ||
		    (init && (r->flags & MSR_F_KEEP)))
			continue;
		for (j = 0; j <= r->last - r->first; j++)
			m->slot[r->slot + j] = reset_value(r);
	}
	/* The guest's clock pages are the guest's to set up again. */
	vcpu->clock_msr = 0;
	vcpu->steal_msr = 0;
	vcpu->steal = 0;
	m->wall_pending = false;
	vcpu->cr8 = 0;
	if (init)
		return;
	for (i = 0; i < MSR_NR_BANKS; i++)
		m->slot[MSR_S_BANKS + 4 * i] = ~0ull;
	m->tsc_adjust = 0;
	if (!vcpu->apic)
		vcpu->apic_base = STRATA_LAPIC_BASE | MSR_IA32_APICBASE_ENABLE |
				  (vcpu->id == vcpu->vm->bsp_id ? MSR_IA32_APICBASE_BSP : 0);
}

static void context_of(const struct strata_vcpu *vcpu, bool host, struct msr_context *ctx)
{
	/* By ioctl, state may come before the CPUID or CR4 that it belongs to. */
	bool la57 = host ? !(vcpu->cr4_guest_rsvd & X86_CR4_LA57) : vcpu->cr4 & X86_CR4_LA57;

	ctx->maxphyaddr = host ? 52 : vcpu->maxphyaddr;
	ctx->vaddr_bits = la57 ? 57 : 48;
	ctx->spec_valid = spec_valid;
	ctx->bank_write = host || (vcpu->msrs->slot[MSR_S_HWCR] & BIT_ULL(18));
}

static bool bank_exists(const struct strata_msrs *m, u32 index)
{
	return (index - MSR_IA32_MC0_CTL) / 4 < strata_msr_nr_banks(m);
}

/**
 * strata_get_msr - read an MSR
 * @vcpu: its mutex is held; any context
 * @index: any
 * @val: gets the value
 * @host: by ioctl: the guest's CPUID does not matter
 *
 * Return: 0, or 1 where RDMSR raises #GP.
 */
int strata_get_msr(struct strata_vcpu *vcpu, u32 index, u64 *val, bool host)
{
	const struct msr_rule *r = msr_find(index);
	const struct strata_msrs *m = vcpu->msrs;

	if (unlikely(r->flags & MSR_F_WO))
		return 1;
	if (!host && unlikely(!msr_gate_open(r, m->gates)))
		return 1;

	switch (r->kind) {
	case MSR_K_VENDOR:
		return strata_vendor->get_msr(vcpu, index, val);
	case MSR_K_SOFT:
	case MSR_K_SPEC_CTRL:
		*val = m->slot[r->slot + index - r->first];
		return 0;
	case MSR_K_CONST:
		*val = r->reset;
		return 0;
	case MSR_K_BANK:
		if (!host && !bank_exists(m, index))
			return 1;
		*val = m->slot[r->slot + index - r->first];
		return 0;
	case MSR_K_PLATFORM:
		if (!host && READ_ONCE(vcpu->vm->no_platform_info))
			return 1;
		*val = m->slot[r->slot];
		return 0;
	case MSR_K_TSC:
		*val = strata_guest_tsc(vcpu);
		return 0;
	case MSR_K_TSC_ADJUST:
		*val = m->tsc_adjust;
		return 0;
	case MSR_K_APIC_BASE:
		*val = vcpu->apic_base;
		return 0;
	case MSR_K_EFER:
		*val = vcpu->efer;
		return 0;
	case MSR_K_LAPIC:
		if (likely(vcpu->apic))
			return strata_lapic_msr_read(vcpu, index, val);
		/* What the index list names can be read. */
		*val = 0;
		return !host || index != MSR_IA32_TSC_DEADLINE;
	case MSR_K_XSS:
		*val = vcpu->xss;
		return 0;
	case MSR_K_CLOCK:
		*val = vcpu->clock_msr;
		return 0;
	case MSR_K_WALL:
		*val = READ_ONCE(vcpu->vm->wall_clock_gpa);
		return 0;
	case MSR_K_STEAL:
		*val = vcpu->steal_msr;
		return 0;
	case MSR_K_PV_EOI:
		*val = strata_pv_eoi_msr(vcpu);
		return 0;
	default:
		return 1;
	}
}

/* The guest's write of the TSC shows in TSC_ADJUST (SDM 3B 18.17.3). */
static void write_tsc(struct strata_vcpu *vcpu, u64 val, bool host)
{
	u64 old = READ_ONCE(vcpu->tsc_offset);

	strata_write_tsc(vcpu, val, host);
	if (!host)
		vcpu->msrs->tsc_adjust += READ_ONCE(vcpu->tsc_offset) - old;
}

static void write_tsc_adjust(struct strata_vcpu *vcpu, u64 val, bool host)
{
	u64 delta = val - vcpu->msrs->tsc_adjust;

	/* By ioctl it is restored beside the TSC, which has the sum already. */
	if (!host && delta)
		strata_write_tsc(vcpu, strata_guest_tsc(vcpu) + delta, false);
	vcpu->msrs->tsc_adjust = val;
}

/**
 * strata_set_msr - write an MSR
 * @vcpu: its mutex is held; any context
 * @index: any
 * @val: the value
 * @host: by ioctl: read-only ones may be set, and CPUID does not matter
 *
 * Return: 0, or 1 where WRMSR raises #GP; nothing is changed then.
 */
int strata_set_msr(struct strata_vcpu *vcpu, u32 index, u64 val, bool host)
{
	const struct msr_rule *r = msr_find(index);
	struct strata_msrs *m = vcpu->msrs;
	struct msr_context ctx;

	if (!host) {
		if (unlikely(!msr_gate_open(r, m->gates) || (r->flags & MSR_F_GUEST_RO)))
			return 1;
		if (r->flags & MSR_F_WIGNORE)
			return 0;
	}
	if (unlikely(r->flags & MSR_F_RO))
		return 1;
	if (r->check != MSR_C_MASK) {
		context_of(vcpu, host, &ctx);
		if (unlikely(!msr_value_ok(r, index, val, &ctx)))
			return 1;
	} else if (unlikely(val & ~r->valid)) {
		return 1;
	}

	switch (r->kind) {
	case MSR_K_VENDOR:
		return strata_vendor->set_msr(vcpu, index, val);
	case MSR_K_BANK:
		if (!host && !bank_exists(m, index))
			return 1;
		fallthrough;
	case MSR_K_SOFT:
	case MSR_K_SPEC_CTRL:
	case MSR_K_PLATFORM:
		m->slot[r->slot + index - r->first] = val & ~r->drop;
		if (r->kind == MSR_K_SPEC_CTRL && strata_vendor->spec_ctrl_changed)
			strata_vendor->spec_ctrl_changed(vcpu);
		return 0;
	case MSR_K_CONST:
		return 0;
	case MSR_K_TSC:
		write_tsc(vcpu, val, host);
		return 0;
	case MSR_K_TSC_ADJUST:
		write_tsc_adjust(vcpu, val, host);
		return 0;
	case MSR_K_APIC_BASE:
		return strata_set_apic_base(vcpu, val, host);
	case MSR_K_EFER:
		return strata_set_efer(vcpu, val, host);
	case MSR_K_LAPIC:
		if (likely(vcpu->apic))
			return strata_lapic_msr_write(vcpu, index, val);
		return !host || index != MSR_IA32_TSC_DEADLINE || val;
	case MSR_K_PRED_CMD:
		if (val && boot_cpu_has(X86_FEATURE_IBPB) && !host)
			strata_ibpb();
		return 0;
	case MSR_K_FLUSH_CMD:
		if (val && boot_cpu_has(X86_FEATURE_FLUSH_L1D) && !host)
			wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		return 0;
	case MSR_K_XSS:
		/* No supervisor state is offered: the mask leaves 0. */
		return 0;
	case MSR_K_CLOCK:
		return strata_set_clock_msr(vcpu, val);
	case MSR_K_WALL:
		return strata_set_wall_clock_msr(vcpu, val);
	case MSR_K_STEAL:
		return strata_set_steal_msr(vcpu, val);
	case MSR_K_PV_EOI:
		return strata_pv_eoi_set_msr(vcpu, val);
	default:
		return 1;
	}
}

/**
 * strata_msr_passthrough - may the guest access an MSR without an exit?
 * @index: one that the hardware switches with the guest
 * @write: WRMSR, else RDMSR
 *
 * For the permission bitmaps. What passes is what the hardware checks itself.
 */
bool strata_msr_passthrough(u32 index, bool write)
{
	return msr_find(index)->flags & MSR_F_PASS;
}

/* The MSRs with @flag, into the caller's list. */
static long put_list(struct kvm_msr_list __user *u, u32 flag)
{
	const struct msr_rule *r;
	u32 room, n = 0, index;
	unsigned int i;

	if (get_user(room, &u->nmsrs))
		return -EFAULT;
	for (i = 1; (r = msr_rule_at(i)); i++) {
		if (!(r->flags & flag) || !msr_gate_open(r, host_gates))
			continue;
		for (index = r->first; index <= r->last; index++, n++)
			if (n < room && put_user(index, &u->indices[n]))
				return -EFAULT;
	}
	if (put_user(n, &u->nmsrs))
		return -EFAULT;
	return n > room ? -E2BIG : 0;
}

/**
 * strata_get_msr_index_list - KVM_GET_MSR_INDEX_LIST
 * @u: the caller's list
 *
 * Return: 0; -E2BIG when there is no room. The number needed is written in
 * both cases. -EFAULT.
 */
long strata_get_msr_index_list(struct kvm_msr_list __user *u)
{
	return put_list(u, MSR_F_LIST);
}

/**
 * strata_get_msr_feature_list - KVM_GET_MSR_FEATURE_INDEX_LIST
 * @u: the caller's list
 *
 * Return: as strata_get_msr_index_list().
 */
long strata_get_msr_feature_list(struct kvm_msr_list __user *u)
{
	return put_list(u, MSR_F_FEATURE);
}

/* One entry; @vcpu is NULL where the device is asked. 0, or 1: it cannot be done. */
static int do_entry(struct strata_vcpu *vcpu, struct kvm_msr_entry *e, bool write)
{
	const struct msr_rule *r;

	if (write)
		return strata_set_msr(vcpu, e->index, e->data, true);
	e->data = 0;
	if (vcpu)
		return strata_get_msr(vcpu, e->index, &e->data, true);
	r = msr_find(e->index);
	if (!(r->flags & MSR_F_FEATURE) || !msr_gate_open(r, host_gates))
		return 1;
	e->data = reset_value(r);
	return 0;
}

/**
 * strata_msrs_ioctl - KVM_GET_MSRS and KVM_SET_MSRS
 * @vcpu: its mutex is held; NULL: on the device, what a new vCPU reads in feature MSRs
 * @u: the caller's list
 * @write: KVM_SET_MSRS
 *
 * Return: how many were done, up to the first that could not be; -E2BIG for
 * MAX_IOCTL_MSRS and more; -EFAULT.
 */
long strata_msrs_ioctl(struct strata_vcpu *vcpu, struct kvm_msrs __user *u, bool write)
{
	struct kvm_msr_entry e;
	u32 n, i;

	if (get_user(n, &u->nmsrs))
		return -EFAULT;
	if (n >= MAX_IOCTL_MSRS)
		return -E2BIG;
	for (i = 0; i < n; i++) {
		if (copy_from_user(&e, &u->entries[i], sizeof(e)))
			return -EFAULT;
		if (do_entry(vcpu, &e, write))
			break;
		if (!write && put_user(e.data, &u->entries[i].data))
			return -EFAULT;
	}
	return i;
}
