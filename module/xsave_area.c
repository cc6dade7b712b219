// SPDX-License-Identifier: GPL-2.0
/*
 * The XSAVE area; see xsave_area.h.
 *
 * A component whose bit in XSTATE_BV is clear is in its initial state,
 * whatever its bytes are: XSAVEOPT leaves them as they were. So every reader
 * looks at XSTATE_BV first, and every writer sets it.
 */
#include "xsave_area.h"

static u64 get64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void put64(u8 *p, u64 v)
{
	memcpy(p, &v, sizeof(v));
}

static u32 get32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, sizeof(v));
}

static void put16(u8 *p, u16 v)
{
	memcpy(p, &v, sizeof(v));
}

/**
 * xsave_size - bytes of the standard form
 * @l: the host's layout
 * @features: bits of XCR0, all of them in @l->features
 */
u32 xsave_size(const struct xsave_layout *l, u64 features)
{
	u32 size = XSAVE_EXTENDED;
	int i;

	for (i = 2; i < XFEAT_MAX; i++)
		if ((features & l->features & BIT_ULL(i)) && l->offset[i] + l->size[i] > size)
			size = l->offset[i] + l->size[i];
	return size;
}

/**
 * xsave_compact_size - bytes of the compacted form
 * @l: the host's layout
 * @features: bits of XCR0 and IA32_XSS, all of them in @l->features
 */
u32 xsave_compact_size(const struct xsave_layout *l, u64 features)
{
	u32 size = XSAVE_EXTENDED;
	int i;

	for (i = 2; i < XFEAT_MAX; i++) {
		if (!(features & l->features & BIT_ULL(i)))
			continue;
		if (l->align64 & BIT(i))
			size = (size + 63) & ~63u;
		size += l->size[i];
	}
	return size;
}

/**
 * xcr0_valid - would XSETBV take this value?
 * @xcr0: the value
 * @allowed: bits that the guest's CPUID offers
 *
 * SDM 1 13.3: x87 always, AVX with SSE, AVX-512 whole and with AVX.
 */
bool xcr0_valid(u64 xcr0, u64 allowed)
{
	if ((xcr0 & ~allowed) || !(xcr0 & XFEAT_FP))
		return false;
	if ((xcr0 & XFEAT_YMM) && !(xcr0 & XFEAT_SSE))
		return false;
	if (xcr0 & XFEAT_AVX512)
		return (xcr0 & XFEAT_AVX512) == XFEAT_AVX512 && (xcr0 & XFEAT_YMM);
	return true;
}

/**
 * xsave_init_area - every component in its initial state
 * @area: the area
 * @size: its bytes
 *
 * MXCSR is valid even so: XRSTOR reads it whatever XSTATE_BV says.
 */
void xsave_init_area(u8 *area, u32 size)
{
	memset(area, 0, size);
	put16(area + XSAVE_FCW, FCW_INIT);
	put32(area + XSAVE_MXCSR, MXCSR_INIT);
}

static void put_component(u8 *to, const u8 *from, u32 offset, u32 size)
{
	memcpy(to + offset, from + offset, size);
}

/* x87 state without MXCSR, which belongs to SSE and AVX. */
static void copy_x87(u8 *to, const u8 *from)
{
	memcpy(to, from, XSAVE_MXCSR);
	memcpy(to + XSAVE_ST, from + XSAVE_ST, XSAVE_XMM - XSAVE_ST);
}

static void init_x87(u8 *area)
{
	memset(area, 0, XSAVE_MXCSR);
	memset(area + XSAVE_ST, 0, XSAVE_XMM - XSAVE_ST);
	put16(area + XSAVE_FCW, FCW_INIT);
}

/**
 * xsave_check_uabi - may KVM_SET_XSAVE take this image?
 * @l: the host's layout
 * @region: XSAVE_UABI_SIZE bytes, not shared with anybody
 *
 * Return: 0, or -EINVAL for components that are not offered, the compacted
 * form, a header that is not zero where it must be, or reserved bits of MXCSR.
 */
int xsave_check_uabi(const struct xsave_layout *l, const u8 *region)
{
	u64 bv = get64(region + XSAVE_BV);
	u32 i;

	if (bv & ~l->features)
		return -EINVAL;
	for (i = XSAVE_COMP_BV; i < XSAVE_EXTENDED; i++)
		if (region[i])
			return -EINVAL;
	if ((bv & (XFEAT_SSE | XFEAT_YMM)) && (get32(region + XSAVE_MXCSR) & ~l->mxcsr_mask))
		return -EINVAL;
	return 0;
}

/**
 * xsave_from_uabi - KVM_SET_XSAVE
 * @l: the host's layout
 * @area: gets what @region holds, and is safe for XRSTOR
 * @pkru: gets the guest's PKRU, which lives outside the area
 * @region: passed xsave_check_uabi()
 */
void xsave_from_uabi(const struct xsave_layout *l, u8 *area, u32 *pkru, const u8 *region)
{
	u64 bv = get64(region + XSAVE_BV);
	int i;

	xsave_init_area(area, l->total);
	if (bv & XFEAT_FP)
		copy_x87(area, region);
	if (bv & (XFEAT_SSE | XFEAT_YMM))
		put32(area + XSAVE_MXCSR, get32(region + XSAVE_MXCSR));
	if (bv & XFEAT_SSE)
		memcpy(area + XSAVE_XMM, region + XSAVE_XMM, 256);
	for (i = 2; i < XFEAT_MAX; i++)
		if ((bv & BIT_ULL(i)) && BIT_ULL(i) != XFEAT_PKRU)
			put_component(area, region, l->offset[i], l->size[i]);
	*pkru = bv & XFEAT_PKRU ? get32(region + l->offset[9]) : 0;
	put64(area + XSAVE_BV, bv & ~XFEAT_PKRU);
}

/**
 * xsave_to_uabi - KVM_GET_XSAVE
 * @l: the host's layout
 * @area: the guest's
 * @pkru: the guest's PKRU
 * @region: XSAVE_UABI_SIZE bytes, all of them written
 *
 * Components in their initial state are shown so, not as the bytes that an
 * earlier XSAVE left there.
 */
void xsave_to_uabi(const struct xsave_layout *l, const u8 *area, u32 pkru, u8 *region)
{
	u64 bv = get64(area + XSAVE_BV) & l->features & ~XFEAT_PKRU;
	int i;

	xsave_init_area(region, XSAVE_UABI_SIZE);
	if (bv & XFEAT_FP)
		copy_x87(region, area);
	put32(region + XSAVE_MXCSR, get32(area + XSAVE_MXCSR));
	put32(region + XSAVE_MXCSR_MASK, l->mxcsr_mask);
	if (bv & XFEAT_SSE)
		memcpy(region + XSAVE_XMM, area + XSAVE_XMM, 256);
	for (i = 2; i < XFEAT_MAX; i++)
		if (bv & BIT_ULL(i))
			put_component(region, area, l->offset[i], l->size[i]);
	/* MXCSR may differ from its initial value while all XMM are zero. */
	if (get32(area + XSAVE_MXCSR) != MXCSR_INIT)
		bv |= XFEAT_SSE;
	if (l->features & XFEAT_PKRU) {
		put32(region + l->offset[9], pkru);
		bv |= XFEAT_PKRU;
	}
	put64(region + XSAVE_BV, bv);
}

/**
 * xsave_set_fpu - KVM_SET_FPU
 * @l: the host's layout
 * @area: the guest's
 * @fpu: what to set
 *
 * Return: 0, or -EINVAL for reserved bits of MXCSR; nothing is changed then.
 */
int xsave_set_fpu(const struct xsave_layout *l, u8 *area, const struct kvm_fpu *fpu)
{
	if (fpu->mxcsr & ~l->mxcsr_mask)
		return -EINVAL;
	memcpy(area + XSAVE_ST, fpu->fpr, sizeof(fpu->fpr));
	put16(area + XSAVE_FCW, fpu->fcw);
	put16(area + XSAVE_FSW, fpu->fsw);
	put16(area + XSAVE_FTW, fpu->ftwx);
	put16(area + XSAVE_FOP, fpu->last_opcode);
	put64(area + XSAVE_RIP, fpu->last_ip);
	put64(area + XSAVE_RDP, fpu->last_dp);
	memcpy(area + XSAVE_XMM, fpu->xmm, sizeof(fpu->xmm));
	put32(area + XSAVE_MXCSR, fpu->mxcsr);
	put64(area + XSAVE_BV, get64(area + XSAVE_BV) | XFEAT_FP | XFEAT_SSE);
	return 0;
}

/**
 * xsave_get_fpu - KVM_GET_FPU
 * @area: the guest's
 * @fpu: all of it is written
 */
void xsave_get_fpu(const u8 *area, struct kvm_fpu *fpu)
{
	u64 bv = get64(area + XSAVE_BV);
	u8 legacy[XSAVE_XMM];

	memset(fpu, 0, sizeof(*fpu));
	if (bv & XFEAT_FP)
		copy_x87(legacy, area);
	else
		init_x87(legacy);
	memcpy(fpu->fpr, legacy + XSAVE_ST, sizeof(fpu->fpr));
	memcpy(&fpu->fcw, legacy + XSAVE_FCW, 2);
	memcpy(&fpu->fsw, legacy + XSAVE_FSW, 2);
	fpu->ftwx = legacy[XSAVE_FTW];
	memcpy(&fpu->last_opcode, legacy + XSAVE_FOP, 2);
	fpu->last_ip = get64(legacy + XSAVE_RIP);
	fpu->last_dp = get64(legacy + XSAVE_RDP);
	if (bv & XFEAT_SSE)
		memcpy(fpu->xmm, area + XSAVE_XMM, sizeof(fpu->xmm));
	fpu->mxcsr = get32(area + XSAVE_MXCSR);
}

/**
 * xsave_read_xmm - 16 bytes of an XMM register
 * @area: the guest's
 * @reg: 0 to 15
 * @buf: gets them
 */
void xsave_read_xmm(const u8 *area, unsigned int reg, void *buf)
{
	if (get64(area + XSAVE_BV) & XFEAT_SSE)
		memcpy(buf, area + XSAVE_XMM + 16 * (reg & 15), 16);
	else
		memset(buf, 0, 16);
}

/**
 * xsave_write_xmm - set an XMM register, its upper parts stay
 * @area: the guest's
 * @reg: 0 to 15
 * @buf: 16 bytes
 */
void xsave_write_xmm(u8 *area, unsigned int reg, const void *buf)
{
	u64 bv = get64(area + XSAVE_BV);

	if (!(bv & XFEAT_SSE)) {
		memset(area + XSAVE_XMM, 0, 256);
		put64(area + XSAVE_BV, bv | XFEAT_SSE);
	}
	memcpy(area + XSAVE_XMM + 16 * (reg & 15), buf, 16);
}

/**
 * xsave_get_x87 - the x87 control and status words
 * @area: the guest's
 * @fcw: gets the control word
 * @fsw: gets the status word
 */
void xsave_get_x87(const u8 *area, u16 *fcw, u16 *fsw)
{
	*fcw = FCW_INIT;
	*fsw = 0;
	if (!(get64(area + XSAVE_BV) & XFEAT_FP))
		return;
	memcpy(fcw, area + XSAVE_FCW, 2);
	memcpy(fsw, area + XSAVE_FSW, 2);
}

/*
 * Where physical register @reg is: the area holds them from the top of the stack on,
 * and MMX registers are the physical ones (SDM 1 9.5.1, 10.5.1).
 */
static unsigned int mm_offset(const u8 *area, unsigned int reg)
{
	u16 fcw, fsw;

	xsave_get_x87(area, &fcw, &fsw);
	return XSAVE_ST + 16 * ((reg - (fsw >> FSW_TOP_SHIFT)) & 7);
}

/**
 * xsave_read_mm - an MMX register
 * @area: the guest's
 * @reg: 0 to 7
 * @val: gets it
 */
void xsave_read_mm(const u8 *area, unsigned int reg, u64 *val)
{
	*val = 0;
	if (get64(area + XSAVE_BV) & XFEAT_FP)
		*val = get64(area + mm_offset(area, reg));
}

/**
 * xsave_write_mm - what an MMX instruction leaves
 * @area: the guest's
 * @reg: 0 to 7
 * @val: the register's value, or NULL: it was only read
 *
 * The top of the stack is 0 then, all registers are in use, and the exponent of one
 * that was written is all ones (SDM 1 9.5.2).
 */
void xsave_write_mm(u8 *area, unsigned int reg, const u64 *val)
{
	u64 bv = get64(area + XSAVE_BV);
	u8 st[128], *to;
	unsigned int i;
	u16 fcw, fsw;

	if (!(bv & XFEAT_FP)) {
		init_x87(area);
		put64(area + XSAVE_BV, bv | XFEAT_FP);
	}
	for (i = 0; i < 8; i++)
		memcpy(st + 16 * i, area + mm_offset(area, i), 16);
	memcpy(area + XSAVE_ST, st, sizeof(st));
	xsave_get_x87(area, &fcw, &fsw);
	put16(area + XSAVE_FSW, fsw & ~FSW_TOP);
	put16(area + XSAVE_FTW, 0xff);
	if (!val)
		return;
	to = area + XSAVE_ST + 16 * (reg & 7);
	put64(to, *val);
	put16(to + 8, 0xffff);
}
