// SPDX-License-Identifier: GPL-2.0
/*
 * Every GET ioctl into a buffer full of one byte and then of another: what
 * comes back is the same both times, so that nothing was left unwritten, and
 * reserved fields are zero.
 */
#include "strata_test.h"

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

/* The first byte that depends on what the buffer held, or -1. */
static int leftover(int fd, unsigned long cmd, size_t size)
{
	uint8_t *a = malloc(size), *b = malloc(size);
	size_t i;
	int bad = -1;

	memset(a, 0xa5, size);
	memset(b, 0x5a, size);
	xioctl(fd, cmd, a);
	xioctl(fd, cmd, b);
	for (i = 0; i < size && bad < 0; i++)
		if (a[i] != b[i])
			bad = i;
	free(a);
	free(b);
	return bad;
}

#define WRITES_ALL(fd, cmd, type) \
	EXPECT_EQ(-1, leftover(fd, cmd, sizeof(type)))

TEST(vcpu_state)
{
	struct vm *vm = vm_create(VM_PIT);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_done);

	vcpu_run_done(vcpu);
	WRITES_ALL(vcpu->fd, KVM_GET_REGS, struct kvm_regs);
	WRITES_ALL(vcpu->fd, KVM_GET_SREGS, struct kvm_sregs);
	WRITES_ALL(vcpu->fd, KVM_GET_FPU, struct kvm_fpu);
	WRITES_ALL(vcpu->fd, KVM_GET_MP_STATE, struct kvm_mp_state);
	WRITES_ALL(vcpu->fd, KVM_GET_VCPU_EVENTS, struct kvm_vcpu_events);
	WRITES_ALL(vcpu->fd, KVM_GET_LAPIC, struct kvm_lapic_state);
	if (has_cap(KVM_CAP_XSAVE))
		WRITES_ALL(vcpu->fd, KVM_GET_XSAVE, struct kvm_xsave);
	if (has_cap(KVM_CAP_XCRS))
		WRITES_ALL(vcpu->fd, KVM_GET_XCRS, struct kvm_xcrs);
	if (has_cap(KVM_CAP_DEBUGREGS))
		WRITES_ALL(vcpu->fd, KVM_GET_DEBUGREGS, struct kvm_debugregs);
}

/* The state of one chip; KVM leaves the rest of the union as it came. */
static bool irqchip_is_written(int fd, uint32_t id)
{
	struct kvm_irqchip a, b;

	memset(&a, 0xa5, sizeof(a));
	memset(&b, 0x5a, sizeof(b));
	a.chip_id = id;
	b.chip_id = id;
	xioctl(fd, KVM_GET_IRQCHIP, &a);
	xioctl(fd, KVM_GET_IRQCHIP, &b);
	return !memcmp(&a.chip, &b.chip, id == KVM_IRQCHIP_IOAPIC ?
		       sizeof(a.chip.ioapic) : sizeof(a.chip.pic));
}

TEST(vm_state)
{
	struct vm *vm = vm_create(VM_PIT);
	struct kvm_irqchip probe = { .chip_id = 0 };
	struct kvm_pit_state2 pit;
	uint32_t i;

	if (!try_ioctl(vm->fd, KVM_GET_IRQCHIP, &probe))
		for (i = 0; i < 3; i++)
			EXPECT_TRUE(irqchip_is_written(vm->fd, i))
				TH_LOG("chip %u", i);
	if (!try_ioctl(vm->fd, KVM_GET_PIT2, &pit)) {
		struct kvm_pit_state2 a, b;

		memset(&a, 0xa5, sizeof(a));
		memset(&b, 0x5a, sizeof(b));
		xioctl(vm->fd, KVM_GET_PIT2, &a);
		xioctl(vm->fd, KVM_GET_PIT2, &b);
		EXPECT_EQ(a.flags, b.flags);
		EXPECT_EQ(0, memcmp(a.reserved, b.reserved, sizeof(a.reserved)));
		EXPECT_EQ(a.channels[0].count, b.channels[0].count);
	}
}

TEST(fresh_state_is_zero_where_reserved)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_sregs s;
	struct kvm_segment *seg[] = { &s.cs, &s.ds, &s.es, &s.fs, &s.gs, &s.ss, &s.tr, &s.ldt };
	struct kvm_lapic_state l;
	unsigned int i;

	memset(&s, 0xa5, sizeof(s));
	xioctl(vcpu->fd, KVM_GET_SREGS, &s);
	for (i = 0; i < ARRAY_SIZE(seg); i++)
		EXPECT_EQ(0, seg[i]->padding);
	EXPECT_EQ(0, s.gdt.padding[0] | s.gdt.padding[1] | s.gdt.padding[2]);
	EXPECT_EQ(0, s.idt.padding[0] | s.idt.padding[1] | s.idt.padding[2]);
	memset(&l, 0xa5, sizeof(l));
	xioctl(vcpu->fd, KVM_GET_LAPIC, &l);
	/* Only the first four bytes of each sixteen are a register. */
	for (i = 0; i < sizeof(l.regs); i++)
		if (i % 16 >= 4)
			EXPECT_EQ(0, l.regs[i]);
}

TEST(lists)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_done);
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[2];
	} m = { .head.nmsrs = 1 };
	struct kvm_cpuid2 *c = supported_cpuid();
	uint32_t i;

	m.e[0].index = 0xc0000080;
	m.e[0].reserved = 0;
	m.e[0].data = 0xa5a5a5a5a5a5a5a5;
	m.e[1].data = 0xa5a5a5a5a5a5a5a5;
	EXPECT_EQ(1, ioctl(vcpu->fd, KVM_GET_MSRS, &m));
	EXPECT_EQ(0xd01, m.e[0].data);
	/* Nothing behind the entries that were asked for. */
	EXPECT_EQ(0xa5a5a5a5a5a5a5a5, m.e[1].data);
	for (i = 0; i < c->nent; i++)
		EXPECT_EQ(0, c->entries[i].padding[0] | c->entries[i].padding[1] |
			  c->entries[i].padding[2]);
}

TEST(dirty_log)
{
	struct vm *vm = vm_create(0);
	uint8_t *mem = mem_alloc(MB, PAGE_SIZE), bitmap[64];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	unsigned int i;

	vm_set_region(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, 0x40000000, 100 * PAGE_SIZE, mem);
	memset(bitmap, 0xa5, sizeof(bitmap));
	xioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
	/* 100 pages are 128 bits: sixteen bytes and not one more. */
	for (i = 0; i < sizeof(bitmap); i++)
		EXPECT_EQ(i < 16 ? 0 : 0xa5, bitmap[i]);
}

TEST_HARNESS_MAIN
