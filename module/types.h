/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Small types that the vendors, the core and the pure parts share.
 */
#ifndef STRATA_TYPES_H
#define STRATA_TYPES_H

#include <linux/types.h>
#include <linux/kvm.h>
#include "../uapi/strata.h"

/* General purpose registers, numbered as instructions encode them. */
enum strata_reg {
	STRATA_RAX, STRATA_RCX, STRATA_RDX, STRATA_RBX,
	STRATA_RSP, STRATA_RBP, STRATA_RSI, STRATA_RDI,
	STRATA_R8, STRATA_R9, STRATA_R10, STRATA_R11,
	STRATA_R12, STRATA_R13, STRATA_R14, STRATA_R15,
	STRATA_NR_GPRS
};

/* Segment registers, numbered as instructions encode them. */
enum strata_seg {
	STRATA_SEG_ES, STRATA_SEG_CS, STRATA_SEG_SS,
	STRATA_SEG_DS, STRATA_SEG_FS, STRATA_SEG_GS,
	STRATA_SEG_TR, STRATA_SEG_LDTR,
	STRATA_NR_SEGS
};

/* What an access to memory wants to do; also the neutral nested-fault bits. */
#define STRATA_ACC_READ		0x1u
#define STRATA_ACC_WRITE	0x2u
#define STRATA_ACC_FETCH	0x4u
#define STRATA_ACC_USER		0x8u	/* at CPL 3 */
#define STRATA_ACC_IMPLICIT	0x10u	/* supervisor access of descriptor tables */
#define STRATA_ACC_GUEST_PT	0x20u	/* nested fault while walking the guest's tables */
#define STRATA_ACC_PRESENT	0x40u	/* nested fault on a present entry */

/* How an exit handler, or a piece of one, ended. Negative: -errno for KVM_RUN. */
#define STRATA_USER		0	/* leave to user space; the run page says why */
#define STRATA_RESUME		1	/* go on with the guest */

/* The registers of CPUID, in the order of its result. */
enum strata_cpuid_reg { CPUID_R_EAX, CPUID_R_EBX, CPUID_R_ECX, CPUID_R_EDX };

#endif /* STRATA_TYPES_H */
