// SPDX-License-Identifier: GPL-2.0
/* The guest kernel's symbols. */

#include "launcher.h"
#include "symbols.h"

#include <elf.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static bool add(struct symbols *s, __u64 address, const char *name)
{
	/* As many as a power of two: then there is room for as many again. */
	if (!(s->nr & (s->nr - 1))) {
		size_t room = s->nr ? 2 * s->nr : 1;
		struct symbol *more = realloc(s->symbol, room * sizeof(*more));

		if (!more)
			return false;
		s->symbol = more;
	}
	s->symbol[s->nr++] = (struct symbol){ address, name };
	return true;
}

/* Lines such as "ffffffff81000000 T _stext". The names stay where they are. */
static bool read_map(struct symbols *s, char *text)
{
	char *line, *rest = text, *end;

	while ((line = strsep(&rest, "\n"))) {
		__u64 address = strtoull(line, &end, 16);

		if (end == line || end[0] != ' ' || !end[1] || end[2] != ' ')
			continue;
		if (strchr("tTwW", end[1]) && !add(s, address, end + 3))
			return false;
	}
	return true;
}

static bool add_elf_symbols(struct symbols *s, Elf *elf, Elf_Scn *section, const GElf_Shdr *h)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t i, n = h->sh_entsize ? h->sh_size / h->sh_entsize : 0;
	GElf_Sym sym;

	for (i = 0; data && i < n; i++) {
		const char *name;

		if (!gelf_getsym(data, i, &sym) || sym.st_shndx == SHN_UNDEF ||
		    (GELF_ST_TYPE(sym.st_info) != STT_FUNC && GELF_ST_TYPE(sym.st_info) != STT_NOTYPE))
			continue;
		name = elf_strptr(elf, h->sh_link, sym.st_name);
		/* The file goes: the name is ours. */
		name = name && *name ? strdup(name) : NULL;
		if (name && !add(s, sym.st_value, name))
			return false;
	}
	return true;
}

static bool read_elf(struct symbols *s, const struct blob *file)
{
	Elf_Scn *section = NULL;
	GElf_Shdr h;
	bool ok = true;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_memory((char *)file->data, file->len);
	while (ok && elf && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &h) && h.sh_type == SHT_SYMTAB)
			ok = add_elf_symbols(s, elf, section, &h);
	if (elf)
		elf_end(elf);
	return ok;
}

/**
 * symbols_read() - a System.map, or an ELF file that has symbols
 * @s: filled in; symbols_free() frees it
 */
int symbols_read(const char *path, struct symbols *s)
{
	struct blob file;
	bool ok;

	memset(s, 0, sizeof(*s));
	if (read_file(path, &file))
		return -1;
	if (file.len >= SELFMAG && !memcmp(file.data, ELFMAG, SELFMAG)) {
		ok = read_elf(s, &file);
		free(file.data);
	} else {
		s->text = realloc(file.data, file.len + 1);
		if (s->text)
			s->text[file.len] = '\0';
		else
			free(file.data);
		ok = s->text && read_map(s, s->text);
	}
	if (!ok || s->nr < 2) {
		err("%s has no symbols; name a System.map or a vmlinux that is not stripped", path);
		symbols_free(s);
		return -1;
	}
	qsort(s->symbol, s->nr, sizeof(*s->symbol), by_address);
	s->text_start = s->symbol[0].address;
	s->text_end = s->symbol[s->nr - 1].address + SZ_4K;
	return 0;
}

void symbols_free(struct symbols *s)
{
	size_t i;

	for (i = 0; i < s->nr && !s->text; i++)
		free((char *)s->symbol[i].name);
	free(s->symbol);
	free(s->text);
	memset(s, 0, sizeof(*s));
}

/* The function that an address is in; NULL for none. */
const struct symbol *symbols_find(const struct symbols *s, __u64 address)
{
	size_t low = 0, high = s->nr;

	if (!s->nr || address < s->text_start || address >= s->text_end)
		return NULL;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (s->symbol[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	/* Of several names of one address the first. */
	while (low && s->symbol[low - 1].address == s->symbol[low].address)
		low--;
	return &s->symbol[low];
}

/* Bytes up to the next symbol. */
size_t symbols_size(const struct symbols *s, const struct symbol *symbol)
{
	const struct symbol *next = symbol + 1;

	while (next < s->symbol + s->nr && next->address == symbol->address)
		next++;
	return next < s->symbol + s->nr ? next->address - symbol->address : SZ_4K;
}
