#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The same Linux guest on strata and on kvm-amd, by the same launcher in the
# same machine, whose clock counts instructions: it works on both, and strata
# is not the slower one. The guest has one CPU: two on one CPU of the host spin
# for each other's locks, and the emulator counts a PAUSE in milliseconds.
#
# Seen once: KVM's guest, with its one CPU, span for ever for a lock of its own. Hence
# the second attempt.
#
# lab: own-boot icount only=life timeout=400 again

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"

run() {
	"$here/guest/boot" --compare --cpus 1 "/boot/vmlinuz-$(uname -r)" /tmp/initrd >/tmp/log 2>&1
	status=$?
	sed 's/^/# /' /tmp/log
	return $status
}

right_twice() {
	[ "$(grep -c 'right on 1 of 1 CPUs' /tmp/log)" = 2 ]
}

# at_most NAME PERCENT: ours is not more than so much of KVM's
at_most() {
	awk -v name="$1" -v percent="$2" '
	index($0, name ": ") == 1 { value[++n] = $(split(name, words, " ") + 1) + 0 }
	END { exit !(n == 2 && value[1] > 0 && value[1] <= value[2] * percent / 100) }
	' /tmp/log
}

# Without pages of hugetlbfs.
few_faults() {
	local faults

	faults=$(sed -n 's/^nested faults: //p' /tmp/log | head -n 1)
	[ -n "$faults" ] && [ "$faults" -le 2500 ]
}

plan 5
"$here/guest/mkinitrd" /tmp/initrd "$here/guest/demo-init" || exit 1
is 'the guest boots on both, and powers off' run
is 'all that it did came out right, on both' right_twice
is 'booting takes at most 2,500 nested faults' few_faults
# As many, but for what time does.
is 'it takes no more exits than on kvm-amd, to four percent' at_most exits 104
# CPU time: what passes while the machine waits for its disk is nobody's.
is 'it takes no longer than on kvm-amd, to one percent' at_most 'cpu time' 101
finish
