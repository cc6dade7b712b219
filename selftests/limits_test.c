// SPDX-License-Identifier: GPL-2.0
/*
 * What a user takes is bounded and charged to him: a thousand VMs of a user
 * without privileges come and go, and in a memory cgroup with a limit VMs,
 * vCPUs, slots and nested tables end in an error or with the process, while
 * everybody else goes on.
 */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "strata_test.h"

#define NOBODY	65534
#define MANY	1000
#define CGROUP	"/tmp/strata-limits"
#define LIMIT	(48 * MB)

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

static void another_vm_works(void)
{
	struct vm *vm = vm_create(0);

	vcpu_run_done(vcpu_create(vm, 0, g_done));
	vm_free(vm);
}

/* A status of the child that is not one of die() or of a signal. */
#define CHILD_OK	42

static int child_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %s", strerror(errno));
	return status;
}

/* Whoever was given the open device, for instance by its group, may be nobody else. */
TEST(many_vms_of_an_unprivileged_user)
{
	struct rlimit files = { 3 * MANY, 3 * MANY };
	int dev = dev_open(), status;
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root, to become somebody else");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	pid = fork();
	if (!pid) {
		int i, n, round, fd[MANY];

		if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
			die("setuid: %s", strerror(errno));
		for (round = 0; round < 2; round++) {
			for (n = 0; n < MANY; n++) {
				fd[n] = xioctl(dev, KVM_CREATE_VM, 0);
				if (n % 8 == 0)
					xioctl(fd[n], KVM_CREATE_VCPU, n % 64);
			}
			/* The vCPUs' files go with the process, or hold their VMs. */
			for (i = 0; i < n; i++)
				close(fd[i]);
			if (round)
				break;
			for (i = 3; i < 3 * MANY; i++)
				if (i != dev)
					close(i);
		}
		_exit(CHILD_OK);
	}
	status = child_status(pid);
	EXPECT_EQ(CHILD_OK << 8, status);
	another_vm_works();
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), n;

	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (int)strlen(text);
}

/* A memory cgroup with a limit, into which the caller's children go; false without. */
static bool make_cgroup(void)
{
	char limit[32];

	snprintf(limit, sizeof(limit), "%lu", LIMIT);
	mkdir(CGROUP, 0755);
	if (mount("none", CGROUP, "cgroup2", 0, NULL) && errno != EBUSY)
		return false;
	write_file(CGROUP "/cgroup.subtree_control", "+memory");
	mkdir(CGROUP "/limited", 0755);
	return write_file(CGROUP "/limited/memory.max", limit);
}

static long in_cgroup(const char *file, const char *key)
{
	char path[128], name[64];
	long value = -1, v;
	FILE *f;

	snprintf(path, sizeof(path), CGROUP "/limited/%s", file);
	f = fopen(path, "r");
	while (f && fscanf(f, "%63s %ld", name, &v) == 2)
		if (!strcmp(name, key))
			value = v;
	if (f)
		fclose(f);
	return value;
}

/*
 * Each takes more and more of one thing for ever, or until it is refused with
 * an error that says why.
 */
static int take_vms(void)
{
	int dev = dev_open(), vm;

	while ((vm = ioctl(dev, KVM_CREATE_VM, 0)) >= 0)
		;
	return errno;
}

static int take_vcpus(void)
{
	int dev = dev_open(), vm, i;

	for (;;) {
		vm = ioctl(dev, KVM_CREATE_VM, 0);
		if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0)
			return errno;
		for (i = 0; i < 64; i++)
			if (ioctl(vm, KVM_CREATE_VCPU, i) < 0)
				return errno;
	}
}

/* Dirty bitmaps of slots with hardly any memory behind them. */
static int take_bitmaps(void)
{
	size_t size = 64ul << 30;
	uint8_t *mem = mmap(NULL, size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct vm *vm = vm_create(VM_NO_GUEST);
	int i, err;

	for (i = 0; i < 200; i++) {
		err = vm_try_set_region(vm, i, KVM_MEM_LOG_DIRTY_PAGES, i * size, size, mem);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Nested tables, one for each 2 MiB that the guest touches: 64 GiB of slots,
 * all of them the same host memory, whose own tables are few.
 */
#define ALIASES		500
#define ALIAS_SIZE	(128 * MB)
#define ALIAS_GPA	(1ull << 33)

static __guest void g_touch(uint64_t arg)
{
	uint64_t a;

	for (a = 0; a < ALIASES * ALIAS_SIZE; a += 2 * MB)
		mmio_read8(ALIAS_GPA + a);
	GUEST_DONE();
}

static int take_tables(void)
{
	uint8_t *mem = mmap(NULL, ALIAS_SIZE, PROT_READ,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_touch);
	uint64_t i;
	int err;

	if (mem == MAP_FAILED || madvise(mem, ALIAS_SIZE, MADV_NOHUGEPAGE))
		return errno;
	for (i = 0; i < ALIASES * ALIAS_SIZE; i += 1024 * MB)
		vm_map_level(vm, ALIAS_GPA + i, ALIAS_GPA + i, 3, PTE_W);
	for (i = 0; i < ALIASES; i++)
		vm_set_region(vm, 1 + i, 0, ALIAS_GPA + i * ALIAS_SIZE, ALIAS_SIZE, mem);
	do {
		err = vcpu_try_run(vcpu);
	} while (err == EINTR);
	return err;
}

static void in_limits(struct __test_metadata *_metadata, const char *what, int (*take)(void))
{
	struct rlimit files = { 100000, 100000 };
	long killed = in_cgroup("memory.events", "oom_kill");
	int status, err;
	pid_t pid = fork();

	if (!pid) {
		/* What is refused for want of files says nothing. */
		setrlimit(RLIMIT_NOFILE, &files);
		if (!write_file(CGROUP "/limited/cgroup.procs", "0"))
			_exit(1);
		err = take();
		_exit(err == ENOMEM || err == EFAULT || err == EINTR ? CHILD_OK : err);
	}
	status = child_status(pid);
	/* Either ends it, and never somebody else. */
	if (WIFSIGNALED(status)) {
		EXPECT_LT(killed, in_cgroup("memory.events", "oom_kill"));
	} else {
		EXPECT_EQ(CHILD_OK, WEXITSTATUS(status));
	}
	TH_LOG("%s: %s", what, WIFSIGNALED(status) ? "the process was killed" : "refused");
	another_vm_works();
}

TEST(memory_cgroup)
{
	if (geteuid() || !make_cgroup())
		SKIP(return, "needs root and memory cgroups");
	in_limits(_metadata, "VMs", take_vms);
	in_limits(_metadata, "vCPUs", take_vcpus);
	in_limits(_metadata, "dirty bitmaps", take_bitmaps);
	in_limits(_metadata, "nested tables", take_tables);
}

TEST_HARNESS_MAIN
