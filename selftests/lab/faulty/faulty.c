// SPDX-License-Identifier: GPL-2.0
/*
 * A module that does what its parameter says and is wrong, to prove that the
 * debug kernel notices and that the test machine passes it on.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *fault = "";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "leak, use-after-free, lock-order, sleep or shift");

static void leak(void)
{
	char *memory;
	int i;

	/*
	 * Each pointer is lost with the next. Several, because a word left
	 * behind in some stack may look like one of them.
	 */
	for (i = 0; i < 16; i++) {
		memory = kmalloc(96, GFP_KERNEL);
		if (memory)
			memset(memory, 1, 96);
	}
}

static void use_after_free(void)
{
	char *memory = kmalloc(96, GFP_KERNEL);

	if (!memory)
		return;
	kfree(memory);
	WRITE_ONCE(memory[8], 1);
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static DEFINE_SPINLOCK(lock);

static void sleep_locked(void)
{
	spin_lock(&lock);
	msleep(20);
	spin_unlock(&lock);
}

static noinline int shift_by(int bits)
{
	return 1 << bits;
}

static int __init faulty_init(void)
{
	int bits = 40;

	OPTIMIZER_HIDE_VAR(bits);
	if (!strcmp(fault, "leak"))
		leak();
	else if (!strcmp(fault, "use-after-free"))
		use_after_free();
	else if (!strcmp(fault, "lock-order"))
		lock_order();
	else if (!strcmp(fault, "sleep"))
		sleep_locked();
	else if (!strcmp(fault, "shift"))
		return shift_by(bits) ? 0 : -ERANGE;
	else
		return -EINVAL;
	return 0;
}

static void __exit faulty_exit(void)
{
}

module_init(faulty_init);
module_exit(faulty_exit);
MODULE_DESCRIPTION("faults on request, for the test machine's test");
MODULE_LICENSE("GPL");
