#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# vmx_bracket=1: VMX operation lasts for a window only, as it must on 7.2. On
# kernels that leave the choice guests run as well, and KVM is told apart: its
# guests and ours take turns.
#
# lab: no-module vmx

# shellcheck disable=SC2086 # options are words
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin

if ! grep -qm 1 '^vendor_id.*GenuineIntel' /proc/cpuinfo; then
	skip "the bracket is for Intel's CPUs"
	finish
fi

runs() {
	"$here/bin/$1" > /dev/null 2>&1
}

# VMX operation is left: CR4.VMXE, which user space cannot see, would keep KVM out.
kvm_runs() {
	modprobe kvm_intel && STRATA_DEV=/dev/kvm runs pio_test && modprobe -r kvm_intel
}

is "the module loads" insmod "$STRATA_KO" ${STRATA_KO_OPTIONS:-} vmx_bracket=1
is "and says so" grep -qx Y /sys/module/strata/parameters/vmx_bracket
for test in realmode_test longmode_test events_test hoststate_test; do
	is "$test" runs $test
done
is "KVM runs, with the module loaded" kvm_runs
is "and afterwards the module again" runs pio_test
is "unload" rmmod strata
finish
