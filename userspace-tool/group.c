// SPDX-License-Identifier: GPL-2.0
/*
 * A launcher's control group (Documentation/admin-guide/cgroup-v2.rst of Linux):
 *
 *	strata-PID		all of the launcher: memory.max
 *	strata-PID/vcpus	threaded, only the vCPUs' threads: cpu.max, cpu.weight
 *
 * Devices run outside of vcpus: a guest that has used up its time still gets its I/O done.
 *
 * It is made before the launcher gives up its rights (confine.c), and stays for as long as
 * the process. Root's lies at the root, and a small process takes it away at the end, however
 * the launcher has ended. Others have theirs in a group that was delegated to them, and
 * whoever made that takes it away; as long as there are processes in it, it has no
 * controllers for its children, so that the launcher has to leave it first.
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
#include <sys/wait.h>
#include <unistd.h>

#define ROOT		"/sys/fs/cgroup"
#define VCPUS		"/vcpus"
/* Short, so that a second has many; a quota of 1 ms is the least that Linux takes. */
#define PERIOD_USEC	50000
#define LONG_USEC	100000

static struct {
	char *path;			/* NULL: there is none */
	char *parent;			/* where it lies */
	pid_t janitor;			/* 0: none */
	int janitor_fd;
} group;

static bool silent;

#define complain(...)	do { if (!silent) err(__VA_ARGS__); } while (0)

static int put(const char *dir, const char *file, const char *value)
{
	char path[PATH_MAX];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int must_put(const char *dir, const char *file, const char *value)
{
	int ret = put(dir, file, value);

	if (!ret)
		return 0;
	complain("cannot write '%s' into %s/%s: %s; limits want a cgroup v2 that is yours, with the "
		 "controllers cpu and memory: as root, or by 'systemd-run --user --scope -p "
		 "Delegate=yes'", value, dir, file, strerror(-ret));
	return -1;
}

/* The group that this process is in. */
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
		complain("there is no cgroup v2 here, which limits want; mount one at " ROOT);
	return path;
}

static char *choose_parent(void)
{
	return access(ROOT "/cgroup.procs", W_OK) ? own_group() : strdup(ROOT);
}

static void remove_groups(int tries)
{
	char vcpus[PATH_MAX];

	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, group.path);
	/* Whoever is still in them is about to end. */
	while (tries--) {
		rmdir(vcpus);
		if (!rmdir(group.path) || errno == ENOENT)
			return;
		usleep(20000);
	}
}

/* A process that waits for our end, and removes the groups. It is in none of them. */
static int start_janitor(void)
{
	int fds[2];
	char byte;

	if (pipe2(fds, O_CLOEXEC)) {
		complain("cannot make a pipe: %s", strerror(errno));
		return -1;
	}
	group.janitor = fork();
	if (group.janitor < 0) {
		complain("cannot start a process: %s; raise ulimit -u", strerror(errno));
		return -1;
	}
	if (!group.janitor) {
		setsid();
		/* It keeps nothing in use. */
		if (chdir("/"))
			_exit(1);
		dup2(fds[0], 0);
		close_range(1, ~0U, 0);
		while (read(0, &byte, 1) < 0 && errno == EINTR)
			;
		remove_groups(200);
		_exit(0);
	}
	close(fds[0]);
	group.janitor_fd = fds[1];
	return 0;
}

static int make_group(void)
{
	char vcpus[PATH_MAX];

	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, group.path);
	/* What a process of the same number has left. */
	rmdir(vcpus);
	rmdir(group.path);
	if (mkdir(group.path, 0755)) {
		complain("cannot make the group %s: %s; limits want a cgroup v2 that is yours: as root, or "
			 "by 'systemd-run --user --scope -p Delegate=yes'", group.path,
			 strerror(errno));
		return -1;
	}
	if (!strcmp(group.parent, ROOT) && start_janitor())
		return -1;
	if (must_put(group.path, "cgroup.procs", "0") ||
	    must_put(group.parent, "cgroup.subtree_control", "+cpu +memory") || mkdir(vcpus, 0755) ||
	    must_put(vcpus, "cgroup.type", "threaded") ||
	    must_put(group.path, "cgroup.subtree_control", "+cpu"))
		return -1;
	return 0;
}

/* Return: 0, and group.path is there. */
static int need_group(bool quiet)
{
	int ret;

	if (group.path)
		return 0;
	silent = quiet;
	group.parent = choose_parent();
	if (!group.parent || asprintf(&group.path, "%s/strata-%d", group.parent, (int)getpid()) < 0)
		group.path = NULL;
	ret = group.path ? make_group() : -1;
	silent = false;
	/* What is there of it goes again. */
	if (ret)
		group_end();
	return ret;
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

static int set_files(const struct limits *l)
{
	unsigned int period = l->cpu < 20 ? LONG_USEC : PERIOD_USEC;
	char value[64] = "max", vcpus[PATH_MAX];

	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, group.path);
	if (l->cpu)
		snprintf(value, sizeof(value), "%llu %u", (__u64)period * l->cpu / 1000, period);
	if (must_put(vcpus, "cpu.max", value))
		return -1;
	snprintf(value, sizeof(value), "%u", l->weight ? l->weight : 100);
	if (must_put(vcpus, "cpu.weight", value))
		return -1;
	snprintf(value, sizeof(value), "%llu", (unsigned long long)l->memory);
	return must_put(group.path, "memory.max", l->memory ? value : "max");
}

static bool wants_group(const struct limits *l)
{
	return l->cpu || l->weight || l->memory;
}

/**
 * group_open() - the limits of the command line
 *
 * Before there are threads. A VM that has a name gets its group at once, where that can be
 * had: other limits may be asked for later, when the launcher has no right to make one.
 */
int group_open(struct vm *vm)
{
	bool wants = wants_group(&vm->opt->limits);

	vm->limits = vm->opt->limits;
	if (!wants && !vm->opt->name)
		return 0;
	if (need_group(!wants))
		return wants ? -1 : 0;
	/* Of a guest that starts anew they may have been others. */
	return set_files(&vm->limits);
}

/* A vCPU's thread, at its start. */
int group_enter(struct vcpu *vcpu)
{
	const struct vm *vm = vcpu->vm;
	char vcpus[PATH_MAX];

	vcpu->tid = gettid();
	if (vm->limits.nr_pins && pin(vcpu, &vm->limits))
		return -1;
	if (!group.path)
		return 0;
	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, group.path);
	return must_put(vcpus, "cgroup.threads", "0");
}

/* Threads that run already. */
static int move_vcpus(struct vm *vm)
{
	char vcpus[PATH_MAX], tid[16];
	unsigned int i;

	snprintf(vcpus, sizeof(vcpus), "%s" VCPUS, group.path);
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
	bool is_new = !group.path;
	unsigned int i;

	if (wants_group(l) || group.path) {
		if (need_group(false) || set_files(l) || (is_new && move_vcpus(vm)))
			return -1;
	}
	for (i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i].tid && (l->nr_pins || vm->limits.nr_pins) && pin(&vm->vcpus[i], l))
			return -1;
	vm->limits = *l;
	return 0;
}

/* At the end of the process; no vCPU's thread is left. */
void group_end(void)
{
	if (group.path)
		put(group.parent, "cgroup.procs", "0");
	if (group.janitor > 0) {
		close(group.janitor_fd);
		waitpid(group.janitor, NULL, 0);
	} else if (group.path) {
		remove_groups(1);
	}
	free(group.path);
	free(group.parent);
	memset(&group, 0, sizeof(group));
}

/* Where confine.c has to let it write; NULL: there is no group. */
const char *group_path(void)
{
	return group.path;
}

const char *group_parent(void)
{
	return group.parent;
}

bool group_exists(void)
{
	return group.path;
}

/* CPU time of the vCPUs' threads so far, microseconds; 0 where there is no group. */
__u64 group_cpu_usec(void)
{
	char path[PATH_MAX], line[128];
	unsigned long long usec = 0;
	FILE *f;

	if (!group.path)
		return 0;
	snprintf(path, sizeof(path), "%s" VCPUS "/cpu.stat", group.path);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "usage_usec %llu", &usec) == 1)
			break;
	if (f)
		fclose(f);
	return usec;
}
