// SPDX-License-Identifier: GPL-2.0
/*
 * Keys: a small table beside the profile, in the same pages, of what the exits of each
 * reason were about: uapi/strata.h has its layout.
 *
 * A key has a set of places that its hash chooses. Where none is free or its own it
 * takes the place of the least frequent one there, with that one's count as what it
 * may have missed: so whatever is frequent stays, and a count is exact where nothing
 * was missed. It costs more than the profile, so it is counted only while somebody
 * holds STRATA_PROFILE_COUNT_KEYS.
 *
 * Only the vCPU's own thread writes, under the vCPU's mutex.
 */
#include <linux/hash.h>
#include <linux/mm.h>

#include "keys.h"

#define WAYS	8

/**
 * strata_keys_detail - what of an exit a reader wants to know besides its reason
 * @vcpu: has just exited; nothing has changed its registers, exit.info1 is valid
 */
u64 strata_keys_detail(const struct strata_vcpu *vcpu)
{
	const struct strata_exit *e = &vcpu->exit;

	switch (e->id) {
	case STRATA_EXIT_PIO:
		return e->pio.port;
	case STRATA_EXIT_MSR_READ:
	case STRATA_EXIT_MSR_WRITE:
		return (u32)vcpu->regs[STRATA_RCX];
	case STRATA_EXIT_CPUID:
		return (u32)vcpu->regs[STRATA_RAX] | (u64)(u32)vcpu->regs[STRATA_RCX] << 32;
	case STRATA_EXIT_HYPERCALL:
		return vcpu->regs[STRATA_RAX];
	case STRATA_EXIT_NESTED_FAULT:
		return e->fault.gpa;
	default:
		return e->info1;
	}
}

/* The key that a detail is counted under. False: the reason has none. */
static bool key_of(u32 reason, u64 detail, u64 *key)
{
	switch (reason) {
	case STRATA_EXIT_CPUID:
	case STRATA_EXIT_PIO:
	case STRATA_EXIT_MSR_READ:
	case STRATA_EXIT_MSR_WRITE:
	case STRATA_EXIT_HYPERCALL:
		*key = detail;
		return true;
	case STRATA_EXIT_NESTED_FAULT:
	case STRATA_EXIT_MMIO:
		*key = detail & PAGE_MASK;
		return true;
	default:
		return false;
	}
}

static void replace(struct strata_profile_key *k, u32 reason, u32 kind, u64 key)
{
	u64 missed = k->missed + k->count;

	WRITE_ONCE(k->seq, k->seq + 1);
	/* A reader of what follows sees the odd number, too, and reads again. */
	smp_wmb();
	WRITE_ONCE(k->reason, reason);
	WRITE_ONCE(k->kind, kind);
	WRITE_ONCE(k->key, key);
	WRITE_ONCE(k->count, 0);
	WRITE_ONCE(k->missed, missed);
	WRITE_ONCE(k->ticks, 0);
	/* And of the even one, what precedes. */
	smp_wmb();
	WRITE_ONCE(k->seq, k->seq + 1);
}

static void count(struct strata_profile *p, u32 reason, u32 kind, u64 key, u64 ticks)
{
	u32 set = hash_64(key ^ hash_64(reason << 8 | kind, 64),
			  ilog2(STRATA_PROFILE_KEYS / WAYS)) * WAYS;
	struct strata_profile_key *k = &p->key[set], *least = k;

	for (; k < &p->key[set + WAYS]; k++) {
		if (k->count && k->key == key && k->reason == reason && k->kind == kind)
			goto found;
		if (k->count + k->missed < least->count + least->missed)
			least = k;
	}
	k = least;
	replace(k, reason, kind, key);
found:
	WRITE_ONCE(k->ticks, k->ticks + ticks);
	WRITE_ONCE(k->count, k->count + 1);
}

/**
 * strata_keys_last - an exit has come, and may be the last one
 * @vcpu: its thread; has just exited, exit.info1 is valid
 * @detail: strata_keys_detail() of it
 */
void strata_keys_last(struct strata_vcpu *vcpu, u64 detail)
{
	struct strata_profile *p = vcpu->profile;
	struct strata_profile_last *l = &p->last[p->nr_noted % STRATA_PROFILE_LAST];

	*l = (struct strata_profile_last){
		.reason = vcpu->exit.id,
		.hw_code = vcpu->exit.hw_code,
		.rip = vcpu->rip,
		.detail = detail,
		.info = vcpu->exit.info1,
		.tsc = vcpu->t_exit,
	};
	/* Pairs with a reader's barrier after it has read the number. */
	smp_store_release(&p->nr_noted, p->nr_noted + 1);
}

/**
 * strata_keys_count - an exit has been handled
 * @vcpu: its thread; exit.id is the reason
 * @rip: where the guest was
 * @detail: strata_keys_detail() at the exit
 * @ticks: what it took
 */
void strata_keys_count(struct strata_vcpu *vcpu, u64 rip, u64 detail, u64 ticks)
{
	u32 reason = vcpu->exit.id;
	u64 key;

	count(vcpu->profile, reason, STRATA_KEY_RIP, rip, ticks);
	if (key_of(reason, detail, &key))
		count(vcpu->profile, reason, STRATA_KEY_DETAIL, key, ticks);
}
