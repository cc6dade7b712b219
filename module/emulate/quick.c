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

bool strata_quick_mov(const u8 *insn, const unsigned long *regs, u64 rip,
		      struct strata_quick_mov *q)
{
	const u8 *p = insn;
	unsigned int size = 4, imm = 0, mod, rm, reg;
	u8 rex = 0, opcode, modrm;
	bool riprel = false;
	u64 ea;

	if (*p == 0x66) {
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
	mod = modrm >> 6;
	rm = modrm & 7;
	reg = ((modrm >> 3) & 7) | (rex & 4) << 1;
	if ((opcode & 0xfc) == 0x88) {
		q->write = !(opcode & 2);
		/* AH to BH, which are no register of their own */
		if (size == 1 && !rex && reg >= 4)
			return false;
	} else if ((opcode & 0xfe) == 0xc6 && !(modrm & 0x38)) {
		q->write = true;
		imm = min_t(unsigned int, size, 4);
	} else {
		return false;
	}

	if (rm == 4) {
		unsigned int sib = *p++;
		unsigned int index = ((sib >> 3) & 7) | (rex & 2) << 2;

		rm = sib & 7;
		ea = index == 4 ? 0 : regs[index] << (sib >> 6);
		if (rm == 5 && !mod) {
			ea += get_s32(p);
			p += 4;
		} else {
			ea += regs[rm | (rex & 1) << 3];
		}
	} else if (rm == 5 && !mod) {
		ea = get_s32(p);
		p += 4;
		riprel = true;
	} else {
		ea = regs[rm | (rex & 1) << 3];
	}
	switch (mod) {
	case 0:
		break;
	case 1:
		ea += (s8)*p++;
		break;
	case 2:
		ea += get_s32(p);
		p += 4;
		break;
	default:
		return false;
	}

	if (imm) {
		u64 val = (u8)*p;

		if (imm == 2)
			val |= p[1] << 8;
		else if (imm == 4)
			val = (s64)get_s32(p);
		q->val = val & emul_mask(size);
		p += imm;
	} else {
		q->val = regs[reg] & emul_mask(size);
	}
	q->len = p - insn;
	q->size = size;
	q->reg = reg;
	q->ea = riprel ? ea + rip + q->len : ea;
	return true;
}
