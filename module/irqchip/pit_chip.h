/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An 8254 interval timer: three counters as functions of the time. Pure; the
 * unit tests compile it a second time.
 *
 * Intel 8254 data sheet.
 */
#ifndef STRATA_PIT_CHIP_H
#define STRATA_PIT_CHIP_H

#include <linux/kvm.h>

#include "../pure.h"

#define PIT_HZ		1193182ull
#define PIT_NO_MODE	0xff	/* never programmed */

/**
 * struct pit_chip - the three counters
 * @ch: as KVM_GET_PIT2 shows them; count_load_time in ns, any fixed clock
 * @held: ns counted when the gate closed
 * @waiting: nothing counts: no count yet, or no trigger yet in modes 1 and 5
 */
struct pit_chip {
	struct kvm_pit_channel_state ch[3];
	u64 held[3];
	bool waiting[3];
};

/* What the output of a counter does from now on. */
struct pit_schedule {
	bool runs;		/* it will rise */
	bool periodic;
	u64 ticks;		/* from the load to the first rise, and between later ones */
};

void pit_reset(struct pit_chip *chip);
u64 pit_ns_to_ticks(u64 ns);
u64 pit_ticks_to_ns(u64 ticks);	/* rounded up */
/* @reg 0-3. True: counter 0 has a new schedule */
bool pit_write(struct pit_chip *chip, unsigned int reg, u8 val, u64 now);
u8 pit_read(struct pit_chip *chip, unsigned int reg, u64 now);
void pit_set_gate(struct pit_chip *chip, unsigned int n, bool gate, u64 now);
bool pit_out(const struct pit_chip *chip, unsigned int n, u64 now);
u16 pit_count(const struct pit_chip *chip, unsigned int n, u64 now);
struct pit_schedule pit_schedule(const struct pit_chip *chip, unsigned int n);
/* state from user space: counting starts anew; what cannot be is made harmless */
void pit_set_state(struct pit_chip *chip, const struct kvm_pit_channel_state *ch, u64 now);

#endif /* STRATA_PIT_CHIP_H */
