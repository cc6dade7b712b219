// SPDX-License-Identifier: GPL-2.0
/*
 * Which speculation barriers a host needs: the decision as a table, for hosts
 * that no test machine is.
 */
#include "tap.h"
#include "mitigate_policy.h"

/*
 * Barriers as letters: i ibpb_on_switch, s spec_ctrl, S spec_ctrl_always as well,
 * v verw_on_entry, u ibpb_to_user, l l1d_on_window, x small_exec.
 */
static const struct {
	const char *host;
	struct strata_host_spec spec;
	const char *want;
} table[] = {
	{ "a CPU without any of it", { .bug_spectre_v2 = true }, "" },
	{ "a CPU without a bug",
	  { .has_ibpb = true, .has_v_spec_ctrl = true, .has_spec_ctrl = true }, "" },
	{ "Zen 2: IBPB, SPEC_CTRL by hand",
	  { .has_ibpb = true, .has_spec_ctrl = true, .bug_spectre_v2 = true }, "is" },
	{ "Zen 3: the hardware switches SPEC_CTRL",
	  { .has_ibpb = true, .has_spec_ctrl = true, .has_v_spec_ctrl = true,
	    .bug_spectre_v2 = true }, "i" },
	{ "Zen 4 with TSA and VMSCAPE",
	  { .has_ibpb = true, .has_spec_ctrl = true, .has_v_spec_ctrl = true,
	    .has_md_clear = true, .bug_tsa = true, .bug_vmscape = true,
	    .bug_spectre_v2 = true }, "ivu" },
	{ "TSA without the microcode for VERW",
	  { .has_ibpb = true, .bug_tsa = true, .bug_spectre_v2 = true }, "i" },
	{ "Skylake with retbleed: the kernel relies on IBRS",
	  { .has_ibpb = true, .has_spec_ctrl = true, .kernel_ibrs = true,
	    .bug_spectre_v2 = true }, "iS" },
	{ "IBRS where the hardware switches SPEC_CTRL",
	  { .has_ibpb = true, .has_spec_ctrl = true, .has_v_spec_ctrl = true,
	    .kernel_ibrs = true, .bug_spectre_v2 = true }, "i" },
	{ "mitigations=off: nobody relies on IBRS",
	  { .off = true, .has_spec_ctrl = true, .kernel_ibrs = true }, "s" },
	{ "MDS", { .has_md_clear = true, .bug_mds = true }, "v" },
	{ "L1TF", { .has_flush_l1d = true, .bug_l1tf = true }, "l" },
	{ "L1TF without the microcode to flush", { .bug_l1tf = true }, "" },
	{ "ITLB multihit", { .bug_itlb_multihit = true }, "x" },
	{ "VERW works, and nothing needs it", { .has_md_clear = true }, "" },
	{ "VMSCAPE without IBPB", { .bug_vmscape = true }, "" },
	{ "mitigations=off on a CPU that needs all",
	  { .off = true, .has_ibpb = true, .has_md_clear = true, .bug_mds = true,
	    .has_flush_l1d = true, .bug_l1tf = true, .bug_itlb_multihit = true,
	    .bug_tsa = true, .bug_vmscape = true, .bug_spectre_v2 = true }, "" },
	{ "mitigations=off: SPEC_CTRL is state of the guest nonetheless",
	  { .off = true, .has_ibpb = true, .has_spec_ctrl = true, .bug_spectre_v2 = true }, "s" },
};

static void letters(const struct strata_barriers *b, char *out)
{
	if (b->ibpb_on_switch)
		*out++ = 'i';
	if (b->spec_ctrl)
		*out++ = b->spec_ctrl_always ? 'S' : 's';
	if (b->verw_on_entry)
		*out++ = 'v';
	if (b->ibpb_to_user)
		*out++ = 'u';
	if (b->l1d_on_window)
		*out++ = 'l';
	if (b->small_exec)
		*out++ = 'x';
	*out = 0;
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct strata_barriers b = strata_decide_barriers(&table[i].spec);
		char got[8];

		letters(&b, got);
		tap_ok(!strcmp(got, table[i].want), "%s: \"%s\"", table[i].host, got);
		/* What each entry looks at is exactly what an entry has to do. */
		tap_ok(b.at_entry == (b.spec_ctrl || b.verw_on_entry),
		       "%s: entries are guarded where they must be", table[i].host);
	}
	return tap_done();
}
