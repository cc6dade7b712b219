// SPDX-License-Identifier: GPL-2.0
/* Guest page tables, walked in user space. */

#include "launcher.h"
#include "paging.h"

#include <string.h>

static bool read_entry(const struct guest_mem *mem, __u64 gpa, unsigned int size, __u64 *entry)
{
	const void *p = mem_ptr(mem, gpa, size);

	*entry = 0;
	if (!p)
		return false;
	memcpy(entry, p, size);
	return *entry & PTE_PRESENT;
}

/* Two levels of 32-bit entries. */
static bool walk_legacy(const struct guest_mem *mem, const struct kvm_sregs *s, __u32 la,
			__u64 *gpa)
{
	__u64 entry;

	if (!read_entry(mem, (s->cr3 & 0xfffff000) + (la >> 22) * 4, 4, &entry))
		return false;
	if (entry & PTE_LARGE && s->cr4 & CR4_PSE) {
		*gpa = (entry & 0xffc00000) | (entry & 0x1fe000) << 19 | (la & 0x3fffff);
		return true;
	}
	if (!read_entry(mem, (entry & 0xfffff000) + (la >> 12 & 0x3ff) * 4, 4, &entry))
		return false;
	*gpa = (entry & 0xfffff000) | (la & 0xfff);
	return true;
}

/* Three, four or five levels of 64-bit entries. */
static bool walk_long(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 la,
		      __u64 *gpa)
{
	int level = 4;
	__u64 entry, table = s->cr3 & PTE_ADDRESS;

	if (!(s->efer & EFER_LMA)) {
		level = 3;
		table = s->cr3 & 0xffffffe0;
	} else if (s->cr4 & CR4_LA57) {
		level = 5;
	}
	for (;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		__u64 mask = (1ULL << shift) - 1;

		if (!read_entry(mem, table + (la >> shift & 511) * 8, 8, &entry))
			return false;
		if (level == 1 || ((level == 2 || level == 3) && entry & PTE_LARGE)) {
			*gpa = (entry & PTE_ADDRESS & ~mask) | (la & mask);
			return true;
		}
		table = entry & PTE_ADDRESS;
	}
}

/**
 * walk_guest() - translate a linear address by the guest's page tables
 * @mem: guest memory
 * @s: the vCPU's system registers
 * @la: the address
 * @gpa: the guest physical address, whether or not RAM is there
 *
 * Rights are not looked at: this is for a person who wants to see the bytes.
 * A table that is not in RAM ends the walk like an absent one.
 *
 * Return: true when the address is mapped.
 */
bool walk_guest(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 la, __u64 *gpa)
{
	if (!(s->cr0 & CR0_PG)) {
		*gpa = (__u32)la;
		return true;
	}
	if (s->cr4 & CR4_PAE)
		return walk_long(mem, s, (s->efer & EFER_LMA) ? la : (__u32)la, gpa);
	return walk_legacy(mem, s, la, gpa);
}
