// SPDX-License-Identifier: GPL-2.0
/*
 * What the hardware takes to leave a guest and to enter it, estimated: a guest that does
 * nothing but exit, and from what it seems to run for each of its exits.
 */

#include "profile.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS		2000
#define BATCHES		9

/* At 0x1000: OUT to port 0x80, a short jump back to it. */
static const __u8 guest_code[] = { 0xe6, 0x80, 0xeb, 0xfc };

struct empty_vm {
	int vm, vcpu;
	void *memory;
	struct kvm_run *run;
	const struct strata_profile *profile;
	size_t page, run_size, profile_size;
};

static int create(int device, struct empty_vm *e)
{
	struct kvm_userspace_memory_region region = { 0 };
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;

	e->vm = ioctl(device, KVM_CREATE_VM, 0);
	e->memory = mmap(NULL, e->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (e->vm < 0 || e->memory == MAP_FAILED)
		return -1;
	memcpy(e->memory, guest_code, sizeof(guest_code));
	region.guest_phys_addr = 0x1000;
	region.memory_size = e->page;
	region.userspace_addr = (__u64)e->memory;
	if (ioctl(e->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return -1;
	e->vcpu = ioctl(e->vm, KVM_CREATE_VCPU, 0);
	if (e->vcpu < 0 || ioctl(e->vcpu, KVM_GET_SREGS, &sregs))
		return -1;
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	if (ioctl(e->vcpu, KVM_SET_SREGS, &sregs) || ioctl(e->vcpu, KVM_SET_REGS, &regs))
		return -1;
	e->run_size = ioctl(device, KVM_GET_VCPU_MMAP_SIZE, 0);
	e->run = mmap(NULL, e->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, e->vcpu, 0);
	if (e->run == MAP_FAILED)
		return -1;
	e->profile_size = (sizeof(*e->profile) + e->page - 1) / e->page * e->page;
	e->profile = mmap(NULL, e->profile_size, PROT_READ, MAP_SHARED, e->vcpu,
			  STRATA_PROFILE_OFFSET);
	return e->profile == MAP_FAILED ? -1 : 0;
}

static void destroy(struct empty_vm *e)
{
	if (e->profile != MAP_FAILED)
		munmap((void *)e->profile, e->profile_size);
	if (e->run != MAP_FAILED)
		munmap(e->run, e->run_size);
	if (e->vcpu >= 0)
		close(e->vcpu);
	if (e->vm >= 0)
		close(e->vm);
	if (e->memory != MAP_FAILED)
		munmap(e->memory, e->page);
}

/* The ticks of one round, in the least disturbed of some batches. 0, or -1. */
static int measure(const struct empty_vm *e, double *ticks)
{
	int batch, i;

	*ticks = 0;
	for (batch = 0; batch < BATCHES; batch++) {
		__u64 before = e->profile->guest_ticks;
		double each;

		for (i = 0; i < ROUNDS; i++)
			if (ioctl(e->vcpu, KVM_RUN, 0) || e->run->exit_reason != KVM_EXIT_IO)
				return -1;
		each = (double)(e->profile->guest_ticks - before) / ROUNDS;
		if (!batch || each < *ticks)
			*ticks = each;
	}
	return 0;
}

/**
 * calibrate_switch() - what an exit and an entry seem to take of the guest's time
 * @device: strata's device node
 * @ticks: of the TSC: the hardware's part, the software's up to the first stamp, and
 *	the guest's own two instructions
 *
 * Return: 0, or -1 with a message.
 */
int calibrate_switch(const char *device, double *ticks)
{
	struct empty_vm e = {
		.vm = -1, .vcpu = -1, .memory = MAP_FAILED, .run = MAP_FAILED,
		.profile = MAP_FAILED, .page = sysconf(_SC_PAGESIZE),
	};
	int fd = device_open(device), r;

	if (fd < 0)
		return -1;
	r = create(fd, &e) || measure(&e, ticks);
	if (r)
		err("the guest that calibrates does not run: %s", strerror(errno));
	destroy(&e);
	close(fd);
	return r ? -1 : 0;
}
