// SPDX-License-Identifier: GPL-2.0
/* --cpu-limit, --cpu-weight, --memory-limit and --pin, and those of `strata set`. */

#include "launcher.h"
#include "vm_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PERCENT	100000
#define MIN_LIMIT	(16 * SZ_1M)

/* "20%" or "12.5%" of one CPU; "none". */
static int parse_percent(const char *value, unsigned int *per_mille)
{
	char *end;
	double v = strtod(value, &end);

	*per_mille = 0;
	if (!strcmp(value, "none"))
		return 0;
	if (end == value || strcmp(end, "%") || !(v >= 1) || v > MAX_PERCENT) {
		err("'%s' is no share of a CPU; write for example 20%%, 150%% or none", value);
		return -1;
	}
	*per_mille = v * 10 + 0.5;
	return 0;
}

static int parse_weight(const char *value, unsigned int *weight)
{
	*weight = 0;
	if (!strcmp(value, "none") || !parse_number(value, 10000, weight))
		return 0;
	err("'%s' is no weight; it is a number from 1 to 10000, where others have 100, or none",
	    value);
	return -1;
}

static int parse_memory(const char *value, __u64 *memory)
{
	*memory = 0;
	if (!strcmp(value, "none"))
		return 0;
	if (!parse_size(value, memory) && *memory >= MIN_LIMIT)
		return 0;
	err("'%s' is no limit for memory; write for example 256M, at least %lluM, or none", value,
	    MIN_LIMIT / SZ_1M);
	return -1;
}

/* "2" or "0-3" */
static bool parse_range(const char *s, cpu_set_t *set)
{
	unsigned int first, last;
	int end = 0;

	CPU_ZERO(set);
	if (sscanf(s, "%u-%u%n", &first, &last, &end) != 2 || s[end]) {
		end = 0;
		if (sscanf(s, "%u%n", &first, &end) != 1 || s[end])
			return false;
		last = first;
	}
	if (first > last || last >= CPU_SETSIZE)
		return false;
	for (; first <= last; first++)
		CPU_SET(first, set);
	return true;
}

static int parse_pins(char *value, struct limits *l)
{
	char *word;

	l->nr_pins = 0;
	if (!strcmp(value, "none"))
		return 0;
	while ((word = strsep(&value, ","))) {
		if (l->nr_pins == MAX_PINS || !parse_range(word, &l->pin[l->nr_pins])) {
			err("'%s' is no CPU; write for example 0,2 for a CPU of each vCPU, or 0-3 for "
			    "some of all", word);
			return -1;
		}
		l->nr_pins++;
	}
	return 0;
}

/**
 * limits_parse() - one limit
 * @name: as the option, without dashes
 * @value: taken apart
 *
 * Return: 0; -1 for a wrong value; 1 where there is no such limit.
 */
int limits_parse(const char *name, char *value, struct limits *l)
{
	if (!strcmp(name, "cpu-limit"))
		return parse_percent(value, &l->cpu);
	if (!strcmp(name, "cpu-weight"))
		return parse_weight(value, &l->weight);
	if (!strcmp(name, "memory-limit"))
		return parse_memory(value, &l->memory);
	if (!strcmp(name, "pin"))
		return parse_pins(value, l);
	return 1;
}
