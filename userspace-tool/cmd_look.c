// SPDX-License-Identifier: GPL-2.0
/* `strata translate` and `strata memory`: what the VM answers, for people. */

#include "control.h"
#include "launcher.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct flag { unsigned int bit; const char *name; };

/* SDM 3A 4.5, APM 2 5.3; the nested ones of AMD are the same. */
static const struct flag page_flags[] = {
	{ 0, "present" }, { 1, "write" }, { 2, "user" }, { 3, "PWT" }, { 4, "PCD" },
	{ 5, "accessed" }, { 6, "dirty" }, { 8, "global" }, { 63, "NX" },
};

/* SDM 3C 29.3.2 */
static const struct flag ept_flags[] = {
	{ 0, "read" }, { 1, "write" }, { 2, "execute" }, { 6, "IPAT" }, { 8, "accessed" },
	{ 9, "dirty" },
};

static void print_flags(const struct flag *f, size_t n, __u64 value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (value >> f[i].bit & 1)
			printf(" %s", f[i].name);
}

static __u64 number(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? strtoull(text, NULL, 0) : 0;
}

static const char *size_name(unsigned int level)
{
	static const char *const names[] = { "nothing", "a page of 4K", "a page of 2M", "a page of 1G" };

	return level < ARRAY_SIZE(names) ? names[level] : "?";
}

static void print_nested(const json_t *page, const char *indent)
{
	const json_t *nested = json_object_get(page, "nested"), *e;
	bool ept = !strcmp(json_string_value(json_object_get(nested, "format")) ?: "", "ept");
	unsigned int leaf = json_integer_value(json_object_get(nested, "leaf"));
	size_t i;

	json_array_foreach(json_object_get(nested, "entries"), i, e) {
		__u64 value = number(e, "entry"), at = number(e, "at");
		unsigned int level = json_integer_value(json_object_get(e, "level"));

		printf("%snested level %u", indent, level);
		if (at)
			printf(" at 0x%llx", (unsigned long long)at);
		printf(": 0x%016llx", (unsigned long long)value);
		if (ept)
			print_flags(ept_flags, ARRAY_SIZE(ept_flags), value);
		else
			print_flags(page_flags, ARRAY_SIZE(page_flags), value);
		if (!value)
			printf(" not there");
		if (level == leaf)
			printf(", %s", size_name(leaf));
		printf("\n");
	}
}

/* A guest-physical address, and what is below it. */
static void print_physical(const json_t *page, bool all, const char *indent)
{
	const char *state = json_string_value(json_object_get(page, "host"));
	__u64 machine = number(page, "machine");

	if (all)
		print_nested(page, indent);
	if (!json_is_true(json_object_get(page, "ram"))) {
		printf("%sno memory of the guest's: accesses go to a device, or nowhere\n", indent);
		return;
	}
	printf("%shost-virtual    0x%llx, %s\n", indent, (unsigned long long)number(page, "hva"),
	       !strcmp(state, "present") ? "in memory" :
	       !strcmp(state, "swapped") ? "swapped out" :
	       !strcmp(state, "absent") ? "never touched, or given back" : "state unknown");
	if (machine)
		printf("%smachine         0x%llx\n", indent, (unsigned long long)machine);
	else if (!strcmp(state, "present"))
		printf("%smachine         only for who has CAP_SYS_ADMIN\n", indent);
}

static void print_tables(const json_t *reply, bool all)
{
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(reply, "guest"), i, e) {
		__u64 value = number(e, "entry");

		printf("  level %lld at 0x%llx", json_integer_value(json_object_get(e, "level")),
		       (unsigned long long)number(e, "gpa"));
		if (json_object_get(e, "entry"))
			printf(": 0x%016llx", (unsigned long long)value);
		else
			printf(": not in the guest's memory");
		print_flags(page_flags, ARRAY_SIZE(page_flags), value);
		printf("%s\n", value & 1 ? "" : " not present");
		if (all)
			print_physical(e, true, "    ");
	}
}

static const char *page_size(json_int_t size)
{
	return size_name(size == SZ_1G ? 3 : size == SZ_2M ? 2 : 1);
}

static void print_translation(const json_t *reply, __u64 address, int vcpu, bool all)
{
	const json_t *page = json_object_get(reply, "page");
	json_int_t size = json_integer_value(json_object_get(reply, "size"));

	if (json_object_get(reply, "cr3")) {
		int levels = json_integer_value(json_object_get(reply, "levels"));

		printf("guest-virtual     0x%llx, vCPU %d, CR3 0x%llx, ", (unsigned long long)address,
		       vcpu, (unsigned long long)number(reply, "cr3"));
		printf(levels ? "%d levels\n" : "no paging\n", levels);
		print_tables(reply, all);
		if (!page) {
			printf("  the guest maps nothing there\n");
			return;
		}
	}
	printf("guest-physical    0x%llx", (unsigned long long)number(page, "gpa"));
	if (size == 4 * SZ_1M)
		printf(", in a page of 4M");
	else if (size)
		printf(", in %s", page_size(size));
	printf("\n");
	print_nested(page, "  ");
	print_physical(page, false, "");
}

int cmd_translate(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vcpu", required_argument, NULL, 'v' }, { "physical", no_argument, NULL, 'p' },
		{ "all", no_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' }, { 0 },
	};
	bool physical = false, all = false, json = false;
	unsigned int vcpu = 0;
	json_t *reply;
	__u64 address;
	char *end;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'p') {
			physical = true;
		} else if (c == 'a') {
			all = true;
		} else if (c == 'j') {
			json = true;
		} else if (c != 'v' || (strcmp(optarg, "0") &&
					parse_number(optarg, MAX_CPUS, &vcpu))) {
			err("see 'strata help translate' for its options");
			return STATUS_USAGE;
		}
	}
	if (argc - optind != 2) {
		err("write 'strata translate NAME ADDRESS'");
		return STATUS_USAGE;
	}
	address = strtoull(argv[optind + 1], &end, 0);
	if (end == argv[optind + 1] || *end) {
		err("'%s' is no address; write for example 0xffffffff81000000", argv[optind + 1]);
		return STATUS_USAGE;
	}
	reply = control_request(argv[optind], json_pack("{s:s, s:s, s:b, s:i}", "command",
			"translate", "address", argv[optind + 1], "physical", physical, "vcpu", (int)vcpu));
	if (!reply)
		return STATUS_HOST_ERROR;
	if (json)
		json_dumpf(reply, stdout, JSON_INDENT(2));
	else
		print_translation(reply, address, vcpu, all);
	if (json)
		printf("\n");
	json_decref(reply);
	return 0;
}

static void print_line(const json_t *reply, const char *key, const char *words)
{
	const json_t *v = json_object_get(reply, key);

	if (v)
		printf("%10lld KiB  %s\n", json_integer_value(v) / 1024, words);
}

int cmd_memory(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' }, { 0 },
	};
	json_t *reply;
	double seconds = 1;
	int c, fd;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1)
		if (c != 's' || parse_seconds(optarg, 0.01, &seconds)) {
			err("see 'strata help memory' for its options");
			return STATUS_USAGE;
		}
	if (argc - optind != 1)
		return control_no_name(argv[0]);
	/* What is mapped in which size is seen before the log makes it small. */
	reply = control_keep(argv[optind], json_pack("{s:s, s:s}", "command", "memory", "dirty",
						     "begin"), &fd);
	if (!reply)
		return STATUS_HOST_ERROR;
	print_line(reply, "total", "the guest has");
	print_line(reply, "resident", "of it in this machine's memory");
	print_line(reply, "huge", "of that in huge pages");
	print_line(reply, "swapped", "swapped out");
	print_line(reply, "mapped_4k", "mapped for the guest by pages of 4K");
	print_line(reply, "mapped_2m", "of 2M");
	print_line(reply, "mapped_1g", "of 1G");
	print_line(reply, "tables", "nested tables, for that");
	json_decref(reply);
	fflush(stdout);
	sleep_seconds(seconds);
	reply = control_request(argv[optind], json_pack("{s:s, s:s}", "command", "memory", "dirty",
							"end"));
	close(fd);
	if (!reply)
		return STATUS_HOST_ERROR;
	printf("%10.0f KiB/s  written to, in pages of 4K, over %g s\n",
	       json_integer_value(json_object_get(reply, "dirty")) / 1024 / seconds, seconds);
	json_decref(reply);
	return 0;
}
