# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # here and release
#
# Debian's kernel as a guest: to be sourced, with $here and $release set.
#
#	linux_initrd INIT MODULE...	./initrd, with what the modules need in order
#	linux_vmlinux		./vmlinux, its ELF file
#	comes NUMBER TEXT		so many lines of it are in ./log, or in $log, within a minute

# More files for the root of the RAM disk, if a test wants some.
linux_files=()

# Debian's kernel has drivers as modules.
linux_initrd() {
	local init=$1 module paths

	shift
	for module; do
		modprobe -S "$release" --show-depends "$module"
	done 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >paths
	sed 's|.*/||' paths >modules
	mapfile -t paths <paths
	"$here/guest/mkinitrd" initrd "$init" modules "${paths[@]}" \
		${linux_files[@]+"${linux_files[@]}"}
}

comes() {
	local i

	for ((i = 0; i < 300; i++)); do
		[ "$(grep -c "$2" "${log:-log}")" -ge "$1" ] && return
		sleep 0.2
	done
	return 1
}

# ./vmlinux: what a bzImage has packed (Documentation/arch/x86/boot.rst of Linux), an ELF file
# with an entry for PVH.
linux_vmlinux() {
	local image=/boot/vmlinuz-$release setup start length

	number() { od -An -tu"$2" -j "$1" -N "$2" "$image" | tr -d ' '; }
	setup=$((($(number 497 1) + 1) * 512))
	start=$((setup + $(number 584 4)))
	length=$(number 588 4)
	tail -c +$((start + 1)) "$image" | head -c "$length" >packed
	case $(od -An -tx1 -N 4 packed | tr -d ' ') in
	fd377a58)	xz -dc <packed >vmlinux 2>/dev/null ;;
	28b52ffd)	zstd -dqc <packed >vmlinux 2>/dev/null ;;
	1f8b*)		gzip -dc <packed >vmlinux 2>/dev/null ;;
	esac
	# After it are four bytes that are no part of it, of which the tools complain.
	[ -s vmlinux ]
}
