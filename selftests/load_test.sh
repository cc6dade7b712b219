#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading: the device node comes and goes, an open device holds
# the module, and 300 rounds leave no memory behind.
#
# lab: no-module only=life timeout=400

# shellcheck disable=SC2086 # options are words
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin
rounds=300

load() {
	insmod "$STRATA_KO" ${STRATA_KO_OPTIONS:-}
}

not() {
	! "$@"
}

# Node and mode, as devtmpfs makes it.
node() {
	[ "$(stat -c '%F %a' /dev/strata)" = 'character special file 660' ]
}

held() {
	! rmmod strata 2>/dev/null && [ -e /dev/strata ]
}

cycle() {
	local n

	for ((n = 0; n < $1; n++)); do
		load || return
		rmmod strata || return
	done
}

# Objects in the kernel's general caches, in use.
objects() {
	local cache

	for cache in /sys/kernel/slab/kmalloc-*/shrink; do
		echo 1 >"$cache"
	done
	awk '/^kmalloc-/ { sum += $2 } END { print sum }' /proc/slabinfo
}

# Pages of the kernel's own, in KiB.
pages() {
	awk '/^(SUnreclaim|VmallocUsed|Percpu|PageTables):/ { sum += $2 }
		END { print sum }' /proc/meminfo
}

settle() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
}

# grown BEFORE AFTER LIMIT WHAT
grown() {
	echo "# $4: $1 before, $2 after $rounds rounds"
	[ $(($2 - $1)) -lt "$3" ]
}

plan 9
is 'loads' load
is 'makes /dev/strata, mode 0660' node
exec 3<>/dev/strata
is 'an open device holds the module' held
exec 3>&-
is 'unloads' rmmod strata
is 'takes /dev/strata away' not test -e /dev/strata

# The first rounds fill caches of the kernel's own.
cycle 10
settle
objects_before=$(objects)
pages_before=$(pages)
is "loads and unloads $rounds times" cycle $rounds
settle
objects_after=$(objects)
pages_after=$(pages)
# What one round leaves behind shows $rounds times. The kernel counts in whole
# slabs: without any leak the sum of all caches swings by a hundred or two, so what
# grew is asked for again.
no_objects() {
	grown "$objects_before" "$objects_after" $((rounds / 2)) 'kmalloc objects' && return
	cycle $rounds
	settle
	grown "$objects_after" "$(objects)" $((rounds / 2)) 'once more, kmalloc objects'
}
is 'leaves no objects behind' no_objects
is 'leaves no pages behind' \
	grown "$pages_before" "$pages_after" $((rounds * 4)) 'KiB of kernel pages'
is 'the kernel took no taint but for an own, unsigned module' \
	test $(($(cat /proc/sys/kernel/tainted) & ~((1 << 12) | (1 << 13)))) = 0
finish
