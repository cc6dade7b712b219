// SPDX-License-Identifier: GPL-2.0
/* `strata gdb`: a pipe between gdb and a named VM. */

#include "launcher.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Passes on what there is; false at the end. */
static bool pass(int from, int to)
{
	char bytes[4096];
	ssize_t n = read(from, bytes, sizeof(bytes));

	return n > 0 ? write_all(to, bytes, n) : n < 0 && errno == EINTR;
}

int cmd_gdb(int argc, char **argv)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	int fd;

	if (argc != 2) {
		err("which VM? Write 'strata gdb NAME'; 'strata list' shows them");
		return STATUS_USAGE;
	}
	if (isatty(STDIN_FILENO)) {
		err("this is for gdb to call: (gdb) target remote | strata gdb %s", argv[1]);
		return STATUS_USAGE;
	}
	fd = control_connect(argv[1], json_pack("{s:s}", "command", "gdb"));
	if (fd < 0)
		return STATUS_HOST_ERROR;
	fds[1].fd = fd;
	while (poll(fds, 2, -1) >= 0 || errno == EINTR)
		if ((fds[0].revents && !pass(STDIN_FILENO, fd)) ||
		    (fds[1].revents && !pass(fd, STDOUT_FILENO)))
			break;
	close(fd);
	return 0;
}
