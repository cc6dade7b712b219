// SPDX-License-Identifier: GPL-2.0
/* Requests that look inside a VM: translate and memory. */

#include "control_reply.h"
#include "launcher.h"
#include "look.h"

#include <stdio.h>
#include <stdlib.h>

/* JSON's numbers are too short for addresses. */
static json_t *hex(__u64 value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return json_string(text);
}

static json_t *nested_json(const struct strata_nested_walk *w)
{
	static const char *const formats[] = {
		[STRATA_NESTED_NPT] = "npt", [STRATA_NESTED_EPT] = "ept",
		[STRATA_NESTED_EPT_NOAD] = "ept",
	};
	json_t *entries = json_array();
	unsigned int i;

	for (i = 0; i < w->nr && i < STRATA_NESTED_LEVELS; i++)
		json_array_append_new(entries, json_pack("{s:i, s:o, s:o}", "level",
							 (int)(w->levels - i), "at", hex(w->at[i]),
							 "entry", hex(w->entry[i])));
	return json_pack("{s:s, s:i, s:o}", "format", formats[w->format % 3], "leaf", (int)w->leaf,
			 "entries", entries);
}

static json_t *physical_json(const struct look_physical *p)
{
	static const char *const states[] = {
		[HOST_UNKNOWN] = "unknown", [HOST_ABSENT] = "absent", [HOST_SWAPPED] = "swapped",
		[HOST_PRESENT] = "present",
	};
	json_t *o = json_pack("{s:o, s:b}", "gpa", hex(p->gpa), "ram", p->host != NULL);

	if (p->has_nested)
		json_object_set_new(o, "nested", nested_json(&p->nested));
	if (p->host) {
		json_object_set_new(o, "hva", hex((__u64)(unsigned long)p->host));
		json_object_set_new(o, "host", json_string(states[p->state]));
	}
	if (p->machine)
		json_object_set_new(o, "machine", hex(p->machine));
	return o;
}

static json_t *linear_json(const struct look_linear *l)
{
	json_t *o, *entries = json_array();
	unsigned int i;

	for (i = 0; i < l->walk.nr; i++) {
		const struct walk_entry *e = &l->walk.entry[i];
		json_t *entry = physical_json(&l->entry[i]);

		json_object_set_new(entry, "level", json_integer(e->level));
		if (e->readable)
			json_object_set_new(entry, "entry", hex(e->value));
		json_array_append_new(entries, entry);
	}
	o = json_pack("{s:b, s:o, s:i, s:o, s:b}", "ok", 1, "cr3", hex(l->cr3), "levels",
		      (int)l->walk.levels, "guest", entries, "mapped", l->walk.mapped);
	if (l->walk.mapped) {
		json_object_set_new(o, "size", json_integer(l->walk.size));
		json_object_set_new(o, "page", physical_json(&l->page));
	}
	return o;
}

json_t *control_translate(struct vm *vm, json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "address"));
	json_int_t vcpu = json_integer_value(json_object_get(request, "vcpu"));
	struct look_physical p;
	struct look_linear l;
	bool runs;
	char *end;
	__u64 address;
	int ret;

	if (!text)
		return control_failed("'address' must be a number in a string, as \"0x1000\"");
	address = strtoull(text, &end, 0);
	if (!*text || *end)
		return control_failed("'address' must be a number in a string, as \"0x1000\"");
	if (json_is_true(json_object_get(request, "physical"))) {
		look_physical(vm, address, &p);
		return json_pack("{s:b, s:o}", "ok", 1, "page", physical_json(&p));
	}
	if (vcpu < 0 || vcpu >= vm->nr_vcpus)
		return control_failed("there is no such vCPU");
	runs = vm_look_begin(vm);
	ret = look_linear(&vm->vcpus[vcpu], address, &l);
	vm_look_end(vm, runs);
	return ret ? control_failed("the vCPU's registers cannot be read") : linear_json(&l);
}

/* One client at a time has writes logged, until it says so or is gone. */
static json_t *count_writes(struct vm *vm, bool begin, __u64 *bytes)
{
	struct control *control = &vm->control;

	if (begin && control->logger && control->logger != control->current)
		return control_failed("somebody else counts its writes; wait until that is over");
	if (!begin && !control->logger)
		return control_failed("nobody has begun to count its writes");
	control->logger = begin ? control->current : NULL;
	return look_dirty(vm, begin, bytes) ?
	       control_failed("the log of writes is not to be had") : NULL;
}

/* A client is gone: for nobody else need its writes be logged. */
void control_memory_gone(struct vm *vm, const struct control_client *client)
{
	__u64 bytes;

	if (vm->control.logger != client)
		return;
	vm->control.logger = NULL;
	look_dirty(vm, false, &bytes);
}

/* "dirty": "begin" or "end", which has what was written meanwhile. */
json_t *control_memory(struct vm *vm, json_t *request)
{
	const char *dirty = json_string_value(json_object_get(request, "dirty"));
	struct look_memory m;
	json_t *reply, *failed;
	__u64 bytes;

	if (look_memory(vm, &m))
		return control_failed("/proc/self/smaps cannot be read");
	reply = json_pack("{s:b, s:I, s:I, s:I, s:I}", "ok", 1, "total",
			  (json_int_t)vm->opt->memory.size, "resident", (json_int_t)m.resident,
			  "swapped", (json_int_t)m.swapped, "huge", (json_int_t)m.huge);
	if (m.has_nested) {
		json_object_set_new(reply, "mapped_4k", json_integer(m.mapped_4k));
		json_object_set_new(reply, "mapped_2m", json_integer(m.mapped_2m));
		json_object_set_new(reply, "mapped_1g", json_integer(m.mapped_1g));
		json_object_set_new(reply, "tables", json_integer(m.tables));
	}
	if (!dirty)
		return reply;
	failed = count_writes(vm, dirty[0] == 'b', &bytes);
	if (failed) {
		json_decref(reply);
		return failed;
	}
	json_object_set_new(reply, "dirty", json_integer(bytes));
	return reply;
}
