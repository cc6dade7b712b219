// SPDX-License-Identifier: GPL-2.0
/*
 * Who has called whom, in a guest's kernel: return addresses on its stack, which are behind a
 * call and inside a function. Where the frame pointers make a chain they tell which count;
 * else all are shown, for Linux without frame pointers leaves no other trace that can be
 * read without its tables. gdb on a dump does better.
 */

#include "launcher.h"
#include "paging.h"
#include "symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STACK	0x4000
#define MAX_FRAMES	24

static bool read_guest(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 address,
		       void *to, size_t len)
{
	__u8 *p = to;
	__u64 gpa;

	for (; len; len--, address++) {
		const __u8 *from = walk_guest(mem, s, address, &gpa) ? mem_ptr(mem, gpa, 1) : NULL;

		if (!from)
			return false;
		*p++ = *from;
	}
	return true;
}

/* CALL rel32, or CALL by a register or memory, ends there (SDM 2A, CALL). */
static bool is_behind_a_call(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 address)
{
	__u8 b[8];

	if (!read_guest(mem, s, address - sizeof(b), b, sizeof(b)))
		return false;
	return b[3] == 0xe8 || (b[6] == 0xff && (b[7] & 0xf8) == 0xd0) ||
	       (b[5] == 0xff && (b[6] & 0x38) == 0x10) || (b[2] == 0xff && (b[3] & 0x38) == 0x10) ||
	       (b[5] == 0x41 && b[6] == 0xff && (b[7] & 0xf8) == 0xd0);
}

static void print_frame(const struct symbols *sym, __u64 address, __u64 moved, bool sure)
{
	const struct symbol *f = symbols_find(sym, address - moved);

	if (!f) {
		fprintf(stderr, "      %016llx in no function that is known\n",
			(unsigned long long)address);
		return;
	}
	fprintf(stderr, "    %s%016llx %s+0x%llx/0x%zx\n", sure ? "  " : "? ",
		(unsigned long long)address, f->name,
		(unsigned long long)(address - moved - f->address), symbols_size(sym, f));
}

/* What frame pointers say, as far as they lead upwards on the stack. */
static unsigned int chain(const struct guest_mem *mem, const struct kvm_sregs *s, __u64 rsp,
			  __u64 rbp, const struct symbols *sym, __u64 moved, __u64 *found)
{
	unsigned int n = 0;
	__u64 frame[2];

	while (n < MAX_FRAMES && rbp >= rsp && rbp - rsp < MAX_STACK && !(rbp & 7) &&
	       read_guest(mem, s, rbp, frame, sizeof(frame)) &&
	       symbols_find(sym, frame[1] - moved)) {
		found[n++] = frame[1];
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
	return n;
}

/**
 * backtrace_print() - to standard error
 * @moved: by how much the kernel lies above where its symbols say
 */
void backtrace_print(const struct guest_mem *mem, const struct kvm_regs *r,
		     const struct kvm_sregs *s, const struct symbols *sym, __u64 moved)
{
	__u64 found[MAX_FRAMES], value, at;
	unsigned int n, i;

	if (!symbols_find(sym, r->rip - moved) && s->cs.dpl)
		return;
	fprintf(stderr, "  backtrace:\n");
	print_frame(sym, r->rip, moved, true);
	n = chain(mem, s, r->rsp, r->rbp, sym, moved, found);
	for (i = 0; i < n; i++)
		print_frame(sym, found[i], moved, true);
	if (n > 1)
		return;
	for (at = r->rsp & ~7ULL, n = 0; at - r->rsp < MAX_STACK && n < MAX_FRAMES; at += 8) {
		if (!read_guest(mem, s, at, &value, sizeof(value)))
			break;
		if (symbols_find(sym, value - moved) && is_behind_a_call(mem, s, value)) {
			print_frame(sym, value, moved, false);
			n++;
		}
		/* Stacks of Linux end where their size says. */
		if (!((at + 8) % MAX_STACK))
			break;
	}
}
