// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's console: standard output or a file, and whoever has come by `strata console`.
 * Any thread prints; the main thread takes input.
 */

#include "console.h"
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* console_close() undoes it, also when it fails. */
int console_open(struct vm *vm)
{
	struct console *c = &vm->console;
	const char *file = vm->opt->console;

	pthread_mutex_init(&c->lock, NULL);
	c->client_fd = -1;
	c->out_fd = vm->opt->daemonize || vm->opt->silent ? -1 : STDOUT_FILENO;
	if (!file)
		return 0;
	c->out_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (c->out_fd >= 0)
		return 0;
	err("cannot write the console into %s: %s", file, strerror(errno));
	return -1;
}

void console_close(struct vm *vm)
{
	struct console *c = &vm->console;

	if (c->client_fd >= 0)
		close(c->client_fd);
	if (c->out_fd >= 0 && c->out_fd != STDOUT_FILENO)
		close(c->out_fd);
}

static void drop_client(struct console *c)
{
	close(c->client_fd);
	c->client_fd = -1;
}

/* Who does not read as fast as the guest prints loses some of it, and the guest waits for nobody. */
static void to_client(struct console *c, const void *bytes, size_t len)
{
	if (c->client_fd >= 0 && send(c->client_fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	    errno != EAGAIN && errno != EINTR)
		drop_client(c);
}

static void remember(struct console *c, const char *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		c->recent[c->count++ % CONSOLE_RECENT] = bytes[i];
}

/* What the guest prints; any thread. */
void console_put(struct vm *vm, const void *bytes, size_t len)
{
	struct console *c = &vm->console;

	if (!vm->times.console)
		vm->times.console = now_ns();
	pthread_mutex_lock(&c->lock);
	remember(c, bytes, len);
	to_client(c, bytes, len);
	pthread_mutex_unlock(&c->lock);
	/* A reader that went away must not stop the guest. */
	if (c->out_fd >= 0)
		(void)write_all(c->out_fd, bytes, len);
}

/**
 * console_attach() - somebody watches, and types
 * @fd: a stream socket, ours from now on
 *
 * What came last is shown first. There is one at a time.
 */
void console_attach(struct vm *vm, int fd)
{
	struct console *c = &vm->console;
	size_t from = c->count > CONSOLE_RECENT ? c->count - CONSOLE_RECENT : 0, begin, first;

	if (c->client_fd >= 0) {
		close(fd);
		return;
	}
	pthread_mutex_lock(&c->lock);
	c->client_fd = fd;
	begin = from % CONSOLE_RECENT;
	first = c->count - from < CONSOLE_RECENT - begin ? c->count - from : CONSOLE_RECENT - begin;
	to_client(c, c->recent + begin, first);
	to_client(c, c->recent, c->count - from - first);
	pthread_mutex_unlock(&c->lock);
}

/* @fds: room for CONSOLE_POLL; console_ready() gets the same. */
void console_poll(struct vm *vm, struct pollfd *fds)
{
	fds[0] = (struct pollfd){
		.fd = terminal_room(&vm->terminal) ? vm->console.client_fd : -1,
		.events = POLLIN,
	};
}

void console_ready(struct vm *vm, const struct pollfd *fds)
{
	struct console *c = &vm->console;
	__u8 bytes[256];
	size_t room;
	ssize_t n;

	if (fds[0].fd < 0 || !fds[0].revents || fds[0].fd != c->client_fd)
		return;
	room = terminal_room(&vm->terminal);
	n = recv(c->client_fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		pthread_mutex_lock(&c->lock);
		drop_client(c);
		pthread_mutex_unlock(&c->lock);
		return;
	}
	terminal_queue(&vm->terminal, bytes, n);
}
