#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Speculation barriers are issued where they are decided: a debug build can be
# told to issue all that the CPU executes, and counts them. What they do to
# silicon is not seen here; the decision itself is unit/test_mitigate.c.
#
# lab: no-module only=debug

# shellcheck disable=SC2086 # options are words
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin
parameters=/sys/module/strata/parameters

# How often barrier $1 was issued.
issued() {
	awk -v name="$1" '$1 == name { print $2 }' $parameters/barriers
}

has() {
	grep -qw "$1" /proc/cpuinfo
}

guest() {
	"$here/bin/hypercall_test" > /dev/null 2>&1
}

grew() {
	[ "$(issued "$1")" -gt "$2" ]
}

is "the module loads with every barrier forced on" insmod "$STRATA_KO" ${STRATA_KO_OPTIONS:-} force_barriers=1
before=$(issued verw)
is "nothing is issued before a guest runs" test "$before" = 0
is "a guest runs with them" guest
is "VERW is issued at entries" grew verw "$before"
if has ibpb; then
	is "IBPB is issued between vCPUs" grew ibpb 0
else
	is "IBPB between vCPUs # SKIP this CPU has no IBPB" true
fi
# QEMU's TCG and Bochs take the MSR without the feature: the path is the silicon's.
is "SPEC_CTRL is written after guests" grew spec-ctrl 0
is "unload" rmmod strata
is "load without force_barriers" insmod "$STRATA_KO" ${STRATA_KO_OPTIONS:-}
is "a guest runs without" guest
is "VERW is the host's choice again" test "$(issued verw)" = 0
is "unload again" rmmod strata
finish
