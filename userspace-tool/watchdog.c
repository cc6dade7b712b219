// SPDX-License-Identifier: GPL-2.0
/*
 * --watchdog S: a guest that will never do anything again. Once a second its vCPUs are
 * looked at; one that runs with interrupts off each time, for S seconds, is in a loop that
 * nothing ends; and when all have halted with interrupts off nothing wakes them.
 */

#include "launcher.h"

#include <sys/ioctl.h>

#define LOOK_NS		1000000000ULL
#define RFLAGS_IF	BIT_ULL(9)

enum look { ALIVE, BUSY, DEAD };

static enum look look_at(const struct vcpu *vcpu)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) || ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp) ||
	    r.rflags & RFLAGS_IF)
		return ALIVE;
	/* One that was never started waits for nothing that it could do itself. */
	if (mp.mp_state == KVM_MP_STATE_HALTED || mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
	    mp.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return DEAD;
	return BUSY;
}

static void look_at_all(struct vm *vm)
{
	bool runs = vm_look_begin(vm);
	unsigned int i, dead = 0;

	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];
		enum look look = look_at(vcpu);

		vcpu->stuck = look == BUSY ? vcpu->stuck + 1 : 0;
		dead += look == DEAD;
		if (vcpu->stuck >= vm->opt->watchdog) {
			err("the guest hangs: vCPU %u has run for %u s with interrupts off", i,
			    vcpu->stuck);
			vm_stop(vm, STATUS_HANG);
		}
	}
	vm->dead_for = dead == vm->nr_vcpus ? vm->dead_for + 1 : 0;
	if (vm->dead_for >= vm->opt->watchdog) {
		err("the guest hangs: its vCPUs have halted with interrupts off");
		vm_stop(vm, STATUS_HANG);
	}
	vm_look_end(vm, runs);
}

/**
 * watchdog_look() - when it is time
 *
 * Return: milliseconds until the next time, -1: there is none.
 */
int watchdog_look(struct vm *vm)
{
	__u64 now = now_ns();

	if (!vm->opt->watchdog)
		return -1;
	if (now >= vm->next_look) {
		/* Who stands still is not to blame for it. */
		if (vm->next_look && !vm->paused)
			look_at_all(vm);
		vm->next_look = now + LOOK_NS;
	}
	return (vm->next_look - now) / 1000000 + 1;
}
