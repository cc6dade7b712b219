// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2 la57
 *
 * Instructions that the kernel must read or measure: prefixes up to fifteen
 * bytes and beyond, page crossings, the last bytes before nothing, and bytes
 * that another vCPU changes between the exit and the look at them.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul
#define CODE	0x50000000ul

/* Runs bytes at a guest address; they end in what the caller put behind them. */
static struct vcpu *start_at(uint64_t at, const void *bytes, size_t n)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint64_t gpa = vm_alloc(vm, 2 * PAGE_SIZE);
	struct kvm_regs r = { .rip = at, .rflags = 2 };

	vcpu_set_cpuid(vcpu);
	vcpu_set_long_mode(vcpu);
	vm_map(vm, CODE, gpa, 2 * PAGE_SIZE, PTE_W);
	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	memcpy(vm_hva(vm, gpa + (at - CODE)), bytes, n);
	r.rsp = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	r.rbx = HOLE;
	vcpu_set_regs(vcpu, &r);
	return vcpu;
}

/* Prefixed forms of what exits: execution goes on right behind each. */
ASM_BLOB(prefixed, ".code64\n"
	 ".byte 0x66, 0x0f, 0xa2\n"			/* cpuid */
	 ".byte 0xf3, 0x48, 0x0f, 0xa2\n"
	 ".byte 0x2e, 0x67, 0x66, 0x0f, 0xa2\n"
	 "movl $0xc0000080, %ecx\n"
	 ".byte 0x66, 0x48, 0x0f, 0x32\n"		/* rdmsr */
	 ".byte 0xf2, 0x0f, 0x30\n"			/* wrmsr */
	 "movl $0x77, %eax\n"
	 ".byte 0x2e, 0xe6, 0x10\n"			/* outb %al, $0x10 */
	 ".byte 0x66, 0x2e, 0xe7, 0x11\n"		/* outw %ax, $0x11 */
	 ".byte 0x48, 0xe7, 0x12\n"			/* rex.w outl %eax, $0x12 */
	 ".byte 0x66, 0xf3, 0xf4\n");			/* hlt */

TEST(prefixes)
{
	struct vcpu *vcpu = start_at(CODE, prefixed, prefixed_end - prefixed);

	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x10, vcpu->run->io.port);
	EXPECT_EQ(1, vcpu->run->io.size);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x11, vcpu->run->io.port);
	EXPECT_EQ(2, vcpu->run->io.size);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x12, vcpu->run->io.port);
	EXPECT_EQ(4, vcpu->run->io.size);
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(CODE + (prefixed_end - prefixed), vcpu_regs(vcpu).rip);
}

/* mov (%rbx), %al with so many prefixes that it has n bytes, then hlt. */
static size_t long_load(uint8_t *b, size_t n)
{
	memset(b, 0x2e, n - 2);
	b[n - 2] = 0x8a;
	b[n - 1] = 0x03;
	b[n] = 0xf4;
	return n + 1;
}

TEST(fifteen_bytes)
{
	uint8_t b[32];
	size_t n;

	for (n = 2; n <= 15; n++) {
		size_t len = long_load(b, n);
		struct vcpu *vcpu = start_at(CODE, b, len);

		expect_exit(vcpu, KVM_EXIT_MMIO);
		vcpu->run->mmio.data[0] = 0x40 + n;
		expect_exit(vcpu, KVM_EXIT_HLT);
		EXPECT_EQ(0x40 + n, vcpu_regs(vcpu).rax);
		EXPECT_EQ(CODE + n + 1, vcpu_regs(vcpu).rip);
		vm_free(vcpu->vm);
	}
}

/* At every position across the end of a page. */
TEST(across_two_pages)
{
	uint8_t b[32];
	size_t n = 9, i;

	for (i = 0; i <= n; i++) {
		size_t len = long_load(b, n);
		struct vcpu *vcpu = start_at(CODE + PAGE_SIZE - i, b, len);

		expect_exit(vcpu, KVM_EXIT_MMIO);
		vcpu->run->mmio.data[0] = 0x61;
		expect_exit(vcpu, KVM_EXIT_HLT);
		EXPECT_EQ(0x61, vcpu_regs(vcpu).rax);
		vm_free(vcpu->vm);
	}
}

/* The last bytes before a page that is not there, and before a hole. */
TEST(before_nothing)
{
	uint8_t b[32];
	size_t n = long_load(b, 5), i;

	for (i = 0; i < 2; i++) {
		struct vcpu *vcpu = start_at(CODE + PAGE_SIZE - n, b, n);

		*vm_pte(vcpu->vm, CODE + PAGE_SIZE) = i ? (HOLE + 4 * MB) | PTE_P : 0;
		expect_exit(vcpu, KVM_EXIT_MMIO);
		vcpu->run->mmio.data[0] = 0x62;
		expect_exit(vcpu, KVM_EXIT_HLT);
		EXPECT_EQ(0x62, vcpu_regs(vcpu).rax);
		vm_free(vcpu->vm);
	}
}

/* An instruction whose second half is in a hole cannot be fetched. */
TEST(half_in_a_hole)
{
	uint8_t b[32];
	struct vcpu *vcpu;

	long_load(b, 9);
	vcpu = start_at(CODE + PAGE_SIZE - 4, b, 4);
	*vm_pte(vcpu->vm, CODE + PAGE_SIZE) = (HOLE + 4 * MB) | PTE_P;
	expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, vcpu->run->internal.suberror);
}

/*
 * One vCPU executes an access to a hole over and over while the other turns
 * its bytes into another one and back. Whatever is seen, it is a whole one.
 */
static volatile uint64_t stop, rounds;

static __guest void g_execute(uint64_t arg)
{
	while (!stop) {
		uint64_t rax = 0x1111;

		/* movb %al, (%rbx), which becomes incb (%rbx), or a CPUID. */
		asm volatile("call *%1" : "+a"(rax) : "r"(CODE), "b"(HOLE)
			     : "rcx", "rdx", "memory", "cc");
		rounds++;
	}
	GUEST_DONE();
}

static __guest void g_change(uint64_t arg)
{
	uint64_t i;

	for (i = 0; !stop; i++) {
		volatile uint16_t *code = (volatile uint16_t *)CODE;

		*code = i & 1 ? 0x0388 : 0x03fe;
		if (i % 64 == 0)
			GUEST_SYNC(i);
	}
	GUEST_DONE();
}

static void *serve(void *arg)
{
	struct vcpu *vcpu = arg;

	for (;;) {
		uint32_t reason = vcpu_run(vcpu);

		if (reason == KVM_EXIT_MMIO) {
			if (vcpu->run->mmio.len != 1 || vcpu->run->mmio.phys_addr != HOLE)
				die("%u bytes at %#llx", vcpu->run->mmio.len,
				    vcpu->run->mmio.phys_addr);
			continue;
		}
		vcpu_report_abort(vcpu);
		if (!vcpu_is_ucall(vcpu)) {
			vcpu_dump(vcpu);
			die("the guest stopped");
		}
		if (vcpu->uc.cmd == UCALL_DONE)
			return NULL;
	}
}

TEST(changed_by_another_vcpu)
{
	struct vm *vm = vm_create(0);
	struct vcpu *a = vcpu_create(vm, 0, g_execute), *b = vcpu_create(vm, 1, g_change);
	uint64_t gpa = vm_alloc(vm, PAGE_SIZE);

	vm_map(vm, CODE, gpa, PAGE_SIZE, PTE_W);
	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	memcpy(vm_hva(vm, gpa), "\x88\x03\xc3", 3);
	vcpu_start(a, serve);
	vcpu_start(b, serve);
	while (guest_var(vm, rounds) < 2000)
		usleep(1000);
	guest_var(vm, stop) = 1;
	vcpu_join(a);
	vcpu_join(b);
}

TEST_HARNESS_MAIN
