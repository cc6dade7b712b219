// SPDX-License-Identifier: GPL-2.0
/* The options of `strata run`. */

#include "launcher.h"
#include "options.h"

#include <string.h>

#define DEFAULT_MEMORY	(256 * SZ_1M)
#define DEFAULT_APPEND	"console=ttyS0 panic=-1"
#define DEFAULT_DUMP	"strata.core"
/* Of Debian's package seabios. */
#define DEFAULT_FIRMWARE "/usr/share/seabios/bios-256k.bin"
#define MAX_TIMEOUT	1000000
#define MIN_CID		3U
#define MAX_CID		0xfffffffeU

enum { OPT_KERNEL = 1, OPT_INITRD, OPT_APPEND, OPT_CPUS, OPT_MEMORY, OPT_DEVICE, OPT_TIMEOUT,
	OPT_STATS, OPT_NO_PV, OPT_DISK, OPT_NET, OPT_RNG,
	OPT_ON_CRASH, OPT_ON_RESET, OPT_DUMP, OPT_NAME, OPT_BALLOON,
	OPT_FLAT, OPT_GDB, OPT_CONFIG, OPT_CONSOLE, OPT_LOG, OPT_DAEMONIZE, OPT_VIRTIO_CONSOLE, OPT_WATCHDOG,
	OPT_SYMBOLS, OPT_CPU_LIMIT, OPT_CPU_WEIGHT, OPT_MEMORY_LIMIT, OPT_PIN,
	OPT_PRIVILEGED, OPT_VSOCK, OPT_FIRMWARE, OPT_LAST_EXITS };

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "flat", required_argument, NULL, OPT_FLAT },
	{ "firmware", optional_argument, NULL, OPT_FIRMWARE },
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
	{ "watchdog", required_argument, NULL, OPT_WATCHDOG },
	{ "symbols", required_argument, NULL, OPT_SYMBOLS },
	{ "cpu-limit", required_argument, NULL, OPT_CPU_LIMIT },
	{ "cpu-weight", required_argument, NULL, OPT_CPU_WEIGHT },
	{ "memory-limit", required_argument, NULL, OPT_MEMORY_LIMIT },
	{ "pin", required_argument, NULL, OPT_PIN },
	{ "privileged", no_argument, NULL, OPT_PRIVILEGED },
	{ "last-exits", no_argument, NULL, OPT_LAST_EXITS },
	{ "vsock", required_argument, NULL, OPT_VSOCK },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "console", required_argument, NULL, OPT_CONSOLE },
	{ "virtio-console", no_argument, NULL, OPT_VIRTIO_CONSOLE },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "daemonize", no_argument, NULL, OPT_DAEMONIZE },
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

/**
 * options_take() - one option
 * @c: an OPT_ number
 * @value: kept; NULL where it has none
 */
int options_take(int c, char *value, struct options *opt)
{
	switch (c) {
	case OPT_KERNEL:
		opt->kernel = value;
		return 0;
	case OPT_FLAT:
		return flat_parse(value, opt);
	case OPT_FIRMWARE:
		opt->firmware = value ? value : DEFAULT_FIRMWARE;
		return 0;
	case OPT_INITRD:
		opt->initrd = value;
		return 0;
	case OPT_APPEND:
		opt->append = value;
		return 0;
	case OPT_DEVICE:
		opt->device = value;
		return 0;
	case OPT_MEMORY:
		return memory_parse(value, opt);
	case OPT_STATS:
		opt->stats = true;
		return 0;
	case OPT_DISK:
		return disk_parse(value, opt);
	case OPT_NET:
		return net_parse(value, opt);
	case OPT_RNG:
		opt->rng = true;
		return 0;
	case OPT_BALLOON:
		opt->balloon = true;
		return 0;
	case OPT_ON_CRASH:
		return parse_on_crash(value, opt);
	case OPT_ON_RESET:
		return parse_on_reset(value, opt);
	case OPT_NAME:
		opt->name = value;
		return control_check_name(value);
	case OPT_WATCHDOG:
		if (!parse_number(value, MAX_TIMEOUT, &opt->watchdog))
			return 0;
		err("--watchdog %s is no number of seconds from 1 to %d", value, MAX_TIMEOUT);
		return -1;
	case OPT_SYMBOLS:
		symbols_free(&opt->symbols);
		return symbols_read(value, &opt->symbols);
	case OPT_CPU_LIMIT:
		return limits_parse("cpu-limit", value, &opt->limits);
	case OPT_CPU_WEIGHT:
		return limits_parse("cpu-weight", value, &opt->limits);
	case OPT_MEMORY_LIMIT:
		return limits_parse("memory-limit", value, &opt->limits);
	case OPT_PIN:
		return limits_parse("pin", value, &opt->limits);
	case OPT_PRIVILEGED:
		opt->privileged = true;
		return 0;
	case OPT_LAST_EXITS:
		opt->last_exits = true;
		return 0;
	case OPT_VSOCK:
		if (!parse_number(value, MAX_CID, &opt->vsock) && opt->vsock >= MIN_CID)
			return 0;
		err("--vsock %s is no address for a guest: numbers from %u on are", value, MIN_CID);
		return -1;
	case OPT_CONFIG:
		return config_read(value, long_options, opt);
	case OPT_CONSOLE:
		opt->console = value;
		return 0;
	case OPT_VIRTIO_CONSOLE:
		opt->virtio_console = true;
		return 0;
	case OPT_LOG:
		opt->log = value;
		return 0;
	case OPT_DAEMONIZE:
		opt->daemonize = true;
		return 0;
	case OPT_GDB:
		return parse_gdb(value, opt);
	case OPT_DUMP:
		opt->dump = value;
		return 0;
	case OPT_NO_PV:
		return pv_parse(value, &opt->no_pv);
	case OPT_CPUS:
		if (!parse_number(value, MAX_CPUS, &opt->cpus))
			return 0;
		err("--cpus %s is no number from 1 to %d", value, MAX_CPUS);
		return -1;
	case OPT_TIMEOUT:
		if (!parse_number(value, MAX_TIMEOUT, &opt->timeout))
			return 0;
		err("--timeout %s is no number of seconds from 1 to %d", value, MAX_TIMEOUT);
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
		if (options_take(c, optarg, opt))
			return -1;
	}
	if (optind < argc) {
		err("'%s' is no option; name the kernel with --kernel, see 'strata help run'",
		    argv[optind]);
		return -1;
	}
	if (!!opt->kernel + !!opt->flat.path + !!opt->firmware > 1) {
		err("--kernel, --flat and --firmware are different guests; leave all but one out");
		return -1;
	}
	if (opt->daemonize && !opt->name) {
		err("a VM without a terminal wants a name, to be found by; add --name NAME");
		return -1;
	}
	if (!opt->kernel && !opt->flat.path && !opt->firmware) {
		err("no kernel given; use --kernel FILE, for example --kernel "
		    "/boot/vmlinuz-$(uname -r), or --firmware to boot from a disk");
		return -1;
	}
	return 0;
}
