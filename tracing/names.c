// SPDX-License-Identifier: GPL-2.0
/*
 * The exit reasons' names, from the format of the event: hence from the module that is
 * loaded.
 */
#include "common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT	"events/strata/strata_exit_done/format"

static char names[MAX_REASONS][32];
static unsigned int nr_names;

/* In "{ 1, "intr" }, { 48 - 1, "none" }". */
static void take(const char *at)
{
	while ((at = strstr(at, "{ "))) {
		char *end, name[32];
		long nr = strtol(at + 2, &end, 10);

		at += 2;
		if (end == at)
			continue;
		if (!strncmp(end, " - ", 3))
			nr -= strtol(end + 3, &end, 10);
		if (sscanf(end, ", \"%31[^\"]\"", name) != 1 || nr < 0 || nr >= MAX_REASONS)
			continue;
		strcpy(names[nr], name);
		if (nr_names <= nr)
			nr_names = nr + 1;
	}
}

/**
 * names_load() - find the names; ends the program where there is no such event
 */
void names_load(const struct tool *tool)
{
	static const char * const roots[] = { "/sys/kernel/tracing/", "/sys/kernel/debug/tracing/" };
	char path[128], line[8192];
	FILE *f = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(roots) && !f; i++) {
		snprintf(path, sizeof(path), "%s" FORMAT, roots[i]);
		f = fopen(path, "r");
		if (!f && errno == EACCES)
			fail(tool, "no permission to read %s: be root", path);
	}
	if (!f)
		fail(tool, "there is no event strata_exit_done: load strata.ko, and mount tracefs");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "print fmt:", 10))
			take(line);
	fclose(f);
	if (!nr_names)
		fail(tool, "%s does not tell the exit reasons' names", path);
}

const char *reason_name(__u32 reason)
{
	return reason < nr_names && names[reason][0] ? names[reason] : "?";
}

/* Its number, or -1. */
int reason_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_names; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

unsigned int reason_count(void)
{
	return nr_names;
}
