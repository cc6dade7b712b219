/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the emulator and the rest of the module: what a vCPU keeps of an
 * instruction that is being emulated, across exits to user space.
 */
#ifndef STRATA_MMIO_H
#define STRATA_MMIO_H

#include "emulate.h"
#include "gpwalk.h"
#include "insn.h"
#include "strata.h"

/**
 * struct strata_frag - a piece of a device access, as user space sees it
 * @gpa: guest-physical address
 * @val: the bytes, zero-extended
 * @len: 1 to 8 bytes, inside one page
 */
struct strata_frag {
	u64 gpa;
	u64 val;
	u8 len;
};

/*
 * PUSHA and POPA are eight, one of which may lie across a page. Of the others, two
 * operands of 8 bytes, each across a page, are four.
 */
#define STRATA_MAX_FRAGS	9

/**
 * struct strata_fetch_cache - a page that instructions came from lately
 * @page: linear address of the page; ~0 when empty
 * @cr0: paging state it was walked with, as the rest
 * @cr3: see @cr0
 * @cr4: see @cr0
 * @efer: see @cr0
 * @slots_gen: set of slots the host addresses belong to
 * @access: STRATA_ACC_* of the walk
 * @nr: entries of the guest's tables on the way; none without paging
 * @entry_hva: where they are
 * @entry: what they were; the translation holds as long as they are the same
 * @hva: host address of the page
 *
 * Entries of 8 bytes only: the walk of 32-bit tables is not kept.
 */
struct strata_fetch_cache {
	u64 page;
	unsigned long cr0;
	unsigned long cr3;
	unsigned long cr4;
	u64 efer;
	u64 slots_gen;
	u32 access;
	u8 nr;
	unsigned long entry_hva[STRATA_GPWALK_LEVELS];
	u64 entry[STRATA_GPWALK_LEVELS];
	unsigned long hva;
};

/* A handler and what it interrupts, a driver and its helpers. */
#define STRATA_FETCH_PAGES	4

/**
 * struct strata_quick_slot - an instruction that was decoded lately
 * @bytes: what it was decoded from
 * @form: what they say
 */
struct strata_quick_slot {
	u64 bytes[2];
	struct strata_quick_form form;
};

/* Instructions that touch devices, by the low bits of their addresses. */
#define STRATA_QUICK_SLOTS	16

/**
 * struct strata_emul_state - an emulated instruction of one vCPU; all (v)
 * @c: the emulator's context
 * @vcpu: whose
 * @fault_gpa: where the nested fault was, while @fault_known
 * @fault_known: the instruction's one memory operand is there
 * @nr_reads: answers to device reads of this instruction, in their order
 * @pos: how many of them this execution has consumed
 * @nr_writes: device writes that user space has to do
 * @next_write: which of them is next
 * @reads: the answers
 * @writes: the writes
 * @linear_rip: of the instruction at the exit; if it moved, nothing is completed
 * @pio: string I/O asked of user space
 * @quick: a load that waits for user space
 * @fetch: where instructions come from, by the low bits of the page's number
 * @decoded: what they were, by the low bits of RIP
 */
struct strata_emul_state {
	struct strata_emul_ctxt c;
	struct strata_vcpu *vcpu;
	u64 fault_gpa;
	bool fault_known;
	u8 nr_reads;
	u8 pos;
	u8 nr_writes;
	u8 next_write;
	struct strata_frag reads[STRATA_MAX_FRAGS];
	struct strata_frag writes[STRATA_MAX_FRAGS];
	u64 linear_rip;
	struct {
		u32 count;
		u16 port;
		u8 size;
		bool in;
		bool asked;
		bool done;
	} pio;
	struct strata_quick_mov quick;
	struct strata_fetch_cache fetch[STRATA_FETCH_PAGES];
	struct strata_quick_slot decoded[STRATA_QUICK_SLOTS];
};

static inline struct strata_fetch_cache *strata_fetch_slot(struct strata_emul_state *st,
							   u64 linear)
{
	return &st->fetch[(linear >> PAGE_SHIFT) % STRATA_FETCH_PAGES];
}

static inline struct strata_emul_state *strata_emul_state(struct strata_emul_ctxt *c)
{
	return container_of(c, struct strata_emul_state, c);
}

/* gva.c; vm->srcu held */
int strata_walk(struct strata_vcpu *vcpu, u64 gva, u32 access, struct strata_gpwalk_result *res);
int strata_emul_fetch(struct strata_emul_ctxt *c, u64 linear, void *buf, unsigned int len);
unsigned int strata_fetch_cached(struct strata_vcpu *vcpu, u64 linear, unsigned int cpl, u64 *out);
int strata_emul_page_fault(struct strata_emul_ctxt *c, u64 cr2, int walk_rc, u32 error_code);

/* mmio_quick.c */
#define STRATA_NOT_QUICK	(-1)	/* in place of STRATA_RESUME and STRATA_USER */
int strata_mmio_quick(struct strata_vcpu *vcpu);
void strata_mmio_ask(struct strata_vcpu *vcpu, u64 gpa, unsigned int len, bool write, u64 val);

/* mmio_pio.c */
int strata_emul_pio_in(struct strata_emul_ctxt *c, u16 port, unsigned int size,
		       unsigned int *count, const void **data);
int strata_emul_pio_out(struct strata_emul_ctxt *c, u16 port, unsigned int size,
			unsigned int *count, const void *data);

#endif /* STRATA_MMIO_H */
