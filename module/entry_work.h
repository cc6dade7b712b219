/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel wants done before a return to the guest: reschedule, task
 * work, live patching, signals.
 */
#ifndef STRATA_ENTRY_WORK_H
#define STRATA_ENTRY_WORK_H

#ifdef HAVE_ENTRY_VIRT_H
#include <linux/entry-virt.h>
#else
#include <linux/entry-kvm.h>
#endif

#include "strata.h"

int strata_entry_work_create(struct strata_vcpu *vcpu);
void strata_entry_work_destroy(struct strata_vcpu *vcpu);
int strata_entry_work(struct strata_vcpu *vcpu);

#endif /* STRATA_ENTRY_WORK_H */
