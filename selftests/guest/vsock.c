// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets between host and guest, for tests; statically linked, so that it runs in a guest.
 *
 *	vsock listen PORT	waits for somebody, sends standard input, prints what comes
 *	vsock connect CID PORT	the same as who comes
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static int fail(const char *what)
{
	fprintf(stderr, "vsock: %s: %s\n", what, strerror(errno));
	return 1;
}

static int copy(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			return fail("write");
	return n < 0 ? fail("read") : 0;
}

/* Both ways at once, until both have come to their end. */
static int talk(int fd)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return fail("fork");
	if (!child) {
		status = copy(0, fd);
		shutdown(fd, SHUT_WR);
		_exit(status);
	}
	status = copy(fd, 1);
	waitpid(child, NULL, 0);
	return status;
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
