/* SPDX-License-Identifier: GPL-2.0 */
/* What a firmware asks the machine: QEMU's fw_cfg (docs/specs/fw_cfg in QEMU), read-only. */
#ifndef STRATA_FW_CFG_H
#define STRATA_FW_CFG_H

#include <linux/types.h>
#include <stddef.h>

/* A 16-bit write to the first port selects, bytes come out of the second one. */
#define FW_CFG_SELECT_PORT	0x510
#define FW_CFG_DATA_PORT	0x511

/* Keys of what is no file. */
#define FW_CFG_SIGNATURE	0x00
#define FW_CFG_MAX_CPUS		0x0f
#define FW_CFG_DIRECTORY	0x19

#define FW_CFG_ITEMS		16
#define FW_CFG_NAME		56

struct fw_cfg_item {
	__u16 key;
	void *data;			/* allocated */
	size_t len;
};

struct fw_cfg {
	struct fw_cfg_item items[FW_CFG_ITEMS];
	unsigned int nr_items, nr_files;
	__u16 selected;
	size_t offset;
};

int fw_cfg_init(struct fw_cfg *f);
int fw_cfg_add(struct fw_cfg *f, __u16 key, const void *data, size_t len);
int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, size_t len);
void fw_cfg_select(struct fw_cfg *f, __u16 key);
__u8 fw_cfg_read(struct fw_cfg *f);
void fw_cfg_free(struct fw_cfg *f);

#endif
