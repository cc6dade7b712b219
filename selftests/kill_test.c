// SPDX-License-Identifier: GPL-2.0
/*
 * lab: own-boot
 *
 * Fifty VMs are made, run and killed with SIGKILL, several times over. What
 * the kernel holds must not grow with them: used memory, slab and page tables
 * included, is compared before and after, in the mean of many rounds.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "strata_test.h"

#define VMS	50
#define ROUNDS	6
/* KiB a round: less than one page for each VM. */
#define LIMIT	(VMS * 3)

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

/* KiB on the CPUs' own lists of free pages, which do not count as free. */
static long on_cpu_lists(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	char text[128];
	long v, pages = 0;

	while (f && fgets(text, sizeof(text), f))
		if (sscanf(text, " count: %ld", &v) == 1)
			pages += v;
	if (f)
		fclose(f);
	return pages * (long)PAGE_SIZE / 1024;
}

/* KiB that are neither free nor in caches that can be dropped. */
static long in_use_now(void)
{
	char text[128];
	long v, total = 0, free_mem = 0, cached = 0;
	FILE *f;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		die("drop_caches: %s", strerror(errno));
	close(fd);
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
	return total - free_mem - cached - on_cpu_lists();
}

/*
 * The same once everything has been freed that is freed later, after grace
 * periods and by other threads: when it has not become less for some time.
 */
static long in_use(void)
{
	long least = in_use_now();
	int quiet = 0;

	while (quiet < 8) {
		long now;

		usleep(200000);
		now = in_use_now();
		if (now < least) {
			least = now;
			quiet = 0;
		} else {
			quiet++;
		}
	}
	return least;
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

/*
 * KASAN's quarantine keeps what is freed, and kmemleak books about it: where
 * they are, it is kmemleak's scan at the machine's end that finds a leak.
 */
static bool memory_tells(void)
{
	struct utsname u;

	return uname(&u) || !strstr(u.release, "-strata-debug");
}

TEST(nothing_is_left)
{
	long memory, mms;
	int round;

	kill_vms(VMS);
	memory = in_use();
	mms = slab_objects("mm_struct");
	for (round = 0; round < ROUNDS; round++)
		kill_vms(VMS);
	memory = (in_use() - memory) / ROUNDS;
	mms = (slab_objects("mm_struct") - mms) / ROUNDS;
	if (memory_tells())
		EXPECT_GE(LIMIT, memory)
			TH_LOG("%d VMs keep %ld KiB", VMS, memory);
	EXPECT_GE(VMS / 2, mms)
		TH_LOG("%d VMs keep %ld mm_structs", VMS, mms);
}

TEST_HARNESS_MAIN
