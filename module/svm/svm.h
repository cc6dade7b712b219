/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SVM: what the files of this directory share.
 */
#ifndef STRATA_SVM_SVM_H
#define STRATA_SVM_SVM_H

#include <linux/percpu.h>

#include "../strata.h"
#include "vmcb.h"

/**
 * struct svm_cpu - what a CPU needs to run guests
 *
 * Written with interrupts off on that CPU.
 */
struct svm_cpu {
	bool on;			/* SVME is set, by us */
	u32 next_asid;
	u64 asid_gen;			/* raised when the ASIDs are used up */
	struct page *hsave;		/* where VMRUN keeps the host's state */
	struct page *host;		/* VMSAVE of the host's FS, GS, TR, syscall MSRs */
	u64 host_pa;
	u64 tsc_aux;			/* the host's: the kernel sets it when a CPU comes up */
	u64 tsc_ratio;			/* what its TSC_RATIO has; for guests only */
	bool spec_reduced;		/* BP_CFG.BpSpecReduce is set, by us */
};

DECLARE_PER_CPU(struct svm_cpu, strata_svm_cpu);

struct svm_oracle;

/**
 * struct svm_vcpu - the SVM part of a vCPU; owned like vcpu->mutex says
 */
struct svm_vcpu {
	struct vmcb *vmcb;
	u64 vmcb_pa;
	struct svm_cpu *cpu;		/* the CPU it is loaded on */
	u64 host_pa;			/* its host state */
	u64 asid_gen;			/* of the CPU it ran on last */
	bool injecting;			/* event_inj was set for this entry */
	bool nmi_step;			/* one instruction is stepped: IRET, or one in a shadow */
	bool nmi_step_guest_tf;		/* the guest had TF set itself */
	int last_cpu;			/* where this VMCB was loaded last */
	u64 tsc_aux;			/* in the hardware while it is loaded */
	u64 host_debugctl;		/* the host's, where strata_svm_debugctl */
	unsigned long host_db[4];
	struct svm_oracle *oracle;	/* debug builds */
};

static inline struct svm_vcpu *to_svm(struct strata_vcpu *vcpu)
{
	return vcpu->hw;
}

/* What the hardware offers, read once at load: CPUID Fn8000_000A. */
struct svm_caps {
	u32 features;
	u32 nr_asids;
	bool nrip;
	bool tsc_ratio;
	bool decode;
	bool flush_asid;
	bool v_spec_ctrl;
};

extern struct svm_caps strata_svm_caps;
/* this CPU watches for bus locks by DEBUGCTL */
DECLARE_STATIC_KEY_FALSE(strata_svm_debugctl);
extern u64 strata_svm_iopm_pa, strata_svm_msrpm_pa, strata_svm_msrpm_all_pa;

static inline void svm_mark_dirty(struct vmcb *vmcb, u32 bits)
{
	vmcb->control.clean &= ~bits;
}

/* entry.S */
int strata_svm_enter(unsigned long *regs, u64 guest_pa, u64 host_pa);
int strata_svm_enter_stamped(unsigned long *regs, u64 guest_pa, u64 host_pa);
int strata_svm_enter_guarded(unsigned long *regs, u64 guest_pa, u64 host_pa, u32 flags);
int strata_svm_enter_guarded_stamped(unsigned long *regs, u64 guest_pa, u64 host_pa, u32 flags);

/* exit_map.c */
extern const u8 strata_svm_exit_map[SVM_NR_LOW_EXITS];

/* vcpu.c */
int svm_vcpu_create(struct strata_vcpu *vcpu);
void svm_vcpu_destroy(struct strata_vcpu *vcpu);
void svm_vcpu_reset(struct strata_vcpu *vcpu, bool init);
void svm_cpuid_changed(struct strata_vcpu *vcpu);
void svm_get_segment(struct strata_vcpu *vcpu, enum strata_seg seg, struct kvm_segment *s);
void svm_set_segment(struct strata_vcpu *vcpu, enum strata_seg seg, const struct kvm_segment *s);
int svm_get_cpl(struct strata_vcpu *vcpu);
void svm_get_dtable(struct strata_vcpu *vcpu, bool idt, struct kvm_dtable *dt);
void svm_set_dtable(struct strata_vcpu *vcpu, bool idt, const struct kvm_dtable *dt);
void svm_set_cr0(struct strata_vcpu *vcpu, unsigned long cr0);
void svm_set_cr3(struct strata_vcpu *vcpu, unsigned long cr3);
void svm_set_cr4(struct strata_vcpu *vcpu, unsigned long cr4);
void svm_set_efer(struct strata_vcpu *vcpu, u64 efer);
void svm_sync_crs(struct strata_vcpu *vcpu);
void svm_set_dr7(struct strata_vcpu *vcpu, unsigned long dr7);
void svm_set_dr6(struct strata_vcpu *vcpu, unsigned long dr6);
u8 svm_get_shadow(struct strata_vcpu *vcpu);
void svm_set_shadow(struct strata_vcpu *vcpu, u8 shadow);
void svm_set_cr8(struct strata_vcpu *vcpu, u8 cr8);
void svm_set_tsc(struct strata_vcpu *vcpu);
void svm_msr_filter(struct strata_vcpu *vcpu);
void svm_exceptions(struct strata_vcpu *vcpu);
int svm_get_msr(struct strata_vcpu *vcpu, u32 index, u64 *val);
int svm_set_msr(struct strata_vcpu *vcpu, u32 index, u64 val);
void svm_spec_ctrl_changed(struct strata_vcpu *vcpu);

/* events.c */
void svm_inject(struct strata_vcpu *vcpu, enum strata_event_type type, u8 vector,
		bool has_error, u32 error_code);
void svm_take_back(struct strata_vcpu *vcpu);
void svm_irq_window(struct strata_vcpu *vcpu, bool on);
void svm_nmi_window(struct strata_vcpu *vcpu, bool on);
void svm_collect_events(struct strata_vcpu *vcpu);
void svm_handle_iret(struct strata_vcpu *vcpu);
bool svm_iret_stepped(struct strata_vcpu *vcpu);
bool svm_stepped(struct strata_vcpu *vcpu);
unsigned long svm_get_rflags(struct strata_vcpu *vcpu);
void svm_set_rflags(struct strata_vcpu *vcpu, unsigned long rflags);

/* explain: in svm.c */
bool svm_explain_entry(const struct vmcb *vmcb, struct strata_entry_fault *fault);

/* run.c */
int svm_run(struct strata_vcpu *vcpu);

/* oracle.c: debug builds only */
#ifdef STRATA_DEBUG
int svm_oracle_setup(void);
void svm_oracle_teardown(void);
int svm_oracle_create(struct svm_vcpu *svm);
void svm_oracle_destroy(struct svm_vcpu *svm);
void svm_oracle_before(struct strata_vcpu *vcpu, struct svm_vcpu *svm);
void svm_oracle_after(struct strata_vcpu *vcpu, struct svm_vcpu *svm);
void svm_oracle_refused(struct strata_vcpu *vcpu, struct svm_vcpu *svm);
void svm_oracle_cpu_enabled(void);
#else
static inline int svm_oracle_setup(void) { return 0; }
static inline void svm_oracle_teardown(void) { }
static inline int svm_oracle_create(struct svm_vcpu *svm) { return 0; }
static inline void svm_oracle_destroy(struct svm_vcpu *svm) { }
static inline void svm_oracle_before(struct strata_vcpu *vcpu, struct svm_vcpu *svm) { }
static inline void svm_oracle_after(struct strata_vcpu *vcpu, struct svm_vcpu *svm) { }
static inline void svm_oracle_refused(struct strata_vcpu *vcpu, struct svm_vcpu *svm) { }
static inline void svm_oracle_cpu_enabled(void) { }
#endif

#endif /* STRATA_SVM_SVM_H */
