/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device's own thread: it waits for descriptors and calls whom they concern, with the
 * device's lock held. Lock order: vm->io_lock, then a worker's.
 */
#ifndef STRATA_WORKER_H
#define STRATA_WORKER_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>

struct worker_event {
	int fd;
	void (*ready)(struct worker_event *e, __u32 events);	/* EPOLL* */
	void *arg;
};

struct worker {
	const char *name;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	int epoll_fd;
	struct worker_event end;
};

int worker_init(struct worker *w, const char *name);
int worker_watch(struct worker *w, struct worker_event *e, __u32 events);
void worker_change(struct worker *w, struct worker_event *e, __u32 events);
int worker_start(struct worker *w);
void worker_stop(struct worker *w);

#endif
