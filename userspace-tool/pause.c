// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs that stand still, and messages to those that run.
 *
 * Who has something for a vCPU says so first, and then makes its KVM_RUN return; the
 * vCPU makes ready for that first, and then looks what there is: nothing is lost.
 */

#include "launcher.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>

void vcpu_kick(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (vcpu->started)
		pthread_kill(vcpu->thread, SIGUSR1);
}

/* Stands still as long as it is to. */
static void park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->pause_lock);
	vm->nr_parked++;
	pthread_cond_broadcast(&vm->pause_cond);
	while ((vm->paused || vcpu->held) && !vm_stopping(vm))
		pthread_cond_wait(&vm->pause_cond, &vm->pause_lock);
	vm->nr_parked--;
	pthread_cond_broadcast(&vm->pause_cond);
	pthread_mutex_unlock(&vm->pause_lock);
	/* Its watchdogs are not to bite for the time that it has missed. */
	ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL);
}

/**
 * vcpu_messages() - what has come for a vCPU, before it runs again
 * @vcpu: the caller's own
 */
void vcpu_messages(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (vm_is_paused(vcpu->vm) || __atomic_load_n(&vcpu->held, __ATOMIC_SEQ_CST))
		park(vcpu);
	if (__atomic_exchange_n(&vcpu->nmi, false, __ATOMIC_SEQ_CST))
		ioctl(vcpu->fd, KVM_NMI);
}

bool vm_is_paused(struct vm *vm)
{
	return __atomic_load_n(&vm->paused, __ATOMIC_SEQ_CST);
}

/* With pause_lock held. */
static void begin_pause(struct vm *vm)
{
	unsigned int i;

	__atomic_store_n(&vm->paused, true, __ATOMIC_SEQ_CST);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_kick(&vm->vcpus[i]);
}

/* From a vCPU's thread, which goes on to stand still itself; the main loop is told. */
void vm_pause_from_vcpu(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	begin_pause(vm);
	pthread_mutex_unlock(&vm->pause_lock);
	vm_wake(vm);
}

/* Whether a vCPU stays where it is when the VM goes on. It stands still now. */
void vcpu_hold(struct vcpu *vcpu, bool hold)
{
	pthread_mutex_lock(&vcpu->vm->pause_lock);
	__atomic_store_n(&vcpu->held, hold, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&vcpu->vm->pause_lock);
}

/* When it returns no vCPU runs, nor will before vm_resume(). */
void vm_pause(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	begin_pause(vm);
	while (vm->nr_parked < vm->nr_vcpus && !vm_stopping(vm))
		pthread_cond_wait(&vm->pause_cond, &vm->pause_lock);
	pthread_mutex_unlock(&vm->pause_lock);
}

void vm_resume(struct vm *vm)
{
	pthread_mutex_lock(&vm->pause_lock);
	__atomic_store_n(&vm->paused, false, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&vm->pause_cond);
	pthread_mutex_unlock(&vm->pause_lock);
}

/**
 * vm_look_begin() - let a VM stand still for as long as somebody looks at it
 *
 * Return: for vm_look_end(): whether it goes on then.
 */
bool vm_look_begin(struct vm *vm)
{
	bool runs = !vm_is_paused(vm);

	vm_pause(vm);
	return runs;
}

/* A vCPU that has met a breakpoint meanwhile is for the debugger, which is told. */
void vm_look_end(struct vm *vm, bool runs)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i].stop)
			return;
	if (runs)
		vm_resume(vm);
}

/* An NMI for each vCPU, as from a button of old. */
void vm_nmi(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		__atomic_store_n(&vm->vcpus[i].nmi, true, __ATOMIC_SEQ_CST);
		vcpu_kick(&vm->vcpus[i]);
	}
}
