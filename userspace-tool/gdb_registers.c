// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's registers as a debugger has them: in the order of the table here, each in
 * hexadecimal digits, and a description of that order (GDB's features of i386).
 */

#include "gdb.h"
#include "launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct state {
	struct kvm_regs r;
	struct kvm_sregs s;
	struct kvm_fpu f;
};

enum feature { CORE, SSE, SEGMENTS, SYSTEM };

struct reg {
	const char *name, *type;
	enum feature group;
	unsigned int bytes;		/* gdb's */
	size_t at;			/* in struct state */
	unsigned int size;		/* there */
	bool fixed;			/* gdb may not change it */
};

#define FIELD(field)	offsetof(struct state, field), sizeof(((struct state *)0)->field)
#define GPR(n)		{ #n, "int64", CORE, 8, FIELD(r.n), false }
#define SEL(n)		{ #n, "int32", CORE, 4, FIELD(s.n.selector), true }
#define ST(n)		{ "st" #n, "i387_ext", CORE, 10, FIELD(f.fpr[n]), false }
#define XMM(n)		{ "xmm" #n, "vec128", SSE, 16, FIELD(f.xmm[n]), false }
#define SYS(n)		{ #n, "int64", SYSTEM, 8, FIELD(s.n), true }

static const struct reg regs[] = {
	GPR(rax), GPR(rbx), GPR(rcx), GPR(rdx), GPR(rsi), GPR(rdi), GPR(rbp), GPR(rsp),
	GPR(r8), GPR(r9), GPR(r10), GPR(r11), GPR(r12), GPR(r13), GPR(r14), GPR(r15),
	{ "rip", "code_ptr", CORE, 8, FIELD(r.rip), false },
	{ "eflags", "i386_eflags", CORE, 4, FIELD(r.rflags), false },
	SEL(cs), SEL(ss), SEL(ds), SEL(es), SEL(fs), SEL(gs),
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
	{ "fctrl", "int", CORE, 4, FIELD(f.fcw), true },
	{ "fstat", "int", CORE, 4, FIELD(f.fsw), true },
	{ "ftag", "int", CORE, 4, FIELD(f.ftwx), true },
	{ "fiseg", "int", CORE, 4, 0, 0, true },
	{ "fioff", "int", CORE, 4, FIELD(f.last_ip), true },
	{ "foseg", "int", CORE, 4, 0, 0, true },
	{ "fooff", "int", CORE, 4, FIELD(f.last_dp), true },
	{ "fop", "int", CORE, 4, FIELD(f.last_opcode), true },
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
	XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
	{ "mxcsr", "int", SSE, 4, FIELD(f.mxcsr), true },
	{ "fs_base", "int64", SEGMENTS, 8, FIELD(s.fs.base), true },
	{ "gs_base", "int64", SEGMENTS, 8, FIELD(s.gs.base), true },
	SYS(cr0), SYS(cr2), SYS(cr3), SYS(cr4), SYS(cr8), SYS(efer), SYS(apic_base),
};

static const struct { const char *name, *types; } groups[] = {
	[CORE] = { "org.gnu.gdb.i386.core",
		"<flags id=\"i386_eflags\" size=\"4\">"
		"<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
		"<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>"
		"<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"TF\" start=\"8\" end=\"8\"/>"
		"<field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
		"<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
		"<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"VM\" start=\"17\" end=\"17\"/>"
		"<field name=\"AC\" start=\"18\" end=\"18\"/></flags>" },
	[SSE] = { "org.gnu.gdb.i386.sse",
		"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
		"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
		"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
		"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
		"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
		"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
		"<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
		"<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
		"<field name=\"uint128\" type=\"uint128\"/></union>" },
	[SEGMENTS] = { "org.gnu.gdb.i386.segments", "" },
	[SYSTEM] = { "org.strata.system", "" },
};

/* The description of the table, made once; NULL where there is no memory. */
const char *gdb_target_xml(void)
{
	static char *text;
	size_t size, i;
	FILE *f;

	if (text)
		return text;
	f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	fprintf(f, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
		"<architecture>i386:x86-64</architecture>");
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		if (!i || regs[i].group != regs[i - 1].group)
			fprintf(f, "%s<feature name=\"%s\">%s", i ? "</feature>" : "",
				groups[regs[i].group].name, groups[regs[i].group].types);
		fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", regs[i].name,
			regs[i].bytes * 8, regs[i].type);
	}
	fprintf(f, "</feature></target>");
	fclose(f);
	return text;
}

static int get_state(const struct vcpu *vcpu, struct state *st)
{
	return ioctl(vcpu->fd, KVM_GET_REGS, &st->r) || ioctl(vcpu->fd, KVM_GET_SREGS, &st->s) ||
	       ioctl(vcpu->fd, KVM_GET_FPU, &st->f) ? -1 : 0;
}

/* Segments and system registers stay the guest's own. */
static int set_state(const struct vcpu *vcpu, const struct state *st)
{
	return ioctl(vcpu->fd, KVM_SET_REGS, &st->r) || ioctl(vcpu->fd, KVM_SET_FPU, &st->f) ? -1 : 0;
}

static char *put(const struct state *st, const struct reg *reg, char *hex)
{
	__u8 value[16] = { 0 };

	memcpy(value, (const __u8 *)st + reg->at, reg->size < reg->bytes ? reg->size : reg->bytes);
	return gdb_put_hex(hex, value, reg->bytes);
}

static bool take(struct state *st, const struct reg *reg, const char *hex)
{
	__u8 value[16] = { 0 };

	if (gdb_get_hex(value, hex, reg->bytes) != reg->bytes)
		return false;
	if (!reg->fixed)
		memcpy((__u8 *)st + reg->at, value, reg->size < 16 ? reg->size : reg->bytes);
	return true;
}

/* All, each after the other; @hex has room for GDB_PACKET_MAX digits. */
int gdb_read_registers(const struct vcpu *vcpu, char *hex)
{
	struct state st;
	size_t i;

	if (get_state(vcpu, &st))
		return -1;
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		hex = put(&st, &regs[i], hex);
	*hex = '\0';
	return 0;
}

/* The first of them, or all. What gdb may not change stays as it is. */
int gdb_write_registers(const struct vcpu *vcpu, const char *hex)
{
	struct state st;
	size_t i;

	if (get_state(vcpu, &st))
		return -1;
	for (i = 0; i < ARRAY_SIZE(regs) && *hex; i++, hex += 2 * regs[i - 1].bytes)
		if (!take(&st, &regs[i], hex))
			return -1;
	return set_state(vcpu, &st);
}

int gdb_read_register(const struct vcpu *vcpu, unsigned int n, char *hex)
{
	struct state st;

	if (n >= ARRAY_SIZE(regs) || get_state(vcpu, &st))
		return -1;
	*put(&st, &regs[n], hex) = '\0';
	return 0;
}

int gdb_write_register(const struct vcpu *vcpu, unsigned int n, const char *hex)
{
	struct state st;

	if (n >= ARRAY_SIZE(regs) || regs[n].fixed || get_state(vcpu, &st) ||
	    !take(&st, &regs[n], hex))
		return -1;
	return set_state(vcpu, &st);
}
