/* SPDX-License-Identifier: GPL-2.0 */
/* gdb_run.c, for gdb.c */
#ifndef STRATA_GDB_RUN_H
#define STRATA_GDB_RUN_H

#include <stdbool.h>
#include <stddef.h>

struct vm;
struct vcpu;

void gdb_stop_reply(const struct vcpu *vcpu, unsigned int signal, char *text, size_t size);
struct vcpu *gdb_who_stopped(struct vm *vm);
void gdb_go(struct vm *vm, const char *action);
void gdb_leave(struct vm *vm, bool resume);

#endif
