// SPDX-License-Identifier: GPL-2.0
/*
 * fw_cfg, as far as a firmware needs it that is started with all its files there: it
 * selects an item and reads it from the beginning, byte by byte. What there is not reads
 * as zero, of which "no such thing" is made by who asks. There is no DMA.
 */

#include "fw_cfg.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* Files have the keys from here on. */
#define FIRST_FILE		0x20

struct directory_entry {
	__be32 size;
	__be16 key;
	__u16 reserved;
	char name[FW_CFG_NAME];
};

static struct fw_cfg_item *find(struct fw_cfg *f, __u16 key)
{
	unsigned int i;

	for (i = 0; i < f->nr_items; i++)
		if (f->items[i].key == key)
			return &f->items[i];
	return NULL;
}

/* Return: 0, or -1 when there is no room or no memory. */
int fw_cfg_add(struct fw_cfg *f, __u16 key, const void *data, size_t len)
{
	struct fw_cfg_item *item = &f->items[f->nr_items];

	if (f->nr_items == FW_CFG_ITEMS)
		return -1;
	item->data = malloc(len);
	if (!item->data)
		return -1;
	memcpy(item->data, data, len);
	item->key = key;
	item->len = len;
	f->nr_items++;
	return 0;
}

/**
 * fw_cfg_init() - begin, without a file
 * @f: all zero
 */
int fw_cfg_init(struct fw_cfg *f)
{
	static const __u32 none;

	return fw_cfg_add(f, FW_CFG_SIGNATURE, "QEMU", 4) ||
	       fw_cfg_add(f, FW_CFG_DIRECTORY, &none, sizeof(none)) ? -1 : 0;
}

/**
 * fw_cfg_add_file() - something that has a name
 * @name: shorter than FW_CFG_NAME
 *
 * Return: 0, or -1 when there is no room or no memory.
 */
int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, size_t len)
{
	struct directory_entry entry = { .size = htobe32(len) };
	struct fw_cfg_item *directory = find(f, FW_CFG_DIRECTORY);
	__u16 key = FIRST_FILE + f->nr_files;
	__be32 nr = htobe32(f->nr_files + 1);
	void *more;

	more = realloc(directory->data, directory->len + sizeof(entry));
	if (!more)
		return -1;
	directory->data = more;
	if (fw_cfg_add(f, key, data, len))
		return -1;
	entry.key = htobe16(key);
	strncpy(entry.name, name, sizeof(entry.name) - 1);
	memcpy((__u8 *)directory->data + directory->len, &entry, sizeof(entry));
	memcpy(directory->data, &nr, sizeof(nr));
	directory->len += sizeof(entry);
	f->nr_files++;
	return 0;
}

void fw_cfg_select(struct fw_cfg *f, __u16 key)
{
	f->selected = key;
	f->offset = 0;
}

/* The next byte of what is selected. */
__u8 fw_cfg_read(struct fw_cfg *f)
{
	const struct fw_cfg_item *item = find(f, f->selected);

	return item && f->offset < item->len ? ((__u8 *)item->data)[f->offset++] : 0;
}

void fw_cfg_free(struct fw_cfg *f)
{
	while (f->nr_items)
		free(f->items[--f->nr_items].data);
}
