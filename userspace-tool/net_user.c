// SPDX-License-Identifier: GPL-2.0
/*
 * A network card whose network is this process (libslirp): the guest reaches what we
 * reach, by our own sockets and without privileges.
 *
 * libslirp wants poll(), so it has a thread of its own. All calls into it are made with
 * the card's lock held.
 */

#include "launcher.h"
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HEADER		sizeof(struct virtio_net_hdr_v1)
#define MAX_POLL	1024
/* Frames that wait for the guest, which TCP's windows keep few. */
#define MAX_WAITING	1024

struct timer {
	SlirpTimerCb fn;
	void *arg;
	int64_t at;			/* ms of CLOCK_MONOTONIC, -1: never */
	struct timer *next;
};

struct waiting {
	struct waiting *next;
	size_t len;
	__u8 frame[];
};

struct user {
	struct net *net;
	Slirp *slirp;
	pthread_t thread;
	bool started, ends;
	int wake_fd;
	struct timer *timers;
	struct waiting *first, **last;
	unsigned int nr_waiting;
	unsigned int nr_fds;
	struct pollfd fds[MAX_POLL];
};

static void wake(struct user *u)
{
	static const __u64 one = 1;

	write_all(u->wake_fd, &one, sizeof(one));
}

/* ---- what libslirp asks for ---- */

static void flush_waiting(struct user *u)
{
	struct waiting *w;

	while ((w = u->first) && net_receive(u->net, w->frame, w->len)) {
		u->first = w->next;
		if (!u->first)
			u->last = &u->first;
		u->nr_waiting--;
		free(w);
	}
	net_received(u->net);
}

static ssize_t send_packet(const void *data, size_t len, void *arg)
{
	struct user *u = arg;
	struct waiting *w;

	/* What does not fit any more is lost, as on any network. */
	if (u->nr_waiting == MAX_WAITING)
		return len;
	w = calloc(1, sizeof(*w) + HEADER + len);
	if (!w)
		return len;
	w->len = HEADER + len;
	memcpy(w->frame + HEADER, data, len);
	*u->last = w;
	u->last = &w->next;
	u->nr_waiting++;
	return len;
}

static void guest_error(const char *msg, void *arg)
{
	/* A guest's malformed packet is its own affair. */
	(void)msg;
	(void)arg;
}

static int64_t clock_ns(void *arg)
{
	(void)arg;
	return now_ns();
}

static void *timer_new(SlirpTimerCb fn, void *fn_arg, void *arg)
{
	struct timer *t = calloc(1, sizeof(*t));
	struct user *u = arg;

	if (!t)
		abort();
	t->fn = fn;
	t->arg = fn_arg;
	t->at = -1;
	t->next = u->timers;
	u->timers = t;
	return t;
}

static void timer_free(void *timer, void *arg)
{
	struct user *u = arg;
	struct timer **p = &u->timers;

	while (*p != timer)
		p = &(*p)->next;
	*p = (*p)->next;
	free(timer);
}

static void timer_mod(void *timer, int64_t at, void *arg)
{
	((struct timer *)timer)->at = at;
	wake(arg);
}

static void ignore_fd(int fd, void *arg)
{
	(void)fd;
	(void)arg;
}

static void notify(void *arg)
{
	wake(arg);
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = ignore_fd,
	.unregister_poll_fd = ignore_fd,
	.notify = notify,
};

/* ---- its thread ---- */

static const struct { int slirp; short poll; } event_bits[] = {
	{ SLIRP_POLL_IN, POLLIN }, { SLIRP_POLL_OUT, POLLOUT }, { SLIRP_POLL_PRI, POLLPRI },
	{ SLIRP_POLL_ERR, POLLERR }, { SLIRP_POLL_HUP, POLLHUP },
};

static int add_poll(int fd, int events, void *arg)
{
	struct user *u = arg;
	unsigned int i;

	/* Who is not looked at waits for the next round. */
	if (u->nr_fds == MAX_POLL)
		return -1;
	u->fds[u->nr_fds] = (struct pollfd){ .fd = fd };
	for (i = 0; i < ARRAY_SIZE(event_bits); i++)
		if (events & event_bits[i].slirp)
			u->fds[u->nr_fds].events |= event_bits[i].poll;
	return u->nr_fds++;
}

static int get_revents(int n, void *arg)
{
	const struct user *u = arg;
	int events = 0;
	unsigned int i;

	for (i = 0; n >= 0 && i < ARRAY_SIZE(event_bits); i++)
		if (u->fds[n].revents & event_bits[i].poll)
			events |= event_bits[i].slirp;
	return events;
}

static void run_timers(struct user *u)
{
	int64_t now = now_ns() / 1000000;
	struct timer *t;

	for (t = u->timers; t; t = t->next) {
		if (t->at < 0 || t->at > now)
			continue;
		t->at = -1;
		t->fn(t->arg);
	}
}

static int poll_time(const struct user *u, uint32_t timeout)
{
	int64_t now = now_ns() / 1000000, left = timeout;
	const struct timer *t;

	for (t = u->timers; t; t = t->next)
		if (t->at >= 0 && t->at - now < left)
			left = t->at > now ? t->at - now : 0;
	return left;
}

static void *user_thread(void *arg)
{
	struct user *u = arg;
	pthread_mutex_t *lock = &u->net->dev.worker.lock;
	uint32_t timeout;
	__u64 count;
	int n;

	pthread_mutex_lock(lock);
	while (!u->ends) {
		timeout = 60000;
		u->fds[0] = (struct pollfd){ .fd = u->wake_fd, .events = POLLIN };
		u->nr_fds = 1;
		slirp_pollfds_fill(u->slirp, &timeout, add_poll, u);
		n = poll_time(u, timeout);
		pthread_mutex_unlock(lock);
		n = poll(u->fds, u->nr_fds, n);
		if (u->fds[0].revents && read(u->wake_fd, &count, sizeof(count)) < 0)
			n = 0;
		pthread_mutex_lock(lock);
		slirp_pollfds_poll(u->slirp, n < 0, get_revents, u);
		run_timers(u);
		flush_waiting(u);
	}
	pthread_mutex_unlock(lock);
	return NULL;
}

/* ---- the backend ---- */

static void user_send(struct net *n, const __u8 *frame, size_t len)
{
	struct user *u = n->state;

	slirp_input(u->slirp, frame + HEADER, len - HEADER);
	flush_waiting(u);
	/* There may be other descriptors to wait for. */
	wake(u);
}

static void user_room(struct net *n)
{
	if (net_has_room(n))
		flush_waiting(n->state);
}

static void user_close(struct net *n)
{
	struct user *u = n->state;
	struct waiting *w;

	if (u->started) {
		pthread_mutex_lock(&n->dev.worker.lock);
		u->ends = true;
		pthread_mutex_unlock(&n->dev.worker.lock);
		wake(u);
		pthread_join(u->thread, NULL);
	}
	if (u->slirp)
		slirp_cleanup(u->slirp);
	while ((w = u->first)) {
		u->first = w->next;
		free(w);
	}
	if (u->wake_fd >= 0)
		close(u->wake_fd);
	free(u);
}

/* A thread has the rights of who starts it: not before the launcher has given up its own. */
static int user_launch(struct net *n)
{
	struct user *u = n->state;
	int ret = pthread_create(&u->thread, NULL, user_thread, u);

	if (ret) {
		err("%s: cannot start its network's thread: %s; raise ulimit -u", n->dev.name,
		    strerror(ret));
		return -1;
	}
	pthread_setname_np(u->thread, "slirp");
	u->started = true;
	return 0;
}

static const struct net_backend user_backend = {
	.launch = user_launch,
	.send = user_send,
	.room = user_room,
	.close = user_close,
};

static int add_forwards(struct user *u)
{
	struct in_addr host = { .s_addr = htonl(INADDR_LOOPBACK) }, guest;
	const struct net_options *opt = u->net->opt;
	unsigned int i;

	inet_aton("10.0.2.15", &guest);
	for (i = 0; i < opt->nr_forwards; i++) {
		const struct forward *f = &opt->forwards[i];

		if (!slirp_add_hostfwd(u->slirp, f->udp, host, f->host_port, guest, f->guest_port))
			continue;
		err("cannot forward the %s port %u of this machine: %s; name another one",
		    f->udp ? "UDP" : "TCP", f->host_port, strerror(errno));
		return -1;
	}
	return 0;
}

static int open_slirp(struct user *u)
{
	SlirpConfig config = { .version = 1, .in_enabled = true, .in6_enabled = true,
			       .vprefix_len = 64, .vhostname = "strata" };

	inet_aton("10.0.2.0", &config.vnetwork);
	inet_aton("255.255.255.0", &config.vnetmask);
	inet_aton("10.0.2.2", &config.vhost);
	inet_aton("10.0.2.3", &config.vnameserver);
	inet_aton("10.0.2.15", &config.vdhcp_start);
	inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &config.vhost6);
	inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
	u->slirp = slirp_new(&config, &callbacks, u);
	if (u->slirp)
		return add_forwards(u);
	err("libslirp cannot make a network");
	return -1;
}

int user_open(struct net *n)
{
	struct user *u = calloc(1, sizeof(*u));

	if (!u) {
		err("no memory for a network");
		return -1;
	}
	u->net = n;
	u->last = &u->first;
	u->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n->state = u;
	n->backend = &user_backend;
	return open_slirp(u);
}
