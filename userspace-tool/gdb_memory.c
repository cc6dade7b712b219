// SPDX-License-Identifier: GPL-2.0
/*
 * Memory as the debugged vCPU sees it, and breakpoints there: an instruction written over
 * the guest's, or one of the CPU's four debug registers (SDM 3B 18.2).
 */

#include "gdb.h"
#include "launcher.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define DR7_ENABLE(n)	(2ULL << 2 * (n))
#define DR7_TYPE(n, t)	((unsigned long long)(t) << (16 + 4 * (n)))

/* Where a linear address is, up to the end of its page. */
static bool translate(const struct vcpu *vcpu, __u64 address, size_t *len, __u64 *gpa)
{
	size_t rest = SZ_4K - (address & (SZ_4K - 1));
	struct kvm_sregs s;

	if (*len > rest)
		*len = rest;
	return !ioctl(vcpu->fd, KVM_GET_SREGS, &s) &&
	       walk_guest(&vcpu->vm->mem, &s, address, gpa);
}

/* The host's view of it, where it is RAM. */
static __u8 *at(const struct vcpu *vcpu, __u64 address, size_t *len, __u64 *gpa)
{
	return translate(vcpu, address, len, gpa) ? mem_ptr(&vcpu->vm->mem, *gpa, *len) : NULL;
}

/* Returns how many bytes there were. */
size_t gdb_read_memory(const struct vcpu *vcpu, __u64 address, void *to, size_t len)
{
	size_t done = 0, n;
	__u64 gpa;

	while (done < len) {
		const __u8 *p = NULL;

		n = len - done;
		if (translate(vcpu, address + done, &n, &gpa))
			p = mem_readable(&vcpu->vm->mem, gpa, n);
		if (!p)
			break;
		memcpy((__u8 *)to + done, p, n);
		done += n;
	}
	return done;
}

size_t gdb_write_memory(const struct vcpu *vcpu, __u64 address, const void *from, size_t len)
{
	size_t done = 0, n;
	__u64 gpa;

	while (done < len) {
		__u8 *p;

		n = len - done;
		p = at(vcpu, address + done, &n, &gpa);
		if (!p)
			break;
		memcpy(p, (const __u8 *)from + done, n);
		done += n;
	}
	return done;
}

static struct gdb_break *find(struct gdb *g, enum gdb_break_kind kind, __u64 address)
{
	size_t i;

	for (i = 0; i < GDB_BREAKS; i++)
		if (g->breaks[i].used && g->breaks[i].kind == kind && g->breaks[i].address == address)
			return &g->breaks[i];
	return NULL;
}

/* The software breakpoint in the memory behind an address; NULL where there is none. */
const struct gdb_break *gdb_software_break_at(const struct vcpu *vcpu, __u64 address)
{
	const struct gdb *g = vcpu->vm->gdb;
	size_t i, one = 1;
	__u64 gpa;

	if (!at(vcpu, address, &one, &gpa))
		return NULL;
	for (i = 0; i < GDB_BREAKS; i++)
		if (g->breaks[i].used && g->breaks[i].kind == GDB_SOFTWARE && g->breaks[i].gpa == gpa)
			return &g->breaks[i];
	return NULL;
}

static bool plant(struct vm *vm, struct gdb_break *b)
{
	size_t one = 1;
	__u8 *p = at(&vm->vcpus[vm->gdb->current], b->address, &one, &b->gpa);

	if (!p)
		return false;
	b->original = *p;
	*p = vm->gdb->software;
	return true;
}

static void uproot(struct vm *vm, const struct gdb_break *b)
{
	__u8 *p = mem_ptr(&vm->mem, b->gpa, 1);

	/* What the guest has put there since is its own. */
	if (p && *p == vm->gdb->software)
		*p = b->original;
}

static bool fits_a_register(const struct gdb *g, enum gdb_break_kind kind, __u64 address,
			    __u64 len)
{
	unsigned int used = 0, i;

	for (i = 0; i < GDB_BREAKS; i++)
		used += g->breaks[i].used && g->breaks[i].kind != GDB_SOFTWARE;
	if (used == GDB_HW_BREAKS)
		return false;
	if (kind == GDB_HARDWARE)
		return true;
	return (len == 1 || len == 2 || len == 4 || len == 8) && !(address & (len - 1));
}

/* Return: 0, or -1 where it cannot be set there. The vCPUs do not run. */
int gdb_set_break(struct vm *vm, enum gdb_break_kind kind, __u64 address, __u64 len)
{
	struct gdb *g = vm->gdb;
	struct gdb_break *b = NULL;
	size_t i;

	if (find(g, kind, address))
		return 0;
	for (i = 0; i < GDB_BREAKS && !b; i++)
		if (!g->breaks[i].used)
			b = &g->breaks[i];
	if (!b || (kind != GDB_SOFTWARE && !fits_a_register(g, kind, address, len)))
		return -1;
	*b = (struct gdb_break){ .kind = kind, .address = address, .len = len };
	if (kind == GDB_SOFTWARE && !plant(vm, b))
		return -1;
	b->used = true;
	return 0;
}

int gdb_clear_break(struct vm *vm, enum gdb_break_kind kind, __u64 address)
{
	struct gdb_break *b = find(vm->gdb, kind, address);

	if (!b)
		return -1;
	if (kind == GDB_SOFTWARE)
		uproot(vm, b);
	b->used = false;
	return 0;
}

void gdb_clear_all(struct vm *vm)
{
	struct gdb *g = vm->gdb;
	size_t i;

	for (i = 0; i < GDB_BREAKS; i++)
		if (g->breaks[i].used)
			gdb_clear_break(vm, g->breaks[i].kind, g->breaks[i].address);
}

/* DR7's two bits for the size of what is watched. */
static unsigned int size_bits(__u64 len)
{
	return len == 8 ? 2 : len - 1;
}

/* DR7's two bits for what to watch for: 0 execution, 1 writes, 3 reads and writes. */
static unsigned int kind_bits(enum gdb_break_kind kind)
{
	return kind == GDB_HARDWARE ? 0 : kind == GDB_WRITE_WATCH ? 1 : 3;
}

/**
 * gdb_arm() - make a vCPU stop at the breakpoints there are
 * @step: and after one instruction, in which no interrupt is taken
 */
int gdb_arm(struct vcpu *vcpu, bool step)
{
	const struct gdb *g = vcpu->vm->gdb;
	/* #DB is for the debugger also where INT1 is the breakpoint. */
	struct kvm_guest_debug d = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP,
	};
	unsigned int i, n = 0;

	for (i = 0; i < GDB_BREAKS; i++) {
		const struct gdb_break *b = &g->breaks[i];

		if (!b->used || b->kind == GDB_SOFTWARE)
			continue;
		d.arch.debugreg[n] = b->address;
		d.arch.debugreg[7] |= DR7_ENABLE(n) | DR7_TYPE(n, kind_bits(b->kind) |
				      (b->kind == GDB_HARDWARE ? 0 : size_bits(b->len) << 2));
		n++;
	}
	if (step)
		d.control |= KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ;
	if (!ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &d))
		return 0;
	err("KVM_SET_GUEST_DEBUG failed for vCPU %u: %s", vcpu->id, strerror(errno));
	return -1;
}

void gdb_disarm(struct vcpu *vcpu)
{
	struct kvm_guest_debug d = { .control = 0 };

	ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &d);
}
