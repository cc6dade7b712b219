// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57 vmx
 *
 * The guest's own paging, executed by the CPU and walked by the emulator: NX,
 * SMEP, SMAP, UMIP, PKU, PCID, reserved, accessed and dirty bits, and
 * 32-bit tables with and without PAE; each as far as it is offered.
 */
#include "strata_test.h"

#define VA	0x40000000ul
#define HOLE	0x60000000ul
#define CR4_UMIP	(1ull << 11)
#define CR4_PCIDE	(1ull << 17)
#define CR4_SMEP	(1ull << 20)
#define CR4_SMAP	(1ull << 21)
#define CR4_PKE		(1ull << 22)

static volatile uint64_t *volatile pte;
static volatile uint64_t pa, stack;

/* VA is one page of its own; its entry is at pte, in identity-mapped memory. */
static struct vcpu *start(void (*fn)(uint64_t arg), int flags)
{
	struct vm *vm = vm_create(flags);
	uint64_t gpa = vm_alloc(vm, PAGE_SIZE);

	vm_map(vm, VA, gpa, PAGE_SIZE, PTE_W);
	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W | PTE_U);
	/* mov $0x55, %eax; ret */
	memcpy(vm_hva(vm, gpa), "\xb8\x55\x00\x00\x00\xc3", 6);
	guest_var(vm, pa) = gpa;
	guest_var(vm, pte) = (uint64_t *)((uint8_t *)vm_pte(vm, VA) - vm->mem);
	guest_var(vm, stack) = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	return vcpu_create(vm, 0, fn);
}

__guest_inline void set_pte(uint64_t bits)
{
	*pte = pa | bits;
	invlpg(VA);
}

/* Calls the code at VA; the fault of the fetch, or 0. */
__guest_inline uint64_t fetch(void)
{
	uint64_t f = 0;

	/* The return address is pushed before the fetch faults at VA itself. */
	asm volatile("call *%1" : "=a"(f) : "r"(VA) : "memory");
	return f == 0x55 ? 0 : f;
}

static __guest void on_fetch_fault(struct guest_frame *f)
{
	/* Back to the caller, with the fault as the result. */
	f->rip = *(uint64_t *)f->rsp;
	f->rsp += 8;
	f->rax = FAULT_ERR(f->vector, f->error);
}

static __guest void g_nx(uint64_t arg)
{
	guest_handler[14] = on_fetch_fault;
	set_pte(PTE_P);
	GUEST_ASSERT_EQ(0, fetch());
	set_pte(PTE_P | PTE_NX);
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0x11), fetch());
	GUEST_ASSERT_EQ(VA, read_cr2());
	set_pte(0);
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0x10), fetch());
	/* Without EFER.NXE the bit is reserved. */
	wrmsr(0xc0000080, rdmsr(0xc0000080) & ~(1ull << 11));
	set_pte(PTE_P | PTE_NX);
	GUEST_ASSERT_EQ(8, fetch() >> 32 & 8);
	set_pte(PTE_P);
	GUEST_ASSERT_EQ(0, fetch());
	GUEST_DONE();
}

TEST(nx)
{
	vcpu_run_done(start(g_nx, 0));
}

static __guest void g_smep(uint64_t arg)
{
	guest_handler[14] = on_fetch_fault;
	set_pte(PTE_P | PTE_U);
	GUEST_ASSERT_EQ(0, fetch());
	write_cr4(read_cr4() | CR4_SMEP);
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0x11), fetch());
	set_pte(PTE_P);
	GUEST_ASSERT_EQ(0, fetch());
	GUEST_DONE();
}

TEST(smep)
{
	REQUIRE_CPUID(7, 0, ebx, 7);
	vcpu_run_done(start(g_smep, 0));
}

/* By the CPU, and as the other operand of an emulated instruction. */
static __guest void g_smap(uint64_t arg)
{
	set_pte(PTE_P | PTE_W | PTE_U);
	GUEST_ASSERT_EQ(0, GUEST_TRY("movb $1, 64(%1)", "r"(VA)));
	write_cr4(read_cr4() | CR4_SMAP);
	asm volatile("clac");
	GUEST_ASSERT_EQ(FAULT_ERR(14, 3), GUEST_TRY("movb $1, 64(%1)", "r"(VA)));
	GUEST_ASSERT_EQ(FAULT_ERR(14, 1), GUEST_TRY("cmpb $1, 64(%1)", "r"(VA)));
	asm volatile("stac");
	GUEST_ASSERT_EQ(0, GUEST_TRY("movb $1, 64(%1)", "r"(VA)));
	GUEST_ASSERT_EQ(0, GUEST_TRY("movsb", "S"(HOLE), "D"(VA + 64)));
	asm volatile("clac");
	GUEST_SYNC(1);
	/* The hole is a user page as well: it faults before it is MMIO. */
	GUEST_ASSERT_EQ(FAULT_ERR(14, 1), GUEST_TRY("movsb", "S"(HOLE), "D"(VA + 64)));
	GUEST_DONE();
}

TEST(smap)
{
	struct vcpu *vcpu;

	REQUIRE_CPUID(7, 0, ebx, 20);
	vcpu = start(g_smap, 0);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_done(vcpu);
}

static volatile uint64_t umip_fault[5];

static __guest void g_user_tables(uint64_t arg)
{
	uint8_t b[16];
	uint64_t v;

	umip_fault[0] = GUEST_TRY("sgdt (%1)", "r"(b));
	umip_fault[1] = GUEST_TRY("sidt (%1)", "r"(b));
	umip_fault[2] = GUEST_TRY_OUT("sldt %1", "=r"(v) : );
	umip_fault[3] = GUEST_TRY_OUT("str %1", "=r"(v) : );
	umip_fault[4] = GUEST_TRY_OUT("smsw %1", "=r"(v) : );
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_umip(uint64_t arg)
{
	int i;

	guest_user_call(g_user_tables, 0, stack);
	for (i = 0; i < 5; i++)
		GUEST_ASSERT_EQ(0, umip_fault[i]);
	write_cr4(read_cr4() | CR4_UMIP);
	guest_user_call(g_user_tables, 0, stack);
	for (i = 0; i < 5; i++)
		GUEST_ASSERT_EQ(FAULT(13), umip_fault[i]);
	GUEST_DONE();
}

TEST(umip)
{
	REQUIRE_CPUID(7, 0, ecx, 2);
	vcpu_run_done(start(g_umip, VM_USER));
}

#define KEY(n)	((uint64_t)(n) << 59)

static __guest void wrpkru(uint32_t v)
{
	asm volatile("wrpkru" : : "a"(v), "c"(0), "d"(0));
}

static __guest uint32_t rdpkru(void)
{
	uint32_t v, d;

	asm volatile("rdpkru" : "=a"(v), "=d"(d) : "c"(0));
	return v;
}

static __guest void g_pku(uint64_t arg)
{
	GUEST_ASSERT_EQ(FAULT(6), GUEST_TRY("wrpkru", "a"(0), "c"(0), "d"(0)));
	write_cr4(read_cr4() | CR4_PKE);
	wrpkru(0);
	set_pte(PTE_P | PTE_W | PTE_U | KEY(3));
	GUEST_ASSERT_EQ(0, GUEST_TRY("movb $1, 64(%1)", "r"(VA)));
	/* Write disabled for key 3, which CPL 0 heeds with WP. */
	wrpkru(2 << 6);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(2 << 6, rdpkru());
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0x23), GUEST_TRY("movb $1, 64(%1)", "r"(VA)));
	GUEST_ASSERT_EQ(0, GUEST_TRY("cmpb $1, 64(%1)", "r"(VA)));
	/* Access disabled. */
	wrpkru(1 << 6);
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0x21), GUEST_TRY("cmpb $1, 64(%1)", "r"(VA)));
	/* Supervisor pages have no key. */
	set_pte(PTE_P | PTE_W | KEY(3));
	GUEST_ASSERT_EQ(0, GUEST_TRY("cmpb $1, 64(%1)", "r"(VA)));
	GUEST_DONE();
}

TEST(pku)
{
	struct vcpu *vcpu;

	REQUIRE_CPUID(7, 0, ecx, 3);
	vcpu = start(g_pku, 0);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_done(vcpu);
}

static __guest void g_pcid(uint64_t arg)
{
	uint64_t cr3 = read_cr3();

	GUEST_ASSERT_EQ(0, GUEST_TRY("mov %1, %%cr4", "r"(read_cr4() | CR4_PCIDE)));
	set_pte(PTE_P | PTE_W);
	mmio_write64(VA + 64, 1);
	write_cr3(cr3 | 5);
	GUEST_ASSERT_EQ(cr3 | 5, read_cr3());
	GUEST_ASSERT_EQ(1, mmio_read64(VA + 64));
	*pte = 0;
	/* Bit 63 keeps translations, so the flush is asked for here. */
	write_cr3(cr3 | 5);
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0), GUEST_TRY("cmpb $1, 64(%1)", "r"(VA)));
	*pte = pa | PTE_P;
	write_cr3(cr3 | 5 | 1ull << 63);
	GUEST_ASSERT_EQ(cr3 | 5, read_cr3());
	GUEST_ASSERT_EQ(1, mmio_read64(VA + 64));
	/* PCIDE cannot be set with another PCID than 0. */
	write_cr3(cr3);
	write_cr4(read_cr4() & ~CR4_PCIDE);
	write_cr3(cr3 | 8);
	GUEST_ASSERT_EQ(FAULT(13), GUEST_TRY("mov %1, %%cr4", "r"(read_cr4() | CR4_PCIDE)));
	GUEST_DONE();
}

TEST(pcid)
{
	REQUIRE_CPUID(1, 0, ecx, 17);
	vcpu_run_done(start(g_pcid, 0));
}

/* Accessed and dirty, set by the CPU and by the emulator. */
static __guest void g_ad(uint64_t arg)
{
	set_pte(PTE_P | PTE_W);
	GUEST_ASSERT_EQ(0, *pte & (PTE_A | PTE_D));
	mmio_read8(VA);
	GUEST_ASSERT_EQ(PTE_A, *pte & (PTE_A | PTE_D));
	mmio_write8(VA + 64, 1);
	GUEST_ASSERT_EQ(PTE_A | PTE_D, *pte & (PTE_A | PTE_D));
	set_pte(PTE_P | PTE_W);
	asm volatile("movsb" : : "S"(HOLE), "D"(VA + 64) : "memory");
	GUEST_ASSERT_EQ(PTE_A | PTE_D, *pte & (PTE_A | PTE_D));
	set_pte(PTE_P | PTE_W);
	asm volatile("movsb" : : "S"(VA + 64), "D"(HOLE) : "memory");
	GUEST_ASSERT_EQ(PTE_A, *pte & (PTE_A | PTE_D));
	GUEST_DONE();
}

TEST(accessed_and_dirty)
{
	struct vcpu *vcpu = start(g_ad, 0);

	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(0, vcpu->run->mmio.is_write);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(1, vcpu->run->mmio.is_write);
	vcpu_run_done(vcpu);
}

/* Reserved bits of an entry. */
static __guest void g_reserved(uint64_t arg)
{
	set_pte(PTE_P | PTE_W | 1ull << 51);
	/* The present bit of the error code is missing in QEMU's TCG. */
	GUEST_ASSERT_EQ(8, GUEST_TRY("cmpb $1, (%1)", "r"(VA)) >> 32 & ~1ull);
	GUEST_ASSERT_EQ(10, GUEST_TRY("movb $1, (%1)", "r"(VA)) >> 32 & ~1ull);
	GUEST_DONE();
}

TEST(reserved_bits)
{
	if ((cpuid_supported(0x80000008, 0)->eax & 0xff) > 51)
		SKIP(return, "physical addresses have 52 bits here");
	vcpu_run_done(start(g_reserved, 0));
}

/*
 * 32 bits, no PAE: 4M and 4K pages; the emulator walks them for the MMIO. The
 * tables are at 0x100000 in a VM without any of the library's.
 */
ASM_BLOB(paging32, ".code32\n"
	 "movl $0x100000, %eax\n"
	 "movl %eax, %cr3\n"
	 "movl %cr4, %eax\n"
	 "orl $0x10, %eax\n"
	 "movl %eax, %cr4\n"
	 "movl %cr0, %eax\n"
	 "orl $0x80010000, %eax\n"
	 "movl %eax, %cr0\n"
	 "movl 0xc0000008, %ebx\n"	/* 4K page: 0x3000 */
	 "incl 0x80000010\n"		/* 4M page: the hole */
	 "movl $0x80000000, %esi\n"
	 "movl $0xc0000010, %edi\n"
	 "cld\n"
	 "movsl\n"
	 "hlt\n");

/* The same with PAE: 2M and 4K pages. */
ASM_BLOB(paging_pae, ".code32\n"
	 "movl $0x100000, %eax\n"
	 "movl %eax, %cr3\n"
	 "movl %cr4, %eax\n"
	 "orl $0x20, %eax\n"
	 "movl %eax, %cr4\n"
	 "movl %cr0, %eax\n"
	 "orl $0x80010000, %eax\n"
	 "movl %eax, %cr0\n"
	 "movl 0xc0000008, %ebx\n"
	 "incl 0x80000010\n"
	 "movl $0x80000000, %esi\n"
	 "movl $0xc0000010, %edi\n"
	 "cld\n"
	 "movsl\n"
	 "hlt\n");

static void run_32(struct __test_metadata *_metadata, struct vm *vm, struct vcpu *vcpu)
{
	*(uint32_t *)vm_hva(vm, 0x3008) = 0xfeed;
	vcpu_set_prot_mode(vcpu, 0x1000);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(HOLE + 0x10, vcpu->run->mmio.phys_addr);
	EXPECT_EQ(0, vcpu->run->mmio.is_write);
	*(uint32_t *)vcpu->run->mmio.data = 6;
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(1, vcpu->run->mmio.is_write);
	EXPECT_EQ(7, *(uint32_t *)vcpu->run->mmio.data);
	expect_exit(vcpu, KVM_EXIT_MMIO);
	EXPECT_EQ(HOLE, vcpu->run->mmio.phys_addr);
	*(uint32_t *)vcpu->run->mmio.data = 0xabcd;
	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(0xfeed, vcpu_regs(vcpu).rbx);
	EXPECT_EQ(0xabcd, *(uint32_t *)vm_hva(vm, 0x3010));
}

TEST(two_levels)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint32_t *pd = vm_hva(vm, 0x100000), *pt = vm_hva(vm, 0x101000);

	vcpu_set_cpuid(vcpu);
	memset(pd, 0, 2 * PAGE_SIZE);
	pd[0] = 0x83;
	pd[0x80000000u >> 22] = HOLE | 0x83;
	pd[0xc0000000u >> 22] = 0x101003;
	pt[0] = 0x3003;
	load_blob(vm, 0x1000, paging32);
	run_32(_metadata, vm, vcpu);
	/* The dirty bit of the page that MOVSL wrote. */
	EXPECT_EQ(0x63, pt[0] & 0x63);
}

TEST(pae)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint64_t *pdpt = vm_hva(vm, 0x100000), *pd = vm_hva(vm, 0x101000);

	vcpu_set_cpuid(vcpu);
	memset(pdpt, 0, 6 * PAGE_SIZE);
	pdpt[0] = 0x101001;
	pdpt[2] = 0x102001;
	pdpt[3] = 0x103001;
	pd[0] = 0x83;
	pd[512] = HOLE | 0x83;
	pd[1024] = 0x104003;
	*(uint64_t *)vm_hva(vm, 0x104000) = 0x3003;
	load_blob(vm, 0x1000, paging_pae);
	run_32(_metadata, vm, vcpu);
	EXPECT_EQ(0x63, *(uint64_t *)vm_hva(vm, 0x104000) & 0x63);
}

/*
 * A PDPTE with a reserved bit, writable here: Intel's CPUs load the four into
 * registers, and the instruction that does it raises #GP (SDM 4.4.1); AMD's read
 * them when they walk (APM 2 5.3.3). There is no IDT, so a fault is a shutdown.
 */
#define PDPTE_BAD	0x101003

/* EAX is what turns PAE paging on in CR0. */
#define PREPARE_PAE					\
	 ".code32\n"					\
	 "movl $0x100000, %eax\n"			\
	 "movl %eax, %cr3\n"				\
	 "movl $0x20, %eax\n"				\
	 "movl %eax, %cr4\n"				\
	 "movl %cr0, %eax\n"				\
	 "orl $0x80010000, %eax\n"

ASM_BLOB(pae_cr0, PREPARE_PAE
	 "movl $1, 0x3000\n"
	 "movl %eax, %cr0\n"
	 "movl $2, 0x3000\n"
	 "hlt\n");

ASM_BLOB(pae_cr4, PREPARE_PAE
	 "movl %eax, %cr0\n"
	 "movl $0x101003, 0x100008\n"
	 "movl $0xa0, %eax\n"
	 "movl $1, 0x3000\n"
	 "movl %eax, %cr4\n"
	 "movl $2, 0x3000\n"
	 "hlt\n");

/* @bad: PDPTE 1 before the guest starts */
static struct vcpu *start_pae(const void *code, size_t size, uint64_t bad)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint64_t *pdpt = vm_hva(vm, 0x100000);
	struct kvm_sregs sregs;

	vcpu_set_cpuid(vcpu);
	memset(pdpt, 0, 2 * PAGE_SIZE);
	pdpt[0] = 0x101001;
	pdpt[1] = bad;
	*(uint64_t *)vm_hva(vm, 0x101000) = 0x83;
	*(uint32_t *)vm_hva(vm, 0x3000) = 0;
	memcpy(vm_hva(vm, 0x1000), code, size);
	vcpu_set_prot_mode(vcpu, 0x1000);
	sregs = vcpu_sregs(vcpu);
	sregs.idt.limit = 0;
	vcpu_set_sregs(vcpu, &sregs);
	return vcpu;
}

/* The step before the instruction was reached, the one behind it on AMD's only. */
static void expect_pdpte_fault(struct __test_metadata *_metadata, struct vcpu *vcpu)
{
	expect_exit(vcpu, on_intel() ? KVM_EXIT_SHUTDOWN : KVM_EXIT_HLT);
	EXPECT_EQ(on_intel() ? 1 : 2, *(uint32_t *)vm_hva(vcpu->vm, 0x3000));
}

TEST(pdptes_at_cr0)
{
	struct vcpu *vcpu = start_pae(pae_cr0, pae_cr0_end - pae_cr0, 0);

	expect_exit(vcpu, KVM_EXIT_HLT);
	EXPECT_EQ(2, *(uint32_t *)vm_hva(vcpu->vm, 0x3000));
	vcpu = start_pae(pae_cr0, pae_cr0_end - pae_cr0, PDPTE_BAD);
	expect_pdpte_fault(_metadata, vcpu);
}

TEST(pdptes_at_cr4)
{
	expect_pdpte_fault(_metadata, start_pae(pae_cr4, pae_cr4_end - pae_cr4, 0));
}

TEST_HARNESS_MAIN
