// SPDX-License-Identifier: GPL-2.0
/*
 * Processes with running VMs are killed: each ends at once, the module is left
 * unused, and no memory is left behind.
 *
 * lab: own-boot timeout=400
 */
#include <signal.h>
#include <sys/wait.h>

#include "strata_test.h"

#define NR_VMS		50
#define NR_WARM_UP	5
#define NR_BATCHES	3
#define MAX_DELAY_US	40000

/* Runs until it is killed, now here and now there in its memory. */
static __guest void g_spin(uint64_t arg)
{
	volatile uint8_t *p = (volatile uint8_t *)(GUEST_MEM - MB);
	uint32_t r[4];
	uint64_t i;

	for (i = 0;; i++) {
		p[i * PAGE_SIZE % MB] += 1;
		if (!(i % 64))
			cpuid(0, 0, r);
	}
}

static __guest void g_halt(uint64_t arg)
{
	for (;;)
		asm volatile("cli\n\thlt");
}

static void *run_forever(void *vcpu)
{
	for (;;)
		vcpu_run(vcpu);
	return NULL;
}

/* One vCPU works, one waits for an interrupt that never comes. */
static void run_vm(int ready)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *spins = vcpu_create(vm, 0, g_spin);
	struct vcpu *halts = vcpu_create(vm, 1, g_halt);
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	xioctl(halts->fd, KVM_SET_MP_STATE, &runnable);
	vcpu_start(halts, run_forever);
	if (write(ready, "", 1) != 1)
		die("write: %s", strerror(errno));
	run_forever(spins);
}

/*
 * Starts a process with a VM and kills it some time after it started to run,
 * or, for every other one, some time after it started to set up the VM. Gives
 * the status it ended with.
 */
static int kill_one(unsigned int n)
{
	int pipes[2], status;
	pid_t child;
	char byte;

	if (pipe(pipes))
		die("pipe: %s", strerror(errno));
	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork: %s", strerror(errno));
	if (!child) {
		close(pipes[0]);
		run_vm(pipes[1]);
		_exit(1);
	}
	close(pipes[1]);
	/* A child that ends early closes the pipe, and shows by its status. */
	if (n % 2 && read(pipes[0], &byte, 1) < 0)
		die("read: %s", strerror(errno));
	usleep(n * 7919 % MAX_DELAY_US);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(pipes[0]);
	return status;
}

/* The sum of a column over the lines of a file that begin with a word. */
static long sum_of(const char *file, const char *word, int column)
{
	char line[512];
	long sum = 0;
	FILE *f = fopen(file, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		char *save = NULL, *field;
		int i;

		if (strncmp(line, word, strlen(word)))
			continue;
		field = strtok_r(line, " ", &save);
		for (i = 1; field && i < column; i++)
			field = strtok_r(NULL, " ", &save);
		if (field)
			sum += atol(field);
	}
	fclose(f);
	return sum;
}

static void settle(void)
{
	if (system("echo 3 > /proc/sys/vm/drop_caches; "
		   "for f in /sys/kernel/slab/*/shrink; do echo 1 > $f; done"))
		die("cannot drop the kernel's caches");
	sleep(1);
}

static long kernel_kib(void)
{
	return sum_of("/proc/meminfo", "SUnreclaim:", 2) +
	       sum_of("/proc/meminfo", "PageTables:", 2) +
	       sum_of("/proc/meminfo", "VmallocUsed:", 2) +
	       sum_of("/proc/meminfo", "Percpu:", 2);
}

static long free_kib(void)
{
	return sum_of("/proc/meminfo", "MemFree:", 2);
}

/* Gives how many of the processes did not end by the signal. */
static int kill_many(unsigned int count)
{
	unsigned int n;
	int bad = 0;

	for (n = 0; n < count; n++) {
		int status = kill_one(n);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			bad++;
	}
	return bad;
}

FIXTURE(kill) {
};

FIXTURE_SETUP(kill)
{
}

FIXTURE_TEARDOWN(kill)
{
}

TEST_F_TIMEOUT(kill, ends_and_frees_the_device, 900)
{
	struct vm *vm;

	ASSERT_EQ(0, kill_many(NR_VMS));
	/* Nothing is still in use but for what this process opens itself. */
	if (!access("/sys/module/strata/refcnt", R_OK) && !getenv("STRATA_DEV"))
		ASSERT_EQ(0, sum_of("/sys/module/strata/refcnt", "", 1));
	vm = vm_create(0);
	ASSERT_LE(0, vm->fd);
	vm_free(vm);
}

/*
 * The kernel counts in whole slabs and keeps caches of its own, so one batch
 * may well seem to lose something. What each VM loses shows in every batch.
 */
TEST_F_TIMEOUT(kill, leaves_no_memory, 900)
{
	long objects = -1, kib = -1, taken = -1;
	int batch;

	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "freed memory stays in KASAN's quarantine; kmemleak looks instead");
	if (geteuid())
		SKIP(return, "needs root, for the kernel's own counters");
	kill_many(NR_WARM_UP);
	for (batch = 0; batch < NR_BATCHES; batch++) {
		long objects_before, kib_before, free_before, grown;

		settle();
		objects_before = sum_of("/proc/slabinfo", "kmalloc-", 2);
		kib_before = kernel_kib();
		free_before = free_kib();
		ASSERT_EQ(0, kill_many(NR_VMS));
		settle();
		grown = sum_of("/proc/slabinfo", "kmalloc-", 2) - objects_before;
		if (!batch || grown < objects)
			objects = grown;
		grown = kernel_kib() - kib_before;
		if (!batch || grown < kib)
			kib = grown;
		grown = free_before - free_kib();
		if (!batch || grown < taken)
			taken = grown;
	}
	TH_LOG("least of %d batches: %ld objects, %ld KiB of the kernel's, %ld KiB in all",
	       NR_BATCHES, objects, kib, taken);
	EXPECT_GT(NR_VMS, objects);
	EXPECT_GT(NR_VMS * 4, kib);
	/* Less than the memory that one guest had touched. */
	EXPECT_GT(MB / 1024, taken);
}

TEST_HARNESS_MAIN
