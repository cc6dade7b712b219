/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one internal header: a VM, a vCPU, each field with its lock and
 * lifetime, and what the parts of the module ask of each other.
 *
 * Legend of the fields:
 *   (c)  constant after creation
 *   (v)  owned by the thread that holds vcpu->mutex
 *   (l)  vm->lock             (s) vm->slots_lock, readers under vm->srcu
 *   (i)  vm->irq_lock         (a) atomic, or READ_ONCE/WRITE_ONCE
 *   (m)  vm->mmu_lock
 *
 * Order of the locks, outermost first:
 *   vm->lock > vcpu->mutex > vm->slots_lock > vm->srcu (read) > mmap_lock >
 *   vm->mmu_lock > device locks (pit, pic, ioapic) > lapic (lock free)
 * vm->irq_srcu (read) may be entered under any of them.
 */
#ifndef STRATA_STRATA_H
#define STRATA_STRATA_H

#include <linux/atomic.h>
#include <linux/kvm.h>
#include <linux/kvm_types.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rcuwait.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/sched/signal.h>

#include <asm/trapnr.h>

#include "compat.h"
#include "entry_fault.h"
#include "types.h"

#define STRATA_MAX_VCPUS	1024
#define STRATA_MAX_VCPU_ID	1024	/* ids are below this */
#define STRATA_NR_MEMSLOTS	512
#define STRATA_MAX_IRQ_ROUTES	4096
#define STRATA_MAX_CPUID	256
#define STRATA_CPUID_RANGES	4	/* leaves 0, 0x40000000, 0x80000000, 0xc0000000 */
#define STRATA_CPUID_SPAN	32	/* and as many after each */

#define STRATA_PIO_PAGE		1	/* pages of the vCPU's mapping */
#define STRATA_COALESCED_PAGE	2
#define STRATA_APIC_BUS_NS	1	/* a bus clock of 1 GHz, as KVM has it */
#define STRATA_RUN_PAGES	3

#define STRATA_NR_HOLES		4	/* a power of two */

#define STRATA_LAPIC_BASE	0xfee00000ull

struct strata_memslots;		/* mmu/memslot.h */
struct strata_mmu;		/* mmu/mmu.h */
struct strata_iobus;		/* iobus.h */
struct strata_lapic;		/* irqchip/lapic.h */
struct strata_pic;
struct strata_ioapic;
struct strata_apic_map;
struct strata_pit;
struct strata_routing;
struct strata_emul_state;	/* mmio.c: half-done MMIO and string I/O */
struct strata_vcpu;

/**
 * struct strata_vm - a virtual machine
 */
struct strata_vm {
	refcount_t refs;		/* (a) the vm fd and each vcpu fd hold one */
	struct mm_struct *mm;		/* (c) pinned by mmgrab; ioctls from another: EIO */
	struct mutex lock;		/* creation of vCPUs and devices */
	bool dead;			/* (a) hardware lost or VM bugged: KVM_RUN gives EIO */

	/* vCPUs: an entry is published once and stays till the VM goes */
	struct strata_vcpu *vcpus[STRATA_MAX_VCPUS];	/* (l), read by READ_ONCE */
	unsigned int nr_vcpus;		/* (l), read by smp_load_acquire */
	u32 bsp_id;			/* (l) */
	u32 max_vcpu_id;		/* (l) KVM_CAP_MAX_VCPU_ID; 0: not set */

	/* guest memory */
	struct srcu_struct srcu;	/* protects slots and buses[] */
	struct mutex slots_lock;
	struct strata_memslots __rcu *slots;	/* (s) */
	spinlock_t mmu_lock;
	struct mmu_notifier notifier;	/* (c) */
	struct strata_mmu *mmu;		/* (c) nested tables; inside: (m) */
	atomic64_t tlb_gen;		/* (a) raised before a flush is asked for */
	u64 root_pa;			/* (c) physical address of the nested root */

	u64 dirty_log_flags;		/* (a) KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */

	/* MSRs as far as user space decides: msr_user.h */
	struct strata_msr_filter __rcu *msr_filter;	/* (l), read under srcu; NULL: none */
	u32 msr_exits;			/* (a) KVM_CAP_X86_USER_SPACE_MSR */
	u64 disabled_quirks;		/* (a) KVM_CAP_DISABLE_QUIRKS2 */
	bool tell_emulation_failure;	/* (a) KVM_CAP_EXIT_ON_EMULATION_FAILURE */
	u32 disabled_exits;		/* (a) KVM_CAP_X86_DISABLE_EXITS; vCPUs take it over */
	bool no_platform_info;		/* (a) the guest may not read MSR_PLATFORM_INFO */

	/* devices in the kernel */
	struct strata_iobus __rcu *pio_bus;	/* (s) */
	struct strata_iobus __rcu *mmio_bus;	/* (s) */
	u64 io_filter[2];		/* (a) by "is it ports": where somebody may be, iobus.c */
	struct list_head ioeventfds;	/* (s) */
	struct list_head coalesced_zones;	/* (s) */
	spinlock_t ring_lock;		/* coalesced ring, a leaf */
	struct kvm_coalesced_mmio_ring *ring;	/* (c) one page, shared with user space */
	bool irqchip;			/* (l) set once, release; there are LAPICs */
	u32 x2apic_api;			/* (a) KVM_CAP_X2APIC_API */
	u32 apic_bus_ns;		/* (l) a cycle of the timers' clock; not after a vCPU */
	struct strata_pic *pic;		/* (c) after irqchip; with ioapic, or both are NULL */
	struct strata_ioapic *ioapic;	/* (c) after irqchip */
	struct strata_apic_map *apic_map;	/* (c) after irqchip; hints inside: (a) */
	struct strata_pit *pit;		/* (l) set once, release */
	struct mutex irq_lock;		/* changes of routing and of irqfds */
	struct list_head irqfds, resamplers;	/* irqfd.c */
	struct srcu_struct irq_srcu;	/* protects routing */
	struct strata_routing __rcu *routing;	/* (i), readers under vm->irq_srcu */

	/* clocks */
	raw_spinlock_t tsc_lock;
	/* tsc_lock: matching of TSC writes */
	u64 tsc_last_offset, tsc_last_write, tsc_last_ns, tsc_last_host;
	u32 tsc_last_khz;
	bool tsc_set;			/* tsc_lock: user space wrote one that is not 0 */
	u32 tsc_khz;			/* of new vCPUs; under lock */
	s64 clock_offset;		/* tsc_lock: kvmclock = boot time + this; ns */
	/* tsc_lock: kvmclock and host TSC at one moment; 0: none yet */
	u64 clock_ref_tsc, clock_ref_ns;
	u64 wall_clock_gpa;		/* (a) last MSR_KVM_WALL_CLOCK */

	u64 tss_addr;			/* (l) KVM_SET_TSS_ADDR */
	u64 identity_map_addr;		/* (l) KVM_SET_IDENTITY_MAP_ADDR */

	u32 index;			/* (c) number of this VM, for tracing */
	struct list_head link;		/* strata_vm_list, under strata_lock */
	struct pid *pid;		/* (c) of the process that made it */
	kuid_t uid;			/* (c) and its user */
};

/* Neutral description of the last exit; the vendor fills what the id needs. */
struct strata_exit {
	u32 id;				/* enum strata_exit_reason */
	u32 hw_code;			/* raw hardware code */
	u64 info1, info2;		/* raw hardware qualification */
	u8 insn_len;			/* 0: not known, see strata_skip_insn() */
	bool shadow;			/* in the shadow of STI or MOV SS */
	u8 nr_bytes;			/* instruction bytes given by decode assists */
	u8 bytes[15];
	union {
		struct {
			u16 port;
			u8 size;	/* 1, 2, 4 */
			bool in, string, rep;
			u64 next_rip;	/* 0: not known */
		} pio;
		struct {
			u64 gpa;
			u32 access;	/* STRATA_ACC_* */
			u32 level;	/* of the mapping that was made; 0: none */
			bool mmio;	/* known to be no RAM */
		} fault;
		struct {
			u8 cr;
			u8 gpr;
			bool write;
			bool decoded;	/* cr and gpr come from decode assists */
		} cr;
		struct {
			u8 dr;
			u8 gpr;
			bool write;
			bool decoded;
		} dr;
		struct {
			u8 vector;
			bool has_error;
			u32 error_code;
			u64 payload;	/* CR2 of #PF, DR6 of #DB */
		} exc;
	};
};

/* Below every generation: flush at the next entry. */
#define STRATA_TLB_STALE	0

/* vcpu->exit.id before the first exit: what is booked to it is never shown. */
#define STRATA_EXIT_NONE	(STRATA_MAX_EXIT_REASONS - 1)

#define STRATA_CS_L	(1u << 9)	/* bits of vcpu->cs_attr */
#define STRATA_CS_DB	(1u << 10)

/* Events on their way into the guest, as KVM_GET_VCPU_EVENTS shows them. (v) */
struct strata_events {
	struct {
		bool pending;		/* not yet handed to hardware */
		bool injected;		/* handed over; delivery may have been interrupted */
		u8 nr;
		bool has_error;
		u32 error_code;
		bool has_payload;
		u64 payload;
	} exc;
	struct {
		bool injected;
		bool soft;
		u8 nr;
	} irq;
	bool nmi_injected;
	bool nmi_masked;		/* until IRET */
	bool irq_window;		/* an interrupt-window exit is asked for */
	bool nmi_window;
	bool extint_pending;		/* KVM_INTERRUPT without irqchip: irq.nr waits */
	u8 extint_nr;
};

/* vcpu->requests */
enum strata_request {
	STRATA_REQ_EVENT,		/* look for interrupts, NMIs, exceptions */
	STRATA_REQ_TRIPLE_FAULT,
	STRATA_REQ_CLOCK,		/* rewrite the kvmclock page */
	STRATA_REQ_INIT_SIPI,		/* vcpu->apic_events has news */
	STRATA_REQ_VM_DEAD,
	STRATA_REQ_TLB,			/* only makes it leave; generations tell the rest */
	STRATA_REQ_LAPIC_TIMER,		/* timer state must be looked at in process context */
	STRATA_REQ_TSC,			/* TSC offset changed */
	STRATA_REQ_KICK,		/* just leave guest mode and look again */
	STRATA_REQ_IOAPIC_EOI,		/* user space's IOAPIC hears of vcpu->eoi_vector */
	STRATA_REQ_STEAL,		/* the steal-time page is another */
	STRATA_REQ_YIELD,		/* to vcpu->yield_to */
	STRATA_REQ_STEPPED,		/* an instruction that user space steps is done */
	STRATA_REQ_MSR_FILTER,		/* direct access to MSRs begins or ends */
	STRATA_REQ_PV_EOI,		/* has the guest ended its interrupt? */
};

/* vcpu->mode */
enum strata_mode {
	STRATA_OUTSIDE,
	STRATA_IN_GUEST,
};

#define STRATA_APIC_INIT	0	/* bits of vcpu->apic_events */
#define STRATA_APIC_SIPI	1
#define STRATA_APIC_UNHALT	2	/* KVM_HC_KICK_CPU: HLT ends, or does not begin */

/**
 * struct strata_vcpu - a virtual CPU
 */
struct strata_vcpu {
	struct strata_vm *vm;		/* (c) */
	struct kvm_run *run;		/* (c) shared with user space: read once, check after */
	u64 requests;			/* (a) bits of enum strata_request */
	int mode;			/* (a) enum strata_mode */
	int cpu;			/* (a) where it runs or ran last, -1 at first */

	/* guest registers, valid outside guest mode. (v) */
	unsigned long regs[STRATA_NR_GPRS];
	u64 stamp[2];			/* right behind: entry.h */
	u64 host_spec_ctrl;		/* right behind: entry.h */
	unsigned long rip;
	unsigned long rflags;
	unsigned long cr2;

	u16 cs_attr;			/* (v) of the last exit: STRATA_CS_L, STRATA_CS_DB */
	struct strata_exit exit;	/* (v) */
	struct strata_events ev;	/* (v) */
	atomic_t nmi_queued;		/* (a) NMIs not yet seen by ev; at most 2 */

	/*
	 * Copies of control registers; hardware's copy is the vendor's. Bits of
	 * CR0 that the guest changes without an exit come with sync_crs(). (v)
	 */
	unsigned long cr0, cr3, cr4;
	u64 efer;
	u64 apic_base;			/* (v) IA32_APIC_BASE */
	u8 cr8;				/* without a LAPIC in the kernel */
	unsigned long cr4_guest_rsvd;	/* from CPUID; these bits give #GP */
	u64 efer_rsvd;
	u8 maxphyaddr;
	bool ran_once;			/* CPUID is fixed from now on */
	bool cpuid_set;
	bool halts;			/* (c) HLT does not exit */

	u64 uid;			/* (c) no other has it, or had it; never 0 */
	u64 tlb_gen;			/* (v) what it flushed for last, or STRATA_TLB_STALE */

	/* FPU. (v) */
	struct strata_fpu *fpu;		/* (c) fpu.h: guest's XSAVE area */
	u64 xcr0;
	u64 xcr0_allowed;		/* from CPUID */
	u64 xss;
	u32 pkru;

	/* debug registers. (v) */
	unsigned long db[4];
	unsigned long dr6, dr7;
	bool debug_tf;			/* TF is set and not by the guest */
	unsigned long debug_db[4], debug_dr7;	/* with KVM_GUESTDBG_USE_HW_BP, not db and dr7 */
	unsigned long hw_dr7;		/* which of them the hardware has */

	/* life. (v) but read by others */
	u32 mp_state;			/* (a) KVM_MP_STATE_* */
	unsigned long apic_events;	/* (a) STRATA_APIC_INIT, _SIPI, _UNHALT */
	u8 sipi_vector;			/* (a) */
	struct rcuwait wait;		/* a halted vCPU sleeps here */
	struct mutex mutex;		/* one ioctl at a time */
	struct pid *thread;		/* (a) the first that ran it, by release; NULL: none yet */
	u32 yield_to;			/* (v) an id, for STRATA_REQ_YIELD */
	struct task_struct *runner;	/* (a) in KVM_RUN now; compared, never followed */

	/* what KVM_RUN has to do besides: 0 is nothing. (v) */
	union {
		struct {
			u32 guest_debug;	/* KVM_GUESTDBG_*, 0: nobody debugs */
			u16 sync_regs;		/* left in the run page: KVM_SYNC_X86_* */
			u16 steal;		/* MSR_KVM_STEAL_TIME is on */
		};
		u64 besides;
	};

	/* one continuation finishes half-done I/O at the next KVM_RUN. (v) */
	int (*complete)(struct strata_vcpu *vcpu);
	u64 pio_rip;			/* user space moved linear RIP since: no completion */
	bool msr_exit_write;		/* an exit for WRMSR, not RDMSR, is to be completed */
	struct strata_emul_state *emul;	/* (c) mmio.c */

	/* devices */
	struct strata_lapic *apic;	/* (c) NULL without irqchip */
	u8 eoi_vector;			/* (v) see STRATA_REQ_IOAPIC_EOI */
	u8 pv_eoi;			/* (v) the vector that a bit may have ended; 0: none */
	u64 vapic_addr;			/* (v) KVM_SET_VAPIC_ADDR */

	/* CPUID and MSRs. (v) */
	struct kvm_cpuid_entry2 *cpuid;	/* kvmalloc'ed table */
	u32 nr_cpuid;
	/* places in cpuid[] plus one, by leaf; see cpuid_index.h */
	u8 cpuid_first[STRATA_CPUID_RANGES][STRATA_CPUID_SPAN];
	u8 cpuid_static[STRATA_CPUID_RANGES][STRATA_CPUID_SPAN];
	struct strata_msrs *msrs;	/* (c) msr.h: values kept in software */

	/* time. (v) unless said */
	u64 tsc_offset;			/* (a) guest TSC = host TSC, scaled, + this */
	u64 tsc_ratio;			/* (a) in the vendor's format; 0: not scaled */
	u32 tsc_khz;
	bool tsc_aux_live;		/* the guest's CPUID has RDTSCP or RDPID */
	u64 clock_msr;			/* MSR_KVM_SYSTEM_TIME(_NEW) */
	u64 steal_msr;			/* MSR_KVM_STEAL_TIME */
	u64 steal_delay;		/* strata_run_delay() as far as its page tells */
	bool steal_marked;		/* it may say that the vCPU is off its CPU */
	u64 tsc_deadline;		/* lapic */

	/* signal mask of KVM_RUN. (v) */
	bool sigset_active;
	sigset_t sigset;

	/* accounting. (v); read by STRATA_GET_EXIT_STATS without a lock */
	u64 t_exit;			/* the last exit's TSC stamp */
	u64 t_user;			/* when KVM_RUN returned last; 0: never */
	u64 run_delay;			/* strata_run_delay() as far as it is booked */
	struct strata_profile *profile;	/* (c) pages that user space maps */
	struct strata_profile_area *profile_area;	/* (c) who owns them */
	/* of an exit that is watched: profile.c */
	struct {
		u64 t_exit;		/* which */
		u64 rip, detail, part[STRATA_NR_PARTS];
	} story;
	struct strata_entry_fault entry_fault;	/* (v) why the last failed entry failed */
	unsigned long rcu_tick;		/* jiffies when RCU last heard of an entry */

	/* the vendor's part */
	void *hw;			/* (c) struct svm_vcpu */
	struct kvm_vcpu *entry_dummy;	/* (c) compat: for xfer_to_guest_mode_handle_work */

	/* fetch of instructions: linear page to host address, see insn_len.c. (v) */
	struct {
		u64 linear_page;	/* ~0: empty */
		u64 cr3;
		u64 slots_gen;
		unsigned long hva;
	} fetch;

	/* pages lately found to be in no slot, by the low bits of their number. (v) */
	struct strata_hole {
		u64 gfn;		/* ~0: empty */
		u64 slots_gen;		/* holds for this set of slots */
	} holes[STRATA_NR_HOLES];

	u32 id;				/* (c) from user space; the APIC id */
	u32 index;			/* (c) place in vm->vcpus */
};

/* As module/entry.h has it. */
static_assert(offsetof(struct strata_vcpu, stamp) ==
	      offsetof(struct strata_vcpu, regs[STRATA_NR_GPRS]));
static_assert(offsetof(struct strata_vcpu, host_spec_ctrl) ==
	      offsetof(struct strata_vcpu, regs[STRATA_NR_GPRS + 2]));

enum strata_event_type {
	STRATA_EVENT_IRQ,
	STRATA_EVENT_NMI,
	STRATA_EVENT_EXCEPTION,
};

/* ---- vendor operations: cold ones through this struct, hot ones inlined ---- */

/**
 * struct strata_vendor - what svm/ or vmx/ offers to the core
 *
 * All vCPU operations are called with vcpu->mutex held and the vCPU outside
 * guest mode. Register state is exchanged in the neutral fields of struct
 * strata_vcpu; these reach what lives in the control block.
 */
struct strata_vendor {
	const char *name;
	/* may this CPU do it? 0, or -errno with *why set to one sentence */
	int (*check)(const char **why);
	int (*setup)(void);		/* at load */
	void (*teardown)(void);
	/* on each CPU, interrupts off; -EBUSY when somebody holds the hardware */
	int (*cpu_enable)(void);
	void (*cpu_disable)(void);

	int (*vcpu_create)(struct strata_vcpu *vcpu);
	void (*vcpu_destroy)(struct strata_vcpu *vcpu);
	void (*vcpu_reset)(struct strata_vcpu *vcpu, bool init);
	int (*run)(struct strata_vcpu *vcpu);	/* one section, see loop.h */
	void (*cpuid_changed)(struct strata_vcpu *vcpu);

	void (*get_segment)(struct strata_vcpu *vcpu, enum strata_seg seg, struct kvm_segment *s);
	void (*set_segment)(struct strata_vcpu *vcpu, enum strata_seg seg,
			    const struct kvm_segment *s);
	int (*get_cpl)(struct strata_vcpu *vcpu);
	void (*get_dtable)(struct strata_vcpu *vcpu, bool idt, struct kvm_dtable *dt);
	void (*set_dtable)(struct strata_vcpu *vcpu, bool idt, const struct kvm_dtable *dt);
	/* checked values only; they update vcpu->cr0 ... too */
	void (*set_cr0)(struct strata_vcpu *vcpu, unsigned long cr0);
	void (*set_cr3)(struct strata_vcpu *vcpu, unsigned long cr3);
	void (*set_cr4)(struct strata_vcpu *vcpu, unsigned long cr4);
	void (*set_efer)(struct strata_vcpu *vcpu, u64 efer);
	/*
	 * may the guest's own write of CR0 or CR4 give these, as far as that loads
	 * PDPTEs? sleeps; NULL: it loads none
	 */
	bool (*pdptes_ok)(struct strata_vcpu *vcpu, unsigned long cr0, unsigned long cr4);
	void (*get_pdptes)(struct strata_vcpu *vcpu, u64 *pdpte);	/* NULL: in memory only */
	void (*set_pdptes)(struct strata_vcpu *vcpu, const u64 *pdpte);
	void (*sync_crs)(struct strata_vcpu *vcpu);	/* hardware -> vcpu->cr0, cr3 */
	void (*set_dr7)(struct strata_vcpu *vcpu, unsigned long dr7);
	/* strata_exceptions() are others now */
	void (*exceptions)(struct strata_vcpu *vcpu);
	u8 hypercall_opcode;		/* last byte of VMMCALL or VMCALL */
	void (*set_dr6)(struct strata_vcpu *vcpu, unsigned long dr6);
	/* interrupt shadow: KVM_X86_SHADOW_INT_* */
	u8 (*get_shadow)(struct strata_vcpu *vcpu);
	void (*set_shadow)(struct strata_vcpu *vcpu, u8 shadow);
	/* shows the LAPIC's TPR to hardware */
	void (*set_cr8)(struct strata_vcpu *vcpu, u8 cr8);
	void (*set_tsc)(struct strata_vcpu *vcpu);
	/* a filter of MSRs came or went; interrupts off */
	void (*msr_filter)(struct strata_vcpu *vcpu);
	/* MSRs that live in the control block: 0, or 1 when this is not one */
	int (*get_msr)(struct strata_vcpu *vcpu, u32 index, u64 *val);
	int (*set_msr)(struct strata_vcpu *vcpu, u32 index, u64 val);
	/* the guest's SPEC_CTRL is another; NULL where each entry looks */
	void (*spec_ctrl_changed)(struct strata_vcpu *vcpu);
	/* hand an event over for the next entry; ask for an exit when one can be taken */
	void (*inject)(struct strata_vcpu *vcpu, enum strata_event_type type, u8 vector,
		       bool has_error, u32 error_code);
	/* user space has the last word on an event that no entry took yet */
	void (*take_back)(struct strata_vcpu *vcpu);
	void (*irq_window)(struct strata_vcpu *vcpu, bool on);
	void (*nmi_window)(struct strata_vcpu *vcpu, bool on);
	/* RFLAGS as the guest has them, where a step towards that window adds TF */
	unsigned long (*get_rflags)(struct strata_vcpu *vcpu);
	void (*set_rflags)(struct strata_vcpu *vcpu, unsigned long rflags);
	/* an instruction ended with TF set: was the step only the vendor's? */
	bool (*stepped)(struct strata_vcpu *vcpu);
	/* TSC scaling; set by setup: bits of a ratio's fraction, 0: there is none */
	u8 tsc_frac;
	u64 tsc_ratio_max;
	/* nested paging */
	const struct strata_pt_format *pt_format;	/* mmu/pgtbl.h */
	unsigned int pt_levels;			/* 4 or 5; set by setup */
	unsigned int pt_max_level;		/* 3: 1G leaves, 2: 2M */
	/* at a crash, on each CPU, from NMI context: leave what blocks INIT; NULL: nothing does */
	void (*emergency)(void);
};

extern const struct strata_vendor *strata_vendor;	/* main.c: the one in use */
extern const struct strata_vendor *const strata_svm_vendor;
extern const struct strata_vendor *const strata_vmx_vendor;

/* ---- main.c ---- */
extern struct mutex strata_lock;
extern struct list_head strata_vm_list;
int strata_hw_get(void);		/* first VM takes the hardware; -EBUSY */
void strata_hw_put(void);
bool strata_hw_is_down(void);		/* strata_lock held */

/* ---- vm.c ---- */
int strata_vm_create_fd(unsigned long type);
void strata_vm_get(struct strata_vm *vm);
void strata_vm_put(struct strata_vm *vm);
void strata_vm_bug(struct strata_vm *vm);	/* mark dead, kick all */

/* Pairs with the release in strata_vcpu_create_fd(). */
#define strata_for_each_vcpu(i, vcpu, vm)					\
	for ((i) = 0; (i) < smp_load_acquire(&(vm)->nr_vcpus) &&		\
	     ((vcpu) = READ_ONCE((vm)->vcpus[i])); (i)++)

struct strata_vcpu *strata_vcpu_by_id(struct strata_vm *vm, u32 id);

/* ---- vcpu.c ---- */
int strata_vcpu_create_fd(struct strata_vm *vm, u32 id);
void strata_vcpu_destroy(struct strata_vcpu *vcpu);
int strata_vcpu_run(struct strata_vcpu *vcpu);
void strata_vcpu_reset(struct strata_vcpu *vcpu, bool init);
/* any context; wakes a halted vCPU and makes a running one leave guest mode */
void strata_vcpu_kick(struct strata_vcpu *vcpu);
/* would a halted vCPU go on? */
bool strata_vcpu_has_work(struct strata_vcpu *vcpu);
/* process INIT and SIPI that wait in apic_events; (v) */
void strata_vcpu_accept_init_sipi(struct strata_vcpu *vcpu);

static inline void strata_set_request(struct strata_vcpu *vcpu, enum strata_request req)
{
	/* Whatever the request is about is visible before the request is. */
	smp_wmb();
	set_bit(req, (unsigned long *)&vcpu->requests);
}

static inline void strata_request_kick(struct strata_vcpu *vcpu, enum strata_request req)
{
	strata_set_request(vcpu, req);
	strata_vcpu_kick(vcpu);
}

/**
 * strata_flush_remote_tlbs - no vCPU uses an old nested translation after this
 * @vm: whose
 *
 * Raises the generation, then waits for every vCPU that is in guest mode to
 * leave it. Interrupts on; may be called under vm->mmu_lock.
 */
void strata_flush_remote_tlbs(struct strata_vm *vm);

/* ---- events.c ---- */
void strata_queue_exception(struct strata_vcpu *vcpu, u8 nr);
void strata_queue_exception_e(struct strata_vcpu *vcpu, u8 nr, u32 error_code);
void strata_queue_page_fault(struct strata_vcpu *vcpu, u64 cr2, u32 error_code);
void strata_apply_payload(struct strata_vcpu *vcpu);
void strata_queue_db(struct strata_vcpu *vcpu, unsigned long dr6_bits);
void strata_queue_nmi(struct strata_vcpu *vcpu);	/* any context */
/* would a maskable interrupt be taken now? */
bool strata_interrupt_allowed(struct strata_vcpu *vcpu);

/* ---- insn_len.c, exit.c ---- */
/*
 * RIP past the exit's instruction; ends shadows, raises single step.
 * STRATA_RESUME or STRATA_USER.
 */
int strata_skip_insn(struct strata_vcpu *vcpu);
/* the same when the new RIP is known is strata_complete_insn() of insn.h */
/*
 * KVM_EXIT_INTERNAL_ERROR, suberror KVM_INTERNAL_ERROR_EMULATION with bytes;
 * gives STRATA_USER, or #UD at CPL > 0.
 */
int strata_emulation_failed(struct strata_vcpu *vcpu, const u8 *bytes, unsigned int len);
int strata_internal_error(struct strata_vcpu *vcpu, u32 suberror, const u64 *data, u32 ndata);

static inline bool strata_is_protmode(struct strata_vcpu *vcpu) { return vcpu->cr0 & 1; }

/* ---- guest_debug.c ---- */
unsigned long strata_get_rflags(struct strata_vcpu *vcpu);
void strata_set_rflags(struct strata_vcpu *vcpu, unsigned long rflags);

/* DR7 as the hardware is to have it */
static inline unsigned long strata_hw_dr7(const struct strata_vcpu *vcpu)
{
	return vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP ? vcpu->debug_dr7 : vcpu->dr7;
}

/*
 * Exceptions that exit, by vector. Recursion of #DB and #AC would hang the CPU, #MC
 * is the host's, #UD may be a hypercall of the other vendor; #BP for a debugger.
 */
static inline u32 strata_exceptions(const struct strata_vcpu *vcpu)
{
	return BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC) | BIT(X86_TRAP_UD) |
	       (vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP ? BIT(X86_TRAP_BP) : 0);
}

/* what KVM_CAP_X2APIC_API, KVM_CAP_X86_DISABLE_EXITS and KVM_CAP_DISABLE_QUIRKS2 offer */
#define STRATA_X2APIC_API	(KVM_X2APIC_API_USE_32BIT_IDS | \
				 KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
#define STRATA_DISABLE_EXITS	(KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE)
#define STRATA_QUIRKS	(KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | \
			 KVM_X86_QUIRK_FIX_HYPERCALL_INSN | KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)

/* user space knows APIC ids of 32 bits */
static inline bool strata_wide_ids(const struct strata_vm *vm)
{
	return READ_ONCE(vm->x2apic_api) & KVM_X2APIC_API_USE_32BIT_IDS;
}

static inline bool strata_has_quirk(const struct strata_vcpu *vcpu, u64 quirk)
{
	return !(READ_ONCE(vcpu->vm->disabled_quirks) & quirk);
}

/* ---- regs.c: state by ioctl; all (v) ---- */
int strata_get_regs(struct strata_vcpu *vcpu, struct kvm_regs *regs);
int strata_set_regs(struct strata_vcpu *vcpu, const struct kvm_regs *regs);
int strata_get_sregs(struct strata_vcpu *vcpu, struct kvm_sregs *sregs);
int strata_set_sregs(struct strata_vcpu *vcpu, const struct kvm_sregs *sregs);
int strata_get_sregs2(struct strata_vcpu *vcpu, struct kvm_sregs2 *s);
int strata_set_sregs2(struct strata_vcpu *vcpu, const struct kvm_sregs2 *s);
int strata_get_events(struct strata_vcpu *vcpu, struct kvm_vcpu_events *e);
int strata_set_events(struct strata_vcpu *vcpu, const struct kvm_vcpu_events *e);
int strata_get_debugregs(struct strata_vcpu *vcpu, struct kvm_debugregs *d);
int strata_set_debugregs(struct strata_vcpu *vcpu, const struct kvm_debugregs *d);
int strata_get_mpstate(struct strata_vcpu *vcpu, struct kvm_mp_state *mp);
int strata_set_mpstate(struct strata_vcpu *vcpu, const struct kvm_mp_state *mp);
int strata_translate(struct strata_vcpu *vcpu, struct kvm_translation *t);
/* sync_regs.c: registers in the run page; what KVM_CAP_SYNC_REGS answers */
#define STRATA_SYNC_REGS	(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS)
int strata_sync_regs_in(struct strata_vcpu *vcpu);
void strata_sync_regs_out(struct strata_vcpu *vcpu);
/* mce.c */
u64 strata_mce_supported(void);
int strata_setup_mce(struct strata_vcpu *vcpu, u64 mcg_cap);
int strata_set_mce(struct strata_vcpu *vcpu, const struct kvm_x86_mce *mce);
/* guest's own writes with the checks of the manual; 0, or 1: raise #GP(0) */
int strata_guest_set_cr0(struct strata_vcpu *vcpu, unsigned long cr0);

/* What CR0 becomes: LMSW writes PE, MP, EM and TS and cannot clear PE. */
static inline unsigned long strata_lmsw(unsigned long cr0, unsigned long val)
{
	const unsigned long bits = X86_CR0_MP | X86_CR0_EM | X86_CR0_TS;

	return (cr0 & ~bits) | (val & (bits | X86_CR0_PE));
}

int strata_guest_set_cr3(struct strata_vcpu *vcpu, unsigned long cr3);
int strata_guest_set_cr4(struct strata_vcpu *vcpu, unsigned long cr4);
int strata_guest_set_cr8(struct strata_vcpu *vcpu, unsigned long cr8);
int strata_set_efer(struct strata_vcpu *vcpu, u64 efer, bool host);
/* IA32_APIC_BASE, with a LAPIC in the kernel or without: 0, or 1: #GP */
int strata_set_apic_base(struct strata_vcpu *vcpu, u64 base, bool host);
bool strata_dr_exists(struct strata_vcpu *vcpu, int dr);
/* DRs that exist: 0, or the vector to raise (#GP 13, #DB 1) */
int strata_guest_set_dr(struct strata_vcpu *vcpu, int dr, unsigned long val);
int strata_guest_get_dr(struct strata_vcpu *vcpu, int dr, unsigned long *val);

/* ---- fpu.c (v) ---- */
int strata_fpu_setup(void);		/* at load: sizes and features of the host */
int strata_fpu_create(struct strata_vcpu *vcpu);
void strata_fpu_destroy(struct strata_vcpu *vcpu);
void strata_fpu_reset(struct strata_vcpu *vcpu, bool init);
u64 strata_fpu_host_xcr0(void);		/* features a guest may be offered */
/* kernel_fpu_begin and XRSTOR; preemption off after */
void strata_fpu_load(struct strata_vcpu *vcpu);
void strata_fpu_save(struct strata_vcpu *vcpu);	/* XSAVE and kernel_fpu_end */
int strata_guest_set_xcr0(struct strata_vcpu *vcpu, u64 xcr0);	/* 0 or 1: #GP */
int strata_get_fpu(struct strata_vcpu *vcpu, struct kvm_fpu *fpu);
int strata_set_fpu(struct strata_vcpu *vcpu, const struct kvm_fpu *fpu);
int strata_get_xsave(struct strata_vcpu *vcpu, struct kvm_xsave *x);
int strata_set_xsave(struct strata_vcpu *vcpu, const struct kvm_xsave *x);
int strata_get_xcrs(struct strata_vcpu *vcpu, struct kvm_xcrs *x);
int strata_set_xcrs(struct strata_vcpu *vcpu, const struct kvm_xcrs *x);
/* 16 bytes of XMM reg; FPU state in memory */
void strata_fpu_read_xmm(struct strata_vcpu *vcpu, int reg, void *buf);
void strata_fpu_get_x87(struct strata_vcpu *vcpu, u16 *fcw, u16 *fsw);
void strata_fpu_read_mm(struct strata_vcpu *vcpu, unsigned int reg, u64 *val);
void strata_fpu_write_mm(struct strata_vcpu *vcpu, unsigned int reg, const u64 *val);
void strata_fpu_write_xmm(struct strata_vcpu *vcpu, int reg, const void *buf);

/* ---- cpuid.c (v) ---- */
int strata_cpuid_setup(void);
long strata_get_supported_cpuid(struct kvm_cpuid2 __user *u);
/* before any KVM_SET_CPUID2: what the host supports bounds CR4, EFER, XCR0 */
void strata_cpuid_init_vcpu(struct strata_vcpu *vcpu);
long strata_vcpu_set_cpuid2(struct strata_vcpu *vcpu, struct kvm_cpuid2 __user *u);
long strata_vcpu_get_cpuid2(struct strata_vcpu *vcpu, struct kvm_cpuid2 __user *u);
/* what the guest's CPUID instruction gives; in: eax, ecx */
void strata_cpuid(struct strata_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
const struct kvm_cpuid_entry2 *strata_cpuid_find(struct strata_vcpu *vcpu, u32 leaf, u32 subleaf);
/* bit test in the guest's own table, e.g. strata_guest_has(vcpu, 0x80000001, 0, CPUID_EDX, 27) */
bool strata_guest_has(struct strata_vcpu *vcpu, u32 leaf, u32 subleaf, enum strata_cpuid_reg reg,
		      u8 bit);

/* ---- msr.c (v) ---- */
int strata_msr_create(struct strata_vcpu *vcpu);
void strata_msr_destroy(struct strata_vcpu *vcpu);
void strata_msr_reset(struct strata_vcpu *vcpu, bool init);
/* 0, or 1: #GP(0). @host: by ioctl, with its wider rights */
int strata_get_msr(struct strata_vcpu *vcpu, u32 index, u64 *val, bool host);
int strata_set_msr(struct strata_vcpu *vcpu, u32 index, u64 val, bool host);
long strata_get_msr_index_list(struct kvm_msr_list __user *u);
long strata_get_msr_feature_list(struct kvm_msr_list __user *u);
long strata_msrs_ioctl(struct strata_vcpu *vcpu, struct kvm_msrs __user *u, bool write);
/* does the policy table let the guest @write (or read) @index without an exit? */
bool strata_msr_passthrough(u32 index, bool write);
/* the guest's values of MSRs the vendor's entry code switches are in msr.h */

/* ---- clock.c, pv.c ---- */
u64 strata_guest_tsc(struct strata_vcpu *vcpu);		/* guest's TSC now */
/* with KVM's matching rule */
void strata_write_tsc(struct strata_vcpu *vcpu, u64 tsc, bool host);
void strata_init_tsc(struct strata_vcpu *vcpu);
int strata_tsc_khz_ok(u32 khz, u64 *ratio);
int strata_set_tsc_khz(struct strata_vcpu *vcpu, u32 khz);
void strata_set_tsc_offset(struct strata_vcpu *vcpu, u64 offset);
u64 strata_clock_ns(struct strata_vm *vm);		/* kvmclock now */
int strata_set_clock_msr(struct strata_vcpu *vcpu, u64 val);	/* 0 or 1: #GP */
int strata_set_wall_clock_msr(struct strata_vcpu *vcpu, u64 val);
void strata_update_clock(struct strata_vcpu *vcpu);	/* STRATA_REQ_CLOCK; may sleep */
int strata_get_clock(struct strata_vm *vm, struct kvm_clock_data *d);
int strata_set_clock(struct strata_vm *vm, const struct kvm_clock_data *d);
int strata_clock_setup(void);
/* what KVM_CAP_ADJUST_CLOCK answers */
#define STRATA_CLOCK_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)
void strata_clock_migrated(struct strata_vcpu *vcpu);	/* on another CPU than before */
int strata_kvmclock_ctrl(struct strata_vcpu *vcpu);	/* EINVAL without a clock */
/* hypercall by registers; STRATA_RESUME or STRATA_USER */
int strata_hypercall(struct strata_vcpu *vcpu);
void strata_yield(struct strata_vcpu *vcpu);	/* STRATA_REQ_YIELD; sleeps */

/* ---- mmu/ ---- */
int strata_mmu_init_vm(struct strata_vm *vm);		/* root, notifier; sets vm->root_pa */
void strata_mmu_destroy_vm(struct strata_vm *vm);
int strata_set_memory_region(struct strata_vm *vm, const struct kvm_userspace_memory_region *r);
long strata_get_dirty_log(struct strata_vm *vm, const struct kvm_dirty_log *log);
long strata_clear_dirty_log(struct strata_vm *vm, const struct kvm_clear_dirty_log *log);
/* what KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 offers */
#define STRATA_DIRTY_LOG_FLAGS	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)
#define STRATA_MMIO	2
/**
 * strata_mmu_fault - serve a nested fault
 * @vcpu: its mutex is held
 * @gpa: what the guest touched
 * @access: STRATA_ACC_* of how
 *
 * Sleeps; vm->srcu not held. STRATA_RESUME: mapped, or try again.
 * STRATA_MMIO: no slot, or a write to a read-only one. -EFAULT: the host
 * mapping forbids it. -EINTR: fatal signal. -ENOMEM.
 */
int strata_mmu_fault(struct strata_vcpu *vcpu, u64 gpa, u32 access);
int strata_mmu_fault_atomic(struct strata_vcpu *vcpu, u64 gpa, u32 access);
#ifdef KVM_PRE_FAULT_MEMORY
int strata_pre_fault_memory(struct strata_vcpu *vcpu, struct kvm_pre_fault_memory *range);
#endif
/*
 * Guest-physical access by the kernel; may cross pages and slots; sleeps;
 * takes vm->srcu itself. Writes mark the page dirty. 0, or -EFAULT where
 * there is no slot (or a read-only one for writes) or the host mapping fails.
 */
int strata_read_guest(struct strata_vm *vm, u64 gpa, void *buf, unsigned int len);
int strata_write_guest(struct strata_vm *vm, u64 gpa, const void *buf, unsigned int len);
/* The same in any context, in one page; -EFAULT also where it would sleep. */
int strata_read_guest_nofault(struct strata_vm *vm, u64 gpa, void *buf, unsigned int len);
int strata_write_guest_nofault(struct strata_vm *vm, u64 gpa, const void *buf, unsigned int len);
/*
 * Atomic compare and exchange of 1, 2, 4, 8 or 16 aligned bytes: 0 done,
 * 1 differed (*old updated), -EFAULT.
 */
int strata_cmpxchg_guest(struct strata_vm *vm, u64 gpa, void *old, const void *new,
			 unsigned int len);
/* host address of @gpa's page, or 0; vm->srcu held (read). *writable may be NULL */
unsigned long strata_gfn_to_hva(struct strata_vm *vm, u64 gfn, bool *writable);
bool strata_has_slots(struct strata_vm *vm);

/* ---- gpwalk glue, mmio.c ---- */
/*
 * Guest-virtual to guest-physical by the guest's own tables; 0, or 1 with #PF
 * details in *ec; may sleep.
 */
int strata_gva_to_gpa(struct strata_vcpu *vcpu, u64 gva, u32 access, u64 *gpa, u32 *ec);
int strata_emul_create(struct strata_vcpu *vcpu);
void strata_emul_destroy(struct strata_vcpu *vcpu);
/* a nested fault that is not RAM: exit.fault tells; STRATA_RESUME or STRATA_USER */
int strata_emulate_mmio(struct strata_vcpu *vcpu);
/* the same with interrupts off: STRATA_RESUME, STRATA_USER, or negative with nothing done */
int strata_mmio_window(struct strata_vcpu *vcpu, int cpl);
/* INS, OUTS: exit.pio tells */
int strata_emulate_pio_string(struct strata_vcpu *vcpu);
/*
 * Emulate the instruction at RIP whatever it is (CR and DR moves without
 * decode assists etc. are not its work).
 */
int strata_emulate_insn(struct strata_vcpu *vcpu);
/* up to @max bytes at RIP into @buf; number of bytes, or 0 with a fault queued */
int strata_fetch_insn(struct strata_vcpu *vcpu, u8 *buf, unsigned int max);

/* ---- iobus.c: devices in the kernel; vm->srcu taken inside; 0 handled, 1 nobody there ---- */
int strata_iobus_init(struct strata_vm *vm);
void strata_iobus_destroy(struct strata_vm *vm);
int strata_pio_read(struct strata_vcpu *vcpu, u16 port, unsigned int len, void *val);
int strata_pio_write(struct strata_vcpu *vcpu, u16 port, unsigned int len, u32 val);
int strata_mmio_read(struct strata_vcpu *vcpu, u64 gpa, unsigned int len, void *val);
int strata_mmio_write(struct strata_vcpu *vcpu, u64 gpa, unsigned int len, const void *val);
int strata_ioeventfd(struct strata_vm *vm, const struct kvm_ioeventfd *args);
int strata_coalesced_mmio(struct strata_vm *vm, const struct kvm_coalesced_mmio_zone *z, bool add);

/* ---- irqchip/ ---- */
/* KVM_CREATE_IRQCHIP, or KVM_CAP_SPLIT_IRQCHIP: LAPICs alone; vm->lock held */
int strata_irqchip_create(struct strata_vm *vm, bool split);
void strata_irqchip_stop(struct strata_vm *vm);	/* no interrupt by itself any more */
void strata_irqchip_destroy(struct strata_vm *vm);
int strata_pit_create(struct strata_vm *vm, const struct kvm_pit_config *cfg);	/* vm->lock held */
void strata_pit_destroy(struct strata_vm *vm);
int strata_get_irqchip(struct strata_vm *vm, struct kvm_irqchip *chip);
int strata_set_irqchip(struct strata_vm *vm, const struct kvm_irqchip *chip);
int strata_get_pit2(struct strata_vm *vm, struct kvm_pit_state2 *ps);
int strata_pit_reinject(struct strata_vm *vm, bool on);
int strata_set_pit2(struct strata_vm *vm, const struct kvm_pit_state2 *ps);
int strata_set_gsi_routing(struct strata_vm *vm, struct kvm_irq_routing __user *u);
/* level of a GSI; >0 delivered, 0 coalesced, -1 nobody; process or interrupt context */
int strata_set_irq(struct strata_vm *vm, u32 gsi, int level);
int strata_irq_line(struct strata_vm *vm, struct kvm_irq_level *level);
int strata_signal_msi(struct strata_vm *vm, const struct kvm_msi *msi);

int strata_lapic_create(struct strata_vcpu *vcpu);
void strata_lapic_destroy(struct strata_vcpu *vcpu);
void strata_lapic_reset(struct strata_vcpu *vcpu, bool init);
int strata_lapic_get(struct strata_vcpu *vcpu, struct kvm_lapic_state *s);
int strata_lapic_set(struct strata_vcpu *vcpu, const struct kvm_lapic_state *s);
/* deliverable vector (LAPIC above TPR, else PIC through LINT0) or -1; no side effect */
int strata_pending_vector(struct strata_vcpu *vcpu);
/* acknowledge what strata_pending_vector() promised: the vector, or -1 when it went away */
int strata_ack_vector(struct strata_vcpu *vcpu);
/* TPR as CR8 shows it */
void strata_lapic_set_tpr(struct strata_vcpu *vcpu, u8 cr8);
/* IA32_APIC_BASE takes a value that strata_set_apic_base() found legal */
void strata_lapic_set_base(struct strata_vcpu *vcpu, u64 base, bool host);
/* MSRs 0x800-0x8ff and IA32_TSC_DEADLINE: 0 or 1: #GP */
int strata_lapic_msr_read(struct strata_vcpu *vcpu, u32 index, u64 *val);
int strata_lapic_msr_write(struct strata_vcpu *vcpu, u32 index, u64 val);
/* xAPIC page; @offset below 4096: 0 handled, 1 not decoded */
int strata_lapic_mmio_read(struct strata_vcpu *vcpu, u32 offset, unsigned int len, void *val);
int strata_lapic_mmio_write(struct strata_vcpu *vcpu, u32 offset, unsigned int len,
			    const void *val);
/* is @gpa in this vCPU's enabled xAPIC page? */
bool strata_lapic_owns(struct strata_vcpu *vcpu, u64 gpa);
u64 strata_pv_eoi_msr(struct strata_vcpu *vcpu);
int strata_pv_eoi_set_msr(struct strata_vcpu *vcpu, u64 val);	/* 0 or 1: #GP */
bool strata_pv_eoi_known(struct strata_vcpu *vcpu);	/* else STRATA_REQ_PV_EOI is set */
void strata_pv_eoi_work(struct strata_vcpu *vcpu);	/* STRATA_REQ_PV_EOI; sleeps */
void strata_lapic_timer_work(struct strata_vcpu *vcpu);	/* STRATA_REQ_LAPIC_TIMER */
/* a TSC-deadline timer is re-armed */
void strata_lapic_tsc_changed(struct strata_vcpu *vcpu);
bool strata_lapic_accepts_extint(struct strata_vcpu *vcpu);	/* LINT0 in ExtINT mode */
/* does what user space's PIC gives by KVM_INTERRUPT reach the vCPU? */
static inline bool strata_extint_connected(struct strata_vcpu *vcpu)
{
	return !vcpu->apic || strata_lapic_accepts_extint(vcpu);
}

/* and is there one? */
static inline bool strata_extint_waits(struct strata_vcpu *vcpu)
{
	return vcpu->ev.extint_pending && strata_extint_connected(vcpu);
}

#endif /* STRATA_STRATA_H */
