// SPDX-License-Identifier: GPL-2.0
/*
 * A file that is nothing but code and data: copied to an address, and entered there in
 * the mode that it is made for. For first steps of an operating system of one's own.
 */

#include "launcher.h"

#include <stdlib.h>
#include <string.h>

/* What else is below 1 MiB: descriptors, boot data, page tables; tables of ACPI. */
#define BOOT_DATA_START		GDT_GPA
#define BOOT_DATA_END		(PAGE_TABLES_GPA + 6 * SZ_4K)

static bool overlaps(__u64 start, __u64 end, __u64 other, __u64 other_end)
{
	return start < other_end && other < end;
}

static int check_place(struct vm *vm, const struct blob *file, __u64 at)
{
	const struct flat *flat = &vm->opt->flat;

	if (!mem_ptr(&vm->mem, at, file->len)) {
		err("%s does not fit into the guest's memory at 0x%llx; choose another address, "
		    "or more --memory", flat->path, (unsigned long long)at);
		return -1;
	}
	if (flat->mode == CPU_16 && at + file->len > HIGH_RAM_GPA) {
		err("%s does not fit below 1 MiB at 0x%llx, beyond which no 16-bit code reaches",
		    flat->path, (unsigned long long)at);
		return -1;
	}
	if (flat->mode == CPU_16)
		return 0;
	if (!overlaps(at, at + file->len, BOOT_DATA_START, BOOT_DATA_END) &&
	    !overlaps(at, at + file->len, ACPI_GPA, HIGH_RAM_GPA))
		return 0;
	err("%s would lie upon what a guest is started with, at 0x%llx to 0x%llx and 0x%llx to "
	    "0x%llx; choose another address", flat->path, BOOT_DATA_START, BOOT_DATA_END - 1,
	    ACPI_GPA, HIGH_RAM_GPA - 1);
	return -1;
}

/**
 * boot_load_flat() - load what --flat names
 * @vm: with memory
 * @entry: filled in
 */
int boot_load_flat(struct vm *vm, struct boot_entry *entry)
{
	const struct flat *flat = &vm->opt->flat;
	struct blob file;
	int ret;

	if (read_file(flat->path, &file))
		return -1;
	ret = check_place(vm, &file, flat->address);
	if (!ret)
		memcpy(mem_ptr(&vm->mem, flat->address, file.len), file.data, file.len);
	free(file.data);
	if (flat->mode == CPU_64)
		boot_identity_map(vm);
	entry->rip = flat->address;
	entry->mode = flat->mode;
	return ret;
}
