/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, TRACE_SYSTEM strata. All arguments are scalars, so that raw
 * and BTF programs can read them as well as formatted ones.
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
	TP_printk("vm %u vcpu %u %s hw 0x%x rip 0x%llx info 0x%llx 0x%llx", __entry->vm,
		  __entry->vcpu, strata_show_reason(__entry->reason), __entry->hw_code,
		  __entry->rip, __entry->info1, __entry->info2),
	strata_watch, strata_unwatch
);

/*
 * An exit that has been handled, at the next entry: all that is to be known of it, so
 * that nothing has to be paired.
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
		  __entry->hw_code, __entry->rip, __entry->detail, __entry->ticks,
		  __entry->user, __entry->waiting, __entry->fault, __entry->khz),
	strata_watch, strata_unwatch
);

TRACE_EVENT(strata_nested_fault,
	TP_PROTO(u32 vm, u32 vcpu, u64 gpa, u32 access, int result),
	TP_ARGS(vm, vcpu, gpa, access, result),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u64, gpa)
		__field(u32, access)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->gpa = gpa;
		__entry->access = access;
		__entry->result = result;
	),
	TP_printk("vm %u vcpu %u gpa 0x%llx access 0x%x result %d", __entry->vm, __entry->vcpu,
		  __entry->gpa, __entry->access, __entry->result)
);

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

TRACE_EVENT(strata_pio,
	TP_PROTO(u32 vm, u32 vcpu, bool in, u16 port, u8 size, u32 val),
	TP_ARGS(vm, vcpu, in, port, size, val),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u32, val)
		__field(u16, port)
		__field(u8, size)
		__field(bool, in)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->val = val;
		__entry->port = port;
		__entry->size = size;
		__entry->in = in;
	),
	TP_printk("vm %u vcpu %u %s port 0x%x size %u rax 0x%x", __entry->vm, __entry->vcpu,
		  __entry->in ? "in" : "out", __entry->port, __entry->size, __entry->val)
);

TRACE_EVENT(strata_mmio,
	TP_PROTO(u32 vm, u32 vcpu, bool write, u64 gpa, u32 len, u64 val),
	TP_ARGS(vm, vcpu, write, gpa, len, val),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u64, gpa)
		__field(u64, val)
		__field(u32, len)
		__field(bool, write)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->gpa = gpa;
		__entry->val = val;
		__entry->len = len;
		__entry->write = write;
	),
	TP_printk("vm %u vcpu %u %s gpa 0x%llx len %u val 0x%llx", __entry->vm, __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->gpa, __entry->len, __entry->val)
);

TRACE_EVENT(strata_msr,
	TP_PROTO(u32 vm, u32 vcpu, bool write, u32 index, u64 val, bool fault),
	TP_ARGS(vm, vcpu, write, index, val, fault),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(u64, val)
		__field(u32, index)
		__field(bool, write)
		__field(bool, fault)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->val = val;
		__entry->index = index;
		__entry->write = write;
		__entry->fault = fault;
	),
	TP_printk("vm %u vcpu %u %s 0x%x = 0x%llx%s", __entry->vm, __entry->vcpu,
		  __entry->write ? "wrmsr" : "rdmsr", __entry->index, __entry->val,
		  __entry->fault ? " #GP" : "")
);

#endif /* STRATA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
