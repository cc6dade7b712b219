/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Other hypervisors on this machine, and the machine's sudden end.
 */
#ifndef STRATA_RIVALS_H
#define STRATA_RIVALS_H

int strata_rivals_setup(void);
void strata_rivals_teardown(void);
/* strata_lock held: the hardware was taken; it is about to be given back */
void strata_hw_taken(void);
void strata_hw_given_back(void);
/* strata_lock held: somebody else has the hardware: say who, and what to do */
void strata_hw_busy(void);

#endif /* STRATA_RIVALS_H */
