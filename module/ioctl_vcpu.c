// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a vCPU and the pages of its file: a table of numbers, functions
 * and what the dispatcher does around them.
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
#include "ioctl_arg.h"
#include "profile.h"
#include "stats.h"
#include "strata.h"
#include "trace.h"

struct vcpu_ioctl {
	unsigned int nr;
	long (*fn)(struct strata_vcpu *vcpu, void *arg, unsigned long raw);
	u32 flags;
};

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
	struct strata_ioctl_arg a;
	long r;

	r = strata_ioctl_arg_in(&a, d->nr, raw);
	if (r)
		goto free;
	r = -EINTR;
	if (mutex_lock_killable(&vcpu->mutex))
		goto free;
	r = d->fn(vcpu, a.ptr, raw);
	mutex_unlock(&vcpu->mutex);
	if (!r)
		r = strata_ioctl_arg_out(&a, d->nr, raw);
free:
	strata_ioctl_arg_free(&a);
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
