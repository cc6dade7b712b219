#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The bpftrace scripts of tracing/, each on a guest that runs.
#
# lab: only=svm timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$here/../userspace-tool:$here/../tracing:$PATH
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tap_files=("$tmp/out")

if ! command -v bpftrace > /dev/null; then
	skip "bpftrace is not installed"
	finish
fi

# Exits to user space and MMIO, besides interrupts.
"$here/bin/trace_guest" > /dev/null &
pid=$!

# script PATTERN NAME [ARG]...: what it prints while the guest runs
script() {
	local pattern=$1

	shift
	timeout 120 strata-bt -c '/bin/sleep 2' "$@" > "$tmp/out" 2>&1 && grep -qE -- "$pattern" "$tmp/out" &&
		! grep -q ERROR "$tmp/out"
}

sleep 1
vm=$(strata list | awk -v pid=$pid '$2 == pid { print $1 }')
is "exits" script '^@exits\[cpuid\]: [0-9]{2}' exits
is "latency" script '^@ns\[mmio\]' latency
is "rips" script "^@rip\\[$vm, cpuid, [0-9]+\\]: " rips
is "mmio" script "^@page\\[$vm, 524288\\]: " mmio
is "user" script '^@us\[pio\]' user
is "timeline" script ' us cpuid .* took ' timeline "$vm" 0
# A guest that exits faster than is printed is cut off in each second.
is "timeline of some lines" script '^ +and [0-9]+ more in this second' timeline "$vm" 0 7
# The script's seconds begin elsewhere than those of the time in front.
few() {
	grep ' took ' "$tmp/out" |
		awk '{ n[int($1 / 1000000)]++ } END { for (s in n) if (n[s] > 14) bad = 1; exit bad || NR < 7 }'
}
is "no more lines than that" few

refused() {
	! strata-bt "$@" > "$tmp/out" 2>&1 && [ "$(wc -l < "$tmp/out")" -ge 1 ] &&
		! grep -q Attaching "$tmp/out"
}
is "a script that is not there is refused" refused frob
is "help" eval 'strata-bt --help > "$tmp/out" && grep -q timeline "$tmp/out"'
kill $pid
finish
