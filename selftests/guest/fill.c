// SPDX-License-Identifier: GPL-2.0
/*
 * Fills so many MiB with the number of each page, in each of its words, and reads them again
 * and again, saying so. A page packs well, where the host swaps to packed memory, and no
 * other one is like it.
 *
 *	fill MIB
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE_WORDS	512
#define MIB_PAGES	256
#define NUMBER(page)	((page) * 0x9e3779b97f4a7c15ull)

static bool is_right(const uint64_t *memory, size_t pages)
{
	size_t page, word;

	for (page = 0; page < pages; page++)
		for (word = 0; word < PAGE_WORDS; word++)
			if (memory[page * PAGE_WORDS + word] != NUMBER(page))
				return false;
	return true;
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 0) : 0, pages = mib * MIB_PAGES, page, word;
	uint64_t *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned int n = 0;

	if (memory == MAP_FAILED) {
		puts("guest: no memory to fill");
		return 1;
	}
	for (page = 0; page < pages; page++)
		for (word = 0; word < PAGE_WORDS; word++)
			memory[page * PAGE_WORDS + word] = NUMBER(page);
	printf("guest: filled %zu MiB\n", mib);
	for (;;) {
		if (is_right(memory, pages))
			printf("guest: memory right %u\n", ++n);
		else
			puts("guest: memory WRONG");
		fflush(stdout);
	}
}
