#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Random states and instructions, the same on KVM and on strata: no difference whose
# reason is not known. The tool is steady, but the emulator's timer may come anywhere.
#
# lab: only=compat timeout=600 again

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
tap_files=(/tmp/differ)

differ() {
	"$here/bin/differ" "$@" >/tmp/differ 2>&1
}

# Another test's place to mount strata's at.
[ -c /dev/kvm ] || rm -f /dev/kvm
modprobe -q kvm-amd || modprobe kvm-intel || exit 1
# What KVM says of odd MSRs.
dmesg -n 1
is '2,000 cases: no difference but for known reasons' differ --seed 1 --cases 2000
# The same device twice: the tool itself is steady.
is '1,000 cases on strata, twice' differ --kvm /dev/strata --first 2000 --cases 1000
rmmod kvm_amd kvm_intel kvm 2>/dev/null
finish
