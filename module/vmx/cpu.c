// SPDX-License-Identifier: GPL-2.0
/*
 * VMX operation on each CPU, and which VMCS lives where.
 *
 * Two backends. The persistent one enters VMX operation when the first VM is
 * made and leaves it with the last; it needs the kernel's helpers for CR4,
 * since other code of the kernel rewrites CR4 from a shadow copy. Where the
 * kernel keeps these for KVM the bracket does without: CR4.VMXE is set and
 * cleared again, and VMX operation entered and left, within one stretch of
 * interrupts off, during which nobody else writes this CPU's CR4.
 *
 * A VMCS is active on at most one CPU, which may hold fields of it in itself;
 * before another CPU uses it VMCLEAR has to write them back (SDM 25.11.1).
 */
#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/smp.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#ifdef HAVE_INTEL_PT_HANDLE_VMX
#include <asm/intel_pt.h>
#include <asm/perf_event.h>
#endif

#include "insns.h"
#include "vmx.h"

#define VMX_NR_VPIDS	0x10000

DEFINE_PER_CPU(struct vmx_cpu, strata_vmx_cpu);
DEFINE_STATIC_KEY_FALSE(strata_vmx_bracket);

static void write_cr4_raw(unsigned long cr4)
{
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
}

/* The persistent backend's way to CR4.VMXE: through the kernel's shadow of CR4. */
static void vmxe_hold(bool on)
{
#ifdef HAVE_CR4_UPDATE_IRQSOFF
	if (on)
		cr4_set_bits_irqsoff(X86_CR4_VMXE);
	else
		cr4_clear_bits_irqsoff(X86_CR4_VMXE);
#endif
}

/* Processor Trace and VMX exclude each other on some CPUs: tell its driver. */
static void tell_processor_trace(bool on)
{
#ifdef HAVE_INTEL_PT_HANDLE_VMX
	intel_pt_handle_vmx(on);
#endif
}

/**
 * vmx_flush_all_tags - nothing that this CPU has cached under any tag is ours
 * @vc: this CPU, in VMX operation; interrupts off
 *
 * Neither VMXON nor VMXOFF is sure to drop it, and somebody else may have used
 * the tags.
 */
void vmx_flush_all_tags(struct vmx_cpu *vc)
{
	vmx_invept(INVEPT_ALL, 0);
	vmx_invvpid(INVVPID_ALL, 0);
	vmx_oracle_flushed_all();
	vc->vpid_gen++;
	vc->next_vpid = 1;
}

/**
 * vmx_cpu_enable - take this CPU
 *
 * Interrupts are off. Somebody who set CR4.VMXE owns it.
 *
 * Return: 0, or -EBUSY; -EIO when VMXON is refused.
 */
int vmx_cpu_enable(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&strata_vmx_cpu);

	if (native_read_cr4() & X86_CR4_VMXE)
		return -EBUSY;
	vmx_host_cpu_constants(vc);
	vmx_lazy_cpu_init(vc);
	vc->current_vmcs = NULL;
	if (!static_branch_unlikely(&strata_vmx_bracket)) {
		tell_processor_trace(true);
		vmxe_hold(true);
		if (!vmx_vmxon(page_to_phys(vc->region))) {
			vmxe_hold(false);
			tell_processor_trace(false);
			return -EIO;
		}
		vmx_flush_all_tags(vc);
	}
	WRITE_ONCE(vc->on, true);
	return 0;
}

static void clear_vmcs(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&strata_vmx_cpu);

	vmx_vmclear(vmx->vmcs_pa);
	vmx_oracle_vmclear(vmx);
	vmx->launched = false;
	if (vc->current_vmcs == vmx)
		vc->current_vmcs = NULL;
	list_del_init(&vmx->link);
	/* Who sees it nowhere sees it cleared. */
	smp_store_release(&vmx->cpu_nr, -1);
}

/**
 * vmx_cpu_disable - give this CPU back
 *
 * Interrupts are off. What it holds of any VMCS goes to memory first.
 */
void vmx_cpu_disable(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&strata_vmx_cpu);
	struct vmx_vcpu *vmx, *next;

	if (!vc->on)
		return;
	WRITE_ONCE(vc->on, false);
	vmx_lazy_restore(vc);
	if (static_branch_unlikely(&strata_vmx_bracket))
		return;
	list_for_each_entry_safe(vmx, next, &vc->active, link)
		clear_vmcs(vmx);
	vmx_oracle_vmxoff();
	vmx_vmxoff();
	vmxe_hold(false);
	tell_processor_trace(false);
}

/**
 * vmx_emergency - this kernel ends here and now
 *
 * At a crash, perhaps from an NMI: no lock, no list that must be whole but the
 * active one, which is only followed forward.
 */
void vmx_emergency(void)
{
	struct vmx_cpu *vc = this_cpu_ptr(&strata_vmx_cpu);
	struct vmx_vcpu *vmx;
	unsigned long cr4 = native_read_cr4();

	if (!vc->on || !(cr4 & X86_CR4_VMXE))
		return;
	vc->on = false;
	/* What the CPU holds of a VMCS goes to memory, for who reads the dump. */
	list_for_each_entry(vmx, &vc->active, link)
		vmx_vmclear(vmx->vmcs_pa);
	vmx_vmxoff();
	write_cr4_raw(cr4 & ~X86_CR4_VMXE);
}

static void clear_here(void *arg)
{
	struct vmx_vcpu *vmx = arg;

	/* It may have gone offline, or cleared it, since. */
	if (vmx->cpu_nr == raw_smp_processor_id())
		clear_vmcs(vmx);
}

/**
 * vmx_forget - no CPU holds anything of this VMCS
 * @vmx: not in a section; interrupts on
 */
void vmx_forget(struct vmx_vcpu *vmx)
{
	int cpu = READ_ONCE(vmx->cpu_nr);

	if (cpu >= 0)
		smp_call_function_single(cpu, clear_here, vmx, 1);
	/* A CPU that is down has cleared what it held: vmx_cpu_disable(). */
	smp_rmb();
}

/**
 * vmx_make_current - make this VMCS the current one of this CPU
 * @vmx: its mutex is held; preemption is off, and interrupts are on unless it
 *	is active here
 *
 * Persistent mode only.
 *
 * Return: false where this CPU has been given back, with nothing done.
 */
bool vmx_make_current(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&strata_vmx_cpu);
	int cpu = raw_smp_processor_id();
	unsigned long flags;

	lockdep_assert_preemption_disabled();
	if (vmx->cpu_nr != cpu)
		vmx_forget(vmx);
	local_irq_save(flags);
	/* Nobody would clear it here any more. */
	if (unlikely(!vc->on)) {
		local_irq_restore(flags);
		return false;
	}
	if (vmx->cpu_nr != cpu) {
		/* The launch state of new memory is not known (SDM 25.11.3). */
		vmx_vmclear(vmx->vmcs_pa);
		vmx_oracle_vmclear(vmx);
		vmx->launched = false;
		list_add(&vmx->link, &vc->active);
		WRITE_ONCE(vmx->cpu_nr, cpu);
	}
	if (vc->current_vmcs != vmx) {
		vmx_vmptrld(vmx->vmcs_pa);
		vmx_oracle_vmptrld(vmx);
		vc->current_vmcs = vmx;
	}
	local_irq_restore(flags);
	return true;
}

/**
 * vmx_bracket_enter - into VMX operation for one window
 * @vmx: about to run; interrupts off
 *
 * KVM does not learn that we are here, and may have taken the CPU since the
 * last window.
 *
 * Return: 0, or -EBUSY.
 */
int vmx_bracket_enter(struct vmx_vcpu *vmx)
{
	struct vmx_cpu *vc = this_cpu_ptr(&strata_vmx_cpu);
	unsigned long cr4 = native_read_cr4();

	if (unlikely(cr4 & X86_CR4_VMXE))
		return -EBUSY;
	write_cr4_raw(cr4 | X86_CR4_VMXE);
	if (unlikely(!vmx_vmxon(page_to_phys(vc->region)))) {
		write_cr4_raw(cr4);
		return -EBUSY;
	}
	vmx_vmclear(vmx->vmcs_pa);
	vmx_oracle_vmclear(vmx);
	vmx_vmptrld(vmx->vmcs_pa);
	vmx_oracle_vmptrld(vmx);
	vmx->launched = false;
	return 0;
}

/**
 * vmx_bracket_leave - out of VMX operation
 * @vmx: the window ends; interrupts off
 */
void vmx_bracket_leave(struct vmx_vcpu *vmx)
{
	vmx_vmclear(vmx->vmcs_pa);
	vmx_oracle_vmclear(vmx);
	vmx_oracle_vmxoff();
	vmx_vmxoff();
	write_cr4_raw(native_read_cr4() & ~X86_CR4_VMXE);
}

/**
 * vmx_new_vpid - a tag that this CPU has no translations under
 * @vc: this CPU
 * @vmx: its VMCS is current; interrupts off
 *
 * VPID 0 is the host's; a used-up range starts the next generation.
 */
void vmx_new_vpid(struct vmx_cpu *vc, struct vmx_vcpu *vmx)
{
	if (unlikely(vc->next_vpid >= VMX_NR_VPIDS || !vc->next_vpid))
		vmx_flush_all_tags(vc);
	vmx->vpid = vc->next_vpid++;
	vmx->vpid_gen = vc->vpid_gen;
	vmcs_write(VMCS_VPID, vmx->vpid);
	/*
	 * The tables may have changed while it ran elsewhere, and their root
	 * may have been another VM's before.
	 */
	vmx_invept(INVEPT_ONE, vmx->eptp);
	vmx_oracle_flushed(vmx);
}

/**
 * vmx_cpu_setup - memory for each CPU
 *
 * Return: 0 or -ENOMEM.
 */
int vmx_cpu_setup(void)
{
	u32 revision = strata_vmx_caps.basic & 0x7fffffff;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *vc = per_cpu_ptr(&strata_vmx_cpu, cpu);

		INIT_LIST_HEAD(&vc->active);
		vc->region = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);
		if (!vc->region) {
			vmx_cpu_teardown();
			return -ENOMEM;
		}
		*(u32 *)page_address(vc->region) = revision;
	}
	return 0;
}

void vmx_cpu_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmx_cpu *vc = per_cpu_ptr(&strata_vmx_cpu, cpu);

		if (vc->region)
			__free_page(vc->region);
		vc->region = NULL;
	}
}
