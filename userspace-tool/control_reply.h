/* SPDX-License-Identifier: GPL-2.0 */
/* Answers to a named VM's requests, for the files that make them. */
#ifndef STRATA_CONTROL_REPLY_H
#define STRATA_CONTROL_REPLY_H

#include <jansson.h>

struct control_client;
struct vm;

/* control.c */
json_t *control_failed(const char *why);
json_t *control_done(void);

/* control_look.c */
json_t *control_translate(struct vm *vm, json_t *request);
json_t *control_memory(struct vm *vm, json_t *request);
void control_memory_gone(struct vm *vm, const struct control_client *client);

#endif
