// SPDX-License-Identifier: GPL-2.0
/*
 * Coalesced MMIO and PIO: writes to a zone fill the ring behind the run page and
 * cause no exit until it is full; reads and other addresses exit as ever.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul

static int zone(struct vm *vm, unsigned long cmd, uint64_t addr, uint32_t size)
{
	struct kvm_coalesced_mmio_zone z = { .addr = addr, .size = size };

	return try_ioctl(vm->fd, cmd, &z);
}

static __guest void g_writes(uint64_t arg)
{
	uint64_t i;

	mmio_write32(HOLE + 0x10, 0x11223344);
	mmio_write8(HOLE + 0x20, 0x55);
	mmio_write64(HOLE + 0x28, 0x66);
	GUEST_SYNC(1);
	/* Outside the zone, and across its end. */
	mmio_write32(HOLE + 0x1000, 1);
	mmio_write32(HOLE + 0xffe, 2);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(0x77, mmio_read8(HOLE + 0x10));
	for (i = 0; i < 1000; i++)
		mmio_write64(HOLE + 0x40, i);
	GUEST_DONE();
}

TEST(ring)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_writes);
	struct kvm_coalesced_mmio_ring *r;
	uint64_t expect = 0, exits = 0;
	uint32_t max;
	int page = has_cap(KVM_CAP_COALESCED_MMIO);

	if (!page)
		SKIP(return, "the device does not offer KVM_CAP_COALESCED_MMIO");
	r = (void *)((uint8_t *)vcpu->run + page * PAGE_SIZE);
	max = (PAGE_SIZE - sizeof(*r)) / sizeof(r->coalesced_mmio[0]);
	vm_map(vm, HOLE, HOLE, 2 * PAGE_SIZE, PTE_W);
	ASSERT_EQ(0, zone(vm, KVM_REGISTER_COALESCED_MMIO, HOLE, PAGE_SIZE));
	vcpu_run_sync(vcpu, 1);
	ASSERT_EQ(0, r->first);
	ASSERT_EQ(3, r->last);
	EXPECT_EQ(HOLE + 0x10, r->coalesced_mmio[0].phys_addr);
	EXPECT_EQ(4, r->coalesced_mmio[0].len);
	EXPECT_EQ(0, memcmp("\x44\x33\x22\x11", r->coalesced_mmio[0].data, 4));
	EXPECT_EQ(HOLE + 0x20, r->coalesced_mmio[1].phys_addr);
	EXPECT_EQ(1, r->coalesced_mmio[1].len);
	EXPECT_EQ(8, r->coalesced_mmio[2].len);
	r->first = r->last;

	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(HOLE + 0x1000, vcpu->run->mmio.phys_addr);
	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		;
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(2, vcpu->uc.arg[0]);
	r->first = r->last;

	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0, vcpu->run->mmio.is_write);
	vcpu->run->mmio.data[0] = 0x77;
	/* Drained only when it is full: none may be lost or out of order. */
	for (;;) {
		uint32_t reason = vcpu_run(vcpu);

		for (; r->first != r->last; r->first = (r->first + 1) % max) {
			uint64_t v;

			memcpy(&v, r->coalesced_mmio[r->first].data, 8);
			ASSERT_EQ(expect, v);
			expect++;
		}
		if (reason != KVM_EXIT_MMIO)
			break;
		ASSERT_EQ(expect, *(uint64_t *)vcpu->run->mmio.data);
		expect++;
		exits++;
	}
	vcpu_report_abort(vcpu);
	EXPECT_EQ(1000, expect);
	/* One entry or two may stay free. */
	EXPECT_GE(1000 / (max - 2) + 2, exits);
}

#define PORT	0x5c00

static int port_zone(struct vm *vm, unsigned long cmd, uint64_t port, uint32_t size, uint32_t pio)
{
	struct kvm_coalesced_mmio_zone z = { .addr = port, .size = size, .pio = pio };

	return try_ioctl(vm->fd, cmd, &z);
}

static __guest void g_outs(uint64_t arg)
{
	uint8_t string[3] = { 1, 2, 3 }, *from = string;
	uint64_t n = 3;

	outb(PORT, 0x11);
	outw(PORT + 2, 0x2233);
	outl(PORT + 4, 0x44556677);
	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(PORT + 1) : "memory");
	/* A write to memory of the same number is another. */
	mmio_write8(HOLE, 0x88);
	/* Beyond the end, and across it. */
	outb(PORT + 8, 1);
	outw(PORT + 7, 2);
	GUEST_ASSERT_EQ(0x99, inb(PORT));
	GUEST_DONE();
}

TEST(ports)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_outs);
	static const struct { uint32_t len; uint8_t port; uint32_t data; } expect[] = {
		{ 1, 0, 0x11 }, { 2, 2, 0x2233 }, { 4, 4, 0x44556677 },
		{ 1, 1, 1 }, { 1, 1, 2 }, { 1, 1, 3 },
	};
	struct kvm_coalesced_mmio_ring *r;
	unsigned int i;

	if (!has_cap(KVM_CAP_COALESCED_PIO))
		SKIP(return, "the device does not offer KVM_CAP_COALESCED_PIO");
	r = (void *)((uint8_t *)vcpu->run + has_cap(KVM_CAP_COALESCED_MMIO) * PAGE_SIZE);
	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	ASSERT_EQ(EINVAL, port_zone(vm, KVM_REGISTER_COALESCED_MMIO, PORT, 8, 2));
	ASSERT_EQ(EINVAL, port_zone(vm, KVM_REGISTER_COALESCED_MMIO, PORT, 0, 1));
	ASSERT_EQ(0, port_zone(vm, KVM_REGISTER_COALESCED_MMIO, PORT, 8, 1));
	/* What is taken away of the other bus leaves it. */
	ASSERT_EQ(0, port_zone(vm, KVM_UNREGISTER_COALESCED_MMIO, PORT, 8, 0));

	expect_exit(vcpu, KVM_EXIT_MMIO);
	ASSERT_EQ(ARRAY_SIZE(expect), r->last);
	for (i = 0; i < ARRAY_SIZE(expect); i++) {
		EXPECT_EQ(1, r->coalesced_mmio[i].pio);
		EXPECT_EQ(PORT + expect[i].port, r->coalesced_mmio[i].phys_addr);
		EXPECT_EQ(expect[i].len, r->coalesced_mmio[i].len);
		EXPECT_EQ(0, memcmp(r->coalesced_mmio[i].data, &expect[i].data, expect[i].len));
	}
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(PORT + 8, vcpu->run->io.port);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(PORT + 7, vcpu->run->io.port);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(KVM_EXIT_IO_IN, vcpu->run->io.direction);
	*((uint8_t *)vcpu->run + vcpu->run->io.data_offset) = 0x99;
	vcpu_run_done(vcpu);

	r->first = r->last;
	ASSERT_EQ(0, port_zone(vm, KVM_UNREGISTER_COALESCED_MMIO, PORT + 2, 2, 1));
	vcpu_call(vcpu, g_outs, 0);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(PORT, vcpu->run->io.port);
}

/* Indices that user space ruins must not lead the kernel out of the page. */
TEST(ruined_indices)
{
	static const uint32_t bad[] = { 0xffffffff, 0x7fffffff, 170, 4096, 1 };
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_writes);
	struct kvm_coalesced_mmio_ring *r;
	int page = has_cap(KVM_CAP_COALESCED_MMIO);
	unsigned int i, j;

	if (!page)
		SKIP(return, "the device does not offer KVM_CAP_COALESCED_MMIO");
	r = (void *)((uint8_t *)vcpu->run + page * PAGE_SIZE);
	vm_map(vm, HOLE, HOLE, 2 * PAGE_SIZE, PTE_W);
	ASSERT_EQ(0, zone(vm, KVM_REGISTER_COALESCED_MMIO, HOLE, PAGE_SIZE));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			r->first = bad[i];
			r->last = bad[j];
			vcpu_call(vcpu, g_writes, 0);
			while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
				;
			ASSERT_TRUE(vcpu_is_ucall(vcpu));
			vcpu_complete_io(vcpu);
		}
	}
}

TEST(zones)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_writes);
	int i;

	if (!has_cap(KVM_CAP_COALESCED_MMIO))
		SKIP(return, "the device does not offer KVM_CAP_COALESCED_MMIO");
	vm_map(vm, HOLE, HOLE, 2 * PAGE_SIZE, PTE_W);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(0, zone(vm, KVM_REGISTER_COALESCED_MMIO, HOLE + 0x10000 * i, 64));
	for (i = 0; i < 100; i++)
		EXPECT_EQ(0, zone(vm, KVM_UNREGISTER_COALESCED_MMIO, HOLE + 0x10000 * i, 64));
	EXPECT_EQ(0, zone(vm, KVM_UNREGISTER_COALESCED_MMIO, HOLE, 64));
	/* All gone: the first write exits. */
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(HOLE + 0x10, vcpu->run->mmio.phys_addr);
}

TEST_HARNESS_MAIN
