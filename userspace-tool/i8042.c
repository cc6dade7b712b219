// SPDX-License-Identifier: GPL-2.0
/*
 * The keyboard controller, as far as a PC without a keyboard needs it: the reset
 * command.  Its status register always says "input taken, output waiting": a
 * guest about to send the reset command does not wait, and a guest that probes
 * the controller finds a buffer that never empties and decides that there is none.
 */

#include "launcher.h"

#define REG_STATUS	4		/* offsets from port 0x60 */
#define STATUS_OUTPUT	0x01
#define COMMAND_RESET	0xfe

__u8 i8042_read(struct vm *vm, unsigned int reg)
{
	(void)vm;
	return reg == REG_STATUS ? STATUS_OUTPUT : 0;
}

void i8042_write(struct vm *vm, unsigned int reg, __u8 value)
{
	if (reg == REG_STATUS && value == COMMAND_RESET)
		vm_stop(vm, STATUS_RESET);
}
