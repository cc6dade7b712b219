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

/*
 * The profile of a vCPU: pages that its file descriptor maps, read-only, at
 * STRATA_PROFILE_OFFSET, and that strata writes at every exit. They tell their
 * own layout: a reader takes offsets, sizes and numbers from the header, and so
 * reads newer ones as well. All counters only grow. Each is written whole; those
 * of a vCPU that runs belong to moments that differ by an exit.
 *
 * The time from an exit to the next entry is booked to the exit's reason, with
 * the parts of it that were not the kernel's own work. What is left when they
 * are subtracted is the kernel's.
 */
#define STRATA_PROFILE_OFFSET		(64ul << 12)
#define STRATA_PROFILE_MAGIC		0x61727473	/* "stra" */
#define STRATA_PROFILE_VERSION		1

/* X(id, name) The order is ABI. */
#define STRATA_PROFILE_PARTS(X)			\
	X(USER,		"user")			\
	X(WAITING,	"waiting")		\
	X(FAULT,	"host-fault")

#define STRATA_PART_ENUM(id, name)	STRATA_PART_##id,
enum strata_profile_part {
	STRATA_PROFILE_PARTS(STRATA_PART_ENUM)
	STRATA_NR_PARTS
};

#undef STRATA_PART_ENUM

#define STRATA_MAX_PARTS		6
#define STRATA_PROFILE_BUCKETS		64
#define STRATA_PROFILE_NAME		32

/**
 * struct strata_profile_reason - what the exits of one reason cost
 * @ticks: sum of TSC ticks from the exit to the next entry
 * @max: the longest of them
 * @part: of @ticks, by enum strata_profile_part
 * @hist: how many took from 2^n ticks on and fewer than 2^(n+1); the first holds
 *	those of no tick as well. Their sum is the number of exits
 */
struct strata_profile_reason {
	__u64 ticks;
	__u64 max;
	__u64 part[STRATA_MAX_PARTS];
	__u64 hist[STRATA_PROFILE_BUCKETS];
};

/* What a struct strata_profile_key counts. */
enum strata_key_kind {
	STRATA_KEY_DETAIL,	/* port, MSR, CPUID leaf, hypercall, page: by the reason */
	STRATA_KEY_RIP		/* where the guest was */
};

#define STRATA_PROFILE_KEYS		256

/**
 * struct strata_profile_key - exits of one reason that were about the same
 * @seq: odd while the place gets another key: a reader looks at it before and after,
 *	and reads again where it was odd or has changed
 * @reason: by enum strata_exit_reason
 * @kind: by enum strata_key_kind
 * @reserved: 0
 * @key: the port, the MSR, EAX and in the upper half ECX of CPUID, the hypercall's
 *	number, the address of the guest-physical page; or RIP
 * @count: exits since the key has this place; 0: nobody has it
 * @missed: how many of its exits there may have been before, at most
 * @ticks: what those of @count took
 */
struct strata_profile_key {
	__u32 seq;
	__u32 reason;
	__u32 kind;
	__u32 reserved;
	__u64 key;
	__u64 count;
	__u64 missed;
	__u64 ticks;
};

#define STRATA_PROFILE_LAST		64

/**
 * struct strata_profile_last - one of the exits that came last
 * @reason: by enum strata_exit_reason
 * @hw_code: the hardware's number of it
 * @rip: where the guest was
 * @detail: as the key of struct strata_profile_key, but with the whole address; of a
 *	reason without one the same as @info
 * @info: what the hardware says beside it: exit qualification, EXITINFO1
 * @tsc: when it came
 */
struct strata_profile_last {
	__u32 reason;
	__u32 hw_code;
	__u64 rip;
	__u64 detail;
	__u64 info;
	__u64 tsc;
};

/**
 * struct strata_profile - the pages
 * @magic: STRATA_PROFILE_MAGIC
 * @version: STRATA_PROFILE_VERSION; fields are added behind the header's end
 *	without changing it
 * @header_size: offset of what follows the header
 * @size: of everything, bytes
 * @names_offset: of the reasons' names, each STRATA_PROFILE_NAME bytes
 * @reasons_offset: of the first struct strata_profile_reason
 * @reason_size: from one of them to the next
 * @nr_reasons: how many there are. The one named "none" has what no exit caused: the
 *	time before the first entry, and that which tracing takes
 * @part_names_offset: of the parts' names, each STRATA_PROFILE_NAME bytes
 * @part_offset: in a reason
 * @nr_parts: in use
 * @hist_offset: in a reason
 * @nr_buckets: of a histogram
 * @tsc_khz: TSC ticks per millisecond
 * @vm: number of the VM since the module was loaded
 * @vcpu: the vCPU's id
 * @keys_offset: of the first struct strata_profile_key; see STRATA_PROFILE_COUNT_KEYS
 * @key_size: from one of them to the next
 * @nr_keys: how many there are, in no order
 * @reserved: 0
 * @guest_ticks: between an entry and the next exit, the hardware's own part of
 *	both included. While the guest runs its highest bit is set, and a reader adds
 *	its own TSC to it
 * @run_ticks: inside KVM_RUN
 * @user_exits: returns of KVM_RUN
 * @switch_ticks: what of @guest_ticks software needed between the last stamp and the
 *	entry, and between the exit and the next stamp. Of a sample: the first entry
 *	after each of the host's ticks
 * @switches: how many there are in the sample
 * @nr_noted: exits that were written to the places of the last ones, in turn: the next
 *	one goes to that number modulo @nr_last. A reader of a vCPU that runs may find
 *	one half written
 * @last_offset: of the first struct strata_profile_last; written as keys are
 * @last_size: from one of them to the next
 * @nr_last: how many there are
 * @reserved2: 0
 * @part_name: at part_names_offset
 * @reason_name: at names_offset
 * @reason: at reasons_offset
 * @key: at keys_offset
 * @last: at last_offset
 */
struct strata_profile {
	__u32 magic;
	__u32 version;
	__u32 header_size;
	__u32 size;
	__u32 names_offset;
	__u32 reasons_offset;
	__u32 reason_size;
	__u32 nr_reasons;
	__u32 part_names_offset;
	__u32 part_offset;
	__u32 nr_parts;
	__u32 hist_offset;
	__u32 nr_buckets;
	__u32 tsc_khz;
	__u32 vm;
	__u32 vcpu;
	__u32 keys_offset;
	__u32 key_size;
	__u32 nr_keys;
	__u32 reserved;
	__u64 guest_ticks;
	__u64 run_ticks;
	__u64 user_exits;
	__u64 switch_ticks;
	__u64 switches;
	__u64 nr_noted;
	__u32 last_offset;
	__u32 last_size;
	__u32 nr_last;
	__u32 reserved2;
	char part_name[STRATA_MAX_PARTS][STRATA_PROFILE_NAME];
	char reason_name[STRATA_MAX_EXIT_REASONS][STRATA_PROFILE_NAME];
	struct strata_profile_reason reason[STRATA_MAX_EXIT_REASONS];
	struct strata_profile_key key[STRATA_PROFILE_KEYS];
	struct strata_profile_last last[STRATA_PROFILE_LAST];
};

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

/**
 * struct strata_profile_id - a vCPU of this machine
 * @vm: number of its VM since the module was loaded
 * @vcpu: its id
 * @pid: the process that made the VM, as the caller's namespace sees it; 0: it
 *	does not
 * @reserved: 0
 */
struct strata_profile_id {
	__u32 vm;
	__u32 vcpu;
	__s32 pid;
	__u32 reserved;
};

/**
 * struct strata_profile_list - STRATA_PROFILE_LIST
 * @nr: in: how many entries there is room for; out: how many there are
 * @reserved: 0
 * @id: the vCPUs, by VM and in the order of their creation
 */
struct strata_profile_list {
	__u32 nr;
	__u32 reserved;
	struct strata_profile_id id[];
};

#define STRATA_NESTED_LEVELS		5

/* What the bits of nested entries mean. */
enum strata_nested_format {
	STRATA_NESTED_NPT,		/* APM volume 2, 15.25: those of ordinary tables */
	STRATA_NESTED_EPT,		/* SDM volume 3, 29.3 */
	STRATA_NESTED_EPT_NOAD,		/* without accessed and dirty bits */
};

/**
 * struct strata_nested_walk - STRATA_GET_NESTED_WALK
 * @gpa: in: a guest-physical address
 * @flags: in: 0
 * @format: out: enum strata_nested_format
 * @levels: out: of tables; the topmost has this number, that of 4K pages 1
 * @nr: out: entries that were read, from the topmost table on
 * @leaf: out: the level of the last one, if it maps the address: 1 4K, 2 2M, 3 1G;
 *	0: nothing maps it (now; an access may change that)
 * @reserved: out: 0
 * @entry: out: as they are; without CAP_SYS_ADMIN the addresses in them are 0
 * @at: out: where each of them is in the machine's memory; without it 0
 */
struct strata_nested_walk {
	__u64 gpa;
	__u32 flags;
	__u32 format;
	__u32 levels;
	__u32 nr;
	__u32 leaf;
	__u32 reserved;
	__u64 entry[STRATA_NESTED_LEVELS];
	__u64 at[STRATA_NESTED_LEVELS];
};

/**
 * struct strata_nested_count - STRATA_GET_NESTED_COUNT
 * @gpa: in: where to begin
 * @size: in: bytes
 * @flags: in: 0
 * @pages: out: mappings of 4K, 2M and 1G that reach into the range
 * @tables: out: pages that the VM's nested tables take, all of them
 */
struct strata_nested_count {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 pages[3];
	__u64 tables;
};

#define STRATA_IOC			'J'

/*
 * On the device. With CAP_PERFMON or CAP_SYS_ADMIN all vCPUs of the machine,
 * without them those whose VM a process of the same user made. E2BIG: there are
 * more than fit; @nr tells how many.
 */
#define STRATA_PROFILE_LIST		_IOWR(STRATA_IOC, 0x02, struct strata_profile_list)
/*
 * A file descriptor whose first bytes, mapped read-only, are that vCPU's profile.
 * It does not hold the VM: the last values stay readable when that is gone.
 * ENOENT: no such vCPU, or not the caller's to see.
 */
#define STRATA_PROFILE_OPEN		_IOW(STRATA_IOC, 0x03, struct strata_profile_id)
/*
 * On a descriptor of STRATA_PROFILE_OPEN: what the exits are about is counted as well,
 * and the last ones are kept, until the last descriptor that asked for it is closed. Each
 * of these exits takes some hundred instructions more.
 */
#define STRATA_PROFILE_COUNT_KEYS	_IO(STRATA_IOC, 0x04)

/* On a VM: its nested tables. They change at any time. */
#define STRATA_GET_NESTED_WALK		_IOWR(STRATA_IOC, 0x05, struct strata_nested_walk)
#define STRATA_GET_NESTED_COUNT		_IOWR(STRATA_IOC, 0x06, struct strata_nested_count)

/* on a vCPU fd; does not wait for a running KVM_RUN */
#define STRATA_GET_EXIT_STATS		_IOWR(STRATA_IOC, 0x01, struct strata_exit_stats)

#endif /* _UAPI_STRATA_H */
