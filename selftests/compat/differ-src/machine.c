// SPDX-License-Identifier: GPL-2.0
/*
 * A VM on one of the two devices, in which cases run one after the other. It has
 * no interrupt controller: nothing comes that the case does not bring along.
 */
#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "differ.h"

/*
 * A case that has not ended by then, in real time, does not count. A millisecond of
 * Bochs' time is some seconds of ours.
 */
#define TICK_NS		(spare_tcg ? 10000000 : 1000000)
#define PATIENCE	4

struct machine {
	int device, vm, vcpu;
	uint8_t *mem;
	struct kvm_run *run;
	size_t run_size;
};

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
	ticks++;
}

static void start_ticks(void)
{
	struct itimerspec every = { { 0, TICK_NS }, { 0, TICK_NS } };
	struct sigevent tick = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct sigaction sa = { .sa_handler = on_tick };
	static bool started;
	timer_t timer;

	if (started)
		return;
	started = true;
	sigaction(SIGUSR2, &sa, NULL);
	if (timer_create(CLOCK_MONOTONIC, &tick, &timer) || timer_settime(timer, 0, &every, NULL))
		die("timer: %s", strerror(errno));
}

static int again(int fd, unsigned long cmd, unsigned long arg, const char *what)
{
	int ret;

	do
		ret = ioctl(fd, cmd, arg);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		die("%s: %s", what, strerror(errno));
	return ret;
}

#define must(fd, cmd, arg)	again(fd, cmd, (unsigned long)(arg), #cmd)

static void slot(struct machine *m, unsigned int number, unsigned int flags, unsigned int first,
		 unsigned int end)
{
	struct kvm_userspace_memory_region r = {
		.slot = number, .flags = flags, .guest_phys_addr = first,
		.memory_size = end - first, .userspace_addr = (uintptr_t)m->mem + first,
	};

	must(m->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

struct machine *machine_open(const char *device, const struct kvm_cpuid2 *cpuid)
{
	struct machine *m = calloc(1, sizeof(*m));

	m->device = open(device, O_RDWR | O_CLOEXEC);
	if (m->device < 0)
		die("%s: %s", device, strerror(errno));
	m->vm = must(m->device, KVM_CREATE_VM, 0);
	must(m->vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	m->mem = mem_alloc(GUEST_SIZE, 4096);
	slot(m, 0, 0, 0, HOLE_PAGE);
	slot(m, 1, KVM_MEM_READONLY, ROM_PAGE, GDT_PAGE);
	slot(m, 2, 0, GDT_PAGE, GUEST_SIZE);
	m->vcpu = must(m->vm, KVM_CREATE_VCPU, 0);
	m->run_size = must(m->device, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->run = mmap(NULL, m->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	if (m->run == MAP_FAILED)
		die("mmap of the run page: %s", strerror(errno));
	must(m->vcpu, KVM_SET_CPUID2, cpuid);
	start_ticks();
	return m;
}

void machine_close(struct machine *m)
{
	munmap(m->run, m->run_size);
	close(m->vcpu);
	close(m->vm);
	close(m->device);
	munmap(m->mem, GUEST_SIZE);
	free(m);
}

static void access_msrs(struct machine *m, unsigned long cmd, const struct kase *k, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[8];
	} msrs = { .head.nmsrs = k->nr_msrs };
	unsigned int i;

	for (i = 0; i < k->nr_msrs; i++) {
		msrs.e[i].index = k->msr[i].index;
		msrs.e[i].data = k->msr[i].value;
	}
	if (again(m->vcpu, cmd, (unsigned long)&msrs, "MSRs") != (int)k->nr_msrs)
		die("not all MSRs are taken");
	for (i = 0; value && i < k->nr_msrs; i++)
		value[i] = msrs.e[i].data;
}

static void set_fpu(struct machine *m, const struct kase *k)
{
	struct fxsave fpu = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	struct kvm_xsave xsave = { 0 };
	uint64_t xstate_bv = 3;

	memcpy(fpu.xmm, k->xmm, sizeof(fpu.xmm));
	memcpy(&xsave, &fpu, sizeof(fpu));
	memcpy(&xsave.region[128], &xstate_bv, 8);
	must(m->vcpu, KVM_SET_XSAVE, &xsave);
}

static void set_state(struct machine *m, const struct kase *k)
{
	/* PAT, and what no case begins with. */
	static const struct kase common = {
		.msr = { { 0x277, 0x0007040600070406ull }, { 0xc0000103, 0 }, { 0x200, 0 },
			 { 0x201, 0 }, { 0x250, 0 }, { 0x2ff, 0 } },
		.nr_msrs = 6,
	};
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = 1 };
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	struct kvm_interrupt irq = { k->inject };

	must(m->vcpu, KVM_SET_MP_STATE, &mp);
	must(m->vcpu, KVM_SET_SREGS, &k->sregs);
	must(m->vcpu, KVM_SET_REGS, &k->regs);
	must(m->vcpu, KVM_SET_VCPU_EVENTS, &k->events);
	must(m->vcpu, KVM_SET_DEBUGREGS, &k->debugregs);
	set_fpu(m, k);
	must(m->vcpu, KVM_SET_XCRS, &xcrs);
	access_msrs(m, KVM_SET_MSRS, &common, NULL);
	access_msrs(m, KVM_SET_MSRS, k, NULL);
	m->run->cr8 = 0;
	m->run->apic_base = k->sregs.apic_base;
	m->run->immediate_exit = 0;
	if (k->inject >= 0)
		must(m->vcpu, KVM_INTERRUPT, &irq);
}

/* What says the same in other words, or says nothing. */
static void level(struct result *r)
{
	/* CS to LDT follow one another. */
	struct kvm_segment *seg = &r->sregs.cs;
	unsigned int i;

	/* After a shutdown nothing is defined, and KVM resets the half of it. */
	if (!r->error && r->reason == KVM_EXIT_SHUTDOWN) {
		memset(&r->regs, 0, sizeof(r->regs));
		memset(&r->sregs, 0, sizeof(r->sregs));
		memset(&r->debugregs, 0, sizeof(r->debugregs));
		memset(&r->events, 0, sizeof(r->events));
		memset(r->msr, 0, sizeof(r->msr));
	}
	/*
	 * With an instruction that it cannot emulate KVM queues a #UD as well. Only on
	 * Intel's CPUs it tells a fault in the delivery of an event from it.
	 */
	if (r->reason == KVM_EXIT_INTERNAL_ERROR) {
		memset(&r->events, 0, sizeof(r->events));
		if (r->detail == KVM_INTERNAL_ERROR_DELIVERY_EV)
			r->detail = KVM_INTERNAL_ERROR_EMULATION;
	}
	/* QEMU's TCG keeps reserved bits of debug registers, and has no exit for XSETBV. */
	if (spare_tcg) {
		r->debugregs.dr6 &= 0xe00f;
		r->debugregs.dr7 &= 0xffff2fff;
		r->xcr0 = 0;
	}
	if (!r->events.exception.injected)
		memset(&r->events.exception, 0, sizeof(r->events.exception));
	if (!r->events.interrupt.injected)
		r->events.interrupt.nr = 0;
	/* Of a segment that is none, nothing means anything. */
	for (i = 0; i < 8; i++)
		if (seg[i].unusable)
			memset(&seg[i], 0, sizeof(seg[i]));
	/* KVM says of every TR that it is busy. */
	r->sregs.tr.type |= 2;
}

static void get_state(struct machine *m, const struct kase *k, struct result *r)
{
	struct kvm_xsave xsave = { 0 };
	struct kvm_xcrs xcrs = { 0 };
	unsigned int i;

	must(m->vcpu, KVM_GET_REGS, &r->regs);
	must(m->vcpu, KVM_GET_SREGS, &r->sregs);
	must(m->vcpu, KVM_GET_DEBUGREGS, &r->debugregs);
	must(m->vcpu, KVM_GET_XSAVE, &xsave);
	memcpy(&r->fpu, &xsave, sizeof(r->fpu));
	r->fpu.mxcsr_mask = 0;
	must(m->vcpu, KVM_GET_XCRS, &xcrs);
	r->xcr0 = xcrs.xcrs[0].value;
	must(m->vcpu, KVM_GET_VCPU_EVENTS, &r->events);
	access_msrs(m, KVM_GET_MSRS, k, r->msr);
	level(r);
	for (i = 0; i < GUEST_SIZE / 4096; i++)
		r->page[i] = hash_page(m->mem + 4096 * i);
	if (r->memory)
		memcpy(r->memory, m->mem, GUEST_SIZE);
}

static uint64_t load(const uint8_t *p, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, p, size <= 8 ? size : 8);
	return v;
}

/* What is read depends on the case and on how many accesses there were before. */
static uint64_t answer(const struct kase *k, uint32_t nth)
{
	struct rng r = { k->number ^ ((uint64_t)nth << 40) };

	return rng_next(&r);
}

static void note(struct result *r, uint8_t kind, uint8_t size, uint64_t address, uint64_t value)
{
	if (r->nr_accesses < MAX_EXITS)
		r->access[r->nr_accesses] = (struct access){ kind, size, address, value };
	r->nr_accesses++;
}

/* String I/O may come as one exit or as many: each element is one access. */
static void do_io(struct machine *m, const struct kase *k, struct result *r)
{
	bool out = m->run->io.direction == KVM_EXIT_IO_OUT;
	unsigned int i, size = m->run->io.size;
	uint8_t *data = (uint8_t *)m->run + m->run->io.data_offset;

	for (i = 0; i < m->run->io.count; i++, data += size) {
		uint64_t v = answer(k, r->nr_accesses);

		if (!out)
			memcpy(data, &v, size);
		note(r, out ? 'o' : 'i', size, m->run->io.port, load(data, size));
	}
}

static void do_mmio(struct machine *m, const struct kase *k, struct result *r)
{
	uint64_t v = answer(k, r->nr_accesses);
	unsigned int size = m->run->mmio.len;

	if (!m->run->mmio.is_write)
		memcpy(m->run->mmio.data, &v, 8);
	note(r, m->run->mmio.is_write ? 'w' : 'r', size, m->run->mmio.phys_addr,
	     load(m->run->mmio.data, size));
}

/* Gives false when the case has ended. */
static bool step(struct machine *m, const struct kase *k, struct result *r)
{
	if (ioctl(m->vcpu, KVM_RUN, 0) < 0) {
		if (errno == EINTR && !m->run->immediate_exit && ticks < PATIENCE)
			return true;
		r->late = !m->run->immediate_exit && errno == EINTR;
		r->error = errno;
		return false;
	}
	r->reason = m->run->exit_reason;
	switch (m->run->exit_reason) {
	case KVM_EXIT_IO:
		do_io(m, k, r);
		return true;
	case KVM_EXIT_MMIO:
		do_mmio(m, k, r);
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		r->detail = m->run->internal.suberror;
		return false;
	}
	return false;
}

void machine_run(struct machine *m, const struct kase *k, struct result *r)
{
	uint8_t *memory = r->memory;

	memset(r, 0, sizeof(*r));
	r->memory = memory;
	fill_memory(m->mem, k);
	set_state(m, k);
	ticks = 0;
	while (step(m, k, r)) {
		if (r->nr_accesses >= MAX_EXITS)
			m->run->immediate_exit = 1;
		if (ticks >= PATIENCE)
			r->late = 1;
		if (r->late)
			break;
	}
	/* An access that is under way ends with its case. */
	m->run->immediate_exit = 1;
	while (!ioctl(m->vcpu, KVM_RUN, 0))
		if (m->run->exit_reason != KVM_EXIT_IO && m->run->exit_reason != KVM_EXIT_MMIO)
			break;
	get_state(m, k, r);
}
