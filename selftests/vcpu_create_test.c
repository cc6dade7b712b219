// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CREATE_VCPU: ids at and beyond the limits, duplicates, creation from
 * many threads at once, as many as are offered; and the run page at its first
 * mapping.
 */
#include <signal.h>

#include "strata_test.h"

static int create(int vm, unsigned long id)
{
	int fd = ioctl(vm, KVM_CREATE_VCPU, id);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

TEST(ids)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	int max_id = has_cap(KVM_CAP_MAX_VCPU_ID);

	EXPECT_EQ(EINVAL, create(vm->fd, max_id));
	EXPECT_EQ(EINVAL, create(vm->fd, 0x7fffffff));
	EXPECT_EQ(EINVAL, create(vm->fd, 0xffffffff));
	EXPECT_EQ(EINVAL, create(vm->fd, ~0ul));
	EXPECT_EQ(0, create(vm->fd, max_id - 1));
	EXPECT_EQ(0, create(vm->fd, 5));
	/* Closing its file does not remove a vCPU. */
	EXPECT_EQ(EEXIST, create(vm->fd, 5));
	EXPECT_EQ(0, create(vm->fd, 0));
}

TEST(as_many_as_offered)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	int max = has_cap(KVM_CAP_MAX_VCPUS), i;

	for (i = 0; i < max; i++)
		ASSERT_EQ(0, create(vm->fd, i));
	EXPECT_EQ(EINVAL, create(vm->fd, i));
}

struct racer {
	pthread_t thread;
	int vm;
	int created;
	int exists;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	int i;

	for (i = 0; i < 32; i++) {
		int err = create(r->vm, i);

		if (!err)
			r->created++;
		else if (err == EEXIST)
			r->exists++;
	}
	return NULL;
}

TEST(in_parallel)
{
	struct vm *vm = vm_create(VM_IRQCHIP | VM_NO_GUEST);
	struct racer r[4] = { 0 };
	int i, created = 0, exists = 0;

	for (i = 0; i < 4; i++) {
		r[i].vm = vm->fd;
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, race, &r[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(r[i].thread, NULL);
		created += r[i].created;
		exists += r[i].exists;
	}
	EXPECT_EQ(32, created);
	EXPECT_EQ(96, exists);
}

TEST(run_page)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	size_t size = vcpu->run_size, i;
	uint8_t *again;

	/* Nothing of the kernel's memory is in it. */
	for (i = 0; i < size; i++)
		if (((uint8_t *)vcpu->run)[i])
			break;
	EXPECT_EQ(size, i)
		TH_LOG("byte %zu is %#x", i, ((uint8_t *)vcpu->run)[i]);
	/* A second mapping is the same memory. */
	again = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	ASSERT_NE(MAP_FAILED, again);
	vcpu->run->request_interrupt_window = 1;
	EXPECT_EQ(1, ((struct kvm_run *)again)->request_interrupt_window);
}

/* Behind the last page there is nothing: a bus error, or no mapping at all. */
TEST_SIGNAL(mmap_beyond_the_end, SIGBUS)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint8_t *p = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, vcpu->fd,
			  vcpu->run_size + 16 * PAGE_SIZE);

	if (p == MAP_FAILED)
		raise(SIGBUS);
	*(volatile uint8_t *)p;
}

TEST_HARNESS_MAIN
