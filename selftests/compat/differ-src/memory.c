// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's memory for a case: code, descriptor tables, page tables, handlers,
 * and data.
 */
#include "differ.h"

enum { P = 1, W = 2, U = 4 };
#define NX	(1ull << 63)

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

/* By words: an emulator takes each byte of a REP by itself. */
static void set_words(uint8_t *to, uint64_t v, unsigned int size)
{
	volatile uint64_t *w = (volatile uint64_t *)to;

	while (size -= 8)
		*w++ = v;
	*w = v;
}

static void copy_words(uint8_t *to, const uint64_t *from, unsigned int size)
{
	volatile uint64_t *w = (volatile uint64_t *)to;

	while (size) {
		*w++ = *from++;
		size -= 8;
	}
}

/* Words of which each second is an address: what is loaded from here is used. */
static const uint64_t *data_words(unsigned int offset)
{
	static uint64_t pool[2048];
	struct rng r = { 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pool) && !pool[ARRAY_SIZE(pool) - 1]; i += 2) {
		pool[i] = place(&r);
		pool[i + 1] = rng_next(&r) | 1;
	}
	return pool + offset;
}

static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned int access, unsigned int flags)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
		(uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)flags << 52 |
		(uint64_t)(base >> 24) << 56;
}

static void fill_gdt(uint8_t *gdt)
{
	static const struct { uint16_t selector; uint32_t limit; uint8_t access, flags; } d[] = {
		{ 0x08, 0xfffff, 0x9b, 0xa }, { 0x10, 0xfffff, 0x93, 0xc },
		{ 0x18, 0xfffff, 0xfb, 0xa }, { 0x20, 0xfffff, 0xf3, 0xc },
		{ 0x28, 0xfffff, 0x9b, 0xc }, { 0x30, 0xffff, 0x9b, 0 },
		{ 0x38, 0xffff, 0x93, 0 }, { 0x50, 0xfffff, 0xfb, 0xc },
		{ 0x58, 0xfffff, 0xf2, 0xc },	/* not accessed yet */
		{ 0x60, 0xfffff, 0x9f, 0xc },	/* conforming */
		{ 0x68, 0x4fff, 0x97, 0x4 },	/* expand-down */
		{ 0x70, 0xfffff, 0x91, 0xc },	/* read only */
		{ 0x78, 0xfffff, 0x13, 0xc },	/* not present */
		{ 0xa0, 0xffff, 0xfb, 0 }, { 0xa8, 0xffff, 0xf3, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(d); i++)
		put64(gdt + d[i].selector, descriptor(0, d[i].limit, d[i].access, d[i].flags));
	put64(gdt + 0x40, descriptor(TSS_PAGE, 0x106f, 0x8b, 0));
	put64(gdt + 0x80, descriptor(GDT_PAGE + 0x800, 0xff, 0x82, 0));
	/* A call gate to 0x28. */
	put64(gdt + 0x90, (HANDLER_PAGE & 0xffff) | 0x28ull << 16 | 0xecull << 40);
	/* The LDT has code and data. */
	put64(gdt + 0x800, descriptor(0, 0xfffff, 0xfb, 0xc));
	put64(gdt + 0x808, descriptor(0, 0xfffff, 0xf3, 0xc));
}

/* Vector n ends at HANDLER_PAGE + 4 n. Of every fourth, CPL 3 may use the gate. */
static void fill_idt(uint8_t *mem, enum mode mode)
{
	unsigned int i, target, access;

	for (i = 0; i < 256; i++) {
		target = HANDLER_PAGE + 4 * i;
		access = i % 4 == 3 ? 0xee : 0x8e;
		if (mode == REAL16) {
			uint32_t v = 4 * i | (HANDLER_PAGE >> 4) << 16;

			memcpy(mem + 4 * i, &v, 4);
		} else if (mode == LONG64 || mode == COMPAT32) {
			put64(mem + IDT_PAGE + 16 * i,
			      target | 8 << 16 | (uint64_t)access << 40);
		} else {
			put64(mem + IDT_PAGE + 8 * i,
			      target | 0x28 << 16 | (uint64_t)access << 40);
		}
	}
}

static void fill_tss(uint8_t *tss, const struct kase *k)
{
	bool wide = k->mode == LONG64 || k->mode == COMPAT32;

	put64(tss + 4, (SYSTEM_PAGE + 0x800) | (wide ? 0 : 0x10ull << 32));
	tss[102] = 0x70;
	/* Some of the ports are open to CPL 3. */
	if (k->data)
		copy_words(tss + 0x70, data_words(k->data % 768 * 2), 0x1000);
}

static uint64_t page_bits(unsigned int gpa, bool user)
{
	uint64_t bits = P | W | (user ? U : 0);

	switch (gpa) {
	case RO_PAGE:
		return P | U;
	case SYSTEM_PAGE:
	case GDT_PAGE:
	case IDT_PAGE:
	case TSS_PAGE:
	case TSS_PAGE + 4096:
	case HANDLER_PAGE:
		return P | W;
	case ABSENT_PAGE:
		return 0;
	}
	return bits;
}

static void fill_tables(uint8_t *t, const struct kase *k)
{
	const bool nx = k->sregs.efer & 0x800;
	unsigned int i;

	/* Its own tables the guest does not reach. */
	for (i = 0; i < TABLES / 4096; i++) {
		unsigned int gpa = 4096 * i;
		uint64_t e = gpa | page_bits(gpa, k->user);
		uint32_t e32 = e;

		if (gpa == NX_PAGE && nx)
			e |= NX;
		memcpy(t + 0x1000 + 4 * i, &e32, 4);
		put64(t + 0x5000 + 8 * i, e);
		put64(t + 0x9000 + 8 * i, e);
	}
	/* 32-bit: directory, table. PAE: pointers, directory, table. */
	put64(t, (TABLES + 0x1000) | P | W | U);
	put64(t + 0x2000, (TABLES + 0x4000) | P);
	put64(t + 0x4000, (TABLES + 0x5000) | P | W | U);
	/* Four levels, low and at HIGH. */
	put64(t + 0x6000, (TABLES + 0x7000) | P | W | U);
	put64(t + 0x6800, (TABLES + 0x7000) | P | W | U);
	put64(t + 0x7000, (TABLES + 0x8000) | P | W | U);
	put64(t + 0x8000, (TABLES + 0x9000) | P | W | U);
}

void fill_memory(uint8_t *mem, const struct kase *k)
{
	static const unsigned int data[] = { DATA_PAGE, RO_PAGE, SYSTEM_PAGE, ABSENT_PAGE, NX_PAGE,
					     ROM_PAGE, STACK_PAGE };
	struct rng r = { k->data };
	uint8_t *code = mem + CODE_PAGE;
	unsigned int i;

	set_words(mem, 0, GUEST_SIZE);
	set_words(code, 0xf4f4f4f4f4f4f4f4ull, 2 * 4096);
	set_words(mem + HANDLER_PAGE, 0xf4f4f4f4f4f4f4f4ull, 4096);
	for (i = 0; i < k->nr_insns; i++) {
		memcpy(code, k->insn[i].bytes, k->insn[i].len);
		code += k->insn[i].len;
	}
	fill_gdt(mem + GDT_PAGE);
	fill_idt(mem, k->mode);
	fill_tss(mem + TSS_PAGE, k);
	fill_tables(mem + TABLES, k);
	for (i = 0; i < ARRAY_SIZE(data) && k->data; i++)
		copy_words(mem + data[i], data_words(below(&r, 768) * 2), 4096);
}

uint64_t hash_page(const uint8_t *page)
{
	const uint64_t *word = (const uint64_t *)page;
	uint64_t h = 0xcbf29ce484222325ull;
	unsigned int i;

	for (i = 0; i < 512; i++)
		h = (h ^ word[i]) * 0x100000001b3ull;
	return h ^ h >> 29;
}
