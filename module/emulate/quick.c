// SPDX-License-Identifier: GPL-2.0
/*
 * The commonest device accesses, decoded in one pass without a context.
 *
 * What this accepts, decode.c decodes to the same: a test compares the two on
 * random bytes.
 */
#include "internal.h"

static s32 get_s32(const u8 *p)
{
	s32 val;

	memcpy(&val, p, 4);
	return val;
}

static u64 get_immediate(const u8 *p, unsigned int size)
{
	if (size == 1)
		return *p;
	if (size == 2)
		return p[0] | p[1] << 8;
	return size == 4 ? (u32)get_s32(p) : (s64)get_s32(p);
}

/* ModRM's memory operand; gives what follows it. */
static const u8 *get_address(const u8 *p, u8 modrm, u8 rex, struct strata_quick_form *f)
{
	bool no_disp = !(modrm >> 6), disp32 = modrm & 0x80;
	u8 sib;

	f->base = (modrm & 7) | (rex & 1) << 3;
	f->index = STRATA_QUICK_NONE;
	f->scale = 0;
	f->disp = 0;
	if ((modrm & 7) == 4) {
		sib = *p++;
		if (((sib >> 3) & 7) != 4 || (rex & 2)) {
			f->index = ((sib >> 3) & 7) | (rex & 2) << 2;
			f->scale = sib >> 6;
		}
		f->base = (sib & 7) | (rex & 1) << 3;
		if (no_disp && (sib & 7) == 5) {
			f->base = STRATA_QUICK_NONE;
			disp32 = true;
		}
	} else if (no_disp && (modrm & 7) == 5) {
		f->base = STRATA_QUICK_RIP;
		disp32 = true;
	}
	if (disp32) {
		f->disp = get_s32(p);
		return p + 4;
	}
	if (modrm & 0x40)
		f->disp = (s8)*p++;
	return p;
}

bool strata_quick_decode(const u8 *insn, struct strata_quick_form *f)
{
	const u8 *p = insn;
	u8 rex = 0, opcode, modrm;

	f->len = 0;
	f->size = 4;
	if (*p == 0x66) {
		f->size = 2;
		p++;
	}
	if ((*p & 0xf0) == 0x40) {
		rex = *p++;
		if (rex & 8)
			f->size = 8;
	}
	opcode = *p++;
	if (!(opcode & 1))
		f->size = 1;
	modrm = *p++;
	if (modrm >= 0xc0)
		return false;
	p = get_address(p, modrm, rex, f);

	f->reg = ((modrm >> 3) & 7) | (rex & 4) << 1;
	f->has_imm = false;
	if ((opcode & 0xfc) == 0x88) {
		f->write = !(opcode & 2);
		/* AH to BH, which are no register of their own */
		if (f->size == 1 && !rex && f->reg >= 4)
			return false;
	} else if ((opcode & 0xfe) == 0xc6 && !(modrm & 0x38)) {
		f->write = true;
		f->has_imm = true;
		f->imm = get_immediate(p, f->size);
		p += f->size == 8 ? 4 : f->size;
	} else {
		return false;
	}
	f->len = p - insn;
	return true;
}
