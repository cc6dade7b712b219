// SPDX-License-Identifier: GPL-2.0
/*
 * The LAPIC's modes and its errors: switched off and on again, moved to
 * another page, saved and restored in x2APIC mode, and what the ESR tells.
 */
#include "strata_test.h"

#define MSR_APIC_BASE	0x1b
#define OTHER_PAGE	0xfed50000ul
#define APIC_LVT_ERROR	0x370

static struct vcpu *start(void (*fn)(uint64_t arg))
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, OTHER_PAGE, OTHER_PAGE, PAGE_SIZE, PTE_W | PTE_PCD);
	return vcpu_create(vm, 0, fn);
}

__guest_inline uint32_t rd(uint32_t reg)
{
	return mmio_read32(APIC_BASE + reg);
}

__guest_inline void wr(uint32_t reg, uint32_t v)
{
	mmio_write32(APIC_BASE + reg, v);
}

static __guest void on_irq(struct guest_frame *f)
{
	wr(APIC_EOI, 0);
}

/* Off: the page is nobody's, nothing arrives; on again: as after INIT. */
static __guest void g_off(uint64_t arg)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	guest_handler[0x50] = on_irq;
	wr(APIC_SVR, 0x1ff);
	wr(APIC_TPR, 0x30);
	wr(APIC_LVT_TIMER, 0x20050);
	wr(APIC_TIMER_INIT, 1000000);
	wrmsr(MSR_APIC_BASE, base & ~0x800ull);
	GUEST_ASSERT_EQ(0x12345678, rd(APIC_SVR));	/* from user space */
	GUEST_SYNC(1);
	sti();
	asm volatile("nop; nop");
	cli();
	GUEST_ASSERT_EQ(0, guest_count[0x50]);
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(0xff, rd(APIC_SVR));
	GUEST_ASSERT_EQ(0, rd(APIC_TPR));
	GUEST_ASSERT_EQ(0x10000, rd(APIC_LVT_TIMER));
	GUEST_ASSERT_EQ(0, rd(APIC_TIMER_INIT));
	GUEST_DONE();
}

TEST(off_and_on)
{
	struct vcpu *vcpu = start(g_off);
	uint32_t answer = 0x12345678;

	ASSERT_EQ(KVM_EXIT_MMIO, vcpu_run(vcpu));
	EXPECT_EQ(APIC_BASE + APIC_SVR, vcpu->run->mmio.phys_addr);
	memcpy(vcpu->run->mmio.data, &answer, 4);
	vcpu_run_sync(vcpu, 1);
	/* Off, it cannot be reached. */
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x50 };

	EXPECT_EQ(-1, ioctl(vcpu->vm->fd, KVM_SIGNAL_MSI, &msi));
	vcpu_run_done(vcpu);
}

/* Its page moves; the old one is free. */
static __guest void g_move(uint64_t arg)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	wr(APIC_SVR, 0x1ff);
	wrmsr(MSR_APIC_BASE, (base & 0xfff) | OTHER_PAGE);
	GUEST_ASSERT_EQ(0x1ff, mmio_read32(OTHER_PAGE + APIC_SVR));
	rd(APIC_SVR);
	wrmsr(MSR_APIC_BASE, base);
	GUEST_ASSERT_EQ(0x1ff, rd(APIC_SVR));
	GUEST_DONE();
}

TEST(moved)
{
	struct vcpu *vcpu = start(g_move);

	ASSERT_EQ(KVM_EXIT_MMIO, vcpu_run(vcpu));
	EXPECT_EQ(APIC_BASE + APIC_SVR, vcpu->run->mmio.phys_addr);
	vcpu_run_done(vcpu);
}

/* The ESR collects, shows at a write, and says so by its interrupt. */
static __guest void g_errors(uint64_t arg)
{
	guest_handler[0x51] = on_irq;
	wr(APIC_SVR, 0x1ff);
	wr(APIC_LVT_ERROR, 0x51);
	wr(APIC_ESR, 0);
	GUEST_ASSERT_EQ(0, rd(APIC_ESR));
	/* Sending a vector below 16. */
	wr(APIC_ICR, 0x40000 | 7);
	GUEST_ASSERT_EQ(0, rd(APIC_ESR));
	wr(APIC_ESR, 0);
	GUEST_ASSERT_EQ(1 << 5, rd(APIC_ESR));
	wr(APIC_ESR, 0);
	GUEST_ASSERT_EQ(0, rd(APIC_ESR));
	sti();
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(1, guest_count[0x51]);
	/* Twice the same error, one interrupt, until the ESR is written. */
	rd(0x3a0);
	rd(0x3a0);
	asm volatile("nop; nop");
	GUEST_ASSERT_EQ(2, guest_count[0x51]);
	wr(APIC_ESR, 0);
	GUEST_ASSERT_EQ(1 << 7, rd(APIC_ESR));
	GUEST_SYNC(1);		/* a message with vector 3 */
	wr(APIC_ESR, 0);
	GUEST_ASSERT_EQ(1 << 6, rd(APIC_ESR));
	cli();
	GUEST_DONE();
}

TEST(errors)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 3 };
	struct vcpu *vcpu = start(g_errors);

	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, ioctl(vcpu->vm->fd, KVM_SIGNAL_MSI, &msi));
	vcpu_run_done(vcpu);
}

/* The id is fixed: a wrong one is refused or without effect. */
TEST(state_in_both_modes)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create_raw(vm, 5);
	struct kvm_lapic_state l;
	struct kvm_sregs s;
	uint32_t id = 9u << 24;

	EXPECT_EQ(5u << 24, lapic_reg(vcpu, APIC_ID));
	xioctl(vcpu->fd, KVM_GET_LAPIC, &l);
	memcpy(l.regs + APIC_ID, &id, 4);
	try_ioctl(vcpu->fd, KVM_SET_LAPIC, &l);
	EXPECT_EQ(5u << 24, lapic_reg(vcpu, APIC_ID));

	REQUIRE_CPUID(1, 0, ecx, 21);
	vcpu_set_cpuid(vcpu);
	s = vcpu_sregs(vcpu);
	s.apic_base |= 0x400;
	vcpu_set_sregs(vcpu, &s);
	EXPECT_EQ(5u << 24, lapic_reg(vcpu, APIC_ID));
	EXPECT_EQ(1u << 5, lapic_reg(vcpu, APIC_LDR));
	xioctl(vcpu->fd, KVM_GET_LAPIC, &l);
	memcpy(l.regs + APIC_ID, &id, 4);
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_LAPIC, &l));
	EXPECT_EQ(5u << 24, lapic_reg(vcpu, APIC_ID));
	/* The logical id follows from the id, whatever the state says. */
	lapic_set_reg(vcpu, APIC_LDR, 0x77);
	EXPECT_EQ(1u << 5, lapic_reg(vcpu, APIC_LDR));
	/* Both halves of the ICR are kept. */
	lapic_set_reg(vcpu, APIC_ICR2, 0x12345678);
	EXPECT_EQ(0x12345678, lapic_reg(vcpu, APIC_ICR2));
}

/* A periodic timer whose ticks nobody takes goes on in time when they are. */
static __guest void g_forgotten(uint64_t arg)
{
	uint64_t n;

	guest_handler[0x50] = on_irq;
	wr(APIC_SVR, 0x1ff);
	wr(APIC_TIMER_DIV, 0xb);
	wr(APIC_LVT_TIMER, 0x20050);
	wr(APIC_TIMER_INIT, 300000);
	GUEST_SYNC(1);		/* some time passes */
	GUEST_ASSERT(rd(APIC_TIMER_CUR) <= 300000);
	for (n = 1; n < 5; n++) {
		while (guest_count[0x50] < n) {
			sti_hlt();
			cli();
		}
	}
	/* Masked for a while it goes on when it is opened. */
	wr(APIC_LVT_TIMER, 0x30050);
	GUEST_SYNC(2);
	wr(APIC_LVT_TIMER, 0x20050);
	for (n = guest_count[0x50] + 3; guest_count[0x50] < n;) {
		sti_hlt();
		cli();
	}
	GUEST_DONE();
}

TEST(forgotten_timer)
{
	struct vcpu *vcpu = start(g_forgotten);

	vcpu_run_sync(vcpu, 1);
	usleep(10000);
	vcpu_run_sync(vcpu, 2);
	usleep(10000);
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
