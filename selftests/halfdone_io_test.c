// SPDX-License-Identifier: GPL-2.0
/*
 * Between an I/O exit and the next KVM_RUN user space may change everything:
 * registers, mode, events, slots, the thread. The access is completed, dropped
 * or ends in a clean exit, and never touches what is not there any more.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul
#define BUF	0x50000000ul

static __guest void g_io(uint64_t arg)
{
	uint64_t v = 0x1122334455667788;

	asm volatile("inb $0x10, %%al" : "+a"(v));
	GUEST_SYNC2(1, v);
	v = mmio_read64(HOLE);
	GUEST_SYNC2(2, v);
	asm volatile("rep insb" : : "D"(BUF), "c"(6000), "d"(0x20) : "memory");
	GUEST_SYNC(3);
	asm volatile("rep movsb" : : "S"(HOLE), "D"(BUF), "c"(9) : "memory");
	GUEST_SYNC(4);
	GUEST_DONE();
}

FIXTURE(half) {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *mem;
};

FIXTURE_SETUP(half)
{
	self->vm = vm_create(0);
	self->vcpu = vcpu_create(self->vm, 0, g_io);
	self->mem = mem_alloc(4 * PAGE_SIZE, PAGE_SIZE);
	vm_set_region(self->vm, 1, 0, BUF, 4 * PAGE_SIZE, self->mem);
	vm_map(self->vm, BUF, BUF, 4 * PAGE_SIZE, PTE_W);
	vm_map(self->vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	vcpu_run(self->vcpu);
	*((uint8_t *)self->vcpu->run + PAGE_SIZE) = 0x5a;
}

FIXTURE_TEARDOWN(half)
{
	vm_free(self->vm);
}

TEST_F(half, registers_changed)
{
	struct kvm_regs r = vcpu_regs(self->vcpu);

	r.rax = 0xaabbccddeeff0011;
	vcpu_set_regs(self->vcpu, &r);
	vcpu_run_sync(self->vcpu, 1);
	EXPECT_EQ(0xaabbccddeeff005a, self->vcpu->uc.arg[1]);
}

TEST_F(half, run_page_changed)
{
	/* Port, size, count and direction are answers, not questions. */
	self->vcpu->run->io.size = 4;
	self->vcpu->run->io.count = 0xffffffff;
	self->vcpu->run->io.direction = KVM_EXIT_IO_OUT;
	self->vcpu->run->io.data_offset = 0xfffff000;
	self->vcpu->run->exit_reason = KVM_EXIT_MMIO;
	vcpu_run_sync(self->vcpu, 1);
	EXPECT_EQ(0x112233445566775a, self->vcpu->uc.arg[1]);
	expect_exit(self->vcpu, KVM_EXIT_MMIO);
	memset(self->vcpu->run->mmio.data, 0x77, 8);
	self->vcpu->run->mmio.len = 0xffffffff;
	self->vcpu->run->mmio.phys_addr = 0;
	self->vcpu->run->mmio.is_write = 1;
	vcpu_run_sync(self->vcpu, 2);
	EXPECT_EQ(0x7777777777777777, self->vcpu->uc.arg[1]);
}

static void *run_in_thread(void *arg)
{
	vcpu_run(arg);
	return NULL;
}

TEST_F(half, other_thread)
{
	vcpu_start(self->vcpu, run_in_thread);
	vcpu_join(self->vcpu);
	ASSERT_TRUE(vcpu_is_ucall(self->vcpu));
	EXPECT_EQ(0x112233445566775a, self->vcpu->uc.arg[1]);
	expect_exit(self->vcpu, KVM_EXIT_MMIO);
	memset(self->vcpu->run->mmio.data, 0x11, 8);
	vcpu_start(self->vcpu, run_in_thread);
	vcpu_join(self->vcpu);
	ASSERT_TRUE(vcpu_is_ucall(self->vcpu));
	EXPECT_EQ(0x1111111111111111, self->vcpu->uc.arg[1]);
}

TEST_F(half, mode_changed)
{
	struct kvm_sregs s = vcpu_sregs(self->vcpu);
	struct kvm_regs r = { .rip = 0x1000, .rflags = 2 };

	/* Real mode, and a HLT there. */
	s.cr0 = 0x10;
	s.cr4 = 0;
	s.efer = 0;
	s.cs = (struct kvm_segment) { .limit = 0xffff, .type = 0xb, .present = 1, .s = 1 };
	vcpu_set_sregs(self->vcpu, &s);
	vcpu_set_regs(self->vcpu, &r);
	*(uint8_t *)vm_hva(self->vm, 0x1000) = 0xf4;
	expect_exit(self->vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(0x1001, vcpu_regs(self->vcpu).rip);
}

TEST_F(half, event_injected)
{
	struct kvm_vcpu_events e;
	struct kvm_regs r = vcpu_regs(self->vcpu);

	r.rflags |= 1 << 9;
	vcpu_set_regs(self->vcpu, &r);
	xioctl(self->vcpu->fd, KVM_GET_VCPU_EVENTS, &e);
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x61;
	xioctl(self->vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_run_sync(self->vcpu, 1);
	EXPECT_EQ(0x112233445566775a, self->vcpu->uc.arg[1]);
	EXPECT_EQ(1, guest_var(self->vm, guest_count[0x61]));
}

/* The string's destination goes away while user space answers. */
TEST_F(half, slot_deleted_under_string)
{
	int i;

	vcpu_run_sync(self->vcpu, 1);
	expect_exit(self->vcpu, KVM_EXIT_MMIO);
	vcpu_run_sync(self->vcpu, 2);
	expect_exit(self->vcpu, KVM_EXIT_IO);
	ASSERT_EQ(0x20, self->vcpu->run->io.port);
	memset((uint8_t *)self->vcpu->run + PAGE_SIZE, 0x77, PAGE_SIZE);
	vm_set_region(self->vm, 1, 0, 0, 0, NULL);
	for (i = 0; i < 20000; i++) {
		uint32_t reason = vcpu_run(self->vcpu);

		if (reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO)
			break;
		if (vcpu_is_ucall(self->vcpu))
			break;
	}
	for (i = 0; i < (int)PAGE_SIZE; i++)
		if (self->mem[i])
			break;
	EXPECT_EQ(PAGE_SIZE, i);
	EXPECT_TRUE(vcpu_is_ucall(self->vcpu) ||
		    self->vcpu->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		TH_LOG("exit %s", exit_name(self->vcpu->run->exit_reason));
}

/* Everything goes away. */
TEST_F(half, all_slots_deleted)
{
	vm_set_region(self->vm, 1, 0, 0, 0, NULL);
	vm_set_region(self->vm, 0, 0, 0, 0, NULL);
	vcpu_complete_io(self->vcpu);
	EXPECT_EQ(0x5a, vcpu_regs(self->vcpu).rax & 0xff);
}

/* Closed in the middle. */
TEST_F(half, closed)
{
	vcpu_run_sync(self->vcpu, 1);
	expect_exit(self->vcpu, KVM_EXIT_MMIO);
}

TEST_HARNESS_MAIN
