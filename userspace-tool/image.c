// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel images: bzImage by the Linux boot protocol (Documentation/x86/boot in
 * Linux), ELF by the PVH boot protocol (docs/misc/pvh in Xen).
 */

#include "image.h"

#include <linux/elf.h>
#include <string.h>

/* Offsets in a bzImage. */
#define OFF_SETUP_SECTS		0x1f1
#define OFF_BOOT_FLAG		0x1fe
#define OFF_JUMP_LEN		0x201
#define OFF_MAGIC		0x202
#define OFF_VERSION		0x206
#define OFF_LOADFLAGS		0x211
#define OFF_INITRD_MAX		0x22c
#define OFF_ALIGNMENT		0x230
#define OFF_RELOCATABLE		0x234
#define OFF_XLOADFLAGS		0x236
#define OFF_CMDLINE_SIZE	0x238
#define OFF_PREF_ADDRESS	0x258
#define OFF_INIT_SIZE		0x260
#define HEADER_MIN_END		0x264
#define HEADER_MAX_END		0x290	/* where the e820 map starts in the zero page */

#define SECTOR			512
#define DEFAULT_SETUP_SECTS	4
#define VERSION_XLOADFLAGS	0x020c
#define LOADED_HIGH		1
#define XLF_KERNEL_64		1
#define XLF_ABOVE_4G		2

#define XEN_NOTE_NAME		"Xen"
#define XEN_NOTE_PHYS32_ENTRY	18

static __u16 get16(const __u8 *p)
{
	return p[0] | p[1] << 8;
}

static __u32 get32(const __u8 *p)
{
	return get16(p) | (__u32)get16(p + 2) << 16;
}

static __u64 get64(const __u8 *p)
{
	return get32(p) | (__u64)get32(p + 4) << 32;
}

bool image_is_elf(const __u8 *data, size_t len)
{
	return len >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG);
}

/**
 * bzimage_parse() - read and check the setup header
 * @data: the file
 * @len: its length
 * @out: filled in on success
 *
 * Return: NULL, or what is wrong with the image.
 */
const char *bzimage_parse(const __u8 *data, size_t len, struct bzimage *out)
{
	unsigned int sects, header_end;

	memset(out, 0, sizeof(*out));
	if (len < HEADER_MIN_END || get16(data + OFF_BOOT_FLAG) != 0xaa55 ||
	    memcmp(data + OFF_MAGIC, "HdrS", 4))
		return "is neither a bzImage nor an ELF file";
	if (get16(data + OFF_VERSION) < VERSION_XLOADFLAGS)
		return "has a boot protocol older than 2.12 (Linux 3.8)";
	if (!(data[OFF_LOADFLAGS] & LOADED_HIGH))
		return "is a zImage, not a bzImage";
	if (!(get16(data + OFF_XLOADFLAGS) & XLF_KERNEL_64))
		return "has no 64-bit entry point";

	header_end = OFF_MAGIC + data[OFF_JUMP_LEN];
	if (header_end < HEADER_MIN_END || header_end > HEADER_MAX_END || header_end > len)
		return "has a setup header of an impossible length";
	out->header_len = header_end - IMAGE_HEADER;

	sects = data[OFF_SETUP_SECTS] ? data[OFF_SETUP_SECTS] : DEFAULT_SETUP_SECTS;
	out->payload = (sects + 1) * SECTOR;
	if (out->payload >= len || len - out->payload <= BZIMAGE_ENTRY64)
		return "is truncated";
	out->payload_len = len - out->payload;

	out->pref_address = get64(data + OFF_PREF_ADDRESS);
	out->init_size = get32(data + OFF_INIT_SIZE);
	out->alignment = get32(data + OFF_ALIGNMENT);
	out->cmdline_size = get32(data + OFF_CMDLINE_SIZE);
	out->relocatable = data[OFF_RELOCATABLE];
	if (!out->alignment || out->alignment & (out->alignment - 1))
		return "asks for an alignment that is no power of two";
	if (out->init_size < out->payload_len)
		out->init_size = out->payload_len > 0xffffffff ? 0 : out->payload_len;
	if (!out->init_size)
		return "is larger than 4 GiB";
	out->initrd_max = get32(data + OFF_INITRD_MAX);
	if (get16(data + OFF_XLOADFLAGS) & XLF_ABOVE_4G)
		out->initrd_max = ~0ULL;
	return NULL;
}

/* One PT_NOTE segment; true when it holds the PVH entry. */
static bool find_pvh_note(const __u8 *p, size_t len, __u64 *entry)
{
	while (len >= sizeof(struct elf64_note)) {
		size_t name_len = get32(p), desc_len = get32(p + 4);
		__u32 type = get32(p + 8);
		size_t name_pad = (name_len + 3) & ~(size_t)3;
		size_t desc_pad = (desc_len + 3) & ~(size_t)3;
		const __u8 *name = p + sizeof(struct elf64_note);
		const __u8 *desc;

		len -= sizeof(struct elf64_note);
		if (name_pad > len || desc_len > len - name_pad)
			return false;
		desc = name + name_pad;
		if (type == XEN_NOTE_PHYS32_ENTRY && name_len == sizeof(XEN_NOTE_NAME) &&
		    !memcmp(name, XEN_NOTE_NAME, sizeof(XEN_NOTE_NAME)) &&
		    (desc_len == 4 || desc_len == 8)) {
			*entry = desc_len == 4 ? get32(desc) : get64(desc);
			return true;
		}
		if (desc_pad > len - name_pad)
			return false;
		p = desc + desc_pad;
		len -= name_pad + desc_pad;
	}
	return false;
}

static bool in_file(__u64 offset, __u64 part, size_t len)
{
	return offset <= len && part <= len - offset;
}

/**
 * image_add_segment() - a part of the file that belongs into memory
 * @seg: where it is, and where it goes
 * @len: of the file
 *
 * Return: NULL, or what is wrong with it.
 */
const char *image_add_segment(struct elf_image *out, const struct elf_segment *seg, size_t len)
{
	if (!seg->mem_len)
		return NULL;
	if (seg->file_len > seg->mem_len || !in_file(seg->offset, seg->file_len, len))
		return "has a segment that lies outside the file";
	if (seg->gpa + seg->mem_len < seg->gpa)
		return "has a segment that wraps around the address space";
	if (out->nr_segments == ELF_MAX_SEGMENTS)
		return "has too many segments";
	out->segment[out->nr_segments++] = *seg;
	if (seg->gpa + seg->mem_len > out->end)
		out->end = seg->gpa + seg->mem_len;
	return NULL;
}

bool image_entry_is_loaded(const struct elf_image *img)
{
	unsigned int i;

	for (i = 0; i < img->nr_segments; i++)
		if (img->entry >= img->segment[i].gpa &&
		    img->entry - img->segment[i].gpa < img->segment[i].file_len)
			return true;
	return false;
}

/**
 * elf_parse() - read a 64-bit ELF kernel with a PVH entry
 * @data: the file
 * @len: its length
 * @out: filled in on success
 *
 * Return: NULL, or what is wrong with the image.
 */
const char *elf_parse(const __u8 *data, size_t len, struct elf_image *out)
{
	bool have_entry = false;
	const char *error;
	struct elf64_hdr eh;
	unsigned int i;

	memset(out, 0, sizeof(*out));
	if (len < sizeof(eh))
		return "is truncated";
	memcpy(&eh, data, sizeof(eh));
	if (!image_is_elf(data, len) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_X86_64)
		return "is no 64-bit x86 ELF file";
	if (eh.e_phentsize != sizeof(struct elf64_phdr) ||
	    !in_file(eh.e_phoff, (__u64)eh.e_phnum * sizeof(struct elf64_phdr), len))
		return "has program headers that lie outside the file";
	for (i = 0; i < eh.e_phnum; i++) {
		struct elf64_phdr ph;

		memcpy(&ph, data + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD) {
			error = image_add_segment(out, &(struct elf_segment){
				ph.p_offset, ph.p_filesz, ph.p_paddr, ph.p_memsz }, len);
			if (error)
				return error;
		} else if (ph.p_type == PT_NOTE && !have_entry) {
			if (!in_file(ph.p_offset, ph.p_filesz, len))
				return "has a note segment that lies outside the file";
			have_entry = find_pvh_note(data + ph.p_offset, ph.p_filesz,
						   &out->entry);
		}
	}
	if (!have_entry)
		return "is an ELF file without a PVH entry note (CONFIG_PVH)";
	if (out->entry > 0xffffffff || !image_entry_is_loaded(out))
		return "has a PVH entry point that lies in no segment";
	return NULL;
}
