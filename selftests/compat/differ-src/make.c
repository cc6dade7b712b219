// SPDX-License-Identifier: GPL-2.0
/*
 * A case from its number: a mode, a state in it with something unusual here and
 * there, and instructions.
 */
#include "differ.h"

/* Those that a case may change, by the guest's CPUID. */
uint64_t cr4_bits;
bool spare_tcg;

unsigned int below(struct rng *r, unsigned int n)
{
	return rng_next(r) % n;
}

bool one_in(struct rng *r, unsigned int n)
{
	return below(r, n) == 0;
}

/* Numbers at which something changes more often than at others. */
uint64_t number(struct rng *r)
{
	switch (below(r, 6)) {
	case 0:
		return rng_next(r);
	case 1:
		return 1ull << below(r, 64);
	case 2:
		return ~(1ull << below(r, 64));
	case 3:
		return (1ull << below(r, 64)) + below(r, 9) - 4;
	case 4:
		return -(uint64_t)below(r, 300);
	default:
		return below(r, 300);
	}
}

/* Each part has numbers of its own, so that leaving one out changes no other. */
static struct rng part_rng(uint64_t number, unsigned int part)
{
	struct rng r = { number * 0x2545f4914f6cdd1dull + part * 0x9e3779b97f4a7c15ull };

	rng_next(&r);
	return r;
}

const char *mode_name(enum mode mode)
{
	static const char * const names[] = {
		"real", "16-bit", "32-bit", "32-bit paged", "PAE", "virtual-8086", "64-bit",
		"compatibility",
	};

	return names[mode];
}

static bool is_long(enum mode mode)
{
	return mode == LONG64 || mode == COMPAT32;
}

static struct kvm_segment segment(uint16_t selector, uint64_t base, uint32_t limit,
				  unsigned int type, unsigned int dpl)
{
	return (struct kvm_segment){
		.selector = selector, .base = base, .limit = limit, .type = type, .s = 1,
		.present = 1, .dpl = dpl, .db = 1, .g = limit > 0xfffff,
	};
}

static void plain_segments(struct kase *k)
{
	struct kvm_sregs *s = &k->sregs;
	struct kvm_segment data;
	unsigned int dpl = k->user ? 3 : 0;

	switch (k->mode) {
	case REAL16:
	case VM86:
		s->cs = segment(CODE_PAGE >> 4, CODE_PAGE, 0xffff, k->mode == VM86 ? 3 : 11, dpl);
		data = segment(0, 0, 0xffff, 3, dpl);
		s->cs.db = data.db = 0;
		break;
	case PROT16:
		s->cs = segment(k->user ? 0xa3 : 0x30, 0, 0xffff, 11, dpl);
		data = segment(k->user ? 0xab : 0x38, 0, 0xffff, 3, dpl);
		s->cs.db = data.db = 0;
		break;
	case LONG64:
		s->cs = segment(k->user ? 0x1b : 0x08, 0, 0xffffffff, 11, dpl);
		s->cs.l = 1;
		s->cs.db = 0;
		data = segment(k->user ? 0x23 : 0x10, 0, 0xffffffff, 3, dpl);
		break;
	default:
		s->cs = segment(k->user ? 0x53 : 0x28, 0, 0xffffffff, 11, dpl);
		data = segment(k->user ? 0x23 : 0x10, 0, 0xffffffff, 3, dpl);
		break;
	}
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){
		.selector = k->mode == REAL16 ? 0 : 0x40, .base = TSS_PAGE, .limit = 0x106f,
		/* QEMU's TCG ends itself over a busy one. */
		.type = spare_tcg ? 9 : 11, .present = 1,
	};
	s->ldt = (struct kvm_segment){
		.selector = 0x80, .base = GDT_PAGE + 0x800, .limit = 0xff, .type = 2, .present = 1,
	};
}

static struct kvm_segment *segment_of(struct kvm_sregs *s, unsigned int n)
{
	struct kvm_segment *all[] = { &s->cs, &s->ds, &s->es, &s->fs, &s->gs, &s->ss };

	return all[n];
}

/* Something unusual that hardware enters with, all the same. */
static void unusual_segment(struct rng *r, struct kase *k, unsigned int n)
{
	struct kvm_segment *s = segment_of(&k->sregs, n);

	if (!one_in(r, 4))
		return;
	if (k->mode == VM86 || (k->mode == REAL16 && (n == 0 || one_in(r, 2)))) {
		if (n == 0)
			return;
		/* 16 times the selector. */
		s->selector = place(r) >> 4;
		s->base = s->selector << 4;
		return;
	}
	if (k->mode == REAL16) {
		/* Big real mode. */
		s->limit = 0xffffffff;
		s->g = 1;
		return;
	}
	if (k->mode == LONG64 && (n == 3 || n == 4)) {
		s->base = one_in(r, 2) ? place(r) : HIGH + place(r);
		return;
	}
	if (n == 0 || n == 5)
		return;
	switch (below(r, 5)) {
	case 0:
		s->base = below(r, 64);
		break;
	case 1:
		/* Up to somewhere in the pages. */
		s->limit = place(r);
		s->g = 0;
		break;
	case 2:
		/* Read only, or expand-down. */
		s->type = one_in(r, 2) ? 1 : 7;
		if (s->type == 7) {
			s->limit = place(r);
			s->g = 0;
		}
		break;
	case 3:
		/* Code, readable or not. */
		s->type = one_in(r, 2) ? 11 : 9;
		break;
	case 4:
		/* What a null selector gives. */
		*s = (struct kvm_segment){ .unusable = 1 };
		break;
	}
}

static void plain_sregs(struct kase *k)
{
	struct kvm_sregs *s = &k->sregs;
	const uint64_t roots[] = { TABLES, TABLES + 0x2000, TABLES + 0x6000 };

	plain_segments(k);
	s->gdt = (struct kvm_dtable){ .base = GDT_PAGE, .limit = 0x7ff };
	s->idt = (struct kvm_dtable){
		.base = k->mode == REAL16 ? 0 : IDT_PAGE,
		.limit = k->mode == REAL16 ? 0x3ff : is_long(k->mode) ? 0xfff : 0x7ff,
	};
	s->apic_base = 0xfee00900;
	s->cr0 = k->mode == REAL16 ? 0x10 : 0x31;
	s->cr4 = 0x600;
	switch (k->mode) {
	case PAGED32:
		s->cr0 |= 1u << 31;
		s->cr3 = roots[0];
		break;
	case PAE32:
		s->cr0 |= 1u << 31;
		s->cr4 |= 0x20;
		s->cr3 = roots[1];
		break;
	case LONG64:
	case COMPAT32:
		s->cr0 |= 1u << 31;
		s->cr4 |= 0x20;
		s->cr3 = roots[2];
		s->efer = 0x501;
		break;
	default:
		break;
	}
}

static void make_gprs(struct kase *k, struct cut cut)
{
	__u64 *reg[] = {
		&k->regs.rax, &k->regs.rcx, &k->regs.rdx, &k->regs.rbx, &k->regs.rsp, &k->regs.rbp,
		&k->regs.rsi, &k->regs.rdi, &k->regs.r8, &k->regs.r9, &k->regs.r10, &k->regs.r11,
		&k->regs.r12, &k->regs.r13, &k->regs.r14, &k->regs.r15,
	};
	unsigned int i;

	for (i = 0; i < 16; i++) {
		struct rng r = part_rng(k->number, 100 + i);

		*reg[i] = i == 4 ? STACK_PAGE + 0x800 : 0;
		if (!(cut.parts >> i & 1))
			continue;
		if (i == 4) {
			if (one_in(&r, 8))
				*reg[i] = place(&r);
			continue;
		}
		/* Of CX, which counts, most are few. */
		if (i == 1 && !one_in(&r, 30)) {
			*reg[i] = below(&r, 20);
			continue;
		}
		*reg[i] = one_in(&r, 3) ? number(&r) : place(&r);
		if (k->mode != LONG64)
			*reg[i] = (uint32_t)*reg[i];
		else if (one_in(&r, 4))
			*reg[i] += HIGH;
	}
}

static void make_state(struct kase *k, struct cut cut)
{
	unsigned int i;
	struct rng r;

	if (cut.parts & 1ull << PART_RFLAGS) {
		r = part_rng(k->number, 200);
		k->regs.rflags |= rng_next(&r) & 0x8d5;
		if (one_in(&r, 4))
			k->regs.rflags |= rng_next(&r) & 0x44600;	/* AC NT DF IF */
		if (one_in(&r, 3))
			k->regs.rflags |= below(&r, 4) << 12;
		if (one_in(&r, 24))
			k->regs.rflags |= 1 << 8;
	}
	for (i = 0; i < 6; i++) {
		r = part_rng(k->number, 210 + i);
		if (cut.parts & 1ull << (PART_SEGMENT + i))
			unusual_segment(&r, k, i);
	}
	r = part_rng(k->number, 220);
	if (cut.parts & 1ull << PART_CR0 && one_in(&r, 3))
		k->sregs.cr0 ^= rng_next(&r) & 0x5002e;	/* AM WP NE TS EM MP */
	r = part_rng(k->number, 221);
	if (cut.parts & 1ull << PART_CR4 && one_in(&r, 3))
		k->sregs.cr4 ^= rng_next(&r) & cr4_bits & ~(is_long(k->mode) ? 0 : 1 << 17);
	if (is_long(k->mode) && one_in(&r, 2))
		k->sregs.efer |= 0x800;
	if (k->mode == PAE32 && one_in(&r, 2))
		k->sregs.efer |= 0x800;
	r = part_rng(k->number, 222);
	if (cut.parts & 1ull << PART_DEBUG && one_in(&r, 12)) {
		for (i = 0; i < 4; i++)
			k->debugregs.db[i] = place(&r);
		k->debugregs.dr7 = 0x400 | (rng_next(&r) & (spare_tcg ? 0 : 0xffff00ff));
	}
	r = part_rng(k->number, 223);
	if (cut.parts & 1ull << PART_EVENT) {
		/* As a client does it: when the guest can take it. */
		if (one_in(&r, 16)) {
			k->inject = 32 + below(&r, 224);
			k->regs.rflags |= 1 << 9;
		} else if (one_in(&r, 16)) {
			k->events.interrupt.shadow = 1 + below(&r, 2);
		}
	}
	r = part_rng(k->number, 224);
	if (cut.parts & 1ull << PART_FPU)
		for (i = 0; i < 16; i++) {
			k->xmm[i][0] = number(&r);
			k->xmm[i][1] = number(&r);
		}
	r = part_rng(k->number, 225);
	if (cut.parts & 1ull << PART_DATA)
		k->data = rng_next(&r) | 1;
}

static void make_msrs(struct kase *k, struct cut cut)
{
	static const uint32_t index[] = { 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
					  0xc0000102, 0x174, 0x175, 0x176 };
	static const uint64_t plain[] = { 0x0018000800000000ull, HANDLER_PAGE + 0x10,
					  HANDLER_PAGE + 0x20, 0x200, DATA_PAGE, 8, STACK_PAGE + 0x400,
					  HANDLER_PAGE + 0x30 };
	struct rng r = part_rng(k->number, 226);

	for (k->nr_msrs = 0; k->nr_msrs < ARRAY_SIZE(index); k->nr_msrs++) {
		k->msr[k->nr_msrs].index = index[k->nr_msrs];
		k->msr[k->nr_msrs].value = plain[k->nr_msrs];
	}
	if (cut.parts & 1ull << PART_MSRS && one_in(&r, 3)) {
		k->msr[3].value = rng_next(&r) & 0x47fd5;
		k->msr[5].value = below(&r, 2) ? 8 : 0;
		if (is_long(k->mode) && one_in(&r, 2))
			k->sregs.efer ^= 1;
	}
}

void make_case(struct kase *k, uint64_t number, struct cut cut)
{
	struct rng r = part_rng(number, 0);
	unsigned int i, nr;

	memset(k, 0, sizeof(*k));
	k->number = number;
	k->inject = -1;
	k->mode = below(&r, NR_MODES);
	/* 64-bit mode is what most run. */
	if (one_in(&r, 4))
		k->mode = LONG64;
	k->user = k->mode != REAL16 && one_in(&r, 3) && cut.parts & 1ull << PART_USER;
	if (k->mode == VM86)
		k->user = true;
	plain_sregs(k);
	k->regs.rip = k->mode == REAL16 || k->mode == VM86 ? 0 : CODE_PAGE;
	k->regs.rflags = 2 | (k->mode == VM86 ? 1 << 17 : 0);
	k->debugregs.dr6 = 0xffff0ff0;
	k->debugregs.dr7 = 0x400;
	make_gprs(k, cut);
	make_state(k, cut);
	make_msrs(k, cut);

	nr = 1 + below(&r, MAX_INSNS);
	for (i = 0; i < nr; i++) {
		r = part_rng(number, 10 + i);
		if (cut.insns & 1u << i)
			make_insn(&r, k->mode, &k->insn[k->nr_insns++]);
	}
}
