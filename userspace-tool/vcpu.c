// SPDX-License-Identifier: GPL-2.0
/* A virtual CPU runs in a thread of its own; its exits are answered here. */

#include "gdb.h"
#include "launcher.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	__u8 *data = (__u8 *)run + run->io.data_offset;
	unsigned int size = run->io.size;
	__u32 i, value;

	for (i = 0; i < run->io.count; i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			value = 0;
			memcpy(&value, data, size);
			port_write(vcpu->vm, run->io.port, size, value);
		} else {
			value = port_read(vcpu->vm, run->io.port, size);
			memcpy(data, &value, size);
		}
	}
}

/* Where nothing is, reads float high and writes go nowhere. */
static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	bool done;

	pthread_mutex_lock(&vcpu->vm->io_lock);
	done = pci_mmio(vcpu->vm, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			run->mmio.is_write);
	pthread_mutex_unlock(&vcpu->vm->io_lock);
	if (!done && !run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
}

static void handle_exit(struct vcpu *vcpu)
{
	__u32 reason = vcpu->run->exit_reason;

	vcpu->user_exits[reason < NR_USER_EXITS ? reason : 0]++;
	last_exits_note(vcpu);
	if (!vcpu->vm->times.first_exit)
		vcpu->vm->times.first_exit = now_ns();
	switch (reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_DEBUG:
		gdb_exit(vcpu);
		break;
	case KVM_EXIT_SHUTDOWN:
		report_exit(vcpu, "the guest crashed (triple fault)");
		vm_stop(vcpu->vm, STATUS_SHUTDOWN);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		report_exit(vcpu, "the hypervisor cannot go on");
		vm_stop(vcpu->vm, STATUS_INTERNAL_ERROR);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		report_exit(vcpu, "the hardware refused to enter the guest");
		vm_stop(vcpu->vm, STATUS_ENTRY_FAILURE);
		break;
	default:
		report_exit(vcpu, "an exit that the launcher has no answer for");
		vm_stop(vcpu->vm, STATUS_UNEXPECTED_EXIT);
	}
}

/**
 * vcpu_thread() - run one vCPU until the machine stops
 * @arg: the struct vcpu
 *
 * vcpu_kick() makes it look what there is for it.
 */
void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (group_enter(vcpu))
		vm_stop(vcpu->vm, STATUS_HOST_ERROR);

	for (;;) {
		vcpu_messages(vcpu);
		if (vm_stopping(vcpu->vm))
			return NULL;
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			handle_exit(vcpu);
			continue;
		}
		if (errno == EINTR || errno == EAGAIN) {
			vcpu->interrupted++;
			continue;
		}
		err("KVM_RUN of vCPU %u failed: %s%s", vcpu->id, strerror(errno),
		    errno == EFAULT ? "; the host had no page for the guest's memory" : "");
		report_state(vcpu);
		vm_stop(vcpu->vm, STATUS_RUN_FAILED);
	}
}
