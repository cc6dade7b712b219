// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of a guest's own page tables. See gpwalk.h.
 */
#include "gpwalk.h"

#define CR0_WP		BIT_ULL(16)
#define CR0_PG		BIT_ULL(31)
#define CR4_PSE		BIT_ULL(4)
#define CR4_PAE		BIT_ULL(5)
#define CR4_LA57	BIT_ULL(12)
#define CR4_SMEP	BIT_ULL(20)
#define CR4_SMAP	BIT_ULL(21)
#define CR4_PKE		BIT_ULL(22)
#define EFER_LMA_BIT	BIT_ULL(10)
#define EFER_NXE_BIT	BIT_ULL(11)
#define RFLAGS_AC	BIT_ULL(18)

#define PTE_P		BIT_ULL(0)
#define PTE_RW		BIT_ULL(1)
#define PTE_US		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_ADDR	GENMASK_ULL(51, 12)

/* How often an entry may change under our hands before the guest goes on. */
#define MAX_RACES	16

static int fault(const struct strata_gpwalk *w, u32 access, u32 code,
		 struct strata_gpwalk_result *res)
{
	if (access & STRATA_ACC_WRITE)
		code |= STRATA_PF_WRITE;
	if (access & STRATA_ACC_USER)
		code |= STRATA_PF_USER;
	if ((access & STRATA_ACC_FETCH) &&
	    ((w->cr4 & CR4_SMEP) ||
	     ((w->efer & EFER_NXE_BIT) && (w->cr4 & CR4_PAE))))
		code |= STRATA_PF_FETCH;
	res->error_code = code;
	return STRATA_GPWALK_FAULT;
}

/*
 * May @access happen on a page with @rights (PTE_RW, PTE_US and PTE_NX of all
 * levels combined) whose last entry is @pte? The error code, or 0.
 */
static u32 check_rights(const struct strata_gpwalk *w, u32 access, u64 rights,
			u64 pte)
{
	bool user = access & STRATA_ACC_USER;
	bool write = access & STRATA_ACC_WRITE;

	if (user && !(rights & PTE_US))
		return STRATA_PF_PRESENT;
	if (write && !(rights & PTE_RW) && (user || (w->cr0 & CR0_WP)))
		return STRATA_PF_PRESENT;
	if (access & STRATA_ACC_FETCH) {
		if (rights & PTE_NX)
			return STRATA_PF_PRESENT;
		if (!user && (rights & PTE_US) && (w->cr4 & CR4_SMEP))
			return STRATA_PF_PRESENT;
		return 0;
	}
	if (!(rights & PTE_US))
		return 0;
	if (!user && (w->cr4 & CR4_SMAP) &&
	    ((access & STRATA_ACC_IMPLICIT) || !(w->rflags & RFLAGS_AC)))
		return STRATA_PF_PRESENT;
	if ((w->cr4 & CR4_PKE) && (w->efer & EFER_LMA_BIT)) {
		u32 key = w->pkru >> (pte >> 59 & 15) * 2 & 3;

		if ((key & 1) ||
		    ((key & 2) && write && (user || (w->cr0 & CR0_WP))))
			return STRATA_PF_PRESENT | STRATA_PF_PK;
	}
	return 0;
}

/*
 * Set @bits in an entry that lacks some. STRATA_GPWALK_RETRY: it is no longer
 * what was read.
 */
static int set_bits(const struct strata_gpwalk *w, u64 gpa, unsigned int size,
		    u64 *pte, u64 bits)
{
	int ret;

	if (likely((*pte & bits) == bits))
		return STRATA_GPWALK_OK;
	ret = w->ops->cas(w, gpa, size, *pte, *pte | bits);
	if (ret > 0)
		return STRATA_GPWALK_RETRY;
	if (ret == 0)
		*pte |= bits;
	return STRATA_GPWALK_OK;
}

static u64 accessed_bits(u32 access)
{
	return access & STRATA_ACC_WRITE ? PTE_A | PTE_D : PTE_A;
}

/* The root of PAE paging: four entries without rights and accessed bit. */
static int read_pdpte(const struct strata_gpwalk *w, u64 va, u32 access,
		      u64 *table, struct strata_gpwalk_result *res)
{
	u64 gpa = (w->cr3 & 0xffffffe0) + (va >> 30 & 3) * 8;
	/* Bit 5 is reserved too, but QEMU's TCG sets it as an accessed bit. */
	u64 rsvd = GENMASK_ULL(2, 1) | GENMASK_ULL(8, 6) |
		   (~0ULL << w->maxphyaddr);
	u64 pte;

	res->gpa = gpa;
	if (w->ops->read(w, gpa, 8, &pte))
		return STRATA_GPWALK_NO_TABLE;
	res->entry_gpa[res->nr] = gpa;
	res->entry[res->nr++] = pte;
	if (!(pte & PTE_P))
		return fault(w, access, 0, res);
	if (pte & rsvd)
		return fault(w, access, STRATA_PF_PRESENT | STRATA_PF_RSVD,
			     res);
	*table = pte & PTE_ADDR;
	return STRATA_GPWALK_OK;
}

/* 8-byte entries: PAE below its root, 4 and 5 levels. */
static int walk64(const struct strata_gpwalk *w, u64 va, u32 access,
		  struct strata_gpwalk_result *res)
{
	u64 rights = PTE_RW | PTE_US, nx = 0;
	u64 rsvd = GENMASK_ULL(51, 0) & (~0ULL << w->maxphyaddr);
	unsigned int level, races = 0;
	u64 table = w->cr3 & PTE_ADDR;
	u64 pte, gpa, size_mask, bad;
	u32 code;
	int rc;

	if (!(w->efer & EFER_NXE_BIT))
		rsvd |= PTE_NX;
	if (w->efer & EFER_LMA_BIT) {
		level = w->cr4 & CR4_LA57 ? 5 : 4;
	} else {
		va = (u32)va;
		rsvd |= GENMASK_ULL(62, 52);
		level = 2;
		rc = read_pdpte(w, va, access, &table, res);
		if (rc)
			return rc;
	}

	for (;;) {
		gpa = table + (va >> (3 + 9 * level) & 511) * 8;
again:
		res->gpa = gpa;
		if (unlikely(w->ops->read(w, gpa, 8, &pte)))
			return STRATA_GPWALK_NO_TABLE;
		if (unlikely(!(pte & PTE_P)))
			return fault(w, access, 0, res);

		size_mask = BIT_ULL(3 + 9 * level) - 1;
		bad = rsvd;
		if (level > 1 && (pte & PTE_PS)) {
			if (level > 3 || (level == 3 && !w->gbpages))
				bad |= PTE_PS;
			/* bit 12 of a large page is PAT */
			bad |= size_mask & GENMASK_ULL(51, 13);
		}
		if (unlikely(pte & bad))
			return fault(w, access,
				     STRATA_PF_PRESENT | STRATA_PF_RSVD, res);
		if (level == 1 || (pte & PTE_PS))
			break;

		if (unlikely(set_bits(w, gpa, 8, &pte, PTE_A))) {
			if (++races > MAX_RACES)
				return STRATA_GPWALK_RETRY;
			goto again;
		}
		rights &= pte;
		nx |= pte;
		res->entry_gpa[res->nr] = gpa;
		res->entry[res->nr++] = pte;
		table = pte & PTE_ADDR;
		level--;
	}

	code = check_rights(w, access, (rights & pte) | ((nx | pte) & PTE_NX),
			    pte);
	if (unlikely(code))
		return fault(w, access, code, res);
	if (unlikely(set_bits(w, gpa, 8, &pte, accessed_bits(access)))) {
		if (++races > MAX_RACES)
			return STRATA_GPWALK_RETRY;
		goto again;
	}
	res->entry_gpa[res->nr] = gpa;
	res->entry[res->nr++] = pte;
	res->gpa = (pte & PTE_ADDR & ~size_mask) | (va & size_mask);
	return STRATA_GPWALK_OK;
}

/* 4-byte entries: two levels, 4 MiB pages with up to 40 address bits. */
static int walk32(const struct strata_gpwalk *w, u64 va, u32 access,
		  struct strata_gpwalk_result *res)
{
	u64 rights = PTE_RW | PTE_US;
	u64 pde_gpa = (w->cr3 & 0xfffff000) + (va >> 22 & 1023) * 4;
	u64 gpa, pde, pte, rsvd;
	unsigned int races = 0;
	bool large;
	u32 code;

again:
	if (races++ > MAX_RACES)
		return STRATA_GPWALK_RETRY;
	res->nr = 0;
	gpa = pde_gpa;
	res->gpa = gpa;
	if (w->ops->read(w, gpa, 4, &pde))
		return STRATA_GPWALK_NO_TABLE;
	if (!(pde & PTE_P))
		return fault(w, access, 0, res);
	large = (pde & PTE_PS) && (w->cr4 & CR4_PSE);
	if (large) {
		/* bits 13 to 20 are address bits 32 to 39, if there are such */
		unsigned int width = min_t(unsigned int, w->maxphyaddr, 40);

		rsvd = GENMASK_ULL(21, 13);
		if (width > 32)
			rsvd &= ~0ULL << (width - 19);
		if (pde & rsvd)
			return fault(w, access,
				     STRATA_PF_PRESENT | STRATA_PF_RSVD, res);
		pte = pde;
	} else {
		if (set_bits(w, gpa, 4, &pde, PTE_A))
			goto again;
		rights &= pde;
		res->entry_gpa[res->nr] = gpa;
		res->entry[res->nr++] = pde;
		gpa = (pde & 0xfffff000) + (va >> 12 & 1023) * 4;
		res->gpa = gpa;
		if (w->ops->read(w, gpa, 4, &pte))
			return STRATA_GPWALK_NO_TABLE;
		if (!(pte & PTE_P))
			return fault(w, access, 0, res);
	}

	rights &= pte;
	code = check_rights(w, access, rights, pte);
	if (code)
		return fault(w, access, code, res);
	if (set_bits(w, gpa, 4, &pte, accessed_bits(access)))
		goto again;
	res->entry_gpa[res->nr] = gpa;
	res->entry[res->nr++] = pte;
	if (large)
		res->gpa = (pte & 0xffc00000) | (pte >> 13 & 0xff) << 32 |
			   (va & 0x3fffff);
	else
		res->gpa = (pte & 0xfffff000) | (va & 0xfff);
	return STRATA_GPWALK_OK;
}

int strata_gpwalk(const struct strata_gpwalk *w, u64 va, u32 access,
		  struct strata_gpwalk_result *res)
{
	res->nr = 0;
	res->error_code = 0;
	if (!(w->cr0 & CR0_PG)) {
		res->gpa = (u32)va;
		return STRATA_GPWALK_OK;
	}
	if (w->cr4 & CR4_PAE)
		return walk64(w, va, access, res);
	return walk32(w, (u32)va, access, res);
}
