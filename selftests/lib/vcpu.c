// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs: creating them, and putting them in one of the modes that the tests
 * start in.
 */
#include "testlib.h"

#define CR0_BITS	0x80010033ull	/* PG WP NE ET MP PE */
#define CR4_BITS	0x620ull	/* OSXMMEXCPT OSFXSR PAE */
#define EFER_BITS	0xd01ull	/* NXE LMA LME SCE */

/* A vCPU in its reset state, without CPUID. */
struct vcpu *vcpu_create_raw(struct vm *vm, int id)
{
	struct vcpu *vcpu = calloc(1, sizeof(*vcpu));

	if (vm->nr_vcpus == MAX_TEST_VCPUS)
		die("more than %d vCPUs", MAX_TEST_VCPUS);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = xioctl(vm->fd, KVM_CREATE_VCPU, id);
	vcpu->run_size = run_mmap_size();
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die("mmap of vCPU %d: %s", id, strerror(errno));
	vm->vcpu[vm->nr_vcpus++] = vcpu;
	return vcpu;
}

/* A vCPU in long mode, about to run fn(id) with a stack of its own. */
struct vcpu *vcpu_create(struct vm *vm, int id, void (*fn)(uint64_t arg))
{
	struct vcpu *vcpu = vcpu_create_raw(vm, id);

	vcpu_set_cpuid(vcpu);
	vcpu->stack_top = vm_alloc(vm, STACK_SIZE) + STACK_SIZE;
	vcpu_set_long_mode(vcpu);
	vcpu_call(vcpu, fn, id);
	return vcpu;
}

void vcpu_free(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_size);
	close(vcpu->fd);
	free(vcpu);
}

/* Gives the guest all CPUID bits that the device supports. */
void vcpu_set_cpuid(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(c, 1, 0);

	if (e)
		e->ebx = (e->ebx & 0x00ffffff) | (uint32_t)vcpu->id << 24;
	xioctl(vcpu->fd, KVM_SET_CPUID2, c);
	free(c);
}

static struct kvm_segment code_segment(int selector, int l, int db)
{
	return (struct kvm_segment) {
		.selector = selector, .limit = 0xffffffff, .type = 0xb,
		.present = 1, .s = 1, .g = 1, .l = l, .db = db,
	};
}

static struct kvm_segment data_segment(void)
{
	return (struct kvm_segment) {
		.selector = SEL_DATA, .limit = 0xffffffff, .type = 3,
		.present = 1, .s = 1, .g = 1, .db = 1,
	};
}

static void set_common_segments(struct kvm_sregs *s)
{
	s->ds = data_segment();
	s->es = s->ds;
	s->ss = s->ds;
	s->fs = s->ds;
	s->gs = s->ds;
	s->ldt = (struct kvm_segment) { .unusable = 1, .type = 2 };
	s->gdt.base = GUEST_GDT;
	s->gdt.limit = 0x1fff;
	s->idt.base = GUEST_IDT;
	s->idt.limit = 0xfff;
}

/*
 * Long mode with the guest's page tables and the library's GDT, IDT and TSS.
 * Faults at CPL 3 and double faults get stacks apart from the running one.
 */
void vcpu_set_long_mode(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint64_t tss = GUEST_TSS + TSS_STRIDE * vcpu->id;
	uint8_t *t = vm_hva(vm, tss);
	uint64_t stack = vm_alloc(vm, 2 * PAGE_SIZE) + PAGE_SIZE;
	struct kvm_sregs s = vcpu_sregs(vcpu);
	const uint16_t no_bitmap = 0x68;

	memcpy(t + 4, &stack, 8);		/* RSP0 */
	stack += PAGE_SIZE;
	memcpy(t + 36, &stack, 8);		/* IST1 */
	memcpy(t + 102, &no_bitmap, 2);		/* beyond the limit: no port */
	set_common_segments(&s);
	s.cs = code_segment(SEL_CODE64, 1, 0);
	s.tr = (struct kvm_segment) {
		.selector = SEL_TSS(vcpu->id), .base = tss, .limit = 0x67,
		.type = 11, .present = 1,
	};
	s.cr0 = CR0_BITS;
	s.cr3 = vm->root;
	s.cr4 = CR4_BITS;
	s.efer = EFER_BITS;
	vcpu_set_sregs(vcpu, &s);
}

/* 32-bit protected mode, flat, no paging; the stack is below 0x6000. */
void vcpu_set_prot_mode(struct vcpu *vcpu, uint32_t eip)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs r = { .rip = eip, .rsp = GUEST_GDT, .rflags = 2 };

	set_common_segments(&s);
	s.cs = code_segment(SEL_CODE32, 0, 1);
	s.cr0 = 0x11;
	s.cr4 = 0;
	s.efer = 0;
	vcpu_set_sregs(vcpu, &s);
	vcpu_set_regs(vcpu, &r);
}

/* Real mode at cs:ip, all other segments 0; the stack is below 0x6000. */
void vcpu_set_real_mode(struct vcpu *vcpu, uint16_t cs, uint16_t ip)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs r = { .rip = ip, .rsp = GUEST_GDT, .rflags = 2 };

	s.cs.selector = cs;
	s.cs.base = (uint64_t)cs << 4;
	vcpu_set_sregs(vcpu, &s);
	vcpu_set_regs(vcpu, &r);
}

/* Makes the next KVM_RUN start fn(arg) on a fresh stack. */
void vcpu_call(struct vcpu *vcpu, void (*fn)(uint64_t arg), uint64_t arg)
{
	struct kvm_regs r = {
		.rip = (uintptr_t)fn,
		.rsp = vcpu->stack_top - 8,
		.rdi = arg,
		.rflags = 2,
	};

	vcpu_set_regs(vcpu, &r);
}

struct kvm_regs vcpu_regs(struct vcpu *vcpu)
{
	struct kvm_regs r;

	xioctl(vcpu->fd, KVM_GET_REGS, &r);
	return r;
}

struct kvm_sregs vcpu_sregs(struct vcpu *vcpu)
{
	struct kvm_sregs s;

	xioctl(vcpu->fd, KVM_GET_SREGS, &s);
	return s;
}

void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	xioctl(vcpu->fd, KVM_SET_REGS, regs);
}

void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	xioctl(vcpu->fd, KVM_SET_SREGS, sregs);
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

/* Reads one MSR; gives the number read, 1 or 0. */
int vcpu_try_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index };
	int n = xioctl(vcpu->fd, KVM_GET_MSRS, &m);

	*value = m.entry.data;
	return n;
}

uint64_t vcpu_get_msr(struct vcpu *vcpu, uint32_t index)
{
	uint64_t value;

	if (vcpu_try_get_msr(vcpu, index, &value) != 1)
		die("MSR %#x cannot be read", index);
	return value;
}

/* Writes one MSR; gives the number written, 1 or 0. */
int vcpu_try_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr m = {
		.head.nmsrs = 1, .entry.index = index, .entry.data = value,
	};

	return xioctl(vcpu->fd, KVM_SET_MSRS, &m);
}

void vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	if (vcpu_try_set_msr(vcpu, index, value) != 1)
		die("MSR %#x does not take %#lx", index, value);
}

uint32_t lapic_reg(struct vcpu *vcpu, int offset)
{
	struct kvm_lapic_state l;
	uint32_t v;

	xioctl(vcpu->fd, KVM_GET_LAPIC, &l);
	memcpy(&v, l.regs + offset, 4);
	return v;
}

void lapic_set_reg(struct vcpu *vcpu, int offset, uint32_t v)
{
	struct kvm_lapic_state l;

	xioctl(vcpu->fd, KVM_GET_LAPIC, &l);
	memcpy(l.regs + offset, &v, 4);
	xioctl(vcpu->fd, KVM_SET_LAPIC, &l);
}

/* Switches the LAPIC on in software, as a guest does first of all. */
void lapic_enable(struct vcpu *vcpu)
{
	lapic_set_reg(vcpu, APIC_SVR, 0x1ff);
}
