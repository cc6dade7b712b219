/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Capabilities that a client switches on.
 */
#ifndef STRATA_ENABLE_CAP_H
#define STRATA_ENABLE_CAP_H

#include <linux/kvm.h>

struct strata_vcpu;
struct strata_vm;

long strata_vcpu_enable_cap(struct strata_vcpu *vcpu, const struct kvm_enable_cap *cap);
long strata_vm_enable_cap(struct strata_vm *vm, const struct kvm_enable_cap *cap);

#endif /* STRATA_ENABLE_CAP_H */
