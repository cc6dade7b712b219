// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's FPU, SSE and AVX state, in an area of our own.
 *
 * The kernel's helpers for guest FPU state are kept for KVM, so a section of
 * the run loop is one kernel_fpu_begin() long: the guest's registers are
 * loaded after it and stored before kernel_fpu_end(). Standard form, so that
 * the ioctls need no conversion of the layout.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

#include "fpu.h"
#include "strata.h"

struct strata_fpu_host strata_fpu_host __read_mostly;

/* kernel_fpu_begin() need not reset what XRSTOR is about to load. */
#define FPU_BEGIN_MASK	0

static u32 host_mxcsr_mask(void)
{
	u8 image[512] __aligned(64);
	u32 mask;

	memset(image, 0, sizeof(image));
	kernel_fpu_begin_mask(FPU_BEGIN_MASK);
	asm volatile("fxsave64 %0" : "+m" (image));
	kernel_fpu_end();
	memcpy(&mask, image + XSAVE_MXCSR_MASK, sizeof(mask));
	/* SDM 1 11.6.6: a mask of zero means all bits but DAZ. */
	return mask ?: 0xffbf;
}

/**
 * strata_fpu_setup - what the host offers
 *
 * Every CPU with AVX has XSAVE, and every AMD CPU since 2011. The older ones,
 * which have FXSAVE only, are refused.
 *
 * Return: 0, or -EOPNOTSUPP on a CPU without XSAVE.
 */
int strata_fpu_setup(void)
{
	struct strata_fpu_host *h = &strata_fpu_host;
	struct xsave_layout *l = &h->layout;
	u32 eax, ebx, ecx, edx;
	int i;

	if (!boot_cpu_has(X86_FEATURE_OSXSAVE)) {
		pr_err("strata: this CPU has no XSAVE, or the kernel was told not to use it (noxsave)\n");
		return -EOPNOTSUPP;
	}
	h->xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, h->xss);
	h->opt = boot_cpu_has(X86_FEATURE_XSAVEOPT);
	h->pku = boot_cpu_has(X86_FEATURE_OSPKE);

	l->features = h->xcr0 & XFEAT_KNOWN;
	if (!h->pku)
		l->features &= ~XFEAT_PKRU;
	for (i = 2; i < XFEAT_MAX; i++) {
		if (!(l->features & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		l->size[i] = eax;
		l->offset[i] = ebx;
		if (ecx & 2)
			l->align64 |= BIT(i);
		/* What KVM_GET_XSAVE has no room for cannot be offered. */
		if (ebx < XSAVE_EXTENDED || eax + ebx > XSAVE_UABI_SIZE)
			l->features &= ~BIT_ULL(i);
	}
	l->mxcsr_mask = host_mxcsr_mask();
	l->total = xsave_size(l, l->features);
	h->rfbm = l->features & ~XFEAT_PKRU;
	return 0;
}

/**
 * strata_fpu_host_xcr0 - the features of XCR0 that a guest may be offered
 */
u64 strata_fpu_host_xcr0(void)
{
	return strata_fpu_host.layout.features;
}

/**
 * strata_fpu_create - the area of a new vCPU
 * @vcpu: not published yet
 *
 * Return: 0 or -ENOMEM.
 */
int strata_fpu_create(struct strata_vcpu *vcpu)
{
	struct strata_fpu *fpu;

	fpu = kzalloc(sizeof(*fpu), GFP_KERNEL_ACCOUNT);
	if (!fpu)
		return -ENOMEM;
	/* Allocations of a power of two are aligned to their size. */
	fpu->area = kzalloc(roundup_pow_of_two(strata_fpu_host.layout.total),
			    GFP_KERNEL_ACCOUNT);
	if (!fpu->area) {
		kfree(fpu);
		return -ENOMEM;
	}
	vcpu->fpu = fpu;
	xsave_init_area(fpu->area, strata_fpu_host.layout.total);
	vcpu->xcr0 = XFEAT_FP;
	return 0;
}

/**
 * strata_fpu_destroy - free the area
 * @vcpu: nobody runs it; the area may not have been made
 */
void strata_fpu_destroy(struct strata_vcpu *vcpu)
{
	if (!vcpu->fpu)
		return;
	kfree(vcpu->fpu->area);
	kfree(vcpu->fpu);
	vcpu->fpu = NULL;
}

/**
 * strata_fpu_reset - RESET or INIT
 * @vcpu: its mutex is held
 * @init: INIT leaves everything as it is (SDM 3A table 10-1)
 */
void strata_fpu_reset(struct strata_vcpu *vcpu, bool init)
{
	if (init)
		return;
	xsave_init_area(vcpu->fpu->area, strata_fpu_host.layout.total);
	vcpu->xcr0 = XFEAT_FP;
	vcpu->xss = 0;
	vcpu->pkru = 0;
}

/*
 * The area is fit for XRSTOR, for only XSAVE and the checked conversions of
 * xsave_area.c write it. Should it fault nonetheless, the guest gets initial
 * state, and the host no oops.
 */
static __always_inline bool restore(const u8 *area, u64 rfbm)
{
	u32 fault;

	asm volatile("mov $1, %[fault]\n"
		     "1: xrstor64 (%[area])\n\t"
		     "xor %[fault], %[fault]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [fault] "=&r" (fault)
		     : [area] "r" (area), "a" ((u32)rfbm), "d" ((u32)(rfbm >> 32))
		     : "memory");
	return !fault;
}

static noinline void restore_initial(struct strata_vcpu *vcpu)
{
	xsave_init_area(vcpu->fpu->area, strata_fpu_host.layout.total);
	restore(vcpu->fpu->area, strata_fpu_host.rfbm);
}

/**
 * strata_fpu_load - the guest's registers into the CPU
 * @vcpu: its mutex is held; interrupts on
 *
 * Preemption is off from here until strata_fpu_save(): nothing may sleep.
 */
void strata_fpu_load(struct strata_vcpu *vcpu)
{
	kernel_fpu_begin_mask(FPU_BEGIN_MASK);
	if (unlikely(!restore(vcpu->fpu->area, strata_fpu_host.rfbm)))
		restore_initial(vcpu);
}

/**
 * strata_fpu_save - the guest's registers back into memory
 * @vcpu: loaded by strata_fpu_load(); interrupts on
 */
void strata_fpu_save(struct strata_vcpu *vcpu)
{
	u64 rfbm = strata_fpu_host.rfbm;
	u8 *area = vcpu->fpu->area;

	if (strata_fpu_host.opt)
		asm volatile("xsaveopt64 (%0)"
			     : : "r" (area), "a" ((u32)rfbm), "d" ((u32)(rfbm >> 32))
			     : "memory");
	else
		asm volatile("xsave64 (%0)"
			     : : "r" (area), "a" ((u32)rfbm), "d" ((u32)(rfbm >> 32))
			     : "memory");
	kernel_fpu_end();
}

/**
 * strata_guest_set_xcr0 - XSETBV, or KVM_SET_XCRS
 * @vcpu: its mutex is held
 * @xcr0: the value
 *
 * Return: 0, or 1 where XSETBV raises #GP.
 */
int strata_guest_set_xcr0(struct strata_vcpu *vcpu, u64 xcr0)
{
	if (!xcr0_valid(xcr0, vcpu->xcr0_allowed & strata_fpu_host.layout.features))
		return 1;
	vcpu->xcr0 = xcr0;
	return 0;
}

/**
 * strata_fpu_xcr0_slipped - the guest changed XCR0 without an exit
 * @vcpu: just left guest mode
 * @xcr0: the value that it left
 *
 * A value that would not have been accepted is not kept.
 */
void strata_fpu_xcr0_slipped(struct strata_vcpu *vcpu, u64 xcr0)
{
	if (xcr0_valid(xcr0, vcpu->xcr0_allowed & strata_fpu_host.layout.features))
		vcpu->xcr0 = xcr0;
}

/**
 * strata_get_fpu - KVM_GET_FPU
 * @vcpu: its mutex is held
 * @fpu: all of it is written
 */
int strata_get_fpu(struct strata_vcpu *vcpu, struct kvm_fpu *fpu)
{
	xsave_get_fpu(vcpu->fpu->area, fpu);
	return 0;
}

/**
 * strata_set_fpu - KVM_SET_FPU
 * @vcpu: its mutex is held
 * @fpu: what to set
 *
 * Return: 0, or -EINVAL for reserved bits of MXCSR.
 */
int strata_set_fpu(struct strata_vcpu *vcpu, const struct kvm_fpu *fpu)
{
	return xsave_set_fpu(&strata_fpu_host.layout, vcpu->fpu->area, fpu);
}

/**
 * strata_get_xsave - KVM_GET_XSAVE
 * @vcpu: its mutex is held
 * @x: all of it is written
 */
int strata_get_xsave(struct strata_vcpu *vcpu, struct kvm_xsave *x)
{
	memset(x, 0, sizeof(*x));
	xsave_to_uabi(&strata_fpu_host.layout, vcpu->fpu->area, vcpu->pkru, (u8 *)x->region);
	return 0;
}

/**
 * strata_set_xsave - KVM_SET_XSAVE
 * @vcpu: its mutex is held
 * @x: a copy in kernel memory
 *
 * Return: 0, or -EINVAL; see xsave_check_uabi().
 */
int strata_set_xsave(struct strata_vcpu *vcpu, const struct kvm_xsave *x)
{
	const u8 *region = (const u8 *)x->region;
	int r;

	r = xsave_check_uabi(&strata_fpu_host.layout, region);
	if (r)
		return r;
	xsave_from_uabi(&strata_fpu_host.layout, vcpu->fpu->area, &vcpu->pkru, region);
	return 0;
}

/**
 * strata_get_xcrs - KVM_GET_XCRS
 * @vcpu: its mutex is held
 * @x: all of it is written
 */
int strata_get_xcrs(struct strata_vcpu *vcpu, struct kvm_xcrs *x)
{
	memset(x, 0, sizeof(*x));
	x->nr_xcrs = 1;
	x->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	x->xcrs[0].value = vcpu->xcr0;
	return 0;
}

/**
 * strata_set_xcrs - KVM_SET_XCRS
 * @vcpu: its mutex is held
 * @x: registers other than XCR0 are ignored
 *
 * Return: 0, or -EINVAL for too many registers, flags, or a value that
 * XSETBV would refuse.
 */
int strata_set_xcrs(struct strata_vcpu *vcpu, const struct kvm_xcrs *x)
{
	u32 i;

	if (x->nr_xcrs > KVM_MAX_XCRS || x->flags)
		return -EINVAL;
	for (i = 0; i < x->nr_xcrs; i++)
		if (x->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			return strata_guest_set_xcr0(vcpu, x->xcrs[i].value) ? -EINVAL : 0;
	return 0;
}

/**
 * strata_fpu_read_xmm - 16 bytes of an XMM register
 * @vcpu: its mutex is held; not between strata_fpu_load() and _save()
 * @reg: 0 to 15
 * @buf: gets them
 */
void strata_fpu_read_xmm(struct strata_vcpu *vcpu, int reg, void *buf)
{
	xsave_read_xmm(vcpu->fpu->area, reg, buf);
}

/**
 * strata_fpu_write_xmm - set an XMM register; the upper part of YMM stays
 * @vcpu: its mutex is held; not between strata_fpu_load() and _save()
 * @reg: 0 to 15
 * @buf: 16 bytes
 */
void strata_fpu_write_xmm(struct strata_vcpu *vcpu, int reg, const void *buf)
{
	xsave_write_xmm(vcpu->fpu->area, reg, buf);
}

/**
 * strata_fpu_get_x87 - the x87 control and status words
 * @vcpu: its mutex is held; not between strata_fpu_load() and _save()
 * @fcw: gets the control word
 * @fsw: gets the status word
 */
void strata_fpu_get_x87(struct strata_vcpu *vcpu, u16 *fcw, u16 *fsw)
{
	xsave_get_x87(vcpu->fpu->area, fcw, fsw);
}

/**
 * strata_fpu_read_mm - an MMX register
 * @vcpu: its mutex is held; not between strata_fpu_load() and _save()
 * @reg: 0 to 7
 * @val: gets it
 */
void strata_fpu_read_mm(struct strata_vcpu *vcpu, unsigned int reg, u64 *val)
{
	xsave_read_mm(vcpu->fpu->area, reg, val);
}

/**
 * strata_fpu_write_mm - what an MMX instruction leaves
 * @vcpu: its mutex is held; not between strata_fpu_load() and _save()
 * @reg: 0 to 7
 * @val: the register's value, or NULL: it was only read
 */
void strata_fpu_write_mm(struct strata_vcpu *vcpu, unsigned int reg, const u64 *val)
{
	xsave_write_mm(vcpu->fpu->area, reg, val);
}
