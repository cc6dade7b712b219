/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the vendors' oracles have in common, in debug builds: books of each CPU,
 * too large for the per-CPU area.
 */
#ifndef STRATA_ORACLE_H
#define STRATA_ORACLE_H

#include <linux/percpu.h>
#include <linux/slab.h>

/**
 * strata_oracle_free_books - free what strata_oracle_alloc_books() gave
 * @books: a pointer of each CPU; NULL afterwards
 */
static inline void strata_oracle_free_books(void * __percpu *books)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		kvfree(*per_cpu_ptr(books, cpu));
		*per_cpu_ptr(books, cpu) = NULL;
	}
}

/**
 * strata_oracle_alloc_books - zeroed memory for each CPU
 * @books: a pointer of each CPU
 * @size: bytes
 *
 * Return: 0, or -ENOMEM; some may be allocated then.
 */
static inline int strata_oracle_alloc_books(void * __percpu *books, size_t size)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		void *book = kvzalloc(size, GFP_KERNEL);

		if (!book)
			return -ENOMEM;
		*per_cpu_ptr(books, cpu) = book;
	}
	return 0;
}

#endif /* STRATA_ORACLE_H */
