/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's FPU state, and what is switched around each entry.
 *
 * Between strata_fpu_load() and strata_fpu_save() the vector registers are
 * the guest's. XCR0, IA32_XSS and PKRU are the host's there, for interrupts
 * may run; they are the guest's only inside the window with interrupts off
 * around the entry, and only when they differ.
 */
#ifndef STRATA_FPU_H
#define STRATA_FPU_H

#include <asm/fpu/xcr.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "strata.h"
#include "xsave_area.h"

/**
 * struct strata_fpu - FPU state of a vCPU; (v)
 * @area: standard form, 64-byte aligned, always fit for XRSTOR
 * @host_pkru: PKRU to come back to, inside the window only
 */
struct strata_fpu {
	u8 *area;
	u32 host_pkru;
};

/**
 * struct strata_fpu_host - what the host has; read-only after load
 * @layout: components offered to guests, and where they lie
 * @rfbm: what XSAVE and XRSTOR move: the same without PKRU
 * @xcr0: XCR0 of the host
 * @xss: IA32_XSS of the host
 * @opt: XSAVEOPT is there
 * @pku: the host has protection keys on, so that RDPKRU and WRPKRU work
 */
struct strata_fpu_host {
	struct xsave_layout layout;
	u64 rfbm;
	u64 xcr0;
	u64 xss;
	bool opt;
	bool pku;
};

extern struct strata_fpu_host strata_fpu_host;

/* The guest changed XCR0 without an exit. */
void strata_fpu_xcr0_slipped(struct strata_vcpu *vcpu, u64 xcr0);

/* Only with OSXSAVE can the guest use what XCR0 and XSS decide. */
static __always_inline void strata_fpu_window_enter(struct strata_vcpu *vcpu)
{
	if (likely(vcpu->cr4 & X86_CR4_OSXSAVE)) {
		if (unlikely(vcpu->xcr0 != strata_fpu_host.xcr0))
			xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
		if (unlikely(vcpu->xss != strata_fpu_host.xss))
			wrmsrl(MSR_IA32_XSS, vcpu->xss);
	}
	if (strata_fpu_host.pku &&
	    ((vcpu->cr4 & X86_CR4_PKE) || (vcpu->xcr0 & XFEAT_PKRU))) {
		vcpu->fpu->host_pkru = rdpkru();
		if (vcpu->pkru != vcpu->fpu->host_pkru)
			wrpkru(vcpu->pkru);
	}
}

/*
 * CR4 cannot have changed: its writes exit. Those of XCR0 do so too, but not
 * on QEMU's TCG, which executes XSETBV although it is intercepted: so what is
 * there is what counts.
 */
static __always_inline void strata_fpu_window_leave(struct strata_vcpu *vcpu)
{
	u64 xcr0;

	if (strata_fpu_host.pku &&
	    ((vcpu->cr4 & X86_CR4_PKE) || (vcpu->xcr0 & XFEAT_PKRU))) {
		vcpu->pkru = rdpkru();
		if (vcpu->pkru != vcpu->fpu->host_pkru)
			wrpkru(vcpu->fpu->host_pkru);
	}
	if (likely(vcpu->cr4 & X86_CR4_OSXSAVE)) {
		xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
		if (unlikely(xcr0 != vcpu->xcr0))
			strata_fpu_xcr0_slipped(vcpu, xcr0);
		if (unlikely(xcr0 != strata_fpu_host.xcr0))
			xsetbv(XCR_XFEATURE_ENABLED_MASK, strata_fpu_host.xcr0);
		if (unlikely(vcpu->xss != strata_fpu_host.xss))
			wrmsrl(MSR_IA32_XSS, strata_fpu_host.xss);
	}
}

#endif /* STRATA_FPU_H */
