// SPDX-License-Identifier: GPL-2.0
/* Paravirtual features by name, for `strata run --no-pv`. */

#include "launcher.h"

#include <asm/kvm_para.h>
#include <string.h>

#define BIT(n)	(1U << (n))

static const struct {
	const char *name;
	__u32 bits;
} features[] = {
	{ "io-delay",	BIT(KVM_FEATURE_NOP_IO_DELAY) },
	{ "steal-time",	BIT(KVM_FEATURE_STEAL_TIME) },
	{ "eoi",	BIT(KVM_FEATURE_PV_EOI) },
	{ "unhalt",	BIT(KVM_FEATURE_PV_UNHALT) },
	{ "tlb-flush",	BIT(KVM_FEATURE_PV_TLB_FLUSH) },
	{ "ipi",	BIT(KVM_FEATURE_PV_SEND_IPI) },
	{ "poll-control", BIT(KVM_FEATURE_POLL_CONTROL) },
	{ "yield",	BIT(KVM_FEATURE_PV_SCHED_YIELD) },
	/* A guest without a clock it knows takes long to find another. */
	{ "all",	~(BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_CLOCKSOURCE2) |
			  BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT)) },
};

static const unsigned int nr_features = sizeof(features) / sizeof(features[0]);

/**
 * pv_parse() - read a list of features
 * @list: names with commas between them; it is changed
 * @bits: out: their bits in leaf 0x40000001's EAX
 *
 * Return: 0, or -1 after a message.
 */
int pv_parse(char *list, __u32 *bits)
{
	char *name, *rest = NULL;
	unsigned int i;

	for (name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		for (i = 0; i < nr_features && strcmp(features[i].name, name); i++)
			;
		if (i == nr_features) {
			err("--no-pv %s is no paravirtual feature; there are io-delay, steal-time, "
			    "eoi, unhalt, tlb-flush, ipi, poll-control, yield, all", name);
			return -1;
		}
		*bits |= features[i].bits;
	}
	return 0;
}
