#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU, as Debian has it, on /dev/strata: Debian's kernel boots on its PCs, with the
# interrupt controllers in the kernel, split and in QEMU, and works, with a disk and a
# network; it powers off and reboots; memtest86+ finds no error; Debian starts from its
# disk by way of GRUB. A few of these in each check, all with STRATA_CHECK_LONG, and
# then by the QEMU of bookworm-backports as well, which takes the device's name.
#
# lab: only=compat timeout=5400

set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=selftests/lib/tap.sh
. "$here/lib/tap.sh"
# shellcheck source=selftests/lib/linux_guest.sh
. "$here/lib/linux_guest.sh"
long=${STRATA_CHECK_LONG:-}
cache=${STRATA_CACHE:-$here/../.cache}/compat
release=$(uname -r)
work=$(mktemp -d)
trap 'umount /dev/kvm 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
tap_files=("$work/log")
# Not /tmp itself: QEMU takes /var/tmp then.
export TMPDIR=$work

command -v qemu-system-x86_64 >/dev/null || {
	skip "qemu-system-x86_64 is missing"
	finish
}
linux_initrd "$here/compat/guest-init" virtio_pci virtio_blk virtio_net e1000 ata_piix sd_mod ||
	exit 1
cp "/boot/vmlinuz-$release" kernel || exit 1
head -c 4194304 /dev/urandom >disk
content=$(head -c 1048576 disk | sha256sum)
content=${content%% *}
touch /dev/kvm
mount --bind /dev/strata /dev/kvm || exit 1

# The QEMU under test: a command, a name, and what -accel gets after "kvm". It may
# see /tmp only.
command=(qemu-system-x86_64)
name='QEMU 7.2'
accel=

qemu() {
	local limit=$1

	shift
	timeout -k 5 "$limit" "${command[@]}" -cpu host -display none -monitor none -nodefaults "$@"
}

# boot CPUS WORDS QEMU-ARGUMENT...: WORDS are for guest-init
boot() {
	local cpus=$1 words=$2

	shift 2
	qemu 240 -m 256 -smp "$cpus" -serial stdio -no-reboot -kernel "$work/kernel" \
		-initrd "$work/initrd" -append "console=ttyS0 panic=-1 quiet $words" "$@" \
		>log 2>&1 </dev/null && grep -q "guest: $cpus of $cpus CPUs right" log
}

with_devices() {
	cp disk copy
	boot "$@" && grep -q "guest: disk .* $content" log && grep -q 'guest: network right' log &&
		cmp -s <(head -c 1048576 disk) <(tail -c +1048577 copy | head -c 1048576)
}

# machine MACHINE IRQCHIP CPUS
machine() {
	is "$name: $1, kernel-irqchip=$2, $3 CPUs" \
		boot "$3" '' -M "$1" -accel "kvm$accel,kernel-irqchip=$2"
}

# machines IRQCHIP...
machines() {
	local m i

	for m in pc q35 microvm; do
		for i; do
			machine $m $i 1
			[ $i = off ] || machine $m $i 2
		done
	done
}

virtio=(-drive "if=none,id=d,format=raw,file=$work/copy" -device "virtio-blk-pci,drive=d"
	-netdev "user,id=n" -device "virtio-net-pci,netdev=n")
ide=(-drive "if=ide,format=raw,file=$work/copy" -netdev "user,id=n" -device "e1000,netdev=n")

# wait_for TEXT SECONDS: until the guest has printed it
wait_for() {
	local i

	for ((i = 0; i < $2; i++)); do
		grep -q "$1" log && return
		sleep 1
	done
	echo "# no '$1' within $2 s"
	return 1
}

# Somebody at the serial line: logs in, looks whether the network carries what the
# host has, and ends the guest by $1.
at_the_console() {
	wait_for 'strata-guest login:' 400 || return
	echo root
	wait_for 'Password:' 60 || return
	echo strata
	wait_for 'root@strata-guest' 120 || return
	echo 'ping -c 2 -W 20 10.0.2.2 >/dev/null && echo ping-$((6 * 7))'
	wait_for ping-42 120 || return
	echo 'echo $(nproc) CPUs, $(sha256sum < /dev/tcp/10.0.2.2/8000)'
	wait_for "$content" 120 || return
	echo "$1"
}

# debian CPUS END QEMU-ARGUMENT...: SeaBIOS, GRUB, Debian's kernel, systemd, login
debian() {
	local cpus=$1 end=$2 server driver status

	shift 2
	: >log
	rm -f line
	mkfifo line
	head -c 1048576 disk | busybox nc -l -p 8000 &
	server=$!
	at_the_console "$end" >line &
	driver=$!
	qemu 900 -m 384 -smp "$cpus" -snapshot -serial stdio "$@" >log 2>&1 <line
	status=$?
	kill $server $driver 2>/dev/null
	wait $server $driver 2>/dev/null
	[ $status = 0 ] && grep -q 'GRUB: loading Linux' log && grep -q "$cpus CPUs, $content" log
}

# debians: from both kinds of disk, to a power-off and a reboot
debians() {
	local image="$work/debian.img" net=(-netdev "user,id=n" -device "virtio-net-pci,netdev=n")

	is "$name: Debian from an IDE disk by GRUB, 1 CPU, power-off" debian 1 poweroff -M pc \
		-accel "kvm$accel" -drive "if=ide,format=raw,file=$image" "${net[@]}"
	is "$name: Debian from a virtio disk by GRUB, 2 CPUs, reboot" debian 2 reboot -no-reboot \
		-M q35 -accel "kvm$accel" -drive "if=virtio,format=raw,file=$image" "${net[@]}"
}

# Its first pass takes minutes even of 32 MiB: it runs for a while, then is stopped.
memtest() {
	qemu "$1" -m 32 -serial stdio -M pc -accel "kvm$accel" -kernel "$work/memtest" \
		-append "console=ttyS0,115200" >log 2>&1 </dev/null
	tr -d '\033' <log | grep -q 'Errors: *0' && ! tr -d '\033' <log | grep -q 'Errors: *[1-9]'
}

# All that is wanted of the installed one.
installed() {
	local m i

	machines on split off
	# Its firmware comes no further with two CPUs and its own interrupt controllers, on
	# kvm-amd neither.
	skip "QEMU 7.2 with kernel-irqchip=off and 2 CPUs does not start on kvm-amd either"
	for m in pc q35; do
		for i in on split off; do
			is "virtio disk and network, $m, kernel-irqchip=$i" with_devices 1 "disk net" \
				-M $m -accel "kvm,kernel-irqchip=$i" "${virtio[@]}"
		done
	done
	is "IDE disk and e1000, pc" with_devices 2 "disk net" -M pc -accel kvm "${ide[@]}"
	is "reboot" boot 1 reboot -M pc -accel kvm
	if [ -e "$cache/debian-12.img" ]; then
		touch debian.img
		mount --bind "$cache/debian-12.img" debian.img || exit 1
		debians
	else
		skip "the disk with Debian is missing (selftests/compat/build-disk)"
	fi
	if [ -e /boot/memtest86+x64.bin ]; then
		cp /boot/memtest86+x64.bin memtest
		is "memtest86+ begins its second pattern without an error" memtest 300
	else
		skip "memtest86+ is missing"
	fi
}

# And of a newer one.
backported() {
	local new=$cache/qemu-backports

	if [ -x "$new/usr/bin/qemu-system-x86_64" ]; then
		mount --rbind /dev "$new/dev" && mount --rbind /tmp "$new/tmp" && mount -t proc proc "$new/proc" ||
			exit 1
		command=(chroot "$new" qemu-system-x86_64)
		version=$("${command[@]}" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
		name="QEMU $version"
		accel=,device=/dev/strata
		machines on split
		skip "$name with kernel-irqchip=off: it says that KVM does not support userspace APIC"
		is "$name: virtio disk and network, 2 CPUs" with_devices 2 "disk net" -M q35 \
			-accel "kvm$accel" "${virtio[@]}"
		is "$name: reboot" boot 1 reboot -M pc -accel "kvm$accel"
		[ ! -e debian.img ] || debians
	else
		skip "QEMU of bookworm-backports is missing (selftests/compat/fetch-qemu)"
	fi
}

machine microvm split 1
is "virtio disk and network, pc, 2 CPUs" with_devices 2 "disk net" -M pc -accel kvm "${virtio[@]}"
[ -z "$long" ] || installed
umount /dev/kvm
[ -z "$long" ] || backported
[ ! -e debian.img ] || umount -l debian.img
finish
