// SPDX-License-Identifier: GPL-2.0
/*
 * The commonest device accesses, decoded in one pass without a context.
 *
 * What this accepts, decode.c decodes to the same: a test compares the two on
 * random bytes.
 */
#include "internal.h"

static __always_inline s32 get_s32(const u8 *p)
{
	s32 val;

	memcpy(&val, p, 4);
	return val;
}

/* The rarer addresses: a SIB byte, RIP-relative. Returns the displacement's place. */
static __always_inline const u8 *rare_address(const u8 *p, u8 modrm, u8 rex,
					      const unsigned long *regs, u64 *ea,
					      bool *riprel)
{
	bool nobase = !(modrm >> 6);
	unsigned int sib, index;

	if ((modrm & 7) == 5) {
		*riprel = true;
		*ea = get_s32(p);
		return p + 4;
	}
	sib = *p++;
	index = ((sib >> 3) & 7) | (rex & 2) << 2;
	*ea = index == 4 ? 0 : regs[index] << (sib >> 6);
	if ((sib & 7) == 5 && nobase) {
		*ea += get_s32(p);
		return p + 4;
	}
	*ea += regs[(sib & 7) | (rex & 1) << 3];
	return p;
}

static u64 get_immediate(const u8 *p, unsigned int size)
{
	if (size == 1)
		return *p;
	if (size == 2)
		return p[0] | p[1] << 8;
	return size == 4 ? (u32)get_s32(p) : (s64)get_s32(p);
}

bool strata_quick_mov(const u8 *insn, const unsigned long *regs, u64 rip,
		      struct strata_quick_mov *q)
{
	const u8 *p = insn;
	u8 rex = 0, size = 4, opcode, modrm, reg;
	bool riprel = false;
	u64 ea;

	if (unlikely(*p == 0x66)) {
		size = 2;
		p++;
	}
	if ((*p & 0xf0) == 0x40) {
		rex = *p++;
		if (rex & 8)
			size = 8;
	}
	opcode = *p++;
	if (!(opcode & 1))
		size = 1;
	modrm = *p++;
	if (modrm >= 0xc0)
		return false;

	if (unlikely((modrm & 7) == 4 || (modrm & 0xc7) == 5))
		p = rare_address(p, modrm, rex, regs, &ea, &riprel);
	else
		ea = regs[(modrm & 7) | (rex & 1) << 3];
	if (modrm & 0x80) {
		ea += get_s32(p);
		p += 4;
	} else if (modrm & 0x40) {
		ea += (s8)*p++;
	}

	reg = ((modrm >> 3) & 7) | (rex & 4) << 1;
	if (likely((opcode & 0xfc) == 0x88)) {
		q->write = !(opcode & 2);
		/* AH to BH, which are no register of their own */
		if (size == 1 && !rex && reg >= 4)
			return false;
		q->val = regs[reg];
		if (size < 8)
			q->val = size == 4 ? (u32)q->val : q->val & emul_mask(size);
	} else if ((opcode & 0xfe) == 0xc6 && !(modrm & 0x38)) {
		q->write = true;
		q->val = get_immediate(p, size);
		p += size == 8 ? 4 : size;
	} else {
		return false;
	}
	q->len = p - insn;
	q->size = size;
	q->reg = reg;
	q->ea = riprel ? ea + rip + q->len : ea;
	return true;
}
