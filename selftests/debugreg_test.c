// SPDX-License-Identifier: GPL-2.0
/*
 * Debug registers: the guest's work and stay its own, and the host's survive.
 *
 * lab: vmx
 */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

/* The C library's, which is the same number. */
#undef PAGE_SIZE
#include "strata_test.h"

#define GUEST_DR(n)							\
	__guest_inline uint64_t read_dr##n(void)			\
	{								\
		uint64_t v;						\
									\
		asm volatile("mov %%dr" #n ", %0" : "=r"(v));		\
		return v;						\
	}								\
	__guest_inline void write_dr##n(uint64_t v)			\
	{								\
		asm volatile("mov %0, %%dr" #n : : "r"(v) : "memory");	\
	}
GUEST_DR(0)
GUEST_DR(1)
GUEST_DR(2)
GUEST_DR(3)
GUEST_DR(6)
GUEST_DR(7)

static volatile uint64_t watched, hits, hit_dr6;

static __guest void on_db(struct guest_frame *f)
{
	hits++;
	hit_dr6 = read_dr6();
	write_dr6(0xffff0ff0);
	/* An execution breakpoint would come again. */
	f->rflags |= 1 << 16;
}

static __guest void nothing(void)
{
	asm volatile("nop");
}

static __guest void g_breakpoints(uint64_t arg)
{
	guest_handler[1] = on_db;
	write_dr0((uintptr_t)&watched);
	/* DR0: writes of eight bytes, local and global. */
	write_dr7(0x400 | 3 | 9ull << 16);
	watched = 1;
	GUEST_SYNC2(1, hits);
	GUEST_ASSERT_EQ(1, hits);
	GUEST_ASSERT_EQ(1, hit_dr6 & 15);
	watched = 2;
	GUEST_ASSERT_EQ(2, hits);
	write_dr7(0x400);
	watched = 3;
	GUEST_ASSERT_EQ(2, hits);
	/* DR1: execution. */
	write_dr1((uintptr_t)nothing);
	write_dr7(0x400 | 0xc);
	nothing();
	GUEST_ASSERT_EQ(3, hits);
	GUEST_ASSERT_EQ(2, hit_dr6 & 15);
	write_dr7(0x400);
	GUEST_DONE();
}

TEST(guest_breakpoints)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_breakpoints);

	vcpu_run_sync(vcpu, 1);
	/*
	 * A breakpoint set by the guest's own MOV works there, one that VMRUN
	 * loads does not.
	 */
	if (!vcpu->uc.arg[1] && host_is_tcg())
		SKIP(return, "this CPU, QEMU's TCG, arms no breakpoints at VMRUN");
	vcpu_run_done(vcpu);
}

static __guest void g_values(uint64_t arg)
{
	GUEST_ASSERT_EQ(0, read_dr0() | read_dr1() | read_dr2() | read_dr3());
	GUEST_ASSERT_EQ(0xffff0ff0, read_dr6());
	GUEST_ASSERT_EQ(0x400, read_dr7());
	write_dr0(0x1000 + arg);
	write_dr1(0x2000 + arg);
	write_dr2(0x3000 + arg);
	write_dr3(0x4000 + arg);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(0x1000 + arg, read_dr0());
	GUEST_ASSERT_EQ(0x2000 + arg, read_dr1());
	GUEST_ASSERT_EQ(0x3000 + arg, read_dr2());
	GUEST_ASSERT_EQ(0x4000 + arg, read_dr3());
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("mov %1, %%dr7", "r"(1ull << 32)));
	GUEST_DONE();
}

/* Two vCPUs on one CPU do not see each other's. */
TEST(values_are_private)
{
	struct vm *vm = vm_create(0);
	struct vcpu *a = vcpu_create(vm, 0, g_values), *b = vcpu_create(vm, 1, g_values);

	vcpu_run_sync(a, 1);
	vcpu_run_sync(b, 1);
	vcpu_run_done(a);
	vcpu_run_done(b);
}

/*
 * A process under a debugger that has set a watchpoint runs a guest that uses
 * the debug registers: the watchpoint still hits afterwards.
 */
static volatile uint64_t host_watched;

TEST(host_breakpoints)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu;
	pid_t pid = fork();
	int status;

	if (!pid) {
		vm_free(vm);
		vm = vm_create(0);
		vcpu = vcpu_create(vm, 0, g_values);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		vcpu_run_sync(vcpu, 1);
		host_watched = 1;
		_exit(7);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]),
			    &host_watched));
	ASSERT_EQ(0, ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]),
			    1 | 9ul << 16));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, 0, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGTRAP, WSTOPSIG(status));
	EXPECT_EQ((long)&host_watched,
		  ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[0]), 0));
	ptrace(PTRACE_CONT, pid, 0, 0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7, WEXITSTATUS(status));
}

/* INT1 is a trap: what is pushed points behind it. */
static volatile uint64_t int1_rip;

static __guest void on_int1(struct guest_frame *f)
{
	int1_rip = f->rip;
}

static __guest void g_int1(uint64_t arg)
{
	uint64_t behind;

	guest_handler[1] = on_int1;
	asm volatile("lea 1f(%%rip), %0; .byte 0xf1; 1:" : "=r"(behind) : : "memory");
	GUEST_ASSERT_EQ(behind, int1_rip);
	GUEST_DONE();
}

TEST(int1)
{
	struct vm *vm = vm_create(0);

	if (host_is_tcg())
		SKIP(return, "QEMU's TCG raises the exception of INT1 before it has moved RIP on");
	vcpu_run_done(vcpu_create(vm, 0, g_int1));
}

TEST_HARNESS_MAIN
