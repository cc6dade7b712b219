// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a VM: a table of numbers, functions and what the dispatcher does
 * around them.
 */
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "enable_cap.h"
#include "ioctl.h"
#include "ioctl_arg.h"
#include "irqchip/irqfd.h"
#include "mmu/look.h"
#include "msr_user.h"
#include "stats.h"
#include "strata.h"

struct vm_ioctl {
	unsigned int nr;
	long (*fn)(struct strata_vm *vm, void *arg, unsigned long raw);
	u32 flags;
};

static long ioctl_create_vcpu(struct strata_vm *vm, void *arg, unsigned long raw)
{
	/* An id is an unsigned int; what is above it is no id at all. */
	return raw > U32_MAX ? -EINVAL : strata_vcpu_create_fd(vm, raw);
}

static long ioctl_check_extension(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_check_extension(raw);
}

static long ioctl_set_memory_region(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_memory_region(vm, arg);
}

#ifdef KVM_SET_USER_MEMORY_REGION2
/* From 6.8 on; the same without a guest_memfd, which nothing here has. */
static long ioctl_set_memory_region2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	const struct kvm_userspace_memory_region2 *region = arg;
	struct kvm_userspace_memory_region plain = {
		.slot = region->slot,
		.flags = region->flags,
		.guest_phys_addr = region->guest_phys_addr,
		.memory_size = region->memory_size,
		.userspace_addr = region->userspace_addr,
	};

	return strata_set_memory_region(vm, &plain);
}
#endif

static long ioctl_get_dirty_log(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_get_dirty_log(vm, arg);
}

/* Three pages that Intel CPUs without unrestricted guest would need. */
static long ioctl_set_tss_addr(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (raw > U32_MAX - 3 * PAGE_SIZE)
		return -EINVAL;
	vm->tss_addr = raw;
	return 0;
}

static long ioctl_set_identity_map_addr(struct strata_vm *vm, void *arg, unsigned long raw)
{
	const u64 *addr = arg;

	if (vm->nr_vcpus)
		return -EINVAL;
	vm->identity_map_addr = *addr ? *addr : 0xfffbc000;
	return 0;
}

/* A hint for shadow paging, of which there is none. */
static long ioctl_set_nr_mmu_pages(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return raw < 20 ? -EINVAL : 0;
}

static long ioctl_create_irqchip(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (vm->irqchip)
		return -EEXIST;
	if (vm->nr_vcpus)
		return -EINVAL;
	return strata_irqchip_create(vm, false);
}

static long ioctl_create_pit2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (vm->pit)
		return -EEXIST;
	if (!vm->pic)
		return -ENOENT;
	return strata_pit_create(vm, arg);
}

static long ioctl_get_irqchip(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pic ? strata_get_irqchip(vm, arg) : -ENXIO;
}

static long ioctl_set_irqchip(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pic ? strata_set_irqchip(vm, arg) : -ENXIO;
}

static long ioctl_get_pit2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pit ? strata_get_pit2(vm, arg) : -ENXIO;
}

static long ioctl_set_pit2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pit ? strata_set_pit2(vm, arg) : -ENXIO;
}

static long ioctl_reinject(struct strata_vm *vm, void *arg, unsigned long raw)
{
	struct kvm_reinject_control control;

	/* Its number has no size. */
	if (copy_from_user(&control, (void __user *)raw, sizeof(control)))
		return -EFAULT;
	return strata_pit_reinject(vm, control.pit_reinject);
}

static long ioctl_irq_line(struct strata_vm *vm, void *arg, unsigned long raw)
{
	/* Pairs with the release that publishes a whole irqchip. */
	return smp_load_acquire(&vm->irqchip) ? strata_irq_line(vm, arg) : -ENXIO;
}

static long ioctl_irqfd(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_irqfd(vm, arg);
}

static long ioctl_enable_cap(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_vm_enable_cap(vm, arg);
}

static long ioctl_set_boot_cpu_id(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (vm->nr_vcpus)
		return -EBUSY;
	if (raw >= (vm->max_vcpu_id ?: STRATA_MAX_VCPU_ID))
		return -EINVAL;
	vm->bsp_id = raw;
	return 0;
}

static long ioctl_set_msr_filter(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_msr_filter(vm, arg);
}

static long ioctl_clear_dirty_log(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_clear_dirty_log(vm, arg);
}

static long ioctl_set_gsi_routing(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_gsi_routing(vm, (struct kvm_irq_routing __user *)raw);
}

static long ioctl_signal_msi(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_signal_msi(vm, arg);
}

static long ioctl_ioeventfd(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_ioeventfd(vm, arg);
}

static long ioctl_register_coalesced(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_coalesced_mmio(vm, arg, true);
}

static long ioctl_unregister_coalesced(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_coalesced_mmio(vm, arg, false);
}

static long ioctl_get_clock(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_get_clock(vm, arg);
}

static long ioctl_set_clock(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_clock(vm, arg);
}

static long ioctl_vm_stats_fd(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_vm_stats_fd(vm);
}

static long ioctl_vm_get_tsc_khz(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->tsc_khz;
}

/* For the vCPUs to come; 0 asks for the host's. */
static long ioctl_vm_set_tsc_khz(struct strata_vm *vm, void *arg, unsigned long raw)
{
	u32 khz = raw ? raw : tsc_khz;
	u64 ratio;
	int r;

	if (raw > U32_MAX || vm->nr_vcpus)
		return -EINVAL;
	r = strata_tsc_khz_ok(khz, &ratio);
	if (!r)
		vm->tsc_khz = khz;
	return r;
}

static long ioctl_nested_walk(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_nested_walk(vm, arg);
}

static long ioctl_nested_count(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_nested_count(vm, arg);
}

static const struct vm_ioctl vm_ioctls[SLOTS] = {
	CALL(STRATA_GET_NESTED_WALK,	ioctl_nested_walk,		L_NONE),
	CALL(STRATA_GET_NESTED_COUNT,	ioctl_nested_count,		L_NONE),
	CALL(KVM_GET_STATS_FD,	ioctl_vm_stats_fd,		L_RAW),
	CALL(KVM_GET_TSC_KHZ,	ioctl_vm_get_tsc_khz,		L_VM | L_RAW),
	CALL(KVM_SET_TSC_KHZ,	ioctl_vm_set_tsc_khz,		L_VM | L_RAW),
	CALL(KVM_CHECK_EXTENSION,	ioctl_check_extension,		L_RAW),
	CALL(KVM_CREATE_VCPU,	ioctl_create_vcpu,		L_RAW),
	CALL(KVM_SET_USER_MEMORY_REGION,	ioctl_set_memory_region,	L_NONE),
#ifdef KVM_SET_USER_MEMORY_REGION2
	CALL(KVM_SET_USER_MEMORY_REGION2,	ioctl_set_memory_region2,	L_NONE),
#endif
	CALL(KVM_GET_DIRTY_LOG,	ioctl_get_dirty_log,		L_NONE),
	CALL(KVM_SET_TSS_ADDR,	ioctl_set_tss_addr,		L_VM | L_RAW),
	CALL(KVM_SET_IDENTITY_MAP_ADDR,	ioctl_set_identity_map_addr,	L_VM),
	CALL(KVM_SET_NR_MMU_PAGES,	ioctl_set_nr_mmu_pages,		L_RAW),
	CALL(KVM_CREATE_IRQCHIP,	ioctl_create_irqchip,		L_VM | L_RAW),
	CALL(KVM_CREATE_PIT2,	ioctl_create_pit2,		L_VM),
	CALL(KVM_GET_IRQCHIP,	ioctl_get_irqchip,		L_VM),
	CALL(KVM_SET_IRQCHIP,	ioctl_set_irqchip,		L_VM),
	CALL(KVM_GET_PIT2,	ioctl_get_pit2,			L_VM),
	CALL(KVM_SET_PIT2,	ioctl_set_pit2,			L_VM),
	CALL(KVM_REINJECT_CONTROL,	ioctl_reinject,			L_RAW),
	CALL(KVM_IRQ_LINE,	ioctl_irq_line,			L_NONE),
	CALL(KVM_IRQ_LINE_STATUS,	ioctl_irq_line,			L_NONE),
	CALL(KVM_SET_GSI_ROUTING,	ioctl_set_gsi_routing,		L_RAW),
	CALL(KVM_SIGNAL_MSI,	ioctl_signal_msi,		L_NONE),
	CALL(KVM_IOEVENTFD,	ioctl_ioeventfd,		L_NONE),
	CALL(KVM_REGISTER_COALESCED_MMIO,	ioctl_register_coalesced,	L_NONE),
	CALL(KVM_UNREGISTER_COALESCED_MMIO,	ioctl_unregister_coalesced,	L_NONE),
	CALL(KVM_GET_CLOCK,	ioctl_get_clock,		L_NONE),
	CALL(KVM_SET_CLOCK,	ioctl_set_clock,		L_NONE),
	CALL(KVM_IRQFD,		ioctl_irqfd,			L_NONE),
	CALL(KVM_ENABLE_CAP,	ioctl_enable_cap,		L_VM),
	CALL(KVM_SET_BOOT_CPU_ID,	ioctl_set_boot_cpu_id,		L_VM | L_RAW),
	CALL(KVM_X86_SET_MSR_FILTER,	ioctl_set_msr_filter,		L_VM),
	CALL(KVM_CLEAR_DIRTY_LOG,	ioctl_clear_dirty_log,		L_NONE),
};

static long vm_ioctl(struct file *file, unsigned int nr, unsigned long raw)
{
	struct strata_vm *vm = file->private_data;
	const struct vm_ioctl *d = &vm_ioctls[SLOT(nr)];
	struct strata_ioctl_arg a;
	long r;

	if (vm->mm != current->mm)
		return -EIO;
	if (d->nr != nr || !d->fn)
		return -ENOTTY;

	a.ptr = a.small;
	if (!(d->flags & L_RAW)) {
		r = strata_ioctl_arg_in(&a, nr, raw);
		if (r)
			goto free;
	}
	if (d->flags & L_VM) {
		r = -EINTR;
		if (mutex_lock_killable(&vm->lock))
			goto free;
	}
	r = d->fn(vm, a.ptr, raw);
	if (d->flags & L_VM)
		mutex_unlock(&vm->lock);
	/* KVM_IRQ_LINE_STATUS and others answer with more than 0. */
	if (r >= 0 && !(d->flags & L_RAW)) {
		long out = strata_ioctl_arg_out(&a, nr, raw);

		if (out)
			r = out;
	}
free:
	strata_ioctl_arg_free(&a);
	return r;
}

int strata_vm_release(struct inode *inode, struct file *file)
{
	strata_vm_put(file->private_data);
	return 0;
}

const struct file_operations strata_vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.release = strata_vm_release,
	.llseek = noop_llseek,
};
