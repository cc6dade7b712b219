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

		if (n->bytes[n->at] == 0x0f && n->bytes[n->at + 1] == 0xa2 &&
		    (*leaf == 1 || *leaf == 0xb || *leaf == 0x1f))
			return true;
	}
	return false;
}

static bool sysenter(const struct look *l)
{
	return !l->intel && is_long(l->k) && ANY(l->k, 0x134, 0x135);
}

static bool cr8_by_lock(const struct look *l)
{
	unsigned int i;

	for (i = 0; i < l->k->nr_insns; i++) {
		const struct insn *n = &l->k->insn[i];

		if (n->at && n->bytes[n->at - 1] == 0xf0 && n->bytes[n->at] == 0x0f &&
		    (n->bytes[n->at + 1] & 0xfd) == 0x20)
			return true;
	}
	return false;
}

/* Loads of segment registers and tables, far transfers, ENTER, LEAVE, MMX, x87. */
static bool not_emulated(const struct look *l)
{
	const uint8_t *b;

	if (l->kvm->nr_accesses == l->strata->nr_accesses &&
	    l->strata->reason != KVM_EXIT_INTERNAL_ERROR)
		return false;
	if (ANY(l->k, 0xc4, 0xc5, 0x1b2, 0x1b4, 0x1b5, 0xca, 0xcb, 0xcf, 0xc8, 0xc9, 0x8e, 0x9a,
		0xea, 0x07, 0x17, 0x1f, 0x1a1, 0x1a9, 0x16f, 0x17f, 0x1e7, 0x1ae, 0xd9, 0xdb,
		0xdd, 0x100))
		return true;
	b = find(l->k, 0xff);
	if (b && (ext(b + 1) == 3 || ext(b + 1) == 5))
		return true;
	b = find(l->k, 0x101);
	return b && b[2] < 0xc0;
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
		return CF | AF | OF;
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

/* In RFLAGS, or where an exception has pushed them. */
static bool only_undefined_flags(const struct look *l)
{
	const struct result *a = l->kvm, *b = l->strata;
	uint64_t undefined = undefined_flags(l->k), va, vb;
	struct result like = *a;
	unsigned int i;

	if ((a->regs.rflags ^ b->regs.rflags) & ~undefined)
		return false;
	memcpy(like.page, b->page, sizeof(b->page));
	like.regs.rflags = b->regs.rflags;
	if (kind_of_difference(&like, b))
		return false;
	for (i = 0; i < TABLES; i += 2) {
		uint16_t wa, wb;

		memcpy(&wa, a->memory + i, 2);
		memcpy(&wb, b->memory + i, 2);
		va = wa, vb = wb;
		if ((va ^ vb) & ~undefined)
			return false;
	}
	return true;
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
	static const uint32_t msr[] = { 0x11e, 0x1d9, 0x1a0, 0xc0010117, 0xc0010114, 0x17a, 0x3a,
					0x140, 0xcd, 0xc0010015, 0xc001001f, 0xc0010010 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr); i++)
		if (msr_index(l->k) == msr[i])
			return true;
	return false;
}

static bool mce_bank(const struct look *l)
{
	return msr_index(l->k) >= 0x400 && msr_index(l->k) < 0x480;
}

static bool sysenter_msr(const struct look *l)
{
	return !l->intel && (msr_index(l->k) == 0x175 || msr_index(l->k) == 0x176);
}

/* INS, and KVM has read the port although memory did not take what came. */
static bool read_ahead(const struct look *l)
{
	return ANY(l->k, 0x6c, 0x6d) && l->kvm->nr_accesses > l->strata->nr_accesses;
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
	return l->k->regs.rflags & TF && l->kvm->nr_accesses &&
		!(l->kvm->debugregs.dr6 & 1 << 14) && l->strata->debugregs.dr6 & 1 << 14;
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
	{ "an MSR that KVM reads as zero, or whose writes it drops (kvm_get_msr_common, kvm_set_msr_common)",
	  lenient_msr },
	{ "machine check banks: KVM_X86_SETUP_MCE has not come; KVM refuses some values (set_msr_mce)", mce_bank },
	{ "of an AMD guest's SYSENTER MSRs KVM keeps 32 bits (svm_set_msr)", sysenter_msr },
	{ "INS: KVM reads the port before it knows that memory takes it (emulator_pio_in)", read_ahead },
	{ "an operand over the end of 4 GB may fault (SDM 3A 5.3)", wraps_at_4g },
	{ "PUSH of a segment register may write 16 bits only (SDM 2B)", segment_push },
	{ "KVM loses the trap of TF with an emulated write to a device", trap_lost },
	{ "strata does not emulate loads of segment registers and tables, far transfers, ENTER, LEAVE, MMX and x87 from a device",
	  not_emulated },
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
