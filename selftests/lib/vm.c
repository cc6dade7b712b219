// SPDX-License-Identifier: GPL-2.0
/*
 * VMs, their memory, the guest's page tables and descriptor tables, and the
 * copy of the test program in guest memory.
 */
#include "testlib.h"

extern uint8_t __executable_start[], _end[];
extern const uint8_t guest_user_return[];

static uint8_t *image_start(void)
{
	return (uint8_t *)((uintptr_t)__executable_start & -PAGE_SIZE);
}

static size_t image_size(void)
{
	return (((uintptr_t)_end + PAGE_SIZE - 1) & -PAGE_SIZE) - (uintptr_t)image_start();
}

/* Zeroed host memory at a multiple of align; released only with the process. */
uint8_t *mem_alloc(size_t size, size_t align)
{
	uint8_t *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap of %zu bytes: %s", size, strerror(errno));
	return (uint8_t *)(((uintptr_t)p + align - 1) & -align);
}

/* Sets a memory slot; gives 0 or the errno value. */
int vm_try_set_region(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		      uint64_t size, void *hva)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};

	return try_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);
}

void vm_set_region(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		   uint64_t size, void *hva)
{
	int err = vm_try_set_region(vm, slot, flags, gpa, size, hva);

	if (err)
		die("slot %u, gpa %#lx, size %#lx: %s", slot, gpa, size, strerror(err));
}

/* Zeroed guest physical pages in slot 0. */
uint64_t vm_alloc(struct vm *vm, size_t size)
{
	uint64_t gpa = vm->next_free;

	vm->next_free += (size + PAGE_SIZE - 1) & -PAGE_SIZE;
	if (vm->next_free > vm->mem_size)
		die("the guest's memory of %zu bytes is used up", vm->mem_size);
	return gpa;
}

void *vm_hva(struct vm *vm, uint64_t gpa)
{
	if (gpa >= vm->mem_size)
		die("guest physical address %#lx is outside slot 0", gpa);
	return vm->mem + gpa;
}

/* Guest physical address of a function or variable of the test program. */
uint64_t vm_gpa(struct vm *vm, const volatile void *program_addr)
{
	size_t offset = (const volatile uint8_t *)program_addr - image_start();

	if (offset >= image_size())
		die("%p is not in the test program", (const void *)program_addr);
	return vm->image_gpa + offset;
}

/* The entry of a level: 1 is the 4K page, 2 the 2M page, 3 the 1G page. */
static uint64_t *pte_at(struct vm *vm, uint64_t gva, int level, bool alloc)
{
	uint64_t table = vm->root;
	uint64_t *e;
	int l;

	for (l = 4; ; l--) {
		e = (uint64_t *)vm_hva(vm, table) + (gva >> (12 + 9 * (l - 1)) & 511);
		if (l == level)
			return e;
		if (!(*e & PTE_P)) {
			if (!alloc)
				return NULL;
			*e = vm_alloc(vm, PAGE_SIZE) | PTE_P | PTE_W | PTE_U;
		}
		if (*e & PTE_PS)
			return e;
		table = *e & PTE_ADDR;
	}
}

/* Maps one guest page of the size that the level says. */
void vm_map_level(struct vm *vm, uint64_t gva, uint64_t gpa, int level, uint64_t bits)
{
	*pte_at(vm, gva, level, true) = gpa | bits | PTE_P | (level > 1 ? PTE_PS : 0);
}

void vm_map(struct vm *vm, uint64_t gva, uint64_t gpa, size_t size, uint64_t bits)
{
	size_t i;

	for (i = 0; i < size; i += PAGE_SIZE)
		vm_map_level(vm, gva + i, gpa + i, 1, bits);
}

/* The entry that maps a guest address, to look at or to change. */
uint64_t *vm_pte(struct vm *vm, uint64_t gva)
{
	uint64_t *e = pte_at(vm, gva, 1, false);

	if (!e)
		die("guest address %#lx has no page table", gva);
	return e;
}

static void set_gate(struct vm *vm, int vector, const void *target, int dpl, int ist)
{
	uint64_t *gate = (uint64_t *)vm_hva(vm, GUEST_IDT) + 2 * vector;
	uint64_t a = (uintptr_t)target;

	gate[0] = (a & 0xffff) | (uint64_t)SEL_CODE64 << 16 | (uint64_t)ist << 32 |
		  0x8e00ull << 32 | (uint64_t)dpl << 45 | (a >> 16 & 0xffff) << 48;
	gate[1] = a >> 32;
}

static void fill_descriptor_tables(struct vm *vm)
{
	uint64_t *gdt = vm_hva(vm, GUEST_GDT);
	int i;

	gdt[SEL_CODE64 / 8] = 0x00af9b000000ffff;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	gdt[SEL_UCODE64 / 8] = 0x00affb000000ffff;
	gdt[SEL_UDATA / 8] = 0x00cff3000000ffff;
	gdt[SEL_CODE32 / 8] = 0x00cf9b000000ffff;
	gdt[SEL_CODE16 / 8] = 0x00009b000000ffff;
	gdt[SEL_DATA16 / 8] = 0x000093000000ffff;
	for (i = 0; i < MAX_TEST_VCPUS; i++) {
		uint64_t base = GUEST_TSS + TSS_STRIDE * i;

		gdt[SEL_TSS(i) / 8] = 0x0000890000000067 | (base & 0xffffff) << 16 |
				      (base >> 24 & 0xff) << 56;
	}
	for (i = 0; i < 256; i++)
		set_gate(vm, i, guest_stubs + 16 * i, i == 3 || i == 4 ? 3 : 0, i == 8);
	set_gate(vm, VEC_USER_RETURN, guest_user_return, 3, 0);
}

static void load_program(struct vm *vm)
{
	uint64_t bits = PTE_W | (vm->flags & VM_USER ? PTE_U : 0);

	if ((uintptr_t)image_start() < vm->mem_size)
		die("build the tests position independent: the guest identity-maps its RAM");
	vm->root = vm_alloc(vm, PAGE_SIZE);
	vm_map(vm, 0, 0, vm->mem_size, bits);
	vm->image_gva = (uintptr_t)image_start();
	vm->image_gpa = vm_alloc(vm, image_size());
	memcpy(vm_hva(vm, vm->image_gpa), image_start(), image_size());
	vm_map(vm, (uintptr_t)image_start(), vm->image_gpa, image_size(), bits);
	fill_descriptor_tables(vm);
}

struct vm *vm_create_size(int flags, size_t mem_size)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int dev = dev_open();

	guest_deadline(GUEST_DEADLINE);
	vm->flags = flags;
	vm->fd = xioctl(dev, KVM_CREATE_VM, 0);
	close(dev);
	if (flags & (VM_IRQCHIP | VM_PIT))
		xioctl(vm->fd, KVM_CREATE_IRQCHIP, 0);
	if (flags & VM_PIT) {
		struct kvm_pit_config pit = { 0 };

		xioctl(vm->fd, KVM_CREATE_PIT2, &pit);
	}
	if (flags & VM_NO_GUEST)
		return vm;
	vm->mem_size = mem_size;
	vm->mem = mem_alloc(mem_size, 2 * MB);
	vm->next_free = GUEST_FREE;
	vm_set_region(vm, 0, 0, 0, mem_size, vm->mem);
	load_program(vm);
	return vm;
}

struct vm *vm_create(int flags)
{
	return vm_create_size(flags, GUEST_MEM);
}

/* Closes the vCPUs and the VM; its memory is unmapped. */
void vm_free(struct vm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_free(vm->vcpu[i]);
	close(vm->fd);
	if (vm->mem)
		munmap(vm->mem, vm->mem_size);
	free(vm);
}
