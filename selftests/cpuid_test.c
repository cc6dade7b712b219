// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID: what the device supports makes sense, the guest sees exactly what was
 * set plus the bits that follow its state, and the rules of KVM_SET_CPUID2.
 *
 * lab: vmx
 */
#include "strata_test.h"

/*
 * KVM does not write the count back. Leaf 0 comes first in the library's
 * tables, so that a further entry of zeros is behind the last.
 */
static struct kvm_cpuid2 *get_cpuid2(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

	c->nent = 256;
	xioctl(vcpu->fd, KVM_GET_CPUID2, c);
	while (c->nent > 1 && !c->entries[c->nent - 1].function)
		c->nent--;
	return c;
}

TEST(supported_is_sane)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	uint32_t i, j;

	EXPECT_LE(0xd, cpuid_supported(0, 0)->eax);
	EXPECT_LE(0x80000008, cpuid_supported(0x80000000, 0)->eax);
	/* FPU, TSC, MSR, PAE, CX8, APIC, PGE, CMOV, FXSR, SSE, SSE2. */
	EXPECT_EQ(0x0700a371, cpuid_supported(1, 0)->edx & 0x0700a371);
	/* Long mode, NX, SYSCALL. */
	EXPECT_EQ(0x20100800, cpuid_supported(0x80000001, 0)->edx & 0x20100800);
	EXPECT_LE(36, cpuid_supported(0x80000008, 0)->eax & 0xff);
	EXPECT_TRUE((cpuid_supported(0x80000008, 0)->eax >> 8 & 0xff) == 48 ||
		    (cpuid_supported(0x80000008, 0)->eax >> 8 & 0xff) == 57);
	/* x2APIC does not depend on the host. */
	EXPECT_EQ(1u << 21, cpuid_supported(1, 0)->ecx & 1u << 21);
	for (i = 0; i < c->nent; i++) {
		EXPECT_EQ(0, c->entries[i].padding[0] | c->entries[i].padding[1] |
			  c->entries[i].padding[2]);
		for (j = 0; j < i; j++)
			EXPECT_FALSE(c->entries[i].function == c->entries[j].function &&
				     c->entries[i].index == c->entries[j].index)
				TH_LOG("leaf %#x index %u twice", c->entries[i].function,
				       c->entries[i].index);
	}
}

static volatile uint32_t leaf, index_, regs[4];

static __guest void g_cpuid(uint64_t arg)
{
	uint32_t r[4];

	for (;;) {
		cpuid(leaf, index_, r);
		regs[0] = r[0];
		regs[1] = r[1];
		regs[2] = r[2];
		regs[3] = r[3];
		GUEST_SYNC(1);
	}
}

static void guest_cpuid(struct vcpu *vcpu, uint32_t l, uint32_t i, uint32_t r[4])
{
	int k;

	guest_var(vcpu->vm, leaf) = l;
	guest_var(vcpu->vm, index_) = i;
	vcpu_run_sync(vcpu, 1);
	for (k = 0; k < 4; k++)
		r[k] = guest_var(vcpu->vm, regs[k]);
}

TEST(guest_sees_what_was_set)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_cpuid);
	struct kvm_cpuid2 *c = get_cpuid2(vcpu);
	uint32_t i, r[4];

	for (i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		guest_cpuid(vcpu, e->function, e->index, r);
		EXPECT_TRUE(r[0] == e->eax && r[1] == e->ebx && r[2] == e->ecx &&
			    r[3] == e->edx)
			TH_LOG("leaf %#x index %u: %x %x %x %x, set %x %x %x %x",
			       e->function, e->index, r[0], r[1], r[2], r[3], e->eax,
			       e->ebx, e->ecx, e->edx);
	}
	free(c);
}

TEST(own_values)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_cpuid);
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0, 0);
	uint32_t r[4];

	memcpy(&e->ebx, "stra", 4);
	memcpy(&e->edx, "taTe", 4);
	memcpy(&e->ecx, "st!!", 4);
	e = &c->entries[c->nent++];
	*e = (struct kvm_cpuid_entry2) {
		.function = 0x40000055, .eax = 1, .ebx = 2, .ecx = 3, .edx = 0xffffffff,
	};
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	guest_cpuid(vcpu, 0, 0, r);
	EXPECT_EQ(0, memcmp(&r[1], "stra", 4));
	EXPECT_EQ(0, memcmp(&r[3], "taTe", 4));
	guest_cpuid(vcpu, 0x40000055, 9, r);
	EXPECT_EQ(1, r[0]);
	EXPECT_EQ(0xffffffff, r[3]);
}

/* OSXSAVE shows CR4, and the sizes of leaf 0xd show XCR0. */
static __guest void g_osxsave(uint64_t arg)
{
	uint32_t r[4];

	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(0, r[2] & (1 << 27));
	write_cr4(read_cr4() | 1 << 18);
	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(1 << 27, r[2] & (1 << 27));
	cpuid(0xd, 0, r);
	GUEST_ASSERT_EQ(576, r[1]);
	GUEST_SYNC(1);
	if (r[0] & 4) {
		cpuid(0xd, 0, r);
		GUEST_ASSERT_EQ(832, r[1]);
	}
	write_cr4(read_cr4() & ~(1ull << 18));
	cpuid(1, 0, r);
	GUEST_ASSERT_EQ(0, r[2] & (1 << 27));
	GUEST_DONE();
}

TEST(bits_that_follow_state)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_osxsave);
	struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0].value = 7 };

	REQUIRE_CPUID(1, 0, ecx, 26);
	vcpu_run_sync(vcpu, 1);
	/*
	 * From here and not by XSETBV, which QEMU's TCG executes although it is
	 * intercepted.
	 */
	if (cpuid_supported(0xd, 0)->eax & 4)
		xioctl(vcpu->fd, KVM_SET_XCRS, &x);
	vcpu_run_done(vcpu);
}

TEST(sizes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_cpuid);
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 1024 * sizeof(c->entries[0]));

	c->nent = 257;
	EXPECT_EQ(E2BIG, try_ioctl(vcpu->fd, KVM_SET_CPUID2, c));
	c->nent = 0xffffffff;
	EXPECT_EQ(E2BIG, try_ioctl(vcpu->fd, KVM_SET_CPUID2, c));
	c->nent = 1;
	EXPECT_EQ(E2BIG, try_ioctl(vcpu->fd, KVM_GET_CPUID2, c));
	EXPECT_EQ(1, c->nent);
	c->nent = 256;
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_GET_CPUID2, c));
	EXPECT_EQ(0, c->entries[0].function);
	EXPECT_LT(5, c->entries[0].eax);
	/* Bad virtual address widths are refused. */
	c->nent = 1;
	c->entries[0] = (struct kvm_cpuid_entry2) {
		.function = 0x80000008, .eax = 40 << 8 | 40,
	};
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_CPUID2, c));
}

TEST(fixed_once_it_ran)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_cpuid);
	struct kvm_cpuid2 *c;
	uint32_t r[4];

	guest_cpuid(vcpu, 0, 0, r);
	c = get_cpuid2(vcpu);
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_CPUID2, c));
	c->entries[0].ebx ^= 1;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_CPUID2, c));
	c->entries[0].ebx ^= 1;
	c->nent--;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_CPUID2, c));
}

/* Without any table the guest reads zeros, and nothing of the host. */
TEST(no_table)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint32_t r[4];

	vcpu->stack_top = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_set_long_mode(vcpu);
	vcpu_call(vcpu, g_cpuid, 0);
	guest_cpuid(vcpu, 0, 0, r);
	EXPECT_EQ(0, r[0] | r[1] | r[2] | r[3]);
	guest_cpuid(vcpu, 0x80000002, 0, r);
	EXPECT_EQ(0, r[0] | r[1] | r[2] | r[3]);
}

TEST_HARNESS_MAIN
