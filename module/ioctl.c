// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of the device, and how the ioctls of all three files get their
 * arguments. Those of a VM and a vCPU are in ioctl_vm.c and ioctl_vcpu.c.
 */
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ioctl.h"
#include "ioctl_arg.h"
#include "profile.h"
#include "strata.h"

/* The largest argument that is copied for a function. */
#define MAX_ARG		sizeof(struct kvm_xsave)

/* The number of KVM_SET_IRQCHIP says read, by an old mistake. */
static unsigned int arg_dir(unsigned int nr)
{
	return nr == KVM_SET_IRQCHIP ? _IOC_WRITE : _IOC_DIR(nr);
}

/**
 * strata_ioctl_arg_in - copy in what a number's direction and size say
 * @a: freed by strata_ioctl_arg_free(), after an error too
 * @nr: the ioctl
 * @raw: its argument, an address of user space
 *
 * What is not copied in is zero, and so is what a function leaves untouched.
 *
 * Return: 0, or -EINVAL (too large), -ENOMEM, -EFAULT.
 */
long strata_ioctl_arg_in(struct strata_ioctl_arg *a, unsigned int nr, unsigned long raw)
{
	unsigned int size = _IOC_SIZE(nr);

	a->ptr = a->small;
	if (size > MAX_ARG)
		return -EINVAL;
	if (size > SMALL_ARG) {
		a->ptr = kzalloc(size, GFP_KERNEL_ACCOUNT);
		if (!a->ptr)
			return -ENOMEM;
	} else {
		memset(a->small, 0, size);
	}
	if ((arg_dir(nr) & _IOC_WRITE) && copy_from_user(a->ptr, (void __user *)raw, size))
		return -EFAULT;
	return 0;
}

/**
 * strata_ioctl_arg_out - copy out what a number's direction and size say
 * @a: from strata_ioctl_arg_in()
 * @nr: the ioctl
 * @raw: its argument, an address of user space
 *
 * Return: 0 or -EFAULT.
 */
long strata_ioctl_arg_out(struct strata_ioctl_arg *a, unsigned int nr, unsigned long raw)
{
	if ((arg_dir(nr) & _IOC_READ) &&
	    copy_to_user((void __user *)raw, a->ptr, _IOC_SIZE(nr)))
		return -EFAULT;
	return 0;
}

/**
 * strata_ioctl_arg_free - the end of an argument
 * @a: from strata_ioctl_arg_in()
 */
void strata_ioctl_arg_free(struct strata_ioctl_arg *a)
{
	if (a->ptr != a->small)
		kfree(a->ptr);
}

static long dev_ioctl(struct file *file, unsigned int nr, unsigned long raw)
{
	switch (nr) {
	case KVM_GET_API_VERSION:
		return raw ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return strata_vm_create_fd(raw);
	case KVM_CHECK_EXTENSION:
		return strata_check_extension(raw);
	case KVM_GET_VCPU_MMAP_SIZE:
		return raw ? -EINVAL : STRATA_RUN_PAGES * PAGE_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return strata_get_supported_cpuid((struct kvm_cpuid2 __user *)raw);
	case KVM_GET_MSR_INDEX_LIST:
		return strata_get_msr_index_list((struct kvm_msr_list __user *)raw);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return strata_get_msr_feature_list((struct kvm_msr_list __user *)raw);
	case KVM_GET_MSRS:
		return strata_msrs_ioctl(NULL, (struct kvm_msrs __user *)raw, false);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		return put_user(strata_mce_supported(), (u64 __user *)raw);
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
		/* Clients ask for AMX's permission; there is no attribute. */
		return -ENXIO;
	case STRATA_PROFILE_LIST:
		return strata_profile_list((struct strata_profile_list __user *)raw);
	case STRATA_PROFILE_OPEN:
		return strata_profile_open((struct strata_profile_id __user *)raw);
	default:
		return -ENOTTY;
	}
}

const struct file_operations strata_dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};
