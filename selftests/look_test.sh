#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# strata translate and strata memory: pages of 4K, 2M and 1G in the guest's tables and in
# the nested ones, present, absent and swapped out. What Linux says of its own mappings
# (the text, the map of all memory) tells the guest-physical address, and the host's
# pagemap the machine's.
#
# lab: only=launcher timeout=600

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/launcher_test.sh
. "$here/lib/launcher_test.sh"
tap_files=("$work/said" "$work/log")

readonly TEXT=0xffffffff80000000 DIRECT=0xffff888000000000 IDT=0xfffffe0000000000
readonly THP=/sys/kernel/mm/transparent_hugepage/enabled
readonly GIGANTIC=/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages

# As early as can be: later none is free in one piece.
modprobe zram 2>/dev/null
[ ! -e $GIGANTIC ] || echo 1 >$GIGANTIC

linux_initrd "$here/guest/device-init" button evdev || exit 1

# start NAME OPTION...: a guest that works
start() {
	local name=$1

	shift
	strata run --name "$name" --kernel "/boot/vmlinuz-$release" --initrd initrd \
		--append "console=ttyS0 panic=-1 quiet nokaslr ticks" "$@" >log 2>&1 </dev/null &
	launcher=$!
	comes 2 'guest: tick'
}

look() {
	strata translate "$@" >said
}

shows() {
	grep -q -- "$1" said
}

# The address in the line that begins with this word.
address() {
	awk -v word="$1" '$1 == word { sub(",", "", $2); print $2 }' said
}

# What the host says of the launcher's memory: frame, in memory, swapped.
pagemap() {
	perl -e 'open my $f, "<", "/proc/$ARGV[0]/pagemap" or die; my $a = hex $ARGV[1];
		sysseek $f, ($a >> 12) * 8, 0; sysread $f, my $e, 8; $e = unpack "Q", $e;
		printf "0x%x %d %d\n", ($e & (1 << 55) - 1) << 12 | $a & 4095, $e >> 63, $e >> 62 & 1' \
		"$1" "$2"
}

machine_is_right() {
	[ "$(pagemap "$launcher" "$(address host-virtual)")" = "$(address machine) 1 0" ]
}

# at VIRTUAL PHYSICAL: shown as that, and the machine's address is what the host says
at() {
	look one "$(printf '0x%x' $(($1)))" && [ "$(address guest-physical)" = "$(printf '0x%x' $(($2)))" ] &&
		machine_is_right
}

text=$(awk '$3 == "_stext" { print "0x" $1; exit }' /proc/kallsyms)

echo always >$THP
is "a guest works" start one --memory 7G --cpus 2 --privileged
is "2M in the guest, of its text" at "$text" $((text - TEXT))
is "by three entries" test "$(grep -c '^  level [234] at' said)" = 3
is "as its size tells" shows '^guest-physical.*in a page of 2M'
is "2M in the nested tables" shows '^  nested level 2 .*, a page of 2M'
# Of which the host may have nothing yet.
look one "$(printf '0x%x' $((DIRECT + 0x140000123)))"
is "1G in the guest, of its map of all memory" test "$(address guest-physical)" = 0x140000123
is "as its size tells" shows '^guest-physical.*in a page of 1G'
look one $IDT
is "4K in the guest, of its interrupts" shows '^guest-physical.*in a page of 4K'
is "read only" eval "! grep '^  level 1 at' said | grep -q write"
is "where the machine has it" machine_is_right
is "by the other vCPU as well" look one "$text" --vcpu 1
is "with its own tables" shows 'vCPU 1, CR3 0x'
is "what is not mapped" eval "look one 0xffffa00000000000 && shows 'not present' &&
	shows 'the guest maps nothing there'"
is "what is not canonical, too" look one 0x1234567812345678
is "what nobody has touched" eval "look one 0x13ff00000 --physical && shows 'never touched' ||
	shows 'in memory'"
is "a device" eval "look one 0xfec00000 --physical && shows 'no memory of the guest'"
is "more than the tables reach" look one 0xfffffffffffff000 --physical
is "each table's own place" eval "look one $text --all && [ \$(grep -c '^    machine' said) = 3 ]"
is "as JSON" eval "look one $text --json && shows '\"mapped\": true'"
is "no vCPU 2" eval "! strata translate one 0 --vcpu 2 2>said && shows 'no such vCPU'"
is "no address" eval "! strata translate one x 2>said && shows 'is no address'"
is "its memory" eval "strata memory one --seconds 0.2 >said && shows '7340032 KiB  the guest has'"
is "is in 2M" test "$(awk '$3 == "of" && $4 == "2M" { print $1 }' said)" -gt 20000
strata memory one --seconds 100 >counted 2>&1 &
logger=$!
for ((i = 0; i < 100; i++)); do grep -q 'the guest has' counted && break; sleep 0.1; done
is "its writes are counted by one at a time" eval "! strata memory one --seconds 0.1 >said 2>&1 &&
	shows 'somebody else counts its writes'"
kill -KILL $logger
wait $logger 2>/dev/null
is "and by the next one, when that one is gone" eval "strata memory one --seconds 0.1 >said"
is "and is written to" shows 'KiB/s  written to'
strata stop one --force
wait $launcher

is "too few huge pages are told" eval "! strata run --kernel /boot/vmlinuz-$release --memory 64M,huge=2M 2>said"
is "with the cure" shows 'hugepages-2048kB/nr_hugepages'
echo 40 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
is "a small guest in huge pages" eval "timeout 20 strata run --kernel $here/guest/bin/micro --append p \
	--memory 64M,huge=2M >log 2>&1 </dev/null"
is "and in shared memory" eval "timeout 20 strata run --kernel $here/guest/bin/micro --append p \
	--memory 64M,shared >log 2>&1 </dev/null"

only_long "pages of 4K and 1G in the nested tables, and swap"
echo never >$THP
is "another one works" start one --memory 256M --privileged
is "4K in the nested tables, 2M in the guest" at "$text" $((text - TEXT))
is "as its size tells" shows '^  nested level 1 .*, a page of 4K'
is "paused" strata pause one
strata stop one --force
wait $launcher
if echo 512M >/sys/block/zram0/disksize; then
	mkswap /dev/zram0 >/dev/null && swapon /dev/zram0
	is "a third one works" start one --memory 256M
	look one "$text"
	is "without privileges no address of the machine" shows "only for who has CAP_SYS_ADMIN"
	is "but which pages" shows "^  nested level [12]: 0x.*, a page of"
	is "paused" strata pause one
	# Files of the group's are not what is to go.
	echo 200 >/proc/sys/vm/swappiness
	for ((i = 0; i < 100; i++)); do
		echo 32M >"/sys/fs/cgroup/strata-$launcher/memory.reclaim"
		look one "$text" && shows 'swapped out' && break
	done 2>/dev/null
	is "swapped out" shows 'swapped out'
	is "as the host says" test "$(pagemap "$launcher" "$(address host-virtual)" | cut -d' ' -f2-)" = "0 1"
	is "not there in the nested tables" shows '^  nested level [1-4].*: 0x0000000000000000 not there'
	is "its memory says so" eval "strata memory one --seconds 0.1 >said &&
		[ \$(awk '/swapped out/ { print \$1 }' said) -gt 1000 ]"
	is "it goes on" strata resume one
	before=$(grep -c 'guest: tick' log)
	is "and works" comes $((before + 2)) 'guest: tick'
else
	skip "no zram to swap to"
fi
strata stop one --force
wait $launcher

if [ -e $GIGANTIC ] && [ "$(cat $GIGANTIC)" -ge 1 ]; then
	is "a guest in a huge page of 1G" start one --memory 1G,huge=1G --privileged
	is "1G in the nested tables" at "$text" $((text - TEXT))
	is "as its size tells" shows '^  nested level 3 .*, a page of 1G'
	is "its memory says so" eval "strata memory one --seconds 0.1 >said &&
		[ \$(awk '\$3 == \"of\" && \$4 == \"1G\" { print \$1 }' said) = 1048576 ]"
	strata stop one --force
	wait $launcher
	echo 0 >$GIGANTIC
else
	skip "no page of 1G is free in one piece"
fi
finish
