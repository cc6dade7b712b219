// SPDX-License-Identifier: GPL-2.0
/*
 * A debugged guest's stops and starts. While it stands still all of its vCPUs are parked
 * (pause.c); those that the debugger does not let go on stay so.
 */

#include "gdb.h"
#include "gdb_run.h"
#include "launcher.h"

#include <stdio.h>
#include <sys/ioctl.h>

#define DB_VECTOR	1
#define BP_VECTOR	3
#define DR6_STEP	BIT_ULL(14)
#define DR6_ANY_BREAK	0xfULL

/* An exception of the guest's own, which the debugger has no part in. */
static void give_back(struct vcpu *vcpu, unsigned int vector)
{
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |
			   (vector == BP_VECTOR ? KVM_GUESTDBG_INJECT_BP : KVM_GUESTDBG_INJECT_DB),
	};

	ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &d);
	gdb_arm(vcpu, vcpu->stepping);
}

/**
 * gdb_exit() - KVM_EXIT_DEBUG
 * @vcpu: the caller's own
 *
 * Breakpoints change only while no vCPU runs. One that was set by a physical address,
 * before there was paging, is met by a linear one that the debugger knows nothing of: it
 * hears of a stop without a reason then.
 */
void gdb_exit(struct vcpu *vcpu)
{
	const struct kvm_debug_exit_arch *d = &vcpu->run->debug.arch;
	const struct gdb_break *b = NULL;

	vcpu->stop = GDB_STOP_OTHER;
	if (d->exception == BP_VECTOR || !(d->dr6 & (DR6_STEP | DR6_ANY_BREAK)))
		b = gdb_software_break_at(vcpu, d->pc);
	if (b && b->address == d->pc) {
		vcpu->stop = GDB_STOP_SOFTWARE;
	} else if (d->exception == DB_VECTOR && d->dr6 & DR6_ANY_BREAK) {
		vcpu->stop = GDB_STOP_HARDWARE;
	} else if (!b && (d->exception == BP_VECTOR || !vcpu->stepping)) {
		vcpu->stop = GDB_STOP_NONE;
		give_back(vcpu, d->exception);
		return;
	}
	vm_pause_from_vcpu(vcpu->vm);
}

/* Which data breakpoint it was; NULL where it was none. */
static const struct gdb_break *watched(const struct vcpu *vcpu)
{
	const struct gdb *g = vcpu->vm->gdb;
	__u64 dr6 = vcpu->run->debug.arch.dr6;
	unsigned int i, n = 0;

	for (i = 0; i < GDB_BREAKS; i++) {
		const struct gdb_break *b = &g->breaks[i];

		if (!b->used || b->kind == GDB_SOFTWARE)
			continue;
		if (dr6 & BIT_ULL(n++) && b->kind != GDB_HARDWARE)
			return b;
	}
	return NULL;
}

/**
 * gdb_stop_reply() - why the guest stands still
 * @text: filled in
 */
void gdb_stop_reply(const struct vcpu *vcpu, unsigned int signal, char *text, size_t size)
{
	static const char *const names[] = {
		[GDB_WRITE_WATCH] = "watch", [GDB_READ_WATCH] = "rwatch", [GDB_WATCH] = "awatch",
	};
	const struct gdb_break *b = vcpu->stop == GDB_STOP_HARDWARE ? watched(vcpu) : NULL;
	int n = snprintf(text, size, "T%02xthread:%x;", signal, vcpu->id + 1);

	if (b)
		snprintf(text + n, size - n, "%s:%llx;", names[b->kind],
			 (unsigned long long)b->address);
	else if (vcpu->stop == GDB_STOP_SOFTWARE)
		snprintf(text + n, size - n, "swbreak:;");
	else if (vcpu->stop == GDB_STOP_HARDWARE)
		snprintf(text + n, size - n, "hwbreak:;");
}

/* The vCPU that the debugger is to hear of: the first that has stopped by itself. */
struct vcpu *gdb_who_stopped(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i].stop)
			return &vm->vcpus[i];
	return NULL;
}

/**
 * gdb_go() - let a guest go on that stands still
 * @action: for each vCPU 'c', 's', or 0 to stay where it is
 */
void gdb_go(struct vm *vm, const char *action)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		vcpu->stop = GDB_STOP_NONE;
		vcpu->stepping = action[i] == 's';
		vcpu_hold(vcpu, !action[i]);
		gdb_arm(vcpu, vcpu->stepping);
	}
	vm->gdb->running = true;
	vm_resume(vm);
}

/* As if there had been no debugger. */
void gdb_leave(struct vm *vm, bool resume)
{
	unsigned int i;

	gdb_clear_all(vm);
	for (i = 0; i < vm->nr_vcpus; i++) {
		vm->vcpus[i].stop = GDB_STOP_NONE;
		vm->vcpus[i].stepping = false;
		vcpu_hold(&vm->vcpus[i], false);
		gdb_disarm(&vm->vcpus[i]);
	}
	if (resume)
		vm_resume(vm);
}
