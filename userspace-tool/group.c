// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's control group (Documentation/admin-guide/cgroup-v2.rst of Linux):
 *
 *	strata-PID		all of the launcher: memory.max
 *	strata-PID/vcpus	threaded, only the vCPUs' threads: cpu.max, cpu.weight
 *
 * Devices run outside of vcpus: a guest that has used up its time still gets its I/O done.
 */

#include "launcher.h"
#include "vm_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT		"/sys/fs/cgroup"
#define VCPUS		"/vcpus"
/* Short, so that a second has many; a quota of 1 ms is the least that Linux takes. */
#define PERIOD_USEC	50000
#define LONG_USEC	100000

static int put(const char *group, const char *file, const char *value)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", group, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int must_put(const char *group, const char *file, const char *value)
{
	int ret = put(group, file, value);

	if (!ret)
		return 0;
	err("cannot write '%s' into %s/%s: %s; limits want a cgroup v2 that is yours, with the "
	    "controllers cpu and memory: as root, or by 'systemd-run --user --scope -p Delegate=yes'",
	    value, group, file, strerror(-ret));
	return -1;
}

/* The group that this process is in, a path below the root. */
static char *own_group(void)
{
	char line[PATH_MAX], *path = NULL;
	FILE *f = fopen("/proc/self/cgroup", "re");

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3) && asprintf(&path, ROOT "%s", strcmp(line + 3, "/") ?
							  line + 3 : "") < 0)
			path = NULL;
	}
	if (f)
		fclose(f);
	if (!path)
		err("there is no cgroup v2 here, which limits want; mount one at " ROOT);
	return path;
}

static int make_group(struct group *g)
{
	char vcpus[PATH_MAX];

	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, g->path);
	/* What a process of the same number has left. */
	rmdir(vcpus);
	rmdir(g->path);
	if (mkdir(g->path, 0755)) {
		err("cannot make the group %s: %s; limits want a cgroup v2 that is yours", g->path,
		    strerror(errno));
		return -1;
	}
	if (mkdir(vcpus, 0755) || must_put(vcpus, "cgroup.type", "threaded") ||
	    must_put(g->path, "cgroup.procs", "0") ||
	    must_put(g->path, "cgroup.subtree_control", "+cpu"))
		return -1;
	return 0;
}

static int need_group(struct vm *vm)
{
	struct group *g = &vm->group;

	if (g->path)
		return 0;
	g->home = own_group();
	if (!g->home || asprintf(&g->path, "%s/strata-%d", g->home, (int)getpid()) < 0) {
		g->path = NULL;
		return -1;
	}
	if (must_put(g->home, "cgroup.subtree_control", "+cpu +memory"))
		return -1;
	return make_group(g);
}

/* The caller's own thread. */
static int pin(const struct vcpu *vcpu, const struct limits *l)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	if (!sched_setaffinity(vcpu->tid, sizeof(all), l->nr_pins ?
			       &l->pin[vcpu->id % l->nr_pins] : &all))
		return 0;
	err("cannot pin vCPU %u: %s; name CPUs that this machine has", vcpu->id, strerror(errno));
	return -1;
}

static int set_files(struct vm *vm, const struct limits *l)
{
	unsigned int period = l->cpu < 20 ? LONG_USEC : PERIOD_USEC;
	char value[64], vcpus[PATH_MAX];

	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, vm->group.path);
	if (l->cpu)
		snprintf(value, sizeof(value), "%llu %u", (__u64)period * l->cpu / 1000, period);
	if (must_put(vcpus, "cpu.max", l->cpu ? value : "max"))
		return -1;
	snprintf(value, sizeof(value), "%u", l->weight ? l->weight : 100);
	if (must_put(vcpus, "cpu.weight", value))
		return -1;
	snprintf(value, sizeof(value), "%llu", (unsigned long long)l->memory);
	return must_put(vm->group.path, "memory.max", l->memory ? value : "max");
}

static bool wants_group(const struct limits *l)
{
	return l->cpu || l->weight || l->memory;
}

/* Before there are threads. group_close() undoes it, also when it fails. */
int group_open(struct vm *vm)
{
	vm->limits = vm->opt->limits;
	if (!wants_group(&vm->limits))
		return 0;
	return need_group(vm) || set_files(vm, &vm->limits) ? -1 : 0;
}

/* A vCPU's thread, at its start. */
int group_enter(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	char vcpus[PATH_MAX];

	vcpu->tid = gettid();
	if (vm->limits.nr_pins && pin(vcpu, &vm->limits))
		return -1;
	if (!vm->group.path)
		return 0;
	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, vm->group.path);
	return must_put(vcpus, "cgroup.threads", "0");
}

/* Threads that run already. */
static int move_vcpus(struct vm *vm)
{
	char vcpus[PATH_MAX], tid[16];
	unsigned int i;

	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, vm->group.path);
	for (i = 0; i < vm->nr_vcpus; i++) {
		snprintf(tid, sizeof(tid), "%d", (int)vm->vcpus[i].tid);
		if (vm->vcpus[i].tid && must_put(vcpus, "cgroup.threads", tid))
			return -1;
	}
	return 0;
}

/**
 * group_set() - other limits, while the VM runs
 * @l: all of them
 */
int group_set(struct vm *vm, const struct limits *l)
{
	bool is_new = !vm->group.path;
	unsigned int i;

	if (wants_group(l) || vm->group.path) {
		if (need_group(vm) || set_files(vm, l) || (is_new && move_vcpus(vm)))
			return -1;
	}
	for (i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i].tid && (l->nr_pins || vm->limits.nr_pins) && pin(&vm->vcpus[i], l))
			return -1;
	vm->limits = *l;
	return 0;
}

/* No vCPU's thread is left. */
void group_close(struct vm *vm)
{
	struct group *g = &vm->group;
	char vcpus[PATH_MAX];

	if (g->path) {
		snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, g->path);
		put(g->home, "cgroup.procs", "0");
		rmdir(vcpus);
		rmdir(g->path);
	}
	free(g->path);
	free(g->home);
	*g = (struct group){ 0 };
}

/* CPU time of the vCPUs' threads so far, microseconds; 0 where there is no group. */
__u64 group_cpu_usec(const struct vm *vm)
{
	char path[PATH_MAX], line[128];
	unsigned long long usec = 0;
	FILE *f;

	if (!vm->group.path)
		return 0;
	snprintf(path, sizeof(path), "%s" VCPUS "/cpu.stat", vm->group.path);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "usage_usec %llu", &usec) == 1)
			break;
	if (f)
		fclose(f);
	return usec;
}
