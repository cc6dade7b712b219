// SPDX-License-Identifier: GPL-2.0
/*
 * The rules for CR0, CR3, CR4, EFER, IA32_APIC_BASE, and for a whole
 * struct kvm_sregs: a table of what the manuals allow and forbid.
 */
// sources: ../../module/sregs_policy.c
#include "tap.h"
#include "sregs_policy.h"

#define REAL	{ .cr0 = SCR0_ET, .maxphyaddr = 40 }
#define PROT	{ .cr0 = SCR0_ET | SCR0_PE, .maxphyaddr = 40 }
#define PAGED	{ .cr0 = SCR0_ET | SCR0_PE | SCR0_PG, .cr4 = SCR4_PAE, .maxphyaddr = 40 }
#define LONG_	{ .cr0 = SCR0_ET | SCR0_PE | SCR0_PG, .cr4 = SCR4_PAE, .maxphyaddr = 40, \
		  .efer = SEFER_LME | SEFER_LMA, .cs_l = true }

static struct cr_state real = REAL, prot = PROT, paged = PAGED, long_ = LONG_;

static void cr0(void)
{
	struct cr_state s;

	tap_ok(guest_cr0_ok(&real, SCR0_PE), "CR0: into protected mode");
	tap_ok(!guest_cr0_ok(&real, SCR0_PG), "CR0: PG without PE");
	tap_ok(!guest_cr0_ok(&real, SCR0_NW), "CR0: NW without CD");
	tap_ok(guest_cr0_ok(&real, SCR0_NW | SCR0_CD), "CR0: both");
	tap_ok(!guest_cr0_ok(&real, 1ull << 32), "CR0: bit 32");
	tap_ok(guest_cr0_ok(&real, 1 << 10), "CR0: a reserved bit below is ignored");
	tap_ok(guest_cr0_ok(&prot, SCR0_PE | SCR0_PG), "CR0: paging");
	s = prot;
	s.efer = SEFER_LME;
	tap_ok(!guest_cr0_ok(&s, SCR0_PE | SCR0_PG), "CR0: long mode without PAE");
	s.cr4 = SCR4_PAE;
	tap_ok(guest_cr0_ok(&s, SCR0_PE | SCR0_PG), "CR0: long mode");
	s.cs_l = true;
	tap_ok(!guest_cr0_ok(&s, SCR0_PE | SCR0_PG), "CR0: long mode from a CS with L set");
	tap_ok(guest_cr0_ok(&paged, SCR0_PE), "CR0: paging off");
	tap_ok(!guest_cr0_ok(&long_, SCR0_PE), "CR0: paging off in 64-bit code");
	s = long_;
	s.cs_l = false;
	tap_ok(guest_cr0_ok(&s, SCR0_PE), "CR0: paging off in compatibility mode");
	s.cr4 |= SCR4_PCIDE;
	tap_ok(!guest_cr0_ok(&s, SCR0_PE), "CR0: paging off with PCIDs");
	tap_ok(guest_cr0_ok(&long_, SCR0_PE | SCR0_PG | SCR0_WP), "CR0: WP in long mode");
}

static void cr3(void)
{
	struct cr_state s = long_;

	tap_ok(guest_cr3_ok(&long_, 0xfffffff000), "CR3: all address bits");
	tap_ok(!guest_cr3_ok(&long_, 1ull << 40), "CR3: beyond the physical addresses");
	tap_ok(!guest_cr3_ok(&long_, CR3_NOFLUSH | 0x1000), "CR3: bit 63 without PCIDs");
	s.cr4 |= SCR4_PCIDE;
	tap_ok(guest_cr3_ok(&s, CR3_NOFLUSH | 0x1fff), "CR3: bit 63 with PCIDs");
	tap_ok(!guest_cr3_ok(&s, 1ull << 62), "CR3: bit 62 with PCIDs");
	s.maxphyaddr = 52;
	tap_ok(guest_cr3_ok(&s, 0xffffffffff000), "CR3: 52 bits");
	tap_ok(!guest_cr3_ok(&s, 1ull << 52), "CR3: bit 52 of 52");
}

static void cr4(void)
{
	struct cr_state s;

	tap_ok(guest_cr4_ok(&real, SCR4_PAE | SCR4_PGE), "CR4: PAE and PGE");
	s = real;
	s.cr4_rsvd = SCR4_SMEP;
	tap_ok(!guest_cr4_ok(&s, SCR4_SMEP), "CR4: a bit whose feature is not there");
	tap_ok(!guest_cr4_ok(&long_, 0), "CR4: PAE off in long mode");
	tap_ok(guest_cr4_ok(&paged, 0), "CR4: PAE off before");
	tap_ok(!guest_cr4_ok(&long_, SCR4_PAE | SCR4_LA57), "CR4: five levels in long mode");
	tap_ok(guest_cr4_ok(&paged, SCR4_PAE | SCR4_LA57), "CR4: five levels before");
	tap_ok(guest_cr4_ok(&long_, SCR4_PAE | SCR4_PCIDE), "CR4: PCIDs in long mode");
	tap_ok(!guest_cr4_ok(&paged, SCR4_PAE | SCR4_PCIDE), "CR4: PCIDs elsewhere");
	s = long_;
	s.cr3 = 0x1001;
	tap_ok(!guest_cr4_ok(&s, SCR4_PAE | SCR4_PCIDE), "CR4: PCIDs while CR3 has one");
	s.cr4 |= SCR4_PCIDE;
	tap_ok(guest_cr4_ok(&s, SCR4_PAE | SCR4_PCIDE | SCR4_PGE), "CR4: PCIDs stay");
}

static void efer(void)
{
	struct cr_state s = prot;

	s.efer_rsvd = ~(SEFER_SCE | SEFER_LME | SEFER_LMA | SEFER_NX);
	tap_ok(efer_ok(&s, SEFER_SCE | SEFER_LME | SEFER_NX), "EFER: SCE, LME, NX");
	tap_ok(!efer_ok(&s, 1ull << 12), "EFER: SVME");
	tap_ok(!efer_ok(&s, 1ull << 40), "EFER: bit 40");
	tap_ok(efer_ok(&s, SEFER_LME | SEFER_LMA), "EFER: LMA is ignored");
	s = long_;
	tap_ok(!efer_ok(&s, 0), "EFER: LME off while paging");
	tap_ok(efer_ok(&s, SEFER_LME | SEFER_NX), "EFER: NX while paging");
	tap_ok(!efer_ok(&paged, SEFER_LME), "EFER: LME on while paging");
}

static void apic_base(void)
{
	const u64 base = 0xfee00000, off = base, x = base | APICBASE_EN;
	const u64 x2 = x | APICBASE_EXTD, bad = base | APICBASE_EXTD;
	static const char * const name[] = { "off", "xAPIC", "x2APIC" };
	const u64 modes[] = { off, x, x2 };
	/* SDM 3A figure 11-27: from row to column. */
	static const bool allowed[3][3] = {
		{ true, true, false }, { true, true, true }, { true, false, true },
	};
	int i, j;

	for (i = 0; i < 3; i++) {
		for (j = 0; j < 3; j++) {
			tap_ok(apic_base_ok(modes[i], modes[j], 40, true, false) == allowed[i][j],
			       "APIC base: %s to %s", name[i], name[j]);
			tap_ok(apic_base_ok(modes[i], modes[j], 40, true, true),
			       "APIC base: %s to %s by ioctl", name[i], name[j]);
		}
	}
	tap_ok(!apic_base_ok(x, bad, 40, true, true), "APIC base: x2APIC without enable");
	tap_ok(!apic_base_ok(x, x2, 40, false, true), "APIC base: x2APIC that CPUID lacks");
	tap_ok(!apic_base_ok(x, x | 1ull << 40, 40, true, true), "APIC base: address too high");
	tap_ok(!apic_base_ok(x, x | 1, 40, true, true), "APIC base: bit 0");
	tap_ok(!apic_base_ok(x, x | 1 << 9, 40, true, true), "APIC base: bit 9");
	tap_ok(apic_base_ok(x, x | APICBASE_BSP, 40, true, true), "APIC base: BSP");
}

static void whole(void)
{
	const struct kvm_sregs good = {
		.cr0 = SCR0_PE | SCR0_PG | SCR0_ET, .cr4 = SCR4_PAE,
		.efer = SEFER_LME | SEFER_LMA, .cs.l = 1,
	};
	struct cr_state s = {
		.maxphyaddr = 40, .cr4_rsvd = SCR4_LA57 | 1ull << 63, .efer_rsvd = 1 << 12,
	};
	struct kvm_sregs r = good;

	tap_ok(sregs_ok(&s, &good), "sregs: long mode");
#define BAD(what, ...) do { r = good; __VA_ARGS__; tap_ok(!sregs_ok(&s, &r), "sregs: " what); } while (0)
	BAD("PG without PE", r.cr0 &= ~SCR0_PE);
	BAD("NW without CD", r.cr0 |= SCR0_NW);
	BAD("CR0 bit 32", r.cr0 |= 1ull << 32);
	BAD("long mode without PAE", r.cr4 = 0);
	BAD("long mode without LMA", r.efer = SEFER_LME);
	BAD("LMA without LME", r.efer = SEFER_LMA);
	BAD("LMA without PG", r.cr0 &= ~SCR0_PG);
	BAD("CS.L outside long mode", r.efer = 0);
	BAD("CR4 reserved", r.cr4 |= SCR4_LA57);
	BAD("EFER reserved", r.efer |= 1 << 12);
	BAD("CR3 too high", r.cr3 = 1ull << 40);
	BAD("CR8 of 16", r.cr8 = 16);
	BAD("two interrupts", r.interrupt_bitmap[0] = 1, r.interrupt_bitmap[3] = 1);
#undef BAD
	r.interrupt_bitmap[0] = 0;
	tap_ok(sregs_ok(&s, &r), "sregs: one interrupt");
	memset(&r, 0, sizeof(r));
	r.cr4 = SCR4_PCIDE;
	tap_ok(sregs_ok(&s, &r), "sregs: PCIDE outside long mode, as KVM takes it");
}

int main(void)
{
	cr0();
	cr3();
	cr4();
	efer();
	apic_base();
	whole();
	return tap_done();
}
