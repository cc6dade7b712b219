/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel images: reading their headers.  Pure functions over a buffer that may
 * hold anything; the unit tests feed them hostile files.
 */
#ifndef STRATA_IMAGE_H
#define STRATA_IMAGE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* What a bzImage says of itself, all of it checked against the file. */
struct bzimage {
	size_t header_len;		/* of the setup header, from IMAGE_HEADER */
	size_t payload;			/* file offset of the protected-mode part */
	size_t payload_len;
	__u64 pref_address;
	__u32 init_size;		/* memory the kernel needs from its load address */
	__u32 alignment;		/* a power of two */
	__u32 cmdline_size;		/* without the final zero */
	__u64 initrd_max;		/* highest address the initrd's last byte may have */
	bool relocatable;
};

#define IMAGE_HEADER		0x1f1
#define BZIMAGE_ENTRY64		0x200

#define ELF_MAX_SEGMENTS	16

struct elf_segment {
	__u64 offset;
	__u64 file_len;
	__u64 gpa;
	__u64 mem_len;
};

struct elf_image {
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	unsigned int nr_segments;
	__u64 entry;			/* of PVH, or of Multiboot */
	__u64 end;			/* first address after the last segment */
};

bool image_is_elf(const __u8 *data, size_t len);
const char *bzimage_parse(const __u8 *data, size_t len, struct bzimage *out);
const char *image_add_segment(struct elf_image *out, const struct elf_segment *seg, size_t len);
bool image_entry_is_loaded(const struct elf_image *img);
const char *elf_parse(const __u8 *data, size_t len, struct elf_image *out);

#endif
