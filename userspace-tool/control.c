// SPDX-License-Identifier: GPL-2.0
/*
 * A named VM's socket. The main thread answers; whoever may connect may do all of it, so
 * only the VM's own user may.
 */

#include "balloon.h"
#include "control.h"
#include "control_reply.h"
#include "gdb.h"
#include "launcher.h"
#include "look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- requests ---- */

/* What cannot be done, and why. */
json_t *control_failed(const char *why)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", why);
}

json_t *control_done(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static json_t *do_status(struct vm *vm, json_t *request)
{
	json_t *reply;

	(void)request;
	reply = json_pack("{s:b, s:s, s:i, s:s, s:i, s:I, s:s, s:f}", "ok", 1, "name",
			  vm->opt->name, "pid", (int)getpid(), "state",
			  vm->paused ? "paused" : "running", "cpus", (int)vm->nr_vcpus, "memory",
			  (json_int_t)vm->opt->memory.size, "device", vm->opt->device, "uptime",
			  (now_ns() - vm->start_ns) / 1e9);
	if (vm->limits.cpu)
		json_object_set_new(reply, "cpu_limit", json_real(vm->limits.cpu / 10.0));
	if (vm->limits.weight)
		json_object_set_new(reply, "cpu_weight", json_integer(vm->limits.weight));
	if (vm->limits.memory)
		json_object_set_new(reply, "memory_limit", json_integer(vm->limits.memory));
	if (group_exists())
		json_object_set_new(reply, "cpu_usec", json_integer(group_cpu_usec()));
	return reply;
}

/* "cpu-limit": "20%" and so on; what is not named stays. */
static json_t *do_set(struct vm *vm, json_t *request)
{
	struct limits l = vm->limits;
	const char *key, *text;
	json_t *value;

	json_object_foreach(request, key, value) {
		char *copy;
		int ret;

		if (!strcmp(key, "command"))
			continue;
		text = json_string_value(value);
		copy = text ? strdup(text) : NULL;
		ret = copy ? limits_parse(key, copy, &l) : 1;
		free(copy);
		if (ret)
			return control_failed("there is no such limit, or no such value: they are cpu-limit, "
					      "cpu-weight, memory-limit and pin; the VM's own messages "
					      "say more");
	}
	return group_set(vm, &l) ? control_failed("the limit cannot be set; the VM's own messages "
						  "say why") : control_done();
}

static json_t *do_pause(struct vm *vm, json_t *request)
{
	(void)request;
	vm_pause(vm);
	return control_done();
}

static json_t *do_resume(struct vm *vm, json_t *request)
{
	(void)request;
	if (gdb_holds(vm))
		return control_failed("a debugger holds the VM; it lets it go on");
	vm_resume(vm);
	return control_done();
}

/* By its power button, which a guest without ACPI does not have; or at once. */
static json_t *do_stop(struct vm *vm, json_t *request)
{
	if (json_is_true(json_object_get(request, "force")))
		vm_end(vm, STATUS_STOPPED);
	else
		pm_press_power_button(vm);
	return control_done();
}

static json_t *do_reset(struct vm *vm, json_t *request)
{
	(void)request;
	vm->restart = true;
	vm_stop(vm, STATUS_RESET);
	return control_done();
}

static json_t *do_nmi(struct vm *vm, json_t *request)
{
	(void)request;
	if (vm->paused)
		return control_failed("the VM is paused; resume it first");
	vm_nmi(vm);
	return control_done();
}

/* Into the file that came with the request: the launcher opens none itself (confine.c). */
static json_t *do_dump(struct vm *vm, json_t *request)
{
	const char *file = json_string_value(json_object_get(request, "file"));
	int ret, fd = vm->control.current->passed_fd;
	bool runs;

	vm->control.current->passed_fd = -1;
	if (fd < 0)
		return control_failed("a descriptor of the file must come with the request");
	runs = vm_look_begin(vm);
	ret = core_write(vm, fd, file ? file : "the file that was asked for");
	vm_look_end(vm, runs);
	return ret ? control_failed("the dump cannot be written; the VM's own messages say why") :
		     control_done();
}

static json_t *do_balloon(struct vm *vm, json_t *request)
{
	json_t *size = json_object_get(request, "size"), *reply;
	struct balloon_state s;
	struct look_memory m;

	if (!vm->balloon)
		return control_failed("the VM has no balloon; start it with --balloon");
	if (size && (!json_is_integer(size) || json_integer_value(size) < 0 ||
		     (__u64)json_integer_value(size) > vm->opt->memory.size))
		return control_failed("'size' must be a number of bytes, not more than the VM has");
	if (size)
		balloon_set(vm, json_integer_value(size));
	balloon_get(vm, &s);
	if (look_memory(vm, &m))
		return control_failed("/proc/self/smaps cannot be read");
	reply = json_pack("{s:b, s:I, s:I, s:I, s:I}", "ok", 1, "target", (json_int_t)s.target,
			  "actual", (json_int_t)s.actual, "reported", (json_int_t)s.reported,
			  "resident", (json_int_t)m.resident);
	if (s.has_stats) {
		json_object_set_new(reply, "guest_total", json_integer(s.guest_total));
		json_object_set_new(reply, "guest_free", json_integer(s.guest_free));
		json_object_set_new(reply, "guest_available", json_integer(s.guest_available));
		json_object_set_new(reply, "guest_caches", json_integer(s.guest_caches));
	}
	return reply;
}

static json_t *do_gdb(struct vm *vm, json_t *request)
{
	(void)request;
	if (vm->gdb->fd >= 0)
		return control_failed("a debugger is there already");
	vm->control.take_over = gdb_attach;
	return control_done();
}

static json_t *do_console(struct vm *vm, json_t *request)
{
	(void)request;
	if (vm->console.client_fd >= 0)
		return control_failed("somebody has the console already");
	vm->control.take_over = console_attach;
	return control_done();
}

static const struct {
	const char *name;
	json_t *(*fn)(struct vm *vm, json_t *request);
} commands[] = {
	{ "status", do_status }, { "pause", do_pause }, { "resume", do_resume },
	{ "stop", do_stop }, { "reset", do_reset }, { "nmi", do_nmi }, { "dump", do_dump },
	{ "balloon", do_balloon }, { "set", do_set }, { "gdb", do_gdb }, { "console", do_console },
	{ "translate", control_translate }, { "memory", control_memory },
};

static json_t *answer(struct vm *vm, const char *line)
{
	json_t *request = json_loads(line, 0, NULL), *reply = NULL;
	const char *name = json_string_value(json_object_get(request, "command"));
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			reply = commands[i].fn(vm, request);
	if (!reply)
		reply = control_failed(!request ? "this is no JSON object" : name ?
			       "there is no such command" : "'command' is missing");
	json_decref(request);
	return reply;
}

/* ---- connections ---- */

static void drop_passed(struct control_client *c)
{
	if (c->passed_fd >= 0)
		close(c->passed_fd);
	c->passed_fd = -1;
}

static void drop(struct control_client *c)
{
	drop_passed(c);
	close(c->fd);
	c->fd = -1;
	c->used = 0;
}

/* Who does not read loses what is for them. */
static void send_reply(struct control_client *c, json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT);

	if (text && (send(c->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
		     send(c->fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0))
		drop(c);
	free(text);
	json_decref(reply);
}

/* What was said after the request is lost; who asks waits for the answer. */
static void hand_over(struct vm *vm, struct control_client *c)
{
	if (c->fd >= 0)
		vm->control.take_over(vm, c->fd);
	vm->control.take_over = NULL;
	c->fd = -1;
	c->used = 0;
}

static void take_lines(struct vm *vm, struct control_client *c)
{
	char *end;

	while (c->fd >= 0 && (end = memchr(c->line, '\n', c->used))) {
		size_t len = end + 1 - c->line;

		*end = '\0';
		vm->control.current = c;
		send_reply(c, answer(vm, c->line));
		drop_passed(c);
		if (vm->control.take_over)
			hand_over(vm, c);
		if (c->fd < 0)
			return;
		c->used -= len;
		memmove(c->line, end + 1, c->used);
	}
	if (c->fd >= 0 && c->used == sizeof(c->line)) {
		send_reply(c, control_failed("the request is too long"));
		if (c->fd >= 0)
			drop(c);
	}
}

/* Bytes, and with them perhaps a descriptor, which is for the next request. */
static ssize_t receive_bytes(struct control_client *c)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} u;
	struct iovec iov = { c->line + c->used, sizeof(c->line) - c->used };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u),
	};
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
	    h->cmsg_len == CMSG_LEN(sizeof(int))) {
		drop_passed(c);
		memcpy(&c->passed_fd, CMSG_DATA(h), sizeof(int));
	}
	return n;
}

static void receive(struct vm *vm, struct control_client *c)
{
	ssize_t n = receive_bytes(c);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
	} else {
		c->used += n;
		take_lines(vm, c);
	}
	if (c->fd < 0)
		control_memory_gone(vm, c);
}

static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (peer.uid == geteuid() || !peer.uid);
}

static void welcome(struct control *control)
{
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC), i;

	for (i = 0; fd >= 0 && i < CONTROL_CLIENTS; i++) {
		if (control->clients[i].fd >= 0 || !is_allowed(fd))
			continue;
		control->clients[i].fd = fd;
		return;
	}
	if (fd >= 0)
		close(fd);
}

/**
 * control_poll() - what to wait for
 * @fds: room for 1 + CONTROL_CLIENTS
 *
 * Return: how many; control_ready() gets the same.
 */
unsigned int control_poll(struct vm *vm, struct pollfd *fds)
{
	unsigned int i;

	fds[0] = (struct pollfd){ .fd = vm->control.fd, .events = POLLIN };
	for (i = 0; i < CONTROL_CLIENTS; i++)
		fds[1 + i] = (struct pollfd){
			.fd = vm->control.fd < 0 ? -1 : vm->control.clients[i].fd,
			.events = POLLIN,
		};
	return 1 + CONTROL_CLIENTS;
}

void control_ready(struct vm *vm, const struct pollfd *fds)
{
	unsigned int i;

	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (fds[1 + i].fd >= 0 && fds[1 + i].revents)
			receive(vm, &vm->control.clients[i]);
	if (fds[0].fd >= 0 && fds[0].revents)
		welcome(&vm->control);
}

/* ---- the socket ---- */

/* What a VM that was killed has left is nobody's: the lock beside it tells. */
static int take_name(struct control *control, const char *name)
{
	char path[sizeof(control->address.sun_path) + 8];

	snprintf(path, sizeof(path), "%s.lock", control->address.sun_path);
	control->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (control->lock_fd < 0) {
		err("cannot make %s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(control->lock_fd, LOCK_EX | LOCK_NB)) {
		err("there is a VM named %s; 'strata list' shows it, 'strata stop %s' ends it", name,
		    name);
		return -1;
	}
	unlink(control->address.sun_path);
	return 0;
}

/* control_close() undoes it, also when it fails. */
int control_open(struct vm *vm)
{
	struct control *control = &vm->control;
	char directory[sizeof(control->address.sun_path)];
	const char *name = vm->opt->name;
	unsigned int i;

	control->fd = -1;
	control->lock_fd = -1;
	for (i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i] = (struct control_client){ .fd = -1, .passed_fd = -1 };
	if (!name)
		return 0;
	if (control_address(name, &control->address) ||
	    control_directory(directory, sizeof(directory)) || control_make_directory(directory) ||
	    take_name(control, name))
		return -1;
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (control->fd >= 0 &&
	    !bind(control->fd, (struct sockaddr *)&control->address, sizeof(control->address)) &&
	    !listen(control->fd, CONTROL_CLIENTS))
		return 0;
	err("cannot make the socket %s: %s", control->address.sun_path, strerror(errno));
	return -1;
}

void control_close(struct vm *vm)
{
	struct control *control = &vm->control;
	unsigned int i;

	if (!vm->opt->name)
		return;
	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].fd >= 0)
			drop(&control->clients[i]);
	if (control->fd >= 0) {
		close(control->fd);
		unlink(control->address.sun_path);
	}
	if (control->lock_fd >= 0)
		close(control->lock_fd);
}
