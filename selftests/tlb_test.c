// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2 la57
 *
 * No stale translation survives: between VMs on one CPU, over migration, when
 * VMs die and are born, when slots and host pages change, and when the guest
 * changes its own page tables. (Emulators flush more than hardware does: on
 * them this shows less than the module's own checks in a debug build.)
 */
#include "strata_test.h"

#define PAGE	0x40000000ul

static volatile uint64_t canary;

static __guest void g_canary(uint64_t arg)
{
	for (;;) {
		uint64_t i, v;

		for (i = 0; i < 8; i++) {
			v = mmio_read64(PAGE + i * PAGE_SIZE);
			if (v != canary + i)
				GUEST_UCALL(UCALL_ABORT, "canary", 1, canary + i, v, 0, 0, 0);
		}
		GUEST_SYNC(1);
	}
}

static struct vcpu *start(uint64_t value)
{
	struct vm *vm = vm_create_size(0, 4 * MB);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_canary);
	uint64_t gpa = vm_alloc(vm, 8 * PAGE_SIZE), i;

	vm_map(vm, PAGE, gpa, 8 * PAGE_SIZE, PTE_W);
	for (i = 0; i < 8; i++)
		*(uint64_t *)vm_hva(vm, gpa + i * PAGE_SIZE) = value + i;
	guest_var(vm, canary) = value;
	return vcpu;
}

/* The same guest addresses in each VM, different memory. */
TEST(between_vms)
{
	struct vcpu *v[6];
	int i, round;

	for (i = 0; i < 6; i++)
		v[i] = start(0x1000 * (i + 1));
	for (round = 0; round < 50; round++)
		for (i = 0; i < 6; i++)
			vcpu_run_sync(v[i], 1);
}

TEST(migration)
{
	struct vcpu *v[3];
	int i, round, cpus = online_cpus();

	for (i = 0; i < 3; i++)
		v[i] = start(0x5000 * (i + 1));
	for (round = 0; round < 60; round++) {
		pin_to_cpu(round % cpus);
		vcpu_run_sync(v[round % 3], 1);
		vcpu_run_sync(v[(round + 1) % 3], 1);
	}
}

/* Tags wrap round and are given to new VMs. */
TEST(death_and_birth)
{
	struct vcpu *old = start(0x77000);
	int i;

	for (i = 0; i < 120; i++) {
		struct vcpu *vcpu = start(0x100000 + 0x100 * i);

		vcpu_run_sync(vcpu, 1);
		vcpu_run_sync(old, 1);
		vm_free(vcpu->vm);
	}
}

/* The same slot, other host memory: seen at once. */
TEST(slot_replaced)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_canary);
	uint8_t *m[2] = { mem_alloc(8 * PAGE_SIZE, PAGE_SIZE),
			  mem_alloc(8 * PAGE_SIZE, PAGE_SIZE) };
	uint64_t i;
	int round;

	vm_map(vm, PAGE, PAGE, 8 * PAGE_SIZE, PTE_W);
	for (i = 0; i < 8; i++) {
		*(uint64_t *)(m[0] + i * PAGE_SIZE) = 0x1000 + i;
		*(uint64_t *)(m[1] + i * PAGE_SIZE) = 0x2000 + i;
	}
	for (round = 0; round < 40; round++) {
		guest_var(vm, canary) = round & 1 ? 0x2000 : 0x1000;
		vm_set_region(vm, 1, 0, PAGE, 8 * PAGE_SIZE, m[round & 1]);
		vcpu_run_sync(vcpu, 1);
		vm_set_region(vm, 1, 0, 0, 0, NULL);
	}
}

/* A host page replaced under a mapping. */
TEST(host_page_replaced)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_canary);
	uint8_t *m = mem_alloc(8 * PAGE_SIZE, PAGE_SIZE);
	uint64_t i;
	int round;

	vm_map(vm, PAGE, PAGE, 8 * PAGE_SIZE, PTE_W);
	vm_set_region(vm, 1, 0, PAGE, 8 * PAGE_SIZE, m);
	for (round = 0; round < 40; round++) {
		guest_var(vm, canary) = 0x10 * round;
		for (i = 0; i < 8; i++)
			*(uint64_t *)(m + i * PAGE_SIZE) = 0x10 * round + i;
		vcpu_run_sync(vcpu, 1);
		ASSERT_NE(MAP_FAILED, mmap(m, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	}
}

/* The guest's own changes: INVLPG, CR3, CR4.PGE and global pages, CR0.WP. */
static volatile uint64_t *volatile pte;
static volatile uint64_t gpa[2], other_root;

static __guest void g_own_tables(uint64_t arg)
{
	uint64_t cr3 = read_cr3(), cr4 = read_cr4(), i;

	for (i = 0; i < 20; i++) {
		*pte = gpa[i & 1] | 3;
		invlpg(PAGE);
		GUEST_ASSERT_EQ(gpa[i & 1], mmio_read64(PAGE));
		*pte = gpa[~i & 1] | 3;
		write_cr3(cr3);
		GUEST_ASSERT_EQ(gpa[~i & 1], mmio_read64(PAGE));
		/* Global, and flushed by toggling CR4.PGE. */
		write_cr4(cr4 | 0x80);
		*pte = gpa[i & 1] | 0x103;
		invlpg(PAGE);
		GUEST_ASSERT_EQ(gpa[i & 1], mmio_read64(PAGE));
		*pte = gpa[~i & 1] | 0x103;
		write_cr4(cr4);
		GUEST_ASSERT_EQ(gpa[~i & 1], mmio_read64(PAGE));
		/* Another set of tables and back. */
		write_cr3(other_root);
		write_cr3(cr3);
		GUEST_ASSERT_EQ(gpa[~i & 1], mmio_read64(PAGE));
		/* Not present, then present. */
		*pte = 0;
		invlpg(PAGE);
		GUEST_ASSERT_EQ(FAULT_ERR(14, 0), GUEST_TRY("cmpb $0, (%1)", "r"(PAGE)));
		*pte = gpa[0] | 1;
		GUEST_ASSERT_EQ(gpa[0], mmio_read64(PAGE));
		/* Read-only counts for CPL 0 with WP, and not without. */
		GUEST_ASSERT_EQ(FAULT_ERR(14, 3), GUEST_TRY("movb $0, 8(%1)", "r"(PAGE)));
		write_cr0(read_cr0() & ~(1ull << 16));
		GUEST_ASSERT_EQ(0, GUEST_TRY("movb $0, 8(%1)", "r"(PAGE)));
		write_cr0(read_cr0() | 1ull << 16);
		GUEST_ASSERT_EQ(FAULT_ERR(14, 3), GUEST_TRY("movb $0, 8(%1)", "r"(PAGE)));
	}
	GUEST_DONE();
}

TEST(own_page_tables)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_own_tables);
	uint64_t root2 = vm_alloc(vm, PAGE_SIZE);
	int i;

	for (i = 0; i < 2; i++) {
		guest_var(vm, gpa[i]) = vm_alloc(vm, PAGE_SIZE);
		*(uint64_t *)vm_hva(vm, guest_var(vm, gpa[i])) = guest_var(vm, gpa[i]);
	}
	vm_map(vm, PAGE, guest_var(vm, gpa[0]), PAGE_SIZE, PTE_W);
	/* The tables are identity mapped in the guest. */
	guest_var(vm, pte) = (uint64_t *)((uint8_t *)vm_pte(vm, PAGE) - vm->mem);
	memcpy(vm_hva(vm, root2), vm_hva(vm, vm->root), PAGE_SIZE);
	guest_var(vm, other_root) = root2;
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
