// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GUEST_DEBUG: single step through plain code, exits, device accesses
 * and faults; breakpoints in hardware and in the code; injected #DB and #BP;
 * and that the guest's own debug registers and flags stay its own.
 *
 * lab: vmx
 */
#include "strata_test.h"

#define ENABLE	KVM_GUESTDBG_ENABLE
#define STEP	(ENABLE | KVM_GUESTDBG_SINGLESTEP)
#define SW_BP	(ENABLE | KVM_GUESTDBG_USE_SW_BP)
#define HW_BP	(ENABLE | KVM_GUESTDBG_USE_HW_BP)
#define TF	(1ull << 8)
#define DR6	0xffff0ff0ull

static int debug(struct vcpu *vcpu, uint32_t control, uint64_t db0, uint64_t dr7)
{
	struct kvm_guest_debug d = { .control = control, .arch.debugreg = { [0] = db0, [7] = dr7 } };

	return try_ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &d);
}

#define expect_debug(vcpu, vector, at)					\
	do {								\
		expect_exit(vcpu, KVM_EXIT_DEBUG);			\
		EXPECT_EQ(vector, (vcpu)->run->debug.arch.exception);	\
		EXPECT_EQ((uintptr_t)(at), (vcpu)->run->debug.arch.pc);	\
		EXPECT_EQ((uintptr_t)(at), vcpu_regs(vcpu).rip);	\
	} while (0)

#define LABELS_1	step_a, step_b, step_c, step_d, step_e, step_f, step_g
extern const uint8_t LABELS_1;

static __guest void g_steps(uint64_t arg)
{
	uint64_t rax, rbx, rcx, rdx;

	GUEST_SYNC(1);
	asm volatile("mov $7, %%ebx\n"
		     "step_a: inc %%ebx\n"
		     "step_b: xor %%eax, %%eax\n"
		     "step_c: cpuid\n"
		     "step_d: mov $0xc0000101, %%ecx\n"
		     "step_e: rdmsr\n"
		     "step_f: inb $0x71, %%al\n"
		     "step_g: nop\n"
		     : "=a"(rax), "=b"(rbx), "=c"(rcx), "=d"(rdx) : : "memory");
	GUEST_SYNC(2);
	GUEST_DONE();
}

/* Runs to the label, whatever instructions the compiler put before it. */
static void step_to(struct vcpu *vcpu, const void *label)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (vcpu_regs(vcpu).rip == (uintptr_t)label)
			return;
		vcpu_run(vcpu);
	}
	die("%p is never reached", label);
}

TEST(single_step)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_steps);
	static const uint8_t *const stops[] = { &step_b, &step_c, &step_d, &step_e, &step_f };
	unsigned int i;

	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(0, debug(vcpu, STEP, 0, 0));
	EXPECT_EQ(0, vcpu_regs(vcpu).rflags & TF);
	step_to(vcpu, &step_a);
	for (i = 0; i < ARRAY_SIZE(stops); i++) {
		expect_debug(vcpu, 1, stops[i]);
		EXPECT_EQ(DR6 | 1 << 14, vcpu->run->debug.arch.dr6);
		EXPECT_EQ(0, vcpu_regs(vcpu).rflags & TF);
	}
	/* The one that exits first completes, then is a step. */
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x71, vcpu->run->io.port);
	expect_debug(vcpu, 1, &step_g);
	ASSERT_EQ(0, debug(vcpu, 0, 0, 0));
	EXPECT_EQ(0, vcpu_regs(vcpu).rflags & TF);
	vcpu_run_sync(vcpu, 2);
	vcpu_run_done(vcpu);
}

extern const uint8_t hw_here, hw_next;
static volatile uint64_t watched;

static __guest void g_breakpoints(uint64_t arg)
{
	uint64_t dr7;

	asm volatile("mov %0, %%dr0" : : "r"(0x1234ull));
	for (;;) {
		asm volatile("hw_here: nop\nhw_next: nop");
		watched++;
		asm volatile("mov %%dr7, %0" : "=r"(dr7));
		GUEST_SYNC2(dr7, watched);
	}
}

TEST(hardware_breakpoints)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_breakpoints);
	struct kvm_debugregs dr;

	if (host_is_tcg())
		SKIP(return, "the emulator does not obey DR7 of a VMCB");
	vcpu_run_sync(vcpu, 0x400);
	ASSERT_EQ(0, debug(vcpu, HW_BP, (uintptr_t)&hw_here, 0x400 | 2));
	expect_debug(vcpu, 1, &hw_here);
	EXPECT_EQ(DR6 | 1, vcpu->run->debug.arch.dr6);
	EXPECT_EQ(0x402, vcpu->run->debug.arch.dr7);
	/* The guest sees none of it. */
	xioctl(vcpu->fd, KVM_GET_DEBUGREGS, &dr);
	EXPECT_EQ(0x1234, dr.db[0]);
	EXPECT_EQ(DR6, dr.dr6);
	EXPECT_EQ(0x400, dr.dr7);
	/* A write of eight bytes. */
	ASSERT_EQ(0, debug(vcpu, HW_BP, (uintptr_t)&watched, 0x400 | 2 | 9ull << 16));
	expect_exit(vcpu, KVM_EXIT_DEBUG);
	EXPECT_EQ(DR6 | 1, vcpu->run->debug.arch.dr6);
	EXPECT_EQ(2, guest_var(vcpu->vm, watched));
	vcpu_run_sync(vcpu, 0x400);
	/* Off, and on with a step. */
	ASSERT_EQ(0, debug(vcpu, 0, 0, 0));
	vcpu_run_sync(vcpu, 0x400);
	ASSERT_EQ(0, debug(vcpu, HW_BP, (uintptr_t)&hw_here, 0x400 | 2));
	expect_debug(vcpu, 1, &hw_here);
	ASSERT_EQ(0, debug(vcpu, STEP, 0, 0));
	expect_debug(vcpu, 1, &hw_next);
}

extern const uint8_t sw_here, sw_next;

static __guest void on_bp(struct guest_frame *f)
{
	GUEST_SYNC2(3, f->rip);
}

static __guest void g_int3(uint64_t arg)
{
	guest_handler[3] = on_bp;
	for (;;) {
		asm volatile("sw_here: int3\nsw_next: nop");
		GUEST_SYNC(4);
	}
}

/*
 * QEMU's SVM asks for the intercept of INT n, not for that of #BP, when INT3 is
 * executed, so that INT3 cannot be intercepted there.
 */
TEST(software_breakpoint)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_int3);

	if (host_is_tcg())
		SKIP(return, "the emulator does not intercept #BP of INT3");
	ASSERT_EQ(0, debug(vcpu, SW_BP, 0, 0));
	expect_debug(vcpu, 3, &sw_here);
	/* It was the guest's own: it gets it. */
	ASSERT_EQ(0, debug(vcpu, SW_BP | KVM_GUESTDBG_INJECT_BP, 0, 0));
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ((uintptr_t)&sw_next, vcpu->uc.arg[1]);
	vcpu_run_sync(vcpu, 4);
	ASSERT_EQ(0, debug(vcpu, 0, 0, 0));
	vcpu_run_sync(vcpu, 3);
}

extern const uint8_t int1_here, int1_next;

static __guest void g_int1(uint64_t arg)
{
	asm volatile("int1_here: .byte 0xf1\nint1_next: nop");
	GUEST_DONE();
}

/*
 * For debuggers on QEMU, which raises #UD for INT1: the exit is there all the same, before
 * the instruction. It is a trap elsewhere.
 */
TEST(int1)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_int1);
	struct kvm_regs regs;

	ASSERT_EQ(0, debug(vcpu, SW_BP | HW_BP, 0, 0));
	expect_debug(vcpu, 1, host_is_tcg() ? &int1_here : &int1_next);
	regs = vcpu_regs(vcpu);
	regs.rip = (uintptr_t)&int1_next;
	vcpu_set_regs(vcpu, &regs);
	vcpu_run_done(vcpu);
}

static __guest void on_db(struct guest_frame *f)
{
	GUEST_SYNC2(5, f->rip);
}

static __guest void g_inject(uint64_t arg)
{
	guest_handler[1] = on_db;
	guest_handler[3] = on_bp;
	for (;;)
		GUEST_SYNC(6);
}

TEST(injected)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_inject);
	uint64_t rip;

	vcpu_run_sync(vcpu, 6);
	vcpu_complete_io(vcpu);
	rip = vcpu_regs(vcpu).rip;
	ASSERT_EQ(0, debug(vcpu, ENABLE | KVM_GUESTDBG_INJECT_DB, 0, 0));
	ASSERT_EQ(EBUSY, debug(vcpu, ENABLE | KVM_GUESTDBG_INJECT_BP, 0, 0));
	vcpu_run_sync(vcpu, 5);
	EXPECT_EQ(rip, vcpu->uc.arg[1]);
	vcpu_run_sync(vcpu, 6);
	vcpu_complete_io(vcpu);
	rip = vcpu_regs(vcpu).rip;
	ASSERT_EQ(0, debug(vcpu, ENABLE | KVM_GUESTDBG_INJECT_BP, 0, 0));
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ(rip, vcpu->uc.arg[1]);
	EXPECT_EQ(EINVAL, debug(vcpu, 1u << 31, 0, 0));
}

extern const uint8_t irq_a, irq_b;

static __guest void g_blocked(uint64_t arg)
{
	sti();
	GUEST_SYNC(1);
	asm volatile("irq_a: nop\nirq_b: nop");
	GUEST_SYNC2(2, guest_count[0x44]);
	GUEST_SYNC2(3, guest_count[0x44]);
}

TEST(interrupts_wait)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_blocked);
	struct kvm_interrupt irq = { .irq = 0x44 };

	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(0, debug(vcpu, STEP | KVM_GUESTDBG_BLOCKIRQ, 0, 0));
	xioctl(vcpu->fd, KVM_INTERRUPT, &irq);
	step_to(vcpu, &irq_a);
	expect_debug(vcpu, 1, &irq_b);
	ASSERT_EQ(0, debug(vcpu, ENABLE | KVM_GUESTDBG_BLOCKIRQ, 0, 0));
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
	ASSERT_EQ(0, debug(vcpu, 0, 0, 0));
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
}

TEST_HARNESS_MAIN
