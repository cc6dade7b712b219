/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk of a guest's own page tables: guest-virtual to guest-physical.
 *
 * Pure code. All four formats: 32-bit (with PSE and PSE-36), PAE, 4-level and
 * 5-level; accessed and dirty bits are set as hardware does.
 */
#ifndef STRATA_GPWALK_H
#define STRATA_GPWALK_H

#include "pure.h"
#include "types.h"

/* Bits of a page-fault error code. */
#define STRATA_PF_PRESENT	BIT(0)
#define STRATA_PF_WRITE		BIT(1)
#define STRATA_PF_USER		BIT(2)
#define STRATA_PF_RSVD		BIT(3)
#define STRATA_PF_FETCH		BIT(4)
#define STRATA_PF_PK		BIT(5)

/**
 * enum strata_gpwalk_rc - outcome of a walk
 * @STRATA_GPWALK_OK: the result holds the address
 * @STRATA_GPWALK_FAULT: the result holds the error code of the #PF
 * @STRATA_GPWALK_NO_TABLE: a table lies where there is no memory;
 *	the result's gpa is the address of the entry
 * @STRATA_GPWALK_RETRY: the tables change all the time; re-enter the guest
 */
enum strata_gpwalk_rc {
	STRATA_GPWALK_OK,
	STRATA_GPWALK_FAULT,
	STRATA_GPWALK_NO_TABLE,
	STRATA_GPWALK_RETRY,
};

struct strata_gpwalk;

/**
 * struct strata_gpwalk_ops - access to the tables
 * @read: read the entry of @size (4 or 8) bytes at @gpa, which is aligned; 0,
 *	or negative where there is no memory
 * @cas: replace @old by @new: 0 done, 1 the entry is no longer @old,
 *	negative where it cannot be written: the walk then goes on without
 *	setting the bit
 */
struct strata_gpwalk_ops {
	int (*read)(const struct strata_gpwalk *w, u64 gpa, unsigned int size,
		    u64 *entry);
	int (*cas)(const struct strata_gpwalk *w, u64 gpa,
		   unsigned int size, u64 old, u64 new);
};

/**
 * struct strata_gpwalk - what a walk depends on
 * @ops: access to the tables
 * @cr0: CR0 (PG, WP)
 * @cr3: CR3
 * @cr4: CR4 (PSE, PAE, LA57, SMEP, SMAP, PKE)
 * @efer: EFER (LMA, NXE)
 * @rflags: RFLAGS (AC)
 * @pkru: PKRU, read if CR4.PKE is set
 * @maxphyaddr: the guest's physical address width: bits above are reserved
 * @gbpages: the guest has 1 GiB pages
 *
 * The caller may embed it to find its own data from an operation.
 */
struct strata_gpwalk {
	const struct strata_gpwalk_ops *ops;
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 rflags;
	u32 pkru;
	u8 maxphyaddr;
	bool gbpages;
};

#define STRATA_GPWALK_LEVELS	5

/**
 * struct strata_gpwalk_result - what a walk found
 * @gpa: guest-physical address
 * @error_code: of the #PF, on STRATA_GPWALK_FAULT
 * @nr: how many entries were read
 * @entry_gpa: where each was, from the root down
 * @entry: and its value, with the bits that the walk has set
 */
struct strata_gpwalk_result {
	u64 gpa;
	u32 error_code;
	u8 nr;
	u64 entry_gpa[STRATA_GPWALK_LEVELS];
	u64 entry[STRATA_GPWALK_LEVELS];
};

/**
 * strata_gpwalk() - translate a linear address by the guest's tables
 * @w: the guest's state
 * @va: linear address, canonical; its upper half is ignored outside long mode
 * @access: STRATA_ACC_WRITE, _FETCH, _USER, _IMPLICIT
 * @res: out
 *
 * With paging off this is the identity on 32 bits. In PAE mode the four
 * top-level entries are read from memory, as SVM does with nested paging.
 * References: AMD64 APM volume 2 chapter 5; Intel SDM volume 3 chapter 4.
 *
 * Return: enum strata_gpwalk_rc
 */
int strata_gpwalk(const struct strata_gpwalk *w, u64 va, u32 access,
		  struct strata_gpwalk_result *res);

#endif /* STRATA_GPWALK_H */
