// SPDX-License-Identifier: GPL-2.0
/*
 * Whom a message means: physical and logical destinations in both modes,
 * broadcast, lowest priority, those who do not listen. The messages come from
 * KVM_SIGNAL_MSI; the request registers tell who got them. Then the same by
 * the ICR of a guest.
 */
#include "strata_test.h"

#define VCPUS	4
#define VECTOR	0x61

#define LOGICAL	(1u << 2)
#define LOWEST	(1u << 8)
#define NMI	(4u << 8)
#define LEVEL	(1u << 15)

static struct vm *vm;

static void start(void)
{
	int i;

	vm = vm_create(VM_IRQCHIP);
	for (i = 0; i < VCPUS; i++) {
		vcpu_create_raw(vm, i);
		vcpu_set_cpuid(vm->vcpu[i]);
		lapic_enable(vm->vcpu[i]);
	}
}

static void x2apic(int i)
{
	struct kvm_sregs s = vcpu_sregs(vm->vcpu[i]);

	s.apic_base |= 0x400;
	vcpu_set_sregs(vm->vcpu[i], &s);
}

/* The ioctl's result; -1 is an error of its own. */
static int send(uint32_t dest, uint32_t address_bits, uint32_t data_bits)
{
	struct kvm_msi msi = {
		.address_lo = 0xfee00000 | dest << 12 | address_bits,
		.data = VECTOR | data_bits,
	};

	return ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

/* Bit by vCPU: who has the vector requested. Takes it back. */
static unsigned int got(void)
{
	unsigned int i, mask = 0;

	for (i = 0; i < VCPUS; i++) {
		if (lapic_reg(vm->vcpu[i], APIC_IRR + 0x30) & 1u << (VECTOR & 31))
			mask |= 1u << i;
		lapic_set_reg(vm->vcpu[i], APIC_IRR + 0x30, 0);
	}
	return mask;
}

TEST(physical)
{
	int i;

	start();
	for (i = 0; i < VCPUS; i++) {
		EXPECT_EQ(1, send(i, 0, 0));
		EXPECT_EQ(1u << i, got());
	}
	EXPECT_EQ(-1, send(VCPUS, 0, 0));
	EXPECT_EQ(0, got());
	EXPECT_EQ(VCPUS, send(0xff, 0, 0));
	EXPECT_EQ(0xf, got());
	/* A second one is coalesced. */
	EXPECT_EQ(1, send(2, 0, 0));
	EXPECT_EQ(0, send(2, 0, 0));
	EXPECT_EQ(1u << 2, got());
}

TEST(who_does_not_listen)
{
	struct kvm_sregs s;

	start();
	lapic_set_reg(vm->vcpu[1], APIC_SVR, 0xff);
	EXPECT_EQ(0, send(1, 0, 0));
	EXPECT_EQ(0, got());
	EXPECT_EQ(VCPUS - 1, send(0xff, 0, 0));
	EXPECT_EQ(0xd, got());
	/* Off altogether it has no id. */
	s = vcpu_sregs(vm->vcpu[2]);
	s.apic_base &= ~0x800ull;
	vcpu_set_sregs(vm->vcpu[2], &s);
	EXPECT_EQ(-1, send(2, 0, 0));
	EXPECT_EQ(2, send(0xff, 0, 0));
	EXPECT_EQ(0x9, got());
}

TEST(logical_flat)
{
	int i;

	start();
	for (i = 0; i < VCPUS; i++)
		lapic_set_reg(vm->vcpu[i], APIC_LDR, 1u << (24 + i));
	EXPECT_EQ(1, send(1 << 2, LOGICAL, 0));
	EXPECT_EQ(1u << 2, got());
	EXPECT_EQ(3, send(0xb, LOGICAL, 0));
	EXPECT_EQ(0xb, got());
	EXPECT_EQ(-1, send(0x50, LOGICAL, 0));
	EXPECT_EQ(0, got());
	EXPECT_EQ(VCPUS, send(0xff, LOGICAL, 0));
	EXPECT_EQ(0xf, got());
}

TEST(logical_cluster)
{
	int i;

	start();
	for (i = 0; i < VCPUS; i++) {
		lapic_set_reg(vm->vcpu[i], APIC_DFR, 0x0fffffff);
		/* Two clusters of two. */
		lapic_set_reg(vm->vcpu[i], APIC_LDR, (i / 2) << 28 | 1u << (24 + i % 2));
	}
	EXPECT_EQ(1, send(0x12, LOGICAL, 0));
	EXPECT_EQ(1u << 3, got());
	EXPECT_EQ(2, send(0x03, LOGICAL, 0));
	EXPECT_EQ(0x3, got());
	EXPECT_EQ(-1, send(0x21, LOGICAL, 0));
	EXPECT_EQ(0, got());
}

TEST(logical_x2apic)
{
	int i;

	REQUIRE_CPUID(1, 0, ecx, 21);
	start();
	/* Two of them: the others are in xAPIC mode without logical id. */
	x2apic(0);
	x2apic(2);
	EXPECT_EQ(1, send(0x6, LOGICAL, 0));
	EXPECT_EQ(1u << 2, got());
	for (i = 0; i < VCPUS; i++)
		x2apic(i);
	EXPECT_EQ(2, send(0x6, LOGICAL, 0));
	EXPECT_EQ(0x6, got());
	EXPECT_EQ(1, send(3, 0, 0));
	EXPECT_EQ(1u << 3, got());
	EXPECT_EQ(-1, send(0x10, LOGICAL, 0));
	EXPECT_EQ(0, got());
}

TEST(lowest_priority)
{
	unsigned int mask;
	int i;

	start();
	for (i = 0; i < VCPUS; i++)
		lapic_set_reg(vm->vcpu[i], APIC_LDR, 1u << (24 + i));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(1, send(0xd, LOGICAL, LOWEST));
		mask = got();
		EXPECT_EQ(1, __builtin_popcount(mask));
		EXPECT_EQ(0, mask & ~0xdu);
	}
	/* Only who listens is chosen. */
	lapic_set_reg(vm->vcpu[0], APIC_SVR, 0xff);
	lapic_set_reg(vm->vcpu[3], APIC_SVR, 0xff);
	EXPECT_EQ(1, send(0xd, LOGICAL, LOWEST));
	EXPECT_EQ(1u << 2, got());
}

TEST(trigger_mode_and_vectors)
{
	uint32_t vector;
	struct kvm_msi msi = { .address_lo = 0xfee00000 };

	start();
	EXPECT_EQ(1, send(0, 0, LEVEL));
	EXPECT_EQ(1u << (VECTOR & 31), lapic_reg(vm->vcpu[0], APIC_TMR + 0x30));
	EXPECT_EQ(1, got());
	EXPECT_EQ(1, send(0, 0, 0));
	EXPECT_EQ(0, lapic_reg(vm->vcpu[0], APIC_TMR + 0x30));
	EXPECT_EQ(1, got());
	for (vector = 0; vector < 256; vector++) {
		msi.data = vector;
		ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
		EXPECT_EQ(vector < 16 ? 0 : 1u << (vector & 31),
			  lapic_reg(vm->vcpu[0], APIC_IRR + vector / 32 * 0x10));
		lapic_set_reg(vm->vcpu[0], APIC_IRR + vector / 32 * 0x10, 0);
	}
}

/* An id far from its place, and one above what 8 bits reach. */
TEST(sparse_ids)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000 | 200 << 12, .data = VECTOR };
	struct vcpu *far;

	vm = vm_create(VM_IRQCHIP);
	vcpu_create_raw(vm, 3);
	far = vcpu_create_raw(vm, 200);
	lapic_enable(far);
	EXPECT_EQ(1, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(1u << (VECTOR & 31), lapic_reg(far, APIC_IRR + 0x30));
	EXPECT_EQ(200u << 24, lapic_reg(far, APIC_ID));
	EXPECT_EQ(0, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	msi.address_lo = 0xfee00000 | 1 << 12;
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
}

/*
 * Ids of 32 bits: a message's address has them, and so has the LAPIC's register. The
 * eight ones are an id then, where every LAPIC is in x2APIC mode.
 */
TEST(wide_ids)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API, .args = { 3 } };
	struct kvm_msi msi = { .address_lo = 0xfee00000 | 44 << 12, .data = VECTOR };
	struct { struct kvm_irq_routing head; struct kvm_irq_routing_entry e; } route = {
		.head.nr = 1,
		.e = { .gsi = 7, .type = KVM_IRQ_ROUTING_MSI, .u.msi.data = VECTOR,
		       .u.msi.address_lo = msi.address_lo },
	};
	struct kvm_irq_level line = { .irq = 7, .level = 1 };
	struct kvm_lapic_state l;
	static const int ids[VCPUS] = { 0, 1, 300, 255 };
	uint32_t id;
	int i;

	vm = vm_create(VM_IRQCHIP);
	cap.args[0] = 4;
	ASSERT_EQ(EINVAL, try_ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	for (i = 0; i < VCPUS; i++) {
		vcpu_create_raw(vm, ids[i]);
		vcpu_set_cpuid(vm->vcpu[i]);
		x2apic(i);
		lapic_enable(vm->vcpu[i]);
	}
	/* Without it the upper bits mean nothing, and eight ones mean all. */
	msi.address_hi = 0x100;
	EXPECT_EQ(-1, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(VCPUS, send(0xff, 0, 0));
	EXPECT_EQ(0xf, got());

	cap.args[0] = 3;
	ASSERT_EQ(0, try_ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	EXPECT_EQ(1, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(1u << 2, got());
	EXPECT_EQ(1, send(0xff, 0, 0));
	EXPECT_EQ(1u << 3, got());
	msi.address_lo = 0xfee00000 | 0xff << 12;
	msi.address_hi = 0xffffff00;
	EXPECT_EQ(VCPUS, ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	EXPECT_EQ(0xf, got());
	msi.address_hi = 0x101;
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	route.e.u.msi.address_hi = 0x101;
	EXPECT_EQ(EINVAL, try_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &route));
	route.e.u.msi.address_hi = 0x100;
	xioctl(vm->fd, KVM_SET_GSI_ROUTING, &route);
	xioctl(vm->fd, KVM_IRQ_LINE, &line);
	EXPECT_EQ(1u << 2, got());

	EXPECT_EQ(300, lapic_reg(vm->vcpu[2], APIC_ID));
	xioctl(vm->vcpu[2]->fd, KVM_GET_LAPIC, &l);
	id = 300u << 24;
	memcpy(l.regs + APIC_ID, &id, 4);
	EXPECT_EQ(EINVAL, try_ioctl(vm->vcpu[2]->fd, KVM_SET_LAPIC, &l));
}

/* By a guest's ICR, in both modes, to more vCPUs than are told at once. */
#define MANY	20

static __guest void g_icr_to_many(uint64_t wide)
{
	if (wide) {
		wrmsr(0x830, 3u << 18 | VECTOR);
		GUEST_SYNC(1);
		wrmsr(0x830, 0xffffffffull << 32 | VECTOR);
		GUEST_SYNC(2);
		wrmsr(0x830, 7ull << 32 | VECTOR);
	} else {
		mmio_write32(APIC_BASE + APIC_ICR, 3u << 18 | VECTOR);
		GUEST_SYNC(1);
		mmio_write32(APIC_BASE + APIC_ICR2, 0xffu << 24);
		mmio_write32(APIC_BASE + APIC_ICR, VECTOR);
		GUEST_SYNC(2);
		mmio_write32(APIC_BASE + APIC_ICR2, 7u << 24);
		mmio_write32(APIC_BASE + APIC_ICR, VECTOR);
	}
	GUEST_SYNC(3);
	GUEST_DONE();
}

static void many(bool wide)
{
	static const unsigned int want[] = { (1u << MANY) - 2, (1u << MANY) - 1, 1u << 7 };
	unsigned int i, k;

	vm = vm_create(VM_IRQCHIP);
	for (i = 0; i < MANY; i++) {
		if (i)
			vcpu_create_raw(vm, i);
		else
			vcpu_create(vm, 0, g_icr_to_many);
		vcpu_set_cpuid(vm->vcpu[i]);
		lapic_enable(vm->vcpu[i]);
		if (wide)
			x2apic(i);
	}
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W);
	vcpu_call(vm->vcpu[0], g_icr_to_many, wide);
	for (k = 0; k < 3; k++) {
		unsigned int mask = 0;

		vcpu_run_sync(vm->vcpu[0], k + 1);
		for (i = 0; i < MANY; i++) {
			if (lapic_reg(vm->vcpu[i], APIC_IRR + 0x30) & 1u << (VECTOR & 31))
				mask |= 1u << i;
			lapic_set_reg(vm->vcpu[i], APIC_IRR + 0x30, 0);
		}
		if (mask != want[k])
			die("step %u reached %#x, not %#x", k, mask, want[k]);
	}
	vcpu_run_done(vm->vcpu[0]);
}

TEST(icr_to_many)
{
	many(false);
	many(true);
}

TEST_HARNESS_MAIN
