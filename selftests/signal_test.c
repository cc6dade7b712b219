// SPDX-License-Identifier: GPL-2.0
/*
 * How KVM_RUN is interrupted: immediate_exit, signals during a guest that
 * never exits, and KVM_SET_SIGNAL_MASK.
 */
#include <signal.h>

#include "strata_test.h"

static volatile uint64_t rounds;

static __guest void g_spin(uint64_t arg)
{
	for (;;)
		rounds++;
}

TEST(immediate_exit)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_spin);
	int i;

	vcpu->run->exit_reason = 0xabc;
	vcpu->run->immediate_exit = 1;
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(EINTR, vcpu_try_run(vcpu));
		/* Neither cleared nor reported by the kernel. */
		EXPECT_EQ(1, vcpu->run->immediate_exit);
		EXPECT_EQ(0xabc, vcpu->run->exit_reason);
	}
	EXPECT_EQ(0, guest_var(vm, rounds));
}

/* Set while the guest runs it does nothing until a signal comes. */
static void *run_until_interrupted(void *arg)
{
	struct vcpu *vcpu = arg;
	int err = vcpu_try_run(vcpu);

	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)err;
}

TEST(signal_in_a_loop)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_spin);
	uint64_t before;

	vcpu_start(vcpu, run_until_interrupted);
	while (!guest_var(vm, rounds))
		usleep(1000);
	before = guest_var(vm, rounds);
	while (guest_var(vm, rounds) == before)
		usleep(1000);
	while (!vcpu_finished(vcpu)) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	EXPECT_EQ(EINTR, (intptr_t)vcpu_join(vcpu));
	EXPECT_EQ(KVM_EXIT_INTR, vcpu->run->exit_reason);
	/* The guest stands in its loop and goes on from there. */
	before = guest_var(vm, rounds);
	vcpu->finished = false;
	vcpu_start(vcpu, run_until_interrupted);
	while (guest_var(vm, rounds) == before)
		usleep(1000);
	while (!vcpu_finished(vcpu)) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	EXPECT_EQ(EINTR, (intptr_t)vcpu_join(vcpu));
}

static int set_mask(struct vcpu *vcpu, const sigset_t *set, uint32_t len)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t bits;
	} m = { .head.len = len };

	if (!set)
		return try_ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, NULL);
	memcpy(m.head.sigset, set, 8);
	return try_ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, &m);
}

static volatile int handled;

static void on_signal(int sig)
{
	handled++;
}

/*
 * A signal that the process blocks and the mask of KVM_RUN does not: KVM_RUN
 * returns, and the signal is still pending.
 */
TEST(signal_mask)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_spin);
	struct sigaction sa = { .sa_handler = on_signal };
	struct timespec zero = { 0 };
	sigset_t usr2, none;

	sigemptyset(&none);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigaction(SIGUSR2, &sa, NULL);
	sigprocmask(SIG_BLOCK, &usr2, NULL);

	EXPECT_EQ(EINVAL, set_mask(vcpu, &none, 4));
	EXPECT_EQ(EINVAL, set_mask(vcpu, &none, 128));
	EXPECT_EQ(0, set_mask(vcpu, &none, 8));
	raise(SIGUSR2);
	EXPECT_EQ(EINTR, vcpu_try_run(vcpu));
	EXPECT_EQ(KVM_EXIT_INTR, vcpu->run->exit_reason);
	EXPECT_EQ(0, handled);
	EXPECT_EQ(SIGUSR2, sigtimedwait(&usr2, NULL, &zero));

	/* With the mask off again the blocked signal does not interrupt. */
	EXPECT_EQ(0, set_mask(vcpu, NULL, 0));
	raise(SIGUSR2);
	vcpu_start(vcpu, run_until_interrupted);
	while (!guest_var(vm, rounds))
		usleep(1000);
	EXPECT_FALSE(vcpu_finished(vcpu));
	while (!vcpu_finished(vcpu)) {
		vcpu_kick(vcpu);
		usleep(1000);
	}
	vcpu_join(vcpu);
	EXPECT_EQ(0, handled);
}

/* A pending I/O exit is completed even if a signal ends KVM_RUN at once. */
ASM_BLOB(in_code, ".code16\n"
	 "inb $0x10, %al\n"
	 "hlt\n");

TEST(signal_completes_io)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	sigset_t usr2, none;
	struct timespec zero = { 0 };

	load_blob(vm, 0x1000, in_code);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	expect_exit(vcpu, KVM_EXIT_IO);
	*((uint8_t *)vcpu->run + PAGE_SIZE) = 0x77;
	sigemptyset(&none);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_BLOCK, &usr2, NULL);
	EXPECT_EQ(0, set_mask(vcpu, &none, 8));
	raise(SIGUSR2);
	EXPECT_EQ(EINTR, vcpu_try_run(vcpu));
	EXPECT_EQ(SIGUSR2, sigtimedwait(&usr2, NULL, &zero));
	EXPECT_EQ(0x77, vcpu_regs(vcpu).rax & 0xff);
	EXPECT_EQ(0x1002, vcpu_regs(vcpu).rip);
	expect_exit(vcpu, KVM_EXIT_HLT);
}

TEST_HARNESS_MAIN
