/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One instruction at a time in the small machine of emul_env.h, and what came of it.
 */
#ifndef EMUL_RUN_H
#define EMUL_RUN_H

#include "emul_env.h"

static struct env env;
static unsigned long regs_before[16];
static u64 rip_before;

#define REG(r)	env.regs[EMUL_##r]

static void start(unsigned int mode)
{
	env_init(&env, mode);
}

static int again(void)
{
	env.c.insn_len = 0;
	env.c.stop_rep = false;
	memcpy(regs_before, env.regs, sizeof(regs_before));
	rip_before = env.c.rip;
	return strata_emulate(&env.c);
}

/* Run one instruction given as a string of bytes. */
static int run_bytes(const void *code, unsigned int len)
{
	env_code(&env, code, len);
	return again();
}

#define RUN(...) ({							\
	static const u8 code_[] = { __VA_ARGS__ };			\
	run_bytes(code_, sizeof(code_)); })

static bool unchanged(void)
{
	return !memcmp(regs_before, env.regs, sizeof(regs_before)) &&
	       env.c.rip == rip_before;
}

static bool faulted(int rc, unsigned int vector, u32 code)
{
	return rc == EMUL_FAULT && env.c.exception.vector == vector &&
	       (!env.c.exception.has_error ||
		env.c.exception.error_code == code) && unchanged();
}

static u64 mem_at(u64 linear, unsigned int len)
{
	u64 v = 0;

	memcpy(&v, env_ptr(&env, linear, len), len);
	return v;
}

static void set_mem(u64 linear, u64 val, unsigned int len)
{
	memcpy(env_ptr(&env, linear, len), &val, len);
}

#endif /* EMUL_RUN_H */
