// SPDX-License-Identifier: GPL-2.0
/* A device's own thread. */

#include "launcher.h"
#include "worker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS	16

/* worker_stop() takes what is zero for never initialized. */
int worker_init(struct worker *w, const char *name)
{
	pthread_mutex_init(&w->lock, NULL);
	w->name = name;
	w->end.fd = eventfd(0, EFD_CLOEXEC);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd >= 0 && w->end.fd >= 0)
		return worker_watch(w, &w->end, EPOLLIN);
	err("%s: no descriptor for its thread: %s; raise ulimit -n", name, strerror(errno));
	return -1;
}

/**
 * worker_watch() - call e->ready() when something happens to e->fd
 * @e: stays where it is as long as the worker
 */
int worker_watch(struct worker *w, struct worker_event *e, __u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = e };

	if (!epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, e->fd, &ev))
		return 0;
	err("%s: cannot wait for its events: %s", w->name, strerror(errno));
	return -1;
}

void worker_change(struct worker *w, struct worker_event *e, __u32 events)
{
	struct epoll_event ev = { .events = events, .data.ptr = e };

	epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, e->fd, &ev);
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	struct epoll_event ev[EVENTS];
	int i, n;

	for (;;) {
		n = epoll_wait(w->epoll_fd, ev, EVENTS, -1);
		pthread_mutex_lock(&w->lock);
		for (i = 0; i < n; i++) {
			struct worker_event *e = ev[i].data.ptr;

			if (e == &w->end) {
				pthread_mutex_unlock(&w->lock);
				return NULL;
			}
			e->ready(e, ev[i].events);
		}
		pthread_mutex_unlock(&w->lock);
	}
}

int worker_start(struct worker *w)
{
	int ret = pthread_create(&w->thread, NULL, worker_thread, w);

	if (ret) {
		err("%s: cannot start its thread: %s; raise ulimit -u", w->name, strerror(ret));
		return -1;
	}
	pthread_setname_np(w->thread, w->name);
	w->started = true;
	return 0;
}

void worker_stop(struct worker *w)
{
	static const __u64 one = 1;

	if (!w->name)
		return;
	if (w->started) {
		write_all(w->end.fd, &one, sizeof(one));
		pthread_join(w->thread, NULL);
	}
	close(w->end.fd);
	close(w->epoll_fd);
}
