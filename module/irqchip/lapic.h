/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A local APIC. No locks: what others change are bits set and cleared
 * atomically and words written whole; the rest belongs to the vCPU's thread.
 *
 * Legend as in strata.h: (v) the thread that holds vcpu->mutex, (a) atomic.
 */
#ifndef STRATA_LAPIC_H
#define STRATA_LAPIC_H

#include <linux/hrtimer.h>

#include "irqchip.h"
#include "lapic_calc.h"

/* Of a register by its offset in the xAPIC page, which follow. */
#define LAPIC_MSR(offset)	(0x800 + (offset) / 16)
#define LAPIC_ID	0x020
#define LAPIC_VERSION	0x030
#define LAPIC_TPR	0x080
#define LAPIC_APR	0x090
#define LAPIC_PPR	0x0a0
#define LAPIC_EOI	0x0b0
#define LAPIC_RRD	0x0c0
#define LAPIC_LDR	0x0d0
#define LAPIC_DFR	0x0e0
#define LAPIC_SVR	0x0f0
#define LAPIC_ISR	0x100
#define LAPIC_TMR	0x180
#define LAPIC_IRR	0x200
#define LAPIC_ESR	0x280
#define LAPIC_ICR	0x300
#define LAPIC_ICR2	0x310
#define LAPIC_LVTT	0x320
#define LAPIC_LVTERR	0x370
#define LAPIC_TMICT	0x380
#define LAPIC_TMCCT	0x390
#define LAPIC_TDCR	0x3e0
#define LAPIC_SELF_IPI	0x3f0

#define LAPIC_SVR_ENABLE	BIT(8)
#define LAPIC_LVT_MASKED	BIT(16)
#define LAPIC_LVT_MODE(lvt)	(((lvt) >> 8) & 7)
#define LAPIC_LVT_TIMER_MODE(lvt) (((lvt) >> 17) & 3)

/* The interrupt command register */
#define ICR_VECTOR(icr)		((u8)(icr))
#define ICR_MODE(icr)		(((icr) >> 8) & 7)
#define ICR_LOGICAL		BIT(11)
#define ICR_ASSERT		BIT(14)
#define ICR_LEVEL		BIT(15)
#define ICR_SHORTHAND(icr)	(((icr) >> 18) & 3)

/* Local vector table, in the order of the registers. */
enum lapic_lvt {
	LAPIC_LVT_TIMER,
	LAPIC_LVT_THERMAL,
	LAPIC_LVT_PERF,
	LAPIC_LVT_LINT0,
	LAPIC_LVT_LINT1,
	LAPIC_LVT_ERROR,
	LAPIC_NR_LVT
};

/* Bits of the error status register. */
#define LAPIC_ERR_SEND_ILLEGAL	5
#define LAPIC_ERR_RECV_ILLEGAL	6
#define LAPIC_ERR_REGISTER	7

/**
 * struct strata_lapic - a local APIC
 */
struct strata_lapic {
	/* written by others */
	unsigned long irr[LAPIC_WORDS];		/* (a) requested */
	unsigned long tmr[LAPIC_WORDS];		/* (a) level triggered */
	unsigned long errors;			/* (a) since the last write to the ESR */

	/* read by others */
	u32 mode;				/* (a) enum lapic_mode */
	u32 svr;				/* (a) */
	u32 ldr, dfr;				/* (a) */
	u32 lvt[LAPIC_NR_LVT];			/* (a) */

	unsigned long isr[LAPIC_WORDS];		/* (v) in service */
	int isr_top;				/* (v) highest of them, -1: none */
	u32 tpr;				/* (v) */
	u32 esr;				/* (v) */
	u64 icr;				/* (v) destination in the upper half */

	/* timer */
	struct hrtimer timer;
	u32 tmict, tdcr;			/* (v) */
	u64 target;				/* (v) first expiry, monotonic ns; 0: none */
	u64 period;				/* (a) ns, 0: one-shot; changed while stopped */

	u64 pv_eoi_msr;				/* (v) 0: off; see pv_eoi.c */

	struct strata_vcpu *vcpu;		/* (c) */
};

/* The task priority as CR8 shows it. (v) */
static inline u8 strata_get_cr8(const struct strata_vcpu *vcpu)
{
	return vcpu->apic ? vcpu->apic->tpr >> 4 : vcpu->cr8;
}

/* As many as one logical destination of x2APIC mode. */
#define LAPIC_FEW	16

/*
 * Does this value of the ICR, of x2APIC mode, reach few vCPUs? To wake up more of
 * them takes too long with interrupts off.
 */
static inline bool strata_lapic_to_few(const struct strata_vm *vm, u64 icr)
{
	return likely(READ_ONCE(vm->nr_vcpus) <= LAPIC_FEW) ||
	       (!(icr & BIT(19)) && icr >> 32 != U32_MAX);
}

static inline u32 strata_lapic_ppr(const struct strata_lapic *apic)
{
	return lapic_ppr(apic->tpr, apic->isr_top);
}

/* Is software's enable bit set, and the LAPIC there at all? */
static inline bool strata_lapic_enabled(const struct strata_lapic *apic)
{
	return READ_ONCE(apic->mode) != LAPIC_OFF && (READ_ONCE(apic->svr) & LAPIC_SVR_ENABLE);
}

/* ---- pv_eoi.c ---- */
void strata_pv_eoi_offer(struct strata_lapic *apic, int vector);
void strata_pv_eoi_settle(struct strata_lapic *apic);
void strata_pv_eoi_written(struct strata_lapic *apic);

/* ---- lapic.c ---- */
/* a vector arrives; any context. 1 delivered, 0 coalesced or not wanted */
int strata_lapic_accept(struct strata_lapic *apic, u8 vector, bool level);
/* the same by the vCPU's own thread */
int strata_lapic_accept_self(struct strata_lapic *apic, u8 vector);
/* a local interrupt source fires; any context. True: the guest was told */
bool strata_lapic_local(struct strata_lapic *apic, enum lapic_lvt lvt);
void strata_lapic_error(struct strata_lapic *apic, unsigned int bit);
void strata_lapic_eoi(struct strata_lapic *apic);
void strata_lapic_write_tpr(struct strata_lapic *apic, u32 tpr);
/* an interrupt may have become deliverable by what the vCPU itself did */
void strata_lapic_reevaluate(struct strata_lapic *apic);
void strata_lapic_set_mode(struct strata_lapic *apic, enum lapic_mode mode);

/* ---- lapic_ipi.c ---- */
void strata_lapic_send_ipi(struct strata_lapic *apic, u64 icr);
void strata_lapic_self_ipi(struct strata_lapic *apic, u8 vector);

/* ---- lapic_timer.c ---- */
void strata_lapic_timer_init(struct strata_lapic *apic);
void strata_lapic_timer_stop(struct strata_lapic *apic);
void strata_lapic_timer_write_lvt(struct strata_lapic *apic, u32 lvt);
void strata_lapic_timer_write_count(struct strata_lapic *apic, u32 count);
void strata_lapic_timer_write_divide(struct strata_lapic *apic, u32 tdcr);
u32 strata_lapic_timer_count(struct strata_lapic *apic);
bool strata_lapic_timer_freeze(struct strata_lapic *apic, u32 *count);
void strata_lapic_timer_thaw(struct strata_lapic *apic, bool pending);
/* go on with @count ticks to the next expiry, as restored state asks for */
void strata_lapic_timer_restore(struct strata_lapic *apic, u32 count);
void strata_lapic_timer_write_deadline(struct strata_lapic *apic, u64 tsc);
u64 strata_lapic_timer_read_deadline(struct strata_lapic *apic);

#endif /* STRATA_LAPIC_H */
