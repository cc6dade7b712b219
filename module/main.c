// SPDX-License-Identifier: GPL-2.0
/*
 * Load and unload, the device node, and who holds the hardware when.
 *
 * The hardware is taken when the first VM is made and given back when the
 * last one goes, so that KVM and strata can take turns.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>
#include <asm/cpufeature.h>
#include <asm/hypervisor.h>

#include "ioctl.h"
#include "irqchip/irqfd.h"
#include "mitigate.h"
#include "profile.h"
#include "rivals.h"
#include "strata.h"

/* Serialises the taking and giving back of the hardware, and the list of VMs. */
DEFINE_MUTEX(strata_lock);
const struct strata_vendor *strata_vendor;

static unsigned int hw_users;		/* strata_lock */
static int hw_state;			/* strata_lock: what cpuhp gave us */
static bool hw_down;			/* reboot: the hardware is not taken again */

/* Both run on the CPU in question. */
static int hw_cpu_online(unsigned int cpu)
{
	unsigned long flags;
	int r;

	local_irq_save(flags);
	r = strata_vendor->cpu_enable();
	local_irq_restore(flags);
	return r;
}

static int hw_cpu_offline(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	strata_vendor->cpu_disable();
	local_irq_restore(flags);
	return 0;
}

/**
 * strata_hw_get - a VM needs the hardware
 *
 * The first one enables it on every CPU; one that is held already, by KVM for
 * instance, makes the whole fail and be undone. CPUs that come later are
 * enabled as they come.
 *
 * Return: 0, or -EBUSY.
 */
int strata_hw_get(void)
{
	int r = 0;

	mutex_lock(&strata_lock);
	if (hw_down) {
		r = -ESHUTDOWN;
	} else if (!hw_users) {
		r = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "virt/strata:online", hw_cpu_online,
				      hw_cpu_offline);
		if (r > 0) {
			hw_state = r;
			r = 0;
			strata_hw_taken();
		} else if (r == -EBUSY) {
			strata_hw_busy();
		}
	}
	if (!r)
		hw_users++;
	mutex_unlock(&strata_lock);
	return r;
}

/**
 * strata_hw_put - a VM needs it no more
 */
void strata_hw_put(void)
{
	mutex_lock(&strata_lock);
	if (!--hw_users) {
		cpuhp_remove_state(hw_state);
		strata_hw_given_back();
	}
	mutex_unlock(&strata_lock);
}

/**
 * strata_hw_is_down - has the machine begun to go down?
 *
 * strata_lock is held.
 */
bool strata_hw_is_down(void)
{
	lockdep_assert_held(&strata_lock);
	return hw_down;
}

static void disable_this_cpu(void *unused)
{
	strata_vendor->cpu_disable();
}

/*
 * The machine goes down: guests stop. Each vCPU finds its CPU without the
 * hardware and its VM dead.
 */
static int reboot_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct strata_vm *vm;

	mutex_lock(&strata_lock);
	hw_down = true;
	list_for_each_entry(vm, &strata_vm_list, link)
		strata_vm_bug(vm);
	mutex_unlock(&strata_lock);
	on_each_cpu(disable_this_cpu, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block reboot_nb = {
	.notifier_call = reboot_notify,
};

/*
 * Suspend takes the other CPUs offline through cpuhp; the last one is left to
 * these. Firmware may have cleared everything when they resume.
 */
static int do_suspend(void)
{
	if (hw_users)
		strata_vendor->cpu_disable();
	return 0;
}

static void do_resume(void)
{
	if (hw_users)
		strata_vendor->cpu_enable();
}

STRATA_SYSCORE_OPS(strata_syscore, do_suspend, do_resume);

static struct miscdevice strata_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "strata",
	.fops = &strata_dev_fops,
	.mode = 0660,
};

static const struct strata_vendor *find_vendor(void)
{
	switch (boot_cpu_data.x86_vendor) {
	case X86_VENDOR_AMD:
	case X86_VENDOR_HYGON:
		return strata_svm_vendor;
	case X86_VENDOR_INTEL:
	case X86_VENDOR_CENTAUR:
	case X86_VENDOR_ZHAOXIN:
		return strata_vmx_vendor;
	default:
		return NULL;
	}
}

static int __init strata_init(void)
{
	const char *why = NULL;
	int r;

	strata_vendor = find_vendor();
	if (!strata_vendor) {
		pr_err("strata: this CPU is of a vendor that has neither SVM nor VMX\n");
		return -ENODEV;
	}
	if (hypervisor_is_type(X86_HYPER_XEN_PV)) {
		pr_err("strata: this is a Xen PV domain, which has no hardware virtualization; use HVM\n");
		return -ENODEV;
	}
	r = strata_vendor->check(&why);
	if (r) {
		pr_err("strata: %s\n", why);
		return r;
	}
	strata_mitigate_setup();
	r = strata_fpu_setup();
	if (r)
		return r;
	r = strata_cpuid_setup();
	if (r)
		return r;
	r = strata_clock_setup();
	if (r)
		return r;
	r = strata_vendor->setup();
	if (r)
		return r;
	r = strata_irqfd_setup();
	if (r)
		goto teardown;
	r = register_reboot_notifier(&reboot_nb);
	if (r)
		goto irqfd_teardown;
	r = strata_rivals_setup();
	if (r)
		goto unregister_reboot;
	strata_register_syscore(&strata_syscore);
	r = misc_register(&strata_misc);
	if (r)
		goto unregister;
	return 0;

unregister:
	strata_unregister_syscore(&strata_syscore);
	strata_rivals_teardown();
unregister_reboot:
	unregister_reboot_notifier(&reboot_nb);
irqfd_teardown:
	strata_irqfd_teardown();
teardown:
	strata_vendor->teardown();
	return r;
}

static void __exit strata_exit(void)
{
	misc_deregister(&strata_misc);
	strata_unregister_syscore(&strata_syscore);
	strata_rivals_teardown();
	unregister_reboot_notifier(&reboot_nb);
	strata_irqfd_teardown();
	strata_vendor->teardown();
	strata_profile_teardown();
}

module_init(strata_init);
module_exit(strata_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("the strata authors");
MODULE_DESCRIPTION("A virtual machine monitor that says what every exit costs");
