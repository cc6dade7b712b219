// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to control and debug registers.
 *
 * With decode assists the hardware names the registers. Without them the
 * instruction is read; MOV to and from CR and DR has a register operand
 * always, so prefixes, opcode and ModRM are all there is to it (APM volume
 * 3). The memory form of LMSW is the emulator's.
 */
#include <linux/bitfield.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/traps.h>

#include "exit.h"
#include "insn.h"
#include "irqchip/lapic.h"
#include "strata.h"

#define MAX_INSN	15

enum cr_insn_kind { CR_MOV_FROM, CR_MOV_TO, CR_LMSW, CR_CLTS, DR_MOV_FROM, DR_MOV_TO, CR_OTHER };

struct cr_insn {
	enum cr_insn_kind kind;
	u8 reg;			/* control or debug register */
	u8 gpr;
	u8 len;
};

static bool in_long_code(struct strata_vcpu *vcpu)
{
	return (vcpu->efer & EFER_LMA) && (vcpu->cs_attr & STRATA_CS_L);
}

/* False: not one of these, or not wholly there. */
static bool decode(struct strata_vcpu *vcpu, const u8 *b, unsigned int n, struct cr_insn *insn)
{
	bool lock = false, long_code = in_long_code(vcpu);
	unsigned int i = 0;
	u8 rex = 0, modrm;

	for (; i < n; i++) {
		if (long_code && (b[i] & 0xf0) == 0x40) {
			rex = b[i];
			continue;
		}
		switch (b[i]) {
		case 0xf0:
			lock = true;
			fallthrough;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
		case 0x66: case 0x67: case 0xf2: case 0xf3:
			rex = 0;	/* REX counts directly before the opcode only */
			continue;
		}
		break;
	}
	if (i + 2 > n || b[i] != 0x0f)
		return false;
	insn->kind = CR_OTHER;
	if (b[i + 1] == 0x06) {
		insn->kind = CR_CLTS;
		insn->len = i + 2;
		return true;
	}
	if (i + 3 > n)
		return false;
	modrm = b[i + 2];
	insn->len = i + 3;
	insn->reg = ((modrm >> 3) & 7) | (rex & 4 ? 8 : 0);
	insn->gpr = (modrm & 7) | (rex & 1 ? 8 : 0);
	switch (b[i + 1]) {
	case 0x20:
	case 0x22:
		insn->kind = b[i + 1] == 0x20 ? CR_MOV_FROM : CR_MOV_TO;
		/* LOCK MOV CR0 is AMD's way to CR8 outside 64-bit mode. */
		if (lock && !insn->reg)
			insn->reg = 8;
		return true;
	case 0x21:
	case 0x23:
		insn->kind = b[i + 1] == 0x21 ? DR_MOV_FROM : DR_MOV_TO;
		return true;
	case 0x01:
		if ((modrm >> 6) == 3 && ((modrm >> 3) & 7) == 6)
			insn->kind = CR_LMSW;
		return true;
	}
	return false;
}

/*
 * The instruction that exited. Assists name the registers, nRIP its end;
 * what one of them lacks is read.
 */
static bool get_insn(struct strata_vcpu *vcpu, struct cr_insn *insn)
{
	const struct strata_exit *e = &vcpu->exit;
	unsigned int n;
	u8 b[MAX_INSN];

	if (e->insn_len && e->id == STRATA_EXIT_CR_ACCESS && e->cr.decoded) {
		insn->kind = e->cr.write ? CR_MOV_TO : CR_MOV_FROM;
		insn->reg = e->cr.cr;
		insn->gpr = e->cr.gpr;
		insn->len = e->insn_len;
		return true;
	}
	if (e->insn_len && e->id == STRATA_EXIT_DR_ACCESS && e->dr.decoded) {
		insn->kind = e->dr.write ? DR_MOV_TO : DR_MOV_FROM;
		insn->reg = e->dr.dr;
		insn->gpr = e->dr.gpr;
		insn->len = e->insn_len;
		return true;
	}
	n = strata_fetch_insn(vcpu, b, sizeof(b));
	return n && decode(vcpu, b, n, insn);
}

static unsigned long operand(struct strata_vcpu *vcpu, const struct cr_insn *insn)
{
	unsigned long val = vcpu->regs[insn->gpr];

	return in_long_code(vcpu) ? val : (u32)val;
}

static int gp(struct strata_vcpu *vcpu)
{
	strata_queue_exception_e(vcpu, X86_TRAP_GP, 0);
	return STRATA_RESUME;
}

static int write_cr(struct strata_vcpu *vcpu, u8 cr, unsigned long val)
{
	switch (cr) {
	case 0:
		return strata_guest_set_cr0(vcpu, val);
	case 3:
		return strata_guest_set_cr3(vcpu, val);
	case 4:
		return strata_guest_set_cr4(vcpu, val);
	case 8:
		return strata_guest_set_cr8(vcpu, val);
	default:
		return 1;
	}
}

static int read_cr(struct strata_vcpu *vcpu, u8 cr, unsigned long *val)
{
	switch (cr) {
	case 0:
		*val = vcpu->cr0;
		return 0;
	case 3:
		*val = vcpu->cr3;
		return 0;
	case 4:
		*val = vcpu->cr4;
		return 0;
	case 8:
		*val = strata_get_cr8(vcpu);
		return 0;
	default:
		return 1;
	}
}

/**
 * strata_exit_cr - MOV to and from a control register, LMSW, CLTS
 * @vcpu: its mutex is held; sleeps
 */
int strata_exit_cr(struct strata_vcpu *vcpu)
{
	struct cr_insn insn = { 0 };
	unsigned long val = 0;

	if (!get_insn(vcpu, &insn)) {
		/* A fetch that faulted has its fault queued; else the code changed. */
		return STRATA_RESUME;
	}
	if (strata_vendor->get_cpl(vcpu))
		return gp(vcpu);
	strata_vendor->sync_crs(vcpu);

	switch (insn.kind) {
	case CR_MOV_TO:
		if (write_cr(vcpu, insn.reg, operand(vcpu, &insn)))
			return gp(vcpu);
		break;
	case CR_MOV_FROM:
		if (read_cr(vcpu, insn.reg, &val))
			return gp(vcpu);
		vcpu->regs[insn.gpr] = in_long_code(vcpu) ? val : (u32)val;
		break;
	case CR_LMSW:
		if (strata_guest_set_cr0(vcpu, strata_lmsw(vcpu->cr0, vcpu->regs[insn.gpr])))
			return gp(vcpu);
		break;
	case CR_CLTS:
		if (strata_guest_set_cr0(vcpu, vcpu->cr0 & ~X86_CR0_TS))
			return gp(vcpu);
		break;
	default:
		return strata_emulate_insn(vcpu);
	}
	strata_complete_insn(vcpu, vcpu->rip + insn.len);
	return STRATA_RESUME;
}

/**
 * strata_exit_dr - MOV to and from a debug register
 * @vcpu: its mutex is held; sleeps
 */
int strata_exit_dr(struct strata_vcpu *vcpu)
{
	struct cr_insn insn = { 0 };
	unsigned long val = 0;
	int vector;

	if (!get_insn(vcpu, &insn))
		return STRATA_RESUME;
	if (!strata_dr_exists(vcpu, insn.reg)) {
		strata_queue_exception(vcpu, X86_TRAP_UD);
		return STRATA_RESUME;
	}
	if (strata_vendor->get_cpl(vcpu))
		return gp(vcpu);

	if (insn.kind == DR_MOV_TO)
		vector = strata_guest_set_dr(vcpu, insn.reg, operand(vcpu, &insn));
	else
		vector = strata_guest_get_dr(vcpu, insn.reg, &val);
	switch (vector) {
	case 0:
		break;
	case X86_TRAP_GP:
		return gp(vcpu);
	case X86_TRAP_DB:
		strata_queue_db(vcpu, 1ul << 13);
		return STRATA_RESUME;
	default:
		strata_queue_exception(vcpu, vector);
		return STRATA_RESUME;
	}
	if (insn.kind == DR_MOV_FROM)
		vcpu->regs[insn.gpr] = in_long_code(vcpu) ? val : (u32)val;
	strata_complete_insn(vcpu, vcpu->rip + insn.len);
	return STRATA_RESUME;
}
