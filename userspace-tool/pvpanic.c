// SPDX-License-Identifier: GPL-2.0
/* The device by which a kernel says that it has panicked: QEMU's, which Linux knows. */

#include "launcher.h"

#include <misc/pvpanic.h>
#include <string.h>

#define BAR_SIZE	4096
#define EVENTS		(PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

static void event_read(struct pci_dev *dev, __u32 offset, void *data, unsigned int len)
{
	(void)dev;
	memset(data, 0, len);
	if (!offset)
		*(__u8 *)data = EVENTS;
}

static void event_write(struct pci_dev *dev, __u32 offset, const void *data, unsigned int len)
{
	__u8 event = *(const __u8 *)data;

	(void)len;
	if (offset)
		return;
	/* With a kernel for its crashes loaded a guest looks after itself. */
	if (event & PVPANIC_PANICKED)
		vm_stop(dev->vm, STATUS_PANIC);
	else if (event & PVPANIC_CRASH_LOADED)
		err("the guest has panicked, and starts its kernel for crashes");
}

int pvpanic_add(struct vm *vm)
{
	static const struct pci_ids ids = {
		.vendor = 0x1b36, .device = 0x0011, .subsystem = 0x1100, .class = 0x080000,
	};
	struct pci_dev *dev = &vm->pvpanic;

	dev->bars[0].read = event_read;
	dev->bars[0].write = event_write;
	if (pci_add(vm, dev, &ids))
		return -1;
	pci_add_bar(dev, 0, BAR_SIZE);
	return 0;
}
