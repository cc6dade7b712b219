/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernel versions strata builds for, and
 * nothing of that kind elsewhere. HAVE_* come from module/configure.
 */
#ifndef STRATA_COMPAT_H
#define STRATA_COMPAT_H

#include <linux/version.h>
#include <linux/types.h>
#include <linux/hrtimer.h>
#include <linux/eventfd.h>
#include <linux/sched.h>
#include <asm/msr.h>
#if defined(HAVE_CPUID_API_H)
#include <asm/cpuid/api.h>
#elif defined(HAVE_CPUID_H)
#include <asm/cpuid.h>
#else
#include <asm/processor.h>
#endif

/* 7.2 knows MSR accessors by the width of their operand only. */
#ifndef rdmsrl
#define rdmsrl(msr, val)		rdmsrq(msr, val)
#define wrmsrl(msr, val)		wrmsrq(msr, val)
#define rdmsrl_safe(msr, p)		rdmsrq_safe(msr, p)
#define wrmsrl_safe(msr, val)		wrmsrq_safe(msr, val)
#define native_wrmsrl(msr, val)		native_wrmsrq(msr, val)
#endif

/* From 6.3 on a mapping's flags are changed by functions. */
#include <linux/mm.h>
#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* From 6.3 on the reschedule IPI is traced, and the trace event is no part of <linux/smp.h>. */
#include <linux/smp.h>
#ifdef HAVE_IPI_EVENTS_H
#include <trace/events/ipi.h>
#endif

static inline void strata_send_reschedule(int cpu)
{
	smp_send_reschedule(cpu);
}

/* 7.x: const operations in a struct syscore, whose callbacks take an argument. */
#include <linux/syscore_ops.h>
#ifdef HAVE_REGISTER_SYSCORE
#define STRATA_SYSCORE_OPS(name, suspend_fn, resume_fn)				\
static int name##_suspend(void *unused) { return suspend_fn(); }		\
static void name##_resume(void *unused) { resume_fn(); }			\
static const struct syscore_ops name##_ops = {					\
	.suspend = name##_suspend,						\
	.resume = name##_resume,						\
};										\
static struct syscore name = { .ops = &name##_ops }
#define strata_register_syscore(s)	register_syscore(s)
#define strata_unregister_syscore(s)	unregister_syscore(s)
#else
#define STRATA_SYSCORE_OPS(name, suspend_fn, resume_fn)				\
static struct syscore_ops name = {						\
	.suspend = suspend_fn,							\
	.resume = resume_fn,							\
}
#define strata_register_syscore(s)	register_syscore_ops(s)
#define strata_unregister_syscore(s)	unregister_syscore_ops(s)
#endif

/* What a page table of user space says in a mapping without struct pages. */
#include <linux/mm.h>

/**
 * strata_follow_pfn - frame number of an address in a VM_IO or VM_PFNMAP mapping
 * @vma: the mapping; mmap_lock held
 * @addr: in it
 * @pfn: the frame number, good until the next invalidation by an MMU notifier
 * @writable: is writing allowed at present?
 *
 * Return: 0, or -errno when nothing is mapped there now.
 */
static inline int strata_follow_pfn(struct vm_area_struct *vma, unsigned long addr,
				    unsigned long *pfn, bool *writable)
{
#ifdef HAVE_FOLLOW_PFNMAP_START
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };
	int err = follow_pfnmap_start(&args);

	if (err)
		return err;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
#else
	spinlock_t *ptl;	/* of the page table, held by follow_pte() */
	pte_t *pte;
	int err = follow_pte(vma->vm_mm, addr, &pte, &ptl);

	if (err)
		return err;
	__acquire(ptl);
	*pfn = pte_pfn(*pte);
	*writable = pte_write(*pte);
	pte_unmap_unlock(pte, ptl);
#endif
	return 0;
}

/* From 6.12 on VM_PFNMAP mappings have large entries, too: no struct page is theirs. */
static inline bool strata_pmd_special(pmd_t pmd)
{
#ifdef HAVE_PMD_SPECIAL
	return pmd_special(pmd);
#else
	return false;
#endif
}

static inline bool strata_pud_special(pud_t pud)
{
#ifdef HAVE_PMD_SPECIAL
	return pud_special(pud);
#else
	return false;
#endif
}

/* What the callbacks of MMU notifiers give that ask whether a page is young. */
#ifdef HAVE_MMU_NOTIFIER_BOOL_YOUNG
#define strata_young_t	bool
#else
#define strata_young_t	int
#endif

static inline void strata_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*fn)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, fn, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
#endif
}

static inline void strata_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef HAVE_EVENTFD_SIGNAL_ONE_ARG
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* The kernel renames the field for itself, so that it is read with care. */
#ifdef HAVE_IMMEDIATE_EXIT_UNSAFE
#define strata_immediate_exit(run)	READ_ONCE((run)->immediate_exit__unsafe)
#else
#define strata_immediate_exit(run)	READ_ONCE((run)->immediate_exit)
#endif

#endif /* STRATA_COMPAT_H */
