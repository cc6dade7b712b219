/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The launcher's own header: what its files share.
 *
 * Conventions: a function that can fail returns 0 or a negative value, and has
 * then printed one line with the cause and the cure through err().  Guest
 * physical addresses are __u64 and named gpa.
 */
#ifndef STRATA_LAUNCHER_H
#define STRATA_LAUNCHER_H

#include "console.h"
#include "control.h"
#include "fw_cfg.h"
#include "macros.h"
#include "pci.h"
#include "symbols.h"
#include "vm_limits.h"
#include "walk.h"

#include <linux/kvm.h>
#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define STRATA_VERSION		"0.1"
#define STRATA_DEVICE		"/dev/strata"

#define SZ_4K			0x1000ULL
#define SZ_64K			0x10000ULL
#define SZ_1M			0x100000ULL
#define SZ_2M			0x200000ULL
#define SZ_1G			0x40000000ULL

#define MIN_MEMORY		(32 * SZ_1M)
#define MAX_MEMORY		(1024 * SZ_1G)
#define MAX_CPUS		254

/*
 * The guest's physical address space.  RAM runs from 0 to HOLE_START, and what
 * is left of it from 4 GiB on; the devices of a PC live in between.
 */
#define HOLE_START		(3 * SZ_1G)
#define HOLE_END		(4 * SZ_1G)
#define TSS_GPA			0xfffbd000ULL
#define IOAPIC_GPA		0xfec00000ULL
#define LAPIC_GPA		0xfee00000ULL

/* The first megabyte, where the boot data lies. */
#define GDT_GPA			0x500ULL
#define ZERO_PAGE_GPA		0x7000ULL
#define PVH_INFO_GPA		0x8000ULL
#define PAGE_TABLES_GPA		0x9000ULL
#define CMDLINE_GPA		0x20000ULL
#define CMDLINE_MAX		SZ_64K
#define EBDA_GPA		0x9fc00ULL
#define ACPI_GPA		0xe0000ULL
#define ACPI_MAX		0x20000ULL
#define HIGH_RAM_GPA		SZ_1M

/* Interrupt lines and ports of the devices. */
#define SERIAL_PORT		0x3f8
#define SERIAL_GSI		4
#define SCI_GSI			9
#define PM_PORT			0x600
#define PM_EVENT_LEN		4
#define PM_CONTROL_PORT		(PM_PORT + PM_EVENT_LEN)
#define PM_CONTROL_LEN		2
#define RESET_PORT		0xcf9
#define RESET_VALUE		0x06
#define EXIT_PORT		0xf4

/*
 * The exit status of `strata run`.  Documentation/launcher.md holds the table
 * for users; keep both in step.
 */
enum exit_status {
	STATUS_POWEROFF		= 0,
	STATUS_HOST_ERROR	= 1,
	STATUS_USAGE		= 2,
	STATUS_RESET		= 3,
	STATUS_SHUTDOWN		= 4,
	STATUS_INTERNAL_ERROR	= 5,
	STATUS_ENTRY_FAILURE	= 6,
	STATUS_UNEXPECTED_EXIT	= 7,
	STATUS_RUN_FAILED	= 8,
	STATUS_TIMEOUT		= 9,
	STATUS_ESCAPE		= 10,
	STATUS_PANIC		= 11,
	STATUS_STOPPED		= 12,
	STATUS_HANG		= 13,
	STATUS_GUEST_BASE	= 64,	/* plus the value the guest gave, 0 to 63 */
	STATUS_SIGNAL_BASE	= 128,	/* plus the signal's number */
};

enum cpu_mode { CPU_16, CPU_32, CPU_64, CPU_RESET };

/* --flat: a file without a header, where it goes, and what it is made for. */
struct flat {
	char *path;
	__u64 address;
	enum cpu_mode mode;
};

/* --disk and --net. */
#define MAX_DISKS		16
#define MAX_NETS		8
#define MAX_FORWARDS		32

struct disk {
	char *path;
	char *serial;
	bool readonly, direct;
};

struct forward {
	bool udp;
	unsigned int host_port, guest_port;
};

struct net_options {
	char *tap;			/* an interface, or NULL: in this process */
	bool no_vhost;			/* frames do not go past us */
	__u8 mac[6];
	struct forward forwards[MAX_FORWARDS];
	unsigned int nr_forwards;
};

/* What becomes of a guest that has crashed, or asked for a reset. */
enum on_end { END_STOP, END_REBOOT, END_DUMP };

/* --memory */
struct memory_options {
	__u64 size;			/* bytes, a multiple of huge or of 2 MiB */
	__u64 huge;			/* of the pages of hugetlbfs, 0: none */
	bool shared;
};

struct options {
	const char *name;		/* NULL: nobody will call it */
	const char *kernel;		/* or flat.path, or firmware */
	const char *firmware;
	struct flat flat;
	const char *initrd;
	const char *append;
	const char *device;
	struct memory_options memory;
	unsigned int cpus;
	unsigned int timeout;		/* seconds, 0: none */
	unsigned int watchdog;		/* seconds, 0: none */
	struct symbols symbols;		/* of the guest's kernel, or none */
	bool stats;
	__u32 no_pv;			/* bits of CPUID 0x40000001 EAX to hide */
	struct disk disks[MAX_DISKS];
	unsigned int nr_disks;
	struct net_options nets[MAX_NETS];
	unsigned int nr_nets;
	bool rng;
	bool balloon;
	bool virtio_console;
	__u32 vsock;			/* the guest's address, 0: no sockets */
	bool pvpanic;
	enum on_end on_crash, on_reset;
	const char *dump;		/* where END_DUMP writes */
	const char *console;		/* a file for it; NULL: standard output */
	const char *log;		/* a file for messages */
	bool daemonize;
	bool privileged;		/* as it was started */
	bool silent;			/* nobody wants the console */
	bool last_exits;		/* of all kinds, for reports */
	struct limits limits;
	const char *gdb;		/* the port or the socket of a debugger */
};

/* Guest RAM: one reservation in which host = base + gpa. */
struct guest_mem {
	__u8 *base;
	__u64 low;			/* bytes from gpa 0 */
	__u64 high;			/* bytes from gpa HOLE_END */
	int fd;				/* of the file that it is; -1: none */
	void *reserved;
	size_t reserved_len;
	__u8 *firmware;			/* read-only, up to HOLE_END; NULL: none */
	size_t firmware_len;
};

struct blob {
	__u8 *data;
	size_t len;
};

/* The map of the guest's memory. */
#define BOOT_RANGES		4
#define BOOT_RAM		1
#define BOOT_RESERVED		2

struct boot_range {
	__u64 gpa, len;
	__u32 type;
};

/* Where and in which mode the boot processor starts. */
struct boot_entry {
	__u64 rip;
	__u64 rsi;			/* Linux: the zero page */
	__u64 rax;			/* Multiboot: a magic number */
	__u64 rbx;			/* PVH and Multiboot: the start info */
	enum cpu_mode mode;
};

#define SERIAL_FIFO		16

struct serial {
	__u8 ier, lcr, mcr, scr, fcr;
	__u8 dll, dlm;
	bool tx_empty_pending;
	bool irq_level;
	unsigned int rx_head, rx_count;
	__u8 rx[SERIAL_FIFO];
};

struct rtc {
	__u8 index;
	__u8 reg[128];
	__s64 offset;			/* guest time minus host time, seconds */
};

struct pm {
	__u16 status, enable, control;
	bool sci;			/* the line's level */
};

/* terminal.c: input on its way to the guest */
#define INPUT_QUEUE		1024

struct terminal {
	bool raw;
	bool eof;
	bool escaped;			/* Ctrl-A came, its key not yet */
	unsigned int head, count;	/* of the queue: input the guest has no room for */
	__u8 queue[INPUT_QUEUE];
};

/* What a vCPU has come for. */
#define LAST_EXITS		8

struct last_exit {
	__u32 reason;			/* KVM_EXIT_ */
	__u32 len;			/* of an access, 0: it was none */
	bool write;
	__u64 address, value;
};

/* What the launcher itself counts, one entry for each KVM_EXIT_ number. */
#define NR_USER_EXITS		48

struct profiles;
struct vm;
struct virtio_dev;
struct gdb;

enum gdb_stop { GDB_STOP_NONE, GDB_STOP_SOFTWARE, GDB_STOP_HARDWARE, GDB_STOP_OTHER };

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	pid_t tid;			/* 0: it has not begun */
	bool nmi;			/* one is to come; atomic */
	bool held;			/* stays parked when others go on; under pause_lock */
	bool stepping;			/* for the debugger */
	enum gdb_stop stop;		/* why it has stopped for the debugger */
	unsigned int stuck;		/* seconds with interrupts off, for the watchdog */
	__u64 nr_exits;			/* to us */
	struct last_exit last_exits[LAST_EXITS];
	__u64 user_exits[NR_USER_EXITS];
	__u64 interrupted;
};

/* When a run came how far, for bench-boot; 0: not yet. */
struct run_times {
	__u64 made, loaded, first_exit, console, end;
};

struct vm {
	const struct options *opt;
	int dev_fd;
	int fd;
	size_t run_size;
	struct guest_mem mem;
	struct vcpu *vcpus;
	unsigned int nr_vcpus;
	struct kvm_cpuid2 *cpuid;
	__u64 start_ns;
	__u64 wall_ns, cpu_ns;		/* what the run took */
	struct run_times times;

	pthread_mutex_t io_lock;	/* all device state below */
	struct serial serial;
	struct rtc rtc;
	struct pm pm;
	struct profiles *exit_log;	/* its vCPUs', with --last-exits, or NULL */
	struct fw_cfg fw_cfg;		/* empty without a firmware */
	struct pci_bus pci;
	struct pci_dev pvpanic;
	bool has_pci;			/* there is a device on the bus */
	struct kvm_irq_routing *routes;
	__u32 next_gsi;
	struct virtio_dev *virtio;
	struct virtio_dev *balloon;	/* one of them, or NULL */
	struct virtio_dev *vcons;	/* another, or NULL */
	struct console console;
	bool input_waits;		/* for room in the serial port */

	pthread_mutex_t stop_lock;
	bool stopping;			/* under stop_lock; read freely by vcpus */
	enum exit_status status;
	int wake_fd;			/* an eventfd that wakes the main loop */

	/* paused is under pause_lock, and read freely by vcpus */
	pthread_mutex_t pause_lock;
	pthread_cond_t pause_cond;
	bool paused;
	unsigned int nr_parked;		/* vCPUs that stand still */

	/* the main thread's */
	struct terminal terminal;
	struct limits limits;		/* as they are now */
	struct control control;
	struct gdb *gdb;
	bool restart;			/* a reset was asked for from outside */
	__u64 next_look;		/* of the watchdog, 0: never yet */
	unsigned int dead_for;		/* seconds, all vCPUs */
	enum exit_status last_word;	/* and the end, which no start follows; 0: not */
};

/* util.c */
void err(const char *fmt, ...) __printf(1, 2);
int parse_size(const char *s, __u64 *out);
int parse_number(const char *s, unsigned int max, unsigned int *out);
int parse_seconds(const char *s, double min, double *out);
void sleep_seconds(double s);
double percent(__u64 part, __u64 whole);
int read_file(const char *path, struct blob *out);
int read_line(const char *path, char *buf, size_t len);
__u64 now_ns(void);
__u64 cpu_ns(void);
bool write_all(int fd, const void *buf, size_t len);
bool pass_on(int from, int to);

/* confine.c */
int confine(const struct options *opt);

/* daemon.c */
bool daemon_start(int *status);
int daemon_ready(const struct options *opt);

/* options.c */
int pv_parse(char *list, __u32 *bits);
int disk_parse(char *arg, struct options *opt);
int net_parse(char *arg, struct options *opt);
int flat_parse(char *arg, struct options *opt);
int memory_parse(char *arg, struct options *opt);
int options_parse(int argc, char **argv, struct options *opt);

/* mem.c */
int mem_create(struct guest_mem *mem, const struct memory_options *opt);
void mem_destroy(struct guest_mem *mem);
void *mem_ptr(const struct guest_mem *mem, __u64 gpa, __u64 len);
const void *mem_readable(const struct guest_mem *mem, __u64 gpa, __u64 len);
int mem_add_firmware(struct guest_mem *mem, const struct blob *file);

/* device.c */
int device_open(const char *path);
int device_create_vm(int dev_fd, const char *path);

/* vm.c */
int vm_create(struct vm *vm, const struct options *opt);
void vm_destroy(struct vm *vm);
int vm_map(struct vm *vm, __u32 slot, __u32 flags, __u64 gpa, __u64 size, const void *at);
int vm_set_slot(struct vm *vm, __u32 slot, __u32 flags);
int vm_ioctl(struct vm *vm, unsigned long request, void *arg, const char *name);
void vm_wake(struct vm *vm);
void vm_stop(struct vm *vm, enum exit_status status);
void vm_end(struct vm *vm, enum exit_status status);
bool vm_stopping(struct vm *vm);

/* irq.c */
int irq_init(struct vm *vm);
int irq_alloc_msi(struct vm *vm, __u32 *gsi);
void irq_set_msi(struct vm *vm, __u32 gsi, __u32 addr_hi, __u32 addr_lo, __u32 data);
void irq_listen(struct vm *vm, __u32 gsi, int fd, bool on);
void vm_irq_line(struct vm *vm, unsigned int gsi, bool level);

/* devices.c, and a file for each kind */
int devices_create(struct vm *vm);
int blk_add(struct vm *vm, const struct disk *disk, unsigned int number);
int net_add(struct vm *vm, const struct net_options *opt, unsigned int number);
int rng_add(struct vm *vm);
int pvpanic_add(struct vm *vm);
int vcons_add(struct vm *vm);
int vsock_add(struct vm *vm, __u32 cid);
bool vcons_input(struct vm *vm, const __u8 *bytes, size_t len, size_t *used);

/* core.c */
int core_open(const char *path);
int core_write(struct vm *vm, int fd, const char *path);
const char *core_vmcoreinfo(struct vm *vm, size_t *len);

/* cpuid.c */
struct kvm_cpuid2 *cpuid_supported(int dev_fd);
int cpuid_set(struct vcpu *vcpu);

/* vcpu_state.c */
int vcpu_create(struct vcpu *vcpu);
int vcpu_set_boot_state(struct vcpu *vcpu, const struct boot_entry *entry);

/* pause.c */
void vcpu_kick(struct vcpu *vcpu);
void vcpu_messages(struct vcpu *vcpu);
void vcpu_hold(struct vcpu *vcpu, bool hold);
void vm_pause(struct vm *vm);
void vm_pause_from_vcpu(struct vm *vm);
bool vm_is_paused(struct vm *vm);
bool vm_look_begin(struct vm *vm);
void vm_look_end(struct vm *vm, bool runs);
void vm_resume(struct vm *vm);
void vm_nmi(struct vm *vm);

/* vcpu.c */
void *vcpu_thread(void *arg);

/* boot.c, boot_linux.c, boot_pvh.c, boot_multiboot.c, boot_flat.c, boot_firmware.c */
int boot_load(struct vm *vm, struct boot_entry *entry);
int boot_place_acpi(struct vm *vm, __u64 gpa);
struct elf_segment;
unsigned int boot_ranges(const struct vm *vm, struct boot_range ranges[BOOT_RANGES]);
int boot_place_segments(struct vm *vm, const struct blob *kernel, const struct elf_segment *seg,
			unsigned int nr);
int boot_place_initrd(struct vm *vm, __u64 limit, __u64 floor, __u64 *gpa, __u64 *len);
int boot_load_linux(struct vm *vm, const struct blob *kernel, struct boot_entry *entry);
int boot_load_pvh(struct vm *vm, const struct blob *kernel, struct boot_entry *entry);
int boot_load_multiboot(struct vm *vm, const struct blob *kernel, struct boot_entry *entry);
int boot_load_flat(struct vm *vm, struct boot_entry *entry);
int boot_load_firmware(struct vm *vm, struct boot_entry *entry);
void boot_identity_map(struct vm *vm);

/* ports.c */
__u32 port_read(struct vm *vm, __u16 port, unsigned int size);
void port_write(struct vm *vm, __u16 port, unsigned int size, __u32 value);

/* serial.c: all with io_lock held */
__u8 serial_read(struct vm *vm, unsigned int reg);
void serial_write(struct vm *vm, unsigned int reg, __u8 value);
unsigned int serial_room(const struct vm *vm);
void serial_receive(struct vm *vm, __u8 c);

/* rtc.c, i8042.c, pm.c: all with io_lock held */
void rtc_init(struct vm *vm);
__u8 rtc_read(struct vm *vm, unsigned int reg);
void rtc_write(struct vm *vm, unsigned int reg, __u8 value);
__u8 i8042_read(struct vm *vm, unsigned int reg);
void i8042_write(struct vm *vm, unsigned int reg, __u8 value);
__u32 pm_read(struct vm *vm, unsigned int reg, unsigned int size);
void pm_write(struct vm *vm, unsigned int reg, unsigned int size, __u32 value);
void pm_press_power_button(struct vm *vm);	/* takes io_lock itself */

/* terminal.c */
enum terminal_key { KEY_NONE, KEY_GUEST, KEY_LEAVE, KEY_HELP };

enum terminal_key terminal_key(bool *escaped, __u8 c);
bool terminal_make_raw(void);
void terminal_open(struct terminal *t);
void terminal_close(void);
size_t terminal_room(const struct terminal *t);
bool terminal_wants_input(const struct terminal *t);
void terminal_queue(struct terminal *t, const __u8 *bytes, size_t len);
void terminal_input(struct terminal *t, struct vm *vm);
void terminal_feed(struct terminal *t, struct vm *vm);

/* run.c, info.c */
int run_once(struct vm *vm, const struct options *opt);
int cmd_run(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_hist(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_picture(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_nmi(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_balloon(int argc, char **argv);
int cmd_gdb(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_bench_boot(int argc, char **argv);
int cmd_translate(int argc, char **argv);
int cmd_memory(int argc, char **argv);

/* cmd_control.c */
struct json_t;
int control_no_name(const char *command);
int control_connect(const char *name, struct json_t *request);
struct json_t *control_request(const char *name, struct json_t *request);
struct json_t *control_keep(const char *name, struct json_t *request, int *fd);
void control_list(void);
void control_print_limits(void);

/* names.c */
const char *exit_reason_name(__u32 reason);
const char *suberror_name(__u32 suberror);

/* watchdog.c */
int watchdog_look(struct vm *vm);

/* last_exits.c */
void last_exits_note(struct vcpu *vcpu);
void last_exits_print(const struct vcpu *vcpu);

/* exit_log.c */
int exit_log_open(struct vm *vm);
void exit_log_close(struct vm *vm);
void exit_log_print(const struct vcpu *vcpu, __u64 moved);

/* backtrace.c */
void backtrace_print(const struct guest_mem *mem, const struct kvm_regs *r,
		     const struct kvm_sregs *s, const struct symbols *sym, __u64 moved);

/* report.c */
void report_exit(struct vcpu *vcpu, const char *what);
void report_state(struct vcpu *vcpu);

/* stats.c, stats_kvm.c, stats_strata.c */
void stats_print(struct vm *vm);
bool stats_print_kvm(struct vm *vm);
bool stats_print_strata(struct vm *vm);

#endif
