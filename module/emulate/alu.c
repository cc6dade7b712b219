// SPDX-License-Identifier: GPL-2.0
/*
 * Arithmetic and the flags it leaves: values in, values out, no context.
 *
 * Operands arrive zero-extended from their size; results leave so. Flags that
 * the manuals call undefined are cleared or left, whichever is simpler.
 */
#include "internal.h"

static u64 sign_bit(unsigned int size)
{
	return 1ULL << (8 * size - 1);
}

/* SF, ZF and PF of a result. */
static u64 flags_szp(u64 res, unsigned int size)
{
	u64 fl = 0;

	if (!res)
		fl |= FL_ZF;
	if (res & sign_bit(size))
		fl |= FL_SF;
	/* 0x9669 holds, for each nibble, whether its parity is even */
	if (0x9669 >> ((res ^ res >> 4) & 15) & 1)
		fl |= FL_PF;
	return fl;
}

static void merge_flags(u64 *flags, u64 set)
{
	*flags = (*flags & ~FL_ARITH) | set;
}

static u64 add_carry(u64 a, u64 b, unsigned int carry, unsigned int size,
		     u64 *flags)
{
	u64 res = (a + b + carry) & emul_mask(size);
	u64 fl = flags_szp(res, size) | ((a ^ b ^ res) & FL_AF);

	if (res < a || (carry && res == a))
		fl |= FL_CF;
	if ((a ^ res) & (b ^ res) & sign_bit(size))
		fl |= FL_OF;
	merge_flags(flags, fl);
	return res;
}

static u64 sub_borrow(u64 a, u64 b, unsigned int borrow, unsigned int size,
		      u64 *flags)
{
	u64 res = (a - b - borrow) & emul_mask(size);
	u64 fl = flags_szp(res, size) | ((a ^ b ^ res) & FL_AF);

	if (a < b || (borrow && a == b))
		fl |= FL_CF;
	if ((a ^ b) & (a ^ res) & sign_bit(size))
		fl |= FL_OF;
	merge_flags(flags, fl);
	return res;
}

/**
 * emul_alu() - the eight operations of group 1
 * @op: OP_ADD to OP_CMP
 * @dst: first operand
 * @src: second operand; bits above @size are ignored
 * @size: bytes
 * @flags: RFLAGS, read for the carry and updated
 *
 * Return: the result (of a subtraction for OP_CMP)
 */
u64 emul_alu(unsigned int op, u64 dst, u64 src, unsigned int size, u64 *flags)
{
	unsigned int carry = *flags & FL_CF;

	src &= emul_mask(size);
	switch (op) {
	case OP_ADD:
		return add_carry(dst, src, 0, size, flags);
	case OP_ADC:
		return add_carry(dst, src, carry, size, flags);
	case OP_SBB:
		return sub_borrow(dst, src, carry, size, flags);
	case OP_SUB:
	case OP_CMP:
		return sub_borrow(dst, src, 0, size, flags);
	case OP_OR:
		dst |= src;
		break;
	case OP_AND:
		dst &= src;
		break;
	default:
		dst ^= src;
		break;
	}
	merge_flags(flags, flags_szp(dst, size));
	return dst;
}

/**
 * emul_inc_dec() - INC and DEC, which leave the carry alone
 * @dec: DEC
 * @val: operand
 * @size: bytes
 * @flags: RFLAGS, updated
 *
 * Return: the result
 */
u64 emul_inc_dec(bool dec, u64 val, unsigned int size, u64 *flags)
{
	u64 carry = *flags & FL_CF;

	if (dec)
		val = sub_borrow(val, 1, 0, size, flags);
	else
		val = add_carry(val, 1, 0, size, flags);
	*flags = (*flags & ~FL_CF) | carry;
	return val;
}

static void set_flag(u64 *flags, u64 flag, bool on)
{
	*flags = on ? *flags | flag : *flags & ~flag;
}

/*
 * Rotation of @bits wide values by @count, 0 < count; @bits is one more than
 * the operand's for the rotations through carry, which pass the carry on top.
 */
static unsigned __int128 rotate_left(unsigned __int128 val, unsigned int count,
				     unsigned int bits)
{
	count %= bits;
	if (!count)
		return val;
	return val << count | val >> (bits - count);
}

static u64 rotate(unsigned int op, u64 val, unsigned int count,
		  unsigned int size, u64 *flags)
{
	unsigned int bits = 8 * size;
	bool through = op == OP_RCL || op == OP_RCR;
	bool right = op == OP_ROR || op == OP_RCR;
	unsigned __int128 wide = val;
	u64 top = sign_bit(size);
	u64 res;

	if (through) {
		bits++;
		if (*flags & FL_CF)
			wide |= (unsigned __int128)1 << (bits - 1);
	}
	count %= bits;
	if (!count && through)
		return val;
	wide = rotate_left(wide, right ? bits - count : count, bits);
	res = (u64)wide & emul_mask(size);
	if (through)
		set_flag(flags, FL_CF, wide >> (bits - 1) & 1);
	else
		set_flag(flags, FL_CF, right ? res & top : res & 1);
	if (right)
		set_flag(flags, FL_OF, (res ^ res << 1) & top);
	else
		set_flag(flags, FL_OF, !(res & top) != !(*flags & FL_CF));
	return res;
}

/**
 * emul_shift() - shifts and rotations of group 2
 * @op: OP_ROL to OP_SAR
 * @val: operand
 * @count: as in the instruction, not yet masked
 * @size: bytes
 * @flags: RFLAGS, updated; untouched when the masked count is zero
 *
 * Return: the result
 */
u64 emul_shift(unsigned int op, u64 val, unsigned int count, unsigned int size,
	       u64 *flags)
{
	unsigned int bits = 8 * size;
	u64 top = sign_bit(size);
	u64 old = val, fl = 0;
	s64 sval;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return val;

	switch (op) {
	case OP_SHL:
	case OP_SAL:
		if (count <= bits && (val >> (bits - count)) & 1)
			fl |= FL_CF;
		val = val << count & emul_mask(size);
		if (!(val & top) != !(fl & FL_CF))
			fl |= FL_OF;
		break;
	case OP_SHR:
		if ((val >> (count - 1)) & 1)
			fl |= FL_CF;
		if (old & top)
			fl |= FL_OF;
		val >>= count;
		break;
	case OP_SAR:
		sval = (s64)emul_sign_extend(val, size);
		if ((sval >> (count - 1)) & 1)
			fl |= FL_CF;
		val = (u64)(sval >> count) & emul_mask(size);
		break;
	default:
		return rotate(op, val, count, size, flags);
	}
	merge_flags(flags, fl | flags_szp(val, size));
	return val;
}

/**
 * emul_shift_double() - SHLD and SHRD
 * @right: SHRD
 * @dst: operand that is shifted
 * @src: operand whose bits come in
 * @count: as in the instruction, not yet masked
 * @size: 2, 4 or 8 bytes
 * @flags: RFLAGS, updated; untouched when the masked count is zero
 *
 * With 16-bit operands and a count above 16 the result is undefined.
 *
 * Return: the result
 */
u64 emul_shift_double(bool right, u64 dst, u64 src, unsigned int count,
		      unsigned int size, u64 *flags)
{
	unsigned int bits = 8 * size;
	unsigned __int128 wide;
	u64 res, fl = 0;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return dst;
	if (count > bits)
		count %= bits;
	if (!count)
		return dst;

	if (right) {
		wide = (unsigned __int128)src << bits | dst;
		res = (u64)(wide >> count) & emul_mask(size);
		if (dst >> (count - 1) & 1)
			fl |= FL_CF;
	} else {
		wide = (unsigned __int128)dst << bits | src;
		res = (u64)(wide << count >> bits) & emul_mask(size);
		if (dst >> (bits - count) & 1)
			fl |= FL_CF;
	}
	if ((res ^ dst) & sign_bit(size))
		fl |= FL_OF;
	merge_flags(flags, fl | flags_szp(res, size));
	return res;
}

/**
 * emul_mul() - MUL and IMUL with a double-width product
 * @is_signed: IMUL
 * @a: multiplicand
 * @b: multiplier
 * @size: bytes of each
 * @lo: out: low half
 * @hi: out: high half
 * @flags: RFLAGS: CF and OF tell whether the high half matters
 */
void emul_mul(bool is_signed, u64 a, u64 b, unsigned int size, u64 *lo, u64 *hi,
	      u64 *flags)
{
	unsigned __int128 prod;
	u64 mask = emul_mask(size);
	u64 fill;

	if (is_signed)
		prod = (unsigned __int128)((__int128)(s64)emul_sign_extend(a, size) *
					   (s64)emul_sign_extend(b, size));
	else
		prod = (unsigned __int128)a * b;
	*lo = (u64)prod & mask;
	*hi = (u64)(prod >> (8 * size)) & mask;
	fill = is_signed && (*lo & sign_bit(size)) ? mask : 0;
	merge_flags(flags, flags_szp(*lo, size) |
		    (*hi != fill ? FL_CF | FL_OF : 0));
}

/* Unsigned division of the double-width @hi:@lo; false if it overflows. */
static bool div_wide(u64 *lo, u64 *hi, u64 divisor)
{
	if (*hi >= divisor)
		return false;
	asm("divq %[divisor]"
	    : "+a" (*lo), "+d" (*hi)
	    : [divisor] "rm" (divisor)
	    : "cc");
	return true;
}

/**
 * emul_div() - DIV and IDIV
 * @is_signed: IDIV
 * @lo: in: low half of the dividend; out: quotient
 * @hi: in: high half; out: remainder
 * @divisor: divisor
 * @size: bytes of each
 *
 * Return: false where the instruction raises #DE
 */
bool emul_div(bool is_signed, u64 *lo, u64 *hi, u64 divisor, unsigned int size)
{
	unsigned __int128 num = (unsigned __int128)*hi << (8 * size) | *lo;
	bool neg_num = is_signed && (*hi & sign_bit(size));
	bool neg_div = is_signed && (divisor & sign_bit(size));
	u64 mask = emul_mask(size);
	u64 quot, rem, limit;

	/* work on magnitudes, then restore the signs */
	if (neg_num) {
		num = -num;
		if (size < 8)
			num &= ((unsigned __int128)1 << (16 * size)) - 1;
	}
	if (neg_div)
		divisor = -divisor & mask;
	quot = (u64)num;
	rem = (u64)(num >> 64);
	if (!divisor || !div_wide(&quot, &rem, divisor))
		return false;

	limit = mask;
	if (is_signed)
		limit = neg_num != neg_div ? sign_bit(size) : sign_bit(size) - 1;
	if (quot > limit)
		return false;
	*lo = (neg_num != neg_div ? -quot : quot) & mask;
	*hi = (neg_num ? -rem : rem) & mask;
	return true;
}

/**
 * emul_condition() - does a condition code hold?
 * @flags: RFLAGS
 * @cc: low four bits of the opcode
 *
 * Return: true if the condition holds
 */
bool emul_condition(u64 flags, unsigned int cc)
{
	bool sf_ne_of = !(flags & FL_SF) != !(flags & FL_OF);
	bool res;

	switch ((cc >> 1) & 7) {
	case 0:
		res = flags & FL_OF;
		break;
	case 1:
		res = flags & FL_CF;
		break;
	case 2:
		res = flags & FL_ZF;
		break;
	case 3:
		res = flags & (FL_CF | FL_ZF);
		break;
	case 4:
		res = flags & FL_SF;
		break;
	case 5:
		res = flags & FL_PF;
		break;
	case 6:
		res = sf_ne_of;
		break;
	default:
		res = sf_ne_of || (flags & FL_ZF);
		break;
	}
	return res != (cc & 1);
}
