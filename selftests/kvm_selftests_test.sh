#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# KVM's own selftests on /dev/strata, which takes the place of /dev/kvm. What each
# is expected to do is in compat/kvm-selftests. With STRATA_CHECK_LONG all of them
# run, and again on kvm-amd or kvm-intel in the same machine: what passes there
# passes here, but for features that strata does not offer. On Linux 6.12, those of
# 6.12, booted with kvm.enable_virt_at_load=0.
#
# lab: only=compat timeout=7200

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
case $(uname -r) in
6.12.*)	version=6.12 table=$here/compat/kvm-selftests-6.12 ;;
*)	version=6.1 table=$here/compat/kvm-selftests ;;
esac
tests=${STRATA_CACHE:-$here/../.cache}/compat/kvm-selftests-$version
long=${STRATA_CHECK_LONG:-}

[ -e "$tests/stamp" ] || {
	echo "# run selftests/compat/build-kvm-selftests $version first"
	exit 1
}
work=$(mktemp -d)
trap 'umount /dev/kvm 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
# One of them wants a descriptor for each of the most vCPUs.
ulimit -n 8192

# run_one NAME: pass, skip or fail, and what it said in $work/log
run_one() {
	timeout -k 5 $((long ? 400 : 60)) "$tests/$1" >log 2>&1
	case $? in
	0)	echo pass ;;
	4)	echo skip ;;
	124|137) echo late ;;
	*)	echo fail ;;
	esac
}

as_expected() {
	[ "$got" = "$expect" ] || {
		tail -n 12 log | sed 's/^/# /'
		echo "# it is: $got"
		return 1
	}
}

# The library of 6.12's looks at the parameters of kvm.ko.
[ $version = 6.1 ] || modprobe -q kvm-amd || modprobe kvm-intel || exit 1
touch /dev/kvm
mount --bind /dev/strata /dev/kvm || exit 1
declare -A ours
while read -r name expect run reason; do
	case $name in ''|'#'*) continue ;; esac
	[ "$run" = quick ] || [ -n "$long" ] || continue
	got=$(run_one "$name")
	ours[$name]=$got
	is "$name: ${expect}${reason:+ ($reason)}" as_expected
done <"$table"
umount /dev/kvm

better_on_kvm() {
	[ "$theirs" != pass ] || [ "${ours[$name]}" = pass ]
}

if [ -n "$long" ]; then
	[ $version != 6.1 ] || rm -f /dev/kvm
	rmmod strata
	modprobe kvm-amd 2>/dev/null || modprobe kvm-intel || exit 1
	while read -r name expect run reason; do
		case $name in ''|'#'*) continue ;; esac
		theirs=$(run_one "$name")
		echo "# $name: KVM $theirs, strata ${ours[$name]}"
		case $reason in
		out:*)	continue ;;
		esac
		is "$name: passes if it passes on KVM" better_on_kvm
	done <"$table"
	# As it was.
	rmmod kvm_amd kvm_intel kvm 2>/dev/null
	lsmod | grep -q '^kvm ' && rmmod kvm
	insmod "${STRATA_KO:-$STRATA_TOP/strata.ko}"
fi
finish
