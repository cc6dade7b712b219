// SPDX-License-Identifier: GPL-2.0
/*
 * The device itself, its capabilities, and the deadline that turns a guest
 * that hangs into a test that fails.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>

#include "testlib.h"

#define CPUID_ENTRIES	256

void test_die(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "# %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	/* Any status that the harness takes neither for a pass nor a skip. */
	_exit(1);
}

int test_ioctl(int fd, unsigned long cmd, unsigned long arg, const char *name,
	       const char *file, int line)
{
	int ret = ioctl(fd, cmd, arg);

	if (ret < 0)
		test_die(file, line, "%s: %s", name, strerror(errno));
	return ret;
}

/* The device under test: STRATA_DEV, or /dev/strata. */
int dev_open(void)
{
	const char *path = getenv("STRATA_DEV");
	int fd;

	if (!path)
		path = "/dev/strata";
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

/* Whether that is KVM's, of whose limits a test may have to know. */
bool dev_is_kvm(void)
{
	const char *path = getenv("STRATA_DEV");

	return path && strcmp(path, "/dev/strata");
}

int has_cap(int cap)
{
	int fd = dev_open();
	int ret = xioctl(fd, KVM_CHECK_EXTENSION, cap);

	close(fd);
	return ret;
}

int run_mmap_size(void)
{
	static int size;

	if (!size) {
		int fd = dev_open();

		size = xioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
		close(fd);
	}
	return size;
}

/* A fresh copy of what the device supports, which the caller may change. */
struct kvm_cpuid2 *supported_cpuid(void)
{
	struct kvm_cpuid2 *c;
	int fd = dev_open();

	c = calloc(1, sizeof(*c) + CPUID_ENTRIES * sizeof(c->entries[0]));
	c->nent = CPUID_ENTRIES;
	xioctl(fd, KVM_GET_SUPPORTED_CPUID, c);
	close(fd);
	return c;
}

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t leaf, uint32_t index)
{
	uint32_t i;

	for (i = 0; i < c->nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function != leaf)
			continue;
		if (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index)
			return e;
	}
	return NULL;
}

/* One leaf of the supported CPUID; all zero if it is not listed. */
struct kvm_cpuid_entry2 *cpuid_supported(uint32_t leaf, uint32_t index)
{
	static struct kvm_cpuid_entry2 none;
	static struct kvm_cpuid2 *c;
	struct kvm_cpuid_entry2 *e;

	if (!c)
		c = supported_cpuid();
	e = cpuid_find(c, leaf, index);
	return e ? e : &none;
}

/* Ends the process if it still runs after so many seconds. */
void guest_deadline(unsigned int seconds)
{
	const char *env = getenv("STRATA_TEST_SECONDS");
	struct sigaction sa = { .sa_handler = vcpu_on_deadline };

	sigaction(SIGALRM, &sa, NULL);
	alarm(env ? (unsigned int)atoi(env) : seconds);
}

void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity to CPU %d: %s", cpu, strerror(errno));
}

/* Whether this host is emulated by QEMU's TCG, which has faults of its own. */
bool host_is_tcg(void)
{
	uint32_t a = 0x40000000, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return !memcmp(&b, "TCGT", 4) && !memcmp(&c, "CGTC", 4) && !memcmp(&d, "GTCG", 4);
}

/* Hypercalls and KVM's module differ by vendor. */
bool on_intel(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	return r[1] == 0x756e6547;	/* "Genu" */
}

int online_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}
