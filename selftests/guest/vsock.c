// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets between host and guest, for tests; statically linked, so that it runs in a guest.
 *
 *	vsock listen PORT	waits for somebody, sends standard input, prints what comes
 *	vsock connect CID PORT	the same as who comes
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static int fail(const char *what)
{
	fprintf(stderr, "vsock: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Both ways, until both have come to their end. */
static int talk(int fd)
{
	struct pollfd p[] = { { .fd = 0, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	char buf[65536];
	ssize_t n;
	int i;

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (poll(p, 2, -1) < 0)
			return fail("poll");
		for (i = 0; i < 2; i++) {
			if (p[i].fd < 0 || !p[i].revents)
				continue;
			n = read(p[i].fd, buf, sizeof(buf));
			if (n < 0)
				return fail("read");
			if (n == 0) {
				p[i].fd = -1;
				if (i == 0)
					shutdown(fd, SHUT_WR);
				continue;
			}
			if (write(i ? 1 : fd, buf, n) != n)
				return fail("write");
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0), client;

	if (fd < 0)
		return fail("socket");
	if (argc == 3 && !strcmp(argv[1], "listen")) {
		a.svm_port = atoi(argv[2]);
		if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
			return fail("listen");
		client = accept(fd, NULL, NULL);
		return client < 0 ? fail("accept") : talk(client);
	}
	if (argc == 4 && !strcmp(argv[1], "connect")) {
		a.svm_cid = atoi(argv[2]);
		a.svm_port = atoi(argv[3]);
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
			return fail("connect");
		return talk(fd);
	}
	fprintf(stderr, "usage: vsock listen PORT | connect CID PORT\n");
	return 2;
}
