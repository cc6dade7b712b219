/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A debugger of the guest: GDB's remote protocol, all vCPUs stopped while it thinks. The
 * main thread serves it; vCPU n is its thread n + 1.
 */
#ifndef STRATA_GDB_H
#define STRATA_GDB_H

#include "gdb_packet.h"

#include <linux/kvm.h>
#include <poll.h>

#define GDB_BREAKS	64
#define GDB_HW_BREAKS	4
#define GDB_POLL	2

struct vm;
struct vcpu;

/* gdb's numbers of Z packets. */
enum gdb_break_kind { GDB_SOFTWARE, GDB_HARDWARE, GDB_WRITE_WATCH, GDB_READ_WATCH, GDB_WATCH };

struct gdb_break {
	bool used;
	enum gdb_break_kind kind;
	__u64 address;			/* linear */
	__u64 len;			/* of a watched value */
	__u64 gpa;			/* software: where it is */
	__u8 original;			/* and what was there */
};

struct gdb {
	int listen_fd;			/* -1: none */
	int fd;				/* -1: no debugger */
	struct gdb_packet packet;
	bool no_ack;
	bool running;			/* gdb waits for a stop */
	unsigned int current;		/* the vCPU of registers and memory */
	__u8 software;			/* the instruction of software breakpoints */
	struct gdb_break breaks[GDB_BREAKS];
	size_t last_len;		/* the last packet sent, for a second time */
	char last[GDB_PACKET_SIZE(GDB_PACKET_MAX)];
};

/* gdb.c */
int gdb_create(struct vm *vm);
void gdb_destroy(struct vm *vm);
void gdb_attach(struct vm *vm, int fd);
void gdb_poll(struct vm *vm, struct pollfd *fds);
void gdb_ready(struct vm *vm, const struct pollfd *fds);
void gdb_look(struct vm *vm);
bool gdb_holds(const struct vm *vm);

/* gdb_run.c */
void gdb_exit(struct vcpu *vcpu);

/* gdb_registers.c */
const char *gdb_target_xml(void);
int gdb_read_registers(const struct vcpu *vcpu, char *hex);
int gdb_write_registers(const struct vcpu *vcpu, const char *hex);
int gdb_read_register(const struct vcpu *vcpu, unsigned int n, char *hex);
int gdb_write_register(const struct vcpu *vcpu, unsigned int n, const char *hex);

/* gdb_memory.c */
size_t gdb_read_memory(const struct vcpu *vcpu, __u64 address, void *to, size_t len);
size_t gdb_write_memory(const struct vcpu *vcpu, __u64 address, const void *from, size_t len);
int gdb_set_break(struct vm *vm, enum gdb_break_kind kind, __u64 address, __u64 len);
int gdb_clear_break(struct vm *vm, enum gdb_break_kind kind, __u64 address);
void gdb_clear_all(struct vm *vm);
const struct gdb_break *gdb_software_break_at(const struct vcpu *vcpu, __u64 address);
int gdb_arm(struct vcpu *vcpu, bool step);
void gdb_disarm(struct vcpu *vcpu);

#endif
