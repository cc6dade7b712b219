// SPDX-License-Identifier: GPL-2.0
/* --memory, --disk, --net and --flat: a word, and then more of them with commas between. */

#include "launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a PC's firmware puts a boot sector. */
#define BOOT_SECTOR_GPA	0x7c00

/* The next word of a list, or NULL. */
static char *next_word(char **list)
{
	char *word = *list, *comma;

	if (!word)
		return NULL;
	comma = strchr(word, ',');
	if (comma)
		*comma++ = '\0';
	*list = comma;
	return word;
}

static char *value_of(char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) || word[len] != '=' ? NULL : word + len + 1;
}

/**
 * memory_parse() - SIZE[,shared][,huge=2M|1G]
 * @arg: taken apart
 */
int memory_parse(char *arg, struct options *opt)
{
	struct memory_options *m = &opt->memory;
	const char *size = next_word(&arg);
	char *word, *value;
	__u64 step;

	*m = (struct memory_options){ 0 };
	while ((word = next_word(&arg))) {
		value = value_of(word, "huge");
		if (!strcmp(word, "shared")) {
			m->shared = true;
		} else if (!value || parse_size(value, &m->huge) ||
			   (m->huge != SZ_2M && m->huge != SZ_1G)) {
			err("--memory knows no '%s'; it takes SIZE[,shared][,huge=2M|1G]", word);
			return -1;
		}
	}
	step = m->huge ? m->huge : SZ_2M;
	if (parse_size(size, &m->size) || m->size % step) {
		err("--memory %s is no multiple of %llu MiB; write for example --memory %s", size,
		    step / SZ_1M, step == SZ_1G ? "4G,huge=1G" : "256M");
		return -1;
	}
	if (m->size < MIN_MEMORY || m->size > MAX_MEMORY) {
		err("--memory %s is out of range; %llu MiB to %llu GiB are possible", size,
		    MIN_MEMORY / SZ_1M, MAX_MEMORY / SZ_1G);
		return -1;
	}
	return 0;
}

/**
 * disk_parse() - FILE[,readonly][,direct][,serial=TEXT]
 * @arg: taken apart, and kept
 */
int disk_parse(char *arg, struct options *opt)
{
	struct disk *d = &opt->disks[opt->nr_disks];
	char *word, *value;

	if (opt->nr_disks == MAX_DISKS) {
		err("there are more than %d disks; leave some out", MAX_DISKS);
		return -1;
	}
	d->path = next_word(&arg);
	while ((word = next_word(&arg))) {
		value = value_of(word, "serial");
		if (value) {
			d->serial = value;
		} else if (!strcmp(word, "readonly")) {
			d->readonly = true;
		} else if (!strcmp(word, "direct")) {
			d->direct = true;
		} else {
			err("--disk knows no '%s'; it takes FILE[,readonly][,direct][,serial=TEXT]",
			    word);
			return -1;
		}
	}
	if (!*d->path) {
		err("--disk wants a file; write for example --disk disk.img");
		return -1;
	}
	opt->nr_disks++;
	return 0;
}

/**
 * flat_parse() - FILE[,address=A][,mode=16|32|64]
 * @arg: taken apart, and kept
 */
int flat_parse(char *arg, struct options *opt)
{
	static const char *const modes[] = { [CPU_16] = "16", [CPU_32] = "32", [CPU_64] = "64" };
	struct flat *f = &opt->flat;
	bool has_address = false;
	char *word, *value, *end;
	unsigned int i;

	f->mode = CPU_32;
	f->path = next_word(&arg);
	while ((word = next_word(&arg))) {
		if ((value = value_of(word, "address"))) {
			f->address = strtoull(value, &end, 0);
			has_address = true;
			if (*value && !*end)
				continue;
		} else if ((value = value_of(word, "mode"))) {
			for (i = 0; i < ARRAY_SIZE(modes) && strcmp(value, modes[i]); i++)
				;
			f->mode = i;
			if (i < ARRAY_SIZE(modes))
				continue;
		}
		err("--flat knows no '%s'; it takes FILE[,address=0x100000][,mode=16|32|64]", word);
		return -1;
	}
	if (!*f->path) {
		err("--flat wants a file; write for example --flat boot.bin,mode=16");
		return -1;
	}
	if (!has_address)
		f->address = f->mode == CPU_16 ? BOOT_SECTOR_GPA : HIGH_RAM_GPA;
	return 0;
}

static int parse_mac(const char *s, __u8 *mac)
{
	unsigned int b[6], i;
	int end = 0;

	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", b, b + 1, b + 2, b + 3, b + 4, b + 5, &end) != 6 ||
	    s[end] || b[0] & 1) {
		err("'%s' is no address of a network card; write for example "
		    "mac=52:54:00:12:34:56", s);
		return -1;
	}
	for (i = 0; i < 6; i++)
		mac[i] = b[i];
	return 0;
}

/* PROTOCOL:HOST-PORT:GUEST-PORT */
static int parse_forward(char *s, struct net_options *n)
{
	struct forward *f = &n->forwards[n->nr_forwards];
	char *host = strchr(s, ':'), *guest = host ? strchr(host + 1, ':') : NULL;

	if (n->nr_forwards == MAX_FORWARDS) {
		err("there are more than %d forwards on one card; leave some out", MAX_FORWARDS);
		return -1;
	}
	if (guest) {
		*host++ = '\0';
		*guest++ = '\0';
		f->udp = !strcmp(s, "udp");
		if ((f->udp || !strcmp(s, "tcp")) && !parse_number(host, 65535, &f->host_port) &&
		    !parse_number(guest, 65535, &f->guest_port)) {
			n->nr_forwards++;
			return 0;
		}
	}
	err("a forward is PROTOCOL:PORT:GUEST-PORT; write for example forward=tcp:2222:22");
	return -1;
}

static int parse_net_word(char *word, struct net_options *n)
{
	char *value;

	if ((value = value_of(word, "mac")))
		return parse_mac(value, n->mac);
	if (n->tap && !strcmp(word, "vhost=off")) {
		n->no_vhost = true;
		return 0;
	}
	if ((value = value_of(word, "forward")) && !n->tap)
		return parse_forward(value, n);
	err("--net knows no '%s'; it takes user[,forward=PROTOCOL:PORT:GUEST-PORT]... or "
	    "tap=INTERFACE[,vhost=off], and mac=ADDRESS", word);
	return -1;
}

/**
 * net_parse() - user[,forward=...]... or tap=INTERFACE, and [,mac=ADDRESS]
 * @arg: taken apart, and kept
 */
int net_parse(char *arg, struct options *opt)
{
	struct net_options *n = &opt->nets[opt->nr_nets];
	char *word = next_word(&arg);

	if (opt->nr_nets == MAX_NETS) {
		err("there are more than %d network cards; leave some out", MAX_NETS);
		return -1;
	}
	n->tap = value_of(word, "tap");
	if (n->tap ? !*n->tap : strcmp(word, "user")) {
		err("--net %s: there are --net user and --net tap=INTERFACE", word);
		return -1;
	}
	/* Of those that nobody owns: 52:54:00 and a number. */
	memcpy(n->mac, (__u8 []){ 0x52, 0x54, 0, 0x53, 0x56, opt->nr_nets + 1 }, 6);
	while ((word = next_word(&arg)))
		if (parse_net_word(word, n))
			return -1;
	opt->nr_nets++;
	return 0;
}
