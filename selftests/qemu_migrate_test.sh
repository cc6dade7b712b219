#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU's migration of a guest that changes its memory all the time and looks at it:
# from strata to strata while it runs; and by way of a file, since two hypervisors
# cannot hold the hardware at once: saved on KVM and resumed on strata, and back.
#
# With STRATA_CHECK_LONG all of these, else only the first.
#
# lab: only=compat timeout=1200

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
kernel=/boot/vmlinuz-$(uname -r)
work=$(mktemp -d)
trap 'umount /dev/kvm 2>/dev/null; wait_all; rm -rf "$work"' EXIT
cd "$work" || exit 1
tap_files=("$work/a.log" "$work/b.log" "$work/a.mon.txt" "$work/b.mon.txt")
command -v qemu-system-x86_64 >/dev/null || {
	skip "qemu-system-x86_64 is missing"
	finish
}
"$here/guest/mkinitrd" initrd "$here/compat/guest-init" || exit 1

# What both offer: strata has neither page faults without waiting nor EOIs without exit.
rounds=6
[ -z "${STRATA_CHECK_LONG:-}" ] || rounds=12
cpu=qemu64,-kvm-asyncpf,-kvm-asyncpf-int,-kvm-pv-eoi

# start NAME ARGUMENT...: in the background, its serial port to NAME.log, its monitor
# on pipes
start() {
	local name=$1

	shift
	rm -f "$name".mon.in "$name".mon.out "$name".log
	mkfifo "$name.mon.in" "$name.mon.out"
	timeout -k 5 600 qemu-system-x86_64 -accel kvm -cpu $cpu -M pc -m 192 -smp 2 -display none \
		-nodefaults -serial "file:$name.log" -monitor "pipe:$name.mon" -no-reboot \
		-kernel "$kernel" -initrd initrd -append "console=ttyS0 panic=-1 quiet load=$rounds" "$@" &
	exec {monitor}<>"$name.mon.in"
	cat "$name.mon.out" >"$name.mon.txt" &
}

say() {
	printf '%s\n' "$1" >&"$monitor"
}

# wait_for SECONDS FILE PATTERN
wait_for() {
	local i

	for ((i = 0; i < $1 * 5; i++)); do
		grep -q "$3" "$2" 2>/dev/null && return 0
		sleep 0.2
	done
	echo "# $3 is not in $2 after $1 s"
	return 1
}

wait_all() {
	local pids

	mapfile -t pids < <(jobs -p)
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	return 0
}

# The rounds of both halves together are all of them, and the guest ended by itself.
whole() {
	[ "$(cat a.log b.log | grep -c 'guest: round .* right')" = $rounds ] && grep -q 'guest: round' b.log &&
		grep -q 'guest: clock' b.log
}

live() {
	start a
	wait_for 240 a.log 'round 2 right' || return 1
	local from=$monitor
	start b -incoming unix:socket
	wait_for 30 /proc/net/unix '[ /]socket$' || return 1
	printf 'migrate_set_parameter downtime-limit 500\nmigrate -d unix:socket\n' >&"$from"
	wait_for 240 b.log 'round' || return 1
	printf 'info migrate\n' >&"$from"
	wait_for 10 a.mon.txt 'Migration status: completed' || return 1
	printf 'quit\n' >&"$from"
	wait_for 240 b.log 'guest: clock' && sleep 2 && whole
}

use_strata() {
	umount /dev/kvm 2>/dev/null
	rmmod kvm_amd kvm_intel 2>/dev/null
	rmmod kvm 2>/dev/null
	lsmod | grep -q '^strata ' || insmod "$STRATA_TOP/strata.ko" || return 1
	touch /dev/kvm
	mount --bind /dev/strata /dev/kvm
}

use_kvm() {
	umount /dev/kvm 2>/dev/null
	rm -f /dev/kvm
	rmmod strata || return 1
	modprobe kvm-amd 2>/dev/null || modprobe kvm-intel
}

# by_file FROM TO
by_file() {
	"use_$1" || return 1
	start a
	wait_for 240 a.log 'round 2 right' || return 1
	say 'migrate_set_parameter downtime-limit 2000'
	say "migrate exec:cat>$work/state"
	say 'info migrate'
	wait_for 240 a.mon.txt 'Migration status: completed' || return 1
	say 'quit'
	sleep 2
	"use_$2" || return 1
	start b -incoming "exec:cat<$work/state"
	wait_for 240 b.log 'guest: clock' && sleep 2 && whole
}

use_strata || exit 1
is 'live, from strata to strata, under load' live
wait_all
if [ -n "${STRATA_CHECK_LONG:-}" ]; then
	is 'saved on KVM, resumed on strata' by_file kvm strata
	wait_all
	is 'saved on strata, resumed on KVM' by_file strata kvm
	wait_all
	use_strata
fi
finish
