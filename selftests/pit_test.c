// SPDX-License-Identifier: GPL-2.0
/*
 * The PIT in the kernel: channel 0 ticks on IRQ 0, counts can be latched and
 * read back, channel 2 with gate and output at port 0x61.
 */
#include "strata_test.h"

#define IOAPIC	0xfec00000ul

static struct vcpu *start(void (*fn)(uint64_t arg), uint32_t flags)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_pit_config pit = { .flags = flags };

	xioctl(vm->fd, KVM_CREATE_PIT2, &pit);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, IOAPIC, IOAPIC, PAGE_SIZE, PTE_W | PTE_PCD);
	return vcpu_create(vm, 0, fn);
}

static __guest void on_tick(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void set_pin(uint32_t pin, uint32_t low)
{
	mmio_write32(IOAPIC, 0x11 + 2 * pin);
	mmio_write32(IOAPIC + 0x10, 0);
	mmio_write32(IOAPIC, 0x10 + 2 * pin);
	mmio_write32(IOAPIC + 0x10, low);
}

static __guest uint32_t latched(uint8_t channel)
{
	uint32_t lo;

	outb(0x43, channel << 6);
	lo = inb(0x40 + channel);
	return lo | (uint32_t)inb(0x40 + channel) << 8;
}

/* Without a routing table of user space IRQ 0 is pin 0 of the IOAPIC. */
static __guest void g_ticks(uint64_t arg)
{
	uint32_t a;

	guest_handler[0x60] = on_tick;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	/* The tick goes to the PIC as well: not here. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set_pin(0, 0x60);
	/* Mode 2, 1 ms. */
	outb(0x43, 0x34);
	outb(0x40, 1193 & 255);
	outb(0x40, 1193 >> 8);
	while (guest_count[0x60] < 5) {
		sti_hlt();
		cli();
	}
	a = latched(0);
	GUEST_ASSERT(a && a <= 1193);
	/*
	 * Mode 0, one shot: one more and no others. From the control word to
	 * the count nothing ticks, so a tick on its way is out of the way.
	 */
	outb(0x43, 0x30);
	asm volatile("sti; nop; nop; cli");
	a = guest_count[0x60];
	outb(0x40, 0);
	outb(0x40, 2);
	while (guest_count[0x60] == a) {
		sti_hlt();
		cli();
	}
	a = guest_count[0x60];
	while (latched(0) < 0x8000)
		cpu_relax();
	asm volatile("sti; nop; nop; cli");
	GUEST_ASSERT_EQ(a, guest_count[0x60]);
	GUEST_DONE();
}

TEST(ticks)
{
	vcpu_run_done(start(g_ticks, 0));
}

/* Channel 2 as Linux measures the TSC with it. */
static __guest void g_channel2(uint64_t arg)
{
	uint32_t first, second;

	outb(0x61, (inb(0x61) & ~2) | 1);
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0x7f);
	GUEST_ASSERT_EQ(0, inb(0x61) & 0x20);
	first = latched(2);
	/* A slow host may be past the end already, where it wraps. */
	GUEST_ASSERT(first <= 0x7fff || (inb(0x61) & 0x20));
	do {
		second = latched(2);
	} while (second == first && !(inb(0x61) & 0x20));
	while (!(inb(0x61) & 0x20))
		cpu_relax();
	/* The output stays up. */
	GUEST_ASSERT_EQ(0x20, inb(0x61) & 0x20);
	/* Read back: status of channel 2, mode 0, output up. */
	outb(0x43, 0xe8);
	first = inb(0x42);
	GUEST_ASSERT_EQ(0xb0, first & 0xbf);
	GUEST_DONE();
}

TEST(channel_2)
{
	vcpu_run_done(start(g_channel2, KVM_PIT_SPEAKER_DUMMY));
}

/* Every command and divisor, fast: nothing must hang or crash. */
static __guest void g_rubbish(uint64_t arg)
{
	uint32_t i, v = 12345;

	for (i = 0; i < 3000; i++) {
		v = v * 1103515245 + 12345;
		outb(0x40 + (v >> 16 & 3), v >> 20);
		inb(0x40 + (v >> 8 & 3));
	}
	/* The shortest period, for a while. */
	outb(0x43, 0x34);
	outb(0x40, 1);
	outb(0x40, 0);
	for (i = 0; i < 1000; i++)
		latched(0);
	outb(0x43, 0x30);
	GUEST_DONE();
}

TEST(rubbish)
{
	vcpu_run_done(start(g_rubbish, KVM_PIT_SPEAKER_DUMMY));
}

/* The PIT ticks each four milliseconds, @tick of the TSC; the time of the first. */
static __guest uint64_t let_ticks_pass(unsigned int n, uint64_t tick)
{
	uint64_t since;

	guest_handler[0x60] = on_tick;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	set_pin(0, 0x60);
	outb(0x43, 0x34);
	outb(0x40, 4773 & 255);
	outb(0x40, 4773 >> 8);
	since = rdtsc();
	while (rdtsc() - since < n * tick)
		cpu_relax();
	return since;
}

/*
 * Ticks that come while interrupts are off are delivered later, one by one. The
 * TSC, of @khz, tells how many must have come: one each four milliseconds.
 */
static __guest void g_reinjection(uint64_t khz)
{
	const uint64_t tick = 4 * khz;
	uint64_t since, passed, i;

	since = let_ticks_pass(25, tick);
	/*
	 * More than 20 were kept. The host's timer may be late, so a few may
	 * be missing at any moment, but not all the time.
	 */
	do {
		for (i = 0; i < 60; i++)
			asm volatile("sti; nop; nop; cli");
		passed = (rdtsc() - since) / tick;
		GUEST_ASSERT(passed < 2500);
	} while (guest_count[0x60] + 8 < passed);
	/* Masked, they are not kept. */
	set_pin(0, 0x10060);
	GUEST_SYNC(1);
	asm volatile("sti; nop; nop; cli");
	passed = guest_count[0x60];
	set_pin(0, 0x60);
	asm volatile("sti; nop; nop; cli");
	GUEST_ASSERT(guest_count[0x60] <= passed + 1);
	GUEST_DONE();
}

TEST(reinjection)
{
	struct vcpu *vcpu = start(g_reinjection, KVM_PIT_SPEAKER_DUMMY);
	struct kvm_reinject_control control = { .pit_reinject = 1 };

	/* As it is at the beginning. */
	EXPECT_EQ(0, try_ioctl(vcpu->vm->fd, KVM_REINJECT_CONTROL, &control));
	vcpu_call(vcpu, g_reinjection, xioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0));
	vcpu_run_sync(vcpu, 1);
	usleep(40000);
	vcpu_run_done(vcpu);
}

/* Without reinjection what comes while interrupts are off is one tick. */
static __guest void g_dropped(uint64_t khz)
{
	const uint64_t tick = 4 * khz;
	uint64_t since;
	uint32_t i;

	since = let_ticks_pass(50, tick);
	for (i = 0; i < 60; i++)
		asm volatile("sti; nop; nop; cli");
	/* Kept they would be 50 and more. Those sixty took some time as well. */
	GUEST_ASSERT(guest_count[0x60] >= 1);
	GUEST_ASSERT(guest_count[0x60] <= 25 + 2 * ((rdtsc() - since) / tick - 50));
	GUEST_DONE();
}

TEST(no_reinjection)
{
	struct vcpu *vcpu = start(g_dropped, KVM_PIT_SPEAKER_DUMMY);
	struct kvm_reinject_control control = { .pit_reinject = 0 };
	struct vm *none = vm_create(VM_IRQCHIP);

	ASSERT_EQ(1, has_cap(KVM_CAP_REINJECT_CONTROL));
	EXPECT_EQ(ENXIO, try_ioctl(none->fd, KVM_REINJECT_CONTROL, &control));
	EXPECT_EQ(EFAULT, try_ioctl(vcpu->vm->fd, KVM_REINJECT_CONTROL, 16));
	EXPECT_EQ(0, try_ioctl(vcpu->vm->fd, KVM_REINJECT_CONTROL, &control));
	vcpu_call(vcpu, g_dropped, xioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0));
	vcpu_run_done(vcpu);
}

TEST(arguments)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct kvm_pit_config pit = { .flags = 0 };
	struct kvm_pit_state2 s, t;

	EXPECT_EQ(0, try_ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	EXPECT_EQ(EEXIST, try_ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	memset(&s, 0xa5, sizeof(s));
	if (try_ioctl(vm->fd, KVM_GET_PIT2, &s) == ENOTTY)
		SKIP(return, "KVM_GET_PIT2 is not offered");
	s.channels[0].mode = 2;
	s.channels[0].count = 0x1234;
	EXPECT_EQ(0, try_ioctl(vm->fd, KVM_SET_PIT2, &s));
	EXPECT_EQ(0, try_ioctl(vm->fd, KVM_GET_PIT2, &t));
	EXPECT_EQ(2, t.channels[0].mode);
	EXPECT_EQ(0x1234, t.channels[0].count);
}

TEST_HARNESS_MAIN
