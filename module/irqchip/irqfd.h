/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Eventfds that raise interrupts, and that are told of their end.
 */
#ifndef STRATA_IRQFD_H
#define STRATA_IRQFD_H

#include <linux/kvm.h>

struct strata_vm;

int strata_irqfd_setup(void);		/* at load */
void strata_irqfd_teardown(void);
int strata_irqfd(struct strata_vm *vm, const struct kvm_irqfd *args);
void strata_irqfd_destroy(struct strata_vm *vm);
/* the guest ended interrupts of these pins; no device lock held */
void strata_irqfd_ended(struct strata_vm *vm, bool pic, u32 pins);
/* the routing is another: which pins are watched; vm->irq_lock held */
void strata_irqfd_watch(struct strata_vm *vm);

#endif /* STRATA_IRQFD_H */
