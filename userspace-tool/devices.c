// SPDX-License-Identifier: GPL-2.0
/* The devices that the options ask for. */

#include "balloon.h"
#include "launcher.h"

/**
 * devices_create() - put them on the bus, in the order of the command line
 *
 * Without any there is no bus, which saves the guest looking for them.
 */
int devices_create(struct vm *vm)
{
	const struct options *opt = vm->opt;
	unsigned int i;

	vm->has_pci = opt->firmware || opt->nr_disks || opt->nr_nets || opt->rng ||
		      opt->balloon || opt->virtio_console || opt->vsock || opt->pvpanic;
	if (!vm->has_pci)
		return 0;
	pci_init(vm);
	for (i = 0; i < opt->nr_disks; i++)
		if (blk_add(vm, &opt->disks[i], i))
			return -1;
	for (i = 0; i < opt->nr_nets; i++)
		if (net_add(vm, &opt->nets[i], i))
			return -1;
	if (opt->rng && rng_add(vm))
		return -1;
	if (opt->vsock && vsock_add(vm, opt->vsock))
		return -1;
	if (opt->virtio_console && vcons_add(vm))
		return -1;
	if (opt->balloon && balloon_add(vm))
		return -1;
	/* Who has a bus can say that it has panicked. */
	return pvpanic_add(vm);
}
