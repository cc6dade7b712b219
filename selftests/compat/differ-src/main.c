// SPDX-License-Identifier: GPL-2.0
/*
 * Runs cases on KVM and on strata, and says where the two differ.
 *
 * They cannot have the hardware at once: a batch runs on one, then on the other.
 * A case that differs is made smaller: of all that can be left out of it, what
 * leaves the difference standing is left out.
 */
#include <getopt.h>

#include "differ.h"

#define BATCH		2000
/* Bochs takes a minute for these, and should be seen to live. */
#define SLOW_BATCH	100

static const char *kvm = "/dev/kvm", *strata = "/dev/strata";
static struct kvm_cpuid2 *guest_cpuid;
static bool verbose;
static struct { const char *why; unsigned long count; } reasons[64];

struct variant {
	uint64_t number;
	struct cut cut;
	struct result kvm, strata;
};

static void run_on(const char *device, struct variant *v, unsigned int nr, bool first)
{
	struct machine *m = machine_open(device, guest_cpuid);
	static struct kase k;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		make_case(&k, v[i].number, v[i].cut);
		/* An emulator that dies of a case is found by this. */
		if (verbose) {
			printf("# on %s:\n", device);
			print_case(&k);
			fflush(stdout);
		}
		if (first)
			machine_run(m, &k, &v[i].strata);
		else if (v[i].strata.late)
			v[i].kvm.late = 1;
		else
			machine_run(m, &k, &v[i].kvm);
	}
	machine_close(m);
}

/*
 * On both devices, one after the other. What never ends is not tried on KVM: a guest
 * without interrupts is not interrupted on Bochs, where strata has its slices.
 */
static void run_variants(struct variant *v, unsigned int nr)
{
	run_on(strata, v, nr, true);
	run_on(kvm, v, nr, false);
}

static bool differs(const struct variant *v)
{
	return !same(&v->kvm, &v->strata);
}

static unsigned int add(struct variant *v, unsigned int nr, uint64_t number, struct cut cut)
{
	v[nr].number = number;
	v[nr].cut = cut;
	return nr + 1;
}

/*
 * One instruction of each case, with a plain state or with all of it: most of the time
 * that is enough. All cases at once, since the devices take turns.
 */
static void keep_one_insn(struct variant **v, unsigned int nr)
{
	struct variant *tries = calloc(nr * 2 * MAX_INSNS, sizeof(*tries)), *t = tries;
	unsigned int i, j, n = 0;

	for (i = 0; i < nr; i++)
		for (j = 0; j < 2 * MAX_INSNS; j++)
			n = add(tries, n, v[i]->number, (struct cut){
				.insns = 1u << j % MAX_INSNS, .parts = j < MAX_INSNS ? 0 : ~0ull });
	run_variants(tries, n);
	for (i = 0; i < nr; i++, t += 2 * MAX_INSNS) {
		for (j = 0; j < 2 * MAX_INSNS && !differs(&t[j]); j++)
			;
		if (j < 2 * MAX_INSNS)
			*v[i] = t[j];
	}
	free(tries);
}

/* Leaves out one thing more at a time, of all that can be, as long as the rest differs. */
static void minimize(struct variant *v)
{
	static struct variant tries[NR_PARTS + MAX_INSNS + 1];
	unsigned int i, nr, round;

	for (round = 0; round < NR_PARTS + MAX_INSNS && v->cut.parts; round++) {
		struct cut all = v->cut;

		nr = 0;
		for (i = 0; i < NR_PARTS + MAX_INSNS; i++) {
			struct cut cut = v->cut;

			if (i < MAX_INSNS)
				cut.insns &= ~(1u << i);
			else
				cut.parts &= ~(1ull << (i - MAX_INSNS));
			if (cut.insns != v->cut.insns || cut.parts != v->cut.parts)
				nr = add(tries, nr, v->number, cut);
		}
		if (!nr)
			return;
		fprintf(stderr, "# case %#lx differs: leaving out each of %u things\n",
			v->number, nr);
		run_variants(tries, nr);
		for (i = 0; i < nr; i++)
			if (differs(&tries[i])) {
				all.insns &= tries[i].cut.insns;
				all.parts &= tries[i].cut.parts;
			}
		if (all.insns == v->cut.insns && all.parts == v->cut.parts)
			return;
		/* All of them at once, or else the first. */
		add(tries, nr, v->number, all);
		run_variants(&tries[nr], 1);
		if (differs(&tries[nr])) {
			*v = tries[nr];
			continue;
		}
		for (i = 0; i < nr && !differs(&tries[i]); i++)
			;
		*v = tries[i];
	}
}

/* Once more, with all of the memory for a closer look, until look_away(). */
static const struct kase *look(struct variant *v)
{
	static uint8_t memory[2][GUEST_SIZE];
	static struct kase k;

	v->kvm.memory = memory[0];
	v->strata.memory = memory[1];
	run_variants(v, 1);
	make_case(&k, v->number, v->cut);
	return &k;
}

static void look_away(struct variant *v)
{
	v->kvm.memory = NULL;
	v->strata.memory = NULL;
}

/* The reason for the difference, if it is known. */
static const char *explain(struct variant *v)
{
	const char *why = why_different(look(v), &v->kvm, &v->strata);

	look_away(v);
	return why;
}

static void count(const char *why)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		if (!reasons[i].why || reasons[i].why == why) {
			reasons[i].why = why;
			reasons[i].count++;
			return;
		}
}

static void show(struct variant *v)
{
	print_case(look(v));
	print_difference(&v->kvm, &v->strata);
	look_away(v);
	printf("#   again: differ --case %#lx:%#lx:%#x\n", v->number, v->cut.parts, v->cut.insns);
	fflush(stdout);
}

/* Is @kind one that was not seen before, and not more than @most were? */
static bool is_new(uint64_t kind, unsigned int most)
{
	static uint64_t seen[1000];
	static unsigned int nr;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (seen[i] == kind)
			return false;
	if (nr == ARRAY_SIZE(seen) || nr >= most)
		return false;
	seen[nr++] = kind;
	return true;
}

/* What strata offers, which KVM does as well; without the hypervisor's leaves. */
static struct kvm_cpuid2 *common_cpuid(void)
{
	struct kvm_cpuid2 *c = supported_cpuid();
	unsigned int i, nent = 0;

	for (i = 0; i < c->nent; i++)
		if (c->entries[i].function >> 16 != 0x4000)
			c->entries[nent++] = c->entries[i];
	c->nent = nent;
	return c;
}

static void learn_cr4(void)
{
	struct kvm_cpuid_entry2 *e7 = cpuid_find(guest_cpuid, 7, 0), *e1 = cpuid_find(guest_cpuid, 1, 0);
	uint32_t ebx = e7 ? e7->ebx : 0, ecx = e7 ? e7->ecx : 0;

	/* TSD DE PGE OSFXSR, and by CPUID UMIP FSGSBASE SMEP SMAP PCIDE OSXSAVE. */
	cr4_bits = 0x4 | 0x8 | 0x80 | 0x200 | (ecx & 4 ? 1 << 11 : 0) | (ebx & 1 ? 1 << 16 : 0) |
		(ebx & 1 << 7 ? 1 << 20 : 0) | (ebx & 1 << 20 ? 1 << 21 : 0) |
		(e1->ecx & 1 << 17 ? 1 << 17 : 0) | (e1->ecx & 1 << 26 ? 1 << 18 : 0);
}

static void usage(void)
{
	fprintf(stderr, "usage: differ [--seed S] [--first N] [--cases N] [--shown N] [--no-minimize]\n"
		"       differ --case NUMBER[:PARTS:INSNS]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", 1, NULL, 's' }, { "cases", 1, NULL, 'n' }, { "shown", 1, NULL, 'm' },
		{ "no-minimize", 0, NULL, 'x' }, { "case", 1, NULL, 'c' }, { "kvm", 1, NULL, 'k' },
		{ "strata", 1, NULL, 't' }, { "verbose", 0, NULL, 'v' }, { "first", 1, NULL, 'f' }, { 0 },
	};
	uint64_t seed = 1, cases = 1000, done, late = 0, different = 0, accesses = 0;
	uint64_t explained = 0, first = 0;
	unsigned int i, nr, nr_bad, most, shown = 20;
	static struct variant *bad[BATCH];
	struct variant *v, one = { .cut = WHOLE };
	bool small = true, single = false;
	const char *why;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			cases = strtoull(optarg, NULL, 0);
			break;
		case 'm':
			shown = strtoul(optarg, NULL, 0);
			break;
		case 'x':
			small = false;
			break;
		case 'f':
			first = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			verbose = true;
			break;
		case 'k':
			kvm = optarg;
			break;
		case 't':
			strata = optarg;
			break;
		case 'c':
			single = true;
			one.number = strtoull(optarg, &end, 0);
			if (*end == ':')
				one.cut.parts = strtoull(end + 1, &end, 0);
			if (*end == ':')
				one.cut.insns = strtoul(end + 1, &end, 0);
			if (*end)
				usage();
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	guest_cpuid = common_cpuid();
	learn_cr4();
	spare_tcg = host_is_tcg();
	if (single) {
		show(&one);
		if (!differs(&one))
			return 0;
		why = explain(&one);
		printf("#   %s\n", why ? why : "no reason is known");
		return !why;
	}
	v = calloc(BATCH, sizeof(*v));
	most = spare_tcg ? BATCH : SLOW_BATCH;
	for (done = 0; done < cases; done += nr) {
		nr = cases - done < most ? cases - done : most;
		for (i = 0; i < nr; i++) {
			v[i].number = seed << 32 | (first + done + i);
			v[i].cut = WHOLE;
		}
		run_variants(v, nr);
		for (i = 0, nr_bad = 0; i < nr; i++) {
			late += v[i].kvm.late || v[i].strata.late;
			accesses += v[i].strata.nr_accesses;
			if (differs(&v[i]))
				bad[nr_bad++] = &v[i];
		}
		if (small)
			keep_one_insn(bad, nr_bad);
		for (i = 0; i < nr_bad; i++) {
			why = explain(bad[i]);
			if (small && !why) {
				minimize(bad[i]);
				why = explain(bad[i]);
			}
			if (why) {
				count(why);
				explained++;
				continue;
			}
			different++;
			if (is_new(kind_of_difference(&bad[i]->kvm, &bad[i]->strata), shown))
				show(bad[i]);
		}
		fprintf(stderr, "# %lu cases: %lu differ for known reasons, %lu for others\n",
			done + nr, explained, different);
	}
	for (i = 0; i < ARRAY_SIZE(reasons) && reasons[i].why; i++)
		printf("# %6lu: %s\n", reasons[i].count, reasons[i].why);
	printf("# seed %#lx: %lu cases, %lu accesses of user space, %lu took too long\n"
	       "# %lu differ for the reasons above, %lu for others\n",
	       seed, cases, accesses, late, explained, different);
	return different != 0;
}
