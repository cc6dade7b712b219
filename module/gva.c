// SPDX-License-Identifier: GPL-2.0
/*
 * Guest-virtual addresses: the walk of the guest's tables in its memory, and
 * the fetch of instructions.
 *
 * Fetching is the larger part of emulating a simple instruction, and a guest
 * that touches a device does so from few places. So the last walks of fetches
 * are kept. The guest may change its tables without an exit; a walk is therefore
 * used again only after all its entries were read again and are the same, which
 * is what a walk would have found, without looking for slots.
 */
#include <linux/uaccess.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "mmio.h"
#include "mmu/mmu.h"

struct gva_walk {
	struct strata_gpwalk w;
	struct strata_vcpu *vcpu;
};

static struct strata_vcpu *walk_vcpu(const struct strata_gpwalk *w)
{
	return container_of(w, struct gva_walk, w)->vcpu;
}

static int read_entry(const struct strata_gpwalk *w, u64 gpa, unsigned int size, u64 *entry)
{
	unsigned long hva = strata_gfn_to_hva(walk_vcpu(w)->vm, gpa >> PAGE_SHIFT, NULL);
	u32 low;
	int err;

	if (!hva)
		return -EFAULT;
	hva += offset_in_page(gpa);
	if (size == 8)
		return __get_user(*entry, (u64 __user *)hva);
	err = __get_user(low, (u32 __user *)hva);
	*entry = low;
	return err;
}

static int cmpxchg_entry(const struct strata_gpwalk *w, u64 gpa, unsigned int size, u64 old,
			 u64 new)
{
	return strata_cmpxchg_guest(walk_vcpu(w)->vm, gpa, &old, &new, size);
}

static const struct strata_gpwalk_ops walk_ops = {
	.read = read_entry,
	.cas = cmpxchg_entry,
};

/**
 * strata_walk - walk the guest's tables as they are now
 * @vcpu: its mutex is held, and vm->srcu; may sleep
 * @gva: linear address
 * @access: STRATA_ACC_*
 * @res: out
 *
 * Return: enum strata_gpwalk_rc
 */
int strata_walk(struct strata_vcpu *vcpu, u64 gva, u32 access, struct strata_gpwalk_result *res)
{
	struct gva_walk walk = {
		.w.ops = &walk_ops,
		.w.cr0 = vcpu->cr0,
		.w.cr3 = vcpu->cr3,
		.w.cr4 = vcpu->cr4,
		.w.efer = vcpu->efer,
		.w.rflags = vcpu->rflags,
		.w.pkru = vcpu->pkru,
		.w.maxphyaddr = vcpu->maxphyaddr,
		/* hardware knows them whatever the guest's CPUID says */
		.w.gbpages = true,
		.vcpu = vcpu,
	};

	return strata_gpwalk(&walk.w, gva, access, res);
}

/**
 * strata_gva_to_gpa - translate by the guest's own tables
 * @vcpu: its mutex is held; may sleep
 * @gva: linear address, canonical
 * @access: STRATA_ACC_*
 * @gpa: out: guest-physical address
 * @ec: out: error code of the #PF
 *
 * Return: 0; 1 with *@ec set for a page fault; -EFAULT when the guest's tables
 * are not in memory; -EAGAIN when they change all the time.
 */
int strata_gva_to_gpa(struct strata_vcpu *vcpu, u64 gva, u32 access, u64 *gpa, u32 *ec)
{
	struct strata_gpwalk_result res;
	int idx, rc;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	rc = strata_walk(vcpu, gva, access, &res);
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	switch (rc) {
	case STRATA_GPWALK_OK:
		*gpa = res.gpa;
		return 0;
	case STRATA_GPWALK_FAULT:
		*ec = res.error_code;
		return 1;
	case STRATA_GPWALK_NO_TABLE:
		return -EFAULT;
	default:
		return -EAGAIN;
	}
}

/**
 * strata_emul_page_fault - a walk that failed, in the emulator's terms
 * @c: context
 * @cr2: the linear address
 * @walk_rc: enum strata_gpwalk_rc, not STRATA_GPWALK_OK
 * @error_code: for STRATA_GPWALK_FAULT
 *
 * Return: enum strata_emul_rc
 */
int strata_emul_page_fault(struct strata_emul_ctxt *c, u64 cr2, int walk_rc, u32 error_code)
{
	if (walk_rc == STRATA_GPWALK_NO_TABLE)
		return EMUL_UNHANDLED;
	if (walk_rc == STRATA_GPWALK_RETRY)
		return EMUL_RETRY;
	c->exception.vector = X86_TRAP_PF;
	c->exception.has_error = true;
	c->exception.error_code = error_code;
	c->exception.cr2 = cr2;
	return EMUL_FAULT;
}

/* ---- fetch ---- */

static u32 fetch_access(unsigned int cpl)
{
	return cpl == 3 ? STRATA_ACC_FETCH | STRATA_ACC_USER : STRATA_ACC_FETCH;
}

static bool cache_fits(const struct strata_fetch_cache *f, struct strata_vcpu *vcpu, u64 page,
		       u32 access)
{
	return f->page == page && f->cr3 == vcpu->cr3 && f->access == access &&
	       f->slots_gen == strata_slots_generation(vcpu->vm) && f->cr0 == vcpu->cr0 &&
	       f->cr4 == vcpu->cr4 && f->efer == vcpu->efer;
}

/*
 * The 16 bytes at @off of the cached page, if the guest's tables still lead
 * there. The slots' host addresses were checked when the slots were made.
 */
static bool cache_read16(const struct strata_fetch_cache *f, unsigned int off, u64 *out)
{
	const u64 __user *from = (const u64 __user *)(f->hva + off);
	/*
	 * Plain pointers: while user memory is open, nothing may be called,
	 * and UBSAN calls a report on an array's bounds.
	 */
	const unsigned long *hva = f->entry_hva;
	const u64 *want = f->entry;
	u64 entry;
	int i;

	if (!user_access_begin(from, 16))
		return false;
	for (i = 0; i < f->nr; i++) {
		unsafe_get_user(entry, (const u64 __user *)hva[i], failed);
		if (unlikely(entry != want[i]))
			goto failed;
	}
	unsafe_get_user(out[0], from, failed);
	unsafe_get_user(out[1], from + 1, failed);
	user_access_end();
	return true;
failed:
	user_access_end();
	return false;
}

/* Keep a walk. An entry without a host address, or of 4 bytes, is not kept. */
static void cache_fill(struct strata_fetch_cache *f, struct strata_vcpu *vcpu, u64 page,
		       u32 access, u64 slots_gen, const struct strata_gpwalk_result *res,
		       unsigned long hva)
{
	int i;

	f->page = ~0ull;
	if ((vcpu->cr0 & X86_CR0_PG) && !(vcpu->cr4 & X86_CR4_PAE))
		return;
	for (i = 0; i < res->nr; i++) {
		unsigned long at = strata_gfn_to_hva(vcpu->vm, res->entry_gpa[i] >> PAGE_SHIFT,
						     NULL);

		if (!at)
			return;
		f->entry_hva[i] = at + offset_in_page(res->entry_gpa[i]);
		f->entry[i] = res->entry[i];
	}
	f->nr = res->nr;
	f->hva = hva;
	f->cr0 = vcpu->cr0;
	f->cr3 = vcpu->cr3;
	f->cr4 = vcpu->cr4;
	f->efer = vcpu->efer;
	f->access = access;
	f->slots_gen = slots_gen;
	f->page = page;
}

/* Walk, and read @len bytes inside one page. A memory error is UNHANDLED. */
static int fetch_slow(struct strata_emul_ctxt *c, u64 linear, void *buf, unsigned int len,
		      u32 access)
{
	struct strata_emul_state *st = strata_emul_state(c);
	struct strata_vcpu *vcpu = st->vcpu;
	u64 slots_gen = strata_slots_generation(vcpu->vm);
	struct strata_gpwalk_result res;
	unsigned long hva;
	int rc;

	rc = strata_walk(vcpu, linear, access, &res);
	if (rc)
		return strata_emul_page_fault(c, linear, rc, res.error_code);
	hva = strata_gfn_to_hva(vcpu->vm, res.gpa >> PAGE_SHIFT, NULL);
	if (!hva || __copy_from_user(buf, (void __user *)(hva + offset_in_page(linear)), len))
		return EMUL_UNHANDLED;
	cache_fill(strata_fetch_slot(st, linear), vcpu, linear & PAGE_MASK, access, slots_gen,
		   &res, hva);
	return EMUL_CONTINUE;
}

/**
 * strata_fetch_cached - the bytes at an address, if a walk that is kept serves
 * @vcpu: its mutex is held, and vm->srcu
 * @linear: linear address
 * @cpl: privilege level
 * @out: 16 bytes; zero beyond the page
 *
 * Return: how many bytes of the page came, at most 16; 0: none, without any
 * effect
 */
unsigned int strata_fetch_cached(struct strata_vcpu *vcpu, u64 linear, unsigned int cpl, u64 *out)
{
	const struct strata_fetch_cache *f = strata_fetch_slot(vcpu->emul, linear);
	unsigned int off = offset_in_page(linear), beyond = 0;

	if (unlikely(off > PAGE_SIZE - 16))
		beyond = off - (PAGE_SIZE - 16);
	if (!cache_fits(f, vcpu, linear & PAGE_MASK, fetch_access(cpl)) ||
	    !cache_read16(f, off - beyond, out))
		return 0;
	if (unlikely(beyond)) {
		unsigned __int128 all = (unsigned __int128)out[1] << 64 | out[0];

		all >>= 8 * beyond;
		out[0] = (u64)all;
		out[1] = (u64)(all >> 64);
	}
	return 16 - beyond;
}

/**
 * strata_emul_fetch - the emulator's fetch operation
 * @c: context of a vCPU whose mutex is held; vm->srcu held; may sleep
 * @linear: linear address
 * @buf: where to
 * @len: how many bytes, inside one page, at most 15
 *
 * Return: enum strata_emul_rc; EMUL_UNHANDLED where there is no memory
 */
int strata_emul_fetch(struct strata_emul_ctxt *c, u64 linear, void *buf, unsigned int len)
{
	struct strata_emul_state *st = strata_emul_state(c);
	u64 bytes[2];

	if (likely(strata_fetch_cached(st->vcpu, linear, c->cpl, bytes))) {
		memcpy(buf, bytes, len);
		return EMUL_CONTINUE;
	}
	return fetch_slow(c, linear, buf, len, fetch_access(c->cpl));
}

/**
 * strata_fetch_insn - read the bytes at RIP
 * @vcpu: its mutex is held; may sleep
 * @buf: where to
 * @max: how many at most
 *
 * What lies beyond a page that cannot be read is left out.
 *
 * Return: how many, or 0: a page fault is queued, or there is no memory.
 */
int strata_fetch_insn(struct strata_vcpu *vcpu, u8 *buf, unsigned int max)
{
	struct strata_emul_ctxt *c = &vcpu->emul->c;
	u64 linear = strata_linear_rip(vcpu);
	u32 access = fetch_access(strata_vendor->get_cpl(vcpu));
	unsigned int got = 0;
	int idx, rc = EMUL_CONTINUE;

	idx = srcu_read_lock(&vcpu->vm->srcu);
	while (got < max) {
		unsigned int n = min_t(unsigned int, max - got,
				       PAGE_SIZE - offset_in_page(linear));

		rc = fetch_slow(c, linear, buf + got, n, access);
		if (rc)
			break;
		got += n;
		linear += n;
	}
	srcu_read_unlock(&vcpu->vm->srcu, idx);
	if (!got && rc == EMUL_FAULT)
		strata_queue_page_fault(vcpu, c->exception.cr2, c->exception.error_code);
	return got;
}
