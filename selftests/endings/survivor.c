// SPDX-License-Identifier: GPL-2.0
/*
 * A guest for what happens to the machine around it.
 *
 * Usage: survivor [VCPUS]
 *
 * Each vCPU checks memory and takes ticks of its timer, without end. Every
 * second in which all of them got on, "alive" is printed. Ends with 0 by
 * SIGTERM; with 1 when the guest found something wrong; with 3 when KVM_RUN
 * fails, which it tells, as in a machine that goes down.
 */
#include <signal.h>

#include "steady.h"

static void *run(void *arg)
{
	struct vcpu *vcpu = arg;
	int err;

	for (;;) {
		err = vcpu_try_run(vcpu);
		/* A freezer's signal, say. */
		if (err == EINTR)
			continue;
		if (err) {
			printf("KVM_RUN: %s\n", strerror(err));
			exit(3);
		}
		printf("exit %u\n", vcpu->run->exit_reason);
		exit(1);
	}
}

static void on_term(int sig)
{
	_exit(0);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, i;
	uint64_t seen[MAX_TEST_VCPUS] = { 0 }, seen_ticks = 0;
	struct vm *vm;

	setlinebuf(stdout);
	signal(SIGTERM, on_term);
	guest_deadline(100000);
	vm = steady_vm(n);
	for (i = 0; i < n; i++)
		vcpu_start(vm->vcpu[i], run);
	for (;;) {
		bool on = guest_var(vm, steady_ticks) != seen_ticks;

		seen_ticks = guest_var(vm, steady_ticks);
		for (i = 0; i < n; i++) {
			on &= guest_var(vm, steady_rounds)[i] != seen[i];
			seen[i] = guest_var(vm, steady_rounds)[i];
		}
		if (on)
			printf("alive\n");
		sleep(1);
	}
}
