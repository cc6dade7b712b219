// SPDX-License-Identifier: GPL-2.0
/*
 * lab: vmx kernels
 *
 * STRATA_PROFILE_COUNT_KEYS: which ports, MSRs, leaves, pages and instructions the exits
 * were about, exactly, and only while somebody wants to know.
 */
#include <sys/ioctl.h>

#include "profile.h"
#include "strata_test.h"

#define DEVICE_PAGE	0x50000000ul

static const struct strata_profile_key *find(const struct strata_profile *p, uint32_t reason,
					     uint32_t kind, uint64_t key)
{
	static const struct strata_profile_key none;
	unsigned int i;

	for (i = 0; i < p->nr_keys; i++)
		if (p->key[i].count && p->key[i].reason == reason && p->key[i].kind == kind &&
		    p->key[i].key == key)
			return &p->key[i];
	return &none;
}

static uint64_t count(const struct strata_profile *p, uint32_t reason, uint64_t detail)
{
	return find(p, reason, STRATA_KEY_DETAIL, detail)->count;
}

/* A descriptor of the vCPU's profile, by the way that other programs go. */
static int profile_fd(const struct strata_profile *p)
{
	struct strata_profile_id id = { .vm = p->vm, .vcpu = p->vcpu };
	int fd = ioctl(dev_open(), STRATA_PROFILE_OPEN, &id);

	if (fd < 0)
		die("STRATA_PROFILE_OPEN: %s", strerror(errno));
	return fd;
}

static __guest void hypercall(uint64_t nr, bool intel)
{
	uint64_t ret;

	if (intel)
		asm volatile("vmcall" : "=a"(ret) : "a"(nr) : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret) : "a"(nr) : "memory");
}

static __guest void some_of_each(bool intel)
{
	uint32_t r[4];
	int i;

	for (i = 0; i < 30; i++)
		cpuid(0x80000000, 0, r);
	for (i = 0; i < 7; i++)
		cpuid(4, 2, r);
	for (i = 0; i < 20; i++)
		rdmsr(0x1b);
	for (i = 0; i < 11; i++)
		wrmsr(0x277, 0x0007040600070406);
	for (i = 0; i < 13; i++)
		hypercall(1234, intel);
	for (i = 0; i < 5; i++)
		inb(0x4d0);
	for (i = 0; i < 3; i++)
		mmio_read32(DEVICE_PAGE + 16 * i);
}

static __guest void g_each(uint64_t intel)
{
	some_of_each(intel);
	GUEST_SYNC(1);
	some_of_each(intel);
	GUEST_SYNC(2);
	some_of_each(intel);
	GUEST_SYNC(3);
	GUEST_DONE();
}

/* To the next GUEST_SYNC(); reads of devices give 0. */
static void run_to(struct vcpu *vcpu, uint64_t stage)
{
	for (;;) {
		uint32_t reason = vcpu_run(vcpu);

		if (reason == KVM_EXIT_MMIO)
			continue;
		if (reason != KVM_EXIT_IO || !vcpu_is_ucall(vcpu)) {
			if (reason == KVM_EXIT_IO)
				continue;
			die("exit %s", exit_name(reason));
		}
		if (vcpu->uc.arg[0] != stage)
			die("stage %lu instead of %lu", vcpu->uc.arg[0], stage);
		return;
	}
}

static __guest void g_last(uint64_t intel)
{
	uint32_t r[4];
	int i;

	for (i = 0; i < 200; i++)
		cpuid(0x80000000 + i, 3, r);
	hypercall(1234, intel);
	rdmsr(0x1b);
	mmio_read32(DEVICE_PAGE + 0x10);
	GUEST_SYNC(1);
	rdmsr(0x1b);
	GUEST_SYNC(2);
}

/* The exit that came @n before the last one; 0: that one itself. */
static const struct strata_profile_last *before(const struct strata_profile *p, unsigned int n)
{
	return &p->last[(p->nr_noted - 1 - n) % p->nr_last];
}

TEST(last)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_last);
	const struct strata_profile *p = profile_map(vcpu);
	const struct strata_profile_last *l;
	unsigned int i, n = 0;
	uint64_t noted;
	int fd = profile_fd(p);

	ASSERT_EQ(STRATA_PROFILE_LAST, p->nr_last);
	ASSERT_EQ(sizeof(*l), p->last_size);
	ASSERT_EQ(offsetof(struct strata_profile, last), p->last_offset);
	ASSERT_EQ(0, ioctl(fd, STRATA_PROFILE_COUNT_KEYS, 0));
	vm_map(vm, DEVICE_PAGE, DEVICE_PAGE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu_call(vcpu, g_last, on_intel());
	run_to(vcpu, 1);
	EXPECT_LT(200, p->nr_noted);
	EXPECT_EQ(STRATA_EXIT_PIO, before(p, 0)->reason);
	for (i = 1; i < p->nr_last; i++) {
		l = before(p, i);
		EXPECT_GE(before(p, i - 1)->tsc, l->tsc);
		/* What the host does of its own, and memory that is touched first. */
		if (l->reason == STRATA_EXIT_INTR ||
		    (l->reason == STRATA_EXIT_NESTED_FAULT && l->detail != DEVICE_PAGE + 0x10))
			continue;
		switch (n++) {
		case 0:
			EXPECT_TRUE(l->reason == STRATA_EXIT_MMIO ||
				    l->reason == STRATA_EXIT_NESTED_FAULT);
			EXPECT_EQ(DEVICE_PAGE + 0x10, l->detail);
			break;
		case 1:
			EXPECT_EQ(STRATA_EXIT_MSR_READ, l->reason);
			EXPECT_EQ(0x1b, l->detail);
			break;
		case 2:
			EXPECT_EQ(STRATA_EXIT_HYPERCALL, l->reason);
			EXPECT_EQ(1234, l->detail);
			break;
		default:
			EXPECT_EQ(STRATA_EXIT_CPUID, l->reason);
			EXPECT_EQ((0x80000000 + 199 - (n - 4)) | 3ull << 32, l->detail);
			EXPECT_LE((uintptr_t)g_last & 0xfff, l->rip & 0xfff);
		}
	}
	EXPECT_LT(40, n);
	noted = p->nr_noted;
	close(fd);
	run_to(vcpu, 2);
	EXPECT_EQ(noted, p->nr_noted);
}

TEST(exact)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_each);
	const struct strata_profile *p = profile_map(vcpu);
	const struct strata_profile_key *k;
	uint64_t rips = 0;
	unsigned int i;
	int fd;

	vm_map(vm, DEVICE_PAGE, DEVICE_PAGE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu_call(vcpu, g_each, on_intel());
	run_to(vcpu, 1);
	for (i = 0; i < p->nr_keys; i++)
		EXPECT_EQ(0, p->key[i].count);

	fd = profile_fd(p);
	EXPECT_EQ(-1, ioctl(fd, STRATA_PROFILE_COUNT_KEYS, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(fd, STRATA_PROFILE_LIST, 0));
	EXPECT_EQ(ENOTTY, errno);
	ASSERT_EQ(0, ioctl(fd, STRATA_PROFILE_COUNT_KEYS, 0));
	ASSERT_EQ(0, ioctl(fd, STRATA_PROFILE_COUNT_KEYS, 0));
	run_to(vcpu, 2);
	EXPECT_EQ(30, count(p, STRATA_EXIT_CPUID, 0x80000000));
	EXPECT_EQ(7, count(p, STRATA_EXIT_CPUID, 4 | 2ull << 32));
	EXPECT_EQ(20, count(p, STRATA_EXIT_MSR_READ, 0x1b));
	EXPECT_EQ(11, count(p, STRATA_EXIT_MSR_WRITE, 0x277));
	EXPECT_EQ(13, count(p, STRATA_EXIT_HYPERCALL, 1234));
	EXPECT_EQ(5, count(p, STRATA_EXIT_PIO, 0x4d0));
	EXPECT_EQ(3, count(p, STRATA_EXIT_MMIO, DEVICE_PAGE) +
		     count(p, STRATA_EXIT_NESTED_FAULT, DEVICE_PAGE));
	k = find(p, STRATA_EXIT_CPUID, STRATA_KEY_DETAIL, 0x80000000);
	EXPECT_EQ(0, k->missed);
	EXPECT_LT(0, k->ticks);
	EXPECT_LT(k->ticks, p->reason[STRATA_EXIT_CPUID].ticks);

	/* Each exit has an instruction, too. */
	for (i = 0; i < p->nr_keys; i++)
		if (p->key[i].kind == STRATA_KEY_RIP && p->key[i].reason == STRATA_EXIT_CPUID) {
			EXPECT_LE((uint64_t)some_of_each, p->key[i].key);
			rips += p->key[i].count;
		}
	EXPECT_EQ(37, rips);

	/* Nobody wants to know any more. */
	close(fd);
	run_to(vcpu, 3);
	EXPECT_EQ(30, count(p, STRATA_EXIT_CPUID, 0x80000000));
	vcpu_run_done(vcpu);
}

#define LEAVES	1000

/* One leaf again and again, among a thousand others. */
static __guest void g_many(uint64_t arg)
{
	uint32_t r[4], i;

	GUEST_SYNC(1);
	for (i = 0; i < LEAVES; i++) {
		cpuid(0x10000 + i, 0, r);
		cpuid(0x80000008, 0, r);
	}
	GUEST_SYNC(2);
	GUEST_DONE();
}

/* What is frequent keeps its place, and what it may have lacked is told. */
TEST(more_than_there_is_room_for)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 0, g_many);
	const struct strata_profile *p = profile_map(vcpu);
	const struct strata_profile_key *k;
	uint64_t sum = 0;
	unsigned int i;

	ASSERT_EQ(0, ioctl(profile_fd(p), STRATA_PROFILE_COUNT_KEYS, 0));
	vcpu_run_sync(vcpu, 1);
	vcpu_run_sync(vcpu, 2);
	k = find(p, STRATA_EXIT_CPUID, STRATA_KEY_DETAIL, 0x80000008);
	EXPECT_LE(k->count, LEAVES);
	EXPECT_LE(LEAVES, k->count + k->missed);
	EXPECT_LT(LEAVES / 2, k->count);
	for (i = 0; i < p->nr_keys; i++) {
		EXPECT_EQ(0, p->key[i].seq & 1);
		if (p->key[i].kind == STRATA_KEY_DETAIL && p->key[i].reason == STRATA_EXIT_CPUID)
			sum += p->key[i].count;
	}
	EXPECT_LT(sum, 2 * LEAVES);
	vcpu_run_done(vcpu);
}

TEST_HARNESS_MAIN
