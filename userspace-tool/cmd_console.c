// SPDX-License-Identifier: GPL-2.0
/* `strata console`: this terminal becomes a named VM's, until Ctrl-A x. */

#include "launcher.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Takes out what is for us; true when it is Ctrl-A x. */
static bool is_escape(char *bytes, ssize_t *n)
{
	static bool escaped;
	ssize_t i, kept = 0;
	enum terminal_key key = KEY_NONE;

	for (i = 0; i < *n && key != KEY_LEAVE; i++) {
		key = terminal_key(&escaped, bytes[i]);
		if (key == KEY_GUEST)
			bytes[kept++] = bytes[i];
	}
	*n = kept;
	return key == KEY_LEAVE;
}

/* False at the end. */
static bool type(int fd, bool terminal)
{
	char bytes[256];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	bool end = n <= 0 && errno != EINTR;

	if (n > 0 && terminal)
		end = is_escape(bytes, &n);
	return (n <= 0 || write_all(fd, bytes, n)) && !end;
}

int cmd_console(int argc, char **argv)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	bool terminal;

	if (argc != 2)
		return control_no_name(argv[0]);
	fds[1].fd = control_connect(argv[1], json_pack("{s:s}", "command", "console"));
	if (fds[1].fd < 0)
		return STATUS_HOST_ERROR;
	terminal = terminal_make_raw();
	if (terminal)
		err("this is %s's console; Ctrl-A x leaves it", argv[1]);
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[1].revents && !pass_on(fds[1].fd, STDOUT_FILENO))
			break;
		/* Without a terminal the end of input is no reason to stop watching. */
		if (fds[0].revents && !type(fds[1].fd, terminal)) {
			if (terminal)
				break;
			fds[0].fd = -1;
		}
	}
	terminal_close();
	close(fds[1].fd);
	return 0;
}
