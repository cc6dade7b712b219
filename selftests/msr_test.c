// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs: the index list, partial counts, values that would fault the host, the
 * segment and system call MSRs at work, unknown indices, and EFER, APIC base,
 * PAT and MTRRs.
 *
 * lab: vmx
 */
#include "strata_test.h"

#define MSR_TSC		0x10
#define MSR_APIC_BASE	0x1b
#define MSR_SYSENTER_CS	0x174
#define MSR_PAT		0x277
#define MSR_EFER	0xc0000080
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_CSTAR	0xc0000083
#define MSR_FMASK	0xc0000084
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS	0xc0000102
#define MSR_TSC_AUX	0xc0000103
#define UNKNOWN_MSR	0x4711

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

static struct kvm_msr_list *get_index_list(void)
{
	struct kvm_msr_list *l = calloc(1, sizeof(*l) + 1024 * sizeof(l->indices[0]));
	int dev = dev_open();

	l->nmsrs = 1024;
	xioctl(dev, KVM_GET_MSR_INDEX_LIST, l);
	close(dev);
	return l;
}

/* Everything in the list can be read, one by one, and written back. */
TEST(index_list)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_done);
	struct kvm_msr_list *l = get_index_list();
	uint32_t i, j;

	for (i = 0; i < l->nmsrs; i++) {
		uint64_t v;

		EXPECT_EQ(1, vcpu_try_get_msr(vcpu, l->indices[i], &v))
			TH_LOG("MSR %#x cannot be read", l->indices[i]);
		EXPECT_EQ(1, vcpu_try_set_msr(vcpu, l->indices[i], v))
			TH_LOG("MSR %#x does not take its own value %#lx",
			       l->indices[i], v);
		for (j = 0; j < i; j++)
			EXPECT_NE(l->indices[i], l->indices[j]);
	}
}

/* What clients restore or set at start-up. */
TEST(what_clients_write)
{
	static const uint32_t at_zero[] = {
		0x174, 0x175, 0x176, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
		0xc0000102, 0x10, 0x11, 0x12, 0x1a0, 0x250, 0x258, 0x259, 0x268, 0x26f,
		0x200, 0x20f,
	};
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_done);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at_zero); i++)
		EXPECT_EQ(1, vcpu_try_set_msr(vcpu, at_zero[i], 0))
			TH_LOG("MSR %#x", at_zero[i]);
	EXPECT_EQ(1, vcpu_try_set_msr(vcpu, 0x2ff, 0xc06));
	EXPECT_EQ(1, vcpu_try_set_msr(vcpu, MSR_PAT, 0x0007040600070406));
}

TEST(counts)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[256];
	} m = { .head.nmsrs = 4 };
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_done);

	m.e[0].index = MSR_STAR;
	m.e[0].data = 0x1111;
	m.e[1].index = MSR_LSTAR;
	m.e[1].data = 0x2222;
	m.e[2].index = UNKNOWN_MSR;
	m.e[3].index = MSR_FMASK;
	m.e[3].data = 0x3333;
	/* They stop at the first that fails and say how many they did. */
	EXPECT_EQ(2, ioctl(vcpu->fd, KVM_SET_MSRS, &m));
	EXPECT_EQ(0x1111, vcpu_get_msr(vcpu, MSR_STAR));
	EXPECT_EQ(0x2222, vcpu_get_msr(vcpu, MSR_LSTAR));
	EXPECT_EQ(0, vcpu_get_msr(vcpu, MSR_FMASK));
	EXPECT_EQ(2, ioctl(vcpu->fd, KVM_GET_MSRS, &m));
	m.head.nmsrs = 0;
	EXPECT_EQ(0, ioctl(vcpu->fd, KVM_GET_MSRS, &m));
	m.head.nmsrs = 256;
	EXPECT_EQ(E2BIG, try_ioctl(vcpu->fd, KVM_GET_MSRS, &m));
	EXPECT_EQ(E2BIG, try_ioctl(vcpu->fd, KVM_SET_MSRS, &m));
	m.head.nmsrs = 0xffffffff;
	EXPECT_EQ(E2BIG, try_ioctl(vcpu->fd, KVM_GET_MSRS, &m));
}

/* Bases that are not canonical would fault when they are loaded. */
static __guest void g_non_canonical(uint64_t arg)
{
	static const uint32_t msrs[] = {
		MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		uint64_t f = wrmsr_try(msrs[i], 1ull << 63);

		/* QEMU's TCG lets it pass where the write is not intercepted. */
		GUEST_ASSERT(!f || f == FAULT(13));
		GUEST_SYNC(i);
		GUEST_ASSERT_EQ(0, wrmsr_try(msrs[i], 0xffff800000001000));
		GUEST_ASSERT_EQ(0xffff800000001000, rdmsr(msrs[i]));
		GUEST_ASSERT_EQ(0, wrmsr_try(msrs[i], 0));
	}
	GUEST_DONE();
}

TEST(non_canonical)
{
	static const uint32_t msrs[] = {
		MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS,
	};
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_non_canonical);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		EXPECT_EQ(0, vcpu_try_set_msr(vcpu, msrs[i], 1ull << 63))
			TH_LOG("MSR %#x", msrs[i]);
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		vcpu_run_sync(vcpu, i);
	vcpu_run_done(vcpu);
}

/* SYSENTER's MSRs: whatever was taken, the host lives and the guest runs. */
static __guest void g_sysenter(uint64_t arg)
{
	wrmsr_try(0x175, 1ull << 63);
	wrmsr_try(0x176, 1ull << 63);
	wrmsr(0x174, 8);
	GUEST_ASSERT_EQ(8, rdmsr(0x174));
	wrmsr(0x175, 0x123456);
	GUEST_ASSERT_EQ(0x123456, rdmsr(0x175));
	wrmsr(0x176, 0x789abc);
	GUEST_ASSERT_EQ(0x789abc, rdmsr(0x176));
	GUEST_DONE();
}

TEST(sysenter)
{
	struct vm *vm = vm_create(0);

	vcpu_run_done(vcpu_create(vm, 0, g_sysenter));
}

static __guest void g_unknown(uint64_t arg)
{
	uint64_t v;

	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(UNKNOWN_MSR, &v));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(UNKNOWN_MSR, 0));
	GUEST_ASSERT_EQ(FAULT(13), rdmsr_try(0xffffffff, &v));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(0x80000000, 1));
	/* The VMX and the SVM MSRs, which are never the host's. */
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(0xc0010117, 0x1001));
	/* EFER: reserved bits, and SVME where SVM is not offered. */
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) | 1ull << 1));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) | 1ull << 40));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) | 1ull << 12));
	GUEST_ASSERT_EQ(0xd01, rdmsr(MSR_EFER));
	/* LMA is not for the guest to write. */
	wrmsr_try(MSR_EFER, rdmsr(MSR_EFER) & ~(1ull << 10));
	GUEST_ASSERT_EQ(0xd01, rdmsr(MSR_EFER));
	/* PAT: types 2 and 3 do not exist. */
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_PAT, 2));
	GUEST_ASSERT_EQ(0, wrmsr_try(MSR_PAT, 0x0007010600070106));
	GUEST_ASSERT_EQ(0x0007010600070106, rdmsr(MSR_PAT));
	/* MTRRs: type 2 does not exist; reserved bits of the default type. */
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(0x250, 2));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(0x2ff, 1ull << 20));
	GUEST_ASSERT_EQ(0, wrmsr_try(0x2ff, 0xc06));
	GUEST_ASSERT_EQ(0xc06, rdmsr(0x2ff));
	GUEST_DONE();
}

TEST(guest_faults)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 0x80000001, 0);

	/* Without nested SVM, which KVM may offer. */
	e->ecx &= ~(1u << 2);
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	vcpu->stack_top = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_set_long_mode(vcpu);
	vcpu_call(vcpu, g_unknown, 0);
	vcpu_run_done(vcpu);
}

/* Counters that are not there: old code writes to them, and does not expect a fault. */
static __guest void g_counters(uint64_t arg)
{
	static const uint32_t msr[] = { 0xc1, 0xc2, 0x186, 0x187 };
	uint64_t v;
	int i;

	for (i = 0; i < 4; i++) {
		GUEST_ASSERT_EQ(0, wrmsr_try(msr[i], 0x9a2));
		GUEST_ASSERT_EQ(0, rdmsr_try(msr[i], &v));
		GUEST_ASSERT_EQ(0, v);
	}
	GUEST_DONE();
}

TEST(counters)
{
	vcpu_run_done(vcpu_create(vm_create(0), 0, g_counters));
}

/* SYSCALL goes where LSTAR says, with the selectors of STAR, less FMASK. */
static volatile uint64_t stack, sys_rcx, sys_r11, sys_flags, sys_cs;

void syscall_entry(void);
asm(".pushsection .text\n"
	"syscall_entry:\n"
	"mov %rcx, sys_rcx(%rip)\n"
	"mov %r11, sys_r11(%rip)\n"
	"mov %cs, %eax\n"
	"mov %rax, sys_cs(%rip)\n"
	"mov $0x30000, %rsp\n"
	"pushfq\n"
	"popq sys_flags(%rip)\n"
	"int $0x81\n"
	".popsection\n");

static __guest void g_user_syscall(uint64_t arg)
{
	asm volatile("syscall" : : : "rcx", "r11", "memory");
}

static __guest void g_syscall(uint64_t arg)
{
	wrmsr(MSR_STAR, 0x0013000800000000);
	wrmsr(MSR_LSTAR, (uintptr_t)syscall_entry);
	wrmsr(MSR_FMASK, 0x200 | 1);
	guest_user_call(g_user_syscall, 0, stack);
	GUEST_ASSERT_EQ(8, sys_cs);
	GUEST_ASSERT_EQ(0, sys_flags & 0x201);
	GUEST_ASSERT(sys_rcx > (uintptr_t)g_user_syscall);
	GUEST_DONE();
}

TEST(syscall_instruction)
{
	struct vm *vm = vm_create(VM_USER);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_syscall);

	guest_var(vm, stack) = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_run_done(vcpu);
	EXPECT_EQ((uintptr_t)g_user_syscall >> 12, guest_var(vm, sys_rcx) >> 12);
}

/* Values set on one side are seen on the other. */
static __guest void g_swap(uint64_t arg)
{
	uint64_t v;

	GUEST_ASSERT_EQ(0x1000, rdmsr(MSR_FS_BASE));
	GUEST_ASSERT_EQ(0x2000, rdmsr(MSR_GS_BASE));
	GUEST_ASSERT_EQ(0x3000, rdmsr(MSR_KERNEL_GS));
	asm volatile("swapgs; mov %%gs:0, %0; swapgs" : "=r"(v));
	GUEST_ASSERT_EQ(0x333, v);
	asm volatile("mov %%gs:0, %0" : "=r"(v));
	GUEST_ASSERT_EQ(0x222, v);
	wrmsr(MSR_KERNEL_GS, 0x5000);
	wrmsr(MSR_FS_BASE, 0x6000);
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(0x7000, rdmsr(MSR_KERNEL_GS));
	GUEST_DONE();
}

TEST(both_sides)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_swap);

	*(uint64_t *)vm_hva(vm, 0x2000) = 0x222;
	*(uint64_t *)vm_hva(vm, 0x3000) = 0x333;
	vcpu_set_msr(vcpu, MSR_FS_BASE, 0x1000);
	vcpu_set_msr(vcpu, MSR_GS_BASE, 0x2000);
	vcpu_set_msr(vcpu, MSR_KERNEL_GS, 0x3000);
	EXPECT_EQ(0x1000, vcpu_sregs(vcpu).fs.base);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0x5000, vcpu_get_msr(vcpu, MSR_KERNEL_GS));
	EXPECT_EQ(0x6000, vcpu_get_msr(vcpu, MSR_FS_BASE));
	EXPECT_EQ(0x6000, vcpu_sregs(vcpu).fs.base);
	vcpu_set_msr(vcpu, MSR_KERNEL_GS, 0x7000);
	vcpu_run_done(vcpu);
}

/* The APIC base: enable bits in a legal order only. */
static __guest void g_apic_base(uint64_t arg)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	GUEST_ASSERT_EQ(APIC_BASE | 0x900, base);
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_APIC_BASE, base | 1ull << 60));
	/* x2APIC without the APIC, and out of disabled into x2APIC. */
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_APIC_BASE, (base & ~0x800ull) | 0x400));
	GUEST_ASSERT_EQ(0, wrmsr_try(MSR_APIC_BASE, base | 0x400));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_APIC_BASE, base));
	GUEST_ASSERT_EQ(0, wrmsr_try(MSR_APIC_BASE, base & ~0x800ull));
	GUEST_ASSERT_EQ(FAULT(13), wrmsr_try(MSR_APIC_BASE, base | 0x400));
	GUEST_ASSERT_EQ(0, wrmsr_try(MSR_APIC_BASE, base));
	GUEST_DONE();
}

TEST(apic_base)
{
	struct vm *vm = vm_create(VM_IRQCHIP);

	vcpu_run_done(vcpu_create(vm, 0, g_apic_base));
}

/* RDTSCP reads TSC_AUX without an exit, right after it was written. */
static __guest void g_tsc_aux(uint64_t arg)
{
	uint32_t a, d, aux;
	uint64_t i;

	for (i = 1; i < 4; i++) {
		wrmsr(MSR_TSC_AUX, 0x5170 + i);
		asm volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(aux));
		GUEST_SYNC2(aux, rdmsr(MSR_TSC_AUX));
	}
	GUEST_DONE();
}

TEST(tsc_aux_is_live)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_tsc_aux);
	uint64_t i;

	if (!(cpuid_supported(0x80000001, 0)->edx & 1u << 27))
		SKIP(return, "no RDTSCP");
	for (i = 1; i < 4; i++) {
		ASSERT_EQ(UCALL_SYNC, vcpu_run_ucall(vcpu));
		EXPECT_EQ(0x5170 + i, vcpu->uc.arg[0]);
		EXPECT_EQ(0x5170 + i, vcpu->uc.arg[1]);
	}
	ASSERT_EQ(UCALL_DONE, vcpu_run_ucall(vcpu));
}

/* Bits that kernels write for errata are taken, and not kept; others are refused. */
TEST(hwcr)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	const uint64_t kept = 1ull << 18 | 1ull << 24, dropped = 1 << 3 | 1 << 6 | 1 << 8;
	unsigned int bit;

	if (on_intel())
		SKIP(return, "an MSR of AMD's");
	vcpu_set_cpuid(vcpu);
	for (bit = 0; bit < 64; bit++) {
		uint64_t v = 1ull << bit, old = vcpu_get_msr(vcpu, 0xc0010015);

		if (v & (kept | dropped)) {
			EXPECT_EQ(1, vcpu_try_set_msr(vcpu, 0xc0010015, v));
			EXPECT_EQ(v & kept, vcpu_get_msr(vcpu, 0xc0010015));
		} else {
			EXPECT_EQ(0, vcpu_try_set_msr(vcpu, 0xc0010015, v));
			EXPECT_EQ(old, vcpu_get_msr(vcpu, 0xc0010015));
		}
	}
}

TEST_HARNESS_MAIN
