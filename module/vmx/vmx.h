/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMX: what the files of this directory share.
 */
#ifndef STRATA_VMX_VMX_H
#define STRATA_VMX_VMX_H

#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/user-return-notifier.h>
#include <asm/desc.h>
#include <asm/msr-index.h>

#include "../strata.h"
#include "caps.h"
#include "vmcs.h"

/* MSRs of system calls, which only user space needs: switched when it is returned to. */
enum vmx_lazy_msr { VMX_LAZY_STAR, VMX_LAZY_LSTAR, VMX_LAZY_FMASK, VMX_LAZY_TSC_AUX, VMX_NR_LAZY };

struct vmx_vcpu;
struct vmx_oracle;

/**
 * struct vmx_cpu - what a CPU needs to run guests
 *
 * Written with interrupts off on that CPU.
 */
struct vmx_cpu {
	bool on;			/* guests may run: we hold VMX operation, or may enter it */
	struct page *region;		/* for VMXON */
	struct vmx_vcpu *current_vmcs;	/* whose VMCS is current */
	struct list_head active;	/* vCPUs whose VMCS this CPU may have cached */
	u32 next_vpid;
	u64 vpid_gen;			/* raised when the VPIDs are used up */

	/* the host's state that does not change while the CPU is up */
	unsigned long gs_base, tr_base, sysenter_esp;
	struct desc_ptr gdt, idt;

	/* values of enum vmx_lazy_msr: the host's, and those in the hardware */
	u64 host_lazy[VMX_NR_LAZY];
	u64 now_lazy[VMX_NR_LAZY];
	bool lazy_armed;		/* the notifier below is registered */
	struct user_return_notifier urn;
};

DECLARE_PER_CPU(struct vmx_cpu, strata_vmx_cpu);

/* VMX operation is entered for each window and left after it, not held. */
DECLARE_STATIC_KEY_FALSE(strata_vmx_bracket);
/* The preemption timer bounds windows: vmx_slice. */
DECLARE_STATIC_KEY_FALSE(strata_vmx_sliced);

/* Registers that are read from the VMCS when somebody asks, and written before the entry. */
enum vmx_group {
	/* the segments by enum strata_seg, first */
	VMX_G_DTABLES = STRATA_NR_SEGS,
	VMX_G_CR0,			/* and its shadow */
	VMX_G_CR3,
	VMX_G_SYSENTER,
	VMX_G_PDPTES,
	/* the guest does not change these without an exit: never read back */
	VMX_G_CR4,			/* and its shadow */
	VMX_G_EFER,			/* and the mode of the entry */
	VMX_G_PAT,
	VMX_G_DR7,
	VMX_G_TSC,
	VMX_G_CTLS,			/* processor-based controls */
	VMX_G_EVENT,			/* what the entry injects */
	VMX_G_PENDING_DB,		/* no single-step trap is pending */
	VMX_G_ACTIVITY,			/* it may be halted; looked at before each entry */
	VMX_NR_GROUPS
};

/* VMLAUNCH or VMRESUME was refused; the error number is in the low bits */
#define VMX_VMFAIL		(VMX_EXIT_FAILED_ENTRY | 0xff00u)

#define VMX_GROUP(g)		(1u << (g))
#define VMX_GROUPS_READ		(VMX_GROUP(VMX_G_CR4) - 1)
#define VMX_GROUPS_ALL		(VMX_GROUP(VMX_NR_GROUPS) - 1)

struct vmx_seg {
	u64 base;
	u32 limit;
	u32 ar;
	u16 sel;
};

/**
 * struct vmx_vcpu - the VMX part of a vCPU; owned like vcpu->mutex says
 */
struct vmx_vcpu {
	struct vmx_cpu *cpu;		/* the CPU it is loaded on */
	u32 reason;			/* exit reason of the last exit, or VMX_VMFAIL and why */
	u32 intr_state;			/* interruptibility in the VMCS */
	u32 shadow;			/* of STI or MOV SS, as it should be */
	unsigned long rip, rsp, rflags;	/* in the VMCS */
	bool rsp_read;			/* vcpu->regs has RSP of the last exit */
	bool launched;			/* VMRESUME, not VMLAUNCH */
	bool fresh;			/* its constant fields are to be written */
	bool injecting;			/* an event was handed over for this entry */
	u32 inject_info;		/* the event */
	u32 inject_error;
	u32 intr_info;			/* of an exit by exception or NMI */
	u32 idt_info;			/* IDT-vectoring information of the last exit, or 0 */
	u32 proc, proc2;		/* controls, as they should be */
	u32 avail, dirty;		/* groups: the copy is good; the VMCS is not */
	u64 vpid_gen;			/* of the CPU it ran on last */
	u64 eptp;
	u16 vpid;

	/* the host's in the VMCS */
	unsigned long host_rsp, host_cr3, host_cr4, host_fs_base, host_gs_base;
	unsigned long fs_base;		/* the host's now */
	u64 host_perf_global;

	/* the host's, while it is loaded */
	u64 host_kernel_gs_base;
	u64 host_debugctl, host_pebs;
	u16 host_fs, host_gs, host_ds, host_es, host_ldt;
	bool entered;			/* in this section */
	unsigned long host_db[4];
	u64 slice_end;			/* TSC, of this window */

	/* copies, by group */
	struct vmx_seg seg[STRATA_NR_SEGS];
	struct kvm_dtable gdt, idt;
	unsigned long hw_cr0;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 pat;
	u64 pdpte[4];
	bool pdptes_stale;		/* to be read from the guest's memory */

	u64 lazy[VMX_NR_LAZY];		/* the guest's values */
	bool lazy_changed;		/* they are not those in the hardware */
	u64 kernel_gs_base;		/* the guest's, while it is not loaded */
	u64 cstar;			/* no effect on Intel */

	/* the VMCS and where it is cached */
	void *vmcs;
	u64 vmcs_pa;
	void *vapic;			/* holds the TPR that the guest reads as CR8 */
	int cpu_nr;			/* where it is active, -1: nowhere */
	struct list_head link;		/* in that CPU's active list */
	struct vmx_oracle *oracle;	/* debug builds */
};

extern u64 strata_vmx_msr_bitmap_pa, strata_vmx_msr_bitmap_all_pa;

static inline struct vmx_vcpu *to_vmx(struct strata_vcpu *vcpu)
{
	return vcpu->hw;
}

static inline u64 vmx_msr_bitmap(const struct strata_vcpu *vcpu)
{
	return rcu_access_pointer(vcpu->vm->msr_filter) ? strata_vmx_msr_bitmap_all_pa :
							  strata_vmx_msr_bitmap_pa;
}

/* entry.S: flags of entry_flags.h; 0, 1: VMfail, 2: VMX operation was left */
int strata_vmx_enter(unsigned long *regs, unsigned int flags, unsigned long *host_rsp);
int strata_vmx_enter_stamped(unsigned long *regs, unsigned int flags, unsigned long *host_rsp);
int strata_vmx_enter_guarded(unsigned long *regs, unsigned int flags, unsigned long *host_rsp);
int strata_vmx_enter_guarded_stamped(unsigned long *regs, unsigned int flags,
				     unsigned long *host_rsp);
void strata_vmx_exit(void);
void strata_vmx_exit_stamped(void);
void strata_vmx_exit_guarded(void);
void strata_vmx_exit_guarded_stamped(void);

/* exit_map.c */
struct vmx_exit_kind {
	u8 id;				/* enum strata_exit_reason */
	bool has_length;		/* the exit tells how long its instruction is */
	bool can_vector;		/* it can interrupt the delivery of an event */
};

extern const struct vmx_exit_kind strata_vmx_exits[VMX_NR_EXITS];

/* cpu.c */
int vmx_cpu_setup(void);
void vmx_cpu_teardown(void);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
void vmx_emergency(void);
bool vmx_make_current(struct vmx_vcpu *vmx);
void vmx_forget(struct vmx_vcpu *vmx);
int vmx_bracket_enter(struct vmx_vcpu *vmx);
void vmx_bracket_leave(struct vmx_vcpu *vmx);
void vmx_flush_all_tags(struct vmx_cpu *vc);
void vmx_new_vpid(struct vmx_cpu *vc, struct vmx_vcpu *vmx);

/* host.c */
void vmx_host_cpu_constants(struct vmx_cpu *vc);
void vmx_host_write_constants(struct vmx_vcpu *vmx, const struct vmx_cpu *vc);
void vmx_host_reload(struct vmx_vcpu *vmx);

/* lazy.c */
void vmx_lazy_cpu_init(struct vmx_cpu *vc);
void vmx_lazy_switch(struct strata_vcpu *vcpu, struct vmx_cpu *vc);

/*
 * Without EFER.SCE, and outside long mode, a guest has no SYSCALL, and its
 * RDMSR exits: then only TSC_AUX matters, if that.
 */
static __always_inline bool vmx_lazy_syscall(const struct strata_vcpu *vcpu)
{
	return (vcpu->efer & (EFER_SCE | EFER_LMA)) == (EFER_SCE | EFER_LMA);
}

static __always_inline bool vmx_lazy_matters(const struct strata_vcpu *vcpu, unsigned int i)
{
	return i == VMX_LAZY_TSC_AUX ? vcpu->tsc_aux_live : vmx_lazy_syscall(vcpu);
}

static __always_inline bool vmx_lazy_differ(struct strata_vcpu *vcpu, const struct vmx_cpu *vc)
{
	const struct vmx_vcpu *vmx = to_vmx(vcpu);
	unsigned int i;

	if (vcpu->tsc_aux_live && vc->now_lazy[VMX_LAZY_TSC_AUX] != vmx->lazy[VMX_LAZY_TSC_AUX])
		return true;
	if (!vmx_lazy_syscall(vcpu))
		return false;
	for (i = 0; i < VMX_LAZY_TSC_AUX; i++)
		if (vc->now_lazy[i] != vmx->lazy[i])
			return true;
	return false;
}

void vmx_lazy_restore(struct vmx_cpu *vc);

/* The VMCS's CS attributes in the neutral form. */
static __always_inline u16 vmx_neutral_cs(u32 ar)
{
	return (ar & VMX_AR_L ? STRATA_CS_L : 0) | (ar & VMX_AR_DB ? STRATA_CS_DB : 0);
}

/* state.c */
void vmx_read_groups(struct strata_vcpu *vcpu, u32 groups);
void vmx_write_groups(struct strata_vcpu *vcpu);
void vmx_get_segment(struct strata_vcpu *vcpu, enum strata_seg seg, struct kvm_segment *s);
void vmx_set_segment(struct strata_vcpu *vcpu, enum strata_seg seg, const struct kvm_segment *s);
int vmx_get_cpl(struct strata_vcpu *vcpu);
void vmx_get_dtable(struct strata_vcpu *vcpu, bool idt, struct kvm_dtable *dt);
void vmx_set_dtable(struct strata_vcpu *vcpu, bool idt, const struct kvm_dtable *dt);
void vmx_sync_crs(struct strata_vcpu *vcpu);
int vmx_get_msr(struct strata_vcpu *vcpu, u32 index, u64 *val);
int vmx_set_msr(struct strata_vcpu *vcpu, u32 index, u64 val);

/* cr.c */
void vmx_set_cr0(struct strata_vcpu *vcpu, unsigned long cr0);
void vmx_set_cr3(struct strata_vcpu *vcpu, unsigned long cr3);
void vmx_set_cr4(struct strata_vcpu *vcpu, unsigned long cr4);
void vmx_set_efer(struct strata_vcpu *vcpu, u64 efer);
void vmx_set_dr6(struct strata_vcpu *vcpu, unsigned long dr6);
void vmx_set_dr7(struct strata_vcpu *vcpu, unsigned long dr7);
void vmx_load_pdptes(struct strata_vcpu *vcpu);
bool vmx_pdptes_ok(struct strata_vcpu *vcpu, unsigned long cr0, unsigned long cr4);
void vmx_get_pdptes(struct strata_vcpu *vcpu, u64 *pdpte);
void vmx_set_pdptes(struct strata_vcpu *vcpu, const u64 *pdpte);

/* vcpu.c */
int vmx_vcpu_create(struct strata_vcpu *vcpu);
void vmx_vcpu_destroy(struct strata_vcpu *vcpu);
void vmx_vcpu_reset(struct strata_vcpu *vcpu, bool init);
void vmx_cpuid_changed(struct strata_vcpu *vcpu);
void vmx_write_constants(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx);

/* events.c */
void vmx_inject(struct strata_vcpu *vcpu, enum strata_event_type type, u8 vector,
		bool has_error, u32 error_code);
void vmx_take_back(struct strata_vcpu *vcpu);
void vmx_irq_window(struct strata_vcpu *vcpu, bool on);
void vmx_nmi_window(struct strata_vcpu *vcpu, bool on);
u8 vmx_get_shadow(struct strata_vcpu *vcpu);
void vmx_set_shadow(struct strata_vcpu *vcpu, u8 shadow);
void vmx_write_event(struct strata_vcpu *vcpu);
void vmx_delivered(struct strata_vcpu *vcpu);
void vmx_redeliver(struct strata_vcpu *vcpu);

/* run.c */
int vmx_run(struct strata_vcpu *vcpu);

/* explain.c */
bool vmx_explain_entry(struct strata_entry_fault *fault);

/* oracle.c: debug builds only */
#ifdef STRATA_DEBUG
int vmx_oracle_setup(void);
void vmx_oracle_teardown(void);
int vmx_oracle_create(struct vmx_vcpu *vmx);
void vmx_oracle_destroy(struct vmx_vcpu *vmx);
void vmx_oracle_flushed_all(void);
void vmx_oracle_flushed(struct vmx_vcpu *vmx);
void vmx_oracle_vmclear(struct vmx_vcpu *vmx);
void vmx_oracle_vmptrld(struct vmx_vcpu *vmx);
void vmx_oracle_vmxoff(void);
void vmx_oracle_before(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx);
void vmx_oracle_after(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx, bool entered);
#else
static inline int vmx_oracle_setup(void) { return 0; }
static inline void vmx_oracle_teardown(void) { }
static inline int vmx_oracle_create(struct vmx_vcpu *vmx) { return 0; }
static inline void vmx_oracle_destroy(struct vmx_vcpu *vmx) { }
static inline void vmx_oracle_flushed_all(void) { }
static inline void vmx_oracle_flushed(struct vmx_vcpu *vmx) { }
static inline void vmx_oracle_vmclear(struct vmx_vcpu *vmx) { }
static inline void vmx_oracle_vmptrld(struct vmx_vcpu *vmx) { }
static inline void vmx_oracle_vmxoff(void) { }
static inline void vmx_oracle_before(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx) { }
static inline void vmx_oracle_after(struct strata_vcpu *vcpu, struct vmx_vcpu *vmx,
				    bool entered) { }
#endif

#endif /* STRATA_VMX_VMX_H */
