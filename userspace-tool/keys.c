// SPDX-License-Identifier: GPL-2.0
/* strata keys: which ports, MSRs, pages and instructions a VM's exits are about. */

#include "profile.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct key {
	__u32 reason, kind;
	__u64 key, count, missed, ticks;
};

struct keys {
	struct key *v;
	unsigned int nr;
};

/* One place of the table, as it is at one moment. */
static bool read_key(const volatile struct strata_profile_key *from, struct key *to)
{
	__u32 seq;

	do {
		seq = from->seq;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		to->reason = from->reason;
		to->kind = from->kind;
		to->key = from->key;
		to->count = from->count;
		to->missed = from->missed;
		to->ticks = from->ticks;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((seq & 1) || from->seq != seq);
	return to->count;
}

static int by_identity(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->reason != y->reason)
		return x->reason < y->reason ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Of all vCPUs, one entry for each key, in the order of by_identity(). */
static int read_keys(const struct profiles *ps, struct keys *out)
{
	unsigned int i, n, room = 0, nr = 0;

	for (i = 0; i < ps->nr; i++)
		room += ps->v[i].p->nr_keys;
	out->v = calloc(room + 1, sizeof(*out->v));
	if (!out->v) {
		err("out of memory");
		return -1;
	}
	for (i = 0; i < ps->nr; i++) {
		const struct strata_profile *p = ps->v[i].p;
		const char *at = (const char *)p + p->keys_offset;

		for (n = 0; n < p->nr_keys; n++, at += p->key_size)
			if (read_key((const void *)at, &out->v[nr]))
				nr++;
	}
	qsort(out->v, nr, sizeof(*out->v), by_identity);
	out->nr = 0;
	for (i = 0; i < nr; i++) {
		struct key *last = out->nr ? &out->v[out->nr - 1] : NULL;

		if (!last || by_identity(last, &out->v[i])) {
			out->v[out->nr++] = out->v[i];
			continue;
		}
		last->count += out->v[i].count;
		last->missed += out->v[i].missed;
		last->ticks += out->v[i].ticks;
	}
	return 0;
}

/*
 * What came since @before. A key that lost its place meanwhile and got it again has
 * begun anew: then all of it came since.
 */
static void subtract(struct keys *keys, const struct keys *before)
{
	unsigned int i, n = 0;

	for (i = 0; i < keys->nr; i++) {
		struct key k = keys->v[i];
		const struct key *old = bsearch(&k, before->v, before->nr, sizeof(k), by_identity);

		if (old && old->count <= k.count && old->missed == k.missed) {
			k.count -= old->count;
			k.ticks -= old->ticks;
			k.missed = 0;
		}
		if (k.count)
			keys->v[n++] = k;
	}
	keys->nr = n;
}

static int by_count(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return by_identity(a, b);
}

/**
 * profile_detail() - what an exit was about, in words
 * @reason: of the exit
 * @detail: a key of STRATA_KEY_DETAIL, or that of one of the last exits
 *
 * Return: @to.
 */
const char *profile_detail(char *to, size_t size, __u32 reason, __u64 detail)
{
	unsigned long long key = detail;

	switch (reason) {
	case STRATA_EXIT_PIO:
		snprintf(to, size, "port 0x%llx", key);
		break;
	case STRATA_EXIT_MSR_READ:
	case STRATA_EXIT_MSR_WRITE:
		snprintf(to, size, "msr 0x%llx", key);
		break;
	case STRATA_EXIT_CPUID:
		snprintf(to, size, "leaf 0x%x, ecx 0x%x", (__u32)key, (__u32)(key >> 32));
		break;
	case STRATA_EXIT_HYPERCALL:
		snprintf(to, size, "number %llu", key);
		break;
	case STRATA_EXIT_NESTED_FAULT:
	case STRATA_EXIT_MMIO:
		snprintf(to, size, "%s 0x%llx", key % 4096 ? "address" : "page", key);
		break;
	default:
		snprintf(to, size, "0x%llx", key);
	}
	return to;
}

static const char *describe(const struct key *k, char *to, size_t size)
{
	if (k->kind != STRATA_KEY_RIP)
		return profile_detail(to, size, k->reason, k->key);
	snprintf(to, size, "rip 0x%llx", (unsigned long long)k->key);
	return to;
}

struct request {
	struct profile_choice choice;
	const char *device, *reason;
	double seconds;
	unsigned int top;
	bool json;
};

/* The most frequent of one reason and kind. */
static void print_some(const struct request *q, const struct profile_sum *sum,
		       const struct keys *keys, unsigned int reason, unsigned int kind)
{
	const struct profile_reason *r = &sum->reason[reason];
	char text[64], each[16], missed[24];
	unsigned int i, shown = 0;

	for (i = 0; i < keys->nr && shown < q->top; i++) {
		const struct key *k = &keys->v[i];

		if (k->reason != reason || k->kind != kind)
			continue;
		shown++;
		profile_duration(each, sizeof(each), k->ticks / k->count, sum->tsc_khz);
		missed[0] = '\0';
		if (k->missed)
			snprintf(missed, sizeof(missed), "+%llu", (unsigned long long)k->missed);
		printf("%-18s %-30s %10llu %-8s %6.2f%% %10s\n", r->name,
		       describe(k, text, sizeof(text)), (unsigned long long)k->count, missed,
		       percent(k->count, r->count), each);
	}
}

static void print_table(const struct request *q, const struct profile_sum *sum,
			const struct keys *keys)
{
	unsigned int i;

	printf("%-18s %-30s %10s %-8s %7s %10s\n", "exit reason", "what", "count", "missed",
	       "share", "mean");
	for (i = 0; i < sum->nr_reasons; i++) {
		if (q->reason && strcmp(q->reason, sum->reason[i].name))
			continue;
		print_some(q, sum, keys, i, STRATA_KEY_DETAIL);
		print_some(q, sum, keys, i, STRATA_KEY_RIP);
	}
}

static void print_json(const struct request *q, const struct profile_sum *sum,
		       const struct keys *keys)
{
	const char *comma = "";
	unsigned int i;

	printf("{\"tsc_khz\": %u, \"keys\": [", sum->tsc_khz);
	for (i = 0; i < keys->nr; i++) {
		const struct key *k = &keys->v[i];

		if (k->reason >= sum->nr_reasons)
			continue;
		if (q->reason && strcmp(q->reason, sum->reason[k->reason].name))
			continue;
		printf("%s\n {\"reason\": \"%s\", \"kind\": \"%s\", \"key\": %llu, \"count\": %llu, "
		       "\"missed\": %llu, \"ticks\": %llu}", comma, sum->reason[k->reason].name,
		       k->kind == STRATA_KEY_RIP ? "rip" : "detail", (unsigned long long)k->key,
		       (unsigned long long)k->count, (unsigned long long)k->missed,
		       (unsigned long long)k->ticks);
		comma = ",";
	}
	printf("\n]}\n");
}

static int show(const struct request *q)
{
	struct profile_sum *sum = calloc(2, sizeof(*sum));
	struct keys keys = { 0 }, before = { 0 };
	struct profiles ps;
	int status = STATUS_HOST_ERROR;

	if (!sum) {
		err("out of memory");
		return status;
	}
	if (profiles_open_some(q->device, &q->choice, &ps))
		goto free;
	profiles_sum(&ps, &sum[1]);
	if (q->reason && profile_find_reason(&sum[1], q->reason) < 0) {
		err("there is no exit reason '%s'; 'strata stat' shows those that happened",
		    q->reason);
		status = STATUS_USAGE;
		goto close;
	}
	if (read_keys(&ps, &before))
		goto close;
	sleep_seconds(q->seconds);
	if (read_keys(&ps, &keys))
		goto close;
	profiles_sum(&ps, &sum[0]);
	profile_sum_subtract(&sum[0], &sum[1]);
	subtract(&keys, &before);
	qsort(keys.v, keys.nr, sizeof(*keys.v), by_count);
	if (q->json)
		print_json(q, &sum[0], &keys);
	else
		print_table(q, &sum[0], &keys);
	status = 0;
close:
	free(before.v);
	free(keys.v);
	profiles_close(&ps);
free:
	free(sum);
	return status;
}

int cmd_keys(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "vcpu", required_argument, NULL, 'v' },
		{ "seconds", required_argument, NULL, 's' },
		{ "top", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 }
	};
	struct request q = {
		.choice = { .vcpu = -1, .keys = true }, .device = STRATA_DEVICE,
		.seconds = 5, .top = 10,
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			q.device = optarg;
			break;
		case 'v':
			if (profile_parse_vcpu(optarg, &q.choice))
				return STATUS_USAGE;
			break;
		case 's':
			if (!parse_seconds(optarg, 1e-9, &q.seconds))
				break;
			err("--seconds needs a number of seconds, not '%s'", optarg);
			return STATUS_USAGE;
		case 't':
			if (!parse_number(optarg, 1000, &q.top))
				break;
			err("--top needs a number from 1 to 1000, not '%s'", optarg);
			return STATUS_USAGE;
		case 'j':
			q.json = true;
			break;
		default:
			return profile_bad_option(argv, "keys");
		}
	}
	if (optind == argc || argc - optind > 2) {
		err("keys takes a VM and at most one exit reason; see 'strata help keys'");
		return STATUS_USAGE;
	}
	if (profile_parse_vm(argv[optind], &q.choice))
		return STATUS_USAGE;
	if (optind + 1 < argc)
		q.reason = argv[optind + 1];
	return show(&q);
}
