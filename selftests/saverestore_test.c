// SPDX-License-Identifier: GPL-2.0
/*
 * A VM is saved by ioctls, destroyed, built anew and goes on: registers, FPU, MSRs,
 * events, LAPIC with its timer, IOAPIC, PIC, PIT and clock. Again and again, at
 * moments that the guest does not choose, while interrupts come all the time and
 * the guest checks all that it does.
 *
 * lab: vmx kernels timeout=300
 */
#include <signal.h>

#include "strata_test.h"

#define IOAPIC	0xfec00000ul
#define VECTOR	0x51
#define TIMER	0x52
/*
 * Of the PIT's clock (1193182 Hz) and of the LAPIC's (1 GHz): 24 and 21 ms. A debug
 * kernel takes milliseconds for a tick, on a busy host more than ten, and work has to
 * get a turn.
 */
#define PIT_COUNT	28635
#define TIMER_COUNT	21000000
#define MEM	GUEST_MEM

/* All that there is to save. */
struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
	struct kvm_lapic_state lapic;
	struct { struct kvm_msrs head; struct kvm_msr_entry e[300]; } msrs;
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
	struct kvm_clock_data clock;
	uint8_t *mem;
};

static void list_msrs(struct state *s)
{
	struct { struct kvm_msr_list head; uint32_t index[300]; } list = { .head.nmsrs = 300 };
	int dev = dev_open();
	unsigned int i;

	xioctl(dev, KVM_GET_MSR_INDEX_LIST, &list);
	close(dev);
	s->msrs.head.nmsrs = list.head.nmsrs;
	for (i = 0; i < list.head.nmsrs; i++)
		s->msrs.e[i].index = list.index[i];
}

static void save(struct vcpu *vcpu, struct state *s)
{
	struct vm *vm = vcpu->vm;
	unsigned int i;

	/* A half-done access is finished first. */
	vcpu_complete_io(vcpu);
	/* The order of QEMU: what processes INIT and SIPI goes first. */
	xioctl(vcpu->fd, KVM_GET_MP_STATE, &s->mp);
	xioctl(vcpu->fd, KVM_GET_REGS, &s->regs);
	xioctl(vcpu->fd, KVM_GET_XSAVE, &s->xsave);
	xioctl(vcpu->fd, KVM_GET_XCRS, &s->xcrs);
	xioctl(vcpu->fd, KVM_GET_SREGS, &s->sregs);
	list_msrs(s);
	if (xioctl(vcpu->fd, KVM_GET_MSRS, &s->msrs) != (int)s->msrs.head.nmsrs)
		die("not every MSR of the list can be read");
	xioctl(vcpu->fd, KVM_GET_LAPIC, &s->lapic);
	xioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &s->events);
	xioctl(vcpu->fd, KVM_GET_DEBUGREGS, &s->debugregs);
	for (i = 0; i < 3; i++) {
		s->chip[i].chip_id = i;
		xioctl(vm->fd, KVM_GET_IRQCHIP, &s->chip[i]);
	}
	xioctl(vm->fd, KVM_GET_PIT2, &s->pit);
	xioctl(vm->fd, KVM_GET_CLOCK, &s->clock);
	memcpy(s->mem, vm->mem, MEM);
}

static struct vcpu *restore(struct state *s, void (*fn)(uint64_t))
{
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *vcpu = vcpu_create(vm, 0, fn);
	unsigned int i;

	memcpy(vm->mem, s->mem, MEM);
	s->clock.flags = 0;
	xioctl(vm->fd, KVM_SET_CLOCK, &s->clock);
	for (i = 0; i < 3; i++)
		xioctl(vm->fd, KVM_SET_IRQCHIP, &s->chip[i]);
	xioctl(vm->fd, KVM_SET_PIT2, &s->pit);
	xioctl(vcpu->fd, KVM_SET_REGS, &s->regs);
	xioctl(vcpu->fd, KVM_SET_XSAVE, &s->xsave);
	xioctl(vcpu->fd, KVM_SET_XCRS, &s->xcrs);
	xioctl(vcpu->fd, KVM_SET_SREGS, &s->sregs);
	if (xioctl(vcpu->fd, KVM_SET_MSRS, &s->msrs) != (int)s->msrs.head.nmsrs)
		die("not every MSR takes what was read");
	xioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &s->events);
	xioctl(vcpu->fd, KVM_SET_MP_STATE, &s->mp);
	xioctl(vcpu->fd, KVM_SET_LAPIC, &s->lapic);
	xioctl(vcpu->fd, KVM_SET_DEBUGREGS, &s->debugregs);
	return vcpu;
}

static volatile uint64_t ticks, timers, work, wrong;

static __guest void on_pit(struct guest_frame *f)
{
	ticks++;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void on_timer(struct guest_frame *f)
{
	timers++;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
	mmio_write32(APIC_BASE + APIC_TIMER_INIT, TIMER_COUNT);
}

/* A sum by general registers, x87 and SSE, where any that is lost shows. */
static __guest void g_work(uint64_t arg)
{
	uint64_t i, a, b, tsc = 0, now, lstar;

	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_LVT_LINT0, 0x10000);
	guest_handler[VECTOR] = on_pit;
	guest_handler[TIMER] = on_timer;
	mmio_write32(IOAPIC, 0x11 + 2 * 0);
	mmio_write32(IOAPIC + 0x10, 0);
	mmio_write32(IOAPIC, 0x10 + 2 * 0);
	mmio_write32(IOAPIC + 0x10, VECTOR);
	outb(0x43, 0x34);
	outb(0x40, PIT_COUNT & 0xff);
	outb(0x40, PIT_COUNT >> 8);
	mmio_write32(APIC_BASE + APIC_TIMER_DIV, 0xb);
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, TIMER);
	mmio_write32(APIC_BASE + APIC_TIMER_INIT, TIMER_COUNT);
	wrmsr(0xc0000082, 0x123456789000ull);
	asm volatile("mov %0, %%dr1" : : "r"(0x1111ull));
	asm volatile("movq %0, %%xmm7; movq %1, %%xmm12" : : "r"(0x77ull), "r"(0xccull));
	sti();
	for (i = 1;; i++) {
		asm volatile("mov %2, %0\n imul $3, %0, %1\n xor %0, %1\n"
			     : "=&r"(a), "=&r"(b) : "r"(i));
		if (a != i || b != ((i * 3) ^ i))
			wrong |= 1;
		asm volatile("movq %%xmm7, %0; movq %%xmm12, %1" : "=r"(a), "=r"(b));
		if (a != 0x77 || b != 0xcc)
			wrong |= 2;
		now = rdtsc();
		if (now < tsc)
			wrong |= 4;
		tsc = now;
		if (!(i % 1000)) {
			lstar = rdmsr(0xc0000082);
			asm volatile("mov %%dr1, %0" : "=r"(a));
			if (lstar != 0x123456789000ull || a != 0x1111)
				wrong |= 8;
			outb(0x70, 0);
		}
		if (!(i % 777))
			hlt();
		work = i;
	}
}

static void on_alarm(int sig)
{
}

/* Runs for a while, and is interrupted where it is. */
static void run_for(struct vcpu *vcpu, unsigned int us)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	struct sigaction act = { .sa_handler = on_alarm };
	/* Again and again: the first may come before KVM_RUN. */
	struct itimerspec when = {
		.it_value.tv_nsec = us * 1000L, .it_interval.tv_nsec = us * 1000L,
	};
	timer_t timer;
	int err;

	sigaction(SIGUSR2, &act, NULL);
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) || timer_settime(timer, 0, &when, NULL))
		die("timer: %s", strerror(errno));
	for (;;) {
		err = vcpu_try_run(vcpu);
		if (err == EINTR)
			break;
		if (err || vcpu->run->exit_reason != KVM_EXIT_IO || vcpu->run->io.port != 0x70) {
			vcpu_dump(vcpu);
			die("KVM_RUN: %s", strerror(err));
		}
	}
	timer_delete(timer);
}

TEST(goes_on)
{
	static struct state s;
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *vcpu;
	uint64_t was_ticks, was_timers, was_work;
	/* Bochs takes seconds for each. */
	int rounds = on_intel() ? 12 : 60;
	int i, tries;

	s.mem = mem_alloc(MEM, 2 * MB);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, IOAPIC, IOAPIC, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu = vcpu_create(vm, 0, g_work);
	run_for(vcpu, 30000);
	for (i = 0; i < rounds; i++) {
		was_ticks = guest_var(vcpu->vm, ticks);
		was_timers = guest_var(vcpu->vm, timers);
		was_work = guest_var(vcpu->vm, work);
		save(vcpu, &s);
		vm_free(vcpu->vm);
		vcpu = restore(&s, g_work);
		ASSERT_EQ(was_work, guest_var(vcpu->vm, work));
		/* It goes on: code, PIT and LAPIC timer, whatever was under way. */
		tries = 0;
		do {
			run_for(vcpu, 3000 + 1777 * (i % 7));
			if (++tries > 1000)
				die("stopped: work %lu ticks %lu timers %lu",
				    guest_var(vcpu->vm, work) - was_work,
				    guest_var(vcpu->vm, ticks) - was_ticks,
				    guest_var(vcpu->vm, timers) - was_timers);
		} while (guest_var(vcpu->vm, work) <= was_work ||
			 guest_var(vcpu->vm, ticks) <= was_ticks ||
			 guest_var(vcpu->vm, timers) <= was_timers);
		ASSERT_EQ(0, guest_var(vcpu->vm, wrong));
	}
}

/* What is read is what was set, to the bit. */
TEST(same_when_read_again)
{
	static struct state a, b;
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *vcpu;
	unsigned int i;

	a.mem = mem_alloc(MEM, 2 * MB);
	b.mem = mem_alloc(MEM, 2 * MB);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, IOAPIC, IOAPIC, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu = vcpu_create(vm, 0, g_work);
	run_for(vcpu, 20000);
	save(vcpu, &a);
	vcpu = restore(&a, g_work);
	save(vcpu, &b);
	EXPECT_EQ(0, memcmp(&a.regs, &b.regs, sizeof(a.regs)));
	EXPECT_EQ(0, memcmp(&a.sregs, &b.sregs, sizeof(a.sregs)));
	EXPECT_EQ(0, memcmp(&a.xsave, &b.xsave, sizeof(a.xsave)));
	EXPECT_EQ(0, memcmp(&a.debugregs, &b.debugregs, sizeof(a.debugregs)));
	EXPECT_EQ(0, memcmp(&a.events, &b.events, sizeof(a.events)));
	EXPECT_EQ(0, memcmp(&a.mp, &b.mp, sizeof(a.mp)));
	for (i = 0; i < a.msrs.head.nmsrs; i++)
		if (a.msrs.e[i].index != 0x10 && a.msrs.e[i].index != 0x6e0)
			EXPECT_EQ(a.msrs.e[i].data, b.msrs.e[i].data)
				TH_LOG("MSR %#x", a.msrs.e[i].index);
	EXPECT_LE(a.clock.clock, b.clock.clock);
}

TEST_HARNESS_MAIN
