// SPDX-License-Identifier: GPL-2.0
/*
 * lab: smp=2 la57
 *
 * Slots deleted, moved and made again while vCPUs use them: after an ioctl
 * returned nobody uses what it took away, and a slot remembered by an access
 * is never a stale one.
 */
#include "strata_test.h"

#define GPA	0x40000000ul
#define SIZE	(16 * PAGE_SIZE)
#define HOLE	(GPA + 64 * SIZE)
#define MMIO_VALUE 0x4d4d4d4d4d4d4d4d

static volatile uint64_t stop, rounds, bad_value;

/* Memory is A or B everywhere, and a read that finds no slot is MMIO_VALUE. */
static __guest void g_reader(uint64_t arg)
{
	uint64_t i, v;

	while (!stop) {
		for (i = 0; i < SIZE; i += PAGE_SIZE) {
			v = mmio_read64(GPA + i);
			if (v != 0xaaaa && v != 0xbbbb && v != MMIO_VALUE)
				bad_value = v;
			/* Also by the emulator, whose other operand is a hole. */
			asm volatile("movsq" : : "S"(GPA + i), "D"(HOLE) : "memory");
			asm volatile("movsq" : : "S"(HOLE), "D"(HOLE + 8) : "memory");
		}
		__atomic_fetch_add(&rounds, 1, __ATOMIC_SEQ_CST);
	}
	GUEST_DONE();
}

static void *serve(void *arg)
{
	struct vcpu *vcpu = arg;
	uint64_t v = MMIO_VALUE;

	while (vcpu_run(vcpu) == KVM_EXIT_MMIO)
		if (!vcpu->run->mmio.is_write)
			memcpy(vcpu->run->mmio.data, &v, 8);
	vcpu_report_abort(vcpu);
	if (!vcpu_is_ucall(vcpu)) {
		vcpu_dump(vcpu);
		die("the guest stopped");
	}
	return NULL;
}

static uint8_t *filled(uint64_t v)
{
	uint8_t *p = mem_alloc(SIZE, PAGE_SIZE);
	uint64_t i;

	for (i = 0; i < SIZE; i += 8)
		*(uint64_t *)(p + i) = v;
	return p;
}

TEST(delete_move_create)
{
	struct vm *vm = vm_create(0);
	uint8_t *a = filled(0xaaaa), *b = filled(0xbbbb);
	int i, n;

	vm_map(vm, GPA, GPA, SIZE, PTE_W);
	vm_map(vm, HOLE, HOLE, PAGE_SIZE, PTE_W);
	for (n = 0; n < 2; n++)
		vcpu_start(vcpu_create(vm, n, g_reader), serve);
	for (i = 0; i < 150; i++) {
		uint64_t before = guest_var(vm, rounds);

		vm_set_region(vm, 1, 0, GPA, SIZE, i & 1 ? a : b);
		if (i & 2)
			vm_set_region(vm, 1, 0, GPA + SIZE, SIZE, i & 1 ? a : b);
		if (i & 4)
			vm_set_region(vm, 1, KVM_MEM_LOG_DIRTY_PAGES,
				      i & 2 ? GPA + SIZE : GPA, SIZE, i & 1 ? a : b);
		while (i % 16 == 0 && guest_var(vm, rounds) == before)
			usleep(1000);
		vm_set_region(vm, 1, 0, 0, 0, NULL);
	}
	guest_var(vm, stop) = 1;
	for (n = 0; n < 2; n++)
		vcpu_join(vm->vcpu[n]);
	EXPECT_EQ(0, guest_var(vm, bad_value));
}

/*
 * The guest writes a counter; once the slot is deleted, its old memory must not
 * change any more.
 */
static __guest void g_writer(uint64_t arg)
{
	uint64_t n = 1;

	while (!stop) {
		mmio_write64(GPA, n++);
		asm volatile("incq (%0)" : : "r"(GPA + 8) : "memory");
		rounds++;
	}
	GUEST_DONE();
}

TEST(nothing_after_delete)
{
	struct vm *vm = vm_create(0);
	struct vcpu *vcpu = vcpu_create(vm, 0, g_writer);
	uint8_t *a = filled(0);
	int i;

	vm_map(vm, GPA, GPA, SIZE, PTE_W);
	vcpu_start(vcpu, serve);
	for (i = 0; i < 100; i++) {
		uint64_t before = guest_var(vm, rounds), seen[2];

		vm_set_region(vm, 1, 0, GPA, SIZE, a);
		while (guest_var(vm, rounds) < before + 3)
			sched_yield();
		vm_set_region(vm, 1, 0, 0, 0, NULL);
		memcpy(seen, a, 16);
		before = guest_var(vm, rounds);
		while (guest_var(vm, rounds) < before + 2)
			sched_yield();
		ASSERT_EQ(0, memcmp(seen, a, 16));
	}
	guest_var(vm, stop) = 1;
	vcpu_join(vcpu);
}

/* Threads that create and delete fight each other, not the kernel. */
struct fighter {
	pthread_t thread;
	struct vm *vm;
	uint8_t *mem;
	int slot;
};

static void *fight(void *arg)
{
	struct fighter *f = arg;
	int i;

	for (i = 0; i < 300; i++) {
		vm_try_set_region(f->vm, f->slot, i & 3 & ~2, GPA, SIZE, f->mem);
		vm_try_set_region(f->vm, f->slot, 0, GPA + i % 8 * SIZE, SIZE, f->mem);
		vm_try_set_region(f->vm, f->slot ^ 1, 0, 0, 0, NULL);
	}
	return NULL;
}

TEST(many_threads)
{
	struct vm *vm = vm_create(0);
	struct fighter f[4];
	int i;

	for (i = 0; i < 4; i++) {
		f[i] = (struct fighter) { .vm = vm, .mem = filled(i), .slot = 1 + i };
		ASSERT_EQ(0, pthread_create(&f[i].thread, NULL, fight, &f[i]));
	}
	for (i = 0; i < 4; i++)
		pthread_join(f[i].thread, NULL);
	for (i = 0; i < 8; i++)
		vm_try_set_region(vm, i + 1, 0, 0, 0, NULL);
	vm_set_region(vm, 9, 0, GPA, SIZE, f[0].mem);
}

TEST_HARNESS_MAIN
