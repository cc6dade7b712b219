// SPDX-License-Identifier: GPL-2.0
/* Commands for a named VM: what the socket takes, for people. */

#include "control.h"
#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_SEEN	64

static int connect_to(const char *name, bool quiet)
{
	struct sockaddr_un address;
	int fd;

	if (control_address(name, &address))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (!quiet)
		err("there is no VM named %s (%s); 'strata list' shows those that there are", name,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* One line; NULL where the other side has gone. */
static json_t *read_reply(int fd)
{
	char line[CONTROL_MAX_REPLY];
	size_t n;

	/* Byte by byte: what comes after it is for somebody else. */
	for (n = 0; n < sizeof(line) && read(fd, line + n, 1) == 1; n++)
		if (line[n] == '\n')
			return json_loadb(line, n, 0, NULL);
	return NULL;
}

/* The first byte, and with it a descriptor, if there is one. */
static bool send_first(int fd, char *text, int pass)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	struct iovec iov = { text, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass >= 0) {
		m.msg_control = &u;
		m.msg_controllen = sizeof(u);
		u.align.cmsg_level = SOL_SOCKET;
		u.align.cmsg_type = SCM_RIGHTS;
		u.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&u.align), &pass, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL) == 1;
}

/* The connection stays, if @fd is wanted; @request is ours from now on. */
static json_t *converse(const char *name, json_t *request, bool quiet, int *fd, int pass)
{
	char *text = json_dumps(request, JSON_COMPACT);
	json_t *reply = NULL;

	json_decref(request);
	*fd = connect_to(name, quiet);
	if (*fd >= 0 && text && send_first(*fd, text, pass) &&
	    write_all(*fd, text + 1, strlen(text) - 1) && write_all(*fd, "\n", 1))
		reply = read_reply(*fd);
	free(text);
	if (!reply && *fd >= 0 && !quiet)
		err("%s does not answer; it may have ended", name);
	return reply;
}

static json_t *ask(const char *name, json_t *request, bool quiet)
{
	int fd;
	json_t *reply = converse(name, request, quiet, &fd, -1);

	if (fd >= 0)
		close(fd);
	return reply;
}

/* Says why not, where it was not done. */
static bool is_done(const char *name, const json_t *reply)
{
	bool ok = json_is_true(json_object_get(reply, "ok"));
	const char *why = json_string_value(json_object_get(reply, "error"));

	if (reply && !ok)
		err("%s: %s", name, why ? why : "it did not do it");
	return ok;
}

static int tell(const char *name, json_t *request)
{
	json_t *reply = ask(name, request, false);
	bool ok = is_done(name, reply);

	json_decref(reply);
	return ok ? 0 : STATUS_HOST_ERROR;
}

/* The answer, if it was done; @request is given away. */
struct json_t *control_request(const char *name, struct json_t *request)
{
	int fd;
	json_t *reply = control_keep(name, request, &fd);

	if (reply)
		close(fd);
	return reply;
}

/* The same, and the connection stays, which the VM may tie something to. */
struct json_t *control_keep(const char *name, struct json_t *request, int *fd)
{
	json_t *reply = converse(name, request, false, fd, -1);

	if (is_done(name, reply))
		return reply;
	if (*fd >= 0)
		close(*fd);
	json_decref(reply);
	return NULL;
}

/**
 * control_connect() - ask a VM for a connection that is about something else then
 * @request: given away
 *
 * Return: the socket, or -1.
 */
int control_connect(const char *name, struct json_t *request)
{
	int fd;
	json_t *reply = control_keep(name, request, &fd);

	json_decref(reply);
	return reply ? fd : -1;
}

/* STATUS_USAGE */
int control_no_name(const char *command)
{
	err("which VM? Write 'strata %s NAME'; 'strata list' shows them", command);
	return STATUS_USAGE;
}

static int simple(int argc, char **argv)
{
	if (argc != 2)
		return control_no_name(argv[0]);
	return tell(argv[1], json_pack("{s:s}", "command", argv[0]));
}

int cmd_pause(int argc, char **argv)
{
	return simple(argc, argv);
}

int cmd_resume(int argc, char **argv)
{
	return simple(argc, argv);
}

int cmd_reset(int argc, char **argv)
{
	return simple(argc, argv);
}

int cmd_nmi(int argc, char **argv)
{
	return simple(argc, argv);
}

int cmd_stop(int argc, char **argv)
{
	bool force = argc == 3 && !strcmp(argv[2], "--force");

	if (argc != 2 && !force)
		return control_no_name(argv[0]);
	return tell(argv[1], json_pack("{s:s, s:b}", "command", "stop", "force", force));
}

int cmd_dump(int argc, char **argv)
{
	json_t *reply;
	int file, fd;
	bool ok;

	if (argc != 3) {
		err("write 'strata dump NAME FILE'");
		return STATUS_USAGE;
	}
	file = core_open(argv[2]);
	if (file < 0)
		return STATUS_HOST_ERROR;
	reply = converse(argv[1], json_pack("{s:s, s:s}", "command", "dump", "file", argv[2]), false,
			 &fd, file);
	ok = is_done(argv[1], reply);
	json_decref(reply);
	if (fd >= 0)
		close(fd);
	close(file);
	return ok ? 0 : STATUS_HOST_ERROR;
}

int cmd_balloon(int argc, char **argv)
{
	static const struct { const char *key, *words; } lines[] = {
		{ "resident", "of it in this machine's memory" },
		{ "reported", "given back as free, in all" },
		{ "target", "the balloon, as asked for" },
		{ "actual", "the balloon, as it is" },
		{ "guest_total", "the guest's own: in all" },
		{ "guest_free", "free" },
		{ "guest_available", "available" },
		{ "guest_caches", "caches of files" },
	};
	json_t *request, *reply;
	const char *why;
	__u64 size;
	size_t i;

	if (argc != 2 && argc != 3)
		return control_no_name(argv[0]);
	request = json_pack("{s:s}", "command", "balloon");
	if (argc == 3) {
		if (parse_size(argv[2], &size)) {
			err("'%s' is no size; write for example 64M", argv[2]);
			json_decref(request);
			return STATUS_USAGE;
		}
		json_object_set_new(request, "size", json_integer(size));
	}
	reply = ask(argv[1], request, false);
	if (!reply)
		return STATUS_HOST_ERROR;
	why = json_string_value(json_object_get(reply, "error"));
	if (why)
		err("%s: %s", argv[1], why);
	for (i = 0; !why && i < ARRAY_SIZE(lines); i++) {
		const json_t *v = json_object_get(reply, lines[i].key);

		if (v)
			printf("%8lld KiB  %s\n", json_integer_value(v) / 1024, lines[i].words);
	}
	json_decref(reply);
	return why ? STATUS_HOST_ERROR : 0;
}

static void print_one(const char *name)
{
	json_t *reply = ask(name, json_pack("{s:s}", "command", "status"), true);
	const char *state;
	json_int_t memory;
	int pid, cpus;
	double uptime;

	if (!json_unpack(reply, "{s:s, s:i, s:i, s:I, s:F}", "state", &state, "pid", &pid, "cpus",
			 &cpus, "memory", &memory, "uptime", &uptime))
		printf("%-16s %-8s %8d %5d %7lldM %9.0fs\n", name, state, pid, cpus,
		       (long long)(memory / SZ_1M), uptime);
	json_decref(reply);
}

static int is_socket(const struct dirent *e)
{
	size_t len = strlen(e->d_name), tail = strlen(CONTROL_SUFFIX);

	return len > tail && !strcmp(e->d_name + len - tail, CONTROL_SUFFIX);
}

/* For each VM of this user that has a name. Returns how many there are. */
static int for_each(void (*fn)(const char *name))
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct dirent **entries;
	int i, n;

	if (control_directory(path, sizeof(path)))
		return 0;
	n = scandir(path, &entries, is_socket, alphasort);
	for (i = 0; i < n; i++) {
		entries[i]->d_name[strlen(entries[i]->d_name) - strlen(CONTROL_SUFFIX)] = '\0';
		if (fn)
			fn(entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return n;
}

void control_list(void)
{
	if (for_each(NULL) > 0)
		printf("\n%-16s %-8s %8s %5s %8s %10s\n", "NAME", "STATE", "PID", "CPUS", "MEMORY",
		       "UPTIME");
	for_each(print_one);
}

/* What the last look at the VMs with limits has seen. */
static struct { char name[64]; __u64 usec, ns; } seen[MAX_SEEN];
static unsigned int nr_seen;

static void print_limits(const char *name)
{
	json_t *reply = ask(name, json_pack("{s:s}", "command", "status"), true);
	__u64 usec = json_integer_value(json_object_get(reply, "cpu_usec")), now = now_ns();
	const json_t *cpu = json_object_get(reply, "cpu_limit"),
		     *weight = json_object_get(reply, "cpu_weight"),
		     *memory = json_object_get(reply, "memory_limit");
	unsigned int i;

	if (!cpu && !weight && !memory) {
		json_decref(reply);
		return;
	}
	for (i = 0; i < nr_seen && strcmp(seen[i].name, name); i++)
		;
	printf("%s:", name);
	if (cpu)
		printf(" asked %.1f%% of a CPU,", json_number_value(cpu));
	if (weight)
		printf(" weight %lld,", json_integer_value(weight));
	if (memory)
		printf(" %lld MiB of memory at most,", json_integer_value(memory) / (json_int_t)SZ_1M);
	if (i < nr_seen)
		printf(" got %.1f%%\n", (usec - seen[i].usec) * 1e5 / (now - seen[i].ns));
	else
		printf(" got (at the next look)\n");
	if (i == nr_seen && i < MAX_SEEN)
		nr_seen++;
	if (i < MAX_SEEN) {
		snprintf(seen[i].name, sizeof(seen[i].name), "%s", name);
		seen[i].usec = usec;
		seen[i].ns = now;
	}
	json_decref(reply);
}

/* A line for each named VM that has limits: what was asked, and what it got. */
void control_print_limits(void)
{
	for_each(print_limits);
}
