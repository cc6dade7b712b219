// SPDX-License-Identifier: GPL-2.0
/*
 * lab: vmx kernels
 *
 * The profile that a vCPU's file descriptor maps: it describes itself, counts
 * each exit once under its reason, and tells whose time it was.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "strata_test.h"
#include "profile.h"

/* A reason by its name, through the header only, as a tool does it. */
static const struct strata_profile_reason *reason(const struct strata_profile *p, const char *name)
{
	const char *base = (const char *)p;
	unsigned int i;

	for (i = 0; i < p->nr_reasons; i++)
		if (!strcmp(base + p->names_offset + i * STRATA_PROFILE_NAME, name))
			return (const void *)(base + p->reasons_offset + i * p->reason_size);
	die("the profile has no reason '%s'", name);
}

static __guest void g_syncs(uint64_t arg)
{
	uint64_t i;

	for (i = 1;; i++)
		GUEST_SYNC(i);
}

TEST(describes_itself)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_syncs), *other = vcpu_create(vm, 5, g_syncs);
	const struct strata_profile *p = profile_map(vcpu);
	size_t pages = (sizeof(*p) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

	EXPECT_EQ(STRATA_PROFILE_MAGIC, p->magic);
	EXPECT_EQ(STRATA_PROFILE_VERSION, p->version);
	EXPECT_LE(p->reasons_offset + p->nr_reasons * p->reason_size, p->size);
	EXPECT_LE(p->names_offset + p->nr_reasons * STRATA_PROFILE_NAME, p->size);
	EXPECT_LE(p->hist_offset + p->nr_buckets * 8, p->reason_size);
	EXPECT_LE(p->part_offset + p->nr_parts * 8, p->reason_size);
	EXPECT_EQ(0, strcmp("waiting", (char *)p + p->part_names_offset + STRATA_PROFILE_NAME));
	EXPECT_EQ(xioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0), p->tsc_khz);
	EXPECT_EQ(0, p->vcpu);
	EXPECT_EQ(5, profile_map(other)->vcpu);
	EXPECT_EQ(p->vm, profile_map(other)->vm);
	reason(p, "hypercall");

	/* Nobody writes it, now or later, and behind its end is nothing. */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd,
				   STRATA_PROFILE_OFFSET));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, mprotect((void *)p, PAGE_SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, pages + PAGE_SIZE, PROT_READ, MAP_SHARED, vcpu->fd,
				   STRATA_PROFILE_OFFSET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, vcpu->fd,
				   STRATA_PROFILE_OFFSET + pages));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, vcpu->fd,
				   STRATA_PROFILE_OFFSET - PAGE_SIZE));
}

#define CPUIDS	300
#define RDMSRS	200
#define CALLS	100

static __guest void g_known(uint64_t arg)
{
	uint64_t ret;
	uint32_t r[4];
	int i;

	GUEST_SYNC(1);
	for (i = 0; i < CPUIDS; i++)
		cpuid(0, 0, r);
	for (i = 0; i < RDMSRS; i++)
		rdmsr(0x1b);
	for (i = 0; i < CALLS; i++) {
		if (arg)
			asm volatile("vmcall" : "=a"(ret) : "a"(99) : "memory");
		else
			asm volatile("vmmcall" : "=a"(ret) : "a"(99) : "memory");
	}
	GUEST_SYNC(2);
	GUEST_DONE();
}

/* The exit that ends KVM_RUN is booked when the guest is entered again. */
TEST(counts_each_exit_once)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_known);
	const struct strata_profile *p = profile_map(vcpu);
	uint64_t cpuids, rdmsrs, calls, pios;

	vcpu_call(vcpu, g_known, on_intel());
	vcpu_run_sync(vcpu, 1);
	cpuids = profile_exits(reason(p, "cpuid"));
	rdmsrs = profile_exits(reason(p, "msr-read"));
	calls = profile_exits(reason(p, "hypercall"));
	pios = profile_exits(reason(p, "pio"));
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(cpuids + CPUIDS, profile_exits(reason(p, "cpuid")));
	EXPECT_EQ(rdmsrs + RDMSRS, profile_exits(reason(p, "msr-read")));
	EXPECT_EQ(calls + CALLS, profile_exits(reason(p, "hypercall")));
	EXPECT_EQ(pios + 1, profile_exits(reason(p, "pio")));
	EXPECT_EQ(2, p->user_exits);
	vcpu_run_done(vcpu);
}

static uint64_t all_ticks(const struct strata_profile *p)
{
	uint64_t sum = p->guest_ticks;
	unsigned int i;

	for (i = 0; i < p->nr_reasons; i++)
		sum += p->reason[i].ticks;
	return sum;
}

#define SPIN	20000000ull

/* From one exit to the next all time is somebody's: what lies between is a bracket for it. */
TEST(all_time_is_booked)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_syncs);
	const struct strata_profile *p = profile_map(vcpu);
	const struct strata_profile_reason *pio = reason(p, "pio");
	uint64_t before[2], after[2], total, user, spun;
	int i;

	pin_to_cpu(0);
	for (i = 1; i < 20; i += 2) {
		before[0] = rdtsc();
		vcpu_run_sync(vcpu, i);
		after[0] = rdtsc();
		total = all_ticks(p);
		user = pio->part[STRATA_PART_USER];
		spun = rdtsc();
		while (rdtsc() - spun < SPIN)
			;
		before[1] = rdtsc();
		vcpu_run_sync(vcpu, i + 1);
		after[1] = rdtsc();
		total = all_ticks(p) - total;
		EXPECT_LE(before[1] - after[0], total);
		EXPECT_LE(total, after[1] - before[0]);
		/* And the time that this loop took was user space's. */
		user = pio->part[STRATA_PART_USER] - user;
		EXPECT_LE(before[1] - after[0], user);
		EXPECT_LE(user, after[1] - before[0]);
		EXPECT_LE(pio->part[STRATA_PART_USER], pio->ticks);
	}
}

static __guest void g_spin(uint64_t ticks)
{
	uint64_t from;

	GUEST_SYNC(1);
	from = rdtsc();
	while (rdtsc() - from < ticks)
		;
	GUEST_SYNC(2);
	GUEST_DONE();
}

/* How long this thread could have run and did not, as the scheduler knows it. */
static uint64_t run_delay_ns(void)
{
	unsigned long long ran, delay = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (!f || fscanf(f, "%llu %llu", &ran, &delay) != 2)
		die("no schedstat");
	fclose(f);
	return delay;
}

static uint64_t all_waiting(const struct strata_profile *p)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < p->nr_reasons; i++)
		sum += p->reason[i].part[STRATA_PART_WAITING];
	return sum;
}

/* The host runs something else on this CPU half of the time. */
TEST(scheduled_out)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_spin);
	const struct strata_profile *p = profile_map(vcpu);
	uint64_t delay, waiting;
	pid_t pid;

	vcpu_call(vcpu, g_spin, p->tsc_khz * 500ull);
	pin_to_cpu(0);
	vcpu_run_sync(vcpu, 1);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		for (;;)
			;
	delay = run_delay_ns();
	waiting = all_waiting(p);
	vcpu_run_sync(vcpu, 2);
	waiting = all_waiting(p) - waiting;
	delay = run_delay_ns() - delay;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	waiting = waiting * 1000000 / p->tsc_khz;
	TH_LOG("waited %lu us of %lu us", waiting / 1000, delay / 1000);
	ASSERT_LT(0, delay);
	EXPECT_LT(delay / 2, waiting);
	EXPECT_LT(waiting, delay * 2);
}

/* A sample, of the guest's time. */
TEST(switches)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_spin);
	const struct strata_profile *p = profile_map(vcpu);
	uint64_t sampled, ticks, guest;

	vcpu_call(vcpu, g_spin, p->tsc_khz * 100ull);
	pin_to_cpu(0);
	vcpu_run_sync(vcpu, 1);
	sampled = p->switches;
	ticks = p->switch_ticks;
	guest = p->guest_ticks;
	vcpu_run_sync(vcpu, 2);
	EXPECT_LT(sampled, p->switches);
	EXPECT_LT(ticks, p->switch_ticks);
	EXPECT_LT(p->switch_ticks - ticks, p->guest_ticks - guest);
}

static __guest void on_timer(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

#define HALTS	5

/* Tells how long its halts took. */
static __guest void g_halt(uint64_t arg)
{
	uint64_t sum = 0, from;
	int i;

	guest_handler[0x40] = on_timer;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, 0x40);
	mmio_write32(APIC_BASE + APIC_TIMER_DIV, 0xb);
	for (i = 0; i < HALTS; i++) {
		from = rdtsc();
		mmio_write32(APIC_BASE + APIC_TIMER_INIT, 10000000);
		asm volatile("sti; hlt; cli" : : : "memory");
		sum += rdtsc() - from;
	}
	GUEST_SYNC2(1, sum);
	GUEST_DONE();
}

TEST(waiting)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_halt);
	const struct strata_profile *p = profile_map(vcpu);
	const struct strata_profile_reason *hlt = reason(p, "hlt");

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu_run_sync(vcpu, 1);
	EXPECT_LE(HALTS, profile_exits(hlt));
	EXPECT_LT(0, hlt->part[STRATA_PART_WAITING]);
	EXPECT_LE(hlt->part[STRATA_PART_WAITING], hlt->ticks);
	EXPECT_LE(hlt->ticks, vcpu->uc.arg[1]);
	EXPECT_EQ(0, hlt->part[STRATA_PART_USER]);
	vcpu_run_done(vcpu);
}

#define FRESH	0x40000000ul

static __guest void g_touch(uint64_t arg)
{
	GUEST_SYNC(1);
	*(volatile uint64_t *)FRESH = 1;
	GUEST_SYNC(2);
	GUEST_DONE();
}

/* The host has to make the page first. */
TEST(host_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_touch);
	const struct strata_profile *p = profile_map(vcpu);
	const struct strata_profile_reason *fault = reason(p, "nested-fault");
	uint64_t ticks, part;
	void *memory;

	memory = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, memory);
	vm_set_region(vm, 1, 0, FRESH, PAGE_SIZE, memory);
	vm_map(vm, FRESH, FRESH, PAGE_SIZE, PTE_W);
	vcpu_run_sync(vcpu, 1);
	ticks = fault->ticks;
	part = fault->part[STRATA_PART_FAULT];
	vcpu_run_sync(vcpu, 2);
	EXPECT_LT(part, fault->part[STRATA_PART_FAULT]);
	EXPECT_LE(fault->part[STRATA_PART_FAULT] - part, fault->ticks - ticks);
	vcpu_run_done(vcpu);
}

static struct strata_profile_list *list(int fd, uint32_t room, int *err)
{
	struct strata_profile_list *l = calloc(1, sizeof(*l) + 64 * sizeof(l->id[0]));

	l->nr = room;
	*err = ioctl(fd, STRATA_PROFILE_LIST, l) ? errno : 0;
	return l;
}

/* Another program finds a vCPU by process and id, and reads it without a further call. */
TEST(of_the_machine)
{
	struct vm *vm = vm_create(0), *late;
	struct vcpu *vcpu = vcpu_create(vm, 3, g_syncs);
	const struct strata_profile *p = profile_map(vcpu), *q;
	struct strata_profile_id none = { .vm = p->vm, .vcpu = 4 };
	struct strata_profile_list *l;
	int dev = dev_open(), fd, err;
	uint64_t seen;

	l = list(dev, 64, &err);
	EXPECT_EQ(0, err);
	ASSERT_EQ(1, l->nr);
	EXPECT_EQ(p->vm, l->id[0].vm);
	EXPECT_EQ(3, l->id[0].vcpu);
	EXPECT_EQ(getpid(), l->id[0].pid);
	fd = ioctl(dev, STRATA_PROFILE_OPEN, &l->id[0]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, ioctl(dev, STRATA_PROFILE_OPEN, &none));
	EXPECT_EQ(ENOENT, errno);
	none.reserved = 1;
	EXPECT_EQ(-1, ioctl(dev, STRATA_PROFILE_OPEN, &none));
	EXPECT_EQ(EINVAL, errno);

	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	q = mmap(NULL, sizeof(*q), PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)q);
	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(2, q->user_exits);
	EXPECT_EQ(profile_exits(reason(p, "pio")), profile_exits(reason(q, "pio")));

	/* Too little room is told, with how much it takes. */
	late = vm_create(0);
	vcpu_create(late, 0, g_syncs);
	l = list(dev, 1, &err);
	EXPECT_EQ(E2BIG, err);
	EXPECT_EQ(2, l->nr);
	vm_free(late);

	/* The VM goes, the figures stay. */
	munmap((void *)p, sizeof(*p));
	seen = profile_exits(reason(q, "pio"));
	vm_free(vm);
	EXPECT_EQ(seen, profile_exits(reason(q, "pio")));
	EXPECT_EQ(2, q->user_exits);
	l = list(dev, 64, &err);
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, l->nr);
}

/* Whoever may use the device sees the VMs of his own user, not those of others. */
TEST(of_another_user)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_syncs);
	struct strata_profile_id id = { .vm = profile_map(vcpu)->vm };
	int dev = dev_open(), err, status;
	pid_t pid;

	if (geteuid())
		SKIP(return, "needs root");
	pid = fork();
	if (!pid) {
		if (setresuid(65534, 65534, 65534))
			_exit(1);
		if (list(dev, 64, &err)->nr || err)
			_exit(2);
		if (ioctl(dev, STRATA_PROFILE_OPEN, &id) >= 0 || errno != ENOENT)
			_exit(3);
		/* His own. */
		vm = vm_create(0);
		vcpu = vcpu_create(vm, 0, g_syncs);
		if (list(dev, 64, &err)->nr != 1 || err)
			_exit(4);
		id.vm = profile_map(vcpu)->vm;
		if (ioctl(dev, STRATA_PROFILE_OPEN, &id) < 0)
			_exit(5);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
