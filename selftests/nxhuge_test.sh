#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# nx_huge_pages=1: large mappings of guest memory are not executable. Guests do
# not notice: programs run, large pages or not.
#
# lab: no-module vmx

# shellcheck disable=SC2086 # options are words
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin

runs() {
	"$here/bin/$1" > /dev/null 2>&1
}

is "the module loads with nx_huge_pages=1" insmod "$STRATA_KO" ${STRATA_KO_OPTIONS:-} nx_huge_pages=1
is "it is told" grep -qx 1 /sys/module/strata/parameters/nx_huge_pages
is "large pages" runs largepage_test
is "programs" runs longmode_test
is "a dirty log" runs dirtylog_test
is "unload" rmmod strata
finish
