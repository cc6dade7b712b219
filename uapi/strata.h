/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * strata: what user space and tracing tools need beyond <linux/kvm.h>.
 *
 * The ioctl interface is a subset of the KVM API; this file holds only what
 * strata adds: the neutral exit reasons and their names, and the ioctls that
 * read what each of them cost.
 */
#ifndef _UAPI_STRATA_H
#define _UAPI_STRATA_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * The neutral exit reasons, the same on AMD and Intel. The order is ABI: new
 * ones are added at the end. X(id, name)
 */
#define STRATA_EXIT_REASONS(X)			\
	X(BOGUS,	"bogus")		\
	X(INTR,		"intr")			\
	X(NMI,		"nmi")			\
	X(SMI,		"smi")			\
	X(INIT,		"init")			\
	X(MCE,		"machine-check")	\
	X(INTR_WINDOW,	"intr-window")		\
	X(NMI_WINDOW,	"nmi-window")		\
	X(CPUID,	"cpuid")		\
	X(HLT,		"hlt")			\
	X(PIO,		"pio")			\
	X(MSR_READ,	"msr-read")		\
	X(MSR_WRITE,	"msr-write")		\
	X(HYPERCALL,	"hypercall")		\
	X(NESTED_FAULT,	"nested-fault")		\
	X(MMIO,		"mmio")			\
	X(EXCEPTION,	"exception")		\
	X(DB,		"debug-exception")	\
	X(AC,		"alignment-check")	\
	X(CR_ACCESS,	"cr-access")		\
	X(DR_ACCESS,	"dr-access")		\
	X(XSETBV,	"xsetbv")		\
	X(PAUSE,	"pause")		\
	X(INVD,		"invd")			\
	X(WBINVD,	"wbinvd")		\
	X(INVLPG,	"invlpg")		\
	X(RDTSC,	"rdtsc")		\
	X(RDPMC,	"rdpmc")		\
	X(MONITOR,	"monitor")		\
	X(MWAIT,	"mwait")		\
	X(VIRT_INSN,	"virt-insn")		\
	X(DESC_TABLE,	"desc-table")		\
	X(TASK_SWITCH,	"task-switch")		\
	X(RSM,		"rsm")			\
	X(SHUTDOWN,	"shutdown")		\
	X(TIMER,	"preemption-timer")	\
	X(FAIL_ENTRY,	"fail-entry")		\
	X(OTHER,	"other")

#define STRATA_EXIT_ENUM(id, name)	STRATA_EXIT_##id,
enum strata_exit_reason {
	STRATA_EXIT_REASONS(STRATA_EXIT_ENUM)
	STRATA_NR_EXIT_REASONS
};

#undef STRATA_EXIT_ENUM

/* Room for reasons to come; the layout of the structs below depends on it. */
#define STRATA_MAX_EXIT_REASONS		48

/**
 * struct strata_exit_cost - what the exits of one reason cost
 * @count: exits taken
 * @ticks: sum of TSC ticks from the exit to the next entry
 * @max: the longest of them
 */
struct strata_exit_cost {
	__u64 count;
	__u64 ticks;
	__u64 max;
};

/**
 * struct strata_exit_stats - STRATA_GET_EXIT_STATS
 * @size: in: sizeof(struct strata_exit_stats) of the caller; out: bytes written
 * @nr_reasons: out: how many entries of @exit are in use
 * @tsc_khz: out: TSC ticks per millisecond
 * @guest_ticks: out: ticks between entry and exit
 * @run_ticks: out: ticks spent inside KVM_RUN
 * @wait_ticks: out: ticks halted in the kernel
 * @user_exits: out: returns of KVM_RUN to user space
 * @reserved: zero
 * @exit: by enum strata_exit_reason
 *
 * The time that an exit costs runs from the exit to the next entry, so it
 * holds what user space did with it, and the wait of a HLT.
 */
struct strata_exit_stats {
	__u32 size;
	__u32 nr_reasons;
	__u64 tsc_khz;
	__u64 guest_ticks;
	__u64 run_ticks;
	__u64 wait_ticks;
	__u64 user_exits;
	__u64 reserved[2];
	struct strata_exit_cost exit[STRATA_MAX_EXIT_REASONS];
};

/**
 * struct strata_fail_entry - the run page with KVM_EXIT_FAIL_ENTRY, from
 * fail_entry on
 * @reason: fail_entry.hardware_entry_failure_reason
 * @cpu: fail_entry.cpu
 * @field: the field with which the guest cannot be entered: its encoding in a
 *	VMCS, its offset in a VMCB
 * @value: what it holds
 * @text: one sentence with the rule that it breaks; empty where no rule was
 *	found that is broken
 */
struct strata_fail_entry {
	__u64 reason;
	__u32 cpu;
	__u32 field;
	__u64 value;
	char text[232];
};

#define STRATA_IOC			'J'

/* on a vCPU fd; does not wait for a running KVM_RUN */
#define STRATA_GET_EXIT_STATS		_IOWR(STRATA_IOC, 0x01, struct strata_exit_stats)

#endif /* _UAPI_STRATA_H */
