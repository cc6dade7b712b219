// SPDX-License-Identifier: GPL-2.0
/*
 * Random state, random ioctls and random code, all of it from one seed.
 */
#include <sys/eventfd.h>

#include "fuzz.h"
#include "rng.h"

/* ---- numbers ---- */

static __thread struct rng rng;

static uint64_t rnd(void)
{
	return rng_next(&rng);
}

static unsigned int below(unsigned int n)
{
	return rnd() % n;
}

static bool one_in(unsigned int n)
{
	return below(n) == 0;
}

/* Numbers at which something changes more often than at others. */
static uint64_t number(void)
{
	static const uint64_t places[] = {
		0, HOLE, EXTRA, APIC_BASE, IOAPIC, GUEST_MEM, 0x7ffffffffffful,
		0x800000000000ul, 0xffff800000000000ul, ~0ul, 0xfffffffful, 0x7ffffffful,
	};

	switch (below(6)) {
	case 0:
		return rnd();
	case 1:
		return 1ull << below(64);
	case 2:
		return ~(1ull << below(64));
	case 3:
		return places[below(ARRAY_SIZE(places))] + below(33) - 16;
	case 4:
		return rnd() >> below(64);
	default:
		return below(300);
	}
}

/* Some words change; now and then everything. */
static void mutate(void *buf, size_t size)
{
	uint8_t *b = buf;
	unsigned int n = below(4) + 1;
	size_t i;

	if (one_in(16)) {
		for (i = 0; i < size; i++)
			b[i] = rnd();
		return;
	}
	while (n--) {
		size_t width = 1ul << below(4);
		uint64_t v = number();

		if (size < width)
			continue;
		i = below(size / width) * width;
		if (one_in(2))
			memcpy(b + i, &v, width);
		else
			b[i] ^= 1u << below(8);
	}
}

/* Bytes that are likelier an instruction of interest than random ones. */
static void random_code(uint8_t *p, size_t size)
{
	static const char * const insns[] = {
		"\x0f\xa2", "\x0f\x30", "\x0f\x32", "\xf4", "\xfb", "\xfa", "\x0f\x22\xc0",
		"\x0f\x22\xd8", "\x0f\x22\xe0", "\x0f\x20\xc0", "\x0f\x23\xf8", "\xe4\x60",
		"\xe6\x80", "\xec", "\xee", "\xf3\x6c", "\xf3\x6e", "\xf2\xa4", "\xf3\xa5",
		"\x0f\x01\xd9", "\x0f\x01\x18", "\x0f\x01\x10", "\x0f\x01\xf8", "\x0f\x06",
		"\x0f\x08", "\x0f\x31", "\xcf", "\x48\xcf", "\xcd\x0d", "\x8e\xd0", "\x8e\xd8",
		"\x0f\x00\xd8", "\x0f\x00\xd0", "\x9d", "\x9c", "\xcb", "\xff\x28", "\xff\x18",
		"\x0f\x05", "\x0f\x34", "\x0f\x35", "\x0f\xae\x38", "\xf0\x0f\xc7\x08",
		"\x0f\x01\x38", "\xa1", "\xa3", "\xf1", "\x0f\x01\x30", "\x0f\x07",
	};
	size_t i = 0, n;

	while (i < size) {
		const char *s = insns[below(ARRAY_SIZE(insns))];

		while (one_in(3) && i < size)
			p[i++] = "\x66\x67\xf0\xf2\xf3\x48\x4c\x41\x2e\x65"[below(10)];
		if (one_in(3)) {
			for (n = below(6) + 1; n && i < size; n--)
				p[i++] = rnd();
			continue;
		}
		n = strlen(s);
		if (i + n > size)
			n = size - i;
		memcpy(p + i, s, n);
		i += n;
	}
}

/* ---- what is done to a VM and its vCPUs ---- */

/* For the report, and to say where it was. */
static unsigned long exits[64], errors[256];
static uint64_t round_seed;
static __thread unsigned int step;

static const struct state {
	const char *name;
	unsigned long get, set;
	size_t size;
} states[] = {
#define STATE(n, type) { #n, KVM_GET_##n, KVM_SET_##n, sizeof(type) }
	STATE(REGS, struct kvm_regs),
	STATE(SREGS, struct kvm_sregs),
	STATE(FPU, struct kvm_fpu),
	STATE(XSAVE, struct kvm_xsave),
	STATE(XCRS, struct kvm_xcrs),
	STATE(VCPU_EVENTS, struct kvm_vcpu_events),
	STATE(DEBUGREGS, struct kvm_debugregs),
	STATE(MP_STATE, struct kvm_mp_state),
	STATE(LAPIC, struct kvm_lapic_state),
};

/* Both copies lie in zeroed memory, so that what an ioctl leaves alone is equal. */
static void check_set_again(struct fuzz *r, struct vcpu *vcpu)
{
	static __thread union {
		struct kvm_xsave xsave;
		uint8_t b[sizeof(struct kvm_xsave)];
	} a, b;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		const struct state *s = &states[i];

		if (s->get == KVM_GET_LAPIC && !(vcpu->vm->flags & VM_IRQCHIP))
			continue;
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		xioctl(vcpu->fd, s->get, &a);
		if (try_ioctl(vcpu->fd, s->set, &a)) {
			vcpu_dump(vcpu);
			die("seed %#lx step %u: %s as got is not set: %s", round_seed, step,
			    s->name, strerror(errno));
		}
		xioctl(vcpu->fd, s->get, &b);
		/* The LAPIC's timer goes on, and others send NMIs and INIT. */
		for (k = 0; k < s->size && s->get != KVM_GET_LAPIC && !r->shared; k++)
			if (a.b[k] != b.b[k])
				die("seed %#lx step %u: %s byte %u was %#x and is %#x", round_seed,
				    step, s->name, k, a.b[k], b.b[k]);
	}
}

/* QEMU's TCG ends itself where an exception needs a TSS and TR is none, or busy. */
static void spare_tcg(struct kvm_sregs *s)
{
	if (!host_is_tcg())
		return;
	s->tr.type = 9;
	s->tr.present = 1;
	s->tr.unusable = 0;
}

static void fuzz_state(struct vcpu *vcpu)
{
	const struct state *s = &states[below(ARRAY_SIZE(states))];
	static __thread union {
		struct kvm_xsave xsave;
		struct kvm_sregs sregs;
	} buf;

	if (try_ioctl(vcpu->fd, s->get, &buf))
		return;
	mutate(&buf, s->size);
	if (s->set == KVM_SET_SREGS)
		spare_tcg(&buf.sregs);
	try_ioctl(vcpu->fd, s->set, &buf);
}

static void fuzz_msrs(struct vcpu *vcpu)
{
	static const uint32_t base[] = { 0x10, 0x170, 0x200, 0x250, 0x800, 0x400, 0xc0000080,
					 0xc0000100, 0xc0010010, 0x4b564d00, 0, 0x6e0 };
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry e[8];
	} m = { .head.nmsrs = below(9) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(m.e); i++) {
		m.e[i].index = one_in(4) ? number() : base[below(ARRAY_SIZE(base))] + below(32);
		m.e[i].data = number();
	}
	try_ioctl(vcpu->fd, one_in(4) ? KVM_GET_MSRS : KVM_SET_MSRS, &m);
}

/* A guest whose own CPUID forbids the state that it has is left out. */
static void fuzz_cpuid(struct vcpu *vcpu, const struct kvm_sregs *good)
{
	struct kvm_cpuid2 *c = supported_cpuid();

	mutate(c->entries, c->nent * sizeof(c->entries[0]));
	try_ioctl(vcpu->fd, KVM_SET_CPUID2, c);
	free(c);
	if (try_ioctl(vcpu->fd, KVM_SET_SREGS, good))
		vcpu_set_cpuid(vcpu);
}

static void fuzz_irq(struct fuzz *r)
{
	struct kvm_irq_level line = { .irq = below(40), .level = number() };
	struct kvm_msi msi = { .address_lo = one_in(4) ? number() : APIC_BASE | below(4) << 12,
			       .data = number() };
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry e[16];
	} t = { .head.nr = below(17) };
	struct vcpu *vcpu = r->vcpu[below(2)];
	struct kvm_interrupt irq = { number() };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t.e); i++) {
		t.e[i].gsi = below(40);
		t.e[i].type = below(4);
		t.e[i].u.irqchip.irqchip = below(4);
		t.e[i].u.irqchip.pin = below(26);
		if (t.e[i].type == KVM_IRQ_ROUTING_MSI)
			mutate(&t.e[i].u, sizeof(t.e[i].u));
	}
	switch (below(6)) {
	case 0:
		try_ioctl(r->vm->fd, KVM_SIGNAL_MSI, &msi);
		break;
	case 1:
		try_ioctl(r->vm->fd, KVM_SET_GSI_ROUTING, &t);
		break;
	case 2:
		try_ioctl(vcpu->fd, KVM_INTERRUPT, &irq);
		break;
	case 3:
		try_ioctl(vcpu->fd, KVM_NMI, 0);
		break;
	default:
		try_ioctl(r->vm->fd, one_in(2) ? KVM_IRQ_LINE : KVM_IRQ_LINE_STATUS, &line);
		break;
	}
}

static void fuzz_chips(struct fuzz *r)
{
	static union {
		struct kvm_irqchip chip;
		struct kvm_pit_state2 pit;
		struct kvm_clock_data clock;
	} u;

	switch (below(3)) {
	case 0:
		u.chip.chip_id = below(4);
		if (!try_ioctl(r->vm->fd, KVM_GET_IRQCHIP, &u.chip)) {
			mutate(&u.chip, sizeof(u.chip));
			try_ioctl(r->vm->fd, KVM_SET_IRQCHIP, &u.chip);
		}
		break;
	case 1:
		if (!try_ioctl(r->vm->fd, KVM_GET_PIT2, &u.pit)) {
			mutate(&u.pit, sizeof(u.pit));
			try_ioctl(r->vm->fd, KVM_SET_PIT2, &u.pit);
		}
		break;
	case 2:
		if (!try_ioctl(r->vm->fd, KVM_GET_CLOCK, &u.clock)) {
			mutate(&u.clock, sizeof(u.clock));
			try_ioctl(r->vm->fd, KVM_SET_CLOCK, &u.clock);
		}
		break;
	}
}

/* Host addresses are ones that a guest may write to, or no memory at all. */
static void fuzz_slots(struct fuzz *r)
{
	static uint8_t bitmap[EXTRA_SIZE / PAGE_SIZE / 8];
	uint64_t page = below(EXTRA_SIZE / PAGE_SIZE);
	struct kvm_userspace_memory_region m = {
		.slot = one_in(8) ? number() : 1 + below(4),
		.flags = one_in(8) ? number() : below(4),
		.guest_phys_addr = one_in(8) ? number() : EXTRA + below(80) * PAGE_SIZE,
		.memory_size = below(64) * PAGE_SIZE,
		.userspace_addr = (uintptr_t)r->pool,
	};
	struct kvm_dirty_log log = { .slot = 1 + below(4), .dirty_bitmap = bitmap };

	if (m.slot == 0)
		return;
	if (one_in(8))
		m.userspace_addr = one_in(2) ? 0x1000 : 0xffff888000000000ul;
	switch (below(6)) {
	case 0:
		log.dirty_bitmap = one_in(4) ? (void *)16 : bitmap;
		try_ioctl(r->vm->fd, KVM_GET_DIRTY_LOG, &log);
		break;
	case 1:
		madvise(r->pool + page * PAGE_SIZE, 3 * PAGE_SIZE, MADV_DONTNEED);
		break;
	case 2:
		mprotect(r->pool + page * PAGE_SIZE, PAGE_SIZE, below(4));
		break;
	default:
		try_ioctl(r->vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
		break;
	}
}

static void fuzz_io_devices(struct fuzz *r)
{
	struct kvm_ioeventfd e = {
		.datamatch = below(4), .addr = one_in(2) ? HOLE + below(64) : below(4096),
		.len = one_in(8) ? number() : 1u << below(4), .fd = r->event,
		.flags = one_in(8) ? number() : below(8),
	};
	struct kvm_coalesced_mmio_zone z = {
		.addr = HOLE + below(64) * 16, .size = one_in(8) ? number() : below(256),
		.pio = one_in(4),
	};

	if (one_in(2))
		try_ioctl(r->vm->fd, KVM_IOEVENTFD, &e);
	else
		try_ioctl(r->vm->fd, one_in(4) ? KVM_UNREGISTER_COALESCED_MMIO :
			  KVM_REGISTER_COALESCED_MMIO, &z);
}

/* What user space may decide about MSRs, logs and machine checks. */
static void fuzz_policy(struct fuzz *r)
{
	static uint64_t bitmap[32];
	struct kvm_enable_cap cap = {
		.cap = (uint32_t[]){ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CAP_X86_USER_SPACE_MSR,
			KVM_CAP_MSR_PLATFORM_INFO, KVM_CAP_DISABLE_QUIRKS2,
			KVM_CAP_SPLIT_IRQCHIP }[below(5)],
		.args[0] = one_in(8) ? number() : below(128),
	};
	struct kvm_msr_filter filter = { .flags = one_in(8) ? number() : below(2) };
	struct kvm_clear_dirty_log clear = {
		.slot = 1 + below(4), .first_page = one_in(8) ? number() : below(4) * 64,
		.num_pages = one_in(4) ? number() : 64, .dirty_bitmap = bitmap,
	};
	struct kvm_irqfd irqfd = {
		.fd = r->event, .resamplefd = r->event, .gsi = one_in(8) ? number() : below(40),
		.flags = one_in(8) ? number() : below(4),
	};
	unsigned int i;

	for (i = 0; i < below(5); i++)
		filter.ranges[i] = (struct kvm_msr_filter_range){
			.flags = one_in(8) ? number() : 1 + below(3),
			.base = one_in(4) ? number() : 0xc0000080 + below(200),
			.nmsrs = one_in(8) ? number() : below(300),
			.bitmap = one_in(16) ? (void *)number() : (void *)bitmap,
		};
	mutate(bitmap, sizeof(bitmap));
	switch (below(4)) {
	case 0:
		try_ioctl(r->vm->fd, KVM_ENABLE_CAP, &cap);
		break;
	case 1:
		/* Most of the time without. */
		if (one_in(2))
			memset(&filter, 0, sizeof(filter));
		try_ioctl(r->vm->fd, KVM_X86_SET_MSR_FILTER, &filter);
		break;
	case 2:
		try_ioctl(r->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear);
		break;
	default:
		try_ioctl(r->vm->fd, KVM_IRQFD, &irqfd);
		break;
	}
}

static void fuzz_debug(struct vcpu *vcpu)
{
	struct kvm_guest_debug dbg = {
		.control = one_in(8) ? number() :
			(below(2) * KVM_GUESTDBG_ENABLE | below(2) * KVM_GUESTDBG_SINGLESTEP |
			 below(16) << 16),
		.arch.debugreg = { number(), number(), number(), number(), 0, 0, 0, number() },
	};
	struct kvm_x86_mce mce = { .status = number() | 1ull << 63, .addr = number(),
				   .mcg_status = number(), .bank = below(33) };
	uint64_t cap = one_in(4) ? number() : below(34) | below(2) << 8;
	struct kvm_translation t = { .linear_address = number() };

	switch (below(6)) {
	case 0:
		try_ioctl(vcpu->fd, KVM_X86_SET_MCE, &mce);
		break;
	case 1:
		try_ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap);
		break;
	case 2:
		try_ioctl(vcpu->fd, KVM_TRANSLATE, &t);
		break;
	default:
		/* Most of the time nobody debugs. */
		if (one_in(2))
			memset(&dbg, 0, sizeof(dbg));
		try_ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, &dbg);
		break;
	}
}

/* Any number, with a pointer to anything. */
static void fuzz_raw(struct fuzz *r)
{
	static uint8_t garbage[2 * PAGE_SIZE] __attribute__((aligned(4096)));
	void *args[] = { garbage, garbage + sizeof(garbage) - 7, NULL, (void *)~0ul,
			 (void *)0xffff888000000000ul, (void *)0x800000000000ul, (void *)number() };
	unsigned long nr = _IOC(below(4), KVMIO, below(256), one_in(4) ? number() & 0x3fff :
				8 * below(80));
	int fds[] = { r->vm->fd, r->vcpu[0]->fd, r->vcpu[1]->fd };
	int fd, ret;

	if (one_in(2))
		nr = states[below(ARRAY_SIZE(states))].set;
	mutate(garbage, sizeof(garbage));
	/* Memory of this program is not for the guest, and the ticks must come through. */
	if (nr == KVM_SET_USER_MEMORY_REGION || nr == KVM_SET_SIGNAL_MASK || nr == KVM_RUN ||
	    nr == KVM_SET_CPUID2 || nr == KVM_SET_SREGS)
		return;
	fd = fds[below(ARRAY_SIZE(fds))];
	ret = ioctl(fd, nr, args[below(ARRAY_SIZE(args))]);
	if (nr == KVM_CREATE_VCPU && ret >= 0 && fd == r->vm->fd)
		close(ret);
}

void fuzz_repair(struct fuzz *r, int i)
{
	struct vcpu *vcpu = r->vcpu[i];
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };

	vcpu_set_sregs(vcpu, &r->good_sregs[i]);
	try_ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp);
	guest_var(r->vm, fuzz_guest_seed) = rnd();
	vcpu_call(vcpu, fuzz_guest, i);
	if (one_in(2)) {
		struct kvm_regs regs = vcpu_regs(vcpu);

		random_code(vm_hva(r->vm, r->code), CODE_SIZE);
		regs.rip = r->code + below(CODE_SIZE);
		regs.rax = number();
		regs.rbx = number();
		regs.rcx = number();
		regs.rdx = number();
		regs.rsi = number();
		regs.rdi = number();
		vcpu_set_regs(vcpu, &regs);
	}
	if (one_in(6)) {
		random_code(vm_hva(r->vm, GUEST_REAL_CODE), PAGE_SIZE);
		vcpu_set_prot_mode(vcpu, GUEST_REAL_CODE);
	}
}

static void check_host(void)
{
	uint32_t mxcsr;
	uint16_t cw;

	asm volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(cw));
	if ((mxcsr & 0xffc0) != 0x1f80 || cw != 0x37f)
		die("seed %#lx step %u: the host has MXCSR %#x and control word %#x", round_seed,
		    step, mxcsr, cw);
}

void fuzz_run(struct vcpu *vcpu)
{
	unsigned int n = below(12) + 1, reason;
	int err;

	while (n--) {
		vcpu->run->immediate_exit = one_in(16);
		vcpu->run->request_interrupt_window = one_in(8);
		if (one_in(4))
			mutate((uint8_t *)vcpu->run + PAGE_SIZE, PAGE_SIZE);
		if (one_in(8))
			mutate(vcpu->run, sizeof(*vcpu->run));
		if (one_in(64))
			mutate((uint8_t *)vcpu->run + 2 * PAGE_SIZE, PAGE_SIZE);
		/* Registers in the page are what they are; most bits are an error. */
		if (!one_in(32))
			vcpu->run->kvm_valid_regs = vcpu->run->kvm_dirty_regs = 0;
		else if (one_in(2))
			vcpu->run->kvm_valid_regs = 7;
		vcpu->run->exit_reason = ~0u;
		err = vcpu_try_run(vcpu);
		check_host();
		if (err) {
			__atomic_add_fetch(&errors[err & 255], 1, __ATOMIC_RELAXED);
			if (err != EINTR && err != EAGAIN && err != EFAULT && err != EINVAL)
				die("seed %#lx step %u: KVM_RUN: %s", round_seed, step,
				    strerror(err));
			if (err == EFAULT || err == EAGAIN)
				return;
			continue;
		}
		reason = vcpu->run->exit_reason;
		switch (reason) {
		case KVM_EXIT_IO:
		case KVM_EXIT_MMIO:
		case KVM_EXIT_HLT:
		case KVM_EXIT_IRQ_WINDOW_OPEN:
		case KVM_EXIT_INTERNAL_ERROR:
		case KVM_EXIT_FAIL_ENTRY:
		case KVM_EXIT_SHUTDOWN:
		case KVM_EXIT_DEBUG:
		case KVM_EXIT_X86_RDMSR:
		case KVM_EXIT_X86_WRMSR:
		case KVM_EXIT_IOAPIC_EOI:
			__atomic_add_fetch(&exits[reason], 1, __ATOMIC_RELAXED);
			break;
		default:
			die("seed %#lx step %u: exit %u", round_seed, step, reason);
		}
	}
}

/* Something that a thread does which runs the vCPU itself. */
void fuzz_vcpu_step(struct fuzz *r, int i)
{
	struct vcpu *vcpu = r->vcpu[i];

	step++;
	switch (below(13)) {
	case 12:
		fuzz_debug(vcpu);
		break;
	case 0 ... 3:
		fuzz_state(vcpu);
		break;
	case 4:
		fuzz_msrs(vcpu);
		break;
	case 5:
		check_set_again(r, vcpu);
		break;
	case 6:
		fuzz_repair(r, i);
		break;
	default:
		fuzz_run(vcpu);
		break;
	}
}

/* Something that may be done beside running vCPUs. */
void fuzz_vm_step(struct fuzz *r)
{
	step++;
	switch (below(7)) {
	case 6:
		fuzz_policy(r);
		break;
	case 0:
		fuzz_irq(r);
		break;
	case 1:
		fuzz_chips(r);
		break;
	case 2:
	case 3:
		fuzz_slots(r);
		break;
	case 4:
		fuzz_io_devices(r);
		break;
	case 5:
		fuzz_raw(r);
		break;
	}
}

/* Where the calling thread's numbers begin. */
void fuzz_seed(uint64_t seed)
{
	rng.state = seed;
}

struct fuzz *fuzz_create(uint64_t seed)
{
	static const int flags[] = { 0, VM_IRQCHIP, VM_IRQCHIP | VM_PIT };
	struct fuzz *r = calloc(1, sizeof(*r));
	int i;

	round_seed = seed;
	step = 0;
	fuzz_seed(seed);
	r->event = eventfd(0, EFD_NONBLOCK);
	r->vm = vm_create(flags[below(3)]);
	/* One in a few has a split irqchip. */
	if (!r->vm->flags && one_in(2)) {
		struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

		xioctl(r->vm->fd, KVM_ENABLE_CAP, &split);
	}
	r->code = vm_alloc(r->vm, CODE_SIZE);
	r->pool = mem_alloc(EXTRA_SIZE, PAGE_SIZE);
	vm_map(r->vm, HOLE - PAGE_SIZE, HOLE - PAGE_SIZE, 3 * PAGE_SIZE, PTE_W);
	vm_map(r->vm, EXTRA - PAGE_SIZE, EXTRA - PAGE_SIZE, EXTRA_SIZE + PAGE_SIZE, PTE_W);
	vm_map(r->vm, APIC_BASE, APIC_BASE, PAGE_SIZE, PTE_W | PTE_PCD);
	vm_map(r->vm, IOAPIC, IOAPIC, PAGE_SIZE, PTE_W | PTE_PCD);
	for (i = 0; i < 2; i++) {
		r->vcpu[i] = vcpu_create(r->vm, i, fuzz_guest);
		r->good_sregs[i] = vcpu_sregs(r->vcpu[i]);
		spare_tcg(&r->good_sregs[i]);
		if (one_in(4))
			fuzz_cpuid(r->vcpu[i], &r->good_sregs[i]);
		fuzz_repair(r, i);
	}
	return r;
}

void fuzz_free(struct fuzz *r)
{
	munmap(r->pool, EXTRA_SIZE);
	close(r->event);
	vm_free(r->vm);
	free(r);
}

/* What the vCPUs stopped for; false if a fuzzer reached so little that it finds nothing. */
bool fuzz_report(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(exits); i++)
		if (exits[i])
			fprintf(stderr, "# %lu exits %s\n", exits[i], exit_name(i));
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i])
			fprintf(stderr, "# %lu times %s\n", errors[i], strerror(i));
	return exits[KVM_EXIT_IO] && exits[KVM_EXIT_MMIO];
}

static __guest void g_done(uint64_t arg)
{
	GUEST_DONE();
}

void fuzz_another_vm_works(void)
{
	struct vm *vm = vm_create(0);

	vcpu_run_done(vcpu_create(vm, 0, g_done));
	vm_free(vm);
}

/* A number of the environment. */
uint64_t fuzz_env(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}
