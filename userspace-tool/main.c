// SPDX-License-Identifier: GPL-2.0
/* The command line: subcommands and their help. */

#include "launcher.h"

#include <stdio.h>
#include <string.h>

static int cmd_help(int argc, char **argv);

static int cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("strata %s, KVM API %d\n", STRATA_VERSION, KVM_API_VERSION);
	return 0;
}

static const char run_help[] =
"usage: strata run --kernel FILE|--flat FILE|--firmware[=FILE]|--config FILE [OPTION]...\n"
"\n"
"Boot a Linux guest, its serial port on this terminal, until it powers off.\n"
"\n"
"  --kernel FILE   a bzImage (vmlinuz), an ELF vmlinux with a PVH entry, or a kernel for\n"
"                  Multiboot 1\n"
"  --flat FILE[,address=A][,mode=16|32|64]\n"
"                  instead of a kernel: a file without a header, entered where it lies\n"
"                  (default: 32-bit code at 0x100000, 16-bit code at 0x7c00)\n"
"  --firmware[=FILE]\n"
"                  instead of a kernel: boot from the first --disk by a PC's firmware\n"
"                  (default: Debian's SeaBIOS), which has the serial port for a screen\n"
"  --initrd FILE   the initial RAM disk\n"
"  --append TEXT   the kernel's command line (default: console=ttyS0 panic=-1)\n"
"  --cpus N        virtual CPUs (default: 1)\n"
"  --memory SIZE[,shared][,huge=2M|1G]\n"
"                  guest memory, as 256M or 4G (default: 256M); shared: of a memfd; huge: of\n"
"                  huge pages set aside by the host (hugetlbfs)\n"
"  --device PATH   strata's or KVM's device node (default: " STRATA_DEVICE ")\n"
"  --disk FILE[,readonly][,direct][,serial=TEXT]\n"
"                  a disk in a raw image or on a block device; direct: by O_DIRECT\n"
"  --net user[,forward=PROTOCOL:PORT:GUEST-PORT]...[,mac=ADDRESS]\n"
"                  a network card; the guest is 10.0.2.15, we are 10.0.2.2, and a port\n"
"                  of this machine's leads to the guest's\n"
"  --net tap=INTERFACE[,vhost=off][,mac=ADDRESS]\n"
"                  a network card on a tap interface of this machine's, by vhost-net where\n"
"                  that is there\n"
"  --vsock CID     sockets between this machine and the guest, whose address that is\n"
"  --rng           a source of random numbers\n"
"  --balloon       free memory is given back, and more can be asked for\n"
"  --virtio-console\n"
"                  a console by queues, hvc0, beside the serial port\n"
"  --name NAME     what other commands call this VM\n"
"  --console FILE  what the guest prints goes there\n"
"  --daemonize [--log FILE]\n"
"                  go into the background; 'strata console NAME' shows the console\n"
"  --config FILE   more options, one a line, without the dashes\n"
"  --gdb PORT|PATH wait for a debugger before the first instruction: on a TCP port of\n"
"                  this machine's own, or on a Unix socket\n"
"  --on-crash stop|reboot|dump, --on-reset stop|reboot, --dump FILE\n"
"                  what becomes of a guest that crashes or asks for a reset (default:\n"
"                  stop), and where its core is written (default: strata.core)\n"
"  --cpu-limit P, --cpu-weight N, --memory-limit SIZE, --pin LIST\n"
"                  what it may take; see 'strata help set'\n"
"  --privileged    keep capabilities, and open any file; without it the launcher gives up\n"
"                  what it does not need\n"
"  --watchdog S    a guest that runs with interrupts off for S seconds has crashed, too\n"
"  --symbols FILE  a System.map or a vmlinux: reports get a backtrace\n"
"  --last-exits    reports show the last exits of every kind, not only those to the\n"
"                  launcher; all exits take longer for that\n"
"  --timeout S     end the guest after S seconds and show its registers\n"
"  --no-pv LIST    paravirtual features to hide: io-delay, steal-time, eoi, unhalt,\n"
"                  tlb-flush, ipi, poll-control, yield, or all but the clock\n"
"  --stats         at the end, print what the run cost, on standard error\n"
"\n"
"Keys, when standard input is a terminal:\n"
"  Ctrl-A x  end the guest     Ctrl-A ?  help     Ctrl-A Ctrl-A  send Ctrl-A\n"
"\n"
"Exit status:\n"
"  0  the guest powered off         6  the hardware refused to enter the guest\n"
"  1  an error on the host          7  an exit the launcher cannot answer\n"
"  2  a wrong command line          8  KVM_RUN failed\n"
"  3  the guest asked for a reset   9  the time of --timeout was over\n"
"  4  the guest crashed (triple    10  ended by Ctrl-A x\n"
"     fault)                       64 + V  the guest wrote V (0 to 63) to port 0xf4\n"
"  5  the hypervisor gave up       128 + N  ended by signal N\n"
" 11  the guest panicked           12  ended by 'strata stop --force'\n"
" 13  the guest hung (--watchdog)\n";

static const char info_help[] =
"usage: strata info [--device PATH]\n"
"\n"
"Print what a device offers: API version, CPUID, MSRs and capabilities by name.\n"
"\n"
"  --device PATH   strata's or KVM's device node (default: " STRATA_DEVICE ")\n";

static const char list_help[] =
"usage: strata list [--device PATH]\n"
"\n"
"List the vCPUs of all VMs: yours, or everybody's with CAP_PERFMON. Then your VMs that\n"
"have a name.\n"
"\n"
"  --device PATH   strata's device node (default: " STRATA_DEVICE ")\n";

static const char stat_help[] =
"usage: strata stat VM [OPTION]...\n"
"\n"
"Print what the exits of a VM cost, and whose time it was. VM is a number as\n"
"'strata list' shows it, or pid:N for the VMs of a process.\n"
"\n"
"  --vcpu N        only that vCPU's\n"
"  --diff S        only what comes in the next S seconds\n"
"  --json          all of it, in TSC ticks, with the histograms\n"
"  --calibrate     estimate the hardware's part of each exit, by a guest that does\n"
"                  nothing else\n"
"  --device PATH   strata's device node (default: " STRATA_DEVICE ")\n";

static const char hist_help[] =
"usage: strata hist VM [REASON] [OPTION]...\n"
"\n"
"Draw how long exits took, by powers of two, for one reason or for each.\n"
"\n"
"  --vcpu N        only that vCPU's\n"
"  --diff S        only what comes in the next S seconds\n"
"  --device PATH   strata's device node (default: " STRATA_DEVICE ")\n";

static const char keys_help[] =
"usage: strata keys VM [REASON] [OPTION]...\n"
"\n"
"Count what a VM's exits are about: ports, MSRs, CPUID leaves, hypercalls, pages and\n"
"instructions, the most frequent of each reason. While it counts, exits take longer.\n"
"\n"
"  --seconds S     count for so long (default: 5)\n"
"  --top N         print so many of each reason (default: 10)\n"
"  --vcpu N        only that vCPU's\n"
"  --json          all of it, in TSC ticks\n"
"  --device PATH   strata's device node (default: " STRATA_DEVICE ")\n";

static const char top_help[] =
"usage: strata top [VM] [OPTION]...\n"
"\n"
"Show what exits cost, by vCPU and reason, again and again.\n"
"\n"
"  --interval S    seconds between two pictures (default: 1)\n"
"  --rounds N      end after so many (default: at Ctrl-C)\n"
"  --sort KEY      time, count, p99, max or vm (default: time)\n"
"  --device PATH   strata's device node (default: " STRATA_DEVICE ")\n";

static const char picture_help[] =
"usage: strata picture VM --output FILE [OPTION]...\n"
"\n"
"Watch a VM for a while and draw, as SVG, where its time went and how long its exits\n"
"took over time. FILE may be -.\n"
"\n"
"  --seconds S     watch for so long (default: 10)\n"
"  --device PATH   strata's device node (default: " STRATA_DEVICE ")\n";

static const char pause_help[] =
"usage: strata pause NAME\n"
"\n"
"Let the CPUs of a VM stand still. 'strata resume NAME' lets them go on.\n";

static const char resume_help[] =
"usage: strata resume NAME\n"
"\n"
"Let a VM that was paused go on.\n";

static const char stop_help[] =
"usage: strata stop NAME [--force]\n"
"\n"
"Press the power button of a VM; its system shuts down, if it listens to that.\n"
"\n"
"  --force         end it at once, as if its power failed (exit status 12)\n";

static const char reset_help[] =
"usage: strata reset NAME\n"
"\n"
"Start a VM anew, as if its reset button was pressed.\n";

static const char nmi_help[] =
"usage: strata nmi NAME\n"
"\n"
"Send an NMI to each CPU of a VM. What that does is its system's choice: Linux says so,\n"
"or panics with the sysctl kernel.unknown_nmi_panic.\n";

static const char dump_help[] =
"usage: strata dump NAME FILE\n"
"\n"
"Write the memory and the registers of a VM into FILE, an ELF core for gdb and crash. It\n"
"stands still meanwhile, and goes on after.\n";

static const char balloon_help[] =
"usage: strata balloon NAME [SIZE]\n"
"\n"
"Show what memory a VM takes, what its balloon has of it, and what the guest says; with\n"
"SIZE, ask the guest for so much, as 64M, or for less than before.\n";

static const char gdb_help[] =
"usage: strata gdb NAME\n"
"\n"
"Serve GDB's remote protocol for a VM, on standard input and output. From gdb:\n"
"\n"
"  (gdb) target remote | strata gdb NAME\n"
"\n"
"The VM stands still while gdb thinks, and goes on when gdb leaves it.\n";

static const char translate_help[] =
"usage: strata translate NAME ADDRESS [OPTION]...\n"
"\n"
"Show where an address of the guest's lies: each entry of its page tables on the way, the\n"
"guest-physical address, each entry of the nested tables, the launcher's own address, and\n"
"the machine's.\n"
"\n"
"  --vcpu N        by the page tables of that vCPU (default: 0)\n"
"  --physical      ADDRESS is a guest-physical one\n"
"  --all           show for each of the guest's entries, too, where it lies\n"
"  --json          all of it, as the VM answers it\n";

static const char memory_help[] =
"usage: strata memory NAME [--seconds S]\n"
"\n"
"Show what memory a VM takes: resident, swapped, mapped in which sizes; and how much of it\n"
"the guest writes to. To find that out its memory is mapped in pages of 4K for a while.\n"
"\n"
"  --seconds S     count for so long what it writes to (default: 1)\n";

static const char console_help[] =
"usage: strata console NAME\n"
"\n"
"Make this terminal the console of a VM. What it has printed last is shown first.\n"
"\n"
"  Ctrl-A x  leave it          Ctrl-A Ctrl-A  send Ctrl-A\n";

static const char set_help[] =
"usage: strata set NAME [OPTION]...\n"
"\n"
"Change what a VM may take, while it runs.\n"
"\n"
"  --cpu-limit P   so much of one CPU for all of its vCPUs together, as 20% or 150%\n"
"  --cpu-weight N  its weight against others that want to run, 1 to 10000 (they: 100)\n"
"  --memory-limit SIZE\n"
"                  memory of the whole launcher; more is swapped out, or the VM killed\n"
"  --pin LIST      CPUs: 0,2 is one for each vCPU; 0-3 these for all\n"
"\n"
"'none' takes a limit away. They are made of cgroup v2; the devices' threads are not in\n"
"the group of the vCPUs'.\n";

static const char bench_boot_help[] =
"usage: strata bench-boot [--runs N] --kernel FILE [OPTION]...\n"
"\n"
"Time the boot of a Linux kernel, from the command to its first process, in phases. The\n"
"options are those of 'strata run'; the RAM disk is bench-boot's own.\n"
"\n"
"  --runs N        so often (default: 5)\n";

static const char help_help[] =
"usage: strata help [COMMAND]\n"
"\n"
"Print the commands, or the help of one.\n";

static const char version_help[] =
"usage: strata version\n"
"\n"
"Print the launcher's version and the version of the KVM API it speaks.\n";

static const struct command {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *summary;
	const char *help;
} commands[] = {
	{ "run", cmd_run, "boot a Linux guest", run_help },
	{ "list", cmd_list, "list the vCPUs of all VMs", list_help },
	{ "stat", cmd_stat, "print what a VM's exits cost", stat_help },
	{ "hist", cmd_hist, "draw how long a VM's exits took", hist_help },
	{ "keys", cmd_keys, "count what a VM's exits are about", keys_help },
	{ "top", cmd_top, "show what exits cost, again and again", top_help },
	{ "picture", cmd_picture, "draw where a VM's time goes", picture_help },
	{ "pause", cmd_pause, "let a named VM stand still", pause_help },
	{ "resume", cmd_resume, "let it go on", resume_help },
	{ "stop", cmd_stop, "press its power button, or end it", stop_help },
	{ "reset", cmd_reset, "start it anew", reset_help },
	{ "nmi", cmd_nmi, "send it an NMI", nmi_help },
	{ "dump", cmd_dump, "write its memory and registers into a file", dump_help },
	{ "balloon", cmd_balloon, "show a named VM's memory, or ask it for some", balloon_help },
	{ "translate", cmd_translate, "show where an address of its lies", translate_help },
	{ "memory", cmd_memory, "show what memory it takes", memory_help },
	{ "console", cmd_console, "its console on this terminal", console_help },
	{ "set", cmd_set, "change what it may take", set_help },
	{ "bench-boot", cmd_bench_boot, "time the boot of a guest", bench_boot_help },
	{ "gdb", cmd_gdb, "debug it with gdb", gdb_help },
	{ "info", cmd_info, "print what the device offers", info_help },
	{ "help", cmd_help, "print the help of a command", help_help },
	{ "version", cmd_version, "print the version", version_help },
};

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	err("there is no command '%s'; 'strata help' lists them", name);
	return NULL;
}

static void print_commands(FILE *to)
{
	size_t i;

	fprintf(to, "usage: strata COMMAND [OPTION]...\n\n"
		"The launcher of the strata hypervisor. Commands:\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fprintf(to, "\n'strata help COMMAND' tells more.\n");
}

static int cmd_help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_commands(stdout);
		return 0;
	}
	c = find_command(argv[1]);
	if (!c)
		return STATUS_USAGE;
	fputs(c->help, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c;
	int i;

	if (argc < 2) {
		print_commands(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_commands(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version"))
		return cmd_version(argc, argv);
	c = find_command(argv[1]);
	if (!c)
		return STATUS_USAGE;
	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(c->help, stdout);
			return 0;
		}
	}
	return c->fn(argc - 1, argv + 1);
}
