// SPDX-License-Identifier: GPL-2.0
/*
 * IN and OUT: devices in the kernel first, then user space.
 *
 * INS and OUTS move memory and belong to the emulator.
 */
#include <linux/kvm.h>

#include "exit.h"
#include "insn.h"
#include "strata.h"
#include "trace.h"

/* A 4-byte IN clears the upper half of RAX, smaller ones keep what is above. */
static void merge_rax(struct strata_vcpu *vcpu, const void *data, unsigned int size)
{
	unsigned long *rax = &vcpu->regs[STRATA_RAX];
	u32 val = 0;

	memcpy(&val, data, size);
	if (size == 4)
		*rax = val;
	else if (size == 2)
		*rax = (*rax & ~0xfffful) | (u16)val;
	else
		*rax = (*rax & ~0xfful) | (u8)val;
}

/**
 * strata_complete_pio - the next KVM_RUN finishes the instruction
 * @vcpu: its mutex is held
 *
 * Where user space moved RIP in between, by a reset for instance, there is
 * nothing left to finish. Return: STRATA_RESUME.
 */
int strata_complete_pio(struct strata_vcpu *vcpu)
{
	const struct strata_exit *e = &vcpu->exit;

	if (strata_linear_rip(vcpu) != vcpu->pio_rip)
		return STRATA_RESUME;
	if (e->pio.in)
		merge_rax(vcpu, (void *)vcpu->run + STRATA_PIO_PAGE * PAGE_SIZE, e->pio.size);
	strata_complete_insn(vcpu, e->pio.next_rip);
	return STRATA_RESUME;
}

static void trace_pio(struct strata_vcpu *vcpu, u32 val)
{
	const struct strata_exit *e = &vcpu->exit;

	trace_strata_pio(vcpu->vm->index, vcpu->id, e->pio.in, e->pio.port, e->pio.size, val);
}

/**
 * strata_pio_to_user - KVM_EXIT_IO
 * @vcpu: its mutex is held; exit.pio tells, and stays until the completion
 *
 * Any context. Return: STRATA_USER.
 */
int strata_pio_to_user(struct strata_vcpu *vcpu)
{
	const struct strata_exit *e = &vcpu->exit;
	struct kvm_run *run = vcpu->run;
	u32 *data = (void *)run + STRATA_PIO_PAGE * PAGE_SIZE;

	trace_pio(vcpu, vcpu->regs[STRATA_RAX]);
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = e->pio.in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = e->pio.size;
	run->io.port = e->pio.port;
	run->io.count = 1;
	run->io.data_offset = STRATA_PIO_PAGE * PAGE_SIZE;
	/* The four bytes are the slot's whatever the size. */
	if (!e->pio.in)
		*data = vcpu->regs[STRATA_RAX];

	vcpu->pio_rip = strata_linear_rip(vcpu);
	vcpu->complete = strata_complete_pio;
	return STRATA_USER;
}

/* IN has its value in memory; apart, so that OUT needs none. */
static noinline bool read_port(struct strata_vcpu *vcpu)
{
	const struct strata_exit *e = &vcpu->exit;
	u32 val = 0;

	if (strata_pio_read(vcpu, e->pio.port, e->pio.size, &val))
		return false;
	trace_pio(vcpu, val);
	merge_rax(vcpu, &val, e->pio.size);
	return true;
}

/**
 * strata_pio_in_kernel - a single access to a port, by a device in the kernel
 * @vcpu: its mutex is held; exit.pio tells
 *
 * Any context. Return: true when it is done, but for the step to the next
 * instruction; false when it is user space's.
 */
bool strata_pio_in_kernel(struct strata_vcpu *vcpu)
{
	const struct strata_exit *e = &vcpu->exit;
	u64 val = vcpu->regs[STRATA_RAX];

	if (e->pio.in)
		return read_port(vcpu);
	if (strata_pio_write(vcpu, e->pio.port, e->pio.size, val & (~0u >> (32 - 8 * e->pio.size))))
		return false;
	trace_pio(vcpu, val);
	return true;
}

/**
 * strata_exit_pio - an access to a port
 * @vcpu: its mutex is held; exit.pio tells
 *
 * Sleeps for a string. Return: STRATA_RESUME or STRATA_USER.
 */
int strata_exit_pio(struct strata_vcpu *vcpu)
{
	const struct strata_exit *e = &vcpu->exit;

	if (unlikely(e->pio.string)) {
		trace_pio(vcpu, 0);
		return strata_emulate_pio_string(vcpu);
	}
	if (!strata_pio_in_kernel(vcpu))
		return strata_pio_to_user(vcpu);
	strata_complete_insn(vcpu, e->pio.next_rip);
	return STRATA_RESUME;
}
