// SPDX-License-Identifier: GPL-2.0
/*
 * Eventfds that raise interrupts (KVM_IRQFD).
 *
 * The signal of an eventfd calls wakeup() with the eventfd's own lock held and
 * interrupts off, and there the interrupt is delivered: no thread, no work item.
 * An edge is raised and lowered at once. With KVM_IRQFD_FLAG_RESAMPLE the line
 * stays high until the guest ends the interrupt; then it is lowered and the
 * second eventfd is told, whose owner raises it again if the device still asks.
 *
 * Locks: vm->irq_lock for whoever adds and removes; irqfd_lock, under the lock
 * of an eventfd, for "is it still on the list?". Those with a second eventfd are
 * found under vm->irq_srcu.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "irqchip.h"
#include "irqfd.h"
#include "routes.h"

struct irqfd {
	struct strata_vm *vm;		/* (c) */
	struct eventfd_ctx *ctx;	/* (c) */
	struct eventfd_ctx *resample;	/* (c) NULL: an edge */
	u32 gsi;			/* (c) */
	struct list_head link;		/* vm->irqfds, irqfd_lock; empty: on its way out */
	struct list_head watch;		/* vm->resamplers, vm->irq_lock; read under irq_srcu */
	wait_queue_entry_t wait;
	poll_table pt;
	struct work_struct gone;
};

static DEFINE_SPINLOCK(irqfd_lock);
static struct workqueue_struct *irqfd_wq;

static void raise(struct irqfd *f)
{
	if (f->resample) {
		strata_set_irq_from(f->vm, f->gsi, STRATA_IRQ_RESAMPLE, true);
		return;
	}
	strata_set_irq_from(f->vm, f->gsi, STRATA_IRQ_FD, true);
	strata_set_irq_from(f->vm, f->gsi, STRATA_IRQ_FD, false);
}

/* Off the list: its end is the work's. irqfd_lock held. */
static void retire(struct irqfd *f)
{
	list_del_init(&f->link);
	queue_work(irqfd_wq, &f->gone);
}

static int wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *f = container_of(wait, struct irqfd, wait);
	__poll_t what = key_to_poll(key);
	unsigned long flags;
	int taken = 0;
	u64 count;

	if (what & EPOLLIN) {
		eventfd_ctx_do_read(f->ctx, &count);
		raise(f);
		taken = 1;
	}
	/* The last file of the eventfd is being closed. */
	if (what & EPOLLHUP) {
		spin_lock_irqsave(&irqfd_lock, flags);
		if (!list_empty(&f->link))
			retire(f);
		spin_unlock_irqrestore(&irqfd_lock, flags);
	}
	return taken;
}

static void on_poll(struct file *file, wait_queue_head_t *wqh, poll_table *pt)
{
	struct irqfd *f = container_of(pt, struct irqfd, pt);

	add_wait_queue_priority(wqh, &f->wait);
}

/* Process context; nobody finds it on the list any more. */
static void gone(struct work_struct *work)
{
	struct irqfd *f = container_of(work, struct irqfd, gone);
	struct strata_vm *vm = f->vm;
	u64 count;

	/* Waits for a wakeup() that is under way. */
	eventfd_ctx_remove_wait_queue(f->ctx, &f->wait, &count);
	if (f->resample) {
		mutex_lock(&vm->irq_lock);
		list_del_rcu(&f->watch);
		strata_irqfd_watch(vm);
		mutex_unlock(&vm->irq_lock);
		synchronize_srcu(&vm->irq_srcu);
		strata_set_irq_from(vm, f->gsi, STRATA_IRQ_RESAMPLE, false);
		eventfd_ctx_put(f->resample);
	}
	eventfd_ctx_put(f->ctx);
	kfree(f);
}

/* Does a GSI go to one of these pins? vm->irq_srcu or vm->irq_lock held. */
static bool reaches(const struct strata_routing *table, u32 gsi, bool pic, u32 pins)
{
	u8 type = pic ? ROUTE_PIC : ROUTE_IOAPIC;
	unsigned int i;

	if (gsi >= table->nr_gsis)
		return false;
	for (i = table->start[gsi]; i < table->start[gsi + 1]; i++)
		if (table->routes[i].type == type && (pins & 1u << table->routes[i].pin))
			return true;
	return false;
}

void strata_irqfd_ended(struct strata_vm *vm, bool pic, u32 pins)
{
	const struct strata_routing *table;
	struct irqfd *f;
	int idx;

	idx = srcu_read_lock(&vm->irq_srcu);
	table = srcu_dereference(vm->routing, &vm->irq_srcu);
	list_for_each_entry_srcu(f, &vm->resamplers, watch, srcu_read_lock_held(&vm->irq_srcu)) {
		if (!reaches(table, f->gsi, pic, pins))
			continue;
		strata_set_irq_from(vm, f->gsi, STRATA_IRQ_RESAMPLE, false);
		strata_eventfd_signal(f->resample);
	}
	srcu_read_unlock(&vm->irq_srcu, idx);
}

void strata_irqfd_watch(struct strata_vm *vm)
{
	const struct strata_routing *table;
	u32 pic = 0, ioapic = 0;
	unsigned int pin;
	struct irqfd *f;

	lockdep_assert_held(&vm->irq_lock);
	if (!vm->pic)
		return;
	table = rcu_dereference_protected(vm->routing, lockdep_is_held(&vm->irq_lock));
	list_for_each_entry(f, &vm->resamplers, watch) {
		for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
			if (reaches(table, f->gsi, true, 1u << pin))
				pic |= 1u << pin;
			if (reaches(table, f->gsi, false, 1u << pin))
				ioapic |= 1u << pin;
		}
	}
	strata_pic_watch(vm->pic, pic);
	strata_ioapic_watch(vm->ioapic, ioapic);
}

static struct irqfd *create(struct strata_vm *vm, const struct kvm_irqfd *args)
{
	struct irqfd *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	long r;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->vm = vm;
	f->gsi = args->gsi;
	INIT_LIST_HEAD(&f->link);
	INIT_LIST_HEAD(&f->watch);
	INIT_WORK(&f->gone, gone);
	init_waitqueue_func_entry(&f->wait, wakeup);
	init_poll_funcptr(&f->pt, on_poll);
	f->ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(f->ctx)) {
		r = PTR_ERR(f->ctx);
		goto free;
	}
	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		f->resample = eventfd_ctx_fdget(args->resamplefd);
		if (IS_ERR(f->resample)) {
			r = PTR_ERR(f->resample);
			goto put;
		}
	}
	return f;

put:
	eventfd_ctx_put(f->ctx);
free:
	kfree(f);
	return ERR_PTR(r);
}

static int assign(struct strata_vm *vm, const struct kvm_irqfd *args)
{
	struct file *file = eventfd_fget(args->fd);
	struct irqfd *f, *other;
	__poll_t ready;
	int r = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	f = create(vm, args);
	if (IS_ERR(f)) {
		r = PTR_ERR(f);
		goto put_file;
	}

	mutex_lock(&vm->irq_lock);
	spin_lock_irq(&irqfd_lock);
	list_for_each_entry(other, &vm->irqfds, link)
		if (other->ctx == f->ctx)
			r = -EBUSY;
	if (!r)
		list_add_tail(&f->link, &vm->irqfds);
	spin_unlock_irq(&irqfd_lock);
	if (r) {
		mutex_unlock(&vm->irq_lock);
		if (f->resample)
			eventfd_ctx_put(f->resample);
		eventfd_ctx_put(f->ctx);
		kfree(f);
		goto put_file;
	}
	if (f->resample) {
		list_add_rcu(&f->watch, &vm->resamplers);
		strata_irqfd_watch(vm);
	}
	/* From here on signals come; those before are seen now. */
	ready = vfs_poll(file, &f->pt);
	if (ready & EPOLLIN)
		raise(f);
	mutex_unlock(&vm->irq_lock);

put_file:
	fput(file);
	return r;
}

static int deassign(struct strata_vm *vm, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);
	struct irqfd *f, *next;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	spin_lock_irq(&irqfd_lock);
	list_for_each_entry_safe(f, next, &vm->irqfds, link)
		if (f->ctx == ctx && f->gsi == args->gsi)
			retire(f);
	spin_unlock_irq(&irqfd_lock);
	eventfd_ctx_put(ctx);
	/* No interrupt comes of it when this returns. */
	flush_workqueue(irqfd_wq);
	return 0;
}

/**
 * strata_irqfd - KVM_IRQFD
 * @vm: any
 * @args: eventfd, GSI, flags
 *
 * To take one away that is not there is no error, as in KVM.
 *
 * Return: 0; -EINVAL for flags, for a resampling one without an IOAPIC in the
 * kernel, and for a GSI that cannot be; -EAGAIN without irqchip; -EBUSY where the
 * eventfd is used already; -EBADF, -ENOMEM.
 */
int strata_irqfd(struct strata_vm *vm, const struct kvm_irqfd *args)
{
	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return deassign(vm, args);
	/* Pairs with strata_irqchip_create(). */
	if (!smp_load_acquire(&vm->irqchip))
		return -EAGAIN;
	if (args->gsi >= STRATA_MAX_IRQ_ROUTES ||
	    ((args->flags & KVM_IRQFD_FLAG_RESAMPLE) && !vm->pic))
		return -EINVAL;
	return assign(vm, args);
}

/* @vm: nobody uses it any more, but eventfds. */
void strata_irqfd_destroy(struct strata_vm *vm)
{
	struct irqfd *f, *next;

	spin_lock_irq(&irqfd_lock);
	list_for_each_entry_safe(f, next, &vm->irqfds, link)
		retire(f);
	spin_unlock_irq(&irqfd_lock);
	flush_workqueue(irqfd_wq);
}

int strata_irqfd_setup(void)
{
	/* From 7.2 on a queue has to say whether it is bound to CPUs. */
	irqfd_wq = alloc_workqueue("strata-irqfd", WQ_UNBOUND, 0);
	return irqfd_wq ? 0 : -ENOMEM;
}

void strata_irqfd_teardown(void)
{
	destroy_workqueue(irqfd_wq);
}
