# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # here and release
#
# Debian's kernel as a guest: to be sourced, with $here and $release set.
#
#	linux_initrd INIT MODULE...	./initrd, with what the modules need in order
#	comes NUMBER TEXT		so many lines of it are in ./log, within a minute

# Debian's kernel has drivers as modules.
linux_initrd() {
	local init=$1 module paths

	shift
	for module; do
		modprobe -S "$release" --show-depends "$module"
	done 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >paths
	sed 's|.*/||' paths >modules
	mapfile -t paths <paths
	"$here/guest/mkinitrd" initrd "$init" modules "${paths[@]}"
}

comes() {
	local i

	for ((i = 0; i < 300; i++)); do
		[ "$(grep -c "$2" log)" -ge "$1" ] && return
		sleep 0.2
	done
	return 1
}
