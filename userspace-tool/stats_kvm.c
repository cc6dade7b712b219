// SPDX-License-Identifier: GPL-2.0
/* What KVM tells of a run: its binary statistics (KVM_GET_STATS_FD). */

#include "launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_STATS	256
#define MAX_NAME	64

struct stat_value {
	char name[MAX_NAME];
	__u64 value;
};

struct stat_table {
	struct stat_value value[MAX_STATS];
	unsigned int nr;
};

static void add_value(struct stat_table *t, const char *name, __u64 value)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (!strcmp(t->value[i].name, name))
			break;
	if (i == MAX_STATS)
		return;
	if (i == t->nr) {
		snprintf(t->value[i].name, MAX_NAME, "%s", name);
		t->value[i].value = 0;
		t->nr++;
	}
	t->value[i].value += value;
}

static __u64 value_of(const struct stat_table *t, const char *name)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (!strcmp(t->value[i].name, name))
			return t->value[i].value;
	return 0;
}

static bool read_at(int fd, void *buf, size_t len, __u64 offset)
{
	return pread(fd, buf, len, offset) == (ssize_t)len;
}

/* Add up one vCPU's cumulative counters; other kinds do not add up. */
static bool read_kvm_stats(int fd, struct stat_table *t)
{
	struct kvm_stats_header head;
	struct kvm_stats_desc *desc;
	size_t desc_len;
	bool ok = true;
	__u32 i;

	if (!read_at(fd, &head, sizeof(head), 0) || head.name_size > 4096)
		return false;
	desc_len = sizeof(*desc) + head.name_size;
	desc = calloc(1, desc_len + 1);
	if (!desc)
		return false;
	for (i = 0; i < head.num_desc && ok; i++) {
		__u64 value;

		ok = read_at(fd, desc, desc_len, head.desc_offset + (__u64)i * desc_len) &&
		     read_at(fd, &value, sizeof(value), head.data_offset + (__u64)desc->offset);
		if (ok && (desc->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE &&
		    (desc->flags & KVM_STATS_UNIT_MASK) == KVM_STATS_UNIT_NONE && desc->size == 1)
			add_value(t, desc->name, value);
	}
	free(desc);
	return ok;
}

static bool collect_kvm_stats(struct vm *vm, struct stat_table *t)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		int fd = ioctl(vm->vcpus[i].fd, KVM_GET_STATS_FD, 0);
		bool ok;

		if (fd < 0)
			return false;
		ok = read_kvm_stats(fd, t);
		close(fd);
		if (!ok)
			return false;
	}
	return true;
}

/**
 * stats_print_kvm() - print KVM's binary statistics
 *
 * Return: false, with nothing printed, when the device has none.
 */
bool stats_print_kvm(struct vm *vm)
{
	struct stat_table *t = calloc(1, sizeof(*t));
	unsigned int i;
	bool ok;

	ok = t && collect_kvm_stats(vm, t);
	if (ok) {
		fprintf(stderr, "exits: %llu\n", (unsigned long long)value_of(t, "exits"));
		fprintf(stderr, "nested faults: %llu\n",
			(unsigned long long)value_of(t, "pf_taken"));
		fprintf(stderr, "the hypervisor's counters, all vCPUs:\n");
		for (i = 0; i < t->nr; i++)
			if (t->value[i].value)
				fprintf(stderr, "  %-28s %12llu\n", t->value[i].name,
					(unsigned long long)t->value[i].value);
	}
	free(t);
	return ok;
}
