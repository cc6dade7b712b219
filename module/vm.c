// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a VM.
 *
 * The VM's file and each vCPU's file hold a reference; the last one out
 * frees everything, so no order of closing matters.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ioctl.h"
#include "msr_user.h"
#include "strata.h"
#include "trace.h"

LIST_HEAD(strata_vm_list);
/* 0 is no VM, see strata_last_vcpu. */
static u32 strata_next_index = 1;

void strata_vm_get(struct strata_vm *vm)
{
	refcount_inc(&vm->refs);
}

static void vm_destroy(struct strata_vm *vm)
{
	unsigned int i;

	mutex_lock(&strata_lock);
	list_del(&vm->link);
	mutex_unlock(&strata_lock);
	trace_strata_vm(vm->index, pid_nr(vm->pid), true);

	/* First what may still call in by itself: timers and eventfds. */
	strata_pit_destroy(vm);
	strata_iobus_destroy(vm);
	strata_irqchip_stop(vm);
	/* An MMU notifier that flushes looks at the vCPUs: none may come after them. */
	strata_mmu_destroy_vm(vm);
	for (i = 0; i < vm->nr_vcpus; i++)
		strata_vcpu_destroy(vm->vcpus[i]);
	strata_irqchip_destroy(vm);
	strata_msr_filter_destroy(vm);
	cleanup_srcu_struct(&vm->irq_srcu);
	cleanup_srcu_struct(&vm->srcu);
	put_pid(vm->pid);
	mmdrop(vm->mm);
	kvfree(vm);
	strata_hw_put();
}

void strata_vm_put(struct strata_vm *vm)
{
	if (refcount_dec_and_test(&vm->refs))
		vm_destroy(vm);
}

/**
 * strata_vm_bug - the VM cannot go on
 * @vm: any context
 *
 * Every KVM_RUN ends with -EIO, now and later.
 */
void strata_vm_bug(struct strata_vm *vm)
{
	struct strata_vcpu *vcpu;
	unsigned int i;

	WRITE_ONCE(vm->dead, true);
	strata_for_each_vcpu(i, vcpu, vm)
		strata_request_kick(vcpu, STRATA_REQ_VM_DEAD);
}

/**
 * strata_vcpu_by_id - find a vCPU
 * @vm: any
 * @id: as user space gave it
 *
 * Return: the vCPU or NULL.
 */
struct strata_vcpu *strata_vcpu_by_id(struct strata_vm *vm, u32 id)
{
	struct strata_vcpu *vcpu;
	unsigned int i, n;

	/* Most often the id is the place. */
	n = smp_load_acquire(&vm->nr_vcpus);
	if (id < n) {
		/* It may be the guest's. */
		vcpu = READ_ONCE(vm->vcpus[array_index_nospec(id, n)]);
		if (vcpu && vcpu->id == id)
			return vcpu;
	}
	strata_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return vcpu;
	return NULL;
}

static struct strata_vm *vm_create(void)
{
	struct strata_vm *vm;
	int r;

	vm = kvzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	refcount_set(&vm->refs, 1);
	mutex_init(&vm->lock);
	mutex_init(&vm->slots_lock);
	mutex_init(&vm->irq_lock);
	spin_lock_init(&vm->mmu_lock);
	spin_lock_init(&vm->ring_lock);
	raw_spin_lock_init(&vm->tsc_lock);
	vm->tsc_khz = tsc_khz;
	vm->apic_bus_ns = STRATA_APIC_BUS_NS;
	INIT_LIST_HEAD(&vm->ioeventfds);
	INIT_LIST_HEAD(&vm->coalesced_zones);
	INIT_LIST_HEAD(&vm->irqfds);
	INIT_LIST_HEAD(&vm->resamplers);
	INIT_LIST_HEAD(&vm->link);
	atomic64_set(&vm->tlb_gen, 1);
	vm->identity_map_addr = 0xfffbc000;
	vm->clock_offset = -ktime_get_boottime_ns();
	vm->mm = current->mm;
	mmgrab(vm->mm);
	vm->pid = get_task_pid(current, PIDTYPE_TGID);
	vm->uid = current_euid();

	r = strata_hw_get();
	if (r)
		goto put_mm;
	r = init_srcu_struct(&vm->srcu);
	if (r)
		goto put_hw;
	r = init_srcu_struct(&vm->irq_srcu);
	if (r)
		goto free_srcu;
	r = strata_iobus_init(vm);
	if (r)
		goto free_irq_srcu;
	r = strata_mmu_init_vm(vm);
	if (r)
		goto free_bus;

	mutex_lock(&strata_lock);
	vm->index = strata_next_index++;
	/* The reboot notifier did not find it yet. */
	vm->dead = strata_hw_is_down();
	list_add_tail(&vm->link, &strata_vm_list);
	mutex_unlock(&strata_lock);
	trace_strata_vm(vm->index, pid_nr(vm->pid), false);
	return vm;

free_bus:
	strata_iobus_destroy(vm);
free_irq_srcu:
	cleanup_srcu_struct(&vm->irq_srcu);
free_srcu:
	cleanup_srcu_struct(&vm->srcu);
put_hw:
	strata_hw_put();
put_mm:
	put_pid(vm->pid);
	mmdrop(vm->mm);
	kvfree(vm);
	return ERR_PTR(r);
}

/**
 * strata_vm_create_fd - KVM_CREATE_VM
 * @type: 0 is the only one
 *
 * Return: a file descriptor, or -EINVAL; -EBUSY when another hypervisor
 * holds the hardware; -ENOMEM, -EMFILE.
 */
int strata_vm_create_fd(unsigned long type)
{
	struct strata_vm *vm;
	int fd;

	if (type)
		return -EINVAL;
	vm = vm_create();
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = anon_inode_getfd("strata-vm", &strata_vm_fops, vm, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		strata_vm_put(vm);
	return fd;
}
