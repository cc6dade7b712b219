/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instruction decoder and emulator: interface.
 *
 * Pure code: it knows the instruction set, segmentation and flags, and nothing
 * of vCPUs, slots or devices. It reaches those through struct strata_emul_ops.
 *
 * Rule of restart: registers, RIP and RFLAGS change only when an instruction
 * (or one iteration of a REP string instruction) is complete. Until then every
 * operation may answer EMUL_IO_NEEDED, the caller goes to user space, and the
 * same instruction is run again from its start later.
 */
#ifndef STRATA_EMULATE_H
#define STRATA_EMULATE_H

#include "pure.h"
#include <linux/kvm.h>

/** Longest legal instruction, in bytes. */
#define EMUL_MAX_INSN	15

/**
 * enum strata_emul_rc - outcome of an operation or of a whole instruction
 * @EMUL_CONTINUE: done
 * @EMUL_FAULT: ctxt->exception holds the fault to inject; nothing committed
 * @EMUL_IO_NEEDED: user space must act; run the same instruction again later
 * @EMUL_UNHANDLED: the instruction, or what it touches, is not supported
 * @EMUL_RETRY: let the guest execute the instruction again
 * @EMUL_RESTART: part of a REP instruction is committed, RIP still points at
 *	it; take events, then continue by re-entering the guest
 */
enum strata_emul_rc {
	EMUL_CONTINUE,
	EMUL_FAULT,
	EMUL_IO_NEEDED,
	EMUL_UNHANDLED,
	EMUL_RETRY,
	EMUL_RESTART,
};

/** enum strata_emul_mode - execution mode; compatibility mode is PROT16/32 */
enum strata_emul_mode {
	EMUL_REAL,
	EMUL_REAL32,	/* CS.D from protected mode is still there */
	EMUL_VM86,
	EMUL_PROT16,
	EMUL_PROT32,
	EMUL_LONG,
};

/* Segment registers by hardware encoding; the last two are system segments. */
enum strata_emul_segreg {
	EMUL_SEG_ES,
	EMUL_SEG_CS,
	EMUL_SEG_SS,
	EMUL_SEG_DS,
	EMUL_SEG_FS,
	EMUL_SEG_GS,
	EMUL_SEG_TR,
	EMUL_SEG_LDTR,
};

/* General registers by hardware encoding: indices of ctxt->regs. */
enum strata_emul_reg {
	EMUL_RAX,
	EMUL_RCX,
	EMUL_RDX,
	EMUL_RBX,
	EMUL_RSP,
	EMUL_RBP,
	EMUL_RSI,
	EMUL_RDI,
};

/* How memory is touched: the last argument of the memory operations. */
#define EMUL_ACC_READ	0
#define EMUL_ACC_WRITE	1	/* written, or read with the intent to write */
#define EMUL_ACC_SYSTEM	2	/* implicit supervisor access: descriptors, TSS */

struct strata_emul_ctxt;

/**
 * struct strata_emul_ops - what the emulator asks of its surroundings
 * @fetch: read @len instruction bytes at @linear, which cross no page
 * @read: read @len (1..16) bytes; they may cross a page
 * @write: write @len bytes; more than 16 only inside one page after @probe
 *	answered EMUL_CONTINUE for it
 * @cas: atomically replace @old by @new (@len 1, 2, 4, 8 or 16 bytes);
 *	EMUL_RETRY if memory no longer holds @old. Where there is no memory
 *	(a device), a plain write.
 * @probe: translate only, nothing is transferred: EMUL_CONTINUE for memory,
 *	EMUL_IO_NEEDED for a device (then one element at a time), or a fault.
 *	The range crosses no page if @len is more than 16.
 * @pio_in: read @count elements of @size bytes from a port. On EMUL_CONTINUE
 *	*@data is where they are and *@count how many came (at least 1, at most
 *	as many as asked).
 * @pio_out: write up to *@count elements; *@count becomes the number taken
 * @get_segment: read a cached segment register; cannot fail
 * @set_segment: load the cached part of a segment register, already checked
 * @get_dtable: base and limit of the GDT, or of the IDT
 * @set_dtable: load GDTR or IDTR, already checked
 * @unmask_nmi: IRET ends the blocking of NMIs
 * @lmsw: LMSW of @value at CPL 0; faults as a write of CR0 does
 * @read_xmm: copy XMM register @nr out of the guest's FPU state
 * @write_xmm: and into it
 * @get_x87: the x87 control and status words
 * @read_mm: copy MMX register @nr out of the guest's FPU state
 * @write_mm: and into it, or no value at all; either way the x87 state is what
 *	an MMX instruction leaves
 *
 * Every int is one of enum strata_emul_rc; EMUL_RESTART is not used here. An
 * operation that answers EMUL_FAULT has filled ctxt->exception. @write may
 * leave work behind that needs user space: it answers EMUL_CONTINUE and sets
 * ctxt->stop_rep.
 */
struct strata_emul_ops {
	int (*fetch)(struct strata_emul_ctxt *c, u64 linear, void *buf,
		     unsigned int len);
	int (*read)(struct strata_emul_ctxt *c, u64 linear, void *buf,
		    unsigned int len, unsigned int acc);
	int (*write)(struct strata_emul_ctxt *c, u64 linear, const void *buf,
		     unsigned int len, unsigned int acc);
	int (*cas)(struct strata_emul_ctxt *c, u64 linear, const void *old,
		   const void *new, unsigned int len, unsigned int acc);
	int (*probe)(struct strata_emul_ctxt *c, u64 linear, unsigned int len,
		     unsigned int acc);
	int (*pio_in)(struct strata_emul_ctxt *c, u16 port, unsigned int size,
		      unsigned int *count, const void **data);
	int (*pio_out)(struct strata_emul_ctxt *c, u16 port, unsigned int size,
		       unsigned int *count, const void *data);
	void (*get_segment)(struct strata_emul_ctxt *c, unsigned int seg,
			    struct kvm_segment *var);
	int (*set_segment)(struct strata_emul_ctxt *c, unsigned int seg,
			   const struct kvm_segment *var);
	void (*get_dtable)(struct strata_emul_ctxt *c, bool idt, u64 *base, u32 *limit);
	void (*set_dtable)(struct strata_emul_ctxt *c, bool idt, u64 base, u16 limit);
	void (*unmask_nmi)(struct strata_emul_ctxt *c);
	int (*lmsw)(struct strata_emul_ctxt *c, u16 value);
	void (*read_xmm)(struct strata_emul_ctxt *c, unsigned int nr,
			 void *val);
	void (*write_xmm)(struct strata_emul_ctxt *c, unsigned int nr,
			  const void *val);
	void (*get_x87)(struct strata_emul_ctxt *c, u16 *fcw, u16 *fsw);
	void (*read_mm)(struct strata_emul_ctxt *c, unsigned int nr, u64 *val);
	void (*write_mm)(struct strata_emul_ctxt *c, unsigned int nr, const u64 *val);
};

/**
 * struct strata_emul_exception - a fault to inject
 * @cr2: faulting linear address, for #PF only
 * @error_code: valid if @has_error
 * @vector: exception vector
 * @has_error: an error code is pushed (never in real mode)
 */
struct strata_emul_exception {
	u64 cr2;
	u32 error_code;
	u8 vector;
	bool has_error;
};

/**
 * struct strata_emul_ctxt - one instruction being emulated
 *
 * The caller fills the first group, and embeds the structure to find its own
 * data from an operation. Nothing needs to be zeroed beyond what is listed.
 * The context is used by one thread (the vCPU's) at a time.
 *
 * @ops: the operations
 * @regs: 16 general registers by hardware encoding; written on completion only
 * @rip: in: address of the instruction (offset in CS); out: the next one
 * @rflags: in and out
 * @cr0: CR0, read for FPU instructions and SMSW only
 * @cr4: CR4, likewise
 * @mode: enum strata_emul_mode
 * @cpl: current privilege level (3 in VM86 mode)
 * @va_bits: linear address bits in 64-bit mode, 48 or 57
 * @lma: EFER.LMA
 * @tzcnt: the CPU has TZCNT (BMI1)
 * @lzcnt: the CPU has LZCNT (ABM)
 * @insn_len: valid bytes in @insn; 0, or what decode assists supplied
 * @stop_rep: in: false; an operation sets it to end a REP loop early
 * @mov_ss: out, on EMUL_CONTINUE: SS was loaded, block events for one
 *	instruction
 * @len: out of the decoder: instruction length
 * @insn: instruction bytes
 * @exception: out: valid on EMUL_FAULT
 *
 * The rest belongs to the emulator.
 */
struct strata_emul_ctxt {
	const struct strata_emul_ops *ops;
	unsigned long *regs;
	u64 rip;
	u64 rflags;
	u64 cr0;
	u64 cr4;
	u8 mode;
	u8 cpl;
	u8 va_bits;
	bool lma;
	bool tzcnt;
	bool lzcnt;
	u8 insn_len;
	bool stop_rep;
	u8 len;
	u8 insn[EMUL_MAX_INSN + 1];
	struct strata_emul_exception exception;
	union {
		/* private: cleared by the decoder, all at once */
		u64 clear;
		struct {
			/* public: */
			bool mov_ss;
			/* private: */
			bool ismem;
			bool lock;
			bool rsp_base;
			u8 rep;
			u8 sse_pfx;
		};
	};

	/* private: written by the decoder, all of it, every time */
	u32 desc;
	u8 opcode;
	u8 opsize;
	u8 adsize;
	u8 seg;
	u8 reg;
	u8 rm;
	bool rex;
	u64 ea;
	u64 imm;
	/* private: address of the operand of a read-modify-write */
	u64 linear;
};

/**
 * strata_emul_mode() - execution mode from control bits
 * @cr0: CR0
 * @lma: EFER.LMA
 * @rflags: RFLAGS
 * @cs_l: CS.L
 * @cs_d: CS.D
 *
 * Return: enum strata_emul_mode
 */
static inline unsigned int strata_emul_mode(u64 cr0, bool lma, u64 rflags,
					    bool cs_l, bool cs_d)
{
	if (lma && cs_l)
		return EMUL_LONG;
	if (!(cr0 & 1))
		return cs_d ? EMUL_REAL32 : EMUL_REAL;
	if (!lma && (rflags & BIT(17)))
		return EMUL_VM86;
	return cs_d ? EMUL_PROT32 : EMUL_PROT16;
}

/* Code whose operands and addresses have 32 bits without a prefix. */
static inline bool strata_emul_is_32(unsigned int mode)
{
	return mode == EMUL_PROT32 || mode == EMUL_REAL32;
}

/**
 * strata_emul_wrap_rip() - wrap an instruction pointer as the mode does
 * @mode: enum strata_emul_mode
 * @rip: the sum to wrap
 *
 * Return: 16 bits in 16-bit code, 32 bits in 32-bit code, else all.
 */
static inline u64 strata_emul_wrap_rip(unsigned int mode, u64 rip)
{
	if (mode == EMUL_LONG)
		return rip;
	return strata_emul_is_32(mode) ? (u32)rip : (u16)rip;
}

/**
 * strata_emul_decode() - decode the instruction at ctxt->rip
 * @c: context
 *
 * Fetches bytes as needed (never past the 15th, never past a byte that faults
 * unless it is needed) and leaves the decoded form in @c.
 *
 * Return: EMUL_CONTINUE, EMUL_FAULT (fetch fault, #GP for more than 15 bytes,
 * #UD for an illegal form), EMUL_UNHANDLED, or what ops->fetch answered.
 */
int strata_emul_decode(struct strata_emul_ctxt *c);

/**
 * strata_emul_execute() - execute the instruction decoded last
 * @c: context
 *
 * On EMUL_CONTINUE registers, RFLAGS and RIP are those after the instruction
 * (RIP wrapped by mode, RF clear). The caller clears the STI and MOV SS shadow
 * and raises the single-step trap, the latter on EMUL_RESTART too: with TF set
 * a REP instruction does one iteration at a time.
 *
 * Return: enum strata_emul_rc
 */
int strata_emul_execute(struct strata_emul_ctxt *c);

/**
 * strata_emulate() - decode and execute the instruction at ctxt->rip
 * @c: context
 *
 * Return: enum strata_emul_rc
 */
int strata_emulate(struct strata_emul_ctxt *c);

/**
 * strata_emul_is_plain_mov() - is the decoded instruction a simple move?
 * @c: context after strata_emul_decode()
 * @write: out: memory is the destination
 *
 * A plain move (MOV, MOVZX, MOVSX, MOVNTI, MOVBE) accesses memory exactly once,
 * at one place, so that the address a nested fault reported is that operand's.
 *
 * Return: true if so
 */
bool strata_emul_is_plain_mov(const struct strata_emul_ctxt *c, bool *write);

/**
 * struct strata_quick_mov - a plain MOV of 64-bit mode
 * @ea: effective address, without the base of a segment
 * @val: what a store writes, zero-extended
 * @len: length of the instruction
 * @size: bytes moved, 1 to 8
 * @reg: destination of a load
 * @write: it is a store
 */
struct strata_quick_mov {
	u64 ea;
	u64 val;
	u8 len;
	u8 size;
	u8 reg;
	bool write;
};

/**
 * struct strata_quick_form - the same as its bytes say, whatever the registers hold
 * @disp: displacement
 * @imm: what a store of an immediate writes, zero-extended
 * @len: length of the instruction; 0: none of ours
 * @size: bytes moved, 1 to 8
 * @reg: the register operand
 * @base: register, or STRATA_QUICK_NONE, or STRATA_QUICK_RIP
 * @index: register, or STRATA_QUICK_NONE
 * @scale: shift of the index
 * @write: it is a store
 * @has_imm: of @imm
 */
struct strata_quick_form {
	s64 disp;
	u64 imm;
	u8 len;
	u8 size;
	u8 reg;
	u8 base;
	u8 index;
	u8 scale;
	bool write;
	bool has_imm;
};

#define STRATA_QUICK_NONE	16
#define STRATA_QUICK_RIP	17

/**
 * strata_quick_decode() - decode the commonest device accesses
 * @insn: 16 readable bytes; the caller compares the length with what is valid
 * @f: out
 *
 * MOV between a register or immediate and memory in 64-bit mode, with at most
 * an operand-size prefix and REX. Drivers use little else. For all others the
 * answer is false with a length of 0, and strata_emul_decode() has the word.
 *
 * Return: true if @f describes the instruction
 */
bool strata_quick_decode(const u8 *insn, struct strata_quick_form *f);

/**
 * strata_quick_apply() - what the instruction does with these registers
 * @f: decoded
 * @regs: general registers by hardware encoding
 * @rip: address of the instruction
 * @q: out
 */
static inline void strata_quick_apply(const struct strata_quick_form *f,
				      const unsigned long *regs, u64 rip,
				      struct strata_quick_mov *q)
{
	q->ea = f->disp;
	if (f->base < STRATA_QUICK_NONE)
		q->ea += regs[f->base];
	else if (f->base == STRATA_QUICK_RIP)
		q->ea += rip + f->len;
	if (f->index != STRATA_QUICK_NONE)
		q->ea += regs[f->index] << f->scale;
	q->val = f->has_imm ? f->imm : regs[f->reg] & ~0ULL >> (64 - 8 * f->size);
	q->len = f->len;
	q->size = f->size;
	q->reg = f->reg;
	q->write = f->write;
}

/** strata_quick_load() - complete a load: @val goes to its register */
static inline void strata_quick_load(unsigned long *regs,
				     const struct strata_quick_mov *q, u64 val)
{
	u64 mask = ~0ULL >> (64 - 8 * q->size);

	if (q->size < 4)
		val = (regs[q->reg] & ~mask) | (val & mask);
	regs[q->reg] = q->size == 4 ? (u32)val : val;
}

#endif /* STRATA_EMULATE_H */
