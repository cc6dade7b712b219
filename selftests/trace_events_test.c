// SPDX-License-Identifier: GPL-2.0
/*
 * lab: vmx kernels
 *
 * The events beside strata_exit_done: each tells of what happened, once, with its values.
 */
#include "strata_test.h"
#include "profile.h"
#include "trace.h"

#define MEMORY	0x40000000ul
#define DEVICE	0x50000000ul

static volatile uint64_t ticks;

static __guest void on_vector(struct guest_frame *f)
{
	ticks++;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_events(uint64_t intel)
{
	uint64_t ret;
	int i;

	guest_handler[0x41] = on_vector;
	mmio_write32(APIC_BASE + APIC_SVR, 0x1ff);
	GUEST_SYNC(1);
	mmio_write8(MEMORY, 1);
	mmio_write8(MEMORY + 2 * PAGE_SIZE, 1);
	mmio_write32(DEVICE + 8, 0x1234);
	rdmsr(0x1b);
	wrmsr_try(0x12345, 7);
	outw(0x4d2, 0x55aa);
	if (intel)
		asm volatile("vmcall" : "=a"(ret) : "a"(77) : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret) : "a"(77) : "memory");
	for (i = 0; i < 3; i++) {
		/* Fixed, to itself. */
		mmio_write32(APIC_BASE + APIC_ICR, 0x40041);
		sti();
		asm volatile("nop; nop");
		cli();
	}
	GUEST_ASSERT_EQ(3, ticks);
	GUEST_SYNC(2);
	GUEST_DONE();
}

/* How many events of a VM end with the text. */
static int count(const char *event, unsigned int vm, const char *text)
{
	char line[512], start[32];
	FILE *f = trace_open();
	const char *at;
	int n = 0;

	snprintf(start, sizeof(start), "vm %u ", vm);
	while ((at = trace_next(f, event, line, sizeof(line))))
		n += !strncmp(at, start, strlen(start)) && strstr(at, text);
	fclose(f);
	return n;
}

static void run_to(struct vcpu *vcpu, uint64_t stage)
{
	while (vcpu_run(vcpu) != KVM_EXIT_IO || !vcpu_is_ucall(vcpu))
		;
	if (vcpu->uc.cmd != UCALL_SYNC || vcpu->uc.arg[0] != stage)
		vcpu_report_abort(vcpu);
}

TEST(of_a_vcpu)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_events);
	unsigned int nr = profile_map(vcpu)->vm;
	void *memory = mem_alloc(4 * PAGE_SIZE, PAGE_SIZE);

	pin_to_cpu(0);
	madvise(memory, 4 * PAGE_SIZE, MADV_NOHUGEPAGE);
	vm_set_region(vm, 1, 0, MEMORY, 4 * PAGE_SIZE, memory);
	vm_map(vm, MEMORY, MEMORY, 4 * PAGE_SIZE, PTE_W);
	vm_map(vm, DEVICE, DEVICE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu_call(vcpu, g_events, on_intel());
	run_to(vcpu, 1);
	if (!trace_on("strata_nested_fault"))
		SKIP(return, "needs root and tracefs");
	trace_on("strata_mmio");
	trace_on("strata_msr");
	trace_on("strata_pio");
	trace_on("strata_hypercall");
	trace_on("strata_irq");
	trace_on("strata_inject");
	trace_clear();
	run_to(vcpu, 2);
	trace_off();

	EXPECT_EQ(1, count("strata_nested_fault", nr, "gpa 0x40000000 access 0x2 result 1 level 1 "));
	EXPECT_EQ(1, count("strata_nested_fault", nr, "gpa 0x40002000 access 0x2 result 1 level 1 "));
	EXPECT_EQ(1, count("strata_nested_fault", nr, "gpa 0x50000008 access 0x2 result 2 level 0 "));
	EXPECT_EQ(1, count("strata_mmio", nr, "write gpa 0x50000008 len 4 val 0x1234"));
	EXPECT_EQ(1, count("strata_msr", nr, "rdmsr 0x1b = 0xfee00900"));
	EXPECT_EQ(1, count("strata_msr", nr, "wrmsr 0x12345 = 0x7 #GP"));
	EXPECT_EQ(1, count("strata_pio", nr, "out port 0x4d2 size 2 rax 0x55aa"));
	EXPECT_EQ(1, count("strata_hypercall", nr, "nr 77 result -1000"));
	EXPECT_EQ(3, count("strata_irq", nr, "vcpu 0 vector 65\n"));
	EXPECT_EQ(3, count("strata_inject", nr, "vcpu 0 irq vector 65 "));
	/* The #GP, once more where its delivery found no page. */
	EXPECT_LE(1, count("strata_inject", nr, "exception vector 13 error 0x0"));
}

TEST(of_a_vm)
{
	struct kvm_dirty_log log = { .slot = 1 };
	uint8_t bitmap[8] = { 0 };
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned int nr;
	char text[64];

	if (!trace_on("strata_vm"))
		SKIP(return, "needs root and tracefs");
	trace_on("strata_vcpu");
	trace_on("strata_dirty_log");
	trace_clear();
	vm = vm_create(VM_IRQCHIP);
	vcpu = vcpu_create(vm, 0, g_events);
	nr = profile_map(vcpu)->vm;
	vcpu_create(vm, 3, g_events);
	vm_set_region(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, MEMORY, 4 * PAGE_SIZE,
		      mem_alloc(4 * PAGE_SIZE, PAGE_SIZE));
	vm_map(vm, MEMORY, MEMORY, 4 * PAGE_SIZE, PTE_W);
	vm_map(vm, DEVICE, DEVICE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vcpu_call(vcpu, g_events, on_intel());
	run_to(vcpu, 1);
	run_to(vcpu, 2);
	log.dirty_bitmap = bitmap;
	xioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
	EXPECT_EQ(5, bitmap[0]);
	xioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);

	snprintf(text, sizeof(text), "pid %d new", getpid());
	EXPECT_EQ(1, count("strata_vm", nr, text));
	EXPECT_EQ(1, count("strata_vcpu", nr, "vcpu 0 new"));
	EXPECT_EQ(1, count("strata_vcpu", nr, "vcpu 3 new"));
	EXPECT_EQ(1, count("strata_dirty_log", nr, "slot 1 pages 2\n"));
	EXPECT_EQ(1, count("strata_dirty_log", nr, "slot 1 pages 0\n"));
	EXPECT_EQ(0, count("strata_vcpu", nr, "gone"));
	EXPECT_EQ(0, count("strata_vm", nr, "gone"));
}

TEST(of_its_end)
{
	const struct strata_profile *p;
	unsigned int nr;
	struct vm *vm;

	if (!trace_on("strata_vm"))
		SKIP(return, "needs root and tracefs");
	trace_on("strata_vcpu");
	vm = vm_create(0);
	p = profile_map(vcpu_create(vm, 0, g_events));
	nr = p->vm;
	trace_clear();
	/* What is mapped keeps its vCPU, and that its VM. */
	vm_free(vm);
	EXPECT_EQ(0, count("strata_vcpu", nr, "gone"));
	munmap((void *)p, sizeof(*p));
	trace_off();
	EXPECT_EQ(1, count("strata_vcpu", nr, "vcpu 0 gone"));
	EXPECT_EQ(1, count("strata_vm", nr, "gone"));
}

TEST_HARNESS_MAIN
