// SPDX-License-Identifier: GPL-2.0
/* Loading a guest: what both boot protocols need. */

#include "image.h"
#include "image_multiboot.h"
#include "acpi.h"
#include "launcher.h"
#include "paging.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_ENTRIES		512

/*
 * A descriptor table for both protocols; the segment registers are loaded with
 * the same contents, and a kernel that reloads them finds them here.
 */
static const __u64 gdt_long[] = {
	0, 0,
	0x00af9b000000ffff,	/* 0x10: 64-bit code */
	0x00cf93000000ffff,	/* 0x18: data */
	0x00008b0000000067,	/* 0x20: task state */
};

static const __u64 gdt_protected[] = {
	0, 0,
	0x00cf9b000000ffff,	/* 0x10: 32-bit code */
	0x00cf93000000ffff,
	0x00008b0000000067,
};

/* The first 4 GiB, identity-mapped with 2 MiB pages. */
void boot_identity_map(struct vm *vm)
{
	__u64 *pml4 = mem_ptr(&vm->mem, PAGE_TABLES_GPA, 6 * SZ_4K);
	__u64 *pdpt = pml4 + TABLE_ENTRIES, *pd = pdpt + TABLE_ENTRIES;
	__u64 i;

	memset(pml4, 0, 2 * SZ_4K);
	pml4[0] = (PAGE_TABLES_GPA + SZ_4K) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (PAGE_TABLES_GPA + (2 + i) * SZ_4K) | PTE_PRESENT | PTE_WRITE;
	for (i = 0; i < 4 * TABLE_ENTRIES; i++)
		pd[i] = i * SZ_2M | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
}

/**
 * boot_place_acpi() - write the ACPI tables of this machine
 * @gpa: where, in RAM, with room for ACPI_MAX bytes
 */
int boot_place_acpi(struct vm *vm, __u64 gpa)
{
	struct acpi_config config = {
		.cpus = vm->opt->cpus,
		.lapic = LAPIC_GPA,
		.ioapic = IOAPIC_GPA,
		.timer_gsi = 2,
		.sci_gsi = SCI_GSI,
		.pm_port = PM_PORT,
		.reset_port = RESET_PORT,
		.reset_value = RESET_VALUE,
		.serial_port = SERIAL_PORT,
		.serial_irq = SERIAL_GSI,
		.pci = vm->has_pci,
		.pci_start = PCI_WINDOW_START,
		.pci_end = PCI_WINDOW_END,
		.intx_gsi = PCI_INTX_GSI,
	};

	if (acpi_build(mem_ptr(&vm->mem, gpa, ACPI_MAX), ACPI_MAX, gpa, &config))
		return 0;
	err("the ACPI tables of %u CPUs do not fit; lower --cpus", vm->opt->cpus);
	return -1;
}

static int place_tables(struct vm *vm, bool long_mode)
{
	void *gdt = mem_ptr(&vm->mem, GDT_GPA, sizeof(gdt_long));

	memcpy(gdt, long_mode ? gdt_long : gdt_protected, sizeof(gdt_long));
	return boot_place_acpi(vm, ACPI_GPA);
}

/**
 * boot_ranges() - what is where in the guest's memory
 * @ranges: filled in; all three protocols count the types as BIOSes do
 *
 * Return: how many there are.
 */
unsigned int boot_ranges(const struct vm *vm, struct boot_range ranges[BOOT_RANGES])
{
	const struct boot_range all[BOOT_RANGES] = {
		{ 0, EBDA_GPA, BOOT_RAM },
		{ EBDA_GPA, HIGH_RAM_GPA - EBDA_GPA, BOOT_RESERVED },
		{ HIGH_RAM_GPA, vm->mem.low - HIGH_RAM_GPA, BOOT_RAM },
		{ HOLE_END, vm->mem.high, BOOT_RAM },
	};

	memcpy(ranges, all, sizeof(all));
	return vm->mem.high ? BOOT_RANGES : BOOT_RANGES - 1;
}

/**
 * boot_place_segments() - copy a kernel to where it belongs
 *
 * Above the first megabyte, where the boot data lies, and in RAM.
 */
int boot_place_segments(struct vm *vm, const struct blob *kernel, const struct elf_segment *seg,
			unsigned int nr)
{
	for (; nr; nr--, seg++) {
		__u8 *to = mem_ptr(&vm->mem, seg->gpa, seg->mem_len);

		if (!to || seg->gpa < HIGH_RAM_GPA) {
			err("%s has a segment of %llu KiB for address 0x%llx, which is no "
			    "free RAM; give the guest more --memory", vm->opt->kernel,
			    (unsigned long long)seg->mem_len / 1024,
			    (unsigned long long)seg->gpa);
			return -1;
		}
		/* What follows the file's part is zero already: the memory is new. */
		memcpy(to, kernel->data + seg->offset, seg->file_len);
	}
	return 0;
}

/**
 * boot_place_initrd() - copy the initrd as high in low memory as allowed
 * @limit: highest address its last byte may have
 * @floor: lowest address it may start at
 * @gpa: where it is
 * @len: its length, 0 when there is none
 */
int boot_place_initrd(struct vm *vm, __u64 limit, __u64 floor, __u64 *gpa, __u64 *len)
{
	struct blob initrd;
	__u64 top = vm->mem.low;

	*gpa = 0;
	*len = 0;
	if (!vm->opt->initrd)
		return 0;
	if (read_file(vm->opt->initrd, &initrd))
		return -1;
	if (limit < top - 1)
		top = limit + 1;
	if (top < floor || initrd.len > top - floor ||
	    ((top - initrd.len) & ~(SZ_4K - 1)) < floor) {
		err("the initrd of %zu KiB does not fit beside the kernel in %llu MiB; give "
		    "the guest more --memory", initrd.len / 1024, vm->opt->memory.size / SZ_1M);
		free(initrd.data);
		return -1;
	}
	*gpa = (top - initrd.len) & ~(SZ_4K - 1);
	*len = initrd.len;
	memcpy(mem_ptr(&vm->mem, *gpa, *len), initrd.data, initrd.len);
	free(initrd.data);
	return 0;
}

/**
 * boot_load() - put kernel, initrd, command line and tables into guest memory
 * @vm: created, not yet run
 * @entry: the boot processor's start
 */
int boot_load(struct vm *vm, struct boot_entry *entry)
{
	struct blob kernel;
	int ret;

	memset(entry, 0, sizeof(*entry));
	if (strlen(vm->opt->append) >= CMDLINE_MAX) {
		err("the kernel command line is longer than %llu bytes; shorten --append",
		    CMDLINE_MAX - 1);
		return -1;
	}
	if (vm->opt->firmware)
		return boot_load_firmware(vm, entry);
	if (vm->opt->flat.path) {
		ret = boot_load_flat(vm, entry);
		/* Real mode begins with nothing but the code. */
		return ret || entry->mode == CPU_16 ? ret :
		       place_tables(vm, entry->mode == CPU_64);
	}
	if (read_file(vm->opt->kernel, &kernel))
		return -1;
	strcpy(mem_ptr(&vm->mem, CMDLINE_GPA, CMDLINE_MAX), vm->opt->append);
	if (image_is_multiboot(kernel.data, kernel.len))
		ret = boot_load_multiboot(vm, &kernel, entry);
	else if (image_is_elf(kernel.data, kernel.len))
		ret = boot_load_pvh(vm, &kernel, entry);
	else
		ret = boot_load_linux(vm, &kernel, entry);
	free(kernel.data);
	if (ret)
		return ret;
	return place_tables(vm, entry->mode == CPU_64);
}
