/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table that answers "what happens for exit X?", and who may serve it.
 */
#ifndef STRATA_EXIT_H
#define STRATA_EXIT_H

#include <asm/msr.h>
#include <asm/tsc.h>

#include "strata.h"
#include "trace.h"

#define STRATA_EXIT_ATOMIC	1u	/* the handler does not sleep */
#define STRATA_EXIT_SKIPS	2u	/* the handler wants exit.insn_len */

/* Beside STRATA_USER, _RESUME, _MMIO: the exit's handler has yet to run, and may sleep. */
#define STRATA_SLEEPY		3
/* Leave the section, look at mp_state and requests. */
#define STRATA_LEAVE		4

/* The requests that are served with interrupts off, before an entry. */
#define STRATA_REQ_ATOMIC_MASK	(1ull << STRATA_REQ_EVENT | 1ull << STRATA_REQ_TLB | \
				 1ull << STRATA_REQ_KICK | 1ull << STRATA_REQ_TSC | \
				 1ull << STRATA_REQ_MSR_FILTER)

struct strata_exit_desc {
	int (*fn)(struct strata_vcpu *vcpu);
	const char *name;
	u32 flags;
};

extern const struct strata_exit_desc strata_exits[STRATA_NR_EXIT_REASONS];

/* exit.c */
int strata_exit_fault_atomic(struct strata_vcpu *vcpu);
int strata_exit_cpuid(struct strata_vcpu *vcpu);
int strata_exit_msr_read(struct strata_vcpu *vcpu);
int strata_exit_msr_write(struct strata_vcpu *vcpu);
int strata_exit_pio(struct strata_vcpu *vcpu);
int strata_complete_pio(struct strata_vcpu *vcpu);
int strata_pio_to_user(struct strata_vcpu *vcpu);
bool strata_pio_in_kernel(struct strata_vcpu *vcpu);

int strata_exit_irq_window(struct strata_vcpu *vcpu);

/* pv.c */
int strata_exit_ud(struct strata_vcpu *vcpu);

/* exit_cr.c */
int strata_exit_cr(struct strata_vcpu *vcpu);
int strata_exit_dr(struct strata_vcpu *vcpu);

/* The hot ones by direct call, the rest through the table. */
static __always_inline int strata_handle_exit(struct strata_vcpu *vcpu,
					      const struct strata_exit_desc *desc)
{
	switch (vcpu->exit.id) {
	case STRATA_EXIT_INTR:
		return STRATA_RESUME;
	case STRATA_EXIT_CPUID:
		return strata_exit_cpuid(vcpu);
	case STRATA_EXIT_MSR_READ:
		return strata_exit_msr_read(vcpu);
	case STRATA_EXIT_MSR_WRITE:
		return strata_exit_msr_write(vcpu);
	case STRATA_EXIT_HYPERCALL:
		return strata_hypercall(vcpu);
	case STRATA_EXIT_PIO:
		return strata_exit_pio(vcpu);
	default:
		return desc->fn(vcpu);
	}
}

/* What became of vcpu->exit.fault. */
static inline void strata_trace_fault(const struct strata_vcpu *vcpu, int result)
{
	const struct strata_exit *e = &vcpu->exit;

	if (trace_strata_nested_fault_enabled())
		trace_strata_nested_fault(vcpu->vm->index, vcpu->id, e->fault.gpa,
					  e->fault.access, result,
					  result == STRATA_RESUME ? e->fault.level : 0,
					  rdtsc() - vcpu->t_exit, tsc_khz);
}

/* The common exits: all about them is known when they are identified. */
static __always_inline bool strata_exit_is_common(u32 id)
{
	const u64 common = BIT_ULL(STRATA_EXIT_INTR) | BIT_ULL(STRATA_EXIT_HLT) |
			   BIT_ULL(STRATA_EXIT_CPUID) | BIT_ULL(STRATA_EXIT_MSR_READ) |
			   BIT_ULL(STRATA_EXIT_MSR_WRITE) | BIT_ULL(STRATA_EXIT_HYPERCALL) |
			   BIT_ULL(STRATA_EXIT_PIO) | BIT_ULL(STRATA_EXIT_NESTED_FAULT);

	return common >> id & 1;
}

/* insn_len.c: exit.insn_len by the vendor, by a cached fetch, or by a walk */
bool strata_insn_len_atomic(struct strata_vcpu *vcpu);
bool strata_insn_len_sleep(struct strata_vcpu *vcpu);

/* Must this exit leave the section before it is handled? */
static __always_inline bool strata_exit_sleeps(struct strata_vcpu *vcpu,
					       const struct strata_exit_desc *desc)
{
	if (!(desc->flags & STRATA_EXIT_ATOMIC))
		return true;
	if ((desc->flags & STRATA_EXIT_SKIPS) && !strata_insn_len_atomic(vcpu))
		return true;
	return vcpu->exit.id == STRATA_EXIT_PIO && vcpu->exit.pio.string;
}

/* events.c: interrupts off */
void strata_atomic_requests(struct strata_vcpu *vcpu);

#endif /* STRATA_EXIT_H */
