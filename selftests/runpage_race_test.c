// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2
 *
 * A second thread rewrites every byte of the run page, of the PIO page and of
 * the coalesced ring while KVM_RUN uses them. Nothing is promised to such a
 * guest; the host must not notice, and other VMs must work.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul
#define RUNS	3000

static volatile uint64_t buf;

static __guest void g_devices(uint64_t arg)
{
	for (;;) {
		uint64_t d = buf, s = buf, n = 600;

		asm volatile("rep insb" : "+D"(d), "+c"(n) : "d"(0x10) : "memory");
		n = 150;
		asm volatile("rep outsl" : "+S"(s), "+c"(n) : "d"(0x14) : "memory");
		inl(0x20);
		outb(0x24, 1);
		mmio_read64(HOLE + 8);
		mmio_write32(HOLE + PAGE_SIZE - 2, 5);
		mmio_read32(HOLE + PAGE_SIZE - 1);
		asm volatile("addl $1, (%0)" : : "r"(HOLE + 16) : "memory");
		asm volatile("movsq" : : "S"(HOLE), "D"(HOLE + 64) : "memory");
	}
}

static volatile int stop;

struct target {
	struct vcpu *vcpu;
	size_t from, to;
	int value;	/* or -1 for random bytes */
};

static void *scribble(void *arg)
{
	struct target *t = arg;
	volatile uint8_t *p = (volatile uint8_t *)t->vcpu->run;
	unsigned int seed = 12345;

	while (!stop) {
		size_t i;

		for (i = t->from; i < t->to && !stop; i++) {
			/* Left alone, or nothing ever runs. */
			if (i == offsetof(struct kvm_run, immediate_exit))
				continue;
			seed = seed * 1103515245 + 12345;
			p[i] = t->value < 0 ? (int)(seed >> 16) : t->value;
		}
		sched_yield();
	}
	return NULL;
}

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

static void race(size_t from, size_t to, int value)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_devices);
	struct target t = { vcpu, from, to, value };
	struct kvm_regs good = vcpu_regs(vcpu);
	struct kvm_sregs sgood = vcpu_sregs(vcpu);
	pthread_t thread;
	int i;

	vm_map(vm, HOLE, HOLE, 2 * PAGE_SIZE, PTE_W);
	guest_var(vm, buf) = vm_alloc(vm, PAGE_SIZE);
	stop = 0;
	if (pthread_create(&thread, NULL, scribble, &t))
		die("pthread_create");
	for (i = 0; i < RUNS; i++) {
		uint32_t reason;

		vcpu_try_run(vcpu);
		reason = *(volatile uint32_t *)&vcpu->run->exit_reason;
		/* The register area of the page may have ruined the guest. */
		if (reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO) {
			vcpu->run->kvm_dirty_regs = 0;
			ioctl(vcpu->fd, KVM_SET_SREGS, &sgood);
			ioctl(vcpu->fd, KVM_SET_REGS, &good);
		}
	}
	stop = 1;
	pthread_join(thread, NULL);
	vm_free(vm);
	vm = vm_create(0);
	vcpu_run_done(vcpu_create(vm, 0, g_done));
	vm_free(vm);
}

TEST(all_random)
{
	race(0, run_mmap_size(), -1);
}

TEST(exit_data_random)
{
	race(offsetof(struct kvm_run, hw), offsetof(struct kvm_run, hw) + 64, -1);
}

TEST(exit_data_ones)
{
	race(offsetof(struct kvm_run, hw), offsetof(struct kvm_run, hw) + 64, 0xff);
}

TEST(header_random)
{
	race(0, offsetof(struct kvm_run, hw), -1);
}

TEST(other_pages_ones)
{
	race(PAGE_SIZE, run_mmap_size(), 0xff);
}

TEST_HARNESS_MAIN
