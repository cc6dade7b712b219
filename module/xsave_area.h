/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The XSAVE area in its standard (not compacted) form: what lies where, and
 * the conversions that the ioctls need. Pure.
 *
 * SDM 1 13.4, APM 1 11.5.7.
 */
#ifndef STRATA_XSAVE_AREA_H
#define STRATA_XSAVE_AREA_H

#include "pure.h"
#include "types.h"

#define XFEAT_FP	BIT_ULL(0)
#define XFEAT_SSE	BIT_ULL(1)
#define XFEAT_YMM	BIT_ULL(2)
#define XFEAT_OPMASK	BIT_ULL(5)
#define XFEAT_ZMM_HI	BIT_ULL(6)
#define XFEAT_HI16_ZMM	BIT_ULL(7)
#define XFEAT_AVX512	(XFEAT_OPMASK | XFEAT_ZMM_HI | XFEAT_HI16_ZMM)
#define XFEAT_PKRU	BIT_ULL(9)

/* What strata can keep for a guest. MPX is gone; AMX needs XFD, which is not handled. */
#define XFEAT_KNOWN	(XFEAT_FP | XFEAT_SSE | XFEAT_YMM | XFEAT_AVX512 | XFEAT_PKRU)
#define XFEAT_MAX	10

#define XSAVE_FCW	0
#define XSAVE_FSW	2
#define XSAVE_FTW	4
#define XSAVE_FOP	6
#define XSAVE_RIP	8
#define XSAVE_RDP	16
#define XSAVE_MXCSR	24
#define XSAVE_MXCSR_MASK 28
#define XSAVE_ST	32
#define XSAVE_XMM	160
#define XSAVE_SW	464		/* up to 511: for software */
#define XSAVE_HEADER	512
#define XSAVE_BV	512
#define XSAVE_COMP_BV	520
#define XSAVE_EXTENDED	576
#define XSAVE_UABI_SIZE	4096		/* struct kvm_xsave */

#define FCW_INIT	0x37f
#define FSW_TOP		0x3800
#define FSW_TOP_SHIFT	11
#define MXCSR_INIT	0x1f80

/**
 * struct xsave_layout - the components that guests may be offered
 * @features: bits of XCR0
 * @mxcsr_mask: bits of MXCSR that are not reserved
 * @offset: in the standard form, bytes
 * @size: bytes
 * @align64: components that the compacted form aligns
 * @total: bytes of the standard form with all @features
 */
struct xsave_layout {
	u64 features;
	u32 mxcsr_mask;
	u32 offset[XFEAT_MAX];
	u32 size[XFEAT_MAX];
	u32 align64;
	u32 total;
};

u32 xsave_size(const struct xsave_layout *l, u64 features);
u32 xsave_compact_size(const struct xsave_layout *l, u64 features);
bool xcr0_valid(u64 xcr0, u64 allowed);
void xsave_init_area(u8 *area, u32 size);
int xsave_check_uabi(const struct xsave_layout *l, const u8 *region);
void xsave_from_uabi(const struct xsave_layout *l, u8 *area, u32 *pkru, const u8 *region);
void xsave_to_uabi(const struct xsave_layout *l, const u8 *area, u32 pkru, u8 *region);
int xsave_set_fpu(const struct xsave_layout *l, u8 *area, const struct kvm_fpu *fpu);
void xsave_get_fpu(const u8 *area, struct kvm_fpu *fpu);
void xsave_read_xmm(const u8 *area, unsigned int reg, void *buf);
void xsave_write_xmm(u8 *area, unsigned int reg, const void *buf);
void xsave_get_x87(const u8 *area, u16 *fcw, u16 *fsw);
void xsave_read_mm(const u8 *area, unsigned int reg, u64 *val);
void xsave_write_mm(u8 *area, unsigned int reg, const u64 *val);

#endif /* STRATA_XSAVE_AREA_H */
