// SPDX-License-Identifier: GPL-2.0
/* strata list, stat and hist: what the exits of the machine's VMs cost. */

#include "profile.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOW_TABLE, SHOW_JSON, SHOW_HIST };

/* getopt's last word was no option of @command: a message, and the status. */
int profile_bad_option(char **argv, const char *command)
{
	err("there is no option %s, or it lacks its value; see 'strata help %s'",
	    argv[optind - 1], command);
	return STATUS_USAGE;
}

/**
 * profile_parse_vm() - a VM as users name it: its number, or pid:N
 *
 * Return: 0, or -1 with a message.
 */
int profile_parse_vm(const char *text, struct profile_choice *choice)
{
	unsigned int n;

	if (!strncmp(text, "pid:", 4)) {
		if (!parse_number(text + 4, 1u << 30, &n)) {
			choice->pid = n;
			return 0;
		}
	} else if (!parse_number(text, ~0u, &n)) {
		choice->vm = n;
		return 0;
	}
	err("'%s' is no VM: give its number, as 'strata list' shows it, or pid:N", text);
	return -1;
}

/**
 * profile_parse_vcpu() - the value of --vcpu
 *
 * Return: 0, or -1 with a message.
 */
int profile_parse_vcpu(const char *text, struct profile_choice *choice)
{
	char *end;

	choice->vcpu = strtol(text, &end, 10);
	if (*text && !*end && choice->vcpu >= 0)
		return 0;
	err("--vcpu needs a vCPU's id, not '%s'", text);
	return -1;
}

static void command_name(char *to, size_t size, int pid)
{
	char path[64];
	FILE *f;

	snprintf(to, size, "-");
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "r");
	if (!f)
		return;
	if (fgets(to, size, f))
		to[strcspn(to, "\n")] = '\0';
	fclose(f);
}

int cmd_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ 0 }
	};
	struct profile_choice choice = { .vcpu = -1 };
	const char *device = STRATA_DEVICE;
	struct profiles all;
	unsigned int i;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'd')
			return profile_bad_option(argv, "list");
		device = optarg;
	}
	if (optind < argc) {
		err("'%s' is no option; see 'strata help list'", argv[optind]);
		return STATUS_USAGE;
	}
	if (profiles_open(device, &choice, &all))
		return STATUS_HOST_ERROR;
	printf("%6s %8s %-16s %5s %14s %8s\n", "VM", "PID", "PROGRAM", "VCPU", "EXITS", "GUEST");
	for (i = 0; i < all.nr; i++) {
		struct profiles one = { .v = &all.v[i], .nr = 1 };
		struct profile_sum sum;
		__u64 whole;
		char name[17];

		profiles_sum(&one, &sum);
		whole = sum.guest + sum.all.ticks;
		command_name(name, sizeof(name), one.v->id.pid);
		printf("%6u %8d %-16s %5u %14llu %7.2f%%\n", one.v->id.vm, one.v->id.pid, name,
		       one.v->id.vcpu, (unsigned long long)sum.all.count,
		       percent(sum.guest, whole));
	}
	profiles_close(&all);
	control_list();
	return 0;
}

struct request {
	struct profile_choice choice;
	const char *device, *reason;
	double diff;
	int show;
	bool calibrate;
};

static int show(const struct request *q)
{
	struct profile_sum sum, before;
	struct profiles ps;
	double hardware = 0;

	if (profiles_open_some(q->device, &q->choice, &ps))
		return STATUS_HOST_ERROR;
	profiles_sum(&ps, &sum);
	if (q->reason && profile_find_reason(&sum, q->reason) < 0) {
		err("there is no exit reason '%s'; 'strata stat' shows those that happened",
		    q->reason);
		profiles_close(&ps);
		return STATUS_USAGE;
	}
	if (q->diff > 0) {
		before = sum;
		sleep_seconds(q->diff);
		profiles_sum(&ps, &sum);
		profile_sum_subtract(&sum, &before);
	}
	profiles_close(&ps);
	if (q->calibrate && calibrate_switch(q->device, &hardware))
		return STATUS_HOST_ERROR;
	if (q->show == SHOW_JSON)
		profile_print_json(&sum, hardware);
	else if (q->show == SHOW_HIST)
		profile_print_hist(&sum, q->reason);
	else
		profile_print_table(&sum, hardware);
	return 0;
}

/* What stat and hist have in common. 0, or a status with a message. */
static int parse(int argc, char **argv, const char *command, struct request *q)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "vcpu", required_argument, NULL, 'v' },
		{ "diff", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "calibrate", no_argument, NULL, 'c' },
		{ 0 }
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			q->device = optarg;
			break;
		case 'v':
			if (profile_parse_vcpu(optarg, &q->choice))
				return STATUS_USAGE;
			break;
		case 'i':
			if (!parse_seconds(optarg, 1e-9, &q->diff))
				break;
			err("--diff needs a number of seconds, not '%s'", optarg);
			return STATUS_USAGE;
		case 'j':
			if (q->show == SHOW_TABLE) {
				q->show = SHOW_JSON;
				break;
			}
			return profile_bad_option(argv, command);
		case 'c':
			q->calibrate = q->show != SHOW_HIST;
			if (q->calibrate)
				break;
			/* fallthrough */
		default:
			return profile_bad_option(argv, command);
		}
	}
	if (optind == argc) {
		err("which VM? 'strata list' shows them; see 'strata help %s'", command);
		return STATUS_USAGE;
	}
	if (profile_parse_vm(argv[optind++], &q->choice))
		return STATUS_USAGE;
	if (q->show == SHOW_HIST && optind < argc)
		q->reason = argv[optind++];
	if (optind < argc) {
		err("'%s' is too much; see 'strata help %s'", argv[optind], command);
		return STATUS_USAGE;
	}
	return 0;
}

int cmd_stat(int argc, char **argv)
{
	struct request q = { .choice.vcpu = -1, .device = STRATA_DEVICE, .show = SHOW_TABLE };
	int r = parse(argc, argv, "stat", &q);

	return r ? r : show(&q);
}

int cmd_hist(int argc, char **argv)
{
	struct request q = { .choice.vcpu = -1, .device = STRATA_DEVICE, .show = SHOW_HIST };
	int r = parse(argc, argv, "hist", &q);

	return r ? r : show(&q);
}
