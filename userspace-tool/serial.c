// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A on the terminal.
 *
 * Sending is instant: what the guest writes is on standard output before the
 * next instruction, and the transmitter is always empty.  Received bytes wait in
 * the FIFO; what does not fit waits in the main loop.
 */

#include "launcher.h"

#include <unistd.h>

enum {
	REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR,
	REG_FCR = REG_IIR,
};

#define IER_RX			0x01
#define IER_TX			0x02
#define IER_MASK		0x0f
#define IIR_NONE		0x01
#define IIR_TX			0x02
#define IIR_RX			0x04
#define IIR_FIFO		0xc0
#define FCR_ENABLE		0x01
#define FCR_CLEAR_RX		0x02
#define LCR_DLAB		0x80
#define MCR_DTR			0x01
#define MCR_RTS			0x02
#define MCR_OUT1		0x04
#define MCR_OUT2		0x08
#define MCR_LOOP		0x10
#define MCR_MASK		0x1f
#define LSR_DATA		0x01
#define LSR_TX_EMPTY		0x60	/* holding register and shifter */
#define MSR_CTS			0x10
#define MSR_DSR			0x20
#define MSR_RI			0x40
#define MSR_DCD			0x80

static __u8 pending(const struct serial *s)
{
	if (s->ier & IER_RX && s->rx_count)
		return IIR_RX;
	if (s->ier & IER_TX && s->tx_empty_pending)
		return IIR_TX;
	return IIR_NONE;
}

/* The line is an edge for the IOAPIC: it has to fall before it can rise again. */
static void update_irq(struct vm *vm)
{
	bool level = pending(&vm->serial) != IIR_NONE;

	if (level == vm->serial.irq_level)
		return;
	vm->serial.irq_level = level;
	vm_irq_line(vm, SERIAL_GSI, level);
}

static unsigned int fifo_size(const struct serial *s)
{
	return s->fcr & FCR_ENABLE ? SERIAL_FIFO : 1;
}

/* How many more bytes the receiver takes now. */
unsigned int serial_room(const struct vm *vm)
{
	unsigned int size = fifo_size(&vm->serial);

	return vm->serial.rx_count < size ? size - vm->serial.rx_count : 0;
}

/* A byte arrives; there must be room for it. */
void serial_receive(struct vm *vm, __u8 c)
{
	struct serial *s = &vm->serial;

	s->rx[(s->rx_head + s->rx_count++) % SERIAL_FIFO] = c;
	update_irq(vm);
}

/* The main loop may have stopped reading the terminal for want of room. */
static void wake_input(struct vm *vm)
{
	__u64 one = 1;

	if (!vm->input_waits)
		return;
	vm->input_waits = false;
	write_all(vm->wake_fd, &one, sizeof(one));
}

static __u8 take_byte(struct vm *vm)
{
	struct serial *s = &vm->serial;
	__u8 c;

	if (!s->rx_count)
		return 0;
	c = s->rx[s->rx_head];
	s->rx_head = (s->rx_head + 1) % SERIAL_FIFO;
	s->rx_count--;
	wake_input(vm);
	return c;
}

static __u8 modem_status(const struct serial *s)
{
	__u8 msr = 0;

	if (!(s->mcr & MCR_LOOP))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	if (s->mcr & MCR_RTS)
		msr |= MSR_CTS;
	if (s->mcr & MCR_DTR)
		msr |= MSR_DSR;
	if (s->mcr & MCR_OUT1)
		msr |= MSR_RI;
	if (s->mcr & MCR_OUT2)
		msr |= MSR_DCD;
	return msr;
}

__u8 serial_read(struct vm *vm, unsigned int reg)
{
	struct serial *s = &vm->serial;
	__u8 value;

	switch (reg) {
	case REG_DATA:
		if (s->lcr & LCR_DLAB)
			return s->dll;
		value = take_byte(vm);
		break;
	case REG_IER:
		return s->lcr & LCR_DLAB ? s->dlm : s->ier;
	case REG_IIR:
		value = pending(s);
		if (value == IIR_TX)
			s->tx_empty_pending = false;
		if (s->fcr & FCR_ENABLE)
			value |= IIR_FIFO;
		break;
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return LSR_TX_EMPTY | (s->rx_count ? LSR_DATA : 0);
	case REG_MSR:
		return modem_status(s);
	default:
		return s->scr;
	}
	update_irq(vm);
	return value;
}

static void send_byte(struct vm *vm, __u8 c)
{
	struct serial *s = &vm->serial;

	if (s->mcr & MCR_LOOP) {
		if (serial_room(vm))
			serial_receive(vm, c);
	} else {
		console_put(vm, &c, 1);
	}
	s->tx_empty_pending = true;
}

void serial_write(struct vm *vm, unsigned int reg, __u8 value)
{
	struct serial *s = &vm->serial;

	switch (reg) {
	case REG_DATA:
		if (s->lcr & LCR_DLAB) {
			s->dll = value;
			return;
		}
		send_byte(vm, value);
		break;
	case REG_IER:
		if (s->lcr & LCR_DLAB) {
			s->dlm = value;
			return;
		}
		/* Enabling the transmitter's interrupt raises it at once. */
		if (value & ~s->ier & IER_TX)
			s->tx_empty_pending = true;
		s->ier = value & IER_MASK;
		break;
	case REG_FCR:
		if (value & FCR_CLEAR_RX || (value ^ s->fcr) & FCR_ENABLE) {
			s->rx_count = 0;
			wake_input(vm);
		}
		s->fcr = value & FCR_ENABLE;
		break;
	case REG_LCR:
		s->lcr = value;
		return;
	case REG_MCR:
		s->mcr = value & MCR_MASK;
		return;
	case REG_SCR:
		s->scr = value;
		return;
	default:
		return;
	}
	update_irq(vm);
}
