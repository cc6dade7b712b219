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

# What strata.ko has that was built here, the installed one has as well.
same_btf() {
	local file
	file=$(echo "$root/lib/modules/$kernel/updates/dkms/strata.ko"*)
	case $file in
	*.xz) xz -dc "$file" ;;
	*.zst) zstd -dc "$file" ;;
	*)	cat "$file" ;;
	esac > "$root/module"
	[ "$(grep -ac '\.BTF' "$root/module")" = "$(grep -ac '\.BTF' "$here/../strata.ko")" ]
}

# Those that were built, each with its help.
tools_are_there() {
	local tool
	[ ! -x "$here/../userspace-tool/strata" ] || "$root/usr/local/bin/strata" help > /dev/null ||
		return 1
	for tool in strata-exits strata-faults strata-irq strata-slow; do
		[ ! -x "$here/../tracing/$tool" ] || "$root/usr/local/bin/$tool" --help > /dev/null ||
			return 1
	done
	"$root/usr/local/bin/strata-bt" --help > "$root/help" && grep -q timeline "$root/help"
}

# A page for each command, without a complaint of man's.
pages_are_right() {
	local man=$root/usr/local/share/man/man1 page

	"$root/usr/local/bin/strata" help | sed -n 's/^  \([a-z][-a-z]*\) .*/\1/p' > "$root/commands"
	while read -r page; do
		[ -s "$man/strata-$page.1" ] || return 1
	done < "$root/commands"
	for page in "$man"/strata*.1; do
		[ -z "$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > /dev/null)" ] || return 1
	done
}

# completes WORD WORDS...: what is offered for the last of the words
completes() {
	local wanted=$1

	shift
	(PATH=$root/usr/local/bin:$PATH
	# shellcheck source=userspace-tool/strata.bash
	. "$root/usr/local/share/bash-completion/completions/strata"
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_strata
	[[ " ${COMPREPLY[*]} " = *" $wanted "* ]])
}

nothing_left() {
	[ -z "$(find "$root/usr" "$root/etc" "$root/var" "$root/lib" -name '*strata*')" ]
}

plan 11
is 'install' run
is 'the module is built for the kernel' module_fits
is 'it has BTF as the one built here' same_btf
is 'the tools are there' tools_are_there
is 'each command has a manual page' pages_are_right
is 'commands are completed' completes translate strata tr
is 'options, too' completes --watchdog strata run --wa
is 'and values' completes reboot strata run --on-crash re
is 'the udev rule is there' grep -q 'GROUP="kvm", MODE="0660"' \
	"$root/etc/udev/rules.d/60-strata.rules"
run >/dev/null
is 'installing again replaces' module_fits
run --uninstall
is 'uninstall leaves nothing' nothing_left
finish
