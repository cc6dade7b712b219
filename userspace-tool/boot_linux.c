// SPDX-License-Identifier: GPL-2.0
/* bzImage by the 64-bit Linux boot protocol. */

#include "image.h"
#include "launcher.h"

#include <asm/bootparam.h>
#include <string.h>

#define LOADER_UNDEFINED	0xff

/*
 * Where the kernel goes.  At its preferred address it need not move itself; a
 * relocatable one can also go to the first suitable address above 1 MiB.
 */
static int choose_address(struct vm *vm, const struct bzimage *img, __u64 *gpa)
{
	__u64 align = img->alignment < SZ_4K ? SZ_4K : img->alignment;
	__u64 lowest = (HIGH_RAM_GPA + align - 1) & ~(align - 1);

	*gpa = img->pref_address;
	if (*gpa >= HIGH_RAM_GPA && mem_ptr(&vm->mem, *gpa, img->init_size) &&
	    *gpa < HOLE_START)
		return 0;
	*gpa = lowest;
	if (img->relocatable && mem_ptr(&vm->mem, *gpa, img->init_size))
		return 0;
	err("%s needs %llu MiB from address 0x%llx on and the guest has %llu MiB in all; give "
	    "it more --memory", vm->opt->kernel, img->init_size / SZ_1M,
	    (unsigned long long)img->pref_address, vm->opt->memory.size / SZ_1M);
	return -1;
}

/**
 * boot_load_linux() - load a bzImage
 * @vm: with memory; the command line is in place
 * @kernel: the file
 * @entry: filled in
 */
int boot_load_linux(struct vm *vm, const struct blob *kernel, struct boot_entry *entry)
{
	struct boot_range ranges[BOOT_RANGES];
	struct boot_params *bp = mem_ptr(&vm->mem, ZERO_PAGE_GPA, sizeof(*bp));
	__u64 gpa, initrd, initrd_len;
	struct bzimage img;
	const char *problem;
	unsigned int i;

	problem = bzimage_parse(kernel->data, kernel->len, &img);
	if (problem) {
		err("%s %s; name a Linux bzImage (vmlinuz) or an ELF vmlinux with PVH",
		    vm->opt->kernel, problem);
		return -1;
	}
	if (strlen(vm->opt->append) > img.cmdline_size) {
		err("this kernel takes a command line of at most %u bytes; shorten --append",
		    img.cmdline_size);
		return -1;
	}
	if (choose_address(vm, &img, &gpa) ||
	    boot_place_initrd(vm, img.initrd_max, gpa + img.init_size, &initrd, &initrd_len))
		return -1;

	memcpy(mem_ptr(&vm->mem, gpa, img.payload_len), kernel->data + img.payload,
	       img.payload_len);
	memset(bp, 0, sizeof(*bp));
	memcpy(&bp->hdr, kernel->data + IMAGE_HEADER, img.header_len);
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.code32_start = gpa;
	bp->hdr.cmd_line_ptr = CMDLINE_GPA;
	bp->hdr.ramdisk_image = initrd;
	bp->hdr.ramdisk_size = initrd_len;
	bp->acpi_rsdp_addr = ACPI_GPA;
	bp->e820_entries = boot_ranges(vm, ranges);
	for (i = 0; i < bp->e820_entries; i++)
		bp->e820_table[i] = (struct boot_e820_entry){
			.addr = ranges[i].gpa, .size = ranges[i].len, .type = ranges[i].type,
		};
	boot_identity_map(vm);

	entry->rip = gpa + BZIMAGE_ENTRY64;
	entry->rsi = ZERO_PAGE_GPA;
	entry->mode = CPU_64;
	return 0;
}
