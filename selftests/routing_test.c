// SPDX-License-Identifier: GPL-2.0
/*
 * GSI routing and MSI: tables replaced as a whole, routes to PIC, IOAPIC and
 * MSI, bad tables, KVM_SIGNAL_MSI, and replacement during injection.
 */
#include "strata_test.h"

struct table {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry e[64];
};

static struct vcpu *start(void (*fn)(uint64_t arg))
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	return vcpu_create(vm, 0, fn);
}

static struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint32_t vector)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .data = vector },
	};
}

static struct kvm_irq_routing_entry chip_route(uint32_t gsi, uint32_t chip, uint32_t pin)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

static int set_table(struct vcpu *vcpu, struct table *t, uint32_t nr)
{
	t->head.nr = nr;
	return try_ioctl(vcpu->vm->fd, KVM_SET_GSI_ROUTING, t);
}

static int line(struct vcpu *vcpu, uint32_t irq, uint32_t level)
{
	struct kvm_irq_level l = { .irq = irq, .level = level };

	return try_ioctl(vcpu->vm->fd, KVM_IRQ_LINE, &l);
}

static __guest void on_irq(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

/* Reports how often the vectors 0x50 to 0x53 arrived. */
static __guest void g_report(uint64_t arg)
{
	int i;

	for (i = 0x50; i < 0x54; i++)
		guest_handler[i] = on_irq;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	/* The PIC hears the low lines: keep its interrupts out. */
	mmio_write32(APIC_BASE + APIC_LVT_LINT0, 0x10000);
	for (;;) {
		sti();
		asm volatile("nop; nop; nop; nop");
		cli();
		GUEST_SYNC(1);
	}
}

static uint64_t arrived(struct vcpu *vcpu, int vector)
{
	vcpu_run_sync(vcpu, 1);
	return guest_var(vcpu->vm, guest_count[vector]);
}

TEST(msi_routes)
{
	struct vcpu *vcpu = start(g_report);
	struct table t = { 0 };

	vcpu_run_sync(vcpu, 1);
	t.e[0] = msi_route(30, 0x50);
	t.e[1] = msi_route(31, 0x51);
	ASSERT_EQ(0, set_table(vcpu, &t, 2));
	EXPECT_EQ(0, line(vcpu, 30, 1));
	EXPECT_EQ(1, arrived(vcpu, 0x50));
	/* Going down sends nothing. */
	EXPECT_EQ(0, line(vcpu, 30, 0));
	EXPECT_EQ(1, arrived(vcpu, 0x50));
	EXPECT_EQ(0, line(vcpu, 31, 1));
	EXPECT_EQ(1, arrived(vcpu, 0x51));
	/* The whole table goes: gsi 31 leads nowhere now. */
	t.e[0] = msi_route(30, 0x52);
	ASSERT_EQ(0, set_table(vcpu, &t, 1));
	line(vcpu, 30, 0);
	EXPECT_EQ(0, line(vcpu, 30, 1));
	EXPECT_EQ(1, arrived(vcpu, 0x52));
	line(vcpu, 31, 0);
	line(vcpu, 31, 1);
	EXPECT_EQ(1, arrived(vcpu, 0x51));
	/* An empty table is one too. */
	EXPECT_EQ(0, set_table(vcpu, &t, 0));
	line(vcpu, 30, 1);
	EXPECT_EQ(1, arrived(vcpu, 0x52));
}

TEST(bad_tables)
{
	struct vcpu *vcpu = start(g_report);
	struct table t = { 0 };
	int max = has_cap(KVM_CAP_IRQ_ROUTING);

	vcpu_run_sync(vcpu, 1);
	t.e[0] = msi_route(30, 0x50);
	ASSERT_EQ(0, set_table(vcpu, &t, 1));
	t.head.flags = 1;
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	t.head.flags = 0;
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, max + 1));
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 0x7fffffff));
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 0xffffffff));
	t.e[0] = chip_route(5, 3, 5);
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	t.e[0] = chip_route(5, KVM_IRQCHIP_IOAPIC, 24);
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	t.e[0] = chip_route(5, KVM_IRQCHIP_PIC_MASTER, 8);
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	t.e[0] = msi_route(30, 0x50);
	t.e[0].type = 77;
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	t.e[0] = msi_route(30, 0x50);
	t.e[0].flags = 0x80000000;
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	t.e[0] = msi_route(0xffffffff, 0x50);
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	t.e[0] = msi_route(max, 0x50);
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 1));
	/* One GSI cannot lead to two pins of one chip, nor to a pin and a message. */
	t.e[0] = chip_route(5, KVM_IRQCHIP_IOAPIC, 5);
	t.e[1] = chip_route(5, KVM_IRQCHIP_IOAPIC, 6);
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 2));
	t.e[1] = msi_route(5, 0x51);
	EXPECT_EQ(EINVAL, set_table(vcpu, &t, 2));
	/* None of them replaced the first table. */
	EXPECT_EQ(0, line(vcpu, 30, 1));
	EXPECT_EQ(1, arrived(vcpu, 0x50));
}

/* Masters and slaves and the IOAPIC, as every client sets it up. */
TEST(client_table)
{
	struct vcpu *vcpu = start(g_report);
	struct table t = { 0 };
	int i, n = 0;

	vcpu_run_sync(vcpu, 1);
	for (i = 0; i < 8; i++)
		if (i != 2)
			t.e[n++] = chip_route(i, KVM_IRQCHIP_PIC_MASTER, i);
	for (i = 8; i < 16; i++)
		t.e[n++] = chip_route(i, KVM_IRQCHIP_PIC_SLAVE, i - 8);
	for (i = 0; i < 24; i++)
		t.e[n++] = chip_route(i, KVM_IRQCHIP_IOAPIC, i == 0 ? 2 : i);
	EXPECT_EQ(0, set_table(vcpu, &t, n));
	for (i = 0; i < 24; i++) {
		EXPECT_EQ(0, line(vcpu, i, 1));
		EXPECT_EQ(0, line(vcpu, i, 0));
	}
	vcpu_run_sync(vcpu, 1);
}

TEST(signal_msi)
{
	struct vcpu *vcpu = start(g_report);
	struct kvm_msi m = { .address_lo = 0xfee00000, .data = 0x50 };

	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, ioctl(vcpu->vm->fd, KVM_SIGNAL_MSI, &m));
	EXPECT_EQ(1, arrived(vcpu, 0x50));
	/* Logical destination, lowest priority: nobody has a logical id yet. */
	m.address_lo = 0xfee0100c;
	m.data = 0x151;
	EXPECT_GE(0, ioctl(vcpu->vm->fd, KVM_SIGNAL_MSI, &m));
	/* Nobody. */
	m.address_lo = 0xfee77000;
	m.data = 0x51;
	EXPECT_GE(0, ioctl(vcpu->vm->fd, KVM_SIGNAL_MSI, &m));
	EXPECT_EQ(0, arrived(vcpu, 0x51));
	m.flags = 0x80000000;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->vm->fd, KVM_SIGNAL_MSI, &m));
}

/* One thread replaces the table while another pulls the line. */
static volatile int stop;

static void *replace(void *arg)
{
	struct vcpu *vcpu = arg;
	struct table t = { 0 };
	uint32_t i;

	for (i = 0; !stop; i++) {
		t.e[0] = msi_route(30, 0x50 + (i & 3));
		t.e[1] = chip_route(5, KVM_IRQCHIP_IOAPIC, i % 24);
		if (set_table(vcpu, &t, 1 + (i & 1)))
			die("KVM_SET_GSI_ROUTING: %s", strerror(errno));
	}
	return NULL;
}

static __guest void g_spin(uint64_t arg)
{
	int i;

	for (i = 0x50; i < 0x54; i++)
		guest_handler[i] = on_irq;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	/* The PIC hears the low lines: keep its interrupts out. */
	mmio_write32(APIC_BASE + APIC_LVT_LINT0, 0x10000);
	sti();
	while (guest_count[0x50] + guest_count[0x51] + guest_count[0x52] +
	       guest_count[0x53] < 200)
		asm volatile("nop");
	GUEST_DONE();
}

TEST(replaced_during_injection)
{
	struct vcpu *vcpu = start(g_spin);
	pthread_t t;

	ASSERT_EQ(0, pthread_create(&t, NULL, replace, vcpu));
	vcpu_start_done(vcpu);
	while (!vcpu_finished(vcpu)) {
		line(vcpu, 30, 1);
		line(vcpu, 30, 0);
		line(vcpu, 5, 1);
		line(vcpu, 5, 0);
		sched_yield();
	}
	vcpu_join(vcpu);
	stop = 1;
	pthread_join(t, NULL);
}

TEST_HARNESS_MAIN
