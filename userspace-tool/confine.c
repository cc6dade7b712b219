// SPDX-License-Identifier: GPL-2.0
/*
 * Least privilege: when all is set up, and before the guest runs, the launcher gives up what
 * it has no use for. What a guest could make of a fault in here is bounded by that:
 *
 *  - capabilities: none, and none to be had by an exec;
 *  - files: those of the command line, by Landlock, where the kernel has it;
 *  - system calls: those that it makes, by seccomp; another one kills it.
 *
 * A guest that is started anew opens its files again, so those stay open to it.
 */

#include "launcher.h"
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- capabilities ---- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	int i;

	/* Who has none to drop there has nothing to gain from it either. */
	for (i = 0; i <= CAP_LAST_CAP; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!syscall(SYS_capset, &header, none))
		return 0;
	err("cannot drop capabilities: %s", strerror(errno));
	return -1;
}

/* ---- files ---- */

#define READ	LANDLOCK_ACCESS_FS_READ_FILE
#define WRITE	LANDLOCK_ACCESS_FS_WRITE_FILE
#define MAKE	(LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
		 LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define LIST	LANDLOCK_ACCESS_FS_READ_DIR
/* What a rule for a file may name; more is for directories. */
#define OF_FILES (READ | WRITE)

/* All that the first version knows: what is not allowed by a rule is forbidden. */
#define HANDLED	((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* What does not exist needs no rule. */
static void allow(int ruleset, const char *path, __u64 access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	struct stat st;

	rule.parent_fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
	if (rule.parent_fd < 0)
		return;
	if (!fstat(rule.parent_fd, &st) && !S_ISDIR(st.st_mode))
		rule.allowed_access &= OF_FILES;
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

/* The folder that a file is to be made in. */
static void allow_folder_of(int ruleset, const char *file)
{
	char *copy = file ? strdup(file) : NULL;

	if (copy)
		allow(ruleset, dirname(copy), READ | WRITE | MAKE);
	free(copy);
}

static void allow_all_of(int ruleset, const struct options *opt)
{
	char sockets[sizeof(((struct sockaddr_un *)0)->sun_path)], leave[PATH_MAX];
	unsigned int i;

	allow(ruleset, opt->kernel, READ);
	allow(ruleset, opt->flat.path, READ);
	allow(ruleset, opt->firmware, READ);
	allow(ruleset, opt->initrd, READ);
	allow(ruleset, opt->device, READ | WRITE);
	for (i = 0; i < opt->nr_disks; i++)
		allow(ruleset, opt->disks[i].path, opt->disks[i].readonly ? READ : READ | WRITE);
	for (i = 0; i < opt->nr_nets; i++)
		if (opt->nets[i].tap)
			allow(ruleset, "/dev/net/tun", READ | WRITE);
	allow(ruleset, "/dev/vhost-net", READ | WRITE);
	if (opt->vsock)
		allow(ruleset, "/dev/vhost-vsock", READ | WRITE);
	allow(ruleset, opt->console, WRITE);
	if (opt->on_crash == END_DUMP)
		allow_folder_of(ruleset, opt->dump);
	if (opt->gdb && strchr(opt->gdb, '/'))
		allow_folder_of(ruleset, opt->gdb);
	if (opt->name && !control_directory(sockets, sizeof(sockets)))
		allow(ruleset, sockets, READ | WRITE | MAKE);
	/* The network of the launcher's own asks whom this machine asks. */
	allow(ruleset, "/etc/resolv.conf", READ);
	allow(ruleset, "/dev/null", READ | WRITE);
	allow(ruleset, "/proc/self", READ | LIST);
	/* Its own control group, out of which it goes at the end, and takes it away. */
	allow(ruleset, group_path(), READ | WRITE);
	allow(ruleset, group_parent(), LANDLOCK_ACCESS_FS_REMOVE_DIR);
	snprintf(leave, sizeof(leave), "%s/cgroup.procs", group_parent() ? group_parent() : "");
	allow(ruleset, leave, WRITE);
}

static int confine_files(const struct options *opt)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = HANDLED };
	int ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), ret;

	/* A kernel without Landlock: the rest holds. */
	if (ruleset < 0)
		return 0;
	allow_all_of(ruleset, opt);
	ret = syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	if (!ret)
		return 0;
	err("cannot confine the launcher to its files: %s", strerror(errno));
	return -1;
}

/* ---- system calls ---- */

static const int calls[] = {
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mincore), SCMP_SYS(mmap), SCMP_SYS(mprotect),
	SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(memfd_create),
	/* files and descriptors */
	SCMP_SYS(access), SCMP_SYS(close), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(fadvise64),
	SCMP_SYS(fallocate), SCMP_SYS(fcntl), SCMP_SYS(fdatasync), SCMP_SYS(flock),
	SCMP_SYS(fstat), SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(getcwd),
	SCMP_SYS(getdents64), SCMP_SYS(ioctl), SCMP_SYS(lseek), SCMP_SYS(lstat),
	SCMP_SYS(mkdir), SCMP_SYS(newfstatat), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(pread64),
	SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(pwrite64), SCMP_SYS(pwritev),
	SCMP_SYS(pwritev2), SCMP_SYS(read), SCMP_SYS(readlink), SCMP_SYS(readv), SCMP_SYS(rmdir),
	SCMP_SYS(stat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(write), SCMP_SYS(writev),
	/* waiting */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2),
	SCMP_SYS(futex), SCMP_SYS(gettimeofday), SCMP_SYS(nanosleep), SCMP_SYS(pipe2),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(pselect6), SCMP_SYS(restart_syscall),
	SCMP_SYS(select), SCMP_SYS(time), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	/* signals, threads */
	SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(get_robust_list), SCMP_SYS(getpgid), SCMP_SYS(getpgrp), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getrandom),
	SCMP_SYS(getrlimit), SCMP_SYS(getrusage), SCMP_SYS(gettid), SCMP_SYS(geteuid),
	SCMP_SYS(getuid), SCMP_SYS(getegid), SCMP_SYS(getgid), SCMP_SYS(prctl),
	SCMP_SYS(prlimit64), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list), SCMP_SYS(sigaltstack),
	SCMP_SYS(signalfd4), SCMP_SYS(sysinfo), SCMP_SYS(tgkill), SCMP_SYS(uname), SCMP_SYS(wait4),
	/* networks, and the sockets of named VMs */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect),
	SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(listen),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
	SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(socket), SCMP_SYS(socketpair),
};

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	size_t i;
	int ret = filter ? 0 : -ENOMEM;

	for (i = 0; !ret && i < ARRAY_SIZE(calls); i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	if (!ret)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	if (!ret)
		return 0;
	err("cannot filter system calls: %s", strerror(-ret));
	return -1;
}

/**
 * confine() - give up what is not needed any more
 *
 * Threads that are started after it are confined as well; there must be none before. The
 * second time, for a guest that starts anew, it has been done.
 */
int confine(const struct options *opt)
{
	static bool done;

	if (done || opt->privileged)
		return 0;
	done = true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		err("cannot set no_new_privs: %s", strerror(errno));
		return -1;
	}
	if (confine_files(opt) || drop_capabilities())
		return -1;
	/* Without the right to addresses of the machine. */
	look_open();
	return filter_calls();
}
