// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259A in a VM: its ports, its lines, and who gets its output.
 */
#include <linux/slab.h>

#include "../iobus.h"
#include "irqchip.h"
#include "irqfd.h"
#include "pic_chip.h"

struct strata_pic {
	raw_spinlock_t lock;
	bool output;			/* (a) changed under the lock */
	int pit_pin;			/* input of GSI 0, -1: none */
	u16 watched;			/* inputs whose ends others hear of */
	u8 lines[16];			/* bits of enum strata_irq_source that hold it high */
	struct pic_pair pair;
	struct strata_iodev dev;
	struct strata_vm *vm;		/* (c) */
};

/* The first vCPU that is connected to the output looks for it. */
static void signal_output(struct strata_vm *vm)
{
	struct strata_vcpu *vcpu;
	unsigned int i;
	int idx;

	idx = srcu_read_lock(&vm->srcu);
	strata_for_each_vcpu(i, vcpu, vm) {
		if (strata_lapic_accepts_extint(vcpu)) {
			strata_request_kick(vcpu, STRATA_REQ_EVENT);
			break;
		}
	}
	srcu_read_unlock(&vm->srcu, idx);
}

/* What others must hear of a change. */
#define NEWS_OUTPUT	BIT(0)
#define NEWS_OPENED	BIT(1)		/* the input of GSI 0 was unmasked */
#define NEWS_ENDED	BIT(2)		/* and its service ended */
#define NEWS_WATCHED	16		/* from this bit on: watched inputs that ended */

/* The end of each change; lock held. */
static unsigned int settle(struct strata_pic *pic)
{
	u16 pit = pic->pit_pin < 0 ? 0 : 1u << pic->pit_pin;
	unsigned int news = 0;

	if (pic->pair.opened & pit)
		news |= NEWS_OPENED;
	if (pic->pair.ended & pit)
		news |= NEWS_ENDED;
	news |= (u32)(pic->pair.ended & pic->watched) << NEWS_WATCHED;
	pic->pair.opened = 0;
	pic->pair.ended = 0;
	WRITE_ONCE(pic->output, pic_output(&pic->pair));
	if (pic->output)
		news |= NEWS_OUTPUT;
	return news;
}

/* After the lock is dropped: the PIT may want to use it. */
static void tell(struct strata_pic *pic, unsigned int news)
{
	if (news & NEWS_OUTPUT)
		signal_output(pic->vm);
	if (news & NEWS_OPENED)
		strata_pit_unmasked(pic->vm);
	if (news & NEWS_ENDED)
		strata_pit_acked(pic->vm);
	if (unlikely(news >> NEWS_WATCHED))
		strata_irqfd_ended(pic->vm, true, news >> NEWS_WATCHED);
}

/**
 * strata_pic_set_irq - one source drives an input
 * @pic: the pair
 * @irq: 0-15
 * @source: who
 * @level: high
 *
 * Any context. Return: 1 requested, 0 was requested already, -1 masked.
 */
int strata_pic_set_irq(struct strata_pic *pic, unsigned int irq, enum strata_irq_source source,
		       bool level)
{
	unsigned long flags;
	unsigned int news;
	int r;

	raw_spin_lock_irqsave(&pic->lock, flags);
	if (level)
		pic->lines[irq] |= 1u << source;
	else
		pic->lines[irq] &= ~(1u << source);
	r = pic_set_line(&pic->pair, irq, pic->lines[irq]);
	news = settle(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, news);
	return r;
}

/**
 * strata_pic_peek - the vector that waits
 * @pic: the pair; any context
 *
 * Return: the vector, or -1 when the output is not active.
 */
int strata_pic_peek(struct strata_pic *pic)
{
	unsigned long flags;
	int vector = -1;

	if (likely(!READ_ONCE(pic->output)))
		return -1;
	raw_spin_lock_irqsave(&pic->lock, flags);
	if (pic->output)
		vector = pic_peek(&pic->pair);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	return vector;
}

/**
 * strata_pic_ack - the INTA cycle
 * @pic: the pair
 *
 * Return: the vector, or -1 when the output is not active any more.
 */
int strata_pic_ack(struct strata_pic *pic)
{
	unsigned long flags;
	unsigned int news;
	int vector = -1;

	if (likely(!READ_ONCE(pic->output)))
		return -1;
	raw_spin_lock_irqsave(&pic->lock, flags);
	if (pic->output)
		vector = pic_ack(&pic->pair);
	news = settle(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, news);
	return vector;
}

/* Ports 0x20, 0x21; 0xa0, 0xa1; 0x4d0, 0x4d1. Wider accesses are bytes in a row. */
static void port_read(struct strata_iodev *dev, u64 addr, unsigned int len, void *val)
{
	struct strata_pic *pic = container_of(dev, struct strata_pic, dev);
	unsigned long flags;
	unsigned int news;
	u8 *byte = val;

	raw_spin_lock_irqsave(&pic->lock, flags);
	for (; len--; addr++, byte++) {
		if (addr >= 0x4d0)
			*byte = pic->pair.chip[addr & 1].elcr;
		else
			*byte = pic_read(&pic->pair, addr >> 7 & 1, addr & 1);
	}
	/* After the poll command a read is an acknowledgment. */
	news = settle(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, news);
}

static void port_write(struct strata_iodev *dev, u64 addr, unsigned int len, const void *val)
{
	struct strata_pic *pic = container_of(dev, struct strata_pic, dev);
	unsigned long flags;
	unsigned int news;
	const u8 *byte = val;

	raw_spin_lock_irqsave(&pic->lock, flags);
	for (; len--; addr++, byte++) {
		if (addr >= 0x4d0)
			pic_write_elcr(&pic->pair, addr & 1, *byte);
		else
			pic_write(&pic->pair, addr >> 7 & 1, addr & 1, *byte);
	}
	news = settle(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, news);
}

static const struct strata_iodev_ops pic_ops = {
	.read = port_read,
	.write = port_write,
};

struct strata_iodev *strata_pic_iodev(struct strata_pic *pic)
{
	return &pic->dev;
}

void strata_pic_watch(struct strata_pic *pic, u32 inputs)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	pic->watched = inputs;
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

void strata_pic_pit_pin(struct strata_pic *pic, int pin)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	pic->pit_pin = pin;
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

void strata_pic_get(struct strata_pic *pic, unsigned int chip, struct kvm_pic_state *s)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	*s = pic->pair.chip[chip];
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

void strata_pic_set(struct strata_pic *pic, unsigned int chip, const struct kvm_pic_state *s)
{
	unsigned long flags;
	unsigned int news;

	raw_spin_lock_irqsave(&pic->lock, flags);
	pic_set_state(&pic->pair, chip, s);
	news = settle(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	tell(pic, news);
}

struct strata_pic *strata_pic_alloc(struct strata_vm *vm)
{
	struct strata_pic *pic = kzalloc(sizeof(*pic), GFP_KERNEL_ACCOUNT);

	if (!pic)
		return NULL;
	raw_spin_lock_init(&pic->lock);
	pic->vm = vm;
	pic->pit_pin = -1;
	pic->dev.ops = &pic_ops;
	pic_reset(&pic->pair);
	return pic;
}

void strata_pic_free(struct strata_pic *pic)
{
	kfree(pic);
}
