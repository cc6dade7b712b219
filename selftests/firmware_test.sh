#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A PC's firmware, Debian's SeaBIOS, boots from a disk: its services for 16-bit code, and
# what it knows of the machine.
#
# lab: only=launcher timeout=300

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/said" "$work/out")

if [ ! -e /usr/share/seabios/bios-256k.bin ]; then
	skip "this machine has no SeaBIOS"
	finish
fi

new_disk() {
	rm -f disk
	truncate -s 1M disk
	dd if="$here/guest/bin/bootsector" of=disk conv=notrunc status=none
}

mkfifo keys
# boots STATUS OPTION...: a key is pressed when it asks for one
boots() {
	local wanted=$1 i pid

	shift
	: >out
	timeout 120 strata run --timeout 90 --memory 64M "$@" >out 2>said <keys &
	pid=$!
	exec 3>keys
	for ((i = 0; i < 1000; i++)); do
		kill -0 $pid 2>/dev/null || break
		grep -q 'a key' out && { printf '%s' "${key:-x}" >&3; break; }
		sleep 0.1
	done
	wait $pid
	[ $? = "$wanted" ]
}

new_disk
is "it boots from a disk" boots 65 --firmware --disk disk
is "shows on the serial port what it prints" grep -q 'SeaBIOS (version' out
is "and what a boot sector does" grep -q 'boot sector' out
is "writes to the disk" cmp -n 512 disk disk 512 1024
is "a key that is another one" eval "key=y boots 70 --firmware --disk disk"
# The second disk would end with 66: its second sector is not what the first one wants.
truncate -s 1M other
dd if="$here/guest/bin/bootsector" of=other conv=notrunc count=1 status=none
is "another disk" boots 66 --firmware --disk other
is "from the first of two, with more memory and CPUs" boots 65 --firmware --memory 5G --cpus 3 \
	--disk disk --disk other --net user --rng
is "a disk that cannot be written" boots 67 --firmware --disk disk,readonly
long && is "a file of another size: 128 KiB" boots 65 --firmware=/usr/share/seabios/bios.bin --disk disk
is "no disk" boots 9 --firmware --timeout 6
is "is said by the firmware" grep -q 'No bootable device' out
is "a kernel as well" boots 2 --firmware --kernel "$here/guest/bin/micro"
is "is one too many" grep -q 'leave all but one out' said
is "a file that is no firmware" boots 1 --firmware=disk
is "is refused" grep -q 'is no firmware of a PC' said
is "and so is none" boots 1 --firmware=missing
cat >config <<END
firmware
disk disk
END
is "by a file of options" boots 65 --config config

# The firmware is looked at where it is: its reset vector by a debugger, and by translate.
if command -v gdb >/dev/null; then
	strata run --name looked --firmware --disk disk --memory 64M --gdb ./gdb.socket \
		>out 2>said </dev/null &
	for ((i = 0; i < 100; i++)); do [ -S gdb.socket ] && break; sleep 0.1; done
	gdb -nx -batch -ex 'target remote ./gdb.socket' \
		-ex 'x/5xb 0xfffffff0' -ex 'set var *(char *)0xfffffff0 = 1' -ex 'x/xb 0xfffffff0' \
		-ex 'detach' >gdb.out 2>&1
	tap_files=("$work/gdb.out" "$work/said")
	is "a debugger reads its first instruction" \
		grep -q '0xfffffff0:.*0xea	0x5b	0xe0	0x00	0xf0' gdb.out
	is "and cannot write it" eval "! grep -q '0xfffffff0:.*0x01$' gdb.out"
	is "its address is translated" eval "strata translate looked 0xfffffff0 --physical >out"
	is "to this process's" grep -q 'host-virtual\|host' out
	strata stop looked --force
	wait
fi
finish
