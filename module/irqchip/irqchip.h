/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the interrupt controllers ask of each other.
 *
 * Locks, outermost first: pit > pic, ioapic; a LAPIC has none. Each is a raw
 * spinlock taken with interrupts off, for a line may change in a timer's
 * interrupt. Whoever looks at another vCPU holds vm->srcu (read).
 */
#ifndef STRATA_IRQCHIP_H
#define STRATA_IRQCHIP_H

#include "../strata.h"

/* Delivery modes, as the ICR, MSIs, redirection entries and LVTs encode them. */
enum strata_dm {
	STRATA_DM_FIXED,
	STRATA_DM_LOWEST,
	STRATA_DM_SMI,
	STRATA_DM_REMREAD,
	STRATA_DM_NMI,
	STRATA_DM_INIT,
	STRATA_DM_SIPI,
	STRATA_DM_EXTINT,
};

/* An interrupt message on its way to LAPICs. */
struct strata_irq_msg {
	u32 dest;
	bool wide;		/* dest has 32 bits, from x2APIC; else 8 */
	bool logical;
	bool level;		/* level triggered */
	u8 mode;		/* enum strata_dm */
	u8 vector;
};

/* Who drives a line; a line is high while any of them holds it high. */
enum strata_irq_source {
	STRATA_IRQ_USER,
	STRATA_IRQ_PIT,
	STRATA_IRQ_FD,		/* eventfds, edges */
	STRATA_IRQ_RESAMPLE,	/* and levels */
};

/* ---- lapic_ipi.c ---- */
/**
 * struct strata_apic_map - destinations at a glance
 * @nr_xapic: LAPICs in xAPIC mode, whose logical ids the guest chose
 * @slot: place of an APIC id in vm->vcpus plus one, 0: not looked up yet.
 *	A hint; whoever uses it compares the id.
 */
struct strata_apic_map {
	atomic_t nr_xapic;
	u16 slot[STRATA_MAX_VCPU_ID];
};

int strata_deliver(struct strata_vm *vm, const struct strata_irq_msg *msg);

/* ---- ioapic.c ---- */
struct strata_ioapic *strata_ioapic_alloc(struct strata_vm *vm);
void strata_ioapic_stop(struct strata_ioapic *ioapic);
void strata_ioapic_free(struct strata_ioapic *ioapic);
struct strata_iodev *strata_ioapic_iodev(struct strata_ioapic *ioapic);
int strata_ioapic_set_irq(struct strata_ioapic *ioapic, unsigned int pin,
			  enum strata_irq_source source, bool level);
/* a LAPIC ended @vector; @level: which came as level triggered */
void strata_ioapic_eoi(struct strata_ioapic *ioapic, u8 vector, bool level);
/* whose EOIs are told to strata_irqfd_ended() */
void strata_ioapic_watch(struct strata_ioapic *ioapic, u32 pins);
/* the pin of GSI 0 may have changed */
void strata_ioapic_pit_pin(struct strata_ioapic *ioapic, int pin);
void strata_ioapic_get(struct strata_ioapic *ioapic, struct kvm_ioapic_state *s);
void strata_ioapic_set(struct strata_ioapic *ioapic, const struct kvm_ioapic_state *s);

/* What a LAPIC's EOI must look at without a lock. */
struct strata_ioapic_head {
	int pit_vector;		/* (a) vector whose end the PIT waits for, -1: none */
};

static inline bool strata_ioapic_wants_eoi(const struct strata_ioapic *ioapic, u8 vector)
{
	const struct strata_ioapic_head *head = (const void *)ioapic;

	return READ_ONCE(head->pit_vector) == vector;
}

/* ---- pic.c ---- */
struct strata_pic *strata_pic_alloc(struct strata_vm *vm);
void strata_pic_free(struct strata_pic *pic);
struct strata_iodev *strata_pic_iodev(struct strata_pic *pic);
int strata_pic_set_irq(struct strata_pic *pic, unsigned int irq, enum strata_irq_source source,
		       bool level);
void strata_pic_pit_pin(struct strata_pic *pic, int pin);
void strata_pic_watch(struct strata_pic *pic, u32 inputs);
/* the vector an INTA cycle would give, or -1; the second one runs the cycle */
int strata_pic_peek(struct strata_pic *pic);
int strata_pic_ack(struct strata_pic *pic);
void strata_pic_get(struct strata_pic *pic, unsigned int chip, struct kvm_pic_state *s);
void strata_pic_set(struct strata_pic *pic, unsigned int chip, const struct kvm_pic_state *s);

/* ---- pit.c; both do nothing without a PIT; no device lock held ---- */
/* the guest took the last tick */
void strata_pit_acked(struct strata_vm *vm);
/* the guest opened the line: ticks it missed behind the mask are forgotten */
void strata_pit_unmasked(struct strata_vm *vm);

/* ---- routing.c ---- */
int strata_routing_init(struct strata_vm *vm);
void strata_routing_destroy(struct strata_vm *vm);
int strata_set_irq_from(struct strata_vm *vm, u32 gsi, enum strata_irq_source source, bool level);

#endif /* STRATA_IRQCHIP_H */
