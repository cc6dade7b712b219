// SPDX-License-Identifier: GPL-2.0
/*
 * The terminal: raw while the guest runs, so that every key reaches it, with
 * Ctrl-A as the escape key.  Standard input that is no terminal is passed as it is.
 */

#include "launcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A		1

static struct termios saved;
static bool changed;

/* Also run by exit(), so that no path leaves the terminal raw. */
void terminal_close(void)
{
	if (changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	changed = false;
}

/**
 * terminal_open() - take over standard input
 *
 * A background job may not change its terminal, and does not read from it.
 */
void terminal_open(struct terminal *t)
{
	struct termios raw;

	memset(t, 0, sizeof(*t));
	if (!isatty(STDIN_FILENO))
		return;
	if (tcgetpgrp(STDIN_FILENO) != getpgrp()) {
		t->eof = true;
		return;
	}
	if (tcgetattr(STDIN_FILENO, &saved))
		return;
	raw = saved;
	cfmakeraw(&raw);
	/* What the guest and we print still begins each line at the left. */
	raw.c_oflag = saved.c_oflag;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return;
	changed = true;
	t->raw = true;
	atexit(terminal_close);
	fprintf(stderr, "strata: the guest has the terminal; Ctrl-A x ends it, Ctrl-A ? helps\r\n");
}

static void print_keys(void)
{
	fprintf(stderr, "\r\n"
		"Ctrl-A x       end the guest at once (exit status %d)\r\n"
		"Ctrl-A ?       this help\r\n"
		"Ctrl-A Ctrl-A  send Ctrl-A to the guest\r\n", STATUS_ESCAPE);
}

/* Ctrl-A and a key; true when the key is for the guest. */
static bool escape(struct terminal *t, struct vm *vm, __u8 c)
{
	if (!t->escaped) {
		t->escaped = c == CTRL_A;
		return !t->escaped;
	}
	t->escaped = false;
	switch (c) {
	case CTRL_A:
		return true;
	case 'x':
	case 'X':
		vm_stop(vm, STATUS_ESCAPE);
		return false;
	case '?':
	case 'h':
		print_keys();
		return false;
	default:
		return false;
	}
}

/**
 * terminal_input() - pass waiting input on, as much as the serial port takes
 *
 * Called when standard input is readable.  One byte more than the port has room
 * for is never read, so nothing is ever dropped.
 */
void terminal_input(struct terminal *t, struct vm *vm)
{
	__u8 buf[SERIAL_FIFO];
	unsigned int room;
	ssize_t n, i;

	pthread_mutex_lock(&vm->io_lock);
	room = serial_room(vm);
	vm->input_waits = !room;
	pthread_mutex_unlock(&vm->io_lock);
	if (!room)
		return;
	/* Only this thread fills the FIFO, so the room cannot shrink meanwhile. */
	n = read(STDIN_FILENO, buf, room);
	if (n <= 0) {
		t->eof = !n || (errno != EINTR && errno != EAGAIN);
		return;
	}
	for (i = 0; i < n; i++) {
		if (t->raw && !escape(t, vm, buf[i]))
			continue;
		pthread_mutex_lock(&vm->io_lock);
		serial_receive(vm, buf[i]);
		pthread_mutex_unlock(&vm->io_lock);
	}
}
