// SPDX-License-Identifier: GPL-2.0
/*
 * Opening the device, and saying what to do when that fails: most troubles of
 * a first start are a module that is not loaded, a permission, or another
 * hypervisor that holds the hardware.
 */

#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/**
 * device_open() - open a KVM-compatible device node
 * @path: /dev/strata, /dev/kvm or another node of either
 *
 * Return: a file descriptor, or -1 after a message.
 */
int device_open(const char *path)
{
	int version, fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		switch (errno) {
		case ENOENT:
			if (!strcmp(path, STRATA_DEVICE))
				err("%s does not exist: the module is not loaded; load it "
				    "with 'modprobe strata' or 'insmod strata.ko'", path);
			else
				err("%s does not exist: its module is not loaded; for KVM "
				    "'modprobe kvm_amd' or 'modprobe kvm_intel'", path);
			break;
		case EACCES:
		case EPERM:
			err("no permission for %s; run as root, or give the node to a group "
			    "that you are in by a udev rule, such as KERNEL==\"strata\", "
			    "GROUP=\"kvm\", MODE=\"0660\"", path);
			break;
		default:
			err("cannot open %s: %s", path, strerror(errno));
		}
		return -1;
	}
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		if (version < 0)
			err("%s does not speak the KVM API (%s); name a strata or KVM device",
			    path, strerror(errno));
		else
			err("%s speaks version %d of the KVM API, version %d is needed",
			    path, version, KVM_API_VERSION);
		close(fd);
		return -1;
	}
	return fd;
}

/* How many users a module has, -1 when it is not loaded. */
static int module_users(const char *name)
{
	char path[64], line[32];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	if (read_line(path, line, sizeof(line)))
		return -1;
	return atoi(line);
}

static void explain_busy(void)
{
	static const char * const others[] = { "kvm_amd", "kvm_intel", "vboxdrv", "vmmon" };
	bool named = false;
	char line[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		int users = module_users(others[i]);

		if (users < 0)
			continue;
		named = true;
		if (users)
			err("the virtualization hardware is busy: %s holds it (in use %d "
			    "times); end its virtual machines, then 'modprobe -r %s'",
			    others[i], users, others[i]);
		else
			err("the virtualization hardware is busy: %s holds it; release it "
			    "with 'modprobe -r %s'", others[i], others[i]);
	}
	if (!read_line("/sys/module/kvm/parameters/enable_virt_at_load", line, sizeof(line)) &&
	    line[0] == 'Y')
		err("KVM takes the hardware when it loads; 'kvm.enable_virt_at_load=0' on the "
		    "kernel command line lets both be loaded");
	if (!named)
		err("the virtualization hardware is busy, and no known hypervisor is loaded "
		    "as a module; look for another one in /proc/modules");
}

/**
 * device_create_vm() - KVM_CREATE_VM with an explanation when it fails
 *
 * Return: the VM's file descriptor, or -1 after a message.
 */
int device_create_vm(int dev_fd, const char *path)
{
	int fd;

	do {
		fd = ioctl(dev_fd, KVM_CREATE_VM, 0);
	} while (fd < 0 && errno == EINTR);
	if (fd >= 0)
		return fd;
	if (errno == EBUSY)
		explain_busy();
	else
		err("%s cannot make a virtual machine: %s; the kernel log may say more (dmesg)",
		    path, strerror(errno));
	return -1;
}
