// SPDX-License-Identifier: GPL-2.0
/* Cases and results as text, and what is different between two results. */
#include "differ.h"

/* All that there is in a result, by name. */
struct field {
	const char *name;
	unsigned int offset, size;
};

#define FIELD(f)	{ #f, offsetof(struct result, f), sizeof(((struct result *)0)->f) }
#define SEGMENT(seg)	FIELD(sregs.seg.base), FIELD(sregs.seg.limit), FIELD(sregs.seg.selector), \
			FIELD(sregs.seg.type), FIELD(sregs.seg.present), FIELD(sregs.seg.dpl), \
			FIELD(sregs.seg.db), FIELD(sregs.seg.s), FIELD(sregs.seg.l), FIELD(sregs.seg.g), \
			FIELD(sregs.seg.avl), FIELD(sregs.seg.unusable)

static const struct field fields[] = {
	FIELD(error), FIELD(reason), FIELD(detail), FIELD(nr_accesses), FIELD(regs.rax),
	FIELD(regs.rbx), FIELD(regs.rcx), FIELD(regs.rdx), FIELD(regs.rsi), FIELD(regs.rdi),
	FIELD(regs.rsp), FIELD(regs.rbp), FIELD(regs.r8), FIELD(regs.r9), FIELD(regs.r10),
	FIELD(regs.r11), FIELD(regs.r12), FIELD(regs.r13), FIELD(regs.r14), FIELD(regs.r15),
	FIELD(regs.rip), FIELD(regs.rflags), SEGMENT(cs), SEGMENT(ds), SEGMENT(es), SEGMENT(fs),
	SEGMENT(gs), SEGMENT(ss), SEGMENT(tr), SEGMENT(ldt), FIELD(sregs.gdt.base),
	FIELD(sregs.gdt.limit), FIELD(sregs.idt.base), FIELD(sregs.idt.limit), FIELD(sregs.cr0),
	FIELD(sregs.cr2), FIELD(sregs.cr3), FIELD(sregs.cr4), FIELD(sregs.cr8), FIELD(sregs.efer),
	FIELD(sregs.apic_base), FIELD(debugregs.db[0]), FIELD(debugregs.db[1]),
	FIELD(debugregs.db[2]), FIELD(debugregs.db[3]), FIELD(debugregs.dr6), FIELD(debugregs.dr7),
	FIELD(events.exception.injected), FIELD(events.exception.nr),
	FIELD(events.exception.error_code), FIELD(events.interrupt.injected),
	FIELD(events.interrupt.nr), FIELD(events.interrupt.shadow), FIELD(events.nmi.injected),
	FIELD(events.nmi.masked), FIELD(fpu.fcw), FIELD(fpu.fsw), FIELD(fpu.ftw), FIELD(fpu.mxcsr), FIELD(xcr0),
	FIELD(msr[0]), FIELD(msr[1]), FIELD(msr[2]), FIELD(msr[3]), FIELD(msr[4]), FIELD(msr[5]),
	FIELD(msr[6]), FIELD(msr[7]),
};

static uint64_t value_of(const struct result *r, const struct field *f)
{
	uint64_t v = 0;

	memcpy(&v, (const uint8_t *)r + f->offset, f->size);
	return v;
}

/* A number for what is different: equal ones have the same cause, as a rule. */
uint64_t kind_of_difference(const struct result *a, const struct result *b)
{
	uint64_t kind = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (value_of(a, &fields[i]) != value_of(b, &fields[i]))
			kind = (kind + i + 1) * 0x9e3779b97f4a7c15ull;
	for (i = 0; i < MAX_EXITS; i++)
		if (memcmp(&a->access[i], &b->access[i], sizeof(a->access[i]))) {
			kind = (kind + 1000) * 0x9e3779b97f4a7c15ull;
			break;
		}
	if (memcmp(a->fpu.st, b->fpu.st, sizeof(a->fpu.st)) ||
	    memcmp(a->fpu.xmm, b->fpu.xmm, sizeof(a->fpu.xmm)))
		kind = (kind + 1001) * 0x9e3779b97f4a7c15ull;
	for (i = 0; i < ARRAY_SIZE(a->page); i++)
		if (a->page[i] != b->page[i])
			kind = (kind + 2000 + i) * 0x9e3779b97f4a7c15ull;
	return kind;
}

bool same(const struct result *a, const struct result *b)
{
	if (a->late || b->late)
		return true;
	/* Stopped after so many accesses, each where its exits have brought it. */
	if (a->nr_accesses >= MAX_EXITS && b->nr_accesses >= MAX_EXITS)
		return !memcmp(a->access, b->access, sizeof(a->access));
	return !kind_of_difference(a, b);
}

void print_case(const struct kase *k)
{
	unsigned int i, j;

	printf("# case %#lx: %s mode, CPL %d, rflags %#llx, cr0 %#llx, cr4 %#llx, efer %#llx\n",
	       k->number, mode_name(k->mode), k->user ? 3 : 0, k->regs.rflags, k->sregs.cr0,
	       k->sregs.cr4, k->sregs.efer);
	printf("#   rax %#llx rcx %#llx rdx %#llx rbx %#llx rsp %#llx rbp %#llx rsi %#llx rdi %#llx\n",
	       k->regs.rax, k->regs.rcx, k->regs.rdx, k->regs.rbx, k->regs.rsp, k->regs.rbp,
	       k->regs.rsi, k->regs.rdi);
	if (k->mode == LONG64)
		printf("#   r8 %#llx r9 %#llx r10 %#llx r11 %#llx r12 %#llx r13 %#llx r14 %#llx r15 %#llx\n",
		       k->regs.r8, k->regs.r9, k->regs.r10, k->regs.r11, k->regs.r12,
		       k->regs.r13, k->regs.r14, k->regs.r15);
	if (k->inject >= 0)
		printf("#   interrupt %#x is injected\n", k->inject);
	if (k->debugregs.dr7 != 0x400)
		printf("#   dr7 %#llx, dr0 to 3 %#llx %#llx %#llx %#llx\n", k->debugregs.dr7,
		       k->debugregs.db[0], k->debugregs.db[1], k->debugregs.db[2],
		       k->debugregs.db[3]);
	for (i = 0; i < k->nr_insns; i++) {
		printf("#   code");
		for (j = 0; j < k->insn[i].len; j++)
			printf(" %02x", k->insn[i].bytes[j]);
		printf("\n");
	}
}

static void print_access(const char *who, const struct result *r, unsigned int i)
{
	const struct access *a = &r->access[i];

	if (i < r->nr_accesses)
		printf(" %s %c%u %#lx=%#lx", who, a->kind, a->size, a->address, a->value);
	else
		printf(" %s none", who);
}

/* The first few words that are different. */
static void print_page(const struct result *a, const struct result *b, unsigned int at)
{
	unsigned int i, shown = 0;
	uint64_t va, vb;

	printf("#   page %#x:", at);
	for (i = at; a->memory && b->memory && i < at + 4096 && shown < 3; i += 8) {
		memcpy(&va, a->memory + i, 8);
		memcpy(&vb, b->memory + i, 8);
		if (va != vb) {
			printf(" %#x KVM %#lx strata %#lx", i, va, vb);
			shown++;
		}
	}
	printf("\n");
}

static void print_st(const char *who, const uint8_t *st)
{
	uint64_t mantissa;
	uint16_t exponent;

	memcpy(&mantissa, st, 8);
	memcpy(&exponent, st + 8, 2);
	printf(" %s %#x:%#lx", who, exponent, mantissa);
}

/* @a is of KVM, @b of strata. */
void print_difference(const struct result *a, const struct result *b)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		uint64_t va = value_of(a, &fields[i]), vb = value_of(b, &fields[i]);

		if (va != vb)
			printf("#   %s: KVM %#lx, strata %#lx\n", fields[i].name, va, vb);
	}
	for (i = 0; i < MAX_EXITS; i++)
		if (memcmp(&a->access[i], &b->access[i], sizeof(a->access[i]))) {
			printf("#   access %u:", i);
			print_access("KVM", a, i);
			print_access("strata", b, i);
			printf("\n");
		}
	for (i = 0; i < 16; i++)
		if (memcmp(a->fpu.xmm[i], b->fpu.xmm[i], 16))
			printf("#   xmm%u\n", i);
	for (i = 0; i < 8; i++)
		if (memcmp(a->fpu.st[i], b->fpu.st[i], 16)) {
			printf("#   st%u:", i);
			print_st("KVM", a->fpu.st[i]);
			print_st("strata", b->fpu.st[i]);
			printf("\n");
		}
	for (i = 0; i < ARRAY_SIZE(a->page); i++)
		if (a->page[i] != b->page[i])
			print_page(a, b, 4096 * i);
	if (a->reason == b->reason)
		printf("#   both ended with exit %u at %#llx\n", a->reason, a->regs.rip);
}
