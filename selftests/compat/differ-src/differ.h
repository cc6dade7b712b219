/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The differential tester: cases made from numbers, run on two devices, compared.
 *
 * A case is a vCPU's state and up to MAX_INSNS instructions. Each of its parts can
 * be left out, which is how a case that differs is made smaller.
 */
#ifndef STRATA_DIFFER_H
#define STRATA_DIFFER_H

#include "rng.h"
#include "testlib.h"

/*
 * The guest's memory. Where paging is on, linear addresses are these physical ones,
 * with the attributes named; in 64-bit mode they are at HIGH as well.
 */
enum {
	ZERO_PAGE	= 0x0000,	/* the IVT, in real mode */
	CODE_PAGE	= 0x1000,	/* two pages */
	STACK_PAGE	= 0x3000,
	DATA_PAGE	= 0x4000,
	RO_PAGE		= 0x5000,	/* not writable */
	SYSTEM_PAGE	= 0x6000,	/* not for CPL 3 */
	ABSENT_PAGE	= 0x7000,	/* not present */
	NX_PAGE		= 0x8000,	/* no execution */
	HOLE_PAGE	= 0x9000,	/* no memory: MMIO */
	ROM_PAGE	= 0xa000,	/* a read-only slot */
	GDT_PAGE	= 0xb000,	/* GDT, and at 0x800 the LDT */
	IDT_PAGE	= 0xc000,
	TSS_PAGE	= 0xd000,	/* two pages: TSS and I/O permission bitmap */
	HANDLER_PAGE	= 0xf000,	/* four HLTs for each vector */
	TABLES		= 0x10000,	/* of 32-bit, PAE and four-level paging */
	TABLES_SIZE	= 0xa000,
	GUEST_SIZE	= TABLES + TABLES_SIZE,
};

#define HIGH		0xffff800000000000ul

#define MAX_INSNS	6
#define INSN_BYTES	32
#define MAX_EXITS	24

enum mode { REAL16, PROT16, PROT32, PAGED32, PAE32, VM86, LONG64, COMPAT32, NR_MODES };

/* What can be left out beside instructions: then it has a plain value. */
enum part {
	PART_GPR,			/* 16 of them */
	PART_RFLAGS = 16,
	PART_SEGMENT,			/* CS DS ES FS GS SS */
	PART_CR0 = PART_SEGMENT + 6,
	PART_CR4,
	PART_DEBUG,
	PART_EVENT,
	PART_FPU,
	PART_DATA,
	PART_USER,			/* CPL 3 */
	PART_MSRS,
	NR_PARTS,
};

/* Which parts of a case count: bits by enum part, and by instruction. */
struct cut {
	uint64_t parts;
	uint32_t insns;
};

#define WHOLE		((struct cut){ ~0ull, ~0u })

struct insn {
	uint8_t bytes[INSN_BYTES];
	uint8_t len;
	uint8_t at;			/* where the opcode of the one that matters is */
};

struct kase {
	uint64_t number;		/* all follows from it */
	enum mode mode;
	bool user;
	unsigned int nr_insns;
	struct insn insn[MAX_INSNS];
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debugregs;
	uint64_t xmm[16][2];
	struct kvm_vcpu_events events;
	int inject;			/* a vector for KVM_INTERRUPT, or -1 */
	uint64_t data;			/* seed of the data pages' contents, or 0 */
	struct { uint32_t index; uint64_t value; } msr[8];
	unsigned int nr_msrs;
};

/* An access that reached user space. */
struct access {
	uint8_t kind;			/* 'i' 'o' ports, 'r' 'w' memory */
	uint8_t size;
	uint64_t address;
	uint64_t value;
};

/* The legacy part of what KVM_GET_XSAVE gives. */
struct fxsave {
	uint16_t fcw, fsw, ftw, fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t st[8][16];
	uint64_t xmm[16][2];
};

/* What came out. */
struct result {
	int error;			/* of KVM_RUN */
	uint32_t reason;		/* of the last exit */
	uint32_t detail;		/* its suberror */
	uint32_t late;			/* it was stopped, and does not count */
	uint32_t nr_accesses;
	struct access access[MAX_EXITS];
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debugregs;
	struct fxsave fpu;
	uint64_t xcr0;
	struct kvm_vcpu_events events;
	uint64_t msr[8];
	uint64_t page[GUEST_SIZE / 4096];	/* hashes */
	uint8_t *memory;			/* all of it, where that is wanted */
};

/* make.c, insns.c */
unsigned int below(struct rng *r, unsigned int n);
bool one_in(struct rng *r, unsigned int n);
uint64_t number(struct rng *r);
uint64_t place(struct rng *r);
extern uint64_t cr4_bits;
extern bool spare_tcg;
void make_case(struct kase *k, uint64_t number, struct cut cut);
void make_insn(struct rng *r, enum mode mode, struct insn *insn);
const char *mode_name(enum mode mode);

/* memory.c */
void fill_memory(uint8_t *mem, const struct kase *k);
uint64_t hash_page(const uint8_t *page);

/* machine.c */
struct machine;
struct machine *machine_open(const char *device, const struct kvm_cpuid2 *cpuid);
void machine_close(struct machine *m);
void machine_run(struct machine *m, const struct kase *k, struct result *result);

/* known.c */
const char *why_different(const struct kase *k, const struct result *kvm,
			  const struct result *strata);

/* print.c */
void print_case(const struct kase *k);
bool same(const struct result *a, const struct result *b);
void print_difference(const struct result *a, const struct result *b);
uint64_t kind_of_difference(const struct result *a, const struct result *b);

#endif
