#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Serial input with Linux's own driver in the guest: more than the FIFO holds,
# by interrupts, and none of it lost; and a status from user space of the guest.
#
# Usage: serial_test.sh [DEVICE]
#
# lab: timeout=200

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$here/../userspace-tool:$PATH
device=${1:-/dev/strata}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tap_files=("$tmp/out" "$tmp/err")

# Pass the guest's lines on until one matches.
wait_for() {
	local line

	while IFS= read -r -t 120 line <&"${guest[0]}"; do
		printf '%s\n' "${line%$'\r'}" >>"$tmp/out"
		[[ $line != *$1* ]] || return 0
	done
	return 1
}

said() {
	grep -q -- "$1" "$tmp/out"
}

: >"$tmp/out"
: >"$tmp/err"
"$here/guest/mkinitrd" "$tmp/initrd" "$here/guest/serial-init" || exit 1
# A terminal's line holds 4095 characters.
text=$(seq -s , 1000 | head -c 3800)
sum=$(printf '%s' "$text" | sha256sum | cut -d ' ' -f 1)

# Debian's own: the debug kernel of a test machine has none of its drivers.
kernel=$(find /boot -name 'vmlinuz-6.1.*-amd64' | sort -V | tail -n 1)

coproc guest {
	strata run --device "$device" --kernel "$kernel" \
		--initrd "$tmp/initrd" --timeout 150 \
		--append "console=ttyS0 loglevel=3 panic=-1 tsc=reliable no_timer_check" 2>"$tmp/err"
	echo "status $?"
}
is "the guest gets as far as reading" wait_for 'guest: ready'
printf '%s\n' "$text" >&"${guest[1]}"
is "it ends" wait_for 'status '
is "it read all that was sent" said "guest: got $sum"
is "by interrupts" said 'guest: interrupts [1-9][0-9]'
is "its user space gave the status" said "status $((64 + 5))"
finish
