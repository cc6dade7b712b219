// SPDX-License-Identifier: GPL-2.0
/* Guest page tables, walked in user space. */

#include "launcher.h"
#include "paging.h"
#include "walk.h"

#include <string.h>

/* Three forms of tables (SDM 3A 4.3 to 4.5). */
struct form {
	unsigned int levels, entry_size, bits;
	__u64 address;			/* of a table or page in an entry */
};

static struct form form_of(const struct kvm_sregs *s)
{
	if (!(s->cr4 & CR4_PAE))
		return (struct form){ 2, 4, 10, 0xfffff000 };
	if (!(s->efer & EFER_LMA))
		return (struct form){ 3, 8, 9, PTE_ADDRESS };
	return (struct form){ s->cr4 & CR4_LA57 ? 5 : 4, 8, 9, PTE_ADDRESS };
}

static bool read_entry(const struct guest_mem *mem, const struct form *f, struct walk_entry *e)
{
	const void *p = mem_readable(mem, e->gpa, f->entry_size);

	e->readable = p;
	if (p)
		memcpy(&e->value, p, f->entry_size);
	return e->value & PTE_PRESENT;
}

static bool is_page(const struct form *f, const struct kvm_sregs *s, const struct walk_entry *e)
{
	if (e->level == 1)
		return true;
	if (!(e->value & PTE_LARGE))
		return false;
	if (f->entry_size == 4)
		return s->cr4 & CR4_PSE;
	return e->level == 2 || (e->level == 3 && f->levels > 3);
}

/* Pages of 4M have eight more bits of an address in bits 13 to 20. */
static __u64 page_address(const struct form *f, const struct walk_entry *e, __u64 mask)
{
	__u64 address = e->value & f->address & ~mask;

	if (f->entry_size == 4 && e->level == 2)
		address |= (e->value & 0x1fe000) << 19;
	return address;
}

/**
 * walk_tables() - translate a linear address by the guest's page tables
 * @mem: guest memory
 * @s: the vCPU's system registers
 * @la: the address
 * @w: filled in
 *
 * Rights are not looked at: this is for a person who wants to see.
 * A table that is not in RAM ends the walk like an absent one.
 */
void walk_tables(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 la,
		 struct guest_walk *w)
{
	struct form f = form_of(s);
	unsigned int level;
	__u64 table;

	memset(w, 0, sizeof(*w));
	if (!(s->efer & EFER_LMA))
		la = (__u32)la;
	if (!(s->cr0 & CR0_PG)) {
		w->mapped = true;
		w->size = SZ_4K;
		w->gpa = la;
		return;
	}
	w->levels = f.levels;
	table = f.levels == 3 ? s->cr3 & 0xffffffe0 : s->cr3 & f.address;
	for (level = f.levels; level; level--) {
		unsigned int shift = 12 + f.bits * (level - 1);
		struct walk_entry *e = &w->entry[w->nr++];
		__u64 mask = (1ULL << shift) - 1;

		e->level = level;
		e->gpa = table + (la >> shift & ((1U << f.bits) - 1)) * f.entry_size;
		if (!read_entry(mem, &f, e))
			return;
		if (is_page(&f, s, e)) {
			w->mapped = true;
			w->size = mask + 1;
			w->gpa = page_address(&f, e, mask) | (la & mask);
			return;
		}
		table = e->value & f.address;
	}
}

/**
 * walk_guest() - only the address
 * @gpa: the guest physical address, whether or not RAM is there
 *
 * Return: true when the address is mapped.
 */
bool walk_guest(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 la, __u64 *gpa)
{
	struct guest_walk w;

	walk_tables(mem, s, la, &w);
	*gpa = w.gpa;
	return w.mapped;
}
