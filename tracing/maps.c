// SPDX-License-Identifier: GPL-2.0
/* A whole BPF hash map, read. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

/**
 * map_read() - all entries of a map
 * @tool: ends where memory does
 * @fd: of the map
 * @key_size: bytes
 * @value_size: bytes
 * @copies: 1; for a per-CPU map the number of possible CPUs
 * @nr: how many entries there are
 *
 * Return: memory of malloc() with @nr times the key, padded to 8 bytes, and the values.
 */
void *map_read(const struct tool *tool, int fd, size_t key_size, size_t value_size,
	       unsigned int copies, unsigned int *nr)
{
	size_t at = (key_size + 7) / 8 * 8, size = at + value_size * copies;
	unsigned int room = 64;
	char *all = malloc(room * size);
	const void *last = NULL;

	*nr = 0;
	while (all && !bpf_map_get_next_key(fd, last, all + *nr * size)) {
		char *entry = all + *nr * size;

		if (!bpf_map_lookup_elem(fd, entry, entry + at))
			(*nr)++;
		else
			memset(entry + at, 0, value_size * copies);
		last = entry;
		if (*nr == room) {
			room *= 2;
			all = realloc(all, room * size);
			last = all ? all + (*nr - 1) * size : NULL;
		}
	}
	if (!all)
		fail(tool, "out of memory");
	return all;
}
