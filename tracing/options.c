// SPDX-License-Identifier: GPL-2.0
/* The tools' options. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

/**
 * parse_number() - a decimal number up to @max
 *
 * Return: 0, or -1.
 */
int parse_number(const char *text, unsigned long long max, unsigned long long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	*out = strtoull(text, &end, 10);
	return *end || *out > max ? -1 : 0;
}

/**
 * parse_ns() - a duration as 50us
 *
 * Return: 0 with nanoseconds, or -1.
 */
int parse_ns(const char *text, unsigned long long *out)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	unsigned int i;
	char *end;
	double v;

	if (*text < '0' || *text > '9')
		return -1;
	v = strtod(text, &end);
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name) || v * units[i].ns > 1e18)
			continue;
		*out = v * units[i].ns;
		return 0;
	}
	return -1;
}

static void bad(const struct tool *tool, const char *option, const char *wants, const char *value)
{
	fprintf(stderr, "%s: --%s needs %s, not '%s'\n", tool->name, option, wants, value);
	exit(2);
}

static void parse_vm(struct tool *tool, const char *value)
{
	unsigned long long n;

	if (parse_number(value, ~0u, &n) || !n)
		bad(tool, "vm", "a VM's number, as 'strata list' shows it", value);
	tool->vm = n;
}

static void parse_vcpu(struct tool *tool, const char *value)
{
	unsigned long long n;

	if (parse_number(value, ~0u, &n))
		bad(tool, "vcpu", "a vCPU's id", value);
	tool->vcpu = n;
}

static void parse_reason(struct tool *tool, const char *value)
{
	unsigned int i;

	tool->reason = reason_find(value);
	if (tool->reason >= 0)
		return;
	fprintf(stderr, "%s: there is no exit reason '%s'; there are:", tool->name, value);
	for (i = 0; i < reason_count(); i++)
		if (strcmp(reason_name(i), "?"))
			fprintf(stderr, " %s", reason_name(i));
	fprintf(stderr, "\n");
	exit(2);
}

static void parse_duration(struct tool *tool, const char *value)
{
	char *end;

	tool->seconds = strtod(value, &end);
	if (*end || !(tool->seconds > 0) || tool->seconds > 1e6)
		bad(tool, "duration", "a number of seconds", value);
}

static const struct {
	const char *name;
	void (*parse)(struct tool *tool, const char *value);
} common_options[] = {
	{ "vm", parse_vm },
	{ "vcpu", parse_vcpu },
	{ "duration", parse_duration },
	{ "reason", parse_reason },	/* the last: not every tool has it */
};

static bool parse_common(struct tool *tool, const char *name, const char *value, bool by_reason)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(common_options) - !by_reason; i++) {
		if (strcmp(name, common_options[i].name))
			continue;
		common_options[i].parse(tool, value);
		return true;
	}
	return false;
}

static bool parse_own(struct tool *tool, const char *name, const char *value,
		      const struct tool_option *own)
{
	for (; own && own->name; own++) {
		if (strcmp(name, own->name))
			continue;
		if (own->parse(value))
			bad(tool, name, own->wants, value);
		return true;
	}
	return false;
}

/* Is it an option, with a value? */
static bool has_value(const char *name, bool by_reason, const struct tool_option *own)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(common_options) - !by_reason; i++)
		if (!strcmp(name, common_options[i].name))
			return true;
	for (; own && own->name; own++)
		if (!strcmp(name, own->name))
			return true;
	return false;
}

/**
 * tool_parse() - the command line
 * @tool: its name is set; gets the rest
 * @argc: of main()
 * @argv: of main()
 * @help: what --help prints
 * @by_reason: the tool takes --reason
 * @own: options of this tool; the last one's name is NULL. NULL: none
 *
 * Ends the program where that is wrong, with status 2 and a message.
 */
void tool_parse(struct tool *tool, int argc, char **argv, const char *help, bool by_reason,
		const struct tool_option *own)
{
	int i;

	tool->vcpu = -1;
	tool->reason = -1;
	for (i = 1; i < argc; i++) {
		const char *name = argv[i] + 2;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			exit(0);
		}
		if (!strcmp(argv[i], "--json")) {
			tool->json = true;
			continue;
		}
		if (!strcmp(argv[i], "--") && i + 1 < argc) {
			tool->command = argv + i + 1;
			return;
		}
		if (strncmp(argv[i], "--", 2) || !has_value(name, by_reason, own)) {
			fprintf(stderr, "%s: '%s' is no option; see --help\n", tool->name, argv[i]);
			exit(2);
		}
		if (i + 1 == argc) {
			fprintf(stderr, "%s: %s needs a value; see --help\n", tool->name, argv[i]);
			exit(2);
		}
		i++;
		if (!parse_common(tool, name, argv[i], by_reason))
			parse_own(tool, name, argv[i], own);
	}
}
