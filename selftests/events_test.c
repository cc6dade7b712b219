// SPDX-License-Identifier: GPL-2.0
/*
 * Events: injection and inspection by KVM_SET/GET_VCPU_EVENTS, NMIs and their
 * masking until IRET, the interrupt shadow, double faults, and events whose
 * delivery is itself interrupted by a nested fault and must not get lost.
 *
 * lab: vmx kernels
 */
#include "strata_test.h"

static struct kvm_vcpu_events get_events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e;

	memset(&e, 0xa5, sizeof(e));
	xioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e);
	return e;
}

static volatile uint64_t error_code, seen_rip;

static __guest void keep_error(struct guest_frame *f)
{
	error_code = f->error;
	seen_rip = f->rip;
}

static __guest void g_count_ud(uint64_t arg)
{
	GUEST_SYNC3(1, guest_count[arg & 255], error_code);
	GUEST_DONE();
}

static uint64_t inject_exception(int nr, bool has_error, uint32_t error)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_count_ud);
	struct kvm_vcpu_events e = get_events(vcpu);

	vcpu_call(vcpu, g_count_ud, nr);
	guest_var(vm, guest_handler[nr]) = keep_error;
	e.exception.injected = 1;
	e.exception.nr = nr;
	e.exception.has_error_code = has_error;
	e.exception.error_code = error;
	xioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_run_sync(vcpu, 1);
	if (vcpu->uc.arg[1] != 1)
		die("exception %d arrived %lu times", nr, vcpu->uc.arg[1]);
	e = get_events(vcpu);
	if (e.exception.injected || e.exception.pending)
		die("exception %d is still there", nr);
	return vcpu->uc.arg[2];
}

TEST(inject_exceptions)
{
	inject_exception(0, false, 0);
	inject_exception(6, false, 0);
	EXPECT_EQ(0x18, inject_exception(13, true, 0x18));
	EXPECT_EQ(0x5678, inject_exception(11, true, 0x5678));
	EXPECT_EQ(2, inject_exception(14, true, 2));
}

TEST(fresh_vcpu)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_count_ud);
	struct kvm_vcpu_events e = get_events(vcpu);
	const uint8_t *b = (const uint8_t *)&e;
	unsigned int i;

	EXPECT_EQ(0, e.exception.injected | e.exception.pending);
	EXPECT_EQ(0, e.interrupt.injected | e.interrupt.nr | e.interrupt.soft |
		  e.interrupt.shadow);
	EXPECT_EQ(0, e.nmi.injected | e.nmi.pending | e.nmi.masked | e.nmi.pad);
	for (i = offsetof(struct kvm_vcpu_events, reserved);
	     i < offsetof(struct kvm_vcpu_events, exception_has_payload); i++)
		EXPECT_EQ(0, b[i]);
}

TEST(bad_arguments)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_count_ud);
	struct kvm_vcpu_events e = get_events(vcpu), bad;

	bad = e;
	bad.exception.injected = 1;
	bad.exception.nr = 32;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	bad.exception.nr = 2;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	bad = e;
	bad.flags = 1u << 30;
	EXPECT_EQ(EINVAL, try_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &bad));
	/* What was got can be set. */
	EXPECT_EQ(0, try_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
}

static __guest void g_interrupt(uint64_t arg)
{
	GUEST_SYNC2(1, guest_count[0x77]);
	GUEST_DONE();
}

TEST(inject_interrupt)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_interrupt);
	struct kvm_vcpu_events e = get_events(vcpu);
	struct kvm_regs r = vcpu_regs(vcpu);

	r.rflags |= 1 << 9;
	vcpu_set_regs(vcpu, &r);
	e.interrupt.injected = 1;
	e.interrupt.nr = 0x77;
	xioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
	EXPECT_EQ(1, get_events(vcpu).interrupt.injected);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	EXPECT_EQ(0, get_events(vcpu).interrupt.injected);
}

/* In the handler NMIs are masked; a second one waits until the IRET. */
static volatile uint64_t in_nmi, nested;

static __guest void on_nmi(struct guest_frame *f)
{
	nested += in_nmi;
	in_nmi = 1;
	GUEST_SYNC(10);
	in_nmi = 0;
}

static __guest void g_nmi(uint64_t arg)
{
	guest_handler[2] = on_nmi;
	GUEST_SYNC(1);
	GUEST_ASSERT_EQ(2, guest_count[2]);
	GUEST_ASSERT_EQ(0, nested);
	GUEST_SYNC(2);
	GUEST_DONE();
}

TEST(nmi_masking)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_nmi);
	struct kvm_vcpu_events e;

	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->fd, KVM_NMI, 0);
	e = get_events(vcpu);
	EXPECT_EQ(1, e.nmi.pending);
	EXPECT_EQ(0, e.nmi.masked);
	vcpu_run_sync(vcpu, 10);
	e = get_events(vcpu);
	EXPECT_EQ(0, e.nmi.pending);
	EXPECT_EQ(0, e.nmi.injected);
	EXPECT_EQ(1, e.nmi.masked);
	/* Two more: one is remembered, not two. */
	xioctl(vcpu->fd, KVM_NMI, 0);
	xioctl(vcpu->fd, KVM_NMI, 0);
	vcpu_run_sync(vcpu, 10);
	EXPECT_EQ(1, guest_var(vm, in_nmi));
	EXPECT_EQ(0, guest_var(vm, nested));
	vcpu_run_sync(vcpu, 2);
	e = get_events(vcpu);
	EXPECT_EQ(0, e.nmi.masked);
	EXPECT_EQ(0, e.nmi.pending);
	vcpu_run_done(vcpu);
}

/* Two NMIs before the first is delivered are two. */
TEST(nmi_twice)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_nmi);

	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->fd, KVM_NMI, 0);
	xioctl(vcpu->fd, KVM_NMI, 0);
	vcpu_run_sync(vcpu, 10);
	vcpu_run_sync(vcpu, 10);
	vcpu_run_sync(vcpu, 2);
	vcpu_run_done(vcpu);
}

/* Set by user space, the mask holds an NMI back. */
TEST(nmi_mask_is_state)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_interrupt);
	struct kvm_vcpu_events e = get_events(vcpu);

	e.nmi.masked = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	xioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
	EXPECT_EQ(1, get_events(vcpu).nmi.masked);
	xioctl(vcpu->fd, KVM_NMI, 0);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(0, guest_var(vm, guest_count[2]));
	EXPECT_EQ(1, get_events(vcpu).nmi.pending);
}

/* OUT in the shadow of STI and MOV SS: completing it ends the shadow. */
static __guest void g_shadow(uint64_t arg)
{
	uint16_t ss;

	asm volatile("cli; sti; outb %%al, $0x10; cli" : : "a"(0));
	asm volatile("mov %%ss, %0; mov %0, %%ss; outb %%al, $0x11" : "=r"(ss) : "a"(0));
	GUEST_DONE();
}

TEST(interrupt_shadow)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_shadow);

	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x10, vcpu->run->io.port);
	vcpu_complete_io(vcpu);
	EXPECT_EQ(0, get_events(vcpu).interrupt.shadow);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x11, vcpu->run->io.port);
	vcpu_complete_io(vcpu);
	EXPECT_EQ(0, get_events(vcpu).interrupt.shadow);
	vcpu_run_done(vcpu);
}

/* #GP whose gate has a bad selector: #GP on top of it makes #DF. */
static __guest void on_df(struct guest_frame *f)
{
	GUEST_SYNC2(8, f->error);
	GUEST_DONE();
}

static __guest void g_double(uint64_t arg)
{
	guest_handler[8] = on_df;
	asm volatile("movb $0, (%0)" : : "r"(1ull << 63) : "memory");
}

TEST(double_fault)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_double);

	((uint64_t *)vm_hva(vm, GUEST_IDT))[2 * 13] |= 0xff8ull << 16;
	vcpu_run_sync(vcpu, 8);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
}

/*
 * Delivery needs the IDT, the GDT and the stack. User space takes the backing
 * of the IDT away and puts it back just before each event, so that the
 * delivery runs into a nested fault.
 */
#define IDT_GPA	0x10000000ul

static __guest void on_gp(struct guest_frame *f)
{
	f->rip = seen_rip;
	error_code = f->error;
}

static __guest void g_deliver(uint64_t arg)
{
	guest_handler[13] = on_gp;
	GUEST_SYNC(1);
	asm volatile("int $0x40");
	GUEST_ASSERT_EQ(1, guest_count[0x40]);
	GUEST_SYNC(2);
	GUEST_ASSERT_EQ(FAULT(6), GUEST_TRY("ud2", "r"(0)));
	GUEST_ASSERT_EQ(1, guest_count[6]);
	GUEST_SYNC(3);
	asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %1, %%fs; 1:"
		     : "=m"(seen_rip) : "r"(0x70) : "rax");
	GUEST_ASSERT_EQ(1, guest_count[13]);
	GUEST_ASSERT_EQ(0x70, error_code);
	GUEST_SYNC(4);
	GUEST_ASSERT_EQ(1, guest_count[2]);
	GUEST_SYNC(5);
	asm volatile("int3");
	GUEST_ASSERT_EQ(1, guest_count[3]);
	GUEST_DONE();
}

static __guest void on_bp(struct guest_frame *f)
{
}

TEST(nested_fault_during_delivery)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_deliver);
	uint8_t *idt = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_sregs s = vcpu_sregs(vcpu);
	int i;

	ASSERT_NE(MAP_FAILED, idt);
	memcpy(idt, vm_hva(vm, GUEST_IDT), PAGE_SIZE);
	guest_var(vm, guest_handler[3]) = on_bp;
	/* Selector 0x70 lies behind this limit. */
	s.gdt.limit = 0x4f;
	s.idt.base = IDT_GPA;
	vcpu_set_sregs(vcpu, &s);
	vm_set_region(vm, 1, 0, IDT_GPA, PAGE_SIZE, idt);
	vm_map(vm, IDT_GPA, IDT_GPA, PAGE_SIZE, PTE_W);
	for (i = 1; i <= 5; i++) {
		vcpu_run_sync(vcpu, i);
		/* The page stays in the file, only its mapping goes. */
		ASSERT_EQ(0, madvise(idt, PAGE_SIZE, MADV_DONTNEED));
		if (i == 4)
			xioctl(vcpu->fd, KVM_NMI, 0);
	}
	vcpu_run_done(vcpu);
}

/* The single-step trap comes after an instruction that user space completes. */
static volatile uint64_t db_rip, db_dr6;

static __guest void on_db(struct guest_frame *f)
{
	asm volatile("mov %%dr6, %0" : "=r"(db_dr6));
	db_rip = f->rip;
	f->rflags &= ~(1ull << 8);
}

static __guest void g_step(uint64_t arg)
{
	uint64_t want;

	guest_handler[1] = on_db;
	asm volatile("lea 1f(%%rip), %0\n"
		     "pushfq; orq $0x100, (%%rsp); popfq\n"
		     "outb %%al, $0x10\n"
		     "1: nop\n" : "=&r"(want) : "a"(0) : "memory", "cc");
	GUEST_ASSERT_EQ(1, guest_count[1]);
	GUEST_ASSERT_EQ(want, db_rip);
	GUEST_ASSERT_EQ(1 << 14, db_dr6 & (1 << 14));
	GUEST_DONE();
}

TEST(single_step_over_io)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_step);

	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x10, vcpu->run->io.port);
	vcpu_run_done(vcpu);
}

/* And after one that the kernel completes by itself. */
static __guest void g_step_cpuid(uint64_t arg)
{
	uint64_t want;

	guest_handler[1] = on_db;
	asm volatile("lea 1f(%%rip), %0\n"
		     "pushfq; orq $0x100, (%%rsp); popfq\n"
		     "cpuid\n"
		     "1: nop\n" : "=&r"(want) : "a"(0), "c"(0)
		     : "memory", "cc", "rbx", "rdx");
	GUEST_ASSERT_EQ(1, guest_count[1]);
	GUEST_ASSERT_EQ(want, db_rip);
	GUEST_DONE();
}

TEST(single_step_over_cpuid)
{
	struct vm *vm = vm_create(0);

	vcpu_run_done(vcpu_create(vm, 0, g_step_cpuid));
}

/*
 * Where an NMI must wait for one instruction, because of a shadow or because
 * IRET ends the blocking of NMIs, the hypervisor may step over it. Nobody sees
 * that: not the guest by a #DB, not user space by TF.
 */
static __guest void g_cpuid_in_shadow(uint64_t arg)
{
	guest_handler[1] = on_db;
	asm volatile("outb %%al, $0x10\n"
		     "cpuid\n" : "+a"(arg) : "c"(0) : "rbx", "rdx", "memory");
	GUEST_SYNC3(1, guest_count[2], guest_count[1]);
	GUEST_ASSERT_EQ(1, guest_count[2]);
	GUEST_ASSERT_EQ(0, guest_count[1]);
	GUEST_DONE();
}

/* An NMI arrives in the interrupt shadow behind the guest's first OUT. */
static void nmi_in_shadow(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e;

	expect_exit(vcpu, KVM_EXIT_IO);
	vcpu_complete_io(vcpu);
	e = get_events(vcpu);
	e.flags = KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_NMI_PENDING;
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	e.nmi.pending = 1;
	xioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
}

TEST(nmi_waits_for_an_instruction_that_exits)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_cpuid_in_shadow);

	nmi_in_shadow(vcpu);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
	EXPECT_EQ(0, vcpu_regs(vcpu).rflags & 0x100);
	vcpu_run_done(vcpu);
}

/* An NMI handler of one OUT, on a stack that user space takes away before its IRET. */
#define NMI_STACK	0x10001000ul

extern const uint8_t short_nmi[];
asm(".pushsection .text\nshort_nmi: outb %al, $0x12\niretq\n.popsection");

static __guest void g_short_nmi(uint64_t arg)
{
	GUEST_SYNC(1);
	GUEST_SYNC3(2, guest_count[1], 0);
	GUEST_DONE();
}

/* A vCPU at the handler's OUT; @mem: its stack. */
static struct vcpu *at_short_nmi(uint8_t *mem)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_short_nmi);
	uint64_t *gate = (uint64_t *)vm_hva(vm, GUEST_IDT) + 2 * 2, stack = NMI_STACK;
	uint64_t to = (uintptr_t)short_nmi;

	guest_var(vm, guest_handler[1]) = on_db;
	gate[0] = (to & 0xffff) | (uint64_t)SEL_CODE64 << 16 | 2ull << 32 | 0x8e00ull << 32 |
		  (to >> 16 & 0xffff) << 48;
	gate[1] = to >> 32;
	memcpy((uint8_t *)vm_hva(vm, GUEST_TSS) + 44, &stack, 8);	/* IST2 */
	vm_map(vm, NMI_STACK - PAGE_SIZE, NMI_STACK - PAGE_SIZE, PAGE_SIZE, PTE_W);
	vm_set_region(vm, 1, 0, NMI_STACK - PAGE_SIZE, PAGE_SIZE, mem);
	vcpu_run_sync(vcpu, 1);
	xioctl(vcpu->fd, KVM_NMI, 0);
	expect_exit(vcpu, KVM_EXIT_IO);
	if (vcpu->run->io.port != 0x12)
		die("port %#x", vcpu->run->io.port);
	return vcpu;
}

TEST(iret_that_is_stepped)
{
	uint8_t *mem = mem_alloc(PAGE_SIZE, PAGE_SIZE);
	struct vcpu *vcpu = at_short_nmi(mem);
	struct kvm_regs r;

	ASSERT_EQ(0, mprotect(mem, PAGE_SIZE, PROT_NONE));
	ASSERT_EQ(EFAULT, vcpu_try_run(vcpu));
	r = vcpu_regs(vcpu);
	EXPECT_EQ((uintptr_t)short_nmi + 2, r.rip);
	EXPECT_EQ(0, r.rflags & 0x100);
	EXPECT_EQ(1, get_events(vcpu).nmi.masked);
	/* What was read goes back, as when a VM is saved. */
	vcpu_set_regs(vcpu, &r);
	ASSERT_EQ(0, mprotect(mem, PAGE_SIZE, PROT_READ | PROT_WRITE));
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
	EXPECT_EQ(0, get_events(vcpu).nmi.masked);
	EXPECT_EQ(0, vcpu_regs(vcpu).rflags & 0x100);
	vcpu_run_done(vcpu);
}

/* The stack becomes a device's: IRET is emulated, and ends the blocking of NMIs. */
TEST(iret_that_is_emulated)
{
	uint8_t *mem = mem_alloc(PAGE_SIZE, PAGE_SIZE);
	unsigned int i;
	struct vcpu *vcpu;
	struct vm *vm;

	if (dev_is_kvm())
		SKIP(return, "KVM emulates IRET of real mode only (em_iret)");
	vcpu = at_short_nmi(mem);
	vm = vcpu->vm;
	vm_set_region(vm, 1, 0, NMI_STACK - PAGE_SIZE, 0, NULL);
	for (i = 0; i < 5; i++) {
		struct kvm_run *run = vcpu->run;

		expect_exit(vcpu, KVM_EXIT_MMIO);
		ASSERT_EQ(0, run->mmio.is_write);
		ASSERT_EQ(8, run->mmio.len);
		memcpy(run->mmio.data, mem + run->mmio.phys_addr % PAGE_SIZE, 8);
		EXPECT_EQ(1, get_events(vcpu).nmi.masked);
	}
	/* The next one finds its stack again. */
	vm_set_region(vm, 1, 0, NMI_STACK - PAGE_SIZE, PAGE_SIZE, mem);
	xioctl(vcpu->fd, KVM_NMI, 0);
	expect_exit(vcpu, KVM_EXIT_IO);
	EXPECT_EQ(0x12, vcpu->run->io.port);
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(0, vcpu->uc.arg[1]);
	EXPECT_EQ(0, get_events(vcpu).nmi.masked);
	EXPECT_EQ(0, vcpu_regs(vcpu).rflags & 0x100);
	vcpu_run_done(vcpu);
}

/* The same where the hypervisor executes the instruction. */
static __guest void g_outs_in_shadow(uint64_t arg)
{
	const uint8_t byte = 0x5a, *from = &byte;

	guest_handler[1] = on_db;
	asm volatile("outb %%al, $0x10\n"
		     "outsb\n" : "+S"(from) : "a"(0), "d"(0x11) : "memory");
	GUEST_SYNC3(1, guest_count[2], guest_count[1]);
	GUEST_DONE();
}

TEST(nmi_waits_for_an_instruction_that_is_emulated)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_outs_in_shadow);

	nmi_in_shadow(vcpu);
	expect_exit(vcpu, KVM_EXIT_IO);
	ASSERT_EQ(0x11, vcpu->run->io.port);
	EXPECT_EQ(0, vcpu_regs(vcpu).rflags & 0x100);
	vcpu_complete_io(vcpu);
	EXPECT_EQ(0, vcpu_regs(vcpu).rflags & 0x100);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
	vcpu_run_done(vcpu);
}

/* An NMI beside an exception comes before the first instruction of its handler. */
static volatile uint64_t ud_rflags, nmi_rip;

static __guest void keep_rflags(struct guest_frame *f)
{
	ud_rflags = f->rflags;
	GUEST_SYNC2(2, guest_count[2]);
}

static __guest void keep_rip(struct guest_frame *f)
{
	nmi_rip = f->rip;
}

static __guest void g_ud_and_nmi(uint64_t arg)
{
	GUEST_ASSERT_EQ(0, ud_rflags & 0x100);
	GUEST_ASSERT_EQ((uint64_t)guest_stubs + 6 * 16, nmi_rip);
	GUEST_SYNC3(1, guest_count[2], guest_count[1]);
	GUEST_DONE();
}

TEST(nmi_beside_an_exception)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_ud_and_nmi);
	struct kvm_vcpu_events e = get_events(vcpu);

	guest_var(vm, guest_handler[1]) = on_db;
	guest_var(vm, guest_handler[2]) = keep_rip;
	guest_var(vm, guest_handler[6]) = keep_rflags;
	e.exception.injected = 1;
	e.exception.nr = 6;
	e.nmi.pending = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	xioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
	vcpu_run_sync(vcpu, 2);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
	vcpu_run_done(vcpu);
}

/* A fault of the instruction that is stepped pushes the guest's flags. */
static volatile uint64_t pf_rflags;

static __guest void on_pf(struct guest_frame *f)
{
	pf_rflags = f->rflags;
	GUEST_SYNC3(3, guest_count[2], guest_count[1]);
	f->rip += 1;	/* over OUTSB */
}

static __guest void g_outs_faults(uint64_t arg)
{
	const uint8_t *from = (void *)0x7f0000000000ul;

	guest_handler[14] = on_pf;
	guest_handler[1] = on_db;
	asm volatile("outb %%al, $0x10\n"
		     "outsb\n" : "+S"(from) : "a"(0), "d"(0x11) : "memory");
	GUEST_ASSERT_EQ(0, pf_rflags & 0x100);
	GUEST_SYNC3(1, guest_count[2], guest_count[1]);
	GUEST_DONE();
}

TEST(nmi_waits_for_an_instruction_that_faults)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_outs_faults);

	nmi_in_shadow(vcpu);
	vcpu_run_sync(vcpu, 3);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
	vcpu_run_sync(vcpu, 1);
	EXPECT_EQ(1, vcpu->uc.arg[1]);
	EXPECT_EQ(0, vcpu->uc.arg[2]);
	vcpu_run_done(vcpu);
}

/*
 * A signal may come between handing an event to the hardware and the entry.
 * User space that takes the event back then, to reset the VM for instance, has
 * taken it back.
 */
static void on_signal(int sig)
{
}

static __guest void g_spin(uint64_t arg)
{
	asm volatile("sti");
	for (;;)
		asm volatile("pause");
}

TEST(taken_back_before_the_entry)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_spin);
	struct sigaction sa = { .sa_handler = on_signal };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct kvm_interrupt irq = { .irq = 0x77 };
	unsigned int i, back = 0;
	timer_t timer;

	ev._sigev_un._tid = gettid();
	sigaction(SIGUSR1, &sa, NULL);
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &ev, &timer));
	for (i = 0; i < 1500; i++) {
		struct itimerspec soon = {
			.it_value.tv_nsec = 5000 + i % 100 * 1000, .it_interval.tv_nsec = 1000000,
		};
		struct kvm_vcpu_events e;
		uint64_t count;

		xioctl(vcpu->fd, KVM_INTERRUPT, &irq);
		timer_settime(timer, 0, &soon, NULL);
		ASSERT_EQ(EINTR, vcpu_try_run(vcpu));
		e = get_events(vcpu);
		/* One that the guest has taken, before it counts, is another. */
		if (!e.interrupt.injected || !(vcpu_regs(vcpu).rflags & 0x200))
			continue;
		back++;
		count = guest_var(vm, guest_count[0x77]);
		e.interrupt.injected = 0;
		xioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e);
		ASSERT_EQ(EINTR, vcpu_try_run(vcpu));
		ASSERT_EQ(count, guest_var(vm, guest_count[0x77]));
	}
	timer_delete(timer);
	printf("# %u of %u taken back\n", back, i);
}

TEST_HARNESS_MAIN
