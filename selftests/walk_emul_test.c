// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator's walk of guest page tables against the CPU's. MOVSB between two
 * pages of memory is the CPU's work; between a page and MMIO it is emulated.
 * For every combination of entry bits, controls and access both must end alike:
 * the same fault, error code and CR2, the same accessed and dirty bits.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul	/* MMIO */
#define TARGET	0x50000000ul	/* the page in question */
#define SCRATCH	0x50200000ul	/* plain memory, in another table */

#define CR0_WP	0x10000ul
#define CR4_SMEP	0x100000ul
#define CR4_SMAP	0x200000ul
#define FLAG_AC	0x40000ul

/* From the host, in the guest's copy. */
static volatile uint64_t cr0_set, cr4_set, ac, is_write, user_stack;
/* To the host. */
static volatile uint64_t fault, cr2;

static __guest void access_page(uint64_t other)
{
	uint64_t si = is_write ? other : TARGET + 0x123;
	uint64_t di = is_write ? TARGET + 0x123 : other;

	fault = GUEST_TRY_OUT("movsb", "+S"(si), "+D"(di) : );
}

static __guest void with_ac(uint64_t other)
{
	uint64_t flags;

	asm volatile("pushfq; pop %0" : "=r"(flags));
	asm volatile("push %0; popfq" : : "r"(flags | (ac ? FLAG_AC : 0)) : "cc", "memory");
	access_page(other);
	asm volatile("push %0; popfq" : : "r"(flags) : "cc", "memory");
}

static __guest void g_user(uint64_t other)
{
	access_page(other);
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_both(uint64_t user)
{
	uint64_t cr0 = read_cr0(), cr4 = read_cr4();
	int turn;

	for (;;) {
		for (turn = 0; turn < 2; turn++) {
			uint64_t other = turn ? HOLE : SCRATCH;

			GUEST_SYNC(1);
			write_cr0((cr0 & ~CR0_WP) | cr0_set);
			write_cr4(cr4 | cr4_set);
			write_cr3(read_cr3());
			write_cr2(0);
			if (user)
				guest_user_call(g_user, other, user_stack);
			else
				with_ac(other);
			cr2 = read_cr2();
			write_cr0(cr0);
			write_cr4(cr4);
			GUEST_SYNC(2);
		}
	}
}

/* The entry one level above the page's. */
static uint64_t *upper_entry(struct vm *vm, uint64_t gva)
{
	uint64_t *table = vm_hva(vm, vm->root), *e = NULL;
	int level;

	for (level = 4; level > 1; level--) {
		e = &table[gva >> (3 + 9 * level) & 511];
		table = vm_hva(vm, *e & PTE_ADDR);
	}
	return e;
}

struct outcome {
	uint64_t fault, cr2, pte, upper;
};

/* One access: sync 1, entries set, the access with its MMIO served, sync 2. */
static void one(struct vcpu *vcpu, uint64_t pte, uint64_t upper, struct outcome *o)
{
	struct vm *vm = vcpu->vm;

	vcpu_run_sync(vcpu, 1);
	*vm_pte(vm, TARGET) = pte;
	*upper_entry(vm, TARGET) = upper;
	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		memset(vcpu->run->mmio.data, 0x5a, 8);
	if (!vcpu_is_ucall(vcpu) || vcpu->uc.cmd != UCALL_SYNC || vcpu->uc.arg[0] != 2) {
		vcpu_dump(vcpu);
		die("the guest did not come back");
	}
	o->fault = guest_var(vm, fault);
	/* QEMU's CPU forgets the present bit beside the one for reserved bits. */
	if (o->fault & 8ull << 32)
		o->fault |= 1ull << 32;
	o->cr2 = guest_var(vm, cr2);
	o->pte = *vm_pte(vm, TARGET);
	o->upper = *upper_entry(vm, TARGET);
	/* Bochs' CPU marks what it passed only when all of the walk went well. */
	if (o->fault && on_intel())
		o->upper &= ~(uint64_t)PTE_A;
}

static void report(uint64_t pte, uint64_t upper, unsigned int ctl, const struct outcome *cpu,
		   const struct outcome *emu)
{
	printf("# entry %lx, above %lx, controls %x\n", pte, upper, ctl);
	printf("#  CPU:      fault %lx cr2 %lx entry %lx above %lx\n", cpu->fault, cpu->cr2,
	       cpu->pte, cpu->upper);
	printf("#  emulator: fault %lx cr2 %lx entry %lx above %lx\n", emu->fault, emu->cr2,
	       emu->pte, emu->upper);
	fflush(stdout);
}

static int compare(bool user)
{
	static const uint64_t leaf_bits[] = { PTE_P, PTE_W, PTE_U, PTE_A, PTE_D };
	struct vm *vm = vm_create(user ? VM_USER : 0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_both);
	bool smap = cpuid_supported(7, 0)->ebx & (1u << 20) && !user;
	bool smep = cpuid_supported(7, 0)->ebx & (1u << 7) && !user;
	uint64_t all = PTE_W | (user ? PTE_U : 0), page = vm_alloc(vm, PAGE_SIZE), upper0;
	unsigned int leaf, up, ctl, i, bad = 0;

	vm_map(vm, HOLE, HOLE, PAGE_SIZE, all);
	vm_map(vm, TARGET, page, PAGE_SIZE, all);
	vm_map(vm, SCRATCH, vm_alloc(vm, PAGE_SIZE), PAGE_SIZE, all);
	upper0 = *upper_entry(vm, TARGET) & PTE_ADDR;
	guest_var(vm, user_stack) = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_call(vcpu, g_both, user);

	for (leaf = 0; leaf < 1 << ARRAY_SIZE(leaf_bits); leaf++)
	for (up = 0; up < 8; up++)
	for (ctl = 0; ctl < 16; ctl++) {
		uint64_t pte = page, upper = upper0 | PTE_P;
		struct outcome cpu, emu;

		if (((ctl & 4) && !smap) || ((ctl & 8) && !(ctl & 4)))
			continue;
		/* A few of the many suffice where only one bit matters. */
		if (up > 1 && (leaf & 0x18))
			continue;
		for (i = 0; i < ARRAY_SIZE(leaf_bits); i++)
			if (leaf & 1 << i)
				pte |= leaf_bits[i];
		if (!(up & 1))
			upper |= PTE_W | PTE_U;
		else
			upper |= leaf & 1 ? PTE_W : PTE_U;
		if (up & 2)
			pte |= PTE_NX;
		if (up & 4)
			pte |= 1ull << 51;	/* reserved */
		guest_var(vm, is_write) = ctl & 1;
		guest_var(vm, cr0_set) = ctl & 2 ? CR0_WP : 0;
		guest_var(vm, cr4_set) = (ctl & 4 ? CR4_SMAP : 0) | (smep ? CR4_SMEP : 0);
		guest_var(vm, ac) = ctl & 8;

		one(vcpu, pte, upper, &cpu);
		one(vcpu, pte, upper, &emu);
		if (cpu.fault != emu.fault || cpu.cr2 != emu.cr2 || cpu.pte != emu.pte ||
		    cpu.upper != emu.upper) {
			if (bad++ < 10)
				report(pte, upper, ctl, &cpu, &emu);
		}
	}
	vm_free(vm);
	return bad;
}

TEST(supervisor)
{
	EXPECT_EQ(0, compare(false));
}

TEST(user)
{
	EXPECT_EQ(0, compare(true));
}

TEST_HARNESS_MAIN
