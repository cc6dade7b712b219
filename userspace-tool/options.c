// SPDX-License-Identifier: GPL-2.0
/* The options of `strata run`. */

#include "launcher.h"

#include <getopt.h>
#include <string.h>

#define DEFAULT_MEMORY	(256 * SZ_1M)
#define DEFAULT_APPEND	"console=ttyS0 panic=-1"
#define DEFAULT_DUMP	"strata.core"
#define MAX_TIMEOUT	1000000

enum { OPT_KERNEL = 1, OPT_INITRD, OPT_APPEND, OPT_CPUS, OPT_MEMORY, OPT_DEVICE, OPT_TIMEOUT,
	OPT_STATS, OPT_NO_PV, OPT_DISK, OPT_NET, OPT_RNG,
	OPT_ON_CRASH, OPT_ON_RESET, OPT_DUMP, OPT_NAME, OPT_BALLOON,
	OPT_FLAT, OPT_GDB };

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "flat", required_argument, NULL, OPT_FLAT },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "no-pv", required_argument, NULL, OPT_NO_PV },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "net", required_argument, NULL, OPT_NET },
	{ "rng", no_argument, NULL, OPT_RNG },
	{ "balloon", no_argument, NULL, OPT_BALLOON },
	{ "on-crash", required_argument, NULL, OPT_ON_CRASH },
	{ "on-reset", required_argument, NULL, OPT_ON_RESET },
	{ "dump", required_argument, NULL, OPT_DUMP },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "gdb", required_argument, NULL, OPT_GDB },
	{ 0 }
};

static int parse_on_crash(const char *arg, struct options *opt)
{
	static const char *const names[] = {
		[END_STOP] = "stop", [END_REBOOT] = "reboot", [END_DUMP] = "dump",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(arg, names[i])) {
			opt->on_crash = i;
			/* A kernel that panics is to say so. */
			opt->pvpanic = true;
			return 0;
		}
	err("--on-crash %s: there are stop, reboot and dump", arg);
	return -1;
}

static int parse_on_reset(const char *arg, struct options *opt)
{
	opt->on_reset = strcmp(arg, "reboot") ? END_STOP : END_REBOOT;
	if (opt->on_reset == END_REBOOT || !strcmp(arg, "stop"))
		return 0;
	err("--on-reset %s: there are stop and reboot", arg);
	return -1;
}

static int parse_gdb(const char *arg, struct options *opt)
{
	unsigned int port;

	opt->gdb = arg;
	if (strchr(arg, '/') || !parse_number(arg, 65535, &port))
		return 0;
	err("--gdb %s is no port and no path; write for example --gdb 1234 or --gdb ./gdb.socket",
	    arg);
	return -1;
}

static int parse_one(int c, struct options *opt)
{
	switch (c) {
	case OPT_KERNEL:
		opt->kernel = optarg;
		return 0;
	case OPT_FLAT:
		return flat_parse(optarg, opt);
	case OPT_INITRD:
		opt->initrd = optarg;
		return 0;
	case OPT_APPEND:
		opt->append = optarg;
		return 0;
	case OPT_DEVICE:
		opt->device = optarg;
		return 0;
	case OPT_MEMORY:
		return memory_parse(optarg, opt);
	case OPT_STATS:
		opt->stats = true;
		return 0;
	case OPT_DISK:
		return disk_parse(optarg, opt);
	case OPT_NET:
		return net_parse(optarg, opt);
	case OPT_RNG:
		opt->rng = true;
		return 0;
	case OPT_BALLOON:
		opt->balloon = true;
		return 0;
	case OPT_ON_CRASH:
		return parse_on_crash(optarg, opt);
	case OPT_ON_RESET:
		return parse_on_reset(optarg, opt);
	case OPT_NAME:
		opt->name = optarg;
		return control_check_name(optarg);
	case OPT_GDB:
		return parse_gdb(optarg, opt);
	case OPT_DUMP:
		opt->dump = optarg;
		return 0;
	case OPT_NO_PV:
		return pv_parse(optarg, &opt->no_pv);
	case OPT_CPUS:
		if (!parse_number(optarg, MAX_CPUS, &opt->cpus))
			return 0;
		err("--cpus %s is no number from 1 to %d", optarg, MAX_CPUS);
		return -1;
	case OPT_TIMEOUT:
		if (!parse_number(optarg, MAX_TIMEOUT, &opt->timeout))
			return 0;
		err("--timeout %s is no number of seconds from 1 to %d", optarg, MAX_TIMEOUT);
		return -1;
	default:
		return -1;
	}
}

/**
 * options_parse() - read the command line of `strata run`
 * @argv: argv[0] is the subcommand
 * @opt: filled in, defaults included
 */
int options_parse(int argc, char **argv, struct options *opt)
{
	int c;

	memset(opt, 0, sizeof(*opt));
	opt->device = STRATA_DEVICE;
	opt->append = DEFAULT_APPEND;
	opt->dump = DEFAULT_DUMP;
	opt->memory.size = DEFAULT_MEMORY;
	opt->cpus = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (c == ':')
			err("%s wants a value; see 'strata help run'", argv[optind - 1]);
		else if (c == '?')
			err("there is no option %s; see 'strata help run'", argv[optind - 1]);
		if (parse_one(c, opt))
			return -1;
	}
	if (optind < argc) {
		err("'%s' is no option; name the kernel with --kernel, see 'strata help run'",
		    argv[optind]);
		return -1;
	}
	if (opt->kernel && opt->flat.path) {
		err("--kernel and --flat are two guests; leave one out");
		return -1;
	}
	if (!opt->kernel && !opt->flat.path) {
		err("no kernel given; use --kernel FILE, for example --kernel "
		    "/boot/vmlinuz-$(uname -r)");
		return -1;
	}
	return 0;
}
