/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys: which port, MSR, leaf, page or instruction the exits of a vCPU were about.
 */
#ifndef STRATA_KEYS_H
#define STRATA_KEYS_H

#include "strata.h"

u64 strata_keys_detail(const struct strata_vcpu *vcpu);
void strata_keys_last(struct strata_vcpu *vcpu, u64 detail);
void strata_keys_count(struct strata_vcpu *vcpu, u64 rip, u64 detail, u64 ticks);

#endif /* STRATA_KEYS_H */
