#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A Linux guest boots and works: all the time of each of its vCPUs is booked, to one
# percent, by a clock that is not the profile's. KERNEL and INITRD name the guest's files
# where the machine has none (the demo's initrd, on Bochs).
#
# lab: only=svm timeout=400

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$here/../userspace-tool:$PATH
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tap_files=("$tmp/wall" "$tmp/guest")
kernel=${KERNEL:-/boot/vmlinuz-$(uname -r)}
initrd=${INITRD:-$tmp/initrd}
# Bochs takes many times as long as QEMU.
grep -q GenuineIntel /proc/cpuinfo && limit=1500 || limit=350

if ! [ -r "$kernel" ]; then
	skip "there is no $kernel for a guest"
	finish
fi
[ -e "$initrd" ] || "$here/guest/mkinitrd" "$initrd" "$here/guest/demo-init" || exit 1

works() {
	local pid status

	strata run --kernel "$kernel" --initrd "$initrd" --cpus 2 --memory 256M --timeout $limit \
		--append "console=ttyS0 loglevel=3 panic=-1 nokaslr tsc=reliable no_timer_check random.trust_cpu=on" \
		> "$tmp/guest" 2>&1 < /dev/null &
	pid=$!
	"$here/bin/trace_wall" $pid > "$tmp/wall" 2>&1
	status=$?
	wait $pid && [ $status = 0 ]
}

is "a guest with two vCPUs boots, works and powers off" works
sed 's/^/# /' "$tmp/wall"
is "its work came out right" grep -q 'right on 2 of 2 CPUs' "$tmp/guest"
for vcpu in 0 1; do
	is "the time of vCPU $vcpu is booked" awk -v vcpu=$vcpu '
		$2 == vcpu && $4 > 0.5 && $8 > -1 && $8 < 1 { good = 1 } END { exit !good }' "$tmp/wall"
done
finish
