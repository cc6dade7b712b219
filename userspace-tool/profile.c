// SPDX-License-Identifier: GPL-2.0
/*
 * Finding, mapping and adding up the profiles of vCPUs. The layout is taken from
 * their headers, so that a newer strata's are read as well.
 */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* All that the caller may see. NULL, with a message, where that cannot be told. */
static struct strata_profile_list *get_list(int fd, const char *device)
{
	struct strata_profile_list *l;
	unsigned int room = 64;

	for (;;) {
		l = calloc(1, sizeof(*l) + room * sizeof(l->id[0]));
		if (!l) {
			err("out of memory");
			return NULL;
		}
		l->nr = room;
		if (!ioctl(fd, STRATA_PROFILE_LIST, l))
			return l;
		if (errno != E2BIG)
			break;
		/* VMs may be made meanwhile. */
		room = l->nr + 16;
		free(l);
	}
	if (errno == ENOTTY)
		err("%s has no profiles: it is not strata's, or its strata is older", device);
	else
		err("%s: the list of vCPUs: %s", device, strerror(errno));
	free(l);
	return NULL;
}

static bool plausible(const struct strata_profile *p, size_t size)
{
	return p->magic == STRATA_PROFILE_MAGIC && p->version == STRATA_PROFILE_VERSION &&
	       p->size <= size &&
	       p->reasons_offset + (__u64)p->nr_reasons * p->reason_size <= p->size &&
	       p->names_offset + (__u64)p->nr_reasons * STRATA_PROFILE_NAME <= p->size &&
	       p->part_names_offset + (__u64)p->nr_parts * STRATA_PROFILE_NAME <= p->size &&
	       p->keys_offset + (__u64)p->nr_keys * p->key_size <= p->size &&
	       p->key_size >= sizeof(struct strata_profile_key) &&
	       p->hist_offset + (__u64)p->nr_buckets * sizeof(__u64) <= p->reason_size &&
	       p->part_offset + (__u64)p->nr_parts * sizeof(__u64) <= p->reason_size;
}

/* 0; 1 where the vCPU is gone by now; -1 with a message. */
static int map_one(int device, const struct strata_profile_id *id, bool keys,
		   struct profile *out)
{
	struct strata_profile_id what = { .vm = id->vm, .vcpu = id->vcpu };
	size_t page = sysconf(_SC_PAGESIZE), size;
	const struct strata_profile *p;
	int fd = ioctl(device, STRATA_PROFILE_OPEN, &what);

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0) {
		err("the profile of vCPU %u of VM %u: %s", id->vcpu, id->vm, strerror(errno));
		return -1;
	}
	/* The first page tells how many there are. */
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	size = (p->size + page - 1) / page * page;
	munmap((void *)p, page);
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	if (!plausible(p, size) || (keys && ioctl(fd, STRATA_PROFILE_COUNT_KEYS, 0))) {
		err("the profile of vCPU %u of VM %u is of a kind that this program does not know",
		    id->vcpu, id->vm);
		munmap((void *)p, size);
		close(fd);
		return -1;
	}
	if (!keys) {
		close(fd);
		fd = -1;
	}
	*out = (struct profile){ .id = *id, .p = p, .size = size, .fd = fd };
	return 0;
fail:
	err("mapping a profile: %s", strerror(errno));
	close(fd);
	return -1;
}

/**
 * profiles_open() - map the profiles of some vCPUs
 * @device: strata's device node
 * @choice: which of them
 * @ps: the result, for profiles_close(); none is no error
 *
 * Return: 0, or -1 with a message.
 */
int profiles_open(const char *device, const struct profile_choice *choice, struct profiles *ps)
{
	struct strata_profile_list *l;
	unsigned int i;
	int fd, r = -1;

	memset(ps, 0, sizeof(*ps));
	fd = device_open(device);
	if (fd < 0)
		return -1;
	l = get_list(fd, device);
	if (!l)
		goto out;
	ps->v = calloc(l->nr ? l->nr : 1, sizeof(*ps->v));
	if (!ps->v) {
		err("out of memory");
		goto out;
	}
	for (i = 0; i < l->nr; i++) {
		const struct strata_profile_id *id = &l->id[i];

		if ((choice->vm && id->vm != choice->vm) ||
		    (choice->pid && id->pid != choice->pid) ||
		    (choice->vcpu >= 0 && id->vcpu != choice->vcpu))
			continue;
		r = map_one(fd, id, choice->keys, &ps->v[ps->nr]);
		if (r < 0) {
			profiles_close(ps);
			goto out;
		}
		if (!r)
			ps->nr++;
	}
	r = 0;
out:
	free(l);
	close(fd);
	return r;
}

/**
 * profiles_open_some() - the same, where none is an error
 *
 * Return: 0, or -1 with a message.
 */
int profiles_open_some(const char *device, const struct profile_choice *choice,
		       struct profiles *ps)
{
	if (profiles_open(device, choice, ps))
		return -1;
	if (ps->nr)
		return 0;
	err("there is no such VM or vCPU, or it is another user's; 'strata list' shows them");
	profiles_close(ps);
	return -1;
}

void profiles_close(struct profiles *ps)
{
	unsigned int i;

	for (i = 0; i < ps->nr; i++) {
		munmap((void *)ps->v[i].p, ps->v[i].size);
		if (ps->v[i].fd >= 0)
			close(ps->v[i].fd);
	}
	free(ps->v);
	memset(ps, 0, sizeof(*ps));
}

static __u64 counter(const void *at)
{
	return *(const volatile __u64 *)at;
}

/* While the guest runs, the page has it less the TSC at the entry. */
static __u64 guest_ticks(const struct strata_profile *p)
{
	__u64 ticks = counter(&p->guest_ticks);

	return (__s64)ticks < 0 ? ticks + __builtin_ia32_rdtsc() : ticks;
}

static void add_reason(struct profile_reason *to, const struct strata_profile *p, const char *at,
		       unsigned int nr_parts, unsigned int nr_buckets)
{
	__u64 ticks = counter(at), max = counter(at + 8), parts = 0, n;
	unsigned int i;

	for (i = 0; i < nr_buckets; i++) {
		n = counter(at + p->hist_offset + i * sizeof(__u64));
		to->hist[i] += n;
		to->count += n;
	}
	for (i = 0; i < nr_parts; i++) {
		n = counter(at + p->part_offset + i * sizeof(__u64));
		to->part[i] += n;
		parts += n;
	}
	to->ticks += ticks;
	/* Parts are booked a moment before the whole. */
	to->kernel += ticks > parts ? ticks - parts : 0;
	if (max > to->max)
		to->max = max;
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/**
 * profiles_sum() - the sum of some vCPUs' profiles, as it is now
 */
void profiles_sum(const struct profiles *ps, struct profile_sum *sum)
{
	unsigned int i, n;

	memset(sum, 0, sizeof(*sum));
	strcpy(sum->all.name, "all exits");
	for (i = 0; i < ps->nr; i++) {
		const struct strata_profile *p = ps->v[i].p;
		const char *base = (const char *)p;

		sum->nr_vcpus++;
		sum->tsc_khz = p->tsc_khz;
		sum->nr_reasons = least(p->nr_reasons, MAX_REASONS);
		sum->nr_parts = least(p->nr_parts, MAX_PARTS);
		sum->nr_buckets = least(p->nr_buckets, MAX_BUCKETS);
		sum->guest += guest_ticks(p);
		sum->user_exits += counter(&p->user_exits);
		sum->switch_ticks += counter(&p->switch_ticks);
		sum->switches += counter(&p->switches);
		for (n = 0; n < sum->nr_parts; n++)
			memcpy(sum->part_name[n],
			       base + p->part_names_offset + n * STRATA_PROFILE_NAME,
			       STRATA_PROFILE_NAME - 1);
		for (n = 0; n < sum->nr_reasons; n++) {
			const char *at = base + p->reasons_offset + n * p->reason_size;

			memcpy(sum->reason[n].name,
			       base + p->names_offset + n * STRATA_PROFILE_NAME,
			       STRATA_PROFILE_NAME - 1);
			/* "none": the time before a vCPU's first entry. */
			if (!strcmp(sum->reason[n].name, "none"))
				continue;
			add_reason(&sum->reason[n], p, at, sum->nr_parts, sum->nr_buckets);
			add_reason(&sum->all, p, at, sum->nr_parts, sum->nr_buckets);
		}
	}
}

static void subtract(struct profile_reason *a, const struct profile_reason *b)
{
	unsigned int i;

	a->count -= b->count;
	a->ticks -= b->ticks;
	a->kernel -= b->kernel;
	for (i = 0; i < MAX_PARTS; i++)
		a->part[i] -= b->part[i];
	for (i = 0; i < MAX_BUCKETS; i++)
		a->hist[i] -= b->hist[i];
}

/**
 * profile_sum_subtract() - what came since an earlier sum of the same vCPUs
 *
 * The longest exits stay those since the beginning: their maximum only grows.
 */
void profile_sum_subtract(struct profile_sum *sum, const struct profile_sum *before)
{
	unsigned int n;

	sum->guest -= before->guest;
	sum->user_exits -= before->user_exits;
	for (n = 0; n < sum->nr_reasons; n++)
		subtract(&sum->reason[n], &before->reason[n]);
	subtract(&sum->all, &before->all);
}

/**
 * profile_quantile() - how long the shorter part of the exits took at most
 * @r: the reason
 * @nr_buckets: of its histogram
 * @q: the shorter part, 0 to 1
 *
 * Inside a bucket exits are taken to be spread evenly.
 *
 * Return: ticks; 0 where there is no exit.
 */
__u64 profile_quantile(const struct profile_reason *r, unsigned int nr_buckets, double q)
{
	double wanted = q * r->count, seen = 0;
	unsigned int i;

	for (i = 0; i < nr_buckets; i++) {
		if (r->hist[i] && seen + r->hist[i] >= wanted) {
			double low = i ? (double)(1ull << i) : 0, width = i ? low : 2;
			double at = low + width * (wanted - seen) / r->hist[i];

			return at < r->max ? at : r->max;
		}
		seen += r->hist[i];
	}
	return 0;
}
