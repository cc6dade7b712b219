// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator against the CPU that runs this test.
 *
 * Random instances of every family that user mode may execute run twice from
 * the same registers, flags and memory: natively in a trampoline, and in the
 * emulator. Everything must agree but flags that the manuals leave undefined.
 * In 64-bit mode and, through a far jump, in 32-bit mode.
 *
 * Usage: test_emulate_native [SEED [ROUNDS]]
 */
// sources: ../../module/emulate/decode.c ../../module/emulate/optab.c ../../module/emulate/exec.c ../../module/emulate/alu.c ../../module/emulate/segment.c ../../module/emulate/far.c ../../module/emulate/fpu.c ../../module/emulate/frame.c ../../module/emulate/system.c ../../module/emulate/stack.c ../../module/emulate/string.c ../../module/emulate/portio.c
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "tap.h"
#include "emul_env.h"
#include "native_forms.h"

#define STATE		0x20000000u
#define CODE		0x22000000u
#define CODE32		(CODE + 0x800)
#define DATA		((u32)ENV_BASE)
#define DATA_SIZE	0x2000u

/* What the trampoline loads and stores, at a fixed low address. */
struct state {
	u64 regs[16];
	u64 xmm[16][2];
	u64 flags;		/* popped and pushed */
	u64 host_rsp;
	u32 far_off;		/* target of the far jump into 32-bit code */
	u16 far_sel;
};

static struct state *const st = (struct state *)(unsigned long)STATE;
static u8 *const code = (u8 *)(unsigned long)CODE;
static u8 *const data = (u8 *)(unsigned long)DATA;

static u64 rng_state;

static u64 rng(void)
{
	/* xorshift64* */
	rng_state ^= rng_state >> 12;
	rng_state ^= rng_state << 25;
	rng_state ^= rng_state >> 27;
	return rng_state * 0x2545f4914f6cdd1dull;
}

static unsigned int rnd(unsigned int n)
{
	return (rng() >> 32) % n;
}

/* Values near the edges are likelier than in a uniform choice. */
static u64 rnd_value(void)
{
	static const u64 edges[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, 0x7fffffffffffffff, 1ull << 63, ~0ull,
	};

	if (rnd(3))
		return rng() >> (rnd(8) * 8);
	return edges[rnd(ARRAY_SIZE(edges))];
}

/* ---- the trampoline ---- */

static u8 *emit_p;
static u8 *resume_p;		/* after the instruction, in 64-bit code */
static volatile sig_atomic_t trap_no;

static void emit(const void *bytes, unsigned int n)
{
	memcpy(emit_p, bytes, n);
	emit_p += n;
}

#define EMIT(...) do {					\
	static const u8 b_[] = { __VA_ARGS__ };		\
	emit(b_, sizeof(b_));				\
} while (0)

static void emit32(u32 v)
{
	emit(&v, 4);
}

/* mov between a register and an absolute address, 64 bits */
static void emit_reg(unsigned int nr, bool load, u32 addr)
{
	u8 b[4] = { 0x48 | (nr & 8 ? 4 : 0), load ? 0x8b : 0x89,
		    (nr & 7) << 3 | 4, 0x25 };

	emit(b, 4);
	emit32(addr);
}

static void emit_xmm(unsigned int nr, bool load, u32 addr)
{
	u8 b[5] = { 0x40 | (nr & 8 ? 4 : 0), 0x0f, load ? 0x10 : 0x11,
		    (nr & 7) << 3 | 4, 0x25 };

	emit(b, 5);
	emit32(addr);
}

#define ST(field) (STATE + (u32)offsetof(struct state, field))

/*
 * Build: save the host, load the guest, INSN, store the guest, host back.
 * Where the instruction begins depends on what stands before it, so the caller
 * gets that address from insn_address() first.
 */
static u8 *build_prologue(void)
{
	unsigned int i;

	emit_p = code;
	EMIT(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);
	emit_reg(EMUL_RSP, false, ST(host_rsp));
	for (i = 0; i < 16; i++)
		emit_xmm(i, true, ST(xmm[i]));
	EMIT(0x48, 0xc7, 0xc4);			/* mov $flags, %rsp */
	emit32(ST(flags));
	EMIT(0x9d);				/* popfq */
	for (i = 0; i < 16; i++)
		emit_reg(i, true, ST(regs[i]));
	return emit_p;
}

static void build_epilogue(void)
{
	unsigned int i;

	resume_p = emit_p;
	for (i = 0; i < 16; i++)
		emit_reg(i, false, ST(regs[i]));
	EMIT(0x48, 0xc7, 0xc4);
	emit32(ST(flags) + 8);
	EMIT(0x9c, 0xfc);			/* pushfq; cld */
	for (i = 0; i < 16; i++)
		emit_xmm(i, false, ST(xmm[i]));
	emit_reg(EMUL_RSP, true, ST(host_rsp));
	EMIT(0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

static void on_trap(int sig, siginfo_t *si, void *uc_)
{
	ucontext_t *uc = uc_;
	u64 rip = uc->uc_mcontext.gregs[REG_RIP];

	/* a fault of the test program itself is not for us */
	if (rip < CODE || rip >= CODE + 0x1000 || trap_no >= 0) {
		signal(sig, SIG_DFL);
		return;
	}
	trap_no = uc->uc_mcontext.gregs[REG_TRAPNO];
	uc->uc_mcontext.gregs[REG_RIP] = (unsigned long)resume_p;
	uc->uc_mcontext.gregs[REG_CSGSFS] =
		(uc->uc_mcontext.gregs[REG_CSGSFS] & ~0xffffull) | 0x33;
}

/* Only the function's address is cast; ASan must not look at the frame. */
__attribute__((no_sanitize("address", "undefined")))
static void run_native(void)
{
	void (*fn)(void) = (void (*)(void))(unsigned long)CODE;

	trap_no = -1;
	fn();
}

/* ---- generation ---- */

struct insn {
	const struct tmpl *t;
	bool is64;
	u8 bytes[16];
	unsigned int len;
	unsigned int opsize;
	bool mem;
	u64 ea;			/* of the memory operand */
	u32 undef;
	bool ok;		/* false: this combination is not for us */
	unsigned int rm, reg;
	unsigned int used;	/* registers of the address, by bit */
};

static u64 mask_of(unsigned int size)
{
	return ~0ull >> (64 - 8 * size);
}

/* A memory operand at @ea; the registers of the address are set to fit. */
static void put_mem(struct insn *in, u8 reg, u8 *rexp, u32 at, bool ad_swap,
		    unsigned int imm_len, u64 ea, bool keep_sp)
{
	static const u8 used_bits[] = { 0, 1, 4 };
	unsigned int nregs = in->is64 ? 16 : 8;
	unsigned int base, index, mod, disp_size, scale;
	bool narrow = !in->is64 || ad_swap;
	u64 disp, val;
	u8 *b = in->bytes + in->len;

	switch (rnd(in->is64 ? 5 : 4)) {
	case 0:	/* absolute */
		if (in->is64) {
			*b++ = reg << 3 | 4;
			*b++ = 0x25;
		} else {
			*b++ = reg << 3 | 5;
		}
		disp = ea;
		disp_size = 4;
		break;
	case 4: /* RIP-relative */
		*b++ = reg << 3 | 5;
		disp_size = 4;
		disp = ea - (at + (b - in->bytes) + 4 + imm_len);
		break;
	case 1: /* base alone */
		do {
			base = rnd(nregs);
		} while ((base & 7) == 4);
		mod = rnd(3);
		if (mod == 0 && (base & 7) == 5)
			mod = 1;
		disp_size = used_bits[mod];
		disp = disp_size == 1 ? (u64)(s8)rng() :
		       disp_size ? (u64)(s32)rng() : 0;
		*b++ = mod << 6 | reg << 3 | (base & 7);
		if (base & 8)
			*rexp |= 0x41;
		in->used = BIT(base);
		val = ea - disp;
		st->regs[base] = narrow ? (u32)val | (in->is64 ?
				 rng() << 32 : 0) : val;
		break;
	default: /* base and index */
		do {
			base = rnd(nregs);
			index = rnd(nregs);
			/* RSP is fixed by the template when it is the stack */
		} while (index == 4 || index == base);
		mod = rnd(3);
		if (mod == 0 && (base & 7) == 5)
			mod = 2;
		disp_size = used_bits[mod];
		disp = disp_size == 1 ? (u64)(s8)rng() :
		       disp_size ? (u64)(s32)rng() : 0;
		scale = rnd(4);
		in->used = BIT(base) | BIT(index);
		*b++ = mod << 6 | reg << 3 | 4;
		*b++ = scale << 6 | (index & 7) << 3 | (base & 7);
		if (base & 8)
			*rexp |= 0x41;
		if (index & 8)
			*rexp |= 0x42;
		if (base == 4 && keep_sp) {
			/* solve for the displacement instead */
			b[-2] = 2 << 6 | reg << 3 | 4;
			b[-1] = 0 << 6 | (index & 7) << 3 | 4;
			disp_size = 4;
			st->regs[index] = rnd(4096);
			disp = ea - st->regs[4] - st->regs[index];
			if (narrow && in->is64)
				st->regs[index] |= rng() << 32;
		} else {
			val = rnd_value();
			st->regs[index] = in->is64 ? val : (u32)val;
			val = ea - disp - (st->regs[index] << scale);
			st->regs[base] = narrow ? (u32)val : val;
		}
		break;
	}
	memcpy(b, &disp, disp_size);
	in->len = b + disp_size - in->bytes;
	in->mem = true;
	in->ea = ea;
}

static void fill_random(void)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		st->regs[i] = rnd_value();
		st->xmm[i][0] = rng();
		st->xmm[i][1] = rng();
	}
	for (i = 0; i < DATA_SIZE; i += 8)
		*(u64 *)(data + i) = rnd_value();
}

static unsigned int shift_count(const struct insn *in)
{
	const struct tmpl *t = in->t;
	unsigned int c = t->t & T_ONE ? 1 : t->t & T_CL ? (u8)st->regs[1] :
			 in->bytes[in->len - 1];

	return c & (in->opsize == 8 ? 63 : 31);
}

/* Which flags (and whether the result) the count leaves undefined. */
static void shift_rules(struct insn *in)
{
	unsigned int bits = 8 * in->opsize, n = shift_count(in);
	const struct tmpl *t = in->t;

	if (n == 0)
		return;
	if (n != 1)
		in->undef |= OF;
	if (t->t & T_ROT) {
		/* whether a rotation through carry by all bits counts as one */
		return;
	}
	in->undef |= AF;
	if (t->t & T_DBL) {
		if (n > bits)
			in->ok = false;
	} else if (n >= bits) {
		in->undef |= CF;
	}
}

static void generate(struct insn *in, const struct tmpl *t, bool is64, u32 at)
{
	unsigned int nregs = is64 ? 16 : 8, total_imm, i;
	bool p66 = false, p67 = false, lock = false, rep = false, w = false;
	bool memory = t->form == F_M;
	u8 rex = 0, reg, pfx[8], npfx = 0;
	u8 *body;
	u64 ea;

	memset(in, 0, sizeof(*in));
	in->t = t;
	in->is64 = is64;
	in->ok = true;
	in->undef = t->undef;
	fill_random();
	st->flags = (rng() & (ARITH | 0x400)) | 0x202;
	if (rnd(2))
		st->flags &= ~0x400ull;

	if (t->form == F_RM)
		memory = rnd(3);
	if (!(t->t & (T_NO66 | T_BYTE)) && !rnd(3))
		p66 = true;
	if (is64 && (!(t->t & (T_NO66 | T_NOW)) || (t->t & T_W)) && !rnd(3))
		w = true;
	if (t->t & T_CX16)
		w = true;
	if (is64 && !rnd(4) && t->form != F_NOARG)
		p67 = true;
	if ((t->t & T_LOCK) && memory && !rnd(3))
		lock = true;

	in->opsize = t->t & T_BYTE ? 1 : w ? 8 : p66 ? 2 : 4;
	if (is64 && (t->t & T_STACK))
		in->opsize = p66 && !w ? 2 : 8;

	/* prefixes: in random order, some without meaning */
	if (t->pfx)
		pfx[npfx++] = t->pfx;
	if (p66)
		pfx[npfx++] = 0x66;
	if (p67)
		pfx[npfx++] = 0x67;
	if (lock)
		pfx[npfx++] = 0xf0;
	if (t->form == F_STR && rnd(3)) {
		rep = true;
		pfx[npfx++] = (t->t & T_REPE) && rnd(2) ? 0xf2 : 0xf3;
	}
	if (!rnd(5))
		pfx[npfx++] = rnd(2) ? 0x3e : 0x26;
	for (i = 0; i + 1 < npfx; i++) {
		unsigned int j = i + rnd(npfx - i);
		u8 x = pfx[i];

		pfx[i] = pfx[j];
		pfx[j] = x;
	}
	memcpy(in->bytes, pfx, npfx);
	in->len = npfx;

	/* a place for REX is kept always; removed again when it is not used */
	body = in->bytes + in->len;
	if (is64) {
		in->len++;
		if (w)
			rex |= 0x48;
		if (!rnd(4))
			rex |= 0x40;
	}
	memcpy(in->bytes + in->len, t->op, t->nop);
	in->len += t->nop;

	total_imm = t->imm == 'z' || t->imm == 'r' ?
		    (in->opsize == 2 ? 2 : 4) :
		    t->imm == 'v' ? (in->opsize) : t->imm;
	if (t->imm == 'r')
		total_imm = 4;
	if (t->t & T_STACK)
		st->regs[4] = DATA + 0x800 + rnd(0x400) * 2;
	/* implicit operands that are addresses come before the operand */
	ea = DATA + 0x1000 + rnd(0x800);
	if (t->t & T_ALIGN)
		ea &= ~15ull;

	switch (t->form) {
	case F_RM:
	case F_M:
		reg = t->ext >= 0 ? t->ext : (int)rnd(nregs);
		if (t->t & T_SEG)
			reg = rnd(6);
		in->reg = reg;
		if (memory) {
			/* the place of REX is settled after this: assume it */
			put_mem(in, reg & 7, &rex, at, p67, total_imm, ea,
				t->t & T_STACK);
		} else {
			in->rm = rnd(nregs);
			if (in->rm == 4 && (t->t & T_STACK) && t->ext == 6)
				in->rm = 3;
			in->bytes[in->len++] = 0xc0 | (reg & 7) << 3 |
					       (in->rm & 7);
			if (in->rm & 8)
				rex |= 0x41;
		}
		if (reg & 8)
			rex |= 0x44;
		break;
	case F_OPREG:
		in->rm = rnd(nregs);
		in->bytes[in->len - 1] |= in->rm & 7;
		if (in->rm & 8)
			rex |= 0x41;
		break;
	case F_MOFFS:
		i = is64 && !p67 ? 8 : 4;
		memcpy(in->bytes + in->len, &ea, i);
		in->len += i;
		break;
	case F_STR:
		st->regs[6] = DATA + 0x800 + rnd(0x400);
		st->regs[7] = DATA + 0x1000 + rnd(0x400);
		if (!rnd(8))
			st->regs[7] = st->regs[6] + rnd(9) - 4;
		if (p67 && !rep)
			for (i = 6; i < 8; i++)
				st->regs[i] |= rng() << 32;
		st->regs[1] = 1 + rnd(24);
		if ((t->t & T_REPE) && rnd(2))
			memcpy(data + 0x800, data + 0x1000, 0x800);
		break;
	default:
		break;
	}

	/* immediates */
	if (t->imm == 'r') {
		/* to the next instruction */
		memset(in->bytes + in->len, 0, 4);
	} else {
		u64 v = rnd_value();

		if (t->imm == 2)
			v &= 0x3f0;
		memcpy(in->bytes + in->len, &v, 8 < total_imm ? 8 : total_imm);
		if ((t->t & (T_SHIFT | T_ROT)) && t->imm && rnd(2))
			in->bytes[in->len] = 1 + rnd(40);
	}
	in->len += total_imm;

	if (is64) {
		if (rex) {
			*body = rex;
		} else {
			/* RIP-relative: one byte less before the end is the same end */
			memmove(body, body + 1, in->len - (body - in->bytes) - 1);
			in->len--;
			if (in->mem && (in->bytes[npfx + t->nop] & 0xc7) == 5) {
				s32 d;

				memcpy(&d, in->bytes + npfx + t->nop + 1, 4);
				d++;
				memcpy(in->bytes + npfx + t->nop + 1, &d, 4);
			}
		}
	}
	if (in->len > 15)
		in->ok = false;
}

/* Data that the instruction's meaning asks for, after the registers are set. */
static void prepare(struct insn *in, u32 next)
{
	const struct tmpl *t = in->t;
	u8 *p = in->mem ? data + (in->ea - DATA) : NULL;
	unsigned int size = in->opsize;

	if ((t->t & T_DIV) && !(in->used & 5)) {
		/* a dividend whose high half is small or a sign: seldom #DE */
		if (rnd(8)) {
			if (size == 1)
				st->regs[0] &= ~0xf800ull;
			else
				st->regs[2] = rnd(2) ? 0 : rnd(5);
			if (p && !*p)
				*p = 7;
		}
	}
	if ((t->t & T_CMPX) && p && rnd(2))
		memcpy(p, &st->regs[0], size);
	if ((t->t & T_CMPX2) && rnd(2)) {
		memcpy(p, &st->regs[0], t->t & T_CX16 ? 8 : 4);
		memcpy(p + (t->t & T_CX16 ? 8 : 4), &st->regs[2], 8);
	}
	if (t->t & T_TARGET) {
		u64 target = next;

		memcpy(in->mem ? p : data + (st->regs[4] - DATA), &target, 8);
	}
	if (t->t & T_POPF) {
		u64 fl = (rng() & (ARITH | 0x400 | 0x3000)) | 0x202;

		memcpy(data + (st->regs[4] - DATA), &fl, 8);
	}
	if ((t->t & T_BITOFF) && in->mem) {
		/* a near offset, unless the register makes the address */
		u64 off = (u64)((s64)rnd(4096) - 2048);

		if (in->used & BIT(in->reg))
			in->ok = false;
		st->regs[in->reg] = off & mask_of(in->is64 ? 8 : 4);
	}
}

/*
 * Some hosts do not return from a trap or an interrupt to a stack pointer that
 * is not canonical: the process dies. RSP gets none, also where it is data.
 */
static void keep_rsp_canonical(struct insn *in)
{
	u64 rsp = (u64)((s64)(st->regs[4] << 16) >> 16);

	if (rsp != st->regs[4] && (in->used & BIT(4)))
		in->ok = false;
	st->regs[4] = rsp;
}

/* ---- comparison ---- */

static struct env *env;
static u8 data_before[DATA_SIZE];
static struct state st_before;

static void dump(const struct insn *in, const char *why, unsigned int round)
{
	unsigned int i;

	printf("# %s (%s, round %u): %s\n#  bytes", in->t->name,
	       in->is64 ? "64" : "32", round, why);
	for (i = 0; i < in->len; i++)
		printf(" %02x", in->bytes[i]);
	printf("\n#  ea %llx flags in %llx native %llx emulated %llx undef %x\n",
	       (unsigned long long)in->ea, (unsigned long long)st_before.flags,
	       (unsigned long long)st->flags,
	       (unsigned long long)env->c.rflags, in->undef);
	for (i = 0; i < 16; i++)
		if (st->regs[i] != env->regs[i] ||
		    st->regs[i] != st_before.regs[i])
			printf("#  r%-2u in %016llx native %016llx emulated %016lx\n",
			       i, (unsigned long long)st_before.regs[i],
			       (unsigned long long)st->regs[i], env->regs[i]);
}

static bool compare(const struct insn *in, int rc, u32 next, unsigned int round)
{
	unsigned int i, n = in->is64 ? 16 : 8;
	u64 mask = in->is64 ? ~0ull : 0xffffffff;
	u64 flmask = (ARITH | 0x400) & ~in->undef;

	if (trap_no >= 0) {
		if (rc == EMUL_FAULT && env->c.exception.vector == trap_no)
			return true;
		dump(in, "native trap, not so emulated", round);
		printf("#  native trap %d, emulated rc %d vector %d\n",
		       (int)trap_no, rc, env->c.exception.vector);
		return false;
	}
	if (rc != EMUL_CONTINUE) {
		dump(in, "not emulated", round);
		printf("#  rc %d vector %d\n", rc, env->c.exception.vector);
		return false;
	}
	if (env->c.rip != next) {
		dump(in, "RIP differs", round);
		return false;
	}
	if ((in->t->t & T_SCAN) && (st->flags & env->c.rflags & ZF))
		env->regs[in->reg] = st->regs[in->reg];
	for (i = 0; i < n; i++) {
		if ((st->regs[i] ^ env->regs[i]) & mask) {
			dump(in, "register differs", round);
			return false;
		}
		if (memcmp(st->xmm[i], env->xmm[i], 16)) {
			dump(in, "XMM register differs", round);
			return false;
		}
	}
	if ((st->flags ^ env->c.rflags) & flmask) {
		dump(in, "flags differ", round);
		return false;
	}
	if ((in->t->t & T_PUSHSEG) && !in->is64) {
		i = (u32)st->regs[4] - DATA + 2;
		memcpy(env->mem + i, data + i, 2);
	}
	if (memcmp(data, env->mem, DATA_SIZE)) {
		dump(in, "memory differs", round);
		for (i = 0; i < DATA_SIZE; i++)
			if (data[i] != env->mem[i])
				printf("#  at %x: in %02x native %02x emulated %02x\n",
				       DATA + i, data_before[i], data[i],
				       env->mem[i]);
		return false;
	}
	return true;
}

static u16 native_sel[6];

static int run_emulated(struct insn *in, u32 at)
{
	unsigned int i, guard = 0;
	int rc;

	env_init(env, in->is64 ? EMUL_LONG : EMUL_PROT32);
	__builtin_cpu_init();
	env->c.tzcnt = __builtin_cpu_supports("bmi");
	env->c.lzcnt = __builtin_cpu_supports("lzcnt");
	env->c.cpl = 3;
	env->c.rip = at;
	env->c.rflags = st_before.flags;
	for (i = 0; i < 16; i++) {
		env->regs[i] = st_before.regs[i];
		memcpy(env->xmm[i], st_before.xmm[i], 16);
	}
	for (i = 0; i < 6; i++)
		env->seg[i].selector = native_sel[i];
	env->seg[EMUL_SEG_CS].selector = in->is64 ? 0x33 : 0x23;
	memcpy(env->mem, data_before, DATA_SIZE);
	do {
		memcpy(env->c.insn, in->bytes, 15);
		env->c.insn_len = in->len;
		rc = strata_emulate(&env->c);
	} while (rc == EMUL_RESTART && guard++ < 100);
	return rc;
}

static bool run_one(const struct tmpl *t, bool is64, unsigned int round)
{
	struct insn in;
	u32 at, next;
	int rc;

	build_prologue();
	if (is64) {
		at = CODE + (emit_p - code);
	} else {
		EMIT(0xff, 0x2c, 0x25);		/* ljmp *far */
		emit32(ST(far_off));
		at = CODE32;
	}
	generate(&in, t, is64, at);
	next = at + in.len;
	prepare(&in, next);
	if (t->t & (T_SHIFT | T_ROT))
		shift_rules(&in);
	keep_rsp_canonical(&in);
	if (!in.ok)
		return true;

	if (is64) {
		emit(in.bytes, in.len);
	} else {
		u8 back[7] = { 0xea, 0, 0, 0, 0, 0x33, 0 };
		u32 to = CODE + (emit_p - code);

		memcpy(back + 1, &to, 4);
		memcpy(code + 0x800, in.bytes, in.len);
		memcpy(code + 0x800 + in.len, back, 7);
		st->far_off = CODE32;
		st->far_sel = 0x23;
	}
	build_epilogue();
	memcpy(data_before, data, DATA_SIZE);
	st_before = *st;

	run_native();
	/* pushfq stored the flags where popfq took them */
	rc = run_emulated(&in, at);
	return compare(&in, rc, next, round);
}

static bool have_32bit(void)
{
	u16 cs32 = 0x23;
	u32 limit;
	u8 zf;

	/* LSL of the kernel's 32-bit user code segment */
	asm volatile("lsl %[sel], %[limit]; setz %[zf]"
		     : [limit] "=r" (limit), [zf] "=q" (zf)
		     : [sel] "r" ((u32)cs32)
		     : "cc");
	return zf && limit == 0xffffffff;
}

static bool cpu_has(const struct tmpl *t)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return false;
	if (t->t & T_MOVBE)
		return c & bit_MOVBE;
	if (t->t & T_CX16)
		return c & bit_CMPXCHG16B;
	if (!strcmp(t->name, "lddqu"))
		return c & bit_SSE3;
	return true;
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260131;
	unsigned int rounds = argc > 2 ? atoi(argv[2]) : 400;
	static u8 altstack[1 << 16];
	stack_t ss = { .ss_sp = altstack, .ss_size = sizeof(altstack) };
	struct sigaction sa = { .sa_sigaction = on_trap,
				.sa_flags = SA_SIGINFO | SA_ONSTACK };
	unsigned int i, j, pass;
	bool has32 = have_32bit();

	env = malloc(sizeof(*env));
	sigaltstack(&ss, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	if (mmap(st, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != st ||
	    mmap(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != code ||
	    mmap(data, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != data) {
		tap_skip("no executable memory at low addresses");
		return tap_done();
	}
	if (has32)
		asm volatile("mov %0, %%ds; mov %0, %%es" : : "r" (0x2b));
	asm volatile("mov %%es, %0" : "=m" (native_sel[EMUL_SEG_ES]));
	asm volatile("mov %%ss, %0" : "=m" (native_sel[EMUL_SEG_SS]));
	asm volatile("mov %%ds, %0" : "=m" (native_sel[EMUL_SEG_DS]));
	asm volatile("mov %%fs, %0" : "=m" (native_sel[EMUL_SEG_FS]));
	asm volatile("mov %%gs, %0" : "=m" (native_sel[EMUL_SEG_GS]));
	printf("# seed %llu, %u rounds of each\n", (unsigned long long)seed,
	       rounds);

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < ARRAY_SIZE(tmpls); i++) {
			const struct tmpl *t = &tmpls[i];
			bool good = true;

			if (t->t & (pass ? T_64 : T_NO64))
				continue;
			if ((pass && !has32) || !cpu_has(t)) {
				tap_skip("%s", t->name);
				continue;
			}
			/* each form by itself, whatever the others do */
			rng_state = seed * 1000003 + i * 2 + pass + 1;
			for (j = 0; j < rounds && good; j++)
				good = run_one(t, !pass, j);
			tap_ok(good, "%s bit: %s", pass ? "32" : "64", t->name);
		}
	}
	free(env);
	return tap_done();
}
