// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O APIC: 24 pins, each with a redirection entry. 82093AA data sheet.
 */
#include <linux/hrtimer.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "../iobus.h"
#include "irqchip.h"
#include "irqfd.h"

#define NUM_PINS		KVM_IOAPIC_NUM_PINS
#define IOAPIC_BASE		0xfec00000ull
#define IOAPIC_SELECT		0x00
#define IOAPIC_WINDOW		0x10

#define REG_ID			0x00
#define REG_VERSION		0x01
#define REG_ARB			0x02
#define REG_REDIR		0x10
#define VERSION			(0x11 | (NUM_PINS - 1) << 16)

/* A redirection entry */
#define RTE_VECTOR(e)		((u8)(e))
#define RTE_MODE(e)		((e) >> 8 & 7)
#define RTE_LOGICAL		BIT_ULL(11)
#define RTE_REMOTE_IRR		BIT_ULL(14)
#define RTE_LEVEL		BIT_ULL(15)
#define RTE_MASKED		BIT_ULL(16)
#define RTE_DEST(e)		((u8)((e) >> 56))
#define RTE_BITS		(GENMASK_ULL(63, 56) | 0x1efffull)	/* no delivery status */

/*
 * A level that stays high is delivered anew at each EOI. After so many in a
 * row the next one waits a while: a guest that cannot quiet its device makes
 * slow progress instead of none.
 */
#define STORM_EOIS		10000
#define STORM_PAUSE_NS		(10 * NSEC_PER_MSEC)

struct strata_ioapic {
	struct strata_ioapic_head head;	/* first: see strata_ioapic_wants_eoi() */
	raw_spinlock_t lock;
	u8 select;
	u8 id;
	u32 irr;			/* pins that are high */
	u32 delivered;			/* edges among them that were delivered */
	int pit_pin;			/* pin of GSI 0, -1: none */
	u32 watched;			/* pins whose EOIs others hear of */
	u64 redir[NUM_PINS];
	u32 eois[NUM_PINS];		/* deliveries at EOI in a row */
	u8 lines[NUM_PINS];		/* bits of enum strata_irq_source that hold it high */
	struct hrtimer storm;
	struct strata_iodev dev;
	struct strata_vm *vm;		/* (c) */
};

/* Send a pin's message: its result, or -1 when masked or waiting for an EOI. */
static int service(struct strata_ioapic *ioapic, unsigned int pin)
{
	u64 entry = ioapic->redir[pin];
	struct strata_irq_msg msg = {
		.dest = RTE_DEST(entry),
		.logical = entry & RTE_LOGICAL,
		.level = entry & RTE_LEVEL,
		.mode = RTE_MODE(entry),
		.vector = RTE_VECTOR(entry),
	};
	int r;

	if (entry & RTE_MASKED)
		return -1;
	if (msg.level && (entry & RTE_REMOTE_IRR))
		return -1;
	if (!msg.level)
		ioapic->delivered |= 1u << pin;
	r = strata_deliver(ioapic->vm, &msg);
	if (r > 0 && msg.level)
		ioapic->redir[pin] |= RTE_REMOTE_IRR;
	return r;
}

static int set_pin(struct strata_ioapic *ioapic, unsigned int pin, bool high)
{
	u32 bit = 1u << pin;
	bool was = ioapic->irr & bit;

	if (!high) {
		ioapic->irr &= ~bit;
		return 1;
	}
	ioapic->irr |= bit;
	if (!(ioapic->redir[pin] & RTE_LEVEL)) {
		if (was)
			return 0;
		ioapic->delivered &= ~bit;
	}
	return service(ioapic, pin);
}

/**
 * strata_ioapic_set_irq - one source drives a pin
 * @ioapic: the IOAPIC
 * @pin: 0-23
 * @source: who
 * @level: high
 *
 * Any context. Return: >0 delivered, or the pin is low now; 0 coalesced; -1
 * masked, waiting for an EOI, or nobody is meant.
 */
int strata_ioapic_set_irq(struct strata_ioapic *ioapic, unsigned int pin,
			  enum strata_irq_source source, bool level)
{
	unsigned long flags;
	int r;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	if (level)
		ioapic->lines[pin] |= 1u << source;
	else
		ioapic->lines[pin] &= ~(1u << source);
	r = set_pin(ioapic, pin, ioapic->lines[pin]);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	return r;
}

static enum hrtimer_restart storm_over(struct hrtimer *timer)
{
	struct strata_ioapic *ioapic = container_of(timer, struct strata_ioapic, storm);
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for (pin = 0; pin < NUM_PINS; pin++)
		if ((ioapic->redir[pin] & RTE_LEVEL) && (ioapic->irr & 1u << pin))
			service(ioapic, pin);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	return HRTIMER_NORESTART;
}

static void eoi_pin(struct strata_ioapic *ioapic, unsigned int pin)
{
	ioapic->redir[pin] &= ~RTE_REMOTE_IRR;
	if ((ioapic->redir[pin] & RTE_MASKED) || !(ioapic->irr & 1u << pin)) {
		ioapic->eois[pin] = 0;
	} else if (++ioapic->eois[pin] < STORM_EOIS) {
		service(ioapic, pin);
	} else {
		ioapic->eois[pin] = 0;
		hrtimer_start(&ioapic->storm, ns_to_ktime(STORM_PAUSE_NS), HRTIMER_MODE_REL_HARD);
	}
}

/**
 * strata_ioapic_eoi - a LAPIC ended a vector
 * @ioapic: the IOAPIC
 * @vector: which
 * @level: it had come as level triggered
 *
 * Any context.
 */
void strata_ioapic_eoi(struct strata_ioapic *ioapic, u8 vector, bool level)
{
	unsigned long flags;
	bool pit = false;
	unsigned int pin;
	u32 told = 0;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for (pin = 0; level && ioapic->watched >> pin; pin++)
		if ((ioapic->watched & 1u << pin) && (ioapic->redir[pin] & RTE_LEVEL) &&
		    RTE_VECTOR(ioapic->redir[pin]) == vector)
			told |= 1u << pin;
	/* They lower the line, before it is looked at. */
	if (told) {
		raw_spin_unlock_irqrestore(&ioapic->lock, flags);
		strata_irqfd_ended(ioapic->vm, false, told);
		raw_spin_lock_irqsave(&ioapic->lock, flags);
	}
	for (pin = 0; pin < NUM_PINS; pin++) {
		if (RTE_VECTOR(ioapic->redir[pin]) != vector)
			continue;
		pit |= (int)pin == ioapic->pit_pin;
		if (level && (ioapic->redir[pin] & RTE_LEVEL))
			eoi_pin(ioapic, pin);
	}
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	if (pit)
		strata_pit_acked(ioapic->vm);
}

void strata_ioapic_watch(struct strata_ioapic *ioapic, u32 pins)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	ioapic->watched = pins;
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

/* What a LAPIC's EOI looks at before it comes here. */
static void update_pit_vector(struct strata_ioapic *ioapic)
{
	int pin = ioapic->pit_pin;

	WRITE_ONCE(ioapic->head.pit_vector, pin < 0 ? -1 : RTE_VECTOR(ioapic->redir[pin]));
}

void strata_ioapic_pit_pin(struct strata_ioapic *ioapic, int pin)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	ioapic->pit_pin = pin;
	update_pit_vector(ioapic);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

static u32 read_window(struct strata_ioapic *ioapic)
{
	unsigned int pin;

	switch (ioapic->select) {
	case REG_ID:
	case REG_ARB:
		return (u32)ioapic->id << 24;
	case REG_VERSION:
		return VERSION;
	case REG_REDIR ... REG_REDIR + 2 * NUM_PINS - 1:
		pin = array_index_nospec((ioapic->select - REG_REDIR) >> 1, NUM_PINS);
		return ioapic->redir[pin] >> (ioapic->select & 1) * 32;
	default:
		return 0;
	}
}

/* True: the guest opened the PIT's pin. */
static bool write_window(struct strata_ioapic *ioapic, u32 val)
{
	u64 old, entry;
	unsigned int pin;

	if (ioapic->select == REG_ID)
		ioapic->id = val >> 24 & 0xf;
	if (ioapic->select < REG_REDIR || ioapic->select >= REG_REDIR + 2 * NUM_PINS)
		return false;

	pin = array_index_nospec((ioapic->select - REG_REDIR) >> 1, NUM_PINS);
	old = ioapic->redir[pin];
	if (ioapic->select & 1)
		entry = (u64)val << 32 | (u32)old;
	else
		entry = (old & GENMASK_ULL(63, 32)) | val;
	entry &= RTE_BITS & ~RTE_REMOTE_IRR;
	/*
	 * Remote IRR is read only, but an entry that becomes edge triggered
	 * loses it: Linux ends interrupts of this version in that way.
	 */
	if (entry & RTE_LEVEL)
		entry |= old & RTE_REMOTE_IRR;
	ioapic->redir[pin] = entry;
	update_pit_vector(ioapic);
	if ((entry & RTE_LEVEL) && (ioapic->irr & 1u << pin))
		service(ioapic, pin);
	return (int)pin == ioapic->pit_pin && (old & ~entry & RTE_MASKED);
}

static void mmio_read(struct strata_iodev *dev, u64 addr, unsigned int len, void *val)
{
	struct strata_ioapic *ioapic = container_of(dev, struct strata_ioapic, dev);
	unsigned long flags;
	u64 result = 0;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	if ((addr & 0xff) == IOAPIC_SELECT)
		result = ioapic->select;
	else if ((addr & 0xff) == IOAPIC_WINDOW)
		result = read_window(ioapic);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	memcpy(val, &result, len);
}

static void mmio_write(struct strata_iodev *dev, u64 addr, unsigned int len, const void *val)
{
	struct strata_ioapic *ioapic = container_of(dev, struct strata_ioapic, dev);
	unsigned long flags;
	bool opened = false;
	u64 data = 0;

	memcpy(&data, val, len);
	raw_spin_lock_irqsave(&ioapic->lock, flags);
	if ((addr & 0xff) == IOAPIC_SELECT)
		ioapic->select = data;
	else if ((addr & 0xff) == IOAPIC_WINDOW)
		opened = write_window(ioapic, data);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	if (opened)
		strata_pit_unmasked(ioapic->vm);
}

static const struct strata_iodev_ops ioapic_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

struct strata_iodev *strata_ioapic_iodev(struct strata_ioapic *ioapic)
{
	return &ioapic->dev;
}

/* Edges that were delivered are not shown as requests: they would come twice. */
void strata_ioapic_get(struct strata_ioapic *ioapic, struct kvm_ioapic_state *s)
{
	unsigned long flags;
	unsigned int pin;

	memset(s, 0, sizeof(*s));
	raw_spin_lock_irqsave(&ioapic->lock, flags);
	s->base_address = IOAPIC_BASE;
	s->ioregsel = ioapic->select;
	s->id = ioapic->id;
	s->irr = ioapic->irr & ~ioapic->delivered;
	for (pin = 0; pin < NUM_PINS; pin++)
		s->redirtbl[pin].bits = ioapic->redir[pin];
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

/* Requests among the state are delivered at once. The base address is fixed. */
void strata_ioapic_set(struct strata_ioapic *ioapic, const struct kvm_ioapic_state *s)
{
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	ioapic->select = s->ioregsel;
	ioapic->id = s->id & 0xf;
	ioapic->irr = 0;
	ioapic->delivered = 0;
	for (pin = 0; pin < NUM_PINS; pin++) {
		ioapic->redir[pin] = s->redirtbl[pin].bits & RTE_BITS;
		if (!(ioapic->redir[pin] & RTE_LEVEL))
			ioapic->redir[pin] &= ~RTE_REMOTE_IRR;
	}
	update_pit_vector(ioapic);
	for (pin = 0; pin < NUM_PINS; pin++)
		if (s->irr & 1u << pin)
			set_pin(ioapic, pin, true);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
	strata_pit_unmasked(ioapic->vm);
}

struct strata_ioapic *strata_ioapic_alloc(struct strata_vm *vm)
{
	struct strata_ioapic *ioapic = kzalloc(sizeof(*ioapic), GFP_KERNEL_ACCOUNT);
	unsigned int pin;

	if (!ioapic)
		return NULL;
	raw_spin_lock_init(&ioapic->lock);
	strata_hrtimer_setup(&ioapic->storm, storm_over, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	ioapic->vm = vm;
	ioapic->dev.ops = &ioapic_ops;
	ioapic->pit_pin = -1;
	ioapic->head.pit_vector = -1;
	for (pin = 0; pin < NUM_PINS; pin++)
		ioapic->redir[pin] = RTE_MASKED;
	return ioapic;
}

/* No interrupt by itself after this. */
void strata_ioapic_stop(struct strata_ioapic *ioapic)
{
	hrtimer_cancel(&ioapic->storm);
}

void strata_ioapic_free(struct strata_ioapic *ioapic)
{
	kfree(ioapic);
}
