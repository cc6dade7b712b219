#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a VM may take: a share of a CPU, kept beside a guest without a limit and a busy host;
# a weight, memory, CPUs; changed while it runs; and only its vCPUs' threads are held to it.
# STRATA_CHECK_LONG: for 60 s, with the worst second of them.
#
# lab: only=launcher timeout=900

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/said" "$work/one.log")
long && seconds=60 || seconds=10

if ! grep -qw cpu /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
	skip "this machine has no cgroup v2 with a controller for CPUs"
	finish
fi
linux_files=("$here/guest/bin/thief" "$here/guest/bin/reads")
linux_initrd "$here/guest/device-init" virtio_pci virtio_blk || exit 1
home=/sys/fs/cgroup

words=sums
# start NAME OPTION...
start() {
	local name=$1

	shift
	strata run --name "$name" --kernel "/boot/vmlinuz-$release" --initrd initrd --memory 128M \
		--append "console=ttyS0 panic=-1 quiet $words" "$@" >"$name.log" 2>&1 </dev/null &
	pid=$!
}

works() {
	local i

	for ((i = 0; i < 600; i++)); do
		grep -q 'sum right' "$1.log" && return
		sleep 0.2
	done
	return 1
}

# of NAME KEY: a value of its status
of() {
	perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new("strata/$ARGV[0].control") or exit 1;
		print $s "{\"command\":\"status\"}\n"; $s->flush; my $r = <$s>;
		print "$1\n" if $r =~ /"$ARGV[1]":([0-9.]+)/' "$1" "$2"
}

now() {
	awk '{ printf "%d\n", $1 * 1000000 }' /proc/uptime
}

# share NAME SECONDS: tenths of a percent of a CPU that its vCPUs took, by cpu.stat
share() {
	local used time

	used=$(of "$1" cpu_usec)
	time=$(now)
	sleep "$2"
	used=$(($(of "$1" cpu_usec) - used))
	echo $((used * 1000 / ($(now) - time)))
}

between() {
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

sums() {
	grep -c 'sum right' "$1.log"
}

# A host with work of its own.
(while :; do :; done) &
busy=$!
start two
two=$pid
is "one without a limit" works two
start one --cpu-limit 20% --memory-limit 256M
group=$home/strata-$pid
is "and one with" works one
is "is in a group" test -d "$group/vcpus"
is "with a quota" grep -q '^10000 50000$' "$group/vcpus/cpu.max"
is "and a limit for memory" grep -q '^268435456$' "$group/memory.max"
is "only the vCPU is held to it" test "$(wc -l <"$group/vcpus/cgroup.threads")" = 1
is "which is no thread of a device's" eval "[ \$(wc -l <$group/cgroup.threads) -ge 1 ]"

worst=0
before_one=$(sums one)
before_two=$(sums two)
from_used=$(of one cpu_usec)
from=$(now)
for ((s = 0; s < seconds; s++)); do
	this=$(share one 1)
	[ "$this" -le $worst ] || worst=$this
done
got=$((($(of one cpu_usec) - from_used) * 1000 / ($(now) - from)))
echo "# asked 20 %, for $seconds s: got $((got / 10)).$((got % 10)) % by cpu.stat," \
	"worst second $((worst / 10)).$((worst % 10)) %;" \
	"sums $(($(sums one) - before_one)), and $(($(sums two) - before_two)) without a limit"
kill $busy
strata stat "pid:$pid" --diff 2 >said
echo "# by the module: $(grep 'the guest itself' said)"
# It may get less, as the host is busy.
is "it gets what was asked at most" between "$got" 50 215
is "strata top shows both" eval "strata top --rounds 2 >said &&
	grep -q '^one: asked 20.0% of a CPU, 256 MiB of memory at most, got' said"

is "another limit" strata set one --cpu-limit 5% --cpu-weight 50
is "is in the group" grep -q '^2500 50000$' "$group/vcpus/cpu.max"
is "the weight, too" grep -q '^50$' "$group/vcpus/cpu.weight"
is "what was not named stays" grep -q '^268435456$' "$group/memory.max"
sleep 1
is "and holds" between "$(share one 3)" 10 60
is "none" strata set one --cpu-limit none
is "is none" grep -q '^max 50000$\|^max 100000$' "$group/vcpus/cpu.max"
is "pinned" strata set one --pin 0
is "is its vCPU" test "$(taskset -p "$(cat "$group/vcpus/cgroup.threads")" | sed 's/.*: //')" = 1
is "to no CPU" eval "! strata set one --pin 4000 2>said"
is "one that had no limit" strata set two --cpu-limit 10% --memory-limit 200M
sleep 1
is "has one" between "$(share two 3)" 10 115
is "nonsense" eval "! strata set one --cpu-limit lots 2>said"
is "is refused" grep -q 'no such value' said
is "no limit at all" eval "! strata set one 2>said"
strata stop one --force
wait "$pid"
is "the group goes with it" test ! -e "$group"
if long; then
	strata stop two --force
	wait "$two"
	# work NAME: what it has done by now
	work() {
		sed -n 's/.*guest: work \([0-9]*\).*/\1/p' "$1.log" | tail -n 1
	}
	words=steals=0
	start honest --cpu-limit 20%
	words=steals=3500
	start thief --cpu-limit 20%
	for name in honest thief; do
		for ((i = 0; i < 600; i++)); do [ -z "$(work $name)" ] || break; sleep 0.2; done
	done
	honest=$(work honest) thief=$(work thief)
	from_honest=$(of honest cpu_usec) from_thief=$(of thief cpu_usec) from=$(now)
	sleep 60
	honest=$(($(work honest) - honest)) thief=$(($(work thief) - thief))
	time=$(($(now) - from))
	echo "# for 60 s at 20 %: an honest guest has done $honest, one that sleeps when the tick" \
		"comes $thief; they took $((($(of honest cpu_usec) - from_honest) * 1000 / time)) and" \
		"$((($(of thief cpu_usec) - from_thief) * 1000 / time)) thousandths of a CPU"
	is "a thief does not more than an honest one" test "$thief" -le $((honest * 105 / 100))
	strata stop honest --force
	strata stop thief --force
	wait

	# The disk's thread is not held to the limit, and the guest is until its next period.
	truncate -s 1M disk
	(while :; do :; done) &
	busy=$!
	words='sums reads'
	start two --disk disk,readonly
	start one --disk disk,readonly --cpu-limit 20%
	for name in one two; do
		is "the disk answers $name" eval "for ((i = 0; i < 600; i++)); do
			[ \$(grep -c 'guest: [0-9]* reads' $name.log) -ge 4 ] && break; sleep 0.2; done;
			[ \$(grep -c 'guest: [0-9]* reads' $name.log) -ge 4 ]"
		echo "# $name: $(sed -n 's/.*guest: \([0-9]* reads.*\)/\1/p' $name.log | tail -n 3 | paste -sd ';')"
	done
	kill $busy
	strata stop one --force
	wait "$pid"
fi
# Somebody else, in a group that was given to him.
mkdir $home/his && chown 65534 $home/his $home/his/cgroup.{procs,threads,subtree_control}
chmod 666 /dev/strata
mkdir -m 700 his && chown 65534 his && chmod 711 .
cp "$here/guest/bin/micro" micro
(echo $BASHPID >$home/his/cgroup.procs
cd his || exit
XDG_RUNTIME_DIR=$work/his exec setpriv --reuid 65534 --clear-groups strata run --name his \
	--kernel ../micro --append h --memory 32M --cpu-limit 30% >../his.log 2>&1 </dev/null) &
pid=$!
sleep 5
is "another user's, in a group of his" grep -q '^15000 50000$' "$home/his/strata-$pid/vcpus/cpu.max"
is "has its vCPU in it" test "$(wc -l <"$home/his/strata-$pid/vcpus/cgroup.threads")" = 1
kill $pid
wait $pid
is "and ends" test $? = 143
rmdir "$home/his/strata-$pid" $home/his 2>/dev/null
strata run --kernel "$here/guest/bin/micro" --cpu-limit 20 2>said
is "a wrong share is status 2" test $? = 2
is "as is said" grep -q "'20' is no share of a CPU" said
strata stop two --force
finish
