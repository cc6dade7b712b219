# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # here
#
# What a test of the launcher begins with: to be sourced, with $here set. Results as TAP, a
# folder of its own, in which named VMs have their sockets as well, guests of Debian's kernel.

# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
# shellcheck source=selftests/lib/linux_guest.sh
. "$here/lib/linux_guest.sh"
PATH=$here/../userspace-tool:$PATH
# shellcheck disable=SC2034 # for the test, and for linux_guest.sh
release=$(uname -r)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_RUNTIME_DIR=$work

# Whether there is time for all of it: guests take long to boot in an emulated machine.
long() {
	[ -n "${STRATA_CHECK_LONG:-}" ]
}

# The rest of a test is for make check-launcher.
only_long() {
	long && return
	skip "$1: make check-launcher"
	finish
}
