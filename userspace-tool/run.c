// SPDX-License-Identifier: GPL-2.0
/* `strata run`: the main loop, and the end of a run. */

#include "gdb.h"
#include "launcher.h"
#include "virtio.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* A guest that crashes as soon as it starts would do so for ever. */
#define AT_ONCE_NS	1000000000ULL
#define MAX_AT_ONCE	5

/* What the main loop waits for, besides the socket of a named VM. */
#define OTHERS		(3 + GDB_POLL + CONSOLE_POLL)

static void ignore_kick(int sig)
{
	(void)sig;
}

/*
 * SIGUSR1 only interrupts KVM_RUN.  The signals that end the run come by a
 * descriptor; they are blocked before the vCPU threads start and inherit that.
 */
static int setup_signals(void)
{
	struct sigaction kick = { .sa_handler = ignore_kick };
	struct sigaction none = { .sa_handler = SIG_IGN };
	sigset_t set;
	int fd;

	sigaction(SIGUSR1, &kick, NULL);
	sigaction(SIGPIPE, &none, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGUSR1);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		err("signalfd failed: %s", strerror(errno));
	return fd;
}

static int start_vcpus(struct vm *vm)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->nr_vcpus; i++) {
		ret = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_thread, &vm->vcpus[i]);
		if (ret) {
			err("cannot start the thread of vCPU %u: %s; raise ulimit -u",
			    i, strerror(ret));
			vm_stop(vm, STATUS_HOST_ERROR);
			return -1;
		}
		vm->vcpus[i].started = true;
	}
	return 0;
}

static void join_vcpus(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_kick(&vm->vcpus[i]);
	for (i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i].started)
			pthread_join(vm->vcpus[i].thread, NULL);
}

static void drain(int fd)
{
	__u64 value;

	while (read(fd, &value, sizeof(value)) == sizeof(value))
		;
}

/* Milliseconds until --timeout is over, -1: there is none. */
static int time_left(const struct vm *vm)
{
	__u64 end = vm->start_ns + vm->opt->timeout * 1000000000ULL;
	__u64 now = now_ns();

	if (!vm->opt->timeout)
		return -1;
	return now < end ? (int)((end - now) / 1000000 + 1) : 0;
}

static int poll_timeout(struct vm *vm)
{
	int look = watchdog_look(vm), left = time_left(vm);

	return look < 0 || (left >= 0 && left < look) ? left : look;
}

static void take_signal(struct vm *vm, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == sizeof(info))
		vm_end(vm, STATUS_SIGNAL_BASE + info.ssi_signo);
}

/* Input, signals and the clock, until somebody calls vm_stop(). */
static void main_loop(struct vm *vm, int signal_fd)
{
	terminal_open(&vm->terminal);
	while (!vm_stopping(vm)) {
		struct pollfd fds[OTHERS + 1 + CONTROL_CLIENTS] = {
			{ .fd = vm->wake_fd, .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
			{ .fd = STDIN_FILENO, .events = POLLIN },
		};
		unsigned int nr = OTHERS + control_poll(vm, fds + OTHERS);
		int n;

		gdb_poll(vm, fds + 3);
		console_poll(vm, fds + 3 + GDB_POLL);
		terminal_feed(&vm->terminal, vm);
		if (!terminal_wants_input(&vm->terminal))
			fds[2].fd = -1;
		n = poll(fds, nr, poll_timeout(vm));
		if (n < 0 && errno != EINTR) {
			err("poll failed: %s", strerror(errno));
			vm_stop(vm, STATUS_HOST_ERROR);
		}
		if (n == 0 && !time_left(vm)) {
			err("the guest still ran after %u seconds; raise --timeout if it "
			    "needs more",
			    vm->opt->timeout);
			vm_stop(vm, STATUS_TIMEOUT);
		}
		if (n <= 0)
			continue;
		if (fds[0].revents)
			drain(vm->wake_fd);
		if (fds[1].revents)
			take_signal(vm, signal_fd);
		if (fds[2].revents)
			terminal_input(&vm->terminal, vm);
		gdb_ready(vm, fds + 3);
		console_ready(vm, fds + 3 + GDB_POLL);
		control_ready(vm, fds + OTHERS);
		gdb_look(vm);
	}
}

/* Say how it ended, unless that is plain or has been said. */
static void print_end(struct vm *vm)
{
	unsigned int i;

	switch (vm->status) {
	case STATUS_RESET:
		if (vm->restart)
			break;
		if (vm->opt->on_reset == END_REBOOT)
			err("the guest asked for a reset, and starts anew");
		else
			err("the guest asked for a reset; the launcher ends instead (exit status "
			    "%d)", STATUS_RESET);
		break;
	case STATUS_PANIC:
		err("the guest has panicked");
		for (i = 0; i < vm->nr_vcpus; i++)
			report_state(&vm->vcpus[i]);
		break;
	case STATUS_TIMEOUT:
	case STATUS_HANG:
		for (i = 0; i < vm->nr_vcpus; i++)
			report_state(&vm->vcpus[i]);
		break;
	default:
		if (vm->status > STATUS_SIGNAL_BASE)
			err("ended by signal %d", vm->status - STATUS_SIGNAL_BASE);
	}
}

static bool is_crash(enum exit_status status)
{
	return (status >= STATUS_SHUTDOWN && status <= STATUS_RUN_FAILED) ||
	       status == STATUS_PANIC || status == STATUS_HANG;
}

/* What is left to do for a guest that did not end by itself. Does it start anew? */
static bool after_end(struct vm *vm, enum exit_status status)
{
	static unsigned int at_once;
	const struct options *opt = vm->opt;

	if (status == STATUS_RESET)
		return vm->restart || opt->on_reset == END_REBOOT;
	if (!is_crash(status))
		return false;
	if (opt->on_crash == END_DUMP)
		core_write(vm, core_open(opt->dump), opt->dump);
	if (opt->on_crash != END_REBOOT)
		return false;
	at_once = vm->wall_ns < AT_ONCE_NS ? at_once + 1 : 0;
	if (at_once == MAX_AT_ONCE) {
		err("it has crashed %u times in a row as soon as it started; that is enough",
		    MAX_AT_ONCE);
		return false;
	}
	err("the guest starts anew");
	return true;
}

/**
 * run_once() - a guest, from its making to its end
 * @vm: all zero; vm_destroy() has to be called after it, whatever it returns
 */
int run_once(struct vm *vm, const struct options *opt)
{
	struct boot_entry entry;
	__u64 cpu;
	int signal_fd;

	if (vm_create(vm, opt))
		return STATUS_HOST_ERROR;
	vm->times.made = now_ns();
	if (boot_load(vm, &entry) || vcpu_set_boot_state(&vm->vcpus[0], &entry))
		return STATUS_HOST_ERROR;
	vm->times.loaded = now_ns();
	signal_fd = setup_signals();
	if (signal_fd < 0 || daemon_ready(opt) || confine(opt))
		return STATUS_HOST_ERROR;

	vm->paused = opt->gdb;
	cpu = cpu_ns();
	vm->start_ns = now_ns();
	if (virtio_start_workers(vm))
		vm_stop(vm, STATUS_HOST_ERROR);
	else if (!start_vcpus(vm))
		main_loop(vm, signal_fd);
	join_vcpus(vm);
	vm->times.end = now_ns();
	vm->wall_ns = now_ns() - vm->start_ns;
	vm->cpu_ns = cpu_ns() - cpu;

	terminal_close();
	print_end(vm);
	if (opt->stats)
		stats_print(vm);
	close(signal_fd);
	return vm->status;
}

int cmd_run(int argc, char **argv)
{
	struct options opt;
	struct vm vm;
	bool again;
	int status;

	if (options_parse(argc, argv, &opt))
		return STATUS_USAGE;
	if (opt.daemonize && !daemon_start(&status))
		return status;
	do {
		memset(&vm, 0, sizeof(vm));
		status = run_once(&vm, &opt);
		again = vm.nr_vcpus && after_end(&vm, status);
		if (again && vm.last_word) {
			again = false;
			status = vm.last_word;
		}
		vm_destroy(&vm);
	} while (again);
	symbols_free(&opt.symbols);
	group_end();
	return status;
}
