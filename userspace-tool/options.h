/* SPDX-License-Identifier: GPL-2.0 */
/* The options of `strata run`, for the files that read them. */
#ifndef STRATA_OPTIONS_H
#define STRATA_OPTIONS_H

#include <getopt.h>

struct options;

/* options.c */
int options_take(int c, char *value, struct options *opt);

/* options_config.c */
int config_read(const char *path, const struct option *options, struct options *opt);

#endif
