/* SPDX-License-Identifier: GPL-2.0 */
/* Bits of control registers and of page-table entries (SDM 3A 4.5), as a guest has them. */
#ifndef STRATA_PAGING_H
#define STRATA_PAGING_H

#include "macros.h"

#define CR0_PG		BIT_ULL(31)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define EFER_LME	BIT_ULL(8)
#define EFER_LMA	BIT_ULL(10)

#define PTE_PRESENT	1ULL
#define PTE_WRITE	2ULL
#define PTE_LARGE	0x80ULL
#define PTE_ADDRESS	0x000ffffffffff000ULL

#endif
