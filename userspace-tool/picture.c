// SPDX-License-Identifier: GPL-2.0
/*
 * strata picture: watches a VM for a while and draws where its time went, as SVG: a
 * bar for each vCPU, and for each reason how long its exits took over time.
 */
#include "profile.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEPS		100	/* columns of a map */
#define MAX_MAPS	8	/* reasons that get one */
#define CELL		7	/* pixels a column */
#define ROW		6	/* pixels a bucket */
#define LEFT		150
#define WIDTH		(LEFT + STEPS * CELL + 20)
#define BAR_HEIGHT	18

/* Differences: [step][vCPU] */
struct film {
	struct profile_sum *frame;
	unsigned int steps, vcpus;
	double seconds;
};

static const char * const part_colour[MAX_PARTS] = {
	"#d9a441", "#b8c4ce", "#a05195", "#665191", "#2f4b7c", "#003f5c", "#555555", "#777777"
};

static void sleep_until(const struct timespec *from, double seconds)
{
	struct timespec t = *from;
	double whole = t.tv_nsec / 1e9 + seconds;

	t.tv_sec += (time_t)whole;
	t.tv_nsec = (whole - (time_t)whole) * 1e9;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* Takes STEPS differences. 0, or a status with a message. */
static int take(const struct profiles *ps, double seconds, struct film *film)
{
	struct profile_sum *last = calloc(ps->nr, sizeof(*last));
	struct timespec from;
	unsigned int step, v;

	film->steps = STEPS;
	film->vcpus = ps->nr;
	film->seconds = seconds;
	film->frame = calloc((size_t)STEPS * ps->nr, sizeof(*film->frame));
	if (!last || !film->frame) {
		err("out of memory");
		free(last);
		return STATUS_HOST_ERROR;
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (v = 0; v < ps->nr; v++)
		profiles_sum(&(struct profiles){ .v = &ps->v[v], .nr = 1 }, &last[v]);
	for (step = 0; step < STEPS; step++) {
		sleep_until(&from, seconds * (step + 1) / STEPS);
		for (v = 0; v < ps->nr; v++) {
			struct profile_sum *now = &film->frame[step * ps->nr + v], copy;

			profiles_sum(&(struct profiles){ .v = &ps->v[v], .nr = 1 }, now);
			copy = *now;
			profile_sum_subtract(now, &last[v]);
			last[v] = copy;
		}
	}
	free(last);
	return 0;
}

static void text(FILE *f, double x, double y, const char *anchor, const char *s)
{
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, s);
}

static void rectangle(FILE *f, double x, double y, double w, double h, const char *colour,
		      const char *title)
{
	fprintf(f, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\">"
		"<title>%s</title></rect>\n", x, y, w, h, colour, title);
}

/* One vCPU's whole time: guest, kernel, and each part. */
static void bar(FILE *f, const struct film *film, unsigned int v, const struct profile *p, double y)
{
	const struct profile_sum *first = &film->frame[v];
	double guest = 0, kernel = 0, part[MAX_PARTS] = { 0 }, whole, x = LEFT, w;
	char label[96];
	unsigned int s, i;

	for (s = 0; s < film->steps; s++) {
		const struct profile_sum *sum = &film->frame[s * film->vcpus + v];

		guest += sum->guest;
		kernel += sum->all.kernel;
		for (i = 0; i < sum->nr_parts; i++)
			part[i] += sum->all.part[i];
	}
	whole = guest + kernel;
	for (i = 0; i < first->nr_parts; i++)
		whole += part[i];
	snprintf(label, sizeof(label), "VM %u, vCPU %u", p->id.vm, p->id.vcpu);
	text(f, LEFT - 8, y + BAR_HEIGHT - 5, "end", label);
	if (whole <= 0) {
		text(f, LEFT, y + BAR_HEIGHT - 5, "start", "(no exit)");
		return;
	}
	w = STEPS * CELL * guest / whole;
	snprintf(label, sizeof(label), "guest %.2f%%", 100 * guest / whole);
	rectangle(f, x, y, w, BAR_HEIGHT, "#5b9a68", label);
	x += w;
	w = STEPS * CELL * kernel / whole;
	snprintf(label, sizeof(label), "kernel %.2f%%", 100 * kernel / whole);
	rectangle(f, x, y, w, BAR_HEIGHT, "#c8553d", label);
	x += w;
	for (i = 0; i < first->nr_parts; i++) {
		w = STEPS * CELL * part[i] / whole;
		snprintf(label, sizeof(label), "%s %.2f%%", first->part_name[i],
			 100 * part[i] / whole);
		rectangle(f, x, y, w, BAR_HEIGHT, part_colour[i], label);
		x += w;
	}
}

static void legend(FILE *f, const struct profile_sum *sum, double y)
{
	double x = LEFT;
	unsigned int i;

	rectangle(f, x, y, 10, 10, "#5b9a68", "guest");
	text(f, x + 14, y + 9, "start", "guest");
	x += 80;
	rectangle(f, x, y, 10, 10, "#c8553d", "kernel");
	text(f, x + 14, y + 9, "start", "kernel");
	for (i = 0; i < sum->nr_parts; i++) {
		x += 80;
		rectangle(f, x, y, 10, 10, part_colour[i], sum->part_name[i]);
		text(f, x + 14, y + 9, "start", sum->part_name[i]);
	}
}

struct heat {
	unsigned int reason, first, last;	/* buckets that occur */
	__u64 ticks, count, most;
};

static __u64 cell(const struct film *film, unsigned int step, unsigned int reason,
		  unsigned int bucket)
{
	unsigned int v;
	__u64 n = 0;

	for (v = 0; v < film->vcpus; v++)
		n += film->frame[step * film->vcpus + v].reason[reason].hist[bucket];
	return n;
}

static void measure(const struct film *film, struct heat *h)
{
	unsigned int s, v, b;

	h->first = MAX_BUCKETS;
	for (s = 0; s < film->steps; s++) {
		for (v = 0; v < film->vcpus; v++) {
			h->ticks += film->frame[s * film->vcpus + v].reason[h->reason].ticks;
			h->count += film->frame[s * film->vcpus + v].reason[h->reason].count;
		}
		for (b = 0; b < MAX_BUCKETS; b++) {
			__u64 n = cell(film, s, h->reason, b);

			if (!n)
				continue;
			if (b < h->first)
				h->first = b;
			if (b > h->last)
				h->last = b;
			if (n > h->most)
				h->most = n;
		}
	}
}

static int by_ticks(const void *a, const void *b)
{
	const struct heat *x = a, *y = b;

	return x->ticks != y->ticks ? (x->ticks < y->ticks ? 1 : -1) : 0;
}

/* From pale to dark with the logarithm, so that one exit is seen beside a thousand. */
static unsigned int shade(__u64 n, __u64 most)
{
	unsigned int bits = 64 - __builtin_clzll(n), all = 64 - __builtin_clzll(most);

	return 225 - 200 * bits / all;
}

/* One reason's map; its height. */
static double map(FILE *f, const struct film *film, const struct heat *h, double y)
{
	const struct profile_sum *sum = film->frame;
	unsigned int s, b, rows = h->last - h->first + 1;
	char label[96], from[16], colour[32];

	snprintf(label, sizeof(label), "%s: %llu exits", sum->reason[h->reason].name,
		 (unsigned long long)h->count);
	text(f, LEFT, y + 10, "start", label);
	y += 16;
	rectangle(f, LEFT, y, STEPS * CELL, rows * ROW, "#f4f4f2", "no exit");
	for (b = h->first; b <= h->last; b++) {
		double top = y + (h->last - b) * ROW;

		profile_duration(from, sizeof(from), b ? 1ull << b : 0, sum->tsc_khz);
		if ((b - h->first) % 3 == 0)
			text(f, LEFT - 8, top + ROW, "end", from);
		for (s = 0; s < film->steps; s++) {
			__u64 n = cell(film, s, h->reason, b);
			unsigned int light;

			if (!n)
				continue;
			light = shade(n, h->most);
			snprintf(colour, sizeof(colour), "#%02x%02x%02x", light, light * 7 / 10,
				 light * 4 / 10);
			snprintf(label, sizeof(label), "%.2f s: %llu exits from %s",
				 film->seconds * s / film->steps, (unsigned long long)n, from);
			rectangle(f, LEFT + s * CELL, top, CELL, ROW, colour, label);
		}
	}
	return 16 + rows * ROW + 14;
}

static void draw(FILE *f, const struct film *film, const struct profiles *ps)
{
	const struct profile_sum *sum = film->frame;
	struct heat heat[MAX_REASONS] = { 0 };
	unsigned int i, n = 0;
	double y = 50, height;
	char label[128];

	for (i = 0; i < sum->nr_reasons; i++) {
		heat[n].reason = i;
		measure(film, &heat[n]);
		if (heat[n].count)
			n++;
		else
			memset(&heat[n], 0, sizeof(heat[n]));
	}
	qsort(heat, n, sizeof(heat[0]), by_ticks);
	if (n > MAX_MAPS)
		n = MAX_MAPS;
	height = y + ps->nr * (BAR_HEIGHT + 6) + 50;
	for (i = 0; i < n; i++)
		height += 30 + (heat[i].last - heat[i].first + 1) * ROW;

	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		"font-family=\"sans-serif\" font-size=\"11\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n", WIDTH, height);
	snprintf(label, sizeof(label), "Where the time of %.1f seconds went, and how long exits took",
		 film->seconds);
	text(f, LEFT, 22, "start", label);
	legend(f, sum, 32);
	for (i = 0; i < ps->nr; i++) {
		bar(f, film, i, &ps->v[i], y);
		y += BAR_HEIGHT + 6;
	}
	y += 16;
	for (i = 0; i < n; i++)
		y += map(f, film, &heat[i], y);
	snprintf(label, sizeof(label), "%.1f s", film->seconds);
	text(f, LEFT, y + 4, "start", "0 s");
	text(f, LEFT + STEPS * CELL, y + 4, "end", label);
	fprintf(f, "</svg>\n");
}

static int write_picture(const char *path, const struct film *film, const struct profiles *ps)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "w") : stdout;
	bool bad;

	if (!f) {
		err("%s: %s", path, strerror(errno));
		return STATUS_HOST_ERROR;
	}
	draw(f, film, ps);
	bad = fflush(f) || ferror(f);
	if (f != stdout)
		bad |= fclose(f) != 0;
	if (bad) {
		err("%s: cannot be written", path);
		return STATUS_HOST_ERROR;
	}
	return 0;
}

int cmd_picture(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "seconds", required_argument, NULL, 's' },
		{ "output", required_argument, NULL, 'o' },
		{ 0 }
	};
	struct profile_choice choice = { .vcpu = -1 };
	const char *device = STRATA_DEVICE, *output = NULL;
	struct film film = { 0 };
	struct profiles ps;
	double seconds = 10;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			device = optarg;
			break;
		case 's':
			if (!parse_seconds(optarg, 0.1, &seconds))
				break;
			err("--seconds needs a number from 0.1, not '%s'", optarg);
			return STATUS_USAGE;
		case 'o':
			output = optarg;
			break;
		default:
			return profile_bad_option(argv, "picture");
		}
	}
	if (optind != argc - 1 || !output) {
		err("a picture is of one VM and needs --output FILE; see 'strata help picture'");
		return STATUS_USAGE;
	}
	if (profile_parse_vm(argv[optind], &choice))
		return STATUS_USAGE;
	if (profiles_open_some(device, &choice, &ps))
		return STATUS_HOST_ERROR;
	status = take(&ps, seconds, &film);
	if (!status)
		status = write_picture(output, &film, &ps);
	free(film.frame);
	profiles_close(&ps);
	return status;
}
