#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU, as Debian has it, on /dev/strata: Debian's kernel boots on its PCs, with the
# interrupt controllers in the kernel, split and in QEMU, and works, with a disk and a
# network; it powers off and reboots; memtest86+ finds no error. A few of these in
# each check, all with STRATA_CHECK_LONG.
#
# lab: only=compat timeout=2400

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
long=${STRATA_CHECK_LONG:-}
kernel=/boot/vmlinuz-$(uname -r)
work=$(mktemp -d)
trap 'umount /dev/kvm 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
tap_files=("$work/log")

command -v qemu-system-x86_64 >/dev/null || {
	skip "qemu-system-x86_64 is missing"
	finish
}
# Debian's kernel has drivers as modules.
release=$(uname -r)
for module in virtio_pci virtio_blk virtio_net e1000 ata_piix sd_mod; do
	modprobe -S "$release" --show-depends $module
done 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >paths
sed 's|.*/||' paths >modules
mapfile -t paths <paths
"$here/guest/mkinitrd" initrd "$here/compat/guest-init" modules "${paths[@]}" || exit 1
head -c 4194304 /dev/urandom >disk
content=$(head -c 1048576 disk | sha256sum)
content=${content%% *}
touch /dev/kvm
mount --bind /dev/strata /dev/kvm || exit 1

# boot CPUS WORDS QEMU-ARGUMENT...: WORDS are for guest-init
boot() {
	local cpus=$1 words=$2

	shift 2
	timeout -k 5 240 qemu-system-x86_64 -cpu host -m 256 -smp "$cpus" -display none \
		-serial stdio -monitor none -nodefaults -no-reboot -kernel "$kernel" \
		-initrd initrd -append "console=ttyS0 panic=-1 quiet $words" "$@" >log 2>&1 </dev/null &&
		grep -q "guest: $cpus of $cpus CPUs right" log
}

with_devices() {
	cp disk copy
	boot "$@" && grep -q "guest: disk .* $content" log && grep -q 'guest: network right' log &&
		cmp -s <(head -c 1048576 disk) <(tail -c +1048577 copy | head -c 1048576)
}

# machine MACHINE IRQCHIP CPUS
machine() {
	is "$1, kernel-irqchip=$2, $3 CPUs" boot "$3" '' -M "$1" -accel "kvm,kernel-irqchip=$2"
}

virtio=(-drive "if=none,id=d,format=raw,file=copy" -device "virtio-blk-pci,drive=d"
	-netdev "user,id=n" -device "virtio-net-pci,netdev=n")
ide=(-drive "if=ide,format=raw,file=copy" -netdev "user,id=n" -device "e1000,netdev=n")

machine microvm split 1
if [ -n "$long" ]; then
	for m in pc q35 microvm; do
		for i in on split off; do
			machine $m $i 1
			machine $m $i 2
		done
	done
fi
is "virtio disk and network, pc, 2 CPUs" with_devices 2 "disk net" -M pc -accel kvm "${virtio[@]}"
if [ -n "$long" ]; then
	for m in pc q35; do
		for i in on split off; do
			is "virtio disk and network, $m, kernel-irqchip=$i" with_devices 1 "disk net" \
				-M $m -accel "kvm,kernel-irqchip=$i" "${virtio[@]}"
		done
	done
	is "IDE disk and e1000, pc" with_devices 2 "disk net" -M pc -accel kvm "${ide[@]}"
	is "reboot" boot 1 reboot -M pc -accel kvm
fi
# Its first pass takes minutes even of 32 MiB: it runs for a while, then is stopped.
memtest() {
	timeout -s TERM "$1" qemu-system-x86_64 -cpu host -m 32 -display none -serial stdio \
		-monitor none -nodefaults -M pc -accel kvm -kernel /boot/memtest86+x64.bin \
		-append "console=ttyS0,115200" >log 2>&1 </dev/null
	tr -d '\033' <log | grep -q 'Errors: *0' && ! tr -d '\033' <log | grep -q 'Errors: *[1-9]'
}
if [ ! -e /boot/memtest86+x64.bin ]; then
	skip "memtest86+ is missing"
elif [ -n "$long" ]; then
	is "memtest86+ begins its second pattern without an error" memtest 300
fi
umount /dev/kvm
finish
