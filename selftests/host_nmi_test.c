// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2 vmx
 *
 * An NMI that comes while the guest runs is the host's: its handler gets it
 * at once, once, and the guest notices nothing.
 */
#include <fcntl.h>

#include "strata_test.h"
#include "steady.h"

/* How many NMIs CPU @cpu has had, as the host counts them. */
static long nmis(int cpu)
{
	char line[4096], *p;
	long n = -1;
	FILE *f = fopen("/proc/interrupts", "r");

	while (f && fgets(line, sizeof(line), f)) {
		p = line + strspn(line, " ");
		if (strncmp(p, "NMI:", 4))
			continue;
		for (p += 4; cpu >= 0; cpu--)
			n = strtol(p, &p, 10);
		break;
	}
	if (f)
		fclose(f);
	return n;
}

/* The backtrace of all CPUs is asked for by an NMI to each of the others. */
static void nmi_to_others(int fd)
{
	if (write(fd, "l", 1) != 1)
		die("/proc/sysrq-trigger: %s", strerror(errno));
}

static volatile uint64_t nmis_in_guest;

static __guest void on_nmi(struct guest_frame *f)
{
	nmis_in_guest++;
}

static __guest void g_with_nmi_handler(uint64_t arg)
{
	guest_handler[2] = on_nmi;
	g_steady(0);
}

TEST(goes_to_the_host)
{
	struct vm *vm;
	int fd, i;

	fd = open("/proc/sysrq-trigger", O_WRONLY);
	if (fd < 0 || online_cpus() < 2 || nmis(1) < 0)
		SKIP(return, "needs root, sysrq and a second CPU");
	pin_to_cpu(0);
	vm = steady_vm(1);
	vcpu_call(vm->vcpu[0], g_with_nmi_handler, 0);
	vcpu_start(vm->vcpu[0], steady_run_on_1);
	for (i = 0; i < 10; i++) {
		long before, after;

		steady_wait(vm);
		before = nmis(1);
		nmi_to_others(fd);
		/* The write waits for the others' answers, ten seconds at most. */
		after = nmis(1);
		EXPECT_EQ(before + 1, after);
		if (after != before + 1)
			break;
	}
	steady_wait(vm);
	EXPECT_EQ(0, guest_var(vm, nmis_in_guest));
	steady_end(vm);
	close(fd);
}

TEST_HARNESS_MAIN
