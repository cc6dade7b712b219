// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction emulator against the CPU itself: every form runs once on RAM,
 * where the CPU executes it, and once on MMIO that user space backs with the
 * same bytes. Registers, defined flags and memory must come out equal.
 */
#include "strata_test.h"

#define HOLE	0x40000000ul
#define BYTES	512

/* Flags: CF PF AF ZF SF OF, what logic leaves (no AF), only CF, and none. */
#define F_ALL	0x8d5
#define F_LOGIC	0x8c5
#define F_CF	0x1
#define F_ZF	0x40
#define F_CO	0x801
#define F_NONE	0

/* rbx and rdi point into the operand, rsi too, a little further on. */
#define FORMS(X)							\
	X(F_NONE, "movb %al, 8(%rbx)")					\
	X(F_NONE, "movw %ax, 8(%rbx)")					\
	X(F_NONE, "movl %eax, 8(%rbx)")					\
	X(F_NONE, "movq %rax, 8(%rbx)")					\
	X(F_NONE, "movb 8(%rbx), %ah")					\
	X(F_NONE, "movb %ch, 8(%rbx)")					\
	X(F_NONE, "movb 8(%rbx), %r9b")					\
	X(F_NONE, "movb 8(%rbx), %sil")					\
	X(F_NONE, "movw 8(%rbx), %cx")					\
	X(F_NONE, "movl 8(%rbx), %ecx")					\
	X(F_NONE, "movq 8(%rbx), %r8")					\
	X(F_NONE, "movq 8(%rbx,%r9,4), %rcx")				\
	X(F_NONE, "movb $0x5a, 9(%rbx)")				\
	X(F_NONE, "movw $0x1234, 9(%rbx)")				\
	X(F_NONE, "movl $0x12345678, 9(%rbx)")				\
	X(F_NONE, "movq $-2, 9(%rbx)")					\
	X(F_NONE, "addr32 movl 8(%ebx), %ecx")				\
	X(F_NONE, "movzbw 8(%rbx), %cx")				\
	X(F_NONE, "movzbl 8(%rbx), %ecx")				\
	X(F_NONE, "movzbq 8(%rbx), %rcx")				\
	X(F_NONE, "movzwl 8(%rbx), %ecx")				\
	X(F_NONE, "movzwq 8(%rbx), %rcx")				\
	X(F_NONE, "movsbw 8(%rbx), %cx")				\
	X(F_NONE, "movsbl 8(%rbx), %ecx")				\
	X(F_NONE, "movsbq 8(%rbx), %rcx")				\
	X(F_NONE, "movswl 8(%rbx), %ecx")				\
	X(F_NONE, "movswq 8(%rbx), %rcx")				\
	X(F_NONE, "movslq 8(%rbx), %rcx")				\
	X(F_ALL, "addb %al, (%rbx)")					\
	X(F_ALL, "addw %ax, (%rbx)")					\
	X(F_ALL, "addl %eax, (%rbx)")					\
	X(F_ALL, "addq %rax, (%rbx)")					\
	X(F_ALL, "addl (%rbx), %ecx")					\
	X(F_ALL, "addb $0x7f, (%rbx)")					\
	X(F_ALL, "addl $0x12345678, (%rbx)")				\
	X(F_ALL, "addq $-5, (%rbx)")					\
	X(F_ALL, "adcl %eax, (%rbx)")					\
	X(F_ALL, "adcq (%rbx), %rcx")					\
	X(F_ALL, "adcb $3, (%rbx)")					\
	X(F_ALL, "sbbl %eax, (%rbx)")					\
	X(F_ALL, "sbbw (%rbx), %cx")					\
	X(F_ALL, "sbbq $3, (%rbx)")					\
	X(F_ALL, "subb %al, (%rbx)")					\
	X(F_ALL, "subq (%rbx), %rcx")					\
	X(F_ALL, "subw $0x1234, (%rbx)")				\
	X(F_LOGIC, "orb %al, (%rbx)")					\
	X(F_LOGIC, "orq (%rbx), %rcx")					\
	X(F_LOGIC, "orl $0x11111111, (%rbx)")				\
	X(F_LOGIC, "andw %ax, (%rbx)")					\
	X(F_LOGIC, "andl (%rbx), %ecx")					\
	X(F_LOGIC, "andb $0x0f, (%rbx)")				\
	X(F_LOGIC, "andq $-16, (%rbx)")					\
	X(F_LOGIC, "xorl %eax, (%rbx)")					\
	X(F_LOGIC, "xorb (%rbx), %cl")					\
	X(F_LOGIC, "xorw $0x5555, (%rbx)")				\
	X(F_ALL, "cmpb %al, (%rbx)")					\
	X(F_ALL, "cmpq %rax, (%rbx)")					\
	X(F_ALL, "cmpl (%rbx), %ecx")					\
	X(F_ALL, "cmpw $0x1234, (%rbx)")				\
	X(F_ALL, "cmpl $5, (%rbx)")					\
	X(F_LOGIC, "testb %al, (%rbx)")					\
	X(F_LOGIC, "testq %rax, (%rbx)")				\
	X(F_LOGIC, "testb $0x40, (%rbx)")				\
	X(F_LOGIC, "testl $0x80000000, (%rbx)")				\
	X(F_NONE, "notl (%rbx)")					\
	X(F_ALL, "negb (%rbx)")						\
	X(F_ALL, "negq (%rbx)")						\
	X(F_ALL, "incw (%rbx)")						\
	X(F_ALL, "incl (%rbx)")						\
	X(F_ALL, "decb (%rbx)")						\
	X(F_ALL, "decq (%rbx)")						\
	X(F_NONE, "xchgb %al, (%rbx)")					\
	X(F_NONE, "xchgl %ecx, (%rbx)")					\
	X(F_NONE, "xchgq %rcx, (%rbx)")					\
	X(F_ALL, "lock addl %eax, (%rbx)")				\
	X(F_ALL, "lock incq (%rbx)")					\
	X(F_LOGIC, "lock andb $0xf0, (%rbx)")				\
	X(F_ALL, "cmpxchgb %cl, (%rbx)")				\
	X(F_ALL, "cmpxchgl %ecx, (%rbx)")				\
	X(F_ALL, "lock cmpxchgq %rcx, (%rbx)")				\
	X(F_ALL, "movq (%rbx), %rax; lock cmpxchgq %rcx, (%rbx)")	\
	X(F_ALL, "movl (%rbx), %eax; cmpxchgl %ecx, (%rbx)")		\
	X(F_CF, "btl $3, (%rbx)")					\
	X(F_CF, "btsl $5, (%rbx)")					\
	X(F_CF, "btrw $14, (%rbx)")					\
	X(F_CF, "btcq $63, (%rbx)")					\
	X(F_CF, "btl %r9d, 32(%rbx)")					\
	X(F_CF, "lock btsq %rdx, 32(%rbx)")				\
	X(F_CF, "btrl %edx, 32(%rbx)")					\
	X(F_CF, "btcw %dx, 32(%rbx)")					\
	X(F_NONE, "stosb")						\
	X(F_NONE, "stosw")						\
	X(F_NONE, "stosl")						\
	X(F_NONE, "stosq")						\
	X(F_NONE, "movl $5, %ecx; rep stosl")				\
	X(F_NONE, "movl $3, %ecx; rep stosq")				\
	X(F_NONE, "movl $9, %ecx; std; rep stosb; cld")			\
	X(F_NONE, "movsb")						\
	X(F_NONE, "movsq")						\
	X(F_NONE, "movl $6, %ecx; rep movsw")				\
	X(F_NONE, "movl $4, %ecx; rep movsl")				\
	X(F_NONE, "xorl %ecx, %ecx; rep movsb")				\
	X(F_NONE, "pushq (%rbx); popq %rcx")				\
	X(F_NONE, "pushw (%rbx); popw %cx")				\
	X(F_NONE, "pushq %rdx; popq 16(%rbx)")

/* Forms that are rare on device memory. */
#define RARE(X)								\
	X(F_ALL, "xaddl %ecx, (%rbx)")					\
	X(F_ALL, "lock xaddq %rcx, (%rbx)")				\
	X(F_NONE, "lodsb")						\
	X(F_NONE, "lodsl")						\
	X(F_NONE, "movl $3, %ecx; rep lodsq")				\
	X(F_ALL, "scasb")						\
	X(F_ALL, "movl $8, %ecx; repne scasb")				\
	X(F_ALL, "cmpsl")						\
	X(F_ALL, "movl $8, %ecx; repe cmpsb")				\
	X(F_CF, "shll $1, (%rbx)")					\
	X(F_CF, "shrw $3, (%rbx)")					\
	X(F_CF, "movb $5, %cl; sarq %cl, (%rbx)")			\
	X(F_CF, "rolb $1, (%rbx)")					\
	X(F_CF, "rorl $7, (%rbx)")					\
	X(F_CF, "rcll $1, (%rbx)")					\
	X(F_CF, "rcrq $1, (%rbx)")					\
	X(F_CO, "imull (%rbx), %ecx")					\
	X(F_CO, "imull $3, (%rbx), %ecx")				\
	X(F_CO, "mull (%rbx)")						\
	X(F_NONE, "setz (%rbx)")					\
	X(F_NONE, "setc 1(%rbx)")					\
	X(F_NONE, "cmpl %eax, %eax; cmovzl (%rbx), %ecx")		\
	X(F_NONE, "cmpl %eax, %eax; cmovnzl (%rbx), %ecx")		\
	X(F_ZF, "bsfl (%rbx), %ecx")					\
	X(F_ZF, "bsrq (%rbx), %rcx")					\
	X(F_NONE, "movntil %eax, (%rbx)")				\
	X(F_ZF, "cmpxchg8b (%rbx)")

/*
 * What nobody has a reason to do: registers of descriptor tables, MMX, a stack of far
 * transfers. The code lies above 4 GiB, where far pointers of 32 bits do not reach.
 */
#define MMX(text)	text "; emms"
#define FAR_STACK(text, base)							\
			"movq %rsp, %r10; leaq 1f(%rip), %rcx; movq %rcx, (%rbx); "	\
			"movw %cs, 8(%rbx); pushfq; popq 16(%rbx); movq %r10, 24(%rbx); " \
			"movw %ss, 32(%rbx); movq %rbx, %rsp; " text "; "		\
			"1: movq %rsp, %rdx; subq " base ", %rdx; movq %r10, %rsp"
#define SYSTEM(X)							\
	X(F_NONE, "sgdt 8(%rbx)")					\
	X(F_NONE, "sidt 8(%rbx)")					\
	X(F_NONE, "sgdt 8(%rbx); lgdt 8(%rbx); sgdt 24(%rbx)")		\
	X(F_NONE, "sidt 8(%rbx); lidt 8(%rbx); sidt 24(%rbx)")		\
	X(F_NONE, "sldt 8(%rbx)")					\
	X(F_NONE, "str 8(%rbx)")					\
	X(F_NONE, "movw $0, 8(%rbx); lldt 8(%rbx); sldt %ecx")		\
	X(F_NONE, MMX("movq (%rbx), %mm3; movq %mm3, %rcx"))		\
	X(F_NONE, MMX("movd 1(%rbx), %mm3; movq %mm3, %rcx"))		\
	X(F_NONE, MMX("movq %rcx, %mm2; movq %mm2, 8(%rbx)"))		\
	X(F_NONE, MMX("movq %rcx, %mm2; movntq %mm2, 8(%rbx)"))		\
	X(F_NONE, MMX("movq %rcx, %mm2; movd %mm2, 8(%rbx)"))		\
	X(F_NONE, MMX("fninit; fld1; movq %mm7, (%rbx); fnstsw %ax"))	\
	X(F_NONE, MMX("fninit; fld1; movq (%rbx), %mm6; fnstsw %ax"))	\
	X(F_NONE, "fninit; fnstcw 8(%rbx)")				\
	X(F_NONE, "fninit; fld1; fnstsw 8(%rbx); fninit")		\
	X(F_ZF, "tzcntl (%rbx), %ecx")					\
	X(F_ZF, "lzcntq (%rbx), %rcx")					\
	X(F_NONE, FAR_STACK("lretq", "%rbx"))					\
	X(F_NONE, FAR_STACK("lretq $32", "%rbx"))				\
	X(F_NONE, FAR_STACK("iretq", "%r10"))

struct state {
	uint64_t rax, rcx, rdx, rbx, rsi, rdi, r8, r9, rflags;
};

struct form {
	const char *text;
	void (*code)(void);
	uint64_t flags;
};

/* The code of each form, and the table of them. */
#define ENTRY(flags, text)						\
	"5: .asciz \"" text "\"\n"					\
	".pushsection .text\n6: " text "\nret\n.popsection\n"		\
	".pushsection .data\n.quad 5b, 6b, " #flags "\n.popsection\n"
#define FORMS_TABLE(name, list)						\
	extern const struct form name[];				\
	asm(".pushsection .data\n.balign 8\n" #name ":\n.popsection\n"	\
	    ".pushsection .rodata\n" list(ENTRY_X) ".popsection\n"	\
	    ".pushsection .data\n.quad 0, 0, 0\n.popsection\n")
#define ENTRY_X(flags, text)	ENTRY_Y(flags, text)
#define ENTRY_Y(flags, text)	ENTRY(flags, text)

FORMS_TABLE(common_forms, FORMS);
FORMS_TABLE(rare_forms, RARE);
FORMS_TABLE(system_forms, SYSTEM);

/* Loads *st, calls code, stores *st. */
void run_form(struct state *st, void (*code)(void));
asm(".pushsection .text\n"
	"run_form:\n"
	"push %rbx; push %rbp; push %r12\n"
	"mov %rdi, %r12\n"
	"mov %rsi, %r11\n"
	"pushq 64(%r12); popfq\n"
	"mov 0(%r12), %rax; mov 8(%r12), %rcx; mov 16(%r12), %rdx; mov 24(%r12), %rbx\n"
	"mov 32(%r12), %rsi; mov 40(%r12), %rdi; mov 48(%r12), %r8; mov 56(%r12), %r9\n"
	"call *%r11\n"
	"pushfq; popq 64(%r12)\n"
	"mov %rax, 0(%r12); mov %rcx, 8(%r12); mov %rdx, 16(%r12); mov %rbx, 24(%r12)\n"
	"mov %rsi, 32(%r12); mov %rdi, 40(%r12); mov %r8, 48(%r12); mov %r9, 56(%r12)\n"
	"pushq $2; popfq\n"
	"pop %r12; pop %rbp; pop %rbx\n"
	"ret\n"
	".popsection\n");

static volatile struct state result[2];
static volatile uint64_t ram, current;
static const struct form *volatile forms;

static __guest void prepare(struct state *st, uint64_t base, uint64_t carry)
{
	st->rax = 0x8899aabbccddeef1;
	st->rcx = 0x1122334455667788;
	st->rdx = 0x37;
	st->rbx = base + 0x80;
	st->rsi = base + 0x60;
	st->rdi = base + 0xa0;
	st->r8 = 0x5555;
	st->r9 = 5;
	st->rflags = 2 | carry;
}

static __guest void g_forms(uint64_t arg)
{
	struct state st;
	uint64_t i, carry;

	for (i = 0; forms[i].text; i++) {
		for (carry = 0; carry < 2; carry++) {
			current = i;
			GUEST_SYNC(1);
			prepare(&st, ram, carry);
			run_form(&st, forms[i].code);
			result[0] = st;
			prepare(&st, HOLE, carry);
			run_form(&st, forms[i].code);
			result[1] = st;
			GUEST_SYNC(2);
		}
	}
	GUEST_DONE();
}

static uint8_t shadow[2 * PAGE_SIZE];

static void serve_mmio(struct kvm_run *run)
{
	uint64_t at = run->mmio.phys_addr - HOLE;

	if (at + run->mmio.len > sizeof(shadow) || run->mmio.len > 8)
		die("MMIO of %u bytes at %#llx", run->mmio.len, run->mmio.phys_addr);
	if (run->mmio.is_write)
		memcpy(shadow + at, run->mmio.data, run->mmio.len);
	else
		memcpy(run->mmio.data, shadow + at, run->mmio.len);
}

/* Runs to the next ucall with the MMIO served; false if the vCPU gave up. */
static bool run_served(struct vcpu *vcpu)
{
	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		serve_mmio(vcpu->run);
	if (!vcpu_is_ucall(vcpu))
		return false;
	vcpu_report_abort(vcpu);
	return true;
}

static int compare(const struct form *f, const struct state *a, const struct state *b)
{
	static const char * const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9",
	};
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;
	uint64_t base = HOLE - (a->rbx - 0x80);
	int i, bad = 0;

	for (i = 0; i < 8; i++) {
		uint64_t want = x[i];

		/* Pointers differ by the distance of the two operands. */
		if (i >= 3 && i <= 5 && y[i] - HOLE < PAGE_SIZE)
			want += base;
		if (want != y[i]) {
			fprintf(stderr, "# %s: %s is %#lx, the CPU says %#lx\n", f->text,
				names[i], y[i], want);
			bad++;
		}
	}
	if ((a->rflags ^ b->rflags) & f->flags) {
		fprintf(stderr, "# %s: flags are %#lx, the CPU says %#lx\n", f->text,
			b->rflags & f->flags, a->rflags & f->flags);
		bad++;
	}
	return bad;
}

static int check_forms(const struct form *list)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_forms);
	uint64_t page = vm_alloc(vm, PAGE_SIZE);
	uint8_t *mem = vm_hva(vm, page);
	int i, bad = 0;

	guest_var(vm, ram) = page;
	guest_var(vm, forms) = list;
	vm_map(vm, HOLE, HOLE, 2 * PAGE_SIZE, PTE_W);
	for (;;) {
		const struct form *f;

		if (!run_served(vcpu) || vcpu->uc.cmd == UCALL_DONE)
			break;
		f = &list[guest_var(vm, current)];
		if (vcpu->uc.arg[0] == 1) {
			for (i = 0; i < BYTES; i++)
				mem[i] = i * 37 ^ 0xa5;
			memcpy(shadow, mem, BYTES);
			continue;
		}
		bad += compare(f, (const struct state *)&guest_var(vm, result[0]),
			       (const struct state *)&guest_var(vm, result[1]));
		for (i = 0; i < BYTES; i++)
			if (mem[i] != shadow[i])
				break;
		if (i < BYTES) {
			fprintf(stderr, "# %s: byte %#x is %#x, the CPU says %#x\n",
				f->text, i, shadow[i], mem[i]);
			bad++;
		}
	}
	if (vcpu->uc.cmd != UCALL_DONE) {
		fprintf(stderr, "# at: %s\n", list[guest_var(vm, current)].text);
		vcpu_dump(vcpu);
		bad++;
	}
	return bad;
}

TEST(common_instructions)
{
	EXPECT_EQ(0, check_forms(common_forms));
}

TEST(rare_instructions)
{
	EXPECT_EQ(0, check_forms(rare_forms));
}

TEST(system_instructions)
{
	if (dev_is_kvm())
		SKIP(return, "KVM looks for descriptor tables in memory only, and never ends");
	EXPECT_EQ(0, check_forms(system_forms));
}

/*
 * One operand is MMIO, the other faults: the fault is the guest's, with the
 * right error code and CR2, and can be repaired and retried.
 */
#define BAD	0x50000000ul

static __guest void g_other_operand(uint64_t arg)
{
	uint64_t f;

	f = GUEST_TRY("movsb", "S"(HOLE), "D"(BAD));
	GUEST_ASSERT_EQ(FAULT_ERR(14, 2), f);
	GUEST_ASSERT_EQ(BAD, read_cr2());
	f = GUEST_TRY("movsl", "S"(HOLE), "D"(BAD + PAGE_SIZE - 2));
	GUEST_ASSERT_EQ(FAULT_ERR(14, 2), f);
	f = GUEST_TRY("movsb", "S"(HOLE), "D"(BAD + PAGE_SIZE));
	GUEST_ASSERT_EQ(FAULT_ERR(14, 3), f);
	GUEST_ASSERT_EQ(BAD + PAGE_SIZE, read_cr2());
	f = GUEST_TRY("movsb", "S"(BAD + 5), "D"(HOLE));
	GUEST_ASSERT_EQ(FAULT_ERR(14, 0), f);
	GUEST_ASSERT_EQ(BAD + 5, read_cr2());
	/* Not canonical: #GP. */
	f = GUEST_TRY("movsb", "S"(HOLE), "D"(1ull << 63));
	GUEST_ASSERT_EQ(FAULT(13), f);
	/* The second half of a write across two pages. */
	f = GUEST_TRY("movl %%eax, (%1)", "r"(HOLE + 2 * PAGE_SIZE - 2), "a"(1));
	GUEST_ASSERT_EQ(FAULT_ERR(14, 2), f);
	GUEST_ASSERT_EQ(HOLE + 2 * PAGE_SIZE, read_cr2());
	GUEST_DONE();
}

TEST(faults_of_the_other_operand)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_other_operand);

	vm_map(vm, HOLE, HOLE, 2 * PAGE_SIZE, PTE_W);
	vm_map(vm, BAD + PAGE_SIZE, vm_alloc(vm, PAGE_SIZE), PAGE_SIZE, 0);
	ASSERT_TRUE(run_served(vcpu));
	EXPECT_EQ(UCALL_DONE, vcpu->uc.cmd);
}

/* Sixteen-bit code with its own forms of addresses, at the VGA window. */
ASM_BLOB(real_forms, ".code16\n"
	 "movw $0xa000, %ax\n"
	 "movw %ax, %ds\n"
	 "movw %ax, %es\n"
	 "movw $0x10, %bx\n"
	 "movw $0x20, %si\n"
	 "movw $0x30, %di\n"
	 "movw $0x40, %bp\n"
	 "movb $0x11, (%bx,%si)\n"
	 "movw $0x2222, 0x100(%bx,%di)\n"
	 "movl $0x33333333, %ds:2(%bp,%si)\n"
	 "incb 0x30\n"
	 "movw 0x140, %cx\n"
	 "addw %cx, (%di)\n"
	 "movb (%bx,%si), %al\n"
	 "stosb\n"
	 "movw $3, %cx\n"
	 "rep movsb\n"
	 "movl $0x50, %edx\n"
	 "movb $0x77, (%edx)\n"
	 "hlt\n");

/* In a VM with 64 KiB of memory and the window's first bytes; true where it ends by HLT. */
static bool run_at_the_window(const uint8_t *code, size_t len, uint8_t vga[0x200],
			      struct vcpu **at_end)
{
	struct vm *vm = vm_create(VM_NO_GUEST);
	struct vcpu *vcpu = vcpu_create_raw(vm, 0);
	uint8_t *mem = mem_alloc(0x10000, PAGE_SIZE);
	struct kvm_regs r = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs s = vcpu_sregs(vcpu);

	vm_set_region(vm, 0, 0, 0, 0x10000, mem);
	memcpy(mem + 0x1000, code, len);
	s.cs.selector = 0;
	s.cs.base = 0;
	vcpu_set_sregs(vcpu, &s);
	vcpu_set_regs(vcpu, &r);
	while (vcpu_run(vcpu) == KVM_EXIT_MMIO) {
		struct kvm_run *run = vcpu->run;
		uint64_t at = run->mmio.phys_addr - 0xa0000;

		if (at + run->mmio.len > 0x200)
			return false;
		if (run->mmio.is_write)
			memcpy(vga + at, run->mmio.data, run->mmio.len);
		else
			memcpy(run->mmio.data, vga + at, run->mmio.len);
	}
	*at_end = vcpu;
	return vcpu->run->exit_reason == KVM_EXIT_HLT;
}

TEST(real_mode)
{
	uint8_t vga[0x200] = { 0 };
	struct vcpu *vcpu;

	ASSERT_TRUE(run_at_the_window(real_forms, real_forms_end - real_forms, vga, &vcpu));
	/* 0x30 was 0x11, counted up, got 0x2222 added, then AL was stored. */
	EXPECT_EQ(0x34, vga[0x30]);
	EXPECT_EQ(0x22, vga[0x140]);
	EXPECT_EQ(0x22, vga[0x141]);
	EXPECT_EQ(0x33, vga[0x62]);
	EXPECT_EQ(0x77, vga[0x50]);
	EXPECT_EQ(0x34, vcpu_regs(vcpu).rdi & 0xffff);
	EXPECT_EQ(0x23, vcpu_regs(vcpu).rsi & 0xffff);
}

/* The stack itself is the device's. */
ASM_BLOB(real_frames, ".code16\n"
	 "movw $0xa000, %ax\n"
	 "movw %ax, %ss\n"
	 "movw $0x100, %sp\n"
	 "movw $0x1111, %cx\n"
	 "movw $0x2222, %dx\n"
	 "movw $0x3333, %bx\n"
	 "movw $0x5555, %bp\n"
	 "movw $0x6666, %si\n"
	 "movw $0x7777, %di\n"
	 "pushaw\n"
	 "xorl %ecx, %ecx\n"
	 "xorl %edi, %edi\n"
	 "popaw\n"
	 "pushal\n"
	 "popal\n"
	 "enterw $0x20, $0\n"
	 "movw %sp, %ax\n"
	 "leavew\n"
	 "lesw %ss:0xfc, %bx\n"
	 "lfsl %ss:0xf8, %esi\n"
	 "hlt\n");

TEST(real_mode_stack)
{
	uint8_t vga[0x200] = { 0 };
	struct vcpu *vcpu;
	struct kvm_regs r;
	struct kvm_sregs s;

	ASSERT_TRUE(run_at_the_window(real_frames, real_frames_end - real_frames, vga, &vcpu));
	r = vcpu_regs(vcpu);
	s = vcpu_sregs(vcpu);
	EXPECT_EQ(0x1111, r.rcx & 0xffff);
	EXPECT_EQ(0x2222, r.rdx & 0xffff);
	EXPECT_EQ(0x7777, r.rdi & 0xffff);
	EXPECT_EQ(0x5555, r.rbp & 0xffff);
	EXPECT_EQ(0x100, r.rsp & 0xffff);
	EXPECT_EQ(0x100 - 2 - 0x20, r.rax & 0xffff);
	/* By PUSHAD: EAX at 0xfc, ECX below it. ENTER has written BP over the upper half. */
	EXPECT_EQ(0xa000, r.rbx & 0xffff);
	EXPECT_EQ(0x5555, s.es.selector);
	EXPECT_EQ(0x55550, s.es.base);
	EXPECT_EQ(0x1111, r.rsi);
	EXPECT_EQ(0xa000, s.fs.selector);
}

/* Far transfers by a pointer and a stack of the device's. */
ASM_BLOB(real_far, ".code16\n"
	 "movw $0xa000, %ax\n"
	 "movw %ax, %ss\n"
	 "movw $0x100, %sp\n"
	 "call 1f\n"
	 "1: popw %bx\n"
	 "leaw 2f-1b(%bx), %ax\n"
	 "movw %ax, %ss:0x40\n"
	 "movw %cs, %ss:0x42\n"
	 "lcallw *%ss:0x40\n"
	 "leaw 3f-1b(%bx), %ax\n"
	 "movw %ax, %ss:0x40\n"
	 "ljmpw *%ss:0x40\n"
	 "hlt\n"
	 "2: incw %cx\n"
	 "movw %sp, %dx\n"
	 "lretw\n"
	 "hlt\n"
	 "3: incw %cx\n"
	 "pushw $0x403\n"
	 "pushw %cs\n"
	 "leaw 4f-1b(%bx), %ax\n"
	 "pushw %ax\n"
	 "iretw\n"
	 "hlt\n"
	 "4: incw %cx\n"
	 "hlt\n");

TEST(real_mode_far)
{
	uint8_t vga[0x200] = { 0 };
	struct vcpu *vcpu;
	struct kvm_regs r;

	ASSERT_TRUE(run_at_the_window(real_far, real_far_end - real_far, vga, &vcpu));
	r = vcpu_regs(vcpu);
	EXPECT_EQ(3, r.rcx & 0xffff);
	EXPECT_EQ(0xfc, r.rdx & 0xffff);
	EXPECT_EQ(0x100, r.rsp & 0xffff);
	EXPECT_EQ(0x401, r.rflags & 0xc01);
}

/* An instruction that nobody emulates ends in an error that shows its bytes. */
static __guest void g_unknown(uint64_t arg)
{
	asm volatile("fnsave (%0)" : : "r"(HOLE) : "memory");
	GUEST_DONE();
}

TEST(unknown_instruction)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_unknown);
	struct kvm_run *run = vcpu->run;

	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, run->internal.suberror);
	ASSERT_LE(4, run->emulation_failure.ndata);
	EXPECT_EQ(1, run->emulation_failure.flags & 1);
	EXPECT_LE(2, run->emulation_failure.insn_size);
	EXPECT_EQ(0xdd, run->emulation_failure.insn_bytes[0]);
}

/* In guest user space it is a #UD, unless the VM's owner wants to know of it. */
static volatile uint64_t undefined;
static uint8_t user_stack[4096] __attribute__((aligned(16)));

static __guest void on_undefined(struct guest_frame *f)
{
	undefined++;
	f->rip += 2;
}

static __guest void g_unknown_of_user(uint64_t arg)
{
	/* dd 30: fnsave (%rax) */
	asm volatile("fnsave (%0)" : : "a"(HOLE) : "memory");
	asm volatile("int %0" : : "i"(VEC_USER_RETURN));
}

static __guest void g_to_user(uint64_t arg)
{
	guest_handler[6] = on_undefined;
	guest_user_call(g_unknown_of_user, 0, (uint64_t)user_stack + sizeof(user_stack) - 16);
	GUEST_ASSERT_EQ(1, undefined);
	GUEST_DONE();
}

TEST(unknown_instruction_of_user_space)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = { 2 },
	};
	struct vm *vm = vm_create(VM_USER);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_to_user);
	struct kvm_run *run = vcpu->run;

	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W | PTE_U);
	vcpu_run_done(vcpu);
	ASSERT_EQ(EINVAL, try_ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	cap.args[0] = 1;
	ASSERT_EQ(0, try_ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	vcpu_call(vcpu, g_to_user, 0);
	expect_exit(vcpu, KVM_EXIT_INTERNAL_ERROR);
	EXPECT_EQ(KVM_INTERNAL_ERROR_EMULATION, run->internal.suberror);
	EXPECT_EQ(0xdd, run->emulation_failure.insn_bytes[0]);
	EXPECT_EQ(1, guest_var(vm, undefined));
}

TEST_HARNESS_MAIN
