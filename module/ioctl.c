// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl tables of the device, a VM and a vCPU: number, function, size of
 * what is copied in and out, and the locks that the dispatcher takes.
 */
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/tsc.h>

#include "enable_cap.h"
#include "guest_debug.h"
#include "ioctl.h"
#include "irqchip/irqfd.h"
#include "mmu/look.h"
#include "msr_user.h"
#include "profile.h"
#include "stats.h"
#include "strata.h"
#include "trace.h"

/* What the dispatcher does around the function. */
#define L_NONE		0u
#define L_VCPU		(1u << 0)	/* vcpu->mutex, killable */
#define L_VM		(1u << 1)	/* vm->lock */
#define L_RAW		(1u << 2)	/* the function copies by itself */

/* The largest argument that is copied for a function. */
#define MAX_ARG		sizeof(struct kvm_xsave)

struct vm_ioctl {
	unsigned int nr;
	long (*fn)(struct strata_vm *vm, void *arg, unsigned long raw);
	u32 flags;
};

struct vcpu_ioctl {
	unsigned int nr;
	long (*fn)(struct strata_vcpu *vcpu, void *arg, unsigned long raw);
	u32 flags;
};

/*
 * Copy in, call, copy out, by the direction and the size in the number. Small
 * arguments live on the stack.
 */
#define SMALL_ARG	256

struct arg {
	u8 small[SMALL_ARG] __aligned(8);
	void *ptr;
};

/* The number of KVM_SET_IRQCHIP says read, by an old mistake. */
static unsigned int arg_dir(unsigned int nr)
{
	return nr == KVM_SET_IRQCHIP ? _IOC_WRITE : _IOC_DIR(nr);
}

static long arg_in(struct arg *a, unsigned int nr, unsigned long raw)
{
	unsigned int size = _IOC_SIZE(nr);

	a->ptr = a->small;
	if (size > MAX_ARG)
		return -EINVAL;
	if (size > SMALL_ARG) {
		a->ptr = kzalloc(size, GFP_KERNEL_ACCOUNT);
		if (!a->ptr)
			return -ENOMEM;
	} else {
		memset(a->small, 0, size);
	}
	if ((arg_dir(nr) & _IOC_WRITE) && copy_from_user(a->ptr, (void __user *)raw, size))
		return -EFAULT;
	return 0;
}

static long arg_out(struct arg *a, unsigned int nr, unsigned long raw)
{
	if ((arg_dir(nr) & _IOC_READ) &&
	    copy_to_user((void __user *)raw, a->ptr, _IOC_SIZE(nr)))
		return -EFAULT;
	return 0;
}

static void arg_free(struct arg *a)
{
	if (a->ptr != a->small)
		kfree(a->ptr);
}

/* ---- a vCPU ---- */

#define VCPU_GET(name, type)							\
static long ioctl_get_##name(struct strata_vcpu *vcpu, void *arg, unsigned long raw) \
{										\
	return strata_get_##name(vcpu, (type *)arg);				\
}

#define VCPU_SET(name, type)							\
static long ioctl_set_##name(struct strata_vcpu *vcpu, void *arg, unsigned long raw) \
{										\
	return strata_set_##name(vcpu, (const type *)arg);			\
}

VCPU_GET(regs, struct kvm_regs)
VCPU_SET(regs, struct kvm_regs)
VCPU_GET(sregs, struct kvm_sregs)
VCPU_SET(sregs, struct kvm_sregs)
VCPU_GET(sregs2, struct kvm_sregs2)
VCPU_SET(sregs2, struct kvm_sregs2)
VCPU_GET(fpu, struct kvm_fpu)
VCPU_SET(fpu, struct kvm_fpu)
VCPU_GET(xsave, struct kvm_xsave)
VCPU_SET(xsave, struct kvm_xsave)
VCPU_GET(xcrs, struct kvm_xcrs)
VCPU_SET(xcrs, struct kvm_xcrs)
VCPU_GET(events, struct kvm_vcpu_events)
VCPU_SET(events, struct kvm_vcpu_events)
VCPU_GET(debugregs, struct kvm_debugregs)
VCPU_SET(debugregs, struct kvm_debugregs)
VCPU_GET(mpstate, struct kvm_mp_state)
VCPU_SET(mpstate, struct kvm_mp_state)
VCPU_SET(mce, struct kvm_x86_mce)
VCPU_SET(guest_debug, struct kvm_guest_debug)

static long ioctl_run(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return likely(!raw) ? strata_vcpu_run(vcpu) : -EINVAL;
}

static long ioctl_get_msrs(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_msrs_ioctl(vcpu, (struct kvm_msrs __user *)raw, false);
}

static long ioctl_set_msrs(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_msrs_ioctl(vcpu, (struct kvm_msrs __user *)raw, true);
}

static long ioctl_set_cpuid2(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_vcpu_set_cpuid2(vcpu, (struct kvm_cpuid2 __user *)raw);
}

static long ioctl_get_cpuid2(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_vcpu_get_cpuid2(vcpu, (struct kvm_cpuid2 __user *)raw);
}

static long ioctl_get_lapic(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return vcpu->apic ? strata_lapic_get(vcpu, arg) : -EINVAL;
}

static long ioctl_set_lapic(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return vcpu->apic ? strata_lapic_set(vcpu, arg) : -EINVAL;
}

static long ioctl_set_signal_mask(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	struct kvm_signal_mask __user *u = (void __user *)raw;
	u32 len;
	sigset_t set;

	if (!raw) {
		vcpu->sigset_active = false;
		return 0;
	}
	if (get_user(len, &u->len))
		return -EFAULT;
	if (len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, u->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

/*
 * KVM_INTERRUPT: user space is the interrupt controller, and this is its
 * acknowledge cycle.
 */
static long ioctl_interrupt(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	const struct kvm_interrupt *i = arg;

	if (i->irq >= 256)
		return -EINVAL;
	if (vcpu->vm->pic)
		return -ENXIO;
	/* One waits until LINT0 takes it. */
	if (vcpu->apic && vcpu->ev.extint_pending)
		return -EEXIST;
	trace_strata_irq(vcpu->vm->index, vcpu->id, i->irq, false);
	vcpu->ev.extint_pending = true;
	vcpu->ev.extint_nr = i->irq;
	strata_request_kick(vcpu, STRATA_REQ_EVENT);
	return 0;
}

static long ioctl_nmi(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	strata_queue_nmi(vcpu);
	return 0;
}

static long ioctl_get_tsc_khz(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return vcpu->tsc_khz;
}

static long ioctl_set_tsc_khz(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	if (raw > U32_MAX)
		return -EINVAL;
	return strata_set_tsc_khz(vcpu, raw);
}

static long ioctl_kvmclock_ctrl(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_kvmclock_ctrl(vcpu);
}

static long ioctl_vcpu_enable_cap(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_vcpu_enable_cap(vcpu, arg);
}

static long ioctl_translate(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_translate(vcpu, arg);
}

#ifdef KVM_PRE_FAULT_MEMORY
static long ioctl_pre_fault_memory(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_pre_fault_memory(vcpu, arg);
}
#endif

static long ioctl_setup_mce(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_setup_mce(vcpu, *(u64 *)arg);
}

/*
 * The page by which a client emulates the TPR for guests that it patches, which
 * it does only after KVM_EXIT_TPR_ACCESS: kept, and never used.
 */
static long ioctl_set_vapic_addr(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	const struct kvm_vapic_addr *va = arg;

	if (!vcpu->apic || va->vapic_addr & 3)
		return -EINVAL;
	vcpu->vapic_addr = va->vapic_addr;
	return 0;
}

/* KVM_HAS_DEVICE_ATTR, KVM_GET_..., KVM_SET_...: the TSC's offset is all there is. */
static bool is_tsc_offset(const struct kvm_device_attr *attr)
{
	return attr->group == KVM_VCPU_TSC_CTRL && attr->attr == KVM_VCPU_TSC_OFFSET;
}

static long ioctl_has_attr(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return is_tsc_offset(arg) ? 0 : -ENXIO;
}

static long ioctl_get_attr(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	const struct kvm_device_attr *attr = arg;

	if (!is_tsc_offset(attr))
		return -ENXIO;
	return put_user(READ_ONCE(vcpu->tsc_offset), (u64 __user *)attr->addr);
}

static long ioctl_set_attr(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	const struct kvm_device_attr *attr = arg;
	u64 offset;

	if (!is_tsc_offset(attr))
		return -ENXIO;
	if (get_user(offset, (u64 __user *)attr->addr))
		return -EFAULT;
	strata_set_tsc_offset(vcpu, offset);
	return 0;
}

static long ioctl_vcpu_stats_fd(struct strata_vcpu *vcpu, void *arg, unsigned long raw)
{
	return strata_vcpu_stats_fd(vcpu);
}

/*
 * By the number's low byte, with one bit of the direction: 0x67 and 0xa2 are
 * two ioctls each. Should two of a table ever meet, W=1 says so.
 */
#define SLOTS		512
#define SLOT(nr)	(_IOC_NR(nr) << 1 | (_IOC_DIR(nr) == _IOC_WRITE))
#define CALL(nr, fn, flags) \
	[SLOT(nr)] = { nr, fn, flags }

static const struct vcpu_ioctl vcpu_ioctls[SLOTS] = {
	CALL(KVM_RUN,		ioctl_run,			L_VCPU | L_RAW),
#ifdef KVM_PRE_FAULT_MEMORY
	CALL(KVM_PRE_FAULT_MEMORY,	ioctl_pre_fault_memory,		L_VCPU),
#endif
	CALL(KVM_GET_REGS,	ioctl_get_regs,			L_VCPU),
	CALL(KVM_SET_REGS,	ioctl_set_regs,			L_VCPU),
	CALL(KVM_GET_SREGS,	ioctl_get_sregs,		L_VCPU),
	CALL(KVM_SET_SREGS,	ioctl_set_sregs,		L_VCPU),
	CALL(KVM_GET_SREGS2,	ioctl_get_sregs2,		L_VCPU),
	CALL(KVM_SET_SREGS2,	ioctl_set_sregs2,		L_VCPU),
	CALL(KVM_GET_MSRS,	ioctl_get_msrs,			L_VCPU | L_RAW),
	CALL(KVM_SET_MSRS,	ioctl_set_msrs,			L_VCPU | L_RAW),
	CALL(KVM_SET_CPUID2,	ioctl_set_cpuid2,		L_VCPU | L_RAW),
	CALL(KVM_GET_CPUID2,	ioctl_get_cpuid2,		L_VCPU | L_RAW),
	CALL(KVM_GET_FPU,	ioctl_get_fpu,			L_VCPU),
	CALL(KVM_SET_FPU,	ioctl_set_fpu,			L_VCPU),
	CALL(KVM_GET_XSAVE,	ioctl_get_xsave,		L_VCPU),
	CALL(KVM_SET_XSAVE,	ioctl_set_xsave,		L_VCPU),
	CALL(KVM_GET_XCRS,	ioctl_get_xcrs,			L_VCPU),
	CALL(KVM_SET_XCRS,	ioctl_set_xcrs,			L_VCPU),
	CALL(KVM_GET_VCPU_EVENTS,	ioctl_get_events,		L_VCPU),
	CALL(KVM_SET_VCPU_EVENTS,	ioctl_set_events,		L_VCPU),
	CALL(KVM_GET_DEBUGREGS,	ioctl_get_debugregs,		L_VCPU),
	CALL(KVM_SET_DEBUGREGS,	ioctl_set_debugregs,		L_VCPU),
	CALL(KVM_GET_MP_STATE,	ioctl_get_mpstate,		L_VCPU),
	CALL(KVM_SET_MP_STATE,	ioctl_set_mpstate,		L_VCPU),
	CALL(KVM_GET_LAPIC,	ioctl_get_lapic,		L_VCPU),
	CALL(KVM_SET_LAPIC,	ioctl_set_lapic,		L_VCPU),
	CALL(KVM_SET_SIGNAL_MASK,	ioctl_set_signal_mask,		L_VCPU | L_RAW),
	CALL(KVM_INTERRUPT,	ioctl_interrupt,		L_VCPU),
	CALL(KVM_NMI,		ioctl_nmi,			L_VCPU | L_RAW),
	CALL(KVM_GET_TSC_KHZ,	ioctl_get_tsc_khz,		L_VCPU | L_RAW),
	CALL(KVM_SET_TSC_KHZ,	ioctl_set_tsc_khz,		L_VCPU | L_RAW),
	CALL(KVM_KVMCLOCK_CTRL,	ioctl_kvmclock_ctrl,		L_VCPU | L_RAW),
	CALL(KVM_GET_STATS_FD,	ioctl_vcpu_stats_fd,		L_VCPU | L_RAW),
	CALL(KVM_SET_GUEST_DEBUG,	ioctl_set_guest_debug,		L_VCPU),
	CALL(KVM_ENABLE_CAP,	ioctl_vcpu_enable_cap,		L_VCPU),
	CALL(KVM_TRANSLATE,	ioctl_translate,		L_VCPU),
	CALL(KVM_X86_SETUP_MCE,	ioctl_setup_mce,		L_VCPU),
	CALL(KVM_X86_SET_MCE,	ioctl_set_mce,			L_VCPU),
	CALL(KVM_SET_VAPIC_ADDR,	ioctl_set_vapic_addr,		L_VCPU),
	CALL(KVM_HAS_DEVICE_ATTR,	ioctl_has_attr,			L_VCPU),
	CALL(KVM_GET_DEVICE_ATTR,	ioctl_get_attr,			L_VCPU),
	CALL(KVM_SET_DEVICE_ATTR,	ioctl_set_attr,			L_VCPU),
};

/*
 * Reads counters of a vCPU that may be running: each value is whole, the set
 * of them is not a snapshot.
 */
static long get_exit_stats(struct strata_vcpu *vcpu, void __user *u)
{
	const struct strata_profile *p = vcpu->profile;
	struct strata_exit_stats *s;
	unsigned int i;
	long r = 0;
	u32 size;

	if (get_user(size, (u32 __user *)u))
		return -EFAULT;
	if (size < offsetof(struct strata_exit_stats, exit))
		return -EINVAL;
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return -ENOMEM;
	size = min_t(u32, size, sizeof(*s));
	s->size = size;
	s->nr_reasons = STRATA_NR_EXIT_REASONS;
	s->tsc_khz = tsc_khz;
	s->guest_ticks = strata_profile_guest_ticks(p);
	s->run_ticks = READ_ONCE(p->run_ticks);
	s->user_exits = READ_ONCE(p->user_exits);
	for (i = 0; i < STRATA_MAX_EXIT_REASONS; i++)
		s->wait_ticks += READ_ONCE(p->reason[i].part[STRATA_PART_WAITING]);
	for (i = 0; i < STRATA_NR_EXIT_REASONS; i++) {
		s->exit[i].count = strata_profile_exits(&p->reason[i]);
		s->exit[i].ticks = READ_ONCE(p->reason[i].ticks);
		s->exit[i].max = READ_ONCE(p->reason[i].max);
	}
	if (copy_to_user(u, s, size))
		r = -EFAULT;
	kfree(s);
	return r;
}

/* Those that have an argument to copy: a frame that KVM_RUN need not pay for. */
static noinline long vcpu_ioctl_arg(struct strata_vcpu *vcpu, const struct vcpu_ioctl *d,
				    unsigned long raw)
{
	struct arg a;
	long r;

	r = arg_in(&a, d->nr, raw);
	if (r)
		goto free;
	r = -EINTR;
	if (mutex_lock_killable(&vcpu->mutex))
		goto free;
	r = d->fn(vcpu, a.ptr, raw);
	mutex_unlock(&vcpu->mutex);
	if (!r)
		r = arg_out(&a, d->nr, raw);
free:
	arg_free(&a);
	return r;
}

static noinline long vcpu_ioctl_by_table(struct strata_vcpu *vcpu, unsigned int nr,
					 unsigned long raw)
{
	const struct vcpu_ioctl *d = &vcpu_ioctls[SLOT(nr)];
	long r;

	if (d->nr != nr || !d->fn)
		return nr == STRATA_GET_EXIT_STATS ? get_exit_stats(vcpu, (void __user *)raw) :
						     -ENOTTY;
	if (!(d->flags & L_RAW))
		return vcpu_ioctl_arg(vcpu, d, raw);

	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	r = d->fn(vcpu, NULL, raw);
	mutex_unlock(&vcpu->mutex);
	return r;
}

static long vcpu_ioctl(struct file *file, unsigned int nr, unsigned long raw)
{
	struct strata_vcpu *vcpu = file->private_data;
	long r;

	if (unlikely(vcpu->vm->mm != current->mm))
		return -EIO;
	/* The one that comes often needs neither table nor indirect call. */
	if (unlikely(nr != KVM_RUN))
		return vcpu_ioctl_by_table(vcpu, nr, raw);
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	r = ioctl_run(vcpu, NULL, raw);
	mutex_unlock(&vcpu->mutex);
	return r;
}

static vm_fault_t vcpu_fault(struct vm_fault *vmf)
{
	struct strata_vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page;

	if (vmf->pgoff >= STRATA_RUN_PAGES)
		return VM_FAULT_SIGBUS;
	/* The ring is the VM's: user space may drain it by any vCPU's mapping. */
	if (vmf->pgoff == STRATA_COALESCED_PAGE)
		page = virt_to_page(vcpu->vm->ring);
	else
		page = vmalloc_to_page((void *)vcpu->run + (vmf->pgoff << PAGE_SHIFT));
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault = vcpu_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff >= PHYS_PFN(STRATA_PROFILE_OFFSET))
		return strata_profile_mmap(file->private_data, vma);
	if (vma->vm_pgoff + vma_pages(vma) > STRATA_RUN_PAGES)
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

/* A file whose private_data is a vCPU holds its VM; so with a VM, below. */
int strata_vcpu_release(struct inode *inode, struct file *file)
{
	struct strata_vcpu *vcpu = file->private_data;

	strata_vm_put(vcpu->vm);
	return 0;
}

const struct file_operations strata_vcpu_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.release = strata_vcpu_release,
	.llseek = noop_llseek,
};

/* ---- a VM ---- */

static long ioctl_create_vcpu(struct strata_vm *vm, void *arg, unsigned long raw)
{
	/* An id is an unsigned int; what is above it is no id at all. */
	return raw > U32_MAX ? -EINVAL : strata_vcpu_create_fd(vm, raw);
}

static long ioctl_check_extension(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_check_extension(raw);
}

static long ioctl_set_memory_region(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_memory_region(vm, arg);
}

#ifdef KVM_SET_USER_MEMORY_REGION2
/* From 6.8 on; the same without a guest_memfd, which nothing here has. */
static long ioctl_set_memory_region2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	const struct kvm_userspace_memory_region2 *region = arg;
	struct kvm_userspace_memory_region plain = {
		.slot = region->slot,
		.flags = region->flags,
		.guest_phys_addr = region->guest_phys_addr,
		.memory_size = region->memory_size,
		.userspace_addr = region->userspace_addr,
	};

	return strata_set_memory_region(vm, &plain);
}
#endif

static long ioctl_get_dirty_log(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_get_dirty_log(vm, arg);
}

/* Three pages that Intel CPUs without unrestricted guest would need. */
static long ioctl_set_tss_addr(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (raw > U32_MAX - 3 * PAGE_SIZE)
		return -EINVAL;
	vm->tss_addr = raw;
	return 0;
}

static long ioctl_set_identity_map_addr(struct strata_vm *vm, void *arg, unsigned long raw)
{
	const u64 *addr = arg;

	if (vm->nr_vcpus)
		return -EINVAL;
	vm->identity_map_addr = *addr ? *addr : 0xfffbc000;
	return 0;
}

/* A hint for shadow paging, of which there is none. */
static long ioctl_set_nr_mmu_pages(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return raw < 20 ? -EINVAL : 0;
}

static long ioctl_create_irqchip(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (vm->irqchip)
		return -EEXIST;
	if (vm->nr_vcpus)
		return -EINVAL;
	return strata_irqchip_create(vm, false);
}

static long ioctl_create_pit2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (vm->pit)
		return -EEXIST;
	if (!vm->pic)
		return -ENOENT;
	return strata_pit_create(vm, arg);
}

static long ioctl_get_irqchip(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pic ? strata_get_irqchip(vm, arg) : -ENXIO;
}

static long ioctl_set_irqchip(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pic ? strata_set_irqchip(vm, arg) : -ENXIO;
}

static long ioctl_get_pit2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pit ? strata_get_pit2(vm, arg) : -ENXIO;
}

static long ioctl_set_pit2(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->pit ? strata_set_pit2(vm, arg) : -ENXIO;
}

static long ioctl_reinject(struct strata_vm *vm, void *arg, unsigned long raw)
{
	struct kvm_reinject_control control;

	/* Its number has no size. */
	if (copy_from_user(&control, (void __user *)raw, sizeof(control)))
		return -EFAULT;
	return strata_pit_reinject(vm, control.pit_reinject);
}

static long ioctl_irq_line(struct strata_vm *vm, void *arg, unsigned long raw)
{
	/* Pairs with the release that publishes a whole irqchip. */
	return smp_load_acquire(&vm->irqchip) ? strata_irq_line(vm, arg) : -ENXIO;
}

static long ioctl_irqfd(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_irqfd(vm, arg);
}

static long ioctl_enable_cap(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_vm_enable_cap(vm, arg);
}

static long ioctl_set_boot_cpu_id(struct strata_vm *vm, void *arg, unsigned long raw)
{
	if (vm->nr_vcpus)
		return -EBUSY;
	if (raw >= (vm->max_vcpu_id ?: STRATA_MAX_VCPU_ID))
		return -EINVAL;
	vm->bsp_id = raw;
	return 0;
}

static long ioctl_set_msr_filter(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_msr_filter(vm, arg);
}

static long ioctl_clear_dirty_log(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_clear_dirty_log(vm, arg);
}

static long ioctl_set_gsi_routing(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_gsi_routing(vm, (struct kvm_irq_routing __user *)raw);
}

static long ioctl_signal_msi(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_signal_msi(vm, arg);
}

static long ioctl_ioeventfd(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_ioeventfd(vm, arg);
}

static long ioctl_register_coalesced(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_coalesced_mmio(vm, arg, true);
}

static long ioctl_unregister_coalesced(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_coalesced_mmio(vm, arg, false);
}

static long ioctl_get_clock(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_get_clock(vm, arg);
}

static long ioctl_set_clock(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_set_clock(vm, arg);
}

static long ioctl_vm_stats_fd(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_vm_stats_fd(vm);
}

static long ioctl_vm_get_tsc_khz(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return vm->tsc_khz;
}

/* For the vCPUs to come; 0 asks for the host's. */
static long ioctl_vm_set_tsc_khz(struct strata_vm *vm, void *arg, unsigned long raw)
{
	u32 khz = raw ? raw : tsc_khz;
	u64 ratio;
	int r;

	if (raw > U32_MAX || vm->nr_vcpus)
		return -EINVAL;
	r = strata_tsc_khz_ok(khz, &ratio);
	if (!r)
		vm->tsc_khz = khz;
	return r;
}

static long ioctl_nested_walk(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_nested_walk(vm, arg);
}

static long ioctl_nested_count(struct strata_vm *vm, void *arg, unsigned long raw)
{
	return strata_nested_count(vm, arg);
}

static const struct vm_ioctl vm_ioctls[SLOTS] = {
	CALL(STRATA_GET_NESTED_WALK,	ioctl_nested_walk,		L_NONE),
	CALL(STRATA_GET_NESTED_COUNT,	ioctl_nested_count,		L_NONE),
	CALL(KVM_GET_STATS_FD,	ioctl_vm_stats_fd,		L_RAW),
	CALL(KVM_GET_TSC_KHZ,	ioctl_vm_get_tsc_khz,		L_VM | L_RAW),
	CALL(KVM_SET_TSC_KHZ,	ioctl_vm_set_tsc_khz,		L_VM | L_RAW),
	CALL(KVM_CHECK_EXTENSION,	ioctl_check_extension,		L_RAW),
	CALL(KVM_CREATE_VCPU,	ioctl_create_vcpu,		L_RAW),
	CALL(KVM_SET_USER_MEMORY_REGION,	ioctl_set_memory_region,	L_NONE),
#ifdef KVM_SET_USER_MEMORY_REGION2
	CALL(KVM_SET_USER_MEMORY_REGION2,	ioctl_set_memory_region2,	L_NONE),
#endif
	CALL(KVM_GET_DIRTY_LOG,	ioctl_get_dirty_log,		L_NONE),
	CALL(KVM_SET_TSS_ADDR,	ioctl_set_tss_addr,		L_VM | L_RAW),
	CALL(KVM_SET_IDENTITY_MAP_ADDR,	ioctl_set_identity_map_addr,	L_VM),
	CALL(KVM_SET_NR_MMU_PAGES,	ioctl_set_nr_mmu_pages,		L_RAW),
	CALL(KVM_CREATE_IRQCHIP,	ioctl_create_irqchip,		L_VM | L_RAW),
	CALL(KVM_CREATE_PIT2,	ioctl_create_pit2,		L_VM),
	CALL(KVM_GET_IRQCHIP,	ioctl_get_irqchip,		L_VM),
	CALL(KVM_SET_IRQCHIP,	ioctl_set_irqchip,		L_VM),
	CALL(KVM_GET_PIT2,	ioctl_get_pit2,			L_VM),
	CALL(KVM_SET_PIT2,	ioctl_set_pit2,			L_VM),
	CALL(KVM_REINJECT_CONTROL,	ioctl_reinject,			L_RAW),
	CALL(KVM_IRQ_LINE,	ioctl_irq_line,			L_NONE),
	CALL(KVM_IRQ_LINE_STATUS,	ioctl_irq_line,			L_NONE),
	CALL(KVM_SET_GSI_ROUTING,	ioctl_set_gsi_routing,		L_RAW),
	CALL(KVM_SIGNAL_MSI,	ioctl_signal_msi,		L_NONE),
	CALL(KVM_IOEVENTFD,	ioctl_ioeventfd,		L_NONE),
	CALL(KVM_REGISTER_COALESCED_MMIO,	ioctl_register_coalesced,	L_NONE),
	CALL(KVM_UNREGISTER_COALESCED_MMIO,	ioctl_unregister_coalesced,	L_NONE),
	CALL(KVM_GET_CLOCK,	ioctl_get_clock,		L_NONE),
	CALL(KVM_SET_CLOCK,	ioctl_set_clock,		L_NONE),
	CALL(KVM_IRQFD,		ioctl_irqfd,			L_NONE),
	CALL(KVM_ENABLE_CAP,	ioctl_enable_cap,		L_VM),
	CALL(KVM_SET_BOOT_CPU_ID,	ioctl_set_boot_cpu_id,		L_VM | L_RAW),
	CALL(KVM_X86_SET_MSR_FILTER,	ioctl_set_msr_filter,		L_VM),
	CALL(KVM_CLEAR_DIRTY_LOG,	ioctl_clear_dirty_log,		L_NONE),
};

static long vm_ioctl(struct file *file, unsigned int nr, unsigned long raw)
{
	struct strata_vm *vm = file->private_data;
	const struct vm_ioctl *d = &vm_ioctls[SLOT(nr)];
	struct arg a;
	long r;

	if (vm->mm != current->mm)
		return -EIO;
	if (d->nr != nr || !d->fn)
		return -ENOTTY;

	a.ptr = a.small;
	if (!(d->flags & L_RAW)) {
		r = arg_in(&a, nr, raw);
		if (r)
			goto free;
	}
	if (d->flags & L_VM) {
		r = -EINTR;
		if (mutex_lock_killable(&vm->lock))
			goto free;
	}
	r = d->fn(vm, a.ptr, raw);
	if (d->flags & L_VM)
		mutex_unlock(&vm->lock);
	/* KVM_IRQ_LINE_STATUS and others answer with more than 0. */
	if (r >= 0 && !(d->flags & L_RAW)) {
		long out = arg_out(&a, nr, raw);

		if (out)
			r = out;
	}
free:
	arg_free(&a);
	return r;
}

int strata_vm_release(struct inode *inode, struct file *file)
{
	strata_vm_put(file->private_data);
	return 0;
}

const struct file_operations strata_vm_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vm_ioctl,
	.release = strata_vm_release,
	.llseek = noop_llseek,
};

/* ---- the device ---- */

static long dev_ioctl(struct file *file, unsigned int nr, unsigned long raw)
{
	switch (nr) {
	case KVM_GET_API_VERSION:
		return raw ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return strata_vm_create_fd(raw);
	case KVM_CHECK_EXTENSION:
		return strata_check_extension(raw);
	case KVM_GET_VCPU_MMAP_SIZE:
		return raw ? -EINVAL : STRATA_RUN_PAGES * PAGE_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return strata_get_supported_cpuid((struct kvm_cpuid2 __user *)raw);
	case KVM_GET_MSR_INDEX_LIST:
		return strata_get_msr_index_list((struct kvm_msr_list __user *)raw);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return strata_get_msr_feature_list((struct kvm_msr_list __user *)raw);
	case KVM_GET_MSRS:
		return strata_msrs_ioctl(NULL, (struct kvm_msrs __user *)raw, false);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		return put_user(strata_mce_supported(), (u64 __user *)raw);
	case KVM_HAS_DEVICE_ATTR:
	case KVM_GET_DEVICE_ATTR:
		/* Clients ask for AMX's permission; there is no attribute. */
		return -ENXIO;
	case STRATA_PROFILE_LIST:
		return strata_profile_list((struct strata_profile_list __user *)raw);
	case STRATA_PROFILE_OPEN:
		return strata_profile_open((struct strata_profile_id __user *)raw);
	default:
		return -ENOTTY;
	}
}

const struct file_operations strata_dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.llseek = noop_llseek,
};
