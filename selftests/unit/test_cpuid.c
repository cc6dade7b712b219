// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUID policy over invented hosts: what is offered, what is never
 * offered, the run-time bits, leaves out of range, and what a table means for
 * CR4, EFER, XCR0 and physical addresses.
 */
// sources: ../../module/cpuid_policy.c ../../module/xsave_area.c
#include <stdlib.h>
#include "tap.h"
#include "cpuid_policy.h"

#define MAX	100

static struct xsave_layout layout;

/* A host that has every bit of every leaf. */
static u32 vendor_ebx, max_basic, max_ext;

static void full_cpuid(u32 leaf, u32 subleaf, u32 *r)
{
	r[0] = r[1] = r[2] = r[3] = 0xffffffff;
	if (leaf == 0)
		r[0] = max_basic, r[1] = vendor_ebx;
	else if (leaf == 0x80000000)
		r[0] = max_ext;
	else if (leaf == 0x80000008)
		r[0] = 0x00003034;	/* 52 physical, 48 linear */
}

/* One that has the leaves and nothing in them. */
static void empty_cpuid(u32 leaf, u32 subleaf, u32 *r)
{
	r[0] = r[1] = r[2] = r[3] = 0;
	if (leaf == 0)
		r[0] = 0xd;
	else if (leaf == 0x80000000)
		r[0] = 0x80000008;
}

static struct kvm_cpuid_entry2 e[MAX];
static int n;

static struct cpuid_host host = {
	.layout = &layout, .phys_bits = 48, .pku = true, .tsc_stable = true,
};

static void set_features(u64 features)
{
	layout = (struct xsave_layout) {
		.features = features, .mxcsr_mask = 0xffff,
		.offset = { [2] = 576, [5] = 832, [6] = 896, [7] = 1408, [9] = 2432 },
		.size = { [2] = 256, [5] = 64, [6] = 512, [7] = 1024, [9] = 8 },
		.align64 = 1u << 6,
	};
	layout.total = xsave_size(&layout, features);
}

static void build(void (*cpuid)(u32, u32, u32 *))
{
	host.cpuid = cpuid;
	n = cpuid_build(&host, e, MAX);
}

static bool has(u32 leaf, u32 sub, enum strata_cpuid_reg reg, u8 bit)
{
	return cpuid_has(e, n, leaf, sub, reg, bit);
}

static void full_host(void)
{
	const struct kvm_cpuid_entry2 *x;
	bool dup = false, pad = false;
	int i, j;

	vendor_ebx = 0x68747541;
	max_basic = 0x20;
	max_ext = 0x80000028;
	set_features(XFEAT_KNOWN);
	host.pku = true;
	host.tsc_stable = true;
	build(full_cpuid);
	tap_ok(n > 30 && n <= MAX, "full host: %d entries fit in what kvmtool asks for", n);
	for (i = 0; i < n; i++) {
		pad |= e[i].padding[0] || e[i].padding[1] || e[i].padding[2];
		for (j = 0; j < i; j++)
			dup |= e[i].function == e[j].function && e[i].index == e[j].index;
	}
	tap_ok(!dup, "full host: no entry twice");
	tap_ok(!pad, "full host: padding is zero");
	tap_ok(cpuid_lookup(e, n, 0, 0)->eax == 0xd, "highest basic leaf");
	tap_ok(cpuid_lookup(e, n, 0x80000000, 0)->eax == 0x80000021, "highest extended leaf");
	tap_ok((cpuid_lookup(e, n, 0x80000008, 0)->eax & 0xffff) == 0x3030,
	       "physical addresses are bounded by the nested tables");

	tap_ok(!has(1, 0, CPUID_R_ECX, 5), "no VMX");
	tap_ok(!has(0x80000001, 0, CPUID_R_ECX, 2), "no SVM");
	tap_ok(!has(1, 0, CPUID_R_ECX, 3), "no MONITOR");
	tap_ok(!has(1, 0, CPUID_R_ECX, 15), "no PDCM");
	tap_ok(!has(1, 0, CPUID_R_ECX, 27), "no OSXSAVE promised");
	tap_ok(!has(7, 0, CPUID_R_ECX, 4), "no OSPKE promised");
	tap_ok(!has(7, 0, CPUID_R_EDX, 24) && !has(7, 0, CPUID_R_EDX, 22) &&
	       !has(7, 0, CPUID_R_EDX, 25), "no AMX");
	tap_ok(!has(7, 0, CPUID_R_EBX, 14), "no MPX");
	tap_ok(!has(7, 0, CPUID_R_ECX, 7) && !has(7, 0, CPUID_R_EDX, 20), "no CET");
	tap_ok(!has(7, 0, CPUID_R_ECX, 5), "no WAITPKG");
	tap_ok(!has(0x80000008, 0, CPUID_R_EBX, 4), "no RDPRU, which is intercepted");
	tap_ok(!has(0x80000001, 0, CPUID_R_ECX, 22), "no topology extensions");
	tap_ok(!has(0x80000001, 0, CPUID_R_ECX, 23), "no core performance counters");
	x = cpuid_lookup(e, n, 0x8000000a, 0);
	tap_ok(x && !(x->eax | x->ebx | x->ecx | x->edx), "SVM's leaf is zero");
	x = cpuid_lookup(e, n, 0xa, 0);
	tap_ok(x && !(x->eax | x->ebx | x->ecx | x->edx), "the PMU's leaf is zero");
	tap_ok(!cpuid_lookup(e, n, 0x8000001f, 0), "no SEV");
	x = cpuid_lookup(e, n, 1, 0);
	tap_ok(!(x->ebx & 0xffff00ff), "no APIC id, no counts");

	tap_ok(has(1, 0, CPUID_R_ECX, 17) && has(7, 0, CPUID_R_EBX, 10), "PCID, INVPCID");
	tap_ok(has(7, 0, CPUID_R_EBX, 7) && has(7, 0, CPUID_R_EBX, 20) &&
	       has(7, 0, CPUID_R_ECX, 2), "SMEP, SMAP, UMIP");
	tap_ok(has(7, 0, CPUID_R_ECX, 3), "PKU");
	tap_ok(has(0x80000001, 0, CPUID_R_EDX, 26), "1G pages");
	tap_ok(has(7, 0, CPUID_R_EBX, 16) && has(7, 0, CPUID_R_EBX, 5), "AVX-512, AVX2");
	tap_ok(cpuid_lookup(e, n, 0x14, 0) == NULL, "a leaf without a rule is not there");

	x = cpuid_lookup(e, n, 0x40000000, 0);
	tap_ok(x && x->eax == 0x40000001 && !memcmp(&x->ebx, "KVMK", 4) &&
	       !memcmp(&x->ecx, "VMKV", 4) && !memcmp(&x->edx, "M\0\0\0", 4), "KVM's signature");
	x = cpuid_lookup(e, n, 0x40000001, 0);
	tap_ok(x && x->eax == 0x1003aeb && !x->ebx && !x->ecx && !x->edx,
	       "the paravirtual features that there are");

	x = cpuid_lookup(e, n, 0xd, 0);
	tap_ok(x->eax == XFEAT_KNOWN && x->edx == 0 && x->ecx == 2440, "XSAVE's components");
	tap_ok(cpuid_lookup(e, n, 0xd, 9) && !cpuid_lookup(e, n, 0xd, 3) &&
	       !cpuid_lookup(e, n, 0xd, 17), "the subleaves of those, no others");
	x = cpuid_lookup(e, n, 0xd, 1);
	tap_ok(x->eax == 0xf && !x->ecx && !x->edx, "XSAVES without supervisor state");
	x = cpuid_lookup(e, n, 7, 0);
	tap_ok(x->eax == 1 && cpuid_lookup(e, n, 7, 1), "leaf 7 has one more subleaf");
	tap_ok((x->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) &&
	       !(cpuid_lookup(e, n, 1, 0)->flags), "indexed leaves say so");
	tap_ok(cpuid_build(&host, e, n - 1) < 0, "too little room is an error");
}

static void lesser_hosts(void)
{
	build(empty_cpuid);
	tap_ok(has(1, 0, CPUID_R_ECX, 21) && has(1, 0, CPUID_R_ECX, 24) &&
	       has(1, 0, CPUID_R_ECX, 31), "x2APIC, TSC-deadline, hypervisor need no host");
	tap_ok(has(6, 0, CPUID_R_EAX, 2) && has(7, 0, CPUID_R_EBX, 1), "nor ARAT, TSC_ADJUST");
	tap_ok(cpuid_lookup(e, n, 1, 0)->ecx == (1u << 21 | 1u << 24 | 1u << 31),
	       "everything else does");
	tap_ok(!cpuid_lookup(e, n, 7, 0)->eax && !cpuid_lookup(e, n, 7, 1),
	       "leaf 7 without subleaf 1");
	tap_ok(!cpuid_lookup(e, n, 0x80000019, 0), "leaves that the host lacks are not there");

	set_features(3);
	build(full_cpuid);
	tap_ok(!has(1, 0, CPUID_R_ECX, 28) && !has(1, 0, CPUID_R_ECX, 12) &&
	       !has(7, 0, CPUID_R_EBX, 5) && !has(7, 0, CPUID_R_EBX, 16) &&
	       !has(7, 0, CPUID_R_ECX, 9), "no AVX where XCR0 lacks it");
	tap_ok(has(1, 0, CPUID_R_ECX, 25), "AES stays");
	tap_ok(!has(7, 0, CPUID_R_ECX, 3), "no PKU where XCR0 lacks it");
	set_features(7);
	build(full_cpuid);
	tap_ok(has(7, 0, CPUID_R_EBX, 5) && !has(7, 0, CPUID_R_EBX, 16) &&
	       !has(7, 1, CPUID_R_EAX, 5), "AVX2 without AVX-512");
	set_features(XFEAT_KNOWN);
	host.pku = false;
	host.tsc_stable = false;
	build(full_cpuid);
	tap_ok(!has(7, 0, CPUID_R_ECX, 3), "no PKU where the host does not use it");
	tap_ok(!has(0x80000007, 0, CPUID_R_EDX, 8), "no invariant TSC where it is not stable");
	host.pku = true;
	host.tsc_stable = true;
	build(full_cpuid);
}

static void limits(void)
{
	struct cpuid_limits l;
	struct kvm_cpuid_entry2 t[MAX], *x;

	cpuid_get_limits(e, n, &l);
	tap_ok(!(l.cr4_rsvd & (SCR4_SMEP | SCR4_PKE | SCR4_PCIDE | SCR4_LA57 | SCR4_OSXSAVE)),
	       "CR4: what CPUID offers");
	tap_ok(l.cr4_rsvd & BIT_ULL(13) && l.cr4_rsvd & BIT_ULL(14) && l.cr4_rsvd & BIT_ULL(23) &&
	       l.cr4_rsvd & BIT_ULL(63), "CR4: VMXE, SMXE, CET, bit 63 are reserved");
	tap_ok(!(l.efer_rsvd & 0x4d01) && (l.efer_rsvd & BIT_ULL(12)) && (l.efer_rsvd & 0xfe),
	       "EFER: SVME is reserved");
	tap_ok(!(l.efer_rsvd & SEFER_AUTOIBRS), "EFER: AUTOIBRS, where it is offered");
	tap_ok(l.xcr0 == XFEAT_KNOWN && l.maxphyaddr == 48, "XCR0 and address bits");

	memcpy(t, e, sizeof(t));
	x = (struct kvm_cpuid_entry2 *)cpuid_lookup(t, n, 7, 0);
	x->ebx &= ~(1u << 7);
	x->ecx &= ~(1u << 16);
	x = (struct kvm_cpuid_entry2 *)cpuid_lookup(t, n, 0x80000001, 0);
	x->edx &= ~(1u << 20);
	x = (struct kvm_cpuid_entry2 *)cpuid_lookup(t, n, 0x80000021, 0);
	x->eax &= ~(1u << 8);
	cpuid_get_limits(t, n, &l);
	tap_ok(l.efer_rsvd & SEFER_AUTOIBRS, "EFER: no AUTOIBRS where it is not");
	tap_ok((l.cr4_rsvd & SCR4_SMEP) && (l.cr4_rsvd & SCR4_LA57) && !(l.cr4_rsvd & SCR4_SMAP),
	       "CR4 follows the table");
	tap_ok((l.efer_rsvd & SEFER_NX) && !(l.efer_rsvd & SEFER_LME), "EFER follows the table");
	cpuid_get_limits(NULL, 0, &l);
	tap_ok(l.maxphyaddr == 36 && !l.xcr0 && (l.cr4_rsvd & SCR4_OSXSAVE) &&
	       !(l.cr4_rsvd & SCR4_PAE), "an empty table");

	memset(t, 0, sizeof(t));
	t[0].function = 0x80000008;
	t[0].eax = 48 << 8 | 40;
	tap_ok(cpuid_acceptable(t, 1), "48 linear address bits");
	t[0].eax = 57 << 8 | 40;
	tap_ok(cpuid_acceptable(t, 1), "57 linear address bits");
	t[0].eax = 49 << 8 | 40;
	tap_ok(!cpuid_acceptable(t, 1), "49 do not exist");
	tap_ok(cpuid_acceptable(NULL, 0), "none said");
}

static void out_of_range(void)
{
	struct kvm_cpuid_entry2 t[] = {
		{ .function = 0, .eax = 0xb, .ebx = 0x68747541 },
		{ .function = 0xb, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		  .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 77 },
		{ .function = 0x80000000, .eax = 0x80000004 },
		{ .function = 0x40000000, .eax = 0x40000001 },
	};
	u32 r[4];

#define ASK(leaf, sub) cpuid_out_of_range(t, 4, leaf, sub, r)
	ASK(0x20, 0);
	tap_ok(!(r[0] | r[1] | r[2] | r[3]), "AMD: zeros beyond the basic leaves");
	ASK(0x5, 0);
	tap_ok(!(r[0] | r[1] | r[2] | r[3]), "zeros within");
	ASK(0xb, 0x105);
	tap_ok(!r[0] && !r[1] && r[2] == 5 && r[3] == 77, "topology: subleaf and x2APIC id");
	t[0].ebx = 0x756e6547;
	ASK(0x20, 0);
	tap_ok(r[0] == 1 && r[1] == 2 && r[2] == 0x100 && r[3] == 77, "Intel: the highest basic leaf");
	ASK(0x80000005, 0);
	tap_ok(r[0] == 1 && r[3] == 77, "Intel: beyond the extended leaves");
	ASK(0x80000003, 0);
	tap_ok(!(r[0] | r[1] | r[2] | r[3]), "Intel: zeros within");
	ASK(0x40000001, 0);
	tap_ok(!(r[0] | r[1] | r[2] | r[3]), "Intel: zeros within a hypervisor's range");
	ASK(0x40000002, 0);
	tap_ok(r[0] == 1, "Intel: beyond a hypervisor's range");
	ASK(0x20, 3);
	tap_ok(!r[0] && !r[1] && r[2] == 3 && r[3] == 77, "Intel: the same with a subleaf");
	cpuid_out_of_range(NULL, 0, 0, 0, r);
	tap_ok(!(r[0] | r[1] | r[2] | r[3]), "no table at all");
#undef ASK
}

static void runtime(void)
{
	struct cpuid_runtime rt = { .xcr0 = 1, .apic_on = true, .lapic = true };
	struct kvm_cpuid_entry2 a[MAX], b[MAX];
	u32 r[4] = { 0, 0, 1u << 26 | 1u << 21 | 1u << 24, 0 };

	cpuid_patch(&layout, &rt, 1, 0, r);
	tap_ok(!(r[2] & 1u << 27) && (r[3] & 1u << 9), "OSXSAVE off, APIC on");
	rt.cr4 = SCR4_OSXSAVE | SCR4_PKE;
	rt.apic_on = false;
	cpuid_patch(&layout, &rt, 1, 0, r);
	tap_ok((r[2] & 1u << 27) && !(r[3] & 1u << 9), "OSXSAVE on, APIC off");
	tap_ok((r[2] & (1u << 21 | 1u << 24)) == (1u << 21 | 1u << 24), "x2APIC with the LAPIC");
	rt.lapic = false;
	cpuid_patch(&layout, &rt, 1, 0, r);
	tap_ok(!(r[2] & (1u << 21 | 1u << 24)), "without it, neither x2APIC nor TSC-deadline");
	r[2] = 0;
	cpuid_patch(&layout, &rt, 1, 0, r);
	tap_ok(!(r[2] & 1u << 27), "no OSXSAVE without XSAVE");
	r[2] = 1u << 3;
	cpuid_patch(&layout, &rt, 7, 0, r);
	tap_ok(r[2] & 1u << 4, "OSPKE follows CR4");
	r[2] = 0;
	cpuid_patch(&layout, &rt, 7, 1, r);
	tap_ok(!r[2], "in subleaf 0 only");
	r[0] = 7;
	cpuid_patch(&layout, &rt, 0xd, 0, r);
	tap_ok(r[1] == 576, "size with x87 only");
	rt.xcr0 = 7;
	cpuid_patch(&layout, &rt, 0xd, 0, r);
	tap_ok(r[1] == 832, "size with AVX");
	r[0] = 2;
	cpuid_patch(&layout, &rt, 0xd, 1, r);
	tap_ok(r[1] == 832, "compacted size");

	memcpy(a, e, sizeof(a));
	memcpy(b, e, sizeof(b));
	((struct kvm_cpuid_entry2 *)cpuid_lookup(b, n, 1, 0))->ecx |= 1u << 27;
	tap_ok(cpuid_same(&layout, &rt, a, n, b, n), "tables that differ by run-time bits");
	tap_ok(!cpuid_same(&layout, &rt, a, n, b, n - 1), "tables of other length");
	b[3].ecx ^= 1u << 5;
	tap_ok(!cpuid_same(&layout, &rt, a, n, b, n), "tables that differ by another bit");
	memcpy(b, a, sizeof(b));
	b[2].flags ^= 1;
	tap_ok(!cpuid_same(&layout, &rt, a, n, b, n), "tables that differ by a flag");
}

int main(void)
{
	full_host();
	lesser_hosts();
	limits();
	out_of_range();
	runtime();
	return tap_done();
}
