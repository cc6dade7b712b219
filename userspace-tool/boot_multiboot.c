// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel by Multiboot 1 (Multiboot Specification 0.6.96, 3.2 and 3.3): 32-bit protected
 * mode without paging, EAX a magic number, EBX an information structure. --initrd is its
 * first module.
 */

#include "image_multiboot.h"
#include "launcher.h"

#include <string.h>

#define BOOTED_MAGIC	0x2badb002U
#define HAS_MEMORY	0x001U
#define HAS_CMDLINE	0x004U
#define HAS_MODULES	0x008U
#define HAS_MAP		0x040U
#define HAS_NAME	0x200U

struct map_entry {
	__u32 size;			/* of what follows */
	__u64 gpa, len;
	__u32 type;
} __attribute__((packed));

struct info {
	__u32 flags;
	__u32 mem_lower, mem_upper;	/* KiB below 640 KiB, and from 1 MiB on */
	__u32 boot_device;
	__u32 cmdline;
	__u32 mods_count, mods_addr;
	__u32 syms[4];
	__u32 mmap_length, mmap_addr;
	__u32 drives_length, drives_addr;
	__u32 config_table;
	__u32 boot_loader_name;
};

struct module {
	__u32 start, end, string, reserved;
};

/* All of it in one page of guest memory. */
struct page {
	struct info info;
	struct module module;
	struct map_entry map[BOOT_RANGES];
	char name[16], no_words[4];
};

static __u32 inside(size_t offset)
{
	return PVH_INFO_GPA + offset;
}

static void fill(struct vm *vm, struct page *page, __u64 module, __u64 len)
{
	struct boot_range ranges[BOOT_RANGES];
	unsigned int i, n;

	memset(page, 0, sizeof(*page));
	page->info.flags = HAS_MEMORY | HAS_CMDLINE | HAS_MAP | HAS_NAME;
	page->info.mem_lower = EBDA_GPA / 1024;
	page->info.mem_upper = (vm->mem.low - HIGH_RAM_GPA) / 1024;
	page->info.cmdline = CMDLINE_GPA;
	page->info.mmap_addr = inside(offsetof(struct page, map));
	page->info.boot_loader_name = inside(offsetof(struct page, name));
	strcpy(page->name, "strata");
	if (len) {
		page->info.flags |= HAS_MODULES;
		page->info.mods_count = 1;
		page->info.mods_addr = inside(offsetof(struct page, module));
		page->module = (struct module){
			module, module + len, inside(offsetof(struct page, no_words)), 0,
		};
	}
	n = boot_ranges(vm, ranges);
	page->info.mmap_length = n * sizeof(page->map[0]);
	for (i = 0; i < n; i++)
		page->map[i] = (struct map_entry){
			.size = sizeof(page->map[0]) - sizeof(page->map[0].size),
			.gpa = ranges[i].gpa, .len = ranges[i].len, .type = ranges[i].type,
		};
}

/**
 * boot_load_multiboot() - load such a kernel
 * @vm: with memory; the command line is in place
 * @kernel: the file
 * @entry: filled in
 */
int boot_load_multiboot(struct vm *vm, const struct blob *kernel, struct boot_entry *entry)
{
	struct elf_image img;
	const char *problem = multiboot_parse(kernel->data, kernel->len, &img);
	__u64 module, len;

	if (problem) {
		err("%s %s; name another kernel", vm->opt->kernel, problem);
		return -1;
	}
	if (boot_place_segments(vm, kernel, img.segment, img.nr_segments) ||
	    boot_place_initrd(vm, HOLE_START - 1, img.end, &module, &len))
		return -1;
	fill(vm, mem_ptr(&vm->mem, PVH_INFO_GPA, sizeof(struct page)), module, len);
	entry->rip = img.entry;
	entry->rax = BOOTED_MAGIC;
	entry->rbx = PVH_INFO_GPA;
	entry->mode = CPU_32;
	return 0;
}
