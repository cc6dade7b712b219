// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_REGS and KVM_SET_REGS: every general register reaches the guest and
 * comes back; RFLAGS bit 1; no register leaks from one vCPU to another.
 *
 * lab: vmx
 */
#include "strata_test.h"

/*
 * Adds a different number to each register, then leaves by OUT, whose exit
 * shows them all.
 */
ASM_BLOB(all_regs, ".code64\n"
	 "addq $1, %rax\n"
	 "addq $2, %rbx\n"
	 "addq $3, %rcx\n"
	 "addq $4, %rdx\n"
	 "addq $5, %rsi\n"
	 "addq $6, %rdi\n"
	 "addq $7, %rsp\n"
	 "addq $8, %rbp\n"
	 "addq $9, %r8\n"
	 "addq $10, %r9\n"
	 "addq $11, %r10\n"
	 "addq $12, %r11\n"
	 "addq $13, %r12\n"
	 "addq $14, %r13\n"
	 "addq $15, %r14\n"
	 "addq $16, %r15\n"
	 "outb %al, $0x10\n"
	 "jmp all_regs\n");

static void g_nothing(uint64_t arg)
{
}

/* rax to r15 are the first sixteen members of struct kvm_regs. */
static void fill(struct kvm_regs *r, uint64_t seed)
{
	uint64_t *reg = (uint64_t *)r;
	int i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < 16; i++)
		reg[i] = seed * (i + 1) ^ 0x0101010101010101 * i;
	r->rip = GUEST_REAL_CODE;
	r->rflags = 2;
}

static int differences(const struct kvm_regs *a, const struct kvm_regs *b, int step)
{
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;
	int i, bad = 0;

	for (i = 0; i < 16; i++) {
		if (x[i] + step * (i + 1) == y[i])
			continue;
		fprintf(stderr, "# register %d: %#lx, expected %#lx\n", i, y[i],
			x[i] + step * (i + 1));
		bad++;
	}
	return bad;
}

TEST(set_then_get)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_nothing);
	struct kvm_regs r, s;

	fill(&r, 0x9e3779b97f4a7c15);
	r.rflags = 0x246;
	vcpu_set_regs(vcpu, &r);
	s = vcpu_regs(vcpu);
	EXPECT_EQ(0, memcmp(&r, &s, sizeof(r)));
	r.rflags = 0;
	vcpu_set_regs(vcpu, &r);
	EXPECT_EQ(2, vcpu_regs(vcpu).rflags);
}

TEST(guest_computes)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_nothing);
	struct kvm_regs r, s;
	int i;

	load_blob(vm, GUEST_REAL_CODE, all_regs);
	fill(&r, 0xc2b2ae3d27d4eb4f);
	vcpu_set_regs(vcpu, &r);
	for (i = 1; i < 10; i++) {
		expect_exit(vcpu, KVM_EXIT_IO);
		s = vcpu_regs(vcpu);
		ASSERT_EQ(0, differences(&r, &s, i));
	}
}

TEST(two_vcpus_do_not_mix)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[2];
	struct kvm_regs r[2], s;
	int i, j;

	load_blob(vm, GUEST_REAL_CODE, all_regs);
	for (j = 0; j < 2; j++) {
		v[j] = vcpu_create(vm, j, g_nothing);
		fill(&r[j], 0x165667b19e3779f9 * (j + 3));
		vcpu_set_regs(v[j], &r[j]);
	}
	for (i = 1; i < 6; i++) {
		for (j = 0; j < 2; j++) {
			expect_exit(v[j], KVM_EXIT_IO);
			s = vcpu_regs(v[j]);
			ASSERT_EQ(0, differences(&r[j], &s, i));
		}
	}
}

/* A RIP that is not canonical faults in the guest, here down to a shutdown. */
TEST(non_canonical_rip)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_nothing);
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs r;
	uint32_t reason;

	s.idt.limit = 0;
	vcpu_set_sregs(vcpu, &s);
	fill(&r, 3);
	r.rip = 1ull << 63 | 0x1000;
	vcpu_set_regs(vcpu, &r);
	reason = vcpu_run(vcpu);
	EXPECT_TRUE(reason == KVM_EXIT_SHUTDOWN || reason == KVM_EXIT_INTERNAL_ERROR ||
		    reason == KVM_EXIT_FAIL_ENTRY)
		TH_LOG("exit %s", exit_name(reason));
}

/* Reserved bits of RFLAGS never reach the hardware's entry checks. */
TEST(odd_flags)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_nothing);
	struct kvm_regs r;

	load_blob(vm, GUEST_REAL_CODE, all_regs);
	fill(&r, 5);
	r.rflags = ~0ull & ~(1ull << 8 | 1ull << 17 | 1ull << 9);
	if (try_ioctl(vcpu->fd, KVM_SET_REGS, &r) == EINVAL)
		return;
	vcpu_run(vcpu);
	EXPECT_EQ(2, vcpu_regs(vcpu).rflags & 2);
}

TEST_HARNESS_MAIN
