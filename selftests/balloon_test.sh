#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory that a guest does not need comes back to the host: by itself, when it reports
# what is free, and by the balloon, when it is asked for; and what it says of its memory.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/log" "$work/said")

linux_initrd "$here/guest/device-init" virtio_pci virtio_balloon || exit 1

# kib WORDS: a number of `strata balloon`
kib() {
	strata balloon one >said && awk -v words="$1" 'index($0, words) { print $1 }' said
}

# reaches WORDS FROM TO: within a minute
reaches() {
	local i now

	for ((i = 0; i < 60; i++)); do
		now=$(kib "$1")
		[ "$now" -ge "$2" ] && [ "$now" -le "$3" ] && return
		sleep 1
	done
	return 1
}

strata run --name one --kernel "/boot/vmlinuz-$release" --initrd initrd --balloon \
	--append "console=ttyS0 panic=-1 quiet memory" >log 2>&1 </dev/null &
is "the guest fills 80 MiB" comes 1 'guest: full'
full=$(kib 'of it in this')
is "which it takes from us" test "$full" -gt 81920
is "it frees them" comes 1 'guest: free'
is "and they come back" reaches 'of it in this' 0 $((full - 61440))
is "reported as free" test "$(kib 'given back as free')" -gt 61440
echo "# resident: $full KiB when full, $(kib 'of it in this') KiB after"

total=$(kib "the guest's own: in all")
is "it says what it has" test "$total" -gt 180000
free=$(kib 'KiB  free')
is "a balloon of 64 MiB is asked for" eval "strata balloon one 64M >said"
is "and grows" reaches 'the balloon, as it is' 65536 65536
is "the guest has less that is free" reaches 'KiB  free' 0 $((free - 60000))
is "it is let go" eval "strata balloon one 0 >said"
is "and shrinks" reaches 'the balloon, as it is' 0 0
is "the guest has it again" reaches 'KiB  free' $((free - 5000)) $((free + 50000))
is "more than there is" eval "! strata balloon one 1G 2>said"
is "is refused" grep -q 'not more than the VM has' said
strata stop one --force
wait

only_long "shared memory"
strata run --name one --kernel "/boot/vmlinuz-$release" --initrd initrd --balloon \
	--memory 256M,shared --append "console=ttyS0 panic=-1 quiet memory" >log 2>&1 </dev/null &
is "the same in shared memory" comes 1 'guest: full'
full=$(kib 'of it in this')
is "it frees them" comes 1 'guest: free'
is "and they come back" reaches 'of it in this' 0 $((full - 61440))
strata stop one --force
wait
finish
