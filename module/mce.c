// SPDX-License-Identifier: GPL-2.0
/*
 * Machine checks for a guest: which banks it has, and those that user space
 * sends it. The banks themselves are MSRs. SDM 3B chapter 16, APM 2 chapter 9.
 */
#include <asm/mce.h>
#include <asm/processor-flags.h>
#include <asm/traps.h>

#include "msr.h"
#include "strata.h"

#define CAP_BANKS	0xffull
#define CAP_EXT	0xff0000ull
#define ALL_ON		(~0ull)

/**
 * strata_mce_supported - KVM_X86_GET_MCE_CAP_SUPPORTED
 *
 * Return: bits of IA32_MCG_CAP that KVM_X86_SETUP_MCE takes.
 */
u64 strata_mce_supported(void)
{
	return MCG_CTL_P | MCG_SER_P;
}

/**
 * strata_setup_mce - KVM_X86_SETUP_MCE
 * @vcpu: its mutex is held
 * @mcg_cap: what IA32_MCG_CAP is to read, with the number of banks
 *
 * Every reporting bit is on afterwards. Return: 0, or -EINVAL for no bank, more
 * than MSR_NR_BANKS, or bits that are not supported.
 */
int strata_setup_mce(struct strata_vcpu *vcpu, u64 mcg_cap)
{
	struct strata_msrs *m = vcpu->msrs;
	unsigned int nr = mcg_cap & CAP_BANKS, i;

	if (!nr || nr > MSR_NR_BANKS)
		return -EINVAL;
	if (mcg_cap & ~(strata_mce_supported() | CAP_BANKS | CAP_EXT))
		return -EINVAL;
	m->slot[MSR_S_MCG_CAP] = mcg_cap;
	if (mcg_cap & MCG_CTL_P)
		m->slot[MSR_S_MCG_CTL] = ALL_ON;
	strata_msr_gate_mcg_ctl(m);
	for (i = 0; i < nr; i++)
		m->slot[MSR_S_BANKS + 4 * i] = ALL_ON;
	return 0;
}

static void report(u64 *bank, const struct kvm_x86_mce *mce, bool overflow)
{
	bank[1] = mce->status | (overflow ? MCI_STATUS_OVER : 0);
	bank[2] = mce->addr;
	bank[3] = mce->misc;
}

/**
 * strata_set_mce - KVM_X86_SET_MCE
 * @vcpu: its mutex is held
 * @mce: what the bank is to report
 *
 * A corrected error is only stored. An uncorrected one raises #MC, or shuts the
 * guest down where it cannot take it: CR4.MCE is clear, or one is being handled.
 *
 * Return: 0, or -EINVAL for a bank that is not there, or a report without VAL.
 */
int strata_set_mce(struct strata_vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	struct strata_msrs *m = vcpu->msrs;
	u64 *bank;

	if (mce->bank >= strata_msr_nr_banks(m) || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = &m->slot[MSR_S_BANKS + 4 * mce->bank];
	if (mce->status & MCI_STATUS_UC) {
		/* The guest has reporting off, wholly or for this bank. */
		if ((m->slot[MSR_S_MCG_CAP] & MCG_CTL_P) && m->slot[MSR_S_MCG_CTL] != ALL_ON)
			return 0;
		if (bank[0] != ALL_ON)
			return 0;
		if ((m->slot[MSR_S_MCG_STATUS] & MCG_STATUS_MCIP) || !(vcpu->cr4 & X86_CR4_MCE)) {
			strata_set_request(vcpu, STRATA_REQ_TRIPLE_FAULT);
			return 0;
		}
		report(bank, mce, bank[1] & MCI_STATUS_VAL);
		m->slot[MSR_S_MCG_STATUS] = mce->mcg_status;
		strata_queue_exception(vcpu, X86_TRAP_MC);
	} else if ((bank[1] & MCI_STATUS_VAL) && (bank[1] & MCI_STATUS_UC)) {
		/* A worse one waits to be read. */
		bank[1] |= MCI_STATUS_OVER;
	} else {
		report(bank, mce, bank[1] & MCI_STATUS_VAL);
	}
	return 0;
}
