// SPDX-License-Identifier: GPL-2.0
/* --config FILE: options of `strata run`, one a line, without the dashes. */

#include "launcher.h"
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option *find(const struct option *options, const char *name)
{
	for (; options->name; options++)
		if (!strcmp(options->name, name))
			return options;
	return NULL;
}

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	for (end = s + strlen(s); end > s && isspace((unsigned char)end[-1]); end--)
		;
	*end = '\0';
	return s;
}

/* The value is kept by the options, as one of the command line is. */
static int take_line(char *line, const struct option *options, struct options *opt)
{
	char *name = trim(line), *value = name;
	const struct option *o;

	if (!*name || *name == '#')
		return 0;
	while (*value && !isspace((unsigned char)*value))
		value++;
	if (*value)
		*value++ = '\0';
	value = trim(value);
	o = find(options, name);
	if (!o || !strcmp(name, "config")) {
		err("there is no option '%s' for a file", name);
		return -1;
	}
	if (o->has_arg == no_argument && *value) {
		err("'%s' takes no value", name);
		return -1;
	}
	if (o->has_arg == required_argument && !*value) {
		err("'%s' wants a value", name);
		return -1;
	}
	return options_take(o->val, *value ? strdup(value) : NULL, opt);
}

/**
 * config_read() - take the options of a file
 * @options: what there is
 */
int config_read(const char *path, const struct option *options, struct options *opt)
{
	FILE *f = fopen(path, "re");
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	int ret = 0;

	if (!f) {
		err("cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	while (!ret && getline(&line, &size, f) >= 0) {
		number++;
		ret = take_line(line, options, opt);
	}
	if (ret)
		err("that is line %u of %s", number, path);
	free(line);
	fclose(f);
	return ret;
}
