// SPDX-License-Identifier: GPL-2.0
/* `strata gdb`: a pipe between gdb and a named VM. */

#include "launcher.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <unistd.h>

int cmd_gdb(int argc, char **argv)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	int fd;

	if (argc != 2)
		return control_no_name(argv[0]);
	if (isatty(STDIN_FILENO)) {
		err("this is for gdb to call: (gdb) target remote | strata gdb %s", argv[1]);
		return STATUS_USAGE;
	}
	fd = control_connect(argv[1], json_pack("{s:s}", "command", "gdb"));
	if (fd < 0)
		return STATUS_HOST_ERROR;
	fds[1].fd = fd;
	while (poll(fds, 2, -1) >= 0 || errno == EINTR)
		if ((fds[0].revents && !pass_on(STDIN_FILENO, fd)) ||
		    (fds[1].revents && !pass_on(fd, STDOUT_FILENO)))
			break;
	close(fd);
	return 0;
}
