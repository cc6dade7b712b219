// SPDX-License-Identifier: GPL-2.0
/*
 * Paravirtual features: steal time and its page, a TLB flush left there, IPIs,
 * kicks and yields by hypercall, and that a guest has none that its CPUID does
 * not show.
 *
 * lab: vmx smp=2 again
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>
#include <sched.h>

#include "strata_test.h"

#define STEAL_MSR	0x4b564d03
#define POLL_MSR	0x4b564d05
#define PAGE_GPA	0x40000000ul

static bool intel;

static __guest uint64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t ret;

	if (intel)
		asm volatile("vmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return ret;
}

static struct vm *start(struct vcpu **v, int n, void (*fn)(uint64_t))
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	int i;

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	for (i = 0; i < n; i++) {
		struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };

		v[i] = vcpu_create(vm, i, fn);
		vcpu_call(v[i], fn, i);
		xioctl(v[i]->fd, KVM_SET_MP_STATE, &mp);
	}
	guest_var(vm, intel) = on_intel();
	return vm;
}

/* The second begins; both come to their ends. */
static void run_two(void (*fn)(uint64_t))
{
	struct vcpu *v[2];

	start(v, 2, fn);
	vcpu_start_done(v[1]);
	vcpu_start_done(v[0]);
	vcpu_join(v[0]);
	vcpu_join(v[1]);
}

static struct kvm_steal_time *map_page(struct vm *vm)
{
	uint8_t *mem = mem_alloc(PAGE_SIZE, PAGE_SIZE);

	memset(mem, 0, PAGE_SIZE);
	vm_set_region(vm, 5, 0, PAGE_GPA, PAGE_SIZE, mem);
	return (void *)mem;
}

static __guest void g_steal(uint64_t arg)
{
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(STEAL_MSR, PAGE_GPA | 3));
	wrmsr(STEAL_MSR, PAGE_GPA | 1);
	GUEST_ASSERT_EQ(PAGE_GPA | 1, rdmsr(STEAL_MSR));
	for (;;) {
		uint64_t until = rdtsc() + arg;

		GUEST_SYNC(1);
		while (rdtsc() < until)
			;
	}
}

static volatile bool stop;

static void *burn(void *arg)
{
	pin_to_cpu(0);
	while (!stop)
		;
	return NULL;
}

TEST(steal_time)
{
	struct kvm_steal_time *st;
	struct vcpu *vcpu;
	struct vm *vm = start(&vcpu, 1, g_steal);
	pthread_t thread;
	uint64_t before;
	uint32_t version;
	int i;

	ASSERT_EQ(1, has_cap(KVM_CAP_STEAL_TIME));
	st = map_page(vm);
	vcpu_call(vcpu, g_steal, 20000000);
	pin_to_cpu(0);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, st->version & 1);
	EXPECT_EQ(0, st->preempted);
	before = st->steal;
	version = st->version;
	/* Somebody else wants the same CPU. */
	stop = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, burn, NULL));
	for (i = 0; i < 300 && st->steal == before; i++)
		vcpu_run_sync(vcpu, 1);
	stop = true;
	pthread_join(thread, NULL);
	EXPECT_LT(before, st->steal);
	EXPECT_NE(version, st->version);
	EXPECT_EQ(0, st->version & 1);
	EXPECT_EQ(PAGE_GPA | 1, vcpu_get_msr(vcpu, STEAL_MSR));
}

/* A page that is not there, and one that goes. */
TEST(steal_time_without_page)
{
	struct vcpu *vcpu;
	struct vm *vm = start(&vcpu, 1, g_steal);

	vcpu_call(vcpu, g_steal, 0);
	vcpu_run_sync(vcpu, 1);
	map_page(vm);
	vcpu_run_sync(vcpu, 1);
	vm_set_region(vm, 5, 0, PAGE_GPA, 0, NULL);
	vcpu_run_sync(vcpu, 1);
}

static volatile uint64_t reached;

static __guest void g_halt(uint64_t arg)
{
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	wrmsr(STEAL_MSR, PAGE_GPA | 1);
	reached = 1;
	hlt();
	reached = 2;
	for (;;)
		GUEST_DONE();
}

static void wait_for(volatile uint64_t *what, uint64_t value)
{
	int i;

	for (i = 0; i < 3000 && *what < value; i++)
		usleep(10000);
	if (*what < value)
		die("it stays at %lu", *what);
}

TEST(preempted_and_kick)
{
	struct kvm_steal_time *st;
	struct vcpu *vcpu;
	struct vm *vm = start(&vcpu, 1, g_halt);
	int i;

	st = map_page(vm);
	vcpu_start_done(vcpu);
	for (i = 0; i < 3000 && !(st->preempted & KVM_VCPU_PREEMPTED); i++)
		usleep(10000);
	EXPECT_EQ(KVM_VCPU_PREEMPTED, st->preempted);
	EXPECT_EQ(1, guest_var(vm, reached));
	/* Another vCPU's wish; user space's signal makes it go round. */
	__atomic_fetch_or(&st->preempted, KVM_VCPU_FLUSH_TLB, __ATOMIC_SEQ_CST);
	ASSERT_EQ(0, ioctl(vm->fd, KVM_SIGNAL_MSI, &(struct kvm_msi){
		.address_lo = 0xfee00000, .data = 0x400 }) < 0);
	wait_for(&guest_var(vm, reached), 2);
	vcpu_join(vcpu);
	EXPECT_EQ(0, st->preempted);
}

static volatile uint64_t waiting, woken;

static __guest void g_kick(uint64_t arg)
{
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	if (arg == 1) {
		waiting = 1;
		/* Without a kick it never ends: interrupts are off. */
		hlt();
		woken = 1;
		waiting = 2;
		while (waiting != 3)
			cpu_relax();
		/* This one came before. */
		hlt();
		woken = 2;
	} else {
		while (waiting != 1)
			cpu_relax();
		GUEST_ASSERT_EQ(0, hypercall(KVM_HC_KICK_CPU, 0, 1, 0, 0));
		while (waiting != 2)
			cpu_relax();
		GUEST_ASSERT_EQ(0, hypercall(KVM_HC_KICK_CPU, 0, 1, 0, 0));
		waiting = 3;
		GUEST_ASSERT_EQ(0, hypercall(KVM_HC_SCHED_YIELD, 1, 0, 0, 0));
		GUEST_ASSERT_EQ(0, hypercall(KVM_HC_SCHED_YIELD, 0, 0, 0, 0));
		GUEST_ASSERT_EQ(0, hypercall(KVM_HC_SCHED_YIELD, 12345, 0, 0, 0));
		GUEST_ASSERT_EQ(0, hypercall(KVM_HC_KICK_CPU, 0, 12345, 0, 0));
		while (woken != 2)
			cpu_relax();
	}
	GUEST_DONE();
}

TEST(kick)
{
	run_two(g_kick);
}

static volatile uint64_t got[2];

static __guest void on_ipi(struct guest_frame *f)
{
	got[mmio_read32(APIC_BASE + APIC_ID) >> 24]++;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_ipi(uint64_t arg)
{
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	guest_handler[0x66] = on_ipi;
	sti();
	if (arg == 1) {
		waiting = 1;
		while (got[1] < 2)
			cpu_relax();
		GUEST_DONE();
	}
	while (waiting != 1)
		cpu_relax();
	GUEST_ASSERT_EQ(2, hypercall(KVM_HC_SEND_IPI, 3, 0, 0, 0x66));
	while (got[0] < 1 || got[1] < 1)
		cpu_relax();
	/* From an id of its own on; the upper half; ids that are not there. */
	GUEST_ASSERT_EQ(1, hypercall(KVM_HC_SEND_IPI, ~0ull, ~0ull, 1, 0x66));
	while (got[1] < 2)
		cpu_relax();
	GUEST_ASSERT_EQ(0, hypercall(KVM_HC_SEND_IPI, 0, 1, 0, 0x66));
	GUEST_ASSERT_EQ(0, hypercall(KVM_HC_SEND_IPI, ~0ull, 0, 0xffffffc0, 0x66));
	GUEST_ASSERT_EQ(1, got[0]);
	/* Shorthands, logical destinations and INIT are not meant. */
	GUEST_ASSERT_EQ(-KVM_EINVAL, hypercall(KVM_HC_SEND_IPI, 1, 0, 0, 0x66 | 1 << 18));
	GUEST_ASSERT_EQ(-KVM_EINVAL, hypercall(KVM_HC_SEND_IPI, 1, 0, 0, 0x66 | 1 << 11));
	GUEST_ASSERT_EQ(-KVM_EINVAL, hypercall(KVM_HC_SEND_IPI, 1, 0, 0, 5 << 8));
	GUEST_DONE();
}

TEST(ipis)
{
	run_two(g_ipi);
}

static __guest void g_nothing(uint64_t arg)
{
	uint64_t v;

	GUEST_ASSERT_EQ(-KVM_ENOSYS, hypercall(KVM_HC_KICK_CPU, 0, 0, 0, 0));
	GUEST_ASSERT_EQ(-KVM_ENOSYS, hypercall(KVM_HC_SEND_IPI, 1, 0, 0, 0x66));
	GUEST_ASSERT_EQ(-KVM_ENOSYS, hypercall(KVM_HC_SCHED_YIELD, 0, 0, 0, 0));
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(STEAL_MSR, &v));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(STEAL_MSR, 0));
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(POLL_MSR, &v));
	GUEST_DONE();
}

TEST(hidden)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x40000001, 0);
	struct vcpu *vcpu;

	start(&vcpu, 1, g_nothing);
	ASSERT_NE(NULL, e);
	e->eax = 0;
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	vcpu_run_done(vcpu);
}

static __guest void g_poll(uint64_t arg)
{
	GUEST_ASSERT_EQ(1, rdmsr(POLL_MSR));
	GUEST_ASSERT_EQ(0, wrmsr_try(POLL_MSR, 0));
	GUEST_ASSERT_EQ(0, rdmsr(POLL_MSR));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(POLL_MSR, 2));
	GUEST_DONE();
}

TEST(poll_control)
{
	struct vcpu *vcpu;

	start(&vcpu, 1, g_poll);
	vcpu_run_done(vcpu);
}

/* ---- PV end of interrupt ---- */

#define EOI_MSR	0x4b564d04
#define LOW	0x41
#define HIGH	0x91

static volatile uint32_t eoi_bit __attribute__((aligned(64)));
static volatile uint32_t offered[2], in_service[2], nest;

/* As Linux does it. */
static __guest bool end_of_interrupt(void)
{
	uint8_t was = 0;

	asm volatile("lock btr $0, %1; setc %0" : "=r"(was), "+m"(eoi_bit) : : "memory");
	if (!was)
		mmio_write32(APIC_BASE + APIC_EOI, 0);
	return was;
}

static __guest void self_ipi(uint32_t vector)
{
	mmio_write32(APIC_BASE + APIC_ICR, 0x44000 | vector);
}

__guest_inline uint32_t isr_bit(uint32_t vector)
{
	return mmio_read32(APIC_BASE + 0x100 + vector / 32 * 16) >> vector % 32 & 1;
}

static __guest void on_low(struct guest_frame *f)
{
	if (nest) {
		nest = 0;
		/* Another comes in between: this one has to be ended by a write. */
		self_ipi(HIGH);
		asm volatile("sti; nop; nop; cli");
		GUEST_ASSERT_EQ(1, guest_count[HIGH]);
	}
	offered[0] = end_of_interrupt();
	in_service[0] = isr_bit(LOW);
}

static __guest void on_high(struct guest_frame *f)
{
	offered[1] = end_of_interrupt();
	in_service[1] = isr_bit(HIGH);
}

static __guest void g_eoi(uint64_t arg)
{
	uint64_t gpa = arg;

	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(EOI_MSR, gpa | 3));
	guest_handler[LOW] = on_low;
	guest_handler[HIGH] = on_high;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	sti();
	/* Switched off there is nothing to clear. */
	self_ipi(LOW);
	while (guest_count[LOW] < 1)
		cpu_relax();
	GUEST_ASSERT_EQ(0, offered[0]);
	wrmsr(EOI_MSR, gpa | 1);
	GUEST_ASSERT_EQ(gpa | 1, rdmsr(EOI_MSR));
	/* Again and again: each comes only if the one before has ended. */
	while (guest_count[LOW] < 20) {
		uint32_t n = guest_count[LOW];

		self_ipi(LOW);
		while (guest_count[LOW] == n)
			cpu_relax();
		GUEST_ASSERT_EQ(1, offered[0]);
		GUEST_ASSERT_EQ(0, in_service[0]);
	}
	/* One inside another. */
	cli();
	nest = 1;
	self_ipi(LOW);
	asm volatile("sti; nop; nop; cli");
	GUEST_ASSERT_EQ(21, guest_count[LOW]);
	GUEST_ASSERT_EQ(0, offered[0]);
	GUEST_ASSERT_EQ(0, in_service[0]);
	GUEST_ASSERT_EQ(0, in_service[1]);
	/* Two at once: the first is followed by another, and needs a write. */
	self_ipi(LOW);
	self_ipi(HIGH);
	asm volatile("sti; nop; nop; cli");
	GUEST_ASSERT_EQ(0, offered[1]);
	GUEST_ASSERT_EQ(1, offered[0]);
	/* One that is not ended by the bit although it might be: by a write. */
	self_ipi(HIGH);
	asm volatile("sti; nop; nop; cli");
	GUEST_ASSERT_EQ(1, offered[1]);
	GUEST_SYNC(1);
	/* It sleeps, and a vector below that one wakes it up. */
	mmio_write32(APIC_BASE + APIC_TIMER_DIV, 0xb);
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, LOW);
	self_ipi(HIGH);
	asm volatile("sti; nop; nop; cli");
	mmio_write32(APIC_BASE + APIC_TIMER_INIT, 2000000);
	sti_hlt();
	cli();
	GUEST_ASSERT_EQ(23, guest_count[LOW]);
	wrmsr(EOI_MSR, 0);
	GUEST_ASSERT_EQ(0, eoi_bit);
	self_ipi(LOW);
	asm volatile("sti; nop; nop; cli");
	GUEST_ASSERT_EQ(0, offered[0]);
	GUEST_DONE();
}

TEST(pv_eoi)
{
	struct vcpu *vcpu;
	struct vm *vm = start(&vcpu, 1, g_eoi);
	int i;

	vcpu_call(vcpu, g_eoi, vm_gpa(vm, &eoi_bit));
	vcpu_run_sync(vcpu, 1);
	/* What has ended by the bit is in service no more. */
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, lapic_reg(vcpu, 0x100 + 16 * i));
	EXPECT_EQ(vm_gpa(vm, &eoi_bit) | 1, vcpu_get_msr(vcpu, EOI_MSR));
	vcpu_run_done(vcpu);
}

/* The page goes while an interrupt is served: the guest goes on. */
static __guest void g_eoi_lost(uint64_t arg)
{
	guest_handler[LOW] = on_low;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	wrmsr(EOI_MSR, PAGE_GPA | 1);
	self_ipi(LOW);
	asm volatile("sti; nop; nop; cli");
	GUEST_SYNC(1);
	self_ipi(LOW);
	asm volatile("sti; nop; nop; cli");
	GUEST_ASSERT_EQ(2, guest_count[LOW]);
	GUEST_DONE();
}

TEST(pv_eoi_without_page)
{
	struct vcpu *vcpu;
	struct vm *vm = start(&vcpu, 1, g_eoi_lost);

	map_page(vm);
	vcpu_run_sync(vcpu, 1);
	vm_set_region(vm, 5, 0, PAGE_GPA, 0, NULL);
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
