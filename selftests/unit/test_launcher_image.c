// SPDX-License-Identifier: GPL-2.0
/* Kernel images, honest and hostile: bzImage headers and ELF files with PVH. */
// sources: ../../userspace-tool/image.c

#include "../../userspace-tool/image.h"
#include "tap.h"

#include <linux/elf.h>
#include <stdlib.h>
#include <string.h>

#define BZ_LEN		8192
#define BZ_SECTS	3

static void put16(__u8 *p, __u16 v)
{
	memcpy(p, &v, 2);
}

static void put32(__u8 *p, __u32 v)
{
	memcpy(p, &v, 4);
}

static void put64(__u8 *p, __u64 v)
{
	memcpy(p, &v, 8);
}

/* A bzImage as Linux 6.1 has it, as far as the header goes. */
static void make_bzimage(__u8 *p)
{
	memset(p, 0, BZ_LEN);
	p[0x1f1] = BZ_SECTS;
	put16(p + 0x1fe, 0xaa55);
	p[0x200] = 0xeb;
	p[0x201] = 0x6a;
	memcpy(p + 0x202, "HdrS", 4);
	put16(p + 0x206, 0x020f);
	p[0x211] = 1;
	put32(p + 0x22c, 0x7fffffff);
	put32(p + 0x230, 0x200000);
	p[0x234] = 1;
	put16(p + 0x236, 0x7f);
	put32(p + 0x238, 2047);
	put64(p + 0x258, 0x1000000);
	put32(p + 0x260, 0x3000000);
}

/* Parse a copy of exactly the right length, so that ASan sees every overrun. */
static const char *parse_bz(const __u8 *p, size_t len, struct bzimage *out)
{
	__u8 *copy = malloc(len ? len : 1);
	const char *ret;

	memcpy(copy, p, len);
	ret = bzimage_parse(copy, len, out);
	free(copy);
	return ret;
}

static const char *parse_elf(const __u8 *p, size_t len, struct elf_image *out)
{
	__u8 *copy = malloc(len ? len : 1);
	const char *ret;

	memcpy(copy, p, len);
	ret = elf_parse(copy, len, out);
	free(copy);
	return ret;
}

static void test_bzimage(void)
{
	static __u8 p[BZ_LEN];
	struct bzimage img;
	bool safe = true;
	size_t len;

	make_bzimage(p);
	tap_ok(!parse_bz(p, BZ_LEN, &img), "bzImage: a good one is taken");
	tap_ok(img.payload == (BZ_SECTS + 1) * 512 && img.payload_len == BZ_LEN - img.payload,
	       "bzImage: where the kernel proper lies");
	tap_ok(img.header_len == 0x202 + 0x6a - 0x1f1, "bzImage: the header's length");
	tap_ok(img.pref_address == 0x1000000 && img.init_size == 0x3000000 && img.relocatable &&
	       img.alignment == 0x200000 && img.cmdline_size == 2047, "bzImage: its wishes");
	tap_ok(img.initrd_max == ~0ULL, "bzImage: an initrd above 4 GiB where the kernel says so");
	put16(p + 0x236, 1);
	tap_ok(!parse_bz(p, BZ_LEN, &img) && img.initrd_max == 0x7fffffff,
	       "bzImage: and below the given limit where not");
	p[0x1f1] = 0;
	tap_ok(!parse_bz(p, BZ_LEN, &img) && img.payload == 5 * 512,
	       "bzImage: zero setup sectors mean four");

	for (len = 0; len < BZ_LEN; len++) {
		make_bzimage(p);
		if (!parse_bz(p, len, &img) &&
		    (img.payload + img.payload_len != len || img.payload_len <= BZIMAGE_ENTRY64))
			safe = false;
	}
	tap_ok(safe, "bzImage: cut at every length, it is refused or has its entry point");

#define REFUSED(change, what) do {					\
		make_bzimage(p);					\
		change;							\
		tap_ok(parse_bz(p, BZ_LEN, &img), "bzImage: refused: " what); \
	} while (0)
	REFUSED(p[0x202] = 'X', "a wrong magic");
	REFUSED(put16(p + 0x1fe, 0), "no boot flag");
	REFUSED(put16(p + 0x206, 0x20b), "an old protocol");
	REFUSED(p[0x211] = 0, "a zImage");
	REFUSED(put16(p + 0x236, 2), "no 64-bit entry");
	REFUSED(p[0x201] = 0x10, "a header that ends too early");
	REFUSED(p[0x201] = 0xff, "a header that reaches into the memory map");
	REFUSED(p[0x1f1] = 255, "setup sectors beyond the file");
	REFUSED(p[0x1f1] = BZ_LEN / 512 - 2, "no room for the entry point");
	REFUSED(put32(p + 0x230, 0), "no alignment");
	REFUSED(put32(p + 0x230, 0x300000), "an alignment that is no power of two");
#undef REFUSED
	make_bzimage(p);
	put32(p + 0x260, 1);
	tap_ok(!parse_bz(p, BZ_LEN, &img) && img.init_size == img.payload_len,
	       "bzImage: init_size is at least what is copied");
}

#define ELF_LEN		0x1000
#define NOTE_OFF	0x200
#define LOAD_OFF	0x400

static struct elf64_hdr *elf_header(__u8 *p)
{
	return (struct elf64_hdr *)p;
}

static struct elf64_phdr *elf_program(__u8 *p, int i)
{
	return (struct elf64_phdr *)(p + sizeof(struct elf64_hdr)) + i;
}

static void make_elf(__u8 *p)
{
	static const __u8 other[] = { 4, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 'G', 'N', 'U', 0,
				      1, 2, 3, 4, 5, 0, 0, 0 };
	static const __u8 note[] = { 4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 'X', 'e', 'n', 0,
				     0x40, 0, 0, 1 };
	struct elf64_hdr *eh = elf_header(p);
	struct elf64_phdr *ph = elf_program(p, 0);

	memset(p, 0, ELF_LEN);
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_machine = EM_X86_64;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 2;
	ph[0].p_type = PT_LOAD;
	ph[0].p_offset = LOAD_OFF;
	ph[0].p_paddr = 0x1000000;
	ph[0].p_filesz = 0x100;
	ph[0].p_memsz = 0x2000;
	ph[1].p_type = PT_NOTE;
	ph[1].p_offset = NOTE_OFF;
	ph[1].p_filesz = sizeof(other) + sizeof(note);
	memcpy(p + NOTE_OFF, other, sizeof(other));
	memcpy(p + NOTE_OFF + sizeof(other), note, sizeof(note));
}

static void test_elf(void)
{
	static __u8 p[ELF_LEN] __attribute__((aligned(8)));
	struct elf_image img;
	bool safe = true;
	size_t len, i;

	make_elf(p);
	tap_ok(image_is_elf(p, ELF_LEN) && !image_is_elf(p, 3), "ELF: told by its magic");
	tap_ok(!parse_elf(p, ELF_LEN, &img), "ELF: a good one is taken");
	tap_ok(img.entry == 0x1000040 && img.nr_segments == 1 && img.end == 0x1002000,
	       "ELF: the PVH entry after another note, the segment, its end");

	for (len = 0; len < ELF_LEN; len++)
		if (!parse_elf(p, len, &img) &&
		    img.segment[0].offset + img.segment[0].file_len > len)
			safe = false;
	tap_ok(safe, "ELF: cut at every length, no segment lies outside the file");

	/* Each byte of headers and notes in turn with extreme values. */
	for (i = 0; i < NOTE_OFF + 64; i++) {
		static const __u8 values[] = { 0, 1, 0x7f, 0x80, 0xff };
		size_t v;

		for (v = 0; v < sizeof(values); v++) {
			make_elf(p);
			p[i] = values[v];
			if (!parse_elf(p, ELF_LEN, &img) &&
			    (img.segment[0].offset > ELF_LEN ||
			     img.segment[0].file_len > ELF_LEN - img.segment[0].offset ||
			     img.segment[0].file_len > img.segment[0].mem_len))
				safe = false;
		}
	}
	tap_ok(safe, "ELF: with any byte changed, no segment lies outside the file");

#define REFUSED(change, what) do {					\
		make_elf(p);						\
		change;							\
		tap_ok(parse_elf(p, ELF_LEN, &img), "ELF: refused: " what); \
	} while (0)
	REFUSED(elf_header(p)->e_ident[EI_CLASS] = ELFCLASS32, "32-bit");
	REFUSED(elf_header(p)->e_machine = EM_386, "another machine");
	REFUSED(elf_header(p)->e_phoff = ~0ULL, "program headers at the end of the world");
	REFUSED(elf_header(p)->e_phnum = 0xffff, "more program headers than the file has");
	REFUSED(elf_program(p, 0)->p_filesz = ~0ULL, "a segment larger than all");
	REFUSED(elf_program(p, 0)->p_filesz = 0x3000, "more bytes in the file than in memory");
	REFUSED(elf_program(p, 0)->p_paddr = ~0ULL - 5, "a segment that wraps");
	REFUSED(elf_program(p, 1)->p_offset = ~0ULL, "notes outside the file");
	REFUSED(elf_program(p, 1)->p_type = PT_NULL, "no note");
	REFUSED(put32(p + NOTE_OFF, 0xffffffff), "a note with an endless name");
	REFUSED(put32(p + NOTE_OFF + 4, 0xffffffff), "a note with endless contents");
	REFUSED(put32(p + NOTE_OFF + 24 + 16, 0x1003000), "an entry outside the segment");
	REFUSED(put32(p + NOTE_OFF + 24 + 16, 0x1000100), "an entry in the zeroed part");
#undef REFUSED
}

int main(void)
{
	test_bzimage();
	test_elf();
	return tap_done();
}
