/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A named VM's socket: where it is, and what is said there. One JSON object a line, each
 * way; Documentation/control.md is the protocol.
 */
#ifndef STRATA_CONTROL_H
#define STRATA_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#define CONTROL_MAX_LINE	4096
#define CONTROL_MAX_REPLY	32768
#define CONTROL_CLIENTS		8
#define CONTROL_SUFFIX		".control"

struct vm;

struct control_client {
	int fd;				/* -1: none */
	int passed_fd;			/* came with its request; -1: none */
	size_t used;
	char line[CONTROL_MAX_LINE];
};

struct control {
	int fd;				/* -1: the VM has no name */
	int lock_fd;
	struct control_client *current;	/* whose request is answered */
	struct control_client *logger;	/* for whom writes are logged; NULL: nobody */
	struct sockaddr_un address;
	/* takes over the client that is served now, after its answer; NULL: it stays one */
	void (*take_over)(struct vm *vm, int fd);
	struct control_client clients[CONTROL_CLIENTS];
};

/* control_path.c */
int control_check_name(const char *name);
int control_directory(char *path, size_t size);
int control_make_directory(const char *path);
int control_address(const char *name, struct sockaddr_un *address);

/* control.c */
int control_open(struct vm *vm);
void control_close(struct vm *vm);
unsigned int control_poll(struct vm *vm, struct pollfd *fds);
void control_ready(struct vm *vm, const struct pollfd *fds);

#endif
