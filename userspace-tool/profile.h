/* SPDX-License-Identifier: GPL-2.0 */
/* Profiles of vCPUs, as strata offers them, and sums of them. */
#ifndef PROFILE_H
#define PROFILE_H

#include "launcher.h"
#include "../uapi/strata.h"

#include <stddef.h>

/* What this program has room for; a newer strata may tell more, which is left out. */
#define MAX_REASONS	64
#define MAX_PARTS	8
#define MAX_BUCKETS	64

/**
 * struct profile - one vCPU's, mapped
 * @id: which
 * @p: the pages
 * @size: of the mapping
 * @fd: open while it has keys counted; -1
 */
struct profile {
	struct strata_profile_id id;
	const struct strata_profile *p;
	size_t size;
	int fd;
};

struct profiles {
	struct profile *v;
	unsigned int nr;
};

/**
 * struct profile_reason - a reason's figures, added up
 * @ticks: from an exit to the next entry
 * @kernel: what of it was no other part's
 */
struct profile_reason {
	char name[STRATA_PROFILE_NAME];
	__u64 count, ticks, max, kernel;
	__u64 part[MAX_PARTS];
	__u64 hist[MAX_BUCKETS];
};

/**
 * struct profile_sum - some vCPUs' figures, added up
 * @switch_ticks: of a sample of @switches entries, since their beginning
 */
struct profile_sum {
	unsigned int nr_reasons, nr_parts, nr_buckets, nr_vcpus;
	__u32 tsc_khz;
	__u64 guest, user_exits;
	__u64 switch_ticks, switches;
	char part_name[MAX_PARTS][STRATA_PROFILE_NAME];
	struct profile_reason reason[MAX_REASONS];
	struct profile_reason all;
};

/**
 * struct profile_choice - which vCPUs a command is about
 * @vm: the VM's number; 0: any
 * @pid: of the process that made it; 0: any
 * @vcpu: the vCPU's id; -1: any
 * @keys: what their exits are about shall be counted until they are closed
 */
struct profile_choice {
	__u32 vm;
	__s32 pid;
	long vcpu;
	bool keys;
};

/* profile.c */
int profiles_open(const char *device, const struct profile_choice *choice, struct profiles *ps);
int profiles_open_some(const char *device, const struct profile_choice *choice,
		       struct profiles *ps);
void profiles_close(struct profiles *ps);
void profiles_sum(const struct profiles *ps, struct profile_sum *sum);
void profile_sum_subtract(struct profile_sum *sum, const struct profile_sum *before);
__u64 profile_quantile(const struct profile_reason *r, unsigned int nr_buckets, double q);

/* calibrate.c */
int calibrate_switch(const char *device, double *ticks);

/* keys.c */
const char *profile_detail(char *to, size_t size, __u32 reason, __u64 detail);

/* cmd_profile.c */
int profile_parse_vm(const char *text, struct profile_choice *choice);
int profile_parse_vcpu(const char *text, struct profile_choice *choice);
int profile_bad_option(char **argv, const char *command);

/* profile_print.c */
void profile_print_cost_heading(const struct profile_sum *sum);
void profile_print_cost(const struct profile_sum *sum, const struct profile_reason *r,
			__u64 whole);
void profile_print_table(const struct profile_sum *sum, double hardware);
void profile_print_json(const struct profile_sum *sum, double hardware);
void profile_print_hist(const struct profile_sum *sum, const char *reason);
int profile_find_reason(const struct profile_sum *sum, const char *name);
const char *profile_duration(char *to, size_t size, __u64 ticks, __u32 tsc_khz);

#endif
