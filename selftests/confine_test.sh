#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the launcher has given up when its guest runs: capabilities, other system calls,
# other files; in each of its threads. And that all of its commands work so.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/said" "$work/log")

linux_initrd "$here/guest/device-init" button evdev virtio_pci virtio_blk virtio_net virtio_rng \
	virtio_balloon virtio_console || exit 1
truncate -s 16M disk
log=$work/console

start() {
	strata run --name one --kernel "/boot/vmlinuz-$release" --initrd initrd --disk disk --rng \
		--net user,forward=tcp:2222:22 --balloon --virtio-console --console "$work/console" \
		--append "console=ttyS0 panic=-1 quiet ticks" "$@" >log 2>&1 </dev/null &
	pid=$!
}

# In each thread of the launcher's: LINE-OF-STATUS VALUE
each() {
	local t

	for t in "/proc/$pid"/task/*; do
		[ "$(awk -v key="$1:" '$1 == key { print $2 }' "$t/status")" = "$2" ] || {
			echo "# $(cat "$t/comm") has another $1"
			return 1
		}
	done
}

start
is "a guest with each device works" comes 2 'guest: tick'
for set in CapEff CapPrm CapInh CapBnd CapAmb; do
	is "$set is empty in each thread" each $set 0000000000000000
done
is "system calls are filtered" each Seccomp 2
is "and nothing is gained by an exec" each NoNewPrivs 1
is "there is more than one thread" test "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 4

# From the inside, by gdb: what a guest that has taken it over would try.
try() {
	timeout 60 gdb -batch -nx -p "$pid" -ex "print (int)$1" -ex "print *(int *)__errno_location()" \
		>said 2>&1
}
mount -t securityfs none /sys/kernel/security 2>/dev/null
if grep -qw landlock /sys/kernel/security/lsm 2>/dev/null; then
	try 'open("/etc/passwd", 0)'
	is "no other file can be read" eval "grep -q '= -1' said && grep -q '= 13' said"
	try 'open("/var/tmp/strata-none", 65, 0600)'
	is "or made" eval "grep -q '= -1' said && [ ! -e /var/tmp/strata-none ]"
	try "open(\"$work/disk\", 2)"
	is "its disk can be opened" eval "grep -q '^\\\$1 = [0-9]' said"
else
	skip "this kernel has no Landlock"
fi

is "pause" strata pause one
is "resume" strata resume one
is "dump, where it could not write itself" eval "strata dump one /dev/shm/core >said 2>&1 && rm /dev/shm/core"
is "translate" eval "strata translate one 0x100000 --physical >said"
is "memory" eval "strata memory one --seconds 0.1 >said"
is "balloon" eval "strata balloon one 32M >said"
is "limits" strata set one --cpu-limit 80%
is "nmi" strata nmi one
is "reset" strata reset one
is "and it starts anew" comes 2 'guest: begins'
before=$(grep -c 'guest: tick' console)
is "and works" comes $((before + 2)) 'guest: tick'
is "still without capabilities" each CapEff 0000000000000000

timeout 60 gdb -batch -nx -p "$pid" -ex 'print (int)execl("/bin/true", "true", 0)' >said 2>&1
wait "$pid"
is "another system call is its end" test $? = 159

only_long "--privileged"
: >console
start --privileged
is "as it was started" comes 2 'guest: tick'
is "it keeps capabilities" eval "! each CapEff 0000000000000000"
is "and is not filtered" each Seccomp 0
strata stop one --force
wait "$pid"
finish
