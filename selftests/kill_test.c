// SPDX-License-Identifier: GPL-2.0
/*
 * lab: own-boot
 *
 * Fifty VMs are made, run and killed with SIGKILL, several times over. What
 * the kernel holds must not grow with each round: free memory, slab and page
 * tables are compared, and the smallest growth of all rounds counts, because
 * anything else in the machine only adds to one of them.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

#include "strata_test.h"

#define VMS	50
#define ROUNDS	4
/* Less than one page for each VM. */
#define LIMIT	(VMS * 4 - 20)

static volatile uint64_t rounds;

static __guest void g_spin(uint64_t arg)
{
	for (;;)
		rounds++;
}

static void child(volatile uint64_t *ready)
{
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *a = vcpu_create(vm, 0, g_spin);
	struct vcpu *b = vcpu_create_raw(vm, 1);

	vcpu_start_done(a);
	/* The second waits for a start-up IPI that never comes. */
	vcpu_start_done(b);
	while (!guest_var(vm, rounds))
		usleep(500);
	*ready = 1;
	for (;;)
		pause();
}

static void kill_vms(int n)
{
	volatile uint64_t *ready = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	while (n--) {
		int status;
		pid_t pid;

		*ready = 0;
		pid = fork();
		if (!pid)
			child(ready);
		while (!*ready)
			usleep(500);
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
			die("the child ended by itself");
	}
	munmap((void *)ready, PAGE_SIZE);
}

/* KiB that are neither free nor in caches that can be dropped. */
static long in_use(void)
{
	char text[128];
	long v, total = 0, free_mem = 0, cached = 0;
	FILE *f;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		die("drop_caches: %s", strerror(errno));
	close(fd);
	/* Files and contexts are freed after a grace period or two. */
	usleep(300000);
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(text, sizeof(text), f)) {
		if (sscanf(text, "MemTotal: %ld", &v) == 1)
			total = v;
		else if (sscanf(text, "MemFree: %ld", &v) == 1)
			free_mem = v;
		else if (sscanf(text, "Cached: %ld", &v) == 1 ||
			 sscanf(text, "Buffers: %ld", &v) == 1)
			cached += v;
	}
	fclose(f);
	return total - free_mem - cached;
}

static long slab_objects(const char *name)
{
	char text[512], cache[64];
	long active, n = 0;
	FILE *f = fopen("/proc/slabinfo", "r");

	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, "%63s %ld", cache, &active) == 2 && !strcmp(cache, name))
			n = active;
	if (f)
		fclose(f);
	return n;
}

TEST(nothing_is_left)
{
	long before, mm_before, growth = LONG_MAX, mm_growth = LONG_MAX;
	int round;

	kill_vms(10);
	for (round = 0; round < ROUNDS; round++) {
		long g;

		before = in_use();
		mm_before = slab_objects("mm_struct");
		kill_vms(VMS);
		g = in_use() - before;
		growth = g < growth ? g : growth;
		g = slab_objects("mm_struct") - mm_before;
		mm_growth = g < mm_growth ? g : mm_growth;
	}
	EXPECT_GE(LIMIT, growth)
		TH_LOG("each round of %d VMs keeps at least %ld KiB", VMS, growth);
	EXPECT_GE(VMS / 2, mm_growth)
		TH_LOG("each round of %d VMs keeps at least %ld mm_structs", VMS, mm_growth);
}

TEST_HARNESS_MAIN
