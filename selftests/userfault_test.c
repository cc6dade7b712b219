// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory whose pages user space supplies on demand, by userfaultfd: the
 * guest waits for its page, a vCPU that waits can be killed, and a page that
 * user space does not supply to the kernel is EFAULT.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/userfaultfd.h>

#include "strata_test.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY	1
#endif

#define GPA	0x40000000ul
#define PAGES	16

static __guest void g_read_all(uint64_t arg)
{
	uint64_t i;

	for (i = 0; i < PAGES; i++)
		GUEST_ASSERT_EQ(0x5500 + i, mmio_read64(GPA + i * PAGE_SIZE));
	/* What the CPU walks and the emulator reads comes by other ways. */
	outb(0x10, 1);
	GUEST_DONE();
}

struct setup {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *mem;
	int uffd;
};

/* False where the kernel has no userfaultfd. */
static bool start(struct setup *s, int flags)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };

	s->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags);
	if (s->uffd < 0)
		return false;
	xioctl(s->uffd, UFFDIO_API, &api);
	s->vm = vm_create(VM_IRQCHIP);
	s->vcpu = vcpu_create(s->vm, 0, g_read_all);
	s->mem = mem_alloc(PAGES * PAGE_SIZE, PAGE_SIZE);
	reg.range.start = (uintptr_t)s->mem;
	reg.range.len = PAGES * PAGE_SIZE;
	xioctl(s->uffd, UFFDIO_REGISTER, &reg);
	vm_map(s->vm, GPA, GPA, PAGES * PAGE_SIZE, PTE_W);
	vm_set_region(s->vm, 1, 0, GPA, PAGES * PAGE_SIZE, s->mem);
	return true;
}

/* The address that somebody waits for. */
static uint64_t next_fault(int uffd)
{
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (read(uffd, &msg, sizeof(msg)) != sizeof(msg))
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
	if (msg.event != UFFD_EVENT_PAGEFAULT)
		die("event %#x of the userfaultfd", msg.event);
	return msg.arg.pagefault.address & -PAGE_SIZE;
}

static void *supply(void *arg)
{
	static uint64_t page[PAGE_SIZE / 8];
	struct setup *s = arg;
	int i;

	for (i = 0; i < PAGES; i++) {
		uint64_t at = next_fault(s->uffd);
		struct uffdio_copy copy = {
			.dst = at, .src = (uintptr_t)page, .len = PAGE_SIZE,
		};

		page[0] = 0x5500 + (at - (uintptr_t)s->mem) / PAGE_SIZE;
		xioctl(s->uffd, UFFDIO_COPY, &copy);
	}
	return NULL;
}

TEST(supplied_on_demand)
{
	pthread_t thread;
	struct setup s;

	if (!start(&s, 0))
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_EQ(0, pthread_create(&thread, NULL, supply, &s));
	expect_exit(s.vcpu, KVM_EXIT_IO);
	ASSERT_EQ(0x10, s.vcpu->run->io.port);
	pthread_join(thread, NULL);
	vcpu_run_done(s.vcpu);
}

static void *run(void *arg)
{
	vcpu_try_run(arg);
	return NULL;
}

/* The page never comes; nor, half of the time, the end of a change of slots. */
TEST(killed_while_waiting)
{
	int status, i;

	for (i = 0; i < 4; i++) {
		volatile int *state = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pid_t pid = fork();

		if (!pid) {
			struct setup s;

			if (!start(&s, 0)) {
				*state = 2;
				pause();
			}
			vcpu_start(s.vcpu, run);
			next_fault(s.uffd);
			*state = 1;
			if (i & 1)
				vm_try_set_region(s.vm, 2, 0, 2 * GPA, PAGE_SIZE, s.mem);
			for (;;)
				pause();
		}
		while (!*state)
			usleep(1000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		if (*state == 2)
			SKIP(return, "this kernel has no userfaultfd");
		EXPECT_TRUE(WIFSIGNALED(status));
	}
}

/*
 * Who supplies the pages may have other things to do first: what needs no
 * guest memory does not wait for a vCPU that waits.
 */
TEST(interrupts_while_waiting)
{
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + sizeof(table->entries[0]));
	struct kvm_irq_level line = { .irq = 5, .level = 1 };
	pthread_t thread;
	struct setup s;

	if (!start(&s, 0))
		SKIP(return, "this kernel has no userfaultfd");
	table->nr = 1;
	table->entries[0].gsi = 5;
	table->entries[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	table->entries[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	table->entries[0].u.irqchip.pin = 5;
	vcpu_start(s.vcpu, run);
	while (poll(&(struct pollfd){ .fd = s.uffd, .events = POLLIN }, 1, -1) != 1)
		;
	EXPECT_EQ(0, try_ioctl(s.vm->fd, KVM_SET_GSI_ROUTING, table));
	EXPECT_EQ(0, try_ioctl(s.vm->fd, KVM_IRQ_LINE, &line));
	ASSERT_EQ(0, pthread_create(&thread, NULL, supply, &s));
	vcpu_join(s.vcpu);
	pthread_join(thread, NULL);
	EXPECT_EQ(KVM_EXIT_IO, s.vcpu->run->exit_reason);
}

/* User space answers for itself only: the guest's access has no page. */
TEST(not_for_the_kernel)
{
	struct setup s;

	if (!start(&s, UFFD_USER_MODE_ONLY))
		SKIP(return, "this kernel has no userfaultfd for user mode only");
	EXPECT_EQ(EFAULT, vcpu_try_run(s.vcpu));
	EXPECT_EQ(EFAULT, vcpu_try_run(s.vcpu));
}

TEST_HARNESS_MAIN
