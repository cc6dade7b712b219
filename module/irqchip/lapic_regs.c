// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a LAPIC: the xAPIC page, the x2APIC MSRs, and the page as
 * KVM_GET_LAPIC and KVM_SET_LAPIC carry it.
 */
#include <asm/msr-index.h>
#include <linux/nospec.h>
#include <linux/string.h>

#include "lapic.h"

#define MSR_X2APIC		0x800
#define X2APIC_MSR(reg)		(MSR_X2APIC + ((reg) >> 4))

#define VERSION			(0x14 | (LAPIC_NR_LVT - 1) << 16)
#define SVR_BITS		0x3ffu
/* Delivery is instant; what is reserved reads as it was written, as on KVM. */
#define ICR_BITS		(~(u32)BIT(12))
#define X2APIC_ICR_RESERVED	0xfff32000u

#define LVT_DEADLINE		BIT(18)

/* What software may set in each entry of the local vector table. */
static u32 lvt_bits(enum lapic_lvt lvt)
{
	u32 bits = 0xff | LAPIC_LVT_MASKED;

	switch (lvt) {
	case LAPIC_LVT_TIMER:
		return bits | BIT(17) | LVT_DEADLINE;
	case LAPIC_LVT_ERROR:
		return bits;
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
		return bits | 7 << 8 | 1 << 13 | 1 << 15;
	default:
		return bits | 7 << 8;
	}
}

static void write_lvt(struct strata_lapic *apic, enum lapic_lvt lvt, u32 val)
{
	val &= lvt_bits(lvt);
	if (lvt == LAPIC_LVT_TIMER && (val & LVT_DEADLINE) &&
	    !strata_guest_has(apic->vcpu, 1, 0, CPUID_R_ECX, 24))
		val &= ~LVT_DEADLINE;
	/* While software has the LAPIC disabled nothing can be unmasked. */
	if (!(apic->svr & LAPIC_SVR_ENABLE))
		val |= LAPIC_LVT_MASKED;
	if (lvt == LAPIC_LVT_TIMER) {
		strata_lapic_timer_write_lvt(apic, val);
		return;
	}
	WRITE_ONCE(apic->lvt[lvt], val);
	/* The PIC's output may find its way now. */
	if (lvt == LAPIC_LVT_LINT0)
		strata_set_request(apic->vcpu, STRATA_REQ_EVENT);
}

static void write_svr(struct strata_lapic *apic, u32 val)
{
	int i;

	WRITE_ONCE(apic->svr, val & SVR_BITS);
	if (val & LAPIC_SVR_ENABLE)
		return;
	for (i = 0; i < LAPIC_NR_LVT; i++)
		WRITE_ONCE(apic->lvt[i], apic->lvt[i] | LAPIC_LVT_MASKED);
}

/* A write shows what was collected and begins anew (SDM 11.5.3). */
static void write_esr(struct strata_lapic *apic)
{
	apic->esr = xchg(&apic->errors, 0);
}

/*
 * A 32-bit write. False: there is no such register, or none that can be
 * written, in this mode. The ICR of x2APIC mode has 64 bits and is not here.
 */
static bool reg_write(struct strata_lapic *apic, u32 reg, u32 val)
{
	bool x2apic = apic->mode == LAPIC_X2APIC;

	switch (reg) {
	case LAPIC_EOI:
		if (unlikely(apic->pv_eoi_msr))
			strata_pv_eoi_written(apic);
		else
			strata_lapic_eoi(apic);
		return true;
	case LAPIC_TPR:
		strata_lapic_write_tpr(apic, val);
		return true;
	case LAPIC_ICR:
		if (x2apic)
			return false;
		apic->icr = (apic->icr & GENMASK_ULL(63, 32)) | (val & ICR_BITS);
		strata_lapic_send_ipi(apic, apic->icr);
		return true;
	case LAPIC_ICR2:
		if (x2apic)
			return false;
		apic->icr = (u64)(val & 0xff000000) << 32 | (u32)apic->icr;
		return true;
	case LAPIC_LVTT ... LAPIC_LVTERR:
		if (reg & 0xf)
			return false;
		write_lvt(apic, array_index_nospec((reg - LAPIC_LVTT) >> 4, LAPIC_NR_LVT), val);
		return true;
	case LAPIC_TMICT:
		strata_lapic_timer_write_count(apic, val);
		return true;
	case LAPIC_TDCR:
		strata_lapic_timer_write_divide(apic, val);
		return true;
	case LAPIC_SVR:
		write_svr(apic, val);
		return true;
	case LAPIC_ESR:
		write_esr(apic);
		return true;
	case LAPIC_LDR:
		if (x2apic)
			return false;
		WRITE_ONCE(apic->ldr, val & 0xff000000);
		return true;
	case LAPIC_DFR:
		if (x2apic)
			return false;
		WRITE_ONCE(apic->dfr, val | 0x0fffffff);
		return true;
	case LAPIC_SELF_IPI:
		if (!x2apic)
			return false;
		strata_lapic_self_ipi(apic, val);
		return true;
	case LAPIC_ID:
		/* Fixed at creation; a write to the xAPIC register is dropped. */
		return !x2apic;
	default:
		return false;
	}
}

/* 32 vectors of a map as a register shows them. */
static u32 map_word(const unsigned long *map, u32 offset)
{
	unsigned int i = offset >> 4;

	return READ_ONCE(map[i >> 1]) >> (i & 1) * 32;
}

/* A 32-bit read at a 16-byte boundary. False: there is no such register in this mode. */
static bool reg_read(struct strata_lapic *apic, u32 reg, u32 *val)
{
	bool x2apic = apic->mode == LAPIC_X2APIC;

	switch (reg) {
	case LAPIC_ID:
		*val = x2apic ? apic->vcpu->id : apic->vcpu->id << 24;
		return true;
	case LAPIC_VERSION:
		*val = VERSION;
		return true;
	case LAPIC_TPR:
		*val = apic->tpr;
		return true;
	case LAPIC_PPR:
		strata_pv_eoi_settle(apic);
		*val = strata_lapic_ppr(apic);
		return true;
	case LAPIC_APR:
	case LAPIC_EOI:
	case LAPIC_RRD:
		*val = 0;
		return !x2apic;
	case LAPIC_LDR:
		*val = apic->ldr;
		return true;
	case LAPIC_DFR:
		*val = apic->dfr;
		return !x2apic;
	case LAPIC_SVR:
		*val = apic->svr;
		return true;
	case LAPIC_ISR ... LAPIC_ISR + 0x70:
		strata_pv_eoi_settle(apic);
		*val = map_word(apic->isr, reg - LAPIC_ISR);
		return true;
	case LAPIC_TMR ... LAPIC_TMR + 0x70:
		*val = map_word(apic->tmr, reg - LAPIC_TMR);
		return true;
	case LAPIC_IRR ... LAPIC_IRR + 0x70:
		*val = map_word(apic->irr, reg - LAPIC_IRR);
		return true;
	case LAPIC_ESR:
		*val = apic->esr;
		return true;
	case LAPIC_ICR:
		*val = apic->icr;
		return true;
	case LAPIC_ICR2:
		*val = apic->icr >> 32;
		return !x2apic;
	case LAPIC_LVTT ... LAPIC_LVTERR:
		*val = apic->lvt[array_index_nospec((reg - LAPIC_LVTT) >> 4, LAPIC_NR_LVT)];
		return true;
	case LAPIC_TMICT:
		*val = apic->tmict;
		return true;
	case LAPIC_TMCCT:
		*val = strata_lapic_timer_count(apic);
		return true;
	case LAPIC_TDCR:
		*val = apic->tdcr;
		return true;
	default:
		return false;
	}
}

/**
 * strata_lapic_mmio_read - a read of the xAPIC page
 * @vcpu: its mutex is held; has a LAPIC in xAPIC mode
 * @offset: below 4096
 * @len: bytes
 * @val: @len bytes, 0 where there is no register
 *
 * A register is the first 4 bytes of each 16 (SDM 11.4.1). Return: 0.
 */
int strata_lapic_mmio_read(struct strata_vcpu *vcpu, u32 offset, unsigned int len, void *val)
{
	u32 reg = 0;

	memset(val, 0, len);
	if ((offset & 0xf) + len > 4)
		return 0;
	if (!reg_read(vcpu->apic, offset & ~0xfu, &reg))
		strata_lapic_error(vcpu->apic, LAPIC_ERR_REGISTER);
	memcpy(val, (u8 *)&reg + (offset & 3), len);
	return 0;
}

/**
 * strata_lapic_mmio_write - a write to the xAPIC page
 * @vcpu: its mutex is held; has a LAPIC in xAPIC mode
 * @offset: below 4096
 * @len: bytes
 * @val: @len bytes
 *
 * Only aligned 4-byte writes do anything. Return: 0.
 */
int strata_lapic_mmio_write(struct strata_vcpu *vcpu, u32 offset, unsigned int len, const void *val)
{
	u32 reg;

	if (len != 4 || (offset & 0xf))
		return 0;
	memcpy(&reg, val, sizeof(reg));
	if (!reg_write(vcpu->apic, offset, reg))
		strata_lapic_error(vcpu->apic, LAPIC_ERR_REGISTER);
	return 0;
}

/**
 * strata_lapic_msr_read - RDMSR of an x2APIC register or IA32_TSC_DEADLINE
 * @vcpu: its mutex is held
 * @index: 0x800-0x8ff or 0x6e0
 * @val: result
 *
 * SDM 11.12.1.2. Return: 0, or 1 to raise #GP(0).
 */
int strata_lapic_msr_read(struct strata_vcpu *vcpu, u32 index, u64 *val)
{
	struct strata_lapic *apic = vcpu->apic;
	u32 reg = (index - MSR_X2APIC) << 4, low = 0;

	*val = 0;
	if (index == MSR_IA32_TSC_DEADLINE) {
		if (apic)
			*val = strata_lapic_timer_read_deadline(apic);
		return 0;
	}
	if (!apic || apic->mode != LAPIC_X2APIC)
		return 1;
	if (reg == LAPIC_ICR) {
		*val = apic->icr;
		return 0;
	}
	if (!reg_read(apic, reg, &low))
		return 1;
	*val = low;
	return 0;
}

/**
 * strata_lapic_msr_write - WRMSR of an x2APIC register or IA32_TSC_DEADLINE
 * @vcpu: its mutex is held
 * @index: 0x800-0x8ff or 0x6e0
 * @val: the value
 *
 * May be called with interrupts off. Return: 0, or 1 to raise #GP(0).
 */
int strata_lapic_msr_write(struct strata_vcpu *vcpu, u32 index, u64 val)
{
	struct strata_lapic *apic = vcpu->apic;
	u32 reg;

	if (index == MSR_IA32_TSC_DEADLINE) {
		if (apic)
			strata_lapic_timer_write_deadline(apic, val);
		return 0;
	}
	if (unlikely(!apic || apic->mode != LAPIC_X2APIC))
		return 1;
	if (index == X2APIC_MSR(LAPIC_ICR)) {
		if ((u32)val & X2APIC_ICR_RESERVED)
			return 1;
		apic->icr = val & (GENMASK_ULL(63, 32) | ICR_BITS);
		strata_lapic_send_ipi(apic, val);
		return 0;
	}
	reg = (index - MSR_X2APIC) << 4;
	if (val >> 32)
		return 1;
	if ((reg == LAPIC_EOI || reg == LAPIC_ESR) && val)
		return 1;
	if ((reg == LAPIC_TPR || reg == LAPIC_SELF_IPI) && val > 0xff)
		return 1;
	return !reg_write(apic, reg, val);
}

static u32 get32(const struct kvm_lapic_state *s, u32 reg)
{
	u32 val;

	memcpy(&val, s->regs + reg, sizeof(val));
	return val;
}

static void put32(struct kvm_lapic_state *s, u32 reg, u32 val)
{
	memcpy(s->regs + reg, &val, sizeof(val));
}

/**
 * strata_lapic_get - KVM_GET_LAPIC
 * @vcpu: its mutex is held; has a LAPIC
 * @s: the registers where the xAPIC page has them; in x2APIC mode the id is in the
 *	topmost byte too, unless user space knows ids of 32 bits
 *
 * Return: 0.
 */
int strata_lapic_get(struct strata_vcpu *vcpu, struct kvm_lapic_state *s)
{
	struct strata_lapic *apic = vcpu->apic;
	u32 reg, val, count;
	bool timer;

	memset(s, 0, sizeof(*s));
	strata_pv_eoi_work(vcpu);
	timer = strata_lapic_timer_freeze(apic, &count);
	for (reg = 0; reg < sizeof(s->regs); reg += 16)
		if (reg_read(apic, reg, &val))
			put32(s, reg, val);
	put32(s, LAPIC_ID, apic->mode == LAPIC_X2APIC && strata_wide_ids(vcpu->vm) ? vcpu->id :
			   vcpu->id << 24);
	put32(s, LAPIC_ICR2, apic->icr >> 32);
	put32(s, LAPIC_DFR, apic->dfr);
	put32(s, LAPIC_TMCCT, count);
	strata_lapic_timer_thaw(apic, timer);
	return 0;
}

static void set_map(const struct kvm_lapic_state *s, u32 reg, unsigned long *map)
{
	int i;

	for (i = 0; i < LAPIC_WORDS; i++)
		WRITE_ONCE(map[i], get32(s, reg + i * 32) |
			   (unsigned long)get32(s, reg + i * 32 + 16) << 32);
}

/**
 * strata_lapic_set - KVM_SET_LAPIC
 * @vcpu: its mutex is held; has a LAPIC
 * @s: as strata_lapic_get() gives it
 *
 * The mode is that of IA32_APIC_BASE, which is set before. The id is fixed: a wrong
 * one is ignored, but refused where it has 32 bits. Return: 0 or -EINVAL.
 */
int strata_lapic_set(struct strata_vcpu *vcpu, const struct kvm_lapic_state *s)
{
	struct strata_lapic *apic = vcpu->apic;
	bool x2apic = apic->mode == LAPIC_X2APIC;
	int i;

	if (x2apic && strata_wide_ids(vcpu->vm) && get32(s, LAPIC_ID) != vcpu->id)
		return -EINVAL;

	/* No bit of before is left for what comes. */
	strata_pv_eoi_work(vcpu);
	strata_lapic_timer_stop(apic);
	WRITE_ONCE(apic->svr, get32(s, LAPIC_SVR) & SVR_BITS);
	if (!x2apic) {
		WRITE_ONCE(apic->ldr, get32(s, LAPIC_LDR) & 0xff000000);
		WRITE_ONCE(apic->dfr, get32(s, LAPIC_DFR) | 0x0fffffff);
	}
	for (i = 0; i < LAPIC_NR_LVT; i++)
		WRITE_ONCE(apic->lvt[i], get32(s, LAPIC_LVTT + i * 16) & lvt_bits(i));
	set_map(s, LAPIC_IRR, apic->irr);
	set_map(s, LAPIC_TMR, apic->tmr);
	set_map(s, LAPIC_ISR, apic->isr);
	apic->isr_top = lapic_highest(apic->isr);
	apic->esr = get32(s, LAPIC_ESR) & 0xff;
	apic->icr = (u64)get32(s, LAPIC_ICR2) << 32 | (get32(s, LAPIC_ICR) & ICR_BITS);
	apic->tmict = get32(s, LAPIC_TMICT);
	apic->tdcr = get32(s, LAPIC_TDCR) & 0xb;
	strata_lapic_write_tpr(apic, get32(s, LAPIC_TPR));
	strata_lapic_timer_restore(apic, get32(s, LAPIC_TMCCT));
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return 0;
}
