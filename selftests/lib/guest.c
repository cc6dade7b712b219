// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's exception handling: one stub per vector, a common path that
 * saves all general registers, and the dispatch in C.
 */
#include "guest.h"

guest_handler_t guest_handler[256];
volatile uint64_t guest_count[256];

/* Made by GUEST_TRY: the address that may fault and where to go on. */
struct guest_ex {
	uint64_t from, to;
};

extern const struct guest_ex __start_guest_ex[], __stop_guest_ex[];

/* One entry, so that the section exists in a test that never uses GUEST_TRY. */
asm(".pushsection guest_ex, \"aw\"\n.quad 0, 0\n.popsection");

/*
 * The vectors in the list push an error code themselves; for the others the
 * stub pushes 0, so that every frame looks like struct guest_frame.
 */
asm(".pushsection .text\n"
	".balign 16\n"
	".global guest_stubs\n"
"guest_stubs:\n"
	".set vector, 0\n"
	".rept 256\n"
	".balign 16\n"
	".if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21\n"
	".else\n"
	"pushq $0\n"
	".endif\n"
	"pushq $vector\n"
	"jmp guest_stub_common\n"
	".set vector, vector + 1\n"
	".endr\n"
"guest_stub_common:\n"
	"cld\n"
	"push %rax; push %rbx; push %rcx; push %rdx; push %rsi; push %rdi; push %rbp\n"
	"push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14; push %r15\n"
	"mov %rsp, %rdi\n"
	"mov %rsp, %rbp\n"
	"and $-16, %rsp\n"
	"call guest_exception\n"
	"mov %rbp, %rsp\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8\n"
	"pop %rbp; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rbx; pop %rax\n"
	"add $16, %rsp\n"
	"iretq\n"
	".popsection\n");

/*
 * guest_user_call(fn, arg, user_stack): runs fn(arg) at CPL 3 until it executes
 * int $0x81, whose gate leads to guest_user_return.
 */
asm(".pushsection .text\n"
	".global guest_user_call\n"
"guest_user_call:\n"
	"push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
	"pushfq\n"
	"mov %rsp, guest_kernel_rsp(%rip)\n"
	"pushq $0x23\n"
	"push %rdx\n"
	"pushfq\n"
	"pushq $0x1b\n"
	"push %rdi\n"
	"mov %rsi, %rdi\n"
	"iretq\n"
	".global guest_user_return\n"
"guest_user_return:\n"
	"mov guest_kernel_rsp(%rip), %rsp\n"
	"popfq\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
	"ret\n"
	".popsection\n"
	".pushsection .bss\n"
	".balign 8\n"
"guest_kernel_rsp:\n"
	".skip 8\n"
	".popsection\n");

/**
 * guest_exception() - what every vector leads to
 * @f: the interrupted state, which a handler may change
 *
 * A handler comes first, then a GUEST_TRY that faulted. An interrupt or NMI
 * without a handler is only counted. Any other exception ends the test.
 */
__guest void guest_exception(struct guest_frame *f)
{
	const struct guest_ex *ex;

	guest_count[f->vector]++;
	if (guest_handler[f->vector]) {
		guest_handler[f->vector](f);
		return;
	}
	for (ex = __start_guest_ex; ex < __stop_guest_ex; ex++) {
		if (ex->from == f->rip) {
			f->rip = ex->to;
			f->r10 = FAULT_ERR(f->vector, f->error);
			return;
		}
	}
	if (f->vector >= 32 || f->vector == 2)
		return;
	GUEST_UCALL(UCALL_ABORT, "unexpected exception", 2, f->vector, f->error,
		    f->rip, read_cr2(), f->rsp);
}
