#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: endings_test.sh [svm|vmx [ENDING]...]
#
# The machine ends with a guest running: reboot, kexec. It comes up again, and
# runs guests. And suspend, after which the same guest goes on.
# Runs outside of test machines, for it ends them.

# shellcheck disable=SC2317

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/../lib/tap.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tap_files=("$dir/out" "$dir/err")
cpu=${1:-svm}
[ $# = 0 ] || shift
options=(--cpu "$cpu" --disk-root --boot-files --timeout 3000 --stall 1200 --verbose)
endings=("$@")
[ $# -gt 0 ] || endings=(reboot kexec suspend)

prints() {
	grep -qxF -- "$1" "$dir/out"
}

# In the order in which they must come.
in_order() {
	local line n=0 next

	for line; do
		next=$(awk -v n=$n -v line="$line" 'NR > n && $0 == line { print NR; exit }' "$dir/out")
		[ -n "$next" ] || return 1
		n=$next
	done
}

ending() {
	local how=$1 status=0

	shift
	"$here/../lab/run" "${options[@]}" "$@" -- "$here/in-machine" "$how" \
		> "$dir/out" 2> "$dir/err" || status=$?
	is "$how: the machine's kernels report no fault" test $status != 97
	# A machine that does not come back has no status to tell.
	[[ $cpu-$how = vmx-reboot ]] || is "$how: and the end is good" test $status = 0
}

for how in "${endings[@]}"; do
	case $how in
	reboot)
		if [ "$cpu" = vmx ]; then
			# The BIOS does not start a second time: it writes
			# IA32_FEATURE_CONTROL, which Bochs leaves locked at a reset.
			ending reboot
			is "reboot: a guest, the reset" in_order "a guest is alive" reboot
			is "reboot: the kernel gets that far" grep -q 'reboot: Restarting system' "$dir/err"
			continue
		fi
		ending reboot --reboot
		is "reboot: a guest, the reset, a guest" in_order "a guest is alive" reboot \
			"the machine is up again" "a guest is alive" "the guest ended with 0"
		;;
	suspend)
		ending suspend
		is "suspend: a guest, the sleep, the same guest" in_order "a guest is alive" \
			"suspended 1 time" "a guest is alive" "the guest ended with 0"
		;;
	kexec)
		ending kexec
		is "kexec: a guest, the next kernel, a guest" in_order "a guest is alive" kexec \
			"the machine is up again" "a guest is alive" "the guest ended with 0"
		;;
	esac
done
finish
