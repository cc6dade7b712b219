/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fuzzing: a VM with two vCPUs in random state that run random code, and
 * random things to do to it. Which ones follows from the seed of each thread.
 */
#ifndef STRATA_FUZZ_H
#define STRATA_FUZZ_H

#include "testlib.h"

#define HOLE		0x40000000ul	/* no slot, but mapped by the guest */
#define EXTRA		0x50000000ul	/* where slots come and go */
#define EXTRA_SIZE	(64 * PAGE_SIZE)
#define IOAPIC		0xfec00000ul
#define CODE_SIZE	(2 * PAGE_SIZE)

struct fuzz {
	struct vm *vm;
	struct vcpu *vcpu[2];
	struct kvm_sregs good_sregs[2];
	uint64_t code;			/* guest physical = guest virtual */
	uint8_t *pool;			/* host memory for slots at EXTRA */
	int event;
	bool shared;			/* other threads change the VM meanwhile */
};

/* fuzz_guest.c */
extern volatile uint64_t fuzz_guest_seed;
void fuzz_guest(uint64_t arg);

/* fuzz.c */
void fuzz_seed(uint64_t seed);
struct fuzz *fuzz_create(uint64_t seed);
void fuzz_free(struct fuzz *r);
void fuzz_repair(struct fuzz *r, int i);
void fuzz_run(struct vcpu *vcpu);
void fuzz_vcpu_step(struct fuzz *r, int i);
void fuzz_vm_step(struct fuzz *r);
bool fuzz_report(void);
void fuzz_another_vm_works(void);
uint64_t fuzz_env(const char *name, uint64_t otherwise);

#endif
