#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What becomes of a guest that crashes or asks for a reset: a panic is told by its
# name and status, the dump has memory, registers and VMCOREINFO, and a guest that is
# to start anew does.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/log")

linux_initrd "$here/guest/device-init" pvpanic-pci || exit 1

# ends STATUS WORDS OPTION...
ends() {
	local wanted=$1 words=$2

	shift 2
	timeout 120 strata run --kernel "/boot/vmlinuz-$release" --initrd initrd \
		--append "console=ttyS0 panic=-1 quiet $words" "$@" >log 2>&1 </dev/null
	[ $? = "$wanted" ]
}

segments() {
	readelf -lW strata.core 2>/dev/null | awk '$1 == "LOAD"'
}

is "a panic is status 11, with 2 CPUs" ends 11 dies --cpus 2 --on-crash dump
is "and told by its name" grep -q 'strata: the guest has panicked' log
is "with the registers of each" grep -q 'vCPU 1 in' log
is "where its dump is as well" grep -q 'are in strata.core' log
is "which is an ELF core" eval "readelf -h strata.core 2>/dev/null | grep -q 'CORE (Core file)'"
is "with the state of both" test "$(readelf -n strata.core 2>/dev/null | grep -c NT_PRSTATUS)" = 2
is "what Linux says of itself" grep -qa "OSRELEASE=$release" strata.core
is "memory by physical addresses" eval "segments | grep ' 0x0\+ 0x0\+ 0x0*10000000 ' >/dev/null"
is "and by the kernel's" eval "segments | grep ' 0xffffffff[89a-f]' >/dev/null"
# The text of its own message lies in its ring.
is "in which its last words are" grep -qa 'sysrq triggered crash' strata.core
is "zeros take no space" test "$(stat -c %b strata.core)" -lt $((268435456 / 1024))
is "only its owner may read it" test "$(stat -c %a strata.core)" = 600

# micro LETTER OPTION...: the small guest, for at most 20 s
micro() {
	local letter=$1

	shift
	timeout 20 strata run --kernel "$here/guest/bin/micro" --append "$letter" --memory 32M \
		"$@" >log 2>&1 </dev/null
}

micro c --on-crash reboot
is "a guest that crashes starts anew, but not for ever" test $? = 4
is "five times" test "$(grep -c '^micro guest' log)" = 5
is "as is said" grep -q 'that is enough' log
micro r --on-reset reboot
is "one that asks for a reset does so for ever" test $? = 124
is "each time" test "$(grep -c '^micro guest' log)" -gt 5
micro r
is "or ends" test $? = 3
finish
