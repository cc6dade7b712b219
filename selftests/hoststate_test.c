// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest does to its registers stays in the guest: segments, LDT, TLS
 * bases, descriptor tables, PKRU, TSC_AUX and the MSRs of the host are the same
 * after a guest ran with other ones. And what the guest set is still there
 * when it runs again after its host used its own.
 *
 * lab: vmx
 */
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "strata_test.h"

/* <sys/io.h> has names of the guests' library. */
int ioperm(unsigned long from, unsigned long num, int turn_on);

static const uint32_t host_msrs[] = {
	0x174, 0x175, 0x176, 0x277, 0x1d9,
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000102,
	0xc0000103, 0xda0, 0x48,
};

/* What the guest writes, as far as it has them. */
static const uint32_t guest_msrs[] = {
	0x174, 0x175, 0x176, 0x277, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
	0xc0000100, 0xc0000102, 0xc0000103,
};

static const uint64_t guest_values[] = {
	0x10, 0x1234, 0x5678, 0x0007040600070406, 0x0013000800000000, 0xffff800012340000,
	0xffff800012350000, 0x700, 0x123450000, 0xffff888800000000, 0x4711,
};

static volatile uint64_t has[ARRAY_SIZE(guest_msrs)];

static __guest void g_own_state(uint64_t arg)
{
	uint64_t v;
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(guest_msrs); i++)
		has[i] = !wrmsr_try(guest_msrs[i], guest_values[i]);
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0));
	write_cr2(0xabcdef);
	for (round = 1; round < 20; round++) {
		GUEST_SYNC(round);
		for (i = 0; i < ARRAY_SIZE(guest_msrs); i++) {
			if (!has[i])
				continue;
			rdmsr_try(guest_msrs[i], &v);
			GUEST_ASSERT_EQ(guest_values[i], v);
		}
		GUEST_ASSERT_EQ(0xabcdef, read_cr2());
	}
	GUEST_DONE();
}

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct state {
	uint16_t ds, es, fs, gs, ss, cs, ldt, tr;
	struct table gdt, idt;
	unsigned long fs_base, gs_base;
	uint32_t pkru, aux;
	uint64_t msr[ARRAY_SIZE(host_msrs)];
	int msr_ok[ARRAY_SIZE(host_msrs)];
};

static int msr_fd = -1;

static void read_state(struct state *s)
{
	uint32_t a, b, c, d;
	unsigned int i;

	memset(s, 0, sizeof(*s));
	asm volatile("mov %%ds, %0" : "=m"(s->ds));
	asm volatile("mov %%es, %0" : "=m"(s->es));
	asm volatile("mov %%fs, %0" : "=m"(s->fs));
	asm volatile("mov %%gs, %0" : "=m"(s->gs));
	asm volatile("mov %%ss, %0" : "=m"(s->ss));
	asm volatile("mov %%cs, %0" : "=m"(s->cs));
	asm volatile("sldt %0" : "=m"(s->ldt));
	asm volatile("str %0" : "=m"(s->tr));
	asm volatile("sgdt %0" : "=m"(s->gdt));
	asm volatile("sidt %0" : "=m"(s->idt));
	syscall(SYS_arch_prctl, ARCH_GET_FS, &s->fs_base);
	syscall(SYS_arch_prctl, ARCH_GET_GS, &s->gs_base);
	a = 7;
	c = 0;
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (c & 1 << 4)
		asm volatile("rdpkru" : "=a"(s->pkru), "=d"(d) : "c"(0));
	a = 0x80000001;
	asm volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	if (d & 1 << 27)
		asm volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(s->aux));
	for (i = 0; i < ARRAY_SIZE(host_msrs) && msr_fd >= 0; i++)
		s->msr_ok[i] = pread(msr_fd, &s->msr[i], 8, host_msrs[i]) == 8;
}

/* Segment registers, bases and an LDT that are not the usual ones. */
static void unusual_state(void)
{
	struct user_desc d = {
		.entry_number = 3, .base_addr = 0x1000, .limit = 0xfffff,
		.seg_32bit = 1, .limit_in_pages = 1, .useable = 1,
	};

	if (syscall(SYS_modify_ldt, 1, &d, sizeof(d)))
		die("modify_ldt: %s", strerror(errno));
	syscall(SYS_arch_prctl, ARCH_SET_GS, 0x123456789000);
	asm volatile("mov %0, %%es" : : "r"(3 << 3 | 7));
}

static int count_differences(const struct state *a, const struct state *b)
{
	unsigned int i, bad = 0;

	bad += memcmp(a, b, offsetof(struct state, msr)) != 0;
	if (bad)
		fprintf(stderr, "# registers of this process changed\n");
	for (i = 0; i < ARRAY_SIZE(host_msrs); i++) {
		if (!a->msr_ok[i] || a->msr[i] == b->msr[i])
			continue;
		fprintf(stderr, "# host MSR %#x: %#lx, was %#lx\n", host_msrs[i], b->msr[i],
			a->msr[i]);
		bad++;
	}
	return bad;
}

TEST(registers_and_msrs)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_own_state);
	struct state before, after;
	int i;

	pin_to_cpu(0);
	if (!system("modprobe msr 2>&-"))
		msr_fd = open("/dev/cpu/0/msr", O_RDONLY);
	unusual_state();
	read_state(&before);
	for (i = 1; i < 20; i++) {
		vcpu_run_sync(vcpu, i);
		read_state(&after);
		ASSERT_EQ(0, count_differences(&before, &after));
		/* The LDT still works, not only its selector. */
		asm volatile("mov %0, %%es" : : "r"(3 << 3 | 7));
	}
	vcpu_run_done(vcpu);
	/* And after the VM is gone. */
	vm_free(vm);
	read_state(&after);
	EXPECT_EQ(0, count_differences(&before, &after));
	asm volatile("mov %0, %%es" : : "r"(0));
}

/* Two guests with different values share a CPU, and the syscalls of the host. */
static __guest void g_gs(uint64_t arg)
{
	uint64_t i;

	wrmsr(0xc0000102, 0x1000000 * (arg + 1));
	wrmsr(0xc0000082, 0x2000000 * (arg + 1));
	for (i = 0; i < 40; i++) {
		GUEST_SYNC(1);
		GUEST_ASSERT_EQ(0x1000000 * (arg + 1), rdmsr(0xc0000102));
		GUEST_ASSERT_EQ(0x2000000 * (arg + 1), rdmsr(0xc0000082));
	}
	GUEST_DONE();
}

TEST(two_guests)
{
	struct vm *a = vm_create(0), *b = vm_create(0);
	struct vcpu *va = vcpu_create(a, 0, g_gs), *vb = vcpu_create(b, 1, g_gs);
	int i;

	pin_to_cpu(0);
	for (i = 0; i < 40; i++) {
		vcpu_run_sync(va, 1);
		vcpu_run_sync(vb, 1);
	}
	vcpu_run_done(va);
	vcpu_run_done(vb);
}

static __guest void g_syncs(uint64_t arg)
{
	uint64_t i;

	for (i = 1;; i++)
		GUEST_SYNC(i);
}

/* A thread's own variables are found by FS; two threads take turns on the vCPU. */
static __thread volatile int own;

struct turns {
	struct vcpu *vcpu;
	pthread_barrier_t barrier;
	int wrong;
};

static void take_turns(struct turns *t, int me)
{
	int i;

	pin_to_cpu(0);
	own = 7 + me;
	for (i = 0; i < 20; i++) {
		if (i % 2 == me)
			vcpu_run_sync(t->vcpu, i + 1);
		if (own != 7 + me)
			t->wrong++;
		pthread_barrier_wait(&t->barrier);
	}
}

static void *second(void *t)
{
	take_turns(t, 1);
	return NULL;
}

TEST(threads_take_turns)
{
	struct turns t = { .vcpu = vcpu_create(vm_create(0), 0, g_syncs) };
	pthread_t thread;

	pthread_barrier_init(&t.barrier, NULL, 2);
	ASSERT_EQ(0, pthread_create(&thread, NULL, second, &t));
	take_turns(&t, 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.wrong);
}

/*
 * The ports that a process may use stand in the TSS, in reach of its limit; an
 * exit of VMX cuts the limit off.
 */
TEST(own_ports)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_syncs);
	int i;

	if (ioperm(0x80, 1, 1))
		SKIP(return, "needs root and a kernel with ioperm");
	pin_to_cpu(0);
	for (i = 1; i < 20; i++) {
		vcpu_run_sync(vcpu, i);
		outb(0x80, 0);
	}
	ioperm(0x80, 1, 0);
}

/* And of a process that runs on the same CPU in between. */
TEST(ports_of_another)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_syncs);
	int i, status;
	pid_t pid;

	if (ioperm(0x80, 1, 1) || ioperm(0x80, 1, 0))
		SKIP(return, "needs root and a kernel with ioperm");
	pin_to_cpu(0);
	pid = fork();
	if (!pid) {
		if (ioperm(0x80, 1, 1))
			_exit(1);
		for (i = 0; i < 200; i++) {
			outb(0x80, 0);
			sched_yield();
		}
		_exit(0);
	}
	for (i = 1; !waitpid(pid, &status, WNOHANG); i++) {
		vcpu_run_sync(vcpu, i);
		sched_yield();
	}
	EXPECT_EQ(0, status);
}

static sigjmp_buf forbidden;

static void on_segv(int sig)
{
	siglongjmp(forbidden, 1);
}

static bool rdtsc_faults(void)
{
	if (sigsetjmp(forbidden, 1))
		return true;
	rdtsc();
	return false;
}

/* CR4.TSD goes with the process; the host's CR4 at the exit is that of the entry. */
static int change_tsd(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_syncs);
	int i = 1, bad = 0, round;

	signal(SIGSEGV, on_segv);
	vcpu_run_sync(vcpu, i++);
	for (round = 0; round < 3; round++) {
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
		vcpu_run_sync(vcpu, i++);
		bad |= !rdtsc_faults();
		prctl(PR_SET_TSC, PR_TSC_ENABLE);
		vcpu_run_sync(vcpu, i++);
		bad |= rdtsc_faults();
	}
	return bad;
}

TEST(cr4)
{
	pid_t pid = fork();
	int status;

	/* A process of its own: its clock is read by RDTSC, too. */
	if (!pid) {
		pin_to_cpu(0);
		_exit(change_tsd());
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
