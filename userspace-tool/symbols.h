/* SPDX-License-Identifier: GPL-2.0 */
/* The guest kernel's symbols: of a System.map, or of an ELF file. */
#ifndef STRATA_SYMBOLS_H
#define STRATA_SYMBOLS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct symbol {
	__u64 address;
	const char *name;
};

struct symbols {
	struct symbol *symbol;		/* functions, by address */
	size_t nr;
	__u64 text_start, text_end;	/* of all of them */
	char *text;			/* the names */
};

int symbols_read(const char *path, struct symbols *s);
void symbols_free(struct symbols *s);
const struct symbol *symbols_find(const struct symbols *s, __u64 address);
size_t symbols_size(const struct symbols *s, const struct symbol *symbol);

#endif
