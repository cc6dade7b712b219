/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host side of the selftests: open the device, make a VM, fill its memory,
 * run a vCPU and look at why it stopped.
 *
 * A test program is loaded whole into the guest: its text, data and bss are
 * copied at vm_create() and mapped at the address they have in the process.
 * So a guest function is an ordinary C function of the test marked __guest,
 * and a pointer into the program means the same thing on both sides. The two
 * copies of a global variable are different memory, though: use guest_var()
 * to reach the guest's copy.
 *
 * A helper that cannot do what it is asked prints where and why and ends the
 * test with a failure; it never returns an error. Use try_ioctl() to test for
 * errors.
 */
#ifndef STRATA_TESTLIB_H
#define STRATA_TESTLIB_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/kvm.h>

#include "guest.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

/* Seconds; the debug kernel under emulation is some thirty times slower. */
#define GUEST_DEADLINE	160

#define PAGE_SIZE	4096ul
#define MB		(1024ul * 1024)
#define MAX_TEST_VCPUS	256

/* vm_create() flags */
#define VM_IRQCHIP	1	/* in-kernel interrupt controllers */
#define VM_PIT		2	/* and the PIT; implies VM_IRQCHIP */
#define VM_USER		4	/* every page is accessible at CPL 3 */
#define VM_NO_GUEST	8	/* no memory at all, no program, no page tables */

/* Page table bits for vm_map() */
#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_U		(1ull << 2)
#define PTE_PCD		(1ull << 4)
#define PTE_A		(1ull << 5)
#define PTE_D		(1ull << 6)
#define PTE_PS		(1ull << 7)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull

/*
 * Guest physical layout of slot 0. Everything below GUEST_FREE belongs to the
 * library except the first 24 KiB, which real-mode tests use as they like.
 */
#define GUEST_REAL_CODE	0x1000
#define GUEST_GDT	0x6000
#define GUEST_IDT	0x8000
#define GUEST_TSS	0x10000		/* TSS_STRIDE bytes per vCPU */
#define TSS_STRIDE	256
#define GUEST_FREE	0x100000	/* page tables, program, stacks */
#define GUEST_MEM	(8 * MB)	/* default size */
#define STACK_SIZE	(16 * 1024ul)

/* Selectors */
#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_UCODE64	0x1b
#define SEL_UDATA	0x23
#define SEL_CODE32	0x28
#define SEL_CODE16	0x30
#define SEL_DATA16	0x38
#define SEL_TSS(id)	(0x40 + 16 * (id))

struct vm;

struct vcpu {
	struct vm *vm;
	int id;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	uint64_t stack_top;
	struct ucall uc;	/* filled by vcpu_run_ucall() */
	pthread_t thread;
	bool finished;		/* set by a thread at its end */
};

struct vm {
	int fd;
	int flags;
	uint8_t *mem;		/* slot 0: guest physical 0 to mem_size */
	size_t mem_size;
	uint64_t next_free;	/* guest physical bump allocator */
	uint64_t root;		/* guest page table root */
	uint64_t image_gpa;	/* where the program is */
	uint64_t image_gva;
	int nr_vcpus;
	struct vcpu *vcpu[MAX_TEST_VCPUS];
};

/* Ends the test: fmt says what went wrong. */
#define die(fmt, ...) \
	test_die(__FILE__, __LINE__, fmt, ##__VA_ARGS__)
void __attribute__((noreturn, format(printf, 3, 4)))
test_die(const char *file, int line, const char *fmt, ...);

/* An ioctl that must succeed; gives its result. */
#define xioctl(fd, cmd, arg) \
	test_ioctl((fd), (cmd), (unsigned long)(arg), #cmd, __FILE__, __LINE__)
int test_ioctl(int fd, unsigned long cmd, unsigned long arg, const char *name,
	       const char *file, int line);

/* An ioctl that may fail; gives 0 or the errno value. */
#define try_ioctl(fd, cmd, arg) \
	(ioctl((fd), (cmd), (unsigned long)(arg)) < 0 ? errno : 0)

/* device.c */
int dev_open(void);
bool dev_is_kvm(void);
int has_cap(int cap);
struct kvm_cpuid2 *supported_cpuid(void);
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *c, uint32_t leaf, uint32_t index);
struct kvm_cpuid_entry2 *cpuid_supported(uint32_t leaf, uint32_t index);
int run_mmap_size(void);
void guest_deadline(unsigned int seconds);
void pin_to_cpu(int cpu);
int online_cpus(void);
bool on_intel(void);
bool host_is_tcg(void);

/* vm.c */
struct vm *vm_create(int flags);
struct vm *vm_create_size(int flags, size_t mem_size);
void vm_free(struct vm *vm);
int vm_try_set_region(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		      uint64_t size, void *hva);
void vm_set_region(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		   uint64_t size, void *hva);
uint8_t *mem_alloc(size_t size, size_t align);
uint64_t vm_alloc(struct vm *vm, size_t size);
void *vm_hva(struct vm *vm, uint64_t gpa);
void vm_map(struct vm *vm, uint64_t gva, uint64_t gpa, size_t size, uint64_t bits);
void vm_map_level(struct vm *vm, uint64_t gva, uint64_t gpa, int level, uint64_t bits);
uint64_t *vm_pte(struct vm *vm, uint64_t gva);
uint64_t vm_gpa(struct vm *vm, const volatile void *program_addr);
/* The guest's copy of a global variable of the test. */
#define guest_var(vm, v) \
	(*(volatile __typeof__(v) *)vm_hva((vm), vm_gpa((vm), &(v))))

/* vcpu.c */
struct vcpu *vcpu_create_raw(struct vm *vm, int id);
struct vcpu *vcpu_create(struct vm *vm, int id, void (*fn)(uint64_t arg));
void vcpu_free(struct vcpu *vcpu);
void vcpu_set_cpuid(struct vcpu *vcpu);
void vcpu_set_long_mode(struct vcpu *vcpu);
void vcpu_set_real_mode(struct vcpu *vcpu, uint16_t cs, uint16_t ip);
void vcpu_set_prot_mode(struct vcpu *vcpu, uint32_t eip);
void vcpu_call(struct vcpu *vcpu, void (*fn)(uint64_t arg), uint64_t arg);
struct kvm_regs vcpu_regs(struct vcpu *vcpu);
struct kvm_sregs vcpu_sregs(struct vcpu *vcpu);
void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
void vcpu_set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
int vcpu_try_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
uint64_t vcpu_get_msr(struct vcpu *vcpu, uint32_t index);
int vcpu_try_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
void vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
uint32_t lapic_reg(struct vcpu *vcpu, int offset);
void lapic_set_reg(struct vcpu *vcpu, int offset, uint32_t v);
void lapic_enable(struct vcpu *vcpu);

/* run.c */
int vcpu_try_run(struct vcpu *vcpu);
uint32_t vcpu_run(struct vcpu *vcpu);
void vcpu_complete_io(struct vcpu *vcpu);
void vcpu_expect_exit(struct vcpu *vcpu, uint32_t reason, const char *file, int line);
#define expect_exit(vcpu, reason) \
	vcpu_expect_exit((vcpu), (reason), __FILE__, __LINE__)
uint64_t vcpu_run_ucall(struct vcpu *vcpu);
void vcpu_run_sync(struct vcpu *vcpu, uint64_t stage);
void vcpu_run_done(struct vcpu *vcpu);
bool vcpu_is_ucall(struct vcpu *vcpu);
void vcpu_start(struct vcpu *vcpu, void *(*fn)(void *));
void vcpu_start_done(struct vcpu *vcpu);
void vcpu_kick(struct vcpu *vcpu);
bool vcpu_finished(struct vcpu *vcpu);
void *vcpu_join(struct vcpu *vcpu);
void vcpu_on_deadline(int sig);
void vcpu_dump(struct vcpu *vcpu);
void vcpu_report_abort(struct vcpu *vcpu);
const char *exit_name(uint32_t reason);

/*
 * Code in assembly for modes that the compiler does not produce: ASM_BLOB
 * defines name and name##_end in the read-only data of the program.
 */
#define ASM_BLOB(name, text)						\
	extern const uint8_t name[], name##_end[];			\
	asm(".pushsection .rodata\n.global " #name "\n" #name ":\n"	\
	    text "\n.code64\n.global " #name "_end\n" #name "_end:\n"	\
	    ".popsection\n")
#define load_blob(vm, gpa, name) \
	memcpy(vm_hva((vm), (gpa)), name, name##_end - name)

#endif
