// SPDX-License-Identifier: GPL-2.0
/*
 * What one exit costs: a VM that does one thing many times, measured by the
 * guest with its time stamp counter. In a test machine started with --icount
 * that counter counts the instructions executed, by host and guest together.
 *
 * Usage: bench [-m] [-n ROUNDS] [OPERATION]...
 *
 * Prints "OPERATION VALUE" for each: ticks per operation, less those of the
 * guest's own loop. STRATA_DEV chooses the device.
 */
#include <sys/eventfd.h>

#include "testlib.h"

#define ROUNDS		2000	/* unless -n says otherwise; a multiple of PARTS */
#define MAX_TOUCHED	16384
#define WARM_UP		50
#define HOLE		0x80000000ul	/* no slot is there */
#define MEMORY		0x40000000ul	/* slot 1, for nested faults */
#define LARGE		(2 * MB)
#define NR_LARGE	64
#define EVENT_PORT	0x5000
#define VECTOR		0x40
#define MSR_APIC_BASE	0x1b
#define MSR_DEADLINE	0x6e0
#define MSR_X2APIC_EOI	0x80b
#define MSR_X2APIC_ICR	0x830
#define MSR_PV_EOI	0x4b564d04
#define OTHERS		4
#define TIMER_TICKS	200000

/*
 * In parts, of which the middle one counts: whatever else the host does now
 * and then, a tick or a thread of its own, falls into one or two of them.
 */
#define PARTS		8

/* The guest's copies are made when the VM is. */
static volatile uint64_t rounds = ROUNDS;
static volatile bool intel;
/* Shows selftests/bench/profile-vmx where the part begins and ends that it looks at. */
static volatile bool marks;

static __guest void mark(int part)
{
	if (marks && part == PARTS / 2)
		asm volatile("xchg %bx, %bx");
}

static __guest uint64_t middle(uint64_t *ticks)
{
	int i, j;

	for (i = 1; i < PARTS; i++) {
		uint64_t t = ticks[i];

		for (j = i; j > 0 && ticks[j - 1] > t; j--)
			ticks[j] = ticks[j - 1];
		ticks[j] = t;
	}
	return ticks[PARTS / 2];
}

/* Runs body rounds times, after some that do not count; gives the ticks. */
#define MEASURE(body)							\
	({								\
		uint64_t i_, n_ = rounds / PARTS, begin_, part_[PARTS];	\
		int p_;							\
									\
		for (i_ = 0; i_ < WARM_UP; i_++) {			\
			body;						\
		}							\
		for (p_ = 0; p_ < PARTS; p_++) {			\
			mark(p_);					\
			begin_ = rdtsc();				\
			for (i_ = 0; i_ < n_; i_++) {			\
				body;					\
			}						\
			part_[p_] = rdtsc() - begin_;			\
			mark(p_);					\
		}							\
		middle(part_) * PARTS;					\
	})

static __guest void g_empty(uint64_t arg)
{
	GUEST_SYNC2(rounds, MEASURE(asm volatile("")));
	GUEST_DONE();
}

static __guest void g_cpuid(uint64_t arg)
{
	uint32_t r[4];

	GUEST_SYNC2(rounds, MEASURE(cpuid(0, 0, r)));
	GUEST_DONE();
}

static __guest void g_hypercall(uint64_t arg)
{
	uint64_t rax;

	/* A number that nobody knows is answered in the kernel. */
	if (intel)
		GUEST_SYNC2(rounds, MEASURE(asm volatile("vmcall" : "=a"(rax) : "0"(100ul)
								  : "memory")));
	else
		GUEST_SYNC2(rounds, MEASURE(asm volatile("vmmcall" : "=a"(rax) : "0"(100ul)
								   : "memory")));
	GUEST_DONE();
}

static __guest void g_rdmsr(uint64_t arg)
{
	GUEST_SYNC2(rounds, MEASURE(rdmsr(MSR_APIC_BASE)));
	GUEST_DONE();
}

static __guest void g_wrmsr(uint64_t arg)
{
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, 0x40000 | VECTOR);
	GUEST_SYNC2(rounds, MEASURE(wrmsr(MSR_DEADLINE, 0)));
	GUEST_DONE();
}

static __guest void g_pio(uint64_t arg)
{
	GUEST_SYNC2(rounds, MEASURE(outb(0x80, 1)));
	GUEST_DONE();
}

static __guest void g_mmio(uint64_t arg)
{
	GUEST_SYNC2(rounds, MEASURE(mmio_write32(HOLE, 1)));
	GUEST_DONE();
}

static __guest void g_ioeventfd(uint64_t arg)
{
	GUEST_SYNC2(rounds, MEASURE(outw(EVENT_PORT, 1)));
	GUEST_DONE();
}

static __guest void g_touch(uint64_t stride)
{
	uint64_t n = stride == LARGE ? NR_LARGE : rounds, i, begin, part[PARTS];
	volatile uint8_t *at = (volatile uint8_t *)MEMORY;
	int p;

	if (stride == PAGE_SIZE && n > MAX_TOUCHED)
		n = MAX_TOUCHED;
	for (p = 0; p < PARTS; p++) {
		mark(p);
		begin = rdtsc();
		for (i = 0; i < n / PARTS; i++, at += stride)
			(void)*at;
		part[p] = rdtsc() - begin;
		mark(p);
	}
	GUEST_SYNC2(n, middle(part) * PARTS);
	GUEST_DONE();
}

static __guest void g_eoi(struct guest_frame *f)
{
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void self_ipi(void (*handler)(struct guest_frame *f))
{
	uint64_t ticks;

	guest_handler[VECTOR] = handler;
	asm volatile("sti");
	ticks = MEASURE(mmio_write32(APIC_BASE + APIC_ICR, 0x40000 | VECTOR));
	GUEST_ASSERT_EQ(rounds + WARM_UP, guest_count[VECTOR]);
	GUEST_SYNC2(rounds, ticks);
	GUEST_DONE();
}

static __guest void g_self_ipi(uint64_t arg)
{
	self_ipi(g_eoi);
}

static __guest void g_x2apic_eoi(struct guest_frame *f)
{
	wrmsr(MSR_X2APIC_EOI, 0);
}

static __guest void g_self_ipi_x2apic(uint64_t arg)
{
	uint64_t ticks;

	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	guest_handler[VECTOR] = g_x2apic_eoi;
	asm volatile("sti");
	ticks = MEASURE(wrmsr(MSR_X2APIC_ICR, 0x40000 | VECTOR));
	GUEST_ASSERT_EQ(rounds + WARM_UP, guest_count[VECTOR]);
	GUEST_SYNC2(rounds, ticks);
	GUEST_DONE();
}

/* The guest's deadline timer is the user's to offer. */
static void set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);

	e->ecx |= 1u << 24 | 1u << 21;
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	free(c);
}

/* The same with MSR_KVM_PV_EOI_EN: the guest clears a bit instead of writing. */
static volatile uint32_t eoi_bit __attribute__((aligned(64)));
static volatile uint64_t eoi_gpa;

static __guest void g_pv_eoi(struct guest_frame *f)
{
	uint8_t was;

	asm volatile("lock btr $0, %1; setc %0" : "=r"(was), "+m"(eoi_bit) : : "memory");
	if (!was)
		mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_self_ipi_pv_eoi(uint64_t arg)
{
	wrmsr(MSR_PV_EOI, eoi_gpa | 1);
	self_ipi(g_pv_eoi);
}

static void prepare_eoi(struct vm *vm)
{
	guest_var(vm, eoi_gpa) = vm_gpa(vm, &eoi_bit);
}

/* To four others, which do not run: one by one, and by one hypercall. */
static __guest void ipi_each(void)
{
	uint64_t id;

	for (id = 1; id <= OTHERS; id++)
		wrmsr(MSR_X2APIC_ICR, id << 32 | VECTOR);
}

static __guest void ipi_all(void)
{
	uint64_t rax;

	if (intel)
		asm volatile("vmcall" : "=a"(rax)
			     : "0"(10ul), "b"((2ul << OTHERS) - 2), "c"(0ul), "d"(0ul),
			       "S"((uint64_t)VECTOR) : "memory");
	else
		asm volatile("vmmcall" : "=a"(rax)
			     : "0"(10ul), "b"((2ul << OTHERS) - 2), "c"(0ul), "d"(0ul),
			       "S"((uint64_t)VECTOR) : "memory");
}

static __guest void g_ipi(uint64_t by_hypercall)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	if (by_hypercall)
		GUEST_SYNC2(rounds, MEASURE(ipi_all()));
	else
		GUEST_SYNC2(rounds, MEASURE(ipi_each()));
	GUEST_DONE();
}

static void prepare_others(struct vm *vm)
{
	int id;

	for (id = 1; id <= OTHERS; id++) {
		struct vcpu *vcpu = vcpu_create_raw(vm, id);
		struct kvm_sregs s;

		set_cpuid(vcpu);
		s = vcpu_sregs(vcpu);
		s.apic_base |= 0x400;
		vcpu_set_sregs(vcpu, &s);
		lapic_enable(vcpu);
	}
}

/* From the deadline to the handler's first instruction, through HLT. */
static volatile uint64_t late, deadline;

static __guest void g_timer_handler(struct guest_frame *f)
{
	late += rdtsc() - deadline;
	mmio_write32(APIC_BASE + APIC_EOI, 0);
}

static __guest void g_timer(uint64_t arg)
{
	uint64_t i;

	guest_handler[VECTOR] = g_timer_handler;
	mmio_write32(APIC_BASE + APIC_LVT_TIMER, 0x40000 | VECTOR);
	for (i = 0; i < rounds / 10; i++) {
		deadline = rdtsc() + TIMER_TICKS;
		wrmsr(MSR_DEADLINE, deadline);
		asm volatile("sti\n\thlt\n\tcli" : : : "memory");
	}
	GUEST_ASSERT_EQ(rounds / 10, guest_count[VECTOR]);
	GUEST_SYNC2(rounds / 10, late);
	GUEST_DONE();
}

static void prepare_ioeventfd(struct vm *vm)
{
	struct kvm_ioeventfd e = {
		.addr = EVENT_PORT,
		.len = 2,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
		.fd = eventfd(0, EFD_CLOEXEC),
	};

	if (e.fd < 0)
		die("eventfd: %s", strerror(errno));
	xioctl(vm->fd, KVM_IOEVENTFD, &e);
}

/* Memory that the host has populated already, in small or in large pages. */
static void prepare_memory(struct vm *vm, int advice)
{
	size_t size = NR_LARGE * LARGE, i;
	uint8_t *memory = mem_alloc(size, LARGE);

	if (madvise(memory, size, advice))
		die("madvise: %s", strerror(errno));
	for (i = 0; i < size; i += PAGE_SIZE)
		memory[i] = 1;
	vm_set_region(vm, 1, 0, MEMORY, size, memory);
	for (i = 0; i < size; i += LARGE)
		vm_map_level(vm, MEMORY + i, MEMORY + i, 2, PTE_W);
}

static void prepare_small(struct vm *vm)
{
	prepare_memory(vm, MADV_NOHUGEPAGE);
}

static void prepare_large(struct vm *vm)
{
	prepare_memory(vm, MADV_HUGEPAGE);
}

static const struct operation {
	const char *name;
	void (*guest)(uint64_t arg);
	uint64_t arg;
	void (*prepare)(struct vm *vm);
	bool sce;		/* with EFER.SCE set */
} operations[] = {
	{ .name = "cpuid", .guest = g_cpuid },
	{ .name = "hypercall", .guest = g_hypercall },
	{ .name = "rdmsr", .guest = g_rdmsr },
	{ .name = "wrmsr", .guest = g_wrmsr },
	{ .name = "pio-user", .guest = g_pio },
	{ .name = "pio-user-sce", .guest = g_pio, .sce = true },
	{ .name = "mmio-user", .guest = g_mmio },
	{ .name = "ioeventfd-pio", .guest = g_ioeventfd, .prepare = prepare_ioeventfd },
	{ .name = "fault-4k", .guest = g_touch, .arg = PAGE_SIZE, .prepare = prepare_small },
	{ .name = "fault-2m", .guest = g_touch, .arg = LARGE, .prepare = prepare_large },
	{ .name = "self-ipi", .guest = g_self_ipi },
	{ .name = "self-ipi-x2apic", .guest = g_self_ipi_x2apic },
	{ .name = "self-ipi-pv-eoi", .guest = g_self_ipi_pv_eoi, .prepare = prepare_eoi },
	{ .name = "ipi-4", .guest = g_ipi, .prepare = prepare_others },
	{ .name = "ipi-4-pv", .guest = g_ipi, .arg = 1, .prepare = prepare_others },
	{ .name = "timer-wakeup", .guest = g_timer },
};

/*
 * Without SYSCALL a guest's values of its MSRs are of no use to it, and VMX, which
 * does not switch them, need not either.
 */
static void clear_sce(struct vcpu *vcpu)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);

	s.efer &= ~1ull;
	vcpu_set_sregs(vcpu, &s);
}

/* Runs the guest; whatever it asks of the host is nothing. */
static double ticks_per_round(const struct operation *op)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu;
	double ticks;

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	if (op->prepare)
		op->prepare(vm);
	vcpu = vcpu_create(vm, 0, op->guest);
	set_cpuid(vcpu);
	if (!op->sce)
		clear_sce(vcpu);
	lapic_enable(vcpu);
	vcpu_call(vcpu, op->guest, op->arg);

	do {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0 && errno != EINTR)
			die("KVM_RUN: %s", strerror(errno));
	} while (vcpu->run->exit_reason != KVM_EXIT_IO || !vcpu_is_ucall(vcpu));
	vcpu_report_abort(vcpu);
	if (vcpu->uc.cmd != UCALL_SYNC)
		die("%s: the guest ended early", op->name);
	ticks = (double)vcpu->uc.arg[1] / vcpu->uc.arg[0];
	vm_free(vm);
	return ticks;
}

/* What any call into the kernel costs, and so an exit to user space at least. */
static double bare_ioctl(void)
{
	uint64_t part[PARTS], i;
	int fd = dev_open(), p;

	for (i = 0; i < WARM_UP; i++)
		ioctl(fd, KVM_GET_API_VERSION, 0);
	for (p = 0; p < PARTS; p++) {
		part[p] = rdtsc();
		for (i = 0; i < ROUNDS / PARTS; i++)
			ioctl(fd, KVM_GET_API_VERSION, 0);
		part[p] = rdtsc() - part[p];
	}
	close(fd);
	return (double)middle(part) * PARTS / ROUNDS;
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct operation empty = { .name = "empty", .guest = g_empty };
	uint64_t n = ROUNDS;
	double loop;
	bool with_marks = false;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	intel = on_intel();
	argv++;
	if (argc > 1 && !strcmp(argv[0], "-m")) {
		with_marks = true;
		argv++;
		argc--;
	}
	if (argc > 2 && !strcmp(argv[0], "-n")) {
		n = strtoull(argv[1], NULL, 0);
		argv += 2;
	}
	if (wanted("ioctl", argv))
		printf("ioctl %.0f\n", bare_ioctl());
	loop = ticks_per_round(&empty);
	marks = with_marks;
	/* Each part has as many. */
	rounds = n < PARTS ? PARTS : n - n % PARTS;
	for (i = 0; i < ARRAY_SIZE(operations); i++)
		if (wanted(operations[i].name, argv))
			printf("%s %.0f\n", operations[i].name,
			       ticks_per_round(&operations[i]) - loop);
	return 0;
}
