// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory as the kernel reads and writes it: through the mapping of user
 * space, so that swap, copy-on-write and the host's protection hold as ever.
 */
#include <linux/uaccess.h>

#include "mmu.h"

/*
 * The piece of [gpa, gpa + len) that begins at @gpa and lies in one slot:
 * its length, or 0 where no slot is. vm->srcu held.
 */
static unsigned int gmem_piece(struct strata_vm *vm, u64 gpa, unsigned int len,
			       struct strata_memslot **slot, void __user **uaddr)
{
	struct strata_memslot *s = strata_slot_find(strata_slots(vm), gpa >> PAGE_SHIFT);

	if (!s)
		return 0;
	*slot = s;
	*uaddr = (void __user *)(strata_slot_hva(s, gpa >> PAGE_SHIFT) + offset_in_page(gpa));
	return min_t(u64, len, ((s->base + s->npages) << PAGE_SHIFT) - gpa);
}

/* A slot's addresses mean something in the address space of the VM's owner only. */
static bool gmem_reachable(struct strata_vm *vm)
{
	return likely(current->mm == vm->mm);
}

/**
 * strata_read_guest - read guest memory
 * @vm: the VM; vm->srcu is taken here
 * @gpa: guest-physical address
 * @buf: where to
 * @len: how many bytes; may cross pages and slots
 *
 * May sleep. Return: 0; -EFAULT where there is no slot, the host's mapping
 * forbids it, or in a foreign address space.
 */
int strata_read_guest(struct strata_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	int idx, r = 0;

	might_sleep();
	if (!gmem_reachable(vm))
		return -EFAULT;
	idx = srcu_read_lock(&vm->srcu);
	while (len) {
		struct strata_memslot *slot;
		void __user *from;
		unsigned int n = gmem_piece(vm, gpa, len, &slot, &from);

		if (!n || copy_from_user(buf, from, n)) {
			r = -EFAULT;
			break;
		}
		gpa += n;
		buf += n;
		len -= n;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}

/**
 * strata_write_guest - write guest memory
 * @vm: the VM; vm->srcu is taken here
 * @gpa: guest-physical address
 * @buf: where from
 * @len: how many bytes; may cross pages and slots
 *
 * The pages appear in the dirty log. May sleep. Return: 0; -EFAULT where there
 * is no slot or a read-only one, the host's mapping forbids it, or in a
 * foreign address space; what comes before that place is written then.
 */
int strata_write_guest(struct strata_vm *vm, u64 gpa, const void *buf, unsigned int len)
{
	int idx, r = 0;

	might_sleep();
	if (!gmem_reachable(vm))
		return -EFAULT;
	idx = srcu_read_lock(&vm->srcu);
	while (len && !r) {
		struct strata_memslot *slot;
		void __user *to;
		unsigned int n = gmem_piece(vm, gpa, len, &slot, &to);
		u64 gfn;

		if (!n || slot->flags & KVM_MEM_READONLY) {
			r = -EFAULT;
			break;
		}
		/* A copy that fails may have written a part. */
		if (copy_to_user(to, buf, n))
			r = -EFAULT;
		for (gfn = gpa >> PAGE_SHIFT; gfn <= (gpa + n - 1) >> PAGE_SHIFT; gfn++)
			strata_dirty_mark(slot, gfn);
		gpa += n;
		buf += n;
		len -= n;
	}
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}

/**
 * strata_read_guest_nofault - read guest memory that is there
 * @vm: the VM; vm->srcu is taken here
 * @gpa: guest-physical address
 * @buf: where to
 * @len: how many bytes, in one page
 *
 * Any context. Return: 0; -EFAULT as strata_read_guest(), and for memory that has
 * to be brought first.
 */
int strata_read_guest_nofault(struct strata_vm *vm, u64 gpa, void *buf, unsigned int len)
{
	struct strata_memslot *slot;
	void __user *from;
	int idx, r = -EFAULT;

	if (!gmem_reachable(vm))
		return -EFAULT;
	idx = srcu_read_lock(&vm->srcu);
	if (gmem_piece(vm, gpa, len, &slot, &from) == len)
		r = copy_from_user_nofault(buf, from, len);
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}

/**
 * strata_write_guest_nofault - write guest memory that is there
 * @vm: the VM; vm->srcu is taken here
 * @gpa: guest-physical address
 * @buf: where from
 * @len: how many bytes, in one page
 *
 * Any context. Return: 0; -EFAULT as strata_write_guest(), and for memory that has
 * to be brought first.
 */
int strata_write_guest_nofault(struct strata_vm *vm, u64 gpa, const void *buf, unsigned int len)
{
	struct strata_memslot *slot;
	int idx, r = -EFAULT;
	void __user *to;

	if (!gmem_reachable(vm))
		return -EFAULT;
	idx = srcu_read_lock(&vm->srcu);
	if (gmem_piece(vm, gpa, len, &slot, &to) == len && !(slot->flags & KVM_MEM_READONLY)) {
		r = copy_to_user_nofault(to, buf, len);
		if (!r)
			strata_dirty_mark(slot, gpa >> PAGE_SHIFT);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}

/* As __try_cmpxchg_user(), which ends at 8 bytes. */
static int gmem_cmpxchg16(void __user *uaddr, u64 *old, const u64 *new)
{
	int err = -EFAULT;
	bool same = false;

	if (!user_access_begin(uaddr, 16))
		return -EFAULT;
	asm volatile("1:	lock cmpxchg16b %[mem]\n"
		     "	sete %[same]\n"
		     "	xorl %[err], %[err]\n"
		     "2:\n"
		     _ASM_EXTABLE_UA(1b, 2b)
		     : [mem] "+m" (*(u64 (__force *)[2])uaddr), "+a" (old[0]), "+d" (old[1]),
		       [same] "+q" (same), [err] "+r" (err)
		     : "b" (new[0]), "c" (new[1])
		     : "memory", "cc");
	user_access_end();
	return err ?: !same;
}

static int gmem_cmpxchg(void __user *uaddr, void *old, const void *new, unsigned int len)
{
	switch (len) {
	case 1:
		return __try_cmpxchg_user((u8 __user *)uaddr, (u8 *)old, *(const u8 *)new,
					  fault1);
	case 2:
		return __try_cmpxchg_user((u16 __user *)uaddr, (u16 *)old, *(const u16 *)new,
					  fault2);
	case 4:
		return __try_cmpxchg_user((u32 __user *)uaddr, (u32 *)old, *(const u32 *)new,
					  fault4);
	case 8:
		return __try_cmpxchg_user((u64 __user *)uaddr, (u64 *)old, *(const u64 *)new,
					  fault8);
	case 16:
		return gmem_cmpxchg16(uaddr, old, new);
	default:
		return -EFAULT;
	}
}

/**
 * strata_cmpxchg_guest - compare and exchange guest memory, atomically
 * @vm: the VM; vm->srcu is taken here
 * @gpa: guest-physical address, a multiple of @len
 * @old: expected value; where it differs, what was there instead
 * @new: value to put there
 * @len: 1, 2, 4, 8 or 16 bytes
 *
 * Atomic towards the vCPUs and user space. May sleep. Return: 0 when it was
 * exchanged, 1 when it differed; -EFAULT as strata_write_guest(), and where
 * @gpa or @len is not as it should be.
 */
int strata_cmpxchg_guest(struct strata_vm *vm, u64 gpa, void *old, const void *new,
			 unsigned int len)
{
	struct strata_memslot *slot;
	void __user *uaddr;
	int idx, r = -EFAULT;

	might_sleep();
	if (!gmem_reachable(vm) || !len || gpa & (len - 1))
		return -EFAULT;
	idx = srcu_read_lock(&vm->srcu);
	if (gmem_piece(vm, gpa, len, &slot, &uaddr) == len &&
	    !(slot->flags & KVM_MEM_READONLY)) {
		r = gmem_cmpxchg(uaddr, old, new, len);
		if (!r)
			strata_dirty_mark(slot, gpa >> PAGE_SHIFT);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return r;
}
