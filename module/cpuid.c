// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID: what is offered, what user space set, and what the guest's CPUID
 * instruction gives.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include <asm/tsc.h>

#include "cpuid_index.h"
#include "cpuid_policy.h"
#include "fpu.h"
#include "msr.h"
#include "strata.h"

/* kvmtool asks with room for 100. */
#define MAX_SUPPORTED	100

static struct kvm_cpuid_entry2 supported[MAX_SUPPORTED] __read_mostly;
static u32 nr_supported __read_mostly;
static struct cpuid_limits supported_limits __read_mostly;

/*
 * Where the kernel keeps its own view of a register: a feature that it turned
 * off, by option or because of an erratum, is not offered either.
 */
static u32 kernel_mask(u32 leaf, u32 subleaf, unsigned int reg)
{
	static const struct {
		u32 leaf;
		u16 subleaf;
		u16 reg;
		u16 word;
	} words[] = {
		{ 0x1, 0, CPUID_R_EDX, CPUID_1_EDX },
		{ 0x1, 0, CPUID_R_ECX, CPUID_1_ECX },
		{ 0x7, 0, CPUID_R_EBX, CPUID_7_0_EBX },
		{ 0x7, 0, CPUID_R_ECX, CPUID_7_ECX },
		{ 0x7, 0, CPUID_R_EDX, CPUID_7_EDX },
		{ 0x7, 1, CPUID_R_EAX, CPUID_7_1_EAX },
		{ 0xd, 1, CPUID_R_EAX, CPUID_D_1_EAX },
		{ 0x80000001, 0, CPUID_R_EDX, CPUID_8000_0001_EDX },
		{ 0x80000001, 0, CPUID_R_ECX, CPUID_8000_0001_ECX },
		{ 0x80000008, 0, CPUID_R_EBX, CPUID_8000_0008_EBX },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].leaf == leaf && words[i].subleaf == subleaf && words[i].reg == reg)
			return boot_cpu_data.x86_capability[words[i].word];
	return ~0u;
}

static void host_cpuid(u32 leaf, u32 subleaf, u32 *regs)
{
	unsigned int i;

	cpuid_count(leaf, subleaf, &regs[0], &regs[1], &regs[2], &regs[3]);
	for (i = 0; i < 4; i++)
		regs[i] &= kernel_mask(leaf, subleaf, i);
	/* Five-level paging is the guest's own affair. */
	if (leaf == 7 && subleaf == 0)
		regs[CPUID_R_ECX] |= cpuid_ecx(7) & BIT(16);
}

/**
 * strata_cpuid_setup - decide what is offered; after strata_fpu_setup()
 *
 * Return: 0.
 */
int strata_cpuid_setup(void)
{
	struct cpuid_host host = {
		.cpuid = host_cpuid,
		.layout = &strata_fpu_host.layout,
		/* Nested tables have as many levels as the host's paging. */
		.phys_bits = min_t(u8, boot_cpu_data.x86_phys_bits,
				   native_read_cr4() & X86_CR4_LA57 ? 52 : 48),
		.pku = strata_fpu_host.pku,
		.tsc_stable = !check_tsc_unstable(),
	};
	int n;

	n = cpuid_build(&host, supported, MAX_SUPPORTED);
	if (n < 0)
		return n;
	nr_supported = n;
	cpuid_get_limits(supported, n, &supported_limits);
	strata_msr_setup(supported, n);
	return 0;
}

/**
 * strata_get_supported_cpuid - KVM_GET_SUPPORTED_CPUID
 * @u: the caller's table
 *
 * Return: 0 with the number of entries written, -E2BIG when there is no room
 * for them, -EFAULT.
 */
long strata_get_supported_cpuid(struct kvm_cpuid2 __user *u)
{
	u32 nent;

	if (get_user(nent, &u->nent))
		return -EFAULT;
	if (nent < nr_supported)
		return -E2BIG;
	if (put_user(nr_supported, &u->nent) || put_user(0, &u->padding) ||
	    copy_to_user(u->entries, supported, nr_supported * sizeof(*supported)))
		return -EFAULT;
	return 0;
}

static void runtime_of(const struct strata_vcpu *vcpu, struct cpuid_runtime *rt)
{
	rt->cr4 = vcpu->cr4;
	rt->xcr0 = vcpu->xcr0;
	rt->xss = vcpu->xss;
	rt->apic_on = vcpu->apic_base & MSR_IA32_APICBASE_ENABLE;
	rt->lapic = vcpu->apic;
	rt->mwait_by_msr = !strata_has_quirk(vcpu, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT);
	rt->mwait = vcpu->msrs->slot[MSR_S_MISC_ENABLE] & MSR_IA32_MISC_ENABLE_MWAIT;
}

/* Everything that follows from the table, so that nothing has to ask it often. */
static void apply_limits(struct strata_vcpu *vcpu, const struct kvm_cpuid_entry2 *e, u32 nr)
{
	struct cpuid_limits lim;

	cpuid_get_limits(e, nr, &lim);
	vcpu->cr4_guest_rsvd = lim.cr4_rsvd | supported_limits.cr4_rsvd;
	vcpu->efer_rsvd = lim.efer_rsvd | supported_limits.efer_rsvd;
	/* x87 state is there without XSAVE, too: what KVM_GET_XCRS shows can be set. */
	vcpu->xcr0_allowed = (lim.xcr0 & supported_limits.xcr0) | XFEAT_FP;
	vcpu->maxphyaddr = min(lim.maxphyaddr, supported_limits.maxphyaddr);
	vcpu->tsc_aux_live = boot_cpu_has(X86_FEATURE_RDTSCP) &&
			     (cpuid_has(e, nr, 0x80000001, 0, CPUID_R_EDX, 27) ||
			      cpuid_has(e, nr, 7, 0, CPUID_R_ECX, 22));
	strata_msr_cpuid_changed(vcpu, e, nr);
}

/**
 * strata_cpuid_init_vcpu - a vCPU that has no table yet
 * @vcpu: not published yet
 *
 * What the host supports bounds its registers; CPUID itself gives zeros.
 */
void strata_cpuid_init_vcpu(struct strata_vcpu *vcpu)
{
	apply_limits(vcpu, supported, nr_supported);
}

/**
 * strata_cpuid_host_efer_rsvd - bits of EFER that user space may not set either
 */
u64 strata_cpuid_host_efer_rsvd(void)
{
	return supported_limits.efer_rsvd;
}

/**
 * strata_cpuid_host_cr4_rsvd - bits of CR4 that this host cannot give a guest
 */
u64 strata_cpuid_host_cr4_rsvd(void)
{
	return supported_limits.cr4_rsvd;
}

static void build_index(struct strata_vcpu *vcpu)
{
	u32 i;

	memset(vcpu->cpuid_first, 0, sizeof(vcpu->cpuid_first));
	memset(vcpu->cpuid_static, 0, sizeof(vcpu->cpuid_static));
	for (i = 0; i < vcpu->nr_cpuid && i < U8_MAX; i++) {
		const struct kvm_cpuid_entry2 *e = &vcpu->cpuid[i];
		u8 *slot = strata_cpuid_slot(vcpu->cpuid_first, e->function);

		if (!slot || *slot)
			continue;
		*slot = i + 1;
		if (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) &&
		    !cpuid_is_dynamic(e->function))
			*strata_cpuid_slot(vcpu->cpuid_static, e->function) = i + 1;
	}
}

/**
 * strata_cpuid_find - an entry of the guest's table, without run-time bits
 * @vcpu: its mutex is held
 * @leaf: EAX
 * @subleaf: ECX, where it counts
 */
const struct kvm_cpuid_entry2 *strata_cpuid_find(struct strata_vcpu *vcpu, u32 leaf, u32 subleaf)
{
	const u8 *slot = strata_cpuid_slot(vcpu->cpuid_first, leaf);
	u32 first = slot && *slot ? *slot - 1 : 0;

	return cpuid_lookup(vcpu->cpuid + first, vcpu->nr_cpuid - first, leaf, subleaf);
}

/**
 * strata_guest_has - is a feature bit set in the guest's table?
 * @vcpu: its mutex is held
 * @leaf: of the bit
 * @subleaf: of the bit
 * @reg: of the bit
 * @bit: its number
 */
bool strata_guest_has(struct strata_vcpu *vcpu, u32 leaf, u32 subleaf, enum strata_cpuid_reg reg,
		      u8 bit)
{
	const struct kvm_cpuid_entry2 *e = strata_cpuid_find(vcpu, leaf, subleaf);
	u32 regs[4];

	if (!e)
		return false;
	regs[CPUID_R_EAX] = e->eax;
	regs[CPUID_R_EBX] = e->ebx;
	regs[CPUID_R_ECX] = e->ecx;
	regs[CPUID_R_EDX] = e->edx;
	return regs[reg] & BIT(bit);
}

/* What is not there, or shows what changes at run time. */
static noinline void cpuid_slow(struct strata_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const struct kvm_cpuid_entry2 *e;
	u32 leaf = *eax, subleaf = *ecx;
	struct cpuid_runtime rt;
	u32 regs[4];

	e = strata_cpuid_find(vcpu, leaf, subleaf);
	if (!e) {
		leaf = cpuid_out_of_range(vcpu->cpuid, vcpu->nr_cpuid, leaf, subleaf, regs);
	} else {
		regs[CPUID_R_EAX] = e->eax;
		regs[CPUID_R_EBX] = e->ebx;
		regs[CPUID_R_ECX] = e->ecx;
		regs[CPUID_R_EDX] = e->edx;
	}
	if (cpuid_is_dynamic(leaf)) {
		runtime_of(vcpu, &rt);
		cpuid_patch(&strata_fpu_host.layout, &rt, leaf, subleaf, regs);
	}
	*eax = regs[CPUID_R_EAX];
	*ebx = regs[CPUID_R_EBX];
	*ecx = regs[CPUID_R_ECX];
	*edx = regs[CPUID_R_EDX];
}

/**
 * strata_cpuid - the CPUID instruction
 * @vcpu: its mutex is held; any context
 * @eax: in: leaf; out
 * @ebx: out
 * @ecx: in: subleaf; out
 * @edx: out
 */
void strata_cpuid(struct strata_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const struct kvm_cpuid_entry2 *e = strata_cpuid_static(vcpu, *eax);

	if (likely(e)) {
		*eax = e->eax;
		*ebx = e->ebx;
		*ecx = e->ecx;
		*edx = e->edx;
		return;
	}
	cpuid_slow(vcpu, eax, ebx, ecx, edx);
}

static void hide_unhalt(struct kvm_cpuid_entry2 *e, u32 nent)
{
	u32 i;

	for (i = 0; i < nent; i++)
		if (e[i].function == KVM_CPUID_FEATURES)
			e[i].eax &= ~BIT(KVM_FEATURE_PV_UNHALT);
}

/**
 * strata_vcpu_set_cpuid2 - KVM_SET_CPUID2
 * @vcpu: its mutex is held
 * @u: the caller's table
 *
 * Return: 0; -E2BIG for more than STRATA_MAX_CPUID entries; -EINVAL for an
 * impossible size of linear addresses, or for a different table once the vCPU
 * has run; -ENOMEM; -EFAULT.
 */
long strata_vcpu_set_cpuid2(struct strata_vcpu *vcpu, struct kvm_cpuid2 __user *u)
{
	struct kvm_cpuid_entry2 *e = NULL;
	struct cpuid_runtime rt;
	long r = 0;
	u32 nent;

	if (get_user(nent, &u->nent))
		return -EFAULT;
	if (nent > STRATA_MAX_CPUID)
		return -E2BIG;
	if (nent) {
		e = kvmalloc_array(nent, sizeof(*e), GFP_KERNEL_ACCOUNT);
		if (!e)
			return -ENOMEM;
		r = -EFAULT;
		if (copy_from_user(e, u->entries, nent * sizeof(*e)))
			goto free;
	}
	/* Who halts without an exit is not woken up by a hypercall. */
	if (READ_ONCE(vcpu->vm->disabled_exits) & KVM_X86_DISABLE_EXITS_HLT)
		hide_unhalt(e, nent);
	if (vcpu->ran_once) {
		runtime_of(vcpu, &rt);
		r = cpuid_same(&strata_fpu_host.layout, &rt, vcpu->cpuid, vcpu->nr_cpuid,
			       e, nent) ? 0 : -EINVAL;
		goto free;
	}
	r = -EINVAL;
	if (!cpuid_acceptable(e, nent))
		goto free;

	swap(vcpu->cpuid, e);
	vcpu->nr_cpuid = nent;
	vcpu->cpuid_set = true;
	build_index(vcpu);
	apply_limits(vcpu, vcpu->cpuid, nent);
	strata_vendor->cpuid_changed(vcpu);
	r = 0;
free:
	kvfree(e);
	return r;
}

/**
 * strata_vcpu_get_cpuid2 - KVM_GET_CPUID2, with the run-time bits
 * @vcpu: its mutex is held
 * @u: the caller's table
 *
 * Return: 0 with the number of entries written; -E2BIG when there is no room
 * for them, with nothing written; -EFAULT.
 */
long strata_vcpu_get_cpuid2(struct strata_vcpu *vcpu, struct kvm_cpuid2 __user *u)
{
	struct cpuid_runtime rt;
	u32 nent, i;

	if (get_user(nent, &u->nent))
		return -EFAULT;
	if (nent < vcpu->nr_cpuid)
		return -E2BIG;
	if (put_user(vcpu->nr_cpuid, &u->nent))
		return -EFAULT;
	runtime_of(vcpu, &rt);
	for (i = 0; i < vcpu->nr_cpuid; i++) {
		struct kvm_cpuid_entry2 e = vcpu->cpuid[i];
		u32 regs[4] = { e.eax, e.ebx, e.ecx, e.edx };

		cpuid_patch(&strata_fpu_host.layout, &rt, e.function, e.index, regs);
		e.eax = regs[CPUID_R_EAX];
		e.ebx = regs[CPUID_R_EBX];
		e.ecx = regs[CPUID_R_ECX];
		e.edx = regs[CPUID_R_EDX];
		if (copy_to_user(&u->entries[i], &e, sizeof(e)))
			return -EFAULT;
	}
	return 0;
}
