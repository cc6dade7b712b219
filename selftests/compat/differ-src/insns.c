// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions, made at random: forms from a table with random prefixes, registers
 * and addresses, and short sequences that make a privileged one meaningful.
 */
#include "differ.h"

enum {
	M	= 1,		/* has ModR/M; /digit in ext, or any register */
	MEM	= 2 | M,	/* and names memory */
	REG	= 16 | M,	/* and names a register */
	STRING	= 4,		/* REP, often */
	LOCK	= 8,		/* LOCK, at times */
};

enum imm { NONE, I8, I16, IZ, IV, MOFFS, FAR, IENTER, J8, JZ };

struct form {
	uint8_t op[4];
	uint8_t len, flags, imm;
	int8_t ext;
};

#define F1(a, fl, im, ex)		{ { a }, 1, fl, im, ex }
#define F2(a, b, fl, im, ex)		{ { a, b }, 2, fl, im, ex }
#define F3(a, b, c, fl, im, ex)		{ { a, b, c }, 3, fl, im, ex }

/* With a memory operand, mostly. */
static const struct form memory_forms[] = {
	F1(0x00, M | LOCK, NONE, -1), F1(0x01, M | LOCK, NONE, -1), F1(0x02, M, NONE, -1),
	F1(0x03, M, NONE, -1), F1(0x08, M | LOCK, NONE, -1), F1(0x0b, M, NONE, -1),
	F1(0x10, M, NONE, -1), F1(0x11, M | LOCK, NONE, -1), F1(0x19, M, NONE, -1),
	F1(0x1b, M, NONE, -1), F1(0x21, M, NONE, -1), F1(0x22, M, NONE, -1),
	F1(0x29, M, NONE, -1), F1(0x2b, M, NONE, -1), F1(0x30, M, NONE, -1),
	F1(0x31, M | LOCK, NONE, -1), F1(0x33, M, NONE, -1), F1(0x38, M, NONE, -1),
	F1(0x39, M, NONE, -1), F1(0x3a, M, NONE, -1), F1(0x3b, M, NONE, -1),
	F1(0x63, M, NONE, -1), F1(0x69, M, IZ, -1), F1(0x6b, M, I8, -1),
	F1(0x80, M | LOCK, I8, -1), F1(0x81, M | LOCK, IZ, -1), F1(0x83, M | LOCK, I8, -1),
	F1(0x84, M, NONE, -1), F1(0x85, M, NONE, -1), F1(0x86, M | LOCK, NONE, -1),
	F1(0x87, M | LOCK, NONE, -1), F1(0x88, M, NONE, -1), F1(0x89, M, NONE, -1),
	F1(0x8a, M, NONE, -1), F1(0x8b, M, NONE, -1), F1(0x88, M, NONE, -1),
	F1(0x89, M, NONE, -1), F1(0x8a, M, NONE, -1), F1(0x8b, M, NONE, -1),
	F1(0x8c, M, NONE, -1), F1(0x8d, M, NONE, -1), F1(0x8f, M, NONE, 0),
	F1(0xa0, 0, MOFFS, -1), F1(0xa1, 0, MOFFS, -1), F1(0xa2, 0, MOFFS, -1),
	F1(0xa3, 0, MOFFS, -1), F1(0xc0, M, I8, -1), F1(0xc1, M, I8, -1), F1(0xc6, M, I8, 0),
	F1(0xc7, M, IZ, 0), F1(0xd0, M, NONE, -1), F1(0xd1, M, NONE, -1), F1(0xd2, M, NONE, -1),
	F1(0xd3, M, NONE, -1), F1(0xf6, M, NONE, 2), F1(0xf6, M, NONE, 3), F1(0xf6, M, NONE, 4),
	F1(0xf6, M, NONE, 5), F1(0xf7, M | LOCK, NONE, 2), F1(0xf7, M, NONE, 3),
	F1(0xf7, M, NONE, 4), F1(0xf7, M, NONE, 5), F1(0xf6, M, NONE, 6), F1(0xf7, M, NONE, 7),
	F1(0xf6, M, I8, 0), F1(0xf7, M, IZ, 0), F1(0xfe, M | LOCK, NONE, 0),
	F1(0xfe, M, NONE, 1), F1(0xff, M | LOCK, NONE, 0), F1(0xff, M, NONE, 1),
	F1(0xff, M, NONE, 6), F2(0x0f, 0x10, M, NONE, -1), F2(0x0f, 0x11, M, NONE, -1),
	F2(0x0f, 0x28, M, NONE, -1), F2(0x0f, 0x29, M, NONE, -1), F2(0x0f, 0x2b, MEM, NONE, -1),
	F2(0x0f, 0x40, M, NONE, -1), F2(0x0f, 0x45, M, NONE, -1), F2(0x0f, 0x4c, M, NONE, -1),
	F2(0x0f, 0x6f, M, NONE, -1), F2(0x0f, 0x7f, M, NONE, -1), F2(0x0f, 0x92, M, NONE, -1),
	F2(0x0f, 0x95, M, NONE, -1), F2(0x0f, 0xa3, M, NONE, -1), F2(0x0f, 0xa4, M, I8, -1),
	F2(0x0f, 0xa5, M, NONE, -1), F2(0x0f, 0xab, M | LOCK, NONE, -1), F2(0x0f, 0xac, M, I8, -1),
	F2(0x0f, 0xad, M, NONE, -1), F2(0x0f, 0xaf, M, NONE, -1), F2(0x0f, 0xb0, M | LOCK, NONE, -1),
	F2(0x0f, 0xb1, M | LOCK, NONE, -1), F2(0x0f, 0xb3, M, NONE, -1), F2(0x0f, 0xb6, M, NONE, -1),
	F2(0x0f, 0xb7, M, NONE, -1), F2(0x0f, 0xba, M, I8, 4), F2(0x0f, 0xba, M | LOCK, I8, 5),
	F2(0x0f, 0xba, M, I8, 6), F2(0x0f, 0xba, M, I8, 7), F2(0x0f, 0xbb, M, NONE, -1),
	F2(0x0f, 0xbc, M, NONE, -1), F2(0x0f, 0xbd, M, NONE, -1), F2(0x0f, 0xbe, M, NONE, -1),
	F2(0x0f, 0xbf, M, NONE, -1), F2(0x0f, 0xc0, M, NONE, -1), F2(0x0f, 0xc1, M | LOCK, NONE, -1),
	F2(0x0f, 0xc3, MEM, NONE, -1), F2(0x0f, 0xc7, M | LOCK, NONE, 1), F2(0x0f, 0xd6, M, NONE, -1),
	F2(0x0f, 0xe7, MEM, NONE, -1), F2(0x0f, 0xae, MEM, NONE, 0), F2(0x0f, 0xae, MEM, NONE, 1),
	F2(0x0f, 0xae, MEM, NONE, 2), F2(0x0f, 0xae, MEM, NONE, 3), F2(0x0f, 0x18, MEM, NONE, 1),
	F1(0xd9, M, NONE, 7), F1(0xdd, M, NONE, 7), F1(0xdb, MEM, NONE, 5), F1(0xd9, M, NONE, 0),
};

static const struct form string_forms[] = {
	F1(0xa4, STRING, NONE, -1), F1(0xa5, STRING, NONE, -1), F1(0xa6, STRING, NONE, -1),
	F1(0xa7, STRING, NONE, -1), F1(0xaa, STRING, NONE, -1), F1(0xab, STRING, NONE, -1),
	F1(0xac, STRING, NONE, -1), F1(0xad, STRING, NONE, -1), F1(0xae, STRING, NONE, -1),
	F1(0xaf, STRING, NONE, -1),
};

static const struct form port_forms[] = {
	F1(0xe4, 0, I8, -1), F1(0xe5, 0, I8, -1), F1(0xe6, 0, I8, -1), F1(0xe7, 0, I8, -1),
	F1(0xec, 0, NONE, -1), F1(0xed, 0, NONE, -1), F1(0xee, 0, NONE, -1),
	F1(0xef, 0, NONE, -1), F1(0x6c, STRING, NONE, -1), F1(0x6d, STRING, NONE, -1),
	F1(0x6e, STRING, NONE, -1), F1(0x6f, STRING, NONE, -1),
};

/* Registers and flags only: state for the others. */
static const struct form plain_forms[] = {
	F1(0x40, 0, NONE, -1), F1(0x4b, 0, NONE, -1), F1(0x50, 0, NONE, -1),
	F1(0x53, 0, NONE, -1), F1(0x58, 0, NONE, -1), F1(0x5e, 0, NONE, -1),
	F1(0x68, 0, IZ, -1), F1(0x6a, 0, I8, -1), F1(0x74, 0, J8, -1), F1(0x75, 0, J8, -1),
	F1(0x7c, 0, J8, -1), F1(0x93, 0, NONE, -1), F1(0x98, 0, NONE, -1), F1(0x99, 0, NONE, -1),
	F1(0x9c, 0, NONE, -1), F1(0x9d, 0, NONE, -1), F1(0x9e, 0, NONE, -1), F1(0x9f, 0, NONE, -1),
	F1(0xa8, 0, I8, -1), F1(0xb0, 0, I8, -1), F1(0xb9, 0, IV, -1), F1(0xbb, 0, IV, -1),
	F1(0xbe, 0, IV, -1), F1(0xe3, 0, J8, -1), F1(0xe2, 0, J8, -1), F1(0xeb, 0, J8, -1),
	F1(0xe9, 0, JZ, -1), F1(0xf5, 0, NONE, -1), F1(0xf8, 0, NONE, -1), F1(0xf9, 0, NONE, -1),
	F1(0xfc, 0, NONE, -1), F1(0xfd, 0, NONE, -1), F1(0x06, 0, NONE, -1),
	F1(0x07, 0, NONE, -1), F1(0x1e, 0, NONE, -1), F1(0x1f, 0, NONE, -1),
	F1(0x16, 0, NONE, -1), F1(0x17, 0, NONE, -1), F1(0x60, 0, NONE, -1),
	F1(0x61, 0, NONE, -1), F1(0x27, 0, NONE, -1), F1(0xd4, 0, I8, -1),
	F2(0x0f, 0x1f, M, NONE, 0), F2(0x0f, 0xc9, 0, NONE, -1), F1(0xd7, 0, NONE, -1),
};

/* Where the flow of control, or the privilege, changes. */
static const struct form control_forms[] = {
	F1(0xe8, 0, JZ, -1), F1(0xc3, 0, NONE, -1), F1(0xc2, 0, I16, -1), F1(0xca, 0, I16, -1),
	F1(0xcb, 0, NONE, -1), F1(0xcc, 0, NONE, -1), F1(0xcd, 0, I8, -1), F1(0xce, 0, NONE, -1),
	F1(0xcf, 0, NONE, -1), F1(0x9a, 0, FAR, -1), F1(0xea, 0, FAR, -1),
	F1(0xff, MEM, NONE, 2), F1(0xff, MEM, NONE, 3), F1(0xff, MEM, NONE, 5), F1(0xff, M, NONE, 4),
	F1(0x8e, M, NONE, -1), F1(0xc8, 0, IENTER, -1), F1(0xc9, 0, NONE, -1),
	F1(0xc4, MEM, NONE, -1), F1(0xc5, MEM, NONE, -1), F1(0xf1, 0, NONE, -1),
	F1(0x62, MEM, NONE, -1), F2(0x0f, 0x05, 0, NONE, -1), F2(0x0f, 0x07, 0, NONE, -1),
	F2(0x0f, 0x34, 0, NONE, -1), F2(0x0f, 0x35, 0, NONE, -1), F2(0x0f, 0xb2, MEM, NONE, -1),
	F2(0x0f, 0xb4, MEM, NONE, -1), F2(0x0f, 0x0b, 0, NONE, -1), F2(0x0f, 0xa1, 0, NONE, -1),
	F2(0x0f, 0xa8, 0, NONE, -1), F1(0xfb, 0, NONE, -1), F1(0xfa, 0, NONE, -1),
	F1(0xf4, 0, NONE, -1), F1(0x9b, 0, NONE, -1),
};

static const struct form system_forms[] = {
	F2(0x0f, 0x00, M, NONE, 0), F2(0x0f, 0x00, M, NONE, 1), F2(0x0f, 0x00, M, NONE, 2),
	F2(0x0f, 0x00, M, NONE, 4), F2(0x0f, 0x00, M, NONE, 5), F2(0x0f, 0x01, MEM, NONE, 0),
	F2(0x0f, 0x01, MEM, NONE, 1), F2(0x0f, 0x01, MEM, NONE, 2), F2(0x0f, 0x01, MEM, NONE, 3),
	F2(0x0f, 0x01, M, NONE, 4), F2(0x0f, 0x01, M, NONE, 6), F2(0x0f, 0x01, MEM, NONE, 7),
	F3(0x0f, 0x01, 0xc1, 0, NONE, -1), F3(0x0f, 0x01, 0xd9, 0, NONE, -1),
	F3(0x0f, 0x01, 0xc8, 0, NONE, -1), F3(0x0f, 0x01, 0xc9, 0, NONE, -1),
	F3(0x0f, 0x01, 0xca, 0, NONE, -1), F3(0x0f, 0x01, 0xcb, 0, NONE, -1),
	F3(0x0f, 0x01, 0xd0, 0, NONE, -1), F3(0x0f, 0x01, 0xd1, 0, NONE, -1),
	F3(0x0f, 0x01, 0xd8, 0, NONE, -1), F3(0x0f, 0x01, 0xda, 0, NONE, -1),
	F3(0x0f, 0x01, 0xdb, 0, NONE, -1), F3(0x0f, 0x01, 0xdc, 0, NONE, -1),
	F3(0x0f, 0x01, 0xdd, 0, NONE, -1), F3(0x0f, 0x01, 0xdf, 0, NONE, -1),
	F3(0x0f, 0x01, 0xf8, 0, NONE, -1), F2(0x0f, 0x02, M, NONE, -1), F2(0x0f, 0x03, M, NONE, -1),
	F2(0x0f, 0x06, 0, NONE, -1), F2(0x0f, 0x08, 0, NONE, -1), F2(0x0f, 0x09, 0, NONE, -1),
	F2(0x0f, 0x20, REG, NONE, 0), F2(0x0f, 0x20, REG, NONE, 2), F2(0x0f, 0x20, REG, NONE, 3),
	F2(0x0f, 0x20, REG, NONE, 4), F2(0x0f, 0x20, REG, NONE, -1), F2(0x0f, 0x21, REG, NONE, -1),
	F2(0x0f, 0x22, REG, NONE, 2), F2(0x0f, 0x22, REG, NONE, -1), F2(0x0f, 0x23, REG, NONE, 6),
	F2(0x0f, 0xa2, 0, NONE, -1), F2(0x0f, 0xae, M, NONE, 4), F2(0x0f, 0xae, M, NONE, 5),
	F2(0x0f, 0xae, M, NONE, 7), F2(0x0f, 0xae, M, NONE, 0), F2(0x0f, 0xc7, MEM, NONE, 6),
	F2(0x0f, 0x33, 0, NONE, -1), F1(0x90, STRING, NONE, -1), F2(0x0f, 0x77, 0, NONE, -1),
	F2(0x0f, 0xaa, 0, NONE, -1), F2(0x0f, 0x0d, M, NONE, 1),
};

static void put(struct insn *i, uint64_t v, unsigned int size)
{
	while (size-- && i->len < INSN_BYTES) {
		i->bytes[i->len++] = v;
		v >>= 8;
	}
}

/* The opcode, after 0F, of the one that matters. */
static void opcode(struct insn *i, uint8_t byte)
{
	i->at = i->len;
	put(i, 0x0f, 1);
	put(i, byte, 1);
}

static bool is_16bit(enum mode mode)
{
	return mode == REAL16 || mode == PROT16 || mode == VM86;
}

/* An address where something happens, or beside it. */
uint64_t place(struct rng *r)
{
	static const uint16_t pages[] = {
		DATA_PAGE, DATA_PAGE, DATA_PAGE, HOLE_PAGE, HOLE_PAGE, HOLE_PAGE, HOLE_PAGE,
		RO_PAGE, SYSTEM_PAGE, ABSENT_PAGE, NX_PAGE, ROM_PAGE, STACK_PAGE, CODE_PAGE,
		GDT_PAGE, TSS_PAGE,
	};
	uint64_t page = pages[below(r, ARRAY_SIZE(pages))];

	switch (below(r, 4)) {
	case 0:
		return page + 0xff0 + below(r, 24);
	case 1:
		return page + below(r, 4096);
	default:
		return page + 8 * below(r, 512);
	}
}

/* ModR/M with all that follows; @addr16: of 16-bit addresses. */
static void operand(struct rng *r, struct insn *i, const struct form *f, enum mode mode,
		    bool addr16, bool memory)
{
	unsigned int reg = f->ext < 0 ? below(r, 8) : (unsigned int)f->ext, mod, rm;

	if ((f->flags & REG) == REG || (!memory && (f->flags & MEM) != MEM && one_in(r, 4))) {
		put(i, 0xc0 | reg << 3 | below(r, 8), 1);
		return;
	}
	if (one_in(r, 2)) {
		/* An address as it stands. */
		if (addr16) {
			put(i, reg << 3 | 6, 1);
			put(i, place(r), 2);
		} else {
			put(i, reg << 3 | 4, 1);
			put(i, 0x25, 1);
			put(i, place(r), 4);
		}
		return;
	}
	mod = below(r, 3);
	rm = below(r, 8);
	put(i, mod << 6 | reg << 3 | rm, 1);
	if (addr16) {
		if (mod == 1)
			put(i, below(r, 256), 1);
		else if (mod == 2 || rm == 6)
			put(i, one_in(r, 2) ? place(r) : number(r), 2);
		return;
	}
	if (rm == 4) {
		uint8_t sib = rng_next(r);

		put(i, sib, 1);
		if (mod == 0 && (sib & 7) == 5)
			put(i, place(r), 4);
	} else if (mod == 0 && rm == 5) {
		/* 64-bit: from RIP. */
		put(i, mode == LONG64 ? place(r) - CODE_PAGE : place(r), 4);
	}
	if (mod == 1)
		put(i, below(r, 256), 1);
	else if (mod == 2)
		put(i, one_in(r, 2) ? below(r, 64) : number(r), 4);
}

static uint16_t selector(struct rng *r)
{
	static const uint16_t good[] = { 0, 8, 0x10, 0x1b, 0x23, 0x28, 0x30, 0x38, 0x53, 0x5b,
					 0x60, 0x68, 0x70, 0x78, 0x90, 0x84, 0x0c, 0x13 };

	return one_in(r, 16) ? 8 * below(r, 40) + below(r, 8) : good[below(r, ARRAY_SIZE(good))];
}

static void immediate(struct rng *r, struct insn *i, enum imm imm, unsigned int op, unsigned int ad)
{
	switch (imm) {
	case NONE:
		break;
	case I8:
		put(i, one_in(r, 2) ? below(r, 32) : rng_next(r), 1);
		break;
	case I16:
		put(i, below(r, 16), 2);
		break;
	case IZ:
		put(i, number(r), op == 2 ? 2 : 4);
		break;
	case IV:
		put(i, one_in(r, 2) ? place(r) : number(r), op);
		break;
	case MOFFS:
		put(i, place(r), ad);
		break;
	case FAR:
		put(i, CODE_PAGE + below(r, 64), op == 2 ? 2 : 4);
		put(i, selector(r), 2);
		break;
	case IENTER:
		put(i, below(r, 64), 2);
		put(i, below(r, 4), 1);
		break;
	case J8:
		put(i, below(r, 8), 1);
		break;
	case JZ:
		put(i, below(r, 8), op == 2 ? 2 : 4);
		break;
	}
}

static void from_form(struct rng *r, enum mode mode, const struct form *f, struct insn *i)
{
	bool op66 = one_in(r, 5), ad67 = one_in(r, 8), rex_w = false, lock;
	unsigned int op = is_16bit(mode) ^ op66 ? 2 : 4, ad;

	if (f->flags & STRING && one_in(r, 2))
		put(i, one_in(r, 4) ? 0xf2 : 0xf3, 1);
	else if (one_in(r, 24))
		put(i, 0xf2 + below(r, 2), 1);
	/* QEMU's TCG ends itself over a LOCK BTS of a register. */
	lock = f->flags & LOCK ? one_in(r, 4) : one_in(r, 100);
	if (lock)
		put(i, 0xf0, 1);
	if (op66)
		put(i, 0x66, 1);
	if (ad67)
		put(i, 0x67, 1);
	if (one_in(r, 6))
		put(i, (uint8_t[]){ 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 }[below(r, 6)], 1);
	ad = is_16bit(mode) ^ ad67 ? 2 : 4;
	if (mode == LONG64) {
		ad = ad67 ? 4 : 8;
		if (one_in(r, 2)) {
			uint8_t rex = 0x40 | below(r, 16);

			rex_w = rex & 8;
			put(i, rex, 1);
		}
		if (rex_w)
			op = 8;
	}
	i->at = i->len;
	put(i, f->op[0], 1);
	if (f->len > 1)
		put(i, f->op[1], 1);
	if (f->len > 2)
		put(i, f->op[2], 1);
	if (f->flags & M)
		operand(r, i, f, mode, ad == 2, lock);
	immediate(r, i, f->imm, op, ad);
}

#define FROM(table) from_form(r, mode, &(table)[below(r, ARRAY_SIZE(table))], i)

/* mov $v, %reg of the 32-bit kind, or in 64-bit mode of that one. */
static void load(struct insn *i, enum mode mode, unsigned int reg, uint64_t v)
{
	if (mode == LONG64 && v >> 32) {
		put(i, 0x48, 1);
		put(i, 0xb8 + reg, 1);
		put(i, v, 8);
		return;
	}
	if (is_16bit(mode))
		put(i, 0x66, 1);
	put(i, 0xb8 + reg, 1);
	put(i, v, 4);
}

static void msr_access(struct rng *r, enum mode mode, struct insn *i)
{
	static const uint32_t known[] = {
		0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101,
		0xc0000102, 0xc0000103, 0x174, 0x175, 0x176, 0x277, 0x1b, 0xfe, 0x200, 0x201, 0x250,
		0x2ff, 0x8b, 0x17, 0x1a0, 0xc0010015, 0xc0010010, 0xc001001f, 0x1d9, 0x179, 0x17a,
		0x17b, 0x400, 0x401, 0x48, 0x49, 0xc0010117, 0xc0010114, 0x3a, 0xcd, 0x10a, 0x140,
	};
	uint32_t index = one_in(r, 12) ? number(r) : known[below(r, ARRAY_SIZE(known))];
	bool write = one_in(r, 2);

	load(i, mode, 1, index);
	if (write) {
		uint64_t v = one_in(r, 3) ? number(r) : one_in(r, 2) ? below(r, 0x1000) :
			HIGH + number(r) % 0x10000;

		/*
		 * QEMU's TCG brings the host's CR0 back before its CR4: where the guest has
		 * LME and not PAE, the host finds itself without paging, with KVM as well.
		 */
		if (spare_tcg && index == 0xc0000080 && mode < PAE32)
			v &= ~0x100ull;
		load(i, mode, 0, (uint32_t)v);
		load(i, mode, 2, v >> 32);
	}
	opcode(i, write ? 0x30 : 0x32);
}

static void cr_write(struct rng *r, enum mode mode, struct insn *i)
{
	static const uint32_t cr0[] = { 1, 2, 4, 8, 1 << 5, 1 << 16, 1 << 18, 1 << 29, 1 << 30,
					1u << 31 };
	bool paged = mode >= PAGED32 && mode != VM86;
	uint64_t v = mode == REAL16 ? 0x10 : paged ? 0x80010031 : 0x31;
	unsigned int n = 1 + below(r, 3), cr = 0;

	switch (below(r, 4)) {
	case 0:
	case 1:
		while (n--)
			v ^= cr0[below(r, ARRAY_SIZE(cr0))];
		break;
	case 2:
		cr = 4;
		v = (mode >= PAE32 && mode != VM86 ? 0x20 : 0) | 0x600;
		while (n--)
			v ^= 1ull << below(r, one_in(r, 8) ? 32 : 23);
		break;
	case 3:
		cr = one_in(r, 3) ? 8 : 3;
		/* Beyond the physical addresses QEMU's TCG leaves guest mode for ever. */
		v = cr == 8 ? below(r, 20) :
			TABLES + (one_in(r, 4) ? (uint32_t)number(r) : 8 * below(r, 8));
		break;
	}
	load(i, mode, 0, v);
	if (cr == 8)
		put(i, mode == LONG64 ? 0x44 : 0xf0, 1);
	opcode(i, 0x22);
	put(i, 0xc0 | (cr & 7) << 3, 1);
}

static void port_access(struct rng *r, enum mode mode, struct insn *i)
{
	/* mov $port, %dx */
	if (!is_16bit(mode))
		put(i, 0x66, 1);
	put(i, 0xba, 1);
	put(i, one_in(r, 8) ? number(r) : below(r, 0x400), 2);
	FROM(port_forms);
}

static void hypercall(struct rng *r, enum mode mode, struct insn *i)
{
	load(i, mode, 0, below(r, 16));
	opcode(i, 0x01);
	put(i, one_in(r, 2) ? 0xd9 : 0xc1, 1);
}

static void debug_write(struct rng *r, enum mode mode, struct insn *i)
{
	uint64_t v = one_in(r, 3) ? number(r) : one_in(r, 2) ? place(r) :
		0x400 | below(r, 256) | (rng_next(r) & 0xffff0000);
	/* With KVM's VMCB, QEMU's TCG ends itself over a write of DR7. */
	unsigned int reg = below(r, spare_tcg ? 5 : 8);

	load(i, mode, 0, v);
	opcode(i, 0x23);
	put(i, 0xc0 | reg << 3, 1);
}

static void xsetbv(struct rng *r, enum mode mode, struct insn *i)
{
	load(i, mode, 1, one_in(r, 4) ? 1 : 0);
	load(i, mode, 0, below(r, 8));
	load(i, mode, 2, 0);
	opcode(i, 0x01);
	put(i, 0xd1, 1);
}

static void cpuid_leaf(struct rng *r, enum mode mode, struct insn *i)
{
	load(i, mode, 0, (one_in(r, 2) ? 0 : 0x80000000) + below(r, 0x20));
	load(i, mode, 1, below(r, 4));
	opcode(i, 0xa2);
}

void make_insn(struct rng *r, enum mode mode, struct insn *i)
{
	static void (*const privileged[])(struct rng *r, enum mode mode, struct insn *i) = {
		msr_access, msr_access, cr_write, cr_write, hypercall, debug_write, xsetbv, cpuid_leaf,
	};

	i->len = 0;
	switch (below(r, 20)) {
	case 0 ... 6:
		FROM(memory_forms);
		break;
	case 7 ... 8:
		FROM(string_forms);
		break;
	case 9 ... 10:
		port_access(r, mode, i);
		break;
	case 11 ... 12:
		FROM(plain_forms);
		break;
	case 13 ... 14:
		FROM(control_forms);
		break;
	case 15 ... 16:
		FROM(system_forms);
		break;
	default:
		privileged[below(r, ARRAY_SIZE(privileged))](r, mode, i);
		break;
	}
}
