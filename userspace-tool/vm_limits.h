/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VM may take: CPU time of its vCPU threads, and memory, by cgroup v2; and on which
 * CPUs they run.
 */
#ifndef STRATA_VM_LIMITS_H
#define STRATA_VM_LIMITS_H

#include <linux/types.h>
#include <sched.h>
#include <stdbool.h>

#define MAX_PINS	64

struct limits {
	unsigned int cpu;		/* per mille of a CPU, of all vCPUs together; 0: none */
	unsigned int weight;		/* 1 to 10000; 0: the host's own, 100 */
	__u64 memory;			/* bytes, of the whole process; 0: none */
	unsigned int nr_pins;		/* vCPU n runs on pin[n % nr_pins] */
	cpu_set_t pin[MAX_PINS];
};

struct vm;
struct vcpu;

int limits_parse(const char *name, char *value, struct limits *l);
int group_open(struct vm *vm);
int group_enter(struct vcpu *vcpu);
int group_set(struct vm *vm, const struct limits *l);
void group_end(void);
bool group_exists(void);
const char *group_path(void);
const char *group_parent(void);
__u64 group_cpu_usec(void);

#endif
