// SPDX-License-Identifier: GPL-2.0
/* Small helpers: messages, numbers, files, time. */

#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One line on standard error. */
void err(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "strata: %s\n", line);
}

/**
 * parse_size() - read a size such as 256M
 * @s: digits, then nothing (bytes), K, M, G or T in either case
 * @out: bytes
 *
 * Return: 0, or -1 when @s is no size or does not fit; prints nothing.
 */
int parse_size(const char *s, __u64 *out)
{
	unsigned int shift = 0;
	unsigned long long v;
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	v = strtoull(s, &end, 0);
	if (errno)
		return -1;
	switch (*end) {
	case 'k': case 'K':
		shift = 10;
		break;
	case 'm': case 'M':
		shift = 20;
		break;
	case 'g': case 'G':
		shift = 30;
		break;
	case 't': case 'T':
		shift = 40;
		break;
	case '\0':
		*out = v;
		return 0;
	default:
		return -1;
	}
	if (end[1] || v > ~0ULL >> shift)
		return -1;
	*out = v << shift;
	return 0;
}

/* A share in percent; of nothing it is 0. */
double percent(__u64 part, __u64 whole)
{
	return whole ? 100.0 * part / whole : 0;
}

/* A number of seconds, from min to a million; -1 and no message otherwise. */
int parse_seconds(const char *s, double min, double *out)
{
	char *end;

	*out = strtod(s, &end);
	return *s && !*end && *out >= min && *out < 1e6 ? 0 : -1;
}

void sleep_seconds(double s)
{
	struct timespec t = { .tv_sec = s, .tv_nsec = (s - (time_t)s) * 1e9 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* A decimal number from 1 to max; -1 and no message otherwise. */
int parse_number(const char *s, unsigned int max, unsigned int *out)
{
	unsigned long v;
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || *end || !v || v > max)
		return -1;
	*out = v;
	return 0;
}

/* The whole of a regular file, in memory of malloc(). */
int read_file(const char *path, struct blob *out)
{
	struct stat st;
	size_t done = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		err("cannot open %s: %s; check the path and its permissions",
		    path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || !st.st_size) {
		err("%s is empty or no regular file; name an image file", path);
		goto fail;
	}
	out->len = st.st_size;
	out->data = malloc(out->len);
	if (!out->data) {
		err("no memory for the %zu bytes of %s", out->len, path);
		goto fail;
	}
	while (done < out->len) {
		ssize_t n = read(fd, out->data + done, out->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err("cannot read %s: %s", path, n ? strerror(errno) : "it shrank");
			free(out->data);
			goto fail;
		}
		done += n;
	}
	close(fd);
	return 0;
fail:
	close(fd);
	return -1;
}

/* The first line of a small file such as those in /sys; silent on failure. */
int read_line(const char *path, char *buf, size_t len)
{
	FILE *f = fopen(path, "re");
	int ret = -1;

	if (!f)
		return -1;
	if (fgets(buf, len, f)) {
		buf[strcspn(buf, "\n")] = '\0';
		ret = 0;
	}
	fclose(f);
	return ret;
}

__u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* CPU time of all threads so far, the guest's included. */
__u64 cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

bool write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		p += n;
		len -= n;
	}
	return true;
}

/* What there is to read, to another descriptor; false at the end. */
bool pass_on(int from, int to)
{
	char bytes[4096];
	ssize_t n = read(from, bytes, sizeof(bytes));

	return n > 0 ? write_all(to, bytes, n) : n < 0 && errno == EINTR;
}
