// SPDX-License-Identifier: GPL-2.0
/*
 * Running a vCPU and saying why it stopped.
 */
#include <signal.h>

#include "testlib.h"

static __thread struct vcpu *running;

static const char * const exit_names[] = {
	[KVM_EXIT_UNKNOWN] = "UNKNOWN",
	[KVM_EXIT_EXCEPTION] = "EXCEPTION",
	[KVM_EXIT_IO] = "IO",
	[KVM_EXIT_HYPERCALL] = "HYPERCALL",
	[KVM_EXIT_DEBUG] = "DEBUG",
	[KVM_EXIT_HLT] = "HLT",
	[KVM_EXIT_MMIO] = "MMIO",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
	[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
	[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
	[KVM_EXIT_INTR] = "INTR",
	[KVM_EXIT_SET_TPR] = "SET_TPR",
	[KVM_EXIT_TPR_ACCESS] = "TPR_ACCESS",
	[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
	[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
	[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
	[KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
	[KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
};

const char *exit_name(uint32_t reason)
{
	if (reason >= ARRAY_SIZE(exit_names) || !exit_names[reason])
		return "(unnamed)";
	return exit_names[reason];
}

/* Prints what is known about a stopped vCPU. */
void vcpu_dump(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs r = vcpu_regs(vcpu);
	struct kvm_sregs s = vcpu_sregs(vcpu);
	uint32_t i;

	fprintf(stderr, "# vCPU %d: exit %u %s\n", vcpu->id, run->exit_reason,
		exit_name(run->exit_reason));
	if (run->exit_reason == KVM_EXIT_IO)
		fprintf(stderr, "# %s port %#x size %u count %u\n",
			run->io.direction ? "OUT" : "IN", run->io.port, run->io.size,
			run->io.count);
	if (run->exit_reason == KVM_EXIT_MMIO)
		fprintf(stderr, "# %s %#llx len %u\n",
			run->mmio.is_write ? "write" : "read", run->mmio.phys_addr,
			run->mmio.len);
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		fprintf(stderr, "# hardware reason %#llx\n",
			run->fail_entry.hardware_entry_failure_reason);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR) {
		fprintf(stderr, "# suberror %u data", run->internal.suberror);
		for (i = 0; i < run->internal.ndata && i < 16; i++)
			fprintf(stderr, " %llx", run->internal.data[i]);
		fprintf(stderr, "\n");
	}
	fprintf(stderr, "# rip %llx rsp %llx rflags %llx rax %llx rbx %llx rcx %llx rdx %llx\n",
		r.rip, r.rsp, r.rflags, r.rax, r.rbx, r.rcx, r.rdx);
	fprintf(stderr, "# rsi %llx rdi %llx rbp %llx cs %x cs.base %llx\n",
		r.rsi, r.rdi, r.rbp, s.cs.selector, s.cs.base);
	fprintf(stderr, "# cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx\n",
		s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
}

/*
 * The deadline passed. If it interrupted KVM_RUN of this thread the vCPU is
 * free to be looked at; in any other case its mutex may be taken.
 */
void vcpu_on_deadline(int sig)
{
	fprintf(stderr, "# the guest did not finish in time\n");
	if (running)
		vcpu_dump(running);
	_exit(1);
}

/* One KVM_RUN; gives 0 or the errno value. */
int vcpu_try_run(struct vcpu *vcpu)
{
	int ret;

	running = vcpu;
	ret = try_ioctl(vcpu->fd, KVM_RUN, 0);
	running = NULL;
	return ret;
}

/*
 * Runs until the guest stops and gives the reason. A vCPU that waits for its
 * start-up IPI answers EAGAIN, an interrupted one EINTR: both go on.
 */
uint32_t vcpu_run(struct vcpu *vcpu)
{
	int err;

	do {
		err = vcpu_try_run(vcpu);
	} while (err == EAGAIN || err == EINTR);
	if (err) {
		vcpu_dump(vcpu);
		die("KVM_RUN: %s", strerror(err));
	}
	return vcpu->run->exit_reason;
}

/* Finishes the instruction that caused the last exit, and runs nothing else. */
void vcpu_complete_io(struct vcpu *vcpu)
{
	int err;

	vcpu->run->immediate_exit = 1;
	err = vcpu_try_run(vcpu);
	vcpu->run->immediate_exit = 0;
	if (err != EINTR)
		die("KVM_RUN with immediate_exit gave %d (%s)", err, strerror(err));
}

/* Whether the vCPU stopped for a ucall, which is then in vcpu->uc. */
bool vcpu_is_ucall(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint32_t gpa;

	if (run->exit_reason != KVM_EXIT_IO || run->io.port != UCALL_PORT ||
	    run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4)
		return false;
	memcpy(&gpa, (uint8_t *)run + run->io.data_offset, 4);
	memcpy(&vcpu->uc, vm_hva(vcpu->vm, gpa), sizeof(vcpu->uc));
	return true;
}

/* Ends the test if the guest reports a failure. */
void vcpu_report_abort(struct vcpu *vcpu)
{
	struct ucall *uc = &vcpu->uc;

	if (!vcpu_is_ucall(vcpu) || uc->cmd != UCALL_ABORT)
		return;
	if (uc->arg[0] == 1)
		test_die(uc->file, uc->line, "guest (vCPU %d): %s: expected %#lx, seen %#lx",
			 vcpu->id, uc->what, uc->arg[1], uc->arg[2]);
	if (uc->arg[0] == 2)
		test_die(uc->file, uc->line,
			 "guest (vCPU %d): exception %lu, error %#lx, rip %#lx (program start + %#lx), cr2 %#lx",
			 vcpu->id, uc->arg[1], uc->arg[2], uc->arg[3],
			 uc->arg[3] - vcpu->vm->image_gva, uc->arg[4]);
	test_die(uc->file, uc->line, "guest (vCPU %d): %s", vcpu->id, uc->what);
}

/* Runs to the next exit, which must be for this reason. */
void vcpu_expect_exit(struct vcpu *vcpu, uint32_t reason, const char *file, int line)
{
	uint32_t seen = vcpu_run(vcpu);

	vcpu_report_abort(vcpu);
	if (seen == reason)
		return;
	vcpu_dump(vcpu);
	test_die(file, line, "exit %s, expected %s", exit_name(seen), exit_name(reason));
}

/* Runs to the next ucall, which is then in vcpu->uc, and gives its command. */
uint64_t vcpu_run_ucall(struct vcpu *vcpu)
{
	vcpu_run(vcpu);
	if (!vcpu_is_ucall(vcpu)) {
		vcpu_dump(vcpu);
		die("the guest stopped before its next report");
	}
	vcpu_report_abort(vcpu);
	return vcpu->uc.cmd;
}

void vcpu_run_sync(struct vcpu *vcpu, uint64_t stage)
{
	if (vcpu_run_ucall(vcpu) != UCALL_SYNC || vcpu->uc.arg[0] != stage)
		die("guest is at command %lu stage %lu (line %lu), expected stage %lu",
		    vcpu->uc.cmd, vcpu->uc.arg[0], vcpu->uc.line, stage);
}

void vcpu_run_done(struct vcpu *vcpu)
{
	if (vcpu_run_ucall(vcpu) != UCALL_DONE)
		die("guest is at stage %lu (line %lu), expected its end",
		    vcpu->uc.arg[0], vcpu->uc.line);
}

static void *run_done(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_run_done(vcpu);
	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return NULL;
}

static void on_kick(int sig)
{
}

/* Starts fn(vcpu) in a thread of its own, which vcpu_kick() can interrupt. */
void vcpu_start(struct vcpu *vcpu, void *(*fn)(void *))
{
	struct sigaction sa = { .sa_handler = on_kick };
	int err;

	sigaction(SIGUSR1, &sa, NULL);
	err = pthread_create(&vcpu->thread, NULL, fn, vcpu);
	if (err)
		die("pthread_create: %s", strerror(err));
}

/* Runs the vCPU to its end in a thread of its own. */
void vcpu_start_done(struct vcpu *vcpu)
{
	vcpu_start(vcpu, run_done);
}

/* Makes a KVM_RUN of the vCPU's thread give EINTR, if one is under way. */
void vcpu_kick(struct vcpu *vcpu)
{
	pthread_kill(vcpu->thread, SIGUSR1);
}

/* Whether the vCPU's thread has come to its end. */
bool vcpu_finished(struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->finished, __ATOMIC_ACQUIRE);
}

void *vcpu_join(struct vcpu *vcpu)
{
	void *ret;

	pthread_join(vcpu->thread, &ret);
	return ret;
}
