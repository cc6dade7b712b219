// SPDX-License-Identifier: GPL-2.0
/*
 * lab: own-boot kernels
 *
 * Guests that never come to rest: exceptions in an endless chain, string I/O
 * of 2^40 bytes to devices in the kernel, loops of HLT, PAUSE, CPUID and
 * nested faults, storms of NMIs. Each can be interrupted by a signal at any
 * time and the rest of the host goes on.
 */
#include "strata_test.h"

#define GPA	0x40000000ul

static volatile uint64_t rounds;

static void *run_once(void *arg)
{
	struct vcpu *vcpu = arg;
	int err = vcpu_try_run(vcpu);

	__atomic_store_n(&vcpu->finished, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)err;
}

/* Lets it run a while, interrupts it and does that again. */
static int interrupted(struct vcpu *vcpu, void (*meanwhile)(struct vcpu *vcpu))
{
	int i, n, good = 0;

	for (i = 0; i < 3; i++) {
		vcpu->finished = false;
		vcpu_start(vcpu, run_once);
		for (n = 0; n < 20; n++) {
			if (meanwhile)
				meanwhile(vcpu);
			usleep(1000);
		}
		while (!vcpu_finished(vcpu)) {
			vcpu_kick(vcpu);
			usleep(1000);
		}
		good += (intptr_t)vcpu_join(vcpu) == EINTR;
	}
	return good;
}

static struct vcpu *start(void (*fn)(uint64_t arg), int flags)
{
	struct vm *vm = vm_create(flags);

	vm_map(vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	return vcpu_create(vm, 0, fn);
}

/* The handler comes back to the instruction that faults. */
static __guest void on_exception(struct guest_frame *f)
{
	rounds++;
}

static __guest void g_ud_loop(uint64_t arg)
{
	guest_handler[6] = on_exception;
	asm volatile("ud2");
}

TEST(endless_exceptions)
{
	struct vcpu *vcpu = start(g_ud_loop, 0);

	EXPECT_EQ(3, interrupted(vcpu, NULL));
	EXPECT_LT(0, guest_var(vcpu->vm, rounds));
}

static __guest void g_pf_loop(uint64_t arg)
{
	guest_handler[14] = on_exception;
	mmio_read8(1ull << 45);
}

TEST(endless_page_faults)
{
	EXPECT_EQ(3, interrupted(start(g_pf_loop, 0), NULL));
}

static __guest void g_pause(uint64_t arg)
{
	for (;;)
		cpu_relax();
}

static __guest void g_cpuid(uint64_t arg)
{
	uint32_t r[4];

	for (;;)
		cpuid(0, 0, r);
}

static __guest void g_cr8(uint64_t arg)
{
	for (;;) {
		write_cr8(5);
		write_cr8(0);
	}
}

static __guest void g_lapic(uint64_t arg)
{
	for (;;)
		mmio_write32(APIC_BASE + APIC_TPR, mmio_read32(APIC_BASE + APIC_ID));
}

static __guest void g_halt(uint64_t arg)
{
	for (;;) {
		cli();
		hlt();
	}
}

TEST(plain_loops)
{
	EXPECT_EQ(3, interrupted(start(g_pause, 0), NULL));
	EXPECT_EQ(3, interrupted(start(g_cpuid, 0), NULL));
	EXPECT_EQ(3, interrupted(start(g_cr8, VM_IRQCHIP), NULL));
	EXPECT_EQ(3, interrupted(start(g_lapic, VM_IRQCHIP), NULL));
	EXPECT_EQ(3, interrupted(start(g_halt, VM_IRQCHIP), NULL));
}

/* One instruction, a trillion accesses to a device in the kernel. */
static __guest void g_rep_insb(uint64_t arg)
{
	asm volatile("rep insb" : : "D"(GPA), "c"(1ull << 40), "d"(0x21) : "memory");
}

static __guest void g_rep_stos(uint64_t arg)
{
	asm volatile("rep stosl" : : "a"(0), "D"(GPA), "c"(1ull << 40) : "memory");
}

/* 64 MiB of guest addresses from GPA on are all one page. */
static struct vcpu *start_wrapped(void (*fn)(uint64_t arg), uint64_t page)
{
	struct vcpu *vcpu = start(fn, VM_IRQCHIP);
	uint64_t i;

	if (!page)
		page = vm_alloc(vcpu->vm, PAGE_SIZE);
	for (i = 0; i < 64 * MB; i += PAGE_SIZE)
		vm_map(vcpu->vm, GPA + i, page, PAGE_SIZE, PTE_W);
	return vcpu;
}

TEST(string_input)
{
	EXPECT_EQ(3, interrupted(start_wrapped(g_rep_insb, 0), NULL));
}

TEST(string_to_device_memory)
{
	EXPECT_EQ(3, interrupted(start_wrapped(g_rep_stos, APIC_BASE), NULL));
}

static __guest void g_rep_outsb_same(uint64_t arg)
{
	for (;;)
		asm volatile("rep outsb" : : "S"(GPA), "c"(4096), "d"(0x21));
}

TEST(string_output)
{
	EXPECT_EQ(3, interrupted(start_wrapped(g_rep_outsb_same, 0), NULL));
}

/* The host takes away what the guest touches. */
static uint8_t *memory;

static __guest void g_touch(uint64_t arg)
{
	uint64_t i;

	for (;;)
		for (i = 0; i < 64; i++)
			mmio_write8(GPA + i * PAGE_SIZE, i);
}

static void discard(struct vcpu *vcpu)
{
	madvise(memory, 64 * PAGE_SIZE, MADV_DONTNEED);
}

TEST(endless_nested_faults)
{
	struct vcpu *vcpu = start(g_touch, 0);

	memory = mem_alloc(64 * PAGE_SIZE, PAGE_SIZE);
	vm_map(vcpu->vm, GPA, GPA, 64 * PAGE_SIZE, PTE_W);
	vm_set_region(vcpu->vm, 1, 0, GPA, 64 * PAGE_SIZE, memory);
	EXPECT_EQ(3, interrupted(vcpu, discard));
}

static void nmi(struct vcpu *vcpu)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x400 };
	int i;

	for (i = 0; i < 100; i++)
		xioctl(vcpu->vm->fd, KVM_SIGNAL_MSI, &msi);
}

TEST(nmi_storm)
{
	struct vcpu *vcpu = start(g_pause, VM_IRQCHIP);

	lapic_enable(vcpu);
	EXPECT_EQ(3, interrupted(vcpu, nmi));
	EXPECT_LT(0, guest_var(vcpu->vm, guest_count[2]));
}

/* MOV SS in front of everything. */
static __guest void g_mov_ss(uint64_t arg)
{
	uint16_t ss;

	asm volatile("mov %%ss, %0" : "=r"(ss));
	for (;;)
		asm volatile("mov %0, %%ss; mov %0, %%ss; outb %%al, $0x21"
			     : : "r"(ss), "a"(0));
}

TEST(mov_ss)
{
	EXPECT_EQ(3, interrupted(start(g_mov_ss, VM_IRQCHIP), NULL));
}

TEST_HARNESS_MAIN
