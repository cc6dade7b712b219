// SPDX-License-Identifier: GPL-2.0
/* `strata run --daemonize`: a VM without a terminal. */

#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_fd = -1;

/* Messages go there; without --log beside the VM's socket. */
static int open_log(const struct options *opt)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)], directory[sizeof(path) - 48];
	const char *file = opt->log;
	int fd;

	if (!file) {
		if (control_directory(directory, sizeof(directory)) ||
		    control_make_directory(directory))
			return -1;
		snprintf(path, sizeof(path), "%s/%s.log", directory, opt->name);
		file = path;
	}
	fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		err("cannot write messages into %s: %s; choose another --log", file, strerror(errno));
	return fd;
}

/* The first process waits until the VM runs, or has failed. */
static int wait_for(pid_t child, int fd)
{
	char byte;
	int status;

	if (read(fd, &byte, 1) == 1)
		return 0;
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		return WEXITSTATUS(status);
	return STATUS_HOST_ERROR;
}

/**
 * daemon_start() - go on in a process of its own
 * @status: of this one, which is to end
 *
 * Messages are still for the terminal, until daemon_ready().
 *
 * Return: true in the process that goes on.
 */
bool daemon_start(int *status)
{
	int fds[2];
	pid_t child;

	*status = STATUS_HOST_ERROR;
	if (pipe2(fds, O_CLOEXEC)) {
		err("cannot make a pipe: %s", strerror(errno));
		return false;
	}
	child = fork();
	if (child < 0) {
		err("cannot start a process: %s; raise ulimit -u", strerror(errno));
		return false;
	}
	if (child) {
		close(fds[1]);
		*status = wait_for(child, fds[0]);
		return false;
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	return true;
}

/* The VM is about to run: nobody waits any longer. */
int daemon_ready(const struct options *opt)
{
	int null, log;

	if (ready_fd < 0)
		return 0;
	log = open_log(opt);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (log < 0 || null < 0)
		return -1;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	close(null);
	close(log);
	if (!write_all(ready_fd, "", 1))
		err("who has started this VM has gone");
	close(ready_fd);
	ready_fd = -1;
	return 0;
}
