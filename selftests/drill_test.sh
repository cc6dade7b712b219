#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Each way for a guest to die, and wild writes to ports and to the registers of devices:
# the report names the cause, a neighbour does its sums undisturbed, and a guest that is to
# start anew does so alone.
#
# lab: only=launcher timeout=900

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/log" "$work/neighbour")

linux_files=("$here/guest/drill/drill.ko")
linux_initrd "$here/guest/device-init" pvpanic-pci || exit 1
# One that unpacks itself runs with interrupts off for as long as that takes.
linux_vmlinux || exit 1
kernel=/boot/vmlinuz-$release
# Both kernels are the same; modules have no place of their own in a map.
awk '!/\[/ { print $1, $2, $3 }' /proc/kallsyms >System.map

# dies STATUS DRILL OPTION...: with that status; its kernel is moved, as everywhere
dies() {
	local wanted=$1 drill=$2

	shift 2
	timeout 150 strata run --kernel "$kernel" --initrd initrd --memory 192M \
		--symbols System.map --append "console=ttyS0 panic=-1 oops=panic quiet drill=$drill" \
		"$@" >log 2>&1 </dev/null
	[ $? = "$wanted" ]
}

shows() {
	grep -q -- "$1" log
}

sums() {
	grep -c 'sum right' neighbour
}

# The neighbour has done some more, and all right.
undisturbed() {
	local before=$sum i

	for ((i = 0; i < 100; i++)); do
		sum=$(sums)
		[ "$sum" -gt "$before" ] && ! grep -q WRONG neighbour && return
		sleep 0.2
	done
	return 1
}

timeout 60 strata run --kernel "$here/guest/bin/micro" --append c --memory 32M --last-exits \
	>log 2>&1 </dev/null
is "a triple fault of a few instructions" test $? = 4
is "shows what the guest has done last" eval \
	"grep -A1 '^    pio  *at 00000000[0-9a-f]*, port 0x3f8' log | tail -n 1 | grep -q '^    '"
is "and what it ended by" eval "sed -n '/its last exits, of/,\$p' log | tail -n 1 | grep -q '^    shutdown  *at'"
strata run --kernel "/boot/vmlinuz-$release" --initrd initrd --memory 128M \
	--append "console=ttyS0 panic=-1 quiet sums" >neighbour 2>&1 </dev/null &
sum=0
is "a neighbour does sums" undisturbed
is "a bug in a module" dies 11 bug --on-crash dump --last-exits
is "is named by Linux" shows 'kernel BUG at .*drill.c'
is "and by us" shows 'strata: the guest has panicked'
is "with a backtrace" shows '? [0-9a-f]* do_init_module+0x'
is "and the last exits by the names of functions" shows '^    [a-z-]*  *at ffffffff[0-9a-f]* [a-z_]*+0x'
is "and a dump" eval "gdb -batch -nx -ex 'info registers rip' -c strata.core 2>/dev/null | grep -q '^rip'"
is "which the neighbour does not notice" undisturbed

kernel=vmlinux
is "a loop with interrupts off" dies 13 loop --watchdog 5 --cpus 2
is "is named" shows 'strata: the guest hangs: vCPU [01] has run for 5 s with interrupts off'
is "with a backtrace" shows '? [0-9a-f]* do_one_initcall+0x'
is "which the neighbour does not notice" undisturbed

kernel=/boot/vmlinuz-$release
# But to those that end the run: of status, of ACPI and of resets. What it says after that
# goes nowhere: its serial port has another speed, and no interrupts.
is "after wild writes to every port it powers off" dies 0 \
	"ports;skip=0xf4,0x604,0x605,0xcf9,0x64,0x92" --disk initrd,readonly
is "which the neighbour does not notice" undisturbed
# crash, with the debug information of this very kernel.
debug=${STRATA_CACHE:-$here/../.cache}/compat/vmlinux-debug-$release
if [ -e "$debug" ] && long; then
	printf '%s\n' bt "log | tail -n 80" ps mod quit >asks
	timeout 600 crash -s --no_scroll "$debug" strata.core <asks >log 2>&1
	is "crash opens the dump, too" shows 'PID: .*COMMAND: "insmod"\|PID: .*COMMAND: "modprobe"'
	is "shows how it came to that" shows '#[0-9]* \[[0-9a-f]*\] do_init_module at'
	is "in which module" shows 'drill'
	is "what Linux has said" shows 'kernel BUG at'
	is "and what ran" shows 'swapper/0'
elif long; then
	skip "$debug is missing: run selftests/compat/fetch-debug-symbols $release"
fi
only_long "panics, halts, triple faults, wild writes to registers, and a guest that starts anew"
is "a panic" dies 11 panic --on-crash stop
is "is named" shows 'strata: the guest has panicked'
is "with a backtrace" shows '[0-9a-f] panic+0x'
is "of the kernel where it is" shows '? [0-9a-f]* do_one_initcall+0x'
is "and the last exits" shows 'MMIO write 0x.*, 1 bytes: 0x1'
is "which the neighbour does not notice" undisturbed

kernel=vmlinux
is "a halt with interrupts off" dies 13 halt --watchdog 5
is "is named" shows 'strata: the guest hangs: its vCPUs have halted with interrupts off'
kernel=/boot/vmlinuz-$release
is "a triple fault" dies 4 triple
is "is named" shows 'strata: the guest crashed (triple fault): KVM_EXIT_SHUTDOWN'
is "which the neighbour does not notice" undisturbed

is "after wild writes to the place of every 32nd register page, too" dies 0 "mmio;step=32" \
	--disk initrd,readonly --rng
is "which the neighbour does not notice" undisturbed

timeout 100 strata run --name again --kernel vmlinux --initrd initrd \
	--memory 192M --append "console=ttyS0 panic=-1 drill=loop" --watchdog 5 \
	--on-crash reboot --last-exits >log 2>&1 </dev/null &
is "one that is to start anew" comes 1 'the guest hangs'
is "does" comes 2 'Linux version'
is "alone" undisturbed
strata stop again --force
echo "# the neighbour has done $sum sums"
finish
