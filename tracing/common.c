// SPDX-License-Identifier: GPL-2.0
/* Starting, waiting and ending. */
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

/* One sentence, and the end. */
void fail(const struct tool *tool, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", tool->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/**
 * tool_attached() - what became of loading or attaching the BPF programs
 * @err: 0 or libbpf's
 */
void tool_attached(const struct tool *tool, int err)
{
	switch (-err) {
	case 0:
		return;
	case EPERM:
	case EACCES:
		fail(tool, "BPF programs may not be loaded: be root, or have CAP_BPF and CAP_PERFMON");
	case ENOENT:
		fail(tool, "strata.ko is not loaded, or is too old to have the events");
	default:
		fail(tool, "the BPF programs cannot be loaded: %s", strerror(-err));
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static pid_t start(struct tool *tool)
{
	pid_t pid = fork();

	if (pid < 0)
		fail(tool, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	execvp(tool->command[0], tool->command);
	fprintf(stderr, "%s: %s: %s\n", tool->name, tool->command[0], strerror(errno));
	_exit(127);
}

/**
 * tool_wait() - until the time is over, the command has ended, or a signal comes
 * @tool: with its options
 * @tick: called ten times a second, and once at the end; NULL: nothing is
 * @arg: for @tick
 *
 * Return: 0, or the command's status.
 */
int tool_wait(struct tool *tool, void (*tick)(void *arg), void *arg)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct sigaction action = { .sa_handler = on_signal };
	double end = now() + tool->seconds;
	int status = 0;
	pid_t pid = 0;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (tool->command)
		pid = start(tool);
	while (!ended && (!tool->seconds || now() < end)) {
		if (pid && waitpid(pid, &status, WNOHANG) == pid) {
			pid = 0;
			break;
		}
		nanosleep(&pause, NULL);
		if (tick)
			tick(arg);
	}
	if (tick)
		tick(arg);
	if (pid) {
		kill(pid, SIGTERM);
		waitpid(pid, &status, 0);
		return 0;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Said where it is seen, whatever else is printed. */
void tool_lost(const struct tool *tool, unsigned long long lost)
{
	if (lost)
		fprintf(stderr, "%s: %llu events found no room and are not in these numbers\n",
			tool->name, lost);
}
