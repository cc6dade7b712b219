/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which values control registers, EFER, IA32_APIC_BASE and debug registers
 * may take. Pure.
 */
#ifndef STRATA_SREGS_POLICY_H
#define STRATA_SREGS_POLICY_H

#include "cpuid_policy.h"
#include "pure.h"
#include "types.h"

#define SCR0_PE		BIT_ULL(0)
#define SCR0_MP		BIT_ULL(1)
#define SCR0_EM		BIT_ULL(2)
#define SCR0_TS		BIT_ULL(3)
#define SCR0_ET		BIT_ULL(4)
#define SCR0_NE		BIT_ULL(5)
#define SCR0_WP		BIT_ULL(16)
#define SCR0_AM		BIT_ULL(18)
#define SCR0_NW		BIT_ULL(29)
#define SCR0_CD		BIT_ULL(30)
#define SCR0_PG		BIT_ULL(31)
#define SCR0_ALL	(SCR0_PE | SCR0_MP | SCR0_EM | SCR0_TS | SCR0_ET | SCR0_NE | SCR0_WP | \
			 SCR0_AM | SCR0_NW | SCR0_CD | SCR0_PG)

#define CR3_NOFLUSH	BIT_ULL(63)

#define APICBASE_BSP	BIT_ULL(8)
#define APICBASE_EXTD	BIT_ULL(10)
#define APICBASE_EN	BIT_ULL(11)

/* DR6 and DR7: bits that are kept, and bits that read as one (APM 2 13.1.1). */
#define SDR6_VOLATILE	0x0000e00full
#define SDR6_FIXED	0xffff0ff0ull
#define SDR7_VOLATILE	0xffff2bffull
#define SDR7_FIXED	0x00000400ull
#define SDR7_GD		BIT_ULL(13)

/**
 * struct cr_state - what a check of one register needs of the others
 * @cr0: current
 * @cr3: current
 * @cr4: current
 * @efer: current, with LMA
 * @cr4_rsvd: bits of CR4 that this vCPU does not have
 * @efer_rsvd: bits of EFER that this vCPU does not have
 * @maxphyaddr: physical address bits
 * @cs_l: CS has the L bit, which means 64-bit code in long mode only
 */
struct cr_state {
	u64 cr0;
	u64 cr3;
	u64 cr4;
	u64 efer;
	u64 cr4_rsvd;
	u64 efer_rsvd;
	u8 maxphyaddr;
	bool cs_l;
};

bool guest_cr0_ok(const struct cr_state *s, u64 cr0);
bool guest_cr3_ok(const struct cr_state *s, u64 cr3);
bool guest_cr4_ok(const struct cr_state *s, u64 cr4);
bool efer_ok(const struct cr_state *s, u64 efer);
bool apic_base_ok(u64 old, u64 base, u8 maxphyaddr, bool x2apic, bool host);
bool sregs_ok(const struct cr_state *s, const struct kvm_sregs *sregs);

#endif /* STRATA_SREGS_POLICY_H */
