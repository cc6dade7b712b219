// SPDX-License-Identifier: GPL-2.0
/*
 * Two cascaded 8259A interrupt controllers: the state machine alone.
 */
#include "pic_chip.h"

/* Inputs that may be level triggered; the others belong to the board. */
static const u8 elcr_mask[2] = { 0xf8, 0xde };

/* What state initialisation waits for. */
enum { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

/* Rank of the first input of @set, 0 the highest; 8: none. */
static unsigned int rank(const struct kvm_pic_state *s, u8 set)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (set & 1u << ((i + s->priority_add) & 7))
			return i;
	return 8;
}

static unsigned int input_of(const struct kvm_pic_state *s, unsigned int r)
{
	return (r + s->priority_add) & 7;
}

/* The input that the chip wants served, or -1. */
static int wanted(const struct pic_pair *pair, unsigned int chip)
{
	const struct kvm_pic_state *s = &pair->chip[chip];
	u8 blocking = s->isr;
	unsigned int r = rank(s, s->irr & ~s->imr);

	if (r == 8)
		return -1;
	/* The slave's higher requests pass the slave's own service. */
	if (s->special_fully_nested_mode && !chip)
		blocking &= ~(1u << PIC_CASCADE);
	/* In special mask mode only the mask holds back. */
	if (s->special_mask)
		blocking &= ~s->imr;
	return r < rank(s, blocking) ? (int)input_of(s, r) : -1;
}

/* The slave's output is the master's input; to be called after each change. */
static void cascade(struct pic_pair *pair)
{
	if (wanted(pair, 1) >= 0)
		pair->chip[0].irr |= 1u << PIC_CASCADE;
	else
		pair->chip[0].irr &= ~(1u << PIC_CASCADE);
}

static void end(struct pic_pair *pair, unsigned int chip, u8 inputs)
{
	pair->ended |= (u16)inputs << chip * 8;
}

void pic_reset(struct pic_pair *pair)
{
	unsigned int i;

	memset(pair, 0, sizeof(*pair));
	for (i = 0; i < 2; i++)
		pair->chip[i].elcr_mask = elcr_mask[i];
}

int pic_set_line(struct pic_pair *pair, unsigned int irq, bool high)
{
	struct kvm_pic_state *s = &pair->chip[irq >> 3 & 1];
	u8 bit = 1u << (irq & 7);
	int r = 1;

	/* Nothing but the slave is wired to it. */
	if (irq == PIC_CASCADE)
		return -1;
	if (s->elcr & bit) {
		if (high) {
			r = !(s->irr & bit);
			s->irr |= bit;
			s->last_irr |= bit;
		} else {
			s->irr &= ~bit;
			s->last_irr &= ~bit;
		}
	} else if (high) {
		if (!(s->last_irr & bit)) {
			r = !(s->irr & bit);
			s->irr |= bit;
		}
		s->last_irr |= bit;
	} else {
		s->last_irr &= ~bit;
	}
	cascade(pair);
	return s->imr & bit ? -1 : r;
}

bool pic_output(const struct pic_pair *pair)
{
	return wanted(pair, 0) >= 0;
}

/* Input 7 answers when the request went away: the spurious interrupt. */
u8 pic_peek(const struct pic_pair *pair)
{
	int irq = wanted(pair, 0), slave;

	if (irq != PIC_CASCADE)
		return pair->chip[0].irq_base + (irq < 0 ? 7 : irq);
	slave = wanted(pair, 1);
	return pair->chip[1].irq_base + (slave < 0 ? 7 : slave);
}

static void serve(struct pic_pair *pair, unsigned int chip, unsigned int irq)
{
	struct kvm_pic_state *s = &pair->chip[chip];
	u8 bit = 1u << irq;

	if (!(s->elcr & bit))
		s->irr &= ~bit;
	if (!s->auto_eoi) {
		s->isr |= bit;
		return;
	}
	if (s->rotate_on_auto_eoi)
		s->priority_add = (irq + 1) & 7;
	end(pair, chip, bit);
}

u8 pic_ack(struct pic_pair *pair)
{
	u8 vector = pic_peek(pair);
	int irq = wanted(pair, 0), slave;

	if (irq < 0)
		return vector;
	if (irq == PIC_CASCADE) {
		slave = wanted(pair, 1);
		if (slave >= 0)
			serve(pair, 1, slave);
	}
	serve(pair, 0, irq);
	cascade(pair);
	return vector;
}

/* ICW1 begins initialisation. */
static void write_icw1(struct pic_pair *pair, unsigned int chip, u8 val)
{
	struct kvm_pic_state *s = &pair->chip[chip];

	/* Edges are forgotten; level inputs that are high stay requests. */
	end(pair, chip, (s->irr & ~s->elcr) | s->isr);
	s->irr &= s->elcr;
	s->last_irr &= s->elcr;
	s->isr = 0;
	s->imr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->init4 = val & 1;
	if (!s->init4) {
		s->special_fully_nested_mode = 0;
		s->auto_eoi = 0;
	}
	s->rotate_on_auto_eoi = 0;
	s->init_state = INIT_ICW2;
}

/* OCW2: end of interrupt and rotation. */
static void write_ocw2(struct pic_pair *pair, unsigned int chip, u8 val)
{
	struct kvm_pic_state *s = &pair->chip[chip];
	bool rotate = val & 0x80, specific = val & 0x40, eoi = val & 0x20;
	unsigned int irq = val & 7, r;

	if (!eoi) {
		if (!specific)
			s->rotate_on_auto_eoi = rotate;
		else if (rotate)
			s->priority_add = (irq + 1) & 7;
		return;
	}
	if (!specific) {
		/* Special mask mode hides masked inputs from this command. */
		r = rank(s, s->special_mask ? s->isr & ~s->imr : s->isr);
		if (r == 8)
			return;
		irq = input_of(s, r);
	}
	s->isr &= ~(1u << irq);
	if (rotate)
		s->priority_add = (irq + 1) & 7;
	end(pair, chip, 1u << irq);
}

/* OCW3: poll, read selection, special mask mode. */
static void write_ocw3(struct kvm_pic_state *s, u8 val)
{
	if (val & 0x04)
		s->poll = 1;
	if (val & 0x02)
		s->read_reg_select = val & 1;
	if (val & 0x40)
		s->special_mask = val >> 5 & 1;
}

static void write_data(struct pic_pair *pair, unsigned int chip, u8 val)
{
	struct kvm_pic_state *s = &pair->chip[chip];

	switch (s->init_state) {
	case INIT_ICW2:
		s->irq_base = val & 0xf8;
		s->init_state = INIT_ICW3;
		break;
	case INIT_ICW3:
		/* Who is slave of whom is wired. */
		s->init_state = s->init4 ? INIT_ICW4 : INIT_DONE;
		break;
	case INIT_ICW4:
		s->special_fully_nested_mode = val >> 4 & 1;
		s->auto_eoi = val >> 1 & 1;
		s->init_state = INIT_DONE;
		break;
	default:
		pair->opened |= (u16)(u8)(s->imr & ~val) << chip * 8;
		s->imr = val;
		break;
	}
}

void pic_write(struct pic_pair *pair, unsigned int chip, unsigned int reg, u8 val)
{
	if (reg)
		write_data(pair, chip, val);
	else if (val & 0x10)
		write_icw1(pair, chip, val);
	else if (val & 0x08)
		write_ocw3(&pair->chip[chip], val);
	else
		write_ocw2(pair, chip, val);
	cascade(pair);
}

/* After the poll command any read is an INTA cycle of this chip alone. */
static u8 poll(struct pic_pair *pair, unsigned int chip)
{
	int irq = wanted(pair, chip);

	pair->chip[chip].poll = 0;
	if (irq < 0)
		return 0;
	serve(pair, chip, irq);
	cascade(pair);
	return 0x80 | irq;
}

u8 pic_read(struct pic_pair *pair, unsigned int chip, unsigned int reg)
{
	const struct kvm_pic_state *s = &pair->chip[chip];

	if (s->poll)
		return poll(pair, chip);
	if (reg)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

void pic_write_elcr(struct pic_pair *pair, unsigned int chip, u8 val)
{
	pair->chip[chip].elcr = val & elcr_mask[chip];
}

void pic_set_state(struct pic_pair *pair, unsigned int chip, const struct kvm_pic_state *state)
{
	struct kvm_pic_state *s = &pair->chip[chip];

	*s = *state;
	s->priority_add &= 7;
	s->irq_base &= 0xf8;
	s->read_reg_select &= 1;
	s->poll &= 1;
	s->special_mask &= 1;
	s->init_state &= 3;
	s->auto_eoi &= 1;
	s->rotate_on_auto_eoi &= 1;
	s->special_fully_nested_mode &= 1;
	s->init4 &= 1;
	s->elcr &= elcr_mask[chip];
	s->elcr_mask = elcr_mask[chip];
	cascade(pair);
}
