// SPDX-License-Identifier: GPL-2.0
/* Where the sockets of named VMs are: in a folder that belongs to nobody else. */

#include "control.h"
#include "launcher.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_NAME	32

/* Letters, digits, '-', '_' and '.', but not first: a name is a part of a path. */
int control_check_name(const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && (!i || !strchr("-_.", name[i])))
			break;
	if (len && len <= MAX_NAME && i == len)
		return 0;
	err("'%s' is no name for a VM: it takes up to %d letters, digits, '-', '_' and '.'", name,
	    MAX_NAME);
	return -1;
}

/**
 * control_directory() - the path of the folder of this user's sockets
 * @path: filled in
 */
int control_directory(char *path, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (runtime && *runtime)
		n = snprintf(path, size, "%s/strata", runtime);
	else if (!geteuid())
		n = snprintf(path, size, "/run/strata");
	else
		n = snprintf(path, size, "/tmp/strata-%u", geteuid());
	if (n > 0 && (size_t)n < size)
		return 0;
	err("XDG_RUNTIME_DIR is too long for a socket's name; set it to a shorter one");
	return -1;
}

/* It is made, if need be, and nobody else's. */
int control_make_directory(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) && errno != EEXIST) {
		err("cannot make the folder %s: %s; set XDG_RUNTIME_DIR to one of yours", path,
		    strerror(errno));
		return -1;
	}
	/* In /tmp somebody else may have been first. */
	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 022) {
		err("%s is not yours alone; set XDG_RUNTIME_DIR to a folder that is", path);
		return -1;
	}
	return 0;
}

int control_address(const char *name, struct sockaddr_un *address)
{
	char directory[sizeof(address->sun_path)];
	int n;

	if (control_check_name(name) || control_directory(directory, sizeof(directory)))
		return -1;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s" CONTROL_SUFFIX,
		     directory, name);
	if (n > 0 && (size_t)n < sizeof(address->sun_path))
		return 0;
	err("the path of %s's socket is too long; choose a shorter name", name);
	return -1;
}
