// SPDX-License-Identifier: GPL-2.0
/*
 * The profile of a vCPU, which user space maps: uapi/strata.h has its layout.
 *
 * loop.h writes it, once an exit. Only the vCPU's own thread does, under the
 * vCPU's mutex, with plain stores of 64 bits.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/tsc.h>

#include "compat.h"
#include "keys.h"
#include "profile.h"
#include "trace.h"

/*
 * The vCPU has one reference, each file descriptor of STRATA_PROFILE_OPEN has
 * one: a reader does not keep a VM, nor the hardware with it.
 */
struct strata_profile_area {
	refcount_t refs;
	atomic_t key_counters;		/* how many want keys to be counted */
	struct strata_profile *pages;
};

/* More vCPUs than a machine has: bounds what a caller can make us allocate. */
#define STRATA_MAX_PROFILES	65536u

static const char part_name[STRATA_MAX_PARTS][STRATA_PROFILE_NAME] = {
#define NAME(id, name)	[STRATA_PART_##id] = name,
	STRATA_PROFILE_PARTS(NAME)
#undef NAME
};

static const char reason_name[STRATA_MAX_EXIT_REASONS][STRATA_PROFILE_NAME] = {
#define NAME(id, name)	[STRATA_EXIT_##id] = name,
	STRATA_EXIT_REASONS(NAME)
#undef NAME
	[STRATA_EXIT_NONE] = "none",
};

/**
 * strata_profile_create - the pages of a new vCPU
 * @vcpu: not published yet
 *
 * Return: 0 or -ENOMEM.
 */
int strata_profile_create(struct strata_vcpu *vcpu)
{
	struct strata_profile_area *area;
	struct strata_profile *p;

	area = kzalloc(sizeof(*area), GFP_KERNEL_ACCOUNT);
	if (!area)
		return -ENOMEM;
	p = __vmalloc(STRATA_PROFILE_PAGES * PAGE_SIZE, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!p) {
		kfree(area);
		return -ENOMEM;
	}
	refcount_set(&area->refs, 1);
	area->pages = p;
	p->magic = STRATA_PROFILE_MAGIC;
	p->version = STRATA_PROFILE_VERSION;
	p->header_size = offsetof(struct strata_profile, part_name);
	p->size = sizeof(*p);
	p->names_offset = offsetof(struct strata_profile, reason_name);
	p->reasons_offset = offsetof(struct strata_profile, reason);
	p->reason_size = sizeof(struct strata_profile_reason);
	p->nr_reasons = STRATA_MAX_EXIT_REASONS;
	p->part_names_offset = offsetof(struct strata_profile, part_name);
	p->part_offset = offsetof(struct strata_profile_reason, part);
	p->nr_parts = STRATA_NR_PARTS;
	p->hist_offset = offsetof(struct strata_profile_reason, hist);
	p->nr_buckets = STRATA_PROFILE_BUCKETS;
	p->keys_offset = offsetof(struct strata_profile, key);
	p->key_size = sizeof(struct strata_profile_key);
	p->nr_keys = STRATA_PROFILE_KEYS;
	p->last_offset = offsetof(struct strata_profile, last);
	p->last_size = sizeof(struct strata_profile_last);
	p->nr_last = STRATA_PROFILE_LAST;
	p->tsc_khz = tsc_khz;
	p->vm = vcpu->vm->index;
	p->vcpu = vcpu->id;
	memcpy(p->part_name, part_name, sizeof(part_name));
	memcpy(p->reason_name, reason_name, sizeof(reason_name));
	vcpu->profile = p;
	vcpu->profile_area = area;
	return 0;
}

static void area_put(struct strata_profile_area *area)
{
	if (!refcount_dec_and_test(&area->refs))
		return;
	vfree(area->pages);
	kfree(area);
}

/**
 * strata_profile_destroy - free the pages
 * @vcpu: nobody runs it; the pages may not have been made
 */
void strata_profile_destroy(struct strata_vcpu *vcpu)
{
	if (!vcpu->profile_area)
		return;
	area_put(vcpu->profile_area);
	vcpu->profile_area = NULL;
	vcpu->profile = NULL;
}

static vm_fault_t map_page(struct vm_fault *vmf, struct strata_profile *p, unsigned long n)
{
	if (n >= STRATA_PROFILE_PAGES)
		return VM_FAULT_SIGBUS;
	vmf->page = vmalloc_to_page((void *)p + (n << PAGE_SHIFT));
	get_page(vmf->page);
	return 0;
}

/* @first: where the pages begin in the file; nobody but strata writes them */
static int map_pages(struct vm_area_struct *vma, unsigned long first,
		     const struct vm_operations_struct *ops)
{
	if (vma->vm_pgoff < first ||
	    vma->vm_pgoff - first + vma_pages(vma) > STRATA_PROFILE_PAGES)
		return -EINVAL;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EPERM;
	vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_ops = ops;
	return 0;
}

static vm_fault_t vcpu_profile_fault(struct vm_fault *vmf)
{
	struct strata_vcpu *vcpu = vmf->vma->vm_file->private_data;

	return map_page(vmf, vcpu->profile, vmf->pgoff - PHYS_PFN(STRATA_PROFILE_OFFSET));
}

static const struct vm_operations_struct vcpu_profile_vm_ops = {
	.fault = vcpu_profile_fault,
};

/**
 * strata_profile_mmap - map a vCPU's file descriptor at STRATA_PROFILE_OFFSET
 * @vcpu: the vCPU
 * @vma: from there on
 *
 * Return: 0; -EPERM where it shall be writable or executable; -EINVAL beyond the
 * end.
 */
int strata_profile_mmap(struct strata_vcpu *vcpu, struct vm_area_struct *vma)
{
	return map_pages(vma, PHYS_PFN(STRATA_PROFILE_OFFSET), &vcpu_profile_vm_ops);
}

/* ---- single exits ---- */

/* Deferred for users who are not root: they shall not have text patched all the time. */
DEFINE_STATIC_KEY_DEFERRED_FALSE(strata_watched, HZ);

/* An event is turned on: trace.h. */
int strata_watch(void)
{
	static_branch_inc(&strata_watched.key);
	return 0;
}

/* And off, by its reader or, after strata_profile_teardown(), with the module. */
void strata_unwatch(void)
{
	static_branch_dec(&strata_watched.key);
}

/* Unloading: no descriptor is left. */
void strata_profile_teardown(void)
{
	static_key_deferred_flush(&strata_watched);
}

/**
 * strata_profile_note - an exit that strata_profile_tell() shall tell of
 * @vcpu: has just exited; interrupts off; exit.info1 is valid
 *
 * The handler changes the registers.
 */
void strata_profile_note(struct strata_vcpu *vcpu)
{
	vcpu->story.t_exit = vcpu->t_exit;
	vcpu->story.rip = vcpu->rip;
	vcpu->story.detail = strata_keys_detail(vcpu);
	memset(vcpu->story.part, 0, sizeof(vcpu->story.part));
	if (atomic_read(&vcpu->profile_area->key_counters))
		strata_keys_last(vcpu, vcpu->story.detail);
}

/**
 * strata_profile_tell - trace an entry, and the exit before it as a whole
 * @vcpu: about to enter, preemption off
 *
 * An exit that was noted is booked here. The time from here to the entry, which is
 * tracing's, is booked to no reason.
 */
void strata_profile_tell(struct strata_vcpu *vcpu)
{
	u64 now;

	trace_strata_entry(vcpu->vm->index, vcpu->id, vcpu->rip);
	/* Another one may have been noted when somebody watched last. */
	if (vcpu->story.t_exit != vcpu->t_exit)
		return;
	now = rdtsc();
	strata_profile_book(vcpu, vcpu->profile, now);
	trace_strata_exit_done(vcpu->vm->index, vcpu->id, vcpu->exit.id, vcpu->exit.hw_code,
			       vcpu->story.rip, vcpu->story.detail, now - vcpu->t_exit,
			       vcpu->story.part[STRATA_PART_USER],
			       vcpu->story.part[STRATA_PART_WAITING],
			       vcpu->story.part[STRATA_PART_FAULT], tsc_khz);
	if (atomic_read(&vcpu->profile_area->key_counters))
		strata_keys_count(vcpu, vcpu->story.rip, vcpu->story.detail, now - vcpu->t_exit);
	vcpu->exit.id = STRATA_EXIT_NONE;
	vcpu->t_exit = now;
}

/* ---- of any vCPU of the machine ---- */

struct profile_file {
	struct strata_profile_area *area;
	atomic_t counts_keys;
};

static vm_fault_t area_fault(struct vm_fault *vmf)
{
	struct profile_file *pf = vmf->vma->vm_file->private_data;

	return map_page(vmf, pf->area->pages, vmf->pgoff);
}

static const struct vm_operations_struct area_vm_ops = {
	.fault = area_fault,
};

static int area_mmap(struct file *file, struct vm_area_struct *vma)
{
	return map_pages(vma, 0, &area_vm_ops);
}

/* STRATA_PROFILE_COUNT_KEYS; a descriptor counts for one however often it asks. */
static long area_ioctl(struct file *file, unsigned int nr, unsigned long arg)
{
	struct profile_file *pf = file->private_data;

	if (nr != STRATA_PROFILE_COUNT_KEYS)
		return -ENOTTY;
	if (arg)
		return -EINVAL;
	if (!atomic_xchg(&pf->counts_keys, 1)) {
		atomic_inc(&pf->area->key_counters);
		static_branch_deferred_inc(&strata_watched);
	}
	return 0;
}

static int area_release(struct inode *inode, struct file *file)
{
	struct profile_file *pf = file->private_data;

	if (atomic_read(&pf->counts_keys)) {
		atomic_dec(&pf->area->key_counters);
		static_branch_slow_dec_deferred(&strata_watched);
	}
	area_put(pf->area);
	kfree(pf);
	return 0;
}

static const struct file_operations area_fops = {
	.owner = THIS_MODULE,
	.mmap = area_mmap,
	.unlocked_ioctl = area_ioctl,
	.release = area_release,
	.llseek = noop_llseek,
};

/* Is a VM's profile the caller's to see? */
static bool may_see(const struct strata_vm *vm)
{
	return uid_eq(vm->uid, current_euid()) || perfmon_capable();
}

/**
 * strata_profile_list - STRATA_PROFILE_LIST
 * @u: room for u->nr entries
 *
 * Return: 0; -E2BIG with u->nr set; -EFAULT; -ENOMEM.
 */
long strata_profile_list(struct strata_profile_list __user *u)
{
	struct strata_profile_id *ids;
	struct strata_vcpu *vcpu;
	struct strata_vm *vm;
	u32 room, n = 0;
	unsigned int i;
	long r = 0;

	if (get_user(room, &u->nr))
		return -EFAULT;
	room = min_t(u32, room, STRATA_MAX_PROFILES);
	ids = kvcalloc(room ?: 1, sizeof(*ids), GFP_KERNEL_ACCOUNT);
	if (!ids)
		return -ENOMEM;
	mutex_lock(&strata_lock);
	list_for_each_entry(vm, &strata_vm_list, link) {
		if (!may_see(vm))
			continue;
		strata_for_each_vcpu(i, vcpu, vm) {
			if (n < room) {
				ids[n].vm = vm->index;
				ids[n].vcpu = vcpu->id;
				ids[n].pid = pid_vnr(vm->pid);
			}
			n++;
		}
	}
	mutex_unlock(&strata_lock);
	if (n > room)
		r = -E2BIG;
	if (put_user(n, &u->nr) || put_user(0u, &u->reserved) ||
	    (!r && copy_to_user(u->id, ids, n * sizeof(*ids))))
		r = -EFAULT;
	kvfree(ids);
	return r;
}

static struct strata_profile_area *area_find(const struct strata_profile_id *id)
{
	struct strata_profile_area *area = NULL;
	struct strata_vcpu *vcpu;
	struct strata_vm *vm;
	unsigned int i;

	/* A VM in the list has all that it was made with: its end takes it out first. */
	mutex_lock(&strata_lock);
	list_for_each_entry(vm, &strata_vm_list, link) {
		if (vm->index != id->vm || !may_see(vm))
			continue;
		strata_for_each_vcpu(i, vcpu, vm)
			if (vcpu->id == id->vcpu)
				area = vcpu->profile_area;
	}
	if (area)
		refcount_inc(&area->refs);
	mutex_unlock(&strata_lock);
	return area;
}

/**
 * strata_profile_open - STRATA_PROFILE_OPEN
 * @u: which
 *
 * Return: a file descriptor; -ENOENT, -EINVAL, -EFAULT, -EMFILE, -ENOMEM.
 */
long strata_profile_open(const struct strata_profile_id __user *u)
{
	struct strata_profile_id id;
	struct profile_file *pf;
	int r;

	if (copy_from_user(&id, u, sizeof(id)))
		return -EFAULT;
	if (id.reserved)
		return -EINVAL;
	pf = kzalloc(sizeof(*pf), GFP_KERNEL_ACCOUNT);
	if (!pf)
		return -ENOMEM;
	r = -ENOENT;
	pf->area = area_find(&id);
	if (!pf->area)
		goto free;
	r = anon_inode_getfd("strata-profile", &area_fops, pf, O_RDONLY | O_CLOEXEC);
	if (r < 0)
		goto put;
	return r;
put:
	area_put(pf->area);
free:
	kfree(pf);
	return r;
}
