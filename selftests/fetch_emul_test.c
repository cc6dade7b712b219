// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2
 *
 * Where the emulator's instructions come from: the longest ones, instructions
 * across pages, code that is not memory, instructions that it leaves alone, and
 * bytes that another vCPU changes between the exit and the decoding.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul	/* MMIO; in rbx when the code runs */
#define CODE	0x50000000ul	/* two pages */
#define VALUE	0x11223344u

static volatile uint64_t result, faulted, stop, user_stack;

/* A fault in the code: back to whoever called it. */
static __guest void leave(struct guest_frame *f)
{
	faulted = FAULT_ERR(f->vector, f->error);
	f->rip = *(uint64_t *)f->rsp;
	f->rsp += 8;
}

__guest_inline uint64_t call_code(uint64_t at)
{
	uint64_t a = 0;

	asm volatile("call *%2" : "+a"(a) : "b"(HOLE), "r"(at) : "memory", "cc");
	return a;
}

static __guest void g_call(uint64_t at)
{
	guest_handler[6] = leave;
	guest_handler[13] = leave;
	guest_handler[14] = leave;
	faulted = 0;
	result = call_code(at);
	GUEST_DONE();
}

static __guest void g_user(uint64_t at)
{
	result = call_code(at);
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_call_user(uint64_t at)
{
	guest_handler[6] = leave;
	guest_user_call(g_user, at, user_stack);
	GUEST_DONE();
}

/* A machine with code at CODE + @at, and @fn running it. */
static struct vcpu *start(int flags, void (*fn)(uint64_t), uint64_t at, const void *code,
			  size_t len)
{
	struct vm *vm = vm_create(flags);
	struct vcpu *vcpu = vcpu_create(vm, 0, fn);
	uint64_t bits = PTE_W | (flags & VM_USER ? PTE_U : 0);
	uint64_t gpa = vm_alloc(vm, 2 * PAGE_SIZE);

	vm_map(vm, HOLE, HOLE, PAGE_SIZE, bits);
	vm_map(vm, CODE, gpa, 2 * PAGE_SIZE, bits);
	memcpy((uint8_t *)vm_hva(vm, gpa) + at, code, len);
	guest_var(vm, user_stack) = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_call(vcpu, fn, CODE + at);
	return vcpu;
}

static void serve(struct vcpu *vcpu)
{
	uint32_t v = VALUE;

	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		memcpy(vcpu->run->mmio.data, &v, 4);
}

TEST(longest)
{
	/* thirteen prefixes, mov (%rbx), %eax, ret */
	uint8_t code[17];
	struct vcpu *vcpu;

	memset(code, 0x3e, sizeof(code));
	memcpy(code + 13, "\x8b\x03\xc3", 3);
	vcpu = start(0, g_call, 0, code, 16);
	serve(vcpu);
	ASSERT_TRUE(vcpu_is_ucall(vcpu));
	EXPECT_EQ(VALUE, guest_var(vcpu->vm, result));
	EXPECT_EQ(0, guest_var(vcpu->vm, faulted));
	vm_free(vcpu->vm);

	/* one more is one too many */
	code[13] = 0x3e;
	memcpy(code + 14, "\x8b\x03\xc3", 3);
	vcpu = start(0, g_call, 0, code, 17);
	vcpu_run_done(vcpu);
	EXPECT_EQ(FAULT_ERR(13, 0), guest_var(vcpu->vm, faulted));
}

TEST(across_pages)
{
	/* movl $0x55667788, (%rbx); mov (%rbx), %eax; ret */
	static const uint8_t code[] = { 0xc7, 0x03, 0x88, 0x77, 0x66, 0x55, 0x8b, 0x03, 0xc3 };
	unsigned int first;
	struct vcpu *vcpu;

	for (first = 1; first < 8; first++) {
		vcpu = start(0, g_call, PAGE_SIZE - first, code, sizeof(code));
		expect_exit(vcpu, KVM_EXIT_MMIO);
		EXPECT_EQ(1, vcpu->run->mmio.is_write);
		EXPECT_EQ(4, vcpu->run->mmio.len);
		EXPECT_EQ(0x55667788, *(uint32_t *)vcpu->run->mmio.data);
		serve(vcpu);
		EXPECT_EQ(VALUE, guest_var(vcpu->vm, result));
		vm_free(vcpu->vm);
	}

	/* The second page is not mapped: the guest's own fault. */
	vcpu = start(0, g_call, PAGE_SIZE - 3, code, sizeof(code));
	*vm_pte(vcpu->vm, CODE + PAGE_SIZE) = 0;
	vcpu_run_done(vcpu);
	EXPECT_EQ(14, guest_var(vcpu->vm, faulted) & 0xff);
	vm_free(vcpu->vm);

	/* The second page is no memory. */
	vcpu = start(0, g_call, PAGE_SIZE - 3, code, sizeof(code));
	vm_map(vcpu->vm, CODE + PAGE_SIZE, HOLE, PAGE_SIZE, PTE_W);
	expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, vcpu->run->internal.suberror);
	EXPECT_EQ(CODE + PAGE_SIZE - 3, vcpu_regs(vcpu).rip);
}

/* fxsave, addps, paddq, fldl, fldenv: on MMIO. */
TEST(left_alone)
{
	static const uint8_t code[][8] = {
		{ 0x0f, 0xae, 0x03, 0xc3 }, { 0x0f, 0x58, 0x03, 0xc3 },
		{ 0x0f, 0xd4, 0x03, 0xc3 }, { 0xdd, 0x03, 0xc3 },
		{ 0xd9, 0x23, 0xc3 },
	};
	struct vcpu *vcpu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(code); i++) {
		/* User space of the guest gets #UD and cannot stop its machine. */
		vcpu = start(VM_USER, g_call_user, 0, code[i], sizeof(code[i]));
		vcpu_run_done(vcpu);
		EXPECT_EQ(FAULT(6), guest_var(vcpu->vm, faulted));
		vm_free(vcpu->vm);

		vcpu = start(0, g_call, 0, code[i], sizeof(code[i]));
		expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
		EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, vcpu->run->internal.suberror);
		EXPECT_EQ(0, memcmp(vcpu->run->emulation_failure.insn_bytes, code[i], 3));
		vm_free(vcpu->vm);
	}
}

/* ---- bytes that change ---- */

#define EXITS	3000

/* Instructions of two bytes, all on (%rbx) or on no memory at all. */
static const uint8_t variants[][2] = {
	{ 0x8b, 0x03 },		/* mov (%rbx), %eax */
	{ 0x89, 0x03 },		/* mov %eax, (%rbx) */
	{ 0x09, 0x03 },		/* or %eax, (%rbx) */
	{ 0x87, 0x03 },		/* xchg %eax, (%rbx) */
	{ 0x31, 0xc0 },		/* xor %eax, %eax */
	{ 0xff, 0x03 },		/* incl (%rbx) */
	{ 0x39, 0x03 },		/* cmp %eax, (%rbx) */
	{ 0x3b, 0x03 },		/* cmp (%rbx), %eax */
};

static __guest void g_loop(uint64_t at)
{
	while (!stop)
		result = call_code(at);
	GUEST_DONE();
}

static __guest void g_rewrite(uint64_t at)
{
	unsigned int i = 0;

	while (!stop)
		*(volatile uint16_t *)at = *(const uint16_t *)variants[i++ % 8];
	GUEST_DONE();
}

static uint64_t bad_exits;

static void *serve_loop(void *arg)
{
	struct vcpu *vcpu = arg;
	unsigned int n = 0;

	while (vcpu_run(vcpu) == KVM_EXIT_MMIO) {
		if (vcpu->run->mmio.phys_addr != HOLE || vcpu->run->mmio.len != 4)
			bad_exits++;
		if (++n == EXITS)
			guest_var(vcpu->vm, stop) = 1;
	}
	if (!vcpu_is_ucall(vcpu)) {
		vcpu_dump(vcpu);
		bad_exits++;
		guest_var(vcpu->vm, stop) = 1;
	}
	return NULL;
}

TEST(bytes_change)
{
	static const uint8_t code[] = { 0x8b, 0x03, 0xc3 };
	struct vcpu *vcpu = start(0, g_loop, 0, code, sizeof(code));
	struct vcpu *other = vcpu_create(vcpu->vm, 1, g_rewrite);

	vcpu_call(other, g_rewrite, CODE);
	vcpu_start(vcpu, serve_loop);
	vcpu_start_done(other);
	vcpu_join(vcpu);
	vcpu_join(other);
	EXPECT_EQ(0, bad_exits);
}

TEST_HARNESS_MAIN
