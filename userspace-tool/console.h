/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's console: what it prints goes out here, and input comes from here. */
#ifndef STRATA_CONSOLE_H
#define STRATA_CONSOLE_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_RECENT		8192
#define CONSOLE_POLL		1

struct vm;

struct console {
	pthread_mutex_t lock;		/* a leaf */
	int out_fd;			/* standard output, a file, or -1 */
	int client_fd;			/* `strata console`, or -1 */
	size_t count;			/* bytes that ever came */
	char recent[CONSOLE_RECENT];	/* the last of them */
};

int console_open(struct vm *vm);
void console_close(struct vm *vm);
void console_put(struct vm *vm, const void *bytes, size_t len);
void console_attach(struct vm *vm, int fd);
void console_poll(struct vm *vm, struct pollfd *fds);
void console_ready(struct vm *vm, const struct pollfd *fds);

#endif
