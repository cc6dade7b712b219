// SPDX-License-Identifier: GPL-2.0
/*
 * Control, segment and debug registers: by ioctl, and as the guest writes
 * them. The rules are in sregs_policy.c.
 */
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "irqchip/lapic.h"
#include "msr.h"
#include "sregs_policy.h"
#include "strata.h"

/* A change of these makes old translations wrong (SDM 3A 4.10.4.1). */
#define CR0_FLUSH	(SCR0_PG | SCR0_WP | SCR0_PE)
#define CR4_FLUSH	(SCR4_PGE | SCR4_PAE | SCR4_PSE | SCR4_PCIDE | SCR4_SMEP | SCR4_SMAP | \
			 SCR4_LA57 | SCR4_PKE)

static void state_of(struct strata_vcpu *vcpu, bool host, struct cr_state *s)
{
	strata_vendor->sync_crs(vcpu);
	s->cr0 = vcpu->cr0;
	s->cr3 = vcpu->cr3;
	s->cr4 = vcpu->cr4;
	s->efer = vcpu->efer;
	s->cr4_rsvd = vcpu->cr4_guest_rsvd;
	s->efer_rsvd = host ? strata_cpuid_host_efer_rsvd() : vcpu->efer_rsvd;
	s->maxphyaddr = vcpu->maxphyaddr;
	s->cs_l = vcpu->cs_attr & STRATA_CS_L;
}

/**
 * strata_guest_set_cr8 - write the task priority
 * @vcpu: its mutex is held
 * @cr8: the value
 *
 * Return: 0, or 1 where MOV to CR8 raises #GP.
 */
int strata_guest_set_cr8(struct strata_vcpu *vcpu, unsigned long cr8)
{
	if (cr8 & ~15ul)
		return 1;
	if (vcpu->apic)
		strata_lapic_set_tpr(vcpu, cr8);
	else
		vcpu->cr8 = cr8;
	strata_vendor->set_cr8(vcpu, cr8);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return 0;
}

/**
 * strata_guest_set_cr0 - MOV to CR0, LMSW, CLTS
 * @vcpu: its mutex is held
 * @cr0: the value
 *
 * Return: 0, or 1 where the instruction raises #GP.
 */
int strata_guest_set_cr0(struct strata_vcpu *vcpu, unsigned long cr0)
{
	unsigned long old = vcpu->cr0;
	struct cr_state s;

	state_of(vcpu, false, &s);
	if (!guest_cr0_ok(&s, cr0))
		return 1;
	cr0 = (cr0 & SCR0_ALL) | SCR0_ET;
	if (strata_vendor->pdptes_ok && !strata_vendor->pdptes_ok(vcpu, cr0, vcpu->cr4))
		return 1;
	strata_vendor->set_cr0(vcpu, cr0);
	if ((old ^ cr0) & CR0_FLUSH)
		vcpu->tlb_gen = STRATA_TLB_STALE;
	return 0;
}

/**
 * strata_guest_set_cr3 - MOV to CR3
 * @vcpu: its mutex is held
 * @cr3: the value
 *
 * Return: 0, or 1 where the instruction raises #GP.
 */
int strata_guest_set_cr3(struct strata_vcpu *vcpu, unsigned long cr3)
{
	struct cr_state s;
	bool keep;

	state_of(vcpu, false, &s);
	if (!guest_cr3_ok(&s, cr3))
		return 1;
	keep = (vcpu->cr4 & SCR4_PCIDE) && (cr3 & CR3_NOFLUSH);
	if (vcpu->cr4 & SCR4_PCIDE)
		cr3 &= ~CR3_NOFLUSH;
	strata_vendor->set_cr3(vcpu, cr3);
	if (!keep)
		vcpu->tlb_gen = STRATA_TLB_STALE;
	return 0;
}

/**
 * strata_guest_set_cr4 - MOV to CR4
 * @vcpu: its mutex is held
 * @cr4: the value
 *
 * Return: 0, or 1 where the instruction raises #GP.
 */
int strata_guest_set_cr4(struct strata_vcpu *vcpu, unsigned long cr4)
{
	unsigned long old = vcpu->cr4;
	struct cr_state s;

	state_of(vcpu, false, &s);
	if (!guest_cr4_ok(&s, cr4))
		return 1;
	if (strata_vendor->pdptes_ok && !strata_vendor->pdptes_ok(vcpu, vcpu->cr0, cr4))
		return 1;
	strata_vendor->set_cr4(vcpu, cr4);
	/* SDM 3A 4.10.4.1: any write that leaves or enters these, and any with PGE changed. */
	if ((old ^ cr4) & CR4_FLUSH)
		vcpu->tlb_gen = STRATA_TLB_STALE;
	return 0;
}

/**
 * strata_set_efer - write EFER
 * @vcpu: its mutex is held; any context
 * @efer: the value; LMA stays what paging made it
 * @host: by ioctl: the host's features count, not the guest's CPUID
 *
 * Return: 0, or 1 where WRMSR raises #GP.
 */
int strata_set_efer(struct strata_vcpu *vcpu, u64 efer, bool host)
{
	struct cr_state s;

	state_of(vcpu, host, &s);
	if (!efer_ok(&s, efer))
		return 1;
	efer = (efer & ~SEFER_LMA) | (vcpu->efer & SEFER_LMA);
	if ((efer ^ vcpu->efer) & SEFER_NX)
		vcpu->tlb_gen = STRATA_TLB_STALE;
	strata_vendor->set_efer(vcpu, efer);
	return 0;
}

static bool apic_base_valid(struct strata_vcpu *vcpu, u64 base, bool host)
{
	/* Before KVM_SET_CPUID2 what is supported counts. */
	bool x2apic = !vcpu->cpuid_set || strata_guest_has(vcpu, 1, 0, CPUID_R_ECX, 21);

	return apic_base_ok(vcpu->apic_base, base, vcpu->maxphyaddr, x2apic, host);
}

/**
 * strata_set_apic_base - write IA32_APIC_BASE
 * @vcpu: its mutex is held; any context
 * @base: the value
 * @host: by ioctl
 *
 * Return: 0, or 1 where WRMSR raises #GP.
 */
int strata_set_apic_base(struct strata_vcpu *vcpu, u64 base, bool host)
{
	if (!apic_base_valid(vcpu, base, host))
		return 1;
	if (vcpu->apic)
		strata_lapic_set_base(vcpu, base, host);
	else
		vcpu->apic_base = base;
	return 0;
}

/* The order of the segments in struct kvm_sregs. */
static const u8 seg_order[] = {
	STRATA_SEG_CS, STRATA_SEG_DS, STRATA_SEG_ES, STRATA_SEG_FS,
	STRATA_SEG_GS, STRATA_SEG_SS, STRATA_SEG_TR, STRATA_SEG_LDTR,
};

/**
 * strata_get_sregs - KVM_GET_SREGS
 * @vcpu: its mutex is held
 * @sregs: all of it is written
 */
int strata_get_sregs(struct strata_vcpu *vcpu, struct kvm_sregs *sregs)
{
	struct kvm_segment *seg = &sregs->cs;
	unsigned int i;

	memset(sregs, 0, sizeof(*sregs));
	for (i = 0; i < ARRAY_SIZE(seg_order); i++)
		strata_vendor->get_segment(vcpu, seg_order[i], &seg[i]);
	strata_vendor->get_dtable(vcpu, false, &sregs->gdt);
	strata_vendor->get_dtable(vcpu, true, &sregs->idt);
	strata_vendor->sync_crs(vcpu);
	sregs->cr0 = vcpu->cr0;
	strata_apply_payload(vcpu);
	sregs->cr2 = vcpu->cr2;
	sregs->cr3 = vcpu->cr3;
	sregs->cr4 = vcpu->cr4;
	sregs->cr8 = strata_get_cr8(vcpu);
	sregs->efer = vcpu->efer;
	sregs->apic_base = vcpu->apic_base;
	/* The CPU loads the bit of any descriptor; outside long mode KVM_SET_SREGS refuses it. */
	if (!(vcpu->efer & SEFER_LMA))
		sregs->cs.l = 0;
	if (vcpu->ev.irq.injected && !vcpu->ev.irq.soft)
		sregs->interrupt_bitmap[vcpu->ev.irq.nr / 64] |= 1ull << (vcpu->ev.irq.nr % 64);
	return 0;
}

static void set_interrupt_bitmap(struct strata_vcpu *vcpu, const u64 *bitmap)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		if (!(bitmap[i / 64] & (1ull << (i % 64))))
			continue;
		vcpu->ev.irq.injected = true;
		vcpu->ev.irq.soft = false;
		vcpu->ev.irq.nr = i;
	}
}

/**
 * strata_set_sregs - KVM_SET_SREGS
 * @vcpu: its mutex is held
 * @sregs: a copy in kernel memory
 *
 * Everything is checked first, then everything is set, in KVM's order.
 *
 * Return: 0, or -EINVAL with nothing changed.
 */
int strata_set_sregs(struct strata_vcpu *vcpu, const struct kvm_sregs *sregs)
{
	const struct kvm_segment *seg = &sregs->cs;
	struct cr_state s;
	unsigned int i;

	state_of(vcpu, true, &s);
	if (!sregs_ok(&s, sregs) || !apic_base_valid(vcpu, sregs->apic_base, true))
		return -EINVAL;
	if (strata_set_apic_base(vcpu, sregs->apic_base, true))
		return -EINVAL;

	strata_vendor->set_dtable(vcpu, true, &sregs->idt);
	strata_vendor->set_dtable(vcpu, false, &sregs->gdt);
	vcpu->cr2 = sregs->cr2;
	strata_vendor->set_cr3(vcpu, sregs->cr3);
	strata_guest_set_cr8(vcpu, sregs->cr8);
	strata_vendor->set_efer(vcpu, sregs->efer);
	strata_vendor->set_cr0(vcpu, (sregs->cr0 & SCR0_ALL) | SCR0_ET);
	strata_vendor->set_cr4(vcpu, sregs->cr4);
	set_interrupt_bitmap(vcpu, sregs->interrupt_bitmap);
	for (i = 0; i < ARRAY_SIZE(seg_order); i++)
		strata_vendor->set_segment(vcpu, seg_order[i], &seg[i]);

	vcpu->tlb_gen = STRATA_TLB_STALE;
	/* Old user space does not unhalt a vCPU that it resets. */
	if (vcpu->id == vcpu->vm->bsp_id && !strata_is_protmode(vcpu) &&
	    sregs->cs.selector == 0xf000 && vcpu->rip == 0xfff0)
		WRITE_ONCE(vcpu->mp_state, KVM_MP_STATE_RUNNABLE);
	strata_set_request(vcpu, STRATA_REQ_EVENT);
	return 0;
}

/* What both structures begin with. */
#define SREGS_COMMON	offsetof(struct kvm_sregs, interrupt_bitmap)

static_assert(offsetof(struct kvm_sregs2, flags) == SREGS_COMMON);

static bool is_pae_paging(const struct kvm_sregs2 *s)
{
	return (s->cr0 & X86_CR0_PG) && (s->cr4 & X86_CR4_PAE) && !(s->efer & SEFER_LMA);
}

/**
 * strata_get_sregs2 - KVM_GET_SREGS2
 * @vcpu: its mutex is held; sleeps
 * @s: all of it is written; with PAE paging the PDPTEs as well
 */
int strata_get_sregs2(struct strata_vcpu *vcpu, struct kvm_sregs2 *s)
{
	struct kvm_sregs sregs;

	strata_get_sregs(vcpu, &sregs);
	memset(s, 0, sizeof(*s));
	memcpy(s, &sregs, SREGS_COMMON);
	if (!is_pae_paging(s))
		return 0;
	/* AMD's CPUs keep none: they are in memory (APM 2 15.25.10). */
	if (strata_vendor->get_pdptes)
		strata_vendor->get_pdptes(vcpu, s->pdptrs);
	else if (strata_read_guest(vcpu->vm, s->cr3 & 0xffffffe0, s->pdptrs, sizeof(s->pdptrs)))
		return 0;
	s->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	return 0;
}

/**
 * strata_set_sregs2 - KVM_SET_SREGS2
 * @vcpu: its mutex is held
 * @s: a copy in kernel memory
 *
 * No interrupt is injected by it. Return: 0; -EINVAL as strata_set_sregs(), and for
 * other flags, or PDPTEs without PAE paging.
 */
int strata_set_sregs2(struct strata_vcpu *vcpu, const struct kvm_sregs2 *s)
{
	bool pdptes = s->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	struct kvm_sregs sregs = { 0 };
	int r;

	if (s->flags & ~(u64)KVM_SREGS2_FLAGS_PDPTRS_VALID || (pdptes && !is_pae_paging(s)))
		return -EINVAL;
	memcpy(&sregs, s, SREGS_COMMON);
	r = strata_set_sregs(vcpu, &sregs);
	if (!r && pdptes && strata_vendor->set_pdptes)
		strata_vendor->set_pdptes(vcpu, s->pdptrs);
	return r;
}

/**
 * strata_translate - KVM_TRANSLATE
 * @vcpu: its mutex is held
 * @t: the linear address; takes the rest
 *
 * As the guest's kernel would see it, whatever the CPL is. Return: 0.
 */
int strata_translate(struct strata_vcpu *vcpu, struct kvm_translation *t)
{
	u64 gpa, linear = t->linear_address;
	u32 ec;

	memset(t, 0, sizeof(*t));
	t->linear_address = linear;
	strata_vendor->sync_crs(vcpu);
	t->valid = !strata_gva_to_gpa(vcpu, linear, STRATA_ACC_READ, &gpa, &ec);
	t->physical_address = t->valid ? gpa : ~0ull;
	t->writeable = 1;
	t->usermode = 0;
	return 0;
}

/**
 * strata_dr_exists - DR4 and DR5 are others' names without CR4.DE, and none with it
 * @vcpu: its mutex is held
 * @dr: 0 to 7
 */
bool strata_dr_exists(struct strata_vcpu *vcpu, int dr)
{
	return (dr & ~1) != 4 || !(vcpu->cr4 & SCR4_DE);
}

/* MOV DR with DR7.GD set: #DB before the access; its delivery sets DR6.BD and clears GD. */
static int check_dr(struct strata_vcpu *vcpu, int *dr)
{
	if ((*dr & ~1) == 4)
		*dr += 2;
	return vcpu->dr7 & SDR7_GD ? X86_TRAP_DB : 0;
}

/**
 * strata_guest_set_dr - MOV to a debug register
 * @vcpu: its mutex is held
 * @dr: 0 to 7
 * @val: the value
 *
 * Return: 0, or the vector to raise (SDM 3B 18.2, APM 2 13.1).
 */
int strata_guest_set_dr(struct strata_vcpu *vcpu, int dr, unsigned long val)
{
	int vector = check_dr(vcpu, &dr);

	if (vector)
		return vector;
	switch (dr) {
	case 0 ... 3:
		vcpu->db[dr] = val;
		return 0;
	case 6:
		if (val >> 32)
			return X86_TRAP_GP;
		strata_vendor->set_dr6(vcpu, (val & SDR6_VOLATILE) | SDR6_FIXED);
		return 0;
	case 7:
		if (val >> 32)
			return X86_TRAP_GP;
		strata_vendor->set_dr7(vcpu, (val & SDR7_VOLATILE) | SDR7_FIXED);
		return 0;
	default:
		return X86_TRAP_UD;
	}
}

/**
 * strata_guest_get_dr - MOV from a debug register
 * @vcpu: its mutex is held
 * @dr: 0 to 7
 * @val: gets the value
 *
 * Return: 0, or the vector to raise.
 */
int strata_guest_get_dr(struct strata_vcpu *vcpu, int dr, unsigned long *val)
{
	int vector = check_dr(vcpu, &dr);

	if (vector)
		return vector;
	switch (dr) {
	case 0 ... 3:
		*val = vcpu->db[dr];
		return 0;
	case 6:
		*val = vcpu->dr6;
		return 0;
	case 7:
		*val = vcpu->dr7;
		return 0;
	default:
		return X86_TRAP_UD;
	}
}

/**
 * strata_get_debugregs - KVM_GET_DEBUGREGS
 * @vcpu: its mutex is held
 * @d: all of it is written
 */
int strata_get_debugregs(struct strata_vcpu *vcpu, struct kvm_debugregs *d)
{
	unsigned int i;

	memset(d, 0, sizeof(*d));
	strata_apply_payload(vcpu);
	for (i = 0; i < ARRAY_SIZE(d->db); i++)
		d->db[i] = vcpu->db[i];
	d->dr6 = vcpu->dr6;
	d->dr7 = vcpu->dr7;
	return 0;
}

/**
 * strata_set_debugregs - KVM_SET_DEBUGREGS
 * @vcpu: its mutex is held
 * @d: a copy in kernel memory
 *
 * Return: 0, or -EINVAL for flags or upper halves of DR6 and DR7.
 */
int strata_set_debugregs(struct strata_vcpu *vcpu, const struct kvm_debugregs *d)
{
	unsigned int i;

	if (d->flags || d->dr6 >> 32 || d->dr7 >> 32)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(d->db); i++)
		vcpu->db[i] = d->db[i];
	strata_vendor->set_dr6(vcpu, (d->dr6 & SDR6_VOLATILE) | SDR6_FIXED);
	strata_vendor->set_dr7(vcpu, (d->dr7 & SDR7_VOLATILE) | SDR7_FIXED);
	return 0;
}
