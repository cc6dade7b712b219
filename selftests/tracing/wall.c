// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: trace_wall PID
 *
 * Watches the vCPUs of a process until its VM is gone. For each of them: by how much what
 * its profile says, guest and all reasons together, differs from the time that passed.
 * Prints "vcpu N seconds S booked B percent P"; fails where it is more than one percent.
 *
 * An exit is booked when it is over, so both ends are moments in which one has just been.
 */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

#include "profile.h"
#include "testlib.h"

#define MAX_VCPUS	16

struct moment {
	double seconds;
	uint64_t ticks;
};

struct watched {
	uint32_t vm, vcpu;
	const struct strata_profile *p;
	uint64_t reasons;	/* their sum when it was last looked at */
	struct moment first, last;
};

static struct watched vcpus[MAX_VCPUS];
static int nr_vcpus;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static uint64_t all_reasons(const struct strata_profile *p)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < p->nr_reasons; i++)
		sum += __atomic_load_n(&p->reason[i].ticks, __ATOMIC_RELAXED);
	return sum;
}

static uint64_t guest(const struct strata_profile *p)
{
	uint64_t ticks = __atomic_load_n(&p->guest_ticks, __ATOMIC_RELAXED);

	return (int64_t)ticks < 0 ? ticks + rdtsc() : ticks;
}

static void look(struct watched *w)
{
	uint64_t reasons = all_reasons(w->p);

	if (reasons == w->reasons)
		return;
	w->reasons = reasons;
	w->last.seconds = now();
	w->last.ticks = reasons + guest(w->p);
	if (!w->first.seconds)
		w->first = w->last;
}

static void map(int dev, const struct strata_profile_id *id)
{
	struct watched *w = &vcpus[nr_vcpus];
	struct strata_profile_id what = { .vm = id->vm, .vcpu = id->vcpu };
	int fd = ioctl(dev, STRATA_PROFILE_OPEN, &what), i;

	for (i = 0; i < nr_vcpus; i++)
		if (vcpus[i].vm == id->vm && vcpus[i].vcpu == id->vcpu)
			goto close;
	if (fd < 0 || nr_vcpus == MAX_VCPUS)
		goto close;
	w->p = mmap(NULL, sizeof(*w->p), PROT_READ, MAP_SHARED, fd, 0);
	if (w->p == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	w->vm = id->vm;
	w->vcpu = id->vcpu;
	w->reasons = all_reasons(w->p);
	nr_vcpus++;
close:
	if (fd >= 0)
		close(fd);
}

/* New vCPUs are watched as well. How many the process has. */
static int list(int dev, int pid)
{
	struct strata_profile_list *l = calloc(1, sizeof(*l) + 64 * sizeof(l->id[0]));
	unsigned int i;
	int n = 0;

	l->nr = 64;
	if (ioctl(dev, STRATA_PROFILE_LIST, l))
		die("STRATA_PROFILE_LIST: %s", strerror(errno));
	for (i = 0; i < l->nr; i++) {
		if (l->id[i].pid != pid)
			continue;
		n++;
		map(dev, &l->id[i]);
	}
	free(l);
	return n;
}

int main(int argc, char **argv)
{
	int pid = argc == 2 ? atoi(argv[1]) : 0, dev, i, round, bad = 0;

	if (!pid) {
		fprintf(stderr, "usage: trace_wall PID\n");
		return 2;
	}
	dev = dev_open();
	while (!list(dev, pid) && !kill(pid, 0))
		usleep(10000);
	for (round = 0; round % 50 || list(dev, pid); round++) {
		for (i = 0; i < nr_vcpus; i++)
			look(&vcpus[i]);
		usleep(4000);
	}
	for (i = 0; i < nr_vcpus; i++) {
		const struct watched *w = &vcpus[i];
		double seconds = w->last.seconds - w->first.seconds;
		double booked = (w->last.ticks - w->first.ticks) / (w->p->tsc_khz * 1e3);
		double percent = seconds ? 100 * (booked - seconds) / seconds : 100;

		printf("vcpu %u seconds %.3f booked %.3f percent %+.3f\n", w->vcpu, seconds, booked,
		       percent);
		bad |= fabs(percent) > 1;
	}
	return bad || !nr_vcpus;
}
