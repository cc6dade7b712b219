#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# STRATA_CHECK_LONG: ten VMs of different kinds at once; what 40 that do nothing cost; and VMs
# that have twice the host's free memory, with swap.
#
# lab: only=launcher timeout=1800

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
only_long "ten VMs at once, 40 that do nothing, more memory than there is"

# shellcheck disable=SC2034 # for linux_initrd
linux_files=("$here/guest/bin/fill")
linux_initrd "$here/guest/device-init" || exit 1
truncate -s 8M disk

# start NAME OPTION...
start() {
	local name=$1

	shift
	strata run --name "$name" "$@" >"$name.log" 2>&1 </dev/null &
}

# start_linux NAME WORDS OPTION...
start_linux() {
	local name=$1 words=$2

	shift 2
	start "$name" --kernel "/boot/vmlinuz-$release" --initrd initrd \
		--append "console=ttyS0 panic=-1 quiet $words" "$@"
}

# says NAME TEXT NUMBER: so many lines of it
says() {
	local i

	for ((i = 0; i < 900; i++)); do
		[ "$(grep -c "$2" "$1.log")" -ge "$3" ] && return
		sleep 0.2
	done
	tail -n 20 "$1.log" | sed "s/^/# $1: /"
	return 1
}

running() {
	strata list | grep -c " running "
}

printf '\xfa\xeb\xfe' >loop
start spins --kernel "$here/guest/bin/micro" --append h --memory 32M
start halts --kernel "$here/guest/bin/micro" --append n --memory 32M
start flat --flat loop,mode=16 --memory 32M
start_linux one sums --memory 128M
start_linux two sums --memory 128M --cpus 2 --disk disk --rng --balloon
start_linux three sums --memory 128M --net user
start_linux four sums --memory 128M --virtio-console --cpus 2
start_linux five sums --memory 256M,shared
start also --flat loop,mode=64 --memory 32M --cpus 2
start again --kernel "$here/guest/bin/micro" --append h --memory 5G --cpus 3
number=10
is "$number VMs of different kinds: one computes" says one 'sum right' 2
is "another one, too" says two 'sum right' 2
is "a third one" says three 'sum right' 2
is "a fifth one" says five 'sum right' 2
is "all of them run" test "$(running)" = $number
is "and have computed right" eval "! grep -q WRONG *.log"
for name in $(strata list | awk '$2 == "running" { print $1 }'); do strata stop "$name" --force; done
wait
is "and have ended" test "$(running)" = 0

idle=()
for ((i = 0; i < 40; i++)); do
	start "idle$i" --kernel "$here/guest/bin/micro" --append n --memory 256M
	idle+=($!)
done
for ((i = 0; i < 40; i++)); do says "idle$i" '^micro guest' 1 || break; done
is "40 VMs that do nothing run" test "$(running)" = 40
# Proportional shares of the launchers' memory, KiB; and their CPU time, in ticks of 10 ms.
pss() {
	for p in "${idle[@]}"; do awk '/^Pss:/ { print $2 }' "/proc/$p/smaps_rollup"; done |
		awk '{ n += $1 } END { print n }'
}
cpu() {
	for p in "${idle[@]}"; do awk '{ print $14 + $15 }' "/proc/$p/stat"; done |
		awk '{ n += $1 } END { print n }'
}
before=$(cpu)
sleep 20
echo "# 40 VMs that do nothing: $(($(pss) / 40)) KiB each," \
	"$((($(cpu) - before) * 10)) ms of CPU time in 20 s, all together"
is "and take nearly nothing of the CPU" test $(($(cpu) - before)) -lt 100
for ((i = 0; i < 40; i++)); do strata stop "idle$i" --force; done
wait

modprobe zram 2>/dev/null
if echo 4G >/sys/block/zram0/disksize; then
	mkswap /dev/zram0 >/dev/null && swapon /dev/zram0
	# More of it would only take longer to fill: huge pages stay where they are.
	free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	echo $(((free - 450) / 2)) >/proc/sys/vm/nr_hugepages
	free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	each=$((free / 2))
	for name in a b c d; do
		start_linux $name "fill=$each" --memory "$(((each * 115 / 100 + 160) / 2 * 2))M"
	done
	for name in a b c d; do
		is "one of four with twice the free memory is full" says $name 'guest: filled' 1
	done
	echo "# $free MiB were free; 4 times $each MiB are in use;" \
		"$(awk '/^Swap(Total|Free)/ { n = $2 - n } END { print int(-n / 1024) }' /proc/meminfo) MiB swapped"
	for name in a b c d; do
		is "and right" says $name 'memory right' 2
	done
	is "none was wrong" eval "! grep -q WRONG *.log"
	for name in a b c d; do strata stop $name --force; done
	wait
	echo 0 >/proc/sys/vm/nr_hugepages
	swapoff /dev/zram0
else
	skip "no zram to swap to"
fi
finish
