/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, TRACE_SYSTEM strata. All arguments are scalars, so that raw
 * and BTF programs can read them as well as formatted ones.
 *
 * Documentation/tracing/reference.md is made from this file, the comment of each
 * event included.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM strata

#if !defined(STRATA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define STRATA_TRACE_H

#include <linux/tracepoint.h>

#include "types.h"

/* Some of the events share one branch in the way of an exit: profile.c. */
int strata_watch(void);
void strata_unwatch(void);

/* The names stand in the events' formats, with numbers: no tool needs a copy. */
#define STRATA_TRACE_REASON(id, name)	TRACE_DEFINE_ENUM(STRATA_EXIT_##id);
STRATA_EXIT_REASONS(STRATA_TRACE_REASON)
#undef STRATA_TRACE_REASON

#define STRATA_TRACE_NAME(id, name)	{ STRATA_EXIT_##id, name },
#define strata_show_reason(reason)						\
	__print_symbolic(reason, STRATA_EXIT_REASONS(STRATA_TRACE_NAME)		\
			 { STRATA_MAX_EXIT_REASONS - 1, "none" })

/*
 * strata_entry - the guest is about to be entered
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @rip: where the guest goes on
 */
TRACE_EVENT_FN(strata_entry,
	TP_PROTO(u32 vm, u32 vcpu, u64 rip),
	TP_ARGS(vm, vcpu, rip),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u64, rip)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->rip = rip;
	),
	TP_printk("vm %u vcpu %u rip 0x%llx", __entry->vm, __entry->vcpu, __entry->rip),
	strata_watch, strata_unwatch
);

/*
 * strata_exit - the guest has exited, and nothing is done about it yet
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @reason: by enum strata_exit_reason; the event's format has the names
 * @hw_code: the CPU's own code for the exit: VMCB EXITCODE, VMX exit reason
 * @rip: where the guest was
 * @info1: the CPU's first word about it: EXITINFO1, exit qualification
 * @info2: the second one: EXITINFO2, guest-physical address or interruption information
 */
TRACE_EVENT_FN(strata_exit,
	TP_PROTO(u32 vm, u32 vcpu, u32 reason, u32 hw_code, u64 rip, u64 info1, u64 info2),
	TP_ARGS(vm, vcpu, reason, hw_code, rip, info1, info2),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u32, hw_code)
		__field(u64, rip)
		__field(u64, info1)
		__field(u64, info2)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->reason = reason;
		__entry->hw_code = hw_code;
		__entry->rip = rip;
		__entry->info1 = info1;
		__entry->info2 = info2;
	),
	TP_printk("vm %u vcpu %u %s hw 0x%x rip 0x%llx info 0x%llx 0x%llx",
		  __entry->vm, __entry->vcpu, strata_show_reason(__entry->reason),
		  __entry->hw_code, __entry->rip, __entry->info1, __entry->info2),
	strata_watch, strata_unwatch
);

/*
 * strata_exit_done - an exit has been handled, at the next entry: all that is to be
 *	known of it, so that nothing has to be paired
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @reason: by enum strata_exit_reason; the event's format has the names
 * @hw_code: the CPU's own code for the exit: VMCB EXITCODE, VMX exit reason
 * @rip: where the guest was
 * @detail: pio: the port; msr-read, msr-write: the MSR; cpuid: EAX, and ECX in the
 *	upper half; hypercall: its number; nested-fault, mmio: the guest-physical address;
 *	others: the CPU's first word about the exit
 * @ticks: of the TSC, from the exit to this entry
 * @user: the part of ticks in which user space had the vCPU
 * @waiting: the part in which it was halted or scheduled out
 * @fault: the part that the host needed to make or fetch a page
 * @khz: TSC ticks per millisecond
 */
TRACE_EVENT_FN(strata_exit_done,
	TP_PROTO(u32 vm, u32 vcpu, u32 reason, u32 hw_code, u64 rip, u64 detail, u64 ticks,
		 u64 user, u64 waiting, u64 fault, u32 khz),
	TP_ARGS(vm, vcpu, reason, hw_code, rip, detail, ticks, user, waiting, fault, khz),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u32, hw_code)
		__field(u64, rip)
		__field(u64, detail)
		__field(u64, ticks)
		__field(u64, user)
		__field(u64, waiting)
		__field(u64, fault)
		__field(u32, khz)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->reason = reason;
		__entry->hw_code = hw_code;
		__entry->rip = rip;
		__entry->detail = detail;
		__entry->ticks = ticks;
		__entry->user = user;
		__entry->waiting = waiting;
		__entry->fault = fault;
		__entry->khz = khz;
	),
	TP_printk("vm %u vcpu %u %s hw 0x%x rip 0x%llx detail 0x%llx ticks %llu user %llu waiting %llu fault %llu khz %u",
		  __entry->vm, __entry->vcpu, strata_show_reason(__entry->reason),
		  __entry->hw_code, __entry->rip, __entry->detail, __entry->ticks, __entry->user,
		  __entry->waiting, __entry->fault, __entry->khz),
	strata_watch, strata_unwatch
);

/*
 * strata_nested_fault - a guest-physical address was not mapped, or not for this access
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @gpa: the guest-physical address
 * @access: 1: read, 2: write, 4: fetch, 32: of the guest's own page tables, 64: the
 *	entry was present
 * @result: 1: it is mapped now, or worth another try; 2: a device's; negative: an error
 * @level: how large the mapping is: 1: 4K, 2: 2M, 3: 1G; 0: none was made
 * @ticks: of the TSC, since the exit
 * @khz: TSC ticks per millisecond
 */
TRACE_EVENT(strata_nested_fault,
	TP_PROTO(u32 vm, u32 vcpu, u64 gpa, u32 access, int result, u32 level, u64 ticks,
		 u32 khz),
	TP_ARGS(vm, vcpu, gpa, access, result, level, ticks, khz),
	TP_STRUCT__entry(
		__field(u64, gpa)
		__field(u64, ticks)
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, access)
		__field(int, result)
		__field(u32, level)
		__field(u32, khz)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->gpa = gpa;
		__entry->access = access;
		__entry->result = result;
		__entry->level = level;
		__entry->ticks = ticks;
		__entry->khz = khz;
	),
	TP_printk("vm %u vcpu %u gpa 0x%llx access 0x%x result %d level %u ticks %llu khz %u",
		  __entry->vm, __entry->vcpu, __entry->gpa, __entry->access, __entry->result,
		  __entry->level, __entry->ticks, __entry->khz)
);

/*
 * strata_irq - an interrupt waits for a vCPU: its local APIC took the vector, or
 *	KVM_INTERRUPT set it
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @vector: 0 to 255
 * @level: level triggered
 */
TRACE_EVENT(strata_irq,
	TP_PROTO(u32 vm, u32 vcpu, u32 vector, bool level),
	TP_ARGS(vm, vcpu, vector, level),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, vector)
		__field(bool, level)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->vector = vector;
		__entry->level = level;
	),
	TP_printk("vm %u vcpu %u vector %u%s", __entry->vm, __entry->vcpu, __entry->vector,
		  __entry->level ? " level" : "")
);

/*
 * strata_inject - an event goes into the guest with the next entry
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @type: 0: interrupt, 1: NMI, 2: exception
 * @vector: 0 to 255
 * @error_code: of an exception that has one
 */
TRACE_EVENT(strata_inject,
	TP_PROTO(u32 vm, u32 vcpu, u32 type, u32 vector, u32 error_code),
	TP_ARGS(vm, vcpu, type, vector, error_code),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, type)
		__field(u32, vector)
		__field(u32, error_code)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->type = type;
		__entry->vector = vector;
		__entry->error_code = error_code;
	),
	TP_printk("vm %u vcpu %u %s vector %u error 0x%x", __entry->vm, __entry->vcpu,
		  __print_symbolic(__entry->type, { 0, "irq" }, { 1, "nmi" }, { 2, "exception" }),
		  __entry->vector, __entry->error_code)
);

/*
 * strata_pio - a port was accessed
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @in: IN or INS, not OUT or OUTS
 * @port: the port
 * @size: bytes: 1, 2, 4
 * @val: EAX before the access
 */
TRACE_EVENT(strata_pio,
	TP_PROTO(u32 vm, u32 vcpu, bool in, u16 port, u8 size, u32 val),
	TP_ARGS(vm, vcpu, in, port, size, val),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, val)
		__field(u16, port)
		__field(bool, in)
		__field(u8, size)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->in = in;
		__entry->port = port;
		__entry->size = size;
		__entry->val = val;
	),
	TP_printk("vm %u vcpu %u %s port 0x%x size %u rax 0x%x", __entry->vm, __entry->vcpu,
		  __entry->in ? "in" : "out", __entry->port, __entry->size, __entry->val)
);

/*
 * strata_mmio - a device's memory was accessed
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @write: or read
 * @gpa: the guest-physical address
 * @len: bytes
 * @val: what was written or read
 */
TRACE_EVENT(strata_mmio,
	TP_PROTO(u32 vm, u32 vcpu, bool write, u64 gpa, u32 len, u64 val),
	TP_ARGS(vm, vcpu, write, gpa, len, val),
	TP_STRUCT__entry(
		__field(u64, gpa)
		__field(u64, val)
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, len)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->write = write;
		__entry->gpa = gpa;
		__entry->len = len;
		__entry->val = val;
	),
	TP_printk("vm %u vcpu %u %s gpa 0x%llx len %u val 0x%llx", __entry->vm, __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->gpa, __entry->len, __entry->val)
);

/*
 * strata_msr - an MSR was accessed by the guest
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @write: WRMSR, not RDMSR
 * @index: the MSR
 * @val: what was written or read
 * @fault: the guest got #GP
 */
TRACE_EVENT(strata_msr,
	TP_PROTO(u32 vm, u32 vcpu, bool write, u32 index, u64 val, bool fault),
	TP_ARGS(vm, vcpu, write, index, val, fault),
	TP_STRUCT__entry(
		__field(u64, val)
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, index)
		__field(bool, write)
		__field(bool, fault)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->write = write;
		__entry->index = index;
		__entry->val = val;
		__entry->fault = fault;
	),
	TP_printk("vm %u vcpu %u %s 0x%x = 0x%llx%s", __entry->vm, __entry->vcpu,
		  __entry->write ? "wrmsr" : "rdmsr", __entry->index, __entry->val,
		  __entry->fault ? " #GP" : "")
);

/*
 * strata_hypercall - a hypercall was answered
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @nr: its number
 * @result: what the guest got
 */
TRACE_EVENT(strata_hypercall,
	TP_PROTO(u32 vm, u32 vcpu, u64 nr, s64 result),
	TP_ARGS(vm, vcpu, nr, result),
	TP_STRUCT__entry(
		__field(u64, nr)
		__field(s64, result)
		__field(u32, vm)
		__field(u32, vcpu)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->nr = nr;
		__entry->result = result;
	),
	TP_printk("vm %u vcpu %u nr %llu result %lld", __entry->vm, __entry->vcpu, __entry->nr,
		  __entry->result)
);

/*
 * strata_dirty_log - user space has read a slot's dirty log
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @slot: its number
 * @pages: how many were dirty; they are clean now
 */
TRACE_EVENT(strata_dirty_log,
	TP_PROTO(u32 vm, u32 slot, u64 pages),
	TP_ARGS(vm, slot, pages),
	TP_STRUCT__entry(
		__field(u64, pages)
		__field(u32, vm)
		__field(u32, slot)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->slot = slot;
		__entry->pages = pages;
	),
	TP_printk("vm %u slot %u pages %llu", __entry->vm, __entry->slot, __entry->pages)
);

/*
 * strata_vm - a VM begins or ends
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @pid: of the process that made it
 * @gone: it ends
 */
TRACE_EVENT(strata_vm,
	TP_PROTO(u32 vm, int pid, bool gone),
	TP_ARGS(vm, pid, gone),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(int, pid)
		__field(bool, gone)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->pid = pid;
		__entry->gone = gone;
	),
	TP_printk("vm %u pid %d %s", __entry->vm, __entry->pid, __entry->gone ? "gone" : "new")
);

/*
 * strata_vcpu - a vCPU begins or ends
 * @vm: the VM's number since the module was loaded, as "strata list" shows it
 * @vcpu: the vCPU's id
 * @gone: it ends, with its VM
 */
TRACE_EVENT(strata_vcpu,
	TP_PROTO(u32 vm, u32 vcpu, bool gone),
	TP_ARGS(vm, vcpu, gone),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(bool, gone)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->gone = gone;
	),
	TP_printk("vm %u vcpu %u %s", __entry->vm, __entry->vcpu, __entry->gone ? "gone" : "new")
);

#endif /* STRATA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
