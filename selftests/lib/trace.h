/* SPDX-License-Identifier: GPL-2.0 */
/* strata's tracepoints by tracefs, for tests. Needs root; one CPU keeps their order. */
#ifndef STRATA_TEST_TRACE_H
#define STRATA_TEST_TRACE_H

#include <fcntl.h>
#include <stdio.h>

#include "testlib.h"

#define TRACING	"/sys/kernel/tracing/"

static inline bool trace_put(const char *file, const char *text)
{
	char path[128];
	int fd, n;

	snprintf(path, sizeof(path), TRACING "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (int)strlen(text);
}

/* Turns an event on, with room for many. False: this machine has none. */
static inline bool trace_on(const char *event)
{
	char path[96];

	snprintf(path, sizeof(path), "events/strata/%s/enable", event);
	return trace_put("buffer_size_kb", "8192") && trace_put(path, "1");
}

static inline void trace_off(void)
{
	trace_put("events/strata/enable", "0");
}

static inline void trace_clear(void)
{
	trace_put("trace", "");
}

static inline FILE *trace_open(void)
{
	FILE *f = fopen(TRACING "trace", "r");

	if (!f)
		die("the trace: %s", strerror(errno));
	return f;
}

/* The next event of that name: what stands behind "NAME: ". NULL: no more. */
static inline const char *trace_next(FILE *f, const char *event, char *line, size_t size)
{
	char pattern[64];
	const char *at;

	snprintf(pattern, sizeof(pattern), " %s: ", event);
	while (fgets(line, size, f)) {
		at = strstr(line, pattern);
		if (at)
			return at + strlen(pattern);
	}
	return NULL;
}

/* A strata_exit_done. */
struct trace_exit {
	unsigned int vm, vcpu, hw, khz;
	char reason[32];
	unsigned long long rip, detail, ticks, user, waiting, fault;
};

/* The next one of a VM; false: no more. */
static inline bool trace_next_exit(FILE *f, unsigned int vm, struct trace_exit *e)
{
	char line[512];
	const char *at;

	while ((at = trace_next(f, "strata_exit_done", line, sizeof(line)))) {
		if (sscanf(at, "vm %u vcpu %u %31s hw 0x%x rip 0x%llx detail 0x%llx ticks %llu user %llu waiting %llu fault %llu khz %u",
			   &e->vm, &e->vcpu, e->reason, &e->hw, &e->rip, &e->detail, &e->ticks,
			   &e->user, &e->waiting, &e->fault, &e->khz) != 11)
			die("an event that is not understood: %s", at);
		if (e->vm == vm)
			return true;
	}
	return false;
}

#endif
