/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the switches to a guest are asked for, in C and in assembly.
 */
#ifndef STRATA_ENTRY_FLAGS_H
#define STRATA_ENTRY_FLAGS_H

#define STRATA_ENTER_RESUME_BIT	0	/* VMRESUME, not VMLAUNCH */
#define STRATA_ENTER_RESUME	1
/* Those named "guarded" only: */
#define STRATA_ENTER_VERW	2	/* clear the CPU's buffers by VERW */
#define STRATA_ENTER_SPEC_CTRL	4	/* write vcpu->host_spec_ctrl after the guest */

#endif /* STRATA_ENTRY_FLAGS_H */
