// SPDX-License-Identifier: GPL-2.0
/*
 * The LAPIC in the kernel: registers and state, priorities and EOI, IPIs in
 * all shapes, the timer in its three modes, x2APIC, and bad accesses.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

static struct vcpu *start_flags(void (*fn)(uint64_t arg), int flags)
{
	struct vm *vm = vm_create(VM_IRQCHIP | flags);
	struct vcpu *vcpu = vcpu_create(vm, 0, fn);

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	return vcpu;
}

static struct vcpu *start(void (*fn)(uint64_t arg))
{
	return start_flags(fn, 0);
}

__guest_inline uint32_t rd(uint32_t reg)
{
	return mmio_read32(APIC_BASE + reg);
}

__guest_inline void wr(uint32_t reg, uint32_t v)
{
	mmio_write32(APIC_BASE + reg, v);
}

static __guest void g_registers(uint64_t arg)
{
	GUEST_ASSERT_EQ(0, rd(APIC_ID));
	GUEST_ASSERT_EQ(0x14, rd(APIC_VERSION) & 0xff);
	GUEST_ASSERT(((rd(APIC_VERSION) >> 16) & 0xff) >= 3);
	GUEST_ASSERT_EQ(0xff, rd(APIC_SVR));
	GUEST_ASSERT_EQ(0x10000, rd(APIC_LVT_TIMER));
	GUEST_ASSERT_EQ(0xffffffff, rd(APIC_DFR));
	wr(APIC_SVR, 0x1ff);
	GUEST_ASSERT_EQ(0x1ff, rd(APIC_SVR));
	wr(APIC_TPR, 0x20);
	GUEST_ASSERT_EQ(0x20, rd(APIC_TPR));
	GUEST_ASSERT_EQ(2, read_cr8());
	write_cr8(6);
	GUEST_ASSERT_EQ(0x60, rd(APIC_TPR) & 0xf0);
	write_cr8(0);
	wr(APIC_LDR, 0x01ffffff);
	GUEST_ASSERT_EQ(0x01000000, rd(APIC_LDR));
	wr(APIC_LVT_LINT0, 0x700);
	GUEST_ASSERT_EQ(0x700, rd(APIC_LVT_LINT0) & 0x700);
	/* Switched off in software, every LVT is masked. */
	wr(APIC_SVR, 0xff);
	GUEST_ASSERT_EQ(0x10000, rd(APIC_LVT_LINT0) & 0x10000);
	GUEST_DONE();
}

TEST(registers)
{
	vcpu_run_done(start(g_registers));
}

static __guest void on_irq(struct guest_frame *f)
{
	wr(APIC_EOI, 0);
}

/* A self-IPI, its bits in IRR and ISR, and a higher one in between. */
static volatile uint64_t isr_in_handler, high_came_inside;

static __guest void on_low(struct guest_frame *f)
{
	isr_in_handler = rd(APIC_ISR + 0x20) >> 1 & 1;	/* 0x41 */
	GUEST_ASSERT_EQ(0x40, rd(APIC_PPR) & 0xf0);
	/* Higher class: comes at once; the same class: waits for the EOI. */
	wr(APIC_ICR, 0x40000 | 0x61);
	wr(APIC_ICR, 0x40000 | 0x42);
	sti();
	asm volatile("nop; nop");
	cli();
	high_came_inside = guest_count[0x61];
	GUEST_ASSERT_EQ(0, guest_count[0x42]);
	GUEST_ASSERT_EQ(4, rd(APIC_IRR + 0x20) & 4);
	wr(APIC_EOI, 0);
}

static __guest void g_priorities(uint64_t arg)
{
	guest_handler[0x41] = on_low;
	guest_handler[0x42] = on_irq;
	guest_handler[0x61] = on_irq;
	wr(APIC_SVR, 0x1ff);
	wr(APIC_ICR, 0x40000 | 0x41);
	GUEST_ASSERT_EQ(2, rd(APIC_IRR + 0x20) & 2);
	GUEST_ASSERT_EQ(0, guest_count[0x41]);
	sti();
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(1, guest_count[0x41]);
	GUEST_ASSERT_EQ(1, isr_in_handler);
	GUEST_ASSERT_EQ(1, high_came_inside);
	GUEST_ASSERT_EQ(1, guest_count[0x42]);
	GUEST_ASSERT_EQ(0, rd(APIC_ISR + 0x20));
	/* TPR holds back what is not above it. */
	wr(APIC_TPR, 0x60);
	wr(APIC_ICR, 0x40000 | 0x61);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(1, guest_count[0x61]);
	wr(APIC_TPR, 0x50);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(2, guest_count[0x61]);
	/* The same by CR8, written without an exit where hardware can. */
	write_cr8(6);
	wr(APIC_ICR, 0x40000 | 0x61);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(2, guest_count[0x61]);
	write_cr8(0);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(3, guest_count[0x61]);
	/* EOI with nothing in service does nothing. */
	wr(APIC_EOI, 0);
	wr(APIC_EOI, 0);
	GUEST_DONE();
}

TEST(priorities_and_eoi)
{
	vcpu_run_done(start(g_priorities));
}

/* Destinations that nobody has, illegal vectors, NMI to oneself. */
static __guest void g_odd_icr(uint64_t arg)
{
	uint32_t i;

	wr(APIC_SVR, 0x1ff);
	guest_handler[0x41] = on_irq;
	wr(APIC_ICR2, 0x77000000);
	wr(APIC_ICR, 0x41);
	wr(APIC_ICR, 0x800 | 0x41);
	wr(APIC_ICR2, 0);
	/* All delivery modes, to self and others, but INIT and SIPI. */
	for (i = 0; i < 4; i++)
		if (i != 2)
			wr(APIC_ICR, 0xc0000 | i << 8 | 0x41);
	/* Illegal vectors are never delivered. */
	for (i = 0; i < 16; i++)
		wr(APIC_ICR, 0x40000 | i);
	/* To everybody with myself: once. */
	wr(APIC_ICR, 0x80000 | 0x41);
	sti();
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(1, guest_count[0x41]);
	/* Physical broadcast, and logical to me. */
	wr(APIC_ICR2, 0xff000000);
	wr(APIC_ICR, 0x41);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(2, guest_count[0x41]);
	wr(APIC_LDR, 0x04000000);
	wr(APIC_ICR2, 0x04000000);
	wr(APIC_ICR, 0x841);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(3, guest_count[0x41]);
	wr(APIC_ICR2, 0x08000000);
	wr(APIC_ICR, 0x841);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(3, guest_count[0x41]);
	GUEST_DONE();
}

TEST(odd_destinations)
{
	vcpu_run_done(start(g_odd_icr));
}

/* The timer: once, again and again, and stopped. */
static __guest void wait_for(uint64_t n)
{
	while (guest_count[0x50] < n)
		asm volatile("sti; nop; nop; cli");
}

static __guest void g_timer(uint64_t arg)
{
	uint64_t before, i;

	guest_handler[0x50] = on_irq;
	wr(APIC_SVR, 0x1ff);
	wr(APIC_TIMER_DIV, 0xb);
	wr(APIC_LVT_TIMER, 0x50);
	GUEST_ASSERT_EQ(0, rd(APIC_TIMER_CUR));
	wr(APIC_TIMER_INIT, 1000000);
	GUEST_ASSERT(rd(APIC_TIMER_CUR) <= 1000000);
	wait_for(1);
	GUEST_ASSERT_EQ(0, rd(APIC_TIMER_CUR));
	/* Woken from HLT. */
	for (i = 2; i < 5; i++) {
		wr(APIC_TIMER_INIT, 500000);
		while (guest_count[0x50] < i) {
			sti_hlt();
			cli();
		}
	}
	/* Masked it counts, but says nothing. */
	wr(APIC_LVT_TIMER, 0x10050);
	wr(APIC_TIMER_INIT, 1000);
	while (rd(APIC_TIMER_CUR))
		cpu_relax();
	sti();
	asm volatile("nop; nop");
	cli();
	GUEST_ASSERT_EQ(4, guest_count[0x50]);
	/* Periodic. */
	wr(APIC_LVT_TIMER, 0x20050);
	wr(APIC_TIMER_INIT, 1000000);
	wait_for(8);
	wr(APIC_TIMER_INIT, 0);
	asm volatile("sti; nop; nop; cli");
	before = guest_count[0x50];
	GUEST_ASSERT_EQ(0, rd(APIC_TIMER_CUR));
	/* The smallest period must not keep the host from its work. */
	wr(APIC_TIMER_INIT, 1);
	wait_for(before + 3);
	wr(APIC_TIMER_INIT, 0);
	/* Every divisor reads back. */
	for (i = 0; i < 16; i++) {
		wr(APIC_TIMER_DIV, i);
		GUEST_ASSERT_EQ(i & 0xb, rd(APIC_TIMER_DIV) & 0xb);
	}
	GUEST_DONE();
}

TEST(timer)
{
	vcpu_run_done(start(g_timer));
}

#define MSR_TSC_DEADLINE 0x6e0

static __guest void g_deadline(uint64_t arg)
{
	uint64_t i;

	guest_handler[0x50] = on_irq;
	wr(APIC_SVR, 0x1ff);
	/* In the other modes the MSR reads 0 and ignores writes. */
	wrmsr(MSR_TSC_DEADLINE, 12345);
	GUEST_ASSERT_EQ(0, rdmsr(MSR_TSC_DEADLINE));
	wr(APIC_LVT_TIMER, 0x40050);
	for (i = 1; i < 5; i++) {
		uint64_t when = rdtsc() + 200000;

		wrmsr(MSR_TSC_DEADLINE, when);
		wait_for(i);
		GUEST_ASSERT(rdtsc() >= when);
		GUEST_ASSERT_EQ(0, rdmsr(MSR_TSC_DEADLINE));
	}
	/* In the past: at once. Disarmed by 0. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	wait_for(5);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + (1ull << 40));
	wrmsr(MSR_TSC_DEADLINE, 0);
	GUEST_ASSERT_EQ(0, rdmsr(MSR_TSC_DEADLINE));
	/* The initial count is dead in this mode. */
	wr(APIC_TIMER_INIT, 100);
	GUEST_ASSERT_EQ(0, rd(APIC_TIMER_CUR));
	GUEST_DONE();
}

TEST(tsc_deadline)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_cpuid2 *c = supported_cpuid();

	REQUIRE_CAP(KVM_CAP_TSC_DEADLINE_TIMER);
	cpuid_find(c, 1, 0)->ecx |= 1 << 24;
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu->stack_top = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_set_long_mode(vcpu);
	vcpu_call(vcpu, g_deadline, 0);
	vcpu_run_done(vcpu);
}

/* x2APIC by MSR. */
#define X2(reg)	(0x800 + ((reg) >> 4))

static __guest void on_x2_irq(struct guest_frame *f)
{
	wrmsr(X2(APIC_EOI), 0);
}

static __guest void g_x2apic(uint64_t arg)
{
	uint64_t v;

	guest_handler[0x44] = on_x2_irq;
	/* Not before it is switched on. */
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(X2(APIC_ID), &v));
	wrmsr(0x1b, rdmsr(0x1b) | 0x400);
	GUEST_ASSERT_EQ(arg, rdmsr(X2(APIC_ID)));
	GUEST_ASSERT_EQ(1u << (arg & 15) | arg >> 4 << 16, rdmsr(X2(APIC_LDR)));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(X2(APIC_ID), 5));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(X2(APIC_LDR), 5));
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(X2(APIC_DFR), &v));
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(X2(APIC_ICR2), &v));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(X2(APIC_SVR), 1ull << 32));
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(0x8ff, &v));
	wrmsr(X2(APIC_SVR), 0x1ff);
	GUEST_ASSERT_EQ(0x1ff, rdmsr(X2(APIC_SVR)));
	sti();
	/* SELF IPI, then the 64-bit ICR with my id. */
	wrmsr(0x83f, 0x44);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(1, guest_count[0x44]);
	wrmsr(X2(APIC_ICR), arg << 32 | 0x44);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(2, guest_count[0x44]);
	/* Nobody. */
	wrmsr(X2(APIC_ICR), 0x12345ull << 32 | 0x44);
	GUEST_ASSERT_EQ(2, guest_count[0x44]);
	wrmsr(X2(APIC_TPR), 0x50);
	GUEST_ASSERT_EQ(5, read_cr8());
	GUEST_DONE();
}

TEST(x2apic)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	REQUIRE_CPUID(1, 0, ecx, 21);
	vcpu_run_done(vcpu_create(vm, 0, g_x2apic));
}

/* Accesses that are not 32 bits at a multiple of 16 hurt nobody. */
static __guest void g_bad_access(uint64_t arg)
{
	uint32_t i;

	for (i = 0; i < 0x400; i += 3) {
		mmio_read8(APIC_BASE + i);
		mmio_read16(APIC_BASE + i);
		mmio_read64(APIC_BASE + (i & ~7u));
	}
	for (i = 0x400; i < 0x1000; i += 0x3c)
		rd(i & ~3u);
	mmio_write8(APIC_BASE + APIC_TPR + 1, 0x50);
	mmio_write64(APIC_BASE + APIC_TPR, 0);
	wr(0xff0, 1);
	wr(APIC_VERSION, 0);
	GUEST_ASSERT_EQ(0x14, rd(APIC_VERSION) & 0xff);
	GUEST_DONE();
}

TEST(bad_accesses)
{
	struct vcpu *vcpu = start(g_bad_access);

	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		ASSERT_EQ(APIC_BASE >> 12, vcpu->run->mmio.phys_addr >> 12);
	vcpu_report_abort(vcpu);
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(UCALL_DONE, vcpu->uc.cmd);
}

/* State saved is state restored, with what is pending and in service. */
static __guest void g_pending(uint64_t arg)
{
	guest_handler[0x45] = on_irq;
	wr(APIC_SVR, 0x1ff);
	wr(APIC_ICR, 0x40000 | 0x45);
	GUEST_SYNC(1);
	sti();
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(1, guest_count[0x45]);
	GUEST_DONE();
}

TEST(get_and_set)
{
	struct vcpu *vcpu = start(g_pending);
	struct kvm_lapic_state l, m;

	memset(&l, 0xa5, sizeof(l));
	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->fd, KVM_GET_LAPIC, &l);
	EXPECT_EQ(1u << 5, *(uint32_t *)(l.regs + APIC_IRR + 0x20));
	EXPECT_EQ(0x1ff, *(uint32_t *)(l.regs + APIC_SVR));
	/* Without the request it is gone, with it it is back. */
	m = l;
	*(uint32_t *)(m.regs + APIC_IRR + 0x20) = 0;
	xioctl(vcpu->fd, KVM_SET_LAPIC, &m);
	EXPECT_EQ(0, lapic_reg(vcpu, APIC_IRR + 0x20));
	xioctl(vcpu->fd, KVM_SET_LAPIC, &l);
	EXPECT_EQ(1u << 5, lapic_reg(vcpu, APIC_IRR + 0x20));
	vcpu_run_done(vcpu);
}

/* Rubbish in every byte is taken or refused, and the host goes on. */
TEST(set_rubbish)
{
	struct vcpu *vcpu = start(g_registers);
	struct kvm_lapic_state l, good;
	unsigned int seed;

	xioctl(vcpu->fd, KVM_GET_LAPIC, &good);
	for (seed = 1; seed < 50; seed++) {
		unsigned int i;

		srand(seed);
		for (i = 0; i < sizeof(l.regs); i++)
			l.regs[i] = rand() >> 8;
		try_ioctl(vcpu->fd, KVM_SET_LAPIC, &l);
		vcpu_complete_io(vcpu);
	}
	memset(&l, 0xff, sizeof(l));
	try_ioctl(vcpu->fd, KVM_SET_LAPIC, &l);
	vcpu_complete_io(vcpu);
	xioctl(vcpu->fd, KVM_SET_LAPIC, &good);
	EXPECT_EQ(0xff, lapic_reg(vcpu, APIC_SVR));
}

TEST_HARNESS_MAIN
