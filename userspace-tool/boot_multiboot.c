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
#define MAP_RAM		1
#define MAP_RESERVED	2

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
	struct map_entry map[4];
	char name[16], no_words[4];
};

static __u32 inside(size_t offset)
{
	return PVH_INFO_GPA + offset;
}

static void add_range(struct page *page, __u64 start, __u64 end, __u32 type)
{
	unsigned int n = page->info.mmap_length / sizeof(page->map[0]);

	if (start >= end)
		return;
	page->map[n] = (struct map_entry){ sizeof(page->map[0]) - sizeof(page->map[0].size), start,
					   end - start, type };
	page->info.mmap_length += sizeof(page->map[0]);
}

static void fill(struct vm *vm, struct page *page, __u64 module, __u64 len)
{
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
	add_range(page, 0, EBDA_GPA, MAP_RAM);
	add_range(page, EBDA_GPA, HIGH_RAM_GPA, MAP_RESERVED);
	add_range(page, HIGH_RAM_GPA, vm->mem.low, MAP_RAM);
	add_range(page, HOLE_END, HOLE_END + vm->mem.high, MAP_RAM);
}

/**
 * boot_load_multiboot() - load such a kernel
 * @vm: with memory; the command line is in place
 * @kernel: the file
 * @entry: filled in
 */
int boot_load_multiboot(struct vm *vm, const struct blob *kernel, struct boot_entry *entry)
{
	struct multiboot_image img;
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
