/* SPDX-License-Identifier: GPL-2.0 */
/* Nested tables, shown to user space. */
#ifndef STRATA_MMU_LOOK_H
#define STRATA_MMU_LOOK_H

#include "../strata.h"

int strata_nested_walk(struct strata_vm *vm, struct strata_nested_walk *w);
int strata_nested_count(struct strata_vm *vm, struct strata_nested_count *c);

#endif /* STRATA_MMU_LOOK_H */
