// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_PRE_FAULT_MEMORY, of Linux 6.11: the guest finds its memory mapped, whole and in
 * part, where it ends, and when its owner is asked for nonsense.
 *
 * lab: kernels vmx
 */
#include "exits.h"
#include "strata_test.h"

#ifndef KVM_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY	236

struct kvm_pre_fault_memory {
	__u64 gpa, size, flags, padding[5];
};

#define KVM_PRE_FAULT_MEMORY	_IOWR(KVMIO, 0xd5, struct kvm_pre_fault_memory)
#endif

#define GPA	0x40000000ul
#define PAGES	600ul
#define SIZE	(PAGES * PAGE_SIZE)

static int prefault(struct vcpu *vcpu, struct kvm_pre_fault_memory *r)
{
	int err;

	do
		err = try_ioctl(vcpu->fd, KVM_PRE_FAULT_MEMORY, r);
	while ((!err && r->size && r->gpa < GPA + SIZE) || err == EINTR);
	return err;
}

static __guest void g_touch(uint64_t pages)
{
	volatile uint8_t *p = (void *)GPA;
	uint64_t i;

	GUEST_SYNC(1);
	for (i = 0; i < pages; i++)
		p[i * PAGE_SIZE]++;
	GUEST_DONE();
}

static struct vcpu *start(void)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_touch);
	void *mem = mem_alloc(SIZE, PAGE_SIZE);

	/* As by a read: a page that nobody has written to would be mapped for reading. */
	memset(mem, 1, SIZE);
	vm_set_region(vm, 3, 0, GPA, SIZE, mem);
	vm_map(vm, GPA, GPA, SIZE, PTE_W);
	vcpu_call(vcpu, g_touch, PAGES);
	vcpu_run_sync(vcpu, 1);
	return vcpu;
}

TEST(no_fault_is_left)
{
	struct kvm_pre_fault_memory r = { .gpa = GPA, .size = SIZE };
	struct vcpu *vcpu;
	uint64_t before;

	if (!has_cap(KVM_CAP_PRE_FAULT_MEMORY))
		SKIP(return, "this kernel does not have KVM_PRE_FAULT_MEMORY");
	vcpu = start();
	ASSERT_EQ(0, prefault(vcpu, &r));
	EXPECT_EQ(0, r.size);
	EXPECT_EQ(GPA + SIZE, r.gpa);
	before = exits_of(vcpu, STRATA_EXIT_NESTED_FAULT);
	vcpu_run_done(vcpu);
	/* The host may have changed one or the other meanwhile. */
	EXPECT_GT(PAGES / 10, exits_of(vcpu, STRATA_EXIT_NESTED_FAULT) - before);
}

TEST(up_to_the_end)
{
	struct kvm_pre_fault_memory r = { .gpa = GPA + SIZE - PAGE_SIZE, .size = 2 * PAGE_SIZE };
	struct vcpu *vcpu;

	if (!has_cap(KVM_CAP_PRE_FAULT_MEMORY))
		SKIP(return, "this kernel does not have KVM_PRE_FAULT_MEMORY");
	vcpu = start();
	ASSERT_EQ(0, prefault(vcpu, &r));
	EXPECT_EQ(PAGE_SIZE, r.size);
	EXPECT_EQ(GPA + SIZE, r.gpa);
	EXPECT_EQ(ENOENT, try_ioctl(vcpu->fd, KVM_PRE_FAULT_MEMORY, &r));
	EXPECT_EQ(PAGE_SIZE, r.size);
	vcpu_run_done(vcpu);
}

/* An access under way is finished as if nothing had been. */
static __guest void g_device(uint64_t arg)
{
	GUEST_ASSERT_EQ(0x5a, inb(0x5c00));
	GUEST_DONE();
}

TEST(half_done_io)
{
	struct kvm_pre_fault_memory r = { .gpa = GPA, .size = SIZE };
	struct vcpu *vcpu;

	if (!has_cap(KVM_CAP_PRE_FAULT_MEMORY))
		SKIP(return, "this kernel does not have KVM_PRE_FAULT_MEMORY");
	vcpu = start();
	vcpu_call(vcpu, g_device, 0);
	expect_exit(vcpu, KVM_EXIT_IO);
	*((uint8_t *)vcpu->run + vcpu->run->io.data_offset) = 0x5a;
	ASSERT_EQ(0, prefault(vcpu, &r));
	vcpu_run_done(vcpu);
}

TEST(nonsense)
{
	static const struct kvm_pre_fault_memory bad[] = {
		{ .gpa = GPA, .size = 0 },
		{ .gpa = GPA + 1, .size = PAGE_SIZE },
		{ .gpa = GPA, .size = PAGE_SIZE - 1 },
		{ .gpa = GPA, .size = PAGE_SIZE, .flags = 1 },
		{ .gpa = GPA, .size = -PAGE_SIZE },
		{ .gpa = -PAGE_SIZE, .size = PAGE_SIZE },
	};
	struct vcpu *vcpu;
	unsigned int i;

	if (!has_cap(KVM_CAP_PRE_FAULT_MEMORY))
		SKIP(return, "this kernel does not have KVM_PRE_FAULT_MEMORY");
	vcpu = start();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kvm_pre_fault_memory r = bad[i];

		EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_PRE_FAULT_MEMORY, &r))
			TH_LOG("number %u", i);
	}
	/* Beyond every slot, and beyond what the CPU can address. */
	{
		struct kvm_pre_fault_memory r = { .gpa = 1ull << 52, .size = PAGE_SIZE };

		EXPECT_EQ(ENOENT, try_ioctl(vcpu->fd, KVM_PRE_FAULT_MEMORY, &r));
	}
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
