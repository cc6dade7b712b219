/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The three files: the device, a VM, a vCPU.
 */
#ifndef STRATA_IOCTL_H
#define STRATA_IOCTL_H

#include <linux/fs.h>

extern const struct file_operations strata_dev_fops;
extern const struct file_operations strata_vm_fops;
extern const struct file_operations strata_vcpu_fops;

int strata_vm_release(struct inode *inode, struct file *file);
int strata_vcpu_release(struct inode *inode, struct file *file);

/* capability.c: KVM_CHECK_EXTENSION */
int strata_check_extension(unsigned long cap);

#endif /* STRATA_IOCTL_H */
