// SPDX-License-Identifier: GPL-2.0
/*
 * lab: la57
 *
 * KVM_MEM_READONLY slots: reads and code as from RAM, writes as MMIO that
 * leave the memory alone, instructions that read and write, and page tables
 * and descriptor tables in such a slot.
 */
#include "strata_test.h"

#define ROM	0x10000000ul

static struct vcpu *start(void (*fn)(uint64_t arg), uint8_t **rom)
{
	struct vm *vm = vm_create(0);

	*rom = mem_alloc(4 * PAGE_SIZE, PAGE_SIZE);
	vm_set_region(vm, 1, KVM_MEM_READONLY, ROM, 4 * PAGE_SIZE, *rom);
	vm_map(vm, ROM, ROM, 4 * PAGE_SIZE, PTE_W);
	return vcpu_create(vm, 0, fn);
}

static void expect_write(struct vcpu *vcpu, uint64_t gpa, unsigned int len, uint64_t value)
{
	uint64_t v = 0;

	expect_exit(vcpu, KVM_EXIT_MMIO);
	if (!vcpu->run->mmio.is_write || vcpu->run->mmio.phys_addr != gpa ||
	    vcpu->run->mmio.len != len)
		die("%s of %u bytes at %#llx", vcpu->run->mmio.is_write ? "write" : "read",
		    vcpu->run->mmio.len, vcpu->run->mmio.phys_addr);
	memcpy(&v, vcpu->run->mmio.data, len);
	if (v != value)
		die("value %#lx, expected %#lx", v, value);
}

static __guest void g_access(uint64_t arg)
{
	GUEST_ASSERT_EQ(0x1234567890, mmio_read64(ROM));
	mmio_write64(ROM, 7);
	GUEST_ASSERT_EQ(0x1234567890, mmio_read64(ROM));
	mmio_write8(ROM + PAGE_SIZE + 3, 8);
	GUEST_ASSERT_EQ(0, mmio_read8(ROM + PAGE_SIZE + 3));
	/* Reads the memory, writes to user space. */
	asm volatile("addl $1, %0" : "+m"(*(uint32_t *)ROM));
	asm volatile("lock orb $1, %0" : "+m"(*(uint8_t *)(ROM + 8)));
	GUEST_DONE();
}

TEST(read_and_write)
{
	uint8_t *rom;
	struct vcpu *vcpu = start(g_access, &rom);

	*(uint64_t *)rom = 0x1234567890;
	rom[8] = 0x40;
	expect_write(vcpu, ROM, 8, 7);
	expect_write(vcpu, ROM + PAGE_SIZE + 3, 1, 8);
	expect_write(vcpu, ROM, 4, 0x34567891);
	expect_write(vcpu, ROM + 8, 1, 0x41);
	vcpu_run_done(vcpu);
	EXPECT_EQ(0x1234567890, *(uint64_t *)rom);
	EXPECT_EQ(0x40, rom[8]);
	EXPECT_EQ(0, rom[PAGE_SIZE + 3]);
}

/* A read first, so that the page is mapped, then a write to the same page. */
static __guest void g_read_write_read(uint64_t arg)
{
	uint64_t i;

	for (i = 0; i < 4; i++) {
		GUEST_ASSERT_EQ(i, mmio_read64(ROM + i * PAGE_SIZE));
		mmio_write16(ROM + i * PAGE_SIZE, 0xffff);
		GUEST_ASSERT_EQ(i, mmio_read64(ROM + i * PAGE_SIZE));
	}
	GUEST_DONE();
}

TEST(mapped_page_stays_read_only)
{
	uint8_t *rom;
	struct vcpu *vcpu = start(g_read_write_read, &rom);
	uint64_t i;

	for (i = 0; i < 4; i++)
		*(uint64_t *)(rom + i * PAGE_SIZE) = i;
	for (i = 0; i < 4; i++)
		expect_write(vcpu, ROM + i * PAGE_SIZE, 2, 0xffff);
	vcpu_run_done(vcpu);
}

/* The host's own changes are visible: it is memory, not a copy. */
static __guest void g_watch(uint64_t arg)
{
	GUEST_SYNC2(1, mmio_read64(ROM));
	GUEST_SYNC2(2, mmio_read64(ROM));
	GUEST_DONE();
}

TEST(host_writes_are_seen)
{
	uint8_t *rom;
	struct vcpu *vcpu = start(g_watch, &rom);

	*(uint64_t *)rom = 1;
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	*(uint64_t *)rom = 2;
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(2, vcpu->uc.arg[1]);
	vcpu_run_done(vcpu);
}

/* Memory that the host itself may only read makes a good read-only slot. */
TEST(host_mapping_read_only)
{
	uint8_t *rom;
	struct vcpu *vcpu = start(g_access, &rom);

	*(uint64_t *)rom = 0x1234567890;
	rom[8] = 0x40;
	ASSERT_EQ(0, mprotect(rom, 4 * PAGE_SIZE, PROT_READ));
	expect_write(vcpu, ROM, 8, 7);
	expect_write(vcpu, ROM + PAGE_SIZE + 3, 1, 8);
	expect_write(vcpu, ROM, 4, 0x34567891);
	expect_write(vcpu, ROM + 8, 1, 0x41);
	vcpu_run_done(vcpu);
}

/* Code runs from it, as from a BIOS. */
ASM_BLOB(rom_code, ".code32\n"
	 "movl $0x10000100, %ebx\n"
	 "movl (%ebx), %eax\n"
	 "movl %eax, (%ebx)\n"
	 "hlt\n");

TEST(code)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint8_t *rom = mem_alloc(PAGE_SIZE, PAGE_SIZE);

	vm_set_region(vm, 1, KVM_MEM_READONLY, ROM, PAGE_SIZE, rom);
	memcpy(rom, rom_code, rom_code_end - rom_code);
	*(uint32_t *)(rom + 0x100) = 0xfeedface;
	vcpu_set_prot_mode(vcpu, ROM);
	expect_write(vcpu, ROM + 0x100, 4, 0xfeedface);
	expect_exit(vcpu, KVM_EXIT_HLT);
}

TEST_HARNESS_MAIN
