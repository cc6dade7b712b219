// SPDX-License-Identifier: GPL-2.0
/*
 * The manuals' rules for control registers; see sregs_policy.h.
 *
 * SDM 3A 2.5, 4.1, 4.10.4.1; APM 2 3.1, 5.5, 14.6.
 */
#include "sregs_policy.h"

static u64 above(u8 bits)
{
	return bits < 64 ? ~0ull << bits : 0;
}

/* What holds for CR0 whatever it was before. */
static bool cr0_consistent(u64 cr0)
{
	if (cr0 >> 32)
		return false;
	if ((cr0 & SCR0_NW) && !(cr0 & SCR0_CD))
		return false;
	return !(cr0 & SCR0_PG) || (cr0 & SCR0_PE);
}

/**
 * guest_cr0_ok - would MOV to CR0 take this value?
 * @s: the guest's state
 * @cr0: the value; its reserved bits below bit 32 are ignored, not refused
 */
bool guest_cr0_ok(const struct cr_state *s, u64 cr0)
{
	bool on = (cr0 & SCR0_PG) && !(s->cr0 & SCR0_PG);
	bool off = !(cr0 & SCR0_PG) && (s->cr0 & SCR0_PG);

	if (!cr0_consistent(cr0))
		return false;
	/* Into long mode: with PAE, and from a segment that is not 64-bit. */
	if (on && (s->efer & SEFER_LME) && (!(s->cr4 & SCR4_PAE) || s->cs_l))
		return false;
	/* Out of paging: not from 64-bit code, not with PCIDs. */
	if (off && (s->efer & SEFER_LMA) && s->cs_l)
		return false;
	return !off || !(s->cr4 & SCR4_PCIDE);
}

/**
 * guest_cr3_ok - would MOV to CR3 take this value?
 * @s: the guest's state
 * @cr3: the value
 */
bool guest_cr3_ok(const struct cr_state *s, u64 cr3)
{
	u64 rsvd = above(s->maxphyaddr);

	if (!(s->efer & SEFER_LMA))
		return true;
	if (s->cr4 & SCR4_PCIDE)
		rsvd &= ~CR3_NOFLUSH;
	return !(cr3 & rsvd);
}

/**
 * guest_cr4_ok - would MOV to CR4 take this value?
 * @s: the guest's state
 * @cr4: the value
 */
bool guest_cr4_ok(const struct cr_state *s, u64 cr4)
{
	u64 changed = cr4 ^ s->cr4;
	bool lma = s->efer & SEFER_LMA;

	if (cr4 & s->cr4_rsvd)
		return false;
	if (lma && (!(cr4 & SCR4_PAE) || (changed & SCR4_LA57)))
		return false;
	if ((changed & cr4 & SCR4_PCIDE) && (!lma || (s->cr3 & 0xfff)))
		return false;
	return true;
}

/**
 * efer_ok - would WRMSR to EFER take this value?
 * @s: the guest's state
 * @efer: the value; LMA in it is ignored
 */
bool efer_ok(const struct cr_state *s, u64 efer)
{
	if (efer & s->efer_rsvd)
		return false;
	return !((efer ^ s->efer) & SEFER_LME) || !(s->cr0 & SCR0_PG);
}

/**
 * apic_base_ok - may IA32_APIC_BASE take this value?
 * @old: its value now
 * @base: the new one
 * @maxphyaddr: physical address bits
 * @x2apic: the guest's CPUID has x2APIC
 * @host: by ioctl: any valid mode may follow any other
 *
 * SDM 3A 11.12.1 and 11.12.5.
 */
bool apic_base_ok(u64 old, u64 base, u8 maxphyaddr, bool x2apic, bool host)
{
	const u64 mode = APICBASE_EXTD | APICBASE_EN;

	if (base & (above(maxphyaddr) | 0x2ff))
		return false;
	if ((base & APICBASE_EXTD) && (!x2apic || !(base & APICBASE_EN)))
		return false;
	if (host || (old & mode) == (base & mode))
		return true;
	/* Into x2APIC mode from xAPIC mode only, out of it to off only. */
	if ((base & mode) == mode)
		return old & APICBASE_EN;
	return (old & mode) != mode || !(base & mode);
}

/**
 * sregs_ok - may KVM_SET_SREGS take this?
 * @s: cr4_rsvd, efer_rsvd and maxphyaddr are what counts
 * @sregs: the new state; apic_base is apic_base_ok()'s business
 *
 * Segments are taken as they are, as KVM does.
 */
bool sregs_ok(const struct cr_state *s, const struct kvm_sregs *sregs)
{
	unsigned int i, bits = 0;
	u64 word;

	if (!cr0_consistent(sregs->cr0) || (sregs->cr4 & s->cr4_rsvd) ||
	    (sregs->efer & s->efer_rsvd) || (sregs->cr3 & above(s->maxphyaddr)) ||
	    sregs->cr8 > 15)
		return false;
	if ((sregs->efer & SEFER_LME) && (sregs->cr0 & SCR0_PG)) {
		if (!(sregs->cr4 & SCR4_PAE) || !(sregs->efer & SEFER_LMA))
			return false;
	} else if ((sregs->efer & SEFER_LMA) || sregs->cs.l) {
		return false;
	}
	for (i = 0; i < ARRAY_SIZE(sregs->interrupt_bitmap); i++)
		for (word = sregs->interrupt_bitmap[i]; word; word &= word - 1)
			bits++;
	return bits <= 1;
}
