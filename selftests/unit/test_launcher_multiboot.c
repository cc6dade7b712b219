// SPDX-License-Identifier: GPL-2.0
/* Kernels for Multiboot, honest and hostile. */
// sources: ../../userspace-tool/image_multiboot.c ../../userspace-tool/image.c

#include "../../userspace-tool/image_multiboot.h"
#include "../lib/rng.h"
#include "tap.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define LEN	4096

static struct elf_image img;

static void put(__u8 *p, const __u32 *words, size_t n)
{
	memcpy(p, words, n * sizeof(*words));
}

/* A copy of exactly that size, so that the sanitizer sees the ends. */
static const char *parse(const __u8 *data, size_t len)
{
	__u8 *copy = malloc(len ? len : 1);
	const char *problem;

	memcpy(copy, data, len);
	problem = multiboot_parse(copy, len, &img);
	free(copy);
	return problem;
}

static void header(__u8 *p, __u32 flags)
{
	put(p, (__u32 []){ 0x1badb002, flags, -(0x1badb002 + flags) }, 3);
}

static void test_addresses(void)
{
	__u8 file[LEN] = { 0 };

	header(file + 64, 0x10003);
	/* The header is 64 bytes into what is loaded. */
	put(file + 76, (__u32 []){ 0x200040, 0x200000, 0x200800, 0x203000, 0x200100 }, 5);
	tap_ok(!parse(file, LEN) && img.nr_segments == 1 && img.segment[0].gpa == 0x200000 &&
	       img.segment[0].offset == 0 && img.segment[0].file_len == 0x800 &&
	       img.segment[0].mem_len == 0x3000 && img.entry == 0x200100, "multiboot: by addresses");
	put(file + 76, (__u32 []){ 0x200020, 0x200000, 0, 0, 0x200100 }, 5);
	tap_ok(!parse(file, LEN) && img.segment[0].offset == 0x20 &&
	       img.segment[0].file_len == LEN - 0x20 && img.segment[0].mem_len == LEN - 0x20,
	       "multiboot: all of the file");
	put(file + 76, (__u32 []){ 0x200080, 0x200000, 0, 0, 0x200100 }, 5);
	tap_ok(parse(file, LEN) != NULL, "multiboot: not what lies before the file");
	put(file + 76, (__u32 []){ 0x200000, 0x200040, 0, 0, 0x200100 }, 5);
	tap_ok(parse(file, LEN) != NULL, "multiboot: not a header that is not loaded");
	put(file + 76, (__u32 []){ 0x200040, 0x200000, 0x1000, 0, 0x200100 }, 5);
	tap_ok(parse(file, LEN) != NULL, "multiboot: not an end before its begin");
	put(file + 76, (__u32 []){ 0x200040, 0x200000, 0x300000, 0, 0x200100 }, 5);
	tap_ok(parse(file, LEN) != NULL, "multiboot: not more than there is");
	put(file + 76, (__u32 []){ 0x200040, 0x200000, 0, 0, 0x300000 }, 5);
	tap_ok(parse(file, LEN) != NULL, "multiboot: not an entry outside");
	header(file + 64, 0x10007);
	tap_ok(parse(file, LEN) != NULL, "multiboot: no picture");
	file[64]++;
	tap_ok(parse(file, LEN) && !image_is_multiboot(file, LEN), "multiboot: no header");
	header(file + LEN - 12, 3);
	tap_ok(image_is_multiboot(file, LEN), "multiboot: at the end of the file");
	header(file + LEN - 12, 0x10003);
	tap_ok(!image_is_multiboot(file, LEN), "multiboot: not without its addresses");
}

static void test_elf(void)
{
	__u8 file[LEN] = { 0 };
	Elf32_Ehdr *eh = (Elf32_Ehdr *)file;
	Elf32_Phdr *ph = (Elf32_Phdr *)(eh + 1);

	memcpy(file, ELFMAG, SELFMAG);
	file[EI_CLASS] = ELFCLASS32;
	eh->e_phoff = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 1;
	eh->e_entry = 0x100010;
	*ph = (Elf32_Phdr){ .p_type = PT_LOAD, .p_offset = 1024, .p_filesz = 512, .p_memsz = 8192,
			    .p_paddr = 0x100000 };
	header(file + 1024, 3);
	tap_ok(!parse(file, LEN) && img.segment[0].gpa == 0x100000 && img.end == 0x102000,
	       "multiboot: an ELF file");
	ph->p_offset = LEN - 100;
	tap_ok(parse(file, LEN) != NULL, "multiboot: a segment outside the file");
	ph->p_offset = 1024;
	ph->p_paddr = 0xfffff000;
	tap_ok(parse(file, LEN) != NULL, "multiboot: a segment above 4 GiB");
	ph->p_paddr = 0x100000;
	eh->e_phnum = 65535;
	tap_ok(parse(file, LEN) != NULL, "multiboot: headers outside the file");
}

/* Anything: the sanitizer looks on, and what is taken lies in the file. */
static void test_any(void)
{
	struct rng r = { 1 };
	unsigned int i, j, bad = 0, taken = 0;
	__u8 file[512];

	for (i = 0; i < 200000; i++) {
		size_t len = rng_next(&r) % sizeof(file);

		for (j = 0; j < sizeof(file); j++)
			file[j] = rng_next(&r) % 4 ? 0 : rng_next(&r);
		if (rng_next(&r) % 2) {
			memcpy(file, ELFMAG, SELFMAG);
			file[EI_CLASS] = 1 + rng_next(&r) % 2;
		}
		header(file + 4 * (rng_next(&r) % 100), rng_next(&r) % 2 ? 0x10003 : 3);
		if (parse(file, len))
			continue;
		taken++;
		for (j = 0; j < img.nr_segments; j++)
			bad += img.segment[j].offset > len ||
			       img.segment[j].file_len > len - img.segment[j].offset ||
			       img.segment[j].file_len > img.segment[j].mem_len;
	}
	tap_ok(!bad, "multiboot: any file (%u are taken)", taken);
}

int main(void)
{
	test_addresses();
	test_elf();
	test_any();
	return tap_done();
}
