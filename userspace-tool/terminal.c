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
 * terminal_make_raw() - every key is for the other side, at once
 *
 * Return: false where standard input is no terminal, or not this job's.
 */
bool terminal_make_raw(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
	    tcgetattr(STDIN_FILENO, &saved))
		return false;
	raw = saved;
	cfmakeraw(&raw);
	/* What the guest and we print still begins each line at the left. */
	raw.c_oflag = saved.c_oflag;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return false;
	changed = true;
	atexit(terminal_close);
	return true;
}

/**
 * terminal_open() - take over standard input
 *
 * A background job may not change its terminal, and does not read from it.
 */
void terminal_open(struct terminal *t)
{
	memset(t, 0, sizeof(*t));
	t->raw = terminal_make_raw();
	if (t->raw)
		fprintf(stderr, "strata: the guest has the terminal; Ctrl-A x ends it, Ctrl-A ? "
			"helps\n");
	else if (isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp())
		t->eof = true;
}

static void print_keys(void)
{
	fprintf(stderr, "\n"
		"Ctrl-A x       end the guest at once (exit status %d)\n"
		"Ctrl-A ?       this help\n"
		"Ctrl-A Ctrl-A  send Ctrl-A to the guest\n", STATUS_ESCAPE);
}

/**
 * terminal_key() - Ctrl-A and a key
 * @escaped: Ctrl-A came before; kept by the caller
 *
 * Return: what @c means.
 */
enum terminal_key terminal_key(bool *escaped, __u8 c)
{
	if (!*escaped) {
		*escaped = c == CTRL_A;
		return *escaped ? KEY_NONE : KEY_GUEST;
	}
	*escaped = false;
	switch (c) {
	case CTRL_A:
		return KEY_GUEST;
	case 'x':
	case 'X':
		return KEY_LEAVE;
	case '?':
	case 'h':
		return KEY_HELP;
	default:
		return KEY_NONE;
	}
}

/* True when the key is for the guest. */
static bool escape(struct terminal *t, struct vm *vm, __u8 c)
{
	enum terminal_key key = terminal_key(&t->escaped, c);

	if (key == KEY_LEAVE)
		vm_end(vm, STATUS_ESCAPE);
	else if (key == KEY_HELP)
		print_keys();
	return key == KEY_GUEST;
}

/* For so many bytes. */
size_t terminal_room(const struct terminal *t)
{
	return INPUT_QUEUE - t->count;
}

/*
 * A file or pipe can wait until the guest took what is queued.  A person cannot:
 * the escape key has to work with a guest that reads nothing.
 */
bool terminal_wants_input(const struct terminal *t)
{
	return !t->eof && (t->raw || terminal_room(t));
}

/* Keys are dropped when a guest has left a thousand of them unread. */
void terminal_queue(struct terminal *t, const __u8 *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len && terminal_room(t); i++)
		t->queue[(t->head + t->count++) % INPUT_QUEUE] = bytes[i];
}

/**
 * terminal_input() - read and queue input; call it when there is some
 *
 * Only keys are ever dropped, when a guest has left a thousand of them unread.
 */
void terminal_input(struct terminal *t, struct vm *vm)
{
	__u8 buf[INPUT_QUEUE];
	ssize_t n, i;

	n = read(STDIN_FILENO, buf, t->raw ? sizeof(buf) : terminal_room(t));
	if (n <= 0) {
		t->eof = !n || (errno != EINTR && errno != EAGAIN);
		return;
	}
	for (i = 0; i < n; i++) {
		if (t->raw && !escape(t, vm, buf[i]))
			continue;
		terminal_queue(t, &buf[i], 1);
	}
}

static void forget(struct terminal *t, size_t n)
{
	t->head = (t->head + n) % INPUT_QUEUE;
	t->count -= n;
}

/* In one piece or two; true where the guest has that console. */
static bool feed_virtio(struct terminal *t, struct vm *vm)
{
	size_t piece, used;

	do {
		piece = INPUT_QUEUE - t->head < t->count ? INPUT_QUEUE - t->head : t->count;
		if (!vcons_input(vm, t->queue + t->head, piece, &used))
			return false;
		forget(t, used);
	} while (used && t->count);
	return true;
}

/**
 * terminal_feed() - give queued input to the guest's console, as much as it takes
 *
 * When some is left, the device wakes the main loop as soon as it has room.
 */
void terminal_feed(struct terminal *t, struct vm *vm)
{
	if (feed_virtio(t, vm))
		return;
	pthread_mutex_lock(&vm->io_lock);
	while (t->count && serial_room(vm)) {
		serial_receive(vm, t->queue[t->head]);
		forget(t, 1);
	}
	vm->input_waits = t->count;
	pthread_mutex_unlock(&vm->io_lock);
}
