// SPDX-License-Identifier: GPL-2.0
/* GDB's remote protocol: what is asked, and the answers. */

#include "gdb.h"
#include "gdb_run.h"
#include "launcher.h"

#include <cpuid.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SIGNAL_INT	2
#define SIGNAL_TRAP	5
#define INT1		0xf1
#define INT3		0xcc
#define SEND_SECONDS	5

/*
 * QEMU's TCG does not intercept the exception of INT3 for a nested guest. INT1 it does not
 * know; strata hands the #UD for it to the debugger.
 */
static __u8 software_breakpoint(void)
{
	unsigned int a, name[3];

	__cpuid(0x40000000, a, name[0], name[1], name[2]);
	return memcmp(name, "TCGTCGTCGTCG", sizeof(name)) ? INT3 : INT1;
}

static void drop(struct vm *vm)
{
	struct gdb *g = vm->gdb;

	if (g->fd < 0)
		return;
	close(g->fd);
	g->fd = -1;
	if (vm_stopping(vm))
		return;
	vm_pause(vm);
	gdb_leave(vm, true);
}

static void send_bytes(struct vm *vm, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(vm->gdb->fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0) {
			drop(vm);
			return;
		}
		bytes += n;
		len -= n;
	}
}

static void reply_bytes(struct vm *vm, const char *data, size_t len)
{
	struct gdb *g = vm->gdb;

	g->last_len = gdb_packet_make(g->last, data, len);
	send_bytes(vm, g->last, g->last_len);
}

static void reply(struct vm *vm, const char *text)
{
	reply_bytes(vm, text, strlen(text));
}

static void reply_done(struct vm *vm, bool ok)
{
	reply(vm, ok ? "OK" : "E01");
}

static struct vcpu *current(struct vm *vm)
{
	return &vm->vcpus[vm->gdb->current];
}

static void report_stop(struct vm *vm, unsigned int signal)
{
	char text[64];

	gdb_stop_reply(current(vm), signal, text, sizeof(text));
	reply(vm, text);
}

/* ---- memory and registers ---- */

/* ADDRESS,LEN; returns what is after it, or NULL. */
static const char *get_range(const char *p, __u64 *address, __u64 *len)
{
	char *end;

	*address = strtoull(p, &end, 16);
	if (end == p || *end != ',')
		return NULL;
	p = end + 1;
	*len = strtoull(p, &end, 16);
	return end == p ? NULL : end;
}

static void read_memory(struct vm *vm, const char *args)
{
	__u8 bytes[GDB_PACKET_MAX / 2];
	char text[GDB_PACKET_MAX];
	__u64 address, len;

	if (!get_range(args, &address, &len)) {
		reply(vm, "E22");
		return;
	}
	if (len > sizeof(bytes))
		len = sizeof(bytes);
	len = gdb_read_memory(current(vm), address, bytes, len);
	if (!len) {
		reply(vm, "E14");
		return;
	}
	reply_bytes(vm, text, gdb_put_hex(text, bytes, len) - text);
}

/* M: digits; X: the bytes themselves, up to the packet's end. */
static void write_memory(struct vm *vm, const char *args, bool binary)
{
	const struct gdb_packet *p = &vm->gdb->packet;
	__u8 bytes[GDB_PACKET_MAX];
	const char *data;
	__u64 address, len;
	size_t n;

	data = get_range(args, &address, &len);
	if (!data || *data++ != ':' || len > sizeof(bytes)) {
		reply(vm, "E22");
		return;
	}
	n = p->data + p->len - data;
	if (binary)
		memcpy(bytes, data, n);
	else
		n = gdb_get_hex(bytes, data, len);
	reply(vm, n < len ? "E22" :
	      gdb_write_memory(current(vm), address, bytes, len) == len ? "OK" : "E14");
}

static void one_register(struct vm *vm, const char *args, bool write)
{
	char text[64], *end;
	unsigned long n = strtoul(args, &end, 16);

	if (write)
		reply_done(vm, *end == '=' && !gdb_write_register(current(vm), n, end + 1));
	else
		reply(vm, gdb_read_register(current(vm), n, text) ? "E01" : text);
}

static void all_registers(struct vm *vm)
{
	char text[GDB_PACKET_MAX];

	reply(vm, gdb_read_registers(current(vm), text) ? "E01" : text);
}

/* Z and z: KIND,ADDRESS,LEN */
static void breakpoint(struct vm *vm, const char *args, bool set)
{
	unsigned int kind = args[0] - '0';
	__u64 address, len;

	if (kind > GDB_WATCH || args[1] != ',' || !get_range(args + 2, &address, &len)) {
		reply(vm, "");
		return;
	}
	reply_done(vm, !(set ? gdb_set_break(vm, kind, address, len) :
			 gdb_clear_break(vm, kind, address)));
}

/* ---- threads ---- */

/* Threads count from 1; 0 and -1 are any. Returns the vCPU's number, or -1. */
static int vcpu_of(const struct vm *vm, const char *text)
{
	long n = strtol(text, NULL, 16);

	if (n <= 0)
		return vm->gdb->current;
	return n <= vm->nr_vcpus ? n - 1 : -1;
}

static void choose_thread(struct vm *vm, const char *args)
{
	int n = vcpu_of(vm, args + 1);

	if (n >= 0 && args[0] == 'g')
		vm->gdb->current = n;
	reply_done(vm, n >= 0);
}

static void list_threads(struct vm *vm)
{
	char text[GDB_PACKET_MAX] = "m";
	size_t at = 1;
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		at += snprintf(text + at, sizeof(text) - at, "%s%x", i ? "," : "", i + 1);
	reply(vm, text);
}

static void describe_thread(struct vm *vm, const char *args)
{
	int n = vcpu_of(vm, args);
	char words[32], text[2 * sizeof(words)];

	if (n < 0) {
		reply(vm, "E01");
		return;
	}
	snprintf(words, sizeof(words), "vCPU %d", n);
	reply_bytes(vm, text, gdb_put_hex(text, words, strlen(words)) - text);
}

/* ---- running ---- */

/* vCont: ;ACTION[:THREAD]... of which a vCPU takes the first that is for it. */
static void go_as_told(struct vm *vm, const char *p)
{
	char action[MAX_CPUS] = "";
	unsigned int i;

	while (*p == ';') {
		char what = p[1];
		const char *end = p + 1 + strcspn(p + 1, ";");
		const char *colon = memchr(p, ':', end - p);
		long thread = colon ? strtol(colon + 1, NULL, 16) : -1;

		if (what == 'C' || what == 'S')
			what += 'a' - 'A';
		if (what != 'c' && what != 's') {
			reply(vm, "E22");
			return;
		}
		for (i = 0; i < vm->nr_vcpus; i++)
			if (!action[i] && (thread <= 0 || thread == i + 1))
				action[i] = what;
		p = end;
	}
	gdb_go(vm, action);
}

static void go(struct vm *vm, char what)
{
	char action[MAX_CPUS] = "";

	/* A step is one CPU's; what the others did meanwhile nobody has asked for. */
	if (what == 'c')
		memset(action, 'c', sizeof(action));
	else
		action[vm->gdb->current] = 's';
	gdb_go(vm, action);
}

static void detach(struct vm *vm)
{
	reply(vm, "OK");
	drop(vm);
}

/* ---- packets ---- */

/* OFFSET,LEN of the description: 'm' and more is to come, 'l' and it is the last. */
static void send_description(struct vm *vm, const char *args)
{
	const char *xml = gdb_target_xml();
	char text[GDB_PACKET_MAX / 2];
	__u64 offset, len, left;

	if (!xml || !get_range(args, &offset, &len) || offset > strlen(xml)) {
		reply(vm, "E01");
		return;
	}
	left = strlen(xml) - offset;
	if (len > sizeof(text) - 1)
		len = sizeof(text) - 1;
	if (len > left)
		len = left;
	text[0] = len < left ? 'm' : 'l';
	memcpy(text + 1, xml + offset, len);
	reply_bytes(vm, text, len + 1);
}

static const char *after(const char *text, const char *start)
{
	size_t len = strlen(start);

	return strncmp(text, start, len) ? NULL : text + len;
}

static void query(struct vm *vm, const char *p)
{
	const char *args;
	char text[128];

	if (after(p, "qSupported")) {
		snprintf(text, sizeof(text), "PacketSize=%x;qXfer:features:read+;vContSupported+;"
			 "QStartNoAckMode+;swbreak+;hwbreak+", GDB_PACKET_MAX);
		reply(vm, text);
	} else if ((args = after(p, "qXfer:features:read:target.xml:"))) {
		send_description(vm, args);
	} else if (!strcmp(p, "qfThreadInfo")) {
		list_threads(vm);
	} else if (!strcmp(p, "qsThreadInfo")) {
		reply(vm, "l");
	} else if ((args = after(p, "qThreadExtraInfo,"))) {
		describe_thread(vm, args);
	} else if (!strcmp(p, "qC")) {
		snprintf(text, sizeof(text), "QC%x", vm->gdb->current + 1);
		reply(vm, text);
	} else {
		reply(vm, after(p, "qAttached") ? "1" : "");
	}
}

static void packet_of_v(struct vm *vm, const char *p)
{
	const char *args;

	if (!strcmp(p, "vCont?")) {
		reply(vm, "vCont;c;C;s;S");
	} else if ((args = after(p, "vCont"))) {
		go_as_told(vm, args);
	} else if (after(p, "vKill")) {
		reply(vm, "OK");
		vm_end(vm, STATUS_STOPPED);
	} else {
		reply(vm, "");
	}
}

static void take_packet(struct vm *vm)
{
	struct gdb *g = vm->gdb;
	const char *p = g->packet.data;

	/* While it runs there is nothing to ask but that it stops. */
	if (g->running)
		return;
	switch (*p) {
	case '?':
		report_stop(vm, SIGNAL_TRAP);
		break;
	case 'g':
		all_registers(vm);
		break;
	case 'G':
		reply_done(vm, !gdb_write_registers(current(vm), p + 1));
		break;
	case 'p': case 'P':
		one_register(vm, p + 1, *p == 'P');
		break;
	case 'm':
		read_memory(vm, p + 1);
		break;
	case 'M': case 'X':
		write_memory(vm, p + 1, *p == 'X');
		break;
	case 'Z': case 'z':
		breakpoint(vm, p + 1, *p == 'Z');
		break;
	case 'c': case 'C':
		go(vm, 'c');
		break;
	case 's': case 'S':
		go(vm, 's');
		break;
	case 'H':
		choose_thread(vm, p + 1);
		break;
	case 'T':
		reply_done(vm, vcpu_of(vm, p + 1) >= 0);
		break;
	case 'D':
		detach(vm);
		break;
	case 'k':
		vm_end(vm, STATUS_STOPPED);
		break;
	case 'q':
		query(vm, p);
		break;
	case 'Q':
		if (!strcmp(p, "QStartNoAckMode")) {
			reply(vm, "OK");
			g->no_ack = true;
		} else {
			reply(vm, "");
		}
		break;
	case 'v':
		packet_of_v(vm, p);
		break;
	default:
		reply(vm, "");
	}
}

static void take_byte(struct vm *vm, __u8 byte)
{
	struct gdb *g = vm->gdb;

	switch (gdb_packet_byte(&g->packet, byte)) {
	case GDB_PACKET:
		if (!g->no_ack)
			send_bytes(vm, "+", 1);
		if (g->fd >= 0)
			take_packet(vm);
		break;
	case GDB_BAD_PACKET:
		send_bytes(vm, "-", 1);
		break;
	case GDB_RESEND:
		send_bytes(vm, g->last, g->last_len);
		break;
	case GDB_INTERRUPT:
		/* gdb_look() sees that it stands still. */
		if (g->running)
			vm_pause(vm);
		break;
	case GDB_NOTHING:
		break;
	}
}

static void receive(struct vm *vm)
{
	struct gdb *g = vm->gdb;
	__u8 bytes[512];
	ssize_t i, n = recv(g->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		drop(vm);
	for (i = 0; i < n && g->fd >= 0; i++)
		take_byte(vm, bytes[i]);
}

/* ---- connections ---- */

/**
 * gdb_attach() - serve a debugger
 * @fd: a stream socket, ours from now on
 *
 * The guest stands still until the debugger lets it go on. There is one debugger.
 */
void gdb_attach(struct vm *vm, int fd)
{
	static const struct timeval patience = { .tv_sec = SEND_SECONDS };
	struct gdb *g = vm->gdb;
	struct vcpu *vcpu;

	if (g->fd >= 0) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	vm_pause(vm);
	memset(&g->packet, 0, sizeof(g->packet));
	g->fd = fd;
	g->no_ack = false;
	g->running = false;
	g->last_len = 0;
	vcpu = gdb_who_stopped(vm);
	g->current = vcpu ? vcpu->id : 0;
}

/**
 * gdb_look() - tell the debugger when the guest has stopped
 *
 * The main loop calls it after whatever happened.
 */
void gdb_look(struct vm *vm)
{
	struct gdb *g = vm->gdb;
	struct vcpu *vcpu;

	if (g->fd < 0 || !g->running || !vm_is_paused(vm))
		return;
	vm_pause(vm);
	g->running = false;
	vcpu = gdb_who_stopped(vm);
	if (vcpu)
		g->current = vcpu->id;
	report_stop(vm, vcpu ? SIGNAL_TRAP : SIGNAL_INT);
}

/* Whether the guest stands still for a debugger, who thinks that it does. */
bool gdb_holds(const struct vm *vm)
{
	return vm->gdb->fd >= 0 && !vm->gdb->running;
}

/* @fds: room for GDB_POLL; gdb_ready() gets the same. */
void gdb_poll(struct vm *vm, struct pollfd *fds)
{
	const struct gdb *g = vm->gdb;

	fds[0] = (struct pollfd){ .fd = g->listen_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = g->fd, .events = POLLIN };
}

void gdb_ready(struct vm *vm, const struct pollfd *fds)
{
	struct gdb *g = vm->gdb;

	if (fds[1].fd >= 0 && fds[1].fd == g->fd && fds[1].revents)
		receive(vm);
	if (fds[0].fd >= 0 && fds[0].revents) {
		int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			gdb_attach(vm, fd);
	}
}

static int bind_to(int fd, const char *where)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const int one = 1;
	unsigned int port;
	struct stat st;

	if (strchr(where, '/')) {
		if (strlen(where) >= sizeof(un.sun_path)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		strcpy(un.sun_path, where);
		/* What a VM that was killed has left; nothing else. */
		if (!lstat(where, &st) && S_ISSOCK(st.st_mode))
			unlink(where);
		return bind(fd, (struct sockaddr *)&un, sizeof(un));
	}
	parse_number(where, 65535, &port);
	in.sin_port = htons(port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&in, sizeof(in));
}

/* --gdb: wait for a debugger there. */
static int listen_for_one(struct vm *vm)
{
	const char *where = vm->opt->gdb;
	struct gdb *g = vm->gdb;

	if (!where)
		return 0;
	g->listen_fd = socket(strchr(where, '/') ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->listen_fd >= 0 && !bind_to(g->listen_fd, where) && !listen(g->listen_fd, 1)) {
		err("the guest waits for a debugger: (gdb) target remote %s%s",
		    strchr(where, '/') ? "" : ":", where);
		return 0;
	}
	err("cannot wait for a debugger at %s: %s; choose another --gdb", where, strerror(errno));
	return -1;
}

/* gdb_destroy() undoes it, also when it fails. */
int gdb_create(struct vm *vm)
{
	vm->gdb = calloc(1, sizeof(*vm->gdb));
	if (!vm->gdb) {
		err("no memory for the debugger's interface");
		return -1;
	}
	vm->gdb->fd = -1;
	vm->gdb->listen_fd = -1;
	vm->gdb->software = software_breakpoint();
	return listen_for_one(vm);
}

/* The guest has ended; no vCPU runs. */
void gdb_destroy(struct vm *vm)
{
	struct gdb *g = vm->gdb;
	char text[8];

	if (!g)
		return;
	if (g->fd >= 0) {
		snprintf(text, sizeof(text), "W%02x", vm->status);
		if (g->running)
			reply(vm, text);
		drop(vm);
	}
	if (g->listen_fd >= 0) {
		close(g->listen_fd);
		if (strchr(vm->opt->gdb, '/'))
			unlink(vm->opt->gdb);
	}
	free(g);
}
