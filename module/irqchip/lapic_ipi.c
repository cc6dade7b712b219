// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt messages: which LAPICs are meant, and what each does with one.
 */
#include <linux/bitmap.h>
#include <linux/srcu.h>

#include "lapic.h"

enum { TO_DEST, TO_SELF, TO_ALL, TO_OTHERS };

/* @vcpu or NULL; vm->srcu held. A hint in the map makes it cost the same for any id. */
static struct strata_vcpu *by_id(struct strata_vm *vm, u32 id)
{
	struct strata_apic_map *map = vm->apic_map;
	struct strata_vcpu *vcpu;
	unsigned int slot, i;

	if (unlikely(id >= STRATA_MAX_VCPU_ID))
		return NULL;
	slot = READ_ONCE(map->slot[id]);
	if (likely(slot)) {
		vcpu = READ_ONCE(vm->vcpus[slot - 1]);
		if (likely(vcpu && vcpu->id == id))
			return vcpu;
	}
	strata_for_each_vcpu(i, vcpu, vm) {
		if (vcpu->id == id) {
			WRITE_ONCE(map->slot[id], i + 1);
			return vcpu;
		}
	}
	return NULL;
}

static bool present(struct strata_vcpu *vcpu)
{
	return vcpu && vcpu->apic && READ_ONCE(vcpu->apic->mode) != LAPIC_OFF;
}

/* What one LAPIC does with a message. 1: delivered. 0: coalesced or not wanted. */
static int receive(struct strata_vcpu *vcpu, const struct strata_irq_msg *msg)
{
	switch (msg->mode) {
	case STRATA_DM_FIXED:
	case STRATA_DM_LOWEST:
		return strata_lapic_accept(vcpu->apic, msg->vector, msg->level);
	case STRATA_DM_NMI:
		strata_queue_nmi(vcpu);
		return 1;
	case STRATA_DM_INIT:
		/* INIT forgets a SIPI that came before it. */
		clear_bit(STRATA_APIC_SIPI, &vcpu->apic_events);
		set_bit(STRATA_APIC_INIT, &vcpu->apic_events);
		strata_request_kick(vcpu, STRATA_REQ_INIT_SIPI);
		return 1;
	case STRATA_DM_SIPI:
		WRITE_ONCE(vcpu->sipi_vector, msg->vector);
		/* The vector before the bit that speaks of it. */
		smp_wmb();
		set_bit(STRATA_APIC_SIPI, &vcpu->apic_events);
		strata_request_kick(vcpu, STRATA_REQ_INIT_SIPI);
		return 1;
	default:
		/* No SMM here; ExtINT comes by LINT0 only. */
		return 0;
	}
}

/* Mark in @targets whom a logical destination or a broadcast means. */
static void find(struct strata_vm *vm, const struct strata_irq_msg *msg, bool all,
		 unsigned long *targets)
{
	struct strata_vcpu *vcpu;
	unsigned int i;

	if (!all && !atomic_read(&vm->apic_map->nr_xapic)) {
		/* All in x2APIC mode: a cluster is 16 ids in a row. */
		unsigned long members = msg->dest & 0xffff;

		for_each_set_bit(i, &members, 16) {
			vcpu = by_id(vm, msg->dest >> 16 << 4 | i);
			if (present(vcpu))
				__set_bit(vcpu->index, targets);
		}
		return;
	}
	strata_for_each_vcpu(i, vcpu, vm) {
		if (present(vcpu) &&
		    (all || lapic_match_logical(vcpu->apic->mode, READ_ONCE(vcpu->apic->dfr),
						READ_ONCE(vcpu->apic->ldr), msg->dest, msg->wide)))
			__set_bit(vcpu->index, targets);
	}
}

/* Lowest priority: one of those that listen, the same for the same vector. */
static void choose(struct strata_vm *vm, u8 vector, unsigned long *targets)
{
	unsigned int i, n = 0, chosen;

	for_each_set_bit(i, targets, STRATA_MAX_VCPUS) {
		struct strata_vcpu *vcpu = READ_ONCE(vm->vcpus[i]);

		if (vcpu && strata_lapic_enabled(vcpu->apic))
			n++;
		else
			__clear_bit(i, targets);
	}
	if (!n)
		return;
	n = vector % n;
	chosen = find_first_bit(targets, STRATA_MAX_VCPUS);
	while (n--)
		chosen = find_next_bit(targets, STRATA_MAX_VCPUS, chosen + 1);
	bitmap_zero(targets, STRATA_MAX_VCPUS);
	__set_bit(chosen, targets);
}

static int deliver_to(struct strata_vm *vm, const struct strata_irq_msg *msg,
		      const unsigned long *targets)
{
	unsigned int i;
	int n = -1;

	for_each_set_bit(i, targets, STRATA_MAX_VCPUS) {
		struct strata_vcpu *vcpu = READ_ONCE(vm->vcpus[i]);

		if (vcpu)
			n = max(n, 0) + receive(vcpu, msg);
	}
	return n;
}

/*
 * Messages that are not IPIs have 8 bits of destination, of which all ones mean every
 * LAPIC, even where one in x2APIC mode has that id: a quirk that can be switched off.
 */
static bool means_all(struct strata_vm *vm, const struct strata_irq_msg *msg)
{
	if (unlikely(READ_ONCE(vm->x2apic_api) & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK))
		return msg->dest == 0xffffffffu ||
		       (msg->dest == 0xff && atomic_read(&vm->apic_map->nr_xapic));
	return msg->dest == (msg->wide ? 0xffffffffu : 0xffu);
}

static int deliver(struct strata_vm *vm, const struct strata_irq_msg *msg)
{
	DECLARE_BITMAP(targets, STRATA_MAX_VCPUS);
	bool all = means_all(vm, msg);
	struct strata_vcpu *vcpu;

	if (likely(!msg->logical && !all)) {
		vcpu = by_id(vm, msg->dest);
		return present(vcpu) ? receive(vcpu, msg) : -1;
	}
	bitmap_zero(targets, STRATA_MAX_VCPUS);
	find(vm, msg, all, targets);
	if (msg->mode == STRATA_DM_LOWEST)
		choose(vm, msg->vector, targets);
	return deliver_to(vm, msg, targets);
}

/**
 * strata_deliver - send a message to the LAPICs it means
 * @vm: has an irqchip
 * @msg: the message
 *
 * Any context. Return: how many took it; 0: all had it already or do not
 * listen; -1: it means nobody.
 */
int strata_deliver(struct strata_vm *vm, const struct strata_irq_msg *msg)
{
	int idx = srcu_read_lock(&vm->srcu);
	int r = deliver(vm, msg);

	srcu_read_unlock(&vm->srcu, idx);
	return r;
}

/* The shorthands that mean more than one. */
static void send_to_many(struct strata_lapic *apic, const struct strata_irq_msg *msg, bool self)
{
	DECLARE_BITMAP(targets, STRATA_MAX_VCPUS);
	struct strata_vm *vm = apic->vcpu->vm;
	int idx = srcu_read_lock(&vm->srcu);

	bitmap_zero(targets, STRATA_MAX_VCPUS);
	find(vm, msg, true, targets);
	if (!self)
		__clear_bit(apic->vcpu->index, targets);
	if (msg->mode == STRATA_DM_LOWEST)
		choose(vm, msg->vector, targets);
	deliver_to(vm, msg, targets);
	srcu_read_unlock(&vm->srcu, idx);
}

/* (v) */
void strata_lapic_self_ipi(struct strata_lapic *apic, u8 vector)
{
	if (unlikely(vector < 16))
		strata_lapic_error(apic, LAPIC_ERR_SEND_ILLEGAL);
	else
		strata_lapic_accept_self(apic, vector);
}

/**
 * strata_lapic_send_ipi - the guest wrote its interrupt command register
 * @apic: of the vCPU whose mutex is held
 * @icr: destination in the upper half; in xAPIC mode in the topmost byte
 *
 * SDM 11.6.1.
 */
void strata_lapic_send_ipi(struct strata_lapic *apic, u64 icr)
{
	u32 low = icr;
	struct strata_irq_msg msg = {
		.wide = apic->mode == LAPIC_X2APIC,
		.dest = apic->mode == LAPIC_X2APIC ? icr >> 32 : icr >> 56,
		.logical = low & ICR_LOGICAL,
		.mode = ICR_MODE(low),
		.vector = ICR_VECTOR(low),
	};
	bool fixed = msg.mode == STRATA_DM_FIXED || msg.mode == STRATA_DM_LOWEST;

	if (unlikely(fixed && msg.vector < 16)) {
		strata_lapic_error(apic, LAPIC_ERR_SEND_ILLEGAL);
		return;
	}
	/* INIT level de-assert: a message of old that changes nothing. */
	if (msg.mode == STRATA_DM_INIT && (low & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL)
		return;

	switch (ICR_SHORTHAND(low)) {
	case TO_DEST:
		if (fixed && !msg.logical && msg.dest == apic->vcpu->id &&
		    msg.dest != (msg.wide ? 0xffffffffu : 0xffu))
			strata_lapic_accept_self(apic, msg.vector);
		else
			strata_deliver(apic->vcpu->vm, &msg);
		break;
	case TO_SELF:
		if (fixed)
			strata_lapic_accept_self(apic, msg.vector);
		else
			receive(apic->vcpu, &msg);
		break;
	case TO_ALL:
	case TO_OTHERS:
		send_to_many(apic, &msg, ICR_SHORTHAND(low) == TO_ALL);
		break;
	}
}
