// SPDX-License-Identifier: GPL-2.0
/* `strata set`: other limits for a named VM; and the lines about them in `strata top`. */

#include "launcher.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

int cmd_set(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cpu-limit", required_argument, NULL, 'l' },
		{ "cpu-weight", required_argument, NULL, 'l' },
		{ "memory-limit", required_argument, NULL, 'l' },
		{ "pin", required_argument, NULL, 'l' },
		{ 0 }
	};
	json_t *request = json_pack("{s:s}", "command", "set"), *reply;
	int c, index = 0;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, &index)) != -1) {
		if (c != 'l') {
			err("see 'strata help set' for its options");
			json_decref(request);
			return STATUS_USAGE;
		}
		json_object_set_new(request, options[index].name, json_string(optarg));
	}
	if (argc - optind != 1 || json_object_size(request) == 1) {
		err("write 'strata set NAME --cpu-limit 20%%', or another limit");
		json_decref(request);
		return STATUS_USAGE;
	}
	reply = control_request(argv[optind], request);
	json_decref(reply);
	return reply ? 0 : STATUS_HOST_ERROR;
}
