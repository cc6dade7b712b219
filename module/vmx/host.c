// SPDX-License-Identifier: GPL-2.0
/*
 * The host's state across guest mode: what the VMCS brings back, and what an
 * exit destroys and we bring back (SDM 28.5).
 */
#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/msr-index.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "insns.h"
#include "vmx.h"

/* The base of TR stands in a GDT entry of 16 bytes. */
static unsigned long tr_base(unsigned long gdt, u16 tr)
{
	const struct ldttss_desc *d = (const void *)(gdt + (tr & ~7));

	return d->base0 | (unsigned long)d->base1 << 16 | (unsigned long)d->base2 << 24 |
	       (unsigned long)d->base3 << 32;
}

static u16 read_tr(void)
{
	u16 tr;

	asm volatile("str %0" : "=r" (tr));
	return tr;
}

/**
 * vmx_host_cpu_constants - what does not change while this CPU is up
 * @vc: this CPU; interrupts off
 */
void vmx_host_cpu_constants(struct vmx_cpu *vc)
{
	u64 val;

	asm volatile("sgdt %0" : "=m" (vc->gdt));
	asm volatile("sidt %0" : "=m" (vc->idt));
	vc->tr_base = tr_base(vc->gdt.address, read_tr());
	rdmsrl(MSR_GS_BASE, val);
	vc->gs_base = val;
	rdmsrl(MSR_IA32_SYSENTER_ESP, val);
	vc->sysenter_esp = val;
}

/**
 * vmx_host_write_constants - the part of the host state that goes with the CPU
 * @vmx: its VMCS is current
 * @vc: this CPU
 */
void vmx_host_write_constants(struct vmx_vcpu *vmx, const struct vmx_cpu *vc)
{
	vmcs_write(VMCS_HOST_GS_BASE, vc->gs_base);
	vmcs_write(VMCS_HOST_TR_BASE, vc->tr_base);
	vmcs_write(VMCS_HOST_GDTR_BASE, vc->gdt.address);
	vmcs_write(VMCS_HOST_IDTR_BASE, vc->idt.address);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, vc->sysenter_esp);
	vmx->host_gs_base = vc->gs_base;
}

/* Selectors that an exit replaced by null ones; 64-bit programs have null ones. */
static noinline void reload_selectors(struct vmx_vcpu *vmx)
{
	loadsegment(ds, vmx->host_ds);
	loadsegment(es, vmx->host_es);
	if (vmx->host_fs) {
		loadsegment(fs, vmx->host_fs);
		wrmsrl(MSR_FS_BASE, vmx->fs_base);
	}
	if (vmx->host_gs) {
		unsigned long flags;

		local_irq_save(flags);
		load_gs_index(vmx->host_gs);
		local_irq_restore(flags);
	}
}

/* Apart: it wants a stack protector. */
static noinline void reload_tr(void)
{
	invalidate_tss_limit();
}

/**
 * vmx_host_reload - undo what the exits of this section left behind
 * @vmx: its section ends; preemption is off
 *
 * An exit sets the limits of GDT and IDT to 0xffff and that of the TSS to
 * 0x67, and loads a null LDTR.
 */
void vmx_host_reload(struct vmx_vcpu *vmx)
{
	asm volatile("lgdt %0" : : "m" (vmx->cpu->gdt));
	/* Whoever needs a bitmap of ports here, now or later, reloads TR. */
	if (unlikely(test_thread_flag(TIF_IO_BITMAP)))
		reload_tr();
	else
		this_cpu_write(__tss_limit_invalid, true);
	asm volatile("lidt %0" : : "m" (vmx->cpu->idt));
	if (unlikely(vmx->host_ldt))
		asm volatile("lldt %0" : : "r" (vmx->host_ldt));
	if (unlikely(vmx->host_ds | vmx->host_es | vmx->host_fs | vmx->host_gs))
		reload_selectors(vmx);
}
