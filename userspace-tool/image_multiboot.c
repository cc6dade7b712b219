// SPDX-License-Identifier: GPL-2.0
/*
 * Kernels for Multiboot 1: a header in the first 8 KiB, and then an ELF file of 32 or 64
 * bits, or anything else with its addresses in the header.
 */

#include "image_multiboot.h"

#include <elf.h>
#include <string.h>

#define MAGIC		0x1badb002U
#define SEARCH		8192
/* Features that a loader must know: modules on pages, memory, a picture. The first two we have. */
#define REQUIRED	0xffffU
#define KNOWN		0x3U
#define HAS_ADDRESSES	0x10000U

struct header {
	__u32 magic, flags, checksum;
	__u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

/* Where the header is in the file, or -1. The addresses may be missing at its end. */
static long find(const __u8 *data, size_t len, struct header *h)
{
	const size_t fixed = offsetof(struct header, header_addr);
	size_t at, end = len < SEARCH ? len : SEARCH;

	memset(h, 0, sizeof(*h));
	for (at = 0; at + fixed <= end; at += 4) {
		memcpy(h, data + at, fixed);
		if (h->magic != MAGIC || h->magic + h->flags + h->checksum)
			continue;
		if (h->flags & HAS_ADDRESSES) {
			if (len - at < sizeof(*h))
				return -1;
			memcpy(h, data + at, sizeof(*h));
		}
		return at;
	}
	return -1;
}

bool image_is_multiboot(const __u8 *data, size_t len)
{
	struct header h;

	return find(data, len, &h) >= 0;
}

static const char *add(struct elf_image *out, __u64 offset, __u64 file_len, __u64 gpa,
		       __u64 mem_len, size_t len)
{
	const struct elf_segment seg = { offset, file_len, gpa, mem_len };

	if (gpa > 1ULL << 32 || mem_len > (1ULL << 32) - gpa)
		return "has a segment above 4 GiB";
	return image_add_segment(out, &seg, len);
}

static const char *by_header(const struct header *h, size_t at, size_t len,
			     struct elf_image *out)
{
	__u64 before = (__u64)h->header_addr - h->load_addr, offset = at - before, size;

	if (h->load_addr > h->header_addr || before > at)
		return "has a header that lies before its own start";
	size = h->load_end_addr ? (__u64)h->load_end_addr - h->load_addr : len - offset;
	if (h->load_end_addr && h->load_end_addr < h->load_addr)
		return "ends before it begins";
	out->entry = h->entry_addr;
	return add(out, offset, size, h->load_addr, h->bss_end_addr > h->load_addr + size ?
		   h->bss_end_addr - h->load_addr : size, len);
}

/* The same for both sizes of ELF files. */
#define BY_ELF(bits)								\
static const char *by_elf##bits(const __u8 *data, size_t len, struct elf_image *out) \
{										\
	Elf##bits##_Ehdr eh;							\
	Elf##bits##_Phdr ph;							\
	const char *problem = NULL;						\
	unsigned int i;								\
										\
	if (len < sizeof(eh))							\
		return "is truncated";						\
	memcpy(&eh, data, sizeof(eh));						\
	if (eh.e_phentsize != sizeof(ph) || eh.e_phoff > len ||			\
	    (__u64)eh.e_phnum * sizeof(ph) > len - eh.e_phoff)			\
		return "has program headers that lie outside the file";		\
	for (i = 0; i < eh.e_phnum && !problem; i++) {				\
		memcpy(&ph, data + eh.e_phoff + i * sizeof(ph), sizeof(ph));	\
		if (ph.p_type == PT_LOAD)					\
			problem = add(out, ph.p_offset, ph.p_filesz, ph.p_paddr, \
				      ph.p_memsz, len);				\
	}									\
	out->entry = eh.e_entry;						\
	return problem;								\
}
BY_ELF(32)
BY_ELF(64)

/**
 * multiboot_parse() - read such a kernel
 * @out: filled in
 *
 * Return: NULL, or what is wrong with the image.
 */
const char *multiboot_parse(const __u8 *data, size_t len, struct elf_image *out)
{
	const char *problem;
	struct header h;
	long at = find(data, len, &h);

	memset(out, 0, sizeof(*out));
	if (at < 0)
		return "has no Multiboot header";
	if (h.flags & REQUIRED & ~KNOWN)
		return "wants of its loader what this one has not (a picture, perhaps)";
	if (h.flags & HAS_ADDRESSES)
		problem = by_header(&h, at, len, out);
	else if (!image_is_elf(data, len))
		return "is no ELF file, and has no addresses in its Multiboot header";
	else if (data[EI_CLASS] == ELFCLASS32)
		problem = by_elf32(data, len, out);
	else
		problem = by_elf64(data, len, out);
	if (problem)
		return problem;
	return image_entry_is_loaded(out) ? NULL : "has an entry point that lies in no segment";
}
