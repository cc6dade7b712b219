// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2
 *
 * The CPU under a running vCPU goes offline and comes back: the guest goes on
 * on the other one, its timer still ticks, and what it reads there is its own
 * (the CPU that returns has translations of nobody).
 */
#include <fcntl.h>
#include <sched.h>

#include "strata_test.h"
#include "steady.h"

static bool set_online(int cpu, bool on)
{
	char path[64];
	int fd, n;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	n = write(fd, on ? "1" : "0", 1);
	close(fd);
	return n == 1;
}

static struct vm *start(void)
{
	struct vm *vm = steady_vm(1);

	vcpu_start(vm->vcpu[0], steady_run_on_1);
	return vm;
}

TEST(cpu_goes_and_comes)
{
	struct vm *vm;
	int i;

	if (geteuid() || online_cpus() < 2 || !set_online(1, true))
		SKIP(return, "needs root and a second CPU that can go offline");
	pin_to_cpu(0);
	vm = start();
	for (i = 0; i < 4; i++) {
		steady_wait(vm);
		if (!set_online(1, false))
			die("CPU 1 does not go offline: %s", strerror(errno));
		steady_wait(vm);
		if (!set_online(1, true))
			die("CPU 1 does not come back: %s", strerror(errno));
		/* Back to it: an affinity that was broken stays so. */
		ASSERT_EQ(0, pthread_setaffinity_np(vm->vcpu[0]->thread, sizeof(cpu_set_t),
						    &(cpu_set_t){ .__bits = { 2 } }));
	}
	steady_wait(vm);
	steady_end(vm);
}

/* More vCPUs than CPUs, all of them entering and leaving all the time. */
#define CROWD	6

static uint64_t crowd_rounds;

static __guest void g_crowd(uint64_t arg)
{
	while (!steady_stop)
		GUEST_SYNC(1);
	GUEST_DONE();
}

static void *run_crowd(void *arg)
{
	struct vcpu *vcpu = arg;

	while (vcpu_run_ucall(vcpu) != UCALL_DONE)
		__atomic_add_fetch(&crowd_rounds, 1, __ATOMIC_RELAXED);
	return NULL;
}

TEST(crowd)
{
	struct vm *vm;
	int i;

	if (geteuid() || online_cpus() < 2 || !set_online(1, true))
		SKIP(return, "needs root and a second CPU that can go offline");
	vm = vm_create(0);
	for (i = 0; i < CROWD; i++)
		vcpu_start(vcpu_create(vm, i, g_crowd), run_crowd);
	for (i = 0; i < 10; i++) {
		uint64_t seen = crowd_rounds;

		while (crowd_rounds < seen + 100)
			usleep(1000);
		if (!set_online(1, i & 1))
			die("CPU 1: %s", strerror(errno));
	}
	guest_var(vm, steady_stop) = 1;
	for (i = 0; i < CROWD; i++)
		vcpu_join(vm->vcpu[i]);
}

/* The first VM after CPU 1 left takes CPU 0 only, and CPU 1 when it returns. */
TEST(vm_made_meanwhile)
{
	struct vm *vm;

	if (geteuid() || online_cpus() < 2 || !set_online(1, false))
		SKIP(return, "needs root and a second CPU that can go offline");
	vm = vm_create(0);
	vm_free(vm);
	vm = vm_create(0);
	if (!set_online(1, true))
		die("CPU 1 does not come back: %s", strerror(errno));
	vm_free(vm);
	vm = start();
	steady_wait(vm);
	steady_end(vm);
}

/* A VM that lives through it all finds CPU 1 able to run it. */
TEST(vm_older_than_the_cpu)
{
	struct vm *vm, *old;

	if (geteuid() || online_cpus() < 2 || !set_online(1, false))
		SKIP(return, "needs root and a second CPU that can go offline");
	old = vm_create(0);
	if (!set_online(1, true))
		die("CPU 1 does not come back: %s", strerror(errno));
	vm = start();
	steady_wait(vm);
	steady_end(vm);
	vm_free(old);
}

TEST_HARNESS_MAIN
