// SPDX-License-Identifier: GPL-2.0
/*
 * `strata bench-boot`: how long it takes from the command to the guest's first process,
 * in phases, over some runs.
 */

#include "launcher.h"
#include "options.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_RUNS	1000
#define CPIO_HEADER	110

extern const __u8 bench_init[], bench_init_end[];

static const char *const phases[] = {
	"the VM is made", "the kernel is loaded", "its first instruction to its first exit to us",
	"to its first word on the console", "to its first process", "the VM is taken apart", "in all",
};

/* One file of a RAM disk (Documentation/driver-api/early-userspace/buffer-format.rst). */
static size_t put_file(char *to, const char *name, unsigned int mode, const void *data, size_t len)
{
	size_t name_len = strlen(name) + 1, at = CPIO_HEADER;

	sprintf(to, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1, mode, 0, 0, 1,
		0, len, 0, 0, 0, 0, name_len, 0);
	memcpy(to + at, name, name_len);
	at = (at + name_len + 3) & ~(size_t)3;
	memcpy(to + at, data, len);
	return (at + len + 3) & ~(size_t)3;
}

/* The path of a RAM disk with the first process in it; it stays for as long as we do. */
static const char *make_initrd(void)
{
	static char path[32];
	char image[4096] = { 0 };
	size_t n;
	int fd = memfd_create("initrd", MFD_CLOEXEC);

	n = put_file(image, "init", 0100755, bench_init,
		     (uintptr_t)bench_init_end - (uintptr_t)bench_init);
	n += put_file(image + n, "TRAILER!!!", 0, "", 0);
	if (fd < 0 || !write_all(fd, image, n)) {
		err("cannot make a RAM disk: %s", strerror(errno));
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static int compare(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Nanoseconds of each phase. */
static int one_run(const struct options *opt, __u64 *ns)
{
	struct vm vm = { 0 };
	__u64 begin = now_ns(), gone;
	int status = run_once(&vm, opt);
	struct run_times t = vm.times;

	vm_destroy(&vm);
	gone = now_ns();
	if (status != STATUS_GUEST_BASE) {
		err("the guest has not come to its first process: status %d; its kernel must know "
		    "initrd and iopl()", status);
		return -1;
	}
	/* A guest that says nothing goes on from its first exit. */
	if (!t.console)
		t.console = t.first_exit;
	ns[0] = t.made - begin;
	ns[1] = t.loaded - t.made;
	ns[2] = t.first_exit - t.loaded;
	ns[3] = t.console - t.first_exit;
	ns[4] = t.end - t.console;
	ns[5] = gone - t.end;
	ns[6] = gone - begin;
	return 0;
}

static void print_results(__u64 (*ns)[MAX_RUNS], unsigned int runs)
{
	unsigned int i;

	printf("%10s %10s %10s  ms, over %u runs\n", "least", "median", "most", runs);
	for (i = 0; i < ARRAY_SIZE(phases); i++) {
		qsort(ns[i], runs, sizeof(ns[i][0]), compare);
		printf("%10.2f %10.2f %10.2f  %s\n", ns[i][0] / 1e6, ns[i][runs / 2] / 1e6,
		       ns[i][runs - 1] / 1e6, phases[i]);
	}
}

int cmd_bench_boot(int argc, char **argv)
{
	static __u64 all[ARRAY_SIZE(phases)][MAX_RUNS];
	__u64 ns[ARRAY_SIZE(phases)];
	unsigned int runs = 5, i, p;
	struct options opt;

	/* --runs N comes first; the rest is as for a run. */
	if (argc > 2 && !strcmp(argv[1], "--runs")) {
		if (parse_number(argv[2], MAX_RUNS, &runs)) {
			err("--runs %s is no number from 1 to %d", argv[2], MAX_RUNS);
			return STATUS_USAGE;
		}
		argv[2] = argv[0];
		argv += 2;
		argc -= 2;
	}
	if (options_parse(argc, argv, &opt))
		return STATUS_USAGE;
	opt.silent = true;
	opt.privileged = true;
	opt.initrd = make_initrd();
	if (!opt.initrd)
		return STATUS_HOST_ERROR;
	for (i = 0; i < runs; i++) {
		if (one_run(&opt, ns))
			return STATUS_HOST_ERROR;
		for (p = 0; p < ARRAY_SIZE(phases); p++)
			all[p][i] = ns[p];
	}
	print_results(all, runs);
	return 0;
}
