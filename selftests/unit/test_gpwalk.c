// SPDX-License-Identifier: GPL-2.0
/*
 * The walk of guest page tables: every format, right and reserved bit.
 */
// sources: ../../module/gpwalk.c
#include <stdlib.h>
#include "tap.h"
#include "gpwalk.h"

#define P	0x001ull
#define RW	0x002ull
#define US	0x004ull
#define A	0x020ull
#define D	0x040ull
#define PS	0x080ull
#define NX	(1ull << 63)
#define PK(k)	((u64)(k) << 59)

#define CR0_WP	0x10000ull
#define CR0_PG	0x80000000ull
#define PSE	0x10ull
#define PAE	0x20ull
#define LA57	0x1000ull
#define SMEP	0x100000ull
#define SMAP	0x200000ull
#define PKE	0x400000ull
#define LMA	0x400ull
#define NXE	0x800ull
#define AC	0x40000ull

/* Error codes. */
#define E_P	1u
#define E_W	2u
#define E_U	4u
#define E_R	8u
#define E_I	16u
#define E_K	32u

#define R	0u
#define W	STRATA_ACC_WRITE
#define U	STRATA_ACC_USER
#define X	STRATA_ACC_FETCH
#define IMP	STRATA_ACC_IMPLICIT

enum fmt { F32, FPAE, F4, F5, NR_FMT };

static const char *const fmt_name[] = { "32-bit", "PAE", "4-level", "5-level" };

#define MEM_SIZE	0x10000u
#define ROOT		0x1000u
#define TABLE(level)	(0x2000u + (level) * 0x1000u)	/* table of that level */

static u8 mem[MEM_SIZE];
static bool read_only;
static int races;		/* that many exchanges find a changed entry */
static unsigned int reads, exchanges;
static struct strata_gpwalk w;
static struct strata_gpwalk_result res;
static enum fmt fmt;

static int t_read(const struct strata_gpwalk *walk, u64 gpa, unsigned int size,
		  u64 *entry)
{
	reads++;
	*entry = 0;
	if ((gpa & (size - 1)) || gpa + size > MEM_SIZE)
		return -1;
	memcpy(entry, mem + gpa, size);
	return 0;
}

static int t_cmpxchg(const struct strata_gpwalk *walk, u64 gpa,
		     unsigned int size, u64 old, u64 new)
{
	u64 cur = 0;

	exchanges++;
	if (read_only)
		return -1;
	if (races) {
		races--;
		return 1;
	}
	memcpy(&cur, mem + gpa, size);
	if (cur != old)
		return 1;
	memcpy(mem + gpa, &new, size);
	return 0;
}

static const struct strata_gpwalk_ops ops = { t_read, t_cmpxchg };

static unsigned int entry_size(void)
{
	return fmt == F32 ? 4 : 8;
}

static unsigned int top(void)
{
	return fmt == F32 ? 2 : fmt == FPAE ? 3 : fmt == F4 ? 4 : 5;
}

/* Address of the entry of @level for @va; the root is the top level's table. */
static u64 entry_gpa(unsigned int level, u64 va)
{
	u64 table = level == top() ? ROOT : TABLE(level);

	if (fmt == F32)
		return table + (va >> (2 + 10 * level) & 1023) * 4;
	if (fmt == FPAE && level == 3)
		return table + (va >> 30 & 3) * 8;
	return table + (va >> (3 + 9 * level) & 511) * 8;
}

static u64 get_entry(unsigned int level, u64 va)
{
	u64 e = 0;

	memcpy(&e, mem + entry_gpa(level, va), entry_size());
	return e;
}

static void set_entry(unsigned int level, u64 va, u64 val)
{
	memcpy(mem + entry_gpa(level, va), &val, entry_size());
}

/* Tables of format @f for @va down to @leaf, which gets @pte; all else RWU. */
static void build(enum fmt f, u64 va, unsigned int leaf, u64 pte)
{
	unsigned int level;

	fmt = f;
	memset(mem, 0, sizeof(mem));
	memset(&w, 0, sizeof(w));
	w.ops = &ops;
	w.cr0 = CR0_PG | CR0_WP;
	w.cr3 = ROOT;
	w.maxphyaddr = 40;
	w.cr4 = f == F32 ? PSE : PAE;
	if (f >= F4)
		w.efer = LMA;
	if (f == F5)
		w.cr4 |= LA57;
	w.efer |= f == F32 ? 0 : NXE;
	read_only = false;
	races = 0;
	for (level = top(); level > leaf; level--)
		set_entry(level, va, TABLE(level - 1) | P |
			  (fmt == FPAE && level == 3 ? 0 : RW | US));
	set_entry(leaf, va, pte);
}

static int walk(u64 va, u32 access)
{
	memset(&res, 0xee, sizeof(res));
	reads = 0;
	exchanges = 0;
	return strata_gpwalk(&w, va, access, &res);
}

static bool is_ok(u64 va, u32 access, u64 gpa)
{
	return walk(va, access) == STRATA_GPWALK_OK && res.gpa == gpa;
}

static bool faults(u64 va, u32 access, u32 code)
{
	bool ok = walk(va, access) == STRATA_GPWALK_FAULT &&
		  res.error_code == code;

	if (!ok)
		printf("# va %llx access %x: code %x, expected %x\n",
		       (unsigned long long)va, access, res.error_code, code);
	return ok;
}

static u64 va_of(enum fmt f)
{
	static const u64 vas[] = { 0xc1234567, 0xc1234567,
				   0xffff923456789abc, 0xff12345678923456 };

	return vas[f];
}

static void test_translate(enum fmt f)
{
	u64 va = va_of(f), off2m, gpa;

	build(f, va, 1, 0x7654000 | P | RW | US);
	tap_ok(is_ok(va, R, 0x7654000 | (va & 0xfff)), "%s: 4K page",
	       fmt_name[f]);
	tap_ok(get_entry(1, va) == (0x7654000 | P | RW | US | A) &&
	       (get_entry(2, va) & A) && !(get_entry(2, va) & D),
	       "%s: a read sets A at every level and no D", fmt_name[f]);
	tap_ok(res.nr == top() && res.entry[res.nr - 1] == get_entry(1, va) &&
	       res.entry_gpa[res.nr - 1] == entry_gpa(1, va) &&
	       res.entry_gpa[0] == entry_gpa(top(), va),
	       "%s: the result lists the entries", fmt_name[f]);
	walk(va, R);
	tap_ok(exchanges == 0 && reads == top(),
	       "%s: with A set nothing is written", fmt_name[f]);
	tap_ok(is_ok(va, W, 0x7654000 | (va & 0xfff)) &&
	       (get_entry(1, va) & D) && exchanges == 1,
	       "%s: a write sets D in the leaf", fmt_name[f]);
	if (f == FPAE)
		tap_ok(!(get_entry(3, va) & A), "PAE: the root has no A");

	/* large pages */
	if (f == F32) {
		build(f, va, 2, 0x12400000 | P | RW | US | PS);
		tap_ok(is_ok(va, R, 0x12400000 | (va & 0x3fffff)),
		       "32-bit: 4M page");
		build(f, va, 2, 0x12400000 | 0xa5ull << 13 | P | RW | US | PS);
		tap_ok(is_ok(va, W, 0xa512400000 | (va & 0x3fffff)) &&
		       (get_entry(2, va) & (A | D)) == (A | D),
		       "32-bit: 4M page above 4G by PSE-36");
		w.maxphyaddr = 36;
		tap_ok(faults(va, R, E_P | E_R),
		       "32-bit: PSE-36 bits above MAXPHYADDR are reserved");
		build(f, va, 2, 0x12400000 | BIT(21) | P | RW | US | PS);
		tap_ok(faults(va, R, E_P | E_R), "32-bit: bit 21 is reserved");
		build(f, va, 2, TABLE(1) | P | RW | US | PS);
		set_entry(1, va, 0x7654000 | P | RW | US);
		w.cr4 = 0;
		tap_ok(is_ok(va, R, 0x7654000 | (va & 0xfff)),
		       "32-bit: PS means nothing without CR4.PSE");
		tap_ok(is_ok(0xdead00000000 | va, R, 0x7654000 | (va & 0xfff)),
		       "32-bit: the upper half of the address is ignored");
		return;
	}
	off2m = va & 0x1fffff;
	build(f, va, 2, 0x12400000 | P | RW | US | PS | 0x1000);
	tap_ok(is_ok(va, W, 0x12400000 | off2m) &&
	       (get_entry(2, va) & (A | D)) == (A | D),
	       "%s: 2M page, bit 12 is not an address bit", fmt_name[f]);
	build(f, va, 2, 0x12400000 | P | RW | US | PS | 0x2000);
	tap_ok(faults(va, R, E_P | E_R), "%s: 2M page, bit 13 is reserved",
	       fmt_name[f]);
	build(f, va, 1, 0x7654000 | P | RW | US | PS);
	tap_ok(is_ok(va, R, 0x7654000 | (va & 0xfff)),
	       "%s: bit 7 of a 4K entry is PAT", fmt_name[f]);
	if (f < F4)
		return;
	gpa = 0x40000000 | (va & 0x3fffffff);
	build(f, va, 3, 0x40000000 | P | RW | US | PS);
	w.gbpages = true;
	tap_ok(is_ok(va, W, gpa), "%s: 1G page", fmt_name[f]);
	w.gbpages = false;
	tap_ok(faults(va, R, E_P | E_R), "%s: 1G page without the feature",
	       fmt_name[f]);
	build(f, va, 3, 0x40200000 | P | RW | US | PS);
	w.gbpages = true;
	tap_ok(faults(va, W, E_P | E_R | E_W), "%s: misaligned 1G page",
	       fmt_name[f]);
	build(f, va, 4, 0x40000000 | P | RW | US | PS);
	w.gbpages = true;
	tap_ok(faults(va, R, E_P | E_R), "%s: PS at level 4", fmt_name[f]);
}

static void test_absent(enum fmt f)
{
	u64 va = va_of(f);
	unsigned int level;
	bool ok = true;

	for (level = top(); level >= 1; level--) {
		build(f, va, level, 0xfffffffffffffffeull &
		      (f == F32 ? 0xffffffff : ~0ull));
		ok &= faults(va, R, 0);
		ok &= faults(va, W | U, E_W | E_U);
		ok &= faults(va, X, f == F32 ? 0 : E_I);
		w.efer &= ~NXE;
		ok &= faults(va, X, 0);
		w.cr4 |= SMEP;
		ok &= faults(va, X | U, E_I | E_U);
	}
	tap_ok(ok, "%s: not present at every level, whatever the other bits",
	       fmt_name[f]);

	ok = true;
	for (level = top(); level > 1; level--) {
		/* a table outside memory */
		build(f, va, level, 0x7000000 | P |
		      (f == FPAE && level == 3 ? 0 : RW | US));
		ok &= walk(va, R) == STRATA_GPWALK_NO_TABLE;
		ok &= (res.gpa & ~0xfffull) == 0x7000000;
	}
	build(f, va, 1, P);
	w.cr3 = 0x8000000;
	ok &= walk(va, R) == STRATA_GPWALK_NO_TABLE;
	tap_ok(ok, "%s: a table that is not in memory", fmt_name[f]);
}

static void test_reserved(enum fmt f)
{
	u64 va = va_of(f);
	unsigned int level, bit;
	bool ok = true;

	if (f == F32)
		return;
	for (level = top(); level >= 1; level--) {
		bool root = f == FPAE && level == 3;

		for (bit = 0; bit < 64; bit++) {
			u64 e = (level == 1 ? 0x5000 : TABLE(level - 1)) | P |
				(root ? 0 : RW | US) | A;
			bool rsvd, ignore;

			/* Bit 5 of a PAE root is let pass: see read_pdpte(). */
			rsvd = (bit >= 40 && bit < 52) ||
			       (f == FPAE && bit >= 52 && bit < 63) ||
			       (root && (bit == 1 || bit == 2 || bit == 63 ||
					 (bit >= 6 && bit <= 8))) ||
			       (level >= 3 && bit == 7);
			/* bits with a meaning of their own */
			ignore = bit == 0 || (bit >= 12 && bit < 40) ||
				 (!root && (bit == 1 || bit == 2 || bit == 5 ||
					    bit == 63)) ||
				 (level == 2 && bit == 7);
			if (ignore)
				continue;
			if (root)
				e &= ~A;
			build(f, va, level, e | 1ull << bit);
			if (level > 1) {
				unsigned int l;

				for (l = level - 1; l > 1; l--)
					set_entry(l, va, TABLE(l - 1) | P | RW | US);
				set_entry(1, va, 0x5000 | P | RW | US);
			}
			if (rsvd ? !faults(va, R, E_P | E_R) :
				   !is_ok(va, R, 0x5000 | (va & 0xfff))) {
				printf("# level %u bit %u\n", level, bit);
				ok = false;
			}
		}
	}
	tap_ok(ok, "%s: exactly the reserved bits fault, at each level",
	       fmt_name[f]);

	ok = true;
	for (level = f == FPAE ? 2 : top(); level >= 1; level--) {
		build(f, va, level, (level == 1 ? 0x5000 : TABLE(level - 1)) |
		      P | RW | US | NX);
		if (level > 1) {
			unsigned int l;

			for (l = level - 1; l > 1; l--)
				set_entry(l, va, TABLE(l - 1) | P | RW | US);
			set_entry(1, va, 0x5000 | P | RW | US);
		}
		ok &= is_ok(va, R, 0x5000 | (va & 0xfff));
		ok &= faults(va, X, E_P | E_I);
		w.efer &= ~NXE;
		ok &= faults(va, R, E_P | E_R);
	}
	tap_ok(ok, "%s: NX at each level, reserved without EFER.NXE",
	       fmt_name[f]);
}

/* The rights of a leaf against every kind of access, by the manual's rules. */
static void test_rights(enum fmt f)
{
	u64 va = va_of(f), gpa = 0x5000 | (va & 0xfff);
	static const u32 accesses[] = { R, W, X, U, U | W, U | X, IMP, IMP | W };
	unsigned int leaf_bits, upper, ctl, i;
	unsigned int level, bad = 0;

	for (level = 1; level <= 2; level++)
	for (leaf_bits = 0; leaf_bits < 4; leaf_bits++)
	for (ctl = 0; ctl < 16; ctl++)
	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		u32 a = accesses[i], code = 0;
		u64 rights = (leaf_bits & 1 ? RW : 0) | (leaf_bits & 2 ? US : 0);
		bool user = a & U, write = a & W, fetch = a & X, denied = false;

		/* the right is missing in the leaf or in the level above */
		upper = level == 2;
		build(f, va, 1, 0x5000 | P | (upper ? RW | US : rights));
		if (upper)
			set_entry(2, va, TABLE(1) | P | rights);
		w.cr0 = CR0_PG | (ctl & 1 ? CR0_WP : 0);
		w.cr4 |= (ctl & 2 ? SMEP : 0) | (ctl & 4 ? SMAP : 0);
		w.rflags = ctl & 8 ? AC : 0;

		if (user && !(rights & US))
			denied = true;
		if (write && !(rights & RW) && (user || (ctl & 1)))
			denied = true;
		if (!user && fetch && (rights & US) && (ctl & 2))
			denied = true;
		if (!user && !fetch && (rights & US) && (ctl & 4) &&
		    (!(ctl & 8) || (a & IMP)))
			denied = true;
		code = E_P | (write ? E_W : 0) | (user ? E_U : 0) |
		       (fetch && (f != F32 || (ctl & 2)) ? E_I : 0);
		if (denied ? !faults(va, a, code) : !is_ok(va, a, gpa)) {
			printf("# rights %llx level %u controls %x access %x\n",
			       (unsigned long long)rights, level, ctl, a);
			bad++;
		}
		if (denied && (get_entry(1, va) & (A | D)))
			bad++;
	}
	tap_ok(!bad, "%s: R/W, U/S, WP, SMEP, SMAP, AC in all combinations",
	       fmt_name[f]);
}

static void test_pkeys(enum fmt f)
{
	u64 va = va_of(f), gpa = 0x5000 | (va & 0xfff);
	bool ok = true;

	build(f, va, 1, 0x5000 | P | RW | US | PK(5));
	w.cr4 |= PKE;
	w.pkru = ~(3u << 10);
	ok &= is_ok(va, U | W, gpa);
	w.pkru = 1u << 10;	/* access disabled */
	ok &= faults(va, U, E_P | E_U | E_K);
	ok &= faults(va, R, E_P | E_K);
	ok &= is_ok(va, U | X, gpa);
	w.pkru = 2u << 10;	/* write disabled */
	ok &= is_ok(va, U, gpa);
	ok &= faults(va, U | W, E_P | E_U | E_W | E_K);
	ok &= faults(va, W, E_P | E_W | E_K);
	w.cr0 &= ~CR0_WP;
	ok &= is_ok(va, W, gpa);
	w.pkru = ~0u;
	set_entry(1, va, 0x5000 | P | RW | PK(5));
	ok &= is_ok(va, W, gpa);	/* supervisor page */
	w.cr4 &= ~PKE;
	set_entry(1, va, 0x5000 | P | RW | US | PK(5));
	ok &= is_ok(va, U | W, gpa);
	tap_ok(ok, "%s: protection keys", fmt_name[f]);
}

static void test_update(enum fmt f)
{
	u64 va = va_of(f), gpa = 0x5000 | (va & 0xfff);
	bool ok;

	build(f, va, 1, 0x5000 | P | RW | US);
	read_only = true;
	ok = is_ok(va, W, gpa) && get_entry(1, va) == (0x5000 | P | RW | US);
	tap_ok(ok, "%s: tables that cannot be written keep their bits",
	       fmt_name[f]);
	build(f, va, 1, 0x5000 | P | RW | US);
	races = 5;
	ok = is_ok(va, W, gpa) && (get_entry(1, va) & (A | D)) == (A | D);
	tap_ok(ok, "%s: an entry that changed is read again", fmt_name[f]);
	build(f, va, 1, 0x5000 | P | RW | US);
	races = 1 << 30;
	tap_ok(walk(va, W) == STRATA_GPWALK_RETRY && reads < 200,
	       "%s: entries that change for ever end in a retry", fmt_name[f]);
}

static void test_random(void)
{
	unsigned int i, j, bad = 0;

	srandom(1);
	for (i = 0; i < 20000; i++) {
		build(random() % NR_FMT, random(), 1, random());
		for (j = 0; j < MEM_SIZE; j += 4) {
			u32 v = random() ^ (u32)random() << 16;

			/* mostly entries that lead on, into the same memory */
			if (random() % 8)
				v = (v & 0xffff) | 7;
			if (fmt != F32 && (j & 4) && random() % 8)
				v = 0;
			memcpy(mem + j, &v, 4);
		}
		w.pkru = random();
		w.cr4 |= (random() & 7) << 20;
		if (walk((u64)random() << 20 ^ random(), random() & 0x1e) >
		    STRATA_GPWALK_RETRY || res.nr > 5 || reads > 100)
			bad++;
	}
	tap_ok(!bad, "random tables end in one of the four results");
}

int main(void)
{
	enum fmt f;

	memset(&w, 0, sizeof(w));
	w.ops = &ops;
	tap_ok(is_ok(0x123456789, W, 0x23456789) && reads == 0,
	       "paging off: identity on 32 bits");
	for (f = F32; f < NR_FMT; f++) {
		test_translate(f);
		test_absent(f);
		test_reserved(f);
		test_rights(f);
		if (f >= F4)
			test_pkeys(f);
		test_update(f);
	}
	build(FPAE, va_of(FPAE), 1, 0x5000 | P | RW | US | PK(5));
	tap_ok(faults(va_of(FPAE), R, E_P | E_R),
	       "PAE: the bits of a protection key are reserved");
	test_random();
	return tap_done();
}
