// SPDX-License-Identifier: GPL-2.0
/*
 * lab: vmx kernels
 *
 * A guest executes a known number of every instruction that exits. The profile and the
 * events report exactly that, under the right name and with the right detail, which are
 * the same on AMD and Intel.
 */
#include "strata_test.h"
#include "profile.h"
#include "trace.h"

#define DEVICE	0x50000000ul
#define MEMORY	0x40000000ul
#define PAGES	12

/* X(reason, how many, detail): all that the guest does, but for interrupts. ANY: no detail. */
#define ANY	~0ull
#define TRUTH(X)				\
	X(CPUID, 31, 0x80000000)		\
	X(CPUID, 17, 4 | 3ull << 32)		\
	X(MSR_READ, 23, 0x1b)			\
	X(MSR_READ, 19, 0x277)			\
	X(MSR_WRITE, 13, 0x277)			\
	X(MSR_WRITE, 5, 0x12345)		\
	X(HYPERCALL, 29, 1234)			\
	X(HYPERCALL, 3, 1)			\
	X(PIO, 37, 0x4d0)			\
	X(PIO, 11, 0x70)			\
	X(HLT, 7, ANY)				\
	X(CR_ACCESS, 2 * 9, ANY)		\
	X(RDPMC, 8, ANY)			\
	X(DB, 14, ANY)

/* QEMU tells of INVD as of WBINVD, and does not exit by XSETBV. */
#define TRUTH_HARDWARE(X)			\
	X(WBINVD, 21, ANY)			\
	X(INVD, 4, ANY)				\
	X(XSETBV, 15, ANY)

#define TRUTH_QEMU(X)				\
	X(WBINVD, 21 + 4, ANY)

#define TIMES(n)	for (i = 0; i < (n); i++)

static __guest void on_debug(struct guest_frame *f)
{
}

static __guest void hypercall(uint64_t nr, bool intel)
{
	uint64_t ret;

	if (intel)
		asm volatile("vmcall" : "=a"(ret) : "a"(nr) : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret) : "a"(nr) : "memory");
}

/* With TF set from the POPF's end on: 14 instructions are stepped over, the last a POPF. */
static __guest void step(void)
{
	asm volatile("pushf\n"
		     "orq $0x100, (%%rsp)\n"
		     "popf\n"
		     "nop\nnop\nnop\nnop\nnop\nnop\nnop\nnop\nnop\nnop\nnop\n"
		     "pushf\n"
		     "andq $~0x100, (%%rsp)\n"
		     "popf\n" : : : "memory", "cc");
}

static __guest void g_all(uint64_t intel)
{
	uint64_t cr0 = read_cr0();
	uint32_t r[4];
	int i;

	guest_handler[1] = on_debug;
	write_cr4(read_cr4() | 1u << 18);
	GUEST_SYNC(1);
	TIMES(31) cpuid(0x80000000, 0, r);
	TIMES(17) cpuid(4, 3, r);
	TIMES(23) rdmsr(0x1b);
	TIMES(19) rdmsr(0x277);
	TIMES(13) wrmsr(0x277, 0x0007040600070406);
	TIMES(5) wrmsr_try(0x12345, 1);
	TIMES(29) hypercall(1234, intel);
	TIMES(3) hypercall(1, intel);
	TIMES(37) inb(0x4d0);
	TIMES(11) outb(0x70, 1);
	TIMES(7) asm volatile("hlt");
	TIMES(9) {
		write_cr0(cr0 | 1u << 30);
		write_cr0(cr0);
	}
	GUEST_ASSERT_EQ(cr0, read_cr0());
	TIMES(15) asm volatile("xsetbv" : : "c"(0), "a"(1), "d"(0));
	TIMES(21) asm volatile("wbinvd" : : : "memory");
	TIMES(4) asm volatile("invd" : : : "memory");
	TIMES(8) GUEST_TRY("rdpmc", "c"(0));
	step();
	TIMES(PAGES) mmio_write8(MEMORY + i * PAGE_SIZE, 1);
	TIMES(25) mmio_write32(DEVICE + 16 * i, i);
	GUEST_SYNC(2);
	GUEST_DONE();
}

/* To the next GUEST_SYNC(), with devices that answer 0. */
static void run_to(struct vcpu *vcpu, uint64_t stage)
{
	for (;;) {
		switch (vcpu_run(vcpu)) {
		case KVM_EXIT_MMIO:
		case KVM_EXIT_HLT:
			continue;
		case KVM_EXIT_IO:
			if (!vcpu_is_ucall(vcpu))
				continue;
			if (vcpu->uc.cmd != UCALL_SYNC)
				vcpu_report_abort(vcpu);
			if (vcpu->uc.arg[0] != stage)
				die("stage %lu instead of %lu", vcpu->uc.arg[0], stage);
			return;
		default:
			die("exit %s", exit_name(vcpu->run->exit_reason));
		}
	}
}

FIXTURE(truth) {
	struct vm *vm;
	struct vcpu *vcpu;
	const struct strata_profile *p;
	struct strata_profile before;
};

FIXTURE_SETUP(truth)
{
	void *memory = mem_alloc(PAGES * PAGE_SIZE, PAGE_SIZE);

	madvise(memory, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
	self->vm = vm_create(0);
	vm_set_region(self->vm, 1, 0, MEMORY, PAGES * PAGE_SIZE, memory);
	vm_map(self->vm, MEMORY, MEMORY, PAGES * PAGE_SIZE, PTE_W);
	vm_map(self->vm, DEVICE, DEVICE, PAGE_SIZE, PTE_W | PTE_PCD);
	self->vcpu = vcpu_create(self->vm, 0, g_all);
	vcpu_call(self->vcpu, g_all, on_intel());
	self->p = profile_map(self->vcpu);
	pin_to_cpu(0);
}

FIXTURE_TEARDOWN(truth)
{
	trace_off();
}

static uint64_t exits_since(const struct strata_profile *p, const struct strata_profile *before,
			    unsigned int reason)
{
	return profile_exits(&p->reason[reason]) - profile_exits(&before->reason[reason]);
}

TEST_F(truth, profile)
{
	uint64_t wanted[STRATA_NR_EXIT_REASONS] = { 0 };
	unsigned int i;

#define ADD(id, n, detail)	wanted[STRATA_EXIT_##id] += (n);
	TRUTH(ADD)
	if (host_is_tcg()) {
		TRUTH_QEMU(ADD)
	} else {
		TRUTH_HARDWARE(ADD)
	}
	wanted[STRATA_EXIT_MMIO] = 25;
	/* That of the first GUEST_SYNC() has been booked since. */
	wanted[STRATA_EXIT_PIO]++;
	run_to(self->vcpu, 1);
	self->before = *self->p;
	run_to(self->vcpu, 2);
	for (i = 0; i < STRATA_NR_EXIT_REASONS; i++) {
		if (i == STRATA_EXIT_INTR || i == STRATA_EXIT_NMI || i == STRATA_EXIT_NESTED_FAULT)
			continue;
		if (exits_since(self->p, &self->before, i) != wanted[i])
			TH_LOG("%s", self->p->reason_name[i]);
		EXPECT_EQ(wanted[i], exits_since(self->p, &self->before, i));
	}
	/* And those that the test's own program and stack needed. */
	EXPECT_LE(PAGES, exits_since(self->p, &self->before, STRATA_EXIT_NESTED_FAULT));
}

static uint64_t count(unsigned int vm, const char *reason, uint64_t detail)
{
	struct trace_exit e;
	FILE *f = trace_open();
	uint64_t n = 0;

	while (trace_next_exit(f, vm, &e))
		n += !strcmp(e.reason, reason) && (detail == ANY || detail == e.detail);
	fclose(f);
	return n;
}

TEST_F(truth, events)
{
	unsigned int vm = self->p->vm, i;

	run_to(self->vcpu, 1);
	if (!trace_on("strata_exit_done"))
		SKIP(return, "needs root and tracefs");
	trace_clear();
	run_to(self->vcpu, 2);
	trace_off();
#define CHECK(id, n, detail)						\
	EXPECT_EQ((uint64_t)(n), count(vm, self->p->reason_name[STRATA_EXIT_##id], detail));
	TRUTH(CHECK)
	if (host_is_tcg()) {
		TRUTH_QEMU(CHECK)
	} else {
		TRUTH_HARDWARE(CHECK)
	}
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(1, count(vm, "nested-fault", MEMORY + i * PAGE_SIZE));
	EXPECT_EQ(25, count(vm, "mmio", ANY));
	for (i = 0; i < 25; i++)
		EXPECT_EQ(1, count(vm, "mmio", DEVICE + 16 * i));
}

TEST_HARNESS_MAIN
