// SPDX-License-Identifier: GPL-2.0
/*
 * What to print when a guest cannot go on: the reason, the registers, and the
 * instruction, which is found by walking the guest's page tables in user space.
 */

#include "launcher.h"
#include "paging.h"
#include "../uapi/strata.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CR0_PE		BIT_ULL(0)
#define RFLAGS_VM	BIT_ULL(17)

#define INSN_BYTES	16

#define out(...) fprintf(stderr, __VA_ARGS__)

/* The bytes at CS:RIP, each translated on its own since they may cross a page. */
static void print_instruction(const struct guest_mem *mem, const struct kvm_regs *r,
			      const struct kvm_sregs *s)
{
	__u64 la = r->rip, gpa;
	int i;

	if (!(s->efer & EFER_LMA && s->cs.l))
		la = (__u32)(la + s->cs.base);
	out("  code at RIP:");
	for (i = 0; i < INSN_BYTES; i++) {
		const __u8 *p = NULL;

		if (walk_guest(mem, s, la + i, &gpa))
			p = mem_readable(mem, gpa, 1);
		if (!p) {
			out(i ? " (no more memory)" : " not in guest memory");
			break;
		}
		out(" %02x", *p);
	}
	out("\n");
}

static const char *mode_name(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	if (s->efer & EFER_LMA)
		return s->cs.l ? "64-bit" : "compatibility";
	if (!(s->cr0 & CR0_PE))
		return "real";
	return r->rflags & RFLAGS_VM ? "virtual-8086" : "protected";
}

static void print_segment(const char *name, const struct kvm_segment *g)
{
	out("  %-3s %04x base %016llx limit %08x type %x", name, g->selector,
	    (unsigned long long)g->base, g->limit, g->type);
	out(" s %u dpl %u p %u avl %u l %u db %u g %u%s\n", g->s, g->dpl, g->present,
	    g->avl, g->l, g->db, g->g, g->unusable ? " unusable" : "");
}

/* Registers by name, for both long listings. */
struct named_value {
	const char *name;
	__u64 value;
};

static void print_values(const struct named_value *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		out("  %-6s %016llx%s", v[i].name, (unsigned long long)v[i].value,
		    i % 4 == 3 || i == n - 1 ? "\n" : "");
}

/* By how much Linux lies above its place in its file; it says so where it dumps. */
static __u64 moved_by(struct vm *vm)
{
	static const char name[] = "KERNELOFFSET=";
	const char *info, *p;
	char digits[17] = "";
	size_t len, left;

	info = core_vmcoreinfo(vm, &len);
	p = info ? memmem(info, len, name, sizeof(name) - 1) : NULL;
	if (!p)
		return 0;
	/* A copy, for the guest's memory has no end of its own, and may change. */
	p += sizeof(name) - 1;
	left = info + len - p;
	memcpy(digits, p, left < sizeof(digits) - 1 ? left : sizeof(digits) - 1);
	return strtoull(digits, NULL, 16);
}

/**
 * report_state() - print a vCPU's registers, segments and next instruction
 *
 * The vCPU must not be running, or be the caller's own.
 */
void report_state(struct vcpu *vcpu)
{
	const struct symbols *symbols = &vcpu->vm->opt->symbols;
	struct kvm_regs r;
	struct kvm_sregs s;
	__u64 moved;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) || ioctl(vcpu->fd, KVM_GET_SREGS, &s)) {
		err("cannot read the registers of vCPU %u: %s", vcpu->id, strerror(errno));
		return;
	}
	const struct named_value values[] = {
		{ "RIP", r.rip }, { "RFLAGS", r.rflags }, { "RSP", r.rsp }, { "RBP", r.rbp },
		{ "RAX", r.rax }, { "RBX", r.rbx }, { "RCX", r.rcx }, { "RDX", r.rdx },
		{ "RSI", r.rsi }, { "RDI", r.rdi }, { "R8", r.r8 }, { "R9", r.r9 },
		{ "R10", r.r10 }, { "R11", r.r11 }, { "R12", r.r12 }, { "R13", r.r13 },
		{ "R14", r.r14 }, { "R15", r.r15 }, { "CR0", s.cr0 }, { "CR2", s.cr2 },
		{ "CR3", s.cr3 }, { "CR4", s.cr4 }, { "CR8", s.cr8 }, { "EFER", s.efer },
		{ "GDT", s.gdt.base }, { "limit", s.gdt.limit },
		{ "IDT", s.idt.base }, { "limit", s.idt.limit },
		{ "APIC", s.apic_base },
	};

	out("vCPU %u in %s mode\n", vcpu->id, mode_name(&r, &s));
	print_values(values, ARRAY_SIZE(values));
	print_segment("CS", &s.cs);
	print_segment("DS", &s.ds);
	print_segment("ES", &s.es);
	print_segment("FS", &s.fs);
	print_segment("GS", &s.gs);
	print_segment("SS", &s.ss);
	print_segment("TR", &s.tr);
	print_segment("LDT", &s.ldt);
	print_instruction(&vcpu->vm->mem, &r, &s);
	/* It takes a search of all memory. */
	moved = symbols->nr ? moved_by(vcpu->vm) : 0;
	if (symbols->nr)
		backtrace_print(&vcpu->vm->mem, &r, &s, symbols, moved);
	last_exits_print(vcpu);
	exit_log_print(vcpu, moved);
}

/* strata tells which rule is broken; KVM leaves these bytes as they were. */
static void print_entry_rule(const struct vcpu *vcpu)
{
	const struct strata_fail_entry *fail = (const void *)&vcpu->run->fail_entry;
	struct strata_exit_stats stats = { .size = sizeof(stats) };

	if (!ioctl(vcpu->fd, STRATA_GET_EXIT_STATS, &stats) && fail->text[0])
		out("  %.*s\n", (int)sizeof(fail->text), fail->text);
}

static void print_internal_error(const struct kvm_run *run)
{
	__u32 n = run->internal.ndata, i;

	out("  internal error %u: %s; data:", run->internal.suberror,
	    suberror_name(run->internal.suberror));
	if (n > ARRAY_SIZE(run->internal.data))
		n = ARRAY_SIZE(run->internal.data);
	for (i = 0; i < n; i++)
		out(" %llx", (unsigned long long)run->internal.data[i]);
	out("\n");
	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && n >= 3 &&
	    run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) {
		__u32 size = run->emulation_failure.insn_size;

		if (size > sizeof(run->emulation_failure.insn_bytes))
			size = sizeof(run->emulation_failure.insn_bytes);
		out("  the instruction's bytes:");
		for (i = 0; i < size; i++)
			out(" %02x", run->emulation_failure.insn_bytes[i]);
		out("\n");
	}
}

/**
 * report_exit() - explain the exit that ends the run
 * @vcpu: the caller's own
 * @what: one clause for people
 */
void report_exit(struct vcpu *vcpu, const char *what)
{
	const struct kvm_run *run = vcpu->run;

	flockfile(stderr);
	err("%s: KVM_EXIT_%s (%u) on vCPU %u", what, exit_reason_name(run->exit_reason),
	    run->exit_reason, vcpu->id);
	switch (run->exit_reason) {
	case KVM_EXIT_INTERNAL_ERROR:
		print_internal_error(run);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		out("  the hardware's reason: 0x%llx, on CPU %u\n",
		    (unsigned long long)run->fail_entry.hardware_entry_failure_reason,
		    run->fail_entry.cpu);
		print_entry_rule(vcpu);
		break;
	case KVM_EXIT_UNKNOWN:
		out("  the hardware's exit code: 0x%llx\n",
		    (unsigned long long)run->hw.hardware_exit_reason);
		break;
	case KVM_EXIT_SHUTDOWN:
		out("  (AMD leaves the state undefined after a shutdown: this may be the "
		    "reset state)\n");
		break;
	}
	report_state(vcpu);
	funlockfile(stderr);
}
