// SPDX-License-Identifier: GPL-2.0
/*
 * A PC's firmware, made for QEMU, as Debian's SeaBIOS: read-only memory up to 4 GiB, where
 * a processor begins after its reset; the same below 1 MiB for 16-bit code, in RAM, which
 * no bridge has to unlock; and what it is to know of the machine by fw_cfg and by the
 * clock's memory. It finds the disks by itself, and boots from the first one.
 */

#include "acpi.h"
#include "fw_cfg.h"
#include "launcher.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRMWARE_MAX		(256 * 1024ULL)
#define FIRMWARE_SLOT		2

/* What the upper byte of the class of a disk is. */
#define CLASS_STORAGE		0x01

/* The three pages that a VM's task state takes (KVM_SET_TSS_ADDR). */
#define TSS_LEN			(3 * SZ_4K)

/* The clock's memory, as firmware for emulators reads it. */
#define CMOS_MEMORY_LOW		0x34	/* in 64 KiB, from 16 MiB on */
#define CMOS_MEMORY_HIGH	0x35
#define CMOS_BOOT_DEVICES	0x3d
#define CMOS_BOOT_DISK		0x02
#define CMOS_MORE_CPUS		0x5f	/* beside the first one */
#define CMOS_MEMORY_FROM	(16 * SZ_1M)

struct memory_range {
	__u64 start, len;
	__u32 type;
} __packed;

/* One order of etc/table-loader: room for a file, where the firmware has some. */
#define LOADER_ALLOCATE		1
#define LOADER_BELOW_1M		2

struct loader_order {
	__u32 command;
	char file[FW_CFG_NAME];
	__u32 align;
	__u8 zone;
	__u8 reserved[63];
} __packed;

/* Where the ACPI tables are: at the end of RAM below the hole. */
static __u64 tables_gpa(const struct vm *vm)
{
	return vm->mem.low - ACPI_MAX;
}

static int add_memory(struct vm *vm)
{
	const struct memory_range ranges[] = {
		{ 0, tables_gpa(vm), BOOT_RAM },
		{ tables_gpa(vm), ACPI_MAX, BOOT_RESERVED },
		{ TSS_GPA, TSS_LEN, BOOT_RESERVED },
		{ HOLE_END, vm->mem.high, BOOT_RAM },
	};

	return fw_cfg_add_file(&vm->fw_cfg, "etc/e820", ranges,
			       sizeof(ranges) - (vm->mem.high ? 0 : sizeof(ranges[0])));
}

/* The tables are in place; the pointer to them is the firmware's to place. */
static int add_acpi(struct vm *vm)
{
	const struct loader_order order = {
		.command = LOADER_ALLOCATE, .file = "etc/acpi/rsdp",
		.align = 16, .zone = LOADER_BELOW_1M,
	};

	return fw_cfg_add_file(&vm->fw_cfg, order.file,
			       mem_ptr(&vm->mem, tables_gpa(vm), ACPI_RSDP_LEN), ACPI_RSDP_LEN) ||
	       fw_cfg_add_file(&vm->fw_cfg, "etc/table-loader", &order, sizeof(order)) ? -1 : 0;
}

/* The disks as the command line has them, by their places on the bus. */
static int add_boot_order(struct vm *vm)
{
	char list[MAX_DISKS * 40] = "";
	unsigned int slot;
	size_t n = 0;

	for (slot = 0; slot < PCI_SLOTS; slot++)
		if (vm->pci.slots[slot] &&
		    vm->pci.slots[slot]->config[PCI_CLASS_DEVICE + 1] == CLASS_STORAGE)
			n += sprintf(list + n, "/pci@i0cf8/scsi@%x/disk@0,0\n", slot);
	return n ? fw_cfg_add_file(&vm->fw_cfg, "bootorder", list, n + 1) : 0;
}

static int describe(struct vm *vm)
{
	static const __u16 console = SERIAL_PORT;
	const __u64 blocks = (tables_gpa(vm) - CMOS_MEMORY_FROM) / SZ_64K;
	const __u16 cpus = vm->opt->cpus;

	if (boot_place_acpi(vm, tables_gpa(vm)))
		return -1;
	vm->rtc.reg[CMOS_MEMORY_LOW] = blocks;
	vm->rtc.reg[CMOS_MEMORY_HIGH] = blocks >> 8;
	vm->rtc.reg[CMOS_BOOT_DEVICES] = CMOS_BOOT_DISK;
	vm->rtc.reg[CMOS_MORE_CPUS] = cpus - 1;
	if (!fw_cfg_init(&vm->fw_cfg) &&
	    !fw_cfg_add(&vm->fw_cfg, FW_CFG_MAX_CPUS, &cpus, sizeof(cpus)) &&
	    !fw_cfg_add_file(&vm->fw_cfg, "etc/sercon-port", &console, sizeof(console)) &&
	    !add_memory(vm) && !add_acpi(vm) && !add_boot_order(vm))
		return 0;
	err("cannot tell the firmware what there is: no memory");
	return -1;
}

static int map_firmware(struct vm *vm, const struct blob *file)
{
	if (mem_add_firmware(&vm->mem, file))
		return -1;
	return vm_map(vm, FIRMWARE_SLOT, KVM_MEM_READONLY, HOLE_END - file->len, file->len,
		      vm->mem.firmware);
}

/**
 * boot_load_firmware() - what --firmware names is what the guest begins with
 * @vm: with memory and devices
 * @entry: filled in
 */
int boot_load_firmware(struct vm *vm, struct boot_entry *entry)
{
	const char *path = vm->opt->firmware;
	struct blob file;
	int ret = -1;

	if (read_file(path, &file))
		return -1;
	if (!file.len || file.len > FIRMWARE_MAX || file.len % SZ_4K)
		err("%s is no firmware of a PC: it has %zu bytes, not a multiple of 4 KiB up to "
		    "%llu KiB; Debian's package seabios has one", path, file.len,
		    FIRMWARE_MAX / 1024);
	else if (!map_firmware(vm, &file))
		ret = describe(vm);
	if (!ret)
		memcpy(mem_ptr(&vm->mem, HIGH_RAM_GPA - file.len, file.len), file.data, file.len);
	free(file.data);
	entry->mode = CPU_RESET;
	return ret;
}
