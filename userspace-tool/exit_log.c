// SPDX-License-Identifier: GPL-2.0
/*
 * --last-exits: all exits of a vCPU that came last, also those that the hypervisor has
 * answered by itself. strata keeps them beside the vCPU's profile while somebody asks for
 * that, which costs each exit some hundred instructions more.
 */

#include "launcher.h"
#include "profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHOWN	24

static size_t profile_size(void)
{
	return (sizeof(struct strata_profile) + SZ_4K - 1) & ~(SZ_4K - 1);
}

/* This process's own view of the pages, from which the number of the VM comes. */
static int open_one(struct vcpu *vcpu)
{
	struct strata_profile_id id = { .vcpu = vcpu->id };
	const struct strata_profile *p;

	p = mmap(NULL, profile_size(), PROT_READ, MAP_SHARED, vcpu->fd, STRATA_PROFILE_OFFSET);
	if (p == MAP_FAILED || p->magic != STRATA_PROFILE_MAGIC ||
	    p->version != STRATA_PROFILE_VERSION || p->last_size != sizeof(p->last[0])) {
		if (p != MAP_FAILED)
			munmap((void *)p, profile_size());
		err("%s keeps no last exits: it is not strata's, or another version's; leave out "
		    "--last-exits", vcpu->vm->opt->device);
		return -1;
	}
	vcpu->exit_log = p;
	id.vm = p->vm;
	vcpu->exit_log_fd = ioctl(vcpu->vm->dev_fd, STRATA_PROFILE_OPEN, &id);
	if (vcpu->exit_log_fd >= 0 && !ioctl(vcpu->exit_log_fd, STRATA_PROFILE_COUNT_KEYS, 0))
		return 0;
	err("cannot have the last exits of vCPU %u kept: %s", vcpu->id, strerror(errno));
	return -1;
}

/**
 * exit_log_open() - keep the last exits from now on, if that was asked for
 * @vm: its vCPUs are made
 *
 * exit_log_close() undoes it, also when it fails.
 */
int exit_log_open(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vm->vcpus[i].exit_log_fd = -1;
	for (i = 0; vm->opt->last_exits && i < vm->nr_vcpus; i++)
		if (open_one(&vm->vcpus[i]))
			return -1;
	return 0;
}

void exit_log_close(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		if (!vm->vcpus[i].exit_log)
			continue;
		munmap((void *)vm->vcpus[i].exit_log, profile_size());
		if (vm->vcpus[i].exit_log_fd >= 0)
			close(vm->vcpus[i].exit_log_fd);
	}
}

static void print_one(const struct vcpu *vcpu, const struct strata_profile_last *l, __u64 moved)
{
	const struct symbols *symbols = &vcpu->vm->opt->symbols;
	const struct symbol *s = symbols_find(symbols, l->rip - moved);
	const char *name = l->reason < STRATA_MAX_EXIT_REASONS ?
			   vcpu->exit_log->reason_name[l->reason] : "?";
	char text[64];

	fprintf(stderr, "    %-14.*s at %016llx", STRATA_PROFILE_NAME, name,
		(unsigned long long)l->rip);
	if (s)
		fprintf(stderr, " %s+0x%llx", s->name,
			(unsigned long long)(l->rip - moved - s->address));
	fprintf(stderr, ", %s\n", profile_detail(text, sizeof(text), l->reason, l->detail));
}

/**
 * exit_log_print() - the last exits, the oldest first
 * @vcpu: does not run
 * @moved: how far the guest's kernel lies from where its symbols say
 */
void exit_log_print(const struct vcpu *vcpu, __u64 moved)
{
	const struct strata_profile *p = vcpu->exit_log;
	__u64 n, i;

	if (!p)
		return;
	n = __atomic_load_n(&p->nr_noted, __ATOMIC_ACQUIRE);
	fprintf(stderr, "  its last exits, of %llu:\n", (unsigned long long)n);
	for (i = n > SHOWN ? n - SHOWN : 0; i < n; i++)
		print_one(vcpu, &p->last[i % STRATA_PROFILE_LAST], moved);
}
