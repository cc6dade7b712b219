// SPDX-License-Identifier: GPL-2.0
/*
 * Ports, for the emulator: devices in the kernel, or KVM_EXIT_IO with a count.
 *
 * User space sees all elements of one page at once in the second page of the
 * vCPU's mapping. The instruction is run again at the next KVM_RUN, with
 * whatever registers it then has: fewer elements may be wanted than came.
 */
#include "mmio.h"

static void *pio_page(struct strata_vcpu *vcpu)
{
	return (void *)vcpu->run + STRATA_PIO_PAGE * PAGE_SIZE;
}

/* Has user space done this very thing? */
static bool answered(struct strata_emul_state *st, u16 port, unsigned int size, bool in)
{
	return st->pio.done && st->pio.port == port && st->pio.size == size && st->pio.in == in;
}

static int ask_user(struct strata_emul_state *st, u16 port, unsigned int size, bool in,
		    unsigned int count)
{
	struct kvm_run *run = st->vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = STRATA_PIO_PAGE * PAGE_SIZE;

	st->pio.port = port;
	st->pio.size = size;
	st->pio.in = in;
	st->pio.count = count;
	st->pio.asked = true;
	st->pio.done = false;
	return EMUL_IO_NEEDED;
}

/**
 * strata_emul_pio_in - the emulator's operation for IN and INS
 * @c: context of a vCPU whose mutex is held
 * @port: first port
 * @size: 1, 2 or 4
 * @count: elements wanted, at most a page; out: elements that came
 * @data: out: where they are
 *
 * Return: EMUL_CONTINUE or EMUL_IO_NEEDED
 */
int strata_emul_pio_in(struct strata_emul_ctxt *c, u16 port, unsigned int size,
		       unsigned int *count, const void **data)
{
	struct strata_emul_state *st = strata_emul_state(c);
	struct strata_vcpu *vcpu = st->vcpu;
	void *page = pio_page(vcpu);
	unsigned int i;

	*data = page;
	if (answered(st, port, size, true)) {
		*count = min(*count, st->pio.count);
		return EMUL_CONTINUE;
	}
	for (i = 0; i < *count; i++)
		if (strata_pio_read(vcpu, port, size, page + i * size))
			break;
	if (!i)
		return ask_user(st, port, size, true, *count);
	*count = i;
	return EMUL_CONTINUE;
}

/**
 * strata_emul_pio_out - the emulator's operation for OUT and OUTS
 * @c: context of a vCPU whose mutex is held
 * @port: first port
 * @size: 1, 2 or 4
 * @count: elements offered, at most a page; out: elements taken
 * @data: the elements
 *
 * Return: EMUL_CONTINUE or EMUL_IO_NEEDED
 */
int strata_emul_pio_out(struct strata_emul_ctxt *c, u16 port, unsigned int size,
			unsigned int *count, const void *data)
{
	struct strata_emul_state *st = strata_emul_state(c);
	struct strata_vcpu *vcpu = st->vcpu;
	unsigned int i;

	if (answered(st, port, size, false)) {
		*count = min(*count, st->pio.count);
		return EMUL_CONTINUE;
	}
	for (i = 0; i < *count; i++) {
		u32 val = 0;

		memcpy(&val, data + i * size, size);
		if (strata_pio_write(vcpu, port, size, val))
			break;
	}
	if (!i) {
		memcpy(pio_page(vcpu), data, *count * size);
		return ask_user(st, port, size, false, *count);
	}
	*count = i;
	return EMUL_CONTINUE;
}
