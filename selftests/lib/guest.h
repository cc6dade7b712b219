/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest side of the selftests. What is declared here runs inside the VM:
 * there is no C library there, no SSE, and no system call.
 */
#ifndef STRATA_GUEST_H
#define STRATA_GUEST_H

#include <stddef.h>
#include <stdint.h>

/*
 * A guest function. Vector registers stay untouched so that exception handlers
 * need not save them, and the compiler must not invent calls of memset().
 */
#define __guest_attr							\
	__attribute__((target("general-regs-only"),			\
		       no_sanitize_address, no_sanitize_undefined,	\
		       no_stack_protector,				\
		       optimize("no-tree-loop-distribute-patterns")))
#define __guest		__attribute__((noinline)) __guest_attr
#define __guest_inline	static inline __attribute__((always_inline)) __guest_attr

/*
 * A guest speaks to the host with one OUT of the address of a struct ucall.
 * Guest stacks lie below 4 GiB, identity mapped, so 32 bits are enough.
 */
#define UCALL_PORT	0x5ca1

enum ucall_cmd {
	UCALL_NONE,
	UCALL_SYNC,	/* arg[0] is the stage */
	UCALL_DONE,
	UCALL_ABORT,	/* a guest assertion or an unexpected exception */
};

struct ucall {
	uint64_t cmd;
	const char *what;
	const char *file;
	uint64_t line;
	uint64_t arg[6];
};

/* What the exception stubs leave on the stack. */
struct guest_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

typedef void (*guest_handler_t)(struct guest_frame *f);

/* In the guest: a handler for a vector; 0 restores the default. */
extern guest_handler_t guest_handler[256];
/* In the guest: how often each vector arrived. */
extern volatile uint64_t guest_count[256];
extern const uint8_t guest_stubs[];	/* 16 bytes per vector */

void guest_exception(struct guest_frame *f);
void guest_user_call(void (*fn)(uint64_t arg), uint64_t arg, uint64_t user_stack);

#define VEC_USER_RETURN	0x81	/* int $0x81 ends guest_user_call() */

__guest_inline void ucall(struct ucall *uc)
{
	asm volatile("outl %0, %w1" : : "a"((uint32_t)(uintptr_t)uc),
		     "d"((uint16_t)UCALL_PORT) : "memory");
}

#define GUEST_UCALL(c, text, a0, a1, a2, a3, a4, a5)			\
	do {								\
		struct ucall uc_;					\
									\
		uc_.cmd = (c);						\
		uc_.what = (text);					\
		uc_.file = __FILE__;					\
		uc_.line = __LINE__;					\
		uc_.arg[0] = (uint64_t)(a0);				\
		uc_.arg[1] = (uint64_t)(a1);				\
		uc_.arg[2] = (uint64_t)(a2);				\
		uc_.arg[3] = (uint64_t)(a3);				\
		uc_.arg[4] = (uint64_t)(a4);				\
		uc_.arg[5] = (uint64_t)(a5);				\
		ucall(&uc_);						\
	} while (0)

#define GUEST_SYNC(stage)	GUEST_UCALL(UCALL_SYNC, "", stage, 0, 0, 0, 0, 0)
#define GUEST_SYNC2(stage, a)	GUEST_UCALL(UCALL_SYNC, "", stage, a, 0, 0, 0, 0)
#define GUEST_SYNC3(stage, a, b) \
	GUEST_UCALL(UCALL_SYNC, "", stage, a, b, 0, 0, 0)
#define GUEST_DONE()							\
	do {								\
		for (;;)						\
			GUEST_UCALL(UCALL_DONE, "", 0, 0, 0, 0, 0, 0);	\
	} while (0)
#define GUEST_ASSERT(cond)						\
	do {								\
		if (!(cond))						\
			GUEST_UCALL(UCALL_ABORT, #cond, 0, 0, 0, 0, 0, 0);\
	} while (0)
#define GUEST_ASSERT_EQ(expected, seen)					\
	do {								\
		uint64_t e_ = (uint64_t)(expected);			\
		uint64_t s_ = (uint64_t)(seen);				\
									\
		if (e_ != s_)						\
			GUEST_UCALL(UCALL_ABORT, #expected " == " #seen,\
				    1, e_, s_, 0, 0, 0);		\
	} while (0)

/*
 * Runs instructions of which the first may fault and gives 0 if it did not, or
 * FAULT_ERR(vector, error code) if it did. Operands count from %1. GUEST_TRY
 * takes the inputs as in
 * asm(); GUEST_TRY_OUT takes "outputs : inputs".
 */
#define FAULT(vector)		(0x100ull + (vector))
#define FAULT_ERR(vector, err)	(FAULT(vector) | (uint64_t)(err) << 32)
#define GUEST_TRY_TEXT(insn)						\
	"xor %%r10d, %%r10d\n1: " insn "\n2:\n"			\
	".pushsection guest_ex, \"aw\"\n.quad 1b, 2b\n.popsection\n"
#define GUEST_TRY(insn, ...)						\
	({								\
		register uint64_t v_ asm("r10");			\
									\
		asm volatile(GUEST_TRY_TEXT(insn)			\
			     : "=&r"(v_) : __VA_ARGS__ : "memory", "cc");\
		v_;							\
	})
#define GUEST_TRY_OUT(insn, ...)					\
	({								\
		register uint64_t v_ asm("r10");			\
									\
		asm volatile(GUEST_TRY_TEXT(insn)			\
			     : "=&r"(v_), __VA_ARGS__ : "memory", "cc");\
		v_;							\
	})

/* LAPIC registers, as offsets into its page. */
#define APIC_BASE	0xfee00000ul
#define APIC_ID		0x20
#define APIC_VERSION	0x30
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_TIMER_INIT	0x380
#define APIC_TIMER_CUR	0x390
#define APIC_TIMER_DIV	0x3e0

__guest_inline void outb(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

__guest_inline void outw(uint16_t port, uint16_t v)
{
	asm volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

__guest_inline void outl(uint16_t port, uint32_t v)
{
	asm volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

__guest_inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

__guest_inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

__guest_inline uint64_t rdmsr(uint32_t index)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(index) : "memory");
	return (uint64_t)hi << 32 | lo;
}

__guest_inline void wrmsr(uint32_t index, uint64_t v)
{
	asm volatile("wrmsr" : : "c"(index), "a"((uint32_t)v),
		     "d"((uint32_t)(v >> 32)) : "memory");
}

__guest_inline uint64_t rdmsr_try(uint32_t index, uint64_t *value)
{
	uint64_t lo = 0, hi = 0, fault;

	fault = GUEST_TRY_OUT("rdmsr", "+a"(lo), "+d"(hi) : "c"(index));
	*value = hi << 32 | (uint32_t)lo;
	return fault;
}

__guest_inline uint64_t wrmsr_try(uint32_t index, uint64_t v)
{
	return GUEST_TRY("wrmsr", "c"(index), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)));
}

__guest_inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

__guest_inline void cpuid(uint32_t leaf, uint32_t index, uint32_t r[4])
{
	asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		     : "a"(leaf), "c"(index) : "memory");
}

#define GUEST_CR(n)							\
	__guest_inline uint64_t read_cr##n(void)			\
	{								\
		uint64_t v;						\
									\
		asm volatile("mov %%cr" #n ", %0" : "=r"(v) : : "memory");\
		return v;						\
	}								\
	__guest_inline void write_cr##n(uint64_t v)			\
	{								\
		asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory");	\
	}
GUEST_CR(0)
GUEST_CR(2)
GUEST_CR(3)
GUEST_CR(4)
GUEST_CR(8)

__guest_inline void invlpg(uint64_t va)
{
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

__guest_inline void sti(void)
{
	asm volatile("sti" : : : "memory");
}

__guest_inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

__guest_inline void hlt(void)
{
	asm volatile("hlt" : : : "memory");
}

__guest_inline void sti_hlt(void)
{
	asm volatile("sti; hlt" : : : "memory");
}

__guest_inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

#define MMIO_ACCESS(bits)						\
	__guest_inline uint##bits##_t mmio_read##bits(uint64_t a)	\
	{								\
		return *(volatile uint##bits##_t *)a;			\
	}								\
	__guest_inline void mmio_write##bits(uint64_t a, uint##bits##_t v)\
	{								\
		*(volatile uint##bits##_t *)a = v;			\
	}
MMIO_ACCESS(8)
MMIO_ACCESS(16)
MMIO_ACCESS(32)
MMIO_ACCESS(64)

#endif
