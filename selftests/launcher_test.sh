#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The launcher: how each end of a guest is told, its serial port both ways, the
# escape key, signals, and its messages. The guest is guest/micro.
#
# Usage: launcher_test.sh [DEVICE]
#
# lab: timeout=180 kernels

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$here/../userspace-tool:$PATH
device=${1:-/dev/strata}
micro=$here/guest/bin/micro
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tap_files=("$tmp/out" "$tmp/err")

# guest LETTER [OPTION]...: the status is in $status, what was said in files
guest() {
	local letter=$1

	shift
	strata run --device "$device" --kernel "$micro" --append "$letter" --memory 32M \
		--timeout 20 "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
}

# ends STATUS LETTER [OPTION]...
ends() {
	local wanted=$1

	shift
	guest "$@" </dev/null
	[ "$status" = "$wanted" ] && grep -q '^micro guest' "$tmp/out"
}

said() {
	grep -q -- "$1" "$tmp/err"
}

# refused STATUS PATTERN ARGUMENT...: one line of error, and the status
refused() {
	local wanted=$1 pattern=$2

	shift 2
	: >"$tmp/out"
	strata "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	[ $? = "$wanted" ] && [ "$(wc -l <"$tmp/err")" = 1 ] && said "$pattern"
}

is "the guest's power-off is status 0" ends 0 p
is "without a word" test ! -s "$tmp/err"
is "a reset is status 3" ends 3 r
is "so is one by the keyboard controller" ends 3 k
is "a triple fault is status 4" ends 4 c
is "named KVM_EXIT_SHUTDOWN" said KVM_EXIT_SHUTDOWN
is "the guest's own status comes through" ends $((64 + 42)) e
is "the start info of PVH is good" ends $((64 + 1)) b
is "it is as well with 5 GiB and 3 CPUs" ends $((64 + 1)) b --memory 5G --cpus 3
is "an address without memory reads as all ones" ends $((64 + 1)) m
is "running code there is status 5" ends 5 j
is "named KVM_EXIT_INTERNAL_ERROR" said KVM_EXIT_INTERNAL_ERROR
is "with the RIP" said 'RIP *00000000d0000000'
is "a running guest ends by --timeout, status 9" ends 9 h --timeout 1
is "and its next instruction is shown" said 'code at RIP: eb fe\|code at RIP: 74 fe'
is "a halted one as well" ends 9 n --timeout 1
is "with all of its CPUs" ends 9 n --timeout 1 --cpus 2
is "each in the report" said 'vCPU 1 in real mode'
is "statistics are printed when asked for" ends 0 p --stats
is "with the exits to the launcher" said '^user exits: [1-9]'
is "and the hypervisor's own count" said '^exits: [1-9]'

# One file that finds out how it is run: PE twice, and one more where 40 is INC.
printf '\x0f\x20\xc0\x24\x01\x00\xc0\x40\x90\xe6\xf4\xf4' >"$tmp/flat"
# flat STATUS WORDS: a file without a header
flat() {
	local wanted=$1

	strata run --device "$device" --flat "$tmp/flat$2" --memory 32M --timeout 20 \
		>"$tmp/out" 2>"$tmp/err" </dev/null
	[ $? = "$wanted" ]
}
is "a flat file runs in 16-bit mode" flat $((64 + 1)) ,mode=16
is "in 32-bit mode" flat $((64 + 3)) ''
is "in 64-bit mode" flat $((64 + 2)) ,mode=64
is "at another address" flat $((64 + 1)) ,mode=16,address=0x1234
is "above 1 MiB" flat $((64 + 2)) ,address=0x1000000,mode=64
is "not upon the tables" flat 1 ,address=0xeffff
is "which is said" said 'would lie upon'
is "not beyond the memory" flat 1 ,address=0x2000000
is "which is said as well" said 'does not fit'
is "16-bit code not above 1 MiB" flat 1 ,mode=16,address=0x100000
is "in no other mode" flat 2 ,mode=8

# multiboot KIND STATUS OPTION...
multiboot() {
	local kind=$1 wanted=$2

	shift 2
	strata run --device "$device" --kernel "$here/guest/bin/multiboot-$kind" --memory 32M \
		--timeout 20 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	[ $? = "$wanted" ]
}
echo module >"$tmp/module"
is "a Multiboot kernel, an ELF file" multiboot elf $((64 + 1)) --append m --initrd "$tmp/module"
is "by the addresses in its header" multiboot raw $((64 + 1)) --append m --initrd "$tmp/module"
is "gets its command line" multiboot raw $((64 + 5)) --append x --initrd "$tmp/module"
is "and its module" multiboot raw $((64 + 3)) --append m
head -c 100 "$here/guest/bin/multiboot-raw" >"$tmp/short"
is "a part of one" eval "! strata run --kernel $tmp/short 2>$tmp/err"

# The serial port, standard input not a terminal. More than the FIFO holds.
text=$(printf '%0200d' 7)
guest i <<<"${text}q"
is "input that is no terminal reaches the guest" test "$status" = $((64 + 7))
is "all of it, in order" grep -q "^$text" "$tmp/out"
{ printf 'one'; sleep 1; printf 'two'; sleep 1; printf q; } | guest i --timeout 10
is "slow input as well" grep -q onetwo "$tmp/out"
guest i --timeout 2 <<<"no end"
is "the end of input does not end the guest" test "$status" = 9

# The same on a terminal, which script makes.
# terminal LETTER: standard input becomes keys
terminal() {
	script -qec "strata run --device $device --kernel $micro --append $1 --memory 32M \
		--timeout 20; echo status \$?; stty -a" /dev/null >"$tmp/out" 2>"$tmp/err"
}

{ sleep 2; printf 'a\003b'; sleep 1; printf '\001x'; sleep 1; } | terminal i
is "on a terminal Ctrl-A x ends it, status 10" grep -q 'status 10' "$tmp/out"
is "Ctrl-C is for the guest" grep -q "$(printf 'a\003b')" "$tmp/out"
is "the terminal's modes are restored" grep -q ' icanon.* echo ' <(tr '\r\n' '  ' <"$tmp/out")
{ sleep 2; printf '\001?'; sleep 1; printf '\001\001q'; sleep 1; } | terminal i
is "Ctrl-A ? helps" grep -q 'send Ctrl-A to the guest' "$tmp/out"
is "Ctrl-A twice is one for the guest" grep -q "$(printf '^\001')" "$tmp/out"

{ sleep 2; printf '%02000d' 0; sleep 1; printf '\001x'; sleep 1; } | terminal h
is "Ctrl-A x ends a guest that reads nothing" grep -q 'status 10' "$tmp/out"

# signalled NAME STATUS
signalled() {
	local pid

	strata run --device "$device" --kernel "$micro" --append h --memory 32M --timeout 20 \
		>"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	sleep 1
	kill -s "$1" $pid
	wait $pid
	[ $? = "$2" ]
}

is "SIGTERM ends it, status 143" signalled TERM 143
is "SIGHUP ends it, status 129" signalled HUP 129

# While one hypervisor has a guest, the other's launcher names it.
# busy HOLDER'S-DEVICE OTHER'S-DEVICE HOLDER
busy() {
	local pid result=1

	strata run --device "$1" --kernel "$micro" --append h --memory 32M --timeout 20 \
		>/dev/null 2>&1 </dev/null &
	pid=$!
	sleep 1
	refused 1 "busy: $3 is in use" run --device "$2" --kernel "$micro" && result=0
	kill $pid
	wait $pid
	guest p --device "$2" </dev/null
	[ "$status" = 0 ] && return $result
}

if [ "$device" = /dev/strata ] && modprobe kvm_amd 2>/dev/null; then
	if grep -qs Y /sys/module/kvm/parameters/enable_virt_at_load; then
		is "busy as soon as KVM is loaded" refused 1 'took it when it was loaded' \
			run --kernel "$micro"
	else
		is "busy with a guest of KVM" busy /dev/kvm /dev/strata kvm_amd
		is "KVM is busy with a guest of strata" busy /dev/strata /dev/kvm strata
	fi
	modprobe -r kvm_amd
fi

is "a kernel that is none" refused 1 'neither a bzImage nor an ELF' \
	run --device "$device" --kernel "$0"
is "a program that is no kernel" refused 1 'PVH' \
	run --device "$device" --kernel "$(readlink -f /bin/bash)"
is "a kernel that is not there" refused 1 'No such file' \
	run --device "$device" --kernel /nowhere/vmlinuz
truncate -s 40M "$tmp/initrd"
is "an initrd that does not fit" refused 1 'more --memory' \
	run --device "$device" --kernel "$micro" --memory 32M --initrd "$tmp/initrd"
is "a command line that does not fit" refused 1 'shorten --append' \
	run --device "$device" --kernel "$micro" --append "$(printf '%065536d' 0)"
is "a device that is not there" refused 1 'not loaded' \
	run --device /dev/nowhere --kernel "$micro"
is "a device that is another" refused 1 'does not speak the KVM API' \
	run --device /dev/null --kernel "$micro"
is "memory of a wrong size" refused 2 'multiple of 2 MiB' run --kernel "$micro" --memory 33000K
is "too much of it" refused 2 'out of range' run --kernel "$micro" --memory 2000G
is "no CPUs" refused 2 'number from 1' run --kernel "$micro" --cpus 0
is "an unknown option" refused 2 'no option --frob' run --frob
is "no kernel" refused 2 '--kernel FILE' run
is "an unknown command" refused 2 "no command 'frob'" frob

helps() {
	local command

	for command in run info help version; do
		strata help $command >"$tmp/out" 2>"$tmp/err" &&
			grep -q "^usage: strata $command" "$tmp/out" && [ ! -s "$tmp/err" ] || return
	done
}

offers() {
	strata info --device "$device" >"$tmp/out" 2>"$tmp/err" &&
		grep -q '^KVM API version: *12$' "$tmp/out" &&
		grep -q '^  USER_MEMORY  *1$' "$tmp/out" && grep -q '^  IRQCHIP' "$tmp/out"
}

is "help for every command" helps
is "info tells the API's version and capabilities by name" offers
finish
