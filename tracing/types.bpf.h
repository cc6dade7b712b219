/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's names of types, for the events' arguments. All of them are scalars, so
 * that no other type of the kernel is needed, nor the module's BTF.
 */
#ifndef STRATA_TYPES_BPF_H
#define STRATA_TYPES_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "events.gen.h"

/* Of 0 it is 0, as in the profile. */
static __always_inline u32 log2_of(u64 v)
{
	u32 r = 0;

	if (v >> 32) {
		v >>= 32;
		r += 32;
	}
	if (v >> 16) {
		v >>= 16;
		r += 16;
	}
	if (v >> 8) {
		v >>= 8;
		r += 8;
	}
	if (v >> 4) {
		v >>= 4;
		r += 4;
	}
	if (v >> 2) {
		v >>= 2;
		r += 2;
	}
	return r + (v >> 1);
}

/* Nothing is lost silently: what found no room is counted here. */
__u64 lost = 0;

static __always_inline void count_lost(void)
{
	__sync_fetch_and_add(&lost, 1);
}

/* Which events the user wants to know of. */
const volatile __u32 only_vm = 0;
const volatile __s64 only_vcpu = -1;
const volatile __s64 only_reason = -1;

static __always_inline bool wanted(u32 vm, u32 vcpu)
{
	return (!only_vm || only_vm == vm) && (only_vcpu < 0 || only_vcpu == vcpu);
}

#endif /* STRATA_TYPES_BPF_H */
