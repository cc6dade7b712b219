// SPDX-License-Identifier: GPL-2.0
/*
 * INS and OUTS: every size, with and without REP, both directions of DF, counts
 * of zero and more than a page, 32-bit addresses, segment bases, page faults
 * in the middle, and registers that user space changes during the exit.
 */
#include "strata_test.h"

#define BUF	0x40000000ul	/* four pages of slot 0, mapped here too */

static volatile uint64_t buf_gpa;

static struct vcpu *start(void (*fn)(uint64_t arg))
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, fn);
	uint64_t gpa = vm_alloc(vm, 4 * PAGE_SIZE);

	vm_map(vm, BUF, gpa, 4 * PAGE_SIZE, PTE_W);
	guest_var(vm, buf_gpa) = gpa;
	return vcpu;
}

static uint8_t *buffer(struct vcpu *vcpu)
{
	return vm_hva(vcpu->vm, guest_var(vcpu->vm, buf_gpa));
}

/*
 * Takes exits until the next ucall and collects what OUTS wrote, or answers
 * INS with the bytes 1, 2, 3...; gives the number of bytes, or -1 if an exit
 * was not what it should be.
 */
static int transfer(struct vcpu *vcpu, int dir, uint16_t port, int size, uint8_t *data)
{
	struct kvm_run *run = vcpu->run;
	int total = 0;

	for (;;) {
		uint8_t *page = (uint8_t *)run + PAGE_SIZE;
		uint32_t i, n;

		if (vcpu_run(vcpu) != KVM_EXIT_IO)
			return -1;
		vcpu_report_abort(vcpu);
		if (vcpu_is_ucall(vcpu))
			return total;
		n = run->io.count * run->io.size;
		if (run->io.direction != dir || run->io.port != port ||
		    run->io.size != size || !n || n > PAGE_SIZE ||
		    run->io.data_offset != PAGE_SIZE)
			return -1;
		for (i = 0; i < n; i++, total++) {
			if (dir == KVM_EXIT_IO_OUT)
				data[total] = page[i];
			else
				page[i] = total + 1;
		}
	}
}

#define STRING(insn, port, si, di, count)				\
	do {								\
		uint64_t s_ = (si), d_ = (di), c_ = (count);		\
									\
		asm volatile(insn : "+S"(s_), "+D"(d_), "+c"(c_)	\
			     : "d"((uint64_t)(port)) : "memory", "cc");	\
		rsi = s_;						\
		rdi = d_;						\
		rcx = c_;						\
	} while (0)

static volatile uint64_t rsi, rdi, rcx;

static __guest void g_outs(uint64_t arg)
{
	STRING("outsb", 0x10, BUF + 5, 7, 9);
	GUEST_ASSERT_EQ(BUF + 6, rsi);
	GUEST_ASSERT_EQ(7, rdi);
	GUEST_ASSERT_EQ(9, rcx);
	GUEST_SYNC(1);
	STRING("rep outsb", 0x11, BUF, 7, 10);
	GUEST_ASSERT_EQ(BUF + 10, rsi);
	GUEST_ASSERT_EQ(0, rcx);
	GUEST_SYNC(2);
	STRING("rep outsw", 0x12, BUF + 1, 7, 6);
	GUEST_ASSERT_EQ(BUF + 13, rsi);
	GUEST_SYNC(3);
	STRING("rep outsl", 0x13, BUF, 7, 3);
	GUEST_ASSERT_EQ(BUF + 12, rsi);
	GUEST_SYNC(4);
	/* Nothing at all. */
	STRING("rep outsb", 0x14, BUF, 7, 0);
	GUEST_ASSERT_EQ(BUF, rsi);
	GUEST_SYNC(5);
	/* More than a page, not aligned. */
	STRING("rep outsl", 0x15, BUF + 0x801, 7, 0x700);
	GUEST_ASSERT_EQ(BUF + 0x801 + 0x1c00, rsi);
	GUEST_SYNC(6);
	/* Downwards. */
	STRING("std; rep outsb; cld", 0x16, BUF + 9, 7, 10);
	GUEST_ASSERT_EQ(BUF - 1, rsi);
	GUEST_SYNC(7);
	/* A 32-bit address and count: the upper halves do not count. */
	STRING("rep addr32 outsb", 0x17, 0xffffffff00000000 | BUF, 7, 0x1100000004);
	GUEST_ASSERT_EQ(BUF + 4, rsi);
	GUEST_ASSERT_EQ(0, rcx);
	GUEST_DONE();
}

TEST(outs)
{
	struct vcpu *vcpu = start(g_outs);
	uint8_t *b = buffer(vcpu), got[3 * PAGE_SIZE];
	int i;

	for (i = 0; i < 4 * (int)PAGE_SIZE; i++)
		b[i] = i * 7 + (i >> 8);
	EXPECT_EQ(1, transfer(vcpu, KVM_EXIT_IO_OUT, 0x10, 1, got));
	EXPECT_EQ(b[5], got[0]);
	EXPECT_EQ(10, transfer(vcpu, KVM_EXIT_IO_OUT, 0x11, 1, got));
	EXPECT_EQ(0, memcmp(b, got, 10));
	EXPECT_EQ(12, transfer(vcpu, KVM_EXIT_IO_OUT, 0x12, 2, got));
	EXPECT_EQ(0, memcmp(b + 1, got, 12));
	EXPECT_EQ(12, transfer(vcpu, KVM_EXIT_IO_OUT, 0x13, 4, got));
	EXPECT_EQ(0, memcmp(b, got, 12));
	EXPECT_EQ(0, transfer(vcpu, KVM_EXIT_IO_OUT, 0x14, 1, got));
	EXPECT_EQ(0x1c00, transfer(vcpu, KVM_EXIT_IO_OUT, 0x15, 4, got));
	EXPECT_EQ(0, memcmp(b + 0x801, got, 0x1c00));
	EXPECT_EQ(10, transfer(vcpu, KVM_EXIT_IO_OUT, 0x16, 1, got));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(b[9 - i], got[i]);
	EXPECT_EQ(4, transfer(vcpu, KVM_EXIT_IO_OUT, 0x17, 1, got));
	EXPECT_EQ(UCALL_DONE, vcpu->uc.cmd);
}

static __guest void g_ins(uint64_t arg)
{
	STRING("insb", 0x20, 7, BUF + 5, 9);
	GUEST_ASSERT_EQ(BUF + 6, rdi);
	GUEST_ASSERT_EQ(9, rcx);
	GUEST_SYNC(1);
	STRING("rep insw", 0x21, 7, BUF + 16, 5);
	GUEST_ASSERT_EQ(BUF + 26, rdi);
	GUEST_ASSERT_EQ(0, rcx);
	GUEST_SYNC(2);
	STRING("rep insl", 0x22, 7, BUF + PAGE_SIZE - 6, 4);
	GUEST_ASSERT_EQ(BUF + PAGE_SIZE + 10, rdi);
	GUEST_SYNC(3);
	STRING("rep insb", 0x23, 7, BUF, 0);
	GUEST_ASSERT_EQ(BUF, rdi);
	GUEST_SYNC(4);
	STRING("rep insb", 0x24, 7, BUF + 0x1234, 5000);
	GUEST_ASSERT_EQ(BUF + 0x1234 + 5000, rdi);
	GUEST_SYNC(5);
	STRING("std; rep insb; cld", 0x25, 7, BUF + 0x100, 4);
	GUEST_ASSERT_EQ(BUF + 0xfc, rdi);
	GUEST_DONE();
}

TEST(ins)
{
	struct vcpu *vcpu = start(g_ins);
	uint8_t *b = buffer(vcpu);
	int i;

	EXPECT_EQ(1, transfer(vcpu, KVM_EXIT_IO_IN, 0x20, 1, NULL));
	EXPECT_EQ(1, b[5]);
	EXPECT_EQ(0, b[6]);
	EXPECT_EQ(10, transfer(vcpu, KVM_EXIT_IO_IN, 0x21, 2, NULL));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(i + 1, b[16 + i]);
	EXPECT_EQ(16, transfer(vcpu, KVM_EXIT_IO_IN, 0x22, 4, NULL));
	for (i = 0; i < 16; i++)
		EXPECT_EQ(i + 1, b[PAGE_SIZE - 6 + i]);
	EXPECT_EQ(0, transfer(vcpu, KVM_EXIT_IO_IN, 0x23, 1, NULL));
	EXPECT_EQ(5000, transfer(vcpu, KVM_EXIT_IO_IN, 0x24, 1, NULL));
	for (i = 0; i < 5000; i++)
		if (b[0x1234 + i] != (uint8_t)(i + 1))
			break;
	EXPECT_EQ(5000, i);
	EXPECT_EQ(4, transfer(vcpu, KVM_EXIT_IO_IN, 0x25, 1, NULL));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i + 1, b[0x100 - i]);
	EXPECT_EQ(UCALL_DONE, vcpu->uc.cmd);
}

/* The fourth page is not mapped: the fault comes where the transfer stands. */
static volatile uint64_t fault_si, fault_cx;

static __guest void on_fault(struct guest_frame *f)
{
	fault_si = f->rsi;
	fault_cx = f->rcx;
	GUEST_ASSERT_EQ(BUF + 3 * PAGE_SIZE, read_cr2());
	/* Give it up: RCX = 0 ends the instruction. */
	f->rcx = 0;
}

static __guest void g_fault(uint64_t arg)
{
	guest_handler[14] = on_fault;
	STRING("rep outsb", 0x30, BUF + 3 * PAGE_SIZE - 4, 0, 100);
	GUEST_ASSERT_EQ(BUF + 3 * PAGE_SIZE, fault_si);
	GUEST_ASSERT_EQ(96, fault_cx);
	GUEST_DONE();
}

TEST(fault_in_the_middle)
{
	struct vcpu *vcpu = start(g_fault);
	uint8_t got[PAGE_SIZE];

	*vm_pte(vcpu->vm, BUF + 3 * PAGE_SIZE) = 0;
	memcpy(buffer(vcpu) + 3 * PAGE_SIZE - 4, "abcd", 4);
	EXPECT_EQ(4, transfer(vcpu, KVM_EXIT_IO_OUT, 0x30, 1, got));
	EXPECT_EQ(0, memcmp("abcd", got, 4));
	EXPECT_EQ(UCALL_DONE, vcpu->uc.cmd);
}

/* Segments with a base in real mode, and addresses that wrap at 64 KiB. */
ASM_BLOB(real_outs, ".code16\n"
	 "movw $0x300, %ax\n"
	 "movw %ax, %ds\n"
	 "movw $0x40, %si\n"
	 "movw $4, %cx\n"
	 "movw $0x40, %dx\n"
	 "cld\n"
	 "rep outsb\n"
	 "hlt\n");

TEST(real_mode_segment)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	char got[8];
	int n = 0;

	load_blob(vm, 0x1000, real_outs);
	memcpy(vm_hva(vm, 0x3040), "base", 4);
	vcpu_set_real_mode(vcpu, 0, 0x1000);
	while (vcpu_run(vcpu) == KVM_EXIT_IO) {
		int len = vcpu->run->io.count;

		ASSERT_GE(4, n + len);
		memcpy(got + n, (uint8_t *)vcpu->run + vcpu->run->io.data_offset, len);
		n += len;
	}
	EXPECT_EQ(4, n);
	EXPECT_EQ(0, memcmp("base", got, 4));
	EXPECT_EQ(KVM_EXIT_HLT, vcpu->run->exit_reason);
	EXPECT_EQ(0x44, vcpu_regs(vcpu).rsi & 0xffff);
}

/* User space may shorten the string while it answers. */
static __guest void g_shorten(uint64_t arg)
{
	STRING("rep insb", 0x50, 7, BUF, 8192);
	GUEST_SYNC(1);
	GUEST_DONE();
}

TEST(count_changed_during_exit)
{
	struct vcpu *vcpu = start(g_shorten);
	struct kvm_regs r;

	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x50, vcpu->run->io.port);
	memset((uint8_t *)vcpu->run + PAGE_SIZE, 0x5a, PAGE_SIZE);
	r = vcpu_regs(vcpu);
	r.rcx = 1;
	vcpu_set_regs(vcpu, &r);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0x5a, buffer(vcpu)[0]);
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
