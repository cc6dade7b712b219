/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM's binary statistics.
 */
#ifndef STRATA_STATS_H
#define STRATA_STATS_H

#include "strata.h"

int strata_vcpu_stats_fd(struct strata_vcpu *vcpu);
int strata_vm_stats_fd(struct strata_vm *vm);

#endif /* STRATA_STATS_H */
