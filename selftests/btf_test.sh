#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module has BTF, and in it what programs on tp_btf need: the arguments' types of
# its events.
#
# lab: kernels

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$PATH:/usr/sbin
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tap_files=("$tmp/out")

if [ ! -e /sys/kernel/btf/vmlinux ]; then
	skip "this kernel has no BTF itself"
	finish
fi
is "the kernel took it" test -s /sys/kernel/btf/strata
if ! command -v bpftool > /dev/null; then
	skip "bpftool is not installed"
	finish
fi
dump() {
	bpftool btf dump -B /sys/kernel/btf/vmlinux file /sys/kernel/btf/strata > "$tmp/out" 2>&1
}
is "it can be read" dump
for event in entry exit exit_done nested_fault irq inject pio mmio msr hypercall dirty_log vm vcpu; do
	is "strata_$event" grep -q "TYPEDEF 'btf_trace_strata_$event'" "$tmp/out"
done
finish
