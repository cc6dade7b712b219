// SPDX-License-Identifier: GPL-2.0
/*
 * --last-exits: all exits of a vCPU that came last, also those that the hypervisor has
 * answered by itself. strata keeps them beside the vCPU's profile while somebody asks for
 * that, which costs each exit some hundred instructions more.
 */

#include "launcher.h"
#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHOWN	24

/**
 * exit_log_open() - keep the last exits from now on, if that was asked for
 * @vm: its vCPUs are made
 *
 * exit_log_close() undoes it, also when it fails.
 */
int exit_log_open(struct vm *vm)
{
	const struct profile_choice ours = { .pid = getpid(), .vcpu = -1, .keys = true };
	const struct strata_profile *p;

	if (!vm->opt->last_exits)
		return 0;
	vm->exit_log = calloc(1, sizeof(*vm->exit_log));
	if (!vm->exit_log || profiles_open_some(vm->opt->device, &ours, vm->exit_log))
		return -1;
	p = vm->exit_log->v[0].p;
	if (p->header_size >= offsetof(struct strata_profile, part_name) &&
	    p->last_size >= sizeof(struct strata_profile_last) && p->nr_last >= SHOWN &&
	    p->last_offset + (__u64)p->nr_last * p->last_size <= p->size)
		return 0;
	err("%s keeps no last exits, for its strata is older; leave out --last-exits",
	    vm->opt->device);
	return -1;
}

void exit_log_close(struct vm *vm)
{
	if (vm->exit_log)
		profiles_close(vm->exit_log);
	free(vm->exit_log);
}

static void print_one(const struct symbols *symbols, const struct strata_profile *p, __u64 n,
		      __u64 moved)
{
	const struct strata_profile_last *l = (const void *)((const char *)p + p->last_offset +
							     n % p->nr_last * p->last_size);
	const struct symbol *s = symbols_find(symbols, l->rip - moved);
	const char *name = l->reason < p->nr_reasons ?
			   (const char *)p + p->names_offset + l->reason * STRATA_PROFILE_NAME : "?";
	char text[64];

	fprintf(stderr, "    %-14.*s at %016llx", STRATA_PROFILE_NAME, name,
		(unsigned long long)l->rip);
	if (s)
		fprintf(stderr, " %s+0x%llx", s->name,
			(unsigned long long)(l->rip - moved - s->address));
	fprintf(stderr, ", %s\n", profile_detail(text, sizeof(text), l->reason, l->detail));
}

static const struct strata_profile *profile_of(const struct vcpu *vcpu)
{
	const struct profiles *all = vcpu->vm->exit_log;
	unsigned int i;

	for (i = 0; all && i < all->nr; i++)
		if (all->v[i].id.vcpu == vcpu->id)
			return all->v[i].p;
	return NULL;
}

/**
 * exit_log_print() - the last exits, the oldest first
 * @vcpu: does not run
 * @moved: how far the guest's kernel lies from where its symbols say
 */
void exit_log_print(const struct vcpu *vcpu, __u64 moved)
{
	const struct strata_profile *p = profile_of(vcpu);
	__u64 n, i;

	if (!p)
		return;
	n = __atomic_load_n(&p->nr_noted, __ATOMIC_ACQUIRE);
	fprintf(stderr, "  its last exits, of %llu:\n", (unsigned long long)n);
	for (i = n > SHOWN ? n - SHOWN : 0; i < n; i++)
		print_one(&vcpu->vm->opt->symbols, p, i, moved);
}
