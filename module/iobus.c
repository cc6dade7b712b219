// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O buses: who in the kernel answers at a port or an address.
 *
 * A bus is one table that never changes. Whoever adds or removes something
 * makes a new one under slots_lock, publishes it and waits for the readers
 * of the old one in vm->srcu. So after a deassign no access is under way to
 * what was removed. Nothing on the path of an access sleeps.
 */
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "iobus.h"
#include "iofilter.h"
#include "strata.h"

/* On one bus, of all classes together. */
#define MAX_ENTRIES	1000

/* The classes of entries, in the order of the table; each sorted by address. */
enum { IO_DEV, IO_EVENT, IO_ZONE, IO_CLASSES };

struct io_entry {
	u64 first, last;
	union {
		void *owner;
		struct strata_iodev *dev;
		struct ioeventfd *event;
	};
};

struct strata_iobus {
	unsigned int start[IO_CLASSES + 1];	/* where each class begins */
	struct io_entry entries[];
};

struct ioeventfd {
	struct list_head link;		/* vm->ioeventfds */
	struct eventfd_ctx *ctx;
	u64 addr;
	u64 datamatch;
	u32 len;			/* 0: any */
	bool pio;
	bool match;			/* only writes of datamatch count */
};

struct coalesced_zone {
	struct list_head link;		/* vm->coalesced_zones */
	u64 addr;
	u32 size;
	bool pio;
};

/* ---- the table ---- */

static struct strata_iobus __rcu **bus_of(struct strata_vm *vm, bool pio)
{
	return pio ? &vm->pio_bus : &vm->mmio_bus;
}

static struct strata_iobus *current_bus(struct strata_vm *vm, bool pio)
{
	return rcu_dereference_protected(*bus_of(vm, pio), lockdep_is_held(&vm->slots_lock));
}

static struct strata_iobus *bus_alloc(unsigned int n)
{
	struct strata_iobus *bus;

	if (n > MAX_ENTRIES)
		return ERR_PTR(-ENOSPC);
	bus = kvzalloc(struct_size(bus, entries, n), GFP_KERNEL_ACCOUNT);
	return bus ?: ERR_PTR(-ENOMEM);
}

/* A copy of @old with one entry more. */
static struct strata_iobus *bus_insert(const struct strata_iobus *old, int class,
				       const struct io_entry *e)
{
	unsigned int n = old->start[IO_CLASSES], at;
	struct strata_iobus *bus = bus_alloc(n + 1);
	int i;

	if (IS_ERR(bus))
		return bus;
	for (at = old->start[class]; at < old->start[class + 1]; at++)
		if (old->entries[at].first > e->first)
			break;
	memcpy(bus->entries, old->entries, at * sizeof(*e));
	bus->entries[at] = *e;
	memcpy(&bus->entries[at + 1], &old->entries[at], (n - at) * sizeof(*e));
	for (i = 0; i <= IO_CLASSES; i++)
		bus->start[i] = old->start[i] + (i > class);
	return bus;
}

/* A copy of @old without @owner's entry. */
static struct strata_iobus *bus_remove(const struct strata_iobus *old, int class, const void *owner)
{
	unsigned int n = old->start[IO_CLASSES], at;
	struct strata_iobus *bus = bus_alloc(n - 1);
	int i;

	if (IS_ERR(bus))
		return bus;
	for (at = old->start[class]; old->entries[at].owner != owner; at++)
		;
	memcpy(bus->entries, old->entries, at * sizeof(bus->entries[0]));
	memcpy(&bus->entries[at], &old->entries[at + 1],
	       (n - at - 1) * sizeof(bus->entries[0]));
	for (i = 0; i <= IO_CLASSES; i++)
		bus->start[i] = old->start[i] - (i > class);
	return bus;
}

static u64 make_filter(const struct strata_iobus *bus, bool pio)
{
	u64 filter = 0, unit, last;
	unsigned int i;

	for (i = 0; i < bus->start[IO_CLASSES]; i++) {
		unit = strata_io_unit(pio, bus->entries[i].first);
		last = strata_io_unit(pio, bus->entries[i].last);
		if (last - unit >= 64)
			return ~0ull;
		for (; unit <= last; unit++)
			filter |= strata_io_bit(unit);
	}
	return filter;
}

/*
 * @bus replaces what is there; nobody uses the old one when this returns. Who
 * finds a bit in the filter that is not true any more finds nobody on the bus.
 */
static void publish(struct strata_vm *vm, bool pio, struct strata_iobus *bus)
{
	struct strata_iobus *old = current_bus(vm, pio);

	rcu_assign_pointer(*bus_of(vm, pio), bus);
	synchronize_srcu_expedited(&vm->srcu);
	WRITE_ONCE(vm->io_filter[pio], make_filter(bus, pio));
	kvfree(old);
}

static int insert(struct strata_vm *vm, bool pio, int class, const struct io_entry *e)
{
	struct strata_iobus *bus = bus_insert(current_bus(vm, pio), class, e);

	if (IS_ERR(bus))
		return PTR_ERR(bus);
	publish(vm, pio, bus);
	return 0;
}

static int remove(struct strata_vm *vm, bool pio, int class, const void *owner)
{
	struct strata_iobus *bus = bus_remove(current_bus(vm, pio), class, owner);

	if (IS_ERR(bus))
		return PTR_ERR(bus);
	publish(vm, pio, bus);
	return 0;
}

/* The first entry of a class that begins above @addr. */
static unsigned int above(const struct strata_iobus *bus, int class, u64 addr)
{
	unsigned int low = bus->start[class], high = bus->start[class + 1];

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (bus->entries[mid].first > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* The device that has all of the access, or NULL. Ranges of devices do not overlap. */
static struct strata_iodev *find_dev(const struct strata_iobus *bus, u64 addr, unsigned int len)
{
	unsigned int i = above(bus, IO_DEV, addr);

	if (i == bus->start[IO_DEV] || bus->entries[i - 1].last - addr < len - 1 ||
	    bus->entries[i - 1].last < addr)
		return NULL;
	return bus->entries[i - 1].dev;
}

static bool signal_event(const struct strata_iobus *bus, u64 addr, unsigned int len, u64 data)
{
	unsigned int i = above(bus, IO_EVENT, addr);

	while (i-- > bus->start[IO_EVENT] && bus->entries[i].first == addr) {
		struct ioeventfd *e = bus->entries[i].event;

		if ((e->len && e->len != len) || (e->match && e->datamatch != data))
			continue;
		strata_eventfd_signal(e->ctx);
		return true;
	}
	return false;
}

/* ---- accesses ---- */

/* An access's data as one number. Copies of a known length are no calls. */
static u64 value_of(const void *val, unsigned int len)
{
	u64 data = 0;

	switch (len) {
	case 1:
		memcpy(&data, val, 1);
		break;
	case 2:
		memcpy(&data, val, 2);
		break;
	case 4:
		memcpy(&data, val, 4);
		break;
	default:
		memcpy(&data, val, len);
	}
	return data;
}

static bool dev_write(const struct strata_iobus *bus, u64 addr, unsigned int len,
		      const void *val)
{
	struct strata_iodev *dev = find_dev(bus, addr, len);

	if (dev)
		dev->ops->write(dev, addr, len, val);
	return dev;
}

static int bus_read(struct strata_vm *vm, bool pio, u64 addr, unsigned int len, void *val)
{
	struct strata_iodev *dev;
	int idx;

	if (!strata_io_claimed(vm, pio, addr))
		return 1;
	idx = srcu_read_lock(&vm->srcu);
	dev = find_dev(srcu_dereference(*bus_of(vm, pio), &vm->srcu), addr, len);
	if (dev)
		dev->ops->read(dev, addr, len, val);
	srcu_read_unlock(&vm->srcu, idx);
	return !dev;
}

/**
 * strata_pio_read - IN, from a device in the kernel
 * @vcpu: its mutex is held
 * @port: first port
 * @len: 1, 2 or 4
 * @val: result
 *
 * Does not sleep. Return: 0, or 1 when there is no device.
 */
int strata_pio_read(struct strata_vcpu *vcpu, u16 port, unsigned int len, void *val)
{
	return bus_read(vcpu->vm, true, port, len, val);
}

/* Put a write into the ring; false when it is full: user space must drain it first. */
static bool ring_put(struct strata_vm *vm, bool pio, u64 addr, unsigned int len, const void *val)
{
	struct kvm_coalesced_mmio_ring *ring = vm->ring;
	struct kvm_coalesced_mmio *slot;
	u32 last, next;
	bool put = false;

	spin_lock(&vm->ring_lock);
	/* User space can write here what it likes. */
	last = READ_ONCE(ring->last);
	if (last < KVM_COALESCED_MMIO_MAX) {
		next = last + 1 < KVM_COALESCED_MMIO_MAX ? last + 1 : 0;
		if (next != READ_ONCE(ring->first)) {
			slot = &ring->coalesced_mmio[last];
			slot->phys_addr = addr;
			slot->len = len;
			slot->pio = pio;
			memcpy(slot->data, val, len);
			/* The slot before the index that gives it away. */
			smp_store_release(&ring->last, next);
			put = true;
		}
	}
	spin_unlock(&vm->ring_lock);
	return put;
}

static bool coalesce(struct strata_vm *vm, const struct strata_iobus *bus, bool pio, u64 addr,
		     unsigned int len, const void *val)
{
	unsigned int i = above(bus, IO_ZONE, addr);

	while (i-- > bus->start[IO_ZONE])
		if (addr <= bus->entries[i].last && bus->entries[i].last - addr >= len - 1)
			return ring_put(vm, pio, addr, len, val);
	return false;
}

/* With the value in memory; apart, so that signalling needs none. */
static noinline bool port_write(struct strata_vm *vm, const struct strata_iobus *bus, u16 port,
				unsigned int len, u32 val)
{
	return dev_write(bus, port, len, &val) || coalesce(vm, bus, true, port, len, &val);
}

/**
 * strata_pio_write - OUT, to an ioeventfd, a device in the kernel or a coalesced zone
 * @vcpu: its mutex is held
 * @port: first port
 * @len: 1, 2 or 4
 * @val: the data, zero-extended
 *
 * Does not sleep. Return: 0, or 1 when nobody took it.
 */
int strata_pio_write(struct strata_vcpu *vcpu, u16 port, unsigned int len, u32 val)
{
	struct strata_vm *vm = vcpu->vm;
	struct strata_iobus *bus;
	bool done;
	int idx;

	if (!strata_io_claimed(vm, true, port))
		return 1;
	idx = srcu_read_lock(&vm->srcu);
	bus = srcu_dereference(vm->pio_bus, &vm->srcu);
	done = signal_event(bus, port, len, val) || port_write(vm, bus, port, len, val);
	srcu_read_unlock(&vm->srcu, idx);
	return !done;
}

/**
 * strata_mmio_read - a read from the LAPIC or a device in the kernel
 * @vcpu: its mutex is held
 * @gpa: guest-physical address; the access is inside one page
 * @len: 1-8
 * @val: result
 *
 * Does not sleep. Return: 0, or 1 when there is no device.
 */
int strata_mmio_read(struct strata_vcpu *vcpu, u64 gpa, unsigned int len, void *val)
{
	if (strata_lapic_owns(vcpu, gpa))
		return strata_lapic_mmio_read(vcpu, offset_in_page(gpa), len, val);
	return bus_read(vcpu->vm, false, gpa, len, val);
}

/**
 * strata_mmio_write - a write to the LAPIC, an ioeventfd, a device in the
 * kernel or a coalesced zone
 * @vcpu: its mutex is held
 * @gpa: guest-physical address; the access is inside one page
 * @len: 1-8
 * @val: the data
 *
 * Does not sleep. Return: 0, or 1 when nobody took it.
 */
int strata_mmio_write(struct strata_vcpu *vcpu, u64 gpa, unsigned int len, const void *val)
{
	struct strata_vm *vm = vcpu->vm;
	struct strata_iobus *bus;
	bool done;
	u64 data;
	int idx;

	if (strata_lapic_owns(vcpu, gpa))
		return strata_lapic_mmio_write(vcpu, offset_in_page(gpa), len, val);
	if (!strata_io_claimed(vm, false, gpa))
		return 1;

	idx = srcu_read_lock(&vm->srcu);
	bus = srcu_dereference(vm->mmio_bus, &vm->srcu);
	data = value_of(val, len);
	done = signal_event(bus, gpa, len, data) || dev_write(bus, gpa, len, val) ||
	       coalesce(vm, bus, false, gpa, len, val);
	srcu_read_unlock(&vm->srcu, idx);
	return !done;
}

/* ---- changes ---- */

int strata_iobus_add(struct strata_vm *vm, const struct strata_io_range *ranges, unsigned int n)
{
	struct strata_iobus *bus[2] = {}, *more;
	unsigned int i;
	int r = 0;

	mutex_lock(&vm->slots_lock);
	for (i = 0; i < n; i++) {
		const struct strata_io_range *range = &ranges[i];
		struct io_entry e = {
			.first = range->first, .last = range->last, .dev = range->dev,
		};

		more = bus_insert(bus[range->pio] ?: current_bus(vm, range->pio), IO_DEV, &e);
		if (IS_ERR(more)) {
			r = PTR_ERR(more);
			break;
		}
		kvfree(bus[range->pio]);
		bus[range->pio] = more;
	}
	for (i = 0; i < 2; i++) {
		if (!r && bus[i])
			publish(vm, i, bus[i]);
		else
			kvfree(bus[i]);
	}
	mutex_unlock(&vm->slots_lock);
	return r;
}

/* Would one write reach both? */
static bool collide(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->pio == b->pio && a->addr == b->addr &&
	       (!a->len || !b->len ||
		(a->len == b->len &&
		 (!a->match || !b->match || a->datamatch == b->datamatch)));
}

static int assign(struct strata_vm *vm, const struct ioeventfd *key)
{
	struct io_entry entry = { .first = key->addr, .last = key->addr };
	struct ioeventfd *e, *other;
	int r;

	e = kmemdup(key, sizeof(*key), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	entry.event = e;

	mutex_lock(&vm->slots_lock);
	r = -EEXIST;
	list_for_each_entry(other, &vm->ioeventfds, link)
		if (collide(e, other))
			goto fail;
	r = insert(vm, e->pio, IO_EVENT, &entry);
	if (r)
		goto fail;
	list_add_tail(&e->link, &vm->ioeventfds);
	mutex_unlock(&vm->slots_lock);
	return 0;

fail:
	mutex_unlock(&vm->slots_lock);
	kfree(e);
	return r;
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return a->ctx == b->ctx && a->pio == b->pio && a->addr == b->addr && a->len == b->len &&
	       a->match == b->match && (!a->match || a->datamatch == b->datamatch);
}

static void free_event(struct ioeventfd *e)
{
	list_del(&e->link);
	eventfd_ctx_put(e->ctx);
	kfree(e);
}

static int deassign(struct strata_vm *vm, const struct ioeventfd *key)
{
	struct ioeventfd *e;
	int r = -ENOENT;

	mutex_lock(&vm->slots_lock);
	list_for_each_entry(e, &vm->ioeventfds, link) {
		if (!same(e, key))
			continue;
		r = remove(vm, e->pio, IO_EVENT, e);
		if (!r)
			free_event(e);
		break;
	}
	mutex_unlock(&vm->slots_lock);
	return r;
}

/**
 * strata_ioeventfd - KVM_IOEVENTFD
 * @vm: any
 * @args: the key is bus, address, length and, if asked for, the datum
 *
 * Return: 0; -EINVAL for bad flags, lengths or addresses; -EEXIST where a
 * write would reach two; -ENOENT where there is none to take away; -EBADF,
 * -ENOMEM, -ENOSPC.
 */
int strata_ioeventfd(struct strata_vm *vm, const struct kvm_ioeventfd *args)
{
	const u32 flags = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;
	struct ioeventfd key = {
		.addr = args->addr,
		.len = args->len,
		.pio = args->flags & KVM_IOEVENTFD_FLAG_PIO,
		.match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
		.datamatch = args->datamatch,
	};
	int r;

	if (args->flags & ~flags)
		return -EINVAL;
	switch (args->len) {
	case 0:
		if (key.match)
			return -EINVAL;
		break;
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return -EINVAL;
	}
	if (args->addr + args->len < args->addr)
		return -EINVAL;

	key.ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(key.ctx))
		return PTR_ERR(key.ctx);
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) {
		r = deassign(vm, &key);
		eventfd_ctx_put(key.ctx);
		return r;
	}
	r = assign(vm, &key);
	if (r)
		eventfd_ctx_put(key.ctx);
	return r;
}

static int add_zone(struct strata_vm *vm, const struct kvm_coalesced_mmio_zone *z)
{
	struct io_entry entry = { .first = z->addr, .last = z->addr + z->size - 1 };
	struct coalesced_zone *zone;
	int r;

	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	zone->addr = z->addr;
	zone->size = z->size;
	zone->pio = z->pio;
	entry.owner = zone;
	r = insert(vm, zone->pio, IO_ZONE, &entry);
	if (r)
		kfree(zone);
	else
		list_add_tail(&zone->link, &vm->coalesced_zones);
	return r;
}

/* Every zone that has all of @z goes, as in KVM. */
static int remove_zones(struct strata_vm *vm, const struct kvm_coalesced_mmio_zone *z)
{
	struct coalesced_zone *zone, *next;
	int r;

	list_for_each_entry_safe(zone, next, &vm->coalesced_zones, link) {
		if (z->pio != zone->pio || z->addr < zone->addr ||
		    z->addr + z->size > zone->addr + zone->size)
			continue;
		r = remove(vm, zone->pio, IO_ZONE, zone);
		if (r)
			return r;
		list_del(&zone->link);
		kfree(zone);
	}
	return 0;
}

/**
 * strata_coalesced_mmio - KVM_REGISTER_COALESCED_MMIO, KVM_UNREGISTER_...
 * @vm: any
 * @z: guest-physical address or port, and size
 * @add: register
 *
 * Return: 0; -EINVAL for a bus that there is not, an empty zone or one that wraps;
 * -ENOMEM, -ENOSPC.
 */
int strata_coalesced_mmio(struct strata_vm *vm, const struct kvm_coalesced_mmio_zone *z, bool add)
{
	int r;

	if (z->pio > 1 || !z->size || z->addr + z->size < z->addr)
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	r = add ? add_zone(vm, z) : remove_zones(vm, z);
	mutex_unlock(&vm->slots_lock);
	return r;
}

/**
 * strata_iobus_init - two empty buses
 * @vm: being created
 *
 * Return: 0 or -ENOMEM.
 */
int strata_iobus_init(struct strata_vm *vm)
{
	struct strata_iobus *pio = bus_alloc(0), *mmio = bus_alloc(0);

	vm->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (IS_ERR(pio) || IS_ERR(mmio) || !vm->ring) {
		if (!IS_ERR(pio))
			kvfree(pio);
		if (!IS_ERR(mmio))
			kvfree(mmio);
		free_page((unsigned long)vm->ring);
		return -ENOMEM;
	}
	RCU_INIT_POINTER(vm->pio_bus, pio);
	RCU_INIT_POINTER(vm->mmio_bus, mmio);
	return 0;
}

/**
 * strata_iobus_destroy - the end of the buses and of what user space put there
 * @vm: nobody uses it any more
 */
void strata_iobus_destroy(struct strata_vm *vm)
{
	struct coalesced_zone *zone, *next_zone;
	struct ioeventfd *e, *next_e;

	list_for_each_entry_safe(e, next_e, &vm->ioeventfds, link)
		free_event(e);
	list_for_each_entry_safe(zone, next_zone, &vm->coalesced_zones, link) {
		list_del(&zone->link);
		kfree(zone);
	}
	kvfree(rcu_dereference_protected(vm->pio_bus, true));
	kvfree(rcu_dereference_protected(vm->mmio_bus, true));
	free_page((unsigned long)vm->ring);
}
