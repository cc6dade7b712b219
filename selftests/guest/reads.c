// SPDX-License-Identifier: GPL-2.0
/*
 * How long a disk takes to answer: reads of 4 KiB past the cache, one after another with a
 * pause between, and every five seconds how many there were, how long they took in the
 * mean, and the longest.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	4096
#define BLOCKS	256
#define PAUSE	5000	/* microseconds */
#define SAY	5000000

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int main(void)
{
	int fd = open("/dev/vda", O_RDONLY | O_DIRECT);
	long said = now(), n = 0, sum = 0, longest = 0;
	void *block;

	if (fd < 0 || posix_memalign(&block, BLOCK, BLOCK))
		return 1;
	for (;;) {
		long from = now(), took;

		if (pread(fd, block, BLOCK, rand() % BLOCKS * BLOCK) != BLOCK)
			return 1;
		took = now() - from;
		n++;
		sum += took;
		longest = took > longest ? took : longest;
		if (from - said > SAY) {
			printf("guest: %ld reads of %ld us, %ld us the longest\n", n, sum / n, longest);
			fflush(stdout);
			said = from;
			n = sum = longest = 0;
		}
		usleep(PAUSE);
	}
}
