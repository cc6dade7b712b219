// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_STATS_FD: the binary format of KVM, and the truth in it.
 *
 * lab: kernels
 */
#include <sys/mman.h>

#include "strata_test.h"

struct stats {
	struct kvm_stats_header head;
	char id[64];
	char *desc;
	uint64_t *data;
};

static void read_all(int fd, void *to, size_t size, uint64_t at)
{
	if (pread(fd, to, size, at) != (ssize_t)size)
		die("statistics: short read");
}

static size_t desc_size(const struct stats *s)
{
	return sizeof(struct kvm_stats_desc) + s->head.name_size;
}

static const struct kvm_stats_desc *desc(const struct stats *s, unsigned int i)
{
	return (const void *)(s->desc + i * desc_size(s));
}

/* Reads the parts where the header says they are, and checks that they are whole. */
static struct stats read_stats(struct __test_metadata *_metadata, int fd)
{
	struct stats s = { 0 };
	size_t values = 0;
	unsigned int i;

	read_all(fd, &s.head, sizeof(s.head), 0);
	EXPECT_EQ(0, s.head.flags);
	read_all(fd, s.id, 16, s.head.id_offset);
	s.desc = calloc(s.head.num_desc, desc_size(&s));
	read_all(fd, s.desc, s.head.num_desc * desc_size(&s), s.head.desc_offset);
	EXPECT_LE(s.head.desc_offset + s.head.num_desc * desc_size(&s), s.head.data_offset);
	for (i = 0; i < s.head.num_desc; i++) {
		const struct kvm_stats_desc *d = desc(&s, i);

		EXPECT_LT(0, d->size);
		EXPECT_EQ(values * 8, d->offset);
		EXPECT_LE(d->flags & KVM_STATS_TYPE_MASK, KVM_STATS_TYPE_MAX);
		EXPECT_LE((d->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT, 4);
		EXPECT_LT(strlen(d->name), s.head.name_size);
		if ((d->flags & KVM_STATS_TYPE_MASK) != KVM_STATS_TYPE_LINEAR_HIST)
			EXPECT_EQ(0, d->bucket_size);
		values += d->size;
	}
	s.data = calloc(values, 8);
	read_all(fd, s.data, values * 8, s.head.data_offset);
	/* There is nothing behind it. */
	EXPECT_EQ(0, pread(fd, s.id + 32, 1, s.head.data_offset + values * 8));
	return s;
}

static uint64_t value(const struct stats *s, const char *name, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < s->head.num_desc; i++)
		if (!strcmp(desc(s, i)->name, name))
			return s->data[desc(s, i)->offset / 8 + n];
	die("there is no '%s'", name);
}

#define N	500

static __guest void g_work(uint64_t arg)
{
	uint32_t r[4];
	int i;

	GUEST_SYNC(1);
	for (i = 0; i < N; i++)
		cpuid(0, 0, r);
	GUEST_SYNC(2);
	GUEST_DONE();
}

TEST(of_a_vcpu)
{
	struct vcpu *vcpu = vcpu_create(vm_create(0), 7, g_work);
	uint64_t hist = 0;
	struct stats a, b;
	char id[64];
	int fd, i;

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	fd = xioctl(vcpu->fd, KVM_GET_STATS_FD, 0);
	snprintf(id, sizeof(id), "kvm-%d/vcpu-7", getpid());
	vcpu_run_sync(vcpu, 1);
	a = read_stats(_metadata, fd);
	EXPECT_EQ(0, strncmp(id, a.id, 15));
	vcpu_run_sync(vcpu, 2);
	b = read_stats(_metadata, fd);
	for (i = 0; i < 65; i++)
		hist += value(&b, "cpuid_exits", i) - value(&a, "cpuid_exits", i);
	EXPECT_EQ(N, hist);
	EXPECT_EQ(1, value(&b, "io_exits", 0) - value(&a, "io_exits", 0));
	EXPECT_LE(N + 1, value(&b, "exits", 0) - value(&a, "exits", 0));
	EXPECT_EQ(2, value(&b, "user_exits", 0));
	EXPECT_LT(value(&a, "cpuid_ticks", 0), value(&b, "cpuid_ticks", 0));
	EXPECT_LT(value(&a, "guest_ticks", 0), value(&b, "guest_ticks", 0));
	/* It can be read, and nothing else. */
	EXPECT_EQ(-1, write(fd, id, 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
}

TEST(of_a_vm)
{
	struct vm *vm = vm_create(0);
	struct stats s;
	int fd;

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	fd = xioctl(vm->fd, KVM_GET_STATS_FD, 0);
	vcpu_create(vm, 0, g_work);
	vcpu_create(vm, 1, g_work);
	s = read_stats(_metadata, fd);
	EXPECT_EQ(0, strncmp("kvm-", s.id, 4));
	EXPECT_EQ(2, value(&s, "vcpus", 0));
	/* The file outlives the VM's own descriptors. */
	vm_free(vm);
	s = read_stats(_metadata, fd);
	EXPECT_EQ(2, value(&s, "vcpus", 0));
	close(fd);
}

TEST_HARNESS_MAIN
