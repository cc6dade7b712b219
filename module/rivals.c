// SPDX-License-Identifier: GPL-2.0
/*
 * Other hypervisors on this machine, and the machine's sudden end.
 *
 * KVM and strata take turns: whoever finds the hardware enabled stays away
 * (EBUSY). At a crash or a kexec, VMX operation has to be left before the next
 * kernel starts, for INIT is blocked in it. Kernels up to 6.x ask one
 * registered callback to do that, and complain when a second one comes: so
 * where KVM is loaded, its callback serves, and while ours is registered
 * KVM's modules are not let in. Later kernels look at CR4.VMXE themselves, as
 * all do at EFER.SVME.
 */
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#ifdef HAVE_CPU_EMERGENCY_REGISTER_VIRT_CALLBACK
#include <asm/reboot.h>
#endif

#include "rivals.h"
#include "strata.h"

static bool armed;			/* strata_lock */

/* One of its functions tells. The reference it takes is dropped at once. */
static bool kvm_is_loaded(void)
{
	if (!symbol_get(kvm_get_kvm))
		return false;
	symbol_put(kvm_get_kvm);
	return true;
}

/**
 * strata_hw_busy - say who has the hardware
 *
 * strata_lock is held.
 */
void strata_hw_busy(void)
{
	lockdep_assert_held(&strata_lock);
	if (kvm_is_loaded())
		pr_warn_ratelimited("strata: KVM holds the virtualization hardware: end its VMs or unload it (modprobe -r kvm_intel kvm_amd); from Linux 6.12 on it holds it as long as it is loaded, unless booted with kvm.enable_virt_at_load=0\n");
	else
		pr_warn_ratelimited("strata: another hypervisor holds the virtualization hardware: unload it\n");
}

/**
 * strata_hw_taken - the hardware is ours from now on
 *
 * strata_lock is held.
 */
void strata_hw_taken(void)
{
	lockdep_assert_held(&strata_lock);
#ifdef HAVE_CPU_EMERGENCY_REGISTER_VIRT_CALLBACK
	if (!strata_vendor->emergency || kvm_is_loaded())
		return;
	cpu_emergency_register_virt_callback(strata_vendor->emergency);
	armed = true;
#endif
}

/**
 * strata_hw_given_back - it is ours no more
 *
 * strata_lock is held, and no CPU has it enabled.
 */
void strata_hw_given_back(void)
{
	lockdep_assert_held(&strata_lock);
#ifdef HAVE_CPU_EMERGENCY_REGISTER_VIRT_CALLBACK
	if (armed)
		cpu_emergency_unregister_virt_callback(strata_vendor->emergency);
	armed = false;
#endif
}

static int module_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct module *mod = data;
	bool refuse;

	if (event != MODULE_STATE_COMING ||
	    (strcmp(mod->name, "kvm_intel") && strcmp(mod->name, "kvm_amd")))
		return NOTIFY_DONE;
	mutex_lock(&strata_lock);
	refuse = armed;
	mutex_unlock(&strata_lock);
	if (!refuse)
		return NOTIFY_DONE;
	pr_notice("strata: %s is not loaded while a VM of strata has the hardware: end the VM first\n",
		  mod->name);
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block module_nb = {
	.notifier_call = module_notify,
};

int strata_rivals_setup(void)
{
	return register_module_notifier(&module_nb);
}

void strata_rivals_teardown(void)
{
	unregister_module_notifier(&module_nb);
}
