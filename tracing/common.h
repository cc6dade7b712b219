/* SPDX-License-Identifier: GPL-2.0 */
/* What the tools have in common: options, waiting, names, numbers for a reader. */
#ifndef STRATA_COMMON_H
#define STRATA_COMMON_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "exit-event.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_REASONS	64

/**
 * struct tool - what every tool's options say
 * @name: the tool's
 * @vm: only that VM's events; 0: all
 * @vcpu: only that vCPU's; -1: all
 * @reason: only that reason's; -1: all
 * @seconds: to run for; 0: until a signal, or the command's end
 * @json: print JSON
 * @command: to run meanwhile; NULL: none
 */
struct tool {
	const char *name;
	__u32 vm;
	__s64 vcpu, reason;
	double seconds;
	bool json;
	char **command;
};

/**
 * struct tool_option - an option of one tool alone
 * @name: without "--"
 * @parse: its value. 0, or -1 for one that is not good
 * @wants: what it should be, for the message
 */
struct tool_option {
	const char *name;
	int (*parse)(const char *value);
	const char *wants;
};

/* options.c */
void tool_parse(struct tool *tool, int argc, char **argv, const char *help, bool by_reason,
		const struct tool_option *own);
int parse_number(const char *text, unsigned long long max, unsigned long long *out);
int parse_ns(const char *text, unsigned long long *out);

/* common.c */
void fail(const struct tool *tool, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
void tool_attached(const struct tool *tool, int err);
int tool_wait(struct tool *tool, void (*tick)(void *arg), void *arg);
void tool_lost(const struct tool *tool, unsigned long long lost);

/* names.c */
void names_load(const struct tool *tool);
const char *reason_name(__u32 reason);
int reason_find(const char *name);
unsigned int reason_count(void);

/* print.c */
const char *duration(char *to, size_t size, double ns);
double ticks_to_ns(__u64 ticks, __u32 khz);
double quantile_ns(const __u64 *hist, unsigned int n, double q, __u32 khz);
void print_hist(const __u64 *hist, unsigned int n, __u32 khz);
void print_json_hist(const __u64 *hist, unsigned int n);
void print_exit_heading(void);
void print_exit(const struct exit_event *e, __u32 khz);
void print_json_exit(const struct exit_event *e, __u32 khz);

/* maps.c */
void *map_read(const struct tool *tool, int fd, size_t key_size, size_t value_size,
	       unsigned int copies, unsigned int *nr);

#endif /* STRATA_COMMON_H */
