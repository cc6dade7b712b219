// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions of virtualisation and other privileged ones, at CPL 0 and 3:
 * #UD or #GP, never executed, and the guest goes on.
 *
 * lab: vmx
 */
#include "strata_test.h"

static volatile uint64_t stack, buffer, seen[64];

/* All of them #UD at CPL 0, and #UD or #GP at CPL 3. */
#define INSNS(X)							\
	X(vmrun, ".byte 0x0f,0x01,0xd8")				\
	X(vmload, ".byte 0x0f,0x01,0xda")				\
	X(vmsave, ".byte 0x0f,0x01,0xdb")				\
	X(stgi, ".byte 0x0f,0x01,0xdc")					\
	X(clgi, ".byte 0x0f,0x01,0xdd")					\
	X(skinit, ".byte 0x0f,0x01,0xde")				\
	X(invlpga, ".byte 0x0f,0x01,0xdf")				\
	X(vmlaunch, ".byte 0x0f,0x01,0xc2")				\
	X(vmresume, ".byte 0x0f,0x01,0xc3")				\
	X(vmxoff, ".byte 0x0f,0x01,0xc4")				\
	X(vmxon, ".byte 0xf3,0x0f,0xc7,0x30")				\
	X(vmclear, ".byte 0x66,0x0f,0xc7,0x30")				\
	X(vmptrld, ".byte 0x0f,0xc7,0x30")				\
	X(vmread, ".byte 0x0f,0x78,0x00")				\
	X(vmwrite, ".byte 0x0f,0x79,0x00")				\
	X(invept, ".byte 0x66,0x0f,0x38,0x80,0x00")			\
	X(invvpid, ".byte 0x66,0x0f,0x38,0x81,0x00")			\
	X(getsec, ".byte 0x0f,0x37")					\
	X(rsm, ".byte 0x0f,0xaa")					\
	X(ud0, ".byte 0x0f,0xff,0xc0")					\
	X(ud1, ".byte 0x0f,0xb9,0xc0")					\
	X(ud2, ".byte 0x0f,0x0b")

#define ENUM(name, text) I_##name,
enum { INSNS(ENUM) };
#define COUNT(name, text) + 1
#define NR_INSNS (0 INSNS(COUNT))

#define TRY(name, text) \
	seen[I_##name] = GUEST_TRY(text, "a"(buffer), "b"(0), "c"(0), "d"(0));

static __guest void all(void)
{
	INSNS(TRY)
}

#define NAME(name, text) #name,
static const char names[][12] = { INSNS(NAME) };

static __guest void g_kernel(uint64_t arg)
{
	all();
	GUEST_DONE();
}

static __guest void g_user(uint64_t arg)
{
	all();
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_to_user(uint64_t arg)
{
	guest_user_call(g_user, 0, stack);
	GUEST_DONE();
}

/* Without nested virtualisation, which KVM may offer. */
static struct vcpu *start(void (*fn)(uint64_t arg), int flags)
{
	struct vm *vm = vm_create(flags);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_cpuid2 *c = supported_cpuid();

	cpuid_find(c, 0x80000001, 0)->ecx &= ~(1u << 2);
	cpuid_find(c, 1, 0)->ecx &= ~(1u << 5 | 1u << 6);
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	vcpu->stack_top = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_set_long_mode(vcpu);
	vcpu_call(vcpu, fn, 0);
	guest_var(vm, stack) = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	guest_var(vm, buffer) = vm_alloc(vm, PAGE_SIZE);
	return vcpu;
}

TEST(virtualisation_at_cpl_0)
{
	struct vcpu *vcpu = start(g_kernel, 0);
	int i;

	vcpu_run_done(vcpu);
	for (i = 0; i < NR_INSNS; i++)
		EXPECT_EQ(FAULT(6), guest_var(vcpu->vm, seen[i]))
			TH_LOG("%s", names[i]);
}

TEST(virtualisation_at_cpl_3)
{
	struct vcpu *vcpu = start(g_to_user, VM_USER);
	int i;

	vcpu_run_done(vcpu);
	for (i = 0; i < NR_INSNS; i++) {
		uint64_t f = guest_var(vcpu->vm, seen[i]);

		EXPECT_TRUE(f == FAULT(6) || f == FAULT(13))
			TH_LOG("%s: %#lx", names[i], f);
	}
}

/* What the operating system keeps for itself. */
static __guest void g_user_privileged(uint64_t arg)
{
	uint64_t v, w;
	int i = 0;

	seen[i++] = GUEST_TRY("hlt", "a"(0));
	seen[i++] = GUEST_TRY("cli", "a"(0));
	seen[i++] = GUEST_TRY("sti", "a"(0));
	seen[i++] = GUEST_TRY("invd", "a"(0));
	seen[i++] = GUEST_TRY("wbinvd", "a"(0));
	seen[i++] = GUEST_TRY("clts", "a"(0));
	seen[i++] = GUEST_TRY("invlpg (%1)", "r"(buffer));
	seen[i++] = GUEST_TRY("lgdt (%1)", "r"(buffer));
	seen[i++] = GUEST_TRY("lidt (%1)", "r"(buffer));
	seen[i++] = GUEST_TRY("lldt %w1", "r"(0));
	seen[i++] = GUEST_TRY("ltr %w1", "r"(0));
	seen[i++] = GUEST_TRY("lmsw %w1", "r"(1));
	seen[i++] = GUEST_TRY("lmsw (%1)", "r"(buffer));
	seen[i++] = GUEST_TRY("mov %1, %%cr0", "r"(0ull));
	seen[i++] = GUEST_TRY("mov %1, %%cr3", "r"(0ull));
	seen[i++] = GUEST_TRY("mov %1, %%cr4", "r"(0ull));
	seen[i++] = GUEST_TRY("mov %1, %%cr8", "r"(0ull));
	seen[i++] = GUEST_TRY_OUT("mov %%cr2, %1", "=r"(v) : );
	seen[i++] = GUEST_TRY_OUT("mov %%dr7, %1", "=r"(v) : );
	seen[i++] = GUEST_TRY("mov %1, %%dr7", "r"(0ull));
	seen[i++] = rdmsr_try(0xc0000080, &v);
	seen[i++] = wrmsr_try(0xc0000080, 0);
	seen[i++] = GUEST_TRY("swapgs", "a"(0));
	seen[i++] = GUEST_TRY("sysretq", "a"(0));
	seen[i++] = GUEST_TRY_OUT("rdpmc", "=a"(v), "=d"(w) : "c"(0));
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_to_user_privileged(uint64_t arg)
{
	guest_user_call(g_user_privileged, 0, stack);
	GUEST_DONE();
}

TEST(privileged_at_cpl_3)
{
	struct vcpu *vcpu = start(g_to_user_privileged, VM_USER);
	int i;

	vcpu_run_done(vcpu);
	for (i = 0; i < 25; i++)
		EXPECT_EQ(FAULT(13), guest_var(vcpu->vm, seen[i]))
			TH_LOG("number %d", i);
}

/* With a memory operand, which has 16 bits; PE cannot be cleared. */
static __guest void g_msw(uint64_t arg)
{
	static volatile uint16_t word;
	uint64_t cr0 = read_cr0();

	word = (cr0 | 8) & ~1;
	asm volatile("lmsw %0" : : "m"(word) : "memory");
	GUEST_ASSERT_EQ(cr0 | 8, read_cr0());
	word = 0x1234;
	asm volatile("smsw %0" : "=m"(word) : : "memory");
	GUEST_ASSERT_EQ((cr0 | 8) & 0xffff, word);
	write_cr0(cr0);
	GUEST_DONE();
}

TEST(machine_status_word)
{
	vcpu_run_done(start(g_msw, 0));
}

/* Harmless where they exist at all, and nothing but #UD where they do not. */
static __guest void g_harmless(uint64_t arg)
{
	uint64_t f;

	f = GUEST_TRY("wbinvd", "a"(0));
	GUEST_ASSERT_EQ(0, f);
	f = GUEST_TRY("invd", "a"(0));
	GUEST_ASSERT_EQ(0, f);
	f = GUEST_TRY("monitor", "a"(buffer), "c"(0), "d"(0));
	GUEST_ASSERT(!f || f == FAULT(6));
	f = GUEST_TRY("mwait", "a"(0), "c"(0));
	GUEST_ASSERT(!f || f == FAULT(6));
	f = GUEST_TRY("invpcid (%1), %2", "r"(buffer), "r"(2ull));
	GUEST_ASSERT(!f || f == FAULT(6));
	f = GUEST_TRY("pause", "a"(0));
	GUEST_ASSERT_EQ(0, f);
	GUEST_DONE();
}

TEST(harmless)
{
	vcpu_run_done(start(g_harmless, 0));
}

TEST_HARNESS_MAIN
