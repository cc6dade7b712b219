#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Installs into a folder of its own, for the kernel that strata.ko was built
# for, and uninstalls again: prints TAP.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/lib/tap.sh
. "$here/../selftests/lib/tap.sh"
kernel=$(modinfo -F vermagic "$here/../strata.ko" | cut -d ' ' -f 1)

if ! command -v dkms >/dev/null || [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs dkms (apt-get install dkms) and root"
	exit 4
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

run() {
	DESTDIR=$root KVER=$kernel "$here/install" "$@" 2>&1 | sed 's/^/# /'
}

# The module that DKMS installed, for that kernel.
module_fits() {
	[[ $(modinfo -F vermagic "$root/lib/modules/$kernel/updates/dkms/strata.ko"*) = "$kernel "* ]]
}

nothing_left() {
	[ -z "$(find "$root/usr" "$root/etc" "$root/var" "$root/lib" -name '*strata*')" ]
}

plan 5
is 'install' run
is 'the module is built for the kernel' module_fits
is 'the udev rule is there' grep -q 'GROUP="kvm", MODE="0660"' \
	"$root/etc/udev/rules.d/60-strata.rules"
run >/dev/null
is 'installing again replaces' module_fits
run --uninstall
is 'uninstall leaves nothing' nothing_left
finish
