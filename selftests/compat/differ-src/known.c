// SPDX-License-Identifier: GPL-2.0
/*
 * Differences whose reason is known: each with what has to be true of a case that
 * was made as small as it gets, and with where the reason is written. What none of
 * these says is a fault, of strata's or of this list.
 *
 * KVM's functions are those of Linux 6.1.
 */
#include "differ.h"

#define CF	0x001
#define PF	0x004
#define AF	0x010
#define ZF	0x040
#define SF	0x080
#define OF	0x800
#define TF	0x100

struct look {
	const struct kase *k;
	const struct result *kvm, *strata;
	bool intel;
};

/* Is there an instruction with this opcode, of one byte or, after 0F, of two? */
static const uint8_t *find(const struct kase *k, unsigned int op)
{
	unsigned int i;

	for (i = 0; i < k->nr_insns; i++) {
		const uint8_t *b = k->insn[i].bytes + k->insn[i].at;

		if (op > 0xff ? b[0] == 0x0f && b[1] == (op & 0xff) : b[0] == op)
			return b;
	}
	return NULL;
}

static bool find_any(const struct kase *k, const uint16_t *op, unsigned int nr)
{
	while (nr--)
		if (find(k, op[nr]))
			return true;
	return false;
}

#define ANY(k, ...)	find_any(k, (const uint16_t[]){ __VA_ARGS__ }, \
				 sizeof((uint16_t[]){ __VA_ARGS__ }) / 2)

static unsigned int ext(const uint8_t *modrm)
{
	return *modrm >> 3 & 7;
}

static bool is_long(const struct kase *k)
{
	return k->mode == LONG64 || k->mode == COMPAT32;
}

static bool others_hypercall(const struct look *l)
{
	const uint8_t *b = find(l->k, 0x101);

	return b && b[2] == (l->intel ? 0xd9 : 0xc1);
}

static bool hypercall(const struct look *l)
{
	const uint8_t *b = find(l->k, 0x101);

	return b && (b[2] == 0xd9 || b[2] == 0xc1);
}

static bool cpuid_leaf(const struct look *l)
{
	unsigned int i;

	for (i = 0; i < l->k->nr_insns; i++) {
		const struct insn *n = &l->k->insn[i];
		const uint8_t *leaf = n->bytes + (n->bytes[0] == 0x66 ? 2 : 1);

		if (n->bytes[n->at] != 0x0f || n->bytes[n->at + 1] != 0xa2)
			continue;
		/* Without a load of EAX before it. */
		if (n->at < 10 || *leaf == 1 || *leaf == 0xb || *leaf == 0x1f)
			return true;
	}
	return false;
}

static bool sysenter(const struct look *l)
{
	return !l->intel && is_long(l->k) && ANY(l->k, 0x134, 0x135);
}

/* Is there, behind this prefix, 0F and one of the two opcodes? */
static bool prefixed(const struct kase *k, uint8_t prefix, uint8_t op, uint8_t other)
{
	unsigned int i;

	for (i = 0; i < k->nr_insns; i++) {
		const struct insn *n = &k->insn[i];
		const uint8_t *b = n->bytes + n->at;

		if (memchr(n->bytes, prefix, n->at) && b[0] == 0x0f && (b[1] == op || b[1] == other))
			return true;
	}
	return false;
}

static bool cr8_by_lock(const struct look *l)
{
	return prefixed(l->k, 0xf0, 0x20, 0x22);
}

/* The handler of that exception has halted, or tried to. */
static bool got(const struct result *r, unsigned int vector)
{
	uint64_t base = r->sregs.cs.l ? 0 : r->sregs.cs.base;

	return r->regs.rip + base - HANDLER_PAGE - 4 * vector <= 1;
}

static bool got_ud(const struct result *r)
{
	return got(r, 6);
}

/* SGDT to LIDT with a device: KVM goes on for ever. */
static bool table_in_device(const struct look *l)
{
	const uint8_t *b = find(l->k, 0x101);

	return b && b[2] < 0xc0 && ext(b + 2) < 4 && l->strata->nr_accesses &&
	       (!l->kvm->nr_accesses || l->kvm->nr_accesses > l->strata->nr_accesses);
}

/* SLDT and STR. */
static bool selector_to_device(const struct look *l)
{
	const uint8_t *b = find(l->k, 0x100);

	return b && b[2] < 0xc0 && ext(b + 2) < 2 && l->kvm->nr_accesses &&
	       (l->kvm->access[0].kind == 'r' || l->kvm->access[0].size > 2) &&
	       l->strata->nr_accesses &&
	       l->strata->access[0].kind == 'w' && l->strata->access[0].size <= 2;
}

/* PUSHA and CALL far: the last of their writes is one that strata has as well. */
static bool several_writes(const struct look *l)
{
	const uint8_t *b = find(l->k, 0xff);
	const struct result *a = l->kvm, *s = l->strata;
	unsigned int i;

	if (!ANY(l->k, 0x60, 0x9a) && !(b && ext(b + 1) == 3))
		return false;
	for (i = 1; a->nr_accesses && i < s->nr_accesses && i < MAX_EXITS; i++)
		if (s->access[i].kind == 'w' && s->access[i - 1].kind == 'w' &&
		    s->access[i].address == a->access[a->nr_accesses - 1].address)
			return true;
	return false;
}

/* Only the exponents of what MMX instructions wrote. */
static bool mmx_exponent(const struct look *l)
{
	struct result a = *l->kvm;
	const uint8_t ones[2] = { 0xff, 0xff };
	unsigned int i;

	if (!spare_tcg || !ANY(l->k, 0x16e, 0x16f))
		return false;
	for (i = 0; i < 8; i++)
		if (!memcmp(l->strata->fpu.st[i] + 8, ones, 2))
			memcpy(a.fpu.st[i] + 8, ones, 2);
	return !kind_of_difference(&a, l->strata);
}

/* Nothing but accessed and dirty bits of the page tables. */
static bool only_accessed_dirty(const struct look *l)
{
	const struct result *a = l->kvm, *b = l->strata;
	struct result same_pages = *a;
	unsigned int i;
	uint64_t va, vb;

	memcpy(same_pages.page, b->page, sizeof(b->page));
	if (kind_of_difference(&same_pages, b))
		return false;
	for (i = 0; i < GUEST_SIZE; i += 8) {
		memcpy(&va, a->memory + i, 8);
		memcpy(&vb, b->memory + i, 8);
		if (va != vb && (i < TABLES || ((va ^ vb) & ~0x6000000060ull)))
			return false;
	}
	return true;
}

/* Which flags the manuals leave undefined after an instruction. */
static uint64_t undefined_flags(const struct kase *k)
{
	const uint8_t *b;

	if (ANY(k, 0x1bc, 0x1bd))
		return CF | PF | AF | SF | OF;
	if (ANY(k, 0x1a4, 0x1a5, 0x1ac, 0x1ad))
		return CF | PF | AF | ZF | SF | OF;
	if (ANY(k, 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3))
		/* QEMU's TCG loses flags where the write of RCL and RCR exits. */
		return CF | AF | OF | (spare_tcg ? PF | ZF | SF : 0);
	if (ANY(k, 0x69, 0x6b, 0x1af))
		return PF | AF | ZF | SF;
	if (ANY(k, 0x1a3, 0x1ab, 0x1b3, 0x1bb, 0x1ba))
		return PF | AF | SF | OF;
	b = find(k, 0xf6);
	if (!b)
		b = find(k, 0xf7);
	if (b && ext(b + 1) >= 6)
		return CF | PF | AF | ZF | SF | OF;
	if (b && ext(b + 1) >= 4)
		return PF | AF | ZF | SF;
	return AF;
}

/*
 * Only these flags, in RFLAGS or where an exception has pushed them. With a fault that
 * it raises itself QEMU's TCG pushes RF as it was, and strata sets it.
 */
static bool only_flags(const struct look *l, uint16_t flags)
{
	const struct result *a = l->kvm, *b = l->strata;
	struct result like = *a;
	uint16_t va, vb;
	unsigned int i;

	if ((a->regs.rflags ^ b->regs.rflags) & ~(uint64_t)(flags | 1 << 16))
		return false;
	memcpy(like.page, b->page, sizeof(b->page));
	like.regs.rflags = b->regs.rflags;
	if (kind_of_difference(&like, b))
		return false;
	for (i = 0; i < TABLES; i += 2) {
		memcpy(&va, a->memory + i, 2);
		memcpy(&vb, b->memory + i, 2);
		if ((va ^ vb) & ~flags &&
		    !((va ^ vb) == 1 && i % 4 == 2 && a->memory[i - 2] & 2))
			return false;
	}
	return true;
}

static bool only_undefined_flags(const struct look *l)
{
	return only_flags(l, undefined_flags(l->k));
}

/* A read-modify-write of memory that can be read, and where the write exits. */
static bool emulator_flags(const struct look *l)
{
	const struct access *a = l->kvm->access;

	return spare_tcg && a->kind == 'w' && a->address >= ROM_PAGE - 8 && a->address < GDT_PAGE &&
		only_flags(l, CF | PF | AF | ZF | SF | OF);
}

/* The same with RCL and RCR, for which the carry is an operand. */
static bool lost_carry(const struct look *l)
{
	static const uint8_t ops[] = { 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3 };
	const struct access *a = l->kvm->access, *b = l->strata->access;
	const uint8_t *p;
	unsigned int i;

	if (!spare_tcg || a->kind != 'w' || b->kind != 'w' || a->address != b->address ||
	    a->address < ROM_PAGE - 8 || a->address >= GDT_PAGE)
		return false;
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		p = find(l->k, ops[i]);
		if (p && (ext(p + 1) == 2 || ext(p + 1) == 3))
			return true;
	}
	return false;
}

/* An operand in two pages is two accesses, or three with one of eight bytes. */
static bool read_before_check(const struct look *l)
{
	struct result like = *l->kvm;
	unsigned int i, more = l->kvm->nr_accesses - l->strata->nr_accesses;

	memcpy(like.access, l->strata->access, sizeof(like.access));
	memcpy(like.page + TABLES / 4096, l->strata->page + TABLES / 4096, TABLES_SIZE / 512);
	like.nr_accesses = l->strata->nr_accesses;
	if (more < 1 || more > 3 || l->kvm->nr_accesses > MAX_EXITS)
		return false;
	for (i = l->strata->nr_accesses; i < l->kvm->nr_accesses; i++)
		if (l->kvm->access[i].kind != 'r')
			return false;
	return !kind_of_difference(&like, l->strata);
}

/* TZCNT and LZCNT, on CPUs that have them. */
static bool counts_zeros(const struct look *l)
{
	return prefixed(l->k, 0xf3, 0xbc, 0xbd);
}

static bool general_detect(const struct look *l)
{
	return spare_tcg && ANY(l->k, 0x121, 0x123) && l->strata->debugregs.dr7 & 1 << 13;
}

/* In 64-bit mode SS: is no prefix that means something. */
static bool ss_override(const struct look *l)
{
	unsigned int i, j;

	for (i = 0; i < l->k->nr_insns && l->k->mode == LONG64; i++)
		for (j = 0; j < l->k->insn[i].at; j++)
			if (l->k->insn[i].bytes[j] == 0x36)
				return true;
	return false;
}

/* MOV to a segment register with REX.R, which is ignored. */
static bool null_ss(const struct look *l)
{
	return l->k->mode == LONG64 && !(l->strata->sregs.ss.selector & ~3) &&
	       !l->strata->sregs.ss.present && l->kvm->sregs.ss.present;
}

/* KVM begins anew after each access, where the registers have changed. */
static bool pop_all(const struct look *l)
{
	return find(l->k, 0x61) && l->kvm->nr_accesses;
}

static bool segment_rex(const struct look *l)
{
	return l->k->mode == LONG64 && ANY(l->k, 0x8c, 0x8e) && got_ud(l->kvm);
}

static bool upper_half_of_cr(const struct look *l)
{
	return !l->intel && l->k->mode == LONG64 && find(l->k, 0x122) &&
		got(l->strata, 13);
}

static bool segment_w(const struct look *l)
{
	return l->k->mode == LONG64 && find(l->k, 0x8c) && l->kvm->nr_accesses &&
		l->kvm->access[0].size == 8 && l->strata->nr_accesses && l->strata->access[0].size == 2;
}

static bool movnti(const struct look *l)
{
	return find(l->k, 0x1c3);
}

static bool movsxd(const struct look *l)
{
	return l->k->mode == LONG64 && find(l->k, 0x63);
}

/* INT n whose delivery faults, only in what it has pushed. */
static bool soft_interrupt(const struct look *l)
{
	struct result like = *l->kvm;

	memcpy(like.page, l->strata->page, sizeof(like.page));
	return !l->intel && ANY(l->k, 0xcc, 0xcd, 0xce) && !kind_of_difference(&like, l->strata);
}

/* Data for code: what was executed then is in no list. */
static bool astray(const struct look *l)
{
	const uint8_t *b = find(l->k, 0xff);

	return l->k->data && (ANY(l->k, 0xc2, 0xc3, 0xca, 0xcb, 0xcf, 0xe8, 0x9a, 0xea, 0x105, 0x107,
				  0x134, 0x135, 0xcd, 0xa4, 0xa5, 0xaa, 0xab, 0x6c, 0x6d) || (b && ext(b + 1) >= 2 && ext(b + 1) <= 5));
}

/* A short jump into the middle of another instruction: what runs there is in no list. */
static bool between(const struct look *l)
{
	unsigned int i, j, start, target, end = 0;

	for (i = 0; i < l->k->nr_insns; i++) {
		const struct insn *n = &l->k->insn[i];
		uint8_t op = n->bytes[n->at];

		end += n->len;
		if ((op & 0xf0) != 0x70 && op != 0xeb && (op & 0xfc) != 0xe0)
			continue;
		target = end + (int8_t)n->bytes[n->at + 1];
		for (start = j = 0; j < l->k->nr_insns; start += l->k->insn[j++].len)
			if (target > start && target < start + l->k->insn[j].len)
				return true;
	}
	return false;
}

static uint32_t msr_index(const struct kase *k)
{
	uint32_t index = 0;
	unsigned int i;

	for (i = 0; i < k->nr_insns; i++) {
		const struct insn *n = &k->insn[i];
		unsigned int skip = n->bytes[0] == 0x66 ? 2 : 1;

		if (n->bytes[n->at] == 0x0f && (n->bytes[n->at + 1] & 0xfd) == 0x30)
			memcpy(&index, n->bytes + skip, 4);
	}
	return index;
}

/* Those that KVM reads as zero, or drops writes of, for guests that do not look. */
static bool lenient_msr(const struct look *l)
{
	static const uint32_t msr[] = { 0, 1, 0x11e, 0x1d9, 0x1a0, 0xc0010117, 0xc0010114, 0x17a, 0x3a,
					0x140, 0xcd, 0xc0010015, 0xc001001f, 0xc0010010 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr) && ANY(l->k, 0x130, 0x132); i++)
		/* Where a jump has left out what sets ECX, it is there still. */
		if (msr_index(l->k) == msr[i] || (uint32_t)l->kvm->regs.rcx == msr[i])
			return true;
	return false;
}

static bool pv_msr(const struct look *l)
{
	uint32_t index = l->kvm->regs.rcx;

	return ANY(l->k, 0x130, 0x132) && (index == 0x11 || index == 0x12);
}

/* Of MSR 0x10 two runs read the time of each. */
static bool reads_time(const struct look *l)
{
	return find(l->k, 0x132) && msr_index(l->k) == 0x10;
}

static bool tsc_aux(const struct look *l)
{
	return !l->intel && msr_index(l->k) == 0xc0000103;
}

static bool syscall_mask(const struct look *l)
{
	return l->intel && msr_index(l->k) == 0xc0000084;
}

/* MOV to or from a debug register, with REX.R. */
static bool no_debug_register(const struct look *l)
{
	unsigned int i;

	for (i = 0; i < l->k->nr_insns && l->k->mode == LONG64; i++) {
		const struct insn *n = &l->k->insn[i];

		if (n->at && (n->bytes[n->at - 1] & 0xf4) == 0x44 && n->bytes[n->at] == 0x0f &&
		    (n->bytes[n->at + 1] & 0xfd) == 0x21)
			return l->intel;
	}
	return false;
}

/* Both have ended, and only CR2 and RF differ. */
static bool fetch_fault(const struct look *l)
{
	struct result like = *l->kvm;

	like.sregs.cr2 = l->strata->sregs.cr2;
	like.regs.rflags ^= (like.regs.rflags ^ l->strata->regs.rflags) & 1 << 16;
	return l->strata->reason == KVM_EXIT_INTERNAL_ERROR && !kind_of_difference(&like, l->strata);
}

static bool rdpmc(const struct look *l)
{
	return find(l->k, 0x133);
}

static bool mce_bank(const struct look *l)
{
	return msr_index(l->k) >= 0x400 && msr_index(l->k) < 0x480;
}

static bool sysenter_msr(const struct look *l)
{
	return !l->intel && (msr_index(l->k) == 0x175 || msr_index(l->k) == 0x176);
}

static bool read_ahead(const struct look *l)
{
	return ANY(l->k, 0x6c, 0x6d);
}

/* An operand over the end of the 4 GB: #GP by strata, but not by KVM. */
static bool wraps_at_4g(const struct look *l)
{
	unsigned int i;

	if (l->k->mode == LONG64)
		return false;
	for (i = 0; i < MAX_EXITS && i < l->kvm->nr_accesses; i++)
		if (l->kvm->access[i].address >= 0xfffffff0u)
			return true;
	return l->kvm->sregs.cr2 >= 0xfffffff0u;
}

static bool segment_push(const struct look *l)
{
	return ANY(l->k, 0x06, 0x0e, 0x16, 0x1e, 0x07, 0x17, 0x1f, 0x1a0, 0x1a1, 0x1a8, 0x1a9) &&
		l->kvm->nr_accesses && l->strata->nr_accesses;
}

static bool trap_lost(const struct look *l)
{
	return (l->k->regs.rflags | l->kvm->regs.rflags) & TF && l->kvm->nr_accesses;
}

/* The stack, or a descriptor, is a device's. */
static bool delivery(const struct look *l)
{
	return l->strata->reason == KVM_EXIT_INTERNAL_ERROR &&
		(l->kvm->events.exception.injected || l->kvm->reason != l->strata->reason ||
		 l->kvm->error || l->k->inject >= 0 || (l->strata->regs.rflags & 0x100));
}

static bool invalid_cr3(const struct look *l)
{
	return !l->intel && find(l->k, 0x122) && l->kvm->reason == KVM_EXIT_FAIL_ENTRY &&
	       l->strata->reason == KVM_EXIT_FAIL_ENTRY;
}

static bool kvm_lacks(const struct look *l)
{
	/* strata has emulated it: an access, or a fault that the hardware had not found. */
	return (l->kvm->reason == KVM_EXIT_INTERNAL_ERROR || got_ud(l->kvm)) &&
		l->strata->reason != KVM_EXIT_INTERNAL_ERROR &&
		(l->strata->nr_accesses || got(l->strata, 12) || got(l->strata, 13));
}

/* What strata writes to no page, KVM writes to the first of two. */
static bool half_written(const struct look *l)
{
	struct result like = *l->kvm;
	unsigned int i;

	memcpy(like.page, l->strata->page, sizeof(like.page));
	if (kind_of_difference(&like, l->strata))
		return false;
	for (i = 0; i < TABLES; i++)
		if (l->kvm->memory[i] != l->strata->memory[i] && (i & 0xfff) < 0xff0)
			return false;
	return true;
}

static bool wide_double_shift(const struct look *l)
{
	return ANY(l->k, 0x1a4, 0x1a5, 0x1ac, 0x1ad);
}

static bool l_without_lma(const struct look *l)
{
	struct result like = *l->kvm;

	like.sregs.cs.l = l->strata->sregs.cs.l;
	return !(like.sregs.efer & 0x400) && !kind_of_difference(&like, l->strata);
}

static bool pdptes(const struct look *l)
{
	return !l->intel && (l->k->mode == PAE32 || l->k->mode == PAGED32) && find(l->k, 0x122);
}

static const struct {
	const char *why;
	bool (*is)(const struct look *l);
} known[] = {
	{ "KVM runs the other vendor's hypercall, writes over it, and has #GP at CPL 3 (em_hypercall); without it, #UD",
	  others_hypercall },
	{ "KVM serves hypercalls that CPUID does not offer (guest_pv_has without KVM_CAP_ENFORCE_PV_FEATURE_CPUID)",
	  hypercall },
	{ "CPUID: strata shows x2APIC and TSC deadline only with its LAPIC, and of leaf B subleaf n the n (SDM 2A)",
	  cpuid_leaf },
	{ "KVM runs SYSENTER and SYSEXIT of an AMD guest in long mode (em_sysenter); APM 3: #UD", sysenter },
	{ "LOCK MOV CR0 is CR8 (APM 3); KVM's emulator does not know it", cr8_by_lock },
	{ "only accessed and dirty bits: KVM keeps the address that a read has found for the write after it; a fault may set upper ones (SDM 3A 4.8)",
	  only_accessed_dirty },
	{ "flags that the manuals leave undefined", only_undefined_flags },
	{ "QEMU's TCG loses flags where a read-modify-write faults in the write", emulator_flags },
	{ "QEMU's TCG loses the carry where RCL and RCR fault in the write, and they begin anew", lost_carry },
	{ "KVM reads what it then finds not to be writable", read_before_check },
	{ "QEMU's TCG has no DR7.GD, and KVM lets a guest have its debug registers", general_detect },
	{ "KVM gives #SS for an SS: that 64-bit mode ignores (SDM 1 3.3.7)", ss_override },
	{ "SGDT, SIDT, LGDT and LIDT: KVM looks for their operand in memory only, for ever (segmented_read_std)",
	  table_in_device },
	{ "SLDT and STR: KVM reads what it is to write, with the operand's size (group6); SDM 2A: 16 bits",
	  selector_to_device },
	{ "PUSHA and CALL far: of several writes to a device KVM tells of the last only (emulator_read_write)",
	  several_writes },
	{ "TZCNT and LZCNT: KVM's emulator takes them for BSF and BSR (twobyte_table)", counts_zeros },
	{ "MMX: QEMU's TCG leaves the exponent as it was, and KVM lets the CPU do it (SDM 1 9.5.2)",
	  mmx_exponent },
	{ "a null SS: KVM's emulator gives it a limit and a type (__load_segment_descriptor)", null_ss },
	{ "POPA: KVM goes on after an access of user space with another stack pointer (em_popa)", pop_all },
	{ "KVM takes REX.R for a part of the segment register's number", segment_rex },
	{ "with REX.W KVM writes 8 bytes of a segment register's 2 (em_mov_rm_sreg)", segment_w },
	{ "KVM takes MOVNTI with 66 (SDM 2B: NP)", movnti },
	{ "KVM's emulator drops the upper half of what is moved to CR0 (mk_cr_64); hardware has #GP", upper_half_of_cr },
	{ "MOVSXD with 66: KVM reads 32 bits, not 16 (SDM 2B)", movsxd },
	{ "INT n: without nRIP KVM has moved RIP on before its delivery faults (svm_queue_exception)", soft_interrupt },
	{ "an MSR that KVM reads as zero, or whose writes it drops (kvm_get_msr_common, kvm_set_msr_common)",
	  lenient_msr },
	{ "KVM serves MSRs of its own that CPUID does not offer (guest_pv_has)", pv_msr },
	{ "machine check banks: KVM_X86_SETUP_MCE has not come; KVM refuses some values (set_msr_mce)", mce_bank },
	{ "of an AMD guest's SYSENTER MSRs KVM keeps 32 bits (svm_set_msr)", sysenter_msr },
	{ "INS: KVM reads the port before it knows that memory takes it (emulator_pio_in)", read_ahead },
	{ "an operand over the end of 4 GB may fault (SDM 3A 5.3)", wraps_at_4g },
	{ "PUSH of a segment register may write 16 bits only (SDM 2B)", segment_push },
	{ "KVM loses the trap of TF with an emulated access to a device", trap_lost },
	{ "KVM does not emulate this one", kvm_lacks },
	{ "KVM writes the first part of an operand whose second faults; hardware writes none", half_written },
	{ "of SHLD and SHRD by more than the operand has bits nothing is defined (SDM 2B)", wide_double_shift },
	{ "CS.L has no meaning outside long mode; strata shows 0", l_without_lma },
	{ "KVM loads an AMD guest's PDPTEs with CR0 and CR4, and refuses the A bit that QEMU's TCG sets in them",
	  pdptes },
	{ "QEMU's TCG takes reserved bits in MOV CR3, for which hardware has #GP, and refuses them at the next VMRUN, with a RIP of before",
	  invalid_cr3 },
	{ "RDMSR of the TSC, which has gone on meanwhile", reads_time },
	{ "TSC_AUX has 32 bits (APM 2): strata has #GP, AMD's CPUs and KVM drop the others", tsc_aux },
	{ "RDPMC: strata has no PMU", rdpmc },
	{ "FMASK: its upper half is reserved (SDM 4 table 2-2): strata has #GP, KVM and Bochs take it",
	  syscall_mask },
	{ "MOV DR with REX.R is #UD and no exit (SDM 3C 26.1.1): Bochs exits at it, and strata believes it",
	  no_debug_register },
	{ "an instruction that cannot be fetched: KVM tries to deliver its #PF before it ends", fetch_fault },
	{ "an event whose stack or gate is a device's: strata ends (SDM 3A 25.2 has no answer), KVM emulates what it interrupted, for ever",
	  delivery },
	{ "the case jumps into its data, or writes over its code", astray },
	{ "the case jumps into the middle of an instruction", between },
};

const char *why_different(const struct kase *k, const struct result *kvm,
			  const struct result *strata)
{
	const struct look l = { k, kvm, strata, on_intel() };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].is(&l))
			return known[i].why;
	return NULL;
}
