/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two cascaded 8259A interrupt controllers: the state machine alone. Pure;
 * the unit tests compile it a second time.
 *
 * Intel 8259A data sheet; ELCR: 82371SB (PIIX3) data sheet.
 */
#ifndef STRATA_PIC_CHIP_H
#define STRATA_PIC_CHIP_H

#include <linux/kvm.h>

#include "../pure.h"

#define PIC_CASCADE	2	/* the slave hangs on this input of the master */

/**
 * struct pic_pair - both chips
 * @chip: master and slave, as KVM_GET_IRQCHIP shows them
 * @ended: IRQs whose service ended; the caller clears it
 * @opened: IRQs that were unmasked; the caller clears it
 */
struct pic_pair {
	struct kvm_pic_state chip[2];
	u16 ended;
	u16 opened;
};

void pic_reset(struct pic_pair *pair);
/* a line changes: 1 requested, 0 was requested already, -1 masked */
int pic_set_line(struct pic_pair *pair, unsigned int irq, bool high);
/* is the master's output to the CPU active? */
bool pic_output(const struct pic_pair *pair);
/* the vector that an INTA cycle would give, without one */
u8 pic_peek(const struct pic_pair *pair);
/* an INTA cycle */
u8 pic_ack(struct pic_pair *pair);
/* ports: chip 0 or 1, register 0 or 1 */
void pic_write(struct pic_pair *pair, unsigned int chip, unsigned int reg, u8 val);
u8 pic_read(struct pic_pair *pair, unsigned int chip, unsigned int reg);
void pic_write_elcr(struct pic_pair *pair, unsigned int chip, u8 val);
/* state from user space: what cannot be is made harmless */
void pic_set_state(struct pic_pair *pair, unsigned int chip, const struct kvm_pic_state *s);

#endif /* STRATA_PIC_CHIP_H */
