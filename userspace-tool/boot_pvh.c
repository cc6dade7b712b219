// SPDX-License-Identifier: GPL-2.0
/*
 * An uncompressed ELF kernel by the PVH protocol: 32-bit protected mode without
 * paging, EBX pointing at a start info block.  The structures are those of Xen's
 * public interface, written down anew.
 */

#include "image.h"
#include "launcher.h"

#include <string.h>

#define START_INFO_MAGIC	0x336ec578
#define START_INFO_VERSION	1

struct pvh_start_info {
	__u32 magic;
	__u32 version;
	__u32 flags;
	__u32 nr_modules;
	__u64 modules;
	__u64 cmdline;
	__u64 rsdp;
	__u64 memmap;
	__u32 memmap_entries;
	__u32 reserved;
};

struct pvh_module {
	__u64 gpa;
	__u64 size;
	__u64 cmdline;
	__u64 reserved;
};

struct pvh_memmap {
	__u64 gpa;
	__u64 size;
	__u32 type;
	__u32 reserved;
};

/* All of it in one page of guest memory. */
struct pvh_page {
	struct pvh_start_info info;
	struct pvh_module initrd;
	struct pvh_memmap map[BOOT_RANGES];
};

/**
 * boot_load_pvh() - load an ELF kernel
 * @vm: with memory; the command line is in place
 * @kernel: the file
 * @entry: filled in
 */
int boot_load_pvh(struct vm *vm, const struct blob *kernel, struct boot_entry *entry)
{
	struct pvh_page *page = mem_ptr(&vm->mem, PVH_INFO_GPA, sizeof(*page));
	__u64 initrd, initrd_len;
	struct boot_range ranges[BOOT_RANGES];
	struct elf_image img;
	const char *problem;
	unsigned int i;

	problem = elf_parse(kernel->data, kernel->len, &img);
	if (problem) {
		err("%s %s; name a Linux bzImage (vmlinuz) or an ELF vmlinux with PVH",
		    vm->opt->kernel, problem);
		return -1;
	}
	if (boot_place_segments(vm, kernel, img.segment, img.nr_segments) ||
	    boot_place_initrd(vm, HOLE_START - 1, img.end, &initrd, &initrd_len))
		return -1;

	memset(page, 0, sizeof(*page));
	page->info.magic = START_INFO_MAGIC;
	page->info.version = START_INFO_VERSION;
	page->info.cmdline = CMDLINE_GPA;
	page->info.rsdp = ACPI_GPA;
	page->info.memmap = PVH_INFO_GPA + offsetof(struct pvh_page, map);
	if (initrd_len) {
		page->info.nr_modules = 1;
		page->info.modules = PVH_INFO_GPA + offsetof(struct pvh_page, initrd);
		page->initrd.gpa = initrd;
		page->initrd.size = initrd_len;
	}
	page->info.memmap_entries = boot_ranges(vm, ranges);
	for (i = 0; i < page->info.memmap_entries; i++)
		page->map[i] = (struct pvh_memmap){
			.gpa = ranges[i].gpa, .size = ranges[i].len, .type = ranges[i].type,
		};

	entry->rip = img.entry;
	entry->rbx = PVH_INFO_GPA;
	entry->mode = CPU_32;
	return 0;
}
