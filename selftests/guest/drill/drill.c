// SPDX-License-Identifier: GPL-2.0
/*
 * Ways for a guest to die, and to write where it should not: insmod drill.ko how=WORD.
 * Built for the kernel that the guests of the tests run.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <asm/desc.h>
#include <asm/processor.h>

#define HOLE_START	0xc0000000ull
#define HOLE_END	0x100000000ull

static char *how = "";
module_param(how, charp, 0);
MODULE_PARM_DESC(how, "panic, bug, loop, halt, triple, ports or mmio");

static unsigned int step = 1;
module_param(step, uint, 0);
MODULE_PARM_DESC(step, "write to each so many-th page (mmio)");

static int skip[8];
static int nr_skip;
module_param_array(skip, int, &nr_skip, 0);
MODULE_PARM_DESC(skip, "ports to leave alone");

/* Named, so that a backtrace can be looked for it. */
static noinline void drill_loop(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static noinline void drill_halt(void)
{
	local_irq_disable();
	for (;;)
		halt();
}

static noinline void drill_bug(void)
{
	BUG();
}

static noinline void drill_triple(void)
{
	struct desc_ptr none = { 0 };

	local_irq_disable();
	load_idt(&none);
	asm volatile("int3");
}

static bool is_skipped(unsigned int port)
{
	int i;

	for (i = 0; i < nr_skip; i++) {
		if (port == skip[i])
			return true;
	}
	return false;
}

static noinline void drill_ports(void)
{
	unsigned int port;

	for (port = 0; port < 0x10000; port++) {
		/* Wider writes would reach into the neighbours. */
		if (is_skipped(port) || is_skipped(port + 1) || is_skipped(port + 2) ||
		    is_skipped(port + 3))
			continue;
		outb(0xff, port);
		outw(0xffff, port);
		outl(0xffffffff, port);
		inl(port);
	}
}

static noinline void drill_mmio(void)
{
	u64 at;

	for (at = HOLE_START; at < HOLE_END; at += (u64)PAGE_SIZE * step) {
		u8 __iomem *page = ioremap(at, PAGE_SIZE);

		if (!page)
			continue;
		writel(0xffffffff, page);
		writeb(0xff, page + 0xfff);
		readl(page + 0x10);
		iounmap(page);
	}
}

static const struct {
	const char *name;
	void (*fn)(void);
} ways[] = {
	{ "bug", drill_bug }, { "loop", drill_loop }, { "halt", drill_halt },
	{ "triple", drill_triple }, { "ports", drill_ports }, { "mmio", drill_mmio },
};

static int __init drill_init(void)
{
	unsigned int i;

	if (!strcmp(how, "panic"))
		panic("drill");
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(how, ways[i].name))
			continue;
		ways[i].fn();
		pr_info("drill: %s done\n", how);
		return 0;
	}
	return -EINVAL;
}
module_init(drill_init);

static void __exit drill_exit(void)
{
}
module_exit(drill_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Ways for a guest to die");
