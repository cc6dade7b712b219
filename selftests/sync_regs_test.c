// SPDX-License-Identifier: GPL-2.0
/*
 * Registers in the run page (KVM_CAP_SYNC_REGS): what is dirty is taken, what
 * is asked for is left there, bad values are refused as by their own ioctls,
 * and user space that writes while they are read does no harm.
 *
 * lab: vmx
 */
#include "strata_test.h"

#define ALL	(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)

static __guest void g_count(uint64_t arg)
{
	register uint64_t n asm("rbx") = 0;

	for (;;) {
		asm volatile("inc %0" : "+r"(n));
		asm volatile("outb %%al, $0x77" : : "a"(0), "r"(n));
	}
}

FIXTURE(sync) {
	struct vcpu *vcpu;
	struct kvm_run *run;
};

FIXTURE_SETUP(sync)
{
	self->vcpu = vcpu_create(vm_create(0), 0, g_count);
	self->run = self->vcpu->run;
}

FIXTURE_TEARDOWN(sync)
{
	vm_free(self->vcpu->vm);
}

TEST_F(sync, out)
{
	struct kvm_vcpu_events ev;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	ASSERT_EQ(ALL, has_cap(KVM_CAP_SYNC_REGS));
	self->run->kvm_valid_regs = ALL;
	expect_exit(self->vcpu, KVM_EXIT_IO);
	regs = vcpu_regs(self->vcpu);
	sregs = vcpu_sregs(self->vcpu);
	xioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &ev);
	EXPECT_EQ(0, memcmp(&regs, &self->run->s.regs.regs, sizeof(regs)));
	EXPECT_EQ(0, memcmp(&sregs, &self->run->s.regs.sregs, sizeof(sregs)));
	EXPECT_EQ(0, memcmp(&ev, &self->run->s.regs.events, sizeof(ev)));
	EXPECT_EQ(1, regs.rbx);
	/* Not asked for: it stays as it is. */
	self->run->kvm_valid_regs = KVM_SYNC_X86_SREGS;
	expect_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, self->run->s.regs.regs.rbx);
	self->run->kvm_valid_regs = 0;
	memset(&self->run->s, 0x55, sizeof(self->run->s));
	expect_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x5555555555555555ull, self->run->s.regs.regs.rbx);
	EXPECT_EQ(3, vcpu_regs(self->vcpu).rbx);
}

TEST_F(sync, in)
{
	self->run->kvm_valid_regs = ALL;
	expect_exit(self->vcpu, KVM_EXIT_IO);
	self->run->s.regs.regs.rbx = 0x1000;
	/* Not marked: not taken. */
	expect_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(2, self->run->s.regs.regs.rbx);
	self->run->s.regs.regs.rbx = 0x1000;
	self->run->s.regs.sregs.cr2 = 0x77000;
	self->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	expect_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x1001, self->run->s.regs.regs.rbx);
	EXPECT_EQ(0x77000, vcpu_sregs(self->vcpu).cr2);
	EXPECT_EQ(0, self->run->kvm_dirty_regs);
	/* An interrupt by the events, where the guest does not take any: it waits. */
	self->run->s.regs.events.interrupt.injected = 1;
	self->run->s.regs.events.interrupt.nr = 0x31;
	self->run->kvm_dirty_regs = KVM_SYNC_X86_EVENTS;
	expect_exit(self->vcpu, KVM_EXIT_IO);
	EXPECT_EQ(1, self->run->s.regs.events.interrupt.injected);
	EXPECT_EQ(0x31, self->run->s.regs.events.interrupt.nr);
}

TEST_F(sync, errors)
{
	self->run->kvm_valid_regs = 8;
	EXPECT_EQ(EINVAL, vcpu_try_run(self->vcpu));
	self->run->kvm_valid_regs = ALL;
	self->run->kvm_dirty_regs = 1ull << 63;
	EXPECT_EQ(EINVAL, vcpu_try_run(self->vcpu));
	self->run->kvm_dirty_regs = 0;
	expect_exit(self->vcpu, KVM_EXIT_IO);
	/* PG without PE. */
	self->run->s.regs.sregs.cr0 = 0x80000000;
	self->run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	EXPECT_EQ(EINVAL, vcpu_try_run(self->vcpu));
	self->run->s.regs.events.flags = ~0u;
	self->run->kvm_dirty_regs = KVM_SYNC_X86_EVENTS;
	EXPECT_EQ(EINVAL, vcpu_try_run(self->vcpu));
	self->run->kvm_dirty_regs = 0;
	expect_exit(self->vcpu, KVM_EXIT_IO);
}

static volatile bool stop;

static void *scribble(void *arg)
{
	struct kvm_run *run = arg;
	uint64_t good = run->s.regs.sregs.cr4, n = 0;

	while (!stop) {
		run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
		run->s.regs.sregs.cr4 = n++ & 1 ? ~0ull : good;
		run->kvm_valid_regs = n % 3 ? ALL : ~0ull;
	}
	return NULL;
}

TEST_F(sync, races)
{
	pthread_t thread;
	int i;

	self->run->kvm_valid_regs = ALL;
	expect_exit(self->vcpu, KVM_EXIT_IO);
	stop = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, self->run));
	for (i = 0; i < 3000; i++) {
		int err = vcpu_try_run(self->vcpu);

		if (err && err != EINVAL)
			die("KVM_RUN: %s", strerror(err));
		if (vcpu_sregs(self->vcpu).cr4 == ~0ull)
			die("a bad CR4 was taken");
	}
	stop = true;
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
