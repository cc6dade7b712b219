// SPDX-License-Identifier: GPL-2.0
/* What a vCPU has come to us for last, for reports. */

#include "launcher.h"

#include <stdio.h>
#include <string.h>

/* Before it is answered: what the guest has asked is in the run page. */
void last_exits_note(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct last_exit *e = &vcpu->last_exits[vcpu->nr_exits++ % LAST_EXITS];

	*e = (struct last_exit){ .reason = run->exit_reason };
	if (e->reason == KVM_EXIT_IO) {
		e->address = run->io.port;
		e->len = run->io.size;
		e->write = run->io.direction == KVM_EXIT_IO_OUT;
		if (e->write)
			memcpy(&e->value, (const __u8 *)run + run->io.data_offset, e->len);
	} else if (e->reason == KVM_EXIT_MMIO) {
		e->address = run->mmio.phys_addr;
		e->len = run->mmio.len;
		e->write = run->mmio.is_write;
		if (e->write)
			memcpy(&e->value, run->mmio.data, sizeof(e->value));
	}
}

/* The oldest first. */
void last_exits_print(const struct vcpu *vcpu)
{
	__u64 n = vcpu->nr_exits, i;

	if (!n)
		return;
	fprintf(stderr, "  its last exits to the launcher, of %llu:\n", (unsigned long long)n);
	for (i = n > LAST_EXITS ? n - LAST_EXITS : 0; i < n; i++) {
		const struct last_exit *e = &vcpu->last_exits[i % LAST_EXITS];

		fprintf(stderr, "    %s", exit_reason_name(e->reason));
		if (e->len)
			fprintf(stderr, " %s 0x%llx, %u bytes", e->write ? "write" : "read",
				(unsigned long long)e->address, e->len);
		if (e->write)
			fprintf(stderr, ": 0x%llx", (unsigned long long)e->value);
		fprintf(stderr, "\n");
	}
}
