// SPDX-License-Identifier: GPL-2.0
/* The virtual machine: its file descriptors, memory slots and end. */

#include "gdb.h"
#include "launcher.h"
#include "virtio.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* An ioctl of the VM's that has to succeed; @name is for the message. */
int vm_ioctl(struct vm *vm, unsigned long request, void *arg, const char *name)
{
	if (ioctl(vm->fd, request, arg) >= 0)
		return 0;
	err("%s failed: %s; 'strata info --device %s' shows what the device offers",
	    name, strerror(errno), vm->opt->device);
	return -1;
}

/* @size bytes at @at are the guest's memory at @gpa, with KVM_MEM_ flags. */
int vm_map(struct vm *vm, __u32 slot, __u32 flags, __u64 gpa, __u64 size, const void *at)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)at,
	};

	return vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
}

/* The guest's memory below and above the hole. */
int vm_set_slot(struct vm *vm, __u32 slot, __u32 flags)
{
	const __u64 gpa = slot ? HOLE_END : 0, size = slot ? vm->mem.high : vm->mem.low;

	return size ? vm_map(vm, slot, flags, gpa, size, vm->mem.base + gpa) : 0;
}

static int create_chips(struct vm *vm)
{
	/* The guest's clicks of port 0x61 need no exit to us. */
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_GPA)) {
		err("KVM_SET_TSS_ADDR failed: %s", strerror(errno));
		return -1;
	}
	if (vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL, "KVM_CREATE_IRQCHIP"))
		return -1;
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit)) {
		pit.flags = 0;
		if (vm_ioctl(vm, KVM_CREATE_PIT2, &pit, "KVM_CREATE_PIT2"))
			return -1;
	}
	return irq_init(vm);
}

static int check_cpus(struct vm *vm)
{
	int max = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if (max > 0 && vm->opt->cpus > (unsigned int)max) {
		err("%s offers at most %d vCPUs, not %u; lower --cpus",
		    vm->opt->device, max, vm->opt->cpus);
		return -1;
	}
	return 0;
}

static int create_vcpus(struct vm *vm)
{
	int size = ioctl(vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned int i;

	if (size < (int)sizeof(struct kvm_run)) {
		err("KVM_GET_VCPU_MMAP_SIZE answers %d; the device is no full KVM device", size);
		return -1;
	}
	vm->run_size = size;
	vm->cpuid = cpuid_supported(vm->dev_fd);
	vm->vcpus = calloc(vm->opt->cpus, sizeof(*vm->vcpus));
	if (!vm->cpuid || !vm->vcpus)
		return -1;
	for (i = 0; i < vm->opt->cpus; i++) {
		vm->vcpus[i].vm = vm;
		vm->vcpus[i].id = i;
		if (vcpu_create(&vm->vcpus[i]))
			return -1;
		vm->nr_vcpus++;
	}
	return 0;
}

/**
 * vm_create() - make the machine, with memory and vCPUs, nothing loaded yet
 * @vm: all zero
 * @opt: kept by reference
 *
 * On failure vm_destroy() still has to be called.
 */
int vm_create(struct vm *vm, const struct options *opt)
{
	vm->opt = opt;
	vm->dev_fd = -1;
	vm->fd = -1;
	vm->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&vm->io_lock, NULL);
	pthread_mutex_init(&vm->stop_lock, NULL);
	pthread_mutex_init(&vm->pause_lock, NULL);
	pthread_cond_init(&vm->pause_cond, NULL);
	rtc_init(vm);

	if (group_open(vm) || console_open(vm) || control_open(vm) || gdb_create(vm))
		return -1;
	vm->dev_fd = device_open(opt->device);
	if (vm->dev_fd < 0)
		return -1;
	vm->fd = device_create_vm(vm->dev_fd, opt->device);
	if (vm->fd < 0)
		return -1;
	if (check_cpus(vm) || mem_create(&vm->mem, &opt->memory) ||
	    vm_set_slot(vm, 0, 0) || vm_set_slot(vm, 1, 0) ||
	    create_chips(vm) || create_vcpus(vm) || exit_log_open(vm) || devices_create(vm))
		return -1;
	return 0;
}

void vm_destroy(struct vm *vm)
{
	unsigned int i;

	control_close(vm);
	gdb_destroy(vm);
	virtio_destroy_all(vm);
	fw_cfg_free(&vm->fw_cfg);
	exit_log_close(vm);
	free(vm->routes);
	for (i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpus[i].run, vm->run_size);
		close(vm->vcpus[i].fd);
	}
	free(vm->vcpus);
	free(vm->cpuid);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->dev_fd >= 0)
		close(vm->dev_fd);
	console_close(vm);
	close(vm->wake_fd);
	mem_destroy(&vm->mem);
}

/* Makes the main loop look around. */
void vm_wake(struct vm *vm)
{
	static const __u64 one = 1;

	write_all(vm->wake_fd, &one, sizeof(one));
}

/**
 * vm_stop() - end the run; the first caller's status counts
 *
 * Any thread may call it.  The main loop wakes up and stops the vCPUs.
 */
void vm_stop(struct vm *vm, enum exit_status status)
{
	pthread_mutex_lock(&vm->stop_lock);
	if (!vm->stopping) {
		vm->status = status;
		__atomic_store_n(&vm->stopping, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&vm->stop_lock);
	/* Who stands still goes on to its end. */
	pthread_mutex_lock(&vm->pause_lock);
	pthread_cond_broadcast(&vm->pause_cond);
	pthread_mutex_unlock(&vm->pause_lock);
	vm_wake(vm);
}

/**
 * vm_end() - end the run for good, whatever the guest has just done itself
 *
 * Only the main thread, which alone starts a guest anew.
 */
void vm_end(struct vm *vm, enum exit_status status)
{
	vm->last_word = status;
	vm_stop(vm, status);
}

bool vm_stopping(struct vm *vm)
{
	return __atomic_load_n(&vm->stopping, __ATOMIC_ACQUIRE);
}
