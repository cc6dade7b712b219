// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction decoder: bytes to operation, operands and effective address.
 *
 * References: AMD64 APM volume 3 chapter 1 and appendix A; Intel SDM volume 2
 * chapter 2 and appendix A.
 */
#include "internal.h"

/* Fetch until @need bytes are there. Out of line: most instructions fit. */
static noinline int refill(struct strata_emul_ctxt *c, unsigned int need)
{
	while (c->insn_len < need) {
		unsigned int len = EMUL_MAX_INSN - c->insn_len;
		u64 linear;
		int rc;

		if (need > EMUL_MAX_INSN)
			return emul_fault_code(c, EMUL_VEC_GP, 0);
		linear = c->rip + c->insn_len;
		if (likely(c->mode == EMUL_LONG &&
			   emul_surely_canonical(c, linear))) {
			len = min_t(unsigned int, len, 4096 - (linear & 4095));
		} else {
			rc = emul_fetch_linear(c, c->insn_len, &linear, &len);
			if (rc)
				return rc;
		}
		rc = c->ops->fetch(c, linear, c->insn + c->insn_len, len);
		if (rc)
			return rc;
		c->insn_len += len;
	}
	return EMUL_CONTINUE;
}

/* Are the bytes up to @end not there, and cannot be had? Then @rc says why. */
static __always_inline bool lacks(struct strata_emul_ctxt *c, unsigned int end,
				  int *rc)
{
	if (likely(end <= c->insn_len))
		return false;
	*rc = refill(c, end);
	return *rc != EMUL_CONTINUE;
}

static __always_inline u64 get_unsigned(const u8 *p, unsigned int size)
{
	u64 val = 0;

	switch (size) {
	case 1:
		return *p;
	case 2:
		memcpy(&val, p, 2);
		break;
	case 4:
		memcpy(&val, p, 4);
		break;
	default:
		memcpy(&val, p, 8);
		break;
	}
	return val;
}

static __always_inline u64 get_signed(const u8 *p, unsigned int size)
{
	return emul_sign_extend(get_unsigned(p, size), size);
}

/* Base and index of 16-bit addressing by r/m: registers, or none (0xf). */
static const u8 addr16_base[8] = { 3, 3, 5, 5, 0xf, 0xf, 5, 3 };
static const u8 addr16_index[8] = { 6, 7, 6, 7, 6, 7, 0xf, 0xf };

static int decode_mem16(struct strata_emul_ctxt *c, unsigned int *ppos, u8 modrm,
			u8 override)
{
	unsigned int pos = *ppos, mod = modrm >> 6, rm = modrm & 7;
	u64 ea = 0;
	int rc;

	if (mod == 0 && rm == 6) {
		if (lacks(c, pos + 2, &rc))
			return rc;
		ea = get_unsigned(c->insn + pos, 2);
		pos += 2;
	} else {
		if (addr16_base[rm] != 0xf)
			ea = c->regs[addr16_base[rm]];
		if (addr16_index[rm] != 0xf)
			ea += c->regs[addr16_index[rm]];
		if (mod) {
			if (lacks(c, pos + mod, &rc))
				return rc;
			ea += get_signed(c->insn + pos, mod);
			pos += mod;
		}
		if (override == SEG_NONE && addr16_base[rm] == EMUL_RBP)
			c->seg = EMUL_SEG_SS;
	}
	c->ea = (u16)ea;
	*ppos = pos;
	return EMUL_CONTINUE;
}

/*
 * 32- and 64-bit addressing. An RIP-relative address still lacks the length of
 * the instruction: @riprel tells.
 */
static __always_inline int decode_mem(struct strata_emul_ctxt *c,
				      unsigned int *ppos, u8 modrm, u8 rex,
				      u8 override, bool *riprel)
{
	unsigned int pos = *ppos, mod = modrm >> 6, base = modrm & 7;
	unsigned int disp = mod == 2 ? 4 : mod;
	u64 ea = 0;
	int rc;

	if (base == 4) {
		unsigned int index, sib;

		if (lacks(c, pos + 1, &rc))
			return rc;
		sib = c->insn[pos++];
		base = sib & 7;
		index = ((sib >> 3) & 7) | (rex & 2) << 2;
		if (index != 4)
			ea = c->regs[index] << (sib >> 6);
		if (base == 5 && mod == 0)
			disp = 4;
		else
			ea += c->regs[base | (rex & 1) << 3];
		if (base == 4 && !(rex & 1))
			c->rsp_base = true;
		if (override == SEG_NONE && !(rex & 1) &&
		    (base == 4 || (base == 5 && mod)))
			c->seg = EMUL_SEG_SS;
	} else if (base == 5 && mod == 0) {
		disp = 4;
		*riprel = c->mode == EMUL_LONG;
	} else {
		ea = c->regs[base | (rex & 1) << 3];
		if (override == SEG_NONE && base == 5 && !(rex & 1))
			c->seg = EMUL_SEG_SS;
	}

	if (disp) {
		if (lacks(c, pos + disp, &rc))
			return rc;
		ea += disp == 1 ? get_signed(c->insn + pos, 1) :
				  get_signed(c->insn + pos, 4);
		pos += disp;
	}
	c->ea = ea;
	*ppos = pos;
	return EMUL_CONTINUE;
}

/* Forms whose legality or meaning depends on more than the opcode. */
static noinline int fixup(struct strata_emul_ctxt *c, u32 *desc, bool opsize16)
{
	switch (DESC_OP(*desc)) {
	case OP_XCHG:
		/* 90 is NOP (or PAUSE) and leaves all of RAX alone */
		if (!c->rm)
			*desc = OP_NOP;
		return EMUL_CONTINUE;
	case OP_MOVSX:
		return c->mode == EMUL_LONG ? EMUL_CONTINUE : EMUL_UNHANDLED;
	case OP_MOV:
		/* MOVNTI: 32 or 64 bits, in 16-bit code as well */
		if (opsize16)
			return EMUL_UNHANDLED;
		c->opsize = c->opsize < 4 ? 4 : c->opsize;
		return EMUL_CONTINUE;
	case OP_NOP:
		/* NP and 66 0F AE /7, 66 0F AE /6; the rest is something else */
		if (!c->ismem || c->rep || (c->reg & 7) + opsize16 < 7)
			return EMUL_UNHANDLED;
		return EMUL_CONTINUE;
	case OP_MOV_FROM_SEG:
		c->reg &= 7;
		return c->reg > EMUL_SEG_GS ? emul_fault(c, EMUL_VEC_UD) :
					      EMUL_CONTINUE;
	case OP_MOV_TO_SEG:
		c->reg &= 7;
		if (c->reg > EMUL_SEG_GS || c->reg == EMUL_SEG_CS)
			return emul_fault(c, EMUL_VEC_UD);
		return EMUL_CONTINUE;
	case OP_LOAD_FAR:
		if (c->ismem)
			return EMUL_CONTINUE;
		return c->mode <= EMUL_VM86 ? emul_fault(c, EMUL_VEC_UD) : EMUL_UNHANDLED;
	case OP_SSE:
		c->sse_pfx = c->rep ? c->rep : opsize16 ? 0x66 : 0;
		if (!c->ismem || !emul_find_sse(c->opcode, c->sse_pfx, false))
			return EMUL_UNHANDLED;
		return EMUL_CONTINUE;
	default:
		return EMUL_UNHANDLED;
	}
}

/* The few opcodes of the 0F 38 map; the rest is zero. */
static u32 threebyte(struct strata_emul_ctxt *c, u8 opcode, bool opsize16)
{
	c->sse_pfx = 0x66;
	if (opcode == 0x2a && opsize16 && !c->rep)
		return OP_SSE | DF_MODRM | DF_MEM;
	if (opcode == 0xf0 && !c->rep)
		return OP_MOVBE | DF_MODRM | DF_MEM | DS(RM) | DD(REG);
	if (opcode == 0xf1 && !c->rep)
		return OP_MOVBE | DF_MODRM | DF_MEM | DS(REG) | DD(RM);
	return 0;
}

/* The immediate, and the operands that live in the opcode. */
static noinline int decode_imm(struct strata_emul_ctxt *c, unsigned int *ppos,
			       u32 desc, u8 rex)
{
	unsigned int pos = *ppos, size;
	int rc;

	switch (desc & DI_MASK) {
	case DI_B:
	case DI_UB:
		if (lacks(c, pos + 1, &rc))
			return rc;
		c->imm = (desc & DI_MASK) == DI_B ? (u64)(s8)c->insn[pos] :
						    c->insn[pos];
		size = 1;
		break;
	case DI_Z:
		size = min_t(unsigned int, c->opsize, 4);
		if (lacks(c, pos + size, &rc))
			return rc;
		c->imm = get_signed(c->insn + pos, size);
		break;
	case DI_W:
		size = 2;
		if (lacks(c, pos + size, &rc))
			return rc;
		c->imm = get_unsigned(c->insn + pos, size);
		break;
	case DI_WB:
		size = 3;
		if (lacks(c, pos + size, &rc))
			return rc;
		c->imm = get_unsigned(c->insn + pos, 2) | c->insn[pos + 2] << 16;
		break;
	case DI_FAR:
		size = c->opsize + 2;
		if (lacks(c, pos + size, &rc))
			return rc;
		c->imm = 0;
		memcpy(&c->imm, c->insn + pos, size);
		break;
	case DI_MOFFS:
		size = c->adsize;
		if (lacks(c, pos + size, &rc))
			return rc;
		c->ea = get_unsigned(c->insn + pos, size);
		c->ismem = true;
		break;
	case DI_OPREG_V:
		size = c->opsize;
		if (lacks(c, pos + size, &rc))
			return rc;
		c->imm = get_unsigned(c->insn + pos, size);
		c->rm = (c->opcode & 7) | (rex & 1) << 3;
		break;
	default:
		c->rm = (c->opcode & 7) | (rex & 1) << 3;
		return EMUL_CONTINUE;
	}
	*ppos = pos + size;
	return EMUL_CONTINUE;
}

int strata_emul_decode(struct strata_emul_ctxt *c)
{
	bool is_long = c->mode == EMUL_LONG;
	bool is_32 = strata_emul_is_32(c->mode);
	bool opsize16 = false, adswap = false, riprel = false;
	unsigned int pos = 0;
	u8 rex = 0, override = SEG_NONE;
	u8 opcode, modrm = 0;
	u32 desc;
	int rc;

	c->clear = 0;

	for (;;) {
		if (lacks(c, pos + 1, &rc))
			return rc;
		opcode = c->insn[pos++];
		desc = emul_onebyte[opcode];
		if (likely(!(desc & DF_PREFIX)))
			break;
		if ((opcode & 0xf0) == 0x40) {
			if (!is_long)
				break;
			rex = opcode;
			continue;
		}
		if ((opcode & 0xfe) == 0xc4) {
			if (is_long)
				return EMUL_UNHANDLED;
			break;
		}
		rex = 0;
		switch (opcode) {
		case 0x66:
			opsize16 = true;
			break;
		case 0x67:
			adswap = true;
			break;
		case 0xf0:
			c->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			c->rep = opcode;
			break;
		case 0x64:
		case 0x65:
			override = opcode - 0x64 + EMUL_SEG_FS;
			break;
		default:
			/* ES, CS, SS, DS: nothing in 64-bit mode */
			if (!is_long)
				override = (opcode >> 3) & 3;
			break;
		}
	}

	if (opcode == 0x0f) {
		if (lacks(c, pos + 1, &rc))
			return rc;
		opcode = c->insn[pos++];
		if (unlikely(opcode == 0x38)) {
			if (lacks(c, pos + 1, &rc))
				return rc;
			opcode = c->insn[pos++];
			desc = threebyte(c, opcode, opsize16);
		} else {
			desc = emul_twobyte[opcode];
		}
	}
	if (unlikely(!desc))
		return EMUL_UNHANDLED;

	c->opcode = opcode;
	c->rex = rex;
	c->seg = override == SEG_NONE ? EMUL_SEG_DS : override;
	if (is_long) {
		c->adsize = adswap ? 4 : 8;
		c->opsize = rex & 8 ? 8 : opsize16 ? 2 : 4;
	} else {
		c->adsize = is_32 != adswap ? 4 : 2;
		c->opsize = is_32 != opsize16 ? 4 : 2;
	}

	if (desc & DF_MODRM) {
		if (lacks(c, pos + 1, &rc))
			return rc;
		modrm = c->insn[pos++];
		c->reg = ((modrm >> 3) & 7) | (rex & 4) << 1;
		if (modrm < 0xc0) {
			c->ismem = true;
			if (c->adsize == 2)
				rc = decode_mem16(c, &pos, modrm, override);
			else
				rc = decode_mem(c, &pos, modrm, rex, override,
						&riprel);
			if (unlikely(rc))
				return rc;
		} else {
			c->rm = (modrm & 7) | (rex & 1) << 3;
		}
		if (desc & DF_GROUP) {
			desc = emul_groups[DESC_OP(desc) - OP_GRP1][c->reg & 7] |
			       (desc & ~(0xffU | DF_GROUP));
			/* F7 /0 and /1: an immediate of operand size */
			if (DESC_OP(desc) == OP_TEST && !(desc & DF_BYTE))
				desc = (desc & ~DI_MASK) | DI_Z;
		}
	}

	if (desc & DF_BYTE)
		c->opsize = 1;
	else if ((desc & DF_DEF64) && is_long)
		c->opsize = opsize16 && !(rex & 8) ? 2 : 8;
	if (desc & DI_MASK) {
		rc = decode_imm(c, &pos, desc, rex);
		if (unlikely(rc))
			return rc;
	}

	c->len = pos;
	if (unlikely(desc & DF_FIXUP)) {
		rc = fixup(c, &desc, opsize16);
		if (rc)
			return rc;
	}
	if (unlikely(DESC_OP(desc) == OP_UNHANDLED))
		return EMUL_UNHANDLED;
	if (unlikely((desc & DF_NO64) && is_long) ||
	    unlikely((desc & DF_MEM) && !c->ismem) ||
	    unlikely(c->lock && !((desc & DF_LOCK) && c->ismem)))
		return emul_fault(c, EMUL_VEC_UD);

	if (c->ismem) {
		if (riprel)
			c->ea += c->rip + pos;
		if (c->adsize == 4)
			c->ea = (u32)c->ea;
	}
	c->desc = desc;
	return EMUL_CONTINUE;
}

bool strata_emul_is_plain_mov(const struct strata_emul_ctxt *c, bool *write)
{
	switch (DESC_OP(c->desc)) {
	case OP_MOV:
	case OP_MOVZX:
	case OP_MOVSX:
	case OP_MOVBE:
		*write = DESC_DST(c->desc) == K_RM;
		return c->ismem;
	default:
		return false;
	}
}
