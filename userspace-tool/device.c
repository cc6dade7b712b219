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

/*
 * Who else can hold the hardware.  One that is in use is the likelier; one that
 * is only loaded may hold it nevertheless, as KVM does from Linux 6.12 on.
 */
static void explain_busy(const char *path)
{
	static const char * const others[] = { "kvm_amd", "kvm_intel", "strata", "vboxdrv", "vmmon" };
	const char *holder = NULL;
	int most = -1;
	char line[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		int users = module_users(others[i]);

		if (!strcmp(others[i], "strata") && !strcmp(path, STRATA_DEVICE))
			continue;
		if (users > most) {
			most = users;
			holder = others[i];
		}
	}
	if (!holder)
		err("the virtualization hardware is busy, and no known hypervisor is loaded as a "
		    "module; look for another one in /proc/modules");
	else if (most)
		err("the virtualization hardware is busy: %s is in use; end its virtual machines, "
		    "or unload it with 'modprobe -r %s'", holder, holder);
	else if (!read_line("/sys/module/kvm/parameters/enable_virt_at_load", line, sizeof(line)) &&
		 line[0] == 'Y')
		err("the virtualization hardware is busy: %s took it when it was loaded; release it "
		    "with 'modprobe -r %s', or boot with kvm.enable_virt_at_load=0",
		    holder, holder);
	else
		err("the virtualization hardware is busy: %s is loaded; release it with "
		    "'modprobe -r %s'", holder, holder);
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
		explain_busy(path);
	else
		err("%s cannot make a virtual machine: %s; the kernel log may say more (dmesg)",
		    path, strerror(errno));
	return -1;
}
